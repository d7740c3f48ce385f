//! Jobs that begin by themselves.

use super::{BmcConfig, JobTrigger, Pairs, TrainingSettings};
use crate::jobs::Jobs;
use amend_proto::wire::JobKind;
use std::time::Duration;

/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(5);

/// Begins jobs as the operator set it, for ever; returns at once when nothing shall begin by itself.
pub async fn keep_training(jobs: Jobs, pairs: Pairs, settings: TrainingSettings) {
    if settings.every_pairs.is_none() && settings.every.is_none() {
        return;
    }
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Err(error) = begin_if_due(&jobs, &pairs, &settings).await {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                "whether a training is due is not known"
            );
        }
    }
}

/// Whether one was begun.
pub(super) async fn begin_if_due(
    jobs: &Jobs,
    pairs: &Pairs,
    settings: &TrainingSettings,
) -> anyhow::Result<bool> {
    let newest = jobs.newest(JobKind::Bmc).await?;
    if newest.as_ref().is_some_and(|job| !job.state.is_final()) {
        return Ok(false);
    }
    let count = pairs.count().await?;
    let seen = |config: &serde_json::Value| config.get("pairs_seen").and_then(serde_json::Value::as_u64);
    let seen = newest.as_ref().and_then(|job| seen(&job.config)).unwrap_or_default();
    // Pairs may have been removed since.
    let new = count.saturating_sub(seen.min(count));
    let age = newest.map(|job| chrono::Utc::now().timestamp().saturating_sub(job.created_at));
    let old = |every: Duration| age.is_none_or(|age| u64::try_from(age).unwrap_or(0) >= every.as_secs());
    let trigger = match settings {
        TrainingSettings { every_pairs: Some(wanted), .. } if new >= wanted.get() => JobTrigger::NewPairs,
        TrainingSettings { every: Some(every), .. } if new > 0 && old(*every) => JobTrigger::Schedule,
        _ => return Ok(false),
    };
    if count < settings.config.min_pairs as u64 {
        return Ok(false);
    }
    let config = BmcConfig { pairs_seen: count, trigger, ..settings.config.clone() };
    let job = jobs.submit(JobKind::Bmc, serde_json::to_value(config)?).await?;
    tracing::info!(job = %job.id, ?trigger, new, "a training begins");
    Ok(true)
}
