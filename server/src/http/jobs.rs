//! `/v1/jobs`: what the daemon does in the background.

use super::{
    Route, Shared, body, edits::params::Params, error::ApiError, events, ids::path_id, lifecycle::Phase,
    route, shape,
};
use crate::{
    jobs::{Follow, JobError, News},
    learning::BeginError,
    paging::Page,
};
use amend_proto::{
    ErrorKind, ModelError,
    wire::{ErrorBody, JobLine, JobList, JobObject, JobRequest, ListTag, parse},
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream};
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, interval_at};

/// The paths of this module.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/jobs", &["get", "post"], get(list).post(begin)),
        route("/v1/jobs/{id}", &["get"], get(show)),
        route("/v1/jobs/{id}/cancel", &["post"], post(cancel)),
        route("/v1/jobs/{id}/events", &["get"], get(follow)),
        route("/v1/jobs/{id}/retry", &["post"], post(retry)),
    ]
}

/// The body of a request that has nothing to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an empty object")]
pub(super) struct Nothing {}

/// Reads a body that may be empty. That it is declared to be JSON is asked for all the same: see `body`.
pub(super) async fn optional<T>(shared: &Shared, request: Request) -> Result<T, ApiError>
where
    T: Default + serde::de::DeserializeOwned + Send + 'static,
{
    body::read(shared, request, |bytes| if bytes.is_empty() { Ok(T::default()) } else { parse(bytes) }).await
}

/// Lists jobs, newest first.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100; 20 unless given"),
        ("after" = Option<String>, Query, description = "The former page's `next`"),
    ),
    responses(
        (status = 200, description = "A page", body = JobList),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<JobList>, ApiError> {
    let params = Params::read(&uri, &["limit", "after"])?;
    let (limit, after) = (params.limit()?, params.id("after")?);
    let page = Page::of(shared.state.learning.jobs.list(after.as_ref(), limit + 1).await?, limit);
    let next = page.next(|job| job.id.clone());
    Ok(Json(JobList { object: ListTag::Tag, data: page.items, has_more: page.has_more, next }))
}

/// Begins a job. It is worked on when its turn comes.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    request_body = JobRequest,
    responses(
        (status = 201, description = "It waits for its turn", body = JobObject),
        (status = 400, description = "A field is wrong; `param` names it", body = ErrorBody),
        (status = 429, description = "Too many wait", body = ErrorBody),
    )
)]
pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(StatusCode, Json<JobObject>), ApiError> {
    let request: JobRequest = body::read(&shared, request, parse::<JobRequest>).await?;
    Ok((StatusCode::CREATED, Json(shared.state.learning.begin(&request).await?)))
}

/// Tells of one job.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job", body = JobObject),
        (status = 404, description = "No such job", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobObject>, ApiError> {
    Ok(Json(shared.state.learning.jobs.get(&path_id(id)?).await?))
}

/// Calls a job off. One that is being done ends in a moment.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    tag = "jobs",
    request_body(content = Object, description = "Empty"),
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job as it is now", body = JobObject),
        (status = 404, description = "No such job", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
    )
)]
pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<JobObject>, ApiError> {
    let id = path_id(id)?;
    let Nothing {} = optional(&shared, request).await?;
    Ok(Json(shared.state.learning.jobs.cancel(&id).await?))
}

/// Puts a job that failed back in the queue. It goes on from what it had done, such as its last checkpoint.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    request_body(content = Object, description = "Empty"),
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "It waits for its turn", body = JobObject),
        (status = 404, description = "No such job", body = ErrorBody),
        (status = 409, description = "It has not failed", body = ErrorBody),
        (status = 429, description = "Too many wait", body = ErrorBody),
    )
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<JobObject>, ApiError> {
    let id = path_id(id)?;
    let Nothing {} = optional(&shared, request).await?;
    Ok(Json(shared.state.learning.jobs.try_again(&id).await?))
}

/// How a job goes: an event `line` for each line of its log (`data:` is a `JobLine`, `id:` its number), and an event `job`
/// (`data:` is a `JobObject`) whenever it has changed. It ends when the job has.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "The job"),
        ("Last-Event-ID" = Option<String>, Header, description = "Lines after this one only"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = JobLine, content_type = "text/event-stream"),
        (status = 404, description = "No such job", body = ErrorBody),
    )
)]
pub(super) async fn follow(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = path_id(id)?;
    let last = events::last(&headers, "a line")?;
    let follow = shared.state.learning.jobs.follow(id, last.unwrap_or(0)).await?;
    let every = shared.state.limits.ping_interval;
    let lifecycle = shared.state.lifecycle.clone();
    let told = Events {
        follow,
        ping: interval_at(Instant::now() + every, every),
        end: async move { lifecycle.reached(Phase::Draining).await }.boxed(),
    };
    let frames = stream::unfold(Some(told), |told| async move { told?.next().await });
    Ok(events::answer(frames))
}

struct Events {
    follow: Follow,
    ping: Interval,
    /// The server goes down.
    end: BoxFuture<'static, ()>,
}

impl Events {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        loop {
            tokio::select! {
                biased;
                () = &mut self.end => return None,
                () = self.follow.changed() => match self.follow.news().await {
                    Ok(news) if news.is_empty() && !news.over => {}
                    Ok(news) => {
                        self.ping.reset();
                        let over = news.over;
                        return Some((Ok(frames(&news)), (!over).then_some(self)));
                    }
                    Err(error) => return Some((Ok(failed(error)), None)),
                },
                _ = self.ping.tick() => return Some((Ok(Bytes::from_static(b": ping\n\n")), Some(self))),
            }
        }
    }
}

fn frames(news: &News) -> Bytes {
    let mut out = Vec::new();
    for line in &news.lines {
        out.extend_from_slice(format!("event: line\nid: {}\n", line.seq).as_bytes());
        shape::event(&mut out, line);
    }
    if let Some(job) = &news.job {
        out.extend_from_slice(b"event: job\n");
        shape::event(&mut out, job);
    }
    out.into()
}

fn failed(error: JobError) -> Bytes {
    let (body, failure) = ApiError::from(error).into_event();
    tracing::error!(code = ?failure.code, causes = failure.causes, "the events of a job broke off");
    let mut out = Vec::new();
    shape::event(&mut out, &body);
    out.into()
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        let message = error.to_string();
        match error {
            JobError::NotFound(_) => Self::not_found(message),
            JobError::Ended { .. } | JobError::NotFailed { .. } => Self::conflict(message),
            JobError::Full(_) => {
                let kind = ErrorKind::Overloaded { retry_after: Duration::from_secs(60) };
                ModelError::new(kind, message).into()
            }
            error => Self::internal(error),
        }
    }
}

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Settings(error) => Self::invalid("body", error.to_string()),
            BeginError::Pairs(error) => Self::internal(error),
            BeginError::Job(error) => error.into(),
        }
    }
}
