//! Who judges, and how they are asked.

use super::{JudgeRating, JudgeTemplate, Language};
use amend_proto::{ChatModel, Priority};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// Names a judge within a panel, in reports and in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JudgeId(String);

impl JudgeId {
    /// Takes a name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JudgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One judge.
#[derive(Clone)]
pub struct Judge {
    /// Its name.
    pub id: JudgeId,
    /// What answers: any endpoint, or the live model.
    pub model: Arc<dyn ChatModel>,
    /// What it is asked.
    pub template: JudgeTemplate,
    /// How good it was on a [calibration set](super::CalibrationSet), where that was [found out](super::rate).
    pub rating: Option<JudgeRating>,
}

impl Judge {
    /// A judge with the shipped template of the language and no rating.
    #[must_use]
    pub fn new(id: impl Into<String>, model: Arc<dyn ChatModel>, language: Language) -> Self {
        Self { id: JudgeId::new(id), model, template: JudgeTemplate::shipped(language), rating: None }
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge")
            .field("id", &self.id)
            .field("model", &self.model.info().id)
            .finish_non_exhaustive()
    }
}

/// How judges are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeOptions {
    /// Answers that are judged at once; the judges of a panel read each of them one after another.
    pub concurrency: NonZeroUsize,
    /// Most tokens of a reply.
    pub max_tokens: u32,
    /// The seed of the first reply to each question; it is greedy.
    pub seed: u64,
    /// Under [`Scorer::Strict`](crate::follow::Scorer::Strict), further replies after one that cannot be read, each with
    /// the next seed and at [`retry_temperature`](Self::retry_temperature): greedily it would say the same again. The
    /// reference does not ask twice, and under [`Scorer::Legacy`](crate::follow::Scorer::Legacy) nobody is.
    pub retries: u32,
    /// The temperature of further replies.
    pub retry_temperature: f32,
    /// Further calls for one reply after a failure of the endpoint that may pass.
    pub call_retries: u32,
    /// The longest wait for one call.
    pub deadline: Duration,
    /// After so many answers in a row on which its endpoint failed, a judge is not asked any more, and its verdicts on
    /// the rest are unparsed: a dead endpoint must not hold up a run for hours.
    pub give_up_after: NonZeroU32,
    /// Whether live users go first, where a judge is the live model.
    pub priority: Priority,
}

impl Default for JudgeOptions {
    /// Four at once, 1024 tokens, two further replies at temperature 0.7, one further call, a minute each, the end after
    /// eight failures in a row, behind live users.
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::MIN.saturating_add(3),
            max_tokens: 1024,
            seed: 0,
            retries: 2,
            retry_temperature: 0.7,
            call_retries: 1,
            deadline: Duration::from_secs(60),
            give_up_after: NonZeroU32::MIN.saturating_add(7),
            priority: Priority::Background,
        }
    }
}

/// Why judges are no panel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PanelError {
    /// There is none.
    #[error("failed to form a panel: it has no judge")]
    Empty,
    /// Two have the same name.
    #[error("failed to form a panel: two judges are called {0}; names must differ")]
    Duplicate(JudgeId),
}

/// Judges that decide together: a verdict holds when more than half of all members give it. What no majority was found
/// for, ties included, is unparsed.
#[derive(Debug, Clone)]
pub struct JudgePanel {
    judges: Vec<Judge>,
    options: JudgeOptions,
}

impl JudgePanel {
    /// Forms a panel.
    ///
    /// # Errors
    /// [`PanelError`] when there is no judge, or two have the same name.
    pub fn new(judges: Vec<Judge>, options: JudgeOptions) -> Result<Self, PanelError> {
        let mut names = HashSet::new();
        if let Some(judge) = judges.iter().find(|judge| !names.insert(&judge.id)) {
            return Err(PanelError::Duplicate(judge.id.clone()));
        }
        if judges.is_empty() { Err(PanelError::Empty) } else { Ok(Self { judges, options }) }
    }

    /// Its members.
    #[must_use]
    pub fn judges(&self) -> &[Judge] {
        &self.judges
    }

    pub(super) fn judges_mut(&mut self) -> &mut [Judge] {
        &mut self.judges
    }

    /// How they are asked.
    #[must_use]
    pub fn options(&self) -> &JudgeOptions {
        &self.options
    }

    /// SHA-256 over what decides verdicts: each member's name, model, revision and template, and the sampling.
    /// Hexadecimal. Records of two runs can only be compared when it is the same.
    #[must_use]
    pub fn version(&self) -> String {
        let members = self.judges.iter().map(|judge| {
            let info = judge.model.info();
            serde_json::json!([
                judge.id,
                info.id.as_str(),
                info.revision.as_str(),
                judge.template.fingerprint()
            ])
        });
        let JudgeOptions { max_tokens, seed, retries, retry_temperature, .. } = self.options;
        let all = serde_json::json!({
            "judges": members.collect::<Vec<_>>(),
            "sampling": [max_tokens, seed, retries, retry_temperature],
        });
        Sha256::digest(all.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
