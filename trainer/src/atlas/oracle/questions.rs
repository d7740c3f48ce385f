//! What is asked, read back from the text.

use super::matching::{Around, is_slip, trim_article, trim_marks};
use crate::atlas::{Atlas, world::Relation};
use std::collections::BTreeSet;

/// The slots of a core.
const SUBJECT: &[&str] = &["{s's}", "{s}"];

/// One reading of a question. Names are in lower case, without article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// The object of this subject.
    Object(Relation, Meant),
    /// The subject with this object.
    Subject(Relation, String),
}

/// How a subject is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// By its name.
    Named(String),
    /// As the subject that has this object: "the country whose capital is Paris".
    Having(Relation, String),
    /// As the object of this subject: "the company that employs Mara Tolvik".
    Of(Relation, String),
}

/// A core: a noun phrase or a whole question of a relation.
#[derive(Debug)]
struct Core {
    relation: Relation,
    asks: Asks,
    pattern: Around,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Object,
    Subject,
}

/// All question patterns.
#[derive(Debug)]
pub(super) struct Questions {
    /// Frames of noun phrases; true noun phrases first, then those that drop the article.
    frames: Vec<Around>,
    bare_frames: Vec<Around>,
    whole_frames: Vec<Around>,
    phrases: Vec<Core>,
    bare_phrases: Vec<Core>,
    wholes: Vec<Core>,
    leads: Vec<String>,
    tails: Vec<String>,
    nouns: Vec<(String, Relation)>,
    follow_relation: Vec<Around>,
    follow_subject: Vec<Around>,
    vocabulary: BTreeSet<String>,
}

impl Questions {
    pub(super) fn new(atlas: &Atlas) -> Self {
        let of = |section: &str, slot: &str| -> Vec<Around> {
            let all = atlas.grammar.questions.all(section).iter();
            all.filter_map(|p| Around::parse(&p.text, &[slot])).collect()
        };
        let lower = |section: &str| -> Vec<String> {
            atlas.grammar.questions.all(section).iter().map(|p| p.text.to_ascii_lowercase()).collect()
        };
        let classes = ["frame any", "frame thing", "frame person", "frame place"];
        let phrases = cores(atlas, ["phrase", "inverse"]);
        let bare = |core: &Core| Core { pattern: core.pattern.without_article(), ..*core };
        let nouns = Relation::ALL
            .into_iter()
            .flat_map(|r| lower(&format!("{} noun", r.info().name)).into_iter().map(move |noun| (noun, r)));
        let mut questions = Self {
            frames: classes.iter().flat_map(|c| of(c, "{np}")).collect(),
            bare_frames: classes.iter().flat_map(|c| of(c, "{np-}")).collect(),
            whole_frames: of("frame whole", "{q}"),
            bare_phrases: phrases.iter().map(bare).collect(),
            phrases,
            wholes: cores(atlas, ["question", "inverse question"]),
            leads: lower("lead"),
            tails: lower("tail"),
            nouns: nouns.collect(),
            follow_relation: of("follow relation", "{n}"),
            follow_subject: of("follow subject", "{s}"),
            vocabulary: BTreeSet::new(),
        };
        questions.vocabulary = questions.words();
        questions
    }

    fn words(&self) -> BTreeSet<String> {
        let frames = self.frames.iter().chain(&self.bare_frames).chain(&self.whole_frames);
        let cores = self.phrases.iter().chain(&self.wholes).map(|core| &core.pattern);
        let long = |word: &&str| word.len() >= 5 && word.bytes().all(|b| b.is_ascii_lowercase());
        frames.chain(cores).flat_map(Around::words).filter(long).map(str::to_owned).collect()
    }

    /// All readings, the one with the most of a pattern first.
    pub(super) fn read(&self, text: &str) -> Vec<Reading> {
        ranked(self.read_undecorated(&text.trim().to_ascii_lowercase()))
    }

    /// All readings of a text in which one word of the grammar was mistyped.
    pub(super) fn read_with_slip(&self, text: &str) -> Vec<Reading> {
        let repairs = self.repairs(&text.trim().to_ascii_lowercase());
        ranked(repairs.iter().flat_map(|repaired| self.read_undecorated(repaired)).collect())
    }

    /// The text with one word taken for a slip of a word of the grammar, in all ways.
    fn repairs(&self, text: &str) -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let mut repaired = Vec::new();
        for (at, typed) in words.iter().enumerate() {
            for meant in self.vocabulary.iter().filter(|meant| is_slip(typed, meant)) {
                let mut copy = words.clone();
                copy[at] = meant;
                repaired.push(copy.join(" "));
            }
        }
        repaired
    }

    /// Readings of the text, with and without what politeness may have put around it.
    fn read_undecorated(&self, text: &str) -> Vec<(usize, Reading)> {
        let mut starts = vec![text];
        starts.extend(self.leads.iter().filter_map(|lead| text.strip_prefix(lead.as_str())));
        let mut readings = Vec::new();
        for start in starts {
            readings.extend(self.read_bare(trim_marks(start)));
            for tail in &self.tails {
                let cut = start.strip_suffix(tail.as_str()).or_else(|| start.strip_suffix(trim_marks(tail)));
                if let Some(rest) = cut {
                    readings.extend(self.read_bare(trim_marks(rest)));
                }
            }
        }
        readings
    }

    fn read_bare(&self, text: &str) -> Vec<(usize, Reading)> {
        let pairs = [
            (&self.frames, &self.phrases),
            (&self.bare_frames, &self.bare_phrases),
            (&self.whole_frames, &self.wholes),
        ];
        let mut readings = Vec::new();
        for (frames, cores) in pairs {
            for frame in frames {
                let Some(inner) = frame.slot(text) else { continue };
                for core in cores {
                    let Some(slot) = core.pattern.slot(inner) else { continue };
                    let weight = frame.weight() + core.pattern.weight();
                    readings.push((weight, self.reading(core, slot)));
                }
            }
        }
        readings
    }

    fn reading(&self, core: &Core, slot: &str) -> Reading {
        match core.asks {
            Asks::Subject => Reading::Subject(core.relation, slot.to_owned()),
            Asks::Object => Reading::Object(core.relation, self.meant(slot)),
        }
    }

    /// A name, or a description of the subject.
    fn meant(&self, slot: &str) -> Meant {
        let described = self
            .phrases
            .iter()
            .filter(|core| core.asks == Asks::Subject || core.relation == Relation::Employer)
            .filter_map(|core| Some((core, core.pattern.slot(slot)?)))
            .max_by_key(|(core, _)| core.pattern.weight());
        match described {
            Some((core, inner)) if core.asks == Asks::Subject => {
                Meant::Having(core.relation, inner.to_owned())
            }
            Some((core, inner)) => Meant::Of(core.relation, inner.to_owned()),
            None => Meant::Named(trim_article(slot).to_owned()),
        }
    }

    /// The relations that a follow-up such as "And its currency?" may name.
    pub(super) fn followed_relations(&self, text: &str) -> Vec<Relation> {
        let lower = text.trim().to_ascii_lowercase();
        let slots = self.follow_relation.iter().filter_map(|p| p.slot(trim_marks(&lower)));
        let named = |noun: &str| {
            self.nouns.iter().filter(move |(n, _)| *n == noun).map(|(_, r)| *r).collect::<Vec<_>>()
        };
        slots.flat_map(named).collect()
    }

    /// The subject that a follow-up such as "What about Germany?" names.
    pub(super) fn followed_subject(&self, text: &str) -> Option<String> {
        let lower = text.trim().to_ascii_lowercase();
        let fits = self.follow_subject.iter().filter_map(|p| Some((p.weight(), p.slot(trim_marks(&lower))?)));
        fits.max_by_key(|(weight, _)| *weight).map(|(_, name)| trim_article(name).to_owned())
    }
}

/// Without the weights, the heaviest first.
fn ranked(mut readings: Vec<(usize, Reading)>) -> Vec<Reading> {
    readings.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    readings.into_iter().map(|(_, reading)| reading).collect()
}

/// The cores of all relations: the first section asks for objects, the second for subjects.
fn cores(atlas: &Atlas, sections: [&str; 2]) -> Vec<Core> {
    let [objects, subjects] = sections;
    let mut cores = Vec::new();
    for relation in Relation::ALL {
        let name = relation.info().name;
        for (part, asks, slots) in [(objects, Asks::Object, SUBJECT), (subjects, Asks::Subject, &["{o}"][..])]
        {
            let all = atlas.grammar.questions.all(&format!("{name} {part}")).iter();
            cores.extend(
                all.filter_map(|p| Some(Core { relation, asks, pattern: Around::parse(&p.text, slots)? })),
            );
        }
    }
    cores
}
