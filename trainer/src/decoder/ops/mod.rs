//! The differentiable operations of the decoder, each in two versions.
//!
//! candle's own element-wise and reduction operations run on one thread, allocate, and keep every intermediate value;
//! on a CPU they cost more than the matrix products. So each operation here has
//!
//! * a **fused** version: one pass over `f32` slices, parallel over rows (or over segments × heads), with a backward
//!   pass of its own;
//! * a **reference** version made of plain differentiable candle operations, which runs on every device and dtype and
//!   is what the fused version is tested against.
//!
//! Reductions over rows are done in blocks of fixed size that are added up in order, so results do not depend on the
//! number of threads.

pub mod attention;
mod attention_cpu;
pub mod cross_entropy;
pub mod linear;
pub mod low_rank;
mod matrix;
pub mod qk_norm;
pub mod rms_norm;
pub mod rotary;
pub mod simd;
pub mod slices;
pub mod swiglu;
#[cfg(test)]
mod tests;

use candle_core::{DType, Device};

/// Which version of the operations the decoder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// The fused CPU versions; `f32` only.
    Fused,
    /// Plain differentiable candle operations; any device, any float dtype.
    Reference,
}

impl Kernels {
    /// The fastest version that runs on `device` with `dtype`.
    pub fn for_device(device: &Device, dtype: DType) -> Self {
        match (device.is_cpu(), dtype) {
            (true, DType::F32) => Kernels::Fused,
            _ => Kernels::Reference,
        }
    }
}
