//! AdamW, Muon for the matrices of the blocks, gradient clipping and the learning-rate schedule.

mod muon;

pub use muon::MuonConfig;

use crate::decoder::{NamedParam, ParamKind};
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Storage, Tensor, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Values handled by one task. Fixed, so that sums do not depend on the number of threads.
const VALUES_PER_TASK: usize = 1 << 14;

/// The settings of AdamW (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the mean of the gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// The share of a weight that is taken away per step, times the learning rate.
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: DecayScope,
    /// Gradients whose joint norm is larger are scaled down to it.
    pub max_grad_norm: f64,
    /// How the weight matrices of the blocks are updated; embedding, output matrix, norms,
    /// biases and adapters always by AdamW.
    pub matrices: MatrixRule,
}

/// The update of a block's weight matrices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatrixRule {
    /// As everything else.
    AdamW,
    /// Orthogonalised momentum.
    Muon(MuonConfig),
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.05,
            decay: DecayScope::Matrices,
            max_grad_norm: 1.0,
            matrices: MatrixRule::AdamW,
        }
    }
}

/// Which parameters weight decay applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayScope {
    /// Weight matrices, those of adapters too, but not the embedding, norms and biases.
    Matrices,
    /// Weight matrices and the embedding.
    MatricesAndEmbedding,
    /// Everything.
    All,
}

impl DecayScope {
    fn covers(self, kind: ParamKind) -> bool {
        match kind {
            ParamKind::Matrix | ParamKind::Residual | ParamKind::Output | ParamKind::Adapter => true,
            ParamKind::Embedding => self != DecayScope::Matrices,
            ParamKind::Norm | ParamKind::Bias => self == DecayScope::All,
        }
    }
}

/// Linear warm-up, then a cosine down to a floor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The highest learning rate.
    pub peak: f64,
    /// The learning rate at the end.
    pub floor: f64,
    /// Steps of the warm-up.
    pub warmup_steps: u64,
    /// All steps, the warm-up included.
    pub total_steps: u64,
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.total_steps.saturating_sub(self.warmup_steps).max(1);
        let progress = ((step - self.warmup_steps) as f64 / span as f64).min(1.0);
        self.floor + 0.5 * (self.peak - self.floor) * (1.0 + (std::f64::consts::PI * progress).cos())
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if !(self.peak.is_finite() && self.peak > 0.0 && self.floor >= 0.0 && self.floor <= self.peak) {
            return Err(Error::Settings(
                "the learning rate must be positive and the floor between 0 and it".into(),
            ));
        }
        if self.total_steps == 0 || self.warmup_steps >= self.total_steps {
            return Err(Error::Settings("there must be more steps than warm-up steps".into()));
        }
        Ok(())
    }
}

/// AdamW with moments of its own, so that a run can be resumed exactly. One entry of `first` and `second` per
/// parameter, in the order of [`crate::decoder::Decoder::parameters`].
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    params: Vec<NamedParam>,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
    steps: u64,
}

impl AdamW {
    /// With all moments zero.
    ///
    /// # Errors
    /// [`Error::Settings`] when a parameter is not `f32` on the CPU or a setting makes no sense.
    pub fn new(params: &[NamedParam], config: AdamWConfig) -> Result<Self> {
        let fraction = |x: f64| (0.0..1.0).contains(&x);
        if !fraction(config.beta1) || !fraction(config.beta2) {
            return Err(Error::Settings("beta1 and beta2 must lie in [0, 1)".into()));
        }
        if !(config.eps > 0.0 && config.weight_decay >= 0.0 && config.max_grad_norm > 0.0) {
            return Err(Error::Settings(
                "eps and max_grad_norm must be positive, weight_decay not negative".into(),
            ));
        }
        if let Some(p) = params.iter().find(|p| p.var.dtype() != DType::F32 || !p.var.device().is_cpu()) {
            return Err(Error::Settings(format!(
                "the optimiser works on f32 parameters on the CPU; {} is not",
                p.name
            )));
        }
        let zeros = || params.iter().map(|p| vec![0f32; p.var.elem_count()]).collect();
        Ok(Self { config, params: params.to_vec(), first: zeros(), second: zeros(), steps: 0 })
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The parameters with their first and second moments.
    pub fn moments(&self) -> impl Iterator<Item = (&NamedParam, &[f32], &[f32])> {
        self.params
            .iter()
            .zip(&self.first)
            .zip(&self.second)
            .map(|((p, m), v)| (p, m.as_slice(), v.as_slice()))
    }

    /// Puts back the state of another run.
    ///
    /// # Errors
    /// [`Error::Settings`] when the moments do not fit the parameters.
    pub fn restore(&mut self, steps: u64, moments: Vec<(Vec<f32>, Vec<f32>)>) -> Result<()> {
        let fits = moments.len() == self.params.len()
            && self
                .first
                .iter()
                .zip(&moments)
                .all(|(old, (m, v))| old.len() == m.len() && old.len() == v.len());
        if !fits {
            return Err(Error::Settings("the saved moments do not fit the parameters".into()));
        }
        (self.first, self.second) = moments.into_iter().unzip();
        self.steps = steps;
        Ok(())
    }

    /// One update with learning rate `lr`; `gradients` has one entry per parameter. Returns the joint norm of the
    /// gradients before clipping. When the norm is not a number nothing is changed, and the caller should stop.
    ///
    /// # Errors
    /// When a gradient has another shape than its parameter.
    pub fn step(&mut self, gradients: &[Tensor], lr: f64) -> Result<f64> {
        if gradients.len() != self.params.len() {
            return Err(Error::Settings("the optimiser needs one gradient per parameter".into()));
        }
        let norm = joint_norm(gradients)?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.steps += 1;
        let scale = (self.config.max_grad_norm / (norm + 1e-6)).min(1.0);
        let correction = |beta: f64| 1.0 - beta.powi(self.steps.min(i32::MAX as u64) as i32);
        let (c1, c2) = (correction(self.config.beta1), correction(self.config.beta2));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((param, gradient), (first, second)) in self.params.iter().zip(gradients).zip(moments) {
            let decay = if self.config.decay.covers(param.kind) { self.config.weight_decay } else { 0.0 };
            if let (MatrixRule::Muon(muon), ParamKind::Matrix | ParamKind::Residual) =
                (self.config.matrices, param.kind)
            {
                let rule = muon::Rule { config: muon, lr, decay, grad_scale: scale };
                rule.apply(param, gradient, first)?;
                continue;
            }
            let rule = Rule {
                beta1: self.config.beta1 as f32,
                beta2: self.config.beta2 as f32,
                // lr · (m/c1) / (√(v/c2) + ε), with the corrections folded into two factors.
                rate: (lr / c1) as f32,
                root_scale: c2.powf(-0.5) as f32,
                eps: self.config.eps as f32,
                keep: (1.0 - lr * decay) as f32,
                grad_scale: scale as f32,
            };
            let update = Update { rule, moments: std::sync::Mutex::new((first, second)) };
            param.var.inplace_op2(&gradient.contiguous()?, &update)?;
        }
        Ok(norm)
    }
}

/// One gradient per parameter out of what `backward` returned; zeros for a parameter the loss does not depend on. They are
/// constants: as candle returns them they remember what they were computed from, and with it every activation of the
/// pass.
///
/// # Errors
/// When a tensor of zeros cannot be made.
pub fn collect_gradients(params: &[NamedParam], mut store: GradStore) -> Result<Vec<Tensor>> {
    let zeros = |p: &NamedParam| Ok(p.var.zeros_like()?);
    params
        .iter()
        .map(|p| store.remove(p.var.as_tensor()).map_or_else(|| zeros(p), |g| Ok(g.detach())))
        .collect()
}

/// `√Σ g²` over all gradients, in double precision.
fn joint_norm(gradients: &[Tensor]) -> Result<f64> {
    let mut total = 0f64;
    for gradient in gradients {
        let gradient = gradient.contiguous()?;
        let (storage, layout) = gradient.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            return Err(Error::Settings("the optimiser works on the CPU".into()));
        };
        let values = crate::decoder::ops::slices::values(storage, layout, "gradient norm")?;
        let square = |chunk: &[f32]| f64::from(crate::decoder::ops::simd::dot(chunk, chunk));
        // Short chunks keep the single-precision sums exact enough.
        let partial: Vec<f64> =
            values.par_chunks(VALUES_PER_TASK).map(|c| c.chunks(1024).map(square).sum()).collect();
        total += partial.iter().sum::<f64>();
    }
    Ok(total.sqrt())
}

/// The numbers of one update.
#[derive(Clone, Copy)]
struct Rule {
    beta1: f32,
    beta2: f32,
    rate: f32,
    root_scale: f32,
    eps: f32,
    keep: f32,
    grad_scale: f32,
}

type Moments<'a> = (&'a mut Vec<f32>, &'a mut Vec<f32>);

/// The update as an operation in place, which is how candle lends the values of a variable.
struct Update<'a> {
    rule: Rule,
    moments: std::sync::Mutex<Moments<'a>>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        s1: &mut CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> candle_core::Result<()> {
        let gradient = crate::decoder::ops::slices::values(s2, l2, self.name())?;
        let (CpuStorage::F32(all), Some((start, end))) = (s1, l1.contiguous_offsets()) else {
            bail!("adamw: parameters must be contiguous f32")
        };
        let mut moments = self.moments.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (first, second) = &mut *moments;
        let weights = &mut all[start..end];
        if weights.len() != gradient.len() || weights.len() != first.len() {
            bail!("adamw: {} parameters, but {} gradients", weights.len(), gradient.len())
        }
        let rule = self.rule;
        (weights.par_chunks_mut(VALUES_PER_TASK).zip(gradient.par_chunks(VALUES_PER_TASK)))
            .zip(first.par_chunks_mut(VALUES_PER_TASK).zip(second.par_chunks_mut(VALUES_PER_TASK)))
            .for_each(|((w, g), (m, v))| rule.apply(w, g, m, v));
        Ok(())
    }
}

impl Rule {
    #[inline(always)]
    fn apply(self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let values = weights.iter_mut().zip(gradient).zip(first.iter_mut().zip(second.iter_mut()));
        for ((w, &g), (m, v)) in values {
            let g = g * self.grad_scale;
            *m = self.beta1 * *m + (1.0 - self.beta1) * g;
            *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
            *w = *w * self.keep - self.rate * *m / (v.sqrt() * self.root_scale + self.eps);
        }
    }
}

#[cfg(test)]
mod tests;
