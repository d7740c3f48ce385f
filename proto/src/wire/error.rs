//! What a client sees of a failure.

use crate::error::{ErrorKind, ModelError};
use serde::{Deserialize, Serialize};

/// The body of every answer with a status of 400 and above, and the `data:` of the event that ends a failed stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// The failure.
    pub error: ErrorObject,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorObject {
    /// What was wrong and what to do, for a person.
    pub message: String,
    /// Whose fault it was.
    #[serde(rename = "type")]
    pub kind: ErrorType,
    /// The field that is wrong, such as `messages[0].role`.
    pub param: Option<String>,
    /// What was wrong, for a program.
    pub code: ErrorCode,
}

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum ErrorType {
    /// The client's.
    InvalidRequestError,
    /// The client has no right to this.
    AuthenticationError,
    /// Nobody's: there is too much to do.
    RateLimitError,
    /// The server's.
    ServerError,
    /// Nobody's: the server is starting or stopping.
    ServiceUnavailableError,
    /// It took too long.
    TimeoutError,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

/// What was wrong, for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: a field has a value that it cannot have, or the body cannot be read.
    InvalidValue,
    /// 400: a field cannot be honoured.
    UnsupportedParameter,
    /// 400: the prompt does not fit the model's context.
    ContextLengthExceeded,
    /// 401: no key, or a wrong one.
    InvalidApiKey,
    /// 404: no model of that name.
    ModelNotFound,
    /// 404: nothing is there.
    NotFound,
    /// 405: the route does not take this method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 409: the id is taken, or the idempotency key stands for another request.
    Conflict,
    /// 413: the body is too large.
    RequestTooLarge,
    /// 415: the body is not declared to be JSON.
    UnsupportedMediaType,
    /// 421: the request names a host that this server does not answer for.
    MisdirectedRequest,
    /// 429: the queue is full.
    QueueFull,
    /// 500: the model failed.
    EngineError,
    /// 500: the server failed.
    InternalError,
    /// 503: the server is starting or stopping.
    NotReady,
    /// 504: the answer did not come in time.
    Timeout,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

/// The HTTP status of a failure.
#[must_use]
pub fn status_of(kind: &ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidRequest { .. } | ErrorKind::Unsupported { .. } | ErrorKind::ContextLength => 400,
        ErrorKind::Denied => 401,
        ErrorKind::UnknownModel => 404,
        ErrorKind::Overloaded { .. } => 429,
        ErrorKind::NotReady { .. } => 503,
        ErrorKind::Timeout => 504,
        ErrorKind::Engine => 500,
    }
}

impl From<&ModelError> for ErrorObject {
    fn from(error: &ModelError) -> Self {
        let (kind, code, param) = match error.kind() {
            ErrorKind::InvalidRequest { param } => {
                (ErrorType::InvalidRequestError, ErrorCode::InvalidValue, param.clone())
            }
            ErrorKind::Unsupported { param } => {
                (ErrorType::InvalidRequestError, ErrorCode::UnsupportedParameter, Some(param.clone()))
            }
            ErrorKind::Denied => (ErrorType::AuthenticationError, ErrorCode::InvalidApiKey, None),
            ErrorKind::UnknownModel => {
                (ErrorType::InvalidRequestError, ErrorCode::ModelNotFound, Some("model".to_owned()))
            }
            ErrorKind::ContextLength => (
                ErrorType::InvalidRequestError,
                ErrorCode::ContextLengthExceeded,
                Some("messages".to_owned()),
            ),
            ErrorKind::Overloaded { .. } => (ErrorType::RateLimitError, ErrorCode::QueueFull, None),
            ErrorKind::NotReady { .. } => (ErrorType::ServiceUnavailableError, ErrorCode::NotReady, None),
            ErrorKind::Timeout => (ErrorType::TimeoutError, ErrorCode::Timeout, None),
            ErrorKind::Engine => (ErrorType::ServerError, ErrorCode::EngineError, None),
        };
        Self { message: error.message().to_owned(), kind, param, code }
    }
}
