use super::{Canaries, CanariesConfig, CanaryError, FIRST_LOOK};
use crate::{
    ledger::{Ledger, LedgerError},
    preferences::{NewFeedback, PreferenceService, PreferenceSettings},
    registry::Registry,
    revisions::{
        Candidate, Gatekeeper, Load, LoadError, Loadable, Names, RevisionError, Revisions, RevisionsConfig,
    },
};
use amend_proto::{
    ChatModel, ChatRequest, GateId, Message, ModelId, Priority, RevisionId,
    testing::{Script, ScriptedModel},
    wire::{CanaryEnd, CanaryObject, CanaryRequest, CanaryState, PromoteRequest, RevisionProvenance},
};
use async_trait::async_trait;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// The base says `base`, whatever else there is does as the script says.
struct Loads(ScriptedModel);

#[async_trait]
impl Load for Loads {
    async fn names(&self) -> Result<Option<Names>, LoadError> {
        Ok(Some(Names { line: "line".to_owned(), base: RevisionId::new("base")? }))
    }

    fn base(&self) -> String {
        "a script".to_owned()
    }

    fn base_folder(&self) -> Option<PathBuf> {
        None
    }

    fn copies_for_jobs(&self) -> bool {
        false
    }

    async fn load(&self, what: &Loadable, _: Priority) -> Result<Box<dyn ChatModel>, LoadError> {
        Ok(match what {
            Loadable::Base => Box::new(ScriptedModel::new(|_| Script::Say("base".into()))),
            Loadable::Folder { .. } => Box::new(self.0.clone()),
        })
    }

    fn goes_live(&self, _: &Loadable) {}
}

/// Lets nobody through, or everybody.
struct Says(Option<GateId>);

#[async_trait]
impl Gatekeeper for Says {
    async fn let_through(
        &self,
        _: &str,
        _: &RevisionId,
        _: &RevisionId,
    ) -> Result<Option<GateId>, RevisionError> {
        Ok(self.0.clone())
    }
}

struct Bench {
    folder: TempDir,
    ledger: Ledger,
    candidate: RevisionId,
    registry: Arc<Registry>,
    revisions: Revisions,
    preferences: PreferenceService,
    canaries: Canaries,
}

/// A trained revision that says what the script says, after the warm-up.
async fn bench(script: fn(&ChatRequest) -> Script, gate: Option<GateId>) -> Bench {
    let bench = open(TempDir::new().unwrap(), script, gate).await;
    let run = bench.folder.path().join("run");
    std::fs::create_dir_all(run.join("model")).unwrap();
    std::fs::write(run.join("model/config.json"), "{}").unwrap();
    let candidate = Candidate { id: bench.candidate.clone(), provenance: RevisionProvenance::default() };
    bench.revisions.register(candidate, &run).await.unwrap();
    bench
}

async fn open(folder: TempDir, script: fn(&ChatRequest) -> Script, gate: Option<GateId>) -> Bench {
    let ledger = unlocked(folder.path()).await;
    let registry = Arc::new(Registry::loading(ModelId::new("m").unwrap()));
    let revisions = Revisions::new(RevisionsConfig {
        ledger: ledger.clone(),
        folder: folder.path().join("revisions"),
        registry: Arc::clone(&registry),
        loader: Arc::new(Loads(ScriptedModel::new(script))),
        gatekeeper: Arc::new(Says(gate)),
    });
    revisions.begin().await.unwrap();
    let settings = PreferenceSettings::default();
    let preferences = PreferenceService::open(ledger.clone(), settings, folder.path()).await.unwrap();
    let canaries = Canaries::new(CanariesConfig {
        ledger: ledger.clone(),
        revisions: revisions.clone(),
        registry: Arc::clone(&registry),
        preferences: preferences.clone(),
    });
    let candidate = RevisionId::new("better").unwrap();
    Bench { folder, ledger, candidate, registry, revisions, preferences, canaries }
}

/// The ledger, once whoever had it is gone: its thread ends a moment after its last user.
async fn unlocked(folder: &Path) -> Ledger {
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..2_000 {
        polls.tick().await;
        match Ledger::open(folder.join("learning.db")).await {
            Err(LedgerError::Locked { .. }) => {}
            opened => return opened.unwrap(),
        }
    }
    panic!("the ledger stays locked");
}

impl Bench {
    fn request(&self) -> CanaryRequest {
        CanaryRequest {
            candidate: self.candidate.to_string(),
            share: 0.5,
            answers: 64,
            then: CanaryEnd::Hold,
            force: false,
            expected_live: None,
        }
    }

    async fn ask(&self, user: usize) -> Option<String> {
        let request = ChatRequest {
            user: Some(format!("user {user}")),
            ..ChatRequest::greedy(vec![Message::user("well then")])
        };
        self.registry.complete(request).await.ok().map(|answer| answer.text)
    }

    /// Asks as many users as it takes, until the canary has ended.
    async fn ask_until_it_ends(&self, canary: &CanaryObject) -> CanaryObject {
        let asking = async {
            for user in 0.. {
                self.ask(user).await;
                tokio::task::yield_now().await;
                let now = self.canaries.get(&canary.id).await.unwrap();
                if now.state.is_final() {
                    return now;
                }
            }
            unreachable!("users do not end")
        };
        // What ends it is written by another thread, which a busy machine lets wait.
        match tokio::time::timeout(Duration::from_secs(60), asking).await {
            Ok(ended) => ended,
            Err(_) => panic!("it does not end: {:?}", self.canaries.get(&canary.id).await),
        }
    }
}

fn gate() -> Option<GateId> {
    Some(GateId::new("gate-1").unwrap())
}

fn better(_: &ChatRequest) -> Script {
    Script::Say("better".into())
}

/// The warm-up is no user's.
fn fails_users(request: &ChatRequest) -> Script {
    match request.user {
        Some(_) => Script::Refuse(amend_proto::ErrorKind::Engine),
        None => Script::Say("warm".into()),
    }
}

#[tokio::test]
async fn a_share_of_the_users_is_answered_by_the_candidate_each_always_by_the_same() {
    let bench = bench(better, gate()).await;
    let canary = bench.canaries.begin(CanaryRequest { answers: 1_000, ..bench.request() }).await.unwrap();
    assert_eq!((canary.state, &canary.gate, canary.forced), (CanaryState::Running, &gate(), false));
    let mut first = Vec::new();
    for user in 0..60 {
        first.push(bench.ask(user).await.unwrap());
    }
    let by_candidate = first.iter().filter(|answer| *answer == "better").count();
    assert!((15..=45).contains(&by_candidate), "{by_candidate}");
    for (user, before) in first.iter().enumerate() {
        assert_eq!(bench.ask(user).await.as_ref(), Some(before));
    }
    let now = bench.canaries.get(&canary.id).await.unwrap();
    assert_eq!(
        (now.of_candidate.ended, now.of_live.ended),
        (2 * by_candidate as u64, 2 * (60 - by_candidate as u64))
    );
    let second = bench.canaries.begin(bench.request()).await;
    assert!(matches!(second, Err(CanaryError::UnderWay(id)) if id == canary.id));
    let stopped = bench.canaries.stop(&canary.id).await.unwrap();
    assert_eq!((stopped.state, bench.ask(0).await.as_deref()), (CanaryState::Stopped, Some("base")));
    assert!(matches!(bench.canaries.stop(&canary.id).await, Err(CanaryError::Ended(_))));
    assert!((0..60).all(|_| bench.registry.canary_counts(&canary.id).is_none()));
}

#[tokio::test]
async fn one_that_fails_is_taken_off_by_itself() {
    let bench = bench(fails_users, gate()).await;
    let canary = bench.canaries.begin(bench.request()).await.unwrap();
    let ended = bench.ask_until_it_ends(&canary).await;
    assert_eq!(ended.state, CanaryState::Aborted);
    assert!(ended.reason.as_deref().unwrap().contains("answers failed"), "{ended:?}");
    assert!(ended.of_candidate.ended <= 2 * FIRST_LOOK, "{ended:?}");
    for user in 0..40 {
        assert_eq!(bench.ask(user).await.as_deref(), Some("base"));
    }
    assert_eq!(bench.revisions.live().await.unwrap().id.as_str(), "base");
}

#[tokio::test]
async fn one_that_does_well_ends_or_goes_live_as_was_asked_for() {
    let bench = bench(better, gate()).await;
    let canary = bench.canaries.begin(bench.request()).await.unwrap();
    let ended = bench.ask_until_it_ends(&canary).await;
    assert_eq!((ended.state, ended.of_candidate.ended >= 64), (CanaryState::Passed, true), "{ended:?}");
    assert_eq!(bench.ask(1).await.as_deref(), Some("base"));
    let canary =
        bench.canaries.begin(CanaryRequest { then: CanaryEnd::Promote, ..bench.request() }).await.unwrap();
    let ended = bench.ask_until_it_ends(&canary).await;
    assert_eq!(ended.state, CanaryState::Promoted, "{ended:?}");
    assert_eq!(
        (bench.revisions.live().await.unwrap().id, bench.ask(1).await.as_deref()),
        (bench.candidate.clone(), Some("better"))
    );
}

#[tokio::test]
async fn dislikes_of_users_take_it_off() {
    let bench = bench(better, gate()).await;
    let canary = bench.canaries.begin(CanaryRequest { answers: 1_000, ..bench.request() }).await.unwrap();
    let mut heard = bench.preferences.opinions();
    for n in 0..24 {
        let revision = if n % 2 == 0 { "better" } else { "base" };
        let id = kept(&bench, (n, revision)).await;
        let thumb = if n % 2 == 0 { "down" } else { "up" };
        let opinion = serde_json::from_value(serde_json::json!({"thumb": thumb})).unwrap();
        let feedback = NewFeedback { completion: id, answer: 0, opinion, author: None };
        bench.preferences.of(Default::default()).judge(feedback, None).await.unwrap();
        heard.recv().await.unwrap();
    }
    let ended = bench.ask_until_it_ends(&canary).await;
    assert_eq!(ended.state, CanaryState::Aborted, "{ended:?}");
    assert!(ended.reason.as_deref().unwrap().contains("not liked"), "{ended:?}");
}

async fn kept(bench: &Bench, (n, revision): (usize, &str)) -> amend_proto::CompletionId {
    use crate::preferences::Kept;
    use amend_proto::{CompletionId, FinishReason, Sampling};
    use amend_trainer::preference::{KeptCompletion, UnixMillis};
    let id = CompletionId::new(format!("chatcmpl-{n}")).unwrap();
    let preferences = bench.preferences.of(Default::default());
    let kept = Kept {
        completion: KeptCompletion {
            id: id.clone(),
            prompt: vec![Message::user(format!("question {n}"))],
            answers: vec!["answer".to_owned()],
            tenant: Default::default(),
            revision: RevisionId::new(revision).unwrap(),
            edits: Vec::new(),
            sampling: Sampling::greedy(),
        },
        model: ModelId::new("m").unwrap(),
        finish: vec![FinishReason::Stop],
        usage: Default::default(),
        user: None,
        at: UnixMillis(preferences.now().0),
    };
    preferences.keep(kept).await.unwrap();
    id
}

#[tokio::test]
async fn one_that_no_gate_let_through_or_that_makes_no_sense_is_refused() {
    let bench = bench(better, None).await;
    let refused = bench.canaries.begin(bench.request()).await;
    assert!(matches!(refused, Err(CanaryError::Revision(RevisionError::NotGated { .. }))), "{refused:?}");
    for (request, param) in [
        (CanaryRequest { share: 0.6, ..bench.request() }, "share"),
        (CanaryRequest { share: f64::NAN, ..bench.request() }, "share"),
        (CanaryRequest { answers: 1, ..bench.request() }, "answers"),
        (CanaryRequest { candidate: "a b".to_owned(), ..bench.request() }, "candidate"),
    ] {
        let refused = bench.canaries.begin(request).await;
        assert!(matches!(&refused, Err(CanaryError::Invalid { param: p, .. }) if *p == param), "{refused:?}");
    }
    let live = CanaryRequest { candidate: "base".to_owned(), force: true, ..bench.request() };
    assert!(matches!(bench.canaries.begin(live).await, Err(CanaryError::Revision(RevisionError::Live(_)))));
    let forced = bench.canaries.begin(CanaryRequest { force: true, ..bench.request() }).await.unwrap();
    assert_eq!((forced.forced, forced.gate), (true, None));
}

/// A runtime whose end ends all its tasks, as kill -9 does: nobody says goodbye.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn it_goes_on_after_a_restart_and_ends_when_another_revision_goes_live() {
    let first = runtime();
    let (folder, id, kept) = first.block_on(async {
        let bench = bench(better, gate()).await;
        let canary = bench.canaries.begin(CanaryRequest { answers: 1_000, ..bench.request() }).await.unwrap();
        for user in 0..200 {
            bench.ask(user).await;
        }
        // What was looked at is on disk after a moment.
        let kept = loop {
            let kept = on_disk(&bench, &canary).await;
            if kept >= FIRST_LOOK {
                break kept;
            }
            tokio::task::yield_now().await;
        };
        (bench.folder, canary.id, kept)
    });
    drop(first);
    runtime().block_on(async {
        let again = open(folder, better, gate()).await;
        again.canaries.resume().await.unwrap();
        let resumed = again.canaries.get(&id).await.unwrap();
        assert_eq!(resumed.state, CanaryState::Running);
        assert!(resumed.of_candidate.ended >= kept, "{resumed:?}");
        let mut answers = Vec::new();
        for user in 0..40 {
            answers.push(again.ask(user).await.unwrap());
        }
        assert!(answers.contains(&"better".to_owned()) && answers.contains(&"base".to_owned()));
        let request = PromoteRequest { force: true, expected_live: None };
        again.revisions.promote(again.candidate.clone(), request).await.unwrap();
        let ended = again.ask_until_it_ends(&resumed).await;
        assert_eq!(ended.state, CanaryState::Superseded);
    });
}

/// What the record says that the candidate has ended.
async fn on_disk(bench: &Bench, canary: &CanaryObject) -> u64 {
    let mut reader = bench.ledger.read().await.unwrap();
    let found = super::store::get(&mut reader, &canary.id).await.unwrap();
    found.unwrap().of_candidate.ended
}
