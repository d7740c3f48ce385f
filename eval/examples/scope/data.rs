//! The published records of a folder as edits to load and questions with the right decision.

use amend_editor::{
    NewEdit,
    calibration::{Label, LabelledQuestion, LabelledSet},
};
use amend_eval::data::{EditRecord, LocalityKind, PortabilityKind, Probe, ReadOptions, load};
use std::{error::Error, num::NonZeroUsize, path::Path};

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
    facts: Vec<EditRecord>,
    /// Facts of the other files, and what their questions on locality and portability state.
    others: Vec<NewEdit>,
}

const LOCALITY: [LocalityKind; 3] =
    [LocalityKind::RelationSpecificity, LocalityKind::Forgetfulness, LocalityKind::OtherSubjects];
const PORTABILITY: [PortabilityKind; 3] =
    [PortabilityKind::Reasoning, PortabilityKind::Aliasing, PortabilityKind::Logical];

fn read(path: &Path) -> Result<Vec<EditRecord>, Box<dyn Error>> {
    let loaded = load(path, ReadOptions::default(), NonZeroUsize::MAX)?;
    loaded.issues.iter().for_each(|issue| eprintln!("{issue}"));
    Ok(loaded.records)
}

fn state(probe: &Probe) -> NewEdit {
    NewEdit::new(format!("{} {}", probe.prompt.trim(), probe.gold.first().trim()))
}

/// What a record edits.
fn edits(record: &EditRecord) -> impl Iterator<Item = NewEdit> {
    record.facts().map(|fact| {
        let mut edit = NewEdit::new(&fact.statement).about(&fact.subject);
        edit.content.object = Some(fact.target.first().to_owned());
        edit
    })
}

/// What a record's questions state, so that they can be loaded as edits.
fn stated(record: &EditRecord) -> Vec<NewEdit> {
    let subject = record.fact.subject.as_str();
    let local = LOCALITY.into_iter().flat_map(|kind| record.locality.of(kind));
    let probes = local.chain(PORTABILITY.into_iter().flat_map(|kind| record.portability.of(kind)));
    probes
        .map(|probe| {
            let edit = state(probe);
            if probe.prompt.contains(subject) { edit.about(subject) } else { edit }
        })
        .collect()
}

impl Published {
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let facts = read(&folder.join("zsre.json"))?;
        let mut others = Vec::new();
        for file in ["wiki_counterfact.json", "wiki_recent.json", "wikibio.json"] {
            for record in read(&folder.join(file))? {
                others.extend(edits(&record));
                others.extend(stated(&record));
            }
        }
        Ok(Self { facts, others })
    }

    /// One fold of `folds`: the ZsRE records of the other folds are loaded, and asked are the prompts and rephrasings of
    /// those that are not. Without a fold all are loaded and asked about, and with them the prompts that concern none.
    pub(crate) fn trial(&self, fold: Option<(usize, usize)>, rest: &[NewEdit], generic: &str) -> Trial {
        let mut trial = Trial::default();
        // Records about one subject are loaded or left out together.
        let mut subjects: Vec<&str> = Vec::new();
        for fact in &self.facts {
            let subject = fact.fact.subject.as_str();
            let place = subjects.iter().position(|known| *known == subject).unwrap_or(subjects.len());
            if place == subjects.len() {
                subjects.push(subject);
            }
            if fold.is_some_and(|(fold, folds)| place % folds == fold) {
                trial.ask(Kind::OtherSubject, None, &fact.fact.prompt);
                fact.fact.rephrasings.iter().for_each(|text| trial.ask(Kind::OtherSubject, None, text));
                continue;
            }
            let edit = Some(trial.set.edits.len());
            trial.set.edits.extend(edits(fact));
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
    fn ask_about(&mut self, record: &EditRecord, edit: Option<usize>) {
        record.fact.rephrasings.iter().for_each(|text| self.ask(Kind::Rephrased, edit, text));
        for (of, kind) in PORTABILITY.into_iter().zip([Kind::Reasoning, Kind::Aliasing, Kind::Logical]) {
            record.portability.of(of).iter().for_each(|probe| self.ask(kind, edit, &probe.prompt));
        }
        for of in LOCALITY {
            record
                .locality
                .of(of)
                .iter()
                .for_each(|probe| self.ask(Kind::OtherRelation, edit, &probe.prompt));
        }
    }
}
