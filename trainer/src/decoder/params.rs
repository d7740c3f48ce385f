//! The learnable tensors of a decoder: how they are made, named and listed.

use super::config::{AttentionBias, DecoderConfig, OutputWeights};
use crate::Result;
use candle_core::{DType, Device, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a parameter is, which decides how it is initialised and whether weight decay applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// The embedding matrix, also when it is the output matrix as well.
    Embedding,
    /// A weight matrix.
    Matrix,
    /// A weight matrix that writes to the residual stream.
    Residual,
    /// The output matrix, when it is not the embedding.
    Output,
    /// The scale of a norm.
    Norm,
    /// A bias.
    Bias,
    /// A matrix of an adapter.
    Adapter,
}

/// A parameter with its name inside this crate. Queries, keys and values are one matrix here, and so are gate and up.
#[derive(Clone, Debug)]
pub struct NamedParam {
    /// The name, as `layers.0.qkv.weight`.
    pub name: String,
    /// What it is.
    pub kind: ParamKind,
    /// The rows of each matrix stacked in it, from the top; one entry unless it is several matrices in one.
    pub stacked: Vec<usize>,
    /// The values; cloning shares them.
    pub var: Var,
}

/// Where a decoder gets its parameters from: fresh numbers or a checkpoint.
pub(super) trait ParamSource {
    /// The parameter of that name and shape.
    fn get(&mut self, name: &str, kind: ParamKind, shape: &[usize]) -> Result<Tensor>;
}

/// Fresh parameters: normal(0, 0.02), those that write to the residual stream scaled by `1/√(2·layers)` (Radford et al.
/// 2019), norms one, biases zero.
pub(super) struct FreshParams {
    rng: ChaCha8Rng,
    residual_scale: f32,
    dtype: DType,
    device: Device,
}

impl FreshParams {
    pub(super) fn new(config: &DecoderConfig, seed: u64, dtype: DType, device: &Device) -> Self {
        let residual_scale = (2.0 * config.layers as f32).powf(-0.5);
        Self { rng: ChaCha8Rng::seed_from_u64(seed), residual_scale, dtype, device: device.clone() }
    }
}

impl ParamSource for FreshParams {
    fn get(&mut self, _name: &str, kind: ParamKind, shape: &[usize]) -> Result<Tensor> {
        const STD: f32 = 0.02;
        let count = shape.iter().product();
        let values = match kind {
            ParamKind::Norm => vec![1.0; count],
            ParamKind::Bias => vec![0.0; count],
            ParamKind::Embedding | ParamKind::Matrix | ParamKind::Output | ParamKind::Adapter => {
                normal(&mut self.rng, count, STD)
            }
            ParamKind::Residual => normal(&mut self.rng, count, STD * self.residual_scale),
        };
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }
}

/// Normal numbers by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng, count: usize, std: f32) -> Vec<f32> {
    use rand::Rng;
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        // 1 − u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        values.push((radius * angle.cos()) as f32 * std);
        values.push((radius * angle.sin()) as f32 * std);
    }
    values.truncate(count);
    values
}

/// The parameters of one block.
#[derive(Clone, Debug)]
pub(super) struct BlockParams {
    pub(super) attention_norm: Var,
    pub(super) qkv: Var,
    pub(super) qkv_bias: Option<Var>,
    pub(super) qk_norm: Option<(Var, Var)>,
    pub(super) output: Var,
    pub(super) output_bias: Option<Var>,
    pub(super) mlp_norm: Var,
    pub(super) gate_up: Var,
    pub(super) down: Var,
}

/// All parameters of a decoder.
#[derive(Clone, Debug)]
pub(super) struct DecoderParams {
    pub(super) embedding: Var,
    pub(super) blocks: Vec<BlockParams>,
    pub(super) norm: Var,
    /// `None` when the embedding is the output matrix.
    pub(super) output: Option<Var>,
    pub(super) named: Vec<NamedParam>,
}

/// Takes parameters from a source and notes their names.
struct Builder<'a, S> {
    source: &'a mut S,
    named: Vec<NamedParam>,
}

impl<S: ParamSource> Builder<'_, S> {
    fn take(&mut self, name: String, kind: ParamKind, shape: &[usize]) -> Result<Var> {
        let var = Var::from_tensor(&self.source.get(&name, kind, shape)?)?;
        self.named.push(NamedParam { name, kind, stacked: shape[..1].to_vec(), var: var.clone() });
        Ok(var)
    }

    /// Matrices of these many rows each, stacked in one.
    fn take_stack(&mut self, name: String, rows: Vec<usize>, columns: usize) -> Result<Var> {
        let var = self.take(name, ParamKind::Matrix, &[rows.iter().sum(), columns])?;
        if let Some(last) = self.named.last_mut() {
            last.stacked = rows;
        }
        Ok(var)
    }

    fn block(&mut self, config: &DecoderConfig, index: usize) -> Result<BlockParams> {
        use ParamKind::{Bias, Norm, Residual};
        let (width, hidden) = (config.hidden_size, config.intermediate_size);
        let (merged, attended) = (config.heads.merged_width(), config.heads.output_width());
        let name = |part: &str| format!("layers.{index}.{part}");
        let attention_norm = self.take(name("attention_norm.weight"), Norm, &[width])?;
        let kv = config.heads.kv_heads * config.heads.head_dim;
        let qkv = self.take_stack(name("qkv.weight"), vec![attended, kv, kv], width)?;
        let qkv_bias = match config.attention_bias {
            AttentionBias::None => None,
            AttentionBias::Qkv | AttentionBias::All => Some(self.take(name("qkv.bias"), Bias, &[merged])?),
        };
        let qk_norm = if config.has_qk_norm() {
            let head_dim = config.heads.head_dim;
            let q = self.take(name("q_norm.weight"), Norm, &[head_dim])?;
            Some((q, self.take(name("k_norm.weight"), Norm, &[head_dim])?))
        } else {
            None
        };
        let output = self.take(name("output.weight"), Residual, &[width, attended])?;
        let output_bias = match config.attention_bias {
            AttentionBias::None | AttentionBias::Qkv => None,
            AttentionBias::All => Some(self.take(name("output.bias"), Bias, &[width])?),
        };
        let mlp_norm = self.take(name("mlp_norm.weight"), Norm, &[width])?;
        let gate_up = self.take_stack(name("gate_up.weight"), vec![hidden, hidden], width)?;
        let down = self.take(name("down.weight"), Residual, &[width, hidden])?;
        Ok(BlockParams {
            attention_norm,
            qkv,
            qkv_bias,
            qk_norm,
            output,
            output_bias,
            mlp_norm,
            gate_up,
            down,
        })
    }
}

impl DecoderParams {
    /// Takes every parameter of `config` from `source`, always in the same order.
    pub(super) fn build(config: &DecoderConfig, source: &mut impl ParamSource) -> Result<Self> {
        let mut builder = Builder { source, named: Vec::new() };
        let matrix = [config.vocab_size, config.hidden_size];
        let embedding = builder.take("embedding.weight".into(), ParamKind::Embedding, &matrix)?;
        let blocks = (0..config.layers).map(|i| builder.block(config, i)).collect::<Result<_>>()?;
        let norm = builder.take("norm.weight".into(), ParamKind::Norm, &[config.hidden_size])?;
        let output = match config.output {
            OutputWeights::Tied => None,
            OutputWeights::Separate => {
                Some(builder.take("output.weight".into(), ParamKind::Output, &matrix)?)
            }
        };
        Ok(Self { embedding, blocks, norm, output, named: builder.named })
    }
}
