//! `config.json`: which of the BERT-like architectures, and how large.

use super::{EncoderError, folder::ModelFolder};
use serde::Deserialize;

pub(super) const CONFIG: &str = "config.json";
const SUPPORTED: &str = "supported model types are bert, roberta, xlm-roberta, camembert and mpnet; use an encoder of one of these";

/// How an encoder counts positions and names its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Absolute positions from 0.
    Bert,
    /// Absolute positions that begin after the padding token's id. RoBERTa, XLM-R, CamemBERT.
    Roberta,
    /// As RoBERTa, plus a bias by distance that all layers share; no token types (Song et al. 2020).
    MpNet,
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::MpNet => "mpnet",
        }
    }
}

/// The feed-forward's nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// x·Φ(x).
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

/// The shape of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BertConfig {
    pub(super) family: Family,
    pub(super) vocab: usize,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    /// Rows of the table of positions, including those that are never used.
    pub(super) positions: usize,
    /// Rows of the table of token types; 0 when there is none.
    pub(super) token_types: usize,
    /// Rows of the table of distances; 0 when there is none.
    pub(super) distances: usize,
    pub(super) norm_eps: f32,
    pub(super) activation: Activation,
    pub(super) pad: u32,
}

#[derive(Deserialize)]
struct Raw {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: Option<usize>,
    relative_attention_num_buckets: Option<usize>,
    layer_norm_eps: Option<f32>,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    pad_token_id: Option<u32>,
    is_decoder: Option<bool>,
}

/// Only this much is sure to be there, whatever the architecture.
#[derive(Deserialize)]
struct Kind {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
}

impl BertConfig {
    /// Reads `config.json` under `within`, a folder of the model folder, empty or ending in a slash.
    pub(super) fn read(folder: &mut ModelFolder, within: &str) -> Result<Self, EncoderError> {
        let name = format!("{within}{CONFIG}");
        let Some(bytes) = folder.read(&name)? else {
            return Err(folder.invalid(&name, "it is missing; this is not the folder of a model"));
        };
        let damaged =
            |error: serde_json::Error| folder.invalid(&name, format!("it cannot be understood: {error}"));
        let kind: Kind = serde_json::from_slice(&bytes).map_err(damaged)?;
        let family = match kind.model_type.as_deref() {
            Some("bert") => Family::Bert,
            Some("roberta" | "xlm-roberta" | "camembert") => Family::Roberta,
            Some("mpnet") => Family::MpNet,
            other => {
                let architecture =
                    kind.architectures.and_then(|names| names.into_iter().next()).unwrap_or_default();
                let what = format!("the architecture {architecture:?} of model_type {other:?}");
                return Err(folder.unsupported(&name, what, SUPPORTED));
            }
        };
        let raw: Raw = serde_json::from_slice(&bytes).map_err(damaged)?;
        raw.refuse_unsupported(folder, &name)?;
        let config = raw.config(family, folder, &name)?;
        config.validate().map_err(|problem| folder.invalid(&name, problem))?;
        Ok(config)
    }

    /// The most tokens of one text.
    pub(super) fn max_tokens(&self) -> usize {
        self.positions - self.first_position()
    }

    /// The position of a text's first token.
    pub(super) fn first_position(&self) -> usize {
        match self.family {
            Family::Bert => 0,
            Family::Roberta | Family::MpNet => self.pad as usize + 1,
        }
    }

    fn validate(&self) -> Result<(), String> {
        let sizes = [self.vocab, self.hidden, self.layers, self.heads, self.intermediate, self.positions];
        if sizes.contains(&0) {
            return Err("a size is 0".to_owned());
        }
        if !self.hidden.is_multiple_of(self.heads) {
            let (hidden, heads) = (self.hidden, self.heads);
            return Err(format!("hidden_size {hidden} is not a multiple of num_attention_heads {heads}"));
        }
        if self.pad as usize >= self.vocab {
            return Err(format!("pad_token_id {} is outside of the vocabulary of {}", self.pad, self.vocab));
        }
        if self.first_position() + 2 > self.positions {
            return Err(format!(
                "max_position_embeddings {} leaves no room for a token after pad_token_id {}",
                self.positions, self.pad
            ));
        }
        Ok(())
    }
}

impl Raw {
    fn refuse_unsupported(&self, folder: &ModelFolder, name: &str) -> Result<(), EncoderError> {
        if let Some(kind) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            let what = format!("position_embedding_type {kind:?}");
            return Err(folder.unsupported(name, what, "only \"absolute\" is"));
        }
        if self.is_decoder == Some(true) {
            return Err(folder.unsupported(name, "is_decoder", "only encoders are"));
        }
        let head = self.architectures.iter().flatten().find(|name| name.contains("ForSequence"));
        if let Some(head) = head {
            let what = format!("the architecture {head:?}, a classifier,");
            return Err(folder.unsupported(name, what, "use a sentence encoder"));
        }
        Ok(())
    }

    fn config(self, family: Family, folder: &ModelFolder, name: &str) -> Result<BertConfig, EncoderError> {
        let activation = match self.hidden_act.as_deref() {
            None | Some("gelu") => Activation::Gelu,
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Activation::GeluTanh,
            Some("relu") => Activation::Relu,
            Some(other) => {
                let what = format!("hidden_act {other:?} of model_type {:?}", self.model_type);
                return Err(folder.unsupported(name, what, "supported are gelu, gelu_new and relu"));
            }
        };
        // What `transformers` takes where the file says nothing.
        let (eps, pad, types) = match family {
            Family::Bert => (1e-12, 0, 2),
            Family::Roberta => (1e-12, 1, 2),
            Family::MpNet => (1e-12, 1, 0),
        };
        Ok(BertConfig {
            family,
            vocab: self.vocab_size,
            hidden: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            intermediate: self.intermediate_size,
            positions: self.max_position_embeddings,
            token_types: if family == Family::MpNet { 0 } else { self.type_vocab_size.unwrap_or(types) },
            distances: match family {
                Family::MpNet => self.relative_attention_num_buckets.unwrap_or(32),
                Family::Bert | Family::Roberta => 0,
            },
            norm_eps: self.layer_norm_eps.unwrap_or(eps),
            activation,
            pad: self.pad_token_id.unwrap_or(pad),
        })
    }
}
