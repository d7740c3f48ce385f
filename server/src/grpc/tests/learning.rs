//! Jobs and revisions.

use super::{Bench, refused};
use crate::{
    edits::Tenants,
    jobs::{Ended, JobContext, Work},
    revisions::Candidate,
};
use amend_proto::{
    JobId, RevisionId,
    grpc::v1::{self, job_event::Event, jobs_client::JobsClient, revisions_client::RevisionsClient},
    wire::{JobPhase, RevisionProvenance},
};
use serde_json::json;
use std::sync::Arc;
use tonic::{Code, Streaming};

fn begin() -> v1::BeginJobRequest {
    let kind = v1::JobKind::Bmc.into();
    v1::BeginJobRequest { kind, seed: Some(9), max_steps: Some(2), ..v1::BeginJobRequest::default() }
}

/// Says more lines than are told at a time.
struct Talks;

const LINES: usize = 150;

impl Work for Talks {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        (0..LINES).for_each(|n| job.say(format!("line {n}")));
        job.at(JobPhase::Training, (2, 2), Some(json!({"loss": 0.5})));
        Ok(Ended::Done(json!({"answer": 42})))
    }
}

async fn told(mut events: Streaming<v1::JobEvent>) -> (Vec<v1::JobLine>, Vec<v1::Job>) {
    let (mut lines, mut jobs) = (Vec::new(), Vec::new());
    while let Some(event) = events.message().await.unwrap() {
        match event.event.unwrap() {
            Event::Line(line) => lines.push(line),
            Event::Job(job) => jobs.push(job),
        }
    }
    (lines, jobs)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_begun_listed_followed_to_its_end_and_told_from_any_line_on() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = JobsClient::new(bench.channel.clone());
    let begun = client.begin_job(begin()).await.unwrap().into_inner();
    assert_eq!((begun.state(), begun.kind()), (v1::job::State::Queued, v1::JobKind::Bmc));
    let config: serde_json::Value = serde_json::from_str(&begun.config).unwrap();
    assert_eq!((&config["recipe"]["seed"], &config["recipe"]["max_steps"]), (&json!(9), &json!(2)));
    let id = begun.id.clone();
    let follow = |after| v1::FollowJobRequest { id: id.clone(), after };
    let events = client.follow_job(follow(0)).await.unwrap().into_inner();
    bench.learning.jobs.start(Arc::new(Talks)).unwrap();
    let (lines, jobs) = told(events).await;
    let said: Vec<&str> = lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!((said.len(), said[0], said[LINES + 1]), (LINES + 2, "it begins", "it is done"));
    assert!(lines.is_sorted_by_key(|line| line.seq));
    // What is told first was there when it was first looked: the job may have begun by then.
    assert!(matches!(jobs[0].state(), v1::job::State::Queued | v1::job::State::Running));
    let last = jobs.last().unwrap();
    assert_eq!((last.state(), last.result.as_deref()), (v1::job::State::Done, Some(r#"{"answer":42}"#)));
    let at = last.progress.as_ref().unwrap();
    assert_eq!(
        (at.phase(), at.done, at.metrics.as_deref()),
        (v1::job_progress::Phase::Training, 2, Some(r#"{"loss":0.5}"#))
    );

    let again = client.follow_job(follow(lines[100].seq)).await.unwrap().into_inner();
    let (rest, jobs) = told(again).await;
    assert_eq!((rest.as_slice(), jobs.len()), (&lines[101..], 1), "what was heard is not told again");
    let cancel = v1::CancelJobRequest { id: id.clone() };
    assert_eq!(refused(client.cancel_job(cancel).await).0, Code::FailedPrecondition);
    let retry = v1::RetryJobRequest { id: id.clone() };
    assert_eq!(refused(client.retry_job(retry).await).0, Code::FailedPrecondition);
    let one = v1::ListJobsRequest { limit: 1, after: String::new() };
    let second = client.begin_job(begin()).await.unwrap().into_inner();
    let page = client.list_jobs(one.clone()).await.unwrap().into_inner();
    assert_eq!((&page.jobs[0].id, &page.next), (&second.id, &second.id));
    let rest = v1::ListJobsRequest { after: page.next, ..one };
    let page = client.list_jobs(rest).await.unwrap().into_inner();
    assert_eq!((&page.jobs[0].id, page.next.as_str()), (&id, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_job_is_named_and_one_that_waits_is_called_off() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = JobsClient::new(bench.channel.clone());
    let mut wrong = async |request| refused(client.begin_job(request).await);
    let unspecified = v1::BeginJobRequest { kind: 0, ..begin() };
    assert_eq!(
        wrong(unspecified).await,
        (
            Code::InvalidArgument,
            "kind must be JOB_KIND_BMC, JOB_KIND_LION or JOB_KIND_WEBR; gates are begun by amend.v1.Gates"
                .to_owned()
        )
    );
    let (code, message) = wrong(v1::BeginJobRequest { objective: 99, ..begin() }).await;
    assert_eq!((code, message.split(' ').next()), (Code::InvalidArgument, Some("objective")));
    let rate = v1::BeginJobRequest { learning_rate: Some(-1.0), ..begin() };
    let (code, message) = wrong(rate).await;
    assert_eq!((code, message.contains("rate")), (Code::InvalidArgument, true), "{message}");
    let begun = client.begin_job(begin()).await.unwrap().into_inner();
    let cancel = v1::CancelJobRequest { id: begun.id.clone() };
    let cancelled = client.cancel_job(cancel).await.unwrap().into_inner();
    assert_eq!(cancelled.state(), v1::job::State::Cancelled);
    let unknown = JobId::fresh().to_string();
    let get = v1::GetJobRequest { id: unknown.clone() };
    assert_eq!(refused(client.get_job(get).await).0, Code::NotFound);
    let follow = v1::FollowJobRequest { id: unknown, after: 0 };
    assert_eq!(client.follow_job(follow).await.map(drop).unwrap_err().code(), Code::NotFound);
    let before = v1::FollowJobRequest { id: begun.id.clone(), after: -1 };
    assert_eq!(client.follow_job(before).await.map(drop).unwrap_err().code(), Code::InvalidArgument);
    let many = v1::ListJobsRequest { limit: 101, after: String::new() };
    assert_eq!(refused(client.list_jobs(many).await).0, Code::InvalidArgument);

    let waits = client.begin_job(begin()).await.unwrap().into_inner();
    let follow = v1::FollowJobRequest { id: waits.id, after: 0 };
    let mut events = client.follow_job(follow).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());
    bench.lifecycle.drain();
    assert_eq!(
        events.message().await.unwrap_err().code(),
        Code::Unavailable,
        "it does not look like the end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_promoted_only_by_force_and_only_in_place_of_the_expected_one() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = RevisionsClient::new(bench.channel.clone());
    let run = bench.data.path().join("run");
    std::fs::create_dir_all(run.join("model")).unwrap();
    let provenance =
        RevisionProvenance { sources: vec!["a file".to_owned()], ..RevisionProvenance::default() };
    let candidate = Candidate { id: RevisionId::new("sha256:00ff").unwrap(), provenance };
    bench.learning.revisions.register(candidate, &run).await.unwrap();
    let page = |limit, after: &str| v1::ListRevisionsRequest { limit, after: after.to_owned() };
    let first = client.list_revisions(page(1, "")).await.unwrap().into_inner();
    assert_eq!((first.live.as_str(), first.next.as_str()), ("scripted-1", "sha256:00ff"));
    let second = client.list_revisions(page(1, &first.next)).await.unwrap().into_inner();
    assert_eq!((second.revisions[0].id.as_str(), second.next.as_str()), ("scripted-1", ""));
    let get = |id: &str| v1::GetRevisionRequest { id: id.to_owned() };
    let shown = client.get_revision(get("sha256:00ff")).await.unwrap().into_inner();
    assert_eq!((shown.state(), shown.kind()), (v1::revision::State::Candidate, v1::revision::Kind::Trained));
    assert_eq!(shown.provenance.unwrap().sources, ["a file"]);
    assert_eq!(refused(client.get_revision(get("none")).await).0, Code::NotFound);

    let promote = |force, live: Option<&str>| v1::PromoteRevisionRequest {
        id: "sha256:00ff".to_owned(),
        force,
        expected_live: live.map(str::to_owned),
    };
    let (code, message) = refused(client.promote_revision(promote(false, None)).await);
    assert!(code == Code::FailedPrecondition && message.contains("no gate has let it through"), "{message}");
    let stale = client.promote_revision(promote(true, Some("sha256:00ff"))).await;
    assert_eq!(refused(stale).0, Code::Aborted);
    let wrong = client.promote_revision(promote(true, Some("a b"))).await;
    let (code, message) = refused(wrong);
    assert!(code == Code::InvalidArgument && message.starts_with("expected_live: "), "{message}");
    let done = client.promote_revision(promote(true, Some("scripted-1"))).await.unwrap().into_inner();
    assert_eq!((done.from.as_str(), done.to.as_str()), ("scripted-1", "sha256:00ff"));
    let retire = v1::RetireRevisionRequest { id: "sha256:00ff".to_owned() };
    assert_eq!(refused(client.retire_revision(retire.clone()).await).0, Code::FailedPrecondition);
    let back = |live: &str| v1::RollBackRevisionRequest { expected_live: Some(live.to_owned()) };
    assert_eq!(refused(client.roll_back_revision(back("scripted-1")).await).0, Code::Aborted);
    let done = client.roll_back_revision(back("sha256:00ff")).await.unwrap().into_inner();
    assert_eq!((done.from.as_str(), done.to.as_str()), ("sha256:00ff", "scripted-1"));
    let nothing = client.roll_back_revision(v1::RollBackRevisionRequest::default()).await;
    assert_eq!(refused(nothing).0, Code::FailedPrecondition);
    let retired = client.retire_revision(retire).await.unwrap().into_inner();
    assert_eq!(retired.state(), v1::revision::State::Retired);
}
