//! What is kept, what a crash leaves behind, and what is said about damaged checkpoints.

use super::*;
use crate::decoder::{Family, OutputWeights};
use crate::fixtures::{scrambled, tiny};
use crate::optim::AdamWConfig;
use candle_core::DType;

fn parts(family: Family, seed: u64) -> (Decoder, AdamW) {
    let decoder = scrambled(tiny(family, OutputWeights::Tied), seed, DType::F32);
    let optimiser = AdamW::new(decoder.parameters(), AdamWConfig::default()).expect("valid settings");
    (decoder, optimiser)
}

/// A checkpoint of a Llama after one step.
fn saved() -> (tempfile::TempDir, Checkpoints, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Checkpoints::new(folder.path().join("run"), 2);
    let (decoder, mut optimiser) = parts(Family::Llama, 1);
    let gradients: Vec<Tensor> =
        decoder.parameters().iter().map(|p| p.var.affine(0.1, 0.0).expect("a tensor")).collect();
    optimiser.step(&gradients, 1e-3).expect("a step");
    let state = RunState::new(1, 32, "settings".to_owned());
    let path = checkpoints.save(&decoder, &optimiser, &state).expect("saves");
    (folder, checkpoints, path)
}

fn load(checkpoints: &Checkpoints, path: &Path, family: Family) -> Result<RunState<String>> {
    let (decoder, mut optimiser) = parts(family, 2);
    checkpoints.load(path, &decoder, &mut optimiser)
}

fn problem(checkpoints: &Checkpoints, path: &Path, family: Family) -> String {
    match load(checkpoints, path, family) {
        Err(Error::Checkpoint { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_comes_back() {
    let (_folder, checkpoints, path) = saved();
    assert_eq!(checkpoints.latest().expect("listed"), Some(path.clone()));
    let (decoder, mut optimiser) = parts(Family::Llama, 2);
    let state: RunState<String> = checkpoints.load(&path, &decoder, &mut optimiser).expect("loads");
    assert_eq!(state, RunState::new(1, 32, "settings".to_owned()));
    assert_eq!(optimiser.steps(), 1);
    let again = checkpoints.save(&decoder, &optimiser, &RunState::new(2, 64, state.settings)).expect("saves");
    let tensors = |path: &Path| fs::read(path.join(TENSORS)).expect("readable");
    assert!(tensors(&path) == tensors(&again), "weights and moments are the same");
}

#[test]
fn only_complete_checkpoints_count_and_the_oldest_go() {
    let (_folder, checkpoints, path) = saved();
    let run = path.parent().expect("a parent");
    fs::create_dir(run.join(".step-00000009.partial")).expect("made");
    fs::create_dir(run.join("notes")).expect("made");
    assert_eq!(checkpoints.latest().expect("listed"), Some(path.clone()));
    let (decoder, optimiser) = parts(Family::Llama, 3);
    for step in [9, 10] {
        checkpoints.save(&decoder, &optimiser, &RunState::new(step, 0, ())).expect("saves");
    }
    assert!(!path.exists(), "two are kept");
    assert_eq!(checkpoints.latest().expect("listed"), Some(run.join("step-00000010")));
    assert!(run.join("notes").exists() && !run.join(".step-00000009.partial").exists());
    assert_eq!(Checkpoints::new(run.join("nowhere"), 1).latest().expect("listed"), None);
}

#[test]
fn damage_is_named() {
    let (_folder, checkpoints, path) = saved();
    let (state, tensors) = (path.join(STATE), path.join(TENSORS));
    let good_state = fs::read_to_string(&state).expect("readable");
    let say = |family| problem(&checkpoints, &path, family);
    assert!(say(Family::Qwen3).contains("q_norm.weight is missing"), "another model");

    fs::write(&state, good_state.replace("\"format\": 1", "\"format\": 2")).expect("writes");
    assert_eq!(say(Family::Llama), "its format is 2, this version reads 1");
    fs::write(&state, &good_state[..good_state.len() / 2]).expect("writes");
    assert!(say(Family::Llama).contains("EOF"));
    fs::write(&state, good_state.replace("next_row", "next_line")).expect("writes");
    assert!(say(Family::Llama).contains("next_line"));
    fs::write(&state, &good_state).expect("writes");

    let whole = fs::read(&tensors).expect("readable");
    for bytes in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &whole[..5], b""] {
        fs::write(&tensors, bytes).expect("writes");
        assert!(say(Family::Llama).starts_with("it is damaged"));
    }
    fs::remove_file(&tensors).expect("removes");
    assert!(
        matches!(load(&checkpoints, &path, Family::Llama), Err(Error::Io { path, .. }) if path == tensors)
    );
    fs::write(&tensors, &whole).expect("writes");
    assert!(load(&checkpoints, &path, Family::Llama).is_ok());
}

#[test]
fn a_checkpoint_that_does_not_fit_changes_nothing() {
    let (_folder, checkpoints, path) = saved();
    let tensors = path.join(TENSORS);
    let mut stored = candle_core::safetensors::load(&tensors, &Device::Cpu).expect("readable");
    let last = "second.norm.weight";
    stored.insert(last.into(), Tensor::zeros(5, DType::F32, &Device::Cpu).expect("a tensor"));
    candle_core::safetensors::save(&stored, &tensors).expect("saves");
    let (decoder, mut optimiser) = parts(Family::Llama, 2);
    let before = decoder.logits(&[1, 2, 3]).expect("logits");
    let refused: Result<RunState<String>> = checkpoints.load(&path, &decoder, &mut optimiser);
    let want = "second.norm.weight is (F32, [5]) instead of (F32, [12])";
    assert!(matches!(refused, Err(Error::Checkpoint { problem, .. }) if problem == want));
    assert_eq!(decoder.logits(&[1, 2, 3]).expect("logits"), before);
    assert_eq!(optimiser.steps(), 0);
}
