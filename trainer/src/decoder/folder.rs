//! A decoder as a Hugging Face model folder: `config.json`, `generation_config.json`, and the weights in
//! `model.safetensors` or in shards listed by `model.safetensors.index.json`.
//!
//! Every file is complete or not there, and the weights are in place before `config.json` is.

use super::Decoder;
use super::config::DecoderConfig;
use super::hf_names::hf_tensors;
use super::params::{DecoderParams, ParamKind, ParamSource};
use super::weights::{FolderWeights, INDEX, WEIGHTS};
use crate::files::{read_if_there, remove_where, replace, write_atomically};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
/// Bytes of one written number: weights are written in single precision, whatever the decoder computes in.
const BYTES: usize = size_of::<f32>();

impl Decoder {
    /// Reads a model folder. Weights stored as `f16`, `bf16` or `f32` become parameters of `dtype` on `device`; tensors
    /// the decoder does not use are ignored. The special tokens are those of `generation_config.json` where it names
    /// them.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read; [`Error::Model`] naming the file that is damaged or asks for what is not
    /// supported ([`DecoderConfig::from_json`]), or the tensor that is missing or does not fit config.json.
    pub fn load(folder: &Path, dtype: DType, device: &Device) -> Result<Self> {
        let config = read_config(folder)?;
        let weights = FolderWeights::open(folder)?;
        let mut source = FolderParams { config: &config, weights, dtype, device };
        let params = DecoderParams::build(&config, &mut source)?;
        Ok(Self::assemble(config, params, dtype, device))
    }

    /// Writes the model into `folder`, which is made if need be, with all weights in one file. The weights are written
    /// as `f32`. Weight files of another layout that lie there are removed; other files are left alone.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.save_sharded(folder, usize::MAX)
    }

    /// As [`Self::save`], with no file of more than `max_shard_bytes` bytes of weights, except that a tensor is never
    /// split. What fits into one file is written as one.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_sharded(&self, folder: &Path, max_shard_bytes: usize) -> Result<()> {
        fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
        let shards = plan(self.hf_tensors()?, max_shard_bytes);
        match shards.as_slice() {
            [single] => {
                write_weights(folder, WEIGHTS, single)?;
                // A reader takes the single file first, so there was no moment without a whole model.
                remove_where(folder, |name| name == INDEX || is_shard(name))?;
            }
            several => write_shards(folder, several)?,
        }
        write_atomically(folder, GENERATION, self.config.generation_json().as_bytes())?;
        write_atomically(folder, CONFIG, self.config.to_json().as_bytes())
    }

    /// Every tensor of the folder in the order of the model, as views of the parameters where the dtype allows it.
    fn hf_tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        for p in self.parameters() {
            let values = p.var.as_detached_tensor().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            let mut start = 0;
            for part in hf_tensors(&self.config, &p.name, values.dim(0)?)? {
                tensors.push((part.name, values.narrow(0, start, part.rows)?));
                start += part.rows;
            }
        }
        Ok(tensors)
    }
}

fn read_config(folder: &Path) -> Result<DecoderConfig> {
    let path = folder.join(CONFIG);
    let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    let mut config = DecoderConfig::from_json(&text).map_err(in_file(&path))?;
    let path = folder.join(GENERATION);
    if let Some(text) = read_if_there(&path)? {
        config.apply_generation_json(&text).map_err(in_file(&path))?;
    }
    Ok(config)
}

/// Adds the file to what is wrong with its content.
fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Config(problem) => Error::model(path, problem),
        other => other,
    }
}

/// Parameters from the tensors of a folder.
struct FolderParams<'a> {
    config: &'a DecoderConfig,
    weights: FolderWeights,
    dtype: DType,
    device: &'a Device,
}

impl ParamSource for FolderParams<'_> {
    fn get(&mut self, name: &str, _kind: ParamKind, shape: &[usize]) -> Result<Tensor> {
        let (rows, columns) = shape.split_first().map_or((1, shape), |(rows, columns)| (*rows, columns));
        let mut parts = Vec::new();
        for part in hf_tensors(self.config, name, rows)? {
            let stored = self.weights.read(&part.name, &[&[part.rows], columns].concat())?;
            parts.push(stored.to_dtype(self.dtype)?.to_device(self.device)?);
        }
        Ok(Tensor::cat(&parts, 0)?)
    }
}

type Shard = Vec<(String, Tensor)>;

fn bytes_of(tensor: &Tensor) -> usize {
    tensor.elem_count() * BYTES
}

/// Fills one shard after the other.
fn plan(tensors: Shard, max_shard_bytes: usize) -> Vec<Shard> {
    let (mut shards, mut filled): (Vec<Shard>, usize) = (Vec::new(), 0);
    for (name, tensor) in tensors {
        let bytes = bytes_of(&tensor);
        match shards.last_mut() {
            Some(shard) if filled + bytes <= max_shard_bytes => {
                shard.push((name, tensor));
                filled += bytes;
            }
            _ => {
                shards.push(vec![(name, tensor)]);
                filled = bytes;
            }
        }
    }
    shards
}

fn write_weights(folder: &Path, name: &str, tensors: &[(String, Tensor)]) -> Result<()> {
    // `transformers` refuses files that do not say which framework they are for.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let views = tensors.iter().map(|(name, tensor)| (name, tensor));
    replace(folder, name, |path| {
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(|e| match e {
            safetensors::SafeTensorError::IoError(source) => Error::io("writing", path)(source),
            other => Error::model(path, other.to_string()),
        })
    })
}

fn write_shards(folder: &Path, shards: &[Shard]) -> Result<()> {
    let count = shards.len();
    let mut files = Vec::new();
    let mut weight_map = Map::new();
    for (i, shard) in shards.iter().enumerate() {
        let file = format!("model-{:05}-of-{count:05}.safetensors", i + 1);
        write_weights(folder, &file, shard)?;
        weight_map.extend(shard.iter().map(|(name, _)| (name.clone(), Value::from(file.as_str()))));
        files.push(file);
    }
    let total: usize = shards.iter().flatten().map(|(_, tensor)| bytes_of(tensor)).sum();
    let index = json!({ "metadata": { "total_size": total }, "weight_map": weight_map });
    write_atomically(folder, INDEX, format!("{index:#}\n").as_bytes())?;
    remove_where(folder, |name| name == WEIGHTS || (is_shard(name) && !files.iter().any(|f| f == name)))
}

/// Whether a file is called as shards are.
fn is_shard(name: &str) -> bool {
    let middle = name.strip_prefix("model-").and_then(|n| n.strip_suffix(".safetensors"));
    let numbers = middle.and_then(|m| m.split_once("-of-"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(index, count)| digits(index) && digits(count))
}

#[cfg(test)]
mod tests;
