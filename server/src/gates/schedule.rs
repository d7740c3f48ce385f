//! Gates that begin by themselves.

use super::{GateError, Gates};
use crate::telemetry::names;
use std::{error::Error, time::Duration};

/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(5);

/// Tells whether the live revision fails, and gates it again as the operator set it, for ever.
pub async fn keep_gating(gates: Gates) {
    // A daemon that starts says what was found before.
    match gates.live_fails().await {
        Ok(fails) => tell(fails),
        Err(error) => trouble("what gates found of the live revision is not known", &error),
    }
    if gates.config().settings.again.is_none() {
        return;
    }
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Err(error) = gates.begin_scheduled().await {
            trouble("the live revision cannot be gated again", &error);
        }
    }
}

fn trouble(what: &str, error: &GateError) {
    tracing::error!(error = error as &dyn Error, "{what}");
}

/// Sets the gauge that alerts watch.
pub(super) fn tell(fails: bool) {
    metrics::gauge!(names::GATE_LIVE_FAILING).set(f64::from(u8::from(fails)));
}
