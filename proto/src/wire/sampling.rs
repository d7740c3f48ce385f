//! The sampling fields that both completion routes share.

use super::content::TextList;
use crate::{chat::Sampling, error::ModelError};
use std::collections::BTreeMap;

/// Most stop texts, as OpenAI has it.
const MAX_STOPS: usize = 4;
/// Most characters of a stop text.
const MAX_STOP_CHARS: usize = 256;
/// Most entries of a logit bias.
const MAX_BIASES: usize = 1024;

/// The fields as they stand in the body.
pub(super) struct SamplingFields {
    pub(super) max_tokens: Option<i64>,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) top_k: Option<i64>,
    pub(super) min_p: Option<f32>,
    pub(super) presence_penalty: Option<f32>,
    pub(super) frequency_penalty: Option<f32>,
    pub(super) logit_bias: Option<BTreeMap<String, f32>>,
    pub(super) stop: Option<TextList>,
    pub(super) seed: Option<i64>,
}

impl SamplingFields {
    /// Checks every value. `max_tokens` is the spelling that the client used for that field.
    pub(super) fn read(self, max_tokens_name: &str) -> Result<Sampling, ModelError> {
        let Self {
            max_tokens,
            temperature,
            top_p,
            top_k,
            min_p,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            stop,
            seed,
        } = self;
        if top_p == Some(0.0) {
            let message =
                "top_p must be above 0; for the most probable token at every step set temperature to 0";
            return Err(ModelError::invalid("top_p", message));
        }
        Ok(Sampling {
            max_tokens: max_tokens.map(|value| count(max_tokens_name, value, u32::MAX)).transpose()?,
            temperature: within("temperature", temperature, 0.0, 2.0)?,
            top_p: within("top_p", top_p, 0.0, 1.0)?,
            top_k: read_top_k(top_k)?,
            min_p: within("min_p", min_p, 0.0, 1.0)?,
            presence_penalty: within("presence_penalty", presence_penalty, -2.0, 2.0)?,
            frequency_penalty: within("frequency_penalty", frequency_penalty, -2.0, 2.0)?,
            logit_bias: read_bias(logit_bias.unwrap_or_default())?,
            stop: read_stop(stop.unwrap_or_default())?,
            // OpenAI's seeds are signed; the bits are what matters.
            seed: seed.map(i64::cast_unsigned),
        })
    }
}

/// A number of things, from 1 to `max`.
pub(super) fn count(name: &str, value: i64, max: u32) -> Result<u32, ModelError> {
    match u32::try_from(value) {
        Ok(value) if (1..=max).contains(&value) => Ok(value),
        _ => Err(ModelError::invalid(name, format!("{name} must be from 1 to {max}, not {value}"))),
    }
}

fn within(name: &str, value: Option<f32>, least: f32, most: f32) -> Result<Option<f32>, ModelError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ModelError::invalid(name, format!("{name} must be from {least} to {most}, not {value}")))
        }
        value => Ok(value),
    }
}

fn read_top_k(top_k: Option<i64>) -> Result<Option<u32>, ModelError> {
    match top_k {
        // Other servers' ways to say "all tokens".
        None | Some(0 | -1) => Ok(None),
        Some(k) => count("top_k", k, u32::MAX).map(Some),
    }
}

fn read_bias(bias: BTreeMap<String, f32>) -> Result<Vec<(u32, f32)>, ModelError> {
    if bias.len() > MAX_BIASES {
        let message = format!("logit_bias may name {MAX_BIASES} tokens, not {}", bias.len());
        return Err(ModelError::invalid("logit_bias", message));
    }
    let mut read = Vec::with_capacity(bias.len());
    for (token, value) in bias {
        let path = format!("logit_bias.{}", token.chars().take(40).collect::<String>());
        let Ok(token) = token.parse::<u32>() else {
            return Err(ModelError::invalid(&path, format!("{path}: the keys of logit_bias are token ids")));
        };
        if !(-100.0..=100.0).contains(&value) {
            return Err(ModelError::invalid(&path, format!("{path} must be from -100 to 100, not {value}")));
        }
        read.push((token, value));
    }
    Ok(read)
}

fn read_stop(TextList(stop): TextList) -> Result<Vec<String>, ModelError> {
    if stop.len() > MAX_STOPS {
        let message = format!("stop may hold {MAX_STOPS} texts, not {}", stop.len());
        return Err(ModelError::invalid("stop", message));
    }
    for (index, text) in stop.iter().enumerate() {
        if text.is_empty() || text.chars().nth(MAX_STOP_CHARS).is_some() {
            let path = format!("stop[{index}]");
            return Err(ModelError::invalid(
                &path,
                format!("{path} must have 1 to {MAX_STOP_CHARS} characters"),
            ));
        }
    }
    Ok(stop)
}
