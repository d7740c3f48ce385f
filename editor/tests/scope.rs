//! The scope decision on fixtures of our own (`data/scope.txt`, `data/generic.txt`): what share of the questions in scope keep their edit,
//! and what share of the others get one. The thresholds are what the defaults must hold.

use amend_editor::{
    AddEdits, Editor, EditorOptions, NewEdit,
    calibration::{Label, LabelledSet},
};
use amend_proto::{EditId, Message};
use std::collections::BTreeMap;

struct Case {
    label: Label,
    edit: Option<EditId>,
    question: String,
}

fn fixture() -> (Vec<NewEdit>, Vec<Case>) {
    let set = LabelledSet::parse(include_str!("data/scope.txt")).expect("the fixture has the form");
    let id = |at: usize| EditId::new(format!("edit-{at}")).expect("a valid id");
    let edits = set.edits.into_iter().enumerate().map(|(at, edit)| edit.named(id(at))).collect();
    let generic =
        include_str!("data/generic.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let generic = generic.map(|line| Case { label: Label::Generic, edit: None, question: line.to_owned() });
    let cases = set.questions.into_iter().map(|question| Case {
        label: question.label,
        edit: question.edit.map(id),
        question: question.text,
    });
    (edits, cases.chain(generic).collect())
}

#[tokio::test]
async fn the_decision_keeps_what_is_in_scope_and_little_else() {
    let (edits, cases) = fixture();
    assert!(edits.len() >= 60 && cases.len() >= 300, "{} edits, {} questions", edits.len(), cases.len());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.expect("opens");
    editor.add(AddEdits::new(edits)).await.expect("the fixture's edits are valid");

    let mut counts: BTreeMap<Label, (u32, u32)> = BTreeMap::new();
    for Case { label, edit, question } in cases {
        let applied = editor.preview(&[Message::user(question.as_str())]).expect("renders").edits;
        let hit = match label {
            Label::InScope | Label::OtherRelation => applied.iter().any(|a| Some(&a.id) == edit.as_ref()),
            Label::OtherSubject | Label::Generic => !applied.is_empty(),
        };
        if hit != (label == Label::InScope) {
            let with: Vec<&str> = applied.iter().map(|a| a.text.as_str()).collect();
            println!("{label:?}: {question:?} of {edit:?} got {with:?}");
        }
        let count = counts.entry(label).or_default();
        count.0 += u32::from(hit);
        count.1 += 1;
    }
    for (label, (hits, all)) in &counts {
        println!("{label:?}: {hits} of {all}, {:.3}", f64::from(*hits) / f64::from(*all));
    }
    let share = |label: Label| f64::from(counts[&label].0) / f64::from(counts[&label].1);
    assert!(share(Label::InScope) >= 0.97, "questions in scope lose their edits");
    assert!(share(Label::OtherRelation) <= 0.15, "questions about another relation get the edit");
    assert!(share(Label::OtherSubject) <= 0.01, "questions about other subjects get edits");
    assert_eq!(counts[&Label::Generic].0, 0, "generic prompts get edits");
}
