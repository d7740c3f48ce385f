//! When a candidate is taken off.
//!
//! It is looked when the candidate has ended 8, 16, 32, 64, … requests, and each time asked of three things, failures, slow
//! first tokens and dislikes, whether they happen to the candidate more often than to the live revision (Fisher's exact
//! test). The n-th look spends 1/2ⁿ of the error rate, a third of that on each thing: over all looks together a candidate that
//! is as good as the live revision is taken off with a probability of [`ERROR_RATE`] at most (Bonferroni's inequality).

use super::tally::Counts;
use amend_eval::stats::fisher_more;
use amend_proto::wire::CanaryArm;

/// How often a candidate that is as good is taken off, at most.
pub const ERROR_RATE: f64 = 0.05;
/// The candidate's requests at the first look.
pub const FIRST_LOOK: u64 = 8;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Answers that the model failed.
    Failures,
    /// First tokens that took more than twice the live revision's median.
    SlowFirstTokens,
    /// Answers that users did not like, of those that they said something of.
    Dislikes,
}

impl Measure {
    const ALL: [Self; 3] = [Self::Failures, Self::SlowFirstTokens, Self::Dislikes];

    /// `(hit, of)`.
    fn of(self, arm: &CanaryArm) -> (u64, u64) {
        match self {
            Self::Failures => (arm.failed, arm.ended),
            Self::SlowFirstTokens => (arm.slow, arm.timed),
            Self::Dislikes => (arm.disliked, arm.judged),
        }
    }

    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Failures => ["answers failed", "failed"],
            Self::SlowFirstTokens => ["first tokens took more than twice the live revision's median", "did"],
            Self::Dislikes => ["judged answers were not liked", "were not"],
        }
    }
}

/// Why a candidate is taken off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What.
    pub measure: Measure,
    /// The candidate's, `(hit, of)`.
    pub candidate: (u64, u64),
    /// The live revision's.
    pub live: (u64, u64),
    /// The probability of that, or more, by chance.
    pub p: f64,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { measure, candidate: (hit, of), live: (live_hit, live_of), p } = self;
        let [of_candidate, of_live] = measure.words();
        write!(
            f,
            "{hit} of the candidate's {of} {of_candidate}, {live_hit} of the live revision's {live_of} {of_live} (p = {p:.2e})"
        )
    }
}

/// Which look is due when the candidate has ended so many requests, from 1; `None` before the first.
#[must_use]
pub fn due(ended: u64) -> Option<u32> {
    (ended >= FIRST_LOOK).then(|| (ended / FIRST_LOOK).ilog2() + 1)
}

/// Looks for the `number`-th time, from 1.
#[must_use]
pub fn look(counts: &Counts, number: u32) -> Option<Found> {
    let level =
        ERROR_RATE * 0.5_f64.powi(i32::try_from(number).unwrap_or(i32::MAX)) / Measure::ALL.len() as f64;
    Measure::ALL
        .into_iter()
        .map(|measure| {
            let (candidate, live) = (measure.of(&counts.candidate), measure.of(&counts.live));
            Found { measure, candidate, live, p: fisher_more(candidate, live) }
        })
        .find(|found| found.p <= level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn counts(candidate: (u64, u64), live: (u64, u64)) -> Counts {
        let arm = |(failed, ended)| CanaryArm { ended, failed, ..CanaryArm::default() };
        Counts { candidate: arm(candidate), live: arm(live) }
    }

    #[test]
    fn looks_are_due_at_doublings() {
        let all: Vec<_> = [7, 8, 15, 16, 31, 32, 64].map(due).into();
        assert_eq!(all, [None, Some(1), Some(1), Some(2), Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn one_that_fails_is_taken_off_at_the_first_look_and_one_that_does_not_goes_on() {
        let found = look(&counts((8, 8), (0, 80)), 1).unwrap();
        assert_eq!((found.measure, found.candidate), (Measure::Failures, (8, 8)));
        assert_eq!(
            found.to_string(),
            "8 of the candidate's 8 answers failed, 0 of the live revision's 80 failed (p = 1.56e-11)"
        );
        assert_eq!(look(&counts((0, 8), (0, 80)), 1), None);
        assert_eq!(look(&counts((1, 8), (8, 80)), 1), None);
        assert_eq!(look(&counts((8, 8), (0, 0)), 1), None);
    }

    #[test]
    fn what_users_do_not_like_is_found_too() {
        let arm = |disliked, judged| CanaryArm { ended: 200, judged, disliked, ..CanaryArm::default() };
        let counts = Counts { candidate: arm(18, 20), live: arm(10, 60) };
        assert_eq!(look(&counts, 5).map(|found| found.measure), Some(Measure::Dislikes));
    }

    /// An equal candidate, 2,000 times, each over 512 requests: taken off in at most 5 % of them; with 2,000 draws 129 or more
    /// have a probability below 1 in 1,000 at that rate.
    #[test]
    fn an_equal_candidate_is_taken_off_as_rarely_as_stated() {
        let mut random = StdRng::seed_from_u64(1);
        let taken_off = (0..2_000)
            .filter(|_| {
                let mut all = Counts::default();
                (1..=512_u64).any(|ended| {
                    let mut draw = |arm: &mut CanaryArm, share: f64| {
                        arm.ended += 1;
                        arm.failed += u64::from(random.random_bool(share));
                    };
                    draw(&mut all.candidate, 0.1);
                    (0..9).for_each(|_| draw(&mut all.live, 0.1));
                    let at_look = ended >= FIRST_LOOK
                        && (ended / FIRST_LOOK).is_power_of_two()
                        && ended % FIRST_LOOK == 0;
                    at_look && due(ended).is_some_and(|number| look(&all, number).is_some())
                })
            })
            .count();
        assert!(taken_off < 129, "{taken_off}");
    }
}
