//! Whole trainings from folder to folder, and the losses against PyTorch.

mod bad_input;
mod beside;
mod golden;
mod job;

use super::loss::{Objective, Published};
use super::*;
use crate::decoder::Family;
use crate::lora::LoraConfig;
use crate::lte::Method;
use crate::testing::tiny_folder;
use crate::{Error, Result};
use amend_proto::Message;
use std::fs;
use std::path::{Path, PathBuf};

/// A parent and pairs that prefer one wording over another.
struct Bench {
    folder: tempfile::TempDir,
    pairs: Vec<PreferencePair>,
    held_out: Vec<PreferencePair>,
    conversations: Vec<Vec<Message>>,
}

fn pair(number: usize) -> PreferencePair {
    PreferencePair {
        prompt: vec![Message::user(format!("What is the name of town {number}?"))],
        chosen: format!("The name of town {number} is known."),
        rejected: format!("The town {number} is the town of name {}.", number % 7),
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        tiny_folder(&folder.path().join("parent"), Family::Qwen3, 3).expect("a model");
        let held_out = |number: &usize| number.is_multiple_of(5);
        let of = |keep: &dyn Fn(&usize) -> bool| (0..30).filter(keep).map(pair).collect();
        Self { folder, pairs: of(&|n| !held_out(n)), held_out: of(&held_out), conversations: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, out: &str, recipe: &PreferenceRecipe, seen: &mut Seen) -> Result<Trained> {
        let sources = ["the test".to_owned()];
        let job = PreferenceJob {
            model: &self.path("parent"),
            pairs: &self.pairs,
            held_out: &self.held_out,
            conversations: &self.conversations,
            sources: &sources,
            stop_words: None,
            recipe: recipe.clone(),
            budget: seen.budget,
            control: seen.control.clone(),
            out: &self.path(out),
        };
        train_preferences(&job, seen)
    }
}

/// Remembers what happened; stops or pauses at a step.
#[derive(Default)]
struct Seen {
    control: Control,
    budget: Option<std::time::Duration>,
    stop_at: Option<u64>,
    stop_at_reference: bool,
    /// Told when the training has been paused after step 2.
    paused: Option<std::sync::mpsc::Sender<()>>,
    steps: Vec<PreferenceStep>,
    evaluations: Vec<Evaluation>,
    scored: usize,
}

impl PreferenceObserver for Seen {
    fn on_reference(&mut self, scored: usize, of: usize) {
        assert!(scored <= of);
        self.scored = scored;
        if self.stop_at_reference {
            self.control.stop();
        }
    }

    fn on_step(&mut self, step: &PreferenceStep, total: u64) {
        assert!(step.step <= total);
        self.steps.push(*step);
        if self.stop_at == Some(step.step) {
            self.control.stop();
        }
        if let Some(paused) = self.paused.as_ref().filter(|_| step.step == 2) {
            self.control.pause();
            paused.send(()).expect("somebody listens");
        }
    }

    fn on_evaluation(&mut self, evaluation: &Evaluation) {
        self.evaluations.push(*evaluation);
    }
}

fn recipe(method: Method) -> PreferenceRecipe {
    PreferenceRecipe {
        method,
        loss: Objective::published(Published::Questions).into(),
        epochs: 3,
        learning_rate: 2e-3,
        pairs_per_step: 6,
        rows_per_pass: 120,
        checkpoint_every: 5,
        evaluate_every: 4,
        guards: Guards { patience: None, ..Guards::default() },
        ..PreferenceRecipe::full()
    }
}

fn lora(dropout: f64) -> Method {
    Method::Lora(LoraConfig { rank: 4, dropout, ..LoraConfig::default() })
}

fn finished(trained: Result<Trained>) -> PreferenceCard {
    match trained.expect("trains") {
        Trained::Finished(card) => *card,
        other => panic!("{other:?}"),
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model/model.safetensors")).expect("readable")
}
