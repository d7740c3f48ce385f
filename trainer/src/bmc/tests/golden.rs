//! The losses and their gradients against PyTorch, transformers and peft on the same weights and pairs; the numbers and
//! the script that made them are in `golden/`.

use crate::bmc::loss::PreferenceLoss;
use crate::bmc::metrics::PairSums;
use crate::bmc::pack::{PairBatch, Sharing};
use crate::bmc::pair::TokenPair;
use crate::bmc::reference::ScoredPair;
use crate::bmc::train::slopes;
use crate::bmc::{Difference, StopTokens};
use crate::decoder::golden::{folder_of, weight};
use crate::decoder::{Activations, Decoder};
use crate::lora::{Lora, LoraConfig};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Golden {
    stop: Vec<u32>,
    pairs: Vec<GoldenPair>,
    results: Vec<GoldenResult>,
}

#[derive(Deserialize)]
struct GoldenPair {
    prompt: Vec<u32>,
    chosen: Vec<u32>,
    rejected: Vec<u32>,
    chosen_differs: Vec<bool>,
    rejected_differs: Vec<bool>,
}

#[derive(Deserialize)]
struct GoldenResult {
    loss: PreferenceLoss,
    value: f64,
    /// Of every matrix the norm, and the sum of its elements times `sin(1 + i)`.
    gradients: BTreeMap<String, [f64; 2]>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/preference.json")).expect("the file is whole")
}

/// The pairs with the reference's log-probabilities; the mask is ours and must be theirs.
fn scored(golden: &Golden, base: &Decoder) -> Vec<ScoredPair> {
    let stop = StopTokens::from_tokens(golden.stop.iter().copied());
    let pairs = golden.pairs.iter().map(|pair| {
        let difference = Difference::between(&pair.chosen, &pair.rejected, &stop);
        assert_eq!(
            (&difference.chosen, &difference.rejected),
            (&pair.chosen_differs, &pair.rejected_differs)
        );
        let (prompt, chosen, rejected) = (pair.prompt.clone(), pair.chosen.clone(), pair.rejected.clone());
        TokenPair { prompt, chosen, rejected, difference }
    });
    let score = |pair: TokenPair| {
        let PairBatch { batch, places } = PairBatch::new([&pair], Sharing::Apart).expect("packs");
        let nll = base.target_nll(&batch).and_then(|n| Ok(n.to_dtype(DType::F64)?.to_vec1::<f64>()?));
        let nll = nll.expect("a loss");
        let reference = places[0].each_ref().map(|place| place.targets().map(|t| -nll[t]).collect());
        ScoredPair { pair, reference }
    };
    pairs.map(score).collect()
}

/// Relative to the norm of a gradient, so that a projection that happens to be small is not asked for more digits.
fn check(result: &GoldenResult, value: f64, gradients: &[(String, Tensor)], what: &str) {
    const RELATIVE: f64 = 1e-4;
    let label = format!("{what} {:?}", result.loss);
    assert!((value - result.value).abs() <= RELATIVE * result.value, "{label}: {value} {}", result.value);
    assert_eq!(gradients.len(), result.gradients.len());
    for (name, gradient) in gradients {
        let gradient = gradient.to_dtype(DType::F64).and_then(|g| g.flatten_all()?.to_vec1::<f64>());
        let gradient = gradient.expect("readable");
        let [norm, projection] = result.gradients[name];
        let got_norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let got: f64 = gradient.iter().enumerate().map(|(i, g)| g * (1.0 + i as f64).sin()).sum();
        assert!((got_norm - norm).abs() <= RELATIVE * norm, "{label} {name}: norm {got_norm} {norm}");
        assert!((got - projection).abs() <= RELATIVE * norm, "{label} {name}: {got} {projection}");
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let golden = golden();
    let folder = folder_of(include_str!("../../decoder/golden/mistral.json"));
    for dtype in [DType::F64, DType::F32] {
        let base = Decoder::load(folder.path(), dtype, &Device::Cpu).expect("loads");
        let config = LoraConfig { rank: 3, alpha: 6.0, dropout: 0.0, ..LoraConfig::default() };
        let lora = Arc::new(Lora::fresh(&base, &config, 1).expect("an adapter"));
        for p in lora.named() {
            let values = weight(&format!("base_model.model.{}", p.name), p.var.dims()).to_dtype(dtype);
            p.var.set(&values.expect("a cast")).expect("same shape");
        }
        let (policy, pairs) = (base.adapted(lora.clone()), scored(&golden, &base));
        let all: Vec<&ScoredPair> = pairs.iter().collect();
        for result in &golden.results {
            result.loss.validate().expect("valid");
            for sharing in [Sharing::Apart, Sharing::Prefix] {
                let PairBatch { batch, places } =
                    PairBatch::new(pairs.iter().map(|pair| &pair.pair), sharing).expect("packs");
                let mut sums = PairSums::default();
                let gradients = policy.gradients(&batch, Activations::Kept, |nll| {
                    Ok(slopes(&result.loss, (&all, &places), nll, &mut sums))
                });
                let gradients = gradients.expect("gradients").into_iter().zip(lora.named());
                let gradients: Vec<(String, Tensor)> = gradients
                    .map(|(g, p)| (p.name.clone(), (g / all.len() as f64).expect("a tensor")))
                    .collect();
                check(result, sums.means().loss, &gradients, &format!("{dtype:?} {sharing:?}"));
            }
        }
    }
}
