use super::{
    BmcConfig, FilePairs, JobTrigger, PairSource, Pairs, TrainingSettings, edits::rendered, prepare,
    schedule::begin_if_due,
};
use crate::{
    jobs::{Jobs, JobsConfig},
    ledger::Ledger,
};
use amend_editor::{AddEdits, Content, Editor, EditorOptions, NewEdit};
use amend_proto::{AppliedEdit, EditId, Message, TenantId, wire::JobKind};
use amend_trainer::preference::{HeldOutShare, Pair, PairSource as Source, Provenance, UnixMillis};
use async_trait::async_trait;
use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

fn pair(question: &str) -> Pair {
    let provenance = Provenance::new(Source::Preference, TenantId::default(), UnixMillis(1));
    Pair::by_content(vec![Message::user(question)], ("Yes.".to_owned(), "No.".to_owned()), provenance)
}

/// So many pairs.
struct Counted(AtomicU64);

#[async_trait]
impl PairSource for Counted {
    async fn count(&self) -> anyhow::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }

    async fn pairs(&self) -> anyhow::Result<Vec<Pair>> {
        let count = self.count().await?;
        Ok((0..count).map(|n| pair(&format!("Is it {n}?"))).collect())
    }

    fn describe(&self) -> String {
        "counted".to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_begins_when_enough_pairs_are_new_and_only_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path().join("learning.db")).await.unwrap();
    let busy = watch::Sender::new(0).subscribe();
    let config = JobsConfig { ledger, folder: folder.path().join("jobs"), busy, quiet: None };
    let jobs = Jobs::open(config).await.unwrap();
    let source = Arc::new(Counted(AtomicU64::new(9)));
    let pairs = Pairs::new(vec![Arc::clone(&source) as Arc<dyn PairSource>]);
    let settings = TrainingSettings {
        config: BmcConfig { min_pairs: 5, ..BmcConfig::default() },
        every_pairs: NonZeroU64::new(10),
        ..TrainingSettings::default()
    };
    assert!(!begin_if_due(&jobs, &pairs, &settings).await.unwrap());
    source.0.store(10, Ordering::SeqCst);
    assert!(begin_if_due(&jobs, &pairs, &settings).await.unwrap());
    source.0.store(100, Ordering::SeqCst);
    assert!(!begin_if_due(&jobs, &pairs, &settings).await.unwrap(), "one waits already");
    let first = jobs.newest(JobKind::Bmc).await.unwrap().unwrap();
    let config: BmcConfig = serde_json::from_value(first.config).unwrap();
    assert_eq!((config.pairs_seen, config.trigger), (10, JobTrigger::NewPairs));
    jobs.cancel(&first.id).await.unwrap();
    source.0.store(19, Ordering::SeqCst);
    assert!(!begin_if_due(&jobs, &pairs, &settings).await.unwrap(), "nine are new");

    let hourly =
        TrainingSettings { every_pairs: None, every: Some(Duration::from_secs(3600)), ..settings.clone() };
    assert!(!begin_if_due(&jobs, &pairs, &hourly).await.unwrap(), "the last one was just now");
    let often = TrainingSettings { every: Some(Duration::ZERO), ..hourly };
    assert!(begin_if_due(&jobs, &pairs, &often).await.unwrap());
}

#[tokio::test]
async fn training_sees_the_edits_that_the_model_saw() {
    let folder = tempfile::tempdir().unwrap();
    let editor = Editor::open(EditorOptions::new(folder.path().join("amend.db"))).await.unwrap();
    let new = NewEdit::from(Content::new("The capital of France is Lyon."));
    let edit = editor.add(AddEdits::new(vec![new])).await.unwrap().remove(0);
    let plain = pair("What is the capital of France?");
    assert_eq!(rendered(&editor, plain.clone()).await.unwrap().as_ref(), Some(&plain));
    let mut edited = plain.clone();
    edited.provenance.edits = vec![AppliedEdit { id: edit.id.clone(), score: 1.0 }];
    // Also when it was taken back since.
    editor.remove(&edit.id).await.unwrap();
    let seen = rendered(&editor, edited.clone()).await.unwrap().unwrap();
    let content = &seen.prompt[0].content;
    assert!(content.contains("is Lyon.") && content.contains("What is the capital"), "{content}");
    edited.provenance.edits = vec![AppliedEdit { id: EditId::new("gone").unwrap(), score: 1.0 }];
    assert_eq!(rendered(&editor, edited).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_and_what_is_wrong_in_them_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.jsonl");
    let line = |n: usize| format!("{{\"prompt\":\"Is it {n}?\",\"chosen\":\"Yes.\",\"rejected\":\"No.\"}}\n");
    let mut text: String = (0..40).map(line).collect();
    text.push_str("{\"prompt\":\"Is it?\",\"chosen\":\"Yes.\"}\n");
    text.push_str(&line(3));
    std::fs::write(&file, &text).unwrap();
    let source = FilePairs::new(vec![file.clone()]);
    assert_eq!(source.count().await.unwrap(), 41);
    let (training, held_out, report) =
        prepare(source.pairs().await.unwrap(), HeldOutShare::default()).unwrap();
    assert_eq!((report.read, report.exact, training.len() + held_out.len()), (41, 1, 40));
    std::fs::write(&file, text + &line(100)).unwrap();
    assert_eq!(source.count().await.unwrap(), 42);
    assert!(FilePairs::new(vec![folder.path().join("none")]).count().await.is_err());
}
