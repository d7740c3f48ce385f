//! Around every request: its id, its place among those in flight, its figures and its line in the log.

use super::{Shared, error::Failure, lifecycle::InFlight};
use crate::telemetry::http_names as names;
use amend_proto::RequestId;
use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::{Frame, SizeHint};
use metrics::{counter, gauge, histogram};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

/// The header that names a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// As nginx has it: the client closed the connection before there was an answer. Never sent.
const CLIENT_GONE: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// What is known of a request when it arrives.
struct Arrival {
    id: RequestId,
    method: &'static str,
    route: Arc<str>,
    at: Instant,
    _guard: InFlight,
}

/// The outermost layer.
pub(super) async fn observe(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let arrival = Arrival {
        id: request_id(&request),
        method: method_label(request.method()),
        route: request.extensions().get::<MatchedPath>().map_or("none".into(), |path| path.as_str().into()),
        at: Instant::now(),
        _guard: shared.state.lifecycle.enter(),
    };
    gauge!(names::HTTP_IN_FLIGHT).increment(1.0);
    let header = HeaderValue::from_str(arrival.id.as_str());
    request.extensions_mut().insert(arrival.id.clone());
    // From here on the arrival is recorded even when the client leaves before there is a response.
    let mut ending = Ending { arrival, status: None, failure: None, whole: false };
    let mut response = next.run(request).await;
    ending.status = Some(response.status());
    ending.failure = response.extensions_mut().remove::<Failure>();
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response.map(|inner| Body::new(Observed { inner, ending }))
}

/// The client's id when it can be one, else a fresh one.
fn request_id(request: &Request) -> RequestId {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.and_then(|text| RequestId::new(text).ok()).unwrap_or_else(RequestId::fresh)
}

/// A bounded set: a client may make methods up.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Records the request when it is dropped.
struct Ending {
    arrival: Arrival,
    /// None when the client left before there was a response.
    status: Option<StatusCode>,
    failure: Option<Failure>,
    whole: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let seconds = self.arrival.at.elapsed().as_secs_f64();
        self.measure(seconds);
        self.log(seconds);
    }
}

impl Ending {
    fn measure(&self, seconds: f64) {
        let Arrival { id: _, method, route, at: _, _guard } = &self.arrival;
        gauge!(names::HTTP_IN_FLIGHT).decrement(1.0);
        let route = ("route", route.to_string());
        let method = ("method", (*method).to_owned());
        histogram!(names::HTTP_DURATION, &[route.clone(), method.clone()]).record(seconds);
        let status = ("status", self.status().as_str().to_owned());
        counter!(names::HTTP_REQUESTS, &[route, method, status]).increment(1);
    }

    fn log(&self, seconds: f64) {
        let Arrival { id, method, route, at: _, _guard } = &self.arrival;
        let status = self.status().as_u16();
        let code = self.failure.as_ref().map(|failure| tracing::field::debug(failure.code));
        if is_probe(route) {
            tracing::debug!(%id, method, %route, status, seconds, "answered");
        } else if self.status().is_server_error() {
            let causes = self.failure.as_ref().and_then(|failure| failure.causes.as_deref());
            tracing::error!(%id, method, %route, status, seconds, code, causes, "failed");
        } else {
            let outcome = if self.whole { "whole" } else { "client_gone" };
            tracing::info!(%id, method, %route, status, seconds, outcome, code, "answered");
        }
    }

    fn status(&self) -> StatusCode {
        self.status.unwrap_or(CLIENT_GONE)
    }
}

fn is_probe(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/metrics")
}

/// A body whose end is the request's.
struct Observed {
    inner: Body,
    ending: Ending,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.ending.whole = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // Who knows the length of a body does not ask for the frame after the last.
        self.ending.whole |= self.inner.is_end_stream();
    }
}
