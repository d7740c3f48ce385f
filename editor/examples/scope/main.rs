//! The scope decision on published ZsRE records with 1,000 edits loaded:
//! `cargo run --release -p amend-editor --example scope -- --data FOLDER [--errors]`
//!
//! The folder holds `zsre.json`, `wiki_counterfact.json`, `wiki_recent.json` and `wikibio.json` as KnowEdit publishes
//! them. All ZsRE records are loaded, filled up with what the other files state and then with made-up facts. Questions
//! about other subjects are the prompts and rephrasings of ZsRE records that are left out, half of them at a time.

mod data;

use amend_editor::{AddEdits, Editor, EditorOptions, MAX_BATCH, NewEdit};
use amend_proto::Message;
use data::{Kind, Published, Question, Trial};
use std::{collections::BTreeMap, error::Error, path::PathBuf};

/// Halves of the records, each in turn left out.
const FOLDS: usize = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).map(PathBuf::from)
    };
    let folder = value("--data").ok_or("give the folder with the published files: --data FOLDER")?;
    let errors = arguments.iter().any(|a| a == "--errors");
    let published = Published::read(&folder)?;
    let mut counts: BTreeMap<Kind, (u32, u32)> = BTreeMap::new();
    for fold in 0..=FOLDS {
        let whole = fold == FOLDS;
        let mut trial = published.trial(fold, if whole { 0 } else { FOLDS }, &made_up());
        trial.questions.retain(|question| (question.kind == Kind::OtherSubject) != whole);
        let editor = load(&trial).await?;
        for question in &trial.questions {
            let hit = ask(&editor, question, errors)?;
            let count = counts.entry(question.kind).or_default();
            count.0 += u32::from(hit);
            count.1 += 1;
        }
    }
    for (kind, (hits, all)) in &counts {
        println!("{kind:?}: {hits} of {all}, {:.3}", f64::from(*hits) / f64::from(*all));
    }
    Ok(())
}

async fn load(trial: &Trial) -> Result<Editor, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await?;
    for batch in trial.edits.chunks(MAX_BATCH) {
        editor.add(AddEdits::new(batch.to_vec())).await?;
    }
    println!("{} edits loaded", editor.count());
    Ok(editor)
}

fn ask(editor: &Editor, question: &Question, errors: bool) -> Result<bool, Box<dyn Error>> {
    let applied = editor.preview(&[Message::user(question.text.as_str())])?.edits;
    let hit = match &question.edit {
        Some(edit) => applied.iter().any(|a| a.id == *edit),
        None => !applied.is_empty(),
    };
    let wanted = !matches!(question.kind, Kind::OtherSubject | Kind::OtherRelation | Kind::Generic);
    if errors && hit != wanted && question.kind != Kind::OtherRelation {
        let with: Vec<String> = applied.iter().map(|a| format!("{:.2} {}", a.score, a.text)).collect();
        println!("{:?} {:?}: {:?} got {with:?}", question.kind, question.edit, question.text);
    }
    Ok(hit)
}

/// Facts about things that are not.
fn made_up() -> Vec<NewEdit> {
    let relations = ["capital", "mayor", "anthem", "currency", "airport"];
    let heads = ["Bran", "Tol", "Ves", "Kar", "Mir", "Ost", "Pel", "Dru", "Ham", "Ner"];
    let tails = ["dovia", "minster", "grad", "holm", "bury", "vale", "stead", "ford", "wick", "mark"];
    let mut facts = Vec::new();
    for (at, head) in heads.iter().enumerate() {
        for (by, tail) in tails.iter().enumerate() {
            for (of, relation) in relations.iter().enumerate() {
                let object = format!("{}{}", heads[(at + by + of) % 10], tails[(by + 3) % 10]);
                facts.push(NewEdit::new(format!("The {relation} of {head}{tail} is {object}.")));
            }
        }
    }
    facts
}
