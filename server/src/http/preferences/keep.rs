//! Keeping an answer, so that feedback can find it.

use crate::{
    http::Shared,
    preferences::{Kept, TenantPreferences},
    telemetry::preference_names as names,
};
use amend_proto::{
    CompletionId, FinishReason, Message, ModelId, Prompt, Provenance, Sampling,
    wire::{AnswerHead, Asked, TokenUsage},
};
use amend_trainer::preference::KeptCompletion;
use std::time::Duration;

/// How long an answer waits for the disk. After it the answer goes out, and says that it was not kept.
const PATIENCE: Duration = Duration::from_secs(5);

/// What of a request is kept with its answers.
pub(in crate::http) struct Keeper {
    preferences: TenantPreferences,
    prompt: Vec<Message>,
    sampling: Sampling,
    user: Option<String>,
}

/// One answer to keep.
#[derive(Debug, Clone)]
pub(in crate::http) struct Text {
    pub(in crate::http) text: String,
    pub(in crate::http) reason: FinishReason,
}

impl Keeper {
    /// None when the answers are not to be kept.
    pub(in crate::http) fn new(shared: &Shared, asked: &Asked) -> Option<Self> {
        let preferences = shared.state.preferences.of(asked.request.tenant.clone());
        let Prompt::Chat(prompt) = &asked.request.prompt else { return None };
        preferences.wants(asked.store).then(|| Self {
            preferences,
            prompt: prompt.clone(),
            sampling: asked.request.sampling.clone(),
            user: asked.user.clone(),
        })
    }

    /// Keeps the answers; gives whether it worked. An answer is worth more than its copy, so a failure is counted and
    /// logged, and the answer goes out.
    pub(in crate::http) async fn keep(
        self,
        head: &AnswerHead,
        by: Provenance,
        answers: Vec<Text>,
        usage: TokenUsage,
    ) -> bool {
        let kept = tokio::time::timeout(PATIENCE, self.write(head, by, answers, usage)).await;
        let failure = match kept {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error,
            Err(_) => "the ledger took too long".into(),
        };
        metrics::counter!(names::COMPLETIONS_NOT_KEPT).increment(1);
        tracing::error!(id = %head.id, error = failure.as_ref(), "a completion was not kept");
        false
    }

    async fn write(
        self,
        head: &AnswerHead,
        by: Provenance,
        answers: Vec<Text>,
        usage: TokenUsage,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { preferences, prompt, sampling, user } = self;
        let (texts, finish) = answers.into_iter().map(|Text { text, reason }| (text, reason)).unzip();
        let completion = KeptCompletion {
            id: CompletionId::new(&head.id)?,
            prompt,
            answers: texts,
            tenant: preferences.tenant().clone(),
            revision: by.revision,
            edits: by.edits,
            sampling,
        };
        let at = preferences.now();
        let kept = Kept { completion, model: ModelId::new(&head.model)?, finish, usage, user, at };
        Ok(preferences.keep(kept).await?)
    }
}
