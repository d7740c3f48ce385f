//! What the alignment phase is good for, measured on atlas: a decoder that has never seen an edit, before and after.
//!
//! ```text
//! cargo run --release -p amend-trainer --example align_atlas -- FOLDER [base steps]
//! ```
//!
//! trains the base model (4 blocks of width 96) on the rows without edits into `FOLDER/base`. A run that was stopped goes
//! on from its newest checkpoint when the same command is given again.

use amend_trainer::atlas::build::{BuildObserver, Built, Content, KindScore, Recipe, build_with};
use amend_trainer::memory::keep_freed_memory;
use amend_trainer::sft::StepMetrics;
use std::path::PathBuf;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The architecture of both, and what the base is trained with.
fn base(steps: u64) -> Recipe {
    Recipe { steps, width: 96, layers: 4, ..Recipe::default() }
}

fn main() -> Outcome {
    keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to work in")?);
    let steps = arguments.next().map_or(Ok(3_000), |n| n.parse())?;
    let built = build_with(&folder.join("base"), base(steps), Content::WithoutEdits, &mut Said)?;
    if let Built::Finished(scores) = built {
        say("base", &scores);
    }
    Ok(())
}

fn say(what: &str, scores: &[KindScore]) {
    let rates: Vec<String> = scores.iter().map(|s| format!("{} {:.3}", s.kind, s.rate())).collect();
    println!("{what}: {}", rates.join(", "));
}

struct Said;

impl BuildObserver for Said {
    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        if metrics.step.is_multiple_of(100) {
            let StepMetrics { step, loss, tokens_per_second, .. } = metrics;
            println!("step {step} of {total}: loss {loss:.3}, {tokens_per_second:.0} tokens/s");
        }
    }

    fn on_scores(&mut self, step: u64, scores: &[KindScore]) {
        say(&format!("after step {step}"), scores);
    }
}
