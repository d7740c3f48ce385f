//! `config.json` and `generation_config.json` of a Hugging Face model folder.
//!
//! What would change the numbers and is not supported is refused by name; fields that do not matter for them are
//! ignored. Missing fields get the defaults of the family's configuration class in `transformers`, except for sizes,
//! which must be there.

use super::config::{AttentionBias, DecoderConfig, Family, OutputWeights};
use super::ops::attention::Heads;
use super::rope::RopeScaling;
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// The default base of the rotary frequencies of all four families.
const DEFAULT_THETA: f64 = 10_000.0;
/// The default window of Mistral and Qwen, and the first layer to which Qwen applies it.
const DEFAULT_WINDOW: usize = 4096;
const DEFAULT_WINDOW_FROM: usize = 28;

/// The fields of a config.json that matter here.
#[derive(Debug, Deserialize)]
struct RawConfig {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    rms_norm_eps: f64,
    max_position_embeddings: usize,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    /// Where newer versions of `transformers` put `rope_theta` and `rope_scaling`.
    rope_parameters: Option<RawRope>,
    partial_rotary_factor: Option<f64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    /// The outer `None` is a field that is missing, the inner one a `null`.
    #[serde(default, deserialize_with = "present")]
    sliding_window: Option<Option<usize>>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
    bos_token_id: Option<u32>,
    eos_token_id: Option<Ids>,
    pad_token_id: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct RawRope {
    rope_type: Option<String>,
    /// The older name of `rope_type`.
    #[serde(rename = "type")]
    older_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
}

/// One id, or a list of them.
#[derive(Debug)]
struct Ids(Vec<u32>);

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let id = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match &value {
            Value::Array(list) => list.iter().map(id).collect(),
            one => id(one).map(|id| vec![id]),
        };
        ids.map(Ids).ok_or_else(|| serde::de::Error::custom("expected a token id or a list of token ids"))
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Parses json and names the field that does not fit.
fn parse<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let (path, cause) = (e.path().to_string(), e.inner());
        Error::Config(if path == "." { cause.to_string() } else { format!("{path}: {cause}") })
    })?;
    deserializer.end().map_err(|e| Error::Config(e.to_string()))?;
    Ok(value)
}

impl DecoderConfig {
    /// Reads the text of a config.json.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that is missing, contradicts another, or asks for something that is not
    /// supported (another architecture, activation, rotary scaling, a sliding window on some layers only, quantised
    /// weights).
    pub fn from_json(text: &str) -> Result<Self> {
        let raw: RawConfig = parse(text)?;
        let family = raw.family()?;
        raw.refuse_unsupported(family)?;
        let config = Self {
            family,
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.heads(family)?,
            rms_norm_eps: raw.rms_norm_eps,
            rope_theta: raw.rope_theta(),
            rope_scaling: raw.rope_scaling()?,
            output: match raw.tie_word_embeddings {
                Some(true) => OutputWeights::Tied,
                Some(false) | None => OutputWeights::Separate,
            },
            attention_bias: match (family, raw.attention_bias) {
                (Family::Qwen2, _) => AttentionBias::Qkv,
                (_, Some(true)) => AttentionBias::All,
                (_, Some(false) | None) => AttentionBias::None,
            },
            max_positions: raw.max_position_embeddings,
            sliding_window: raw.sliding_window(family)?,
            bos_token_id: raw.bos_token_id,
            eos_token_ids: raw.eos_token_id.map(|ids| ids.0).unwrap_or_default(),
            pad_token_id: raw.pad_token_id,
        };
        config.validate()?;
        Ok(config)
    }

    /// The text of a config.json that `transformers` and mistral.rs read; [`Self::from_json`] gives the same value
    /// back. Weights are always written in single precision, and it says so.
    pub fn to_json(&self) -> String {
        let mut config = json!({
            "architectures": [self.family.architecture()],
            "model_type": self.family.model_type(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads.heads,
            "num_key_value_heads": self.heads.kv_heads,
            "head_dim": self.heads.head_dim,
            "hidden_act": "silu",
            "rms_norm_eps": self.rms_norm_eps,
            "max_position_embeddings": self.max_positions,
            "rope_theta": self.rope_theta,
            "rope_scaling": self.rope_scaling.to_json(),
            "tie_word_embeddings": self.output == OutputWeights::Tied,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_json(),
            "pad_token_id": self.pad_token_id,
            "torch_dtype": "float32",
            "use_cache": true,
        });
        let family_fields = match self.family {
            Family::Llama => json!({ "attention_bias": self.has_full_bias(), "mlp_bias": false }),
            Family::Mistral => json!({ "sliding_window": self.sliding_window }),
            Family::Qwen2 => self.qwen_window(),
            Family::Qwen3 => {
                let mut fields = self.qwen_window();
                fields["attention_bias"] = json!(self.has_full_bias());
                fields
            }
        };
        if let (Value::Object(config), Value::Object(fields)) = (&mut config, family_fields) {
            config.extend(fields);
        }
        format!("{config:#}\n")
    }

    /// The text of a generation_config.json: the special tokens, nothing about sampling.
    pub(super) fn generation_json(&self) -> String {
        // mistral.rs reads a `null` here as neither a number nor a list, so what is not there is left out.
        let fields = [
            ("bos_token_id", json!(self.bos_token_id)),
            ("eos_token_id", self.eos_json()),
            ("pad_token_id", json!(self.pad_token_id)),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
        let fields: serde_json::Map<_, _> = fields.map(|(name, value)| (name.to_owned(), value)).collect();
        format!("{:#}\n", Value::Object(fields))
    }

    /// Takes over the special tokens of a generation_config.json, which for generating go before those in config.json.
    ///
    /// # Errors
    /// [`Error::Config`] when it is not json or an id is not a number.
    pub(super) fn apply_generation_json(&mut self, text: &str) -> Result<()> {
        #[derive(Deserialize)]
        struct Raw {
            bos_token_id: Option<u32>,
            eos_token_id: Option<Ids>,
            pad_token_id: Option<u32>,
        }
        let raw: Raw = parse(text)?;
        self.bos_token_id = raw.bos_token_id.or(self.bos_token_id);
        self.pad_token_id = raw.pad_token_id.or(self.pad_token_id);
        if let Some(Ids(ids)) = raw.eos_token_id {
            self.eos_token_ids = ids;
        }
        Ok(())
    }

    fn has_full_bias(&self) -> bool {
        self.attention_bias == AttentionBias::All
    }

    fn eos_json(&self) -> Value {
        match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            several => json!(several),
        }
    }

    /// mistral.rs ignores `use_sliding_window` for Qwen 2, so a window that is not used is not named either.
    fn qwen_window(&self) -> Value {
        json!({
            "use_sliding_window": self.sliding_window.is_some(),
            "sliding_window": self.sliding_window,
            "max_window_layers": if self.sliding_window.is_some() { 0 } else { self.layers },
        })
    }
}

impl RawConfig {
    fn family(&self) -> Result<Family> {
        let named = self.architectures.as_ref().and_then(|a| a.first());
        let family = match (named, &self.model_type) {
            (Some(name), _) => Family::ALL.into_iter().find(|f| f.architecture() == name),
            (None, Some(kind)) => Family::ALL.into_iter().find(|f| f.model_type() == kind),
            (None, None) => None,
        };
        family.ok_or_else(|| {
            let name = named.or(self.model_type.as_ref()).map_or("none", String::as_str);
            let supported = Family::ALL.map(Family::architecture).join(", ");
            Error::Config(format!("the architecture is {name}; supported are {supported}"))
        })
    }

    fn refuse_unsupported(&self, family: Family) -> Result<()> {
        let refuse = |what: String| Err(Error::Config(what));
        if let Some(act) = self.hidden_act.as_deref().filter(|a| !matches!(*a, "silu" | "swish")) {
            return refuse(format!("hidden_act {act:?} is not supported, only \"silu\" is"));
        }
        if self.mlp_bias == Some(true) {
            return refuse("mlp_bias is not supported".into());
        }
        if self.quantization_config.as_ref().is_some_and(|q| !q.is_null()) {
            let problem =
                "quantization_config: quantised weights cannot be trained; use the original weights";
            return refuse(problem.into());
        }
        let ropes = [&self.rope_parameters, &self.rope_scaling].into_iter().flatten();
        let partial = ropes.filter_map(|r| r.partial_rotary_factor).chain(self.partial_rotary_factor);
        if let Some(share) = partial.into_iter().find(|share| *share != 1.0) {
            return refuse(format!("partial_rotary_factor {share} is not supported, only 1 is"));
        }
        if family == Family::Mistral && self.attention_bias == Some(true) {
            return refuse("attention_bias is not supported for MistralForCausalLM".into());
        }
        Ok(())
    }

    fn heads(&self, family: Family) -> Result<Heads> {
        let heads = self.num_attention_heads;
        let kv_heads = match (self.num_key_value_heads, family) {
            (Some(count), _) => count,
            (None, Family::Llama) => heads,
            (None, _) => return Err(Error::Config("num_key_value_heads is missing".into())),
        };
        let head_dim = match self.head_dim {
            Some(size) => size,
            None if heads > 0 && self.hidden_size.is_multiple_of(heads) => self.hidden_size / heads,
            None => {
                return Err(Error::Config(format!(
                    "hidden_size {} is not a multiple of num_attention_heads {heads}, and head_dim is missing",
                    self.hidden_size
                )));
            }
        };
        Ok(Heads { heads, kv_heads, head_dim })
    }

    fn rope_theta(&self) -> f64 {
        let newer = self.rope_parameters.as_ref().and_then(|r| r.rope_theta);
        newer.or(self.rope_theta).unwrap_or(DEFAULT_THETA)
    }

    fn rope_scaling(&self) -> Result<RopeScaling> {
        let Some(rope) = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref()) else {
            return Ok(RopeScaling::None);
        };
        let kind = rope.rope_type.as_deref().or(rope.older_type.as_deref()).unwrap_or("default");
        let missing = |field: &str| Error::Config(format!("rope_scaling: {kind} needs {field}"));
        let number = |field: &str, value: Option<f64>| value.ok_or_else(|| missing(field));
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: number("factor", rope.factor)? }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: number("factor", rope.factor)?,
                low_freq_factor: number("low_freq_factor", rope.low_freq_factor)?,
                high_freq_factor: number("high_freq_factor", rope.high_freq_factor)?,
                original_max_positions: rope
                    .original_max_position_embeddings
                    .ok_or_else(|| missing("original_max_position_embeddings"))?,
            }),
            other => Err(Error::Config(format!(
                "rope_scaling: {other:?} is not supported; supported are \"default\", \"linear\" and \"llama3\""
            ))),
        }
    }

    fn sliding_window(&self, family: Family) -> Result<Option<usize>> {
        let window = self.sliding_window.unwrap_or(Some(DEFAULT_WINDOW));
        match family {
            Family::Llama => return Ok(None),
            Family::Mistral => return Ok(window),
            Family::Qwen2 | Family::Qwen3 if self.use_sliding_window != Some(true) => return Ok(None),
            Family::Qwen2 | Family::Qwen3 => {}
        }
        let layers = self.num_hidden_layers;
        let windowed = match &self.layer_types {
            Some(types) => types.iter().filter(|t| *t == "sliding_attention").count(),
            None => layers.saturating_sub(self.max_window_layers.unwrap_or(DEFAULT_WINDOW_FROM)),
        };
        match windowed {
            0 => Ok(None),
            all if all == layers => Ok(window),
            some => Err(Error::Config(format!(
                "a sliding window on {some} of {layers} layers is not supported, only on all or none"
            ))),
        }
    }
}

impl RopeScaling {
    /// The value of `rope_scaling` in a config.json.
    fn to_json(self) -> Value {
        match self {
            RopeScaling::None => Value::Null,
            RopeScaling::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions } => {
                json!({
                    "rope_type": "llama3",
                    "factor": factor,
                    "low_freq_factor": low_freq_factor,
                    "high_freq_factor": high_freq_factor,
                    "original_max_position_embeddings": original_max_positions,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
