use super::*;
use crate::decoder::{Activations, Decoder};
use crate::lora::Lora;
use crate::tokenizer::ChatTokenizer;
use candle_core::{DType, Device};
use std::sync::{Arc, mpsc::channel};

fn load(folder: &Path) -> Decoder {
    Decoder::load(folder, DType::F32, &Device::Cpu).expect("loads")
}

fn logits(decoder: &Decoder) -> Vec<f32> {
    decoder.logits(&[1, 40, 50, 60, 2]).expect("logits").concat()
}

#[test]
fn the_better_answers_win_and_the_folder_is_whole() {
    let bench = Bench::new();
    for (name, method, rate) in [("lora", lora(0.0), 5e-4), ("full", Method::Full, 5e-5)] {
        let mut seen = Seen::default();
        let recipe = PreferenceRecipe { learning_rate: rate, ..recipe(method.clone()) };
        let card = finished(bench.train(name, &recipe, &mut seen));
        let out = bench.path(name);
        assert_eq!((card.steps, card.ending, seen.scored), (12, Ending::Schedule, 30));
        assert_eq!(seen.evaluations.iter().map(|e| e.step).collect::<Vec<_>>(), [0, 4, 8, 12]);
        let (before, after) = (card.before.expect("measured"), card.after.expect("measured"));
        assert!((before.pairs.loss - 2f64.ln()).abs() < 1e-6 && before.pairs.kl < 1e-9, "{before:?}");
        assert!(after.pairs.accuracy == 1.0 && after.pairs.margin > 0.1, "{name}: {after:?}");
        assert!(after.pairs.loss < before.pairs.loss && after.pairs.kl > 0.0);
        let (first, last) = (seen.steps[0], seen.steps[11]);
        assert!((first.pairs.loss - 2f64.ln()).abs() < 1e-6 && last.pairs.loss < 0.9 * first.pairs.loss);
        assert!(first.rows < first.tokens && first.grad_norm > 0.0 && first.tokens_per_second > 0.0);

        let lines = read_metrics(&out).expect("a log");
        let steps = lines.iter().filter(|line| matches!(line, MetricsLine::Step(_))).count();
        assert_eq!((steps, lines.len()), (12, 16));
        assert_eq!(fs::read_dir(out.join("tensorboard")).expect("listed").count(), 1);
        let json = fs::read(out.join("card.json")).expect("readable");
        assert_eq!(serde_json::from_slice::<PreferenceCard>(&json).expect("reads"), card);
        assert_eq!(crate::lte::folder_hash(&out.join("model")).expect("a hash"), card.content);
        assert!(ChatTokenizer::load(&out.join("model")).is_ok(), "the tokenizer is inherited");

        let (parent, model) = (load(&bench.path("parent")), load(&out.join("model")));
        assert_ne!(logits(&parent), logits(&model));
        match method {
            Method::Full => assert_eq!(card.trained_parameters, card.parameters),
            Method::Lora(_) => {
                let adapter = Lora::load(&out.join("adapter"), &parent, 1).expect("loads");
                let adapted = logits(&parent.adapted(Arc::new(adapter)));
                assert!(adapted.iter().zip(logits(&model)).all(|(a, b)| (a - b).abs() < 1e-4));
            }
        }
    }
}

/// Stopped at a step, while the reference is scored, and with half a log line, as a crash leaves it.
#[test]
fn a_stopped_training_goes_on_to_the_same_weights_bit_for_bit() {
    let bench = Bench::new();
    for (name, method) in [("lora", lora(0.1)), ("full", Method::Full)] {
        let recipe = PreferenceRecipe { learning_rate: 1e-4, ..recipe(method) };
        let mut all = Seen::default();
        finished(bench.train(&format!("{name}-straight"), &recipe, &mut all));
        let out = format!("{name}-stopped");
        let mut early = Seen { stop_at_reference: true, ..Seen::default() };
        let stopped = bench.train(&out, &recipe, &mut early).expect("trains");
        assert_eq!(stopped, Trained::Stopped { step: 0 });
        let (mut steps, mut evaluations) = (Vec::new(), Vec::new());
        // 4 is a step at which the held-out pairs are measured, 10 one with a checkpoint.
        for stop_at in [4, 7, 10] {
            let mut seen = Seen { stop_at: Some(stop_at), ..Seen::default() };
            let stopped = bench.train(&out, &recipe, &mut seen).expect("trains");
            assert_eq!(stopped, Trained::Stopped { step: stop_at });
            steps.extend(seen.steps);
            evaluations.extend(seen.evaluations);
        }
        let log = bench.path(&out).join("metrics.jsonl");
        let torn = fs::read_to_string(&log).expect("readable") + "{\"event\":";
        fs::write(&log, torn).expect("writes");
        let mut last = Seen::default();
        finished(bench.train(&out, &recipe, &mut last));
        steps.extend(last.steps);
        evaluations.extend(last.evaluations);
        let timeless = |steps: &[PreferenceStep]| -> Vec<PreferenceStep> {
            steps.iter().map(|step| PreferenceStep { tokens_per_second: 0.0, ..*step }).collect()
        };
        assert_eq!(timeless(&steps), timeless(&all.steps));
        assert_eq!(evaluations, all.evaluations);
        let straight = bench.path(&format!("{name}-straight"));
        assert!(weights(&bench.path(&out)) == weights(&straight), "{name}");
        assert_eq!(read_metrics(&bench.path(&out)).expect("a log").len(), 16);
    }
}

/// What is computed together, kept or shared is a matter of speed and memory, not of the result.
#[test]
fn sharing_passes_and_activations_do_not_change_the_losses() {
    let bench = Bench::new();
    let base = PreferenceRecipe { max_steps: Some(4), rows_per_pass: 10_000, ..recipe(lora(0.0)) };
    let losses = |name: &str, recipe: &PreferenceRecipe| -> Vec<f64> {
        let mut seen = Seen::default();
        finished(bench.train(name, recipe, &mut seen));
        seen.steps.iter().map(|step| step.pairs.loss).collect()
    };
    let want = losses("base", &base);
    assert!(want[3] < 0.98 * want[0], "{want:?}");
    let others = [
        ("apart", PreferenceRecipe { sharing: Sharing::Apart, ..base.clone() }),
        ("passes", PreferenceRecipe { rows_per_pass: 1, ..base.clone() }),
        ("recomputed", PreferenceRecipe { activations: Activations::Recomputed, ..base.clone() }),
    ];
    for (name, recipe) in others {
        for (got, want) in losses(name, &recipe).iter().zip(&want) {
            assert!((got - want).abs() <= 1e-5 * want, "{name}: {got} {want}");
        }
    }
}

#[test]
fn a_pause_holds_the_training_and_changes_nothing() {
    let bench = Bench::new();
    let recipe = PreferenceRecipe { max_steps: Some(4), ..recipe(lora(0.0)) };
    finished(bench.train("straight", &recipe, &mut Seen::default()));
    let (sender, paused) = channel();
    let mut seen = Seen { paused: Some(sender), ..Seen::default() };
    let control = seen.control.clone();
    let other = std::thread::spawn(move || {
        paused.recv().expect("it is paused");
        control.resume();
    });
    finished(bench.train("paused", &recipe, &mut seen));
    other.join().expect("resumed it");
    assert!(weights(&bench.path("paused")) == weights(&bench.path("straight")));
}

/// The held-out pairs say the opposite: every step makes them worse.
#[test]
fn it_ends_early_with_the_best_weights_or_gives_up() {
    let mut bench = Bench::new();
    for pair in &mut bench.held_out {
        std::mem::swap(&mut pair.chosen, &mut pair.rejected);
    }
    let guards =
        Guards { patience: Some(2), max_accuracy_fall: 1.0, max_divergence: 100.0, max_displacement: 100.0 };
    let patient = PreferenceRecipe { evaluate_every: 1, guards, ..recipe(lora(0.0)) };
    let mut seen = Seen::default();
    let card = finished(bench.train("early", &patient, &mut seen));
    assert_eq!((card.ending, card.steps, seen.steps.len()), (Ending::Early { best_step: 0 }, 2, 2));
    assert_eq!(card.after, card.before);
    let (parent, model) = (load(&bench.path("parent")), load(&bench.path("early/model")));
    assert_eq!(logits(&parent), logits(&model), "the best weights are those before the first step");

    let guards = Guards { max_divergence: 1e-9, ..patient.guards };
    let mut seen = Seen::default();
    let given_up = bench.train("far", &PreferenceRecipe { guards, ..patient.clone() }, &mut seen);
    let Trained::Aborted { step, reason } = given_up.expect("an outcome") else { panic!("it goes too far") };
    assert!(step <= 2 && matches!(reason, AbortReason::TooFar { limit: 1e-9, .. }), "{reason:?}");
    assert!(!bench.path("far/model").exists());

    // The loss without a reference has an accuracy before the first step, and that falls.
    let loss = Objective::SimPo { beta: 2.0, gamma: 0.5 }.into();
    let guards = Guards { max_accuracy_fall: 0.3, patience: None, ..patient.guards };
    let falling = PreferenceRecipe { loss, guards, learning_rate: 1e-2, ..patient.clone() };
    let mut seen = Seen::default();
    let given_up = bench.train("fell", &falling, &mut seen).expect("an outcome");
    let best = seen.evaluations[0].pairs.accuracy;
    assert!(best > 0.4, "{best}");
    assert!(
        matches!(given_up, Trained::Aborted { reason: AbortReason::AccuracyFell { .. }, .. }),
        "{given_up:?}"
    );

    let broken = PreferenceRecipe { learning_rate: 1e30, warm_up: 0.0, ..falling };
    let given_up = bench.train("broken", &broken, &mut Seen::default()).expect("an outcome");
    assert!(matches!(given_up, Trained::Aborted { .. }), "{given_up:?}");
}

#[test]
fn the_time_is_up() {
    let bench = Bench::new();
    let mut seen = Seen { budget: Some(std::time::Duration::ZERO), ..Seen::default() };
    let card = finished(bench.train("budget", &recipe(lora(0.0)), &mut seen));
    assert_eq!((card.ending, card.steps), (Ending::Budget, 0));
}
