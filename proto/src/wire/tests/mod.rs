//! The wire formats, as they are sent; and what is said to bodies that are wrong.

mod answers;
mod fuzz;
mod requests;
mod wrong;

use super::{Asked, ChatCompletionRequest, CompletionRequest, RequestLimits, parse};
use crate::{ModelError, RequestId};
use serde_json::Value;

fn id() -> RequestId {
    RequestId::new("req-1").unwrap()
}

fn chat(body: &Value) -> Result<Asked, ModelError> {
    parse::<ChatCompletionRequest>(body.to_string().as_bytes())?.read(id(), RequestLimits::default())
}

fn complete(body: &Value) -> Result<Asked, ModelError> {
    parse::<CompletionRequest>(body.to_string().as_bytes())?.read(id(), RequestLimits::default())
}
