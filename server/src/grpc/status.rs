//! Failures as gRPC tells them: a code, the client's message, and what only the log tells.

use crate::{edits::TenantError, preferences::PreferenceError};
use amend_editor::{EditError, ImportStopped};
use tonic::{Code, Status};

/// A failure on its way out.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Status,
    /// What only the log tells.
    pub(super) causes: Option<String>,
}

impl Failure {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { status: Status::new(code, message), causes: None }
    }

    /// A fault of this server.
    pub(super) fn internal(causes: impl std::fmt::Display) -> Self {
        let causes = Some(causes.to_string());
        Self { causes, ..Self::new(Code::Internal, "the server failed to answer this call") }
    }

    pub(super) fn going_down() -> Self {
        Self::new(Code::Unavailable, "the server is going down")
    }
}

impl From<TenantError> for Failure {
    fn from(error: TenantError) -> Self {
        let code = match error {
            TenantError::Invalid(_) | TenantError::Repeated => Code::InvalidArgument,
            TenantError::Unknown(_) => Code::NotFound,
        };
        Self::new(code, error.to_string())
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let code = match &error {
            EditError::InvalidEdit { .. } => Code::InvalidArgument,
            EditError::NotFound { .. } => Code::NotFound,
            // Somebody else was first: to look again and to send anew may go well.
            EditError::Conflict { param, .. } if param == "seen" => Code::Aborted,
            EditError::Conflict { .. } => Code::AlreadyExists,
            EditError::Full { .. } => Code::ResourceExhausted,
            EditError::Input { .. } => Code::Cancelled,
            EditError::Closed => return Self::going_down(),
            _ => return Self::internal(chain(&error)),
        };
        Self::new(code, error.to_string())
    }
}

impl From<PreferenceError> for Failure {
    fn from(error: PreferenceError) -> Self {
        let code = match &error {
            PreferenceError::Invalid { param, message } if !message.starts_with(param.as_str()) => {
                return Self::invalid(format!("{param}: {message}"));
            }
            PreferenceError::Invalid { .. } => Code::InvalidArgument,
            PreferenceError::NotFound { .. } => Code::NotFound,
            PreferenceError::KeyTaken | PreferenceError::KeyOfDeleted => Code::AlreadyExists,
            PreferenceError::Full { .. } | PreferenceError::TooLong { .. } => Code::ResourceExhausted,
            PreferenceError::Input(_) => Code::Cancelled,
            PreferenceError::Closed => return Self::going_down(),
            PreferenceError::Spool(_) | PreferenceError::Storage(_) | PreferenceError::Library(_) => {
                return Self::internal(chain(&error));
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<ImportStopped> for Failure {
    fn from(stopped: ImportStopped) -> Self {
        let ImportStopped { report, source } = stopped;
        let stored = report.added + report.superseded + report.unchanged;
        let Self { status, causes } = Self::from(source);
        let message = format!(
            "{}; {stored} edits are stored, and sending all of it again stores the rest",
            status.message()
        );
        Self { status: Status::new(status.code(), message), causes }
    }
}

/// An error and what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
