//! The output projection and the negative log-likelihood in one operation: `nll[i] = −log softmax(h[i]·Wᵀ)[target[i]]`.
//!
//! Logits are made for a block of rows and of the vocabulary at a time and made again in the backward pass, so the
//! `[rows, vocabulary]` matrix never exists, and what is held does not grow with the vocabulary.

use super::Kernels;
use super::linear::WeightMode;
use super::matrix::{View, Write, multiply_parallel};
use super::simd::{dot, exp, exp_and_sum, max};
use super::slices::{values, with_values};
use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// Rows whose logits are held at a time.
const BLOCK: usize = 256;
/// Pieces of the vocabulary whose logits are held at a time.
const PIECES: usize = 8192;

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
        crate::pace::wait();
        let (hidden, weight) = (values(s1, l1, self.name())?, values(s2, l2, self.name())?);
        let (rows, width) = l1.shape().dims2()?;
        let (vocabulary, weight_width) = l2.shape().dims2()?;
        if width != weight_width {
            bail!("cross_entropy: the hidden rows have {width} columns, the weight {weight_width}")
        }
        let mut nll = vec![0f32; rows];
        let mut logits = vec![0f32; rows.min(BLOCK) * vocabulary.min(PIECES)];
        let blocks = nll.chunks_mut(BLOCK).zip(self.targets.chunks(BLOCK)).zip(hidden.chunks(BLOCK * width));
        for ((nll, targets), hidden) in blocks {
            let hidden = View::new(hidden, nll.len(), width, width);
            let mut sums = vec![Running::default(); nll.len()];
            for (first, weight) in pieces(weight, width) {
                let count = weight.len() / width;
                let logits = &mut logits[..nll.len() * count];
                let weight = View::new(weight, count, width, width).transposed();
                multiply_parallel(logits, count, Write::Replace, hidden, weight);
                sums.par_iter_mut().zip(targets).zip(logits.par_chunks_mut(count)).for_each(
                    |((sum, &target), logits)| sum.add(logits, (target as usize).checked_sub(first)),
                );
            }
            nll.iter_mut().zip(&sums).for_each(|(nll, sum)| *nll = sum.nll());
        }
        Ok((CpuStorage::F32(nll), Shape::from(rows)))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        weight: &Tensor,
        nll: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        crate::pace::wait();
        let op = self.name();
        let (_, width) = hidden.dims2()?;
        let (dh, dw) = with_values(hidden, op, |h| {
            with_values(weight, op, |w| {
                with_values(nll, op, |nll| {
                    with_values(grad, op, |g| Ok(self.backward(h, w, (nll, g), width)))
                })
            })
        })?;
        Ok((
            Some(Tensor::from_vec(dh, hidden.shape(), hidden.device())?),
            dw.map(|dw| Tensor::from_vec(dw, weight.shape(), weight.device())).transpose()?,
        ))
    }
}

impl CrossEntropy {
    /// `d logits = g·(softmax − one-hot)`. The normaliser comes back from the forward pass: it is the loss of a row and
    /// the logit of its target.
    fn backward(
        &self,
        hidden: &[f32],
        weight: &[f32],
        (nll, grad): (&[f32], &[f32]),
        width: usize,
    ) -> (Vec<f32>, Option<Vec<f32>>) {
        let vocabulary = weight.len() / width;
        let mut dh = vec![0f32; hidden.len()];
        let mut dw = (self.mode == WeightMode::Trained).then(|| vec![0f32; weight.len()]);
        let mut logits = vec![0f32; grad.len().min(BLOCK) * vocabulary.min(PIECES)];
        let blocks = grad.chunks(BLOCK).zip(nll.chunks(BLOCK)).zip(self.targets.chunks(BLOCK));
        let blocks = blocks.zip(hidden.chunks(BLOCK * width)).zip(dh.chunks_mut(BLOCK * width));
        for ((((grad, nll), targets), hidden), dh) in blocks {
            let rows = grad.len();
            let normalisers: Vec<f32> = (nll.iter().zip(targets).zip(hidden.chunks_exact(width)))
                .map(|((nll, &target), row)| nll + dot(row, &weight[target as usize * width..][..width]))
                .collect();
            let hidden = View::new(hidden, rows, width, width);
            for (first, piece) in pieces(weight, width) {
                let count = piece.len() / width;
                let logits = &mut logits[..rows * count];
                let piece = View::new(piece, count, width, width);
                multiply_parallel(logits, count, Write::Replace, hidden, piece.transposed());
                let rows_of = grad.par_iter().zip(&normalisers).zip(targets);
                rows_of.zip(logits.par_chunks_mut(count)).for_each(
                    |(((&g, &normaliser), &target), logits)| {
                        logits.iter_mut().for_each(|p| *p = g * exp(*p - normaliser));
                        let own = (target as usize).checked_sub(first);
                        if let Some(logit) = own.and_then(|at| logits.get_mut(at)) {
                            *logit -= g;
                        }
                    },
                );
                let d_logits = View::new(logits, rows, count, count);
                let write = if first == 0 { Write::Replace } else { Write::Add };
                multiply_parallel(dh, width, write, d_logits, piece);
                if let Some(dw) = &mut dw {
                    let dw = &mut dw[first * width..(first + count) * width];
                    multiply_parallel(dw, width, Write::Add, d_logits.transposed(), hidden);
                }
            }
        }
        (dh, dw)
    }
}

/// The rows of the output matrix, so many at a time, each time with the number of the first.
fn pieces(weight: &[f32], width: usize) -> impl Iterator<Item = (usize, &[f32])> {
    weight.chunks(PIECES * width).enumerate().map(|(i, rows)| (i * PIECES, rows))
}

/// `log Σ exp` of a row whose logits come piece by piece, and the target's logit.
#[derive(Clone, Copy)]
struct Running {
    top: f32,
    sum: f32,
    target: f32,
}

impl Default for Running {
    fn default() -> Self {
        Self { top: f32::NEG_INFINITY, sum: 0.0, target: 0.0 }
    }
}

impl Running {
    /// Takes the next logits; `target` is the target's place among them and those that follow.
    fn add(&mut self, logits: &mut [f32], target: Option<usize>) {
        if let Some(logit) = target.and_then(|at| logits.get(at)) {
            self.target = *logit;
        }
        let top = max(logits);
        let sum = exp_and_sum(logits, top);
        if self.sum == 0.0 {
            (self.top, self.sum) = (top, sum);
        } else {
            let common = self.top.max(top);
            self.sum = self.sum * (self.top - common).exp() + sum * (top - common).exp();
            self.top = common;
        }
    }

    fn nll(self) -> f32 {
        self.sum.ln() + self.top - self.target
    }
}
