use super::*;
use crate::bmc::{AbortReason, Ending};
use crate::checkpoint::Checkpoints;
use crate::lora::Lora;
use crate::lte::folder_hash;
use std::sync::{Arc, mpsc::channel};

#[test]
fn a_model_answers_what_it_was_trained_on_and_the_folder_is_whole() {
    let bench = Bench::new(6);
    let (questions, right): (Vec<String>, Vec<String>) = (0..6).map(asked).unzip();
    let base = InstructRecipe {
        epochs: 60,
        held_out: HeldOutShare::new(0.0).expect("none"),
        ..recipe(Method::Full)
    };
    assert!(answers(&bench.path("parent"), &questions).iter().zip(&right).all(|(a, b)| a != b));
    let strong = Method::Lora(LoraConfig { rank: 16, alpha: 32.0, ..LoraConfig::default() });
    for (name, method, rate) in [("full", Method::Full, 1e-3), ("lora", strong, 5e-3)] {
        let recipe = InstructRecipe { method, learning_rate: rate, ..base.clone() };
        let mut seen = Seen::default();
        let card = finished(bench.train(name, &recipe, &mut seen));
        let out = bench.path(name);
        assert_eq!(answers(&out.join("model"), &questions), right, "{name}");
        assert_eq!((card.steps, card.rows_in_step, card.ending), (60, 6, Ending::Schedule));
        assert_eq!((card.counts.used, card.counts.by_method["lion"], &card.counts), (6, 6, &seen.counts));
        assert!(card.last_loss < 0.1 * card.first_loss, "{card:?}");
        check_folder(&bench, &out, &card);
    }
}

fn check_folder(bench: &Bench, out: &Path, card: &InstructCard) {
    assert_eq!(card.content, folder_hash(&out.join("model")).expect("a hash"));
    assert_eq!(card.parent, folder_hash(&bench.path("parent")).expect("a hash"));
    assert_ne!(card.content, card.parent);
    let json = fs::read(out.join("card.json")).expect("readable");
    assert_eq!(serde_json::from_slice::<InstructCard>(&json).expect("reads"), *card);
    let text = fs::read_to_string(out.join("card.md")).expect("readable");
    for part in [&card.content, &card.parent, &card.data, &card.files[0].sha256] {
        assert!(text.contains(part.as_str()), "{part} in {text}");
    }
    assert!(out.join("recipe.json").is_file() && out.join("training_log.jsonl").is_file());
    match card.recipe.method {
        Method::Full => assert_eq!(card.trained_parameters, card.parameters),
        Method::Lora(_) => {
            let (parent, model) = (load(&bench.path("parent")), load(&out.join("model")));
            let adapter = Lora::load(&out.join("adapter"), &parent, 1).expect("loads");
            assert_eq!(card.trained_parameters, adapter.parameter_count());
            let logits = |decoder: &Decoder| decoder.logits(&[1, 40, 50, 60, 2]).expect("logits").concat();
            let adapted = logits(&parent.adapted(Arc::new(adapter)));
            assert!(adapted.iter().zip(logits(&model)).all(|(a, b)| (a - b).abs() < 1e-3));
        }
    }
}

/// Stopped after a step, at a measurement and while reading; with half a log line, and with lines after the checkpoint, as a
/// kill leaves them.
#[test]
fn a_stopped_training_goes_on_to_the_same_weights_bit_for_bit() {
    let bench = Bench::new(30);
    for (name, method) in [("lora", lora(0.1)), ("full", Method::Full)] {
        let recipe = InstructRecipe { learning_rate: 1e-4, ..recipe(method) };
        let (mut all, halting) = (Seen::default(), format!("{name} halting"));
        let straight = format!("{name} straight");
        let whole = finished(bench.train(&straight, &recipe, &mut all));
        assert_eq!(whole.steps, all.losses.len() as u64);
        assert_eq!(all.measured.first().map(|m| m.step), Some(0));
        assert_eq!(all.measured.last().map(|m| m.step), Some(whole.steps));
        let mut reading = Seen { stop_while_reading: true, ..Seen::default() };
        let stopped = bench.train(&halting, &recipe, &mut reading).expect("stops");
        assert_eq!(stopped, Trained::Stopped { step: 0 });
        let (mut losses, mut measured) = (Vec::new(), Vec::new());
        // 4 is a step at which the held-out rows are measured; at 8 it is stopped after that; 10 has a checkpoint.
        for (stop_at, stop_when_measured, step) in
            [(Some(4), None, 4), (None, Some(8), 8), (Some(10), None, 10)]
        {
            let mut seen = Seen { stop_at, stop_when_measured, ..Seen::default() };
            let stopped = bench.train(&halting, &recipe, &mut seen).expect("stops");
            assert_eq!(stopped, Trained::Stopped { step });
            losses.extend(seen.losses);
            measured.extend(seen.measured);
        }
        assert!(!bench.path(&halting).join("model").exists());
        let log = bench.path(&halting).join("training_log.jsonl");
        let late = "{\"event\":\"held_out\",\"step\":12,\"loss\":0.5}\n{\"event\":";
        fs::write(&log, fs::read_to_string(&log).expect("readable") + late).expect("writes");
        let mut last = Seen::default();
        let resumed = finished(bench.train(&halting, &recipe, &mut last));
        losses.extend(last.losses);
        measured.extend(last.measured);
        assert_eq!((losses, measured), (all.losses, all.measured));
        assert!(weights(&bench.path(&halting)) == weights(&bench.path(&straight)), "{name}");
        assert_eq!(resumed, whole, "the cards too");
        let again = finished(bench.train(&halting, &recipe, &mut Seen::default()));
        assert_eq!(again, whole, "a finished job is finished");
    }
}

#[test]
fn a_pause_holds_the_training_and_passes_and_containers_do_not_matter() {
    let mut bench = Bench::new(20);
    let recipe = InstructRecipe { max_steps: Some(4), ..recipe(lora(0.0)) };
    let straight = finished(bench.train("straight", &recipe, &mut Seen::default()));
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

    bench.write(Container::Parquet, "rows.parquet", 20);
    bench.data = vec![bench.path("rows.parquet")];
    let parquet = finished(bench.train("parquet", &recipe, &mut Seen::default()));
    assert_eq!((&parquet.data, &parquet.content), (&straight.data, &straight.content));

    let one = InstructRecipe { tokens_per_pass: 1, ..recipe.clone() };
    let (mut alone, mut together) = (Seen::default(), Seen::default());
    finished(bench.train("alone", &one, &mut alone));
    finished(bench.train("together", &InstructRecipe { tokens_per_pass: 4000, ..recipe }, &mut together));
    for (a, b) in alone.losses.iter().zip(&together.losses) {
        assert!((a - b).abs() <= 1e-4 * b, "{a} {b}");
    }
}

#[test]
fn it_ends_early_with_the_best_weights() {
    let bench = Bench::new(30);
    // So fast that nothing but the training rows gets better.
    let fast = InstructRecipe {
        learning_rate: 2e-2,
        epochs: 20,
        measure_every: 1,
        patience: Some(2),
        ..recipe(lora(0.0))
    };
    let mut seen = Seen::default();
    let card = finished(bench.train("early", &fast, &mut seen));
    let Ending::Early { best_step } = card.ending else { panic!("{:?}", card.ending) };
    let best = seen.measured.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).expect("measured");
    assert_eq!((best.step, card.steps), (best_step, best_step + 2));
    assert_eq!(card.held_out_after, Some(best.loss));
    let short = InstructRecipe { patience: None, max_steps: None, ..fast.clone() };
    let mut until_best = Seen { stop_at: Some(best_step), ..Seen::default() };
    if best_step == 0 {
        let logits = |folder: &Path| load(folder).logits(&[1, 40, 50]).expect("logits");
        assert_eq!(logits(&bench.path("early/model")), logits(&bench.path("parent")));
    } else {
        // The checkpoint of that step holds the same adapter.
        bench.train("until", &short, &mut until_best).expect("stops");
        let path =
            Checkpoints::new(bench.path("until/checkpoints"), 2).latest().expect("listed").expect("one");
        let tensors = candle_core::safetensors::load(path.join("tensors.safetensors"), &Device::Cpu);
        let tensors = tensors.expect("readable");
        let kept = candle_core::safetensors::load(bench.path("early/best.safetensors"), &Device::Cpu);
        for (name, tensor) in kept.expect("readable") {
            let flat =
                |t: &candle_core::Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values");
            assert_eq!(flat(&tensors[&format!("weight.{name}")]), flat(&tensor), "{name}");
        }
    }
    let again = finished(bench.train("early", &fast, &mut Seen::default()));
    assert_eq!(again, card);
}

#[test]
fn no_number_is_given_up_with_a_reason_and_the_time_is_up() {
    let bench = Bench::new(20);
    let wild = InstructRecipe { learning_rate: 1e30, warm_up: 0.0, ..recipe(Method::Full) };
    let outcome = bench.train("wild", &wild, &mut Seen::default()).expect("an outcome");
    assert!(matches!(outcome, Trained::Aborted { reason: AbortReason::NotANumber, .. }), "{outcome:?}");
    assert!(!bench.path("wild/model").exists());
    let mut seen = Seen { budget: Some(Duration::ZERO), ..Seen::default() };
    let card = finished(bench.train("budget", &recipe(lora(0.0)), &mut seen));
    assert_eq!((card.ending, card.steps), (Ending::Budget, 1));
    assert_eq!(card.held_out_after, seen.measured.last().map(|m| m.loss));
    assert_eq!(seen.measured.last().map(|m| m.step), Some(1), "also what it has is measured");
}
