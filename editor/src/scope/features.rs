//! What the scope decision knows of one edit and one question, as numbers.

use super::{
    matching::{Match, Sought, WHOLE},
    relation::{Relation, states},
};
use crate::{
    index::{AnchorKind, Document, TermId},
    text::Class,
};

/// How many features there are.
pub const FEATURES: usize = 14;

/// So many strangers speak against an edit as loudly as can be.
const MAX_STRANGERS: usize = 3;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One edit and one question as numbers, each from −1 to 1. Their names and their order are part of the format
        /// of [`ScopeModel`](crate::ScopeModel): one that is computed otherwise gets another name.
        #[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
        pub struct ScopeFeatures {
            $($(#[$doc])* pub $name: f32,)*
        }

        impl ScopeFeatures {
            /// The names, in order.
            pub const NAMES: [&'static str; FEATURES] = [$(stringify!($name)),*];

            /// The values, in order.
            #[must_use]
            pub fn values(&self) -> [f32; FEATURES] {
                [$(self.$name),*]
            }
        }
    };
}

features! {
    /// The weighted share of the words of the edit's name that the question has. A word weighs 1 + its rarity among all
    /// names, an everyday word 0.4 of that.
    cover,
    /// 1 when the question has all of them.
    whole,
    /// The part of `cover` that is lost when neighbouring words make it another name ("**Air** France", "**South**
    /// Sudan", "iPhone **17**").
    foreign,
    /// 1 when the name is not the edit's subject: it only mentions it, most often as its new object.
    mention,
    /// 1 when the name consists of everyday words, lacks the capitals it should have, or is initials.
    plain,
    /// 1 when the name is misspelt in the question.
    slip,
    /// The share of what the question asks (telling words and wordings of relations beside the name) that the edit has.
    shared,
    /// 1 when nothing that it asks is the edit's, and nothing is known to be another relation's.
    open,
    /// 1 when question and edit are about different relations, as far as `lexicon/relations.txt` knows them.
    other,
    /// When `other` is 1, how much the question asks that is no known relation, in halves, at most 1: it may be about what
    /// follows from the edit.
    unclear,
    /// 1 when the name is doubtful (`mention`, `plain` or `slip`) and nothing is shared.
    bare,
    /// When the question has only a part of the name, how many names it has that are not the edit's, in thirds, at most
    /// 1.
    strangers,
    /// The cosine of the encoder's vectors of question and edit; 0 without an encoder.
    similarity,
    /// How much nearer the edit is than the first one that is no candidate; 0 without an encoder.
    lead,
}

/// What the encoder says about one edit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Nearness {
    pub(super) similarity: f32,
    pub(super) lead: f32,
}

/// The features of an edit of which the question has this name.
pub(super) fn features(
    sought: &Sought<'_>,
    document: &Document<'_>,
    found: &Match,
    (relation, near): (Relation, Nearness),
) -> ScopeFeatures {
    let flag = |is: bool| f32::from(u8::from(is));
    let other = relation.is_other();
    ScopeFeatures {
        cover: found.cover,
        whole: flag(found.cover >= WHOLE),
        foreign: found.cover - found.tight,
        mention: flag(found.kind == AnchorKind::Mention),
        plain: flag(found.doubt.plain),
        slip: flag(found.doubt.slip),
        shared: if other { 0.0 } else { relation.shared() },
        open: flag(relation.is_open()),
        other: flag(other),
        unclear: if other { relation.unclear() } else { 0.0 },
        bare: flag(found.is_doubtful() && !relation.is_shared()),
        strangers: if found.cover >= WHOLE { 0.0 } else { strangers(sought, document, found) },
        similarity: near.similarity,
        lead: near.lead,
    }
}

fn strangers(sought: &Sought<'_>, document: &Document<'_>, found: &Match) -> f32 {
    let query = sought.query;
    let known = |at: usize| {
        let own = |term: &TermId| sought.terms.stands_for(at, *term);
        states(document, query, at)
            || sought.index.anchors(*document).any(|anchor| anchor.words.iter().any(own))
    };
    let stranger = |at: &usize| {
        let word = &query.words[*at];
        let name = query.case_tells && word.token.is_name_like() && word.class != Class::Function;
        let relation = query.relations.iter().any(|m| m.tokens.contains(at));
        name && !found.positions.has(*at) && !relation && !query.starts(*at) && !known(*at)
    };
    query.question_words().filter(stranger).count().min(MAX_STRANGERS) as f32 / MAX_STRANGERS as f32
}
