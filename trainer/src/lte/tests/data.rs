use crate::atlas::phrasing::{EDIT_TEMPLATE, EditTemplate};
use crate::atlas::{Atlas, AtlasOracle};
use crate::lte::*;
use crate::sft::Flow;
use amend_proto::Message;
use amend_proto::testing::{Script, ScriptedModel};
use futures::executor::block_on;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

fn facts(count: usize) -> Vec<AlignmentFact> {
    atlas_facts(Atlas::built_in(), 3, count)
}

fn build(
    facts: &[AlignmentFact],
    instructions: &[Instruction],
    (teacher, recipe): (Option<&Teacher>, DataRecipe),
    folder: &Path,
) -> crate::Result<(Vec<DataRow>, DataCard)> {
    let template = EditTemplate::parse(EDIT_TEMPLATE.into()).expect("compiles");
    let sources = ["atlas".to_owned()];
    let job = DataJob {
        facts,
        instructions,
        sources: &sources,
        teacher,
        nearness: &WordOverlap,
        template: &template,
        recipe,
    };
    let built = block_on(build_data(&job, folder, &mut |_, _| Flow::Continue));
    built.map(|built| built.expect("not stopped"))
}

/// The oracle reads nothing but the conversation, so it cannot agree by accident.
#[test]
fn every_answer_of_every_row_is_the_oracles() {
    let folder = tempfile::tempdir().expect("a folder");
    let oracle = AtlasOracle::new(Atlas::built_in());
    let teacher = Teacher::new(Arc::new(oracle.clone()));
    let instructions = atlas_instructions(Atlas::built_in(), 3, 300);
    let recipe = DataRecipe { follow_ups: 3, ..DataRecipe::default() };
    let (rows, card) =
        build(&facts(250), &instructions, (Some(&teacher), recipe), folder.path()).expect("a data set");
    assert!(rows.len() > 1000, "{}", rows.len());
    assert!(card.teacher.as_ref().is_some_and(|(_, counts)| counts.asked > 50));
    let mut wrong = Vec::new();
    let mut answers = 0;
    for row in &rows {
        // The oracle reads edits in the last message only, so every question is asked with the row's edits in front.
        let first = &row.messages[0].content;
        let block = first.find("[Question]\n").map_or("", |at| &first[..at + "[Question]\n".len()]);
        for (turn, pair) in row.messages.chunks(2).enumerate() {
            answers += 1;
            let asked = if turn == 0 { first.clone() } else { format!("{block}{}", pair[0].content) };
            let said = oracle.answer(&[Message::user(asked.as_str())]);
            if said != pair[1].content {
                wrong.push(format!("{said}, not {}, to {asked}", pair[1].content));
            }
        }
    }
    assert!(answers > rows.len() * 3 / 2, "there are follow-ups");
    assert!(wrong.is_empty(), "{} of {answers}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}

#[test]
fn the_proportions_are_those_of_the_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let teacher = Teacher::new(Arc::new(AtlasOracle::new(Atlas::built_in())));
    let (facts, instructions) = (facts(400), atlas_instructions(Atlas::built_in(), 3, 1_500));
    let recipe = DataRecipe::default();
    let (rows, card) =
        build(&facts, &instructions, (Some(&teacher), recipe), folder.path()).expect("a data set");
    let part = |part: Part| rows.iter().filter(|r| r.provenance.kind.part() == part).count();
    let (inside, outside, free) = (part(Part::InScope), part(Part::OutOfScope), part(Part::FreeForm));
    assert_eq!(inside, outside);
    assert!(free.abs_diff(rows.len() / 3) <= 1, "{free} of {}", rows.len());
    let in_scope: Vec<&Provenance> =
        rows.iter().map(|r| &r.provenance).filter(|p| p.kind.part() == Part::InScope).collect();
    let share = |of: usize| of as f64 / in_scope.len() as f64;
    for (edits, want) in [(1, 0.5), (2, 0.25), (3, 0.25)] {
        let got = share(in_scope.iter().filter(|p| p.context == edits).count());
        assert!((got - want).abs() < 0.04, "{edits} edits: {got}");
        // The edit that answers stands anywhere among them.
        for place in 0..edits {
            let at = |p: &&&Provenance| p.context == edits && p.position == Some(place);
            let got = share(in_scope.iter().filter(at).count()) * edits as f64;
            assert!((got - want).abs() < 0.06, "place {place} of {edits}: {got}");
        }
    }
    assert_eq!(card.by_kind.values().sum::<usize>(), rows.len());
    assert_eq!(card.by_kind.len(), RowKind::ALL.len(), "{:?}", card.by_kind);
    let edited = rows.iter().filter(|r| r.provenance.kind == RowKind::FreeFormEdited).count();
    assert!(edited.abs_diff(free / 2) <= 1);
}

#[test]
fn contexts_hold_what_they_say_and_nothing_that_answers_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let facts = facts(300);
    let instructions = atlas_instructions(Atlas::built_in(), 3, 200);
    let (rows, _) =
        build(&facts, &instructions, (None, DataRecipe::default()), folder.path()).expect("a data set");
    let by_statement: HashMap<&str, &AlignmentFact> =
        facts.iter().map(|fact| (fact.statement.as_str(), fact)).collect();
    let near = WordOverlap.nearest(&facts, 5).expect("finds");
    let (mut hard, mut all) = (0, 0);
    for row in &rows {
        let p = &row.provenance;
        let text = &row.messages[0].content;
        assert_eq!(p.kind.has_edits(), text.starts_with("[Updated Information]"), "{text}");
        assert_eq!(p.kind.has_edits(), p.context > 0, "{text}");
        let present: Vec<&AlignmentFact> = by_statement
            .iter()
            .filter(|(statement, _)| text.lines().any(|line| line.ends_with(*statement)))
            .map(|(_, fact)| *fact)
            .collect();
        let mut subjects: Vec<String> = present.iter().map(|fact| fact.subject.to_lowercase()).collect();
        subjects.sort();
        subjects.dedup();
        assert!(subjects.len() == p.context, "one edit a subject: {text}");
        if let Some(place) = p.position {
            let fact = &facts[p.record];
            let line = text.lines().nth(1 + place).expect("a line an edit");
            assert!(line.ends_with(&fact.statement), "{place}: {text}");
            let others = present.iter().filter(|other| other.statement != fact.statement);
            for other in others {
                all += 1;
                hard += usize::from(near[p.record].iter().any(|&n| facts[n].statement == other.statement));
            }
        } else if p.kind == RowKind::OtherFacts {
            assert!(present.iter().all(|f| !f.subject.eq_ignore_ascii_case(&facts[p.record].subject)));
        }
    }
    assert!(all > 100 && hard * 10 >= all * 9, "{hard} of {all} distractors are hard negatives");
}

#[test]
fn the_same_inputs_give_the_same_rows_and_a_teacher_is_asked_once() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let facts: Vec<AlignmentFact> =
        facts(60).into_iter().map(|fact| AlignmentFact { before: None, ..fact }).collect();
    let instructions = [Instruction { instruction: "Sing.".into(), answer: None }];
    let model =
        ScriptedModel::new(|request| Script::Say(format!("heard {}", request.query().unwrap_or_default())));
    let teacher = Teacher::new(Arc::new(model.clone()));
    let make = |folder: &Path, seed| {
        let recipe = DataRecipe { seed, ..DataRecipe::default() };
        build(&facts, &instructions, (Some(&teacher), recipe), folder).expect("a data set")
    };
    let first = make(one.path(), 1);
    let asked = model.seen().len();
    let again = make(one.path(), 1);
    assert_eq!(model.seen().len(), asked, "everything is cached");
    assert_eq!(first.0, again.0);
    assert_eq!(first.1.content, again.1.content);
    assert_eq!(make(two.path(), 1).0, first.0, "in another folder too");
    assert_ne!(make(two.path(), 2).1.content, first.1.content);
    let taught = first.0.iter().filter(|r| r.provenance.answered_by == AnsweredBy::Teacher);
    for row in taught {
        let question = row.messages[0].content.lines().last().expect("a line").to_owned();
        assert_eq!(row.messages[1].content, format!("heard {question}"), "asked without the edits");
    }
    let text = std::fs::read_to_string(one.path().join(ROWS)).expect("readable");
    let read: Vec<DataRow> = text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(read, first.0);
    assert_eq!(read_lines::<AlignmentFact>(&one.path().join("facts.jsonl")).expect("reads"), facts);
}

#[test]
fn what_is_missing_is_left_out_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut facts = facts(40);
    facts[7].statement = "[Question]\nWho?".into();
    let instructions = [
        Instruction { instruction: "Sing.".into(), answer: None },
        Instruction { instruction: "[updated INFORMATION] x".into(), answer: None },
    ];
    let recipe = DataRecipe { max_rows: Some(60), ..DataRecipe::default() };
    let (rows, card) = build(&facts, &instructions, (None, recipe), folder.path()).expect("a data set");
    assert_eq!((card.facts, card.instructions, card.with_headings), (39, 1, 2));
    assert!(rows.len() <= 60 && rows.iter().all(|r| r.provenance.kind.part() != Part::FreeForm));
    assert!(card.dropped.keys().any(|why| why.contains("no teacher")), "{:?}", card.dropped);
    assert!(card.dropped.keys().any(|why| why.contains("balance")), "{:?}", card.dropped);
    let few = card.dropped.iter().find(|(why, _)| why.contains("not enough instructions"));
    assert_eq!(few.map(|(_, count)| *count), Some(20), "a third of 60");
    let readme = std::fs::read_to_string(folder.path().join("README.md")).expect("readable");
    for why in card.dropped.keys() {
        assert!(readme.contains(why.as_str()), "{readme}");
    }
    let refusing = ScriptedModel::new(|_| Script::Say(String::new()));
    let teacher = Teacher::new(Arc::new(refusing));
    let all = DataRecipe::default();
    let (_, card) = build(&facts, &instructions, (Some(&teacher), all), folder.path()).expect("a data set");
    assert!(card.dropped.keys().any(|why| why.contains("empty")), "{:?}", card.dropped);
    let bare: Vec<AlignmentFact> =
        facts.into_iter().map(|f| AlignmentFact { before: None, locality: vec![], ..f }).collect();
    let nothing = build(&bare, &[], (None, all), folder.path());
    assert!(matches!(nothing, Err(crate::Error::Data(text)) if text.contains("teacher")));
    assert!(matches!(build(&[], &[], (None, all), folder.path()), Err(crate::Error::Data(_))));
}

/// Two edits that only together answer a chained question, and some others.
fn chained() -> Vec<AlignmentFact> {
    let fact = |subject: &str, relation: &str, answer: &str| AlignmentFact {
        subject: subject.into(),
        statement: format!("The {relation} of {subject} is {answer}."),
        question: format!("What is the {relation} of {subject}?"),
        rephrasings: vec![],
        answer: answer.into(),
        before: Some("unknown".into()),
        portability: vec![],
        needs: vec![],
        locality: vec![],
    };
    let mut facts = vec![fact("Nordwind", "seat", "Tarn"), fact("Tarn", "mayor", "Ana Rell")];
    facts[0].portability =
        vec![Asked::new("Who is the mayor of the city where Nordwind has its seat?", "Ana Rell")];
    facts[0].needs = vec![facts[1].statement.clone()];
    facts.extend((0..8).map(|n| fact(&format!("Osk{n}"), "seat", &format!("Port{n}"))));
    facts
}

#[test]
fn a_chained_question_has_all_its_edits_in_front() {
    let folder = tempfile::tempdir().expect("a folder");
    let facts = chained();
    let portability = |rows: &[DataRow]| -> Vec<DataRow> {
        rows.iter().filter(|row| row.provenance.kind == RowKind::Portability).cloned().collect()
    };
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..24 {
        let recipe = DataRecipe { seed, follow_ups: 3, ..DataRecipe::default() };
        let (rows, card) = build(&facts, &[], (None, recipe), folder.path()).expect("a data set");
        assert!(!card.dropped.keys().any(|why| why.contains("another edit")), "{:?}", card.dropped);
        for row in portability(&rows) {
            let text = &row.messages[0].content;
            let place = |fact: &AlignmentFact| text.lines().position(|line| line.ends_with(&fact.statement));
            let (first, second) =
                (place(&facts[0]).expect("the first"), place(&facts[1]).expect("the second"));
            assert_eq!(row.provenance.position, Some(first - 1), "{text}");
            assert!((2..=4).contains(&row.provenance.context), "both and at most two others: {text}");
            assert_eq!(row.messages[1].content, "Ana Rell");
            orders.insert(first < second);
        }
        let chained = &facts[0].portability[0].question;
        for row in rows.iter().filter(|row| row.messages.iter().skip(2).any(|m| m.content == *chained)) {
            let text = &row.messages[0].content;
            assert!(text.contains(&facts[0].statement) && text.contains(&facts[1].statement), "{text}");
        }
    }
    assert_eq!(orders.len(), 2, "their order is drawn, too");
    let alone: Vec<AlignmentFact> = facts.into_iter().filter(|fact| fact.subject != "Tarn").collect();
    let (rows, card) = build(&alone, &[], (None, DataRecipe::default()), folder.path()).expect("a data set");
    assert!(portability(&rows).is_empty());
    let told = card.dropped.iter().find(|(why, _)| why.contains("another edit"));
    assert_eq!(told.map(|(_, count)| *count), Some(1), "{:?}", card.dropped);
}
