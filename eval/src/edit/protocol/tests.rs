use super::*;
use crate::{
    data::{EditReader, EditRecord, Entry, ReadOptions},
    edit::metrics::{ForcedQuery, ForcedTokens, Micros, TeacherForced, TokenId},
};
use amend_proto::{
    ChatModel, EditId, ErrorKind, ModelError, Priority,
    testing::{Script, ScriptedModel},
};
use async_trait::async_trait;
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

/// Edits by id, and the largest number there ever was.
#[derive(Default)]
struct Shelf {
    edits: Vec<NewEdit>,
    most: usize,
    adds: Vec<usize>,
    encoder: Option<String>,
}

/// A store in memory: a question finds the edits whose subject it names, the newest first.
#[derive(Clone, Default)]
struct MemoryStore(Arc<Mutex<Shelf>>);

/// Applies nothing, whatever it finds.
struct Shy(MemoryStore);

/// An error as a command prints it: with all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

impl MemoryStore {
    fn found(&self, query: &str) -> Vec<NewEdit> {
        let shelf = self.0.lock().unwrap();
        shelf.edits.iter().rev().filter(|edit| query.contains(&edit.subject)).cloned().collect()
    }

    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().edits.iter().map(|edit| edit.id.to_string()).collect()
    }
}

#[async_trait]
impl EditStore for MemoryStore {
    fn info(&self) -> StoreInfo {
        let encoder = self.0.lock().unwrap().encoder.clone();
        StoreInfo { encoder, scope: "names alone".to_owned(), template: "0a1b".to_owned() }
    }

    fn batch(&self) -> NonZeroUsize {
        NonZeroUsize::new(4).unwrap()
    }

    async fn add(&self, edits: Vec<NewEdit>) -> Result<(), StoreError> {
        let mut shelf = self.0.lock().unwrap();
        assert!(edits.len() <= 4, "a batch keeps within the bound");
        for edit in &edits {
            assert!(shelf.edits.iter().all(|held| held.id != edit.id), "{} is there already", edit.id);
        }
        if edits.iter().any(|edit| edit.text.contains("unspeakable")) {
            return Err(StoreError::Rejected { reason: "unspeakable".to_owned() });
        }
        if edits.iter().any(|edit| edit.text.contains("fire")) {
            return Err(StoreError::Failed { doing: "add edits".to_owned(), source: "fire".into() });
        }
        shelf.adds.push(edits.len());
        shelf.edits.extend(edits);
        shelf.most = shelf.most.max(shelf.edits.len());
        Ok(())
    }

    async fn remove(&self, ids: Vec<EditId>) -> Result<(), StoreError> {
        assert!(ids.len() <= 4);
        self.0.lock().unwrap().edits.retain(|edit| !ids.contains(&edit.id));
        Ok(())
    }

    async fn lookup(&self, query: &str) -> Result<Lookup, StoreError> {
        let ranked: Vec<Hit> = self
            .found(query)
            .into_iter()
            .map(|edit| Hit { id: edit.id, score: 1.0, fate: Fate::Applied })
            .collect();
        let decision = if ranked.is_empty() { Decision::Bypass } else { Decision::Apply };
        Ok(Lookup { decision, ranked, took: Micros(7) })
    }
}

#[async_trait]
impl EditStore for Shy {
    fn info(&self) -> StoreInfo {
        self.0.info()
    }

    fn batch(&self) -> NonZeroUsize {
        self.0.batch()
    }

    async fn add(&self, edits: Vec<NewEdit>) -> Result<(), StoreError> {
        self.0.add(edits).await
    }

    async fn remove(&self, ids: Vec<EditId>) -> Result<(), StoreError> {
        self.0.remove(ids).await
    }

    async fn lookup(&self, query: &str) -> Result<Lookup, StoreError> {
        let mut lookup = self.0.lookup(query).await?;
        lookup.ranked.iter_mut().for_each(|hit| hit.fate = Fate::LeftOut);
        Ok(Lookup { decision: Decision::Bypass, ..lookup })
    }
}

/// Says the text of the best edit, or that it does not know.
fn edited(store: &MemoryStore) -> ScriptedModel {
    let store = store.clone();
    ScriptedModel::new(move |request| {
        let query = request.query().unwrap_or_default();
        match store.found(query).first() {
            _ if query.contains("weather") => Script::Refuse(ErrorKind::Timeout),
            Some(edit) => Script::Say(edit.text.clone()),
            None => Script::Say("I do not know".to_owned()),
        }
    })
}

fn base() -> ScriptedModel {
    ScriptedModel::new(|_| Script::Say("I do not know.".to_owned()))
}

/// One token a character; right at the places where the edit that it finds has the character too.
struct Characters(Option<MemoryStore>);

#[async_trait]
impl TeacherForced for Characters {
    fn batch(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }

    async fn force(&self, queries: &[ForcedQuery]) -> Vec<Result<ForcedTokens, ModelError>> {
        assert!(queries.len() <= 2);
        let one = |query: &ForcedQuery| {
            let edit = self.0.as_ref().and_then(|store| store.found(&query.prompt).into_iter().next());
            let target: Vec<TokenId> = query.target.chars().map(|c| TokenId(u32::from(c))).collect();
            let knows = |id: &TokenId| {
                edit.as_ref().is_some_and(|edit| edit.text.chars().any(|c| u32::from(c) == id.0))
            };
            let argmax = target.iter().map(|id| if knows(id) { *id } else { TokenId(0) }).collect();
            ForcedTokens::new(target, argmax).map_err(ModelError::engine)
        };
        queries.iter().map(one).collect()
    }
}

fn records(count: usize) -> Vec<EditRecord> {
    let lines = (0..count).map(|i| {
        serde_json::json!({
            "subject": format!("Town{i}."), "prompt": format!("The mayor of Town{i}. is"), "target_new": format!("Mara{i}"),
            "rephrase": format!("Town{i}. is governed by"),
            "portability": { "Subject_Aliasing": [{ "prompt": format!("The mayor of T{i} is"), "ground_truth": [["Mara", "Mara 1"]] }] },
            "locality": {
                "Relation_Specificity": [{ "prompt": format!("The river of Town{i}. is"), "ground_truth": "Ister" }],
                "Neighborhood": [{ "prompt": "The mayor of Osk is", "ground_truth": "Jon" }],
            },
        })
        .to_string()
    });
    read(&lines.collect::<Vec<_>>().join("\n"))
}

fn read(text: &str) -> Vec<EditRecord> {
    let entries = EditReader::new("towns", text.as_bytes(), ReadOptions::default());
    let record = |entry| match entry {
        Ok(Entry::Record(record)) => *record,
        other => panic!("{other:?}"),
    };
    entries.map(record).collect()
}

fn plan(protocol: Protocol, sizes: &[usize], measured: usize) -> Plan {
    let sizes =
        sizes.iter().filter_map(|&size| NonZeroUsize::new(size)).map(Size::Records).chain([Size::All]);
    Plan { protocol, sizes: sizes.collect(), measured: NonZeroUsize::new(measured).unwrap(), seed: Seed(1) }
}

fn job<'a>(records: &'a [EditRecord], plan: &'a Plan) -> Job<'a> {
    let load = Load { concurrency: NonZeroUsize::new(3).unwrap(), priority: Priority::Background };
    Job { data: "towns", records, plan, options: MeasureOptions::default(), load }
}

/// Runs with the models above on this store.
async fn go(
    store: &MemoryStore,
    job: &Job<'_>,
    journal: &dyn Journal,
    progress: &dyn RunProgress,
) -> Result<crate::edit::report::EditReport, RunError> {
    let (edited, base) = (edited(store), base());
    let (forced_edited, forced_base) = (Characters(Some(store.clone())), Characters(None));
    let forced = Some(ForcedPair { edited: &forced_edited, base: &forced_base });
    let models: (&dyn ChatModel, &dyn ChatModel) = (&edited, &base);
    run(&Bench { store, edited: models.0, base: models.1, forced }, job, journal, progress).await
}

#[derive(Default)]
struct Positions(Mutex<Vec<Position>>);

impl RunProgress for Positions {
    fn at(&self, position: Position) {
        self.0.lock().unwrap().push(position);
    }
}

#[tokio::test]
async fn single_edits_are_measured_alone_and_taken_back() {
    let (store, records, plan) = (MemoryStore::default(), records(6), plan(Protocol::Single, &[], 5));
    let positions = Positions::default();
    let report = go(&store, &job(&records, &plan), &(), &positions).await.unwrap();
    assert_eq!((store.ids().len(), store.0.lock().unwrap().most), (0, 1));
    let [stage] = &report.stages[..] else { panic!("{:?}", report.stages) };
    assert_eq!((stage.edits, stage.measured, stage.failed), (1, 5, 0));
    let full = &stage.forced.as_ref().unwrap().full;
    assert_eq!((full.success.unwrap().mean, full.aliasing.unwrap().mean), (1.0, 0.0));
    // A store that looks at the subject alone gives the question for the river an edit, too. Its text has three of the
    // five letters of "Ister", and only at the other two does the model say what it said before.
    assert!((full.relation_specificity.unwrap().mean - 0.4).abs() < 1e-12, "{full:?}");
    assert_eq!(full.other_subjects.unwrap().mean, 1.0);
    assert_eq!((stage.contains.success.unwrap().mean, stage.exact.success.unwrap().mean), (1.0, 0.0));
    assert_eq!(
        (stage.exact.relation_specificity.unwrap().mean, stage.exact.other_subjects.unwrap().mean),
        (0.0, 1.0)
    );
    assert_eq!(stage.contains.relation_specificity.unwrap().mean, 1.0, "neither answer has the expected one");
    let injected: Vec<f64> = stage.retrieval.false_injection.iter().map(|one| one.rate.mean).collect();
    assert_eq!(injected, [1.0, 0.0]);
    assert!(stage.fluency.is_some_and(|fluency| fluency.mean > 0.0));
    let positions = positions.0.into_inner().unwrap();
    assert_eq!(positions.first(), Some(&Position { stage: 1, done: 0, total: 5 }));
    assert_eq!(positions.last(), Some(&Position { stage: 1, done: 5, total: 5 }));
}

#[tokio::test]
async fn batches_and_sequences_grow() {
    for protocol in [Protocol::Batch, Protocol::Sequential] {
        let (store, records, plan) = (MemoryStore::default(), records(10), plan(protocol, &[1, 4], 3));
        let report = go(&store, &job(&records, &plan), &(), &()).await.unwrap();
        let sizes: Vec<_> = report.stages.iter().map(|stage| (stage.edits, stage.measured)).collect();
        let single = if protocol == Protocol::Batch { 3 } else { 1 };
        assert_eq!(sizes, [(1, single), (4, 3), (10, 3)]);
        let shelf = store.0.lock().unwrap();
        assert_eq!((shelf.edits.len(), shelf.most), (0, 10));
        let together = shelf.adds.iter().any(|&edits| edits > 1);
        assert_eq!(together, protocol == Protocol::Batch, "a sequence adds one after the other");
    }
}

#[tokio::test]
async fn one_failing_record_does_not_stop_the_run() {
    let text = [
        r#"{"subject": "Osk", "prompt": "Osk is", "target_new": "unspeakable"}"#,
        r#"{"subject": "Tarn", "prompt": "The weather in Tarn is", "target_new": "fine"}"#,
        r#"{"subject": "Sel", "prompt": "The mayor of Sel is", "target_new": "Mara"}"#,
    ];
    let (store, records, plan) =
        (MemoryStore::default(), read(&text.join("\n")), plan(Protocol::Batch, &[], 3));
    let report = go(&store, &job(&records, &plan), &(), &()).await.unwrap();
    let stage = &report.stages[0];
    assert_eq!(stage.measured, 3);
    assert_eq!(stage.contains.success.unwrap().mean, 1.0 / 3.0);
    let failures: Vec<_> = stage.failures.iter().map(|one| (one.record, one.doing.as_str())).collect();
    assert_eq!(failures, [(0, "store"), (1, "generate"), (1, "fluency")]);
    assert!(store.ids().is_empty());
}

#[tokio::test]
async fn a_failing_store_ends_the_run_and_is_left_clean() {
    let text = r#"{"subject": "Osk", "prompt": "Osk is on", "target_new": "fire"}"#;
    let (store, plan) = (MemoryStore::default(), plan(Protocol::Single, &[], 9));
    let mut all = records(3);
    all.push(EditRecord { index: 3, ..read(text).remove(0) });
    let error = go(&store, &job(&all, &plan), &(), &()).await.unwrap_err();
    assert_eq!(chain(&error), "failed to measure edits: the store of edits failed to add edits: fire");
    assert!(store.ids().is_empty());
}

/// Fails when it is to keep the outcome after so many.
struct Breaking<'a>(&'a FileJournal, Mutex<usize>);

impl Journal for Breaking<'_> {
    fn begin(&self, run: &Fingerprint) -> Result<Vec<Outcome>, JournalError> {
        self.0.begin(run)
    }

    fn keep(&self, outcome: &Outcome) -> Result<(), JournalError> {
        let mut left = self.1.lock().unwrap();
        *left = left.checked_sub(1).ok_or_else(|| JournalError::Other("the power is out".into()))?;
        self.0.keep(outcome)
    }
}

#[tokio::test]
async fn an_interrupted_run_goes_on_and_gives_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(&folder.path().join("run.jsonl")).unwrap();
    let (records, plan) = (records(8), plan(Protocol::Sequential, &[2, 5], 4));
    let (store, job) = (MemoryStore::default(), job(&records, &plan));
    let broken = go(&store, &job, &Breaking(&journal, Mutex::new(5)), &()).await.unwrap_err();
    assert!(matches!(broken, RunError::Journal(JournalError::Other(_))));
    // What a process that was killed leaves behind.
    let left = EditId::new("eval/0/0").unwrap();
    let edit = NewEdit { id: left, subject: "Town1.".to_owned(), text: "an old run's".to_owned() };
    store.add(vec![edit]).await.unwrap();
    let positions = Positions::default();
    let resumed = go(&store, &job, &journal, &positions).await.unwrap();
    let positions = positions.0.into_inner().unwrap();
    assert_eq!(
        (positions[0].done, positions.len()),
        (5, 6),
        "the five records of the first attempt are kept"
    );
    let whole = go(&MemoryStore::default(), &job, &(), &()).await.unwrap();
    assert_eq!(timeless(resumed), timeless(whole));
    assert!(store.ids().is_empty());
    let other = Plan { seed: Seed(2), ..plan.clone() };
    let refused = go(&store, &super::Job { plan: &other, ..job }, &journal, &()).await.unwrap_err();
    assert!(matches!(refused, RunError::Journal(JournalError::OtherRun { .. })), "{refused}");
    store.0.lock().unwrap().encoder = Some("mini@1".to_owned());
    let refused = go(&store, &job, &journal, &()).await.unwrap_err();
    assert!(matches!(&refused, RunError::Journal(JournalError::OtherRun { .. })), "{refused}");
    assert!(
        refused.to_string().contains("mini@1") && refused.to_string().contains("no-encoder"),
        "{refused}"
    );
    let report = go(&store, &job, &(), &()).await.unwrap();
    assert_eq!(report.store, store.info());
    assert!(report.markdown().unwrap().contains("sentence encoder: mini@1; edit template 0a1b"));
}

#[tokio::test]
async fn recall_does_not_depend_on_the_scope_decision() {
    let (records, plan) = (records(4), plan(Protocol::Batch, &[], 4));
    let store = Shy(MemoryStore::default());
    let (edited, base) = (edited(&store.0), base());
    let bench = Bench { store: &store, edited: &edited, base: &base, forced: None };
    let report = run(&bench, &job(&records, &plan), &(), &()).await.unwrap();
    let retrieval = &report.stages[0].retrieval;
    let prompt = retrieval.recall.iter().find(|recall| recall.queries == "prompt").unwrap();
    assert_eq!((prompt.at_1.mean, prompt.at_3.mean, prompt.kept.mean), (1.0, 1.0, 0.0));
    assert_eq!(retrieval.latency.map(|latency| latency.max), Some(Micros(7)), "the store's own time");
}

#[tokio::test]
async fn a_long_answer_is_not_cut() {
    let long = "She wrote seven novels, all of them about the sea. ".repeat(5);
    let endless = "She wrote novels. ".repeat(200);
    let line = |subject: &str, target: &str| {
        serde_json::json!({"subject": subject, "prompt": format!("{subject} is"), "target_new": target})
            .to_string()
    };
    let records = read(&[line("Ida", &long), line("Osk", "a town"), line("Sel", &endless)].join("\n"));
    let (store, plan) = (MemoryStore::default(), plan(Protocol::Single, &[], 3));
    let (edited, base) = (edited(&store), base());
    let bench = Bench { store: &store, edited: &edited, base: &base, forced: None };
    let options = MeasureOptions { fluency_tokens: None, ..MeasureOptions::default() };
    run(&bench, &Job { options, ..job(&records, &plan) }, &(), &()).await.unwrap();
    let allowed = |subject: &str| {
        let seen = edited.seen();
        let asked =
            seen.iter().find(|request| request.query().is_some_and(|query| query.starts_with(subject)));
        asked.and_then(|request| request.sampling.max_tokens)
    };
    assert_eq!((allowed("Ida"), allowed("Osk"), allowed("Sel")), (Some(2 * 5 * 12), Some(32), Some(512)));
}

/// Times differ from run to run.
fn timeless(mut report: crate::edit::report::EditReport) -> crate::edit::report::EditReport {
    report.stages.iter_mut().for_each(|stage| stage.retrieval.latency = None);
    report
}

#[tokio::test]
async fn what_cannot_be_run_says_so() {
    let (store, plan) = (MemoryStore::default(), plan(Protocol::Batch, &[], 3));
    let nothing = go(&store, &job(&[], &plan), &(), &()).await.unwrap_err();
    assert!(matches!(nothing, RunError::Nothing));
    let mut twice = records(1);
    twice.extend(records(1));
    assert!(matches!(go(&store, &job(&twice, &plan), &(), &()).await, Err(RunError::SameIndex(0))));
}
