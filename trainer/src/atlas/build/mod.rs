//! From nothing to the folder of the built-in model.
//!
//! [`build`] trains the tokenizer, then the decoder, then measures it on the held-out items and writes a Hugging Face
//! model folder with its card and its training log. Everything is a pure function of [`Recipe`]: the same recipe gives
//! the same rows, the same initial weights and the same steps. A run that was stopped goes on from its newest
//! checkpoint when it is started again with the same recipe and folder.

mod card;
mod log;
mod measure;

pub use card::Card;
pub use log::LogLine;
pub(crate) use log::TrainingLog;
pub use measure::{KindScore, measure};

use super::{Atlas, heldout::corpus, rows::Rows, split::Split};
use crate::{
    Error, Result,
    checkpoint::Checkpoints,
    decoder::{AttentionBias, Decoder, DecoderConfig, Example, Family, Heads, OutputWeights, RopeScaling},
    lte::folder_hash,
    optim::{AdamWConfig, MatrixRule, MuonConfig, Schedule},
    sft::{BatchSize, Flow, Observer, Outcome, RowSource, Run, SftConfig, StepMetrics, train},
    tokenizer::{CHATML_TOKENS, ChatTokenizer, END_OF_TEXT, Supervision, TURN_END, train_bpe},
};
use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Rows whose texts the tokenizer is trained on.
const CORPUS_ROWS: u64 = 40_000;
/// Checkpoints that are kept.
const KEEP: usize = 2;
/// Steps between two lines of the training log.
const LOG_EVERY: u64 = 50;
/// Steps between two measurements during training.
const MEASURE_EVERY: u64 = 1_000;
/// Items of each kind in a measurement during training.
const MEASURE_ITEMS: usize = 40;
/// Added to the recipe's seed for the measurements during training, so that they never touch the final items.
const MEASURE_SEED_OFFSET: u64 = 1;

/// Everything that decides what the model becomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Decides rows, initial weights and held-out items.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// Dialogues of one step.
    pub rows_per_step: usize,
    /// The highest learning rate; a cosine leads from it to a tenth of a hundredth of it.
    pub learning_rate: f64,
    /// Times the learning rate for the matrices of the blocks, which Muon updates.
    pub matrix_rate: f64,
    /// The weight in the loss of a token that is no answer. Predicting the second mention of a name in a prompt is
    /// what teaches to look a name up.
    pub context_weight: f32,
    /// Pieces of the tokenizer.
    pub vocab_size: usize,
    /// Columns of the residual stream, a multiple of 32 (the width of a head).
    pub width: usize,
    /// Blocks.
    pub layers: usize,
}

impl Default for Recipe {
    /// The recipe of the model that Amend ships.
    fn default() -> Self {
        Self {
            seed: 20_261_122,
            steps: 30_000,
            rows_per_step: 32,
            learning_rate: 3e-3,
            matrix_rate: 2.0,
            context_weight: 0.2,
            vocab_size: 1536,
            width: 128,
            layers: 8,
        }
    }
}

/// The width of one attention head.
const HEAD: usize = 32;
/// The longest dialogue, in tokens. Edits, history and long questions share it.
const CONTEXT: usize = 2048;

impl Recipe {
    fn decoder(&self, tokenizer: &ChatTokenizer) -> Result<DecoderConfig> {
        if self.width == 0 || !self.width.is_multiple_of(HEAD) {
            return Err(Error::Settings(format!("the width {} is not a multiple of {HEAD}", self.width)));
        }
        let heads = self.width / HEAD;
        Ok(DecoderConfig {
            family: Family::Llama,
            vocab_size: tokenizer.vocab_size(),
            hidden_size: self.width,
            // The usual 8/3 of the width, rounded up to whole SIMD registers.
            intermediate_size: (self.width * 8 / 3).next_multiple_of(HEAD),
            layers: self.layers,
            heads: Heads { heads, kv_heads: heads, head_dim: HEAD },
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            output: OutputWeights::Tied,
            attention_bias: AttentionBias::None,
            max_positions: CONTEXT,
            sliding_window: None,
            bos_token_id: None,
            eos_token_ids: tokenizer.id(TURN_END).into_iter().collect(),
            pad_token_id: tokenizer.id(END_OF_TEXT),
        })
    }

    fn sft(&self) -> SftConfig {
        SftConfig {
            schedule: Schedule {
                peak: self.learning_rate,
                floor: self.learning_rate / 1_000.0,
                warmup_steps: 200.min(self.steps.saturating_sub(1)),
                total_steps: self.steps,
            },
            optimiser: AdamWConfig {
                matrices: MatrixRule::Muon(MuonConfig { rate: self.matrix_rate, ..MuonConfig::default() }),
                ..AdamWConfig::default()
            },
            batch: BatchSize::Rows(self.rows_per_step),
            accumulation: 1,
            checkpoint_every: 250,
        }
    }
}

/// Which rows a model is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The whole mix, with its curriculum.
    Everything,
    /// The mix without any row that has an edit: the model that the alignment of [`crate::lte`] starts from.
    WithoutEdits,
}

impl Content {
    /// What is meant where nothing is said.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_everything(&self) -> bool {
        *self == Self::Everything
    }
}

/// Told how the build goes.
pub trait BuildObserver: Send {
    /// A step of `total` is done.
    fn on_step(&mut self, metrics: &StepMetrics, total: u64);
    /// A measurement during training, or the final one.
    fn on_scores(&mut self, step: u64, scores: &[KindScore]);
    /// Whether to write a checkpoint and stop, for now.
    fn stop(&self) -> bool {
        false
    }
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Built {
    /// The folder is complete.
    Finished(Vec<KindScore>),
    /// Stopped at this step; the same call goes on from there.
    Stopped {
        /// Steps done.
        step: u64,
    },
}

/// The training rows as tokens.
struct TokenRows<'a> {
    rows: Rows,
    tokenizer: &'a ChatTokenizer,
    context_weight: f32,
}

impl RowSource for TokenRows<'_> {
    fn row(&self, index: u64) -> Result<Example> {
        let example = self.tokenizer.example(&self.rows.row(index).messages, Supervision::EveryAnswer)?;
        Ok(example.with_context(self.context_weight))
    }
}

/// Trains the built-in model into `folder`, or goes on with it.
///
/// The folder then holds `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`,
/// `generation_config.json`, `edit_template.jinja`, `recipe.json`, `training_log.jsonl` and `README.md` (the model
/// card); `checkpoints/` inside it is only needed to go on with a run that was stopped.
///
/// # Errors
/// What the files, the tensors or the tokenizer report; [`Error::Checkpoint`] when the folder belongs to another recipe.
pub fn build(folder: &Path, recipe: Recipe, observer: &mut dyn BuildObserver) -> Result<Built> {
    build_with(folder, recipe, Content::Everything, observer)
}

/// As [`build`], but goes on from the model in a folder: its tokenizer and its weights in place of new ones, and the whole
/// mix from the first row on. The seed should be another than the model's, or it sees rows again; vocabulary, width and
/// layers are the model's.
///
/// # Errors
/// As [`build`]; [`Error::Model`] when the folder cannot be read.
pub fn build_on(
    folder: &Path,
    recipe: Recipe,
    from: &Path,
    observer: &mut dyn BuildObserver,
) -> Result<Built> {
    let decoder = Decoder::load(from, DType::F32, &Device::Cpu)?;
    let tokenizer = ChatTokenizer::load(from)?;
    let config = decoder.config();
    let recipe =
        Recipe { vocab_size: config.vocab_size, width: config.hidden_size, layers: config.layers, ..recipe };
    let origin = Origin { content: Content::Everything, from: Some(folder_hash(from)?) };
    std::fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
    claim(folder, recipe, &origin)?;
    let rows = Rows::new(Atlas::built_in(), recipe.seed, Split::Train);
    trained((folder, recipe, &origin), (&decoder, &tokenizer), rows, observer)
}

/// As [`build`], on the rows of `content`.
///
/// # Errors
/// As [`build`].
pub fn build_with(
    folder: &Path,
    recipe: Recipe,
    content: Content,
    observer: &mut dyn BuildObserver,
) -> Result<Built> {
    let atlas = Atlas::built_in();
    std::fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
    let origin = Origin { content, from: None };
    claim(folder, recipe, &origin)?;
    let texts = corpus(atlas, recipe.seed, CORPUS_ROWS);
    let tokenizer = ChatTokenizer::chatml(train_bpe(texts, recipe.vocab_size, &CHATML_TOKENS)?)?;
    let decoder = Decoder::fresh(recipe.decoder(&tokenizer)?, recipe.seed, DType::F32, &Device::Cpu)?;
    let planned = recipe.steps.saturating_mul(recipe.rows_per_step as u64);
    let rows = Rows::new(atlas, recipe.seed, Split::Train);
    let rows = match content {
        Content::Everything => rows.with_curriculum(planned),
        Content::WithoutEdits => rows.without_edits(),
    };
    trained((folder, recipe, &origin), (&decoder, &tokenizer), rows, observer)
}

/// Trains, measures and writes the folder.
fn trained(
    (folder, recipe, origin): (&Path, Recipe, &Origin),
    (decoder, tokenizer): (&Decoder, &ChatTokenizer),
    rows: Rows,
    observer: &mut dyn BuildObserver,
) -> Result<Built> {
    let run = Run {
        config: recipe.sft(),
        source: &TokenRows { rows, tokenizer, context_weight: recipe.context_weight },
        checkpoints: Some(Checkpoints::new(folder.join("checkpoints"), KEEP)),
        wall_clock: None,
    };
    let mut watch = Watch { observer, log: TrainingLog::open(folder)?, recipe, tokenizer };
    if let Outcome::Stopped { step } = train(decoder, &run, &mut watch)? {
        return Ok(Built::Stopped { step });
    }
    let scores = measure(decoder, tokenizer, recipe.seed, measure::FINAL_ITEMS)?;
    watch.observer.on_scores(recipe.steps, &scores);
    let card = Card { recipe, origin, parameters: decoder.parameter_count(), scores: &scores };
    write_folder(folder, decoder, tokenizer, &card)?;
    Ok(Built::Finished(scores))
}

/// Writes the recipe into the folder, or checks that the one there is the same.
fn claim(folder: &Path, recipe: Recipe, origin: &Origin) -> Result<()> {
    let path: PathBuf = folder.join("recipe.json");
    let ours = serde_json::to_string_pretty(&Marked { origin, recipe });
    let ours = ours.map_err(|e| Error::Settings(e.to_string()))? + "\n";
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match std::fs::read_to_string(&path) {
        Ok(theirs) if value(&theirs).is_some_and(|theirs| Some(theirs) == value(&ours)) => Ok(()),
        Ok(_) => {
            let problem = "it was begun with another recipe; use that one, or another folder";
            Err(Error::checkpoint(path, problem))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::write(&path, ours).map_err(Error::io("writing", &path))
        }
        Err(error) => Err(Error::io("reading", &path)(error)),
    }
}

/// What a model is trained on, and what it goes on from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Origin {
    /// Its rows.
    #[serde(skip_serializing_if = "Content::is_everything")]
    pub content: Content,
    /// The content hash of the model that it goes on from; none where it begins with random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A recipe with what it is not the recipe for the whole of.
#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    origin: &'a Origin,
    #[serde(flatten)]
    recipe: Recipe,
}

fn write_folder(folder: &Path, decoder: &Decoder, tokenizer: &ChatTokenizer, card: &Card<'_>) -> Result<()> {
    decoder.save(folder)?;
    tokenizer.save(folder)?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(Error::io("writing", &path))
    };
    write("edit_template.jinja", super::phrasing::EDIT_TEMPLATE.to_owned())?;
    write("README.md", card.render()?)
}

/// Writes the log and measures while training goes on.
struct Watch<'a> {
    observer: &'a mut dyn BuildObserver,
    log: TrainingLog,
    recipe: Recipe,
    tokenizer: &'a ChatTokenizer,
}

impl Observer for Watch<'_> {
    fn on_step(&mut self, metrics: &StepMetrics, decoder: &Decoder) -> Result<Flow> {
        self.observer.on_step(metrics, self.recipe.steps);
        if metrics.step.is_multiple_of(LOG_EVERY) {
            self.log.step(metrics)?;
        }
        if metrics.step.is_multiple_of(MEASURE_EVERY) {
            let seed = self.recipe.seed.wrapping_add(MEASURE_SEED_OFFSET);
            let scores = measure(decoder, self.tokenizer, seed, MEASURE_ITEMS)?;
            self.log.scores(metrics.step, &scores)?;
            self.observer.on_scores(metrics.step, &scores);
        }
        Ok(if self.observer.stop() { Flow::Stop } else { Flow::Continue })
    }
}

#[cfg(test)]
mod tests;
