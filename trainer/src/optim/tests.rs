//! The update against numbers of the formula, clipping, resuming, the schedule, and what is refused.

use super::*;
use candle_core::{Device, Var};

const WEIGHTS: [&[f64]; 2] = [&[0.5, -1.0, 2.0, 0.25], &[0.1, -0.3]];

/// A matrix, which decays, and a bias, which does not.
fn params() -> Vec<NamedParam> {
    let param = |kind, values: &[f64]| {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let count = values.len();
        let var = Var::from_vec(values, count, &Device::Cpu).expect("a variable");
        NamedParam { name: format!("{kind:?}"), kind, stacked: vec![count], var }
    };
    vec![param(ParamKind::Matrix, WEIGHTS[0]), param(ParamKind::Bias, WEIGHTS[1])]
}

fn gradients(step: u32) -> Vec<Tensor> {
    let of = |(j, weights): (usize, &&[f64])| {
        let t = f64::from(step);
        let values = (0..weights.len()).map(|i| ((1.3 * i as f64 + t + j as f64).cos() * t) as f32);
        Tensor::from_iter(values, &Device::Cpu).expect("a tensor")
    };
    WEIGHTS.iter().enumerate().map(of).collect()
}

fn config(max_grad_norm: f64) -> AdamWConfig {
    AdamWConfig { weight_decay: 0.1, max_grad_norm, ..AdamWConfig::default() }
}

fn values(params: &[NamedParam]) -> Vec<f32> {
    params.iter().flat_map(|p| p.var.to_vec1::<f32>().expect("readable")).collect()
}

fn assert_close(got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 2e-6, "{got} {want}");
    }
}

fn three_steps(max_grad_norm: f64) -> (Vec<f64>, Vec<f32>) {
    let params = params();
    let mut optimiser = AdamW::new(&params, config(max_grad_norm)).expect("valid settings");
    let norms =
        (1..=3u32).map(|t| optimiser.step(&gradients(t), 0.05 * f64::from(t)).expect("a step")).collect();
    assert_eq!(optimiser.steps(), 3);
    (norms, values(&params))
}

/// The numbers are those of this snippet with `limit` 1e9 and 2:
/// ```python
/// p = [np.array([0.5, -1.0, 2.0, 0.25]), np.array([0.1, -0.3])]; decay = [0.1, 0.0]
/// m, v = ([np.zeros_like(x) for x in p] for _ in range(2))
/// for t in range(1, 4):
///     g = [np.cos(1.3 * np.arange(len(x)) + t + j) * t for j, x in enumerate(p)]
///     norm = np.sqrt(sum((x * x).sum() for x in g)); lr = 0.05 * t
///     for j in range(2):
///         gj = g[j] * min(1.0, limit / (norm + 1e-6))
///         p[j] = p[j] * (1 - lr * decay[j])
///         m[j] = 0.9 * m[j] + 0.1 * gj; v[j] = 0.95 * v[j] + 0.05 * gj ** 2
///         p[j] -= lr * (m[j] / (1 - 0.9 ** t)) / (np.sqrt(v[j] / (1 - 0.95 ** t)) + 1e-8)
/// ```
#[test]
fn three_steps_give_the_numbers_of_the_formula() {
    let (norms, weights) = three_steps(1e9);
    assert!(norms.iter().zip([1.650184, 3.556298, 5.317889]).all(|(n, want)| (n - want).abs() < 1e-5));
    assert_close(&weights, &[0.560093, -0.692227, 2.019492, -0.01566, 0.372841, -0.157244]);
    let (same_norms, clipped) = three_steps(2.0);
    assert_eq!(same_norms, norms, "the norm before clipping is reported");
    assert_close(&clipped, &[0.512977, -0.685624, 2.063132, -0.024884, 0.383947, -0.112554]);
}

#[test]
fn restored_moments_continue_the_run_bit_for_bit() {
    let (_, straight) = three_steps(2.0);
    let params = params();
    let mut first = AdamW::new(&params, config(2.0)).expect("valid settings");
    first.step(&gradients(1), 0.05).expect("a step");
    let moments: Vec<_> = first.moments().map(|(_, m, v)| (m.to_vec(), v.to_vec())).collect();
    let mut second = AdamW::new(&params, config(2.0)).expect("valid settings");
    second.restore(1, moments.clone()).expect("fits");
    for t in 2..=3u32 {
        second.step(&gradients(t), 0.05 * f64::from(t)).expect("a step");
    }
    assert_eq!(values(&params), straight);
    assert!(matches!(second.restore(1, moments[..1].to_vec()), Err(Error::Settings(_))));
    let short = vec![(vec![0.0], vec![0.0]); 2];
    assert!(matches!(second.restore(1, short), Err(Error::Settings(_))));
}

#[test]
fn a_gradient_that_is_not_a_number_changes_nothing() {
    let params = params();
    let mut optimiser = AdamW::new(&params, config(1.0)).expect("valid settings");
    let before = values(&params);
    let mut broken = gradients(1);
    broken[1] = Tensor::new(&[f32::NAN, 0.0], &Device::Cpu).expect("a tensor");
    assert!(optimiser.step(&broken, 0.1).expect("a norm").is_nan());
    assert_eq!((values(&params), optimiser.steps()), (before, 0));
    assert!(matches!(optimiser.step(&gradients(1)[..1], 0.1), Err(Error::Settings(_))));
    let swapped: Vec<Tensor> = gradients(1).into_iter().rev().collect();
    assert!(matches!(optimiser.step(&swapped, 0.1), Err(Error::Tensor(_))));
}

#[test]
fn decay_covers_what_it_says() {
    use DecayScope::{All, Matrices, MatricesAndEmbedding};
    use ParamKind::{Bias, Embedding, Matrix, Norm, Residual};
    let covered =
        |scope: DecayScope| [Matrix, Residual, Embedding, Norm, Bias].map(|kind| scope.covers(kind));
    assert_eq!(covered(Matrices), [true, true, false, false, false]);
    assert_eq!(covered(MatricesAndEmbedding), [true, true, true, false, false]);
    assert_eq!(covered(All), [true; 5]);
}

#[test]
fn the_schedule_warms_up_and_comes_down_in_a_cosine() {
    let schedule = Schedule { peak: 1.0, floor: 0.1, warmup_steps: 4, total_steps: 12 };
    let want = [0.25, 0.5, 0.75, 1.0, 1.0];
    for (step, want) in want.into_iter().enumerate() {
        assert_eq!(schedule.at(step as u64), want, "{step}");
    }
    // Half way down, at the end, and after it.
    for (step, want) in [(8, 0.55), (12, 0.1), (1000, 0.1)] {
        assert!((schedule.at(step) - want).abs() < 1e-12, "{step}");
    }
    assert!((4..12).all(|step| schedule.at(step + 1) < schedule.at(step)));
    let plain = Schedule { warmup_steps: 0, ..schedule };
    assert_eq!(plain.at(0), 1.0);
}

#[test]
fn senseless_settings_are_refused() {
    let good = Schedule { peak: 1e-3, floor: 1e-5, warmup_steps: 4, total_steps: 12 };
    assert!(good.validate().is_ok());
    for bad in [
        Schedule { peak: 0.0, ..good },
        Schedule { peak: f64::NAN, ..good },
        Schedule { floor: 1.0, ..good },
        Schedule { floor: -1.0, ..good },
        Schedule { warmup_steps: 12, ..good },
        Schedule { total_steps: 0, warmup_steps: 0, ..good },
    ] {
        assert!(matches!(bad.validate(), Err(Error::Settings(_))), "{bad:?}");
    }
    let fine = AdamWConfig::default();
    for bad in [
        AdamWConfig { beta1: 1.0, ..fine },
        AdamWConfig { beta2: -0.1, ..fine },
        AdamWConfig { eps: 0.0, ..fine },
        AdamWConfig { weight_decay: -1.0, ..fine },
        AdamWConfig { max_grad_norm: f64::NAN, ..fine },
    ] {
        assert!(matches!(AdamW::new(&params(), bad), Err(Error::Settings(_))), "{bad:?}");
    }
    let double = Var::zeros(3, DType::F64, &Device::Cpu).expect("a variable");
    let double = NamedParam { name: "wide".into(), kind: ParamKind::Matrix, stacked: vec![3], var: double };
    let refused = AdamW::new(&[double], fine).map(|o| o.steps());
    assert!(matches!(refused, Err(Error::Settings(text)) if text.contains("wide")));
}
