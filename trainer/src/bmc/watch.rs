//! Judges whether a training goes well.

use super::metrics::{Evaluation, PairMeans};
use super::recipe::Guards;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a training was given up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortReason {
    /// The loss or a gradient is no longer a number.
    NotANumber,
    /// The policy is too far from the reference.
    TooFar {
        /// Nats a token.
        divergence: f64,
        /// The bound.
        limit: f64,
    },
    /// The winning answers have become less likely.
    Displaced {
        /// Nats a token.
        displacement: f64,
        /// The bound.
        limit: f64,
    },
    /// The held-out accuracy fell.
    AccuracyFell {
        /// The best that was measured.
        best: f64,
        /// Now.
        now: f64,
    },
}

/// What a person reads: what happened and what may help.
impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("the loss is no longer a number; lower the learning rate"),
            Self::TooFar { divergence, limit } => write!(
                f,
                "the policy is {divergence:.3} nats a token from the reference, the bound is {limit}; raise beta or \
                 lower the learning rate"
            ),
            Self::Displaced { displacement, limit } => write!(
                f,
                "the chosen answers are {displacement:.3} nats a token less likely than before, the bound is {limit}; \
                 add plain fine-tuning on them (an SFT weight), raise beta or lower the learning rate"
            ),
            Self::AccuracyFell { best, now } => write!(
                f,
                "the held-out accuracy fell from {best:.3} to {now:.3}; the pairs may contradict each other, or the \
                 learning rate is too high"
            ),
        }
    }
}

/// What follows from a step or a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    GoOn,
    /// The best weights are those of a step that is some time ago.
    Enough {
        best_step: u64,
    },
    Abort(AbortReason),
}

/// A number that survives JSON bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
struct Exact(f64);

impl From<u64> for Exact {
    fn from(bits: u64) -> Self {
        Self(f64::from_bits(bits))
    }
}

impl From<Exact> for u64 {
    fn from(exact: Exact) -> Self {
        exact.0.to_bits()
    }
}

/// What was measured so far. Part of every checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    measured_at: Option<u64>,
    /// The step and the loss of the best measurement.
    best: Option<(u64, Exact)>,
    best_accuracy: Option<Exact>,
    /// Measurements since the best one.
    worse: u32,
}

impl Watch {
    /// The step of the last measurement.
    pub(super) fn measured_at(&self) -> Option<u64> {
        self.measured_at
    }

    /// The step with the lowest held-out loss.
    pub(super) fn best_step(&self) -> Option<u64> {
        self.best.map(|(step, _)| step)
    }

    /// Judges a step by its own pairs.
    pub(super) fn step(&self, pairs: &PairMeans, guards: &Guards) -> Verdict {
        match too_far(pairs, guards) {
            Some(reason) => Verdict::Abort(reason),
            None => Verdict::GoOn,
        }
    }

    /// Takes a measurement into account.
    pub(super) fn evaluation(&mut self, evaluation: &Evaluation, guards: &Guards) -> Verdict {
        let Evaluation { step, pairs } = evaluation;
        self.measured_at = Some(*step);
        if !pairs.loss.is_finite() {
            return Verdict::Abort(AbortReason::NotANumber);
        }
        if let Some(reason) = too_far(pairs, guards) {
            return Verdict::Abort(reason);
        }
        let best_accuracy = self.best_accuracy.map_or(pairs.accuracy, |best| best.0.max(pairs.accuracy));
        self.best_accuracy = Some(Exact(best_accuracy));
        if pairs.accuracy < best_accuracy - guards.max_accuracy_fall {
            let reason = AbortReason::AccuracyFell { best: best_accuracy, now: pairs.accuracy };
            return Verdict::Abort(reason);
        }
        match self.best {
            Some((best_step, best)) if pairs.loss >= best.0 => {
                self.worse += 1;
                match guards.patience {
                    Some(patience) if self.worse >= patience => Verdict::Enough { best_step },
                    _ => Verdict::GoOn,
                }
            }
            _ => {
                (self.best, self.worse) = (Some((*step, Exact(pairs.loss))), 0);
                Verdict::GoOn
            }
        }
    }
}

fn too_far(pairs: &PairMeans, guards: &Guards) -> Option<AbortReason> {
    let PairMeans { kl, displacement, .. } = *pairs;
    let Guards { max_divergence, max_displacement, .. } = *guards;
    if kl.is_nan() || kl > max_divergence {
        return Some(AbortReason::TooFar { divergence: kl, limit: max_divergence });
    }
    (displacement > max_displacement)
        .then_some(AbortReason::Displaced { displacement, limit: max_displacement })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64, loss: f64, accuracy: f64, kl: f64) -> Evaluation {
        Evaluation { step, pairs: PairMeans { loss, accuracy, kl, ..PairMeans::default() } }
    }

    const GUARDS: Guards =
        Guards { max_divergence: 1.0, max_displacement: 2.0, max_accuracy_fall: 0.2, patience: Some(2) };

    #[test]
    fn it_ends_after_so_many_measurements_without_a_better_one() {
        let mut watch = Watch::default();
        for (step, loss, want) in [
            (0, 0.7, Verdict::GoOn),
            (5, 0.1 + 0.2, Verdict::GoOn),
            (10, 0.4, Verdict::GoOn),
            (15, 0.2, Verdict::GoOn),
            (20, 0.2, Verdict::GoOn),
            (25, 0.21, Verdict::Enough { best_step: 15 }),
        ] {
            assert_eq!(watch.evaluation(&at(step, loss, 0.5, 0.0), &GUARDS), want, "{step}");
            assert_eq!(watch.measured_at(), Some(step));
            let json = serde_json::to_string(&watch).expect("json");
            assert_eq!(serde_json::from_str::<Watch>(&json).expect("reads"), watch, "bit for bit");
        }
        assert_eq!(watch.best_step(), Some(15));
        let mut never = Watch::default();
        let guards = Guards { patience: None, ..GUARDS };
        assert!((0..50).all(|step| never.evaluation(&at(step, 1.0, 0.5, 0.0), &guards) == Verdict::GoOn));
    }

    #[test]
    fn it_aborts_on_no_number_on_distance_and_on_falling_accuracy() {
        let mut watch = Watch::default();
        assert_eq!(watch.evaluation(&at(0, 0.7, 0.8, 0.0), &GUARDS), Verdict::GoOn);
        assert_eq!(watch.evaluation(&at(1, 0.6, 0.61, 0.0), &GUARDS), Verdict::GoOn);
        let fell = watch.evaluation(&at(2, 0.6, 0.5, 0.0), &GUARDS);
        assert_eq!(fell, Verdict::Abort(AbortReason::AccuracyFell { best: 0.8, now: 0.5 }));
        let far = AbortReason::TooFar { divergence: 1.5, limit: 1.0 };
        assert_eq!(watch.evaluation(&at(3, 0.6, 0.8, 1.5), &GUARDS), Verdict::Abort(far));
        assert_eq!(watch.step(&at(3, 0.6, 0.8, 1.5).pairs, &GUARDS), Verdict::Abort(far));
        assert_eq!(watch.step(&at(3, 0.6, 0.8, 0.5).pairs, &GUARDS), Verdict::GoOn);
        let not = watch.evaluation(&at(4, f64::NAN, 0.8, 0.0), &GUARDS);
        assert_eq!(not, Verdict::Abort(AbortReason::NotANumber));
        insta::assert_snapshot!(far);
        let fallen = PairMeans { displacement: 2.5, ..at(3, 0.6, 0.8, 0.5).pairs };
        let displaced = AbortReason::Displaced { displacement: 2.5, limit: 2.0 };
        assert_eq!(watch.step(&fallen, &GUARDS), Verdict::Abort(displaced));
        insta::assert_snapshot!("displaced", displaced);
    }
}
