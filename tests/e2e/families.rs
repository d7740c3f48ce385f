//! The engine and our own decoder are two readings of the same folder: they must agree.

use amend_proto::{ChatModel, ChatRequest, Logprobs, Message, Prompt, Sampling};
use amend_server::engine::{DeviceChoice, Dtype, EngineConfig, ModelSource};
use amend_trainer::{
    bmc::{
        Control, PreferenceJob, PreferenceObserver, PreferencePair, PreferenceRecipe, PreferenceStep,
        Trained, train_preferences,
    },
    decoder::{Decoder, Family},
    testing::tiny_folder,
    tokenizer::ChatTokenizer,
};
use candle_core::{DType, Device};
use std::path::Path;

/// Largest difference of a log-probability, in nats. Both compute in f32, in different orders.
const TOLERANCE: f32 = 2e-4;

const TEXT: &str = "The capital of France is";

const FAMILIES: [Family; 4] = [Family::Llama, Family::Mistral, Family::Qwen2, Family::Qwen3];

#[tokio::test(flavor = "multi_thread")]
async fn mistralrs_and_the_decoder_give_the_same_logits() {
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        tiny_folder(folder.path(), family, 11).unwrap();
        agree(folder.path(), family).await;
    }
}

/// What training writes is a folder like any other: the engine reads the adapter's share in the merged weights.
#[tokio::test(flavor = "multi_thread")]
async fn mistralrs_reads_what_training_on_preferences_wrote() {
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        let (parent, out) = (folder.path().join("parent"), folder.path().join("out"));
        tiny_folder(&parent, family, 11).unwrap();
        let pair = |number: usize| PreferencePair {
            prompt: vec![Message::user(format!("Where is town {number}?"))],
            chosen: "In the north.".to_owned(),
            rejected: "It is south of here.".to_owned(),
        };
        let pairs: Vec<PreferencePair> = (0..4).map(pair).collect();
        let job = PreferenceJob {
            model: &parent,
            pairs: &pairs,
            held_out: &[],
            conversations: &[],
            sources: &[],
            stop_words: None,
            recipe: PreferenceRecipe {
                learning_rate: 1e-2,
                pairs_per_step: 4,
                epochs: 3,
                ..PreferenceRecipe::lora()
            },
            budget: None,
            control: Control::default(),
            out: &out,
        };
        let trained = train_preferences(&job, &mut Unwatched).unwrap();
        assert!(matches!(trained, Trained::Finished(_)), "{family:?}: {trained:?}");
        let model = out.join("model");
        let ids = ChatTokenizer::load(&model).unwrap().encode(TEXT).unwrap();
        let [before, after] = [&parent, &model]
            .map(|folder| Decoder::load(folder, DType::F32, &Device::Cpu).unwrap().logits(&ids).unwrap());
        let moved =
            before.concat().iter().zip(after.concat()).any(|(before, after)| (before - after).abs() > 0.01);
        assert!(moved, "{family:?}: three steps at this rate change the model");
        agree(&model, family).await;
    }
}

struct Unwatched;

impl PreferenceObserver for Unwatched {
    fn on_step(&mut self, _: &PreferenceStep, _: u64) {}
}

/// Both generate the same tokens, with the same log-probabilities.
async fn agree(folder: &Path, family: Family) {
    let tokenizer = ChatTokenizer::load(folder).unwrap();
    let decoder = Decoder::load(folder, DType::F32, &Device::Cpu).unwrap();

    let mut config = EngineConfig::new(ModelSource::Folder(folder.to_owned()));
    config.dtype = Dtype::F32;
    config.device = DeviceChoice::Cpu;
    let engine = config.build().await.unwrap();
    let mut request = ChatRequest::new(Prompt::Text(TEXT.to_owned()));
    request.sampling = Sampling { max_tokens: Some(8), ..Sampling::greedy() };
    request.logprobs = Logprobs::Top(20);
    let answer = engine.complete(request).await.unwrap();
    assert!(!answer.logprobs.is_empty(), "{family:?} generates at least one token");

    let mut ids = tokenizer.encode(TEXT).unwrap();
    for step in &answer.logprobs {
        let logits = decoder.logits(&ids).unwrap();
        let ours = log_softmax(logits.last().unwrap());
        for theirs in &step.top {
            let near = ours.iter().any(|ours| (ours - theirs.logprob).abs() < TOLERANCE);
            assert!(near, "{family:?}: no token of ours has log-probability {}", theirs.logprob);
        }
        let (best, most) = argmax(&ours);
        assert!((most - step.logprob).abs() < TOLERANCE, "{family:?}: {most} against {}", step.logprob);
        ids.push(best);
    }
    let generated = &ids[tokenizer.encode(TEXT).unwrap().len()..];
    let said = tokenizer.decode(generated).unwrap();
    assert!(
        said.starts_with(answer.text.trim_end_matches('\u{fffd}')),
        "{family:?}: {said:?} {:?}",
        answer.text
    );
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from(x - most).exp()).sum();
    logits.iter().map(|x| x - most - sum.ln() as f32).collect()
}

fn argmax(values: &[f32]) -> (u32, f32) {
    let (index, value) = values
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("a vocabulary is not empty");
    (u32::try_from(index).expect("a token id"), value)
}
