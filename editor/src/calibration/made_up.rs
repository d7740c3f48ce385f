//! Edits and questions about things that are not, made up from `editor/calibration/made_up.txt`.

use super::{Label, LabelledQuestion, LabelledSet};
use crate::{
    edit::NewEdit,
    text::{Class, lexicon},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::collections::{BTreeMap, BTreeSet};

const SOURCE: &str = include_str!("../../calibration/made_up.txt");
/// How many facts are made up.
const FACTS: usize = 360;
/// How many questions of each sort are asked about each fact at most.
const ASKED: usize = 2;
/// About so many percent of the facts a question is asked that does not name its relation.
const LOOSE: usize = 40;
/// About so many percent of the strangers are called almost like somebody.
const NAMESAKES: usize = 30;
/// Shorter parts of names are not used alone, in letters.
const LEAST_PART: usize = 5;
/// How often a name is drawn before a fact is given up.
const TRIES: usize = 50;

/// A relation with its wordings.
#[derive(Debug, Default)]
struct Relation {
    name: &'static str,
    of: &'static str,
    to: &'static str,
    statements: Vec<&'static str>,
    questions: Vec<&'static str>,
    turned: Vec<&'static str>,
    phrase: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Source {
    names: BTreeMap<&'static str, Vec<String>>,
    sentences: BTreeMap<&'static str, Vec<&'static str>>,
    relations: Vec<Relation>,
}

/// One made-up fact: a place among the relations, and two names.
#[derive(Debug, Clone)]
struct Fact {
    relation: usize,
    subject: String,
    object: String,
}

impl Source {
    fn read(text: &'static str) -> Self {
        let (mut source, mut section) = (Self::default(), "");
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
            } else if let Some(name) = line.strip_prefix("relation ") {
                section = "relation";
                source.relations.push(Relation { name, ..Relation::default() });
            } else if section == "relation" {
                source.wording(line);
            } else if matches!(section, "step" | "loose" | "daily" | "namesake" | "elsewhere") {
                source.sentences.entry(section).or_default().push(line);
            } else {
                let names = line.split_whitespace().map(|name| name.replace('|', " "));
                source.names.entry(section).or_default().extend(names);
            }
        }
        source
    }

    fn wording(&mut self, line: &'static str) {
        let Some(relation) = self.relations.last_mut() else { return };
        let Some((mark, rest)) = line.split_once(' ') else { return };
        match mark {
            "+" => relation.statements.push(rest),
            "=" => relation.questions.push(rest),
            "<" => relation.turned.push(rest),
            ">" => relation.phrase = Some(rest),
            "of" => {
                let (of, to) = rest.split_once(", to ").unwrap_or((rest, "town"));
                (relation.of, relation.to) = (of, to);
            }
            _ => {}
        }
    }
}

struct Maker {
    source: Source,
    random: ChaCha8Rng,
    set: LabelledSet,
    /// The names that edits are about, with what they state.
    known: BTreeSet<(String, &'static str)>,
    subjects: BTreeSet<String>,
    objects: BTreeSet<String>,
}

/// Makes a set.
pub(super) fn make(seed: u64) -> LabelledSet {
    let random = ChaCha8Rng::seed_from_u64(seed);
    let (source, set) = (Source::read(SOURCE), LabelledSet::default());
    let (known, subjects, objects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut maker = Maker { source, random, set, known, subjects, objects };
    let mut facts: Vec<Fact> = Vec::new();
    for _ in 0..FACTS {
        facts.extend(maker.fact());
    }
    for (edit, fact) in facts.iter().enumerate() {
        maker.ask(edit, fact);
    }
    maker.set
}

impl Maker {
    fn below(&mut self, count: usize) -> usize {
        (self.random.next_u64() % count.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let at = self.below(of.len());
        of.get(at).cloned()
    }

    fn name(&mut self, kind: &str) -> Option<String> {
        if kind != "person" {
            let names = self.source.names.get(kind)?.clone();
            return self.pick(&names);
        }
        let (first, last) = (self.source.names.get("first")?.clone(), self.source.names.get("last")?.clone());
        Some(format!("{} {}", self.pick(&first)?, self.pick(&last)?))
    }

    /// Makes up a fact that is not known yet, and its edit.
    fn fact(&mut self) -> Option<Fact> {
        for _ in 0..TRIES {
            let relation = self.below(self.source.relations.len());
            let Relation { name, of, to, .. } = self.source.relations[relation];
            let (subject, object) = (self.name(of)?, self.name(to)?);
            // A third of all names are left to be nobody's.
            let left = subject.bytes().map(usize::from).sum::<usize>() % 3 == 0;
            if left || subject == object || !self.known.insert((subject.clone(), name)) {
                continue;
            }
            let statements = self.source.relations[relation].statements.clone();
            let text = fill(self.pick(&statements)?, &subject, &object);
            let edit = NewEdit::new(text);
            let given = self.chance(60);
            self.set.edits.push(if given { edit.about(&subject) } else { edit });
            self.subjects.insert(subject.clone());
            self.objects.insert(object.clone());
            return Some(Fact { relation, subject, object });
        }
        None
    }

    fn push(&mut self, edit: usize, label: Label, text: String) {
        let edit = Some(edit);
        self.set.questions.push(LabelledQuestion { text, label, edit });
    }

    fn ask(&mut self, edit: usize, fact: &Fact) {
        let relation = &self.source.relations[fact.relation];
        let (questions, turned, phrase) =
            (relation.questions.clone(), relation.turned.clone(), relation.phrase);
        let of = relation.of;
        for _ in 0..ASKED {
            let Some(question) = self.pick(&questions) else { return };
            let asked = self.written(fill(question, &fact.subject, ""), &fact.subject);
            self.push(edit, Label::InScope, asked);
        }
        let namesakes = self.set.edits.iter().filter(|e| e.content.text.contains(&fact.object)).count();
        if let Some(question) = self.pick(&turned)
            && namesakes == 1
        {
            self.push(edit, Label::InScope, fill(question, "", &fact.object));
        }
        let steps = self.source.sentences.get("step").cloned().unwrap_or_default();
        if let (Some(phrase), Some(step)) = (phrase, self.pick(&steps)) {
            self.push(edit, Label::InScope, step.replace("{p}", &fill(phrase, &fact.subject, "")));
        }
        if self.chance(LOOSE) {
            let loose = self.source.sentences.get("loose").cloned().unwrap_or_default();
            let Some(question) = self.pick(&loose) else { return };
            self.push(edit, Label::InScope, fill(question, &fact.subject, ""));
        }
        if of == "company" && !fact.subject.contains(' ') {
            let daily = self.source.sentences.get("daily").cloned().unwrap_or_default();
            let Some(question) = self.pick(&daily) else { return };
            self.push(edit, Label::OtherSubject, fill(question, &fact.subject.to_lowercase(), ""));
        }
        self.ask_otherwise(edit, fact);
        self.ask_elsewhere(edit, fact, &questions);
    }

    /// Asks for another relation of the same subject.
    fn ask_otherwise(&mut self, edit: usize, fact: &Fact) {
        let (of, own) = (self.source.relations[fact.relation].of, self.source.relations[fact.relation].name);
        let free = |relation: &&Relation| {
            let known = self.known.contains(&(fact.subject.clone(), relation.name));
            relation.of == of && relation.name != own && !known
        };
        let others: Vec<&'static str> =
            self.source.relations.iter().filter(free).flat_map(|other| other.questions.clone()).collect();
        if let Some(question) = self.pick(&others) {
            self.push(edit, Label::OtherRelation, fill(question, &fact.subject, ""));
        }
    }

    /// Asks about somebody whom no edit is about.
    fn ask_elsewhere(&mut self, edit: usize, fact: &Fact, questions: &[&'static str]) {
        let sentences = self.source.sentences.get("elsewhere").cloned().unwrap_or_default();
        let of = self.source.relations[fact.relation].of;
        for _ in 0..=ASKED {
            let namesake = self.chance(NAMESAKES);
            let stranger = (0..TRIES).find_map(|_| {
                let name = self.name(of)?;
                let name = if namesake { self.namesake(&name)? } else { name };
                (!self.subjects.contains(&name) && !self.objects.contains(&name)).then_some(name)
            });
            let Some(stranger) = stranger else { return };
            let plain = self.chance(80);
            let wordings = if plain { questions.to_vec() } else { sentences.clone() };
            let Some(question) = self.pick(&wordings) else { return };
            let asked = self.cased(fill(question, &stranger, ""));
            self.push(edit, Label::OtherSubject, asked);
        }
    }

    fn namesake(&mut self, name: &str) -> Option<String> {
        let wordings = self.source.sentences.get("namesake").cloned()?;
        Some(fill(self.pick(&wordings)?, name, ""))
    }

    fn cased(&mut self, text: String) -> String {
        if self.chance(15) { text.to_lowercase() } else { text }
    }

    /// A question as people write it: now and then without capitals, with a slip in a name, or with a part of it.
    fn written(&mut self, text: String, name: &str) -> String {
        let words: Vec<&str> = name.split(' ').collect();
        let text = match self.below(100) {
            0..20 => match self.part(name, &words) {
                Some(part) => text.replace(name, &part),
                None => text,
            },
            20..28 => {
                let long = words.iter().max_by_key(|word| word.chars().count()).copied().unwrap_or(name);
                let at = self.below(long.chars().count().saturating_sub(3)) + 2;
                let slip: String = long.char_indices().filter(|(i, _)| *i != at).map(|(_, c)| c).collect();
                text.replace(long, &slip)
            }
            _ => text,
        };
        self.cased(text)
    }

    /// The part of a name that people use: a surname, or all but the last word; `None` when others have it too.
    fn part(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let person = self.source.names.get("first").is_some_and(|first| first.iter().any(|f| f == words[0]));
        let part = match words {
            [] | [_] => return None,
            [.., last] if person => (*last).to_owned(),
            [_, _, _, _, ..] => {
                let left_out = self.below(words.len());
                let kept = words.iter().enumerate().filter(|(at, _)| *at != left_out);
                kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
            }
            [head @ .., _] => head.join(" "),
        };
        let word = |known: &&String| known.as_str() != name && known.contains(&part);
        let everyday = part.to_lowercase().split(' ').all(|word| lexicon().class(word) != Class::Content);
        let telling = part.chars().count() >= LEAST_PART && !everyday;
        (telling && !self.subjects.iter().any(|known| word(&known))).then_some(part)
    }
}

fn fill(wording: &str, subject: &str, object: &str) -> String {
    wording.replace("{s}", subject).replace("{o}", object)
}
