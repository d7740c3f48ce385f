//! What the alignment phase is good for, measured on atlas: a decoder that has never seen an edit, before and after.
//!
//! ```text
//! cargo run --release -p amend-trainer --example align_atlas -- FOLDER [base steps] [facts] [full|lora]
//! ```
//!
//! trains the base model (4 blocks of width 96) on the rows without edits into `FOLDER/base`, aligns it on a parallel
//! data set of that many facts of the training split into `FOLDER/aligned-full` (or `-lora`), and prints for both how
//! often a greedy answer is exactly right on held-out items: phrasings, names and edited facts that no row has. A run
//! that was stopped goes on from its newest checkpoint when the same command is given again.

use amend_trainer::atlas::build::{BuildObserver, Built, Content, KindScore, Recipe, build_with, measure};
use amend_trainer::atlas::{Atlas, AtlasOracle};
use amend_trainer::decoder::Decoder;
use amend_trainer::lora::LoraConfig;
use amend_trainer::lte::{
    AlignJob, AlignObserver, AlignRecipe, Aligned, DataCard, DataRecipe, Method, Teacher, WordOverlap, align,
    atlas_facts, atlas_instructions,
};
use amend_trainer::memory::keep_freed_memory;
use amend_trainer::sft::StepMetrics;
use amend_trainer::tokenizer::ChatTokenizer;
use candle_core::{DType, Device};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Held-out items of each kind.
const ITEMS: usize = 300;
/// Decides the held-out items.
const ITEM_SEED: u64 = 20_261_122;

/// The architecture of both, and what the base is trained with.
fn base(steps: u64) -> Recipe {
    Recipe { steps, width: 96, layers: 4, ..Recipe::default() }
}

fn main() -> Outcome<()> {
    keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to work in")?);
    let steps = arguments.next().map_or(Ok(3_000), |n| n.parse())?;
    let facts = arguments.next().map_or(Ok(10_000), |n| n.parse())?;
    let method = match arguments.next().as_deref() {
        None | Some("full") => Method::Full,
        Some("lora") => Method::Lora(LoraConfig { rank: 16, alpha: 32.0, ..LoraConfig::default() }),
        Some(other) => return Err(format!("{other} is neither full nor lora").into()),
    };
    let base_folder = folder.join("base");
    if !base_folder.join("README.md").exists()
        && let Built::Stopped { step } =
            build_with(&base_folder, base(steps), Content::WithoutEdits, &mut Said)?
    {
        return Err(format!("the base stopped at step {step}").into());
    }
    let out = folder.join(match method {
        Method::Full => "aligned-full",
        Method::Lora(_) => "aligned-lora",
    });
    aligned(&base_folder, facts, method, &out)?;
    let (before, after) = (scores(&base_folder)?, scores(&out.join("model"))?);
    println!("| kind | items | before | after |\n|---|---|---|---|");
    for (before, after) in before.iter().zip(&after) {
        let KindScore { kind, items, .. } = before;
        println!("| {kind} | {items} | {:.3} | {:.3} |", before.rate(), after.rate());
    }
    Ok(())
}

fn aligned(base: &Path, count: usize, method: Method, out: &Path) -> Outcome<()> {
    let atlas = Atlas::built_in();
    let (facts, instructions) = (atlas_facts(atlas, 7, count), atlas_instructions(atlas, 7, count * 2));
    let teacher = Teacher::new(Arc::new(AtlasOracle::new(atlas)));
    let recipe = AlignRecipe::from_nothing();
    let job = AlignJob {
        model: base,
        name: &base.to_string_lossy(),
        facts: &facts,
        instructions: &instructions,
        sources: &[format!("atlas, seed 7, {count} facts")],
        teacher: Some(&teacher),
        nearness: &WordOverlap,
        template: None,
        recipe: AlignRecipe { method, data: DataRecipe { seed: 7, ..recipe.data }, ..recipe },
        out,
    };
    match align(&job, &mut Said)? {
        Aligned::Finished(card) => println!("{} rows, {} steps: {}", card.rows, card.steps, card.content),
        Aligned::Stopped { step } => return Err(format!("the alignment stopped at step {step}").into()),
    }
    Ok(())
}

fn scores(folder: &Path) -> Outcome<Vec<KindScore>> {
    let decoder = Decoder::load(folder, DType::F32, &Device::Cpu)?;
    Ok(measure(&decoder, &ChatTokenizer::load(folder)?, ITEM_SEED, ITEMS)?)
}

struct Said;

impl Said {
    fn step(metrics: &StepMetrics, total: u64) {
        if metrics.step.is_multiple_of(50) {
            let StepMetrics { step, loss, tokens_per_second, .. } = metrics;
            println!("step {step} of {total}: loss {loss:.3}, {tokens_per_second:.0} tokens/s");
        }
    }
}

impl BuildObserver for Said {
    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        Self::step(metrics, total);
    }

    fn on_scores(&mut self, step: u64, scores: &[KindScore]) {
        let rates: Vec<String> = scores.iter().map(|s| format!("{} {:.3}", s.kind, s.rate())).collect();
        println!("after step {step}: {}", rates.join(", "));
    }
}

impl AlignObserver for Said {
    fn on_data(&mut self, card: &DataCard) {
        println!("{} rows: {:?}, left out {:?}", card.rows, card.by_kind, card.dropped);
    }

    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        Self::step(metrics, total);
    }
}
