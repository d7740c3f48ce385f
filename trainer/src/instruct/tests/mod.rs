//! Whole trainings from files to folders.

mod job;
mod rows;

use super::*;
use crate::bmc::Control;
use crate::decoder::{Decoder, Family};
use crate::lora::LoraConfig;
use crate::lte::Method;
use crate::preference::HeldOutShare;
use crate::preference::format::Container;
use crate::sft::StepMetrics;
use crate::synth::rows::{Made, RoleModels, RowProvenance, SynthRow, write_rows};
use crate::testing::tiny_folder;
use crate::tokenizer::{ChatTokenizer, TURN_END};
use crate::{Error, Result};
use amend_proto::Message;
use candle_core::{DType, Device};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A parent, and rows that give every town a name.
struct Bench {
    folder: tempfile::TempDir,
    data: Vec<PathBuf>,
}

const NAMES: [&str; 6] = ["town known", "the is", "of town", "What name", "known the", "name of the"];

fn asked(number: usize) -> (String, String) {
    let name = NAMES[number % NAMES.len()];
    (format!("What is the name of town {number}?"), format!("The name of town {number} is {name}."))
}

fn row(number: usize) -> SynthRow {
    let (question, answer) = asked(number);
    let made = Made::Lion { seed_instruction: "5eed".into(), iteration: 1 };
    let provenance = RowProvenance { made, models: RoleModels::default(), seed: 1, licence: None };
    SynthRow::new(vec![Message::user(question), Message::assistant(answer)], provenance).expect("a row")
}

impl Bench {
    fn new(rows: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        tiny_folder(&folder.path().join("parent"), Family::Qwen3, 3).expect("a model");
        let bench = Self { data: vec![folder.path().join("rows.jsonl")], folder };
        bench.write(Container::JsonLines, "rows.jsonl", rows);
        bench
    }

    fn write(&self, container: Container, name: &str, rows: usize) {
        let all = |writer: &mut crate::synth::rows::RowWriter<_>| {
            (0..rows).map(row).try_for_each(|row| writer.write(&row))
        };
        write_rows((self.folder.path(), name), container, all).expect("writes");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, out: &str, recipe: &InstructRecipe, seen: &mut Seen) -> Result<Trained> {
        let job = InstructJob {
            model: &self.path("parent"),
            name: "org/parent",
            data: &self.data,
            recipe: recipe.clone(),
            budget: seen.budget,
            control: seen.control.clone(),
            out: &self.path(out),
        };
        train(&job, seen)
    }
}

/// Remembers what happened; stops or pauses at a step.
#[derive(Default)]
struct Seen {
    control: Control,
    budget: Option<Duration>,
    stop_at: Option<u64>,
    stop_when_measured: Option<u64>,
    stop_while_reading: bool,
    paused: Option<std::sync::mpsc::Sender<()>>,
    losses: Vec<f32>,
    measured: Vec<HeldOut>,
    counts: DataCounts,
}

impl InstructObserver for Seen {
    fn on_records(&mut self, _read: u64) {
        if self.stop_while_reading {
            self.control.stop();
        }
    }

    fn on_data(&mut self, counts: &DataCounts) {
        self.counts = counts.clone();
    }

    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        assert!(metrics.step <= total);
        self.losses.push(metrics.loss);
        if self.stop_at == Some(metrics.step) {
            self.control.stop();
        }
        if let Some(paused) = self.paused.as_ref().filter(|_| metrics.step == 2) {
            self.control.pause();
            paused.send(()).expect("somebody listens");
        }
    }

    fn on_held_out(&mut self, measured: &HeldOut) {
        self.measured.push(*measured);
        if self.stop_when_measured == Some(measured.step) {
            self.control.stop();
        }
    }
}

fn recipe(method: Method) -> InstructRecipe {
    InstructRecipe {
        method,
        epochs: 3,
        learning_rate: 2e-3,
        rows_per_step: 6,
        steps_per_epoch: 1,
        tokens_per_pass: 90,
        checkpoint_every: 5,
        measure_every: 4,
        held_out: HeldOutShare::new(0.2).expect("a share"),
        patience: None,
        ..InstructRecipe::full()
    }
}

fn lora(dropout: f64) -> Method {
    Method::Lora(LoraConfig { rank: 4, dropout, ..LoraConfig::default() })
}

fn finished(trained: Result<Trained>) -> InstructCard {
    match trained.expect("trains") {
        Trained::Finished(card) => *card,
        other => panic!("{other:?}"),
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model/model.safetensors")).expect("readable")
}

fn load(folder: &Path) -> Decoder {
    Decoder::load(folder, DType::F32, &Device::Cpu).expect("loads")
}

fn answers(folder: &Path, questions: &[String]) -> Vec<String> {
    let (decoder, tokenizer) = (load(folder), ChatTokenizer::load(folder).expect("a tokenizer"));
    let stop = tokenizer.id(TURN_END).expect("a token");
    let answer = |question: &String| {
        let prompt = tokenizer.prompt(&[Message::user(question)]).expect("a prompt");
        tokenizer.decode(&decoder.generate(&prompt, 40, &[stop]).expect("generates")).expect("a text")
    };
    questions.iter().map(answer).collect()
}
