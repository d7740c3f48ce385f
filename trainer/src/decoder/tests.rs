//! The whole decoder: every gradient of every family, and the two kinds of kernels against each other.

use super::*;
use crate::fixtures::{check_gradient, scrambled, small_batch, tiny};
use crate::optim::collect_gradients;

#[test]
fn every_gradient_of_every_family_matches_finite_differences() {
    for family in Family::ALL {
        let output = if family == Family::Mistral { OutputWeights::Separate } else { OutputWeights::Tied };
        let exact = scrambled(tiny(family, output), 3, DType::F64);
        let fused = scrambled(tiny(family, output), 3, DType::F32);
        assert_eq!((exact.kernels, fused.kernels), (Kernels::Reference, Kernels::Fused));
        let batch = small_batch(19);
        let gradients = |d: &Decoder| {
            let store = d
                .target_nll(&batch)
                .expect("a loss")
                .mean_all()
                .and_then(|l| l.backward())
                .expect("backward");
            collect_gradients(d.parameters(), store).expect("gradients")
        };
        let loss =
            || exact.target_nll(&batch).map_err(candle_core::Error::wrap)?.mean_all()?.to_scalar::<f64>();
        let (want, got) = (gradients(&exact), gradients(&fused));
        for ((p, want), got) in exact.parameters().iter().zip(&want).zip(&got) {
            let size =
                want.abs().and_then(|g| g.max_all()).and_then(|g| g.to_scalar::<f64>()).expect("a number");
            assert!(size > 1e-6, "{family:?} {}: no gradient", p.name);
            check_gradient(&format!("{family:?} {} reference", p.name), &p.var, want, &loss, 1e-6);
            // What the differences have confirmed, the fused kernels must give as well.
            let numbers = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
            let (want, got) = (numbers(want).expect("readable"), numbers(got).expect("readable"));
            for (i, (want, got)) in want.iter().zip(&got).enumerate() {
                let error = (want - got).abs();
                assert!(
                    error <= 5e-5 * (1.0 + want.abs()),
                    "{family:?} {} fused [{i}]: {got} {want}",
                    p.name
                );
            }
        }
    }
}

#[test]
fn segments_do_not_see_each_other() {
    let decoder = scrambled(tiny(Family::Qwen3, OutputWeights::Tied), 5, DType::F32);
    let (a, b) = (Example::language(vec![3, 4, 5, 6]), Example::language(vec![9, 8, 7]));
    let nll = |examples: &[Example]| {
        let batch = PackedBatch::new(examples).expect("packs");
        decoder.target_nll(&batch).and_then(|n| Ok(n.to_vec1::<f32>()?)).expect("a loss")
    };
    let (both, alone) = (nll(&[a.clone(), b.clone()]), [nll(&[a]), nll(&[b])].concat());
    for (x, y) in both.iter().zip(&alone) {
        assert!((x - y).abs() < 1e-5, "{both:?} {alone:?}");
    }
}

#[test]
fn refuses_what_the_model_cannot_take() {
    let mut config = tiny(Family::Llama, OutputWeights::Tied);
    config.sliding_window = Some(8);
    let decoder = scrambled(config, 1, DType::F32);
    let nll =
        |ids: Vec<u32>| decoder.target_nll(&PackedBatch::new(&[Example::language(ids)]).expect("packs"));
    assert!(nll(vec![1; 8]).is_ok());
    assert!(matches!(nll(vec![1; 9]), Err(Error::Data(text)) if text.contains("sliding window")));
    assert!(matches!(nll(vec![1; 65]), Err(Error::Data(text)) if text.contains("longer than the model")));
    assert!(matches!(nll(vec![1, 19]), Err(Error::Data(text)) if text.contains("vocabulary")));
    assert!(matches!(nll(vec![1]), Err(Error::Data(text)) if text.contains("no supervised token")));
}

#[test]
fn refuses_sizes_that_do_not_fit() {
    let fresh = |change: &dyn Fn(&mut DecoderConfig)| {
        let mut config = tiny(Family::Llama, OutputWeights::Tied);
        change(&mut config);
        Decoder::fresh(config, 1, DType::F32, &Device::Cpu).map(|d| d.parameter_count())
    };
    assert!(fresh(&|_| {}).is_ok());
    assert!(matches!(fresh(&|c| c.heads.kv_heads = 3), Err(Error::Config(_))));
    assert!(matches!(fresh(&|c| c.heads.head_dim = 5), Err(Error::Config(_))));
    assert!(matches!(fresh(&|c| c.layers = 0), Err(Error::Config(_))));
    assert!(matches!(fresh(&|c| c.rope_theta = f64::NAN), Err(Error::Config(_))));
}
