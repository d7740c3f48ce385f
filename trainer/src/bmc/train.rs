//! The training loop. [`Trainer::run`] reads top to bottom.

use super::beside::{Beside, add};
use super::job::PreferenceObserver;
use super::loss::{PairLoss, PreferenceLoss, Response};
use super::metrics::{Evaluation, MetricsLine, MetricsLog, PairMeans, PairSums, PreferenceStep};
use super::pack::{PairBatch, Place};
use super::passes::passes;
use super::recipe::PreferenceRecipe;
use super::reference::ScoredPair;
use super::watch::{AbortReason, Verdict, Watch};
use crate::checkpoint::{Checkpoints, RunState};
use crate::control::{Control, Next};
use crate::decoder::Decoder;
use crate::optim::{AdamW, Schedule};
use crate::order::EpochOrder;
use crate::{Error, Result};
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// Checkpoints that are kept.
const KEEP: usize = 2;

/// Why a training came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps are done.
    Schedule,
    /// The held-out loss did not fall any more; the weights are those of this step.
    Early {
        /// The step with the lowest held-out loss.
        best_step: u64,
    },
    /// The time was up.
    Budget,
}

/// How the loop was left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Left {
    Ended(Ending),
    Stopped,
    Aborted(AbortReason),
}

/// What a checkpoint holds besides tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    watch: Watch,
}

/// One training with everything it needs.
pub(super) struct Trainer<'a> {
    pub(super) policy: &'a Decoder,
    pub(super) recipe: &'a PreferenceRecipe,
    pub(super) pairs: &'a [ScoredPair],
    pub(super) held_out: &'a [ScoredPair],
    /// What is learned beside the pairs.
    pub(super) beside: Option<&'a Beside>,
    pub(super) control: &'a Control,
    /// When to end at the latest.
    pub(super) until: Option<Instant>,
    /// The run's folder.
    pub(super) out: &'a Path,
}

/// What the pairs of a step come to.
struct OfPairs {
    gradients: Vec<Tensor>,
    /// Rows that went through the model.
    rows: usize,
    /// Time that was not spent waiting.
    busy: Duration,
}

/// What changes from step to step.
struct Run<'a> {
    optimiser: AdamW,
    checkpoints: Checkpoints,
    best: Checkpoints,
    watch: Watch,
    log: MetricsLog,
    order: EpochOrder,
    schedule: Schedule,
    observer: &'a mut dyn PreferenceObserver,
    step: u64,
    saved: Option<u64>,
}

impl Trainer<'_> {
    /// Trains until the schedule, the guards, the clock or the handle end it. Returns the steps done.
    ///
    /// # Errors
    /// What the decoder, the files or the checkpoints report.
    pub(super) fn run(&self, observer: &mut dyn PreferenceObserver) -> Result<(u64, Left)> {
        let mut run = self.begin(observer)?;
        let total = run.schedule.total_steps;
        let left = loop {
            let due = run.step.is_multiple_of(self.recipe.evaluate_every) || run.step == total;
            if due && !self.held_out.is_empty() && run.watch.measured_at() != Some(run.step) {
                match self.evaluate(&mut run)? {
                    None => break Left::Stopped,
                    Some(Verdict::GoOn) => {}
                    Some(Verdict::Abort(reason)) => break Left::Aborted(reason),
                    Some(Verdict::Enough { best_step }) => {
                        self.load_best(&run)?;
                        return Ok((run.step, Left::Ended(Ending::Early { best_step })));
                    }
                }
            }
            let finished = run.step == total;
            if finished || (run.step > 0 && run.step.is_multiple_of(self.recipe.checkpoint_every)) {
                self.save(&mut run)?;
            }
            if finished {
                break Left::Ended(Ending::Schedule);
            }
            if self.until.is_some_and(|until| Instant::now() >= until) {
                break Left::Ended(Ending::Budget);
            }
            match self.step(&mut run)? {
                None => break Left::Stopped,
                Some(Verdict::Abort(reason)) => break Left::Aborted(reason),
                Some(Verdict::GoOn | Verdict::Enough { .. }) => {}
            }
        };
        if matches!(left, Left::Stopped | Left::Ended(Ending::Budget)) {
            self.save(&mut run)?;
        }
        Ok((run.step, left))
    }

    /// From the newest checkpoint, or from nothing.
    fn begin<'o>(&self, observer: &'o mut dyn PreferenceObserver) -> Result<Run<'o>> {
        let checkpoints = Checkpoints::new(self.out.join("checkpoints"), KEEP);
        let mut optimiser = AdamW::new(self.policy.trained(), self.recipe.optimiser)?;
        let (mut step, mut watch, mut resumed) = (0, Watch::default(), None);
        if let Some(path) = checkpoints.latest()? {
            let state: RunState<Progress> = checkpoints.load(&path, self.policy, &mut optimiser)?;
            (step, watch, resumed) = (state.step, state.settings.watch, Some(state.step));
        }
        Ok(Run {
            optimiser,
            checkpoints,
            best: Checkpoints::new(self.out.join("best"), 1),
            watch,
            log: MetricsLog::open(self.out, resumed)?,
            order: EpochOrder::new(self.pairs.len(), self.recipe.seed),
            schedule: self.recipe.schedule(self.pairs.len()),
            observer,
            step,
            saved: resumed,
        })
    }

    /// One step; `None` when it was told to stop, and then nothing has changed.
    fn step(&self, run: &mut Run<'_>) -> Result<Option<Verdict>> {
        let size = self.recipe.pairs_per_step as u64;
        let first = run.step * size;
        let pairs: Vec<&ScoredPair> =
            (first..first + size).map(|index| &self.pairs[run.order.place(index)]).collect();
        let mut sums = PairSums::default();
        let Some(of_pairs) = self.of_pairs(first, &pairs, &mut sums)? else { return Ok(None) };
        let OfPairs { gradients, mut rows, mut busy } = of_pairs;
        let mut conversation_loss = None;
        let gradients = match self.beside {
            None => gradients,
            Some(beside) => {
                let learned = beside.step((self.policy, self.recipe), run.step, self.control)?;
                let Some(learned) = learned else { return Ok(None) };
                rows += learned.rows;
                conversation_loss = Some(learned.loss);
                learned.mixed(&gradients, beside)?
            }
        };
        let started = Instant::now();
        let learning_rate = run.schedule.at(run.step);
        let grad_norm = run.optimiser.step(&gradients, learning_rate)?;
        busy += started.elapsed();
        let means = sums.means();
        let finite = means.loss.is_finite() && conversation_loss.is_none_or(f64::is_finite);
        if !(finite && grad_norm.is_finite()) {
            return Ok(Some(Verdict::Abort(AbortReason::NotANumber)));
        }
        run.step += 1;
        let tokens = pairs.iter().map(|pair| pair.pair.tokens()).sum();
        let report = PreferenceStep {
            step: run.step,
            epoch: (run.step * size) as f64 / self.pairs.len() as f64,
            learning_rate,
            grad_norm,
            tokens,
            rows,
            tokens_per_second: tokens as f64 / busy.as_secs_f64().max(1e-9),
            conversation_loss,
            pairs: means,
        };
        run.log.write(&MetricsLine::Step(report))?;
        run.observer.on_step(&report, run.schedule.total_steps);
        Ok(Some(run.watch.step(&means, &self.recipe.guards)))
    }

    /// The gradients of the mean loss of a step's pairs, of which `first` is the number of the first; `None` when it was
    /// told to stop.
    fn of_pairs(&self, first: u64, pairs: &[&ScoredPair], sums: &mut PairSums) -> Result<Option<OfPairs>> {
        let (mut total, mut rows, mut done, mut busy) = (None, 0, 0, Duration::ZERO);
        for pass in passes(pairs, |pair| &pair.pair, (self.recipe.sharing, self.recipe.rows_per_pass)) {
            if self.control.next() == Next::Stop {
                return Ok(None);
            }
            let started = Instant::now();
            let PairBatch { batch, places } =
                PairBatch::new(pass.iter().map(|pair| &pair.pair), self.recipe.sharing)?;
            // The number of a pass's first pair is a key that a resumed run finds again.
            let batch = batch.with_noise(first + done);
            rows += batch.tokens();
            done += pass.len() as u64;
            let gradients = self.policy.gradients(&batch, self.recipe.activations, |nll| {
                Ok(slopes(&self.recipe.loss, (pass, &places), nll, sums))
            })?;
            total = Some(add(total, gradients)?);
            busy += started.elapsed();
        }
        let gradients = total.ok_or_else(|| Error::Data("a step has no pairs".into()))?;
        let started = Instant::now();
        let gradients: Vec<Tensor> =
            gradients.iter().map(|g| g / pairs.len() as f64).collect::<candle_core::Result<_>>()?;
        busy += started.elapsed();
        Ok(Some(OfPairs { gradients, rows, busy }))
    }

    /// Measures the held-out pairs; `None` when it was told to stop.
    fn evaluate(&self, run: &mut Run<'_>) -> Result<Option<Verdict>> {
        let Some(pairs) = self.measure()? else { return Ok(None) };
        let evaluation = Evaluation { step: run.step, pairs };
        run.log.write(&MetricsLine::Evaluation(evaluation))?;
        run.observer.on_evaluation(&evaluation);
        let verdict = run.watch.evaluation(&evaluation, &self.recipe.guards);
        if run.watch.best_step() == Some(run.step) && self.recipe.guards.patience.is_some() {
            let state = RunState::new(run.step, 0, Progress { watch: run.watch });
            run.best.save(self.policy, &run.optimiser, &state)?;
        }
        Ok(Some(verdict))
    }

    fn measure(&self) -> Result<Option<PairMeans>> {
        let (policy, mut sums) = (self.policy.frozen(), PairSums::default());
        let limit = (self.recipe.sharing, self.recipe.rows_per_pass);
        for pass in passes(self.held_out, |pair| &pair.pair, limit) {
            if self.control.next() == Next::Stop {
                return Ok(None);
            }
            let PairBatch { batch, places } =
                PairBatch::new(pass.iter().map(|pair| &pair.pair), self.recipe.sharing)?;
            let nll: Vec<f64> = policy.target_nll(&batch)?.to_dtype(DType::F64)?.to_vec1()?;
            let pass: Vec<&ScoredPair> = pass.iter().collect();
            slopes(&self.recipe.loss, (&pass, &places), &nll, &mut sums);
        }
        Ok(Some(sums.means()))
    }

    fn save(&self, run: &mut Run<'_>) -> Result<()> {
        if run.saved != Some(run.step) {
            let next_pair = run.step * self.recipe.pairs_per_step as u64;
            let state = RunState::new(run.step, next_pair, Progress { watch: run.watch });
            run.checkpoints.save(self.policy, &run.optimiser, &state)?;
            run.saved = Some(run.step);
        }
        Ok(())
    }

    fn load_best(&self, run: &Run<'_>) -> Result<()> {
        if let Some(path) = run.best.latest()? {
            let mut optimiser = AdamW::new(self.policy.trained(), self.recipe.optimiser)?;
            run.best.load::<Progress>(&path, self.policy, &mut optimiser)?;
        }
        Ok(())
    }
}

/// The losses of a pass go to `sums`; what comes back is `∂ Σ loss / ∂ nll`, one entry a target.
pub(super) fn slopes(
    loss: &PreferenceLoss,
    (pairs, places): (&[&ScoredPair], &[[Place; 2]]),
    nll: &[f64],
    sums: &mut PairSums,
) -> Vec<f64> {
    let mut slopes = vec![0.0; nll.len()];
    for (scored, places) in pairs.iter().zip(places) {
        let pair = pair_loss(loss, scored, places, nll);
        for (place, gradient) in places.iter().zip([&pair.d_chosen, &pair.d_rejected]) {
            // Shared targets belong to both responses.
            place.targets().zip(gradient).for_each(|(target, d)| slopes[target] -= d);
        }
        sums.add(&pair);
    }
    slopes
}

fn pair_loss(loss: &PreferenceLoss, scored: &ScoredPair, places: &[Place; 2], nll: &[f64]) -> PairLoss {
    let policy = places.each_ref().map(|place| place.targets().map(|t| -nll[t]).collect::<Vec<f64>>());
    let difference = &scored.pair.difference;
    let [chosen, rejected] = [(0, &difference.chosen), (1, &difference.rejected)]
        .map(|(i, differs)| Response { policy: &policy[i], reference: &scored.reference[i], differs });
    loss.of(chosen, rejected)
}
