//! Figures for Prometheus.
//!
//! The code that measures uses the `metrics` facade, which writes to one recorder per process. So the recorder is the
//! process's, and everything else is passed on as a [`MetricsHandle`]: several servers in one process (as in tests)
//! share the recorder and nothing else.

use super::{
    grpc_names, http_names,
    names::{self, Metric},
    preference_names,
};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;

/// What every histogram of seconds has that is not named below: 10 µs to 10 min.
const SECONDS: [f64; 24] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// vLLM's buckets for the time to the first token, so that its dashboards fit.
const FIRST_TOKEN: [f64; 22] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
];
/// vLLM's 19 buckets between two tokens (10 ms to 80 s), and six below them: the built-in model is faster than that.
const BETWEEN_TOKENS: [f64; 25] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4,
    0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
/// How often the recorder folds what was measured into its buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why there are no figures.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Buckets that the recorder does not take.
    #[error("the recorder refuses its buckets")]
    Buckets(#[source] Arc<BuildError>),
    /// Something else in this process records already.
    #[error("something else in this process records metrics already")]
    Taken,
}

/// What `/metrics` shows.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

static PROCESS: OnceLock<MetricsHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

impl MetricsHandle {
    /// The process's recorder, installed on the first call.
    ///
    /// # Errors
    /// When something else in this process records metrics already.
    pub fn install() -> Result<Self, MetricsError> {
        // A panic while the lock was held leaves nothing half done: either the recorder is set or it is not.
        let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = PROCESS.get() {
            return Ok(handle.clone());
        }
        let recorder = builder().map_err(|error| MetricsError::Buckets(Arc::new(error)))?.build_recorder();
        let handle = Self(recorder.handle());
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Taken)?;
        describe();
        Ok(PROCESS.get_or_init(|| handle).clone())
    }

    /// The figures in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps the recorder's memory bounded for as long as what it returns lives. Needs a tokio runtime.
    #[must_use]
    pub fn keep_up(&self) -> Upkeep {
        let handle = self.0.clone();
        Upkeep(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        }))
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Upkeep(JoinHandle<()>);

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(names::TIME_TO_FIRST_TOKEN.to_owned()), &FIRST_TOKEN)?
        .set_buckets_for_metric(Matcher::Full(names::INTER_TOKEN_LATENCY.to_owned()), &BETWEEN_TOKENS)
}

fn describe() {
    amend_editor::describe_metrics();
    let parts = [names::ALL, http_names::ALL, grpc_names::ALL, preference_names::ALL];
    for Metric { name, help } in parts.into_iter().flatten() {
        if name.ends_with("_total") {
            describe_counter!(*name, *help);
        } else if name.ends_with("_seconds") {
            describe_histogram!(*name, *help);
        } else {
            describe_gauge!(*name, *help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_histograms_with_buckets() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!(names::TIME_TO_FIRST_TOKEN).record(0.003);
            metrics::histogram!(names::INTER_TOKEN_LATENCY).record(0.0002);
            metrics::histogram!("amend_anything_else_seconds").record(0.3);
        });
        let text = handle.render();
        for line in [
            "# TYPE amend_time_to_first_token_seconds histogram",
            "amend_time_to_first_token_seconds_bucket{le=\"0.001\"} 0",
            "amend_time_to_first_token_seconds_bucket{le=\"0.005\"} 1",
            "amend_time_to_first_token_seconds_bucket{le=\"2560\"} 1",
            "amend_inter_token_latency_seconds_bucket{le=\"0.00025\"} 1",
            "amend_anything_else_seconds_bucket{le=\"0.5\"} 1",
            "# HELP amend_time_to_first_token_seconds Seconds from arrival to the first piece of the answer.",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\nis not in\n{text}");
        }
        assert!(!text.contains("quantile"), "no summaries");
    }

    #[test]
    fn buckets_ascend() {
        assert!(SECONDS.is_sorted() && FIRST_TOKEN.is_sorted() && BETWEEN_TOKENS.is_sorted());
    }

    #[tokio::test]
    async fn a_second_server_shares_the_recorder() {
        let (one, other) = (MetricsHandle::install().unwrap(), MetricsHandle::install().unwrap());
        let _upkeep = one.keep_up();
        metrics::counter!("amend_shared_total").increment(1);
        assert!(one.render().contains("amend_shared_total"));
        assert!(other.render().contains("amend_shared_total"));
    }
}
