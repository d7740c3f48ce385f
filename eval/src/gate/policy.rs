//! What a gate asks for: a TOML file, read strictly, and validated into [`Policy`].

use super::PolicyError;
use crate::stats::Spending;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const DEFAULT: &str = include_str!("../../policies/default.toml");
const ATLAS: &str = include_str!("../../policies/atlas.toml");
/// The version of the file's format.
const VERSION: u32 = 1;
/// Most suites, and most of anything that a policy can make a gate do.
const MOST_SUITES: usize = 16;

/// Points of a percentage, 0 to 100.
pub type Percent = f64;

/// What of a suite is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of items with everything satisfied.
    Hsr,
    /// The mean share of what is satisfied.
    Ssr,
}

/// One suite, and what it has to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuitePolicy {
    /// `amend-follow`, `atlas-follow`, `edits`, or a file of such a suite.
    pub name: String,
    /// What is compared.
    pub metric: Metric,
    /// How much worse than the live revision the candidate may be, in points.
    pub margin: Percent,
    /// The candidate's score must not be below this, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Percent>,
    /// Fewer groups that both answered are inconclusive. With 0 a suite that has nothing to ask (no edits are live) passes.
    #[serde(default)]
    pub min_groups: usize,
    /// At most so many groups are asked, drawn by the policy's seed; all, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_groups: Option<usize>,
}

/// What makes a measurement unfit to decide, or a candidate too slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most items of a suite without a readable verdict, as a share.
    pub unparsed: f64,
    /// Most items of a suite that failed with an error, as a share.
    pub errors: f64,
    /// The least share of right verdicts that every judge gives on the shipped calibration set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge_accuracy: Option<f64>,
    /// The candidate's p99 time to the first token, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// The same, as a multiple of the live revision's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ratio: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unparsed: 0.02,
            errors: 0.01,
            judge_accuracy: None,
            first_token_ms: None,
            first_token_ratio: None,
        }
    }
}

/// What follows when items stand in the candidate's training data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContaminationAction {
    /// The gate fails.
    Fail,
    /// It is put on the record.
    Warn,
}

/// The guard against suites that were trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContaminationPolicy {
    /// Texts are the same from this Jaccard similarity on, 0 to 1.
    pub similarity: f64,
    /// So many words in a row that both have make a text known.
    pub words: usize,
    /// The share of a suite's items that may be known.
    pub share: f64,
    /// What follows above that.
    pub action: ContaminationAction,
}

impl Default for ContaminationPolicy {
    fn default() -> Self {
        Self { similarity: 0.8, words: 13, share: 0.0, action: ContaminationAction::Fail }
    }
}

/// Deciding before all is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequential {
    /// How often it is decided, 2 to 10: each time after as many groups more.
    pub looks: u32,
    /// How the level is spent.
    pub spending: Spending,
}

/// A policy that makes sense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub(super) version: u32,
    /// What it calls itself.
    pub name: String,
    /// One-sided, 0.5 to 1: how sure a verdict must be.
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// The power that the required size is computed for.
    #[serde(default = "power")]
    pub power: f64,
    /// Decides every draw.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Draws of the bootstrap.
    #[serde(default = "resamples")]
    pub resamples: usize,
    /// What is asked.
    pub suites: Vec<SuitePolicy>,
    /// What makes a measurement unfit.
    #[serde(default)]
    pub limits: Limits,
    /// The guard against suites that were trained on.
    #[serde(default)]
    pub contamination: ContaminationPolicy,
    /// Deciding early; not, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<Sequential>,
}

fn confidence() -> f64 {
    0.95
}

fn power() -> f64 {
    0.8
}

fn seed() -> u64 {
    1
}

fn resamples() -> usize {
    2_000
}

impl Default for Policy {
    /// `eval/policies/default.toml`: our own suite, and the live edits.
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the policy in the source tree is tested")
    }
}

impl Policy {
    /// `eval/policies/atlas.toml`: the same for the built-in model.
    ///
    /// # Panics
    /// Never: the file is in the source tree, and tested.
    #[must_use]
    pub fn atlas() -> Self {
        Self::parse(ATLAS).expect("the policy in the source tree is tested")
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] names the key.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// The policy as a file: what [`parse`](Self::parse) reads.
    ///
    /// # Panics
    /// Never: every policy can be written.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("no table stands before a value, and no map has keys that are not text")
    }

    /// SHA-256 of what it says, whatever order and comments its file has, hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.to_toml()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// 1 − confidence.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        1.0 - self.confidence
    }

    fn check(&self) -> Result<(), PolicyError> {
        within("version", f64::from(self.version), (f64::from(VERSION), f64::from(VERSION)))?;
        if self.name.is_empty() || self.name.chars().count() > 64 || self.name.chars().any(char::is_control) {
            return Err(wrong("name", "must be 1 to 64 characters, none of them a control character"));
        }
        within("confidence", self.confidence, (0.5, 0.999_9))?;
        within("power", self.power, (0.5, 0.999))?;
        within("resamples", self.resamples as f64, (1_000.0, 100_000.0))?;
        if self.suites.is_empty() || self.suites.len() > MOST_SUITES {
            return Err(wrong("suites", format!("must be 1 to {MOST_SUITES}")));
        }
        let mut names = BTreeSet::new();
        for suite in &self.suites {
            suite.check()?;
            if !names.insert(&suite.name) {
                return Err(wrong(format!("suites.{}", suite.name), "stands twice"));
            }
        }
        within("limits.unparsed", self.limits.unparsed, (0.0, 1.0))?;
        within("limits.errors", self.limits.errors, (0.0, 1.0))?;
        within("limits.judge_accuracy", self.limits.judge_accuracy.unwrap_or(1.0), (0.0, 1.0))?;
        within("limits.first_token_ms", self.limits.first_token_ms.unwrap_or(1.0), (f64::EPSILON, 1e9))?;
        within(
            "limits.first_token_ratio",
            self.limits.first_token_ratio.unwrap_or(1.0),
            (f64::EPSILON, 1e3),
        )?;
        within("contamination.similarity", self.contamination.similarity, (0.3, 1.0))?;
        within("contamination.words", self.contamination.words as f64, (5.0, 100.0))?;
        within("contamination.share", self.contamination.share, (0.0, 1.0))?;
        if let Some(Sequential { looks, .. }) = self.sequential {
            within("sequential.looks", f64::from(looks), (2.0, 10.0))?;
        }
        Ok(())
    }
}

impl SuitePolicy {
    fn check(&self) -> Result<(), PolicyError> {
        let key = |field: &str| format!("suites.{}.{field}", self.name);
        if self.name.is_empty() {
            return Err(wrong("suites.name", "must not be empty"));
        }
        within(&key("margin"), self.margin, (0.1, 100.0))?;
        within(&key("floor"), self.floor.unwrap_or(0.0), (0.0, 100.0))?;
        match self.max_groups {
            Some(most) if most < self.min_groups.max(1) => {
                Err(wrong(key("max_groups"), "must be 1 or more, and not below min_groups"))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(key: impl Into<String>, message: impl Into<String>) -> PolicyError {
    PolicyError::Value { key: key.into(), message: message.into() }
}

fn within(key: &str, value: f64, (least, most): (f64, f64)) -> Result<(), PolicyError> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false if least == most => Err(wrong(key, format!("must be {least}, not {value}"))),
        false => Err(wrong(key, format!("must be {least} to {most}, not {value}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shipped_policies_are_read_and_written() {
        for policy in [Policy::default(), Policy::atlas()] {
            let again = Policy::parse(&policy.to_toml()).unwrap();
            assert_eq!((again.fingerprint(), &again), (policy.fingerprint(), &policy));
        }
        assert_ne!(Policy::default().fingerprint(), Policy::atlas().fingerprint());
    }

    #[test]
    fn what_is_not_known_or_makes_no_sense_is_named() {
        let with = |more: &str| Policy::parse(&format!("{}\n{more}", DEFAULT)).unwrap_err().to_string();
        assert!(with("[sequental]\nlooks = 3").contains("sequental"));
        assert!(with("[sequential]\nlooks = 1\nspending = \"pocock\"").contains("sequential.looks"));
        let wrong = |from: &str, to: &str| Policy::parse(&DEFAULT.replace(from, to)).unwrap_err().to_string();
        assert!(wrong("version = 1", "version = 2").contains("version"));
        assert!(wrong("margin = 5.0", "margin = 0.0").contains("suites.amend-follow.margin"));
        assert!(wrong("name = \"edits\"", "name = \"amend-follow\"").contains("stands twice"));
        assert!(wrong("margin = 5.0", "margin = nan").contains("margin"));
        assert!(wrong("confidence = 0.95", "confidence = \"high\"").contains("confidence"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = Policy::parse(&text);
        }
    }
}
