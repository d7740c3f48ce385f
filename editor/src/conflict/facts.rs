//! What an edit states, in a form that can be compared.

use super::ConflictKind;
use crate::{
    edit::Content,
    text::{Groups, Token, Word, tokenise},
};
use std::{
    collections::{BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

/// Stands for a subject with a relation, or for a whole statement. Equal keys are equal things but for one chance in
/// 2⁶⁴, and then a conflict is reported that is none.
pub(crate) type FactKey = u64;

/// What a text was read to say; see [`Reading`](crate::index::Reading).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// The words of its subject names.
    pub(crate) subject: &'a [Word],
    /// The words of the given relation, if one is given.
    pub(crate) relation: Option<&'a [Token]>,
    /// The relations that it may name.
    pub(crate) groups: Groups,
    /// Hashed stems of telling words that belong to no name, no number and no relation's wording.
    pub(crate) other: &'a [u32],
    /// The words of the other names and numbers.
    pub(crate) objects: &'a [Word],
    /// Hashed stems of all words that are more than grammar.
    pub(crate) words: &'a [u32],
}

/// The statements of one edit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// By subject and relation: one read from the text, one for each given name of the subject.
    relations: Box<[FactKey]>,
    /// By telling words.
    wording: Option<FactKey>,
    /// What is stated, as a set of words; empty when nothing was found.
    object: Box<[u64]>,
}

impl Facts {
    /// The statements of an edit whose text was read so.
    pub(crate) fn new(content: &Content, said: Said<'_>) -> Self {
        let mut relations = Vec::new();
        let subject: BTreeSet<&str> = said.subject.iter().map(AsRef::as_ref).collect();
        if !subject.is_empty() && (said.groups != 0 || !said.other.is_empty()) {
            relations.push(hash(&("read", &subject, said.groups, said.other)));
        }
        let given = content.subject.as_deref().map(folded);
        if let Some(relation) = said.relation {
            let relation: Vec<&str> = relation.iter().map(|token| &*token.text).collect();
            let aliases: Vec<Vec<Word>> = content.aliases.iter().map(|alias| folded(alias)).collect();
            for name in given.iter().chain(&aliases) {
                relations.push(hash(&("given", name, &relation)));
            }
        }
        relations.sort_unstable();
        relations.dedup();
        let object = match &content.object {
            Some(object) => words(folded(object).iter().map(AsRef::as_ref)),
            None => words(said.objects.iter().map(AsRef::as_ref)),
        };
        // The same words may be said of different things, if it is given which.
        let wording = (!said.words.is_empty()).then(|| hash(&("words", given, said.words)));
        Self { relations: relations.into(), wording, object }
    }

    /// The same, to compare.
    pub(crate) fn view(&self) -> FactsView<'_> {
        FactsView { relations: &self.relations, wording: self.wording, object: &self.object }
    }
}

/// The statements of one edit, wherever they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FactsView<'a> {
    relations: &'a [FactKey],
    wording: Option<FactKey>,
    object: &'a [u64],
}

impl<'a> FactsView<'a> {
    /// Of its parts.
    pub(crate) fn new(relations: &'a [FactKey], wording: Option<FactKey>, object: &'a [u64]) -> Self {
        Self { relations, wording, object }
    }

    /// Everything under which another edit that conflicts with it may be found.
    pub(crate) fn keys(self) -> impl Iterator<Item = FactKey> {
        self.relations.iter().copied().chain(self.wording)
    }

    /// By subject and relation.
    pub(crate) fn relations(self) -> &'a [FactKey] {
        self.relations
    }

    /// By telling words.
    pub(crate) fn wording(self) -> Option<FactKey> {
        self.wording
    }

    /// What is stated, as a set of words.
    pub(crate) fn object(self) -> &'a [u64] {
        self.object
    }

    /// How the two conflict, if they do.
    pub(crate) fn against(self, other: FactsView<'_>) -> Option<ConflictKind> {
        let known = !self.object.is_empty() && !other.object.is_empty();
        let related = self.relations.iter().any(|key| other.relations.contains(key));
        match known && related {
            true if self.object != other.object => Some(ConflictKind::Contradiction),
            true => Some(ConflictKind::Duplicate),
            false => {
                (self.wording.is_some() && self.wording == other.wording).then_some(ConflictKind::Duplicate)
            }
        }
    }
}

fn folded(text: &str) -> Vec<Word> {
    tokenise(text).into_iter().map(|token| token.text).collect()
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Box<[u64]> {
    let set: BTreeSet<u64> = words.map(|word| hash(&word)).collect();
    set.into_iter().collect()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edit::NewEdit, index::Reading};

    fn between(a: NewEdit, b: NewEdit) -> Option<ConflictKind> {
        let [a, b] = [a, b].map(|edit| Reading::new(&edit.content));
        assert_eq!(a.facts().against(b.facts()), b.facts().against(a.facts()), "both ways alike");
        let met = a.facts().keys().any(|key| b.facts().keys().any(|other| other == key));
        let conflict = a.facts().against(b.facts());
        assert!(met || conflict.is_none(), "what conflicts shares a key");
        conflict
    }

    fn texts(a: &str, b: &str) -> Option<ConflictKind> {
        between(NewEdit::new(a), NewEdit::new(b))
    }

    #[test]
    fn other_objects_of_one_relation_contradict() {
        let lyon = "The capital of France is Lyon.";
        let contradiction = Some(ConflictKind::Contradiction);
        assert_eq!(texts(lyon, "The capital of France is Nice."), contradiction);
        assert_eq!(texts(lyon, "France's capital is Nice."), contradiction);
        assert_eq!(texts("Lyon has 500 inhabitants.", "Lyon has 600 inhabitants."), contradiction);
        assert_eq!(texts("Anna Brun was born in 1950.", "Anna Brun was born in 1960."), contradiction);
        assert_eq!(texts("As of 2031, the capital of France is Lyon.", lyon), Some(ConflictKind::Duplicate));
        assert_eq!(texts(lyon, "The currency of France is Lyon."), None);
        assert_eq!(texts(lyon, "The capital of Spain is Nice."), None);
        assert_eq!(texts("The mayor of Lyon is Anna Brun.", "The mayor of Lyon opened a bridge."), None);
    }

    #[test]
    fn the_same_in_other_words_is_a_duplicate() {
        let duplicate = Some(ConflictKind::Duplicate);
        let lyon = "The capital of France is Lyon.";
        assert_eq!(texts(lyon, "the capital of france is LYON"), duplicate);
        assert_eq!(texts(lyon, "Lyon is the capital of France."), duplicate);
        assert_eq!(texts("Iron rusts slowly.", "Slowly, iron rusts."), duplicate);
        assert_eq!(texts("Iron rusts slowly.", "Iron rusts quickly."), None);
        assert_eq!(texts("Iron is soft.", "Iron is hard."), None);
        let said = |subject: &str| NewEdit::new("It is called ferrum.").about(subject);
        assert_eq!(between(said("iron"), said("Iron")), duplicate);
        assert_eq!(between(said("iron"), said("gold")), None);
    }

    #[test]
    fn given_fields_count_whatever_the_text_says() {
        let edit = |text: &str, subject: &str, object: &str| {
            NewEdit::new(text).about(subject).stating("Capital", object)
        };
        let lyon = || edit("They moved it down south.", "France", "Lyon");
        let nice = edit("Nice is what it says on the door.", "FRANCE", "Nice");
        assert_eq!(between(lyon(), nice), Some(ConflictKind::Contradiction));
        let again = edit("Where the trains meet.", "france", "LYON");
        assert_eq!(between(lyon(), again), Some(ConflictKind::Duplicate));
        let alias = edit("A seat by the sea.", "La République", "Nice").also_called(["France"]);
        assert_eq!(between(lyon(), alias), Some(ConflictKind::Contradiction));
        assert_eq!(between(lyon(), edit("A seat by the sea.", "Spain", "Nice")), None);
    }
}
