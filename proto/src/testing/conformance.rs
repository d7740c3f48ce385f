//! What every [`ChatModel`] must do, whatever answers behind it.
//!
//! Call [`run`] from a test of each implementation. It asserts shapes and invariants, never what is said.

use crate::{
    ChatEvent, ChatModel, ChatRequest, Completion, ErrorKind, FinishReason, Message, ModelError, Prompt,
    Sampling,
};
use futures::{StreamExt, future::join_all};

/// The conversations to ask with: the model must answer each of them with at least one token.
pub struct Questions {
    /// At least two conversations.
    pub conversations: Vec<Vec<Message>>,
}

/// Checks the whole contract.
///
/// # Panics
/// When the model breaks it; the message says which rule.
pub async fn run(model: &dyn ChatModel, questions: &Questions) {
    assert!(questions.conversations.len() >= 2, "the suite needs at least two conversations");
    for messages in &questions.conversations {
        let events = events(model, ChatRequest::greedy(messages.clone())).await;
        check_order(&events);
        let whole = ask(model, messages).await;
        assert_eq!(text_of(&events), whole.text, "streamed deltas must spell what complete() gives (greedy)");
        assert_eq!(
            whole.provenance.revision,
            model.info().revision,
            "the revision must be the one that info() names"
        );
        assert!(whole.finish.usage.completion_tokens > 0, "an answer must count its tokens");
        assert!(whole.finish.usage.prompt_tokens > 0, "a prompt must count its tokens");
    }
    check_max_tokens(model, &questions.conversations[0]).await;
    check_stop(model, &questions.conversations[0]).await;
    check_refusal(model, &questions.conversations[0]).await;
    check_cancellation(model, &questions.conversations[0]).await;
    check_concurrency(model, questions).await;
}

async fn events(model: &dyn ChatModel, request: ChatRequest) -> Vec<ChatEvent> {
    let stream = model.stream(request).await.expect("a plain question must be admitted");
    stream
        .collect::<Vec<Result<ChatEvent, ModelError>>>()
        .await
        .into_iter()
        .map(|e| e.expect("no error"))
        .collect()
}

async fn ask(model: &dyn ChatModel, messages: &[Message]) -> Completion {
    model.complete(ChatRequest::greedy(messages.to_vec())).await.expect("a plain question must be answered")
}

fn text_of(events: &[ChatEvent]) -> String {
    let delta = |event: &ChatEvent| match event {
        ChatEvent::Delta(delta) => Some(delta.text.clone()),
        ChatEvent::Started(_) | ChatEvent::Finished(_) => None,
    };
    events.iter().filter_map(delta).collect()
}

fn check_order(events: &[ChatEvent]) {
    let starts = events.iter().filter(|e| matches!(e, ChatEvent::Started(_))).count();
    let ends = events.iter().filter(|e| matches!(e, ChatEvent::Finished(_))).count();
    assert!(matches!(events.first(), Some(ChatEvent::Started(_))), "the first event must be Started");
    assert!(matches!(events.last(), Some(ChatEvent::Finished(_))), "the last event must be Finished");
    assert_eq!((starts, ends), (1, 1), "Started and Finished must come once each");
}

async fn check_max_tokens(model: &dyn ChatModel, messages: &[Message]) {
    let mut request = ChatRequest::greedy(messages.to_vec());
    request.sampling.max_tokens = Some(1);
    let cut = model.complete(request).await.expect("max_tokens 1 is a valid request");
    assert_eq!(cut.finish.usage.completion_tokens, 1, "max_tokens bounds the completion");
    let whole = ask(model, messages).await;
    assert!(
        whole.text.starts_with(cut.text.trim_end()),
        "a cut answer must be the beginning of the whole one"
    );
    if whole.finish.usage.completion_tokens > 2 {
        assert_eq!(cut.finish.reason, FinishReason::Length, "an answer cut by max_tokens must say so");
    }
}

async fn check_stop(model: &dyn ChatModel, messages: &[Message]) {
    let whole = ask(model, messages).await;
    let Some(last) = whole.text.chars().rfind(|c| !c.is_whitespace()) else { return };
    let mut request = ChatRequest::greedy(messages.to_vec());
    request.sampling.stop = vec![last.to_string()];
    let stopped = model.complete(request).await.expect("a stop text is a valid request");
    let expected = whole.text.split(last).next().unwrap_or_default();
    assert_eq!(
        stopped.text, expected,
        "generation must end before the stop text, which is not in the answer"
    );
    assert_eq!(stopped.finish.reason, FinishReason::Stop, "a stop text is a stop");
}

async fn check_refusal(model: &dyn ChatModel, messages: &[Message]) {
    let refused = model.complete(ChatRequest::new(Prompt::Chat(Vec::new()))).await;
    let error = refused.expect_err("an empty conversation must be refused");
    assert!(
        matches!(error.kind(), ErrorKind::InvalidRequest { .. }),
        "an empty conversation is the client's error, not {:?}",
        error.kind()
    );
    ask(model, messages).await;
}

async fn check_cancellation(model: &dyn ChatModel, messages: &[Message]) {
    let mut stream = model.stream(ChatRequest::greedy(messages.to_vec())).await.expect("admitted");
    let first = stream.next().await;
    assert!(matches!(first, Some(Ok(ChatEvent::Started(_)))), "the first event must be Started");
    drop(stream);
    ask(model, messages).await;
}

async fn check_concurrency(model: &dyn ChatModel, questions: &Questions) {
    let mut alone = Vec::new();
    for messages in &questions.conversations {
        alone.push(ask(model, messages).await.text);
    }
    let request = |messages: &Vec<Message>| ChatRequest {
        sampling: Sampling::greedy(),
        ..ChatRequest::new(Prompt::Chat(messages.clone()))
    };
    let together = join_all(questions.conversations.iter().map(|m| model.complete(request(m)))).await;
    for (alone, together) in alone.iter().zip(together) {
        assert_eq!(
            alone,
            &together.expect("answered").text,
            "answers must not depend on who else asks (greedy)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, ScriptedModel};

    fn questions() -> Questions {
        let ask = |text: &str| vec![Message::user(text)];
        Questions { conversations: vec![ask("one two three four"), ask("five six")] }
    }

    #[tokio::test]
    async fn the_scripted_model_conforms() {
        run(&ScriptedModel::echo(), &questions()).await;
    }

    #[tokio::test]
    #[should_panic(expected = "no error")]
    async fn a_failing_model_does_not() {
        run(&ScriptedModel::new(|_| Script::FailAfter("well".to_owned())), &questions()).await;
    }

    #[tokio::test]
    async fn dropping_the_stream_ends_the_work() {
        let model = ScriptedModel::new(|_| Script::Hold("late".to_owned()));
        let mut stream = model.stream(ChatRequest::greedy(vec![Message::user("hm")])).await.unwrap();
        assert!(stream.next().await.is_some());
        assert_eq!(model.running(), 1);
        drop(stream);
        assert_eq!(model.running(), 0);
    }
}
