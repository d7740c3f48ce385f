//! The run.

use super::{
    Attempt, GenerateError, Generation, Keeper, Key, RunError, RunOptions, check, generate, key::Purpose,
};
use crate::{
    exact::Progress,
    follow::{
        Check, ConstraintOutcome, FollowSuite, Item, ItemOutcome,
        judge::{JudgePanel, JudgeStop, Language, Reading, Sitting},
        report::{Answered, FollowReport, ItemReport, ItemResult, Measured, Void},
    },
};
use amend_proto::{ChatModel, ChatRequest, Message, ModelInfo, Prompt};
use futures::{StreamExt, stream};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::Semaphore;

/// Asks every item, decides the answers and adds them up.
///
/// An item that the model fails on is reported as an error, and the others go on. Where another revision answers than the
/// one that [`info`](ChatModel::info) named at the start, or a judge changes, the run stops, and the report is
/// [void](FollowReport::void). Judges are asked beside the model, each panel with its own bound, so that neither waits
/// for the other.
///
/// # Errors
/// [`RunError`]: no report is made that is full of holes.
pub async fn run(
    model: &dyn ChatModel,
    suite: &Arc<FollowSuite>,
    options: &RunOptions,
    judges: Option<&JudgePanel>,
    progress: &dyn Progress,
) -> Result<FollowReport, RunError> {
    check_suite(suite, judges)?;
    let keeper = Keeper(options.cache.clone());
    let asked = Semaphore::new(options.concurrency.get());
    let sitting = judges.map(|panel| panel.sit(keeper.clone(), options.scorer, Language::of(suite)));
    let run = Run { model, info: model.info(), suite, options, keeper, asked, sitting };
    let finished = run.all(progress).await;
    // Also what a failing run has learned stays.
    let flushed = run.keeper.flush().await;
    let (items, void) = finished?;
    flushed?;
    let seats = run.sitting.map(Sitting::finish).unwrap_or_default();
    let (suite, options, panel) = (Arc::clone(suite), options.clone(), judges.cloned());
    let measured = Measured { suite, info: run.info, options, panel, seats, items, void };
    tokio::task::spawn_blocking(move || FollowReport::new(measured)).await.map_err(RunError::Report)
}

fn check_suite(suite: &FollowSuite, judges: Option<&JudgePanel>) -> Result<(), RunError> {
    let name = || suite.name.clone();
    if suite.items.is_empty() {
        return Err(RunError::Empty(name()));
    }
    let mut seen = HashSet::with_capacity(suite.items.len());
    if let Some(id) = suite.items.iter().map(Item::id).find(|id| !seen.insert(id.clone())) {
        return Err(RunError::DuplicateId { suite: name(), id });
    }
    let judged = suite.items.iter().filter(|item| matches!(item.check, Check::Judge)).count();
    match (judged, judges) {
        (1.., None) => Err(RunError::NoJudge { suite: name(), items: judged }),
        _ => Ok(()),
    }
}

struct Run<'a> {
    model: &'a dyn ChatModel,
    info: ModelInfo,
    suite: &'a Arc<FollowSuite>,
    options: &'a RunOptions,
    keeper: Keeper,
    /// One permit for each request to the model.
    asked: Semaphore,
    sitting: Option<Sitting<'a>>,
}

/// Why one item ends the run.
enum Stop {
    Void(Void),
    Error(RunError),
}

/// What became of one item, and whether the endpoint was at fault.
struct Done {
    report: ItemReport,
    infrastructure: Option<String>,
}

impl Run<'_> {
    async fn all(&self, progress: &dyn Progress) -> Result<(Vec<ItemReport>, Option<Void>), RunError> {
        let total = self.suite.items.len();
        let mut reports: Vec<Option<ItemReport>> = Vec::new();
        reports.resize_with(total, || None);
        // Items that wait for a judge keep no item from being asked.
        let width = self.options.concurrency.get() + self.sitting.as_ref().map_or(1, Sitting::width);
        let mut items = stream::iter(0..total)
            .map(|index| async move { (index, self.one(index).await) })
            .buffer_unordered(width);
        let (mut done, mut in_a_row, mut void) = (0, 0, None);
        while let Some((index, result)) = items.next().await {
            let Done { report, infrastructure } = match result {
                Ok(done) => done,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Void(why)) => {
                    void = Some(why);
                    break;
                }
            };
            reports[index] = Some(report);
            in_a_row = if infrastructure.is_some() { in_a_row + 1 } else { 0 };
            if let Some(last) = infrastructure.filter(|_| in_a_row >= self.options.give_up_after.get()) {
                return Err(self.gave_up(in_a_row, last, &reports));
            }
            done += 1;
            progress.answered(done, total);
        }
        drop(items);
        let void = void.or_else(|| self.changed_since());
        Ok((reports.into_iter().flatten().collect(), void))
    }

    fn gave_up(&self, failures: u32, last: String, reports: &[Option<ItemReport>]) -> RunError {
        let answered = reports.iter().flatten().filter(|report| report.answered().is_some()).count();
        let (suite, total) = (self.suite.name.clone(), reports.len());
        RunError::GaveUp { suite, failures, last, answered, total }
    }

    /// A revision that went live after the last answer: what was measured is not what serves.
    fn changed_since(&self) -> Option<Void> {
        let (expected, found) = (&self.info.revision, self.model.info().revision);
        (found != *expected)
            .then(|| Void::Revision { expected: expected.to_string(), found: found.to_string() })
    }

    async fn one(&self, index: usize) -> Result<Done, Stop> {
        let item = &self.suite.items[index];
        let permit = self.asked.acquire().await.expect("the semaphore is never closed");
        let asked = self.ask(item).await;
        drop(permit);
        let (generation, calls) = match asked {
            Ok(answer) => answer,
            Err(AskError::Stop(stop)) => return Err(stop),
            Err(AskError::Failed { error, calls }) => {
                let infrastructure = error.is_infrastructure().then(|| error.to_string());
                let result = ItemResult::Failed { error: error.to_string(), calls };
                return Ok(Done { report: ItemReport::new(item, result), infrastructure });
            }
        };
        let (constraints, readings) = self.decide(index, &generation).await?;
        let (group, category, level) = (item.group.clone(), item.category, item.level);
        let outcome = ItemOutcome { group, category, level, constraints };
        let answered = Answered::new(outcome, generation, calls, readings);
        let report = ItemReport::new(item, ItemResult::Answered(Box::new(answered)));
        Ok(Done { report, infrastructure: None })
    }

    /// The answer, from the cache or the model, and how many calls it took: none from the cache.
    async fn ask(&self, item: &Item) -> Result<(Generation, u32), AskError> {
        let stop = |error: super::CacheError| AskError::Stop(Stop::Error(error.into()));
        let purpose = Purpose::Answer { state: self.options.model_state.as_deref() };
        let decides = (item.instruction(), &self.options.sampling);
        let key = Key::new(purpose, &self.info, &item.id(), decides);
        if let Some(kept) = self.keeper.get(key).await.map_err(stop)? {
            return Ok((kept, 0));
        }
        let mut request = ChatRequest::new(Prompt::Chat(vec![Message::user(item.instruction())]));
        request.sampling = self.options.sampling.clone();
        request.priority = self.options.priority;
        request.tenant = self.options.tenant.clone();
        let attempt = Attempt {
            model: self.model,
            revision: &self.info.revision,
            deadline: self.options.deadline,
            retries: self.options.retries,
        };
        match generate(&attempt, &request).await {
            (Ok(generation), calls) => {
                self.keeper.put(key, generation.clone()).await.map_err(stop)?;
                Ok((generation, calls))
            }
            (Err(GenerateError::OtherRevision { expected, found }), _) => {
                let (expected, found) = (expected.to_string(), found.to_string());
                Err(AskError::Stop(Stop::Void(Void::Revision { expected, found })))
            }
            (Err(error), calls) => Err(AskError::Failed { error, calls }),
        }
    }

    async fn decide(
        &self,
        index: usize,
        generation: &Generation,
    ) -> Result<(Vec<ConstraintOutcome>, Vec<Reading>), Stop> {
        let item = &self.suite.items[index];
        if matches!(item.check, Check::Judge) {
            let sitting = self.sitting.as_ref().expect("the suite was checked for judged items");
            let judgement = sitting.judge(item, &generation.text).await.map_err(|stop| match stop {
                JudgeStop::Changed { judge, expected, found } => {
                    Stop::Void(Void::Judge { judge, expected, found })
                }
                JudgeStop::Cache(error) => Stop::Error(error.into()),
            })?;
            return Ok((check::judged(&judgement.verdicts), judgement.readings));
        }
        let (suite, text, scorer) = (Arc::clone(self.suite), generation.text.clone(), self.options.scorer);
        let decided =
            tokio::task::spawn_blocking(move || check::decide(&suite.items[index], &text, scorer)).await;
        match decided {
            Ok(constraints) => Ok((constraints.unwrap_or_default(), Vec::new())),
            Err(source) => Err(Stop::Error(RunError::Check { item: item.id(), source })),
        }
    }
}

enum AskError {
    Stop(Stop),
    Failed { error: GenerateError, calls: u32 },
}
