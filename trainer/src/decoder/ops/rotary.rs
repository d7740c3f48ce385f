//! Rotary position embedding (Su et al. 2021), in the half-split form of the Hugging Face checkpoints: dimension `i` is
//! paired with `i + head_dim/2`.

use candle_core::{DType, Device, Result, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// Cosines and sines for positions `0..len`, `half` of each per position.
#[derive(Debug)]
pub struct RotaryTable {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RotaryTable {
    fn new(inverse_frequencies: &[f32], len: usize) -> Self {
        let angles = || (0..len).flat_map(|p| inverse_frequencies.iter().map(move |f| p as f32 * f));
        Self {
            half: inverse_frequencies.len(),
            cos: angles().map(f32::cos).collect(),
            sin: angles().map(f32::sin).collect(),
        }
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }

    /// Whether the table holds no position.
    pub fn is_empty(&self) -> bool {
        self.cos.is_empty()
    }

    #[inline(always)]
    fn row(&self, position: u32) -> (&[f32], &[f32]) {
        let start = position as usize * self.half;
        (&self.cos[start..start + self.half], &self.sin[start..start + self.half])
    }

    /// `out = scale · R(position) · x` for one head.
    #[inline(always)]
    pub(super) fn rotate(&self, x: &[f32], position: u32, scale: f32, out: &mut [f32]) {
        let (cos, sin) = self.row(position);
        let (x1, x2) = x.split_at(self.half);
        let (o1, o2) = out.split_at_mut(self.half);
        for i in 0..self.half.min(x1.len()).min(x2.len()).min(o1.len()).min(o2.len()) {
            o1[i] = scale * (x1[i] * cos[i] - x2[i] * sin[i]);
            o2[i] = scale * (x2[i] * cos[i] + x1[i] * sin[i]);
        }
    }

    /// `out = scale · R(position)ᵀ · g`: the gradient of [`Self::rotate`].
    #[inline(always)]
    pub(super) fn rotate_back(&self, g: &[f32], position: u32, scale: f32, out: &mut [f32]) {
        let (cos, sin) = self.row(position);
        let (g1, g2) = g.split_at(self.half);
        let (o1, o2) = out.split_at_mut(self.half);
        for i in 0..self.half.min(g1.len()).min(g2.len()).min(o1.len()).min(o2.len()) {
            o1[i] = scale * (g1[i] * cos[i] + g2[i] * sin[i]);
            o2[i] = scale * (g2[i] * cos[i] - g1[i] * sin[i]);
        }
    }

    /// Cosines and sines of `positions` as two tensors `[positions, 1, half]`.
    ///
    /// # Errors
    /// When a tensor cannot be made on `device`.
    pub(super) fn gather(
        &self,
        positions: &[u32],
        dtype: DType,
        device: &Device,
    ) -> Result<(Tensor, Tensor)> {
        let pick = |table: &[f32]| {
            let rows = positions.iter().flat_map(|&p| {
                let start = p as usize * self.half;
                table[start..start + self.half].iter().copied()
            });
            Tensor::from_iter(rows, device)?.reshape((positions.len(), 1, self.half))?.to_dtype(dtype)
        };
        Ok((pick(&self.cos)?, pick(&self.sin)?))
    }
}

/// Rotates `x [rows, heads, head_dim]` with plain differentiable operations.
///
/// # Errors
/// When the shapes do not fit.
pub(super) fn rotate_reference(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(2)? / 2;
    let (x1, x2) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
    let first = (x1.broadcast_mul(cos)? - x2.broadcast_mul(sin)?)?;
    let second = (x2.broadcast_mul(cos)? + x1.broadcast_mul(sin)?)?;
    Tensor::cat(&[first, second], 2)
}

/// The frequencies of a decoder, and a table of them that grows with the longest sequence seen.
#[derive(Debug)]
pub struct Rotary {
    inverse_frequencies: Vec<f32>,
    table: Mutex<Arc<RotaryTable>>,
}

impl Rotary {
    /// From the inverse frequencies, `head_dim/2` of them, in radians per position.
    pub fn new(inverse_frequencies: Vec<f32>) -> Self {
        let table = Mutex::new(Arc::new(RotaryTable::new(&inverse_frequencies, 0)));
        Self { inverse_frequencies, table }
    }

    /// A table that covers positions `0..len`.
    pub fn table(&self, len: usize) -> Arc<RotaryTable> {
        // A panic while the lock is held leaves the old table in place, which is still right.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() < len {
            *table = Arc::new(RotaryTable::new(&self.inverse_frequencies, len.next_power_of_two()));
        }
        table.clone()
    }
}
