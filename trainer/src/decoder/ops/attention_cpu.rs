//! The fused CPU version of [`super::attention`]: one task per segment and key head; scores are made for a block of
//! queries at a time and made again in the backward pass, so no score matrix outlives its block.

use super::attention::{Heads, PackedLayout};
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
    kv_head: usize,
}

impl FusedAttention {
    fn tasks(&self) -> Vec<Task<'_>> {
        let segments = self.packed.segments().filter(|(_, len)| *len > 0);
        segments
            .flat_map(|(start, len)| {
                (0..self.heads.kv_heads).map(move |kv_head| Task { op: self, start, len, kv_head })
            })
            .collect()
    }
}

impl CustomOp1 for FusedAttention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
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

    fn query_blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let len = self.len;
        (0..len).step_by(QUERY_BLOCK).map(move |first| (first, (first + QUERY_BLOCK).min(len)))
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

    /// The values of this task's head in the merged rows.
    fn value<'b>(&self, qkv: &'b [f32], rows: usize) -> View<'b> {
        let width = self.op.heads.merged_width();
        View::new(&qkv[self.start * width + self.value_column()..], rows, self.head_dim(), width)
    }

    /// The attention weights of queries `first..end` on keys `0..end`, `[end − first, end]`, zero where a key lies
    /// ahead of the query.
    fn weights<'b>(
        &self,
        block: (usize, usize),
        query: &[f32],
        key: &[f32],
        out: &'b mut Vec<f32>,
    ) -> &'b mut [f32] {
        let ((first, end), d) = (block, self.head_dim());
        let out = sized(out, (end - first) * end);
        let queries = View::new(&query[first * d..], end - first, d, d);
        multiply(out, end, Write::Replace, queries, View::new(key, end, d, d).transposed());
        for (i, row) in out.chunks_exact_mut(end).enumerate() {
            let (seen, ahead) = row.split_at_mut(first + i + 1);
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
            for (first, end) in self.query_blocks() {
                let weights = self.weights((first, end), query, key, &mut scratch.weights);
                let output = sized(&mut scratch.output, (end - first) * d);
                multiply(
                    output,
                    d,
                    Write::Replace,
                    View::new(weights, end - first, end, end),
                    self.value(qkv, end),
                );
                for (i, row) in output.chunks_exact(d).enumerate() {
                    let at = (self.start + first + i) * width + head * d;
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
            for (first, end) in self.query_blocks() {
                let rows = end - first;
                let weights = self.weights((first, end), query, key, &mut scratch.weights);
                let d_weights = sized(&mut scratch.d_weights, rows * end);
                let d_output = self.output_grad(grad, head, (first, end));
                multiply(d_weights, end, Write::Replace, d_output, self.value(qkv, end).transposed());
                multiply(d_value, d, Write::Add, View::new(weights, rows, end, end).transposed(), d_output);
                softmax_backward(weights, d_weights, end);
                let d_scores = View::new(d_weights, rows, end, end);
                multiply(&mut d_query[first * d..], d, Write::Replace, d_scores, View::new(key, end, d, d));
                let queries = View::new(&query[first * d..], rows, d, d);
                multiply(d_key, d, Write::Add, d_scores.transposed(), queries);
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

    fn output_grad<'b>(&self, grad: &'b [f32], head: usize, (first, end): (usize, usize)) -> View<'b> {
        let width = self.op.heads.output_width();
        View::new(
            &grad[(self.start + first) * width + self.column(head)..],
            end - first,
            self.head_dim(),
            width,
        )
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
