//! Normalisation of queries and keys per head (Qwen3), on the merged projection.

use super::Kernels;
use super::attention::Heads;
use super::rms_norm::{backward_row, forward_row, rms_norm, sum_in_order};
use super::slices::{ROWS_PER_TASK, values, with_values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Normalises every query head by `q_weight [head_dim]` and every key head by `k_weight [head_dim]` in
/// `qkv [rows, (heads + 2·kv_heads)·head_dim]`; the values pass unchanged.
///
/// # Errors
/// When the shapes do not fit, or the fused version is asked for on another device or dtype than CPU `f32`.
pub fn qk_norm(qkv: &Tensor, weights: (&Tensor, &Tensor), norm: QkNorm, kernels: Kernels) -> Result<Tensor> {
    let (q_weight, k_weight) = weights;
    match kernels {
        Kernels::Fused => qkv.contiguous()?.apply_op3(q_weight, k_weight, norm),
        Kernels::Reference => {
            let Heads { heads, kv_heads, head_dim } = norm.heads;
            let rows = qkv.dim(0)?;
            let part = |from: usize, count: usize, weight: &Tensor| {
                let flat =
                    qkv.narrow(1, from * head_dim, count * head_dim)?.reshape((rows * count, head_dim))?;
                rms_norm(&flat, weight, norm.eps, Kernels::Reference)?.reshape((rows, count * head_dim))
            };
            let q = part(0, heads, q_weight)?;
            let k = part(heads, kv_heads, k_weight)?;
            let v = qkv.narrow(1, (heads + kv_heads) * head_dim, kv_heads * head_dim)?;
            Tensor::cat(&[q, k, v], 1)
        }
    }
}

/// The layout of the heads and the `ε` of their norm.
#[derive(Clone, Copy, Debug)]
pub struct QkNorm {
    /// How many heads, and how wide.
    pub heads: Heads,
    /// Added to the mean square.
    pub eps: f64,
}

impl CustomOp3 for QkNorm {
    fn name(&self) -> &'static str {
        "qk_norm"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let qkv = values(s1, l1, self.name())?;
        let (q_weight, k_weight) = (values(s2, l2, self.name())?, values(s3, l3, self.name())?);
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let width = self.heads.merged_width();
        if l1.shape().dims2()?.1 != width || q_weight.len() != head_dim || k_weight.len() != head_dim {
            bail!("qk_norm: {:?} does not hold {:?}", l1.shape(), self.heads)
        }
        let mut out = qkv.to_vec();
        let eps = self.eps as f32;
        out.par_chunks_mut(ROWS_PER_TASK * width).zip(qkv.par_chunks(ROWS_PER_TASK * width)).for_each(
            |(out, x)| {
                for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    let pairs = out.chunks_exact_mut(head_dim).zip(x.chunks_exact(head_dim));
                    for (head, (out, x)) in pairs.take(heads + kv_heads).enumerate() {
                        forward_row(x, if head < heads { q_weight } else { k_weight }, eps, out);
                    }
                }
            },
        );
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        q_weight: &Tensor,
        k_weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let op = self.name();
        let (dx, mut dw) = with_values(qkv, op, |x| {
            with_values(q_weight, op, |q| {
                with_values(k_weight, op, |k| with_values(grad, op, |g| Ok(self.backward(x, (q, k), g))))
            })
        })?;
        let k_part = dw.split_off(self.heads.head_dim);
        let device = qkv.device();
        Ok((
            Some(Tensor::from_vec(dx, qkv.shape(), device)?),
            Some(Tensor::from_vec(dw, q_weight.shape(), device)?),
            Some(Tensor::from_vec(k_part, k_weight.shape(), device)?),
        ))
    }
}

impl QkNorm {
    /// The gradients of the input, and of both weights in one vector.
    fn backward(&self, x: &[f32], weights: (&[f32], &[f32]), g: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let width = self.heads.merged_width();
        let (block, eps) = (ROWS_PER_TASK * width, self.eps as f32);
        let mut dx = g.to_vec();
        let partial: Vec<Vec<f32>> =
            (dx.par_chunks_mut(block).zip(x.par_chunks(block)).zip(g.par_chunks(block)))
                .map(|((dx, x), g)| {
                    let mut dw = vec![0f32; 2 * head_dim];
                    let (dq, dk) = dw.split_at_mut(head_dim);
                    for ((dx, x), g) in
                        dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(g.chunks_exact(width))
                    {
                        let parts = dx.chunks_exact_mut(head_dim).zip(x.chunks_exact(head_dim));
                        let parts = parts.zip(g.chunks_exact(head_dim)).take(heads + kv_heads);
                        for (head, ((dx, x), g)) in parts.enumerate() {
                            if head < heads {
                                backward_row(x, weights.0, eps, g, (dx, &mut *dq));
                            } else {
                                backward_row(x, weights.1, eps, g, (dx, &mut *dk));
                            }
                        }
                    }
                    dw
                })
                .collect();
        (dx, sum_in_order(&partial, 2 * head_dim))
    }
}
