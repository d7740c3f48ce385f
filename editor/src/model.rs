//! [`EditedModel`]: a model that knows the live edits.

use crate::{
    editor::Editor,
    error::EditError,
    lookup::{Decision, Edited, ScoredEdit},
    neutral::neutralise_tool,
};
use amend_proto::{
    AppliedEdit, ChatEvent, ChatModel, ChatRequest, ChatStream, ErrorKind, ModelError, ModelInfo, Prompt,
};
use async_trait::async_trait;
use futures::StreamExt;
use std::{sync::Arc, time::Instant};

const DROPPED: &str = "amend_edits_dropped_total";

/// Puts the edits of the request's tenant that are in force and that a question is about in front of it, as far as
/// [their budget](crate::Budget) goes, and says in the answer's provenance which they were. If the conversation fits into
/// the model's context without some of them only, the worst are left out.
///
/// Only the last user message is rewritten. Headings of the template that a client wrote, in whatever message, are
/// neutralised. A plain text prompt passes as it is: it has no question, and whoever writes it writes all of the
/// prompt. The lookup is done when the request comes, so an answer follows the edits that were in force then, for the
/// revision that was live then: a request that comes in the moment of a switch may get the edits of the one before.
#[derive(Clone)]
pub struct EditedModel {
    editor: Editor,
    inner: Arc<dyn ChatModel>,
}

impl EditedModel {
    /// `inner`, edited.
    pub fn new(editor: Editor, inner: Arc<dyn ChatModel>) -> Self {
        Self { editor, inner }
    }

    /// The edits.
    #[must_use]
    pub fn editor(&self) -> &Editor {
        &self.editor
    }
}

#[async_trait]
impl ChatModel for EditedModel {
    fn info(&self) -> ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, mut request: ChatRequest) -> Result<ChatStream, ModelError> {
        let messages = match request.prompt {
            Prompt::Chat(messages) => messages,
            Prompt::Text(_) => return self.inner.stream(request).await,
        };
        let begun = Instant::now();
        let tenant = self.editor.tenant(request.tenant.clone()).answered_by(Arc::clone(&self.inner));
        let mut edited = tenant.edit_async(messages).await.map_err(refused)?;
        record(&edited, begun);
        let template = self.editor.template();
        request.tools.iter_mut().for_each(|tool| neutralise_tool(&template, tool));
        request.prompt = Prompt::Chat(Vec::new());
        let stream = self.ask(request, &mut edited).await?;
        if edited.edits.is_empty() {
            return Ok(stream);
        }
        let mut applied: Vec<AppliedEdit> = edited
            .edits
            .into_iter()
            .map(|ScoredEdit { id, text: _, score }| AppliedEdit { id, score })
            .collect();
        Ok(stream
            .map(move |event| match event {
                Ok(ChatEvent::Started(mut provenance)) => {
                    provenance.edits.append(&mut applied);
                    Ok(ChatEvent::Started(provenance))
                }
                other => other,
            })
            .boxed())
    }
}

impl EditedModel {
    /// Asks; as long as the conversation does not fit into the model's context, without the worst of the edits.
    async fn ask(&self, mut request: ChatRequest, edited: &mut Edited) -> Result<ChatStream, ModelError> {
        while !edited.edits.is_empty() {
            let prompt = Prompt::Chat(edited.messages.clone());
            match self.inner.stream(ChatRequest { prompt, ..request.clone() }).await {
                Err(error) if *error.kind() == ErrorKind::ContextLength => {
                    edited.drop_worst(&self.editor.template()).map_err(refused)?;
                    metrics::counter!(DROPPED, "reason" => "context").increment(1);
                }
                answer => return answer,
            }
        }
        request.prompt = Prompt::Chat(std::mem::take(&mut edited.messages));
        self.inner.stream(request).await
    }
}

fn refused(error: EditError) -> ModelError {
    ModelError::engine(error)
}

fn record(edited: &Edited, begun: Instant) {
    let decision = if edited.edits.is_empty() { Decision::None } else { Decision::Apply };
    metrics::histogram!("amend_edit_lookup_seconds").record(begun.elapsed().as_secs_f64());
    metrics::counter!("amend_scope_decisions_total", "decision" => decision.as_str()).increment(1);
    metrics::counter!("amend_edits_applied_total").increment(edited.edits.len() as u64);
    if !edited.dropped.is_empty() {
        metrics::counter!(DROPPED, "reason" => "budget").increment(edited.dropped.len() as u64);
    }
}

/// Describes this crate's metrics to the recorder; call it once, after installing one.
pub fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_histogram!(
        "amend_edit_lookup_seconds",
        Unit::Seconds,
        "finding the edits of a question and writing its prompt"
    );
    describe_histogram!(
        "amend_edit_write_seconds",
        Unit::Seconds,
        "from a write's arrival to its acknowledgement"
    );
    describe_counter!("amend_scope_decisions_total", "questions by whether an edit was in scope");
    describe_counter!("amend_edits_applied_total", "edits put in front of questions");
    describe_counter!(
        DROPPED,
        "edits in scope that were not put in front of a question, because of their budget or the model's context"
    );
    describe_counter!("amend_edit_operations_total", "operations appended to the edit log");
    describe_gauge!("amend_edits_live", "edits that stand");
    describe_gauge!("amend_edits_without_embedding", "live edits that are found by their words only");
    describe_counter!("amend_encoder_failures_total", "texts for which the sentence encoder failed, by role");
    describe_counter!(
        "amend_dense_lookups_total",
        "questions to the dense side by outcome; those that failed or were late were answered by words"
    );
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
