//! Teacher forcing with the trainer's decoder.

use amend_editor::TenantEditor;
use amend_eval::edit::metrics::{ForcedQuery, ForcedTokens, TeacherForced, TokenId};
use amend_proto::{ErrorKind, Message, ModelError};
use amend_trainer::{
    decoder::{Decoder, Example, PackedBatch},
    tokenizer::ChatTokenizer,
};
use async_trait::async_trait;
use candle_core::{D, DType, Device};
use std::{num::NonZeroUsize, path::Path, sync::Arc};

/// Queries of one batch: their tokens are run through the decoder packed end to end.
const BATCH: usize = 16;

/// Why a model cannot be forced.
#[derive(Debug, thiserror::Error)]
#[error("failed to load the decoder: {0}")]
pub struct ForcedLoadError(#[from] amend_trainer::Error);

/// A model folder read by the decoder, with edits in front of its questions or without.
#[derive(Clone)]
pub struct Forced {
    decoder: Arc<Decoder>,
    tokenizer: Arc<ChatTokenizer>,
    edits: Option<TenantEditor>,
}

impl Forced {
    /// Reads a model folder in single precision, without edits.
    ///
    /// # Errors
    /// When the decoder does not support the model, or a file is damaged.
    pub fn load(folder: &Path) -> Result<Self, ForcedLoadError> {
        let decoder = Arc::new(Decoder::load(folder, DType::F32, &Device::Cpu)?);
        Ok(Self { decoder, tokenizer: Arc::new(ChatTokenizer::load(folder)?), edits: None })
    }

    /// The same with these edits in front of the questions that they concern.
    #[must_use]
    pub fn with_edits(mut self, edits: TenantEditor) -> Self {
        self.edits = Some(edits);
        self
    }

    /// What the model reads of a question.
    async fn prompt(&self, query: &ForcedQuery) -> Result<String, ModelError> {
        match &self.edits {
            None => Ok(query.prompt.clone()),
            Some(edits) => {
                let preview = edits.preview_async(vec![Message::user(&query.prompt)]).await;
                Ok(preview.map_err(ModelError::engine)?.prompt)
            }
        }
    }

    /// Prompt and target as tokens, the target's places marked. The chat template opens the answer's turn, so the target
    /// follows it directly, as a generated answer would.
    fn example(&self, prompt: String, target: &str) -> Result<(Example, Vec<u32>), ModelError> {
        let engine = |error: amend_trainer::Error| ModelError::engine(error);
        let mut ids = self.tokenizer.prompt(&[Message::user(prompt)]).map_err(engine)?;
        let target = self.tokenizer.encode(target).map_err(engine)?;
        if target.is_empty() {
            return Err(ModelError::invalid("target", "the target has no tokens"));
        }
        let most = self.decoder.config().max_positions;
        if ids.len() + target.len() > most {
            let message = format!("{} tokens do not fit the model's {most}", ids.len() + target.len());
            return Err(ModelError::new(ErrorKind::ContextLength, message));
        }
        let mut weights = vec![0.0; ids.len()];
        weights.resize(ids.len() + target.len(), 1.0);
        ids.extend(&target);
        Ok((Example { ids, weights }, target))
    }
}

/// The most probable token of each row that has a target.
fn argmax(decoder: &Decoder, examples: &[Example]) -> Result<Vec<u32>, ModelError> {
    let batch = PackedBatch::new(examples).map_err(ModelError::engine)?;
    let logits = decoder.target_logits(&batch).map_err(ModelError::engine)?;
    logits.argmax(D::Minus1).and_then(|best| best.to_vec1::<u32>()).map_err(ModelError::engine)
}

fn ids(tokens: &[u32]) -> Vec<TokenId> {
    tokens.iter().copied().map(TokenId).collect()
}

#[async_trait]
impl TeacherForced for Forced {
    fn batch(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(BATCH - 1)
    }

    async fn force(&self, queries: &[ForcedQuery]) -> Vec<Result<ForcedTokens, ModelError>> {
        let mut prepared = Vec::with_capacity(queries.len());
        for query in queries {
            let prompt = self.prompt(query).await;
            prepared.push(prompt.and_then(|prompt| self.example(prompt, &query.target)));
        }
        let decoder = Arc::clone(&self.decoder);
        let good: Vec<Example> = prepared.iter().flatten().map(|(example, _)| example.clone()).collect();
        let best = match good.is_empty() {
            true => Ok(Vec::new()),
            false => tokio::task::spawn_blocking(move || argmax(&decoder, &good))
                .await
                .unwrap_or_else(|error| Err(ModelError::engine(error))),
        };
        let mut from = 0;
        let one = |prepared: Result<(Example, Vec<u32>), ModelError>| {
            let (_, target) = prepared?;
            let part = from..from + target.len();
            from = part.end;
            let best =
                best.as_ref().map_err(|error| ModelError::new(error.kind().clone(), error.message()))?;
            let best = best.get(part).ok_or_else(|| ModelError::engine("the decoder left targets out"))?;
            ForcedTokens::new(ids(&target), ids(best)).map_err(ModelError::engine)
        };
        prepared.into_iter().map(one).collect()
    }
}
