//! Streams of answers, and how they end when the server goes down.

use super::status::Failure;
use crate::http::{Lifecycle, Phase};
use futures::{Stream, StreamExt, stream::BoxStream};
use tonic::Status;

/// A streamed answer.
pub(super) type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// The same, until the server has no more time, which is an error: what is sent must not only look whole.
pub(super) fn until_cut<T: Send + 'static>(
    lifecycle: &Lifecycle,
    answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> Answers<T> {
    let (lifecycle, cut) = (lifecycle.clone(), lifecycle.clone());
    let end = async move { cut.reached(Phase::Cutting).await };
    let last = futures::stream::once(async move { lifecycle.phase() })
        .filter_map(async |phase| (phase >= Phase::Cutting).then(|| Err(Failure::going_down().status)));
    answers.take_until(end).chain(last).boxed()
}

/// The end of a stream that cannot go on.
pub(super) fn told(method: &'static str, failure: impl Into<Failure>) -> Status {
    let Failure { status, causes } = failure.into();
    tracing::error!(method, code = ?status.code(), causes, "a gRPC stream broke off");
    status
}
