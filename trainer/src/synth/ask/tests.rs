use super::*;
use crate::bmc::Control;
use crate::preference::bridge::{Pause, Retries};
use amend_proto::{
    ErrorKind, Message, Sampling,
    testing::{Script, ScriptedModel},
};
use futures::{FutureExt, executor::block_on};
use proptest::prelude::*;
use std::{
    io::Write,
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::tempdir;

fn no_pause() -> Pause {
    Arc::new(|_| async {}.boxed())
}

fn settings() -> EndpointSettings {
    let retries = Retries { times: 2, failures_in_a_row: 2, ..Retries::default() };
    EndpointSettings { concurrency: NonZeroUsize::new(2).unwrap(), retries, ..EndpointSettings::default() }
}

fn cast(model: &ScriptedModel, settings: EndpointSettings) -> Cast {
    let endpoint = Arc::new(Endpoint::new(Arc::new(model.clone()), settings, no_pause()));
    let sampling = Sampling { max_tokens: Some(8), ..Sampling::greedy() };
    Cast::new().with(Role::Teacher, Part { endpoint, sampling })
}

fn asker(folder: &Path, model: &ScriptedModel, budget: Budget) -> Asker {
    let path = folder.join("answers.jsonl");
    Asker::open(&path, cast(model, settings()), budget, Control::default()).unwrap()
}

fn question(text: &str) -> Question {
    Question { role: Role::Teacher, messages: vec![Message::user(text)], seed: 1, max_tokens: None }
}

fn echo() -> ScriptedModel {
    ScriptedModel::new(|request| match request.query().unwrap_or_default() {
        "empty" => Script::Say(" \n".into()),
        "refuse" => Script::Refuse(ErrorKind::ContextLength),
        "down" => Script::Refuse(ErrorKind::Engine),
        other => Script::Say(format!(" {other}! ")),
    })
}

fn said(text: &str) -> Option<Reply> {
    Some(Reply::Said { text: text.to_owned() })
}

#[test]
fn every_question_is_asked_once_and_another_seed_is_another_question() {
    let folder = tempdir().unwrap();
    let model = echo();
    let first = asker(folder.path(), &model, Budget::default());
    let asked = ["a", "empty", "refuse"].map(question).to_vec();
    let batch = block_on(first.all(asked.clone(), &mut |_| {}));
    assert_eq!(batch.replies[..2], [said("a!"), Some(Reply::Empty)]);
    assert!(matches!(batch.replies[2], Some(Reply::Refused { .. })) && batch.halt.is_none());
    let spent = first.ledger().total();
    assert_eq!((first.asked(), spent.requests), (3, 3));
    assert!(matches!(
        Asker::open(&folder.path().join("answers.jsonl"), Cast::new(), Budget::default(), Control::default()),
        Err(crate::Error::Busy(_))
    ));
    drop(first);
    let second = asker(folder.path(), &model, Budget::default());
    assert_eq!(block_on(second.all(asked, &mut |_| {})).replies, batch.replies);
    assert_eq!((second.asked(), second.ledger().total()), (0, spent), "what was paid is known");
    let other = Question { seed: 2, ..question("a") };
    assert_eq!(block_on(second.ask(&other)).unwrap(), said("a!"));
    assert_eq!(second.asked(), 1);
}

#[test]
fn a_line_that_a_crash_has_cut_is_asked_again_and_nothing_else_is() {
    let folder = tempdir().unwrap();
    let model = echo();
    let path = folder.path().join("answers.jsonl");
    block_on(
        asker(folder.path(), &model, Budget::default()).all(["a", "b"].map(question).to_vec(), &mut |_| {}),
    );
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap();
    let again = asker(folder.path(), &model, Budget::default());
    let batch = block_on(again.all(["a", "b"].map(question).to_vec(), &mut |_| {}));
    assert_eq!((batch.replies, again.asked()), (vec![said("a!"), said("b!")], 1));
    drop(again);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"nonsense\n").unwrap();
    let refused = AnswerLog::open(&path, &mut |_, _| {}).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("answer 3"), "{refused}");
}

#[test]
fn the_budget_is_never_overdrawn_and_what_was_paid_before_counts() {
    let folder = tempdir().unwrap();
    let model = echo();
    let (path, asked) = (folder.path().join("answers.jsonl"), ["a", "b", "c", "d", "e", "f"].map(question));
    let price = Price { input: 1e6, output: 1e6 };
    let open = |money| {
        let budget = Budget { money: Some(money), tokens: None };
        let cast = cast(&model, EndpointSettings { price, ..settings() });
        Asker::open(&path, cast, budget, Control::default()).unwrap()
    };
    let first = open(18.0);
    let batch = block_on(first.all(asked.to_vec(), &mut |_| {}));
    assert!(matches!(batch.halt, Some(Halt::Budget)));
    let spent = first.ledger().total();
    assert!(spent.money <= 18.0 && spent.requests > 0, "{spent:?}");
    let given = batch.replies.iter().flatten().count();
    assert!(given > 0 && given < asked.len());
    drop(first);
    let again = open(spent.money);
    let batch = block_on(again.all(asked.to_vec(), &mut |_| {}));
    assert!(matches!(batch.halt, Some(Halt::Budget)) && again.asked() == 0, "nothing is left");
    drop(again);
    let richer = open(1e3);
    let batch = block_on(richer.all(asked.to_vec(), &mut |_| {}));
    assert!(batch.halt.is_none() && batch.replies.iter().all(Option::is_some));
    assert_eq!(richer.asked() + given, asked.len());
}

#[test]
fn one_question_that_fails_takes_no_other_down_and_a_dead_model_ends_the_run() {
    let folder = tempdir().unwrap();
    let model = echo();
    let one = asker(folder.path(), &model, Budget::default());
    let batch = block_on(one.all(["down", "a"].map(question).to_vec(), &mut |_| {}));
    assert_eq!((batch.replies, batch.failed), (vec![None, said("a!")], 1));
    assert_eq!(one.asked(), 4, "three tries and one");
    let dead = ["down", "down", "down", "down"].map(question).to_vec();
    let batch = block_on(one.all(dead, &mut |_| {}));
    assert!(matches!(batch.halt, Some(Halt::Failed(crate::Error::Role { .. }))));
}

#[test]
fn a_role_that_nobody_plays_is_an_error_that_says_so() {
    let folder = tempdir().unwrap();
    let one = asker(folder.path(), &echo(), Budget::default());
    let asked = Question { role: Role::Referee, ..question("a") };
    let Err(Halt::Failed(error)) = block_on(one.ask(&asked)) else { panic!("it was asked") };
    assert!(error.to_string().contains("referee"), "{error}");
}

#[test]
fn a_minutes_requests_and_tokens_are_waited_for() {
    let folder = tempdir().unwrap();
    let waited = Arc::new(Mutex::new(Duration::ZERO));
    let (sum, model) = (Arc::clone(&waited), echo());
    // Waits for true: the limiter's clock is the machine's.
    let pause: Pause = Arc::new(move |time| {
        *sum.lock().unwrap() += time;
        async move { std::thread::sleep(time) }.boxed()
    });
    let rates =
        Rates { requests_per_minute: NonZeroU32::new(6_000), tokens_per_minute: NonZeroU32::new(60_000) };
    let settings = EndpointSettings { rates, ..settings() };
    let endpoint = Arc::new(Endpoint::new(Arc::new(model), settings, pause));
    let sampling = Sampling { max_tokens: Some(30_000), ..Sampling::greedy() };
    let cast = Cast::new().with(Role::Teacher, Part { endpoint, sampling });
    let path = folder.path().join("answers.jsonl");
    let one = Asker::open(&path, cast, Budget::default(), Control::default()).unwrap();
    assert!(block_on(one.all(["a"].map(question).to_vec(), &mut |_| {})).halt.is_none());
    assert_eq!(*waited.lock().unwrap(), Duration::ZERO, "a quiet minute's tokens are there at once");
    let short = Question { max_tokens: Some(30_050), ..question("b") };
    assert!(block_on(one.ask(&short)).is_ok());
    assert!(
        *waited.lock().unwrap() > Duration::from_millis(20),
        "some tokens too many: a thousand come in a second"
    );
}

#[test]
fn stopped_it_asks_nothing_more() {
    let folder = tempdir().unwrap();
    let (model, control) = (echo(), Control::default());
    let path = folder.path().join("answers.jsonl");
    let one = Asker::open(&path, cast(&model, settings()), Budget::default(), control.clone()).unwrap();
    let mut after_one = |done: usize| {
        if done == 1 {
            control.stop();
        }
    };
    let batch = block_on(one.all(["a", "b", "c", "d", "e"].map(question).to_vec(), &mut after_one));
    assert!(matches!(batch.halt, Some(Halt::Stopped)) && one.asked() < 5);
}

proptest! {
    #[test]
    fn what_is_kept_is_found_whatever_it_says(texts in proptest::collection::vec(any::<String>(), 1..12)) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let kept = |(at, text): (usize, &String)| Kept {
            key: crate::digest::hex(&crate::digest::of_parts([at.to_string().as_str()])),
            role: "teacher".into(),
            reply: Reply::Said { text: text.clone() },
            spent: Spent { requests: 1, ..Spent::default() },
        };
        let all: Vec<Kept> = texts.iter().enumerate().map(kept).collect();
        let mut log = AnswerLog::open(&path, &mut |_, _| {}).unwrap();
        for kept in &all {
            log.append(kept).unwrap();
        }
        drop(log);
        let mut requests = 0;
        let mut log = AnswerLog::open(&path, &mut |_, spent| requests += spent.requests).unwrap();
        prop_assert_eq!((requests, log.len()), (all.len() as u64, all.len()));
        for kept in &all {
            prop_assert_eq!(log.get(&kept.key).unwrap(), Some(kept.reply.clone()));
        }
        prop_assert_eq!(log.get(&"0".repeat(64)).unwrap(), None);
    }
}
