//! Root-mean-square normalisation (Zhang and Sennrich 2019): `y = x / √(mean(x²) + ε) · w`.

use super::Kernels;
use super::simd::{dot, dot3};
use super::slices::{ROWS_PER_TASK, values, with_values};
use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Normalises every row of `x [rows, width]` and scales it by `weight [width]`.
///
/// # Errors
/// When the shapes do not fit, or the fused version is asked for on another device or dtype than CPU `f32`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64, kernels: Kernels) -> Result<Tensor> {
    match kernels {
        Kernels::Fused => x.contiguous()?.apply_op2(weight, RmsNorm { eps: eps as f32 }),
        Kernels::Reference => {
            let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
            x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.broadcast_mul(weight)
        }
    }
}

struct RmsNorm {
    eps: f32,
}

/// `1 / √(mean(x²) + ε)` of one row.
#[inline(always)]
pub(super) fn inverse_rms(row: &[f32], eps: f32) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + eps).sqrt()
}

/// One normalised row.
#[inline(always)]
pub(super) fn forward_row(x: &[f32], w: &[f32], eps: f32, y: &mut [f32]) {
    let inv = inverse_rms(x, eps);
    for ((y, &x), &w) in y.iter_mut().zip(x).zip(w) {
        *y = x * inv * w;
    }
}

/// The gradient of one row: writes `dx`, adds to `dw`.
///
/// With `r = 1/√(mean(x²)+ε)` and `n` columns: `dx = r·(g·w − x·r²/n·Σ g·w·x)`, `dw += g·x·r`.
#[inline(always)]
pub(super) fn backward_row(x: &[f32], w: &[f32], eps: f32, g: &[f32], out: (&mut [f32], &mut [f32])) {
    let (dx, dw) = out;
    let inv = inverse_rms(x, eps);
    let shared = dot3(g, w, x) * inv * inv / x.len() as f32;
    for ((((dx, dw), &x), &w), &g) in dx.iter_mut().zip(dw.iter_mut()).zip(x).zip(w).zip(g) {
        *dx = inv * (g * w - x * shared);
        *dw += g * x * inv;
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (values(s1, l1, self.name())?, values(s2, l2, self.name())?);
        let (_, width) = l1.shape().dims2()?;
        if w.len() != width {
            bail!("rms_norm: {width} columns, but {} weights", w.len())
        }
        let mut y = vec![0f32; x.len()];
        let block = ROWS_PER_TASK * width;
        y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                forward_row(x, w, self.eps, y);
            }
        });
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = with_values(x, self.name(), |x| {
            with_values(weight, self.name(), |w| {
                with_values(grad, self.name(), |g| Ok(backward(x, w, g, self.eps)))
            })
        })?;
        let dx = Tensor::from_vec(dx, x.shape(), x.device())?;
        let dw = Tensor::from_vec(dw, weight.shape(), x.device())?;
        Ok((Some(dx), Some(dw)))
    }
}

fn backward(x: &[f32], w: &[f32], g: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let width = w.len();
    let block = ROWS_PER_TASK * width;
    let mut dx = vec![0f32; x.len()];
    let partial: Vec<Vec<f32>> = dx
        .par_chunks_mut(block)
        .zip(x.par_chunks(block))
        .zip(g.par_chunks(block))
        .map(|((dx, x), g)| {
            let mut dw = vec![0f32; width];
            for ((dx, x), g) in
                dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(g.chunks_exact(width))
            {
                backward_row(x, w, eps, g, (dx, &mut dw));
            }
            dw
        })
        .collect();
    (dx, sum_in_order(&partial, width))
}

/// Adds partial sums in their order, so that the result does not depend on which thread made which.
pub(super) fn sum_in_order(partial: &[Vec<f32>], width: usize) -> Vec<f32> {
    let mut total = vec![0f32; width];
    for part in partial {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    total
}
