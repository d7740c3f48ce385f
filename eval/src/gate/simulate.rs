//! Gates on made-up candidates whose truth is known: how often does a worse one pass, and an equal one fail?
//!
//! A group's ability is drawn from a beta distribution (levels of a group hang together), its items from that. The
//! candidate answers like the live model but for items that change: satisfied ones break with one probability and broken
//! ones mend with another, chosen so that the expected difference is exactly the effect. In half of the groups changes are
//! twice as frequent and in the other half there are none: changes hang together, too.

use super::{
    decide::{GateInput, Look, decide},
    decision::Verdict,
    evidence::{Evidence, EvidenceItem, Population},
    policy::{Metric, Policy, Sequential, SuitePolicy},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::{distribution::Beta, distribution::ContinuousCDF};

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Groups of each suite.
    pub groups: usize,
    /// Items of a group.
    pub levels: usize,
    /// Categories that the groups are spread over.
    pub strata: usize,
    /// Suites, each with a candidate of the same effect.
    pub suites: usize,
    /// The live model's rate, 0 to 1.
    pub rate: f64,
    /// The correlation of two items of a group, 0 to 1.
    pub correlation: f64,
    /// The share of items that change without being better or worse.
    pub churn: f64,
    /// The true difference, in points: below 0 is worse.
    pub effect: f64,
    /// What a worse candidate loses.
    pub loss: Loss,
    /// The margin, in points.
    pub margin: f64,
    /// Looks, if it is decided early.
    pub sequential: Option<Sequential>,
    /// Draws of the bootstrap of each gate.
    pub resamples: usize,
}

/// What a worse candidate loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Items here and there, while it gains others.
    Mixed,
    /// Whole groups of a live model that satisfies everything, and nothing else: what a sample shows least of.
    WholeGroups,
}

/// How the gates ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Outcomes {
    /// Gates.
    pub gates: usize,
    /// Those that passed.
    pub pass: usize,
    /// Those that failed.
    pub fail: usize,
    /// Those that did not tell.
    pub inconclusive: usize,
    /// Looks that it took on average.
    pub looks: f64,
}

impl Simulation {
    /// Clustered yes-and-no data of the size of FollowBench, one look.
    #[must_use]
    pub fn new(groups: usize, effect: f64) -> Self {
        Self {
            groups,
            levels: 5,
            strata: 6,
            suites: 1,
            rate: 0.6,
            correlation: 0.3,
            churn: 0.1,
            effect,
            loss: Loss::Mixed,
            margin: 5.0,
            sequential: None,
            resamples: 1_000,
        }
    }

    /// Runs so many gates; gate `n` of a seed is always the same.
    #[must_use]
    pub fn run(&self, gates: usize, seed: u64) -> Outcomes {
        let policy = self.policy();
        let mut outcomes = Outcomes { gates, ..Outcomes::default() };
        let mut looks = 0;
        for gate in 0..gates {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(gate as u64 + 1);
            let policy = Policy { seed: random.random(), ..policy.clone() };
            let suites: Vec<(Evidence, Evidence)> =
                policy.suites.iter().map(|suite| self.measured(&suite.name, &mut random)).collect();
            let (verdict, taken) = self.decided(&policy, &suites);
            looks += taken;
            match verdict {
                Verdict::Pass => outcomes.pass += 1,
                Verdict::Fail => outcomes.fail += 1,
                Verdict::Inconclusive => outcomes.inconclusive += 1,
            }
        }
        outcomes.looks = f64::from(looks) / gates.max(1) as f64;
        outcomes
    }

    fn policy(&self) -> Policy {
        let suite = |at: usize| SuitePolicy {
            name: format!("suite-{at}"),
            metric: Metric::Hsr,
            margin: self.margin,
            floor: None,
            min_groups: 2,
            max_groups: None,
        };
        Policy {
            suites: (0..self.suites).map(suite).collect(),
            sequential: self.sequential,
            resamples: self.resamples,
            ..Policy::default()
        }
    }

    fn decided(&self, policy: &Policy, suites: &[(Evidence, Evidence)]) -> (Verdict, u32) {
        let of = self.sequential.map_or(1, |sequential| sequential.looks);
        let mut number = 1;
        loop {
            let groups = self.groups * number as usize / of as usize;
            let part = |one: &Evidence| Evidence {
                items: one.items.iter().take(groups * self.levels).cloned().collect(),
                ..one.clone()
            };
            let candidate: Vec<Evidence> = suites.iter().map(|(candidate, _)| part(candidate)).collect();
            let live: Vec<Evidence> = suites.iter().map(|(_, live)| part(live)).collect();
            let look = Look { number, of };
            let input = GateInput { policy, candidate: &candidate, live: &live, contamination: &[], look };
            let decision = decide(&input);
            if !decision.undecided {
                return (decision.verdict, number);
            }
            number += 1;
        }
    }

    /// A suite's measurement of both.
    fn measured(&self, suite: &str, random: &mut ChaCha8Rng) -> (Evidence, Evidence) {
        // The intra-class correlation of a beta-binomial is 1 / (a + b + 1).
        let size = 1.0 / self.correlation - 1.0;
        let ability = Beta::new(self.rate * size, (1.0 - self.rate) * size);
        let effect = self.effect / 100.0;
        let breaks = (self.churn / 2.0 + (-effect).max(0.0)) / self.rate;
        let mends = (self.churn / 2.0 + effect.max(0.0)) / (1.0 - self.rate);
        let (mut candidate, mut live) = (empty(suite, "candidate"), empty(suite, "live"));
        for group in 0..self.groups {
            let lost = random.random_bool((-effect).clamp(0.0, 1.0));
            let uniform: f64 = random.random_range(1e-9..1.0 - 1e-9);
            let ability = ability.as_ref().map_or(self.rate, |ability| ability.inverse_cdf(uniform));
            let changes = f64::from(2 * u8::from(random.random::<bool>()));
            for level in 0..self.levels {
                let (before, after) = match self.loss {
                    Loss::Mixed => {
                        let before = random.random_bool(ability.clamp(0.0, 1.0));
                        let chance = changes * if before { breaks } else { mends };
                        (before, before != random.random_bool(chance.clamp(0.0, 1.0)))
                    }
                    Loss::WholeGroups => (true, !lost),
                };
                let item = |hard: bool| EvidenceItem {
                    id: format!("{group}#{level}"),
                    stratum: (group % self.strata.max(1)).to_string(),
                    group: group.to_string(),
                    hard: Some(hard),
                    soft: Some(f64::from(u8::from(hard))),
                };
                live.items.push(item(before));
                candidate.items.push(item(after));
            }
        }
        (candidate, live)
    }
}

fn empty(suite: &str, revision: &str) -> Evidence {
    Evidence {
        suite: suite.to_owned(),
        fingerprint: String::new(),
        model: "simulated".to_owned(),
        revision: revision.to_owned(),
        judges: Vec::new(),
        judge_accuracy: None,
        sampling: String::new(),
        population: Population::Sample,
        items: Vec::new(),
        errors: 0,
        unparsed: 0,
        first_token_p99: None,
        void: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Spending;

    const GATES: usize = 400;

    /// 400 gates of a rate of 5 %: 34 or more happen in 1 of 1,000 cases.
    const MOST_OF_FIVE_PERCENT: usize = 34;

    #[test]
    fn a_candidate_at_the_margin_passes_as_rarely_as_stated() {
        let outcomes = Simulation::new(60, -5.0).run(GATES, 1);
        assert!(outcomes.pass <= MOST_OF_FIVE_PERCENT, "{outcomes:?}");
    }

    #[test]
    fn one_that_loses_whole_groups_passes_no_more_often() {
        let simulation = Simulation { loss: Loss::WholeGroups, ..Simulation::new(120, -5.0) };
        let outcomes = simulation.run(GATES, 6);
        assert!(outcomes.pass <= MOST_OF_FIVE_PERCENT, "{outcomes:?}");
        let few = Simulation { loss: Loss::WholeGroups, ..Simulation::new(58, -5.0) };
        assert_eq!(few.run(40, 7).pass, 0);
    }

    #[test]
    fn an_equal_one_fails_as_rarely_as_stated_also_with_looks_and_suites() {
        let sequential = Sequential { looks: 3, spending: Spending::ObrienFleming };
        let simulation = Simulation { suites: 2, sequential: Some(sequential), ..Simulation::new(60, 0.0) };
        let outcomes = simulation.run(GATES, 2);
        assert!(outcomes.fail <= MOST_OF_FIVE_PERCENT, "{outcomes:?}");
        assert!(outcomes.looks > 1.0 && outcomes.looks <= 3.0, "{outcomes:?}");
    }

    #[test]
    fn a_much_worse_one_fails_and_a_better_one_passes() {
        let worse = Simulation::new(120, -20.0).run(40, 3);
        let better = Simulation::new(120, 10.0).run(40, 4);
        assert!(worse.fail >= 38 && better.pass >= 38, "{worse:?} {better:?}");
    }

    #[test]
    fn the_same_seed_ends_the_same() {
        let simulation = Simulation::new(20, -5.0);
        assert_eq!(simulation.run(20, 5), simulation.run(20, 5));
    }
}
