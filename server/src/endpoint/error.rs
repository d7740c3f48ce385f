//! What an endpoint's refusals and failures mean to whoever asked.

use amend_proto::{ErrorKind, ModelError};
use chrono::{DateTime, Utc};
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// When trying again has a chance, where the endpoint does not say.
const SOON: Duration = Duration::from_secs(1);
/// Characters that are passed on of what an endpoint says.
const MAX_SAID_CHARS: usize = 300;

/// What an endpoint says of a failure, in the ways that servers of this kind have.
#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    message: Value,
}

/// A failure in the endpoint's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) message: String,
    code: String,
    param: Option<String>,
}

impl Said {
    /// Of a body, whatever it holds.
    pub(super) fn in_body(text: &str) -> Self {
        let body: Body = serde_json::from_str(text).unwrap_or_default();
        match (&body.error, &body.message) {
            (Value::Null, Value::String(message)) => Self { message: short(message), ..Self::default() },
            (Value::Null, _) => Self { message: short(text), ..Self::default() },
            (error, _) => Self::in_error(error),
        }
    }

    /// Of the `error` of a body, or of an event.
    pub(super) fn in_error(error: &Value) -> Self {
        let word = |field: &str| error.get(field).and_then(Value::as_str);
        Self {
            message: short(word("message").or(error.as_str()).unwrap_or("it does not say why")),
            code: word("code").or(word("type")).unwrap_or_default().to_owned(),
            param: word("param").map(str::to_owned),
        }
    }
}

/// On one line, cut to a length that a message can hold.
fn short(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().filter(|c| !c.is_control()).take(MAX_SAID_CHARS).collect()
}

/// The pause that an endpoint asks for, in seconds or until a date (RFC 9110, 10.2.3).
pub(super) fn pause_wanted(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    Some(until.with_timezone(&Utc).signed_duration_since(now).to_std().unwrap_or(Duration::ZERO))
}

/// An answer other than 2xx.
pub(super) fn refused(status: StatusCode, pause: Option<Duration>, said: &Said) -> ModelError {
    let Said { message, code, param } = said;
    let retry_after = pause.unwrap_or(SOON);
    let kind = match (status.as_u16(), code.as_str()) {
        // Its words may hold a part of the key.
        (401 | 403, _) => {
            let message = format!("the endpoint does not let this request in ({status}); look at its key");
            return ModelError::new(ErrorKind::Denied, message);
        }
        (_, "insufficient_quota") => ErrorKind::Denied,
        (_, "context_length_exceeded") => ErrorKind::ContextLength,
        (404, _) | (_, "model_not_found") => ErrorKind::UnknownModel,
        (408 | 504, _) => ErrorKind::Timeout,
        (429, _) => ErrorKind::Overloaded { retry_after },
        (503 | 529, _) => ErrorKind::NotReady { retry_after },
        (400..500, _) => ErrorKind::InvalidRequest { param: param.clone() },
        _ => ErrorKind::Engine,
    };
    ModelError::new(kind, format!("the endpoint refused ({status}): {message}"))
}

/// A failure that is told inside of a stream.
pub(super) fn failed(said: &Said) -> ModelError {
    let kind = match said.code.as_str() {
        "context_length_exceeded" => ErrorKind::ContextLength,
        _ => ErrorKind::Engine,
    };
    ModelError::new(kind, format!("the endpoint failed while it answered: {}", said.message))
}

/// No answer, or none any more.
pub(super) fn lost(error: reqwest::Error) -> ModelError {
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, "the endpoint did not answer in time")
    } else if error.is_connect() {
        (ErrorKind::NotReady { retry_after: SOON }, "nobody answers at the endpoint's address")
    } else {
        (ErrorKind::Engine, "the connection to the endpoint broke off")
    };
    ModelError::new(kind, message).with_source(error)
}

/// An answer that is none.
pub(super) fn odd(message: impl Into<String>) -> ModelError {
    ModelError::new(ErrorKind::Engine, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn every_way_of_saying_why_is_understood() {
        let openai = r#"{"error":{"message":"too\n long","type":"x","param":"messages","code":"context_length_exceeded"}}"#;
        let said = Said::in_body(openai);
        assert_eq!((said.message.as_str(), said.code.as_str()), ("too long", "context_length_exceeded"));
        for (body, message) in [
            (r#"{"error":"no such model"}"#, "no such model"),
            (r#"{"object":"error","message":"bad","code":400}"#, "bad"),
            (r#"{"error":{"code":7}}"#, "it does not say why"),
            ("<html>\u{7} down</html>", "<html> down</html>"),
            ("", ""),
        ] {
            assert_eq!(Said::in_body(body).message, message, "{body}");
        }
        assert_eq!(Said::in_body(&"x".repeat(10_000)).message.len(), MAX_SAID_CHARS);
    }

    #[test]
    fn a_pause_is_in_seconds_or_until_a_date() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:30Z").unwrap().to_utc();
        for (said, wanted) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(said))]);
            assert_eq!(pause_wanted(&headers, now), wanted.map(Duration::from_secs), "{said}");
        }
    }
}
