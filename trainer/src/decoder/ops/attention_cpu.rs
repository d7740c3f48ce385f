//! The fused CPU version of [`super::attention`]: one task per segment and key head; scores are made for a block of
//! queries at a time and made again in the backward pass, so no score matrix outlives its block.

use super::attention::{Fork, Heads, PackedLayout};
use super::matrix::{View, Write, multiply};
use super::rotary::RotaryTable;
use super::simd::{dot, exp_and_sum, max};
use super::slices::{SharedSlice, values, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// Queries whose scores are held at a time.
const QUERY_BLOCK: usize = 64;

/// The operation with everything that is not a tensor.
pub(super) struct FusedAttention {
    pub(super) heads: Heads,
    pub(super) packed: PackedLayout,
    pub(super) rotary: Arc<RotaryTable>,
}

/// One segment and one key head with its group of query heads.
struct Task<'a> {
    op: &'a FusedAttention,
    start: usize,
    len: usize,
    fork: Option<Fork>,
    kv_head: usize,
}

/// Queries `first..end` of a segment and the keys that the last of them sees: one or two spans of rows, of which the
/// last ends with the queries themselves.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    end: usize,
    spans: [(usize, usize); 2],
}

impl Block {
    fn queries(&self) -> usize {
        self.end - self.first
    }

    /// Keys of both spans: the columns of the weights.
    fn keys(&self) -> usize {
        self.spans.iter().map(|(from, to)| to - from).sum()
    }

    /// The spans that hold a key, each with the column at which it begins.
    fn spans(&self) -> impl Iterator<Item = Span> + use<> {
        let [(from, to), second] = self.spans;
        let spans = [Span { from, to, column: 0 }, Span { from: second.0, to: second.1, column: to - from }];
        spans.into_iter().filter(|span| span.to > span.from)
    }
}

/// Rows of keys, and where they stand among the columns of the weights.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
    column: usize,
}

impl Span {
    fn len(&self) -> usize {
        self.to - self.from
    }

    /// The first product of a sum replaces what was there.
    fn write(&self) -> Write {
        if self.column == 0 { Write::Replace } else { Write::Add }
    }

    /// The columns of this span in a matrix `rows × keys`.
    fn columns<'a>(&self, weights: &'a [f32], rows: usize, keys: usize) -> View<'a> {
        View::new(&weights[self.column..], rows, self.len(), keys)
    }
}

impl FusedAttention {
    fn tasks(&self) -> Vec<Task<'_>> {
        let segments = self.packed.segments().enumerate().filter(|(_, (_, len))| *len > 0);
        segments
            .flat_map(|(index, (start, len))| {
                let fork = self.packed.fork(index);
                (0..self.heads.kv_heads).map(move |kv_head| Task { op: self, start, len, fork, kv_head })
            })
            .collect()
    }
}

impl CustomOp1 for FusedAttention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        crate::pace::wait();
        let qkv = values(storage, layout, self.name())?;
        let rows = self.packed.positions.len();
        let mut out = vec![0f32; rows * self.heads.output_width()];
        let shared = SharedSlice::new(&mut out);
        self.tasks().into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            task.forward(qkv, shared, scratch);
        });
        Ok((CpuStorage::F32(out), Shape::from((rows, self.heads.output_width()))))
    }

    fn bwd(&self, qkv: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        crate::pace::wait();
        let d_qkv = with_values(qkv, self.name(), |qkv| {
            with_values(grad, self.name(), |grad| {
                let mut d_qkv = vec![0f32; qkv.len()];
                let shared = SharedSlice::new(&mut d_qkv);
                self.tasks().into_par_iter().for_each_init(Scratch::default, |scratch, task| {
                    task.backward((qkv, grad), shared, scratch);
                });
                Ok(d_qkv)
            })
        })?;
        Ok(Some(Tensor::from_vec(d_qkv, qkv.shape(), qkv.device())?))
    }
}

/// Buffers of one thread, used again for every task.
#[derive(Default)]
struct Scratch {
    query: Vec<f32>,
    key: Vec<f32>,
    weights: Vec<f32>,
    d_weights: Vec<f32>,
    d_query: Vec<f32>,
    d_key: Vec<f32>,
    d_value: Vec<f32>,
    output: Vec<f32>,
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

impl Task<'_> {
    fn head_dim(&self) -> usize {
        self.op.heads.head_dim
    }

    /// Column where a head begins in the merged rows, counting query, then key, then value heads.
    fn column(&self, head: usize) -> usize {
        head * self.head_dim()
    }

    fn key_column(&self) -> usize {
        self.column(self.op.heads.heads + self.kv_head)
    }

    fn value_column(&self) -> usize {
        self.column(self.op.heads.heads + self.op.heads.kv_heads + self.kv_head)
    }

    fn query_heads(&self) -> std::ops::Range<usize> {
        let group = self.op.heads.group();
        self.kv_head * group..(self.kv_head + 1) * group
    }

    fn query_blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let (len, fork) = (self.len, self.fork);
        let second = fork.map_or(len, |fork| fork.second());
        let blocks = |from: usize, to: usize| {
            (from..to).step_by(QUERY_BLOCK).map(move |first| (first, (first + QUERY_BLOCK).min(to)))
        };
        let straight =
            blocks(0, second).map(|(first, end)| Block { first, end, spans: [(0, end), (end, end)] });
        let prefix = fork.map_or(0, |fork| fork.prefix);
        let forked = blocks(second, len).map(move |(first, end)| Block {
            first,
            end,
            spans: [(0, prefix), (second, end)],
        });
        straight.chain(forked)
    }

    /// One head of every row, rotated and scaled, packed as `[len, head_dim]`.
    fn rotated<'b>(&self, qkv: &[f32], column: usize, scale: f32, out: &'b mut Vec<f32>) -> &'b [f32] {
        let (width, head_dim) = (self.op.heads.merged_width(), self.head_dim());
        let out = sized(out, self.len * head_dim);
        for (i, out) in out.chunks_exact_mut(head_dim).enumerate() {
            let from = (self.start + i) * width + column;
            self.op.rotary.rotate(
                &qkv[from..from + head_dim],
                self.op.packed.positions[self.start + i],
                scale,
                out,
            );
        }
        out
    }

    /// The values of this task's head in some of the segment's merged rows.
    fn value<'b>(&self, qkv: &'b [f32], span: Span) -> View<'b> {
        let width = self.op.heads.merged_width();
        let first = (self.start + span.from) * width + self.value_column();
        View::new(&qkv[first..], span.len(), self.head_dim(), width)
    }

    /// The attention weights of a block, `[queries, keys]`, zero where a key lies ahead of the query.
    fn weights<'b>(&self, block: Block, query: &[f32], key: &[f32], out: &'b mut Vec<f32>) -> &'b mut [f32] {
        let (rows, keys, d) = (block.queries(), block.keys(), self.head_dim());
        let out = sized(out, rows * keys);
        let queries = View::new(&query[block.first * d..], rows, d, d);
        for span in block.spans() {
            let key = View::new(&key[span.from * d..], span.len(), d, d).transposed();
            multiply(&mut out[span.column..], keys, Write::Replace, queries, key);
        }
        for (i, row) in out.chunks_exact_mut(keys).enumerate() {
            let (seen, ahead) = row.split_at_mut(keys - (rows - 1 - i));
            let sum = exp_and_sum(seen, max(seen));
            let inverse = 1.0 / sum;
            seen.iter_mut().for_each(|w| *w *= inverse);
            ahead.fill(0.0);
        }
        out
    }

    fn forward(&self, qkv: &[f32], out: SharedSlice<'_>, scratch: &mut Scratch) {
        let (d, width) = (self.head_dim(), self.op.heads.output_width());
        let key = self.rotated(qkv, self.key_column(), 1.0, &mut scratch.key);
        for head in self.query_heads() {
            let query = self.rotated(qkv, self.column(head), (d as f32).powf(-0.5), &mut scratch.query);
            for block in self.query_blocks() {
                let (rows, keys) = (block.queries(), block.keys());
                let weights = self.weights(block, query, key, &mut scratch.weights);
                let output = sized(&mut scratch.output, rows * d);
                for span in block.spans() {
                    let weights = span.columns(weights, rows, keys);
                    multiply(output, d, span.write(), weights, self.value(qkv, span));
                }
                for (i, row) in output.chunks_exact(d).enumerate() {
                    let at = (self.start + block.first + i) * width + head * d;
                    // SAFETY: rows of this segment and columns of this head belong to this task alone.
                    unsafe { out.part(at, d) }.copy_from_slice(row);
                }
            }
        }
    }

    fn backward(&self, inputs: (&[f32], &[f32]), d_qkv: SharedSlice<'_>, scratch: &mut Scratch) {
        let ((qkv, grad), d, len) = (inputs, self.head_dim(), self.len);
        let scale = (d as f32).powf(-0.5);
        let key = self.rotated(qkv, self.key_column(), 1.0, &mut scratch.key);
        let d_key = sized(&mut scratch.d_key, len * d);
        let d_value = sized(&mut scratch.d_value, len * d);
        d_key.fill(0.0);
        d_value.fill(0.0);
        for head in self.query_heads() {
            let query = self.rotated(qkv, self.column(head), scale, &mut scratch.query);
            let d_query = sized(&mut scratch.d_query, len * d);
            for block in self.query_blocks() {
                let (rows, keys) = (block.queries(), block.keys());
                let weights = self.weights(block, query, key, &mut scratch.weights);
                let d_weights = sized(&mut scratch.d_weights, rows * keys);
                let d_output = self.output_grad(grad, head, block);
                for span in block.spans() {
                    let value = self.value(qkv, span).transposed();
                    multiply(&mut d_weights[span.column..], keys, Write::Replace, d_output, value);
                    let weights = span.columns(weights, rows, keys).transposed();
                    multiply(&mut d_value[span.from * d..], d, Write::Add, weights, d_output);
                }
                softmax_backward(weights, d_weights, keys);
                let queries = View::new(&query[block.first * d..], rows, d, d);
                for span in block.spans() {
                    let d_scores = span.columns(d_weights, rows, keys);
                    let key = View::new(&key[span.from * d..], span.len(), d, d);
                    multiply(&mut d_query[block.first * d..], d, span.write(), d_scores, key);
                    multiply(&mut d_key[span.from * d..], d, Write::Add, d_scores.transposed(), queries);
                }
            }
            self.write_rotated_back(d_query, self.column(head), scale, d_qkv);
        }
        self.write_rotated_back(d_key, self.key_column(), 1.0, d_qkv);
        for (i, row) in d_value.chunks_exact(d).enumerate() {
            let at = (self.start + i) * self.op.heads.merged_width() + self.value_column();
            // SAFETY: rows of this segment and the columns of this value head belong to this task alone.
            unsafe { d_qkv.part(at, d) }.copy_from_slice(row);
        }
    }

    fn output_grad<'b>(&self, grad: &'b [f32], head: usize, block: Block) -> View<'b> {
        let width = self.op.heads.output_width();
        let first = (self.start + block.first) * width + self.column(head);
        View::new(&grad[first..], block.queries(), self.head_dim(), width)
    }

    fn write_rotated_back(&self, d_head: &[f32], column: usize, scale: f32, d_qkv: SharedSlice<'_>) {
        let (width, d) = (self.op.heads.merged_width(), self.head_dim());
        for (i, row) in d_head.chunks_exact(d).enumerate() {
            // SAFETY: rows of this segment and the columns of this head belong to this task alone.
            let out = unsafe { d_qkv.part((self.start + i) * width + column, d) };
            self.op.rotary.rotate_back(row, self.op.packed.positions[self.start + i], scale, out);
        }
    }
}

/// `dS = P ∘ (dP − Σⱼ P·dP)`, row by row, in place of `dP`.
fn softmax_backward(weights: &[f32], d_weights: &mut [f32], columns: usize) {
    for (p, dp) in weights.chunks_exact(columns).zip(d_weights.chunks_exact_mut(columns)) {
        let shared = dot(p, dp);
        for (dp, p) in dp.iter_mut().zip(p) {
            *dp = p * (*dp - shared);
        }
    }
}
