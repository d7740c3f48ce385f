//! The filter as it is defined: every candidate held against every member, each pair by the textbook's table.

use super::super::rouge::{Decision, tokens};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// The length of a longest common subsequence, by dynamic programming over all prefixes.
fn lcs(one: &[u32], other: &[u32]) -> usize {
    let mut row = vec![0usize; other.len() + 1];
    for a in one {
        let mut diagonal = 0;
        for (place, b) in other.iter().enumerate() {
            let above = row[place + 1];
            row[place + 1] = if a == b { diagonal + 1 } else { above.max(row[place]) };
            diagonal = above;
        }
    }
    row[other.len()]
}

/// As `rouge_score`'s `fmeasure`.
fn f1(one: &[u32], other: &[u32]) -> f64 {
    let lcs = lcs(one, other) as f64;
    if lcs == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (lcs / one.len() as f64, lcs / other.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

/// The decisions on the candidates, from an empty pool on.
pub(super) fn decide(texts: &[String], max_rouge: f64) -> Vec<Decision> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut pool: Vec<(Arc<str>, Vec<u32>)> = Vec::new();
    let mut decide = |text: &String| {
        let numbered = tokens(text).into_iter().map(|token| {
            let next = numbers.len() as u32;
            *numbers.entry(token).or_insert(next)
        });
        let candidate: Vec<u32> = numbered.collect();
        let scores: Vec<f64> = pool.par_iter().with_min_len(256).map(|(_, m)| f1(m, &candidate)).collect();
        let (mut max_rouge_found, mut nearest) = (0.0, None);
        for (score, (text, _)) in scores.iter().zip(&pool) {
            if *score > max_rouge_found {
                (max_rouge_found, nearest) = (*score, Some(Arc::clone(text)));
            }
        }
        let kept = max_rouge_found <= max_rouge;
        if kept {
            pool.push((text.as_str().into(), candidate));
        }
        Decision { kept, max_rouge: max_rouge_found, nearest }
    };
    texts.iter().map(&mut decide).collect()
}
