//! The scope decision on published ZsRE records with 1,000 edits loaded, beside the published method:
//!
//! ```sh
//! cargo run --release -p amend-eval --example scope -- --data FOLDER [--encoder MODEL_FOLDER] [--errors] \
//!     [--lexical MODEL.json] [--hybrid MODEL.json]
//! ```
//!
//! The folder holds `zsre.json`, `wiki_counterfact.json`, `wiki_recent.json` and `wikibio.json` as KnowEdit publishes
//! them. All ZsRE records are loaded, filled up with what the other files state and then with made-up facts. Questions
//! about other subjects are the prompts and rephrasings of ZsRE records that are left out, half of them at a time.
//! Generic prompts are those of `editor/tests/data/generic.txt`. "Exhaustive" is the published method: the three edits
//! nearest to the question go in front of it, whatever it is.

mod data;

use amend_editor::{
    EncoderOptions, ScopePolicy, SentenceEncoder,
    calibration::{LabelledOutcome, LabelledQuestion, LabelledSet},
};
use amend_proto::{Embedder, Embedding, TextRole};
use data::{Kind, Published, Trial};
use std::{collections::BTreeMap, error::Error, fs, path::PathBuf, sync::Arc, time::Instant};

/// Halves of the records, each in turn left out.
const FOLDS: usize = 2;
/// So many edits nearest to a question are told to the decision.
const NEAREST: usize = 16;
/// Decides what the store is filled up with.
const SEED: u64 = 1;
/// The published method applies so many.
const TOP: usize = 3;

/// Of one kind of question.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    all: u32,
    /// The right edit was applied; of questions without one, any.
    applied: u32,
    first: u32,
    third: u32,
}

type Table = BTreeMap<Kind, Count>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).map(PathBuf::from)
    };
    let folder = value("--data").ok_or("give the folder with the published files: --data FOLDER")?;
    let errors = arguments.iter().any(|a| a == "--errors");
    let mut policy = ScopePolicy::default();
    if let Some(file) = value("--lexical") {
        policy.lexical = Arc::new(fs::read_to_string(file)?.parse()?);
    }
    if let Some(file) = value("--hybrid") {
        policy.hybrid = Arc::new(fs::read_to_string(file)?.parse()?);
    }
    let encoder =
        value("--encoder").map(|path| SentenceEncoder::open(path, EncoderOptions::default())).transpose()?;
    let published = Published::read(&folder)?;
    let rest = LabelledSet::made_up(SEED).edits;
    let (mut lexical, mut hybrid, mut exhaustive) = (Table::new(), Table::new(), Table::new());
    for fold in (0..FOLDS).map(|fold| Some((fold, FOLDS))).chain([None]) {
        let trial = published.trial(fold, &rest, include_str!("../../../editor/tests/data/generic.txt"));
        let begun = Instant::now();
        let outcomes = trial.set.outcomes(&policy, None);
        let each = begun.elapsed() / u32::try_from(outcomes.len())?;
        println!(
            "{} edits, {} questions, {each:?} each with the index built",
            trial.set.edits.len(),
            outcomes.len()
        );
        count(&trial, &outcomes, &mut lexical);
        let Some(encoder) = &encoder else {
            tell(errors, &trial, &outcomes);
            continue;
        };
        let dense = Dense::new(encoder, &trial.set)?;
        let outcomes = trial.set.outcomes(&policy, Some(&|question| dense.nearest(&trial.set, question)));
        count(&trial, &outcomes, &mut hybrid);
        tell(errors, &trial, &outcomes);
        let peer = trial.set.questions.iter().map(|question| {
            let nearest = dense.nearest(&trial.set, question);
            let ranked: Vec<usize> = nearest.iter().map(|(at, _)| *at as usize).collect();
            LabelledOutcome { applied: ranked[..TOP].to_vec(), ranked }
        });
        count(&trial, &peer.collect::<Vec<_>>(), &mut exhaustive);
    }
    for (name, table) in [("lexical", lexical), ("hybrid", hybrid), ("exhaustive", exhaustive)] {
        print(name, &table);
    }
    Ok(())
}

fn count(trial: &Trial, outcomes: &[LabelledOutcome], table: &mut Table) {
    for ((question, kind), outcome) in trial.set.questions.iter().zip(&trial.kinds).zip(outcomes) {
        let count = table.entry(*kind).or_default();
        count.all += 1;
        count.applied += u32::from(hit(question, outcome));
        let place = question.edit.and_then(|edit| outcome.ranked.iter().position(|at| *at == edit));
        count.first += u32::from(place == Some(0));
        count.third += u32::from(place.is_some_and(|place| place < TOP));
    }
}

fn hit(question: &LabelledQuestion, outcome: &LabelledOutcome) -> bool {
    match question.edit {
        Some(edit) => outcome.applied.contains(&edit),
        None => !outcome.applied.is_empty(),
    }
}

fn tell(errors: bool, trial: &Trial, outcomes: &[LabelledOutcome]) {
    for ((question, kind), outcome) in trial.set.questions.iter().zip(&trial.kinds).zip(outcomes) {
        let wanted = matches!(kind, Kind::Rephrased | Kind::Reasoning | Kind::Aliasing | Kind::Logical);
        if errors && *kind != Kind::OtherRelation && hit(question, outcome) != wanted {
            let text = |at: &usize| trial.set.edits[*at].content.text.as_str();
            let got: Vec<&str> = outcome.applied.iter().map(text).collect();
            println!("{kind:?}: {:?} of {:?} got {got:?}", question.text, question.edit.map(|at| text(&at)));
        }
    }
}

fn print(name: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    println!("\n| {name} | questions | applied | share | recall@1 | recall@3 |\n|---|---|---|---|---|---|");
    let row = |name: &str, count: &Count| {
        let share = |part: u32| f64::from(part) / f64::from(count.all);
        let Count { all, applied, first, third } = *count;
        println!(
            "| {name} | {all} | {applied} | {:.3} | {:.3} | {:.3} |",
            share(applied),
            share(first),
            share(third)
        );
    };
    let mut portability = Count::default();
    for (kind, count) in table {
        row(&format!("{kind:?}"), count);
        if matches!(kind, Kind::Reasoning | Kind::Aliasing | Kind::Logical) {
            portability.all += count.all;
            portability.applied += count.applied;
            portability.first += count.first;
            portability.third += count.third;
        }
    }
    row("portability, all three", &portability);
}

/// The edits and questions of a set as vectors.
struct Dense {
    edits: Vec<Embedding>,
    questions: Vec<Embedding>,
}

impl Dense {
    fn new(encoder: &SentenceEncoder, set: &LabelledSet) -> Result<Self, Box<dyn Error>> {
        let edits: Vec<&str> = set.edits.iter().map(|edit| edit.content.text.as_str()).collect();
        let questions: Vec<&str> = set.questions.iter().map(|question| question.text.as_str()).collect();
        Ok(Self {
            edits: encoder.embed(&edits, TextRole::Passage)?,
            questions: encoder.embed(&questions, TextRole::Query)?,
        })
    }

    fn nearest(&self, set: &LabelledSet, question: &LabelledQuestion) -> Vec<(u32, f32)> {
        let place = set.questions.iter().position(|known| std::ptr::eq(known, question)).unwrap_or_default();
        let near = |edit: &Embedding| edit.cosine(&self.questions[place]);
        let mut all: Vec<(u32, f32)> = (0..).zip(self.edits.iter().map(near)).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(NEAREST);
        all
    }
}
