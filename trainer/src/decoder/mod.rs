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

pub mod batch;
pub mod config;
mod config_json;
mod folder;
#[cfg(test)]
mod golden;
mod hf_names;
mod infer;
pub mod ops;
mod params;
pub mod rope;
#[cfg(test)]
mod tests;
mod weights;

pub use batch::{Example, PackedBatch};
pub use config::{AttentionBias, DecoderConfig, Family, OutputWeights};
pub use ops::Kernels;
pub use ops::attention::{Heads, PackedLayout};
pub use params::{NamedParam, ParamKind};
pub use rope::RopeScaling;

use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use ops::attention::attention;
use ops::cross_entropy::cross_entropy;
use ops::linear::{WeightMode, linear};
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
        let frequencies = config.rope_scaling.inverse_frequencies(config.rope_theta, config.heads.head_dim);
        let kernels = Kernels::for_device(device, dtype);
        Self { config, params, rotary: Rotary::new(frequencies), kernels, device: device.clone() }
    }

    /// The same parameters (shared, not copied) run by other kernels.
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// The shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Every parameter once, always in the same order.
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
        self.check(batch)?;
        let ids = Tensor::new(batch.ids.as_slice(), &self.device)?;
        let table = self.rotary.table(batch.longest());
        let mut x = self.params.embedding.as_tensor().index_select(&ids, 0)?;
        for block in &self.params.blocks {
            x = self.block(block, &x, &batch.layout, &table)?;
        }
        Ok(self.norm(&x, self.params.norm.as_tensor())?)
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
        Ok(cross_entropy(&hidden, self.output_matrix(), &batch.targets, self.kernels)?)
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
        Ok(linear(&hidden, self.output_matrix(), WeightMode::Trained)?)
    }

    fn output_matrix(&self) -> &Tensor {
        self.params.output.as_ref().unwrap_or(&self.params.embedding).as_tensor()
    }

    fn norm(&self, x: &Tensor, weight: &Tensor) -> candle_core::Result<Tensor> {
        rms_norm(x, weight, self.config.rms_norm_eps, self.kernels)
    }

    fn block(
        &self,
        p: &BlockParams,
        x: &Tensor,
        packed: &PackedLayout,
        table: &Arc<RotaryTable>,
    ) -> candle_core::Result<Tensor> {
        let heads = self.config.heads;
        let mut qkv = linear(&self.norm(x, &p.attention_norm)?, &p.qkv, WeightMode::Trained)?;
        if let Some(bias) = &p.qkv_bias {
            qkv = qkv.broadcast_add(bias)?;
        }
        if let Some((q, k)) = &p.qk_norm {
            let norm = QkNorm { heads, eps: self.config.rms_norm_eps };
            qkv = qk_norm(&qkv, (q, k), norm, self.kernels)?;
        }
        let attended = attention(&qkv, heads, packed, table, self.kernels)?;
        let mut written = linear(&attended, &p.output, WeightMode::Trained)?;
        if let Some(bias) = &p.output_bias {
            written = written.broadcast_add(bias)?;
        }
        let x = (x + written)?;
        let gate_up = linear(&self.norm(&x, &p.mlp_norm)?, &p.gate_up, WeightMode::Trained)?;
        x + linear(&swiglu(&gate_up, self.kernels)?, &p.down, WeightMode::Trained)?
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
