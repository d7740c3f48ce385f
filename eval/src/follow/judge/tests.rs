use super::{
    CalibrationSet, Judge, JudgeId, JudgeOptions, JudgePanel, JudgeRating, Language, PanelError,
    ReadingResult, rate,
};
use crate::follow::{
    Category, Scorer, Verdict,
    report::FollowReport,
    run::{
        FolderCache, RunOptions,
        fixtures::{Timed, asked_about, group, list, options, suite},
        run,
    },
};
use amend_proto::{
    ChatModel, ChatRequest, ErrorKind,
    testing::{Script, ScriptedModel},
};
use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

fn panel(models: Vec<Arc<dyn ChatModel>>, options: JudgeOptions) -> JudgePanel {
    let judge = |(number, model)| Judge::new(format!("j{number}"), model, Language::English);
    JudgePanel::new(models.into_iter().enumerate().map(judge).collect(), options).unwrap()
}

fn scripted(says: impl Fn(&ChatRequest) -> Script + Send + Sync + 'static) -> Arc<dyn ChatModel> {
    Arc::new(ScriptedModel::new(says))
}

/// Says YES to every constraint.
fn yes(request: &ChatRequest) -> Script {
    Script::Say(list(&vec![true; asked_about(request)]))
}

async fn judged(panel: &JudgePanel, options: &RunOptions) -> FollowReport {
    let model = ScriptedModel::new(|_| Script::Say("An answer.".to_owned()));
    let suite = suite(vec![group(Category::Style, "1", true), group(Category::Style, "2", true)]);
    run(&model, &suite, options, Some(panel), &()).await.unwrap()
}

/// The items whose verdicts could not be read; all others are satisfied.
fn unread(report: &FollowReport) -> Vec<&str> {
    let unread: Vec<&str> =
        report.items.iter().filter(|item| item.hard().is_none()).map(|item| item.id.as_str()).collect();
    let met = report.items.iter().filter(|item| item.hard() == Some(true)).count();
    assert_eq!(met + unread.len(), 10);
    assert_eq!((report.unparsed.count, report.unparsed.of), (unread.len(), 10));
    unread
}

/// Bad on one item, good on the others.
fn bad_at_one(bad: fn() -> Script) -> Arc<dyn ChatModel> {
    scripted(move |request| match request.query().unwrap().contains("Task style/2 with 3 added.") {
        true if asked_about(request) == 3 => bad(),
        _ => yes(request),
    })
}

/// A deadline that a test can wait for.
fn soon() -> JudgeOptions {
    JudgeOptions { deadline: Duration::from_millis(200), ..JudgeOptions::default() }
}

#[tokio::test]
async fn whatever_a_judge_returns_instead_of_verdicts_is_unparsed() {
    type Bad = fn() -> Script;
    let cases: [(&str, Bad); 7] = [
        ("prose", || Script::Say("I think the text is rather good, and meets what was asked.".to_owned())),
        ("bait", || Script::Say("[__import__('os').system('touch /tmp/judged'), 'YES', 'YES']".to_owned())),
        ("code", || Script::Say("['YES'] * 3".to_owned())),
        ("too few", || Script::Say("['YES', 'NO']".to_owned())),
        ("nothing", || Script::Say(String::new())),
        ("500", || Script::Refuse(ErrorKind::Engine)),
        ("silence", || Script::Hold(String::new())),
    ];
    for (name, bad) in cases {
        let panel = panel(vec![bad_at_one(bad)], soon());
        let report = judged(&panel, &options()).await;
        assert_eq!(unread(&report), ["style/2#3"], "{name}");
        let item = report.items.iter().find(|item| item.id == "style/2#3").unwrap();
        let answered = item.answered().unwrap();
        assert!(answered.outcome.constraints.iter().all(|one| one.verdict == Verdict::Unparsed), "{name}");
        let failed = matches!(answered.readings[0].result, ReadingResult::Failed(_));
        assert_eq!(failed, matches!(name, "500" | "silence"), "{name}");
        // Three replies, or the call and its second try.
        assert_eq!(answered.readings[0].calls, if failed { 2 } else { 3 }, "{name}");
    }
    assert!(!std::path::Path::new("/tmp/judged").exists());
}

#[tokio::test]
async fn a_judge_that_repeats_the_question_says_nothing() {
    let model = ScriptedModel::new(|request| {
        let level = request
            .query()
            .unwrap()
            .split("with ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        Script::Say(format!("All are met.\n{}", list(&vec![true; level])))
    });
    let echo = Arc::new(ScriptedModel::echo());
    for language in [Language::English, Language::Chinese] {
        let judge = Judge::new("echo", Arc::clone(&echo) as _, language);
        let panel = JudgePanel::new(vec![judge], JudgeOptions::default()).unwrap();
        let suite = suite(vec![group(Category::Style, "1", true)]);
        let report = run(&model, &suite, &options(), Some(&panel), &()).await.unwrap();
        assert_eq!(report.unparsed.count, 5, "{language:?}");
    }
}

#[tokio::test]
async fn a_dead_judge_holds_nobody_up_for_long() {
    let dead = Arc::new(ScriptedModel::new(|_| Script::Hold(String::new())));
    let options = JudgeOptions {
        concurrency: NonZeroUsize::MIN,
        give_up_after: NonZeroU32::new(3).unwrap(),
        call_retries: 0,
        ..soon()
    };
    let panel = panel(vec![Arc::clone(&dead) as Arc<dyn ChatModel>], options);
    let start = tokio::time::Instant::now();
    let report = judged(&panel, &super::super::run::fixtures::options()).await;
    assert!(start.elapsed() >= Duration::from_millis(3 * 200));
    assert_eq!((unread(&report).len(), dead.seen().len(), dead.running()), (10, 3, 0));
    assert!(report.judges[0].seat.gave_up);
    let not_asked = |item: &crate::follow::report::ItemReport| {
        item.answered().unwrap().readings[0].result == ReadingResult::NotAsked
    };
    assert_eq!(report.items.iter().filter(|item| not_asked(item)).count(), 7);
    assert_eq!(report.scores.overall.csl, None);
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_is_asked_for_again_with_another_seed() {
    let fussy = Arc::new(ScriptedModel::new(|request| match request.sampling.seed {
        Some(5 | 6) => Script::Say("Let me think.".to_owned()),
        _ => yes(request),
    }));
    let asked = JudgeOptions { seed: 5, ..JudgeOptions::default() };
    let strict = panel(vec![Arc::clone(&fussy) as Arc<dyn ChatModel>], asked);
    let report = judged(&strict, &options()).await;
    assert!(unread(&report).is_empty());
    let drawn: Vec<_> = fussy.seen().iter().map(|r| (r.sampling.seed, r.sampling.temperature)).collect();
    for expected in [(Some(5), Some(0.0)), (Some(6), Some(0.7)), (Some(7), Some(0.7))] {
        assert_eq!(drawn.iter().filter(|one| **one == expected).count(), 10);
    }
    // The reference asks once.
    let legacy = RunOptions { scorer: Scorer::Legacy, ..options() };
    let report = judged(&strict, &legacy).await;
    assert_eq!((unread(&report).len(), fussy.seen().len()), (10, 40));
}

#[tokio::test]
async fn judges_are_kept_apart_and_nothing_is_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(FolderCache::open(folder.path()).unwrap());
    let options = RunOptions { cache: Some(cache), ..options() };
    let (one, other) = (Arc::new(ScriptedModel::new(yes)), Arc::new(ScriptedModel::new(yes)));
    let both = panel(vec![Arc::clone(&one) as _, Arc::clone(&other) as _], JudgeOptions::default());
    judged(&both, &options).await;
    assert_eq!([one.seen().len(), other.seen().len()], [10, 10]);
    let again = judged(&both, &options).await;
    assert_eq!([one.seen().len(), other.seen().len()], [10, 10]);
    assert!(again.ledger.lines[1..].iter().all(|line| (line.calls, line.cached) == (0, 10)));
}

#[tokio::test]
async fn a_panel_decides_by_majority_and_says_how_far_it_agrees() {
    // Of 30 constraints: the first says YES to all but the last of each answer, the second to all but the first.
    let but = |wrong: fn(usize, usize) -> bool| {
        scripted(move |request| {
            let count = asked_about(request);
            Script::Say(list(&(0..count).map(|n| !wrong(n, count)).collect::<Vec<_>>()))
        })
    };
    let models = vec![but(|n, count| n + 1 == count), but(|n, _| n == 0), scripted(yes)];
    let report = judged(&panel(models, JudgeOptions::default()), &options()).await;
    let style = &report.scores.categories[&Category::Style];
    // At level 1 both say NO of the only constraint; above, each is outvoted by the two others.
    assert_eq!(style.hsr.map(Option::unwrap), [0.0, 100.0, 100.0, 100.0, 100.0]);
    let agreement: Vec<_> = report
        .agreements
        .iter()
        .map(|pair| (pair.constraints, pair.agreement.unwrap(), pair.kappa))
        .collect();
    // 14 of 30 equal (both NO of 2), each with 20 YES: (14/30 - 5/9) / (4/9) = -0.2.
    let [first, second, third] = agreement[..] else { panic!("three pairs") };
    assert_eq!((first.0, second.0, third.0), (30, 30, 30));
    assert!((first.1 - 14.0 / 30.0).abs() < 1e-12 && (first.2.unwrap() + 0.2).abs() < 1e-12, "{first:?}");
    assert!((second.1 - 20.0 / 30.0).abs() < 1e-12 && second.2.unwrap().abs() < 1e-12, "{second:?}");
    assert_eq!(second, third);
}

#[test]
fn a_panel_needs_judges_with_names_of_their_own() {
    let judge = || Judge::new("same", scripted(yes), Language::English);
    assert_eq!(JudgePanel::new(Vec::new(), JudgeOptions::default()).unwrap_err(), PanelError::Empty);
    let error = JudgePanel::new(vec![judge(), judge()], JudgeOptions::default()).unwrap_err();
    assert_eq!(error, PanelError::Duplicate(JudgeId::new("same")));
}

#[test]
fn what_decides_verdicts_decides_the_version() {
    let version = |id: &str, model: Arc<dyn ChatModel>, language, seed| {
        let judge = Judge::new(id, model, language);
        JudgePanel::new(vec![judge], JudgeOptions { seed, ..JudgeOptions::default() }).unwrap().version()
    };
    let english = Language::English;
    let first = version("j", scripted(yes), english, 0);
    assert_eq!(first, version("j", scripted(yes), english, 0));
    let timed: Arc<dyn ChatModel> = Arc::new(Timed::new((0, 0), |_| String::new()));
    let others = [
        version("k", scripted(yes), english, 0),
        version("j", scripted(yes), Language::Chinese, 0),
        version("j", scripted(yes), english, 1),
        version("j", timed, english, 0),
    ];
    assert!(others.iter().all(|other| *other != first && other.len() == 64));
}

async fn rated(model: Arc<dyn ChatModel>) -> JudgeRating {
    let judge = Judge::new("j", model, Language::English);
    rate(&judge, &CalibrationSet::shipped(), &JudgeOptions::default(), None, &()).await.unwrap()
}

#[tokio::test]
async fn the_calibration_set_rates_judges() {
    let set = CalibrationSet::shipped();
    let truth: Vec<bool> = set.items().flat_map(|item| item.verdicts.clone()).collect();
    let met = truth.iter().filter(|verdict| **verdict).count();
    let knowing = scripted(|request| {
        let text = request.query().unwrap();
        let set = CalibrationSet::shipped();
        let found = set
            .items()
            .find(|item| text.contains(&format!("-----\n{} {}\n", item.base, item.added.join(" "))));
        Script::Say(list(&found.unwrap().verdicts))
    });
    let rating = rated(knowing).await;
    assert_eq!(
        (rating.accuracy.count, rating.accuracy.of, rating.kappa),
        (truth.len(), truth.len(), Some(1.0))
    );
    assert_eq!((rating.false_yes.count, rating.false_no.count, rating.unparsed.count), (0, 0, 0));
    assert_eq!((rating.items, rating.calls), (42, 42));
    let flattering = rated(scripted(yes)).await;
    assert_eq!((flattering.accuracy.count, flattering.false_yes.rate), (met, Some(1.0)));
    assert_eq!((flattering.false_yes.of, flattering.false_no.of), (truth.len() - met, met));
    assert!(flattering.kappa.unwrap().abs() < 1e-12, "no better than chance");
    let silent = rated(scripted(|_| Script::Say("Hm.".to_owned()))).await;
    assert_eq!((silent.unparsed.count, silent.accuracy.of, silent.kappa), (42, 0, None));
    assert_eq!([rating.right(), silent.right()], [Some(1.0), Some(0.0)]);
}

#[tokio::test]
async fn a_rating_of_another_judge_is_not_shown() {
    let mut judge = Judge::new("j", scripted(yes), Language::English);
    judge.rating = Some(rated(scripted(yes)).await);
    let shown = async |judge: Judge| {
        let panel = JudgePanel::new(vec![judge], JudgeOptions::default()).unwrap();
        judged(&panel, &options()).await.judges[0].rating.is_some()
    };
    assert!(shown(judge.clone()).await);
    let other: Arc<dyn ChatModel> =
        Arc::new(Timed::new((0, 0), |request| list(&vec![true; asked_about(request)])));
    assert!(!shown(Judge { model: other, ..judge.clone() }).await);
    let template = super::JudgeTemplate::parse(
        "{{ instructions | join }} {{ fence }} {{ answer }} {{ fence }} list of exactly {{ count }} verdicts",
    );
    assert!(!shown(Judge { template: template.unwrap(), ..judge }).await);
}

#[tokio::test]
async fn a_slow_judge_is_waited_for_within_its_deadline() {
    let slow: Arc<dyn ChatModel> =
        Arc::new(Timed::new((20, 0), |request| list(&vec![true; asked_about(request)])));
    let patient = JudgeOptions { deadline: Duration::from_secs(60), ..JudgeOptions::default() };
    let report = judged(&panel(vec![slow], patient), &options()).await;
    assert!(unread(&report).is_empty());
    let slower: Arc<dyn ChatModel> =
        Arc::new(Timed::new((600, 0), |request| list(&vec![true; asked_about(request)])));
    let report = judged(&panel(vec![slower], soon()), &options()).await;
    assert_eq!(unread(&report).len(), 10);
}
