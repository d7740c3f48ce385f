//! The published records of a folder as edits to load and questions with the right decision.

use amend_editor::{
    NewEdit,
    published::{Fact, Record, read_array},
};
use amend_proto::EditId;
use std::{error::Error, fs::File, io::BufReader, ops::ControlFlow, path::Path};

/// How many edits are loaded beside one another.
pub(crate) const LOADED: usize = 1_000;

/// Which sort of question it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The edit's own prompt in other words.
    Rephrased,
    /// One or more steps of reasoning from the new fact.
    Reasoning,
    /// The subject under another name.
    Aliasing,
    /// The relation turned round.
    Logical,
    /// Another relation of the same subject.
    OtherRelation,
    /// The prompt and the rephrasing of a record whose edit is not loaded.
    OtherSubject,
    /// A prompt of our own that concerns no edit.
    Generic,
}

/// A question with the edit that it is about, if that is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) edit: Option<EditId>,
    pub(crate) text: String,
}

/// Edits to load together, and what is asked of them.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    pub(crate) edits: Vec<NewEdit>,
    pub(crate) questions: Vec<Question>,
}

/// What the folder holds.
#[derive(Debug)]
pub(crate) struct Published {
    /// `zsre.json`.
    facts: Vec<Fact>,
    /// Facts of the other files, and what their questions on locality and portability state.
    others: Vec<NewEdit>,
}

fn read(path: &Path) -> Result<Vec<Record>, Box<dyn Error>> {
    let mut records = Vec::new();
    let file = File::open(path).map_err(|error| format!("failed to open {}: {error}", path.display()))?;
    read_array(BufReader::new(file), |index, record| {
        match record {
            Ok(record) => records.push(record),
            Err(misfit) => eprintln!("{} record {index}: {misfit:?}", path.display()),
        }
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

fn state(prompt: &str, answer: &str) -> NewEdit {
    NewEdit::new(format!("{} {}", prompt.trim(), answer.trim()))
}

/// What a record's questions state, so that they can be loaded as edits.
fn stated(record: &Record, subject: &str) -> Vec<NewEdit> {
    let sets = match record {
        Record::Fact(fact) => fact.locality.iter().chain(&fact.portability).collect(),
        Record::Biography(bio) => bio.locality.iter().collect(),
        _ => Vec::new(),
    };
    let probes = sets.into_iter().flat_map(|set| &set.probes);
    probes
        .filter_map(|probe| {
            let edit = state(&probe.prompt, probe.answers.first()?);
            Some(if probe.prompt.contains(subject) { edit.about(subject) } else { edit })
        })
        .collect()
}

impl Published {
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let facts = read(&folder.join("zsre.json"))?.into_iter().filter_map(|record| match record {
            Record::Fact(fact) => Some(fact),
            _ => None,
        });
        let mut others = Vec::new();
        for file in ["wiki_counterfact.json", "wiki_recent.json", "wikibio.json"] {
            for record in read(&folder.join(file))? {
                let subject = match &record {
                    Record::Fact(fact) => fact.subject.clone(),
                    Record::Biography(bio) => bio.concept.clone(),
                    _ => String::new(),
                };
                others.extend(record.edits());
                others.extend(stated(&record, &subject));
            }
        }
        Ok(Self { facts: facts.collect(), others })
    }

    /// One fold of `folds`: the ZsRE records of the other folds are loaded and asked about, those of this one are only
    /// asked about. With no folds (0) all are loaded.
    pub(crate) fn trial(&self, fold: usize, folds: usize, synthetic: &[NewEdit]) -> Trial {
        let mut trial = Trial::default();
        // Records about one subject are loaded or left out together.
        let mut subjects: Vec<&str> = Vec::new();
        for (index, fact) in self.facts.iter().enumerate() {
            let place = subjects.iter().position(|known| *known == fact.subject).unwrap_or(subjects.len());
            subjects.push(&fact.subject);
            let loaded = folds == 0 || place % folds != fold;
            let id: EditId = format!("zsre-{index}").parse().expect("a valid id");
            let mut ask = |kind, text: &str| {
                let edit = loaded.then(|| id.clone());
                trial.questions.push(Question { kind, edit, text: text.to_owned() });
            };
            if !loaded {
                ask(Kind::OtherSubject, &fact.prompt);
                fact.rephrased.iter().for_each(|text| ask(Kind::OtherSubject, text));
                continue;
            }
            fact.rephrased.iter().for_each(|text| ask(Kind::Rephrased, text));
            for set in &fact.portability {
                let kind = match set.name.as_str() {
                    "Reasoning" => Kind::Reasoning,
                    "Subject_Aliasing" => Kind::Aliasing,
                    _ => Kind::Logical,
                };
                set.probes.iter().for_each(|probe| ask(kind, &probe.prompt));
            }
            for set in &fact.locality {
                set.probes.iter().for_each(|probe| ask(Kind::OtherRelation, &probe.prompt));
            }
            let edits = Record::Fact(fact.clone()).edits();
            trial.edits.extend(edits.into_iter().map(|edit| edit.named(id.clone())));
        }
        let rest = LOADED.saturating_sub(trial.edits.len());
        trial.edits.extend(self.others.iter().chain(synthetic).take(rest).cloned());
        trial
    }
}
