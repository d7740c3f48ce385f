//! How much of a label a text has, and how much besides.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

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
pub(crate) struct Score {
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
}

pub(crate) fn score(found: &str, label: &str) -> Score {
    let (found, label) = (words(found), words(label));
    let both: i64 = found.iter().map(|(word, n)| *n.min(label.get(word).unwrap_or(&0))).sum();
    let total = |counts: &HashMap<String, i64>| counts.values().sum::<i64>().max(1) as f64;
    let (precision, recall) = (both as f64 / total(&found), both as f64 / total(&label));
    let f1 = if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    Score { precision, recall, f1 }
}

/// Mean and 95 % interval by 10,000 bootstrap samples (seed 6).
pub(crate) fn bootstrap(values: &[f64]) -> (f64, f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mean = |sum: f64| sum / values.len() as f64;
    let mut means: Vec<f64> = (0..10_000)
        .map(|_| mean((0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum()))
        .collect();
    means.sort_by(f64::total_cmp);
    (mean(values.iter().sum()), means[250], means[9_750])
}
