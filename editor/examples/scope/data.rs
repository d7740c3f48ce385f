//! The published records of a folder as edits to load and questions with the right decision.

use amend_editor::{
    NewEdit,
    calibration::{Label, LabelledQuestion, LabelledSet},
    published::{Fact, Record, read_array},
};
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

/// Edits to load together, and what is asked of them.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    pub(crate) set: LabelledSet,
    /// By question.
    pub(crate) kinds: Vec<Kind>,
}

impl Trial {
    fn ask(&mut self, kind: Kind, edit: Option<usize>, text: &str) {
        let label = match kind {
            Kind::Rephrased | Kind::Reasoning | Kind::Aliasing | Kind::Logical => Label::InScope,
            Kind::OtherRelation => Label::OtherRelation,
            Kind::OtherSubject => Label::OtherSubject,
            Kind::Generic => Label::Generic,
        };
        self.set.questions.push(LabelledQuestion { text: text.to_owned(), label, edit });
        self.kinds.push(kind);
    }
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

    /// One fold of `folds`: the ZsRE records of the other folds are loaded, and asked are the prompts and rephrasings of
    /// those that are not. Without a fold all are loaded and asked about, and with them the prompts that concern none.
    pub(crate) fn trial(&self, fold: Option<(usize, usize)>, rest: &[NewEdit], generic: &str) -> Trial {
        let mut trial = Trial::default();
        // Records about one subject are loaded or left out together.
        let mut subjects: Vec<&str> = Vec::new();
        for fact in &self.facts {
            let place = subjects.iter().position(|known| *known == fact.subject).unwrap_or(subjects.len());
            if place == subjects.len() {
                subjects.push(&fact.subject);
            }
            if fold.is_some_and(|(fold, folds)| place % folds == fold) {
                trial.ask(Kind::OtherSubject, None, &fact.prompt);
                fact.rephrased.iter().for_each(|text| trial.ask(Kind::OtherSubject, None, text));
                continue;
            }
            let edit = Some(trial.set.edits.len());
            trial.set.edits.extend(Record::Fact(fact.clone()).edits());
            if fold.is_none() {
                trial.ask_about(fact, edit);
            }
        }
        if fold.is_none() {
            let prompts = generic.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            prompts.for_each(|prompt| trial.ask(Kind::Generic, None, prompt));
        }
        let room = LOADED.saturating_sub(trial.set.edits.len());
        trial.set.edits.extend(self.others.iter().chain(rest).take(room).cloned());
        trial
    }
}

impl Trial {
    fn ask_about(&mut self, fact: &Fact, edit: Option<usize>) {
        fact.rephrased.iter().for_each(|text| self.ask(Kind::Rephrased, edit, text));
        for set in &fact.portability {
            let kind = match set.name.as_str() {
                "Reasoning" => Kind::Reasoning,
                "Subject_Aliasing" => Kind::Aliasing,
                _ => Kind::Logical,
            };
            set.probes.iter().for_each(|probe| self.ask(kind, edit, &probe.prompt));
        }
        for set in &fact.locality {
            set.probes.iter().for_each(|probe| self.ask(Kind::OtherRelation, edit, &probe.prompt));
        }
    }
}
