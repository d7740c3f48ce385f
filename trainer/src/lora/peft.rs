//! An adapter as a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`, with PEFT's names.

use super::{Lora, LoraConfig, Scaling, Targets};
use crate::decoder::{Decoder, NamedParam};
use crate::files::{replace, write_atomically};
use crate::{Error, Result};
use candle_core::{DType, Device};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts in front of a linear's name: its own wrapper, then that of LoRA.
const PREFIX: &str = "base_model.model.";

/// Settings of PEFT that change what an adapter computes and that this crate does not compute; each may be there with a
/// value that switches it off.
const UNSUPPORTED: [&str; 12] = [
    "use_dora",
    "use_qalora",
    "fan_in_fan_out",
    "lora_bias",
    "modules_to_save",
    "layers_to_transform",
    "layer_replication",
    "rank_pattern",
    "alpha_pattern",
    "exclude_modules",
    "trainable_token_indices",
    "alora_invocation_tokens",
];

/// First weights by which an adapter computes nothing, or that leave the base as it is. Others (`pissa`, `olora`, `corda`,
/// `loftq`, …) take out of the base what they put into the adapter.
const KEEPS_BASE: [&str; 3] = ["gaussian", "eva", "orthogonal"];

impl Lora {
    /// Writes the adapter into `folder`, which is made if need be, in single precision. `base` says where the model is
    /// that it belongs to, for whoever loads it with PEFT.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save(&self, folder: &Path, base: Option<&str>) -> Result<()> {
        fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
        let tensors = self.named.iter().map(|p| {
            let values = p.var.as_detached_tensor().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            Ok((format!("{PREFIX}{}", p.name), values))
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        replace(folder, WEIGHTS, |path| {
            let views = tensors.iter().map(|(name, tensor)| (name, tensor));
            safetensors::serialize_to_file(views, Some(metadata), path).map_err(|e| match e {
                safetensors::SafeTensorError::IoError(source) => Error::io("writing", path)(source),
                other => Error::model(path, other.to_string()),
            })
        })?;
        write_atomically(folder, CONFIG, format!("{:#}\n", self.config_json(base)).as_bytes())
    }

    fn config_json(&self, base: Option<&str>) -> Value {
        json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "auto_mapping": null,
            "base_model_name_or_path": base,
            "revision": null,
            "inference_mode": true,
            "r": self.config.rank,
            "lora_alpha": self.config.alpha,
            "lora_dropout": self.config.dropout,
            "target_modules": self.config.targets.to_json(),
            "bias": "none",
            "fan_in_fan_out": false,
            "init_lora_weights": true,
            "modules_to_save": null,
            "layers_to_transform": null,
            "layers_pattern": null,
            "rank_pattern": {},
            "alpha_pattern": {},
            "use_rslora": self.config.scaling == Scaling::RankStabilised,
            "use_dora": false,
        })
    }

    /// Reads an adapter of `decoder` that [`save`](Self::save) or PEFT wrote. `seed` decides the dropout of further
    /// training.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read; [`Error::Model`] naming the file that is damaged, does not fit the
    /// decoder, or asks for a feature that is not supported.
    pub fn load(folder: &Path, decoder: &Decoder, seed: u64) -> Result<Self> {
        let path = folder.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        let json: Map<String, Value> =
            serde_json::from_str(&text).map_err(|e| Error::model(&path, format!("it is damaged: {e}")))?;
        let config = config_of(&json).map_err(|problem| Error::model(&path, problem))?;
        let path = folder.join(WEIGHTS);
        let bytes = fs::read(&path).map_err(Error::io("reading", &path))?;
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| Error::model(&path, format!("it is damaged: {e}")))?;
        let lora = Self::build(decoder, &config, seed, |module, shape, matrix| {
            let name = format!("{PREFIX}{module}.{}", matrix.key());
            match tensors.remove(&name) {
                Some(tensor) if tensor.dims() == shape => {
                    Ok(tensor.to_dtype(decoder.dtype())?.to_device(decoder.device())?)
                }
                Some(tensor) => {
                    let problem = format!("{name} has shape {:?} instead of {shape:?}", tensor.dims());
                    Err(Error::model(&path, problem))
                }
                None => Err(Error::model(&path, format!("the tensor {name} is missing"))),
            }
        })?;
        match tensors.keys().min() {
            None => Ok(lora),
            Some(name) => {
                Err(Error::model(&path, format!("the model has no place for the adapter's tensor {name}")))
            }
        }
    }

    /// The matrices that learn, `A` before `B`.
    pub fn named(&self) -> &[NamedParam] {
        &self.named
    }
}

/// The settings, or what is wrong with them.
fn config_of(json: &Map<String, Value>) -> Result<LoraConfig, String> {
    if json.get("peft_type").and_then(Value::as_str) != Some("LORA") {
        return Err("its peft_type is not LORA".into());
    }
    if json.get("bias").is_some_and(|bias| !bias.is_null() && bias != "none") {
        return Err("it trains biases, which is not supported; `bias` must be \"none\"".into());
    }
    if let Some(begun) =
        json.get("init_lora_weights").and_then(Value::as_str).filter(|begun| !KEEPS_BASE.contains(begun))
    {
        return Err(format!(
            "it was begun with init_lora_weights {begun:?}, which belongs to a changed base model; save it with PEFT's \
             path_initial_model_for_weight_conversion, which makes an adapter of the unchanged one"
        ));
    }
    let off = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if let Some(name) = UNSUPPORTED.iter().find(|name| json.get(**name).is_some_and(|value| !off(value))) {
        return Err(format!("it uses {name}, which is not supported"));
    }
    let number =
        |name: &str| json.get(name).and_then(Value::as_f64).ok_or_else(|| format!("it has no number {name}"));
    let rank = json.get("r").and_then(Value::as_u64).and_then(|r| usize::try_from(r).ok());
    let targets = json.get("target_modules").and_then(Targets::from_json);
    let config = LoraConfig {
        rank: rank.ok_or("it has no whole number r")?,
        alpha: number("lora_alpha")?,
        dropout: number("lora_dropout")?,
        scaling: match json.get("use_rslora").and_then(Value::as_bool) {
            Some(true) => Scaling::RankStabilised,
            Some(false) | None => Scaling::Standard,
        },
        targets: targets.ok_or("its target_modules is neither a text nor a list of texts")?,
    };
    match config.validate() {
        Err(Error::Settings(problem)) => Err(problem),
        _ => Ok(config),
    }
}

/// The tensors of a PEFT folder by PEFT's names, for tests of other implementations.
#[cfg(test)]
pub(super) fn raw(folder: &Path) -> HashMap<String, candle_core::Tensor> {
    candle_core::safetensors::load(folder.join(WEIGHTS), &Device::Cpu).expect("readable")
}
