//! Every fused operation against its reference, and both gradients against finite differences.

use super::attention::{Fork, Heads, PackedLayout, attention};
use super::cross_entropy::cross_entropy;
use super::linear::{WeightMode, linear};
use super::qk_norm::{QkNorm, qk_norm};
use super::rms_norm::rms_norm;
use super::rotary::Rotary;
use super::swiglu::swiglu;
use super::*;
use crate::fixtures::{check_gradient, random};
use candle_core::{Result, Tensor, Var};
use std::sync::Arc;

type Op<'a> = &'a dyn Fn(&[Tensor], Kernels) -> Result<Tensor>;

/// `Σ y ∘ c` with fixed random `c`, so that every output matters differently.
fn weighted_sum(y: &Tensor) -> Result<Tensor> {
    y.mul(&random(y.dims(), 99).to_dtype(y.dtype())?)?.sum_all()
}

fn inputs(shapes: &[&[usize]], dtype: DType) -> Vec<Var> {
    let make = |(i, shape): (usize, &&[usize])| {
        let values = random(shape, i as u64).to_dtype(dtype).expect("a cast");
        Var::from_tensor(&values).expect("a variable")
    };
    shapes.iter().enumerate().map(make).collect()
}

fn tensors(vars: &[Var]) -> Vec<Tensor> {
    vars.iter().map(|v| v.as_tensor().clone()).collect()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    let difference = a.to_dtype(DType::F64).and_then(|a| a.sub(&b.to_dtype(DType::F64)?)?.abs()?.max_all());
    difference.and_then(|d| d.to_scalar::<f64>()).expect("tensors of one shape")
}

/// Reference in `f64` against finite differences; fused in `f32` against both.
fn check(shapes: &[&[usize]], op: Op<'_>) {
    let exact = inputs(shapes, DType::F64);
    let single = inputs(shapes, DType::F32);
    let reference = op(&tensors(&exact), Kernels::Reference).expect("the reference");
    let fused = op(&tensors(&single), Kernels::Fused).expect("the fused version");
    assert_eq!(reference.dims(), fused.dims());
    assert!(largest_difference(&fused, &reference) < 1e-5, "forward passes differ");
    let exact_grads = weighted_sum(&reference).and_then(|l| l.backward()).expect("backward");
    let fused_grads = weighted_sum(&fused).and_then(|l| l.backward()).expect("backward");
    for (i, (e, s)) in exact.iter().zip(&single).enumerate() {
        let want = exact_grads.get(e).expect("the reference reaches every input").clone();
        let got = fused_grads.get(s).expect("the fused version reaches every input").clone();
        let loss = || weighted_sum(&op(&tensors(&exact), Kernels::Reference)?)?.to_scalar::<f64>();
        check_gradient(&format!("reference, input {i}"), e, &want, &loss, 1e-7);
        check_gradient(&format!("fused, input {i}"), e, &got, &loss, 2e-5);
    }
}

#[test]
fn rms_norm_agrees() {
    check(&[&[70, 5], &[5]], &|x, kernels| rms_norm(&x[0], &x[1], 1e-5, kernels));
    check(&[&[3, 37], &[37]], &|x, kernels| rms_norm(&x[0], &x[1], 1e-5, kernels));
}

#[test]
fn swiglu_agrees() {
    check(&[&[67, 14]], &|x, kernels| swiglu(&(&x[0] * 4.0)?, kernels));
    check(&[&[3, 38]], &|x, kernels| swiglu(&x[0], kernels));
}

#[test]
fn linear_agrees() {
    check(&[&[9, 5], &[7, 5]], &|x, _| linear(&x[0], &x[1], WeightMode::Trained));
}

#[test]
fn a_frozen_weight_gets_no_gradient() {
    let vars = inputs(&[&[9, 5], &[7, 5]], DType::F32);
    let y = linear(&vars[0], &vars[1], WeightMode::Frozen).expect("fits");
    let grads = weighted_sum(&y).and_then(|l| l.backward()).expect("backward");
    assert!(grads.get(&vars[0]).is_some());
    assert!(grads.get(&vars[1]).is_none());
}

const HEADS: Heads = Heads { heads: 4, kv_heads: 2, head_dim: 6 };

#[test]
fn qk_norm_agrees() {
    let norm = QkNorm { heads: HEADS, eps: 1e-5 };
    check(&[&[66, 48], &[6], &[6]], &|x, kernels| qk_norm(&x[0], (&x[1], &x[2]), norm, kernels));
}

fn packed(lengths: &[usize]) -> PackedLayout {
    let mut bounds = vec![0];
    bounds.extend(lengths.iter().scan(0, |end, len| {
        *end += len;
        Some(*end)
    }));
    let positions: Vec<u32> = lengths.iter().flat_map(|&len| 0..len as u32).collect();
    PackedLayout { bounds: bounds.into(), positions: positions.into(), forks: [].into() }
}

/// One segment per `(prefix, first, second)`, forked.
fn forked(lengths: &[(usize, usize, usize)]) -> PackedLayout {
    let whole: Vec<usize> = lengths.iter().map(|(prefix, first, second)| prefix + first + second).collect();
    let forks = lengths.iter().map(|&(prefix, first, _)| Some(Fork { prefix, first })).collect();
    let positions = lengths.iter().flat_map(|&(p, a, b)| (0..p + a).chain(p..p + b)).map(|i| i as u32);
    PackedLayout { positions: positions.collect(), forks, ..packed(&whole) }
}

#[test]
fn attention_agrees_over_segments_and_shared_heads() {
    let (packed, rotary) = (packed(&[5, 1, 0, 8]), Rotary::new(vec![1.0, 0.3, 0.05]).table(8));
    // Scaled up, so that the attention weights are far from uniform.
    check(&[&[14, 48]], &|x, kernels| attention(&(&x[0] * 2.0)?, HEADS, &packed, &rotary, kernels));
}

#[test]
fn attention_agrees_where_segments_fork() {
    let layout = forked(&[(3, 2, 4), (1, 0, 2), (2, 3, 0), (0, 2, 2)]);
    let rotary = Rotary::new(vec![1.0, 0.3, 0.05]).table(8);
    check(&[&[21, 48]], &|x, kernels| attention(&(&x[0] * 2.0)?, HEADS, &layout, &rotary, kernels));
}

/// The branches of a fork are what two sequences of their own are.
#[test]
fn a_branch_sees_its_prefix_and_itself() {
    let rotary = Rotary::new(vec![1.0, 0.3, 0.05]).table(16);
    let x = random(&[12, 48], 3).to_dtype(DType::F32).expect("a cast");
    let rows = |tensor: &Tensor, rows: &[u32]| {
        let rows = Tensor::new(rows, tensor.device()).expect("indices");
        tensor.index_select(&rows, 0).expect("rows")
    };
    let run = |x: &Tensor, layout: &PackedLayout, kernels| {
        attention(x, HEADS, layout, &rotary, kernels).expect("attends")
    };
    let second: Vec<u32> = (0..5).chain(8..12).collect();
    for kernels in [Kernels::Fused, Kernels::Reference] {
        let together = run(&x, &forked(&[(5, 3, 4)]), kernels);
        let alone = run(&rows(&x, &second), &packed(&[9]), kernels);
        assert!(largest_difference(&rows(&together, &second), &alone) < 1e-6);
        let first: Vec<u32> = (0..8).collect();
        let alone = run(&rows(&x, &first), &packed(&[8]), kernels);
        assert!(largest_difference(&rows(&together, &first), &alone) < 1e-6);
    }
}

#[test]
fn attention_agrees_beyond_one_block_of_queries() {
    beyond_one_block(packed(&[150, 3]));
    beyond_one_block(forked(&[(70, 30, 50), (1, 1, 1)]));
}

fn beyond_one_block(packed: PackedLayout) {
    let heads = Heads { heads: 2, kv_heads: 1, head_dim: 4 };
    let rotary = Rotary::new(vec![1.0, 0.1]).table(150);
    let single = inputs(&[&[153, 16]], DType::F32);
    let exact = inputs(&[&[153, 16]], DType::F64);
    let fused = attention(&single[0], heads, &packed, &rotary, Kernels::Fused).expect("fused");
    let reference = attention(&exact[0], heads, &packed, &rotary, Kernels::Reference).expect("reference");
    assert!(largest_difference(&fused, &reference) < 1e-5);
    let fused = weighted_sum(&fused).and_then(|l| l.backward()).expect("backward");
    let reference = weighted_sum(&reference).and_then(|l| l.backward()).expect("backward");
    let (got, want) = (fused.get(&single[0]).expect("reached"), reference.get(&exact[0]).expect("reached"));
    assert!(largest_difference(got, want) < 2e-5);
}

#[test]
fn attention_refuses_a_layout_that_does_not_fit() {
    let x = random(&[14, 48], 1).to_dtype(DType::F32).expect("a cast");
    let rotary = Rotary::new(vec![1.0, 0.3, 0.05]);
    assert!(attention(&x, HEADS, &packed(&[5, 8]), &rotary.table(16), Kernels::Fused).is_err());
    assert!(attention(&x, HEADS, &packed(&[14]), &rotary.table(16), Kernels::Fused).is_ok());
    let short = Rotary::new(vec![1.0, 0.3, 0.05]).table(2);
    assert!(attention(&x, HEADS, &packed(&[14]), &short, Kernels::Fused).is_err());
    let wide = Heads { heads: 6, ..HEADS };
    assert!(attention(&x, wide, &packed(&[14]), &rotary.table(16), Kernels::Fused).is_err());
    let fork = |prefix, first| PackedLayout { forks: [Some(Fork { prefix, first })].into(), ..packed(&[14]) };
    assert!(attention(&x, HEADS, &fork(10, 5), &rotary.table(16), Kernels::Fused).is_err());
    assert!(attention(&x, HEADS, &fork(10, 4), &rotary.table(16), Kernels::Fused).is_ok());
    let two = PackedLayout { forks: [None, None].into(), ..packed(&[14]) };
    assert!(attention(&x, HEADS, &two, &rotary.table(16), Kernels::Fused).is_err());
}

#[test]
fn cross_entropy_agrees() {
    let targets: Arc<[u32]> = vec![0, 6, 3, 3].into();
    check(&[&[4, 5], &[7, 5]], &|x, kernels| {
        cross_entropy(&(&x[0] * 3.0)?, (&x[1], WeightMode::Trained), &targets, kernels)
    });
}

#[test]
fn cross_entropy_agrees_beyond_one_block() {
    cross_entropy_agrees_on(300, 37);
    cross_entropy_agrees_on(9, 2 * 8192 + 3);
}

fn cross_entropy_agrees_on(rows: usize, vocabulary: usize) {
    let targets: Arc<[u32]> = (0..rows).map(|i| (i * 5003 % vocabulary) as u32).collect();
    let op = |x: &[Var], kernels| {
        weighted_sum(&cross_entropy(&x[0], (&x[1], WeightMode::Trained), &targets, kernels)?)?.backward()
    };
    let (single, exact) =
        [DType::F32, DType::F64].map(|dtype| inputs(&[&[rows, 5], &[vocabulary, 5]], dtype)).into();
    let (fused, reference) =
        (op(&single, Kernels::Fused).expect("fused"), op(&exact, Kernels::Reference).expect("reference"));
    for (s, e) in single.iter().zip(&exact) {
        let (got, want) = (fused.get(s).expect("reached"), reference.get(e).expect("reached"));
        assert!(largest_difference(got, want) < 1e-4);
    }
}

#[test]
fn a_frozen_output_matrix_gets_no_gradient_and_the_input_the_same() {
    let targets: Arc<[u32]> = vec![0, 6, 3, 3].into();
    let x = inputs(&[&[4, 5], &[7, 5]], DType::F32);
    let of = |mode| {
        let nll = cross_entropy(&x[0], (&x[1], mode), &targets, Kernels::Fused).expect("a loss");
        weighted_sum(&nll).and_then(|loss| loss.backward()).expect("gradients")
    };
    let (trained, frozen) = (of(WeightMode::Trained), of(WeightMode::Frozen));
    assert!(trained.get(&x[1]).is_some() && frozen.get(&x[1]).is_none());
    let gradients = (trained.get(&x[0]).expect("reached"), frozen.get(&x[0]).expect("reached"));
    assert_eq!(largest_difference(gradients.0, gradients.1), 0.0);
}

#[test]
fn cross_entropy_refuses_bad_targets() {
    let x = inputs(&[&[2, 5], &[7, 5]], DType::F32);
    for targets in [vec![0u32, 7], vec![0]] {
        assert!(cross_entropy(&x[0], (&x[1], WeightMode::Trained), &targets.into(), Kernels::Fused).is_err());
    }
}
