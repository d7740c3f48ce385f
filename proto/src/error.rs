//! Why a request failed: a kind that callers match, a message that the client may read, a source for the log.

use std::{error::Error, fmt, time::Duration};

/// What sort of failure it was; decides the HTTP status and whether trying again makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong; `param` names the field.
    InvalidRequest {
        /// The offending field, in the wire's spelling (`messages[2].role`).
        param: Option<String>,
    },
    /// The request is well formed and asks for something this model cannot do; `param` names the field.
    Unsupported {
        /// The field that cannot be honoured.
        param: String,
    },
    /// Whoever asks is not let in: no key, a wrong one, or one that has no right to this any more.
    Denied,
    /// No model of that name is served.
    UnknownModel,
    /// The prompt does not fit the model's context.
    ContextLength,
    /// The queue is full.
    Overloaded {
        /// When trying again has a chance.
        retry_after: Duration,
    },
    /// The model is being loaded or the daemon is going down.
    NotReady {
        /// When trying again has a chance.
        retry_after: Duration,
    },
    /// The request took longer than its deadline.
    Timeout,
    /// The engine failed. The client did nothing wrong.
    Engine,
}

/// A failure of a [`ChatModel`](crate::ChatModel).
///
/// [`Display`](fmt::Display) is the client's message: it never holds paths, addresses or engine internals. Those are
/// in [`source`](Error::source), for the log.
#[derive(Debug)]
pub struct ModelError {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ModelError {
    /// A failure of this kind; `message` is for the client.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The request is wrong at `param`.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest { param: Some(param.into()) }, message)
    }

    /// The request asks at `param` for what the model cannot do.
    pub fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported { param: param.into() }, message)
    }

    /// The engine failed; `source` is for the log only.
    pub fn engine(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Engine,
            message: "the model failed to answer this request; it may be sent again".to_owned(),
            source: Some(source.into()),
        }
    }

    /// Attaches what the log should tell and the client should not see.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What sort of failure it was.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The message for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|s| s as &(dyn Error + 'static))
    }
}
