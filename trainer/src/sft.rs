//! Supervised fine-tuning: rows in, a better decoder out. [`train`] reads top to bottom.

mod measure;
mod prepare;

pub use measure::exact_match;
pub(crate) use prepare::passes;

use crate::checkpoint::{Checkpoints, RunState};
use crate::decoder::{Decoder, Example, PackedBatch};
use crate::optim::{AdamW, AdamWConfig, Schedule, collect_gradients};
use crate::{Error, Result};
use candle_core::Tensor;
use prepare::{StepRows, next_step, prepare};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Steps whose rows are prepared ahead of the training.
const PREFETCH: usize = 4;
/// candle walks the graph of operations recursively, once per operation.
pub(crate) const STACK_BYTES: usize = 256 << 20;

/// An endless stream of training rows. Row `index` must be the same every time it is asked for: that is what makes a
/// run repeatable and a resumed run exact.
pub trait RowSource: Send + Sync {
    /// The row with that index.
    ///
    /// # Errors
    /// When it cannot be made or tokenised; the run stops with that error.
    fn row(&self, index: u64) -> Result<Example>;
}

/// How many rows go into one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSize {
    /// So many rows.
    Rows(usize),
    /// Rows until the batch holds at least so many tokens.
    Tokens(usize),
    /// So many rows, in as many passes as they need.
    Passes {
        /// Rows of the batch.
        rows: usize,
        /// Tokens of one pass at most, unless a single row has more.
        tokens: usize,
    },
}

/// The settings of a run. A run is resumed with the settings it was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Steps and learning rates.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// The size of a batch.
    pub batch: BatchSize,
    /// Batches whose gradients are added up for one step.
    pub accumulation: usize,
    /// Steps between checkpoints; the last step always makes one.
    pub checkpoint_every: u64,
}

impl SftConfig {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        self.schedule.validate()?;
        let size = match self.batch {
            BatchSize::Rows(size) | BatchSize::Tokens(size) => size,
            BatchSize::Passes { rows, tokens } => rows.min(tokens),
        };
        if size == 0 || self.accumulation == 0 || self.checkpoint_every == 0 {
            return Err(Error::Settings(
                "batch, accumulation and checkpoint_every must be at least 1".into(),
            ));
        }
        Ok(())
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Steps done, this one included.
    pub step: u64,
    /// Mean negative log-likelihood of the targets before the step, in nats.
    pub loss: f32,
    /// The learning rate.
    pub learning_rate: f64,
    /// The joint norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Tokens of the step.
    pub tokens: usize,
    /// Tokens that were targets.
    pub targets: usize,
    /// Tokens of this step per second of this step.
    pub tokens_per_second: f64,
}

/// What an [`Observer`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Write a checkpoint and stop.
    Stop,
}

/// Is told about every step, and may stop the run.
pub trait Observer: Send {
    /// Called after every step. The decoder may be evaluated, not changed.
    ///
    /// # Errors
    /// Stops the run with that error.
    fn on_step(&mut self, metrics: &StepMetrics, decoder: &Decoder) -> Result<Flow>;

    /// Called once, before the first step of this call, with the steps that are done: 0, or those of the checkpoint that it
    /// goes on from.
    ///
    /// # Errors
    /// Stops the run with that error.
    fn on_start(&mut self, _step: u64, _decoder: &Decoder) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// Called before every pass through the model, and may wait. On [`Flow::Stop`] the step that is being made is dropped.
    fn before_pass(&mut self) -> Flow {
        Flow::Continue
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps of the schedule are done.
    Finished,
    /// The observer or the clock stopped it; with checkpoints it can be resumed.
    Stopped {
        /// Steps done.
        step: u64,
    },
}

/// What a run needs besides the decoder.
pub struct Run<'a> {
    /// The settings.
    pub config: SftConfig,
    /// The rows.
    pub source: &'a dyn RowSource,
    /// Where checkpoints go; the run resumes from the newest one there.
    pub checkpoints: Option<Checkpoints>,
    /// When to stop at the latest, whatever the schedule says.
    pub wall_clock: Option<Duration>,
}

/// Trains `decoder` in place: its adapter when it has one, else all of it.
///
/// # Errors
/// What the rows, the tensors, the checkpoints or the observer report, and [`Error::Diverged`].
pub fn train(decoder: &Decoder, run: &Run<'_>, observer: &mut dyn Observer) -> Result<Outcome> {
    run.config.validate()?;
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("sft".into()).stack_size(STACK_BYTES);
        let worker = worker
            .spawn_scoped(scope, || train_here(decoder, run, observer))
            .map_err(|e| Error::Settings(format!("the training thread could not be started: {e}")))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// As [`train`], on this thread, whose stack must have [`STACK_BYTES`].
///
/// # Errors
/// As [`train`].
pub(crate) fn train_here(decoder: &Decoder, run: &Run<'_>, observer: &mut dyn Observer) -> Result<Outcome> {
    run.config.validate()?;
    let config = run.config;
    let mut optimiser = AdamW::new(decoder.trained(), config.optimiser)?;
    let (first_step, first_row) = resume(decoder, run, &mut optimiser)?;
    if observer.on_start(first_step, decoder)? == Flow::Stop {
        return Ok(Outcome::Stopped { step: first_step });
    }
    let started = Instant::now();

    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(PREFETCH);
        scope.spawn(move || prepare(run.source, config, first_row, &sender));
        let mut row = first_row;
        for step in first_step..config.schedule.total_steps {
            let step_started = Instant::now();
            let StepRows { batches, next_row } = next_step(&batches)?;
            let Some((loss, gradients)) = accumulate_while(decoder, &batches, || observer.before_pass())?
            else {
                // Nothing has changed since the last step, which may have written a checkpoint already.
                if step > first_step && !step.is_multiple_of(config.checkpoint_every) {
                    save(decoder, run, &optimiser, (step, row))?;
                }
                return Ok(Outcome::Stopped { step });
            };
            let learning_rate = config.schedule.at(step);
            let grad_norm = optimiser.step(&gradients, learning_rate)?;
            if !(loss.is_finite() && grad_norm.is_finite()) {
                return Err(Error::Diverged { step, loss });
            }
            row = next_row;
            let tokens = batches.iter().map(PackedBatch::tokens).sum();
            let metrics = StepMetrics {
                step: step + 1,
                loss,
                learning_rate,
                grad_norm,
                tokens,
                targets: batches.iter().map(|b| b.targets.len()).sum(),
                tokens_per_second: tokens as f64 / step_started.elapsed().as_secs_f64().max(1e-9),
            };
            let flow = observer.on_step(&metrics, decoder)?;
            let late = run.wall_clock.is_some_and(|limit| started.elapsed() >= limit);
            let finished = step + 1 == config.schedule.total_steps;
            let stopped = !finished && (flow == Flow::Stop || late);
            if finished || stopped || (step + 1) % config.checkpoint_every == 0 {
                save(decoder, run, &optimiser, (step + 1, row))?;
            }
            if stopped {
                return Ok(Outcome::Stopped { step: step + 1 });
            }
        }
        Ok(Outcome::Finished)
    })
}

/// Writes a checkpoint after a step, before a row, when the run has a place for it.
fn save(decoder: &Decoder, run: &Run<'_>, optimiser: &AdamW, (step, row): (u64, u64)) -> Result<()> {
    if let Some(checkpoints) = &run.checkpoints {
        checkpoints.save(decoder, optimiser, &RunState::new(step, row, run.config))?;
    }
    Ok(())
}

/// The step and the row to begin with: those of the newest checkpoint, or zero.
fn resume(decoder: &Decoder, run: &Run<'_>, optimiser: &mut AdamW) -> Result<(u64, u64)> {
    let Some(checkpoints) = &run.checkpoints else { return Ok((0, 0)) };
    let Some(path) = checkpoints.latest()? else { return Ok((0, 0)) };
    let state: RunState<SftConfig> = checkpoints.load(&path, decoder, optimiser)?;
    if state.settings != run.config {
        let problem = "it was made with other settings; use those, or another checkpoint folder";
        return Err(Error::checkpoint(path, problem));
    }
    Ok((state.step, state.next_row))
}

/// The mean loss of the targets of all batches, each counted by its weight, and its gradients, one per parameter of
/// [`Decoder::trained`].
///
/// # Errors
/// When no batch has a target, or a tensor operation fails.
pub fn accumulate(decoder: &Decoder, batches: &[PackedBatch]) -> Result<(f32, Vec<Tensor>)> {
    let whole = accumulate_while(decoder, batches, || Flow::Continue)?;
    Ok(whole.expect("only a flow that stops gives nothing"))
}

/// As [`accumulate`], `None` when `flow` says so before a pass.
fn accumulate_while(
    decoder: &Decoder,
    batches: &[PackedBatch],
    mut flow: impl FnMut() -> Flow,
) -> Result<Option<(f32, Vec<Tensor>)>> {
    let targets: f64 = batches.iter().flat_map(|b| &b.weights).copied().map(f64::from).sum();
    let mut loss = 0f32;
    let mut total: Option<Vec<Tensor>> = None;
    for batch in batches.iter().filter(|b| !b.targets.is_empty()) {
        if flow() == Flow::Stop {
            return Ok(None);
        }
        let nll = decoder.target_nll(batch)?;
        let weights = Tensor::new(batch.weights.as_slice(), nll.device())?.to_dtype(nll.dtype())?;
        let part = ((nll * weights)?.sum_all()? / targets)?;
        let gradients = collect_gradients(decoder.trained(), part.backward()?)?;
        loss += part.to_scalar::<f32>()?;
        total = Some(match total {
            None => gradients,
            Some(sum) => sum.iter().zip(&gradients).map(|(a, b)| a + b).collect::<Result<_, _>>()?,
        });
    }
    match total {
        Some(gradients) => Ok(Some((loss, gradients))),
        None => Err(Error::Data("no row of this step has a supervised token".into())),
    }
}

#[cfg(test)]
mod tests;
