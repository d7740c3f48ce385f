//! The scope decision on a fixture of our own (`data/scope.txt`): what share of the questions in scope keep their edit,
//! and what share of the others get one. The thresholds are what the defaults must hold.

use amend_editor::{AddEdits, Editor, EditorOptions, NewEdit};
use amend_proto::{EditId, Message};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    InScope,
    OtherRelation,
    OtherSubject,
    Generic,
}

struct Case {
    kind: Kind,
    edit: Option<EditId>,
    question: &'static str,
}

fn fixture() -> (Vec<NewEdit>, Vec<Case>) {
    let (mut edits, mut cases): (Vec<NewEdit>, Vec<Case>) = (Vec::new(), Vec::new());
    for line in
        include_str!("data/scope.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#') && *l != "-")
    {
        let (mark, rest) = line.split_once(' ').expect("every line has a mark");
        let edit = edits.last().and_then(|e| e.id.clone());
        let kind = match mark {
            "+" => {
                let id: EditId = format!("edit-{}", edits.len()).parse().expect("a valid id");
                let edit = match rest.split_once(" | ") {
                    Some((subject, text)) => NewEdit::new(text).about(subject),
                    None => NewEdit::new(rest),
                };
                edits.push(edit.named(id));
                continue;
            }
            "=" => Kind::InScope,
            "~" => Kind::OtherRelation,
            "!" => Kind::OtherSubject,
            "-" => Kind::Generic,
            other => panic!("unknown mark {other:?}"),
        };
        cases.push(Case { kind, edit, question: rest });
    }
    (edits, cases)
}

#[tokio::test]
async fn the_decision_keeps_what_is_in_scope_and_little_else() {
    let (edits, cases) = fixture();
    assert!(edits.len() >= 60 && cases.len() >= 300, "{} edits, {} questions", edits.len(), cases.len());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.expect("opens");
    editor.add(AddEdits::new(edits)).await.expect("the fixture's edits are valid");

    let mut counts: BTreeMap<Kind, (u32, u32)> = BTreeMap::new();
    for Case { kind, edit, question } in cases {
        let applied = editor.preview(&[Message::user(question)]).expect("renders").edits;
        let hit = match kind {
            Kind::InScope | Kind::OtherRelation => applied.iter().any(|a| Some(&a.id) == edit.as_ref()),
            Kind::OtherSubject | Kind::Generic => !applied.is_empty(),
        };
        if hit != (kind == Kind::InScope) {
            let with: Vec<&str> = applied.iter().map(|a| a.text.as_str()).collect();
            println!("{kind:?}: {question:?} of {edit:?} got {with:?}");
        }
        let count = counts.entry(kind).or_default();
        count.0 += u32::from(hit);
        count.1 += 1;
    }
    for (kind, (hits, all)) in &counts {
        println!("{kind:?}: {hits} of {all}, {:.3}", f64::from(*hits) / f64::from(*all));
    }
    let share = |kind: Kind| f64::from(counts[&kind].0) / f64::from(counts[&kind].1);
    assert!(share(Kind::InScope) >= 0.97, "questions in scope lose their edits");
    assert!(share(Kind::OtherRelation) <= 0.15, "questions about another relation get the edit");
    assert!(share(Kind::OtherSubject) <= 0.01, "questions about other subjects get edits");
    assert_eq!(counts[&Kind::Generic].0, 0, "generic prompts get edits");
}
