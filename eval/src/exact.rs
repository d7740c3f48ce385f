//! Greedy answers compared with expected ones, character for character.

use crate::{
    report::{ExactReport, FAILURES_KEPT, Failure, GroupScore, SCHEMA, wilson},
    suite::{Item, Suite, SuiteError},
};
use amend_proto::{ChatModel, ChatRequest, Priority};
use futures::{StreamExt, stream};
use std::{collections::HashMap, num::NonZeroUsize};

/// Told after each answer.
pub trait Progress: Sync {
    /// `done` of `total` items have been answered.
    fn answered(&self, done: usize, total: usize);
}

/// Tells nobody.
impl Progress for () {
    fn answered(&self, _done: usize, _total: usize) {}
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactOptions {
    /// Requests under way at once.
    pub concurrency: NonZeroUsize,
    /// Most tokens of an answer. An answer that is cut cannot be exact.
    pub max_tokens: u32,
    /// Whether live users go first.
    pub priority: Priority,
}

/// One item's outcome: the answer, or why there is none.
type Outcome = Result<String, String>;

/// Asks every item of the suite and scores the answers: an answer counts when it equals the expected one after white
/// space at both ends is taken off.
///
/// An item that fails with an error counts as wrong and is reported as an error; the others go on.
///
/// # Errors
/// [`SuiteError`] when the suite is empty or ambiguous.
pub async fn run(
    model: &dyn ChatModel,
    suite: &Suite,
    options: ExactOptions,
    progress: &dyn Progress,
) -> Result<ExactReport, SuiteError> {
    suite.check()?;
    let total = suite.items.len();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; total];
    let mut answers = stream::iter(suite.items.iter().enumerate())
        .map(|(index, item)| async move { (index, ask(model, item, options).await) })
        .buffer_unordered(options.concurrency.get());
    let mut done = 0;
    while let Some((index, outcome)) = answers.next().await {
        outcomes[index] = Some(outcome);
        done += 1;
        progress.answered(done, total);
    }
    let info = model.info();
    Ok(ExactReport {
        schema: SCHEMA.to_owned(),
        suite: suite.name.clone(),
        seed: suite.seed,
        model: info.id.to_string(),
        revision: info.revision.to_string(),
        groups: score(&suite.items, outcomes.into_iter().flatten()),
    })
}

async fn ask(model: &dyn ChatModel, item: &Item, options: ExactOptions) -> Outcome {
    let mut request = ChatRequest::greedy(item.messages.clone());
    request.sampling.max_tokens = Some(options.max_tokens);
    request.priority = options.priority;
    match model.complete(request).await {
        Ok(completion) => Ok(completion.text.trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn score(items: &[Item], outcomes: impl Iterator<Item = Outcome>) -> Vec<GroupScore> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<GroupScore> = Vec::new();
    for (item, outcome) in items.iter().zip(outcomes) {
        let place = *places.entry(&item.group).or_insert_with(|| {
            groups.push(GroupScore {
                group: item.group.clone(),
                items: 0,
                exact: 0,
                errors: 0,
                rate: 0.0,
                interval: [0.0, 1.0],
                failures: Vec::new(),
            });
            groups.len() - 1
        });
        count(&mut groups[place], item, outcome);
    }
    for group in &mut groups {
        group.rate = group.exact as f64 / group.items as f64;
        group.interval = wilson(group.exact, group.items);
    }
    groups
}

fn count(group: &mut GroupScore, item: &Item, outcome: Outcome) {
    group.items += 1;
    let got = match outcome {
        Ok(answer) if answer == item.expected.trim() => {
            group.exact += 1;
            return;
        }
        Ok(answer) => answer,
        Err(error) => {
            group.errors += 1;
            format!("error: {error}")
        }
    };
    if group.failures.len() < FAILURES_KEPT {
        group.failures.push(Failure {
            id: item.id.clone(),
            asked: item.messages.last().map(|m| m.content.clone()).unwrap_or_default(),
            expected: item.expected.clone(),
            got,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{
        ErrorKind, Message,
        testing::{Script, ScriptedModel},
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn item(id: &str, group: &str, asked: &str, expected: &str) -> Item {
        Item {
            id: id.to_owned(),
            group: group.to_owned(),
            messages: vec![Message::user(asked)],
            expected: expected.to_owned(),
        }
    }

    fn options() -> ExactOptions {
        ExactOptions { concurrency: NonZeroUsize::new(3).unwrap(), max_tokens: 16, priority: Priority::Live }
    }

    fn suite(items: Vec<Item>) -> Suite {
        Suite { name: "test".to_owned(), seed: 7, items }
    }

    #[tokio::test]
    async fn counts_right_wrong_and_failed_answers_apart() {
        let model = ScriptedModel::new(|request| match request.query() {
            Some("fail") => Script::Refuse(ErrorKind::Engine),
            Some(text) => Script::Say(text.to_owned()),
            None => Script::Say(String::new()),
        });
        let suite = suite(vec![
            item("1", "a", "Paris", "Paris"),
            item("2", "a", "Paris ", "Paris"),
            item("3", "b", "paris", "Paris"),
            item("4", "a", "fail", "Paris"),
        ]);
        let answered = AtomicUsize::new(0);
        struct Last<'a>(&'a AtomicUsize);
        impl Progress for Last<'_> {
            fn answered(&self, done: usize, total: usize) {
                assert_eq!(total, 4);
                self.0.store(done, Ordering::SeqCst);
            }
        }
        let report = run(&model, &suite, options(), &Last(&answered)).await.unwrap();
        assert_eq!(answered.load(Ordering::SeqCst), 4);
        let (a, b) = (report.group("a").unwrap(), report.group("b").unwrap());
        assert_eq!((a.items, a.exact, a.errors), (3, 2, 1));
        assert_eq!((b.items, b.exact, b.errors), (1, 0, 0));
        assert_eq!(b.failures[0].got, "paris");
        assert!(a.failures[0].got.starts_with("error: "));
        insta::assert_snapshot!(report, @r"
        test (seed 7) on scripted scripted-1
        group  items  exact   rate  95 % interval  errors
        a          3      2  0.667  0.208 – 0.939       1
        b          1      0  0.000  0.000 – 0.793       0
        ");
    }

    #[tokio::test]
    async fn refuses_an_ambiguous_suite() {
        let model = ScriptedModel::echo();
        let twice = suite(vec![item("1", "a", "x", "x"), item("1", "a", "y", "y")]);
        let error = run(&model, &twice, options(), &()).await.unwrap_err();
        assert_eq!(error, SuiteError::DuplicateId { suite: "test".to_owned(), id: "1".to_owned() });
        assert!(run(&model, &suite(Vec::new()), options(), &()).await.is_err());
    }
}
