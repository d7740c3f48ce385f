//! The gate of the feed-forward block (Shazeer 2020): `y = silu(gate) · up`, with `silu(x) = x·σ(x)`.
//!
//! `gate` and `up` come from one matrix product, side by side in one tensor `[rows, 2·hidden]`.

use super::Kernels;
use super::simd::sigmoid;
use super::slices::{ROWS_PER_TASK, values, with_values};
use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// `[gate | up]` of shape `[rows, 2·hidden]` → `[rows, hidden]`.
///
/// # Errors
/// When the tensor has an odd number of columns, or the fused version is asked for on another device or dtype than
/// CPU `f32`.
pub fn swiglu(gate_up: &Tensor, kernels: Kernels) -> Result<Tensor> {
    match kernels {
        Kernels::Fused => gate_up.contiguous()?.apply_op1(SwiGlu),
        Kernels::Reference => {
            let hidden = gate_up.dim(D::Minus1)? / 2;
            let gate = gate_up.narrow(D::Minus1, 0, hidden)?;
            gate.silu()? * gate_up.narrow(D::Minus1, hidden, hidden)?
        }
    }
}

struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        crate::pace::wait();
        let gate_up = values(storage, layout, self.name())?;
        let (rows, hidden) = split(layout.shape())?;
        let mut y = vec![0f32; rows * hidden];
        y.par_chunks_mut(ROWS_PER_TASK * hidden)
            .zip(gate_up.par_chunks(ROWS_PER_TASK * 2 * hidden))
            .for_each(|(y, gate_up)| {
                for (y, row) in y.chunks_exact_mut(hidden).zip(gate_up.chunks_exact(2 * hidden)) {
                    let (gate, up) = row.split_at(hidden);
                    for ((y, &gate), &up) in y.iter_mut().zip(gate).zip(up) {
                        *y = gate * sigmoid(gate) * up;
                    }
                }
            });
        Ok((CpuStorage::F32(y), Shape::from((rows, hidden))))
    }

    fn bwd(&self, gate_up: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        crate::pace::wait();
        let (_, hidden) = split(gate_up.shape())?;
        let d = with_values(gate_up, self.name(), |gate_up| {
            with_values(grad, self.name(), |grad| Ok(backward(gate_up, grad, hidden)))
        })?;
        Ok(Some(Tensor::from_vec(d, gate_up.shape(), gate_up.device())?))
    }
}

fn split(shape: &Shape) -> Result<(usize, usize)> {
    let (rows, columns) = shape.dims2()?;
    if columns % 2 != 0 {
        candle_core::bail!("swiglu: {columns} columns cannot be split into gate and up")
    }
    Ok((rows, columns / 2))
}

/// `d silu(x)/dx = σ(x)·(1 + x·(1 − σ(x)))`.
fn backward(gate_up: &[f32], grad: &[f32], hidden: usize) -> Vec<f32> {
    let mut d = vec![0f32; gate_up.len()];
    let block = ROWS_PER_TASK * 2 * hidden;
    (d.par_chunks_mut(block).zip(gate_up.par_chunks(block)).zip(grad.par_chunks(ROWS_PER_TASK * hidden)))
        .for_each(|((d, gate_up), grad)| {
            let rows = d.chunks_exact_mut(2 * hidden).zip(gate_up.chunks_exact(2 * hidden));
            for ((d, row), grad) in rows.zip(grad.chunks_exact(hidden)) {
                let (d_gate, d_up) = d.split_at_mut(hidden);
                let (gate, up) = row.split_at(hidden);
                for ((((d_gate, d_up), &gate), &up), &g) in
                    d_gate.iter_mut().zip(d_up).zip(gate).zip(up).zip(grad)
                {
                    let s = sigmoid(gate);
                    *d_up = g * gate * s;
                    *d_gate = g * up * s * (1.0 - s).mul_add(gate, 1.0);
                }
            }
        });
    d
}
