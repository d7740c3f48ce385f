use super::*;
use crate::{
    Error, Result,
    atlas::{
        Atlas, AtlasOracle, Kind, Rows, Split,
        oracle::{AtlasGenerator, AtlasReferee},
    },
    bmc::Control,
    synth::{
        ask::{Asker, Budget, Cast, Endpoint, EndpointSettings, Part, Price},
        guard::{GuardedSuite, Overlap, SuiteGuard, Unguarded},
        progress::{Silent, SynthObserver},
        rows::Ended,
    },
};
use amend_proto::{
    ChatModel,
    testing::{Script, ScriptedModel},
};
use futures::{FutureExt, executor::block_on};
use std::{collections::BTreeSet, path::Path, sync::Arc};

fn part(role: Role, model: Arc<dyn ChatModel>, price: Price) -> Part {
    let pause = Arc::new(|_| async {}.boxed());
    let settings = EndpointSettings { price, ..EndpointSettings::default() };
    Part { endpoint: Arc::new(Endpoint::new(model, settings, pause)), sampling: lion_sampling(role) }
}

/// Knows capitals and nothing else.
fn student() -> ScriptedModel {
    let oracle = AtlasOracle::new(Atlas::built_in());
    ScriptedModel::new(move |request| {
        let query = request.query().unwrap_or_default();
        match query.to_lowercase().contains("capital") {
            true => Script::Say(oracle.answer(&[amend_proto::Message::user(query)])),
            false => Script::Say("no idea".into()),
        }
    })
}

fn cast(price: Price) -> Cast {
    let atlas = Atlas::built_in();
    Cast::new()
        .with(Role::Teacher, part(Role::Teacher, Arc::new(AtlasOracle::new(atlas)), price))
        .with(Role::Referee, part(Role::Referee, Arc::new(AtlasReferee::new(atlas)), price))
        .with(Role::Generator, part(Role::Generator, Arc::new(AtlasGenerator::new(atlas)), price))
}

fn unlearning() -> Unlearning {
    Unlearning(part(Role::Student, Arc::new(student()), Price::default()))
}

fn given(count: u64) -> Vec<Instruction> {
    let rows = Rows::new(Atlas::built_in(), 3, Split::Train);
    (0..count).map(|index| Instruction::new(rows.of_kind(Kind::Fact, index).query, Origin::Given)).collect()
}

fn settings() -> LionSettings {
    LionSettings { seed: 5, iterations: 2, instructions: 12, ..LionSettings::default() }
}

const ORACLES: &[Role] = &[Role::Referee, Role::Generator];

fn job<'a>(prompts: &'a crate::synth::prompts::Prompts, guard: &'a dyn SuiteGuard) -> LionJob<'a> {
    LionJob { given: given(30), settings: settings(), prompts, guard }
}

fn open(folder: &Path, cast: Cast, budget: Budget, control: Control) -> Asker {
    Asker::open(&folder.join("answers.jsonl"), cast, budget, control).unwrap()
}

fn whole(folder: &Path) -> (LionRun, usize) {
    let prompts = lion_prompts(None, ORACLES).unwrap();
    let mut asker = open(folder, cast(Price::default()), Budget::default(), Control::default());
    let run =
        block_on(run_lion(job(&prompts, &Unguarded), &mut asker, &mut unlearning(), &mut Silent)).unwrap();
    (run, asker.asked())
}

#[test]
fn what_the_student_does_not_know_is_hard_and_more_of_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (run, asked) = whole(folder.path());
    assert_eq!(run.ended, Ended::Finished);
    assert_eq!((run.iterations.len(), run.iterations[0].judged), (2, 30));
    let capitals = given(30).iter().filter(|one| one.text.to_lowercase().contains("capital")).count();
    assert_eq!(run.iterations[0].hard, 30 - capitals);
    assert!(run.iterations[0].teacher_score > 9.9 && run.iterations[0].student_score < 8.0);
    let oracle = AtlasOracle::new(Atlas::built_in());
    for row in &run.rows {
        assert_eq!(row.answer, oracle.answer(&[amend_proto::Message::user(&row.instruction.text)]));
        match &row.instruction.origin {
            Origin::Given => assert_eq!(row.iteration, 0),
            Origin::Written { because, iteration, .. } => {
                assert_eq!(*iteration, row.iteration);
                let capital = row.instruction.text.to_lowercase().contains("capital");
                assert!(!(capital && *because == Difficulty::Hard), "{:?}", row.instruction);
            }
        }
    }
    let texts: BTreeSet<&str> = run.rows.iter().map(|row| row.instruction.text.as_str()).collect();
    assert_eq!(texts.len(), run.rows.len(), "none is learned twice");
    let of = |iteration| run.rows.iter().filter(|row| row.iteration == iteration).count();
    assert!(of(0) == 30 && of(1) >= 8 && of(2) >= 8, "{} {} {}", of(0), of(1), of(2));
    let (again, asked_again) = whole(folder.path());
    assert_eq!((again, asked_again), (run, 0), "the log holds every answer");
    assert!(asked > 100);
}

/// Stops after so many lines of progress.
struct StopsAt(usize, Control);

impl SynthObserver for StopsAt {
    fn at(&mut self, _: &str, done: usize, _: usize) {
        if done > 0 {
            self.0 = self.0.saturating_sub(1);
        }
        if self.0 == 0 {
            self.1.stop();
        }
    }
    fn say(&mut self, _: &str) {}
}

#[test]
fn stopped_anywhere_it_goes_on_and_comes_to_the_same() {
    let (all, once) = whole(tempfile::tempdir().unwrap().path());
    for stop in [1, 40, 90, 170, 230] {
        let folder = tempfile::tempdir().unwrap();
        let prompts = lion_prompts(None, ORACLES).unwrap();
        let control = Control::default();
        let mut asker = open(folder.path(), cast(Price::default()), Budget::default(), control.clone());
        let mut observer = StopsAt(stop, control);
        let run = block_on(run_lion(job(&prompts, &Unguarded), &mut asker, &mut unlearning(), &mut observer))
            .unwrap();
        assert_eq!(run.ended, Ended::Stopped, "at {stop}");
        assert!(all.rows.starts_with(&run.rows), "what was made is part of the whole");
        let before = asker.asked();
        drop(asker);
        let (resumed, after) = whole(folder.path());
        assert_eq!((resumed, before + after), (all.clone(), once), "at {stop}: nothing is asked twice");
    }
}

#[test]
fn a_budget_ends_it_and_what_was_taught_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = lion_prompts(None, ORACLES).unwrap();
    let price = Price { input: 1.0, output: 1.0 };
    let budget = Budget { money: Some(0.002), tokens: None };
    let mut asker = open(folder.path(), cast(price), budget, Control::default());
    let run =
        block_on(run_lion(job(&prompts, &Unguarded), &mut asker, &mut unlearning(), &mut Silent)).unwrap();
    assert_eq!(run.ended, Ended::Budget);
    assert!(asker.ledger().total().money <= 0.002);
    assert!(!run.rows.is_empty());
}

#[test]
fn a_verdict_that_cannot_be_read_makes_nothing_easy() {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, atlas) = (lion_prompts(None, ORACLES).unwrap(), Atlas::built_in());
    let referee = AtlasReferee::new(atlas);
    let judge = ScriptedModel::new(move |request| {
        let task: serde_json::Value = serde_json::from_str(request.query().unwrap_or_default()).unwrap();
        let of = |field: &str| task[field].as_str().unwrap().to_owned();
        match of("instruction").to_lowercase().contains("capital") {
            true => Script::Say("I would rather not say: 8 or 9.".into()),
            false => {
                let score = |answer: &str| referee.score(&of("instruction"), &of(answer));
                Script::Say(format!("Answer 1: {}\nAnswer 2: {}", score("first"), score("second")))
            }
        }
    });
    let cast =
        cast(Price::default()).with(Role::Referee, part(Role::Referee, Arc::new(judge), Price::default()));
    let mut asker = open(folder.path(), cast, Budget::default(), Control::default());
    let job = LionJob { settings: LionSettings { iterations: 1, ..settings() }, ..job(&prompts, &Unguarded) };
    let run = block_on(run_lion(job, &mut asker, &mut unlearning(), &mut Silent)).unwrap();
    let capitals = given(30).iter().filter(|one| one.text.to_lowercase().contains("capital")).count();
    assert!(capitals > 2);
    let report = &run.iterations[0];
    assert_eq!((report.excluded, report.judged), (capitals, 30 - capitals));
    let stage = "iteration 1: discrimination";
    assert_eq!(run.counts.get(stage, "excluded: no verdict"), capitals as u64);
    let unread = run.counts.get(&format!("{stage}: referee"), "verdict that could not be read");
    assert_eq!(unread, (capitals * 2 * 3) as u64, "both orders, three tries each");
}

struct NoFrance;

impl SuiteGuard for NoFrance {
    fn suites(&self) -> Vec<GuardedSuite> {
        vec![GuardedSuite { name: "france".into(), fingerprint: "1".into(), items: 1 }]
    }
    fn rule(&self) -> String {
        "the word".into()
    }
    fn overlap(&self, text: &str) -> Option<Overlap> {
        let overlap = Overlap { suite: "france".into(), item: "1".into(), how: "the word".into() };
        text.contains("France").then_some(overlap)
    }
}

#[test]
fn what_a_suite_asks_is_never_learned() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = lion_prompts(None, ORACLES).unwrap();
    let mut asker = open(folder.path(), cast(Price::default()), Budget::default(), Control::default());
    let france = Instruction::new("What is the currency of France?", Origin::Given);
    let given = given(20).into_iter().chain([france.clone()]).collect();
    let job = LionJob { given, ..job(&prompts, &NoFrance) };
    let run = block_on(run_lion(job, &mut asker, &mut unlearning(), &mut Silent)).unwrap();
    assert!(
        run.rows.iter().all(|row| !row.instruction.text.contains("France") && !row.answer.contains("France"))
    );
    assert!(
        run.removed.first.iter().any(|removed| removed.id == france.id && removed.overlap.suite == "france")
    );
    assert!(run.counts.get("given", "asked by a suite") >= 1);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let prompts = lion_prompts(None, ORACLES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut asker = open(folder.path(), cast(Price::default()), Budget::default(), Control::default());
    let job =
        LionJob { settings: LionSettings { max_rouge: 7.0, ..settings() }, ..job(&prompts, &Unguarded) };
    let refused = block_on(run_lion(job, &mut asker, &mut unlearning(), &mut Silent));
    assert!(matches!(refused, Err(Error::Settings(text)) if text.contains("max_rouge")));
}

#[test]
fn the_templates_for_models_hold_what_they_are_given() -> Result<()> {
    let prompts = lion_prompts(None, &[])?;
    let parts = [("instruction", "Why?"), ("first", "Because."), ("second", "So.")];
    let text = prompts.message("referee", &parts)?.content;
    assert!(["Why?", "Because.", "So.", "Answer 2: <score>"].iter().all(|part| text.contains(part)));
    Ok(())
}

/// A teacher that refuses every other question, and answers the rest in German.
#[test]
fn refusals_are_left_out_and_answers_in_another_language_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = lion_prompts(None, ORACLES).unwrap();
    let teacher = ScriptedModel::new(|request| {
        let even = request.query().unwrap_or_default().len().is_multiple_of(2);
        Script::Say(match even {
            true => "I'm sorry, but I can't help with that.".to_owned(),
            false => "Das ist eine Frage, auf die es leider keine einfache Antwort gibt, sagte der Lehrer, \
                      denn die beiden Flüsse sind fast gleich lang und niemand hat sie bisher genau vermessen."
                .to_owned(),
        })
    });
    let cast =
        cast(Price::default()).with(Role::Teacher, part(Role::Teacher, Arc::new(teacher), Price::default()));
    let mut asker = open(folder.path(), cast, Budget::default(), Control::default());
    let ask = |n: usize| {
        let more = "now, ".repeat(n % 2);
        format!(
            "Could you please tell me {more}which of the two rivers with the number {n:02} is the longer one, \
             how many bridges there are, and what people who live near it usually do when the water rises in spring?"
        )
    };
    let given = (0..10).map(|n| Instruction::new(ask(n), Origin::Given)).collect();
    let settings = LionSettings { iterations: 0, ..settings() };
    let job = LionJob { given, settings, ..job(&prompts, &Unguarded) };
    let run = block_on(run_lion(job, &mut asker, &mut unlearning(), &mut Silent)).unwrap();
    let stage = "iteration 0: imitation";
    let even = (0..10).filter(|n| ask(*n).len().is_multiple_of(2)).count() as u64;
    assert_eq!(run.counts.get(stage, "refusal"), even, "{:?}", run.counts);
    assert_eq!(run.counts.get(stage, "learned"), 10 - even);
    assert_eq!(run.counts.get(&format!("{stage}: language"), "another than asked"), 10 - even);
    assert!(run.rows.iter().all(|row| row.answer.starts_with("Das")));
}
