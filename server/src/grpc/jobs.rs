//! `amend.v1.Jobs`.

use super::{
    convert::page,
    observe::observe,
    status::Failure,
    stream::{Answers, told},
};
use crate::{
    http::{Lifecycle, Phase},
    jobs::{Follow, News},
    learning::Learning,
    paging::Page,
};
use amend_proto::{
    JobId,
    grpc::v1::{self, jobs_server},
    wire::{
        JobKind, JobLine, JobObject, JobPhase, JobProgress, JobRequest, JobState, TrainBridging, TrainMethod,
        TrainObjective,
    },
};
use futures::{StreamExt, stream};
use serde_json::Value;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Jobs {
    pub(super) learning: Learning,
    pub(super) lifecycle: Lifecycle,
}

fn job_id(field: &str, id: &str) -> Result<JobId, Failure> {
    JobId::new(id).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

/// What a request says; `None` for a value that there is not.
fn method(said: i32) -> Option<Option<TrainMethod>> {
    use v1::begin_job_request::Method;
    Some(match Method::try_from(said).ok()? {
        Method::Unspecified => None,
        Method::Lora => Some(TrainMethod::Lora),
        Method::Full => Some(TrainMethod::Full),
    })
}

fn objective(said: i32) -> Option<Option<TrainObjective>> {
    use v1::begin_job_request::Objective;
    Some(match Objective::try_from(said).ok()? {
        Objective::Unspecified => None,
        Objective::DpoBmc => Some(TrainObjective::DpoBmc),
        Objective::SimpoBmc => Some(TrainObjective::SimPoBmc),
        Objective::Dpo => Some(TrainObjective::Dpo),
        Objective::Simpo => Some(TrainObjective::SimPo),
        Objective::Ipo => Some(TrainObjective::Ipo),
    })
}

fn bridging(said: i32) -> Option<Option<TrainBridging>> {
    use v1::begin_job_request::Bridging;
    Some(match Bridging::try_from(said).ok()? {
        Bridging::Unspecified => None,
        Bridging::None => Some(TrainBridging::None),
        Bridging::Live => Some(TrainBridging::Live),
        Bridging::Atlas => Some(TrainBridging::Atlas),
        Bridging::Endpoint => Some(TrainBridging::Endpoint),
    })
}

fn wanted(request: v1::BeginJobRequest) -> Result<JobRequest, Failure> {
    let kind = match v1::JobKind::try_from(request.kind) {
        Ok(v1::JobKind::Bmc) => JobKind::Bmc,
        Ok(v1::JobKind::Lion) => JobKind::Lion,
        Ok(v1::JobKind::Webr) => JobKind::Webr,
        Ok(v1::JobKind::Unspecified | v1::JobKind::Gate) | Err(_) => {
            return Err(Failure::invalid(
                "kind must be JOB_KIND_BMC, JOB_KIND_LION or JOB_KIND_WEBR; gates are begun by amend.v1.Gates",
            ));
        }
    };
    let unknown =
        |field: &str| Failure::invalid(format!("{field} has a value that this server does not know"));
    Ok(JobRequest {
        kind,
        method: method(request.method).ok_or_else(|| unknown("method"))?,
        objective: objective(request.objective).ok_or_else(|| unknown("objective"))?,
        bridging: bridging(request.bridging).ok_or_else(|| unknown("bridging"))?,
        seed: request.seed,
        epochs: request.epochs,
        max_steps: request.max_steps,
        pairs_per_step: request.pairs_per_step.map(|pairs| pairs as usize),
        learning_rate: request.learning_rate,
        beta: request.beta,
        label_smoothing: request.label_smoothing,
        sft_weight: request.sft_weight,
        budget_seconds: request.budget_seconds,
        min_pairs: request.min_pairs.map(|pairs| pairs as usize),
    })
}

fn progress(at: JobProgress) -> v1::JobProgress {
    use v1::job_progress::Phase as At;
    let JobProgress { phase, done, of, metrics } = at;
    let phase = match phase {
        JobPhase::Waiting => At::Waiting,
        JobPhase::Collecting => At::Collecting,
        JobPhase::Bridging => At::Bridging,
        JobPhase::Reference => At::Reference,
        JobPhase::Training => At::Training,
        JobPhase::Registering => At::Registering,
        JobPhase::Loading => At::Loading,
        JobPhase::Measuring => At::Measuring,
        JobPhase::Deciding => At::Deciding,
        JobPhase::Asking => At::Asking,
    };
    v1::JobProgress {
        phase: phase.into(),
        done,
        of,
        metrics: metrics.map(|figures: Value| figures.to_string()),
    }
}

fn job(job: JobObject) -> v1::Job {
    use v1::job::State;
    let kind = match job.kind {
        JobKind::Bmc => v1::JobKind::Bmc,
        JobKind::Gate => v1::JobKind::Gate,
        JobKind::Lion => v1::JobKind::Lion,
        JobKind::Webr => v1::JobKind::Webr,
    };
    let state = match job.state {
        JobState::Queued => State::Queued,
        JobState::Running => State::Running,
        JobState::Paused => State::Paused,
        JobState::Done => State::Done,
        JobState::Failed => State::Failed,
        JobState::Cancelled => State::Cancelled,
    };
    v1::Job {
        id: job.id.into(),
        kind: kind.into(),
        state: state.into(),
        progress: Some(progress(job.progress)),
        created_at: job.created_at,
        started_at: job.started_at,
        ended_at: job.ended_at,
        starts: job.starts,
        config: job.config.to_string(),
        result: job.result.map(|result| result.to_string()),
        reason: job.reason,
    }
}

fn events(news: News) -> impl Iterator<Item = v1::JobEvent> {
    use v1::job_event::Event;
    let line = |JobLine { object: _, seq, at, line }| Event::Line(v1::JobLine { seq, at, line });
    let told = news.lines.into_iter().map(line).chain(news.job.map(|now| Event::Job(job(now))));
    told.map(|event| v1::JobEvent { event: Some(event) })
}

/// What is new, as soon as something is; none after the job's end, and an error when the server goes down before.
fn news(follow: Follow, lifecycle: Lifecycle) -> Answers<v1::JobEvent> {
    let batches = stream::unfold(Some((follow, lifecycle)), |watch| async move {
        let (mut follow, lifecycle) = watch?;
        loop {
            tokio::select! {
                biased;
                () = lifecycle.reached(Phase::Draining) => return Some((Err(Failure::going_down().status), None)),
                () = follow.changed() => {}
            }
            match follow.news().await {
                Ok(news) if news.is_empty() && !news.over => {}
                Ok(news) => {
                    let next = (!news.over).then_some((follow, lifecycle));
                    return Some((Ok(news), next));
                }
                Err(error) => return Some((Err(told("FollowJob", error)), None)),
            }
        }
    });
    let each = |batch: Result<News, Status>| match batch {
        Ok(news) => stream::iter(events(news).map(Ok)).left_stream(),
        Err(status) => stream::iter([Err(status)]).right_stream(),
    };
    batches.flat_map(each).boxed()
}

#[tonic::async_trait]
impl jobs_server::Jobs for Jobs {
    async fn begin_job(&self, request: Request<v1::BeginJobRequest>) -> Answer<v1::Job> {
        observe("BeginJob", async { Ok(job(self.learning.begin(&wanted(request.into_inner())?).await?)) })
            .await
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Answer<v1::Job> {
        observe("GetJob", async {
            Ok(job(self.learning.jobs.get(&job_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn list_jobs(&self, request: Request<v1::ListJobsRequest>) -> Answer<v1::ListJobsResponse> {
        observe("ListJobs", async {
            let v1::ListJobsRequest { limit, after } = request.into_inner();
            let limit = page(limit)?;
            let after = (!after.is_empty()).then(|| job_id("after", &after)).transpose()?;
            let page = Page::of(self.learning.jobs.list(after.as_ref(), limit + 1).await?, limit);
            let next = page.next(|last| last.id.clone().into()).unwrap_or_default();
            Ok(v1::ListJobsResponse { jobs: page.items.into_iter().map(job).collect(), next })
        })
        .await
    }

    async fn cancel_job(&self, request: Request<v1::CancelJobRequest>) -> Answer<v1::Job> {
        observe("CancelJob", async {
            Ok(job(self.learning.jobs.cancel(&job_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn retry_job(&self, request: Request<v1::RetryJobRequest>) -> Answer<v1::Job> {
        observe("RetryJob", async {
            Ok(job(self.learning.jobs.try_again(&job_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    type FollowJobStream = Answers<v1::JobEvent>;

    async fn follow_job(&self, request: Request<v1::FollowJobRequest>) -> Answer<Self::FollowJobStream> {
        observe("FollowJob", async {
            let v1::FollowJobRequest { id, after } = request.into_inner();
            if after < 0 {
                return Err(Failure::invalid("after must be the number of a line, or 0"));
            }
            let follow = self.learning.jobs.follow(job_id("id", &id)?, after).await?;
            Ok(news(follow, self.lifecycle.clone()))
        })
        .await
    }
}
