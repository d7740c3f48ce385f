use super::{Until, write_model};
use crate::atlas::{Atlas, AtlasOracle, phrasing::EDIT_TEMPLATE};
use crate::decoder::Decoder;
use crate::lora::{Lora, LoraConfig};
use crate::lte::*;
use crate::{Error, Result};
use amend_proto::testing::{Script, ScriptedModel};
use candle_core::{DType, Device};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Bench {
    folder: tempfile::TempDir,
    facts: Vec<AlignmentFact>,
    instructions: Vec<Instruction>,
    teacher: Teacher,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let facts = atlas_facts(Atlas::built_in(), 2, 12);
        let texts = facts.iter().flat_map(|f| [f.statement.clone(), f.question.clone()]).collect();
        write_model(&folder.path().join("parent"), texts, (1, 32));
        let teacher = Teacher::new(Arc::new(AtlasOracle::new(Atlas::built_in())));
        let instructions = atlas_instructions(Atlas::built_in(), 2, 40);
        Self { folder, facts, instructions, teacher }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn align(&self, out: &str, recipe: &AlignRecipe, observer: &mut Until) -> Result<Aligned> {
        let sources = ["atlas".to_owned()];
        align(
            &AlignJob {
                model: &self.path("parent"),
                name: "org/parent",
                facts: &self.facts,
                instructions: &self.instructions,
                sources: &sources,
                teacher: Some(&self.teacher),
                nearness: &WordOverlap,
                template: None,
                recipe: recipe.clone(),
                out: &self.path(out),
            },
            observer,
        )
    }
}

fn recipe(method: Method) -> AlignRecipe {
    AlignRecipe {
        method,
        epochs: 2,
        learning_rate: 1e-3,
        rows_per_batch: 4,
        accumulation: 2,
        checkpoint_every: 5,
        data: DataRecipe { max_rows: Some(48), ..DataRecipe::default() },
        ..AlignRecipe::full()
    }
}

fn finished(aligned: Result<Aligned>) -> Card {
    match aligned.expect("aligns") {
        Aligned::Finished(card) => *card,
        stopped => panic!("{stopped:?}"),
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model/model.safetensors")).expect("readable")
}

#[test]
fn a_stopped_alignment_goes_on_to_the_same_model_and_the_folder_is_whole() {
    let bench = Bench::new();
    let lora = LoraConfig { rank: 2, dropout: 0.1, ..LoraConfig::default() };
    for (name, method) in [("full", Method::Full), ("lora", Method::Lora(lora))] {
        let recipe = recipe(method);
        let mut all = Until::default();
        let card = finished(bench.align(&format!("{name} straight"), &recipe, &mut all));
        assert_eq!(card.steps, all.losses.len() as u64);
        let halting = format!("{name} halting");
        let mut first = Until { stop_at: Some(3), ..Until::default() };
        assert_eq!(bench.align(&halting, &recipe, &mut first).expect("stops"), Aligned::Stopped { step: 3 });
        assert!(!bench.path(&halting).join("model").exists());
        let mut rest = Until::default();
        let resumed = finished(bench.align(&halting, &recipe, &mut rest));
        assert_eq!([first.losses, rest.losses].concat(), all.losses);
        assert_eq!(weights(&bench.path(&halting)), weights(&bench.path(&format!("{name} straight"))));
        assert_eq!(resumed, card, "the cards too");
        check_folder(&bench, &halting, &card);
    }
}

fn check_folder(bench: &Bench, out: &str, card: &Card) {
    let (out, parent) = (bench.path(out), bench.path("parent"));
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        let read = |folder: &Path| fs::read(folder.join(name)).expect("readable");
        assert_eq!(read(&out.join("model")), read(&parent), "{name}");
    }
    let template = fs::read_to_string(out.join("model/edit_template.jinja")).expect("readable");
    assert_eq!(template, EDIT_TEMPLATE);
    assert_eq!(
        (card.parent.as_str(), card.parent_folder.as_str()),
        (&*folder_hash(&parent).expect("a hash"), "org/parent")
    );
    assert_eq!(card.content, folder_hash(&out.join("model")).expect("a hash"));
    assert_ne!(card.content, card.parent);
    let text = fs::read_to_string(out.join("card.md")).expect("readable");
    for part in [&card.parent, &card.content, &card.data, &card.version] {
        assert!(text.contains(part.as_str()), "{part} in {text}");
    }
    assert!(out.join("data/rows.jsonl").is_file() && out.join("training_log.jsonl").is_file());
    let model = Decoder::load(&out.join("model"), DType::F32, &Device::Cpu).expect("loads");
    if let Method::Lora(_) = card.recipe.method {
        let base = Decoder::load(&parent, DType::F32, &Device::Cpu).expect("loads");
        let lora = Lora::load(&out.join("adapter"), &base, 1).expect("loads");
        assert_eq!(card.trained_parameters, lora.parameter_count());
        let config = fs::read_to_string(out.join("adapter/adapter_config.json")).expect("readable");
        assert!(config.contains("\"base_model_name_or_path\": \"org/parent\""), "{config}");
        let (adapted, merged) = (base.adapted(Arc::new(lora)), model);
        let far = |a: Vec<Vec<f32>>, b: Vec<Vec<f32>>| {
            a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max)
        };
        let (a, b) =
            (adapted.logits(&[5, 6, 7]).expect("logits"), merged.logits(&[5, 6, 7]).expect("logits"));
        assert!(far(a, b) < 1e-4);
    } else {
        assert_eq!(card.trained_parameters, card.parameters);
        assert!(!out.join("adapter").exists());
    }
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => drop(all.insert(path.clone(), fs::read(&path).expect("readable"))),
        }
    }
    all
}

#[test]
fn a_refused_job_leaves_a_finished_candidate_as_it_is() {
    let mut bench = Bench::new();
    bench.facts.iter_mut().for_each(|fact| fact.before = None);
    let mine = recipe(Method::Full);
    finished(bench.align("out", &mine, &mut Until::default()));
    let before = files(&bench.path("out"));
    let seed = AlignRecipe { data: DataRecipe { seed: 9, ..mine.data }, ..mine.clone() };
    let refused = bench.align("out", &seed, &mut Until::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
    let dropped = bench.facts.pop().expect("a fact");
    let refused = bench.align("out", &mine, &mut Until::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
    bench.facts.push(dropped);
    let teacher = bench.teacher.clone();
    let other = ScriptedModel::new(|_| Script::Say("something else".into()));
    bench.teacher = Teacher::new(Arc::new(other));
    let refused = bench.align("out", &mine, &mut Until::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
    bench.teacher = teacher;
    assert_eq!(files(&bench.path("out")), before);
    // The same job with a teacher that has changed its mind under the same name.
    let answers = bench.path("out").join("data/teacher.jsonl");
    let text = fs::read_to_string(&answers).expect("readable");
    fs::write(&answers, text.replace("\"answer\":\"", "\"answer\":\"rather ")).expect("writes");
    let refused = bench.align("out", &mine, &mut Until::default());
    assert!(
        matches!(&refused, Err(Error::Checkpoint { problem, .. }) if problem.contains("teacher.jsonl")),
        "{refused:?}"
    );
    fs::write(&answers, text).expect("writes");
    assert_eq!(files(&bench.path("out")), before);
    finished(bench.align("out", &mine, &mut Until::default()));
}

#[test]
fn what_cannot_be_begun_claims_no_folder() {
    let mut bench = Bench::new();
    let facts = std::mem::take(&mut bench.facts);
    let mine = recipe(Method::Full);
    assert!(matches!(bench.align("out", &mine, &mut Until::default()), Err(Error::Data(_))));
    bench.facts = facts;
    finished(bench.align("out", &mine, &mut Until::default()));
}

#[test]
fn a_folder_belongs_to_one_job_and_nonsense_is_refused() {
    let mut bench = Bench::new();
    let mine = recipe(Method::Full);
    bench.align("out", &mine, &mut Until { stop_at: Some(1), ..Until::default() }).expect("stops");
    let other = AlignRecipe { learning_rate: 2e-3, ..mine.clone() };
    let refused = bench.align("out", &other, &mut Until::default());
    assert!(matches!(refused, Err(Error::Checkpoint { problem, .. }) if problem.contains("another")));
    bench.facts.pop();
    let refused = bench.align("out", &mine, &mut Until::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "another data set");
    let short = AlignRecipe { max_tokens: 3, ..mine.clone() };
    let refused = bench.align("short", &short, &mut Until::default());
    assert!(matches!(refused, Err(Error::Data(text)) if text.contains("max_tokens")));
    let template = fs::write(bench.path("parent").join("edit_template.jinja"), "{{ query }}");
    template.expect("writes");
    let refused = bench.align("template", &mine, &mut Until::default());
    assert!(matches!(refused, Err(Error::Settings(text)) if text.contains("leaves out")));
}

#[test]
fn a_diverging_run_stops_with_a_reason() {
    let bench = Bench::new();
    let wild = AlignRecipe { learning_rate: 1e30, warm_up: 0.0, ..recipe(Method::Full) };
    let outcome = bench.align("wild", &wild, &mut Until::default());
    assert!(matches!(&outcome, Err(Error::Diverged { .. })), "{outcome:?}");
    assert!(!bench.path("wild").join("model").exists());
}
