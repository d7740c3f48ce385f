//! One vector a text, from one vector a token.

use super::{EncoderError, folder::ModelFolder};
use serde::Deserialize;

/// Which tokens make the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The mean of all tokens.
    Mean,
    /// The first token.
    First,
    /// The last token.
    Last,
    /// Of each number, the largest over all tokens.
    Max,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
    /// Newer files say it in one word.
    pooling_mode: Option<String>,
    include_prompt: Option<bool>,
}

impl Pooling {
    /// Reads the configuration of a pooling module; also whether the prompt's tokens count.
    pub(super) fn read(folder: &mut ModelFolder, name: &str) -> Result<(Self, bool), EncoderError> {
        let Some(raw) = folder.json::<Raw>(name)? else {
            return Err(folder.invalid(name, "it is missing, and modules.json lists it; copy it too"));
        };
        let modes: Vec<&str> = match &raw.pooling_mode {
            Some(mode) => vec![mode],
            None => [
                (raw.pooling_mode_cls_token, "cls"),
                (raw.pooling_mode_mean_tokens, "mean"),
                (raw.pooling_mode_max_tokens, "max"),
                (raw.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
                (raw.pooling_mode_weightedmean_tokens, "weightedmean"),
                (raw.pooling_mode_lasttoken, "lasttoken"),
            ]
            .into_iter()
            .filter_map(|(set, mode)| set.then_some(mode))
            .collect(),
        };
        let pooling = match modes.as_slice() {
            // Of another length than the mean, in the same direction.
            ["mean" | "mean_sqrt_len_tokens"] => Self::Mean,
            ["cls"] => Self::First,
            ["lasttoken"] => Self::Last,
            ["max"] => Self::Max,
            other => {
                let what = format!("the pooling {other:?}");
                return Err(folder.unsupported(
                    name,
                    what,
                    "supported is one of mean, cls, max and lasttoken",
                ));
            }
        };
        Ok((pooling, raw.include_prompt != Some(false)))
    }

    /// Pools `tokens`, row after row of `width` numbers, at least one row and no padding.
    pub(super) fn pool(self, tokens: &[f32], width: usize) -> Vec<f32> {
        let rows = tokens.chunks_exact(width);
        let count = rows.len();
        let folded = |start: f32, fold: fn(f32, f32) -> f32| {
            let mut pooled = vec![start; width];
            for row in rows.clone() {
                for (all, x) in pooled.iter_mut().zip(row) {
                    *all = fold(*all, *x);
                }
            }
            pooled
        };
        match self {
            Self::First => tokens[..width].to_vec(),
            Self::Last => tokens[tokens.len() - width..].to_vec(),
            Self::Max => folded(f32::NEG_INFINITY, f32::max),
            Self::Mean => folded(0.0, |sum, x| sum + x).into_iter().map(|sum| sum / count as f32).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools() {
        let tokens = [1.0, -2.0, 3.0, -4.0, 5.0, 0.0];
        assert_eq!(Pooling::Mean.pool(&tokens, 2), [3.0, -2.0]);
        assert_eq!(Pooling::First.pool(&tokens, 2), [1.0, -2.0]);
        assert_eq!(Pooling::Last.pool(&tokens, 2), [5.0, 0.0]);
        assert_eq!(Pooling::Max.pool(&tokens, 2), [5.0, 0.0]);
    }
}
