use super::*;
use amend_proto::{
    EditId, Priority, TenantId,
    testing::{Script, ScriptedModel},
};
use proptest::prelude::*;
use std::num::NonZeroUsize;

fn most(edits: usize) -> NonZeroUsize {
    NonZeroUsize::new(edits).unwrap()
}

fn said(id: &str, text: &str) -> LiveEdit {
    let id = EditId::new(id).unwrap();
    LiveEdit { id, text: text.to_owned(), subject: None, relation: None, object: None }
}

fn suite(edits: Vec<LiveEdit>) -> RegressionSuite {
    RegressionSuite::of(edits, &Questions::default(), (7, most(100))).unwrap()
}

fn options() -> RegressionOptions {
    RegressionOptions {
        tenant: TenantId::default(),
        without: TenantId::new("nobody").unwrap(),
        concurrency: most(2),
        max_tokens: 16,
        priority: Priority::Background,
    }
}

#[test]
fn a_stated_fact_is_asked_for_in_several_ways_and_its_subject_for_something_else() {
    let edits = vec![
        said("a", "The capital of Velmora is Orsk."),
        said("b", "The currency of Tarn is the dal."),
        said("c", "Mira Holt was born in Lund and is a painter"),
        said("d", "Beware of the dog!"),
    ];
    let suite = suite(edits);
    let questions: Vec<String> = suite
        .items
        .iter()
        .map(|item| {
            format!("{}: {} [{}]", item.id, item.question, item.expected.as_deref().unwrap_or("as before"))
        })
        .collect();
    let mut questions = questions;
    questions.sort();
    insta::assert_snapshot!(questions.join("\n"), @r"
    a/itself/0: What is the capital of Velmora? [Orsk]
    a/neighbour/0: What is the currency of Velmora? [as before]
    a/rephrased/0: Tell me the capital of Velmora. [Orsk]
    a/rephrased/1: Velmora: what is its capital? [Orsk]
    b/itself/0: What is the currency of Tarn? [the dal]
    b/neighbour/0: What is the capital of Tarn? [as before]
    b/rephrased/0: Tell me the currency of Tarn. [the dal]
    b/rephrased/1: Tarn: what is its currency? [the dal]
    c/itself/0: Complete this sentence: Mira Holt was born in Lund and is ... [a painter]
    ");
    assert_eq!(suite.not_asked, [EditId::new("d").unwrap()]);
}

#[test]
fn what_somebody_gave_goes_before_what_the_text_says() {
    let mut edit = said("a", "Velmora moved its seat to Orsk.");
    (edit.subject, edit.relation, edit.object) =
        (Some("Velmora".into()), Some("capital".into()), Some("Orsk".into()));
    let suite = suite(vec![edit]);
    assert_eq!(suite.items[0].question, "What is the capital of Velmora?");
    assert!(suite.items.iter().all(|item| item.aspect != Aspect::Neighbour), "there is no other relation");
}

#[tokio::test]
async fn an_edit_that_is_forgotten_and_one_that_spreads_are_told_apart() {
    let suite = suite(vec![
        said("a", "The capital of Velmora is Orsk."),
        said("b", "The currency of Tarn is the dal."),
    ]);
    let edited = ScriptedModel::new(|request| match request.query().unwrap_or_default() {
        question if question.contains("currency of Velmora") => Script::Say("Orsk".into()),
        question if question.contains("Velmora") => Script::Say("It is orsk!".into()),
        question if question.starts_with("Tell") => Script::Refuse(amend_proto::ErrorKind::Engine),
        _ => Script::Say("I do not know.".into()),
    });
    let without = ScriptedModel::new(|_| Script::Say("I do not know.".into()));
    let report = run((&edited, &without), &suite, &options(), &()).await;
    let score = |aspect: Aspect| {
        let score = report.scores.iter().find(|score| score.aspect == aspect).unwrap();
        (score.held, score.asked)
    };
    assert_eq!((score(Aspect::Itself), score(Aspect::Rephrased)), ((1, 2), (2, 3)));
    assert_eq!((score(Aspect::Neighbour), report.errors), ((1, 2), 1));
}

#[test]
fn a_template_that_asks_nothing_is_refused() {
    assert!(matches!(
        Questions::parse("{% if aspect == 'itself' %}x{% endif %}"),
        Err(QuestionsError::Empty(_))
    ));
    assert!(matches!(Questions::parse("{% if %}"), Err(QuestionsError::Template(_))));
}

proptest! {
    #[test]
    fn any_text_makes_a_suite_that_does_not_depend_on_the_order(texts in prop::collection::vec(".{0,60}", 1..8)) {
        let edits: Vec<LiveEdit> =
            texts.iter().enumerate().map(|(at, text)| said(&format!("e{at}"), text)).collect();
        let mut reversed = edits.clone();
        reversed.reverse();
        let (one, other) = (suite(edits), suite(reversed));
        prop_assert_eq!(&one, &other);
        prop_assert!(one.items.iter().all(|item| !item.question.is_empty()));
    }
}
