//! `y = x·Wᵀ`, with the weight as checkpoints store it: `[out, in]`.
//!
//! candle's own matmul would do, but its backward pass yields `dWᵀ`, which is then transposed and added element by
//! element, and it computes `dW` for frozen weights too. This one computes `dW` in the weight's own layout, or not at
//! all. It runs on every device and dtype that candle can multiply.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor, bail};

/// Whether a weight learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightMode {
    /// The backward pass computes the weight's gradient.
    Trained,
    /// The weight is constant: no gradient is computed or stored for it.
    Frozen,
}

struct Linear(WeightMode);

/// `x [rows, in] · weight [out, in]ᵀ → [rows, out]`.
///
/// # Errors
/// When the shapes do not fit or the tensors lie on different devices.
pub fn linear(x: &Tensor, weight: &Tensor, mode: WeightMode) -> Result<Tensor> {
    x.apply_op2(weight, Linear(mode))
}

/// The product of two storages, the second transposed, and its shape.
pub(super) fn product<S: BackendStorage>(
    x: &S,
    x_layout: &Layout,
    w: &S,
    w_layout: &Layout,
) -> Result<(S, Shape)> {
    let (rows, inner) = x_layout.shape().dims2()?;
    let (out, w_inner) = w_layout.shape().dims2()?;
    if inner != w_inner {
        bail!("linear: the input has {inner} columns, the weight {w_inner}")
    }
    let product = x.matmul(w, (1, rows, out, inner), x_layout, &w_layout.transpose(0, 1)?)?;
    Ok((product, Shape::from((rows, out))))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        crate::pace::wait();
        product(x, xl, w, wl)
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        xl: &Layout,
        w: &CudaStorage,
        wl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        product(x, xl, w, wl)
    }

    fn metal_fwd(
        &self,
        x: &MetalStorage,
        xl: &Layout,
        w: &MetalStorage,
        wl: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        product(x, xl, w, wl)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        crate::pace::wait();
        let grad_x = grad.matmul(weight)?;
        let grad_weight = match self.0 {
            WeightMode::Trained => Some(grad.t()?.matmul(x)?),
            WeightMode::Frozen => None,
        };
        Ok((Some(grad_x), grad_weight))
    }
}
