//! Which facts look alike: hard negatives are the nearest facts about something else.

use super::fact::AlignmentFact;
use crate::{Error, Result};
use amend_proto::{Embedder, TextRole};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// Finds, for every fact, facts like it about another subject.
pub trait Nearness: Send + Sync {
    /// Names it in the data card.
    fn name(&self) -> String;

    /// For every fact the places of at most `k` others, the nearest first, whose subject is another and whose answer too
    /// (a fact with the same answer is no negative: the model need not tell the two apart). The same facts give the same
    /// lists.
    ///
    /// # Errors
    /// When an encoder fails.
    fn nearest(&self, facts: &[AlignmentFact], k: usize) -> Result<Vec<Vec<usize>>>;
}

/// An answer without case and outer white space.
pub(super) fn answer_key(fact: &AlignmentFact) -> String {
    fact.answer.trim().to_lowercase()
}

/// What two subjects must not share: the text without case and outer white space.
pub(super) fn subject_key(fact: &AlignmentFact) -> String {
    fact.subject.trim().to_lowercase()
}

/// What tells a fact from its negatives: subject and answer.
struct Keys {
    subjects: Vec<String>,
    answers: Vec<String>,
}

impl Keys {
    fn of(facts: &[AlignmentFact]) -> Self {
        let subjects = facts.iter().map(subject_key).collect();
        Self { subjects, answers: facts.iter().map(answer_key).collect() }
    }

    fn differ(&self, one: usize, other: usize) -> bool {
        self.subjects[one] != self.subjects[other] && self.answers[one] != self.answers[other]
    }
}

/// The best `k` of `scored` that are negatives of `fact`; of equal scores the first fact is nearer.
fn best(mut scored: Vec<(usize, f32)>, (fact, k): (usize, usize), keys: &Keys) -> Vec<usize> {
    scored.retain(|(other, _)| keys.differ(*other, fact));
    let order = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if scored.len() > k {
        scored.select_nth_unstable_by(k, order);
        scored.truncate(k);
    }
    scored.sort_by(order);
    scored.into_iter().map(|(other, _)| other).collect()
}

/// Nearness by shared words, each worth its inverse document frequency, over the length of both texts (the cosine of
/// idf-weighted word sets). Words of so many statements that they tell little are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordOverlap;

/// A word of more statements than this is left out: it weighs little, and each costs time for each.
const MAX_STATEMENTS: usize = 4096;

impl Nearness for WordOverlap {
    fn name(&self) -> String {
        "words".into()
    }

    fn nearest(&self, facts: &[AlignmentFact], k: usize) -> Result<Vec<Vec<usize>>> {
        let keys = Keys::of(facts);
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let (mut words, mut postings): (Vec<Vec<usize>>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        for (place, fact) in facts.iter().enumerate() {
            let mut seen = HashSet::new();
            let mut of_fact = Vec::new();
            for word in fact.statement.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
                if word.is_empty() || !seen.insert(word.to_owned()) {
                    continue;
                }
                let number = *numbers.entry(word.to_owned()).or_insert_with(|| {
                    postings.push(Vec::new());
                    postings.len() - 1
                });
                postings[number].push(place);
                of_fact.push(number);
            }
            words.push(of_fact);
        }
        let count = facts.len() as f32;
        let idf = |word: usize| (1.0 + count / postings[word].len() as f32).ln();
        let length =
            |place: usize| words[place].iter().map(|&w| idf(w).powi(2)).sum::<f32>().sqrt().max(1e-6);
        let lengths: Vec<f32> = (0..facts.len()).map(length).collect();
        let of = |place: usize| {
            let mut scores: HashMap<usize, f32> = HashMap::new();
            for &word in words[place].iter().filter(|&&w| postings[w].len() <= MAX_STATEMENTS) {
                for &other in &postings[word] {
                    *scores.entry(other).or_default() += idf(word).powi(2);
                }
            }
            let scored = scores.into_iter().map(|(other, s)| (other, s / (lengths[place] * lengths[other])));
            best(scored.collect(), (place, k), &keys)
        };
        Ok((0..facts.len()).into_par_iter().map(of).collect())
    }
}

/// Nearness by the cosine of the statements' embeddings; every pair is compared.
pub struct EmbeddedNearness<'a> {
    embedder: &'a dyn Embedder,
}

impl<'a> EmbeddedNearness<'a> {
    /// With this encoder.
    #[must_use]
    pub fn new(embedder: &'a dyn Embedder) -> Self {
        Self { embedder }
    }
}

/// Statements compared with all others at a time.
const BLOCK: usize = 256;

impl Nearness for EmbeddedNearness<'_> {
    fn name(&self) -> String {
        format!("embeddings of {}", self.embedder.id())
    }

    fn nearest(&self, facts: &[AlignmentFact], k: usize) -> Result<Vec<Vec<usize>>> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let keys = Keys::of(facts);
        let mut values: Vec<f32> = Vec::with_capacity(facts.len() * self.embedder.dim());
        for block in facts.chunks(BLOCK) {
            let texts: Vec<&str> = block.iter().map(|fact| fact.statement.as_str()).collect();
            let embedded = self.embedder.embed(&texts, TextRole::Passage).map_err(Error::Encoder)?;
            values.extend(embedded.iter().flat_map(|embedding| embedding.as_slice()));
        }
        let all = Tensor::from_vec(values, (facts.len(), self.embedder.dim()), &Device::Cpu)?;
        let mut nearest = Vec::with_capacity(facts.len());
        for start in (0..facts.len()).step_by(BLOCK) {
            let rows = BLOCK.min(facts.len() - start);
            let cosines = all.narrow(0, start, rows)?.matmul(&all.t()?)?.to_vec2::<f32>()?;
            let of = |(row, scores): (usize, Vec<f32>)| {
                best(scores.into_iter().enumerate().collect(), (start + row, k), &keys)
            };
            nearest.extend(cosines.into_par_iter().enumerate().map(of).collect::<Vec<_>>());
        }
        Ok(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::testing::WordEmbedder;

    fn fact(subject: &str, statement: &str) -> AlignmentFact {
        AlignmentFact {
            subject: subject.into(),
            statement: statement.into(),
            question: "?".into(),
            rephrasings: vec![],
            answer: statement.trim_end_matches('.').rsplit(' ').next().unwrap_or_default().into(),
            before: None,
            portability: vec![],
            needs: vec![],
            locality: vec![],
        }
    }

    fn facts() -> Vec<AlignmentFact> {
        vec![
            fact("Tarn", "The capital of Tarn is Vell."),
            fact("Orm", "The capital of Orm is Und."),
            fact("tarn ", "The capital of Tarn is now Und."),
            fact("Brask", "Brask makes pumps."),
            fact("Orm", "The currency of Orm is the dal."),
            fact("Gleen", "The capital of Gleen is Hovd."),
        ]
    }

    fn check(nearness: &dyn Nearness) {
        let nearest = nearness.nearest(&facts(), 3).expect("finds");
        assert_eq!(nearest.len(), 6);
        assert!(nearest[0][..2].iter().all(|n| [1, 5].contains(n)), "{:?}", nearest[0]);
        for (place, others) in nearest.iter().enumerate() {
            assert!(others.len() <= 3 && !others.contains(&place));
            let keys = Keys::of(&facts());
            assert!(others.iter().all(|&other| keys.differ(other, place)), "{place}: {others:?}");
        }
        assert_eq!(nearest, nearness.nearest(&facts(), 3).expect("finds"));
        assert!(nearness.nearest(&[], 3).expect("finds").is_empty());
    }

    #[test]
    fn facts_that_share_words_are_near_and_never_share_subject_or_answer() {
        check(&WordOverlap);
    }

    #[test]
    fn embeddings_serve_as_well() {
        let embedder = WordEmbedder::new(256, 3);
        check(&EmbeddedNearness::new(&embedder));
        assert!(EmbeddedNearness::new(&embedder).name().contains("words-256-3"));
    }
}
