//! The forward pass of BERT (Devlin et al. 2018), RoBERTa and MPNet, in `f32`.
//!
//! Post-norm blocks: x = norm(x + attention(x)); x = norm(x + feed_forward(x)). Shapes: B texts of L tokens, hidden
//! size D, H heads of D/H numbers.

use super::{
    EncoderError,
    activation::activate,
    config::{Activation, BertConfig, Family},
    weights::Weights,
};
use candle_core::{D, Device, Result as Computed, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};

/// Beyond this many tokens, MPNet's distances are all the same.
const FARTHEST: f32 = 128.0;

/// y = x·Wᵀ + b.
struct Linear {
    /// D_out × D_in.
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn read(weights: &Weights, name: &str, out: usize, input: usize) -> Result<Self, EncoderError> {
        let weight = weights.get(&format!("{name}.weight"), &[out, input])?;
        Ok(Self { weight, bias: weights.get(&format!("{name}.bias"), &[out])? })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn read(weights: &Weights, name: &str, config: &BertConfig) -> Result<Self, EncoderError> {
        let get = |part: &str| weights.get(&format!("{name}.{part}"), &[config.hidden]);
        Ok(Self { weight: get("weight")?, bias: get("bias")?, eps: config.norm_eps })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

struct Block {
    /// Queries, keys and values in one matrix: 3D × D.
    qkv: Linear,
    output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
    heads: usize,
    activation: Activation,
}

impl Block {
    fn read(weights: &Weights, layer: usize, config: &BertConfig) -> Result<Self, EncoderError> {
        let (d, inner) = (config.hidden, config.intermediate);
        let at = |name: &str| format!("encoder.layer.{layer}.{name}");
        let (qkv, output, attention_norm) = match config.family {
            Family::Bert | Family::Roberta => (
                ["attention.self.query", "attention.self.key", "attention.self.value"],
                "attention.output.dense",
                "attention.output.LayerNorm",
            ),
            Family::MpNet => (
                ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
                "attention.attn.o",
                "attention.LayerNorm",
            ),
        };
        let [q, k, v] = qkv.map(|name| Linear::read(weights, &at(name), d, d));
        let (q, k, v) = (q?, k?, v?);
        let qkv = Linear {
            weight: Tensor::cat(&[q.weight, k.weight, v.weight], 0)?,
            bias: Tensor::cat(&[q.bias, k.bias, v.bias], 0)?,
        };
        Ok(Self {
            qkv,
            output: Linear::read(weights, &at(output), d, d)?,
            attention_norm: Norm::read(weights, &at(attention_norm), config)?,
            up: Linear::read(weights, &at("intermediate.dense"), inner, d)?,
            down: Linear::read(weights, &at("output.dense"), d, inner)?,
            output_norm: Norm::read(weights, &at("output.LayerNorm"), config)?,
            heads: config.heads,
            activation: config.activation,
        })
    }

    /// `x` is B·L × D, `bias` broadcasts to B × H × L × L.
    fn forward(&self, x: &Tensor, shape: (usize, usize), bias: Option<&Tensor>) -> Computed<Tensor> {
        let attended = self.output.forward(&self.attend(x, shape, bias)?)?;
        let x = self.attention_norm.forward(&(x + attended)?)?;
        let inner = activate(&self.up.forward(&x)?, self.activation)?;
        self.output_norm.forward(&(self.down.forward(&inner)? + x)?)
    }

    fn attend(&self, x: &Tensor, (b, l): (usize, usize), bias: Option<&Tensor>) -> Computed<Tensor> {
        let d = x.dim(1)?;
        let head = d / self.heads;
        // 3 × B × H × L × D/H.
        let qkv = self.qkv.forward(x)?.reshape((b, l, 3, self.heads, head))?.permute((2, 0, 3, 1, 4))?;
        let part = |which: usize| qkv.get(which)?.contiguous();
        let (q, k, v) = ((part(0)? * (head as f64).powf(-0.5))?, part(1)?, part(2)?);
        let mut scores = q.matmul(&k.transpose(D::Minus2, D::Minus1)?)?;
        if let Some(bias) = bias {
            scores = scores.broadcast_add(bias)?;
        }
        softmax_last_dim(&scores)?.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((b * l, d))
    }
}

/// An encoder's network.
pub(super) struct Bert {
    config: BertConfig,
    words: Tensor,
    positions: Tensor,
    /// All tokens are of the first type.
    token_type: Option<Tensor>,
    norm: Norm,
    blocks: Vec<Block>,
    /// Distances × H.
    distances: Option<Tensor>,
}

impl Bert {
    pub(super) fn read(config: BertConfig, weights: &Weights) -> Result<Self, EncoderError> {
        let d = config.hidden;
        let token_type = match config.token_types {
            0 => None,
            types => {
                let table = weights.get("embeddings.token_type_embeddings.weight", &[types, d])?;
                Some(table.get(0)?)
            }
        };
        let distances = match config.distances {
            0 => None,
            count => Some(weights.get("encoder.relative_attention_bias.weight", &[count, config.heads])?),
        };
        Ok(Self {
            words: weights.get("embeddings.word_embeddings.weight", &[config.vocab, d])?,
            positions: weights.get("embeddings.position_embeddings.weight", &[config.positions, d])?,
            token_type,
            norm: Norm::read(weights, "embeddings.LayerNorm", &config)?,
            blocks: (0..config.layers)
                .map(|layer| Block::read(weights, layer, &config))
                .collect::<Result<_, _>>()?,
            distances,
            config,
        })
    }

    /// One vector a token: for each of B texts, L·D numbers, of which those after its own tokens mean nothing; and L.
    /// Every text has at least one token and at most as many as there are positions.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Computed<(Vec<f32>, usize)> {
        let (b, l) = (texts.len(), texts.iter().map(|text| text.len()).max().unwrap_or(0));
        let padding = |text: &[u32]| std::iter::repeat_n(self.config.pad, l - text.len());
        let ids: Vec<u32> = texts.iter().flat_map(|text| text.iter().copied().chain(padding(text))).collect();
        let ids = Tensor::from_vec(ids, b * l, &Device::Cpu)?;
        let positions = self.positions.narrow(0, self.config.first_position(), l)?;
        let mut x = self.words.embedding(&ids)?.reshape((b, l, self.config.hidden))?;
        x = x.broadcast_add(&positions)?;
        if let Some(token_type) = &self.token_type {
            x = x.broadcast_add(token_type)?;
        }
        let mut x = self.norm.forward(&x)?.reshape((b * l, self.config.hidden))?;
        let bias = self.bias(texts, l)?;
        for block in &self.blocks {
            x = block.forward(&x, (b, l), bias.as_ref())?;
        }
        Ok((x.flatten_all()?.to_vec1()?, l))
    }

    /// What is added to the scores of attention: nothing, or something that broadcasts to B × H × L × L.
    fn bias(&self, texts: &[&[u32]], l: usize) -> Computed<Option<Tensor>> {
        let distance = match &self.distances {
            Some(table) => Some(self.distance_bias(table, l)?),
            None => None,
        };
        if texts.iter().all(|text| text.len() == l) {
            return Ok(distance);
        }
        // Padding is not attended to: e to the power of this is 0 beside any other score.
        let seen = |text: &[u32]| {
            let length = text.len();
            (0..l).map(move |at| if at < length { 0.0 } else { -1e30f32 })
        };
        let mask: Vec<f32> = texts.iter().flat_map(|text| seen(text)).collect();
        let mask = Tensor::from_vec(mask, (texts.len(), 1, 1, l), &Device::Cpu)?;
        Ok(Some(match distance {
            Some(distance) => mask.broadcast_add(&distance)?,
            None => mask,
        }))
    }

    /// 1 × H × L × L.
    fn distance_bias(&self, table: &Tensor, l: usize) -> Computed<Tensor> {
        let (count, heads) = table.dims2()?;
        let buckets: Vec<u32> = (0..l)
            .flat_map(|query| (0..l).map(move |key| bucket(query as i64 - key as i64, count)))
            .collect();
        let buckets = Tensor::from_vec(buckets, l * l, &Device::Cpu)?;
        table.embedding(&buckets)?.reshape((1, l, l, heads))?.permute((0, 3, 1, 2))?.contiguous()
    }
}

/// The row of MPNet's table for a key that stands `behind` tokens before the query: half of the `count` rows for each
/// direction, half of these for one distance each, the others for ranges that grow by a constant factor (as in T5,
/// Raffel et al. 2020, section 2.1).
fn bucket(behind: i64, count: usize) -> u32 {
    let half = count / 2;
    let base = if behind < 0 { half } else { 0 };
    let distance = behind.unsigned_abs() as usize;
    let exact = half / 2;
    let row = if distance < exact {
        distance
    } else {
        let grown = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
        (exact + (grown * (half - exact) as f32) as usize).min(half - 1)
    };
    (base + row) as u32
}

#[cfg(test)]
mod tests {
    use super::bucket;

    // torch, from the description in transformers' MPNet:
    //   n = query - key; half = 16; exact = 8; side = (n < 0) * half; n = n.abs()
    //   far = exact + (torch.log(n.float() / exact) / math.log(128 / exact) * (half - exact)).long()
    //   side + torch.where(n < exact, n, far.clamp(max=half - 1))
    #[test]
    fn distances_fall_into_mpnets_buckets() {
        let found: Vec<u32> = [0, 1, 7, 8, 11, 12, 16, 31, 32, 63, 64, 91, 127, 128, 511]
            .into_iter()
            .map(|n| bucket(n, 32))
            .collect();
        assert_eq!(found, [0, 1, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15, 15]);
        assert_eq!([-1, -7, -8, -16, -200].map(|n| bucket(n, 32)), [17, 23, 24, 26, 31]);
    }
}
