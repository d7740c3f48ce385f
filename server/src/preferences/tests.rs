//! The service over a ledger of its own, without HTTP.

use super::{
    ImportStopped, Kept, NewFeedback, PreferenceError, PreferenceService, PreferenceSettings,
    TenantPreferences, hash_of,
};
use crate::ledger::Ledger;
use amend_proto::{
    AppliedEdit, CompletionId, EditId, FinishReason, Message, ModelId, RevisionId, Sampling, TenantId,
    wire::{About, KeepRule, PreferenceBody, Store, TokenUsage},
};
use amend_trainer::preference::{
    IdempotencyKey, KeptCompletion, Opinion, PairSource, Rating, Thumb, UnixMillis,
    format::{Container, Layout},
};
use std::{
    io::{Read, Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

struct Bench {
    service: PreferenceService,
    now: Arc<AtomicI64>,
    data: TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a clock that stands still.
    async fn with(change: impl FnOnce(&mut PreferenceSettings)) -> Self {
        let (data, now) = (TempDir::new().unwrap(), Arc::new(AtomicI64::new(1_000_000)));
        let clock = Arc::clone(&now);
        let mut settings = PreferenceSettings {
            now: Arc::new(move || UnixMillis(clock.load(Ordering::SeqCst))),
            ..PreferenceSettings::default()
        };
        change(&mut settings);
        let ledger = Ledger::open(data.path().join("learning.db")).await.unwrap();
        let service = PreferenceService::open(ledger, settings, data.path()).await.unwrap();
        Self { service, now, data }
    }

    fn of(&self, tenant: &str) -> TenantPreferences {
        self.service.of(TenantId::new(tenant).unwrap())
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

fn id(text: &str) -> CompletionId {
    CompletionId::new(text).unwrap()
}

fn kept(of: &TenantPreferences, name: &str, question: &str, answers: &[&str]) -> Kept {
    Kept {
        completion: KeptCompletion {
            id: id(name),
            prompt: vec![Message::user(question)],
            answers: answers.iter().map(ToString::to_string).collect(),
            tenant: of.tenant().clone(),
            revision: RevisionId::new("atlas-1").unwrap(),
            edits: vec![AppliedEdit { id: EditId::new("e1").unwrap(), score: 0.5 }],
            sampling: Sampling { seed: Some(7), ..Sampling::greedy() },
        },
        model: ModelId::new("atlas").unwrap(),
        finish: vec![FinishReason::Stop; answers.len()],
        usage: TokenUsage::default(),
        user: Some(format!("user of {name}")),
        at: of.now(),
    }
}

fn said(name: &str, opinion: Opinion) -> NewFeedback {
    NewFeedback { completion: id(name), answer: 0, opinion, author: Some("ann".to_owned()) }
}

fn preference(question: &str, chosen: &str, rejected: &str) -> PreferenceBody {
    PreferenceBody {
        about: About::Prompt(vec![Message::user(question)]),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
        author: None,
    }
}

fn key(text: &str, request: &str) -> Option<(IdempotencyKey, String)> {
    Some((IdempotencyKey::new(text).unwrap(), hash_of("test", request.as_bytes())))
}

async fn count(of: &TenantPreferences) -> usize {
    of.pairs(0, 1000).await.unwrap().items.len()
}

#[tokio::test]
async fn a_correction_makes_a_pair_with_all_that_is_known_of_the_answer() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    let completion = kept(&acme, "c1", "Where is Tarn?", &["Nowhere."]);
    acme.keep(completion.clone()).await.unwrap();
    let correction = Opinion::Correction("In the north.".to_owned());
    let judged = acme.judge(said("c1", correction.clone()), None).await.unwrap();
    let [stored] = judged.pairs.as_slice() else { panic!("{judged:?}") };
    let by = &stored.pair.provenance;
    assert_eq!((stored.pair.chosen.as_str(), stored.pair.rejected.as_str()), ("In the north.", "Nowhere."));
    assert_eq!(
        (by.source, by.tenant.as_str(), by.author.as_deref()),
        (PairSource::Correction, "acme", Some("ann"))
    );
    assert_eq!(by.edits, completion.completion.edits);
    assert_eq!(by.sampling.as_ref().unwrap().seed, Some(7));
    assert_eq!(by.revision.as_ref().unwrap().as_str(), "atlas-1");
    // The same again changes nothing; another one takes its place.
    let again = acme.judge(said("c1", correction), None).await.unwrap();
    assert_eq!(again.pairs, judged.pairs);
    let better = Opinion::Correction("Far in the north.".to_owned());
    let better = acme.judge(said("c1", better), None).await.unwrap();
    assert_eq!(acme.pairs(0, 10).await.unwrap().items, better.pairs);
    // No other tenant sees any of it.
    let other = bench.of("other");
    let refused = other.judge(said("c1", Opinion::Thumb(Thumb::Up)), None).await.unwrap_err();
    assert!(matches!(refused, PreferenceError::NotFound { .. }), "{refused}");
    assert_eq!(count(&other).await, 0);
    assert!(matches!(other.pair(&stored.pair.id).await, Err(PreferenceError::NotFound { .. })));
}

#[tokio::test]
async fn opposite_verdicts_on_one_question_make_a_pair_and_the_newest_counts() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    for (name, answer) in [("c1", "Nowhere."), ("c2", "In the north.")] {
        acme.keep(kept(&acme, name, "Where is Tarn?", &[answer])).await.unwrap();
    }
    let down = acme.judge(said("c1", Opinion::Thumb(Thumb::Down)), None).await.unwrap();
    assert_eq!(down.pairs, []);
    bench.pass(1);
    let five = Opinion::Rating(Rating::new(5).unwrap());
    let up = acme.judge(said("c2", five), None).await.unwrap();
    let [made] = up.pairs.as_slice() else { panic!("{up:?}") };
    assert_eq!((made.pair.chosen.as_str(), made.pair.rejected.as_str()), ("In the north.", "Nowhere."));
    assert_eq!(made.pair.provenance.source, PairSource::Rating);
    // Of another tenant the same thumb has no opposite.
    let other = bench.of("other");
    other.keep(kept(&other, "c1", "Where is Tarn?", &["Nowhere."])).await.unwrap();
    assert_eq!(other.judge(said("c1", Opinion::Thumb(Thumb::Down)), None).await.unwrap().pairs, []);
    // Whoever takes the thumb back takes the pair back, on either side of it.
    bench.pass(1);
    let back = acme.judge(said("c1", Opinion::Thumb(Thumb::Up)), None).await.unwrap();
    assert_eq!((back.pairs.len(), count(&acme).await), (0, 0));
}

#[tokio::test]
async fn a_choice_is_of_the_completion_and_says_what_is_wrong_with_it() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    acme.keep(kept(&acme, "c1", "Where is Tarn?", &["Nowhere.", "In the north.", "Here."])).await.unwrap();
    acme.keep(kept(&acme, "c2", "Where is Tarn?", &["Nowhere."])).await.unwrap();
    let choose = |name: &str, answer| NewFeedback { answer, ..said(name, Opinion::Choice) };
    assert_eq!(acme.judge(choose("c1", 1), None).await.unwrap().pairs.len(), 2);
    assert_eq!(acme.judge(choose("c1", 2), None).await.unwrap().pairs.len(), 2);
    let chosen: Vec<_> = acme.pairs(0, 10).await.unwrap().items.into_iter().map(|p| p.pair.chosen).collect();
    assert_eq!(chosen, ["Here.", "Here."], "the newest choice alone counts");
    let same = said("c2", Opinion::Correction(" Nowhere.\n".to_owned()));
    for (wrong, param) in [(choose("c1", 3), "choice"), (choose("c2", 0), "choice"), (same, "correction")] {
        match acme.judge(wrong.clone(), None).await {
            Err(PreferenceError::Invalid { param: named, .. }) => assert_eq!(named, param),
            other => panic!("{wrong:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_done_once() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    let wanted = || preference("Where is Tarn?", "In the north.", "Nowhere.");
    let both = [acme.add(wanted(), key("k", "1")), acme.add(wanted(), key("k", "1"))];
    let both = futures::future::try_join_all(both).await.unwrap();
    assert_eq!(both[0], both[1]);
    assert_eq!(count(&acme).await, 1);
    let other = acme.add(preference("Where?", "Here.", "There."), key("k", "2")).await;
    assert!(matches!(other, Err(PreferenceError::KeyTaken)), "{other:?}");
    // A key is a tenant's own, and a failure uses none up.
    bench.of("other").add(wanted(), key("k", "3")).await.unwrap();
    assert!(acme.add(preference("Where?", "Here.", "Here."), key("k2", "1")).await.is_err());
    acme.add(preference("Where?", "Here.", "There."), key("k2", "2")).await.unwrap();
    acme.remove(both[0].pair.id.clone()).await.unwrap();
    assert!(matches!(acme.add(wanted(), key("k", "1")).await, Err(PreferenceError::KeyOfDeleted)));
    bench.pass(8 * 24 * 3600);
    bench.service.sweep().await.unwrap();
    acme.add(wanted(), key("k", "1")).await.unwrap();
}

#[tokio::test]
async fn completions_are_kept_for_a_time_and_up_to_a_number() {
    let bench = Bench::with(|settings| {
        settings.max_completions = 3;
        settings.max_age = Duration::from_secs(60);
    })
    .await;
    let (acme, other) = (bench.of("acme"), bench.of("other"));
    other.keep(kept(&other, "c0", "Where?", &["Here."])).await.unwrap();
    for n in 0..5 {
        acme.keep(kept(&acme, &format!("c{n}"), "Where?", &["Here."])).await.unwrap();
    }
    acme.judge(said("c2", Opinion::Thumb(Thumb::Up)), None).await.unwrap();
    let ids = async |of: &TenantPreferences| -> Vec<String> {
        let listed = of.completions(None, (0, 10)).await.unwrap();
        listed.items.into_iter().map(|kept| kept.completion.id.to_string()).collect()
    };
    assert_eq!(ids(&acme).await, ["c2", "c3", "c4"]);
    assert_eq!(ids(&other).await, ["c0"]);
    bench.pass(61);
    assert!(matches!(acme.completion(&id("c4")).await, Err(PreferenceError::NotFound { .. })));
    let late = acme.judge(said("c4", Opinion::Thumb(Thumb::Up)), None).await;
    assert!(matches!(late, Err(PreferenceError::NotFound { .. })));
    bench.service.sweep().await.unwrap();
    let mut reader = bench.service.0.ledger.read().await.unwrap();
    for table in ["completions", "feedback"] {
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut *reader)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn a_user_is_forgotten_with_everything_and_nobody_else_is() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    for (name, answer) in [("c1", "Nowhere."), ("c2", "In the north."), ("c3", "Here.")] {
        acme.keep(kept(&acme, name, "Where is Tarn?", &[answer])).await.unwrap();
        bench.pass(1);
    }
    acme.judge(said("c1", Opinion::Thumb(Thumb::Down)), None).await.unwrap();
    acme.judge(said("c2", Opinion::Thumb(Thumb::Up)), None).await.unwrap();
    acme.judge(said("c3", Opinion::Correction("There.".to_owned())), None).await.unwrap();
    assert_eq!(count(&acme).await, 2);
    // The first one's answer is the rejected side of a pair that the second one's thumb made.
    let gone = acme.forget_user("user of c1".to_owned()).await.unwrap();
    assert_eq!((gone.completions, gone.feedback, gone.pairs), (1, 1, 1));
    assert_eq!(count(&acme).await, 1);
    let gone = acme.forget_user("ann".to_owned()).await.unwrap();
    assert_eq!((gone.completions, gone.feedback, gone.pairs), (0, 2, 1));
    let left = acme.completions(Some("user of c2"), (0, 10)).await.unwrap();
    assert_eq!((left.items.len(), left.next), (1, None));
    let gone = acme.forget(id("c2")).await.unwrap();
    assert_eq!((gone.completions, gone.feedback), (1, 0));
    assert!(matches!(acme.forget(id("c2")).await, Err(PreferenceError::NotFound { .. })));
    assert_eq!(bench.of("other").forget_user("user of c3".to_owned()).await.unwrap().completions, 0);
}

fn file(bench: &Bench, content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile_in(bench.data.path()).unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

const LINES: &str = "{\"prompt\": \"Where is Tarn?\", \"chosen\": \"In the north.\", \"rejected\": \"Nowhere.\"}\n\
    {\"prompt\": \"Where is Orla?\", \"chosen\": \"Here.\", \"rejected\": \"Here.\"}\n\
    {\"prompt\": \"Who is Una?\", \"chosen\": \n\
    {\"prompt\": \"Who is Una?\", \"chosen\": \"A smith.\", \"rejected\": \"Nobody.\", \"score_chosen\": 9, \"score_rejected\": 2}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_and_a_poisoned_line_is_told() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    let report = acme.import(file(&bench, LINES.as_bytes()), Container::JsonLines).await.unwrap();
    assert_eq!((report.added, report.unchanged, report.refused), (2, 0, 2));
    let told: Vec<_> =
        report.problems.iter().map(|p| format!("{}: {}: {}", p.place, p.field, p.reason)).collect();
    insta::assert_snapshot!(told.join("\n"));
    let report = acme.import(file(&bench, LINES.as_bytes()), Container::JsonLines).await.unwrap();
    assert_eq!((report.added, report.unchanged, report.refused), (0, 2, 2));
    for (layout, container) in [
        (Layout::Amend, Container::JsonLines),
        (Layout::TrlConversational, Container::JsonLines),
        (Layout::TrlImplicit, Container::Parquet),
        (Layout::TrlPlain, Container::Parquet),
        (Layout::UltraFeedback, Container::JsonLines),
    ] {
        let (written, report) = acme.export(layout, container).await.unwrap();
        assert_eq!((report.pairs, report.unfit.len()), (2, 0), "{layout:?}");
        let name = format!("copy-{layout:?}");
        let copy = bench.of(&name);
        let back = copy.import(written, container).await.unwrap();
        assert_eq!((back.added, back.refused), (2, 0), "{layout:?} {container:?}: {back:?}");
        let pair = &copy.pairs(0, 10).await.unwrap().items[0].pair;
        assert_eq!((pair.provenance.tenant.as_str(), pair.prompt[0].role.as_str()), (name.as_str(), "user"));
    }
    let wrong = acme.export(Layout::Amend, Container::Parquet).await;
    assert!(matches!(wrong, Err(PreferenceError::Invalid { param, .. }) if param == "format"));
    let broken = acme.import(file(&bench, b"PAR1 and no more"), Container::Parquet).await;
    let Err(broken) = broken else { panic!("{broken:?}") };
    assert!(matches!(broken.source, PreferenceError::Invalid { .. }), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_room_for_so_many_and_an_import_says_how_far_it_came() {
    let bench = Bench::with(|settings| settings.max_pairs = 300).await;
    let acme = bench.of("acme");
    let lines: String = (0..400)
        .map(|n| {
            format!("{{\"prompt\": \"What is {n}?\", \"chosen\": \"A number.\", \"rejected\": \"Red.\"}}\n")
        })
        .collect();
    let stopped = acme.import(file(&bench, lines.as_bytes()), Container::JsonLines).await.unwrap_err();
    let ImportStopped { done, source } = *stopped;
    assert_eq!(done.added, 300);
    assert!(matches!(source, PreferenceError::Full { most: 300 }), "{source}");
    let one = || preference("Where?", "Here.", "There.");
    assert!(matches!(acme.add(one(), None).await, Err(PreferenceError::Full { .. })));
    bench.of("other").add(one(), None).await.unwrap();
    let first = acme.pairs(0, 1).await.unwrap();
    acme.remove(first.items[0].pair.id.clone()).await.unwrap();
    acme.add(one(), None).await.unwrap();
    // Trainers see all tenants, in the order in which pairs came, and never a place twice.
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = bench.service.pairs_after(after, 64).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        seen.extend(page.into_iter().map(|pair| pair.seq));
    }
    assert!(seen.is_sorted() && seen.len() == 301, "{}", seen.len());
    assert_eq!(bench.service.count_after(seen[299]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_page_of_long_pairs_is_short_and_the_pages_together_hold_all() {
    let bench = Bench::new().await;
    let acme = bench.of("acme");
    for n in 0..12 {
        acme.add(preference(&format!("What is {n}?"), &"long ".repeat(8_000), "Red."), None).await.unwrap();
    }
    let (mut after, mut sizes, mut seen) = (Some(0), Vec::new(), Vec::new());
    while let Some(place) = after {
        let page = acme.pairs(place, 100).await.unwrap();
        sizes.push(page.items.len());
        seen.extend(page.items.into_iter().map(|stored| stored.pair.prompt[0].content.clone()));
        after = page.next;
    }
    assert_eq!(sizes, [3, 3, 3, 3], "128 KiB a page");
    assert_eq!(seen, (0..12).map(|n| format!("What is {n}?")).collect::<Vec<_>>());
    // One that is longer than a page is a page.
    let longest = "long ".repeat(13_000);
    let body = PreferenceBody {
        about: About::Prompt(vec![Message::user("y".repeat(200 << 10))]),
        ..preference("", &longest, "No.")
    };
    acme.add(body, None).await.unwrap();
    assert_eq!(acme.pairs(seen.len() as i64, 100).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_too_long_is_not_taken() {
    let bench = Bench::with(|settings| settings.max_import_bytes = 10).await;
    let frames = |parts: &'static [&'static str]| {
        futures::stream::iter(parts.iter().map(|part| Ok(bytes::Bytes::from_static(part.as_bytes()))))
    };
    let acme = bench.of("acme");
    let mut text = String::new();
    acme.receive(frames(&["12345", "67890"])).await.unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "1234567890");
    let refused = acme.receive(frames(&["12345", "67890", "1"])).await;
    assert!(matches!(refused, Err(PreferenceError::TooLong { most: 10 })), "{refused:?}");
}

#[tokio::test]
async fn a_tenant_decides_what_is_kept_and_that_outlives_a_restart() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.of("acme"), bench.of("other"));
    assert!(!acme.wants(Store::ByRule) && acme.wants(Store::Yes));
    acme.set_keep_rule(KeepRule::All).await.unwrap();
    assert!(acme.wants(Store::ByRule) && !acme.wants(Store::No) && !other.wants(Store::ByRule));
    let ledger = bench.service.0.ledger.clone();
    let again =
        PreferenceService::open(ledger, PreferenceSettings::default(), bench.data.path()).await.unwrap();
    assert_eq!(again.of(acme.tenant().clone()).keep_rule(), KeepRule::All);
}
