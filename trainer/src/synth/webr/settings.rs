//! What decides a run.

use crate::{
    Error, Result,
    synth::{dedup::DedupSettings, pages::QualitySettings},
};
use serde::{Deserialize, Serialize};

/// Everything that decides a run besides the pages, the models and the templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebrSettings {
    /// Decides every draw.
    pub seed: u64,
    /// Pages that are used at most.
    pub pages: Option<u64>,
    /// Of the section of a page that models are shown.
    pub most_chars: usize,
    /// Word limits of requests, of which one is drawn.
    pub request_words: Vec<u32>,
    /// Rows of a page that is the material of the request, for each of a page that is that of the response.
    pub wi_per_wr: f64,
    /// When requests are the same.
    pub dedup: DedupSettings,
    /// What a page must be like.
    pub quality: QualitySettings,
}

impl Default for WebrSettings {
    /// As published.
    fn default() -> Self {
        Self {
            seed: 1,
            pages: None,
            most_chars: 12_000,
            request_words: vec![50, 100, 150, 200],
            wi_per_wr: 2.0,
            dedup: DedupSettings::default(),
            quality: QualitySettings::default(),
        }
    }
}

impl WebrSettings {
    /// Checks that they make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if self.most_chars == 0 {
            return Err(Error::Settings("most_chars must be at least 1".to_owned()));
        }
        if self.request_words.is_empty() || self.request_words.contains(&0) {
            return Err(Error::Settings("request_words must hold numbers from 1 up".to_owned()));
        }
        if !(self.wi_per_wr.is_finite() && self.wi_per_wr > 0.0) {
            return Err(Error::Settings(format!("wi_per_wr must be above 0, not {}", self.wi_per_wr)));
        }
        Ok(())
    }
}
