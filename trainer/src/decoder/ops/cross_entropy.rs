//! The output projection and the negative log-likelihood in one operation: `nll[i] = −log softmax(h[i]·Wᵀ)[target[i]]`.
//!
//! Logits are made for a block of rows at a time and made again in the backward pass, so the `[rows, vocabulary]` matrix
//! never exists as a whole.

use super::Kernels;
use super::linear::WeightMode;
use super::matrix::{View, Write, multiply_parallel};
use super::simd::{exp_and_sum, max};
use super::slices::{values, with_values};
use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// Rows whose logits are held at a time.
const BLOCK: usize = 256;

/// `hidden [rows, width]`, `weight [vocabulary, width]`, one target per row → `nll [rows]` in nats.
///
/// A frozen weight gets no gradient.
///
/// # Errors
/// When the shapes do not fit, a target lies outside of the vocabulary, or the fused version is asked for on another
/// device or dtype than CPU `f32`.
pub fn cross_entropy(
    hidden: &Tensor,
    (weight, mode): (&Tensor, WeightMode),
    targets: &Arc<[u32]>,
    kernels: Kernels,
) -> Result<Tensor> {
    let (rows, vocabulary) = (hidden.dim(0)?, weight.dim(0)?);
    if targets.len() != rows {
        bail!("cross_entropy: {rows} rows, but {} targets", targets.len())
    }
    if let Some(bad) = targets.iter().find(|&&t| t as usize >= vocabulary) {
        bail!("cross_entropy: target {bad} lies outside of the vocabulary of {vocabulary}")
    }
    match kernels {
        Kernels::Fused => {
            hidden.contiguous()?.apply_op2(weight, CrossEntropy { targets: targets.clone(), mode })
        }
        Kernels::Reference => {
            let logits = hidden.matmul(&weight.t()?)?;
            let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
            let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
            let index = Tensor::from_vec(targets.to_vec(), (rows, 1), hidden.device())?;
            (log_sum - shifted.gather(&index, 1)?)?.squeeze(1)
        }
    }
}

struct CrossEntropy {
    targets: Arc<[u32]>,
    mode: WeightMode,
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (hidden, weight) = (values(s1, l1, self.name())?, values(s2, l2, self.name())?);
        let (rows, width) = l1.shape().dims2()?;
        let (vocabulary, weight_width) = l2.shape().dims2()?;
        if width != weight_width {
            bail!("cross_entropy: the hidden rows have {width} columns, the weight {weight_width}")
        }
        let mut nll = vec![0f32; rows];
        let mut logits = vec![0f32; rows.min(BLOCK) * vocabulary];
        let blocks = nll.chunks_mut(BLOCK).zip(self.targets.chunks(BLOCK)).zip(hidden.chunks(BLOCK * width));
        for ((nll, targets), hidden) in blocks {
            let logits = &mut logits[..nll.len() * vocabulary];
            let hidden = View::new(hidden, nll.len(), width, width);
            multiply_parallel(
                logits,
                vocabulary,
                Write::Replace,
                hidden,
                View::new(weight, vocabulary, width, width).transposed(),
            );
            nll.par_iter_mut().zip(targets).zip(logits.par_chunks_mut(vocabulary)).for_each(
                |((nll, &target), logits)| {
                    let (top, at_target) = (max(logits), logits[target as usize]);
                    *nll = exp_and_sum(logits, top).ln() + top - at_target;
                },
            );
        }
        Ok((CpuStorage::F32(nll), Shape::from(rows)))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let op = self.name();
        let (_, width) = hidden.dims2()?;
        let (dh, dw) = with_values(hidden, op, |h| {
            with_values(weight, op, |w| with_values(grad, op, |g| Ok(self.backward(h, w, g, width))))
        })?;
        Ok((
            Some(Tensor::from_vec(dh, hidden.shape(), hidden.device())?),
            dw.map(|dw| Tensor::from_vec(dw, weight.shape(), weight.device())).transpose()?,
        ))
    }
}

impl CrossEntropy {
    /// `d logits = g·(softmax − one-hot)`.
    fn backward(
        &self,
        hidden: &[f32],
        weight: &[f32],
        grad: &[f32],
        width: usize,
    ) -> (Vec<f32>, Option<Vec<f32>>) {
        let vocabulary = weight.len() / width;
        let mut dh = vec![0f32; hidden.len()];
        let mut dw = (self.mode == WeightMode::Trained).then(|| vec![0f32; weight.len()]);
        let mut logits = vec![0f32; grad.len().min(BLOCK) * vocabulary];
        let weight = View::new(weight, vocabulary, width, width);
        let blocks = grad.chunks(BLOCK).zip(self.targets.chunks(BLOCK));
        let blocks = blocks.zip(hidden.chunks(BLOCK * width)).zip(dh.chunks_mut(BLOCK * width));
        for (((grad, targets), hidden), dh) in blocks {
            let rows = grad.len();
            let logits = &mut logits[..rows * vocabulary];
            let hidden = View::new(hidden, rows, width, width);
            multiply_parallel(logits, vocabulary, Write::Replace, hidden, weight.transposed());
            grad.par_iter().zip(targets).zip(logits.par_chunks_mut(vocabulary)).for_each(
                |((&g, &target), logits)| {
                    let top = max(logits);
                    let scale = g / exp_and_sum(logits, top);
                    logits.iter_mut().for_each(|p| *p *= scale);
                    logits[target as usize] -= g;
                },
            );
            let d_logits = View::new(logits, rows, vocabulary, vocabulary);
            multiply_parallel(dh, width, Write::Replace, d_logits, weight);
            if let Some(dw) = &mut dw {
                multiply_parallel(dw, width, Write::Add, d_logits.transposed(), hidden);
            }
        }
        (dh, dw)
    }
}
