//! A preference training, from pairs to a candidate revision.

use super::beside::{Beside, ConversationCounts};
use super::card::PreferenceCard;
use super::difference::{STOP_WORDS, StopTokens};
use super::metrics::{Evaluation, MetricsLine, PreferenceStep, read_metrics};
use super::pair::{PairCounts, PairReader, PreferencePair, TokenPair};
use super::recipe::PreferenceRecipe;
use super::reference::{Asking, ScoredPair};
use super::train::{Ending, Left, Trainer};
use super::watch::AbortReason;
use crate::control::Control;
use crate::decoder::Decoder;
use crate::digest::hex;
use crate::files::{read_if_there, write_atomically};
use crate::learner::{Heir, Learner};
use crate::lte::{TEMPLATE_FILE, claim, folder_hash};
use crate::tokenizer::ChatTokenizer;
use crate::{Error, Result};
use amend_proto::Message;
use candle_core::{DType, Device};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// candle walks the graph of operations recursively, once per operation.
const STACK_BYTES: usize = 256 << 20;

/// What is trained, with what, and where the result goes.
pub struct PreferenceJob<'a> {
    /// The parent: a Hugging Face model folder with a chat template.
    pub model: &'a Path,
    /// The pairs to learn from, bridged or not.
    pub pairs: &'a [PreferencePair],
    /// The pairs to measure with; without any the guards judge by the training pairs' divergence alone.
    pub held_out: &'a [PreferencePair],
    /// Conversations whose answers are learned beside the pairs, by the recipe's share.
    pub conversations: &'a [Vec<Message>],
    /// Where the pairs come from, for the card.
    pub sources: &'a [String],
    /// The words that never count as a difference, one a line; [`STOP_WORDS`] when there is no list.
    pub stop_words: Option<&'a str>,
    /// Every setting.
    pub recipe: PreferenceRecipe,
    /// The training ends after so long, with what has been learned by then. Preparation is not counted.
    pub budget: Option<Duration>,
    /// Pauses and stops it.
    pub control: Control,
    /// The folder that holds the checkpoints, the metrics and the result.
    pub out: &'a Path,
}

/// Told how a training goes.
pub trait PreferenceObserver: Send {
    /// The pairs have been read.
    fn on_pairs(&mut self, _training: PairCounts, _held_out: PairCounts) {}
    /// The conversations beside them have been read.
    fn on_conversations(&mut self, _counts: ConversationCounts) {}
    /// The reference has scored so many of so many pairs.
    fn on_reference(&mut self, _scored: usize, _of: usize) {}
    /// A step of `total` is done.
    fn on_step(&mut self, step: &PreferenceStep, total: u64);
    /// The held-out pairs have been measured.
    fn on_evaluation(&mut self, _evaluation: &Evaluation) {}
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Trained {
    /// The candidate is complete.
    Finished(Box<PreferenceCard>),
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

/// Trains a model to prefer the chosen answers. It computes for long: call it on a thread of its own.
///
/// `out` then holds `model/` (the whole model in Hugging Face format, an adapter merged in), with
/// [`Method::Lora`](crate::lte::Method::Lora) also `adapter/` (PEFT), `recipe.json`, `metrics.jsonl`, `tensorboard/` and
/// `card.json`; `checkpoints/`, `best/` and `reference.safetensors` are only needed to go on with a job that was stopped.
/// The same job in the same folder goes on where it stopped and ends with the same weights, bit for bit, unless a time
/// budget ends it.
///
/// # Errors
/// [`Error::Settings`] when a setting makes no sense; [`Error::Data`] when no pair is left or one cannot be read;
/// [`Error::Tokenizer`] when the chat template refuses one; [`Error::Model`] when the parent cannot be read;
/// [`Error::Checkpoint`] when `out` belongs to another job or is damaged; [`Error::Io`].
pub fn train_preferences(job: &PreferenceJob<'_>, observer: &mut dyn PreferenceObserver) -> Result<Trained> {
    job.recipe.validate()?;
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("preferences".into()).stack_size(STACK_BYTES);
        let worker = worker
            .spawn_scoped(scope, || {
                let _paced = job.control.pace();
                Prepared::new(job, observer)?.run(observer)
            })
            .map_err(|e| Error::Settings(format!("the training thread could not be started: {e}")))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A job whose inputs have been read.
struct Prepared<'a> {
    job: &'a PreferenceJob<'a>,
    parent: String,
    data: String,
    base: Decoder,
    pairs: Vec<TokenPair>,
    held_out: Vec<TokenPair>,
    counts: [PairCounts; 2],
    beside: Option<Beside>,
    conversations: ConversationCounts,
}

impl<'a> Prepared<'a> {
    fn new(job: &'a PreferenceJob<'a>, observer: &mut dyn PreferenceObserver) -> Result<Self> {
        let stop_words = job.stop_words.unwrap_or(STOP_WORDS);
        let (parent, data) = (folder_hash(job.model)?, data_hash(job, stop_words)?);
        fs::create_dir_all(job.out).map_err(Error::io("creating", job.out))?;
        let ours = serde_json::json!({ "recipe": job.recipe, "parent": parent, "data": data });
        claim(job.out, "recipe.json", &ours)?;
        let base = Decoder::load(job.model, DType::F32, &Device::Cpu)?;
        let tokenizer = ChatTokenizer::load(job.model)?;
        let stop = StopTokens::new(stop_words, &tokenizer)?;
        let config = base.config();
        let most = config.max_positions.min(config.sliding_window.unwrap_or(usize::MAX));
        let lengths = job.recipe.lengths.within(most);
        lengths.validate()?;
        let reader = PairReader { tokenizer: &tokenizer, lengths, stop: &stop };
        let (pairs, training) = reader.read(job.pairs)?;
        let (held_out, held) = reader.read(job.held_out)?;
        if pairs.is_empty() {
            return Err(Error::Data(format!(
                "none of {} pairs can be learned from: {} have an empty answer, {} twice the same, {} twice the same \
                 once they are cut to length",
                job.pairs.len(),
                training.empty,
                training.equal,
                training.equal_when_cut
            )));
        }
        observer.on_pairs(training, held);
        let (beside, conversations) = Beside::read(
            &tokenizer,
            job.conversations,
            (&job.recipe, lengths.max_tokens),
            job.recipe.steps(pairs.len()),
        );
        if !job.conversations.is_empty() {
            observer.on_conversations(conversations);
        }
        let counts = [training, held];
        Ok(Self { job, parent, data, base, pairs, held_out, counts, beside, conversations })
    }

    fn run(mut self, observer: &mut dyn PreferenceObserver) -> Result<Trained> {
        let (job, recipe) = (self.job, &self.job.recipe);
        let Some((pairs, held_out)) = self.scored(observer)? else {
            return Ok(Trained::Stopped { step: 0 });
        };
        let learner = Learner::new(&self.base, &recipe.method, recipe.seed)?;
        let trainer = Trainer {
            policy: &learner.decoder,
            recipe,
            pairs: &pairs,
            held_out: &held_out,
            beside: self.beside.as_ref(),
            control: &job.control,
            until: job.budget.and_then(|budget| Instant::now().checked_add(budget)),
            out: job.out,
        };
        let (step, left) = trainer.run(observer)?;
        let ending = match left {
            Left::Stopped => return Ok(Trained::Stopped { step }),
            Left::Aborted(reason) => return Ok(Trained::Aborted { step, reason }),
            Left::Ended(ending) => ending,
        };
        let template = read_if_there(&job.model.join(TEMPLATE_FILE))?;
        let extra: Vec<(&str, &[u8])> =
            template.iter().map(|text| (TEMPLATE_FILE, text.as_bytes())).collect();
        let name = job.model.to_string_lossy();
        learner.write(&self.base, &Heir { parent: job.model, name: &name, extra: &extra }, job.out)?;
        let card = self.card((step, ending), &learner)?;
        let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
        write_atomically(job.out, "card.json", json.as_bytes())?;
        Ok(Trained::Finished(Box::new(card)))
    }

    /// Training and held-out pairs with what the reference says of them. The base must not have learned yet.
    fn scored(
        &mut self,
        observer: &mut dyn PreferenceObserver,
    ) -> Result<Option<(Vec<ScoredPair>, Vec<ScoredPair>)>> {
        let mut all = std::mem::take(&mut self.pairs);
        let training = all.len();
        all.append(&mut self.held_out);
        let of = all.len();
        let asking = Asking {
            base: &self.base,
            sharing: self.job.recipe.sharing,
            rows_per_pass: self.job.recipe.rows_per_pass,
            control: &self.job.control,
        };
        let scored = asking.scored(all, self.job.out, &mut |scored| observer.on_reference(scored, of))?;
        Ok(scored.map(|mut training_pairs| {
            let held_out = training_pairs.split_off(training);
            (training_pairs, held_out)
        }))
    }

    fn card(&self, (steps, ending): (u64, Ending), learner: &Learner) -> Result<PreferenceCard> {
        let lines = read_metrics(self.job.out)?;
        let measured: Vec<Evaluation> = lines
            .iter()
            .filter_map(|line| match line {
                MetricsLine::Evaluation(evaluation) => Some(*evaluation),
                MetricsLine::Step(_) => None,
            })
            .collect();
        let result = match ending {
            Ending::Early { best_step } => measured.iter().find(|e| e.step == best_step),
            Ending::Schedule | Ending::Budget => measured.last(),
        };
        Ok(PreferenceCard {
            parent_folder: self.job.model.to_string_lossy().into_owned(),
            parent: self.parent.clone(),
            content: folder_hash(&self.job.out.join("model"))?,
            data: self.data.clone(),
            sources: self.job.sources.to_vec(),
            recipe: self.job.recipe.clone(),
            training: self.counts[0],
            held_out: self.counts[1],
            conversations: self.conversations,
            steps,
            ending,
            before: measured.first().copied(),
            after: result.copied(),
            trained_parameters: learner.decoder.trained().iter().map(|p| p.var.elem_count()).sum(),
            parameters: self.base.parameter_count(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// SHA-256 over the pairs, the conversations beside them, if there are any, and the stop words.
fn data_hash(job: &PreferenceJob<'_>, stop_words: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    for (part, pairs) in [("training", job.pairs), ("held out", job.held_out)] {
        hasher.update(format!("{part} {}\n", pairs.len()));
        for pair in pairs {
            let json = serde_json::to_vec(pair).map_err(|e| Error::Data(e.to_string()))?;
            hasher.update(json);
            hasher.update("\n");
        }
    }
    if !job.conversations.is_empty() {
        hasher.update(format!("conversations {}\n", job.conversations.len()));
        for messages in job.conversations {
            hasher.update(serde_json::to_vec(messages).map_err(|e| Error::Data(e.to_string()))?);
            hasher.update("\n");
        }
    }
    hasher.update(stop_words);
    Ok(hex(&hasher.finalize()))
}
