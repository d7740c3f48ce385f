//! Asking, and what several seeds say together.

use amend_proto::{ChatModel, ChatRequest, Message};
use amend_server::{
    engine::{EngineConfig, ModelSource},
    synth::{Models, RoleSource},
};
use async_trait::async_trait;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::{num::NonZeroUsize, path::Path, sync::Arc};

/// A question with its right answer.
pub(crate) type Item = (Vec<Message>, String);

/// Nobody has to be loaded: every role is an oracle, and the student learns.
pub(crate) struct Nobody;

#[async_trait]
impl Models for Nobody {
    async fn open(&self, source: &RoleSource) -> anyhow::Result<(Arc<dyn ChatModel>, NonZeroUsize)> {
        anyhow::bail!("{source} is not needed here")
    }
}

/// The share of greedy answers of the model in a folder that are exactly right.
pub(crate) async fn accuracy(folder: &Path, items: &[Item]) -> anyhow::Result<f64> {
    let model = EngineConfig::new(ModelSource::Folder(folder.to_owned())).build().await?;
    let mut right = 0;
    for (messages, expected) in items {
        let answer = model.complete(ChatRequest::greedy(messages.clone())).await?;
        right += usize::from(answer.text.trim() == expected);
    }
    Ok(right as f64 / items.len().max(1) as f64)
}

/// The mean, and how far the 95 % interval goes on both sides.
pub(crate) fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::NAN);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0).map_or(f64::NAN, |t| t.inverse_cdf(0.975));
    (mean, t * (variance / n).sqrt())
}

/// As text.
pub(crate) fn shown(values: &[f64]) -> String {
    let (mean, half) = interval(values);
    format!("{mean:.3} ± {half:.3}")
}
