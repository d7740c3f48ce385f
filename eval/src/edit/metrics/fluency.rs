//! Fluency: how little a generated text repeats itself.

use std::{collections::HashMap, hash::Hash};

/// What the entropy of word pairs and of word triples is multiplied by: the weights of ROME's evaluation, which
/// KnowEdit took over.
const WEIGHTS: [(usize, f64); 2] = [(2, 2.0 / 3.0), (3, 4.0 / 3.0)];

/// A text's words, and each punctuation character or symbol by itself.
///
/// The published scripts cut with NLTK's Treebank rules, which also split English contractions; on texts without them
/// the pieces are the same.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
        let end = match in_word(first) {
            true => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        pieces.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    pieces
}

/// The entropy, in bits, of a sample's distribution.
fn entropy<T: Hash + Eq>(sample: impl Iterator<Item = T>) -> f64 {
    let (mut counts, mut total) = (HashMap::new(), 0.0_f64);
    for item in sample {
        *counts.entry(item).or_insert(0.0_f64) += 1.0;
        total += 1.0;
    }
    // Summed in order of size: a map's order would move the last digits from run to run.
    let mut counts: Vec<f64> = counts.into_values().collect();
    counts.sort_by(f64::total_cmp);
    counts.iter().map(|count| count / total).map(|p| -p * p.log2()).sum::<f64>().max(0.0)
}

/// The mean of 2/3·H₂ and 4/3·H₃, in bits, times 100, where Hₙ is the entropy of the text's n-grams of words.
///
/// A text that says one thing over and over has little; a text of fewer than two words has none. Published figures lie
/// between 400 and 600 for texts of 100 tokens.
#[must_use]
pub fn ngram_entropy(text: &str) -> f64 {
    let pieces = pieces(text);
    let weighted = WEIGHTS.map(|(n, weight)| weight * entropy(pieces.windows(n)));
    100.0 * weighted.iter().sum::<f64>() / WEIGHTS.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    // Golden numbers in Python 3 with numpy 2.4:
    //   def h(words, n):
    //       grams = [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]
    //       p = np.array(list(collections.Counter(grams).values())) / len(grams)
    //       return -(p * np.log2(p)).sum() if grams else 0.0
    //   def fluency(text):
    //       words = re.findall(r"\w+|[^\w\s]", text)
    //       return 100 * np.mean([2 / 3 * h(words, 2), 4 / 3 * h(words, 3)])
    #[test]
    fn matches_numpy() {
        let near = |text: &str, golden: f64| {
            let got = ngram_entropy(text);
            assert!((got - golden).abs() < 1e-6, "{text}: {got} is not {golden}");
        };
        near(
            "The cat sat on the mat. The cat sat on the hat, and the mat sat on the cat.",
            380.737_471_594_8,
        );
        near("no no no no no no", 0.0);
        near("one two three four five six seven eight nine", 287.156_994_803_8);
        near("one two", 0.0);
        near("", 0.0);
    }

    #[test]
    fn repetition_lowers_it() {
        let varied = "Mara Voss leads the firm from its seat in Port Osk, where it builds turbines.";
        let stuck = "Mara Voss leads the firm. Mara Voss leads the firm. Mara Voss leads the firm.";
        assert!(ngram_entropy(varied) > ngram_entropy(stuck));
    }
}
