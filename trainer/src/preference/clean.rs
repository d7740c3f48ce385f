//! What is taken out before training: pairs said twice, and pairs that contradict one another.
//!
//! All comparisons are among pairs on the same prompt with the same edits in force ([`PromptKey`]); answers are compared as
//! [`answer_key`] has them. In this order:
//!
//! 1. **A speaker's last word.** Of what one speaker (tenant and author) said of the same two answers, the newest counts;
//!    older statements of the opposite are *overruled*.
//! 2. **Contradictions.** When speakers still disagree on two answers, every pair on them is *set aside*: nobody knows who
//!    is right.
//! 3. **Exact duplicates.** Of pairs that say the same the oldest stays.
//! 4. **Near duplicates.** A pair whose answers are each within [`CleanSettings::near`] of those of an older pair that stays
//!    is dropped, unless its chosen answer is nearer to the other's rejected one: that would be a disagreement, not a
//!    repetition.

use super::distance::distance;
use super::key::{PromptKey, answer_key};
use super::pair::{Pair, UnixMillis};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Older pairs on the same prompt that a pair is compared with for nearness, the newest of them.
const COMPARED: usize = 64;

/// How pairs are cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanSettings {
    /// The largest normalised edit distance, of chosen to chosen and of rejected to rejected, at which two pairs on one prompt
    /// are near duplicates: edited characters by characters of the longer text, 0 to 1; 0 leaves all but exact ones.
    pub near: f64,
}

impl Default for CleanSettings {
    /// One character in twenty.
    fn default() -> Self {
        Self { near: 0.05 }
    }
}

/// How a cleaning went. The counts add up to `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleanReport {
    /// Pairs that came.
    pub read: usize,
    /// Pairs that stay.
    pub kept: usize,
    /// Pairs whose speaker said the opposite later.
    pub overruled: usize,
    /// Pairs that another speaker contradicts.
    pub set_aside: usize,
    /// Pairs that an older one says word for word.
    pub exact: usize,
    /// Pairs that an older one says nearly.
    pub near: usize,
}

/// Why a pair goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Overruled,
    SetAside,
    Exact,
    Near,
}

/// A pair as it is compared.
struct Said<'a> {
    place: usize,
    at: UnixMillis,
    speaker: (&'a str, Option<&'a str>),
    /// The two answers in the order of their texts, so that both directions meet.
    answers: (String, String),
    /// Whether the first of them is chosen.
    first_chosen: bool,
}

impl Said<'_> {
    fn chosen(&self) -> &str {
        if self.first_chosen { &self.answers.0 } else { &self.answers.1 }
    }

    fn rejected(&self) -> &str {
        if self.first_chosen { &self.answers.1 } else { &self.answers.0 }
    }
}

/// The pairs that training should see, in the order of `pairs`, and how many went and why. Of pairs of the same moment the
/// later in `pairs` is the newer. It holds all pairs.
///
/// # Errors
/// [`Error::Settings`] unless 0 ≤ `near` ≤ 1.
pub fn clean(pairs: Vec<Pair>, settings: CleanSettings) -> Result<(Vec<Pair>, CleanReport)> {
    if !(0.0..=1.0).contains(&settings.near) {
        return Err(Error::Settings(format!("near must be from 0 to 1, not {}", settings.near)));
    }
    let mut prompts: BTreeMap<PromptKey, Vec<Said<'_>>> = BTreeMap::new();
    for (place, pair) in pairs.iter().enumerate() {
        let key = PromptKey::new(&pair.prompt, &pair.provenance.edits);
        prompts.entry(key).or_default().push(said(place, pair));
    }
    let mut fates = vec![Fate::Kept; pairs.len()];
    for group in prompts.values_mut() {
        group.sort_by_key(|said| (said.at, said.place));
        contradictions(group, &mut fates);
        duplicates(group, settings.near, &mut fates);
    }
    drop(prompts);
    let mut report = CleanReport { read: pairs.len(), ..CleanReport::default() };
    for fate in &fates {
        *match fate {
            Fate::Kept => &mut report.kept,
            Fate::Overruled => &mut report.overruled,
            Fate::SetAside => &mut report.set_aside,
            Fate::Exact => &mut report.exact,
            Fate::Near => &mut report.near,
        } += 1;
    }
    let kept = pairs.into_iter().zip(fates).filter_map(|(pair, fate)| (fate == Fate::Kept).then_some(pair));
    Ok((kept.collect(), report))
}

fn said(place: usize, pair: &Pair) -> Said<'_> {
    let (chosen, rejected) = (answer_key(&pair.chosen), answer_key(&pair.rejected));
    let first_chosen = chosen <= rejected;
    let provenance = &pair.provenance;
    Said {
        place,
        at: provenance.created_at,
        speaker: (provenance.tenant.as_str(), provenance.author.as_deref()),
        answers: if first_chosen { (chosen, rejected) } else { (rejected, chosen) },
        first_chosen,
    }
}

/// Steps 1 and 2, on one prompt.
fn contradictions(group: &[Said<'_>], fates: &mut [Fate]) {
    let mut on: HashMap<&(String, String), Vec<&Said<'_>>> = HashMap::new();
    for said in group {
        on.entry(&said.answers).or_default().push(said);
    }
    for statements in on.into_values() {
        let last: HashMap<_, bool> =
            statements.iter().map(|said| (said.speaker, said.first_chosen)).collect();
        let sides: HashSet<bool> = last.values().copied().collect();
        for said in statements {
            if last.get(&said.speaker) != Some(&said.first_chosen) {
                fates[said.place] = Fate::Overruled;
            } else if sides.len() > 1 {
                fates[said.place] = Fate::SetAside;
            }
        }
    }
}

/// Steps 3 and 4, on one prompt, the oldest first.
fn duplicates(group: &[Said<'_>], near: f64, fates: &mut [Fate]) {
    let mut exact: HashSet<(&str, &str)> = HashSet::new();
    let mut kept: Vec<&Said<'_>> = Vec::new();
    for said in group {
        if fates[said.place] != Fate::Kept {
            continue;
        }
        if !exact.insert((said.chosen(), said.rejected())) {
            fates[said.place] = Fate::Exact;
        } else if near > 0.0 && kept.iter().rev().take(COMPARED).any(|older| is_near(said, older, near)) {
            fates[said.place] = Fate::Near;
        } else {
            kept.push(said);
        }
    }
}

fn is_near(one: &Said<'_>, other: &Said<'_>, near: f64) -> bool {
    let chosen = distance(one.chosen(), other.chosen());
    if chosen > near {
        return false;
    }
    let rejected = distance(one.rejected(), other.rejected());
    rejected <= near
        && chosen + rejected
            < distance(one.chosen(), other.rejected()) + distance(one.rejected(), other.chosen())
}

#[cfg(test)]
mod tests;
