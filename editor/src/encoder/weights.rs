//! The tensors of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.

use super::{EncoderError, folder::ModelFolder};
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLED: &str = "pytorch_model.bin";
/// The tensor by which the names' prefix is found.
const ANCHOR: &str = "embeddings.word_embeddings.weight";
/// What models put before all names when they were saved with a head.
const PREFIXES: [&str; 4] = ["", "bert.", "roberta.", "mpnet."];

/// All floating-point tensors of a model, as `f32` on the CPU.
pub(super) struct Weights {
    path: PathBuf,
    prefix: &'static str,
    tensors: HashMap<String, Tensor>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Weights {
    /// Reads the weights under `within`, a folder of the model folder, empty or ending in a slash.
    pub(super) fn read(folder: &mut ModelFolder, within: &str) -> Result<Self, EncoderError> {
        let (single, index) = (format!("{within}{WEIGHTS}"), format!("{within}{INDEX}"));
        let mut tensors = HashMap::new();
        if let Some(bytes) = folder.read(&single)? {
            collect(folder, &single, &bytes, &mut tensors)?;
        } else if let Some(Index { weight_map }) = folder.json(&index)? {
            for shard in weight_map.into_values().collect::<BTreeSet<_>>() {
                let shard = format!("{within}{shard}");
                let Some(bytes) = folder.read(&shard)? else {
                    return Err(
                        folder.invalid(&shard, format!("it is missing, and {INDEX} lists it; copy it too"))
                    );
                };
                collect(folder, &shard, &bytes, &mut tensors)?;
            }
        } else if folder.has(&format!("{within}{PICKLED}")) {
            let instead =
                "take the model's safetensors file, or save it once with `save_pretrained` of transformers";
            return Err(folder.unsupported(&format!("{within}{PICKLED}"), "the pickle format", instead));
        } else {
            return Err(folder.invalid(within, format!("it has neither {WEIGHTS} nor {INDEX}")));
        }
        let known = |prefix: &&str| tensors.contains_key(&format!("{prefix}{ANCHOR}"));
        let Some(prefix) = PREFIXES.into_iter().find(known) else {
            return Err(folder.invalid(within, format!("its weights have no tensor {ANCHOR}")));
        };
        Ok(Self { path: folder.path(within), prefix, tensors })
    }

    /// A tensor of this shape.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        let invalid = |problem| EncoderError::Invalid { path: self.path.clone(), problem };
        let full = format!("{}{name}", self.prefix);
        // Models converted from TensorFlow call the norms' parameters otherwise.
        let older =
            full.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        let Some(tensor) = self.tensors.get(&full).or_else(|| self.tensors.get(&older)) else {
            return Err(invalid(format!("the tensor {full} is missing from the weights")));
        };
        if tensor.dims() != shape {
            let found = tensor.dims();
            return Err(invalid(format!(
                "the tensor {full} has shape {found:?}, config.json asks for {shape:?}"
            )));
        }
        Ok(tensor.clone())
    }
}

fn collect(
    folder: &ModelFolder,
    name: &str,
    bytes: &[u8],
    into: &mut HashMap<String, Tensor>,
) -> Result<(), EncoderError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| folder.invalid(name, format!("it is not a whole safetensors file: {error}")))?;
    for (tensor, view) in file.tensors() {
        let dtype = match view.dtype() {
            safetensors::Dtype::F32 => DType::F32,
            safetensors::Dtype::F16 => DType::F16,
            safetensors::Dtype::BF16 => DType::BF16,
            safetensors::Dtype::F64 => DType::F64,
            // Tables of positions and the like, which are not weights.
            _ => continue,
        };
        let values = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?;
        into.insert(tensor, values.to_dtype(DType::F32)?);
    }
    Ok(())
}
