use super::{
    Candidate, Gatekeeper, Load, LoadError, Loadable, Names, Promotion, RevisionError, Revisions,
    RevisionsConfig,
};
use crate::{ledger::Ledger, registry::Registry};
use amend_proto::{
    ChatModel, ChatRequest, GateId, Message, ModelId, Priority, RevisionId,
    testing::ScriptedModel,
    wire::{PromoteRequest, RevisionProvenance, RevisionState},
};
use async_trait::async_trait;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Models that say what was loaded.
#[derive(Default)]
struct Script {
    base: String,
    gone_live: Mutex<Vec<String>>,
    /// What a gate let through: candidate and live.
    let_through: Mutex<Vec<(RevisionId, RevisionId)>>,
}

#[async_trait]
impl Gatekeeper for Script {
    async fn let_through(
        &self,
        _: &str,
        candidate: &RevisionId,
        live: &RevisionId,
    ) -> Result<Option<GateId>, RevisionError> {
        let pair = (candidate.clone(), live.clone());
        Ok(self.let_through.lock().unwrap().contains(&pair).then(|| GateId::new("gate-1").unwrap()))
    }
}

fn id(text: &str) -> RevisionId {
    RevisionId::new(text).unwrap()
}

#[async_trait]
impl Load for Script {
    async fn names(&self) -> Result<Option<Names>, LoadError> {
        Ok(Some(Names { line: "line".to_owned(), base: id(&self.base) }))
    }

    fn base(&self) -> String {
        "a base".to_owned()
    }

    fn base_folder(&self) -> Option<PathBuf> {
        None
    }

    fn copies_for_jobs(&self) -> bool {
        false
    }

    async fn load(&self, what: &Loadable, _: Priority) -> Result<Box<dyn ChatModel>, LoadError> {
        let said = match what {
            Loadable::Base => "base".to_owned(),
            Loadable::Folder { model, .. } => std::fs::read_to_string(model.join("says.txt"))?,
        };
        if said == "broken" {
            return Err("it is broken".into());
        }
        Ok(Box::new(ScriptedModel::new(move |_| amend_proto::testing::Script::Say(said.clone()))))
    }

    fn goes_live(&self, what: &Loadable) {
        let name = match what {
            Loadable::Base => "base".to_owned(),
            Loadable::Folder { id, .. } => id.to_string(),
        };
        self.gone_live.lock().unwrap().push(name);
    }
}

struct Bench {
    ledger: Ledger,
    revisions: Revisions,
    registry: Arc<Registry>,
    script: Arc<Script>,
    folder: PathBuf,
}

impl Bench {
    async fn open(folder: &Path, base: &str) -> Self {
        let ledger = Ledger::open(folder.join("learning.db")).await.unwrap();
        let registry = Arc::new(Registry::loading(ModelId::new("m").unwrap()));
        let script = Arc::new(Script { base: base.to_owned(), ..Script::default() });
        let revisions = Revisions::new(RevisionsConfig {
            ledger: ledger.clone(),
            folder: folder.join("revisions"),
            registry: Arc::clone(&registry),
            loader: Arc::clone(&script) as Arc<dyn Load>,
            gatekeeper: Arc::clone(&script) as Arc<dyn Gatekeeper>,
        });
        Self { ledger, revisions, registry, script, folder: folder.to_owned() }
    }

    async fn begun(folder: &Path) -> Self {
        let bench = Self::open(folder, "base-1").await;
        bench.revisions.begin().await.unwrap();
        bench
    }

    /// A candidate whose model says this.
    async fn candidate(&self, name: &str, says: &str) -> RevisionId {
        let run = self.folder.join(format!("run-{name}"));
        std::fs::create_dir_all(run.join("model")).unwrap();
        std::fs::write(run.join("model/says.txt"), says).unwrap();
        std::fs::write(run.join("card.json"), "{}").unwrap();
        let content = Some(amend_trainer::lte::folder_hash(&run.join("model")).unwrap());
        let provenance = RevisionProvenance { content, ..RevisionProvenance::default() };
        let candidate = Candidate { id: id(name), provenance };
        self.revisions.register(candidate, &run).await.unwrap().id
    }

    async fn force(&self, name: &str) -> Result<Promotion, RevisionError> {
        self.revisions.promote(id(name), PromoteRequest { force: true, expected_live: None }).await
    }

    async fn says(&self) -> String {
        self.registry.complete(ChatRequest::greedy(vec![Message::user("well?")])).await.unwrap().text
    }

    async fn states(&self) -> Vec<(String, RevisionState)> {
        let found = self.revisions.list(None, 100).await.unwrap();
        found.into_iter().map(|revision| (revision.id.to_string(), revision.state)).collect()
    }
}

use RevisionState::{Candidate as New, Live, Rejected, Retired};

fn names(states: &[(&str, RevisionState)]) -> Vec<(String, RevisionState)> {
    states.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_live_it_is_promoted_and_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), "base-1").await;
    assert!(matches!(bench.revisions.live().await, Err(RevisionError::NotReady)));
    assert!(matches!(bench.force("b").await, Err(RevisionError::NotReady)));
    bench.revisions.begin().await.unwrap();
    assert_eq!(bench.states().await, names(&[("base-1", Live)]));
    bench.candidate("b", "I am b").await;
    bench.candidate("c", "I am c").await;
    bench.candidate("b", "I am b").await;
    assert_eq!(bench.states().await, names(&[("c", New), ("b", New), ("base-1", Live)]));

    let refused = bench.revisions.promote(id("b"), PromoteRequest::default()).await;
    assert!(refused.unwrap_err().to_string().contains("--force"), "it says what to do");
    let wrong = PromoteRequest { force: true, expected_live: Some(id("c")) };
    let refused = bench.revisions.promote(id("b"), wrong).await;
    assert!(matches!(refused, Err(RevisionError::NotLive { .. })));
    assert!(matches!(bench.force("x").await, Err(RevisionError::NotFound(_))));
    assert_eq!(bench.says().await, "base");

    let done = bench.force("b").await.unwrap();
    assert_eq!((done.from, done.to), (id("base-1"), id("b")));
    assert_eq!(bench.says().await, "I am b");
    assert!(matches!(bench.force("b").await, Err(RevisionError::Live(_))));
    assert!(matches!(bench.revisions.retire(&id("b")).await, Err(RevisionError::Live(_))));
    bench.force("c").await.unwrap();
    assert_eq!(bench.states().await, names(&[("c", Live), ("b", Retired), ("base-1", Retired)]));
    for (to, says) in [("b", "I am b"), ("base-1", "base")] {
        assert_eq!(bench.revisions.roll_back(None).await.unwrap().to, id(to));
        assert_eq!(bench.says().await, says);
    }
    assert!(matches!(bench.revisions.roll_back(None).await, Err(RevisionError::NothingBefore(_))));
    assert_eq!(*bench.script.gone_live.lock().unwrap(), ["base", "b", "c", "b", "base"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_one_is_live_after_a_restart_and_another_base_format_changes_nothing_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "I am b").await;
    bench.force("b").await.unwrap();
    bench.ledger.close().await.unwrap();
    drop(bench);

    let bench = Bench::open(folder.path(), "base-2").await;
    bench.revisions.begin().await.unwrap();
    assert_eq!(bench.says().await, "I am b");
    assert_eq!(bench.revisions.roll_back(None).await.unwrap().to, id("base-2"));
    bench.ledger.close().await.unwrap();

    let bench = Bench::open(folder.path(), "base-1").await;
    bench.revisions.begin().await.unwrap();
    assert_eq!(bench.revisions.live().await.unwrap().id, id("base-1"));
    assert_eq!(bench.says().await, "base");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_loaded_or_was_changed_does_not_go_live() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "broken").await;
    bench.candidate("c", "I am c").await;
    let refused = bench.force("b").await.unwrap_err();
    assert!(matches!(refused, RevisionError::Unusable { .. }), "{refused}");
    let file = bench.revisions.folder(&id("c")).join("model/says.txt");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "I am another").unwrap();
    assert!(matches!(bench.force("c").await, Err(RevisionError::Changed(_))));
    assert_eq!(bench.says().await, "base");
    assert_eq!(bench.states().await, names(&[("c", New), ("b", New), ("base-1", Live)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_one_whose_files_are_gone_is_rejected_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "I am b").await;
    bench.force("b").await.unwrap();
    bench.ledger.close().await.unwrap();
    std::fs::remove_dir_all(folder.path().join("revisions")).unwrap();

    let bench = Bench::begun(folder.path()).await;
    assert_eq!(bench.says().await, "base");
    assert_eq!(bench.states().await, names(&[("b", Rejected), ("base-1", Live)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_promotions_that_race_one_wins_and_one_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    for name in ["a", "b", "c", "d"] {
        bench.candidate(name, name).await;
    }
    let request = PromoteRequest { force: true, expected_live: Some(id("base-1")) };
    let races = ["a", "b", "c", "d"].map(|name| bench.revisions.promote(id(name), request.clone()));
    let outcomes = futures::future::join_all(races).await;
    let won: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let lost = outcomes.iter().filter(|one| matches!(one, Err(RevisionError::NotLive { .. }))).count();
    assert_eq!(lost, 3);
    assert_eq!(bench.revisions.live().await.unwrap().id, won[0].to);
    let live = bench.states().await.into_iter().filter(|(_, state)| *state == Live).count();
    assert_eq!(live, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_a_second_live_one_and_a_change_of_what_a_revision_is() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "I am b").await;
    for sql in [
        "UPDATE revisions SET state = 'live' WHERE id = 'b'",
        "UPDATE revisions SET provenance = '{}' WHERE id = 'b'",
    ] {
        let done = bench.ledger.write(move |connection| {
            futures::FutureExt::boxed(async move {
                sqlx::query(sql).execute(connection).await.map_err(RevisionError::from)
            })
        });
        assert!(done.await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_opens_the_way_against_what_is_live_only_and_who_insisted_is_on_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "I am b").await;
    bench.candidate("c", "I am c").await;
    bench.script.let_through.lock().unwrap().push((id("b"), id("base-1")));
    let promote = |name: &str| bench.revisions.promote(id(name), PromoteRequest::default());
    assert!(matches!(promote("c").await, Err(RevisionError::NotGated { .. })));
    promote("b").await.unwrap();
    bench.force("c").await.unwrap();
    // What was measured against the base says nothing of how it compares with what is live now.
    assert!(matches!(promote("b").await, Err(RevisionError::NotGated { .. })));
    bench.revisions.roll_back(None).await.unwrap();
    let noted = bench.revisions.switches(None, 100).await.unwrap();
    let noted: Vec<_> = noted
        .into_iter()
        .map(|note| (note.to.to_string(), note.how, note.forced, note.gate.map(String::from)))
        .collect();
    use amend_proto::wire::SwitchHow::{Promote, Rollback, Start};
    let gate = Some("gate-1".to_owned());
    assert_eq!(
        noted,
        [
            ("b".to_owned(), Rollback, false, None),
            ("c".to_owned(), Promote, true, None),
            ("b".to_owned(), Promote, false, gate),
            ("base-1".to_owned(), Start, false, None),
        ]
    );
    let older = bench.revisions.switches(Some(2), 100).await.unwrap();
    assert_eq!((older.len(), older[0].seq), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_changes_the_state_of_what_is_not_live() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::begun(folder.path()).await;
    bench.candidate("b", "I am b").await;
    use amend_proto::wire::GateVerdict::{Fail, Inconclusive, Pass};
    for (verdict, state) in [
        (Inconclusive, New),
        (Pass, RevisionState::Gated),
        (Inconclusive, RevisionState::Gated),
        (Fail, Rejected),
    ] {
        bench.revisions.judged(&id("b"), verdict).await.unwrap();
        bench.revisions.judged(&id("base-1"), verdict).await.unwrap();
        assert_eq!(bench.states().await, names(&[("b", state), ("base-1", Live)]));
    }
}
