use super::{
    FolderCache, MAX_ANSWER_BYTES, RunError, RunOptions,
    fixtures::{Timed, asked_about, group, list, mixed_suite, options, suite},
    run,
};
use crate::{
    exact::Progress,
    follow::{
        Category, FollowSuite,
        judge::{Judge, JudgeOptions, JudgePanel, Language},
        report::{FollowReport, ItemResult, Price, PriceTable, Void},
    },
};
use amend_proto::{
    ErrorKind, Priority, Sampling,
    testing::{Script, ScriptedModel},
};
use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn rules(groups: usize) -> Arc<FollowSuite> {
    suite((0..groups).map(|name| group(Category::Format, &name.to_string(), false)).collect())
}

/// Every item of [`group`] is satisfied by this answer.
const ALL: &str = "ok1 ok2 ok3 ok4 ok5";

fn judge(model: impl amend_proto::ChatModel) -> JudgePanel {
    let judge = Judge::new("j", Arc::new(model), Language::English);
    JudgePanel::new(vec![judge], JudgeOptions { call_retries: 0, ..JudgeOptions::default() }).unwrap()
}

fn satisfied(report: &FollowReport) -> usize {
    report.items.iter().filter(|item| item.hard() == Some(true)).count()
}

#[tokio::test]
async fn rules_and_judges_decide_and_errors_stand_apart() {
    let model = ScriptedModel::new(|request| match request.query().unwrap() {
        "Task format/1 with 3 added." => Script::Refuse(ErrorKind::ContextLength),
        "Task format/1 with 5 added." => Script::Say("ok4".to_owned()),
        _ => Script::Say(ALL.to_owned()),
    });
    let panel = judge(ScriptedModel::new(|request| {
        let count = asked_about(request);
        Script::Say(list(&(0..count).map(|n| n < 3).collect::<Vec<_>>()))
    }));
    struct Seen(AtomicUsize);
    impl Progress for Seen {
        fn answered(&self, done: usize, total: usize) {
            assert_eq!((done, total), (self.0.fetch_add(1, Ordering::SeqCst) + 1, 10));
        }
    }
    let seen = Seen(AtomicUsize::new(0));
    let report = run(&model, &mixed_suite(), &options(), Some(&panel), &seen).await.unwrap();
    assert_eq!(seen.0.into_inner(), 10);
    let (style, format) =
        (&report.scores.categories[&Category::Style], &report.scores.categories[&Category::Format]);
    assert_eq!(style.hsr, [Some(100.0), Some(100.0), Some(100.0), Some(0.0), Some(0.0)]);
    assert_eq!((style.ssr[3], style.ssr[4], style.csl), (Some(75.0), Some(60.0), Some(3.0)));
    assert_eq!(format.hsr, [Some(100.0), Some(100.0), None, Some(100.0), Some(0.0)]);
    assert_eq!((report.errors.count, report.errors.of, report.unparsed.of), (1, 10, 5));
    assert!(report.void.is_none());
    let failed = report.items.iter().find(|item| item.id == "format/1#3").unwrap();
    assert!(matches!(&failed.result, ItemResult::Failed { calls: 1, .. }));
    let ids: Vec<&str> = report.items.iter().map(|item| item.id.as_str()).collect();
    let expected: Vec<String> = mixed_suite().items.iter().map(crate::follow::Item::id).collect();
    assert_eq!(ids, expected, "items stand in the suite's order");
    let request = &model.seen()[0];
    assert_eq!((request.priority, &request.sampling), (Priority::Background, &options().sampling));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let model = ScriptedModel::echo();
    let one = group(Category::Style, "1", true);
    let run = async |suite: &Arc<FollowSuite>| run(&model, suite, &options(), None, &()).await.unwrap_err();
    assert!(matches!(run(&suite(Vec::new())).await, RunError::Empty(_)));
    let error = run(&suite(vec![one.clone(), one.clone()])).await;
    assert!(matches!(&error, RunError::DuplicateId { id, .. } if id == "style/1#1"), "{error}");
    let error = run(&suite(vec![one])).await;
    assert!(matches!(error, RunError::NoJudge { items: 5, .. }), "{error}");
    assert!(model.seen().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_fails_in_a_row_ends_the_run() {
    let fails = |kind: fn() -> ErrorKind| ScriptedModel::new(move |_| Script::Refuse(kind()));
    let options = RunOptions {
        concurrency: NonZeroUsize::MIN,
        give_up_after: NonZeroU32::new(3).unwrap(),
        retries: 1,
        ..options()
    };
    let down = fails(|| ErrorKind::Engine);
    let error = run(&down, &rules(2), &options, None, &()).await.unwrap_err();
    assert!(matches!(error, RunError::GaveUp { failures: 3, answered: 0, total: 10, .. }), "{error}");
    // Two more may have begun while the last one was counted.
    assert!((6..=10).contains(&down.seen().len()), "{}", down.seen().len());
    // What is wrong with the items is no fault of the endpoint.
    let refuses = fails(|| ErrorKind::ContextLength);
    let report = run(&refuses, &rules(2), &options, None, &()).await.unwrap();
    assert_eq!((report.errors.count, refuses.seen().len()), (10, 10));
}

#[tokio::test]
async fn failures_that_pass_are_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let model = ScriptedModel::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => Script::Refuse(ErrorKind::Overloaded { retry_after: Duration::from_millis(20) }),
        1 => Script::FailAfter("half of".to_owned()),
        _ => Script::Say(ALL.to_owned()),
    });
    let options = RunOptions { retries: 2, concurrency: NonZeroUsize::MIN, ..options() };
    let start = tokio::time::Instant::now();
    let report = run(&model, &rules(1), &options, None, &()).await.unwrap();
    assert_eq!((satisfied(&report), report.ledger.lines[0].calls), (5, 15));
    assert!(start.elapsed() >= Duration::from_millis(5 * 20));
    let ids: std::collections::HashSet<_> = model.seen().iter().map(|request| request.id.clone()).collect();
    assert_eq!(ids.len(), 15, "each try is a request of its own");
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_does_not_end_is_an_error() {
    let silent = ScriptedModel::new(|request| match request.query().unwrap().contains("with 2") {
        true => Script::Hold(String::new()),
        false => Script::Say(ALL.to_owned()),
    });
    let soon = RunOptions { deadline: Duration::from_millis(200), ..options() };
    let report = run(&silent, &rules(1), &soon, None, &()).await.unwrap();
    assert_eq!((report.errors.count, satisfied(&report), silent.running()), (1, 4, 0));
    let endless = Timed::new((0, 0), |_| "x".repeat(MAX_ANSWER_BYTES + 1));
    let report = run(&endless, &rules(1), &options(), None, &()).await.unwrap();
    let ItemResult::Failed { error, .. } = &report.items[0].result else { panic!("an answer") };
    assert!(error.contains("lower max_tokens"), "{error}");
}

#[tokio::test]
async fn never_more_at_once_than_allowed() {
    let model = Timed::new((50, 50), |_| ALL.to_owned());
    let verdicts = Timed::new((150, 0), |request| list(&vec![true; asked_about(request)]));
    let panel = judge(verdicts.clone());
    let (concurrency, groups) = (NonZeroUsize::new(3).unwrap(), 6);
    let suite = suite((0..groups).map(|n| group(Category::Style, &n.to_string(), n % 2 == 0)).collect());
    let options = RunOptions { concurrency, ..options() };
    let report = run(&model, &suite, &options, Some(&panel), &()).await.unwrap();
    assert_eq!(satisfied(&report), 30);
    assert_eq!((model.peak(), verdicts.peak()), (3, panel.options().concurrency.get()));
    let latency = report.latency;
    let (first, whole) = (latency.first_token_ms.unwrap(), latency.whole_ms.unwrap());
    // In the queue most wait several times as long.
    assert!((49.0..150.0).contains(&first.p50), "{first:?}: time in the queue is not the model's");
    assert!((99.0..250.0).contains(&whole.p50), "{whole:?}");
}

#[tokio::test]
async fn dropping_the_run_stops_it() {
    let model = Timed::new((200, 0), |_| ALL.to_owned());
    let suite = rules(4);
    let options = options();
    {
        let stopped =
            tokio::time::timeout(Duration::from_millis(500), run(&model, &suite, &options, None, &()));
        assert!(stopped.await.is_err());
    }
    let calls = model.calls();
    assert_eq!(model.running(), 0);
    // What was dropped is not asked again, however long one waits.
    tokio::task::yield_now().await;
    assert_eq!(model.calls(), calls);
    assert!(calls < 20, "{calls}");
}

#[tokio::test]
async fn a_run_that_was_cut_asks_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("generations.jsonl");
    let suite = mixed_suite();
    let ask = async || {
        let model = Timed::new((0, 0), |_| ALL.to_owned());
        let verdicts = Timed::new((0, 0), |request| list(&vec![true; asked_about(request)]));
        let panel = judge(verdicts.clone());
        let cache: Arc<dyn super::Cache> = Arc::new(FolderCache::open(folder.path()).unwrap());
        let options = RunOptions { cache: Some(cache), ..options() };
        let report = run(&model, &suite, &options, Some(&panel), &()).await.unwrap();
        assert_eq!(satisfied(&report), 10);
        let lines = &report.ledger.lines;
        assert_eq!([lines[0].cached + lines[0].calls, lines[1].cached + lines[1].calls], [10, 5]);
        assert_eq!(lines[0].calls as usize, model.calls());
        model.calls() + verdicts.calls()
    };
    assert_eq!(ask().await, 15);
    assert_eq!(ask().await, 0);
    let whole = std::fs::read(&file).unwrap();
    // Every place near the end of a line, and some within.
    let ends =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').flat_map(|(at, _)| [at - 1, at, at + 1]);
    for cut in (0..whole.len()).step_by(97).chain(ends) {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(ask().await, 15 - kept, "cut at byte {cut}");
        assert_eq!(ask().await, 0, "after the cut at byte {cut}");
    }
}

#[tokio::test]
async fn what_a_stopped_run_has_learned_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let model = Timed::new((100, 100), |_| ALL.to_owned());
    let cache: Arc<dyn super::Cache> = Arc::new(FolderCache::open(folder.path()).unwrap());
    let options = RunOptions { cache: Some(cache), ..options() };
    let suite = rules(4);
    let stopped = tokio::time::timeout(Duration::from_millis(500), run(&model, &suite, &options, None, &()));
    assert!(stopped.await.is_err());
    let (before, kept) = (model.calls(), FolderCache::open(folder.path()).unwrap().len());
    assert!(kept > 0 && before < 20, "{kept} of {before}");
    let report = run(&model, &suite, &options, None, &()).await.unwrap();
    assert_eq!(model.calls() - before, 20 - kept);
    assert_eq!((satisfied(&report), report.latency.cached), (20, kept));
}

#[tokio::test]
async fn other_settings_find_nothing_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache: Arc<dyn super::Cache> = Arc::new(FolderCache::open(folder.path()).unwrap());
    let model = ScriptedModel::new(|_| Script::Say(ALL.to_owned()));
    let plain = RunOptions { cache: Some(cache), ..options() };
    let seeded =
        RunOptions { sampling: Sampling { seed: Some(9), ..plain.sampling.clone() }, ..plain.clone() };
    let edited = RunOptions { model_state: Some("edits to 12".to_owned()), ..plain.clone() };
    for (options, calls) in [(&plain, 5), (&seeded, 10), (&edited, 15), (&plain, 15), (&edited, 15)] {
        run(&model, &rules(1), options, None, &()).await.unwrap();
        assert_eq!(model.seen().len(), calls);
    }
}

#[tokio::test]
async fn a_change_of_revision_voids_the_report() {
    let model = Timed::new((0, 0), |_| ALL.to_owned()).changing_at(4);
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(FolderCache::open(folder.path()).unwrap());
    let kept: Arc<dyn super::Cache> = Arc::clone(&cache) as _;
    let options = RunOptions { concurrency: NonZeroUsize::MIN, cache: Some(kept), ..options() };
    let report = run(&model, &rules(2), &options, None, &()).await.unwrap();
    let void = Void::Revision { expected: "scripted-1".to_owned(), found: "scripted-2".to_owned() };
    assert_eq!(report.void, Some(void));
    assert_eq!(
        (report.items.len(), report.suite.items, report.model.revision.as_str()),
        (3, 10, "scripted-1")
    );
    assert_eq!(cache.len(), 3, "the other revision's answer is not kept under this one's name");
}

#[tokio::test]
async fn a_change_of_judge_voids_the_report() {
    let verdicts = Timed::new((0, 0), |request| list(&vec![true; asked_about(request)]));
    let panel = judge(verdicts.changing_at(2));
    let model = ScriptedModel::new(|_| Script::Say(ALL.to_owned()));
    let report = run(&model, &mixed_suite(), &options(), Some(&panel), &()).await.unwrap();
    assert!(matches!(&report.void, Some(Void::Judge { found, .. }) if found == "scripted-2"));
    assert!(report.items.len() < 10);
}

#[tokio::test]
async fn a_revision_that_goes_live_after_the_last_answer_voids_it_too() {
    struct Later(Timed);
    #[async_trait::async_trait]
    impl amend_proto::ChatModel for Later {
        fn info(&self) -> amend_proto::ModelInfo {
            let revision = if self.0.calls() < 5 { "scripted-1" } else { "scripted-2" };
            amend_proto::ModelInfo { revision: revision.parse().unwrap(), ..self.0.info() }
        }
        async fn stream(
            &self,
            request: amend_proto::ChatRequest,
        ) -> Result<amend_proto::ChatStream, amend_proto::ModelError> {
            self.0.stream(request).await
        }
    }
    let model = Later(Timed::new((0, 0), |_| ALL.to_owned()));
    let report = run(&model, &rules(1), &options(), None, &()).await.unwrap();
    assert_eq!(report.items.len(), 5);
    assert!(matches!(report.void, Some(Void::Revision { .. })));
}

#[tokio::test]
async fn the_ledger_adds_up() {
    let model = Timed::new((0, 0), |_| ALL.to_owned());
    let panel = judge(ScriptedModel::new(|request| Script::Say(list(&vec![true; asked_about(request)]))));
    let price = |prompt, completion| Price { prompt, completion };
    let per_million = [("timed".to_owned(), price(2.0, 10.0)), ("scripted".to_owned(), price(1.0, 0.0))];
    let prices = PriceTable { currency: "EUR".to_owned(), per_million: per_million.into() };
    let options = RunOptions { prices, ..options() };
    let report = run(&model, &mixed_suite(), &options, Some(&panel), &()).await.unwrap();
    let [subject, judge] = &report.ledger.lines[..] else { panic!("two lines") };
    assert_eq!((subject.calls, subject.prompt_tokens, subject.completion_tokens), (10, 100, 200));
    // 100 tokens at 2 and 200 at 10 a million.
    assert!((subject.cost.unwrap() - 0.0022).abs() < 1e-12);
    assert_eq!((judge.calls, judge.cached), (5, 0));
    let judged = judge.prompt_tokens as f64 / 1e6;
    assert!((report.ledger.total.unwrap() - 0.0022 - judged).abs() < 1e-12 && judged > 0.0);
    let unpriced = run(&model, &mixed_suite(), &super::fixtures::options(), Some(&panel), &()).await.unwrap();
    assert_eq!(unpriced.ledger.total, None);
}

#[test]
fn any_thread_may_drive_a_run() {
    fn is_send(_: impl Send) {}
    let (model, suite, options) = (ScriptedModel::echo(), rules(1), options());
    is_send(run(&model, &suite, &options, None, &()));
}
