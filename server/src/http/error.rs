//! Failures on their way out: a status, the client's message, and what only the log tells.

use amend_proto::{
    ErrorKind, ModelError,
    wire::{ErrorBody, ErrorCode, ErrorObject, ErrorType, status_of},
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::{error::Error, fmt::Write, time::Duration};

/// OpenAI's clients send a request again after 408, 409, 429 and 5xx unless this says `false`.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Whether the client should send the request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// As clients do with this status.
    Usual,
    /// Not before this time.
    After(Duration),
    /// The same would happen, or the work would be done twice.
    Never,
}

/// Whether the connection can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Keep,
    /// Bytes of the body are still to come, and nobody will read them.
    Close,
}

/// A failure as HTTP tells it.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    object: ErrorObject,
    retry: Retry,
    connection: Connection,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the log tells of a failed request; travels in the response's extensions.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    /// The chain of causes, for failures of the server.
    pub(super) causes: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, kind: ErrorType, code: ErrorCode, message: impl Into<String>) -> Self {
        let object = ErrorObject { message: message.into(), kind, param: None, code };
        Self { status, object, retry: Retry::Usual, connection: Connection::Keep, source: None }
    }

    fn client(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(status, ErrorType::InvalidRequestError, code, message)
    }

    /// 400 at `param`.
    pub(super) fn invalid(param: &str, message: impl Into<String>) -> Self {
        ModelError::invalid(param, message).into()
    }

    /// 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::client(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// 405; the router adds `Allow`.
    pub(super) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::client(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message)
    }

    /// 409: the same request would meet the same conflict.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self { retry: Retry::Never, ..Self::client(StatusCode::CONFLICT, ErrorCode::Conflict, message) }
    }

    /// 413.
    pub(super) fn too_large(most: usize) -> Self {
        let message = format!("the body is too large: at most {most} bytes are read");
        let error = Self::client(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::RequestTooLarge, message);
        Self { connection: Connection::Close, ..error }
    }

    /// 415.
    pub(super) fn not_json() -> Self {
        let message =
            "the body must be JSON, with the header `content-type: application/json` (curl: --json)";
        Self::client(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message)
    }

    /// 421.
    pub(super) fn misdirected() -> Self {
        let message = "the header Host names none of this server's names; it listens on a loopback address, and answers \
                       as localhost and under the names given with --allow-host";
        Self::client(StatusCode::MISDIRECTED_REQUEST, ErrorCode::MisdirectedRequest, message)
    }

    /// 408.
    pub(super) fn slow_body(limit: Duration) -> Self {
        let message = format!("the body did not arrive within {} seconds", limit.as_secs());
        let error = Self::new(
            StatusCode::REQUEST_TIMEOUT,
            ErrorType::TimeoutError,
            ErrorCode::RequestTimeout,
            message,
        );
        Self { connection: Connection::Close, ..error }
    }

    /// 408: a body in lines paused for too long.
    pub(super) fn slow_lines() -> Self {
        let error = Self::new(
            StatusCode::REQUEST_TIMEOUT,
            ErrorType::TimeoutError,
            ErrorCode::RequestTimeout,
            "the body stopped coming",
        );
        Self { connection: Connection::Close, ..error }
    }

    /// 408, before there was a request.
    pub(super) fn slow_head(limit: Duration) -> Self {
        let message = format!("the request's head did not arrive within {} seconds", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorType::TimeoutError, ErrorCode::RequestTimeout, message)
    }

    /// 400: the connection broke while the body came.
    pub(super) fn broken_body(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "the body ended before it was whole";
        let error = Self::client(StatusCode::BAD_REQUEST, ErrorCode::InvalidValue, message);
        Self { connection: Connection::Close, source: Some(source.into()), ..error }
    }

    /// 500: this server has a fault.
    pub(super) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "the server failed to answer this request";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let error = Self::new(status, ErrorType::ServerError, ErrorCode::InternalError, message);
        Self { source: Some(source.into()), ..error }
    }

    /// The same, with more to say.
    pub(super) fn after(mut self, more: String) -> Self {
        self.object.message.push_str(&more);
        self
    }

    /// The same, for this field.
    pub(super) fn at(mut self, param: &str) -> Self {
        self.object.param = Some(param.to_owned());
        self
    }

    /// The `data:` of an event, and what the log tells.
    pub(super) fn into_event(self) -> (ErrorBody, Failure) {
        let failure = self.failure();
        (ErrorBody { error: self.object }, failure)
    }

    fn failure(&self) -> Failure {
        Failure { code: self.object.code, causes: self.source.as_deref().map(|source| causes(source)) }
    }
}

/// An error and what caused it, on one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a string cannot fail.
        let _ = write!(line, ": {cause}");
        next = cause.source();
    }
    line
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        let retry = match error.kind() {
            ErrorKind::Overloaded { retry_after } | ErrorKind::NotReady { retry_after } => {
                Retry::After(*retry_after)
            }
            // The work was done up to the deadline; doing it again would take as long.
            ErrorKind::Timeout => Retry::Never,
            _ => Retry::Usual,
        };
        Self {
            status: StatusCode::from_u16(status_of(error.kind()))
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            object: ErrorObject::from(&error),
            retry,
            connection: Connection::Keep,
            source: Some(Box::new(error)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let failure = self.failure();
        let Self { status, object, retry, connection, source: _ } = self;
        let mut response = (status, Json(ErrorBody { error: object })).into_response();
        let headers = response.headers_mut();
        match retry {
            Retry::Usual => {}
            Retry::After(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            Retry::Never => {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
        if connection == Connection::Close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(failure);
        response
    }
}
