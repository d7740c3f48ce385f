//! What a run found, for people and for programs.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the JSON form of [`ExactReport`].
pub const SCHEMA: &str = "amend.exact/1";

/// The most failures that a report keeps of one group; the counts are always whole.
pub const FAILURES_KEPT: usize = 20;

/// One group's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// The group.
    pub group: String,
    /// Items asked.
    pub items: usize,
    /// Answers that equal the expected one.
    pub exact: usize,
    /// Items that got an error instead of an answer; they count as wrong.
    pub errors: usize,
    /// `exact / items`.
    pub rate: f64,
    /// The 95 % Wilson score interval of `rate`.
    pub interval: [f64; 2],
    /// Wrong answers, at most [`FAILURES_KEPT`], in the suite's order.
    pub failures: Vec<Failure>,
}

impl GroupScore {
    fn absorb(&mut self, other: Self) {
        self.items += other.items;
        self.exact += other.exact;
        self.errors += other.errors;
        self.rate = self.exact as f64 / self.items.max(1) as f64;
        self.interval = wilson(self.exact, self.items);
        let room = FAILURES_KEPT.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }
}

/// One wrong answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The item.
    pub id: String,
    /// The last message of the conversation.
    pub asked: String,
    /// What should have been said.
    pub expected: String,
    /// What was said, or the error.
    pub got: String,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExactReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// The suite.
    pub suite: String,
    /// The suite's seed.
    pub seed: u64,
    /// The model's id.
    pub model: String,
    /// The model's revision.
    pub revision: String,
    /// In the order in which the suite first names them.
    pub groups: Vec<GroupScore>,
}

/// The Wilson score interval of `exact` successes among `items` (Wilson 1927) at 95 %, z = 1.959964.
#[must_use]
pub fn wilson(exact: usize, items: usize) -> [f64; 2] {
    wilson_share(exact as f64 / items.max(1) as f64, items)
}

/// [`wilson`] of a share `p` of `items`, which may be a mean of values between 0 and 1.
pub(crate) fn wilson_share(p: f64, items: usize) -> [f64; 2] {
    if items == 0 {
        return [0.0, 1.0];
    }
    let (z2, n) = (1.959_964_f64.powi(2), items as f64);
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 / n * (p * (1.0 - p) + z2 / (4.0 * n))).sqrt() / (1.0 + z2 / n);
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

impl ExactReport {
    /// Adds the counts of another run of the same model on other items.
    pub fn absorb(&mut self, other: Self) {
        for theirs in other.groups {
            match self.groups.iter_mut().find(|ours| ours.group == theirs.group) {
                Some(ours) => ours.absorb(theirs),
                None => self.groups.push(theirs),
            }
        }
    }

    /// The score of a group, if the suite has it.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupScore> {
        self.groups.iter().find(|score| score.group == name)
    }
}

impl fmt::Display for ExactReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.groups.iter().map(|g| g.group.len()).max().unwrap_or(0).max("group".len());
        writeln!(f, "{} (seed {}) on {} {}", self.suite, self.seed, self.model, self.revision)?;
        writeln!(f, "{:width$}  items  exact   rate  95 % interval  errors", "group")?;
        for g in &self.groups {
            let [low, high] = g.interval;
            writeln!(
                f,
                "{:width$}  {:>5}  {:>5}  {:.3}  {low:.3} – {high:.3}  {:>6}",
                g.group, g.items, g.exact, g.rate, g.errors
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Golden numbers from the interval's definition, the roots q of (p - q)^2 = z^2 q (1 - q) / n, in Python:
    //   z = 1.959964
    //   def ci(x, n):
    //       p = x / n; a = 1 + z*z/n; b = -(2*p + z*z/n); d = (b*b - 4*a*p*p) ** .5
    //       return (-b - d) / 2 / a, (-b + d) / 2 / a
    //   ci(8, 10), ci(500, 500)
    #[test]
    fn wilson_solves_its_equation() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let [low, high] = wilson(8, 10);
        assert!(near(low, 0.490_162_4) && near(high, 0.943_317_8), "{low} {high}");
        let [low, high] = wilson(500, 500);
        assert!(near(low, 0.992_375_6) && near(high, 1.0), "{low} {high}");
    }

    #[test]
    fn nothing_asked_tells_nothing() {
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }
}
