//! Synthetic edits and questions with the skew of real ones: few first names and many family names, few subjects with
//! hundreds of edits and many with one, relations that all subjects of a kind share.
//!
//! Everything follows from the seed. Names are made of syllables; sentences are in `wording.txt`.

use super::{
    ScaleError,
    wording::{Kind, Relation, Wording},
};
use amend_editor::{Content, NewEdit};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashSet, FxHasher};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

/// Edits of one subject on average.
const EDITS_A_SUBJECT: usize = 3;
/// First names of persons, whatever the size.
const FIRST_NAMES: usize = 800;
/// A word of a name is in so many subjects on average.
const SUBJECTS_A_WORD: usize = 8;
/// So many words lead up to the question of a long prompt.
const LONG_WORDS: usize = 600;
/// So many of a hundred edits come with subject, relation and object, as out of a database; the others are texts alone.
const WITH_FIELDS: u32 = 60;

const SYLLABLES: [&str; 48] = [
    "ba", "bel", "bor", "bra", "cam", "cor", "dal", "de", "dor", "dra", "el", "er", "fal", "fen", "fi",
    "gar", "gor", "hal", "hem", "il", "jor", "ka", "kel", "kri", "lan", "lo", "mar", "mir", "mon", "nar",
    "no", "or", "pel", "po", "quin", "ra", "rin", "sa", "sel", "sti", "ta", "tor", "ul", "va", "vel", "wen",
    "yor", "zan",
];

/// One line of an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) relation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    pub(super) source: String,
}

impl From<Line> for NewEdit {
    fn from(line: Line) -> Self {
        let Line { text, subject, relation, object, source } = line;
        Content { subject, relation, object, source: Some(source), ..Content::new(text) }.into()
    }
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// An edit that is stored, in other words.
    InScope,
    /// The same with a slip in the subject.
    Misspelt,
    /// A subject without edits, in the same words; its own words are in other subjects.
    OtherSubject,
    /// Nothing of the kind.
    Generic,
    /// A stored edit, after hundreds of other words.
    Long,
}

/// A question, and what its answer must be about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) asks: Asks,
    pub(super) text: String,
    /// The subject of the edit that is wanted; `None`: no edit is.
    pub(super) subject: Option<String>,
}

/// What is stored, and what is asked.
pub(super) struct Workload {
    wording: Wording,
    random: ChaCha8Rng,
    subjects: Vec<(Kind, String)>,
    names: FxHashSet<String>,
    words: usize,
    said: FxHashSet<u64>,
}

impl Workload {
    /// The workload of `edits` edits.
    ///
    /// # Errors
    /// As [`Wording::read`].
    pub(super) fn new(edits: usize, seed: u64) -> Result<Self, ScaleError> {
        let subjects = (edits / EDITS_A_SUBJECT).max(64);
        let mut made = Self {
            wording: Wording::read()?,
            random: ChaCha8Rng::seed_from_u64(seed),
            subjects: Vec::with_capacity(subjects),
            names: FxHashSet::default(),
            words: (subjects / SUBJECTS_A_WORD).max(64),
            said: FxHashSet::default(),
        };
        while made.subjects.len() < subjects {
            let kind = match made.random.random_range(0..100u32) {
                0..15 => Kind::Place,
                15..65 => Kind::Person,
                65..85 => Kind::Company,
                _ => Kind::Work,
            };
            let name = made.name(kind);
            if made.names.insert(name.clone()) {
                made.subjects.push((kind, name));
            }
        }
        Ok(made)
    }

    /// The next edit; no two say the same.
    pub(super) fn edit(&mut self) -> (Line, Question) {
        let at = skewed(&mut self.random, self.subjects.len());
        let (kind, subject) = self.subjects[at].clone();
        self.edit_about(kind, subject)
    }

    /// An edit about a subject that has no other.
    pub(super) fn edit_about_another(&mut self) -> (Line, Question) {
        loop {
            let kind = self.subjects[skewed(&mut self.random, self.subjects.len())].0;
            let subject = self.name(kind);
            if self.names.insert(subject.clone()) {
                return self.edit_about(kind, subject);
            }
        }
    }

    fn edit_about(&mut self, kind: Kind, subject: String) -> (Line, Question) {
        loop {
            let relation = self.relation(kind);
            let (object_kind, statement, name) = {
                let relation = &self.wording.relations[relation];
                (relation.object, relation.statement, relation.name)
            };
            let object = self.name(object_kind);
            let text = statement.replace("{s}", &subject).replace("{o}", &object);
            let mut hasher = FxHasher::default();
            text.hash(&mut hasher);
            if !self.said.insert(hasher.finish()) {
                continue;
            }
            let question = self.question(relation, &subject);
            let source = format!("registry {}", self.random.random_range(0..10_000u32));
            let fields = self.random.random_range(0..100) < WITH_FIELDS;
            let given = |value: &String| fields.then(|| value.clone());
            let (subject_field, object_field) = (given(&subject), given(&object));
            let line = Line {
                text,
                subject: subject_field,
                relation: fields.then(|| name.to_owned()),
                object: object_field,
                source,
            };
            return (line, Question { asks: Asks::InScope, text: question, subject: Some(subject) });
        }
    }

    /// The question with a slip in it: two letters of the longest word of its subject change places.
    pub(super) fn misspelt(&mut self, question: &Question) -> Option<Question> {
        let subject = question.subject.as_ref()?;
        let longest = subject.split(' ').max_by_key(|word| word.len()).filter(|word| word.len() >= 7)?;
        let at = self.random.random_range(2..longest.len() - 2);
        let mut letters: Vec<char> = longest.chars().collect();
        letters.swap(at, at + 1);
        let slip: String = letters.into_iter().collect();
        let text = question.text.replace(longest, &slip);
        (slip != longest).then(|| Question { asks: Asks::Misspelt, text, subject: question.subject.clone() })
    }

    /// The question after many words about other things.
    pub(super) fn long(&mut self, question: &Question) -> Question {
        let (mut text, mut words) = (String::new(), 0);
        while words < LONG_WORDS {
            let sentence = self.wording.filler[self.random.random_range(0..self.wording.filler.len())];
            words += sentence.split(' ').count();
            text.push_str(sentence);
            text.push(' ');
        }
        text.push_str(&question.text);
        Question { asks: Asks::Long, text, subject: question.subject.clone() }
    }

    /// A question about a subject that has no edits.
    pub(super) fn other_subject(&mut self) -> Question {
        loop {
            let kind = self.subjects[skewed(&mut self.random, self.subjects.len())].0;
            let subject = self.name(kind);
            if self.names.contains(&subject) {
                continue;
            }
            let relation = self.relation(kind);
            let text = self.question(relation, &subject);
            return Question { asks: Asks::OtherSubject, text, subject: None };
        }
    }

    /// A prompt about nothing that is stored.
    pub(super) fn generic(&mut self) -> Question {
        let at = self.random.random_range(0..self.wording.prompts.len());
        Question { asks: Asks::Generic, text: self.wording.prompts[at].to_owned(), subject: None }
    }

    fn relation(&mut self, kind: Kind) -> usize {
        let fits = |relation: &Relation| relation.subject == kind;
        let of: Vec<usize> =
            (0..self.wording.relations.len()).filter(|at| fits(&self.wording.relations[*at])).collect();
        of[skewed(&mut self.random, of.len())]
    }

    fn question(&mut self, relation: usize, subject: &str) -> String {
        let questions = &self.wording.relations[relation].questions;
        questions[self.random.random_range(0..questions.len())].replace("{s}", subject)
    }

    fn name(&mut self, kind: Kind) -> String {
        let (words, random) = (self.words, &mut self.random);
        let any = |random: &mut ChaCha8Rng, offset: usize| word(offset + skewed(random, words));
        match kind {
            Kind::Place => {
                let name = any(random, 0);
                match random.random_range(0..10u32) {
                    0 => format!("Port {name}"),
                    1 => format!("Lake {name}"),
                    2 => format!("{name} {}", word(9_000_000 + skewed(random, words))),
                    _ => name,
                }
            }
            Kind::Person => {
                let family = any(random, 3_000_000);
                let first = word(FIRST_NAMES + skewed(random, FIRST_NAMES));
                match random.random_range(0..8u32) {
                    0 => format!("{first} {} {family}", word(FIRST_NAMES + skewed(random, FIRST_NAMES))),
                    _ => format!("{first} {family}"),
                }
            }
            Kind::Company => {
                let name = any(random, 6_000_000);
                let ends = ["Works", "Foundry", "Systems", "Brothers", "Group"];
                format!("{name} {}", ends[skewed(random, ends.len())])
            }
            Kind::Work => {
                let name = any(random, 1_000_000);
                let other = word(9_000_000 + skewed(random, words));
                format!("{name} of {other}")
            }
            Kind::Thing => any(random, 12_000_000).to_lowercase(),
            Kind::Number => random.random_range(1_000..9_999_999u32).to_string(),
            Kind::Year => random.random_range(1_750..2_030u32).to_string(),
        }
    }
}

/// One of `of`, the first ones far more often: the density falls as one over the square root.
fn skewed(random: &mut ChaCha8Rng, of: usize) -> usize {
    let share: f64 = random.random();
    ((share * share * of as f64) as usize).min(of - 1)
}

/// A made-up word, the same for the same number, of two syllables or more.
fn word(number: usize) -> String {
    // Scattered, so that neighbours do not look alike.
    let mut number = number.wrapping_mul(2_654_435_761) % 254_803_968 + SYLLABLES.len();
    let mut word = String::new();
    while number > 0 {
        word.push_str(SYLLABLES[number % SYLLABLES.len()]);
        number /= SYLLABLES.len();
    }
    word[..1].to_uppercase() + &word[1..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_gives_one_workload_and_no_two_edits_say_the_same() {
        let texts = |seed| {
            let mut workload = Workload::new(3_000, seed).unwrap();
            (0..3_000).map(|_| workload.edit().0.text).collect::<Vec<_>>()
        };
        let made = texts(1);
        assert_eq!(made, texts(1));
        assert_ne!(made, texts(2));
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len());
    }

    #[test]
    fn questions_about_other_subjects_name_none_that_has_edits() {
        let mut workload = Workload::new(500, 3).unwrap();
        let edits: Vec<Question> = (0..500).map(|_| workload.edit().1).collect();
        for _ in 0..200 {
            let other = workload.other_subject();
            assert!(other.subject.is_none());
        }
        let slips: Vec<Question> = edits.iter().filter_map(|edit| workload.misspelt(edit)).collect();
        assert!(slips.len() > 100);
        assert!(slips.iter().all(|slip| !slip.text.contains(slip.subject.as_deref().unwrap())));
    }
}
