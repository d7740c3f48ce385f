//! Fine-tuning on rows, from files to a candidate revision.

use super::card::InstructCard;
use super::data::{Data, DataCounts, Reader};
use super::log::{HeldOut, InstructLine, LOG};
use super::recipe::InstructRecipe;
use super::tokens::Epochs;
use super::watch::{Left, Watch, Watched};
use crate::bmc::{AbortReason, Ending};
use crate::checkpoint::Checkpoints;
use crate::control::{Control, Next};
use crate::decoder::Decoder;
use crate::files::{read_if_there, write_atomically};
use crate::learner::{Heir, Learner};
use crate::lte::{TEMPLATE_FILE, claim, folder_hash};
use crate::sft::{Outcome, Run, STACK_BYTES, StepMetrics, train_here};
use crate::step_log::read_log;
use crate::tokenizer::ChatTokenizer;
use crate::{Error, Result};
use candle_core::{DType, Device};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Checkpoints that are kept.
const KEEP: usize = 2;

/// What is trained, with what, and where the result goes.
pub struct InstructJob<'a> {
    /// The parent: a Hugging Face model folder with a chat template.
    pub model: &'a Path,
    /// What the adapter and the card call the parent: where it will be for whoever loads them.
    pub name: &'a str,
    /// Files of rows, JSON lines or Parquet, each with a column `messages`.
    pub data: &'a [PathBuf],
    /// Every setting.
    pub recipe: InstructRecipe,
    /// The training ends after so long, with what has been learned by then: at least one step. Reading the rows is not
    /// counted.
    pub budget: Option<Duration>,
    /// Pauses and stops it.
    pub control: Control,
    /// The folder that holds the checkpoints, the log and the result.
    pub out: &'a Path,
}

/// Told how a training goes.
pub trait InstructObserver: Send {
    /// So many records have been read.
    fn on_records(&mut self, _read: u64) {}
    /// The rows are there.
    fn on_data(&mut self, _counts: &DataCounts) {}
    /// A step of `total` is done.
    fn on_step(&mut self, metrics: &StepMetrics, total: u64);
    /// The held-out rows have been measured.
    fn on_held_out(&mut self, _measured: &HeldOut) {}
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Trained {
    /// The candidate is complete.
    Finished(Box<InstructCard>),
    /// Stopped at this step by the handle; the same job with a new handle goes on from there.
    Stopped {
        /// Steps done.
        step: u64,
    },
    /// Given up; there is no candidate.
    Aborted {
        /// Steps done.
        step: u64,
        /// Why.
        reason: AbortReason,
    },
}

/// Fine-tunes a model on the answers of conversations. It computes for long: call it on a thread of its own.
///
/// `out` then holds `model/` (the whole model in Hugging Face format, an adapter merged in), with
/// [`Method::Lora`](crate::lte::Method::Lora) also `adapter/` (PEFT), `recipe.json`, `training_log.jsonl`, `card.json` and
/// `card.md`; `checkpoints/` and `best.safetensors` are only needed to go on with a job that was stopped. The same job in the
/// same folder goes on where it stopped and ends with the same weights, bit for bit, unless a time budget ends it.
///
/// The held-out loss is measured before the first step, every [`measure_every`](InstructRecipe::measure_every) steps and after
/// the last one. When it has not fallen below its lowest for [`patience`](InstructRecipe::patience) measurements in a row the
/// training ends with the weights of the lowest.
///
/// # Errors
/// [`Error::Settings`] when a setting makes no sense; [`Error::Data`] when no row is left or a file cannot be read;
/// [`Error::Model`] when the parent cannot be read; [`Error::Checkpoint`] when `out` belongs to another job or is damaged;
/// [`Error::Io`].
pub fn train(job: &InstructJob<'_>, observer: &mut dyn InstructObserver) -> Result<Trained> {
    job.recipe.validate()?;
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("instruct".into()).stack_size(STACK_BYTES);
        let worker = worker
            .spawn_scoped(scope, || {
                let _paced = job.control.pace();
                match Prepared::new(job, observer)? {
                    Some(prepared) => prepared.run(observer),
                    None => Ok(Trained::Stopped { step: 0 }),
                }
            })
            .map_err(|e| Error::Settings(format!("the training thread could not be started: {e}")))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A job whose inputs have been read.
struct Prepared<'a> {
    job: &'a InstructJob<'a>,
    parent: String,
    base: Decoder,
    data: Data,
}

impl<'a> Prepared<'a> {
    /// `None` when it was told to stop. What cannot be begun claims no folder.
    fn new(job: &'a InstructJob<'a>, observer: &mut dyn InstructObserver) -> Result<Option<Self>> {
        let parent = folder_hash(job.model)?;
        let base = Decoder::load(job.model, DType::F32, &Device::Cpu)?;
        let tokenizer = ChatTokenizer::load(job.model)?;
        let config = base.config();
        let most = config.max_positions.min(config.sliding_window.unwrap_or(usize::MAX));
        let max_tokens = job.recipe.max_tokens.min(most);
        let reader = Reader { tokenizer: &tokenizer, recipe: &job.recipe, max_tokens };
        let data = reader.read(job.data, &mut |read| {
            observer.on_records(read);
            job.control.next() == Next::Go
        })?;
        let Some(data) = data else { return Ok(None) };
        fs::create_dir_all(job.out).map_err(Error::io("creating", job.out))?;
        let ours = serde_json::json!({ "recipe": job.recipe, "parent": parent, "data": data.hash });
        claim(job.out, "recipe.json", &ours)?;
        observer.on_data(&data.counts);
        Ok(Some(Self { job, parent, base, data }))
    }

    fn run(&self, observer: &mut dyn InstructObserver) -> Result<Trained> {
        let (job, recipe) = (self.job, &self.job.recipe);
        let learner = Learner::new(&self.base, &recipe.method, recipe.seed)?;
        let checkpoints = Checkpoints::new(job.out.join("checkpoints"), KEEP);
        let resumed = checkpoints.latest_step()?;
        let config = recipe.sft(self.data.training.len());
        let total = config.schedule.total_steps;
        let watched =
            Watched { recipe, held_out: &self.data.held_out, control: &job.control, out: job.out, total };
        let mut watch = Watch::new(watched, resumed, observer)?;
        let source = Epochs::new(&self.data.training, recipe.seed);
        let run = Run { config, source: &source, checkpoints: Some(checkpoints), wall_clock: job.budget };
        let (step, finished) = match train_here(&learner.decoder, &run, &mut watch) {
            Ok(Outcome::Finished) => (total, true),
            Ok(Outcome::Stopped { step }) => (step, false),
            Err(Error::Diverged { step, .. }) => {
                return Ok(Trained::Aborted { step, reason: AbortReason::NotANumber });
            }
            Err(error) => return Err(error),
        };
        let ending = match (watch.left, finished) {
            (Some(Left::NotANumber), _) => {
                return Ok(Trained::Aborted { step, reason: AbortReason::NotANumber });
            }
            (Some(Left::Interrupted), _) => return Ok(Trained::Stopped { step }),
            (Some(left), _) => left.ending(),
            (None, true) => Some(Ending::Schedule),
            (None, false) if job.control.is_stopped() => None,
            (None, false) => Some(Ending::Budget),
        };
        let Some(ending) = ending else { return Ok(Trained::Stopped { step }) };
        match ending {
            Ending::Early { .. } => watch.load_best(&learner.decoder)?,
            Ending::Budget => watch.measure_last(step, &learner.decoder)?,
            Ending::Schedule => {}
        }
        self.write(&learner)?;
        let card = self.card((step, ending), &learner)?;
        Ok(Trained::Finished(Box::new(card)))
    }

    fn write(&self, learner: &Learner) -> Result<()> {
        let job = self.job;
        let template = read_if_there(&job.model.join(TEMPLATE_FILE))?;
        let extra: Vec<(&str, &[u8])> =
            template.iter().map(|text| (TEMPLATE_FILE, text.as_bytes())).collect();
        learner.write(&self.base, &Heir { parent: job.model, name: job.name, extra: &extra }, job.out)
    }

    fn card(&self, (steps, ending): (u64, Ending), learner: &Learner) -> Result<InstructCard> {
        let job = self.job;
        let (mut losses, mut measured) = (Vec::new(), Vec::new());
        for line in read_log::<InstructLine>((job.out, LOG))? {
            match line {
                InstructLine::Step { loss, .. } => losses.push(loss),
                InstructLine::HeldOut(held_out) => measured.push(held_out),
            }
        }
        let after = match ending {
            Ending::Early { best_step } => measured.iter().find(|m| m.step == best_step),
            Ending::Schedule | Ending::Budget => measured.last(),
        };
        let card = InstructCard {
            parent_folder: job.name.to_owned(),
            parent: self.parent.clone(),
            content: folder_hash(&job.out.join("model"))?,
            data: self.data.hash.clone(),
            files: self.data.files.clone(),
            counts: self.data.counts.clone(),
            recipe: job.recipe.clone(),
            rows_in_step: job.recipe.rows_in_step(self.data.training.len()),
            steps,
            ending,
            first_loss: losses.first().copied().unwrap_or_default(),
            last_loss: losses.last().copied().unwrap_or_default(),
            held_out_before: measured.first().map(|m| m.loss),
            held_out_after: after.map(|m| m.loss),
            trained_parameters: learner.decoder.trained().iter().map(|p| p.var.elem_count()).sum(),
            parameters: self.base.parameter_count(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
        write_atomically(job.out, "card.md", card.render()?.as_bytes())?;
        write_atomically(job.out, "card.json", json.as_bytes())?;
        Ok(card)
    }
}
