//! Causal self-attention over packed rows: several sequences (segments) lie end to end in one tensor, and a token sees
//! the tokens of its own segment up to itself. A segment may fork: two branches follow one prefix, and the second does
//! not see the first. Grouped-query attention is covered (`heads` a multiple of `kv_heads`).

use super::Kernels;
use super::attention_cpu::FusedAttention;
use super::rotary::{RotaryTable, rotate_reference};
use candle_core::{D, Result, Tensor, bail};
use std::sync::Arc;

/// How many heads, and how wide. In a merged projection a row holds all query heads, then all key heads, then all value
/// heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key heads, and as many value heads.
    pub kv_heads: usize,
    /// Columns of one head.
    pub head_dim: usize,
}

impl Heads {
    /// Columns of the merged query, key and value projection.
    pub fn merged_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Columns of the output of the attention.
    pub fn output_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Query heads that share one key head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// A segment that holds two sequences with a common beginning: rows `0..prefix` belong to both, the next `first` rows to
/// the first alone, the rest to the second alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Rows of the common beginning.
    pub prefix: usize,
    /// Rows of the first branch.
    pub first: usize,
}

impl Fork {
    /// The first row of the second branch, counted from the segment's first.
    pub fn second(&self) -> usize {
        self.prefix + self.first
    }
}

/// Where the sequences lie in the packed rows, and the positions of the tokens.
#[derive(Clone, Debug)]
pub struct PackedLayout {
    /// The bounds of the segments: segment `s` is rows `bounds[s]..bounds[s + 1]`.
    pub bounds: Arc<[usize]>,
    /// The position of every row within its sequence, for the rotary embedding.
    pub positions: Arc<[u32]>,
    /// For every segment whether it forks; empty when none does.
    pub forks: Arc<[Option<Fork>]>,
}

impl PackedLayout {
    /// Start and length of every segment.
    pub fn segments(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.bounds.windows(2).map(|w| (w[0], w[1] - w[0]))
    }

    /// How segment `index` forks.
    pub fn fork(&self, index: usize) -> Option<Fork> {
        self.forks.get(index).copied().flatten()
    }
}

/// Rotary embedding of queries and keys, then causal attention: `qkv [rows, merged] → [rows, heads·head_dim]`.
///
/// # Errors
/// When the shapes do not fit `heads` and `packed`, a position lies outside of `rotary`, or the fused version is asked
/// for on another device or dtype than CPU `f32`.
pub fn attention(
    qkv: &Tensor,
    heads: Heads,
    packed: &PackedLayout,
    rotary: &Arc<RotaryTable>,
    kernels: Kernels,
) -> Result<Tensor> {
    check(qkv, heads, packed, rotary)?;
    match kernels {
        Kernels::Fused => {
            let op = FusedAttention { heads, packed: packed.clone(), rotary: rotary.clone() };
            qkv.contiguous()?.apply_op1(op)
        }
        Kernels::Reference => reference(qkv, heads, packed, rotary),
    }
}

fn check(qkv: &Tensor, heads: Heads, packed: &PackedLayout, rotary: &RotaryTable) -> Result<()> {
    let (rows, width) = qkv.dims2()?;
    if heads.kv_heads == 0 || !heads.heads.is_multiple_of(heads.kv_heads) || width != heads.merged_width() {
        bail!("attention: {width} columns do not hold {heads:?}")
    }
    let ordered = packed.bounds.first() == Some(&0) && packed.bounds.is_sorted();
    if !ordered || packed.bounds.last() != Some(&rows) || packed.positions.len() != rows {
        bail!("attention: the segments do not cover the {rows} rows")
    }
    if !packed.forks.is_empty() && packed.forks.len() + 1 != packed.bounds.len() {
        bail!("attention: {} forks for {} segments", packed.forks.len(), packed.bounds.len() - 1)
    }
    for (index, (_, len)) in packed.segments().enumerate() {
        if let Some(fork) = packed.fork(index).filter(|fork| fork.second() > len) {
            bail!("attention: {fork:?} does not fit a segment of {len} rows")
        }
    }
    match packed.positions.iter().max() {
        Some(&p) if p as usize >= rotary.len() => {
            bail!("attention: position {p} lies outside of the rotary table")
        }
        _ => Ok(()),
    }
}

fn reference(qkv: &Tensor, shape: Heads, packed: &PackedLayout, rotary: &RotaryTable) -> Result<Tensor> {
    let Heads { heads, kv_heads, head_dim } = shape;
    let (rows, device, dtype) = (qkv.dim(0)?, qkv.device(), qkv.dtype());
    let (cos, sin) = rotary.gather(&packed.positions, dtype, device)?;
    let part = |from: usize, count: usize| {
        qkv.narrow(1, from * head_dim, count * head_dim)?.contiguous()?.reshape((rows, count, head_dim))
    };
    let q = (rotate_reference(&part(0, heads)?, &cos, &sin)? * (head_dim as f64).powf(-0.5))?;
    // Query head h reads key head h / group.
    let share: Vec<u32> = (0..heads).map(|h| (h / shape.group()) as u32).collect();
    let share = Tensor::from_vec(share, heads, device)?;
    let k = rotate_reference(&part(heads, kv_heads)?, &cos, &sin)?.index_select(&share, 1)?;
    let v = part(heads + kv_heads, kv_heads)?.index_select(&share, 1)?;
    let mut outputs = Vec::new();
    for (index, (start, len)) in packed.segments().enumerate().filter(|(_, (_, len))| *len > 0) {
        let cut = |x: &Tensor| x.narrow(0, start, len)?.transpose(0, 1)?.contiguous();
        let (q, k, v) = (cut(&q)?, cut(&k)?, cut(&v)?);
        let scores = q
            .matmul(&k.t()?.contiguous()?)?
            .broadcast_add(&mask(len, packed.fork(index))?.to_dtype(dtype)?.to_device(device)?)?;
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let weights = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
        outputs.push(weights.matmul(&v)?.transpose(0, 1)?.reshape((len, heads * head_dim))?);
    }
    Tensor::cat(&outputs, 0)
}

/// `[len, len]`: 0 where a query may look, −∞ where it may not.
fn mask(len: usize, fork: Option<Fork>) -> Result<Tensor> {
    let hidden = |query: usize, key: usize| {
        key > query || fork.is_some_and(|f| query >= f.second() && (f.prefix..f.second()).contains(&key))
    };
    let mask = (0..len * len).map(|i| if hidden(i / len, i % len) { f32::NEG_INFINITY } else { 0.0 });
    Tensor::from_iter(mask, &candle_core::Device::Cpu)?.reshape((len, len))
}
