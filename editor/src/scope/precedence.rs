//! Which of two edits that state the same of the same comes last in the prompt: the one written last.

use super::decide::Candidate;
use crate::{conflict::FactKey, index::Index};
use rustc_hash::FxHashMap;

/// So many rounds carry a score along a chain of edits that have different names for one subject.
const MAX_ROUNDS: usize = 4;

/// Gives each candidate that counts the best score among those that state something of the same subject and relation, so
/// that their order is that of the log.
pub(super) fn level(index: &Index, candidates: &mut [Candidate], counts: impl Fn(&Candidate) -> bool) {
    let mut candidates: Vec<&mut Candidate> = candidates.iter_mut().filter(|c| counts(c)).collect();
    if candidates.len() < 2 {
        return;
    }
    let keys = |candidate: &Candidate| {
        index.document(candidate.slot).map_or(&[][..], |document| document.facts.relations())
    };
    let mut best: FxHashMap<FactKey, f32> = FxHashMap::default();
    for _ in 0..MAX_ROUNDS {
        let mut raised = false;
        for candidate in &candidates {
            for key in keys(candidate) {
                let known = best.entry(*key).or_insert(0.0);
                *known = known.max(candidate.score);
            }
        }
        for candidate in &mut candidates {
            for key in keys(candidate) {
                let shared = best.get(key).copied().unwrap_or_default();
                raised |= shared > candidate.score;
                candidate.score = candidate.score.max(shared);
            }
        }
        if !raised {
            break;
        }
    }
}
