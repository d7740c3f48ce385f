//! What a gate says.

use super::policy::Metric;
use crate::stats::{Power, SignTest};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a gate says in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate may ship.
    Pass,
    /// What was measured does not tell.
    Inconclusive,
    /// The candidate may not ship.
    Fail,
}

/// A score with its one-sided bounds, in percent or points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// What was measured.
    pub estimate: f64,
    /// The truth is above this, at the gate's confidence.
    pub lower: f64,
    /// The truth is below this, likewise.
    pub upper: f64,
}

/// What was computed of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteDecision {
    /// The suite.
    pub suite: String,
    /// What was compared.
    pub metric: Metric,
    /// Of this suite alone.
    pub verdict: Verdict,
    /// Items that both answered, and that were compared.
    pub items: usize,
    /// Their groups.
    pub groups: usize,
    /// The candidate's score, percent.
    pub candidate: Scored,
    /// The live revision's score, percent.
    pub live: Scored,
    /// Candidate − live, points.
    pub difference: Scored,
    /// How much worse it may be, points.
    pub margin: f64,
    /// The level that the bounds hold at, one-sided.
    pub level: f64,
    /// The p-value of "no worse than by the margin".
    pub p_no_worse: f64,
    /// The p-value of "worse".
    pub p_worse: f64,
    /// The same, corrected for the number of suites (Holm).
    pub p_worse_corrected: f64,
    /// Groups that are worse and better, and the exact test of them.
    pub mcnemar: SignTest,
    /// What a comparison of this size can tell.
    pub power: Power,
}

/// One reason of a verdict.
///
/// In every one `suite` is what it is about. Scores, differences, bounds and margins are in percent or points; `p` is the
/// corrected p-value; shares and their limits are 0 to 1; `groups` were compared and `needed` would tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the figures of the sentence that Display makes of them")]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The suite shows the candidate to be no worse than the margin allows.
    NoWorse { suite: String, difference: f64, lower: f64, margin: f64 },
    /// There was nothing to ask.
    NothingToAsk { suite: String },
    /// The candidate is significantly worse, and by more than the margin.
    WorseThanLive { suite: String, difference: f64, upper: f64, margin: f64, p: f64 },
    /// The candidate's score is below the floor.
    BelowFloor { suite: String, score: f64, floor: f64 },
    /// The first token comes too late.
    TooSlow { suite: String, milliseconds: f64, limit: f64 },
    /// Items of the suite stand in the candidate's training data.
    Contaminated { suite: String, items: usize, of: usize, share: f64 },
    /// The same, and the policy only wants to know.
    ContaminationNoted { suite: String, items: usize, of: usize },
    /// The bounds do not tell.
    TooUncertain { suite: String, difference: f64, lower: f64, margin: f64, groups: usize, needed: usize },
    /// There are fewer groups than the policy wants.
    TooFewGroups { suite: String, groups: usize, wanted: usize },
    /// More groups are to be asked before it is decided.
    MoreToAsk { suite: String, look: u32, looks: u32 },
    /// One of the two was not measured on it.
    NotMeasured { suite: String },
    /// The two were measured on different versions of it, or not in the same way.
    NotComparable { suite: String, what: String },
    /// A measurement must not be used.
    Void { suite: String, why: String },
    /// Too many verdicts cannot be read.
    TooManyUnparsed { suite: String, share: f64, limit: f64 },
    /// Too many items failed with an error.
    TooManyErrors { suite: String, share: f64, limit: f64 },
    /// A judge is too often wrong on answers with known verdicts, or was not tried on them.
    JudgeUnfit { suite: String, accuracy: Option<f64>, limit: f64 },
}

impl Reason {
    /// The verdict that it makes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NoWorse { .. } | Self::NothingToAsk { .. } | Self::ContaminationNoted { .. } => {
                Verdict::Pass
            }
            Self::WorseThanLive { .. }
            | Self::BelowFloor { .. }
            | Self::TooSlow { .. }
            | Self::Contaminated { .. } => Verdict::Fail,
            Self::TooUncertain { .. }
            | Self::TooFewGroups { .. }
            | Self::MoreToAsk { .. }
            | Self::NotMeasured { .. }
            | Self::NotComparable { .. }
            | Self::Void { .. }
            | Self::TooManyUnparsed { .. }
            | Self::TooManyErrors { .. }
            | Self::JudgeUnfit { .. } => Verdict::Inconclusive,
        }
    }

    /// The suite that it is about.
    #[must_use]
    pub fn suite(&self) -> &str {
        match self {
            Self::NoWorse { suite, .. }
            | Self::NothingToAsk { suite }
            | Self::WorseThanLive { suite, .. }
            | Self::BelowFloor { suite, .. }
            | Self::TooSlow { suite, .. }
            | Self::Contaminated { suite, .. }
            | Self::ContaminationNoted { suite, .. }
            | Self::TooUncertain { suite, .. }
            | Self::TooFewGroups { suite, .. }
            | Self::MoreToAsk { suite, .. }
            | Self::NotMeasured { suite }
            | Self::NotComparable { suite, .. }
            | Self::Void { suite, .. }
            | Self::TooManyUnparsed { suite, .. }
            | Self::TooManyErrors { suite, .. }
            | Self::JudgeUnfit { suite, .. } => suite,
        }
    }

    /// What kind of reason it is, for programs: as in its JSON form.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoWorse { .. } => "no_worse",
            Self::NothingToAsk { .. } => "nothing_to_ask",
            Self::WorseThanLive { .. } => "worse_than_live",
            Self::BelowFloor { .. } => "below_floor",
            Self::TooSlow { .. } => "too_slow",
            Self::Contaminated { .. } => "contaminated",
            Self::ContaminationNoted { .. } => "contamination_noted",
            Self::TooUncertain { .. } => "too_uncertain",
            Self::TooFewGroups { .. } => "too_few_groups",
            Self::MoreToAsk { .. } => "more_to_ask",
            Self::NotMeasured { .. } => "not_measured",
            Self::NotComparable { .. } => "not_comparable",
            Self::Void { .. } => "void",
            Self::TooManyUnparsed { .. } => "too_many_unparsed",
            Self::TooManyErrors { .. } => "too_many_errors",
            Self::JudgeUnfit { .. } => "judge_unfit",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.suite())?;
        match self {
            Self::NoWorse { difference, lower, margin, .. } => write!(
                f,
                "{difference:+.1} points, at least {lower:+.1} with the wanted confidence; {margin:.1} worse would be allowed"
            ),
            Self::NothingToAsk { .. } => f.write_str("there is nothing to ask"),
            Self::WorseThanLive { difference, upper, margin, p, .. } => write!(
                f,
                "{difference:+.1} points, at most {upper:+.1} with the wanted confidence (p = {p:.2e}); only {margin:.1} worse is allowed"
            ),
            Self::BelowFloor { score, floor, .. } => {
                write!(f, "{score:.1} %, below the floor of {floor:.1} %")
            }
            Self::TooSlow { milliseconds, limit, .. } => {
                write!(f, "the first token takes {milliseconds:.0} ms (p99), above {limit:.0} ms")
            }
            Self::Contaminated { items, of, share, .. } => write!(
                f,
                "{items} of {of} items stand in the candidate's training data; a share of {share} may"
            ),
            Self::ContaminationNoted { items, of, .. } => {
                write!(f, "{items} of {of} items stand in the candidate's training data")
            }
            Self::TooUncertain { difference, lower, margin, groups, needed, .. } => write!(
                f,
                "{difference:+.1} points, but it may be {lower:+.1}, and {margin:.1} worse is allowed: {groups} groups were \
                 compared; about {needed} would tell, should the difference stay"
            ),
            Self::TooFewGroups { groups, wanted, .. } => {
                write!(f, "{groups} groups were compared, the policy wants {wanted}")
            }
            Self::MoreToAsk { look, looks, .. } => write!(f, "undecided at look {look} of {looks}"),
            Self::NotMeasured { .. } => f.write_str("not both were measured"),
            Self::NotComparable { what, .. } => write!(f, "the two measurements differ in {what}"),
            Self::Void { why, .. } => write!(f, "the measurement is void: {why}"),
            Self::TooManyUnparsed { share, limit, .. } => write!(
                f,
                "{:.1} % of the verdicts cannot be read, {:.1} % may be so",
                share * 100.0,
                limit * 100.0
            ),
            Self::TooManyErrors { share, limit, .. } => write!(
                f,
                "{:.1} % of the items failed with an error, {:.1} % may do so",
                share * 100.0,
                limit * 100.0
            ),
            Self::JudgeUnfit { accuracy: Some(accuracy), limit, .. } => write!(
                f,
                "a judge is right on {:.1} % of what is known, {:.1} % are wanted",
                accuracy * 100.0,
                limit * 100.0
            ),
            Self::JudgeUnfit { accuracy: None, limit, .. } => {
                write!(f, "how often a judge is right is not known, {:.1} % are wanted", limit * 100.0)
            }
        }
    }
}

/// The whole decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDecision {
    /// `amend.gate/1`.
    pub schema: String,
    /// What the gate says.
    pub verdict: Verdict,
    /// Why: those that make the verdict first.
    pub reasons: Vec<Reason>,
    /// What was computed, in the policy's order; suites that cannot be compared are missing.
    pub suites: Vec<SuiteDecision>,
    /// SHA-256 of the policy.
    pub policy: String,
    /// The seed of the draws.
    pub seed: u64,
    /// Whether asking more could change an inconclusive verdict: only before the last look.
    pub undecided: bool,
}
