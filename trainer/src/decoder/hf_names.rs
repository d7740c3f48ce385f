//! The names of the parameters in a Hugging Face folder. What is one matrix here (queries, keys and values; gate and
//! up) is several tensors there, stacked by rows.

use super::config::DecoderConfig;
use crate::{Error, Result};

/// One tensor of a folder: so many rows of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HfTensor {
    /// The name, as `model.layers.0.self_attn.q_proj.weight`.
    pub(super) name: String,
    /// Rows (elements of a bias), in the order of the list.
    pub(super) rows: usize,
}

/// The tensors that make up the parameter `name` of `rows` rows, from the first row on.
///
/// # Errors
/// [`Error::Config`] for a name that no decoder has.
pub(super) fn hf_tensors(config: &DecoderConfig, name: &str, rows: usize) -> Result<Vec<HfTensor>> {
    let whole = |name: &str| Ok(vec![HfTensor { name: name.to_owned(), rows }]);
    match name {
        "embedding.weight" => return whole("model.embed_tokens.weight"),
        "norm.weight" => return whole("model.norm.weight"),
        "output.weight" => return whole("lm_head.weight"),
        _ => {}
    }
    let unknown = || Error::Config(format!("the parameter {name} has no name in a hugging face folder"));
    let (layer, part) = name.strip_prefix("layers.").and_then(|n| n.split_once('.')).ok_or_else(unknown)?;
    let (module, kind) = part.rsplit_once('.').ok_or_else(unknown)?;
    let tensor =
        |module: &str, rows| HfTensor { name: format!("model.layers.{layer}.{module}.{kind}"), rows };
    let (q, kv) = (config.heads.output_width(), config.heads.kv_heads * config.heads.head_dim);
    let inner = config.intermediate_size;
    Ok(match module {
        "attention_norm" => vec![tensor("input_layernorm", rows)],
        "qkv" => vec![
            tensor("self_attn.q_proj", q),
            tensor("self_attn.k_proj", kv),
            tensor("self_attn.v_proj", kv),
        ],
        "q_norm" => vec![tensor("self_attn.q_norm", rows)],
        "k_norm" => vec![tensor("self_attn.k_norm", rows)],
        "output" => vec![tensor("self_attn.o_proj", rows)],
        "mlp_norm" => vec![tensor("post_attention_layernorm", rows)],
        "gate_up" => vec![tensor("mlp.gate_proj", inner), tensor("mlp.up_proj", inner)],
        "down" => vec![tensor("mlp.down_proj", rows)],
        _ => return Err(unknown()),
    })
}
