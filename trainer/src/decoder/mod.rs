//! A differentiable decoder of the Llama kind, for training.
//!
//! There is no batch dimension and no padding: the rows of several sequences lie end to end ([`PackedBatch`]), every
//! operation but attention is blind to that, and attention is causal within each segment.
//!
//! ```text
//! ids ─ embedding ─┬─ norm ─ qkv ─(qk norm)─ rotary, attention ─ output ─ + ─┬─ norm ─ gate, up ─ swiglu ─ down ─ + ─ …
//!                  └────────────────────────────────────────────────────────┘└────────────────────────────────────┘
//! … ─ norm ─ rows to predict ─ output matrix and negative log-likelihood
//! ```

mod adapter;
pub mod batch;
pub mod config;
mod config_json;
mod folder;
#[cfg(test)]
pub(crate) mod golden;
mod gradients;
mod hf_names;
mod infer;
pub mod ops;
mod params;
pub mod rope;
#[cfg(test)]
mod tests;
mod weights;

pub use adapter::{BlockLinear, LinearAdapter, LinearPart, LinearPlace};
pub use batch::{Example, PackedBatch};
pub use config::{AttentionBias, DecoderConfig, Family, OutputWeights};
pub use gradients::Activations;
pub use ops::Kernels;
pub use ops::attention::{Fork, Heads, PackedLayout};
pub use ops::low_rank::{LowRank, LowRankPart};
pub use params::{NamedParam, ParamKind};
pub use rope::RopeScaling;

use crate::{Error, Result};
use candle_core::{DType, Device, Tensor, Var};
use ops::attention::attention;
use ops::cross_entropy::cross_entropy;
use ops::linear::{WeightMode, linear};
use ops::low_rank::adapted_linear;
use ops::qk_norm::{QkNorm, qk_norm};
use ops::rms_norm::rms_norm;
use ops::rotary::{Rotary, RotaryTable};
use ops::swiglu::swiglu;
use params::{BlockParams, DecoderParams, FreshParams};
use std::sync::Arc;

/// A decoder with its parameters.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    params: DecoderParams,
    rotary: Rotary,
    kernels: Kernels,
    device: Device,
    adapter: Option<Arc<dyn LinearAdapter>>,
}

/// The rotary tables of a decoder of that shape.
fn rotary_of(config: &DecoderConfig) -> Rotary {
    Rotary::new(config.rope_scaling.inverse_frequencies(config.rope_theta, config.heads.head_dim))
}

/// What the blocks need to know of a pass.
struct Pass<'a> {
    packed: &'a PackedLayout,
    table: Arc<RotaryTable>,
    noise: Option<u64>,
}

impl Decoder {
    /// A decoder with fresh parameters, a pure function of `config` and `seed`.
    ///
    /// # Errors
    /// [`Error::Config`] when the sizes do not fit together.
    pub fn fresh(config: DecoderConfig, seed: u64, dtype: DType, device: &Device) -> Result<Self> {
        config.validate()?;
        let params = DecoderParams::build(&config, &mut FreshParams::new(&config, seed, dtype, device))?;
        Ok(Self::assemble(config, params, dtype, device))
    }

    fn assemble(config: DecoderConfig, params: DecoderParams, dtype: DType, device: &Device) -> Self {
        let (rotary, kernels) = (rotary_of(&config), Kernels::for_device(device, dtype));
        Self { config, params, rotary, kernels, device: device.clone(), adapter: None }
    }

    /// The same parameters (shared, not copied) run by other kernels.
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// The shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Every parameter once, always in the same order, those of an adapter not among them.
    pub fn parameters(&self) -> &[NamedParam] {
        &self.params.named
    }

    /// How many numbers the parameters hold.
    pub fn parameter_count(&self) -> usize {
        self.params.named.iter().map(|p| p.var.elem_count()).sum()
    }

    /// The normalised residual stream after the last block, `[tokens, hidden_size]`.
    ///
    /// # Errors
    /// [`Error::Data`] when a token lies outside of the vocabulary or a sequence is longer than the model allows.
    pub fn hidden(&self, batch: &PackedBatch) -> Result<Tensor> {
        let pass = self.pass(batch)?;
        let ids = Tensor::new(batch.ids.as_slice(), &self.device)?;
        let mut x = self.values(&self.params.embedding).index_select(&ids, 0)?;
        for (layer, block) in self.params.blocks.iter().enumerate() {
            x = self.block((layer, block), &x, &pass)?;
        }
        Ok(self.norm(&x, &self.params.norm)?)
    }

    fn pass<'a>(&self, batch: &'a PackedBatch) -> Result<Pass<'a>> {
        self.check(batch)?;
        let table = self.rotary.table(batch.longest());
        Ok(Pass { packed: &batch.layout, table, noise: batch.noise })
    }

    /// The negative log-likelihood of every target of the batch in nats, `[targets]`.
    ///
    /// # Errors
    /// As [`Self::hidden`], and when the batch has no target.
    pub fn target_nll(&self, batch: &PackedBatch) -> Result<Tensor> {
        if batch.targets.is_empty() {
            return Err(Error::Data("the batch has no supervised token".into()));
        }
        let rows = Tensor::new(batch.prediction_rows.as_slice(), &self.device)?;
        let hidden = self.hidden(batch)?.index_select(&rows, 0)?;
        let output = self.output_matrix();
        Ok(cross_entropy(&hidden, (&output, self.mode()), &batch.targets, self.kernels)?)
    }

    /// The logits of the rows that have a target, `[targets, vocab_size]`.
    ///
    /// # Errors
    /// As [`Self::target_nll`].
    pub fn target_logits(&self, batch: &PackedBatch) -> Result<Tensor> {
        if batch.targets.is_empty() {
            return Err(Error::Data("the batch has no supervised token".into()));
        }
        let rows = Tensor::new(batch.prediction_rows.as_slice(), &self.device)?;
        let hidden = self.hidden(batch)?.index_select(&rows, 0)?;
        Ok(linear(&hidden, &self.output_matrix(), self.mode())?)
    }

    fn output_matrix(&self) -> Tensor {
        self.values(self.params.output.as_ref().unwrap_or(&self.params.embedding))
    }

    /// Whether the decoder's own weights learn.
    fn mode(&self) -> WeightMode {
        match self.adapter {
            None => WeightMode::Trained,
            Some(_) => WeightMode::Frozen,
        }
    }

    /// A parameter; a constant when the decoder is frozen, so that nothing below the first adapter is remembered.
    fn values(&self, var: &Var) -> Tensor {
        match self.mode() {
            WeightMode::Trained => var.as_tensor().clone(),
            WeightMode::Frozen => var.as_detached_tensor(),
        }
    }

    fn norm(&self, x: &Tensor, weight: &Var) -> candle_core::Result<Tensor> {
        rms_norm(x, &self.values(weight), self.config.rms_norm_eps, self.kernels)
    }

    /// A linear with its bias and with what the adapter adds.
    fn project(
        &self,
        place: LinearPlace,
        x: &Tensor,
        (weight, bias): (&Var, Option<&Var>),
        noise: Option<u64>,
    ) -> candle_core::Result<Tensor> {
        let added = match &self.adapter {
            Some(adapter) => adapter.delta(place, x, noise)?,
            None => None,
        };
        let y = match added {
            Some(added) => adapted_linear(x, &self.values(weight), &added, self.kernels)?,
            None => linear(x, &self.values(weight), self.mode())?,
        };
        match bias {
            Some(bias) => y.broadcast_add(&self.values(bias)),
            None => Ok(y),
        }
    }

    fn block(
        &self,
        (layer, p): (usize, &BlockParams),
        x: &Tensor,
        pass: &Pass<'_>,
    ) -> candle_core::Result<Tensor> {
        let heads = self.config.heads;
        let project = |linear, x: &Tensor, weights: (&Var, Option<&Var>)| {
            self.project(LinearPlace { layer, linear }, x, weights, pass.noise)
        };
        let normed = self.norm(x, &p.attention_norm)?;
        let mut qkv = project(BlockLinear::Qkv, &normed, (&p.qkv, p.qkv_bias.as_ref()))?;
        if let Some((q, k)) = &p.qk_norm {
            let norm = QkNorm { heads, eps: self.config.rms_norm_eps };
            qkv = qk_norm(&qkv, (&self.values(q), &self.values(k)), norm, self.kernels)?;
        }
        let attended = attention(&qkv, heads, pass.packed, &pass.table, self.kernels)?;
        let x = (x + project(BlockLinear::Output, &attended, (&p.output, p.output_bias.as_ref()))?)?;
        let normed = self.norm(&x, &p.mlp_norm)?;
        let gate_up = project(BlockLinear::GateUp, &normed, (&p.gate_up, None))?;
        x + project(BlockLinear::Down, &swiglu(&gate_up, self.kernels)?, (&p.down, None))?
    }

    fn check(&self, batch: &PackedBatch) -> Result<()> {
        if let Some(id) = batch.ids.iter().find(|&&id| id as usize >= self.config.vocab_size) {
            let size = self.config.vocab_size;
            return Err(Error::Data(format!("token {id} lies outside of the vocabulary of {size}")));
        }
        let (longest, limit) = (batch.longest(), self.config.max_positions);
        if longest > limit {
            return Err(Error::Data(format!(
                "a sequence of {longest} tokens is longer than the model's {limit}"
            )));
        }
        match self.config.sliding_window {
            Some(window) if longest > window => Err(Error::Data(format!(
                "a sequence of {longest} tokens is longer than the sliding window of {window}, which is not supported"
            ))),
            _ => Ok(()),
        }
    }
}
