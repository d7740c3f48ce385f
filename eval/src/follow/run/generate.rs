//! One answer, timed.

use amend_proto::{
    ChatEvent, ChatModel, ChatRequest, ErrorKind, FinishReason, ModelError, RevisionId, Usage,
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The longest answer that is read, in bytes: an endpoint that never stops must not fill the memory.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The longest pause that a full queue may ask for before the next try.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a failure that names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What was said, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The text, as the model wrote it.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// From the request to the first text, in milliseconds; nothing when there was no text.
    pub first_token_ms: Option<f64>,
    /// From the request to the end, in milliseconds.
    pub whole_ms: f64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    /// The model's own error.
    #[error("{0}")]
    Model(ModelError),
    /// It took too long.
    #[error("no whole answer within {} s", .0.as_secs_f64())]
    Deadline(Duration),
    /// It did not stop.
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes; lower max_tokens")]
    TooLong,
    /// Something else answers than what was asked.
    #[error("the revision {found} answered, not {expected}")]
    OtherRevision { expected: RevisionId, found: RevisionId },
}

impl GenerateError {
    /// Whether the fault lies with the endpoint, so that other questions would meet it too.
    pub(crate) fn is_infrastructure(&self) -> bool {
        match self {
            Self::Deadline(_) => true,
            Self::TooLong | Self::OtherRevision { .. } => false,
            Self::Model(error) => !matches!(
                error.kind(),
                ErrorKind::InvalidRequest { .. } | ErrorKind::Unsupported { .. } | ErrorKind::ContextLength
            ),
        }
    }

    /// How long to wait before asking again, where that has a chance.
    fn pause(&self, tries: u32) -> Option<Duration> {
        let kind = match self {
            Self::Model(error) => error.kind(),
            Self::Deadline(_) => return Some(Duration::ZERO),
            Self::TooLong | Self::OtherRevision { .. } => return None,
        };
        match kind {
            ErrorKind::Overloaded { retry_after } | ErrorKind::NotReady { retry_after } => {
                Some((*retry_after).min(LONGEST_PAUSE))
            }
            ErrorKind::Timeout | ErrorKind::Engine => {
                Some(FIRST_PAUSE.saturating_mul(1 << tries.min(8)).min(LONGEST_PAUSE))
            }
            _ => None,
        }
    }
}

/// One question and how long to wait for it.
pub(crate) struct Attempt<'a> {
    pub(crate) model: &'a dyn ChatModel,
    /// What must answer.
    pub(crate) revision: &'a RevisionId,
    /// For each try.
    pub(crate) deadline: Duration,
    /// Further tries after a failure that may pass.
    pub(crate) retries: u32,
}

/// Asks, again where that has a chance: the answer or the last error, and how many calls it took.
pub(crate) async fn generate(
    attempt: &Attempt<'_>,
    request: &ChatRequest,
) -> (Result<Generation, GenerateError>, u32) {
    let mut calls = 0;
    loop {
        calls += 1;
        // Each try is a request of its own to whoever counts or traces them.
        let again = ChatRequest { id: amend_proto::RequestId::fresh(), ..request.clone() };
        let result = match timeout(attempt.deadline, once(attempt, again)).await {
            Ok(result) => result,
            Err(_) => Err(GenerateError::Deadline(attempt.deadline)),
        };
        match result.as_ref().err().and_then(|error| error.pause(calls - 1)) {
            Some(pause) if calls <= attempt.retries => sleep(pause).await,
            _ => return (result, calls),
        }
    }
}

async fn once(attempt: &Attempt<'_>, request: ChatRequest) -> Result<Generation, GenerateError> {
    let start = Instant::now();
    let passed = || start.elapsed().as_secs_f64() * 1e3;
    let mut stream = attempt.model.stream(request).await.map_err(GenerateError::Model)?;
    let (mut text, mut first_token_ms) = (String::new(), None);
    while let Some(event) = stream.next().await {
        match event.map_err(GenerateError::Model)? {
            ChatEvent::Started(by) if by.revision != *attempt.revision => {
                let (expected, found) = (attempt.revision.clone(), by.revision);
                return Err(GenerateError::OtherRevision { expected, found });
            }
            ChatEvent::Started(_) => {}
            ChatEvent::Delta(delta) => {
                if !delta.text.is_empty() && first_token_ms.is_none() {
                    first_token_ms = Some(passed());
                }
                if text.len() + delta.text.len() > MAX_ANSWER_BYTES {
                    return Err(GenerateError::TooLong);
                }
                text.push_str(&delta.text);
            }
            ChatEvent::Finished(finish) => {
                let Usage { prompt_tokens, completion_tokens } = finish.usage;
                let (finish, whole_ms) = (finish.reason, passed());
                return Ok(Generation {
                    text,
                    finish,
                    prompt_tokens,
                    completion_tokens,
                    first_token_ms,
                    whole_ms,
                });
            }
        }
    }
    Err(GenerateError::Model(ModelError::engine("the stream ended without a finish event")))
}
