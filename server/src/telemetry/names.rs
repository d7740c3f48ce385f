//! The name and one-line description of every metric, in one place.
//!
//! Names are Prometheus's style: prefix `amend_`, base units (seconds, tokens), counters end in `_total`.

/// One metric: what it is called and what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name under `/metrics`.
    pub name: &'static str,
    /// What it tells, for the `# HELP` line.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $help:literal;)*) => {
        $($(#[$doc])* #[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric above.
        pub const ALL: &[Metric] = &[$(Metric { name: $name, help: $help }),*];
    };
}

metrics! {
    /// Gauge.
    REQUESTS_RUNNING = "amend_requests_running", "Requests that hold a slot of the engine.";
    /// Gauge, label `priority` (`live`, `background`).
    REQUESTS_WAITING = "amend_requests_waiting", "Requests that wait for a slot.";
    /// Gauge.
    QUEUE_CAPACITY = "amend_queue_capacity", "Most requests that may wait before new ones are refused.";
    /// Gauge.
    ENGINE_SLOTS = "amend_engine_slots", "Most requests that the engine works on at a time.";
    /// Counter, label `priority`.
    REQUESTS_REFUSED = "amend_requests_refused_total", "Requests refused because the queue was full.";
    /// Counter, label `when` (`waiting`, `running`).
    REQUESTS_ABANDONED = "amend_requests_abandoned_total",
        "Requests whose client went away before the answer was whole.";
    /// Histogram, seconds, label `priority`.
    QUEUE_TIME = "amend_request_queue_time_seconds", "Seconds from arrival to a slot of the engine.";
    /// Histogram, seconds.
    TIME_TO_FIRST_TOKEN = "amend_time_to_first_token_seconds", "Seconds from arrival to the first piece of the answer.";
    /// Histogram, seconds.
    INTER_TOKEN_LATENCY = "amend_inter_token_latency_seconds", "Seconds between two pieces of an answer.";
    /// Histogram, seconds.
    E2E_REQUEST_LATENCY = "amend_e2e_request_latency_seconds", "Seconds from arrival to the end of the answer.";
    /// Counter.
    PROMPT_TOKENS = "amend_prompt_tokens_total", "Tokens of prompts, edits included.";
    /// Counter.
    GENERATION_TOKENS = "amend_generation_tokens_total", "Tokens generated.";
    /// Counter, label `reason` (`stop`, `length`, `tool_calls`, `error`).
    REQUEST_FINISHED = "amend_request_finished_total", "Answers that ended, by reason.";
    /// Counter.
    ENGINE_FAILURES = "amend_engine_failures_total", "Requests that the engine failed.";
    /// Counter, label `how` (`reboot`: same weights in memory; `reload`: weights read again).
    ENGINE_RESTARTS = "amend_engine_restarts_total", "Times the engine was started again after it died.";
    /// Counter.
    REVISION_SWITCHES = "amend_revision_switches_total", "Times another revision became live.";
    /// Counter, label `verdict` (`pass`, `fail`, `inconclusive`).
    GATES = "amend_gates_total", "Gates that found something.";
    /// Gauge.
    GATE_LIVE_FAILING = "amend_gate_live_failing", "1 while the newest verdict on the live revision is that it fails.";
    /// Counter, labels `of` (`candidate`, `live`) and `outcome` (`answered`, `failed`).
    CANARY_ANSWERS = "amend_canary_answers_total", "Users' requests that ended while a canary ran.";
    /// Gauge.
    CANARY_SHARE = "amend_canary_share", "Share of users that a candidate answers, 0 to 1; 0 without a canary.";
    /// Counter, label `state` (`passed`, `promoted`, `aborted`, `stopped`, `superseded`).
    CANARIES = "amend_canaries_total", "Canaries that ended.";
    /// Gauge, labels `suite` and `of` (`candidate`, `live`).
    GATE_SCORE = "amend_gate_score", "Score of the last gate, 0 to 1.";
    /// Histogram, seconds.
    GATE_DURATION = "amend_gate_duration_seconds", "Seconds that a gate measured.";
    /// Counter, labels `kind` (`bmc`, `gate`) and `state` (`done`, `failed`, `cancelled`).
    JOBS_ENDED = "amend_jobs_ended_total", "Background jobs that ended.";
    /// Gauge.
    JOBS_PAUSED = "amend_job_paused", "Whether the running job waits for users' requests or quiet hours.";
    /// Gauge.
    TRAINING_STEP = "amend_training_step", "Steps that the running training has done.";
    /// Gauge.
    TRAINING_LOSS = "amend_training_loss", "Loss of the running training's last step.";
    /// Gauge.
    TRAINING_ACCURACY = "amend_training_reward_accuracy", "Share of the last step's pairs whose winning answer has the higher reward.";
    /// Gauge.
    TRAINING_MARGIN = "amend_training_reward_margin", "How much higher the reward of the winning answers of the last step is.";
    /// Gauge.
    TRAINING_KL = "amend_training_kl", "How far the trained model is from its parent at the last step, in nats a token.";
    /// Gauge.
    TRAINING_DISPLACEMENT = "amend_training_displacement", "How much less likely the winning answers of the last step are than to the parent, in nats a token.";
}

/// The histograms among them, all in seconds.
pub const HISTOGRAMS: &[&str] =
    &[QUEUE_TIME, TIME_TO_FIRST_TOKEN, INTER_TOKEN_LATENCY, E2E_REQUEST_LATENCY, GATE_DURATION];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_prometheus_style() {
        for (index, metric) in ALL.iter().enumerate() {
            assert!(metric.name.starts_with("amend_"), "{}", metric.name);
            assert!(metric.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
            assert!(metric.help.ends_with('.'));
            assert!(!ALL[..index].iter().any(|other| other.name == metric.name), "{} twice", metric.name);
        }
        for name in HISTOGRAMS {
            assert!(name.ends_with("_seconds") && ALL.iter().any(|m| m.name == *name));
        }
    }
}
