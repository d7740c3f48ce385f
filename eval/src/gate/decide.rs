//! From measurements to a verdict.

use super::{
    decision::{GateDecision, Reason, Scored, SuiteDecision, Verdict},
    evidence::{Evidence, EvidenceItem, Population},
    policy::{ContaminationAction, Metric, Policy, SuitePolicy},
};
use crate::{
    contamination::ContaminationReport,
    stats::{
        Bootstrap, Bounds, Differences, Power, groups_needed, sign_test, unseen_loss, unseen_probability,
    },
};
use std::collections::{HashMap, HashSet};

/// The version of the JSON form of [`GateDecision`].
const SCHEMA: &str = "amend.gate/1";
/// Points of a share.
const POINTS: f64 = 100.0;

/// Which look at growing data this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// From 1.
    pub number: u32,
    /// Of so many.
    pub of: u32,
}

impl Look {
    /// The only one.
    pub const ONLY: Self = Self { number: 1, of: 1 };

    fn is_last(self) -> bool {
        self.number >= self.of
    }
}

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// By what.
    pub policy: &'a Policy,
    /// What the suites found of the candidate.
    pub candidate: &'a [Evidence],
    /// What they found of the live revision.
    pub live: &'a [Evidence],
    /// What of the suites stands in the candidate's training data, if that is known.
    pub contamination: &'a [ContaminationReport],
    /// Which look this is.
    pub look: Look,
}

/// A suite whose two measurements can be compared.
struct Compared<'a> {
    policy: &'a SuitePolicy,
    items: usize,
    population: Population,
    differences: Differences,
    difference: Bounds,
    candidate: Bounds,
    live: Bounds,
}

/// Decides. Pure: the same input, the same decision.
#[must_use]
pub fn decide(input: &GateInput<'_>) -> GateDecision {
    let policy = input.policy;
    let (mut reasons, mut compared) = (Vec::new(), Vec::new());
    for suite in &policy.suites {
        match compare(input, suite) {
            Ok(found) => compared.push(found),
            Err(reason) => reasons.push(reason),
        }
        reasons.extend(too_slow(input, suite));
        reasons.extend(contaminated(input, suite));
    }
    let level = level(input);
    let worse: Vec<f64> = compared.iter().map(|one| one.difference.level_below(0.0)).collect();
    let corrected = holm(&worse);
    let mut suites = Vec::with_capacity(compared.len());
    for (one, p) in compared.iter().zip(corrected) {
        let (suite, found) = judge(one, input, (level, p));
        suites.push(suite);
        reasons.extend(found);
    }
    let verdict = reasons.iter().map(Reason::verdict).max().unwrap_or(Verdict::Inconclusive);
    let undecided = verdict == Verdict::Inconclusive
        && reasons.iter().any(|reason| matches!(reason, Reason::MoreToAsk { .. }));
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict()));
    GateDecision {
        schema: SCHEMA.to_owned(),
        verdict,
        reasons,
        suites,
        policy: policy.fingerprint(),
        seed: policy.seed,
        undecided,
    }
}

/// What this look may spend.
fn level(input: &GateInput<'_>) -> f64 {
    let alpha = input.policy.alpha();
    match input.policy.sequential {
        Some(sequential) => sequential.spending.level(alpha, (input.look.number, input.look.of)),
        None => alpha,
    }
}

/// Pairs the two measurements of a suite, or says why that cannot be.
fn compare<'a>(input: &GateInput<'_>, policy: &'a SuitePolicy) -> Result<Compared<'a>, Reason> {
    let suite = || policy.name.clone();
    let find = |all: &'_ [Evidence]| all.iter().position(|one| one.suite == policy.name);
    let (Some(of), Some(against)) = (find(input.candidate), find(input.live)) else {
        return Err(Reason::NotMeasured { suite: suite() });
    };
    let (candidate, live) = (&input.candidate[of], &input.live[against]);
    comparable(input.policy, (candidate, live))?;
    if candidate.items.is_empty() && policy.min_groups == 0 {
        return Err(Reason::NothingToAsk { suite: suite() });
    }
    let pairs = pairs(candidate, live, policy.metric)?;
    let differences =
        Differences::of(pairs.iter().map(|(item, one, other)| (key(item).0, key(item).1, one - other)));
    let groups = differences.groups();
    let wanted = if input.look.is_last() { policy.min_groups } else { 0 };
    let population = match (candidate.population, live.population) {
        (Population::Whole, Population::Whole) => Population::Whole,
        _ => Population::Sample,
    };
    let wanted = wanted.max(match population {
        Population::Sample => 2,
        Population::Whole => 1,
    });
    if groups < wanted {
        return Err(Reason::TooFewGroups { suite: suite(), groups, wanted });
    }
    let bootstrap = Bootstrap { resamples: input.policy.resamples, seed: input.policy.seed };
    let bounds = |differences: &Differences| match population {
        Population::Sample => bootstrap.run(differences),
        Population::Whole => Bounds::certain(differences),
    };
    let scores = |of: fn(&(&EvidenceItem, f64, f64)) -> f64| {
        bounds(&Differences::of(pairs.iter().map(|pair| (key(pair.0).0, key(pair.0).1, of(pair)))))
    };
    Ok(Compared {
        policy,
        items: pairs.len(),
        population,
        difference: bounds(&differences),
        candidate: scores(|pair| pair.1),
        live: scores(|pair| pair.2),
        differences,
    })
}

fn key(item: &EvidenceItem) -> (&str, &str) {
    (&item.stratum, &item.group)
}

/// Whether the two were measured in the same way, and well enough.
fn comparable(policy: &Policy, (candidate, live): (&Evidence, &Evidence)) -> Result<(), Reason> {
    let suite = || candidate.suite.clone();
    for one in [candidate, live] {
        if let Some(why) = &one.void {
            return Err(Reason::Void { suite: suite(), why: why.clone() });
        }
    }
    let differs = |what: &str| Err(Reason::NotComparable { suite: suite(), what: what.to_owned() });
    if candidate.fingerprint != live.fingerprint {
        return differs("the version of the suite");
    }
    if candidate.judges != live.judges {
        return differs("the judges or their versions");
    }
    if candidate.sampling != live.sampling {
        return differs("how answers were drawn");
    }
    for one in [candidate, live] {
        let (share, limit) = (one.share(one.errors), policy.limits.errors);
        if share > limit {
            return Err(Reason::TooManyErrors { suite: suite(), share, limit });
        }
        let (share, limit) = (one.share(one.unparsed), policy.limits.unparsed);
        if share > limit {
            return Err(Reason::TooManyUnparsed { suite: suite(), share, limit });
        }
        if let Some(limit) = policy.limits.judge_accuracy
            && !one.judges.is_empty()
            && one.judge_accuracy.is_none_or(|accuracy| accuracy < limit)
        {
            return Err(Reason::JudgeUnfit { suite: suite(), accuracy: one.judge_accuracy, limit });
        }
    }
    Ok(())
}

/// Items that both have a value for: `(item, candidate, live)`, in the candidate's order.
fn pairs<'a>(
    candidate: &'a Evidence,
    live: &'a Evidence,
    metric: Metric,
) -> Result<Vec<(&'a EvidenceItem, f64, f64)>, Reason> {
    let other: HashMap<&str, &EvidenceItem> =
        live.items.iter().map(|item| (item.id.as_str(), item)).collect();
    let ours: HashSet<&str> = candidate.items.iter().map(|item| item.id.as_str()).collect();
    let counts = [candidate.items.len(), ours.len(), live.items.len()];
    let same = counts.iter().all(|count| *count == other.len())
        && candidate
            .items
            .iter()
            .all(|item| other.get(item.id.as_str()).is_some_and(|o| key(o) == key(item)));
    if !same {
        let (suite, what) = (candidate.suite.clone(), "their items".to_owned());
        return Err(Reason::NotComparable { suite, what });
    }
    let value = |item: &EvidenceItem| match metric {
        Metric::Hsr => item.hard.map(|hard| f64::from(u8::from(hard))),
        Metric::Ssr => item.soft,
    };
    let pair = |item: &'a EvidenceItem| Some((item, value(item)?, value(other.get(item.id.as_str())?)?));
    Ok(candidate.items.iter().filter_map(pair).collect())
}

/// The verdict on one suite.
fn judge(
    one: &Compared<'_>,
    input: &GateInput<'_>,
    (level, p_corrected): (f64, f64),
) -> (SuiteDecision, Vec<Reason>) {
    let Compared { policy, differences, difference, candidate, live, population, .. } = one;
    // What whole groups could hide that none of these is one of; it would have to make up for a gain, too.
    let gain = difference.estimate().max(0.0);
    let (unseen, hidden) = match population {
        Population::Sample => {
            (unseen_loss(differences, level), unseen_probability(differences, gain + policy.margin / POINTS))
        }
        Population::Whole => (0.0, 0.0),
    };
    let scored = |bounds: &Bounds| Scored {
        estimate: bounds.estimate() * POINTS,
        lower: bounds.lower(level) * POINTS,
        upper: bounds.upper(level) * POINTS,
    };
    let share = |score: Scored| Scored {
        lower: score.lower.clamp(0.0, POINTS),
        upper: score.upper.clamp(0.0, POINTS),
        ..score
    };
    let margin = policy.margin / POINTS;
    let groups = differences.groups();
    let power =
        Power::of((groups, difference.standard_error()), margin, (input.policy.alpha(), input.policy.power));
    let mut suite = SuiteDecision {
        suite: policy.name.clone(),
        metric: policy.metric,
        verdict: Verdict::Inconclusive,
        items: one.items,
        groups,
        candidate: share(scored(candidate)),
        live: share(scored(live)),
        difference: Scored {
            lower: (difference.lower(level).min(gain - unseen) * POINTS).max(-POINTS),
            ..scored(difference)
        },
        margin: policy.margin,
        level,
        p_no_worse: difference.level_above(-margin).max(hidden),
        p_worse: difference.level_below(0.0),
        p_worse_corrected: p_corrected,
        mcnemar: sign_test(differences.strata().iter().flat_map(|stratum| stratum.groups.iter().copied())),
        power,
    };
    let reasons = reasons(&suite, policy, input);
    suite.verdict = reasons.iter().map(Reason::verdict).max().unwrap_or(Verdict::Inconclusive);
    (suite, reasons)
}

fn reasons(suite: &SuiteDecision, policy: &SuitePolicy, input: &GateInput<'_>) -> Vec<Reason> {
    let (look, alpha, power) = (input.look, input.policy.alpha(), input.policy.power);
    let name = || suite.suite.clone();
    let Scored { estimate: difference, lower, upper } = suite.difference;
    let margin = suite.margin;
    let mut reasons = Vec::new();
    let floor_undecided = match policy.floor {
        // Before the last look a score is below or above for sure, or undecided.
        Some(floor)
            if look.is_last() && suite.candidate.estimate < floor || suite.candidate.upper < floor =>
        {
            reasons.push(Reason::BelowFloor { suite: name(), score: suite.candidate.estimate, floor });
            false
        }
        Some(floor) => !look.is_last() && suite.candidate.lower < floor,
        None => false,
    };
    let worse = difference < -margin && suite.p_worse_corrected <= suite.level;
    let no_worse = suite.p_no_worse <= suite.level;
    reasons.push(if worse {
        Reason::WorseThanLive { suite: name(), difference, upper, margin, p: suite.p_worse_corrected }
    } else if no_worse && !floor_undecided {
        Reason::NoWorse { suite: name(), difference, lower, margin }
    } else if !look.is_last() {
        Reason::MoreToAsk { suite: name(), look: look.number, looks: look.of }
    } else {
        // What the margin leaves if the difference stays.
        let left = margin + difference.min(0.0);
        let needed = match left > 0.0 {
            true => groups_needed(suite.power.group_deviation, left / POINTS, (alpha, power)),
            false => suite.power.groups_needed,
        };
        let (groups, needed) = (suite.groups, needed.max(suite.groups + 1));
        Reason::TooUncertain { suite: name(), difference, lower, margin, groups, needed }
    });
    reasons
}

fn too_slow(input: &GateInput<'_>, policy: &SuitePolicy) -> Option<Reason> {
    let p99 = |all: &[Evidence]| all.iter().find(|one| one.suite == policy.name)?.first_token_p99;
    let milliseconds = p99(input.candidate)? * 1e3;
    let limits = &input.policy.limits;
    let relative = limits.first_token_ratio.zip(p99(input.live)).map(|(ratio, live)| ratio * live * 1e3);
    let limit = limits.first_token_ms.into_iter().chain(relative).reduce(f64::min)?;
    (milliseconds > limit).then(|| Reason::TooSlow { suite: policy.name.clone(), milliseconds, limit })
}

fn contaminated(input: &GateInput<'_>, policy: &SuitePolicy) -> Option<Reason> {
    let report = input.contamination.iter().find(|report| report.suite == policy.name)?;
    let (items, of) = (report.known.len(), report.items);
    if items == 0 {
        return None;
    }
    let (suite, limit) = (policy.name.clone(), &input.policy.contamination);
    let above = items as f64 > limit.share * of as f64;
    Some(match limit.action {
        ContaminationAction::Fail if above => Reason::Contaminated { suite, items, of, share: limit.share },
        ContaminationAction::Fail | ContaminationAction::Warn => {
            Reason::ContaminationNoted { suite, items, of }
        }
    })
}

/// Holm's step-down correction (1979): p-values that can be held against the whole level.
fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut largest) = (vec![1.0; p.len()], 0.0_f64);
    for (rank, at) in order.into_iter().enumerate() {
        largest = largest.max(p[at] * (p.len() - rank) as f64).min(1.0);
        corrected[at] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::holm;

    // statsmodels.stats.multitest.multipletests([.01, .04, .03], method="holm")[1] -> [0.03, 0.06, 0.06]
    #[test]
    fn the_correction_is_holms() {
        let corrected = holm(&[0.01, 0.04, 0.03]);
        for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{corrected:?}");
        }
        assert!(holm(&[]).is_empty());
    }
}
