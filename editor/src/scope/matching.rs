//! How well a name of an edit is covered by the words of a question.

use super::query::{MAX_WORDS, Query, QueryTerms, SubjectFrom};
use crate::{
    index::{Anchor, AnchorKind, Index, TermId},
    text::{Case, Class, Gap, lexicon},
};

/// Everyday words weigh this much of what other words of the same rarity weigh.
const COMMON_WEIGHT: f32 = 0.4;
/// Words that have fewer letters in common are not taken for forms of one another.
const LEAST_STEM: usize = 5;
/// Mentions that more edits than this share single out none of them.
const MAX_SHARED_MENTION: usize = 3;
/// A covered share from which a name counts as whole.
pub(super) const WHOLE: f32 = 0.999;
/// A covered share from which a question names a subject. At 0.6 a trial on ZsRE kept 0.978 of the questions in scope
/// and let 0.009 of those about other subjects through.
pub(super) const NAMED: f32 = 0.6;

/// A set of word positions of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Positions([u64; MAX_WORDS.div_ceil(64)]);

impl Positions {
    pub(super) fn add(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|at| self.has(*at))
    }

    pub(super) fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// What makes a name in a question doubtful evidence of an edit's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doubt {
    /// It consists of everyday words, lacks the capitals that it should have, or is only the subject's initials.
    pub(super) plain: bool,
    /// It is misspelt in the question.
    pub(super) slip: bool,
}

/// A name of an edit found in a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub(super) kind: AnchorKind,
    /// The weighted share of the name's words that the question has, 0 to 1.
    pub(super) cover: f32,
    /// The same, less what speaks for another name.
    pub(super) tight: f32,
    pub(super) doubt: Doubt,
    pub(super) positions: Positions,
    /// It stands where questions name what they are about.
    pub(super) asked: bool,
}

impl Match {
    /// No name at all.
    pub(super) const NONE: Self = Self {
        kind: AnchorKind::Subject,
        cover: 0.0,
        tight: 0.0,
        doubt: Doubt { plain: false, slip: false },
        positions: Positions([0; MAX_WORDS.div_ceil(64)]),
        asked: false,
    };

    /// Whether it takes more than the name to tell that the edit is meant.
    pub(super) fn is_doubtful(&self) -> bool {
        self.kind != AnchorKind::Subject || self.doubt != Doubt::default()
    }

    /// Whether the question surely names the subject.
    pub(super) fn is_sure(&self) -> bool {
        self.kind == AnchorKind::Subject && self.doubt == Doubt::default() && self.tight >= NAMED
    }
}

/// What a query offers to match against.
pub(super) struct Sought<'a> {
    pub(super) index: &'a Index,
    pub(super) query: &'a Query,
    pub(super) from: SubjectFrom,
    pub(super) terms: &'a QueryTerms,
}

impl Sought<'_> {
    fn weight(&self, anchor: &Anchor<'_>, place: usize) -> f32 {
        // One is added so that a rare first name alone cannot stand for a whole name.
        let weight = 1.0 + self.index.rarity(anchor.words[place]);
        if anchor.common[place] { weight * COMMON_WEIGHT } else { weight }
    }

    /// Matches one name; `None` when less than `least` of it is there.
    pub(super) fn find(&self, anchor: &Anchor<'_>, least: f32) -> Option<Match> {
        let mut positions = Positions::default();
        let mut others = Positions::default();
        let (mut total, mut found, mut heaviest) = (0.0f32, 0.0f32, 0.0f32);
        let (mut telling, mut misspelt, mut lowered, mut derived) = (false, false, true, false);
        for (place, term) in anchor.words.iter().enumerate() {
            let weight = self.weight(anchor, place);
            total += weight;
            let near = || self.related(anchor, place).inspect(|_| derived = true);
            let Some(at) = self.best_place(anchor, *term).or_else(near) else {
                // "iPhone" is not "iPhone 17", and "Sudan" not "South Sudan".
                if anchor.essential[place] {
                    return None;
                }
                continue;
            };
            found += weight;
            heaviest = heaviest.max(weight);
            positions.add(at);
            let word = &self.query.words[at];
            telling |= !anchor.common[place] && !anchor.essential[place];
            lowered &= !word.token.is_name_like();
            misspelt |= self.terms.is_slip(at);
        }
        if found < least * total {
            return None;
        }
        let whole = found >= WHOLE * total;
        for at in self.query.subject_words(self.from).filter(|at| positions.has(*at)) {
            self.neighbours(anchor, at, whole).into_iter().flatten().for_each(|other| others.add(other));
        }
        let foreign = others.0.iter().map(|word| word.count_ones()).sum::<u32>() as f32 * heaviest;
        let tight = found / (total + foreign);
        let refused = misspelt && foreign > 0.0
            || anchor.kind == AnchorKind::Mention && !self.singles_out(anchor, tight)
            || anchor.kind == AnchorKind::Short && (lowered || foreign > 0.0);
        if refused {
            return None;
        }
        let lowered = anchor.cased && lowered && self.query.case_tells;
        let plain = !telling || lowered || anchor.kind == AnchorKind::Short;
        let (kind, doubt) = (anchor.kind, Doubt { plain, slip: misspelt });
        let asked = self.query.is_asked_about(&positions);
        Some(Match { kind, cover: found / total, tight, doubt, positions, asked })
    }

    /// Where a word stands that begins like a word of the name and goes on otherwise: `Austrian` for `Austria`. Only
    /// names of several words are looked for so: of one word it would be no evidence at all.
    fn related(&self, anchor: &Anchor, place: usize) -> Option<usize> {
        if anchor.words.len() < 2 || anchor.essential[place] || anchor.common[place] {
            return None;
        }
        let name = self.index.word(anchor.words[place]);
        let alike = |at: &usize| {
            let word = &self.query.words[*at];
            word.class == Class::Content && begins_alike(name, &word.token.text)
        };
        let own = |at: &usize| anchor.words.iter().any(|term| self.terms.stands_for(*at, *term));
        self.query.subject_words(self.from).find(|at| alike(at) && !own(at))
    }

    /// The question has the name in full, the edit as its initials.
    pub(super) fn spelt_out(&self, anchor: &Anchor) -> Option<Match> {
        let [term] = *anchor.words else { return None };
        let (_, run) = self.terms.initials.iter().find(|(initials, _)| *initials == term)?;
        if anchor.kind != AnchorKind::Subject || !anchor.cased {
            return None;
        }
        let mut positions = Positions::default();
        run.clone().for_each(|at| positions.add(at));
        // "CXCL10" is hardly anything else.
        let plain = !self.index.word(term).contains(|c: char| c.is_ascii_digit());
        let doubt = Doubt { plain, slip: false };
        Some(Match { kind: AnchorKind::Subject, cover: 1.0, tight: 1.0, doubt, positions, asked: true })
    }

    fn singles_out(&self, anchor: &Anchor<'_>, cover: f32) -> bool {
        cover >= WHOLE && self.index.sharing(anchor.words) <= MAX_SHARED_MENTION
    }

    /// Where a word of the name stands in the query: of several places, the one with the fewest foreign neighbours.
    fn best_place(&self, anchor: &Anchor<'_>, term: TermId) -> Option<usize> {
        let fits = |at: &usize| {
            let word = &self.query.words[*at];
            // "feathers" in a sentence with capitals is not the firm Feather.
            let bent = anchor.cased
                && self.query.case_tells
                && !word.token.is_name_like()
                && !self.terms.is_slip(*at)
                && self.index.word(term) != word.token.text.as_ref();
            let plain = word.class == Class::Function && anchor.cased;
            !bent && (!plain || lexicon().is_qualifier(&word.token.text))
        };
        self.terms
            .places(term)
            .filter(fits)
            .min_by_key(|at| self.neighbours(anchor, *at, true).into_iter().flatten().count())
    }

    /// The words left and right of a matched one that make it part of another name: `Air` of "Air France", `South` of
    /// "south Sudan", `17` of "iPhone 17", and for a name of which a word is missing any telling word.
    fn neighbours(&self, anchor: &Anchor<'_>, at: usize, whole: bool) -> [Option<usize>; 2] {
        let words = &self.query.words;
        let bounds = self.query.subject_words(self.from);
        let joint = |at: usize| words[at].token.gap == Gap::Joint;
        let left = (at > bounds.start && joint(at) && !words[at - 1].token.possessive)
            .then(|| at - 1)
            .map(|near| {
                match lexicon().is_joiner(&words[near].token.text) && joint(near) && near > bounds.start {
                    true => near - 1,
                    false => near,
                }
            })
            .filter(|near| self.is_foreign(anchor, *near, whole));
        let right = (at + 1 < bounds.end && joint(at + 1) && !words[at].token.possessive)
            .then(|| at + 1)
            .map(|near| {
                let inside = |next: &usize| {
                    lexicon().is_joiner(&words[*next - 1].token.text) && *next < bounds.end && joint(*next)
                };
                (near + 1..near + 3).take_while(inside).last().unwrap_or(near)
            })
            .filter(|near| {
                let number =
                    words[*near].token.is_numeric() && words[*near].token.text.len() != 4 && *near == at + 1;
                let other = !anchor.words.iter().any(|term| self.terms.stands_for(*near, *term));
                other && number || self.is_foreign(anchor, *near, whole)
            });
        [left, right]
    }

    fn is_foreign(&self, anchor: &Anchor<'_>, at: usize, whole: bool) -> bool {
        let word = &self.query.words[at];
        let text = &word.token.text;
        if anchor.words.iter().any(|term| self.terms.stands_for(at, *term)) {
            return false;
        }
        let capital = self.query.case_tells && word.token.gap != Gap::Start && word.token.is_name_like();
        if lexicon().is_qualifier(text) {
            // "the new logo" says nothing, "papua new guinea" does.
            let another = at > 0 && lexicon().is_qualifier(&self.query.words[at - 1].token.text);
            return word.class != Class::Function || capital || another;
        }
        if word.class == Class::Function || lexicon().is_designator(text) {
            return false;
        }
        if self.query.relations.iter().any(|m| m.tokens.contains(&at)) {
            // "Silent Running" is not "Silent Meridian"; "Bragran CEO" is Bragran.
            return !whole && capital && word.token.case != Case::Upper;
        }
        capital || !whole && word.class == Class::Content && !word.token.is_numeric()
    }
}

/// Whether two words share so long a beginning that one may be derived from the other.
fn begins_alike(a: &str, b: &str) -> bool {
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    shared >= LEAST_STEM && shared * 3 >= longer * 2
}
