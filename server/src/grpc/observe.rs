//! Around every call: its figures and its line in the log. Neither names what an edit says, or whose it is.

use super::status::Failure;
use crate::telemetry::grpc_names as names;
use futures::FutureExt;
use metrics::{counter, histogram};
use std::{future::Future, panic::AssertUnwindSafe, time::Instant};
use tonic::{Code, Response, Status};

/// Runs a call's work; a panic in it is an error of this call and of no other.
pub(super) async fn observe<T>(
    method: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<Response<T>, Status> {
    let begun = Instant::now();
    let done = AssertUnwindSafe(work).catch_unwind().await;
    let done = done.unwrap_or_else(|_| Err(Failure::internal("the call panicked")));
    let seconds = begun.elapsed().as_secs_f64();
    let code = done.as_ref().err().map_or(Code::Ok, |failure| failure.status.code());
    histogram!(names::GRPC_DURATION, "method" => method).record(seconds);
    counter!(names::GRPC_REQUESTS, "method" => method, "code" => format!("{code:?}")).increment(1);
    match done {
        Ok(answer) => {
            tracing::info!(method, seconds, "answered over gRPC");
            Ok(Response::new(answer))
        }
        Err(Failure { status, causes: Some(causes) }) => {
            tracing::error!(method, seconds, ?code, causes, "a gRPC call failed");
            Err(status)
        }
        Err(Failure { status, causes: None }) => {
            tracing::info!(method, seconds, ?code, "refused over gRPC");
            Err(status)
        }
    }
}
