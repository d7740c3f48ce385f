//! An adapter against an independent implementation and against differences; that the base stays frozen; PEFT's files.

use super::*;
use crate::checkpoint::Checkpoints;
use crate::decoder::golden::{IDS, folder_of, weight};
use crate::decoder::{Example, Family, Kernels, OutputWeights, PackedBatch};
use crate::fixtures::{check_gradient, random, scrambled, small_batch, tiny};
use crate::optim::{AdamWConfig, Schedule};
use crate::sft::{
    BatchSize, Flow, Observer, Outcome, RowSource, Run, SftConfig, StepMetrics, accumulate, train,
};
use std::fs;
use std::sync::Arc;

fn config(targets: Targets) -> LoraConfig {
    LoraConfig { rank: 3, alpha: 6.0, dropout: 0.0, targets, scaling: Scaling::Standard }
}

/// An adapter whose matrices are all random, so that no gradient is zero by chance.
fn learned(decoder: &Decoder, config: &LoraConfig) -> Arc<Lora> {
    let lora = Lora::fresh(decoder, config, 4).expect("an adapter");
    for (i, p) in lora.named().iter().enumerate() {
        let values = (random(p.var.dims(), 70 + i as u64) * 0.4).and_then(|v| v.to_dtype(decoder.dtype()));
        p.var.set(&values.expect("a tensor")).expect("same shape");
    }
    Arc::new(lora)
}

fn logits(decoder: &Decoder) -> Vec<Vec<f32>> {
    decoder.logits(&[3, 7, 7, 1, 18, 0]).expect("logits")
}

fn base(family: Family, dtype: DType) -> Decoder {
    scrambled(tiny(family, OutputWeights::Separate), 9, dtype)
}

#[test]
fn a_fresh_adapter_changes_nothing_and_is_a_function_of_its_seed() {
    let base = base(Family::Qwen2, DType::F32);
    let fresh = |seed| Arc::new(Lora::fresh(&base, &LoraConfig::default(), seed).expect("an adapter"));
    let first = fresh(1);
    assert_eq!(logits(&base.adapted(first.clone())), logits(&base));
    assert_eq!(first.modules().count(), 14, "seven linears in each of two blocks");
    // (12 + 24) + 2·(12 + 12) + (24 + 12) + 2·(12 + 10) + (10 + 12), each times r = 8, in two blocks.
    assert_eq!(first.parameter_count(), 2 * 8 * 186);
    let values = |lora: &Lora| lora.named()[0].var.to_vec2::<f32>().expect("readable");
    assert_eq!(values(&first), values(&fresh(1)));
    assert_ne!(values(&first), values(&fresh(2)));
    let reach = 1.0 / 12f32.sqrt();
    assert!(values(&first).iter().flatten().all(|v| v.abs() <= reach));
}

/// The numbers are those of this snippet, which goes on after `golden.rs`'s (`forward` with `linear` as here):
/// ```python
/// R, SCALE, LORA = 3, 2.0, {}
/// def lora(name, shape): return LORA.setdefault(name, weight("base_model.model." + name, shape))
/// def linear(x, name, out):
///     a, b = lora(name + ".lora_A.weight", (R, x.shape[-1])), lora(name + ".lora_B.weight", (out, R))
///     return x @ weight(name + ".weight", (out, x.shape[-1])).T + SCALE * (x @ a.T) @ b.T
/// c, ids = json.load(open("golden/mistral.json")), [3, 1, 4, 1, 5, 9, 2, 6]
/// def loss():
///     z = forward(c, ids)[:-1]; z = z - z.max(-1, keepdims=True)
///     return (np.log(np.exp(z).sum(-1)) - z[np.arange(len(z)), ids[1:]]).mean()
/// print(forward(c, ids)[-1].round(5).tolist(), loss().round(6))
/// for name in ("0.self_attn.k_proj.lora_A", "0.self_attn.k_proj.lora_B", "1.mlp.up_proj.lora_B", "1.mlp.down_proj.lora_A"):
///     m, slopes = LORA[f"model.layers.{name}.weight"].reshape(-1), []
///     for i in range(5):
///         old = m[i]; m[i] = old + 1e-5; up = loss(); m[i] = old - 1e-5; down = loss(); m[i] = old
///         slopes.append((up - down) / 2e-5)
///     print(name, np.array(slopes).round(6).tolist())
/// ```
#[test]
fn logits_loss_and_gradients_are_those_of_an_independent_implementation() {
    const LAST: [f64; 11] = [
        -0.40957, 0.00665, 0.41951, 0.6206, 0.5084, 0.13954, -0.29976, -0.58773, -0.57901, -0.27799, 0.16336,
    ];
    const SLOPES: [(&str, [f64; 5]); 4] = [
        ("0.self_attn.k_proj.lora_A", [-0.021804, 0.000649, 0.029259, -0.062555, 0.066444]),
        ("0.self_attn.k_proj.lora_B", [-9.3e-5, 0.000412, 0.000475, 0.00013, -0.000573]),
        ("1.mlp.up_proj.lora_B", [0.003281, 0.020444, -0.026648, 0.257047, -0.334981]),
        ("1.mlp.down_proj.lora_A", [0.053819, -0.137332, -0.059801, 0.013816, -0.015179]),
    ];
    let folder = folder_of(include_str!("../decoder/golden/mistral.json"));
    let base = Decoder::load(folder.path(), DType::F32, &Device::Cpu).expect("loads");
    let lora = Lora::fresh(&base, &config(Targets::AllLinear), 1).expect("an adapter");
    for p in lora.named() {
        p.var.set(&weight(&format!("base_model.model.{}", p.name), p.var.dims())).expect("same shape");
    }
    let lora = Arc::new(lora);
    let adapted = base.adapted(lora.clone());
    let got = adapted.logits(&IDS).expect("logits");
    for (got, want) in got[IDS.len() - 1].iter().zip(LAST) {
        assert!((f64::from(*got) - want).abs() < 1e-4, "{got} {want}");
    }
    let batch = PackedBatch::new(&[Example::language(IDS.to_vec())]).expect("packs");
    let (loss, gradients) = accumulate(&adapted, &[batch]).expect("gradients");
    assert!((f64::from(loss) - 2.723562).abs() < 1e-5, "{loss}");
    for (name, slopes) in SLOPES {
        let full = format!("model.layers.{name}.weight");
        let place = lora.named().iter().position(|p| p.name == full).expect("a matrix of that name");
        let got = gradients[place].flatten_all().and_then(|g| g.to_vec1::<f32>()).expect("readable");
        for (got, want) in got.iter().zip(slopes) {
            assert!((f64::from(*got) - want).abs() < 1e-5 + 1e-4 * want.abs(), "{name}: {got} {want}");
        }
    }
}

#[test]
fn gradients_agree_with_differences_with_dropout_and_with_gaps() {
    let some = Targets::Modules(["v_proj", "o_proj", "gate_proj", "0.mlp.down_proj"].map(Into::into).into());
    for (family, targets, dropout) in [(Family::Llama, Targets::AllLinear, 0.0), (Family::Qwen3, some, 0.25)]
    {
        let base = base(family, DType::F64);
        let lora = learned(&base, &LoraConfig { dropout, ..config(targets) });
        let adapted = base.adapted(lora.clone());
        let batch = small_batch(19).with_noise(5);
        let loss = || adapted.target_nll(&batch).expect("a loss").mean_all().expect("a mean");
        let gradients = loss().backward().expect("gradients");
        for p in lora.named() {
            let analytic = gradients.get(p.var.as_tensor()).expect("every matrix learns");
            let value = || loss().to_scalar::<f64>();
            check_gradient(&p.name, &p.var, analytic, &value, 1e-6);
        }
        for p in base.parameters() {
            assert!(gradients.get(p.var.as_tensor()).is_none(), "{} is frozen", p.name);
        }
    }
}

#[test]
fn the_fused_kernels_give_the_reference_gradients() {
    let base = base(Family::Mistral, DType::F32);
    let lora = learned(&base, &LoraConfig { dropout: 0.2, ..config(Targets::AllLinear) });
    let of = |decoder: Decoder| {
        let (loss, gradients) = accumulate(&decoder, &[small_batch(19).with_noise(3)]).expect("gradients");
        let flat = |g: &Tensor| g.flatten_all().and_then(|g| g.to_vec1::<f32>()).expect("readable");
        (loss, gradients.iter().flat_map(flat).collect::<Vec<f32>>())
    };
    let fused = of(base.adapted(lora.clone()));
    let reference = of(base.shared().with_kernels(Kernels::Reference).adapted(lora));
    assert!((fused.0 - reference.0).abs() < 1e-5);
    for (a, b) in fused.1.iter().zip(&reference.1) {
        assert!((a - b).abs() < 1e-5 + 1e-4 * b.abs(), "{a} {b}");
    }
}

#[test]
fn a_merged_model_is_the_adapted_one_and_the_base_is_untouched() {
    for family in Family::ALL {
        let base = base(family, DType::F32);
        let before = logits(&base);
        let lora = learned(&base, &config(Targets::Pattern(r".*\.(k|o|up|down)_proj".into())));
        let merged = lora.merge(&base).expect("merges");
        let folder = tempfile::tempdir().expect("a folder");
        merged.save(folder.path()).expect("saves");
        let loaded = Decoder::load(folder.path(), DType::F32, &Device::Cpu).expect("loads");
        let (want, got) = (logits(&base.adapted(lora)), logits(&loaded));
        let far = |a: &[Vec<f32>], b: &[Vec<f32>]| {
            a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max)
        };
        assert!(far(&want, &got) < 1e-4, "{family:?}");
        assert!(far(&want, &before) > 0.05, "{family:?}: the adapter does something");
        assert_eq!(logits(&base), before);
    }
}

#[test]
fn a_peft_folder_has_pefts_names_and_comes_back() {
    let base = base(Family::Llama, DType::F32);
    let lora = learned(&base, &config(Targets::Modules(vec!["q_proj".into(), "down_proj".into()])));
    let folder = tempfile::tempdir().expect("a folder");
    lora.save(folder.path(), Some("some/model")).expect("saves");
    let mut shapes: Vec<String> = peft::raw(folder.path())
        .iter()
        .map(|(name, tensor)| format!("{name} {:?} {:?}", tensor.dims(), tensor.dtype()))
        .collect();
    shapes.sort();
    insta::assert_snapshot!("peft_tensors", shapes.join("\n"));
    let text = fs::read_to_string(folder.path().join("adapter_config.json")).expect("readable");
    insta::assert_snapshot!("peft_config", text);
    let again = Lora::load(folder.path(), &base, 4).expect("loads");
    assert_eq!(again.config(), lora.config());
    assert_eq!(logits(&base.adapted(Arc::new(again))), logits(&base.adapted(lora)));
}

#[test]
fn a_rank_stabilised_adapter_is_scaled_by_the_root_and_says_so_to_peft() {
    let base = base(Family::Llama, DType::F32);
    let plain = config(Targets::AllLinear);
    let stable = LoraConfig { scaling: Scaling::RankStabilised, ..plain.clone() };
    assert!((stable.scale() - 6.0 / 3f64.sqrt()).abs() < 1e-12);
    let lora = learned(&base, &stable);
    let folder = tempfile::tempdir().expect("a folder");
    lora.save(folder.path(), None).expect("saves");
    let again = Lora::load(folder.path(), &base, 4).expect("loads");
    assert_eq!(again.config(), &stable);
    let (got, want) = (logits(&base.adapted(Arc::new(again))), logits(&base.adapted(lora.clone())));
    assert_eq!(got, want);
    assert_ne!(want, logits(&base.adapted(learned(&base, &plain))));
    let merged = logits(&lora.merge(&base).expect("merges"));
    assert!(merged.iter().flatten().zip(want.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-4));
    let json = serde_json::to_string(&plain).expect("json");
    assert!(!json.contains("scaling"), "recipes written before this setting existed stay the same");
    assert_eq!(serde_json::from_str::<LoraConfig>(&json).expect("reads"), plain);
}

#[test]
fn an_adapter_that_does_not_fit_is_named() {
    let base = base(Family::Llama, DType::F32);
    let none = Lora::fresh(&base, &config(Targets::Modules(vec!["lm_head".into()])), 1);
    assert!(
        matches!(none, Err(Error::Settings(text)) if text.contains("lm_head") && text.contains("q_proj"))
    );
    let folder = tempfile::tempdir().expect("a folder");
    learned(&base, &config(Targets::AllLinear)).save(folder.path(), None).expect("saves");
    let path = folder.path().join("adapter_config.json");
    let good = fs::read_to_string(&path).expect("readable");
    let say = |text: &str| {
        fs::write(&path, text).expect("writes");
        Lora::load(folder.path(), &base, 1).expect_err("refused").to_string()
    };
    assert!(say(&good.replace("\"use_dora\": false", "\"use_dora\": true")).contains("use_dora"));
    assert!(say(&good.replace("\"r\": 3", "\"r\": 2")).contains("instead of [2, 12]"));
    assert!(say(&good.replace("\"bias\": \"none\"", "\"bias\": \"all\"")).contains("biases"));
    assert!(say(&good.replace("LORA", "IA3")).contains("peft_type"));
    assert!(say(&good.replace("\"r\": 3", "\"r\": \"3\"")).contains("whole number r"));
    for begun in ["pissa", "pissa_niter_16", "olora", "corda"] {
        let said =
            say(&good.replace("\"init_lora_weights\": true", &format!("\"init_lora_weights\": \"{begun}\"")));
        assert!(said.contains(begun) && said.contains("changed base"), "{said}");
    }
    let fewer = good.replace("\"q_proj\",", "");
    assert!(say(&fewer).contains("no place for the adapter's tensor"));
    assert!(say("{").contains("damaged"));
    let wide = scrambled(
        crate::decoder::DecoderConfig { intermediate_size: 14, ..base.config().clone() },
        1,
        DType::F32,
    );
    let gaussian = good.replace("\"init_lora_weights\": true", "\"init_lora_weights\": \"gaussian\"");
    fs::write(&path, gaussian).expect("writes");
    Lora::load(folder.path(), &base, 1).expect("weights that leave the base as it is");
    fs::write(&path, good).expect("writes");
    assert!(matches!(Lora::load(folder.path(), &wide, 1), Err(Error::Model { .. })));
}

/// Copy the first token after a marker.
struct Copying;

impl RowSource for Copying {
    fn row(&self, index: u64) -> Result<Example> {
        let token = 2 + (index * 7 % 15) as u32;
        Ok(Example { ids: vec![0, token, 17, token, 1], weights: vec![0.0, 0.0, 0.0, 1.0, 1.0] })
    }
}

#[derive(Default)]
struct Losses(Vec<f32>, Option<u64>);

impl Observer for Losses {
    fn on_step(&mut self, metrics: &StepMetrics, _decoder: &Decoder) -> Result<Flow> {
        self.0.push(metrics.loss);
        Ok(if self.1 == Some(metrics.step) { Flow::Stop } else { Flow::Continue })
    }
}

fn run(total_steps: u64, checkpoints: Option<Checkpoints>) -> Run<'static> {
    let config = SftConfig {
        schedule: Schedule { peak: 2e-2, floor: 0.0, warmup_steps: 2, total_steps },
        optimiser: AdamWConfig::default(),
        batch: BatchSize::Rows(8),
        accumulation: 2,
        checkpoint_every: 100,
    };
    Run { config, source: &Copying, checkpoints, wall_clock: None }
}

/// Dropout and all: the masks of a resumed run are those of the straight one.
#[test]
fn training_lowers_the_loss_leaves_the_base_alone_and_resumes_bit_for_bit() {
    let base = base(Family::Qwen3, DType::F32);
    let before = logits(&base);
    let settings = LoraConfig { dropout: 0.1, rank: 4, ..LoraConfig::default() };
    let fresh = || Arc::new(Lora::fresh(&base, &settings, 3).expect("an adapter"));
    let bits = |lora: &Lora| -> Vec<u32> {
        let values = |p: &NamedParam| p.var.flatten_all().and_then(|v| v.to_vec1::<f32>()).expect("readable");
        lora.named().iter().flat_map(values).map(f32::to_bits).collect()
    };
    let straight = fresh();
    let mut all = Losses::default();
    let outcome = train(&base.adapted(straight.clone()), &run(60, None), &mut all).expect("trains");
    assert_eq!(outcome, Outcome::Finished);
    assert!(all.0[59] < 0.5 * all.0[0], "{} … {}", all.0[0], all.0[59]);
    assert_eq!(logits(&base), before);

    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = || Some(Checkpoints::new(folder.path().join("run"), 1));
    let mut first = Losses(vec![], Some(23));
    let stopped = train(&base.adapted(fresh()), &run(60, checkpoints()), &mut first).expect("trains");
    assert_eq!(stopped, Outcome::Stopped { step: 23 });
    let (resumed, mut second) = (fresh(), Losses::default());
    train(&base.adapted(resumed.clone()), &run(60, checkpoints()), &mut second).expect("trains");
    assert_eq!([first.0, second.0].concat(), all.0);
    assert_eq!(bits(&resumed), bits(&straight));
}

#[test]
fn divergence_stops_with_the_step() {
    let base = base(Family::Llama, DType::F32);
    let lora = learned(&base, &config(Targets::AllLinear));
    let broken = lora.named()[0].var.affine(f64::INFINITY, 0.0).expect("a tensor");
    lora.named()[0].var.set(&broken).expect("same shape");
    let outcome = train(&base.adapted(lora), &run(5, None), &mut Losses::default());
    assert!(matches!(outcome, Err(Error::Diverged { step: 0, .. })), "{outcome:?}");
}
