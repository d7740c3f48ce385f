//! The update against numbers of the formula, and what orthogonalising gives.

use super::*;
use crate::decoder::ParamKind;
use crate::optim::{AdamW, AdamWConfig, MatrixRule};
use candle_core::{Device, Var};

fn tensor(value: impl Fn(f64) -> f64, rows: usize, columns: usize) -> Tensor {
    let values: Vec<f32> = (0..rows * columns).map(|i| value(i as f64) as f32).collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("the count fits the shape")
}

/// Two stacked matrices of two and three rows. The numbers are those of this snippet:
/// ```python
/// def ns(x):
///     t = x.shape[0] > x.shape[1]; y = x.T if t else x; y = y / (np.linalg.norm(y) + 1e-7)
///     for _ in range(5):
///         g = y @ y.T; y = 3.4445 * y + (-4.7750 * g + 2.0315 * g @ g) @ y
///     return y.T if t else y
/// p = np.sin(np.arange(15.)).reshape(5, 3); m = np.zeros((5, 3))
/// for t in (1, 2, 3):
///     g = np.cos(1.3 * np.arange(15) + t).reshape(5, 3); lr = 0.1 * t * 2
///     m = 0.95 * m + 0.05 * g; a = 0.95 * m + 0.05 * g
///     p = p * (1 - lr * 0.1) - np.concatenate([0.2 * lr * np.sqrt(max(b.shape)) * ns(b) for b in (a[:2], a[2:])])
/// ```
#[test]
fn three_steps_give_the_numbers_of_the_formula() {
    let var = Var::from_tensor(&tensor(f64::sin, 5, 3)).expect("a variable");
    let param =
        NamedParam { name: "qkv".into(), kind: ParamKind::Matrix, stacked: vec![2, 3], var: var.clone() };
    let config = AdamWConfig {
        weight_decay: 0.1,
        max_grad_norm: 1e9,
        matrices: MatrixRule::Muon(MuonConfig { momentum: 0.95, rate: 2.0 }),
        ..AdamWConfig::default()
    };
    let mut optimiser = AdamW::new(&[param], config).expect("valid settings");
    for step in 1..=3u32 {
        let gradient = tensor(|i| (1.3 * i + f64::from(step)).cos(), 5, 3);
        optimiser.step(&[gradient], 0.1 * f64::from(step)).expect("a step");
    }
    let want = [
        -0.02716, 1.02099, 0.9794, -0.10468, -0.68836, -0.62875, -0.05251, 0.58345, 0.68166, 0.28689,
        -0.31739, -0.71919, -0.55649, 0.13144, 0.82955,
    ];
    let got = var.flatten_all().and_then(|v| v.to_vec1::<f32>()).expect("readable");
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 2e-4, "{got} {want}");
    }
}

#[test]
fn an_orthogonalised_matrix_has_singular_values_near_one() {
    for (rows, columns) in [(8, 24), (24, 8)] {
        let x =
            crate::fixtures::random(&[rows, columns], 3).to_dtype(candle_core::DType::F32).expect("converts");
        let y = orthogonal(&x).expect("orthogonalises");
        assert_eq!(y.dims(), [rows, columns]);
        // The squared singular values of the smaller side sum up to the squared norm.
        let squared = y.sqr().and_then(|s| s.sum_all()).and_then(|s| s.to_scalar::<f32>()).expect("a number");
        assert!((8.0 * 0.5..8.0 * 1.4).contains(&squared), "{squared}");
    }
}

#[test]
fn nothing_to_learn_changes_nothing_but_decay() {
    let var = Var::from_tensor(&tensor(|_| 1.0, 2, 2)).expect("a variable");
    let param =
        NamedParam { name: "m".into(), kind: ParamKind::Residual, stacked: vec![2], var: var.clone() };
    let config = AdamWConfig {
        weight_decay: 0.5,
        matrices: MatrixRule::Muon(MuonConfig::default()),
        ..AdamWConfig::default()
    };
    let mut optimiser = AdamW::new(&[param], config).expect("valid settings");
    optimiser.step(&[tensor(|_| 0.0, 2, 2)], 0.1).expect("a step");
    let values = var.flatten_all().and_then(|v| v.to_vec1::<f32>()).expect("readable");
    assert!(values.iter().all(|v| (v - 0.95).abs() < 1e-6), "{values:?}");
}
