//! Failures as gRPC tells them: a code, the client's message, and what only the log tells.

use crate::{
    canary::CanaryError,
    edits::TenantError,
    gates::GateError,
    jobs::JobError,
    learning::BeginError,
    ledger::LedgerError,
    preferences::{self, PreferenceError},
    revisions::RevisionError,
};
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

impl From<Box<preferences::ImportStopped>> for Failure {
    fn from(stopped: Box<preferences::ImportStopped>) -> Self {
        let more = preferences::wire::after(&stopped);
        let Self { status, causes } = Self::from(stopped.source);
        Self { status: Status::new(status.code(), format!("{}{more}", status.message())), causes }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let code = match &error {
            JobError::NotFound(_) => Code::NotFound,
            JobError::Ended { .. } | JobError::NotFailed { .. } => Code::FailedPrecondition,
            JobError::Full(_) => Code::ResourceExhausted,
            JobError::Ledger(LedgerError::Closed) => return Self::going_down(),
            JobError::Ledger(_) => return Self::internal(chain(&error)),
        };
        Self::new(code, error.to_string())
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Settings(error) => Self::invalid(error.to_string()),
            BeginError::Job(error) => error.into(),
            error @ BeginError::Pairs(_) => Self::internal(chain(&error)),
        }
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        let code = match error {
            GateError::Revision(error) => return error.into(),
            GateError::Job(error) => return error.into(),
            GateError::Ledger(LedgerError::Closed) => return Self::going_down(),
            GateError::NotFound(_) | GateError::NoCandidate | GateError::NoReport(_) => Code::NotFound,
            GateError::Invalid { .. } => Code::InvalidArgument,
            GateError::UnderWay { .. } => Code::FailedPrecondition,
            GateError::Ledger(_) | GateError::Files(_) | GateError::Template(_) => {
                return Self::internal(chain(&error));
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<CanaryError> for Failure {
    fn from(error: CanaryError) -> Self {
        let code = match error {
            CanaryError::Revision(error) => return error.into(),
            CanaryError::Ledger(LedgerError::Closed) => return Self::going_down(),
            CanaryError::NotFound(_) => Code::NotFound,
            CanaryError::Invalid { .. } => Code::InvalidArgument,
            CanaryError::UnderWay(_) | CanaryError::Ended(_) => Code::FailedPrecondition,
            CanaryError::Ledger(_) => return Self::internal(chain(&error)),
        };
        Self::new(code, error.to_string())
    }
}

impl From<RevisionError> for Failure {
    fn from(error: RevisionError) -> Self {
        let code = match &error {
            RevisionError::NotReady => Code::Unavailable,
            RevisionError::NotFound(_) => Code::NotFound,
            // Somebody else was first: to look again and to decide anew may go well.
            RevisionError::NotLive { .. } => Code::Aborted,
            RevisionError::Live(_) | RevisionError::NotGated { .. } | RevisionError::NothingBefore(_) => {
                Code::FailedPrecondition
            }
            RevisionError::Changed(_) | RevisionError::Unusable { .. } => {
                let causes = Some(chain(&error));
                return Self { causes, ..Self::new(Code::FailedPrecondition, error.to_string()) };
            }
            RevisionError::Ledger(LedgerError::Closed) => return Self::going_down(),
            _ => return Self::internal(chain(&error)),
        };
        Self::new(code, error.to_string())
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
