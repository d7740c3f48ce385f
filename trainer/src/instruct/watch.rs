//! What happens beside the steps: the log, the held-out rows, the best weights, and when it is enough.

use super::job::InstructObserver;
use super::log::{HeldOut, InstructLine, LOG};
use super::recipe::InstructRecipe;
use super::tokens::Conversations;
use crate::bmc::Ending;
use crate::control::{Control, Next};
use crate::decoder::{Decoder, Example, PackedBatch};
use crate::files::replace;
use crate::sft::{Flow, Observer, StepMetrics, passes};
use crate::step_log::{StepLog, read_log};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::Path;

/// The weights with the lowest held-out loss.
const BEST: &str = "best.safetensors";

/// Why the loop was left before its schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Left {
    /// It is enough.
    Early {
        /// The step with the lowest held-out loss.
        best_step: u64,
    },
    /// A held-out loss is no number.
    NotANumber,
    /// It was told to stop while the held-out rows were being measured.
    Interrupted,
}

/// The held-out losses so far: a pure function of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Patience {
    measured_at: Option<u64>,
    best: Option<HeldOut>,
    worse: u32,
}

impl Patience {
    /// Takes a measurement in and tells whether it is the best one.
    fn take(&mut self, now: HeldOut) -> bool {
        self.measured_at = Some(now.step);
        let better = self.best.is_none_or(|best| now.loss < best.loss);
        if better {
            self.best = Some(now);
        }
        self.worse = if better { 0 } else { self.worse + 1 };
        better
    }

    fn enough(&self, patience: Option<u32>) -> Option<Left> {
        let enough = patience.is_some_and(|patience| self.worse >= patience);
        self.best.filter(|_| enough).map(|best| Left::Early { best_step: best.step })
    }
}

/// Beside a training of `total` steps.
pub(super) struct Watch<'a> {
    observer: &'a mut dyn InstructObserver,
    recipe: &'a InstructRecipe,
    held_out: &'a Conversations,
    control: &'a Control,
    out: &'a Path,
    total: u64,
    log: StepLog,
    patience: Patience,
    /// Why the loop was left, when it was this watch that left it.
    pub(super) left: Option<Left>,
}

/// What a watch is told of the job.
pub(super) struct Watched<'a> {
    pub(super) recipe: &'a InstructRecipe,
    pub(super) held_out: &'a Conversations,
    pub(super) control: &'a Control,
    pub(super) out: &'a Path,
    pub(super) total: u64,
}

impl<'a> Watch<'a> {
    /// Of a training that begins, or goes on after a step.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] when the log cannot be read or written.
    pub(super) fn new(
        of: Watched<'a>,
        resumed: Option<u64>,
        observer: &'a mut dyn InstructObserver,
    ) -> Result<Self> {
        let Watched { recipe, held_out, control, out, total } = of;
        let log = StepLog::open::<InstructLine>((out, LOG), resumed)?;
        let mut patience = Patience::default();
        for line in read_log::<InstructLine>((out, LOG))? {
            if let InstructLine::HeldOut(measured) = line {
                patience.take(measured);
            }
        }
        Ok(Self { observer, recipe, held_out, control, out, total, log, patience, left: None })
    }

    /// Measures after the last step when that has not been done, as when the time was up.
    ///
    /// # Errors
    /// What the decoder or the files report.
    pub(super) fn measure_last(&mut self, step: u64, decoder: &Decoder) -> Result<()> {
        match self.patience.measured_at == Some(step) {
            true => Ok(()),
            false => self.measure(step, decoder).map(|_| ()),
        }
    }

    /// Puts the best weights into `decoder`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when they are not there or do not fit.
    pub(super) fn load_best(&self, decoder: &Decoder) -> Result<()> {
        let path = self.out.join(BEST);
        let damaged = |e: candle_core::Error| Error::checkpoint(&path, format!("it is damaged: {e}"));
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).map_err(damaged)?;
        let value = |name: &str| {
            tensors.get(name).ok_or_else(|| Error::checkpoint(&path, format!("{name} is missing")))
        };
        let values: Vec<&Tensor> = decoder.trained().iter().map(|p| value(&p.name)).collect::<Result<_>>()?;
        for (p, value) in decoder.trained().iter().zip(values) {
            p.var.set(value).map_err(damaged)?;
        }
        Ok(())
    }

    fn save_best(&self, decoder: &Decoder) -> Result<()> {
        let tensors: HashMap<String, Tensor> =
            decoder.trained().iter().map(|p| (p.name.clone(), p.var.as_detached_tensor())).collect();
        replace(self.out, BEST, |partial| Ok(candle_core::safetensors::save(&tensors, partial)?))
    }

    /// Measures the held-out rows, if there are any, and says whether to go on.
    fn measure(&mut self, step: u64, decoder: &Decoder) -> Result<Flow> {
        if self.held_out.len() == 0 {
            return Ok(Flow::Continue);
        }
        let Some(loss) = self.held_out_loss(decoder)? else {
            self.left = Some(Left::Interrupted);
            return Ok(Flow::Stop);
        };
        if !loss.is_finite() {
            self.left = Some(Left::NotANumber);
            return Ok(Flow::Stop);
        }
        let measured = HeldOut { step, loss };
        if self.patience.take(measured) && self.recipe.patience.is_some() {
            self.save_best(decoder)?;
        }
        // Logged when the best weights are there: what the log says of them holds after a crash, too.
        self.log.write(&InstructLine::HeldOut(measured))?;
        self.observer.on_held_out(&measured);
        Ok(self.verdict())
    }

    fn verdict(&mut self) -> Flow {
        self.left = self.patience.enough(self.recipe.patience);
        if self.left.is_some() { Flow::Stop } else { Flow::Continue }
    }

    /// The mean over all answers' tokens; `None` when it was told to stop.
    fn held_out_loss(&self, decoder: &Decoder) -> Result<Option<f32>> {
        let frozen = decoder.frozen();
        let (mut sum, mut targets) = (0f64, 0usize);
        let examples: Vec<Example> = (0..self.held_out.len()).map(|at| self.held_out.example(at)).collect();
        for pass in passes(&examples, self.recipe.tokens_per_pass) {
            if self.control.next() == Next::Stop {
                return Ok(None);
            }
            let batch = PackedBatch::new(pass)?;
            if batch.targets.is_empty() {
                continue;
            }
            let nll: Vec<f64> = frozen.target_nll(&batch)?.detach().to_dtype(DType::F64)?.to_vec1()?;
            sum += nll.iter().sum::<f64>();
            targets += nll.len();
        }
        Ok(Some((sum / targets.max(1) as f64) as f32))
    }
}

impl Observer for Watch<'_> {
    /// What a run that was killed or stopped has not measured is measured now.
    fn on_start(&mut self, step: u64, decoder: &Decoder) -> Result<Flow> {
        let due = step.is_multiple_of(self.recipe.measure_every) || step == self.total;
        match due && self.patience.measured_at != Some(step) {
            true => self.measure(step, decoder),
            false => Ok(self.verdict()),
        }
    }

    fn before_pass(&mut self) -> Flow {
        if self.control.next() == Next::Stop { Flow::Stop } else { Flow::Continue }
    }

    fn on_step(&mut self, metrics: &StepMetrics, decoder: &Decoder) -> Result<Flow> {
        self.log.write(&InstructLine::from(metrics))?;
        self.observer.on_step(metrics, self.total);
        let due = metrics.step.is_multiple_of(self.recipe.measure_every) || metrics.step == self.total;
        if due && self.measure(metrics.step, decoder)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        Ok(if self.control.is_stopped() { Flow::Stop } else { Flow::Continue })
    }
}

impl Left {
    /// The ending that it is, if it is one.
    pub(super) fn ending(self) -> Option<Ending> {
        match self {
            Self::Early { best_step } => Some(Ending::Early { best_step }),
            Self::NotANumber | Self::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_counts_measurements_that_are_not_better() {
        let mut patience = Patience::default();
        let mut take = |step: u64, loss: f32| {
            let better = patience.take(HeldOut { step, loss });
            (better, patience.enough(Some(2)), patience.enough(None))
        };
        assert_eq!(take(0, 2.0), (true, None, None));
        assert_eq!(take(4, 2.0), (false, None, None), "the same is not better");
        assert_eq!(take(8, 1.5), (true, None, None));
        assert_eq!(take(12, 1.6), (false, None, None));
        assert_eq!(take(16, 1.7), (false, Some(Left::Early { best_step: 8 }), None));
    }
}
