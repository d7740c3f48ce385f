use super::{Ended, JobContext, JobError, Jobs, JobsConfig, Work};
use crate::ledger::Ledger;
use amend_proto::{
    JobId,
    wire::{JobKind, JobObject, JobPhase, JobState},
};
use serde_json::json;
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Does as its job's settings say.
struct Script {
    begun: Sender<String>,
    go_on: Mutex<Receiver<()>>,
}

impl Work for Script {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        let what = job.config["what"].as_str().unwrap_or_default().to_owned();
        self.begun.send(what.clone())?;
        match what.as_str() {
            "wait" => {
                self.go_on.lock().unwrap().recv()?;
                Ok(if job.stopped() { Ended::Stopped } else { Ended::Done(json!({"answer": 42})) })
            }
            "fail" => anyhow::bail!("it cannot be done"),
            "once" => {
                let mark = job.folder.join("mark");
                if mark.exists() {
                    return Ok(Ended::Done(json!({})));
                }
                std::fs::write(mark, "")?;
                anyhow::bail!("the disk is full")
            }
            "panic" => panic!("as it should not"),
            other => {
                job.say(format!("doing {other}"));
                job.at(JobPhase::Training, (3, 4), None);
                Ok(Ended::Done(json!({})))
            }
        }
    }
}

struct Bench {
    ledger: Ledger,
    jobs: Jobs,
    begun: Receiver<String>,
    go_on: Sender<()>,
    busy: watch::Sender<usize>,
    work: Arc<Script>,
}

impl Bench {
    async fn open(folder: &Path) -> Self {
        let ledger = Ledger::open(folder.join("learning.db")).await.unwrap();
        let busy = watch::Sender::new(0);
        let config = JobsConfig {
            ledger: ledger.clone(),
            folder: folder.join("jobs"),
            busy: busy.subscribe(),
            quiet: None,
        };
        let jobs = Jobs::open(config).await.unwrap();
        let ((begin, begun), (go_on, goes_on)) = (channel(), channel());
        let work = Arc::new(Script { begun: begin, go_on: Mutex::new(goes_on) });
        Self { ledger, jobs, begun, go_on, busy, work }
    }

    async fn started(folder: &Path) -> Self {
        let bench = Self::open(folder).await;
        bench.jobs.start(Arc::clone(&bench.work) as Arc<dyn Work>).unwrap();
        bench
    }

    async fn submit(&self, what: &str) -> JobId {
        self.jobs.submit(JobKind::Bmc, json!({"what": what})).await.unwrap().id
    }

    async fn reaches(&self, id: &JobId, state: JobState) -> JobObject {
        let mut changes = self.jobs.changes();
        changes.mark_changed();
        let wait = async {
            loop {
                changes.changed().await.unwrap();
                let job = self.jobs.get(id).await.unwrap();
                if job.state == state {
                    return job;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that state")
    }

    async fn close(self) {
        self.jobs.close(Duration::from_secs(20)).await;
        self.ledger.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_done_one_after_the_other_and_a_failure_is_one_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::started(folder.path()).await;
    let (failing, panicking, good) =
        (bench.submit("fail").await, bench.submit("panic").await, bench.submit("good").await);
    let done = bench.reaches(&good, JobState::Done).await;
    assert_eq!((done.progress.phase, done.progress.done, done.progress.of), (JobPhase::Training, 3, 4));
    assert!(done.ended_at.is_some() && done.starts == 1 && done.result == Some(json!({})));
    assert_eq!(bench.jobs.get(&failing).await.unwrap().reason.as_deref(), Some("it cannot be done"));
    let panicked = bench.jobs.get(&panicking).await.unwrap();
    assert!(panicked.state == JobState::Failed && panicked.reason.unwrap().contains("panicked"));
    let lines: Vec<String> =
        bench.jobs.lines(&good, 0, 10).await.unwrap().into_iter().map(|line| line.line).collect();
    assert_eq!(lines, ["it begins", "doing good", "it is done"]);
    let order: Vec<String> = bench.begun.try_iter().collect();
    assert_eq!(order, ["fail", "panic", "good"]);
    let page = bench.jobs.list(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|job| &job.id).collect::<Vec<_>>(), [&good, &panicking]);
    let rest = bench.jobs.list(Some(&panicking), 2).await.unwrap();
    assert_eq!(rest[0].id, failing);
    assert!(!bench.jobs.folder(&good).exists() && bench.jobs.folder(&failing).exists());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_called_off_before_and_while_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::started(folder.path()).await;
    let (first, second) = (bench.submit("wait").await, bench.submit("good").await);
    assert_eq!(bench.begun.recv().unwrap(), "wait");
    assert_eq!(bench.jobs.cancel(&second).await.unwrap().state, JobState::Cancelled);
    bench.reaches(&first, JobState::Running).await;
    bench.jobs.cancel(&first).await.unwrap();
    bench.go_on.send(()).unwrap();
    bench.reaches(&first, JobState::Cancelled).await;
    assert!(matches!(bench.jobs.cancel(&first).await, Err(JobError::Ended { .. })));
    let unknown = bench.jobs.cancel(&JobId::fresh()).await;
    assert!(matches!(unknown, Err(JobError::NotFound(_))));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_is_tried_again_from_what_it_had_and_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::started(folder.path()).await;
    let id = bench.submit("once").await;
    let failed = bench.reaches(&id, JobState::Failed).await;
    assert_eq!((failed.reason.as_deref(), failed.starts), (Some("the disk is full"), 1));
    let again = bench.jobs.try_again(&id).await.unwrap();
    assert_eq!((again.reason, again.ended_at), (None, None));
    assert_eq!(bench.reaches(&id, JobState::Done).await.starts, 2);
    let done = bench.jobs.try_again(&id).await;
    assert!(matches!(done, Err(JobError::NotFailed { state: JobState::Done, .. })));
    let unknown = bench.jobs.try_again(&JobId::fresh()).await;
    assert!(matches!(unknown, Err(JobError::NotFound(_))));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::started(folder.path()).await;
    let id = bench.submit("wait").await;
    assert_eq!(bench.begun.recv().unwrap(), "wait");
    bench.busy.send_replace(1);
    bench.reaches(&id, JobState::Paused).await;
    bench.busy.send_replace(0);
    bench.reaches(&id, JobState::Running).await;
    bench.go_on.send(()).unwrap();
    bench.reaches(&id, JobState::Done).await;
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_after_the_daemon_went_down_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::started(folder.path()).await;
    let id = bench.submit("wait").await;
    assert_eq!(bench.begun.recv().unwrap(), "wait");
    let (jobs, go_on) = (bench.jobs.clone(), bench.go_on.clone());
    let closing = tokio::spawn(async move { jobs.close(Duration::from_secs(20)).await });
    // Told to stop, the job comes to an end.
    while !bench.jobs.is_stopping() {
        tokio::task::yield_now().await;
    }
    go_on.send(()).unwrap();
    closing.await.unwrap();
    assert_eq!(bench.jobs.get(&id).await.unwrap().state, JobState::Queued);
    bench.ledger.close().await.unwrap();

    let bench = Bench::started(folder.path()).await;
    assert_eq!(bench.begun.recv().unwrap(), "wait");
    bench.go_on.send(()).unwrap();
    assert_eq!(bench.reaches(&id, JobState::Done).await.starts, 2);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_killed_goes_on_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path()).await;
    let id = bench.submit("good").await;
    let claim = |ledger: Ledger| async move {
        let write = ledger.write(|connection| {
            futures::FutureExt::boxed(async move { super::store::claim(connection, 1).await })
        });
        write.await.unwrap()
    };
    for start in 1..=5 {
        let claimed = claim(bench.ledger.clone()).await.expect("it waits");
        assert_eq!((claimed.id, claimed.starts), (id.clone(), start));
        // As at the next start after `kill -9`.
        let config = JobsConfig {
            ledger: bench.ledger.clone(),
            folder: folder.path().join("jobs"),
            busy: bench.busy.subscribe(),
            quiet: None,
        };
        Jobs::open(config).await.unwrap();
    }
    let job = bench.jobs.get(&id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert!(job.reason.unwrap().contains("5 times"));
    bench.close().await;
}
