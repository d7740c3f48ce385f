use super::*;
use crate::atlas::Kind;
use std::sync::atomic::{AtomicU64, Ordering};

fn tiny(steps: u64) -> Recipe {
    Recipe {
        seed: 5,
        steps,
        rows_per_step: 4,
        learning_rate: 1e-3,
        matrix_rate: 2.0,
        context_weight: 0.2,
        vocab_size: 400,
        width: 32,
        layers: 1,
    }
}

/// Stops after so many steps; remembers what it was told.
struct Until {
    stop_at: u64,
    step: AtomicU64,
    scored: usize,
}

impl Until {
    fn new(stop_at: u64) -> Self {
        Self { stop_at, step: AtomicU64::new(0), scored: 0 }
    }
}

impl BuildObserver for Until {
    fn on_step(&mut self, metrics: &StepMetrics, _total: u64) {
        self.step.store(metrics.step, Ordering::SeqCst);
    }

    fn on_scores(&mut self, _step: u64, scores: &[KindScore]) {
        self.scored += scores.len();
    }

    fn stop(&self) -> bool {
        self.step.load(Ordering::SeqCst) == self.stop_at
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("model.safetensors")).unwrap()
}

#[test]
fn a_stopped_build_goes_on_to_the_same_model() {
    let (straight, halting) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let built = build(straight.path(), tiny(4), &mut Until::new(u64::MAX)).unwrap();
    let Built::Finished(scores) = built else { panic!("{built:?}") };
    assert_eq!(scores.len(), Kind::all().len());

    let stopped = build(halting.path(), tiny(4), &mut Until::new(2)).unwrap();
    assert_eq!(stopped, Built::Stopped { step: 2 });
    let mut rest = Until::new(u64::MAX);
    assert!(matches!(build(halting.path(), tiny(4), &mut rest).unwrap(), Built::Finished(_)));
    assert_eq!(weights(straight.path()), weights(halting.path()));
    assert_eq!(rest.scored, scores.len());

    let folder = straight.path();
    let decoder = Decoder::load(folder, DType::F32, &Device::Cpu).unwrap();
    assert_eq!(decoder.config().hidden_size, 32);
    let card = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for score in &scores {
        assert!(card.contains(&format!("| {} |", score.kind)), "{card}");
    }
    for file in
        ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "recipe.json"]
    {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let template = std::fs::read_to_string(folder.join("edit_template.jinja")).unwrap();
    assert_eq!(template, crate::atlas::phrasing::EDIT_TEMPLATE);
}

#[test]
fn a_folder_belongs_to_one_recipe() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), tiny(3), &mut Until::new(1)).unwrap();
    let error = build(folder.path(), tiny(4), &mut Until::new(1)).unwrap_err();
    assert!(error.to_string().contains("another recipe"), "{error}");
    let without = build_with(folder.path(), tiny(3), Content::WithoutEdits, &mut Until::new(1));
    assert!(without.unwrap_err().to_string().contains("another recipe"));
}

#[test]
fn a_model_without_edits_goes_on_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let build = |stop_at| build_with(folder.path(), tiny(3), Content::WithoutEdits, &mut Until::new(stop_at));
    assert_eq!(build(2).unwrap(), Built::Stopped { step: 2 });
    assert!(matches!(build(u64::MAX).unwrap(), Built::Finished(_)));
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(card.contains("Not the built-in model") && !card.contains("follows corrections"), "{card}");
    let recipe = std::fs::read_to_string(folder.path().join("recipe.json")).unwrap();
    assert!(recipe.contains("\"content\": \"without_edits\""), "{recipe}");
}

#[test]
fn a_width_that_no_head_fits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe { width: 40, ..tiny(1) };
    let error = build(folder.path(), recipe, &mut Until::new(1)).unwrap_err();
    assert!(error.to_string().contains("width"), "{error}");
}

#[test]
fn a_model_goes_on_from_another_and_says_so() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(first.path(), tiny(2), &mut Until::new(u64::MAX)).unwrap();
    let further = Recipe { seed: 6, width: 64, layers: 2, vocab_size: 999, ..tiny(3) };
    let go = |stop_at| build_on(second.path(), further, first.path(), &mut Until::new(stop_at));
    assert_eq!(go(2).unwrap(), Built::Stopped { step: 2 });
    assert!(matches!(go(u64::MAX).unwrap(), Built::Finished(_)));
    let read = |name: &str| std::fs::read_to_string(second.path().join(name)).unwrap();
    let hash = crate::lte::folder_hash(first.path()).unwrap();
    assert!(read("README.md").contains(&format!("goes on from the model with content hash `{hash}`")));
    let recipe: serde_json::Value = serde_json::from_str(&read("recipe.json")).unwrap();
    assert_eq!((&recipe["from"], &recipe["width"], &recipe["layers"]), (&hash.into(), &32.into(), &1.into()));
    assert_eq!(read("tokenizer.json"), std::fs::read_to_string(first.path().join("tokenizer.json")).unwrap());
    assert_ne!(weights(first.path()), weights(second.path()));
    let other = build(second.path(), tiny(3), &mut Until::new(1)).unwrap_err();
    assert!(other.to_string().contains("another recipe"), "{other}");
}
