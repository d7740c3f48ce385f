//! `y = x·Wᵀ + inner·upᵀ` with a constant `W`: a linear with an adapter beside it, in one operation.
//!
//! Out of plain operations the product, what each part of the adapter adds, their concatenation and the sum would all be
//! kept for the backward pass, though none of them is needed there: four times the output of the widest linears. Here the
//! adapter's share is added to the product where it lies, and `y` is all that is kept.

use super::Kernels;
use super::linear::{WeightMode, linear, product};
use super::matrix::{View, Write, multiply_parallel};
use super::slices::{values, with_values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail};
use std::ops::Range;
use std::sync::Arc;

/// The columns of the output that a part of an adapter adds to, and where its columns begin in `inner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowRankPart {
    /// Columns of the output, which are rows of `up`.
    pub rows: Range<usize>,
    /// The first of its columns of `inner`, as many as the rank.
    pub inner: usize,
}

/// What an adapter adds to a linear: for every part `inner[:, part]·up[part]ᵀ`.
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[tokens, parts·rank]`.
    pub inner: Tensor,
    /// `[out, rank]`; rows of no part are not read.
    pub up: Tensor,
    /// The parts, which overlap nowhere.
    pub parts: Arc<[LowRankPart]>,
}

impl LowRank {
    /// The same as constants.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { inner: self.inner.detach(), up: self.up.detach(), parts: self.parts.clone() }
    }
}

/// `x [tokens, in] · weight [out, in]ᵀ` and what `added` says, `[tokens, out]`. The weight is a constant.
///
/// # Errors
/// When the shapes do not fit, or the fused version is asked for on another device or dtype than CPU `f32`.
pub fn adapted_linear(x: &Tensor, weight: &Tensor, added: &LowRank, kernels: Kernels) -> Result<Tensor> {
    added.check(x.dim(0)?, weight.dim(0)?)?;
    match kernels {
        Kernels::Fused => {
            let op = Adapted { weight: weight.detach(), parts: added.parts.clone() };
            x.apply_op3(&added.inner.contiguous()?, &added.up.contiguous()?, op)
        }
        Kernels::Reference => linear(x, weight, WeightMode::Frozen)? + added.whole()?,
    }
}

impl LowRank {
    fn check(&self, tokens: usize, out: usize) -> Result<()> {
        let ((inner_rows, columns), (rows, rank)) = (self.inner.dims2()?, self.up.dims2()?);
        let inside = |p: &LowRankPart| p.rows.end <= out && p.inner + rank <= columns;
        if inner_rows != tokens || rows != out || !self.parts.iter().all(inside) {
            bail!("adapted_linear: {tokens} x {out} are asked for, the adapter has {inner_rows} x {rows}")
        }
        Ok(())
    }

    /// `[tokens, out]`, out of plain operations.
    fn whole(&self) -> Result<Tensor> {
        let (tokens, (out, rank)) = (self.inner.dim(0)?, self.up.dims2()?);
        let zeros = |columns| Tensor::zeros((tokens, columns), self.inner.dtype(), self.inner.device());
        let (mut done, mut pieces) = (0, Vec::with_capacity(self.parts.len()));
        for part in self.parts.iter() {
            if part.rows.start > done {
                pieces.push(zeros(part.rows.start - done)?);
            }
            let inner = self.inner.narrow(1, part.inner, rank)?.contiguous()?;
            let up = self.up.narrow(0, part.rows.start, part.rows.len())?;
            pieces.push(linear(&inner, &up, WeightMode::Trained)?);
            done = part.rows.end;
        }
        if done < out {
            pieces.push(zeros(out - done)?);
        }
        Tensor::cat(&pieces, 1)
    }
}

struct Adapted {
    weight: Tensor,
    parts: Arc<[LowRankPart]>,
}

/// A block of columns of a matrix in row order.
fn columns(data: &[f32], rows: usize, (first, count): (usize, usize)) -> View<'_> {
    let width = data.len() / rows.max(1);
    View::new(data.get(first..).unwrap_or_default(), rows, count, width)
}

impl CustomOp3 for Adapted {
    fn name(&self) -> &'static str {
        "adapted_linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        inner: &CpuStorage,
        il: &Layout,
        up: &CpuStorage,
        ul: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        crate::pace::wait();
        let (weight, wl) = self.weight.storage_and_layout();
        let Storage::Cpu(weight) = &*weight else { bail!("adapted_linear: the weight is not on the CPU") };
        let (CpuStorage::F32(mut y), shape) = product(x, xl, weight, wl)? else {
            bail!(
                "adapted_linear: the fused kernel needs f32 values; use the reference kernels for other dtypes"
            )
        };
        let (inner, up) = (values(inner, il, self.name())?, values(up, ul, self.name())?);
        let (tokens, out) = shape.dims2()?;
        let (_, rank) = ul.shape().dims2()?;
        for LowRankPart { rows, inner: first } in self.parts.iter().filter(|_| tokens > 0) {
            let a = columns(inner, tokens, (*first, rank));
            let b = View::new(&up[rows.start * rank..], rows.len(), rank, rank).transposed();
            multiply_parallel(&mut y[rows.start..], out, Write::Add, a, b);
        }
        Ok((CpuStorage::F32(y), shape))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        inner: &Tensor,
        up: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        crate::pace::wait();
        let op = self.name();
        let (tokens, out) = grad.dims2()?;
        let (wide, rank) = (inner.dim(1)?, up.dim(1)?);
        let (d_inner, d_up) = with_values(inner, op, |inner| {
            with_values(up, op, |up| {
                with_values(grad, op, |grad| {
                    let (mut d_inner, mut d_up) = (vec![0f32; tokens * wide], vec![0f32; out * rank]);
                    for LowRankPart { rows, inner: first } in self.parts.iter().filter(|_| tokens > 0) {
                        let d = columns(grad, tokens, (rows.start, rows.len()));
                        let b = View::new(&up[rows.start * rank..], rows.len(), rank, rank);
                        multiply_parallel(&mut d_inner[*first..], wide, Write::Replace, d, b);
                        let a = columns(inner, tokens, (*first, rank));
                        multiply_parallel(
                            &mut d_up[rows.start * rank..],
                            rank,
                            Write::Replace,
                            d.transposed(),
                            a,
                        );
                    }
                    Ok((d_inner, d_up))
                })
            })
        })?;
        Ok((
            Some(grad.matmul(&self.weight)?),
            Some(Tensor::from_vec(d_inner, (tokens, wide), inner.device())?),
            Some(Tensor::from_vec(d_up, (out, rank), up.device())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::random;
    use candle_core::{DType, Var};

    /// Parts with a gap before, between and behind them; values and gradients of both versions.
    #[test]
    fn the_fused_version_is_the_plain_one() {
        let var = |shape: &[usize], seed| {
            let values = random(shape, seed).to_dtype(DType::F32).expect("a cast");
            Var::from_tensor(&values).expect("a variable")
        };
        let (tokens, width, out, rank) = (130, 24, 20, 3);
        let (x, w) = (var(&[tokens, width], 1), var(&[out, width], 2));
        let (inner, up) = (var(&[tokens, 2 * rank], 3), var(&[out, rank], 4));
        let parts = [LowRankPart { rows: 2..9, inner: 3 }, LowRankPart { rows: 11..17, inner: 0 }];
        let weights = random(&[tokens, out], 5).to_dtype(DType::F32).expect("a cast");
        let of = |kernels| {
            let [inner, up] = [&inner, &up].map(|v| v.as_tensor().clone());
            let added = LowRank { inner, up, parts: parts.to_vec().into() };
            let y = adapted_linear(&x, &w, &added, kernels).expect("computes");
            let grads = (&y * &weights).and_then(|y| y.sum_all()?.backward()).expect("gradients");
            assert!(grads.get(w.as_tensor()).is_none(), "the weight is a constant");
            (y, grads)
        };
        let ((fused, fused_grads), (plain, plain_grads)) = (of(Kernels::Fused), of(Kernels::Reference));
        let far = |a: &Tensor, b: &Tensor| {
            let far = (a - b).and_then(|d| d.abs()?.max_all()?.to_scalar::<f32>());
            far.expect("one shape")
        };
        assert!(far(&fused, &plain) < 1e-5);
        for var in [&x, &inner] {
            let [a, b] = [&fused_grads, &plain_grads].map(|g| g.get(var.as_tensor()).expect("a gradient"));
            assert!(far(a, b) < 1e-4);
        }
        let [a, b] = [&fused_grads, &plain_grads].map(|g| g.get(up.as_tensor()).expect("a gradient"));
        assert!(far(a, b) < 1e-3);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let zeros = |shape: (usize, usize)| {
            Tensor::zeros(shape, DType::F32, &candle_core::Device::Cpu).expect("a tensor")
        };
        let parts: Arc<[LowRankPart]> = [LowRankPart { rows: 0..4, inner: 0 }].into();
        let (x, w) = (zeros((5, 2)), zeros((4, 2)));
        for (inner, up) in [((4, 3), (4, 3)), ((5, 3), (3, 3)), ((5, 2), (4, 3))] {
            let added = LowRank { inner: zeros(inner), up: zeros(up), parts: parts.clone() };
            assert!(adapted_linear(&x, &w, &added, Kernels::Fused).is_err(), "{inner:?} {up:?}");
        }
    }
}
