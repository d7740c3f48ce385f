//! mistralrs called as an application would that has nothing but mistralrs.

use super::Sample;
use amend_proto::ModelError;
use mistralrs::{MistralRs, NormalRequest, Request, RequestMessage, Response, SamplingParams};
use std::{sync::Arc, time::Instant};
use tokio::sync::{
    Semaphore,
    mpsc::{Sender, channel},
};

/// mistralrs by itself.
pub(super) struct Direct {
    sender: Sender<Request>,
    engine: Arc<MistralRs>,
    turns: Semaphore,
}

impl Direct {
    /// At most `at_a_time` requests in the engine.
    pub(super) fn new(engine: Arc<MistralRs>, at_a_time: usize) -> Result<Self, ModelError> {
        let sender = engine.get_sender(None).map_err(ModelError::engine)?;
        Ok(Self { sender, engine, turns: Semaphore::new(at_a_time) })
    }

    /// Asks and reads the answer to its end.
    pub(super) async fn ask(
        &self,
        prompt: &str,
        max_tokens: u32,
        begin: Instant,
    ) -> Result<Sample, ModelError> {
        let _turn = self.turns.acquire().await.map_err(ModelError::engine)?;
        let (response, mut responses) = channel(max_tokens as usize + 8);
        let message = [("role", "user"), ("content", prompt)];
        let message = message
            .map(|(key, text)| (key.to_owned(), mistralrs::core::MessageContent::Left(text.to_owned())));
        let messages = RequestMessage::Chat {
            messages: vec![message.into_iter().collect()],
            enable_thinking: None,
            reasoning_effort: None,
        };
        let sampling =
            SamplingParams { max_len: Some(max_tokens as usize), ..SamplingParams::deterministic() };
        let request = NormalRequest {
            is_streaming: true,
            ..NormalRequest::new_simple(
                messages,
                sampling,
                response,
                self.engine.next_request_id(),
                None,
                None,
            )
        };
        self.sender.send(Request::Normal(Box::new(request))).await.map_err(ModelError::engine)?;
        let mut first_token = None;
        let mut tokens = 0;
        while let Some(response) = responses.recv().await {
            match response {
                Response::Chunk(chunk) => {
                    first_token = first_token.or(Some(begin.elapsed().as_secs_f64()));
                    let cut =
                        chunk.choices.iter().any(|choice| choice.finish_reason.as_deref() == Some("length"));
                    if let Some(usage) = chunk.usage {
                        // Its own count is one too many for sequences that stepped together with others.
                        let counted = u32::try_from(usage.completion_tokens).unwrap_or(u32::MAX);
                        tokens = if cut { max_tokens } else { counted };
                    }
                }
                _ => return Err(ModelError::engine("mistralrs did not answer")),
            }
        }
        let whole = begin.elapsed().as_secs_f64();
        Ok(Sample { first_token: first_token.unwrap_or(whole), whole, tokens })
    }
}
