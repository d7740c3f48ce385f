//! The alignment of a model, from facts to a candidate revision.

use super::card::{Card, DataCard};
use super::data::{DataJob, Plan};
use super::fact::{AlignmentFact, Instruction};
use super::folder::{claim, folder_hash, owner};
use super::nearness::Nearness;
use super::recipe::AlignRecipe;
use super::row::DataRow;
use super::source::TokenRows;
use super::teacher::Teacher;
use crate::atlas::build::{LogLine, TrainingLog};
use crate::atlas::phrasing::{EDIT_TEMPLATE, EditTemplate};
use crate::checkpoint::Checkpoints;
use crate::decoder::Decoder;
use crate::digest::hex;
use crate::files::{read_if_there, write_atomically};
use crate::learner::{Heir, Learner};
use crate::sft::{Flow, Observer, Outcome, Run, StepMetrics, train};
use crate::tokenizer::ChatTokenizer;
use crate::{Error, Result};
use candle_core::{DType, Device};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The template file of a model folder, which the server uses too.
pub(crate) const TEMPLATE_FILE: &str = "edit_template.jinja";
/// What the folder of the job is about.
const CLAIM: &str = "recipe.json";
/// Checkpoints that are kept.
const KEEP: usize = 2;

/// What is aligned, with what, and where the result goes.
pub struct AlignJob<'a> {
    /// The parent: a Hugging Face model folder with a chat template.
    pub model: &'a Path,
    /// What the adapter and the card call the parent: where it will be for whoever loads them, which need not be where it
    /// is read from now.
    pub name: &'a str,
    /// The edits and what is asked about them.
    pub facts: &'a [AlignmentFact],
    /// Free-form requests.
    pub instructions: &'a [Instruction],
    /// Where both come from, for the cards.
    pub sources: &'a [String],
    /// Who fills in missing answers.
    pub teacher: Option<&'a Teacher>,
    /// Finds hard negatives.
    pub nearness: &'a dyn Nearness,
    /// The source of the edit template; when there is none, the parent's `edit_template.jinja`, else the built-in one.
    pub template: Option<&'a str>,
    /// Every setting.
    pub recipe: AlignRecipe,
    /// The folder that holds the data set, the checkpoints and the result.
    pub out: &'a Path,
}

/// Told how an alignment goes.
pub trait AlignObserver: Send {
    /// So many of so many questions have the teacher's answer.
    fn on_answers(&mut self, _known: usize, _of: usize) {}
    /// The data set is there.
    fn on_data(&mut self, _card: &DataCard) {}
    /// A step of `total` is done.
    fn on_step(&mut self, metrics: &StepMetrics, total: u64);
    /// Whether to stop for now; the same job goes on from there.
    fn stop(&self) -> bool {
        false
    }
}

/// How an alignment ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Aligned {
    /// The candidate is complete.
    Finished(Box<Card>),
    /// Stopped at this step, 0 while the data set is being made; the same job goes on from there.
    Stopped {
        /// Steps done.
        step: u64,
    },
}

/// Makes the data set and fine-tunes the model. It computes for long: call it on a thread of its own, inside the async
/// runtime's context (`Handle::enter`) when the teacher needs one.
///
/// `out` then holds `model/` (the whole model in Hugging Face format, an adapter merged in), with
/// [`Method::Lora`](super::Method::Lora) also `adapter/` (PEFT), `data/` (the rows with their card), `recipe.json`,
/// `training_log.jsonl`, `card.json` and `card.md`; `checkpoints/` is only needed to go on with a job that was stopped. The same job in the same folder goes on where it
/// stopped and ends with the same weights, bit for bit.
///
/// # Errors
/// As [`build_data`](super::build_data); [`Error::Model`] when the parent cannot be read; [`Error::Checkpoint`] when `out` belongs to another
/// job, which stays as it is; [`Error::Diverged`] when the loss is no longer a number.
pub fn align(job: &AlignJob<'_>, observer: &mut dyn AlignObserver) -> Result<Aligned> {
    job.recipe.validate()?;
    fs::create_dir_all(job.out).map_err(Error::io("creating", job.out))?;
    let template = template_of(job)?;
    let data_job = DataJob {
        facts: job.facts,
        instructions: job.instructions,
        sources: job.sources,
        teacher: job.teacher,
        nearness: job.nearness,
        template: &template,
        recipe: job.recipe.data,
    };
    let parent = folder_hash(job.model)?;
    let ours = serde_json::json!({
        "recipe": job.recipe,
        "parent": parent,
        "inputs": data_job.inputs()?,
        "template": hex(&Sha256::digest(template.source())),
    });
    // Nothing of another job is touched, and what cannot be begun claims no folder.
    owner(job.out, CLAIM, &ours)?;
    let plan = Plan::new(&data_job)?;
    claim(job.out, CLAIM, &ours)?;
    let mut answered = |known, of| {
        observer.on_answers(known, of);
        if observer.stop() { Flow::Stop } else { Flow::Continue }
    };
    let folder = job.out.join("data");
    let made = futures::executor::block_on(plan.answer(&folder, &mut answered))?;
    let Some(made) = made else { return Ok(Aligned::Stopped { step: 0 }) };
    made.belongs(&folder)?;
    let (rows, data) = made.write(&folder)?;
    observer.on_data(&data);
    Tuning { job, template: &template, data: &data, parent }.run(&rows, observer)
}

/// The fine-tuning of one job on its data set.
struct Tuning<'a> {
    job: &'a AlignJob<'a>,
    template: &'a EditTemplate,
    data: &'a DataCard,
    /// The parent's content hash.
    parent: String,
}

impl Tuning<'_> {
    fn run(&self, rows: &[DataRow], observer: &mut dyn AlignObserver) -> Result<Aligned> {
        let (job, recipe) = (self.job, &self.job.recipe);
        let base = Decoder::load(job.model, DType::F32, &Device::Cpu)?;
        let tokenizer = ChatTokenizer::load(job.model)?;
        let longest = recipe.max_tokens.min(base.config().max_positions);
        let source = TokenRows::new(rows, &tokenizer, (longest, recipe.context_weight), recipe.seed)?;
        let config = recipe.sft(source.len());
        let learner = Learner::new(&base, &recipe.method, recipe.seed)?;
        let run = Run {
            config,
            source: &source,
            checkpoints: Some(Checkpoints::new(job.out.join("checkpoints"), KEEP)),
            wall_clock: None,
        };
        let total = config.schedule.total_steps;
        let mut watch = Watch { observer, log: TrainingLog::open(job.out)?, total };
        if let Outcome::Stopped { step } = train(&learner.decoder, &run, &mut watch)? {
            return Ok(Aligned::Stopped { step });
        }
        let heir = Heir {
            parent: job.model,
            name: job.name,
            extra: &[(TEMPLATE_FILE, self.template.source().as_bytes())],
        };
        learner.write(&base, &heir, job.out)?;
        let card = self.card(&source, &base, &learner)?;
        Ok(Aligned::Finished(Box::new(card)))
    }

    fn card(&self, source: &TokenRows, base: &Decoder, learner: &Learner) -> Result<Card> {
        let out = self.job.out;
        let (first_loss, last_loss) = losses(out)?;
        let card = Card {
            parent_folder: self.job.name.to_owned(),
            parent: self.parent.clone(),
            content: folder_hash(&out.join("model"))?,
            data: self.data.content.clone(),
            recipe: self.job.recipe.clone(),
            rows: source.len(),
            too_long: source.too_long(),
            steps: self.job.recipe.steps(source.len()),
            trained_parameters: learner.decoder.trained().iter().map(|p| p.var.elem_count()).sum(),
            parameters: base.parameter_count(),
            first_loss,
            last_loss,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
        write_atomically(out, "card.md", card.render(self.data)?.as_bytes())?;
        write_atomically(out, "card.json", json.as_bytes())?;
        Ok(card)
    }
}

fn template_of(job: &AlignJob<'_>) -> Result<EditTemplate> {
    let path = job.model.join(TEMPLATE_FILE);
    let source = match job.template {
        Some(source) => source.to_owned(),
        None => read_if_there(&path)?.unwrap_or_else(|| EDIT_TEMPLATE.to_owned()),
    };
    EditTemplate::parse(source).map_err(|e| Error::Settings(format!("the edit template is wrong: {e}")))
}

/// The first and the last loss of the training log.
fn losses(folder: &Path) -> Result<(f32, f32)> {
    let lines = TrainingLog::read(folder)?;
    let mut losses = lines.iter().filter_map(|line| match line {
        LogLine::Step { loss, .. } => Some(*loss),
        LogLine::Scores { .. } => None,
    });
    let first = losses.next().unwrap_or(f32::NAN);
    Ok((first, losses.next_back().unwrap_or(first)))
}

/// Writes the log and passes on what happens.
struct Watch<'a> {
    observer: &'a mut dyn AlignObserver,
    log: TrainingLog,
    total: u64,
}

impl Observer for Watch<'_> {
    fn on_step(&mut self, metrics: &StepMetrics, _decoder: &Decoder) -> Result<Flow> {
        self.observer.on_step(metrics, self.total);
        self.log.step(metrics)?;
        Ok(if self.observer.stop() { Flow::Stop } else { Flow::Continue })
    }
}
