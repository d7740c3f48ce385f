//! How much of a label a text has, and how much besides.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// Words: runs of letters and digits in lower case; a Chinese or Japanese character is a word of its own.
fn words(text: &str) -> HashMap<String, i64> {
    let mut counts = HashMap::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let alone = matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
        if (!c.is_alphanumeric() || alone) && !word.is_empty() {
            *counts.entry(std::mem::take(&mut word)).or_default() += 1;
        }
        if alone {
            *counts.entry(c.to_string()).or_default() += 1;
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    counts
}

/// Precision, recall and their harmonic mean over the multisets of words.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::synth) struct Score {
    pub(in crate::synth) precision: f64,
    pub(in crate::synth) recall: f64,
    pub(in crate::synth) f1: f64,
}

pub(in crate::synth) fn score(found: &str, label: &str) -> Score {
    let (found, label) = (words(found), words(label));
    let both: i64 = found.iter().map(|(word, n)| *n.min(label.get(word).unwrap_or(&0))).sum();
    let total = |counts: &HashMap<String, i64>| counts.values().sum::<i64>().max(1) as f64;
    let (precision, recall) = (both as f64 / total(&found), both as f64 / total(&label));
    let f1 = if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    Score { precision, recall, f1 }
}

/// A mean with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean over pages.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.mean, self.low, self.high)
    }
}

/// By 10,000 bootstrap samples (seed 6) of values, of which there is one at least.
pub(super) fn bootstrap(values: &[f64]) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mean = |sum: f64| sum / values.len() as f64;
    let mut means: Vec<f64> = (0..10_000)
        .map(|_| mean((0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum()))
        .collect();
    means.sort_by(f64::total_cmp);
    Interval { mean: mean(values.iter().sum()), low: means[250], high: means[9_750] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_as_often_as_they_stand_there() {
        let Score { precision, recall, f1 } = score("The mill, the MILL. 橋は", "the mill 橋");
        assert!(
            (precision - 3.0 / 6.0).abs() < 1e-12 && (recall - 1.0).abs() < 1e-12,
            "{precision} {recall}"
        );
        assert!((f1 - 2.0 / 3.0).abs() < 1e-12, "{f1}");
        assert_eq!(score("", "the mill").f1, 0.0);
        let Interval { mean, low, high } = bootstrap(&[0.0, 1.0, 1.0, 1.0]);
        assert!((mean - 0.75).abs() < 1e-12 && low < mean && mean < high && high <= 1.0, "{low} {high}");
    }
}
