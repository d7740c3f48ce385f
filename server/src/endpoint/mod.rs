//! A language model behind any OpenAI-compatible endpoint, as a [`ChatModel`](amend_proto::ChatModel).
//!
//! It rewrites losing answers for a training, and whatever else asks a `ChatModel` may be given one. Answers are streamed
//! within bounds of time and size; what has a chance later (429, 5xx, nobody there) is sent again, not before the
//! endpoint's `Retry-After`. The key comes from an environment variable that the settings name; it is in no setting, no
//! message and no log. Redirects are not followed: the key goes nowhere else.
//!
//! The transport is reqwest with eventsource-stream, and the body is [`amend_proto::wire`]'s, all of which the daemon has
//! anyway. A client crate such as async-openai would bring a second set of the same types, no bound on an answer's size,
//! and retries that do not know `Retry-After`.

mod answer;
mod config;
mod error;
mod model;
mod request;
#[cfg(test)]
mod tests;

pub use config::{EndpointConfig, EndpointKey, EndpointLimits, EndpointName, EndpointUrl, InvalidEndpoint};
pub use model::EndpointModel;
