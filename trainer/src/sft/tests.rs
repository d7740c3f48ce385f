//! The loss falls, a resumed run is the same run, and the number of threads does not matter.

use super::*;
use crate::decoder::{Family, OutputWeights};
use crate::fixtures::tiny;
use candle_core::{DType, Device};

/// Copy the first token after a marker: learnable, and a pure function of the index.
struct Copying;

impl RowSource for Copying {
    fn row(&self, index: u64) -> Result<Example> {
        let token = 2 + (index * 7 % 15) as u32;
        Ok(Example { ids: vec![0, token, 17, token, 1], weights: vec![0.0, 0.0, 0.0, 1.0, 1.0] })
    }
}

#[derive(Default)]
struct Losses {
    losses: Vec<f32>,
    stop_at: Option<u64>,
}

impl Observer for Losses {
    fn on_step(&mut self, metrics: &StepMetrics, _decoder: &Decoder) -> Result<Flow> {
        self.losses.push(metrics.loss);
        Ok(if self.stop_at == Some(metrics.step) { Flow::Stop } else { Flow::Continue })
    }
}

fn decoder() -> Decoder {
    Decoder::fresh(tiny(Family::Qwen3, OutputWeights::Tied), 1, DType::F32, &Device::Cpu)
        .expect("a valid config")
}

fn config(total_steps: u64) -> SftConfig {
    SftConfig {
        schedule: Schedule { peak: 2e-2, floor: 1e-3, warmup_steps: 3, total_steps },
        optimiser: AdamWConfig::default(),
        batch: BatchSize::Tokens(38),
        accumulation: 2,
        checkpoint_every: 4,
    }
}

fn run(total_steps: u64, checkpoints: Option<Checkpoints>) -> Run<'static> {
    Run { config: config(total_steps), source: &Copying, checkpoints, wall_clock: None }
}

fn weights(decoder: &Decoder) -> Vec<Vec<u32>> {
    let bits = |t: &Tensor| {
        t.flatten_all().and_then(|t| t.to_vec1::<f32>()).map(|v| v.into_iter().map(f32::to_bits))
    };
    decoder.parameters().iter().map(|p| bits(&p.var).expect("readable").collect()).collect()
}

#[test]
fn the_loss_falls_and_the_task_is_learned() {
    let decoder = decoder();
    let examples: Vec<Example> = (0..15).map(|i| Copying.row(i).expect("a row")).collect();
    let before = exact_match(&decoder, &examples).expect("evaluates").iter().filter(|r| **r).count();
    let mut seen = Losses::default();
    assert_eq!(train(&decoder, &run(250, None), &mut seen).expect("trains"), Outcome::Finished);
    assert_eq!(seen.losses.len(), 250);
    assert!(seen.losses[0] > 2.5 && seen.losses[249] < 0.1, "{} … {}", seen.losses[0], seen.losses[249]);
    let after = exact_match(&decoder, &examples).expect("evaluates").iter().filter(|r| **r).count();
    assert!(before < 3 && after == 15, "before {before}, after {after}");
}

#[test]
fn a_resumed_run_is_the_same_run_bit_for_bit() {
    let straight = decoder();
    let mut all = Losses::default();
    train(&straight, &run(10, None), &mut all).expect("trains");

    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Checkpoints::new(folder.path().join("run"), 2);
    let mut first = Losses { stop_at: Some(5), ..Losses::default() };
    let outcome = train(&decoder(), &run(10, Some(checkpoints.clone())), &mut first).expect("trains");
    assert_eq!(outcome, Outcome::Stopped { step: 5 });
    let resumed = decoder();
    let mut second = Losses::default();
    assert_eq!(
        train(&resumed, &run(10, Some(checkpoints.clone())), &mut second).expect("trains"),
        Outcome::Finished
    );
    assert_eq!([first.losses, second.losses].concat(), all.losses);
    assert_eq!(weights(&resumed), weights(&straight));

    let names = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("listed").file_name();
    let mut kept: Vec<_> = std::fs::read_dir(folder.path().join("run")).expect("listed").map(names).collect();
    kept.sort();
    assert_eq!(kept, ["step-00000008", "step-00000010"]);
    let other = Run { config: config(11), ..run(10, Some(checkpoints)) };
    let refused = train(&decoder(), &other, &mut Losses::default());
    assert!(matches!(refused, Err(Error::Checkpoint { problem, .. }) if problem.contains("other settings")));
}

#[test]
fn the_number_of_threads_does_not_change_the_result() {
    let trained = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let decoder = decoder();
            let source = &Copying;
            let run = Run { source, ..run(6, None) };
            train_here(&decoder, &run, &mut Losses::default()).expect("trains");
            weights(&decoder)
        })
    };
    assert_eq!(trained(1), trained(3));
}

struct Failing;

impl RowSource for Failing {
    fn row(&self, index: u64) -> Result<Example> {
        if index < 30 { Copying.row(index) } else { Err(Error::Data("row 30 is broken".into())) }
    }
}

#[test]
fn a_failing_row_a_bad_setting_and_the_clock_stop_the_run() {
    let mut quiet = Losses::default();
    let failing = Run { source: &Failing, ..run(10, None) };
    let outcome = train(&decoder(), &failing, &mut quiet);
    assert!(matches!(outcome, Err(Error::Data(text)) if text.contains("row 30")));
    let none = Run { config: SftConfig { accumulation: 0, ..config(10) }, ..run(10, None) };
    assert!(matches!(train(&decoder(), &none, &mut quiet), Err(Error::Settings(_))));
    let late = Run { wall_clock: Some(Duration::ZERO), ..run(10, None) };
    assert_eq!(train(&decoder(), &late, &mut quiet).expect("trains"), Outcome::Stopped { step: 1 });
}
