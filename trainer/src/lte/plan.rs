//! Which rows the data set gets: the pools, their balance, and the order. Contexts are drawn in `context`.

use super::context::Source;
use super::fact::Asked;
use super::recipe::DataRecipe;
use super::row::{Part, RowKind};
use crate::atlas::split::hash;
use crate::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A row before it is rendered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    pub(super) kind: RowKind,
    /// The fact's place, or the instruction's.
    pub(super) record: usize,
    pub(super) query: String,
    /// None when the teacher must be asked.
    pub(super) answer: Option<String>,
    /// The facts in front of the question, in prompt order.
    pub(super) edits: Vec<usize>,
    /// The place among them of the one that answers.
    pub(super) position: Option<usize>,
    /// Further questions about them.
    pub(super) later: Vec<Asked>,
    pub(super) seed: u64,
}

/// Whether there is a teacher to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teaching {
    Present,
    Absent,
}

/// Which row of a record: a kind, and which of several questions of that kind.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    kind: RowKind,
    record: usize,
    item: usize,
}

/// Why a row that could have been is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Dropped {
    NoTeacher,
    Unsupported,
    Balance,
    FewInstructions,
    Refused,
    CutShort,
    Empty,
}

impl Dropped {
    /// As the card says it.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoTeacher => "the answer is missing and there is no teacher",
            Self::Unsupported => "the answer needs another edit that is not among the facts",
            Self::Balance => "left out to balance the parts, or beyond the limit",
            Self::FewInstructions => "there are not enough instructions for the share of free-form rows",
            Self::Refused => "the teacher refused the question",
            Self::CutShort => "the teacher's answer was cut short",
            Self::Empty => "the teacher's answer is empty",
        }
    }
}

/// How many rows were dropped, by reason.
pub(super) type DroppedCounts = BTreeMap<Dropped, usize>;

/// The rows in the order of the data set.
///
/// # Errors
/// [`Error::Data`] when a part has no row at all.
pub(super) fn plan(
    source: &Source<'_>,
    recipe: &DataRecipe,
    teaching: Teaching,
) -> Result<(Vec<Planned>, DroppedCounts)> {
    let mut dropped = DroppedCounts::new();
    let mut kept = |candidates: Vec<Candidate>| -> Vec<Candidate> {
        let before = candidates.len();
        let answered = |c: &Candidate| teaching == Teaching::Present || source.asked(*c).1.is_some();
        let kept: Vec<Candidate> = candidates.into_iter().filter(answered).collect();
        *dropped.entry(Dropped::NoTeacher).or_default() += before - kept.len();
        kept
    };
    let mut inside = kept(source.candidates(Part::InScope));
    let all_inside = inside.len();
    inside.retain(|c| c.kind != RowKind::Portability || source.companions(c.record).is_some());
    let unsupported = all_inside - inside.len();
    let mut outside = kept(source.candidates(Part::OutOfScope));
    let mut free = kept(source.candidates(Part::FreeForm));
    if inside.is_empty() || outside.is_empty() {
        return Err(Error::Data(
            "no out-of-scope row can be made: no fact has a locality question or an answer from before the edit, and \
             there is no teacher to ask"
                .into(),
        ));
    }
    dropped.insert(Dropped::Unsupported, unsupported);
    let available = inside.len() + outside.len();
    let share = recipe.free_form;
    let limit = recipe.max_rows.map_or(f64::INFINITY, |rows| rows as f64 * (1.0 - share) / 2.0);
    let each = (inside.len().min(outside.len()) as f64).min(limit).max(1.0) as usize;
    for pool in [&mut inside, &mut outside] {
        shuffle(pool, recipe.seed, "pool");
        pool.truncate(each);
    }
    *dropped.entry(Dropped::Balance).or_default() += available - 2 * each;
    let wanted = (2.0 * each as f64 * share / (1.0 - share)).round() as usize;
    shuffle(&mut free, recipe.seed, "free form");
    choose_free_form(&mut free, wanted, recipe.free_form_edited);
    *dropped.entry(Dropped::FewInstructions).or_default() += wanted - free.len();
    let mut all: Vec<Candidate> = [inside, outside, free].concat();
    shuffle(&mut all, recipe.seed, "order");
    dropped.retain(|_, count| *count > 0);
    Ok((all.into_iter().map(|candidate| source.planned(candidate, recipe)).collect(), dropped))
}

/// Keeps `wanted` of shuffled candidates, that share of them with edits in front where there are enough.
fn choose_free_form(free: &mut Vec<Candidate>, wanted: usize, edited: f64) {
    let (mut with, mut without): (Vec<_>, Vec<_>) = free.iter().partition(|c| c.kind.has_edits());
    let wanted = wanted.min(with.len() + without.len());
    let edited =
        ((wanted as f64 * edited).round() as usize).min(with.len()).max(wanted.saturating_sub(without.len()));
    with.truncate(edited);
    without.truncate(wanted - edited);
    *free = [with, without].concat();
}

fn shuffle(pool: &mut [Candidate], seed: u64, what: &str) {
    pool.shuffle(&mut ChaCha8Rng::seed_from_u64(hash(format!("{seed} {what}").as_bytes())));
}

impl Source<'_> {
    /// All rows that a part could have.
    fn candidates(&self, part: Part) -> Vec<Candidate> {
        let mut all = Vec::new();
        let mut add = |record: usize, kind: RowKind, items: usize| {
            if kind.part() == part {
                all.extend((0..items).map(|item| Candidate { kind, record, item }));
            }
        };
        for (record, fact) in self.facts.iter().enumerate() {
            add(record, RowKind::Edit, 1);
            add(record, RowKind::Rephrased, fact.rephrasings.len());
            add(record, RowKind::Portability, fact.portability.len());
            add(record, RowKind::Unedited, 1);
            add(record, RowKind::UneditedPortability, fact.portability.len());
            add(record, RowKind::Locality, fact.locality.len());
            add(record, RowKind::UneditedLocality, fact.locality.len());
            add(record, RowKind::OtherFacts, 1);
        }
        for record in 0..self.instructions.len() {
            add(record, RowKind::FreeForm, 1);
            add(record, RowKind::FreeFormEdited, 1);
        }
        all
    }

    /// The question of a row, and its answer where the source knows it.
    fn asked(&self, candidate: Candidate) -> (&str, Option<&str>) {
        let Candidate { kind, record, item } = candidate;
        if kind.part() == Part::FreeForm {
            let instruction = &self.instructions[record];
            return (&instruction.instruction, instruction.answer.as_deref());
        }
        let fact = &self.facts[record];
        match kind {
            RowKind::Edit => (&fact.question, Some(&fact.answer)),
            RowKind::Rephrased => (&fact.rephrasings[item], Some(&fact.answer)),
            RowKind::Portability => {
                let asked = &fact.portability[item];
                (&asked.question, Some(&asked.answer))
            }
            RowKind::UneditedPortability => (&fact.portability[item].question, None),
            RowKind::Locality | RowKind::UneditedLocality => {
                let asked = &fact.locality[item];
                (&asked.question, Some(&asked.answer))
            }
            RowKind::Unedited | RowKind::OtherFacts | RowKind::FreeForm | RowKind::FreeFormEdited => {
                (&fact.question, fact.before.as_deref())
            }
        }
    }

    fn planned(&self, candidate: Candidate, recipe: &DataRecipe) -> Planned {
        let Candidate { kind, record, item } = candidate;
        let seed = hash(format!("{} {kind} {record} {item}", recipe.seed).as_bytes());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (query, answer) = self.asked(candidate);
        let edits = match kind.has_edits() {
            true => self.context(kind, record, query, (recipe, &mut rng)),
            false => Vec::new(),
        };
        let position = match kind.part() {
            Part::InScope => edits.iter().position(|edit| *edit == record),
            Part::OutOfScope | Part::FreeForm => None,
        };
        let later = self.follow_ups(&edits, query, recipe.follow_ups, &mut rng);
        let (query, answer) = (query.to_owned(), answer.map(str::to_owned));
        Planned { kind, record, query, answer, edits, position, later, seed }
    }
}
