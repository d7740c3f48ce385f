//! What decides whether an edit is in scope, for all tenants and for one.

use super::model::{ScopeModel, ScopeModelError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most edits in front of one question that may be asked for.
const MAX_TOP_K: usize = 16;
/// The most tokens of edits in front of one question that may be asked for.
const MAX_TOKENS: usize = 65_536;

/// What decides whether an edit is in scope.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopePolicy {
    /// The most edits in front of one question. The method's paper takes 3.
    pub top_k: usize,
    /// The most tokens of edits in front of one question, headings aside; see [`Budget`](crate::Budget).
    pub max_tokens: usize,
    /// Decides when there is no encoder, or it failed.
    pub lexical: Arc<ScopeModel>,
    /// Decides when the encoder said which edits are near.
    pub hybrid: Arc<ScopeModel>,
}

impl Default for ScopePolicy {
    /// 3 edits of 1,024 tokens together; the models that are shipped.
    fn default() -> Self {
        Self {
            top_k: 3,
            max_tokens: 1024,
            lexical: ScopeModel::lexical().into(),
            hybrid: ScopeModel::hybrid().into(),
        }
    }
}

/// What is decided otherwise than the editor's [policy](ScopePolicy) says, for one tenant or for all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeSettings {
    /// The most edits in front of one question, 0 (none at all) to 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// The most tokens of edits in front of one question, 1 to 65536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// The threshold on the probability, above 0 and at most 1, of whichever model decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The model without an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lexical: Option<ScopeModel>,
    /// The model with an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hybrid: Option<ScopeModel>,
}

impl ScopeSettings {
    /// The policy that these settings make of another.
    ///
    /// # Errors
    /// [`ScopeModelError::Range`] when a number is out of its range.
    pub fn over(&self, base: &ScopePolicy) -> Result<ScopePolicy, ScopeModelError> {
        let top_k = self.top_k.unwrap_or(base.top_k);
        if top_k > MAX_TOP_K {
            let (field, value) = ("top_k".to_owned(), top_k as f64);
            return Err(ScopeModelError::Range { field, value, range: "0 to 16" });
        }
        let max_tokens = self.max_tokens.unwrap_or(base.max_tokens);
        if !(1..=MAX_TOKENS).contains(&max_tokens) {
            let (field, value) = ("max_tokens".to_owned(), max_tokens as f64);
            return Err(ScopeModelError::Range { field, value, range: "1 to 65536" });
        }
        let model =
            |own: &Option<ScopeModel>, base: &Arc<ScopeModel>| -> Result<Arc<ScopeModel>, ScopeModelError> {
                let model = own.as_ref().map_or_else(|| Arc::clone(base), |own| Arc::new(own.clone()));
                match self.threshold {
                    Some(threshold) => Ok(Arc::new(model.as_ref().clone().with_threshold(threshold)?)),
                    None => Ok(model),
                }
            };
        Ok(ScopePolicy {
            top_k,
            max_tokens,
            lexical: model(&self.lexical, &base.lexical)?,
            hybrid: model(&self.hybrid, &base.hybrid)?,
        })
    }
}
