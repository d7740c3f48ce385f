//! Known instructions, and the nearest of them.

use super::score::f1;
use super::tokens::{TooLong, bounded};
use rapidfuzz::distance::lcs_seq::{Args, BatchComparator};
use std::collections::HashMap;
use std::sync::Arc;

/// A token of a candidate that no member has. Matches nothing, itself included, since members have none.
const UNKNOWN: u32 = u32::MAX;
/// Members that are compared first, to have a high score by which the bounds of the others are judged.
const FIRST: usize = 8;

/// The member of a [`Pool`] that is most like a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Its place in the pool, by the order of joining, from 0.
    pub member: usize,
    /// ROUGE-L F1 with the candidate, above 0 and at most 1.
    pub rouge: f64,
}

/// Known instructions, indexed by their tokens. A member takes its text, 4 bytes a token, 4 bytes a place in the index
/// for each token, and about 40 bytes; a word that is new takes about 80 bytes more.
#[derive(Debug, Default)]
pub struct Pool {
    texts: Vec<Arc<str>>,
    /// Numbers of the words.
    vocabulary: HashMap<Box<str>, u32>,
    /// Of every word the members that have it, ascending.
    once: Vec<Vec<u32>>,
    /// Of every word and k ≥ 1 the members that have it more than k times. With it the overlap of multisets is the number
    /// of lists that two texts share.
    again: HashMap<(u32, u32), Vec<u32>>,
    /// The tokens of all members, one behind the other.
    tokens: Vec<u32>,
    /// Where the tokens of every member end.
    ends: Vec<usize>,
    /// How many they are.
    lengths: Vec<u32>,
}

/// A candidate, made ready for comparing. A member's place fits 32 bits as long as the pool fits memory.
struct Candidate {
    tokens: Vec<u32>,
    /// With its words' bit patterns laid out once.
    comparator: BatchComparator<u32>,
}

impl Pool {
    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of a member.
    #[must_use]
    pub fn text(&self, member: usize) -> Option<&Arc<str>> {
        self.texts.get(member)
    }

    /// Takes a text in. Texts without tokens are taken too, and are near to nothing.
    ///
    /// # Errors
    /// [`TooLong`]; the pool is then as it was.
    pub fn add(&mut self, text: &str) -> Result<(), TooLong> {
        let tokens = bounded(text)?;
        let member = u32::try_from(self.texts.len()).expect("four billion texts do not fit memory");
        let mut times: HashMap<u32, u32> = HashMap::new();
        for token in &tokens {
            let word = self.word(token);
            let before = times.entry(word).or_default();
            match *before {
                0 => self.once[word as usize].push(member),
                k => self.again.entry((word, k)).or_default().push(member),
            }
            *before += 1;
            self.tokens.push(word);
        }
        self.texts.push(text.into());
        self.ends.push(self.tokens.len());
        self.lengths.push(u32::try_from(tokens.len()).expect("MAX_TOKENS fits"));
        Ok(())
    }

    /// The member with the highest ROUGE-L F1, of equals the first; nothing when the pool is empty or no member shares a
    /// token with the text. It is the one that comparing with every member finds, and scores are compared as the
    /// floating-point numbers that `rouge_score` would give. Time grows with the number of members that share the
    /// text's commoner words, a few nanoseconds for each.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn nearest(&self, text: &str) -> Result<Option<Nearest>, TooLong> {
        let tokens: Vec<u32> = bounded(text)?
            .iter()
            .map(|token| self.vocabulary.get(token.as_str()).copied().unwrap_or(UNKNOWN))
            .collect();
        let overlaps = self.overlaps(&tokens);
        let candidate = Candidate { comparator: BatchComparator::new(tokens.iter().copied()), tokens };
        let mut best = None;
        for member in self.promising(&candidate, &overlaps) {
            best = self.better(best, &candidate, member);
        }
        let Some(found) = best else { return Ok(None) };
        for (bound, member) in self.bounded(&candidate, &overlaps, found) {
            // Among equal bounds the earlier member comes first, so nothing behind this one can win either.
            if best.is_some_and(|b: Nearest| b.rouge > bound || (b.rouge == bound && b.member < member)) {
                break;
            }
            best = self.better(best, &candidate, member);
        }
        Ok(best)
    }

    fn word(&mut self, token: &str) -> u32 {
        if let Some(&word) = self.vocabulary.get(token) {
            return word;
        }
        let word = u32::try_from(self.once.len()).expect("four billion words do not fit memory");
        self.vocabulary.insert(token.into(), word);
        self.once.push(Vec::new());
        word
    }

    /// Of every member how many tokens it shares with these, as multisets.
    fn overlaps(&self, tokens: &[u32]) -> Vec<u16> {
        // MAX_TOKENS fits 16 bits, and an overlap is no more than that.
        let mut overlaps = vec![0u16; self.texts.len()];
        let mut times: HashMap<u32, u32> = HashMap::new();
        for &word in tokens.iter().filter(|&&word| word != UNKNOWN) {
            let before = times.entry(word).or_default();
            let members = match *before {
                0 => self.once.get(word as usize),
                k => self.again.get(&(word, k)),
            };
            *before += 1;
            for &member in members.into_iter().flatten() {
                overlaps[member as usize] += 1;
            }
        }
        overlaps
    }

    /// The members with the largest overlap for their length.
    fn promising(&self, candidate: &Candidate, overlaps: &[u16]) -> Vec<usize> {
        let mut first: Vec<(f32, usize)> = Vec::with_capacity(FIRST + 1);
        let mut least = 0.0;
        for (member, (&overlap, &length)) in overlaps.iter().zip(&self.lengths).enumerate() {
            let share = f32::from(overlap) / (candidate.tokens.len() as f32 + length as f32);
            if share > least {
                let place = first.partition_point(|(other, _)| *other >= share);
                first.insert(place, (share, member));
                first.truncate(FIRST);
                least = if first.len() == FIRST { first[FIRST - 1].0 } else { 0.0 };
            }
        }
        first.into_iter().map(|(_, member)| member).collect()
    }

    /// The members whose overlap allows for the score found or a higher one, by the bound, the highest first, and of
    /// equals the earliest.
    fn bounded(&self, candidate: &Candidate, overlaps: &[u16], found: Nearest) -> Vec<(f64, usize)> {
        let own = candidate.tokens.len();
        // 2·overlap ≥ F1·(m + n), a little laxer than rounding needs; `f1` then decides.
        let slope = found.rouge as f32 * 0.4999;
        let reaches = |overlap: u16, length: u32| f32::from(overlap) >= slope * (own as f32 + length as f32);
        let mut bounded: Vec<(f64, usize)> = overlaps
            .iter()
            .zip(&self.lengths)
            .enumerate()
            .filter(|(_, (overlap, length))| reaches(**overlap, **length))
            .map(|(member, (&overlap, &length))| (f1(overlap.into(), own, length as usize), member))
            .filter(|(bound, _)| *bound >= found.rouge)
            .collect();
        bounded.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        bounded
    }

    /// The nearer of the best so far and this member.
    fn better(&self, best: Option<Nearest>, candidate: &Candidate, member: usize) -> Option<Nearest> {
        let length = self.lengths[member] as usize;
        let end = self.ends[member];
        let (tokens, own) = (&self.tokens[end - length..end], candidate.tokens.len());
        // The shortest subsequence that could still win; with it the comparison may give up early.
        let enough = best.map_or(1, |b| (b.rouge * 0.4999 * (own + length) as f64) as usize);
        let args = Args::default().score_cutoff(enough);
        let Some(lcs) = candidate.comparator.similarity_with_args(tokens.iter().copied(), &args) else {
            return best;
        };
        let rouge = f1(lcs, own, length);
        let wins = |b: Nearest| rouge > b.rouge || (rouge == b.rouge && member < b.member);
        if rouge > 0.0 && best.is_none_or(wins) { Some(Nearest { member, rouge }) } else { best }
    }
}
