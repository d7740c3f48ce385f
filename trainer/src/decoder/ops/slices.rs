//! Access to the `f32` values behind candle tensors, and a slice that several threads may write.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};
use std::marker::PhantomData;

/// Rows handled by one task of a row-parallel operation. Fixed, so that partial sums are the same for any number of
/// threads.
pub(crate) const ROWS_PER_TASK: usize = 64;

/// The values of a contiguous `f32` CPU storage.
///
/// # Errors
/// When the dtype is not `f32` or the layout is strided.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout, op: &'static str) -> Result<&'a [f32]> {
    let CpuStorage::F32(all) = storage else {
        bail!("{op}: the fused kernel needs f32 values; use the reference kernels for other dtypes")
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => bail!("{op}: the fused kernel needs a contiguous tensor, got strides {:?}", layout.stride()),
    }
}

/// Runs `body` on the values of a contiguous `f32` CPU tensor.
///
/// # Errors
/// As [`values`], or what `body` returns.
pub(crate) fn with_values<R>(
    tensor: &Tensor,
    op: &'static str,
    body: impl FnOnce(&[f32]) -> Result<R>,
) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("{op}: the fused kernel runs on the CPU only") };
    body(values(storage, layout, op)?)
}

/// A mutable slice of which several threads write parts that do not overlap.
#[derive(Clone, Copy)]
pub(crate) struct SharedSlice<'a> {
    start: *mut f32,
    len: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `part`, whose caller promises that no two threads hold overlapping parts.
unsafe impl Send for SharedSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice<'_> {}

impl<'a> SharedSlice<'a> {
    /// Shares `slice` for as long as it is borrowed.
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// The part `[from, from + len)`.
    ///
    /// # Safety
    /// No other part that overlaps this one may be alive.
    ///
    /// # Panics
    /// When the part does not lie inside the slice.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    pub(crate) unsafe fn part(&self, from: usize, len: usize) -> &mut [f32] {
        assert!(from.checked_add(len).is_some_and(|end| end <= self.len), "part outside of the shared slice");
        // SAFETY: inside the slice (checked above); not aliased (promised by the caller).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
