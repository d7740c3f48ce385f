//! ROUGE-L of two texts.

use super::tokens::{TooLong, bounded};
use rapidfuzz::distance::lcs_seq;
use std::collections::HashMap;

/// F1 of a longest common subsequence of `lcs` tokens between sequences of `one` and `other` tokens, in the operations
/// and the order of `rouge_score`'s `fmeasure`, so that it is equal to the last bit. Swapping the sequences changes
/// nothing. For the same lengths a longer subsequence scores higher: neighbouring values differ by a factor of at least
/// 1 + 1/`lcs`, far more than rounding does.
pub(super) fn f1(lcs: usize, one: usize, other: usize) -> f64 {
    if lcs == 0 {
        return 0.0;
    }
    let (precision, recall) = (lcs as f64 / one as f64, lcs as f64 / other as f64);
    2.0 * precision * recall / (precision + recall)
}

/// ROUGE-L F1 of two texts, from 0 (no token in common, or a text without tokens) to 1 (the same tokens in the same
/// order); equal to the last bit to what PyPI's `rouge_score` 0.1.2 gives as
/// `RougeScorer(["rougeL"], use_stemmer=False).score(one, other)["rougeL"].fmeasure`.
///
/// # Errors
/// [`TooLong`] when one of them is.
pub fn score(one: &str, other: &str) -> Result<f64, TooLong> {
    let (one, other) = (bounded(one)?, bounded(other)?);
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let (a, b) = (numbered(&one, &mut numbers), numbered(&other, &mut numbers));
    Ok(f1(lcs_seq::similarity(a.iter().copied(), b.iter().copied()), a.len(), b.len()))
}

/// Tokens as numbers, equal ones by the same.
fn numbered<'a>(tokens: &'a [String], numbers: &mut HashMap<&'a str, u32>) -> Vec<u32> {
    let number = |token: &'a String| {
        let next = u32::try_from(numbers.len()).expect("two texts have at most twice MAX_TOKENS");
        *numbers.entry(token).or_insert(next)
    };
    tokens.iter().map(number).collect()
}
