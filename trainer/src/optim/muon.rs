//! Muon: momentum whose singular values are all made about one (Jordan et al. 2024), at the step size of AdamW (Liu et
//! al. 2025, arXiv 2502.16982). A matrix learns its rare directions as fast as its common ones, which is what copying out
//! of a context waits for: on the built-in model it needs about half the tokens of AdamW.

use crate::Result;
use crate::decoder::NamedParam;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Newton–Schulz iterations of one update.
const ITERATIONS: usize = 5;
/// Of `aX + b(XXᵀ)X + c(XXᵀ)²X`: five rounds bring every singular value above 0.003 to between 0.7 and 1.2.
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
/// The root mean square of an AdamW update at learning rate one; an update of Muon is given the same.
const ADAMW_RMS: f64 = 0.2;

/// The settings of Muon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuonConfig {
    /// Decay of the mean of the gradients.
    pub momentum: f64,
    /// Times the learning rate of the run.
    pub rate: f64,
}

impl Default for MuonConfig {
    fn default() -> Self {
        Self { momentum: 0.95, rate: 1.0 }
    }
}

/// One update.
pub(super) struct Rule {
    pub(super) config: MuonConfig,
    pub(super) lr: f64,
    pub(super) decay: f64,
    pub(super) grad_scale: f64,
}

impl Rule {
    /// Updates `param [rows, columns]` in place, and `momentum` with it. Each of the stacked matrices is
    /// orthogonalised by itself.
    pub(super) fn apply(&self, param: &NamedParam, gradient: &Tensor, momentum: &mut Vec<f32>) -> Result<()> {
        let beta = self.config.momentum;
        let fresh = (gradient.contiguous()? * (self.grad_scale * (1.0 - beta)))?;
        let mean = Tensor::from_slice(momentum, gradient.shape(), gradient.device())?;
        let mean = ((mean * beta)? + &fresh)?;
        *momentum = mean.flatten_all()?.to_vec1()?;
        let ahead = ((mean * beta)? + fresh)?;
        let (lr, columns) = (self.lr * self.config.rate, gradient.dim(1)?);
        let (mut top, mut updates) = (0, Vec::with_capacity(param.stacked.len()));
        for &rows in &param.stacked {
            let scale = ADAMW_RMS * lr * (rows.max(columns) as f64).sqrt();
            updates.push((orthogonal(&ahead.narrow(0, top, rows)?)? * scale)?);
            top += rows;
        }
        let kept = (param.var.as_tensor() * (1.0 - lr * self.decay))?;
        param.var.set(&(kept - Tensor::cat(&updates, 0)?)?)?;
        Ok(())
    }
}

/// `UVᵀ` of `x = UΣVᵀ`, about: the singular values are near one, not one.
fn orthogonal(x: &Tensor) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let wide = if rows > columns { x.t()? } else { x.clone() };
    let mut y = wide.contiguous()?;
    let norm = f64::from(y.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?);
    y = (y / (norm + 1e-7))?;
    let (a, b, c) = QUINTIC;
    for _ in 0..ITERATIONS {
        let gram = y.matmul(&y.t()?)?;
        let polynomial = ((&gram * b)? + (gram.matmul(&gram)? * c)?)?;
        y = ((&y * a)? + polynomial.matmul(&y)?)?;
    }
    Ok(if rows > columns { y.t()?.contiguous()? } else { y })
}

#[cfg(test)]
mod tests;
