//! The shape of a decoder, read from and written as the `config.json` of a Hugging Face model folder.

use super::ops::attention::Heads;
use super::rope::RopeScaling;
use crate::{Error, Result};

/// No size is larger, so that the products of two of them are numbers.
const MAX_SIZE: usize = 1 << 28;

/// The model families that share this decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Llama 2 and 3 and their relatives.
    Llama,
    /// Mistral 7B and its relatives.
    Mistral,
    /// Qwen 2 and 2.5: a bias on queries, keys and values.
    Qwen2,
    /// Qwen 3: queries and keys are normalised per head.
    Qwen3,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 4] = [Family::Llama, Family::Mistral, Family::Qwen2, Family::Qwen3];

    /// The entry of `architectures` in a config.json.
    pub fn architecture(self) -> &'static str {
        match self {
            Family::Llama => "LlamaForCausalLM",
            Family::Mistral => "MistralForCausalLM",
            Family::Qwen2 => "Qwen2ForCausalLM",
            Family::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    /// The `model_type` of a config.json.
    pub fn model_type(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Mistral => "mistral",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
        }
    }
}

/// Which projections of the attention carry a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBias {
    /// None.
    None,
    /// Queries, keys and values (Qwen 2).
    Qkv,
    /// Queries, keys, values and the output (Llama with `attention_bias`).
    All,
}

/// Whether the output projection is the embedding matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputWeights {
    /// One matrix for both.
    Tied,
    /// A matrix of its own.
    Separate,
}

/// The shape of a decoder. Every field is checked when the value is made by [`DecoderConfig::from_json`];
/// [`DecoderConfig::validate`] checks one made by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// The family.
    pub family: Family,
    /// Pieces of the vocabulary.
    pub vocab_size: usize,
    /// Columns of the residual stream.
    pub hidden_size: usize,
    /// Columns inside the feed-forward block.
    pub intermediate_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Query, key and value heads.
    pub heads: Heads,
    /// `ε` of the norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched.
    pub rope_scaling: RopeScaling,
    /// Whether embedding and output share a matrix.
    pub output: OutputWeights,
    /// Which projections of the attention carry a bias.
    pub attention_bias: AttentionBias,
    /// The longest sequence the model was made for, in tokens.
    pub max_positions: usize,
    /// Keys further back than this are not seen; `None` when all are.
    pub sliding_window: Option<usize>,
    /// The token a sequence begins with.
    pub bos_token_id: Option<u32>,
    /// The tokens that end an answer.
    pub eos_token_ids: Vec<u32>,
    /// The token used to pad.
    pub pad_token_id: Option<u32>,
}

impl DecoderConfig {
    /// Whether queries and keys are normalised per head.
    pub fn has_qk_norm(&self) -> bool {
        self.family == Family::Qwen3
    }

    /// Checks that the sizes fit together.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", kv_heads),
            ("head_dim", head_dim),
            ("max_position_embeddings", self.max_positions),
        ];
        if let Some((name, size)) = sizes.iter().find(|(_, size)| !(1..=MAX_SIZE).contains(size)) {
            return Err(Error::Config(format!("{name} is {size}; it must lie between 1 and {MAX_SIZE}")));
        }
        if heads % kv_heads != 0 {
            return Err(Error::Config(format!(
                "num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}"
            )));
        }
        if head_dim % 2 != 0 {
            return Err(Error::Config(format!(
                "head_dim {head_dim} is odd; rotary embedding pairs dimensions"
            )));
        }
        let writable = match self.family {
            Family::Llama | Family::Qwen3 => self.attention_bias != AttentionBias::Qkv,
            Family::Mistral => self.attention_bias == AttentionBias::None,
            Family::Qwen2 => self.attention_bias == AttentionBias::Qkv,
        };
        if !writable {
            let (family, bias) = (self.family.architecture(), self.attention_bias);
            return Err(Error::Config(format!("{family} has no form with the attention bias {bias:?}")));
        }
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(self.rms_norm_eps) || !positive(self.rope_theta) {
            return Err(Error::Config("rms_norm_eps and rope_theta must be positive numbers".into()));
        }
        self.rope_scaling.validate()
    }
}
