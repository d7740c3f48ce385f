//! How a training is told of in its job's record and in the metrics.

use crate::{jobs::JobContext, telemetry::names};
use amend_proto::wire::JobPhase;
use amend_trainer::bmc::{Evaluation, PairCounts, PreferenceObserver, PreferenceStep};

/// Steps between two lines of the log.
const LINE_EVERY: u64 = 20;

/// Tells a job's record.
pub(super) struct Progress<'a>(pub(super) &'a JobContext);

impl PreferenceObserver for Progress<'_> {
    fn on_pairs(&mut self, training: PairCounts, held_out: PairCounts) {
        let (kept, held) = (training.kept, held_out.kept);
        self.0.say(format!("{kept} pairs to learn from, {held} to measure on"));
    }

    fn on_reference(&mut self, scored: usize, of: usize) {
        self.0.at(JobPhase::Reference, (scored as u64, of as u64), None);
    }

    fn on_step(&mut self, step: &PreferenceStep, total: u64) {
        let means = &step.pairs;
        #[allow(clippy::cast_precision_loss, reason = "a count of steps")]
        metrics::gauge!(names::TRAINING_STEP).set(step.step as f64);
        for (name, value) in [
            (names::TRAINING_LOSS, means.loss),
            (names::TRAINING_ACCURACY, means.accuracy),
            (names::TRAINING_MARGIN, means.margin),
            (names::TRAINING_KL, means.kl),
            (names::TRAINING_DISPLACEMENT, means.displacement),
        ] {
            metrics::gauge!(name).set(value);
        }
        if step.step.is_multiple_of(LINE_EVERY) || step.step == total {
            self.0.say(format!(
                "step {} of {total}: loss {:.4}, accuracy {:.2}, margin {:.3}",
                step.step, means.loss, means.accuracy, means.margin
            ));
        }
        self.0.at(JobPhase::Training, (step.step, total), serde_json::to_value(step).ok());
    }

    fn on_evaluation(&mut self, evaluation: &Evaluation) {
        let means = &evaluation.pairs;
        self.0.say(format!(
            "held-out pairs at step {}: loss {:.4}, accuracy {:.2}, margin {:.3}",
            evaluation.step, means.loss, means.accuracy, means.margin
        ));
    }
}
