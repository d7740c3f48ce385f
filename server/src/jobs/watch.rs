//! What goes on beside a running job: it is paused for users' requests and in quiet hours, and what it says is written down.

use super::{context::Said, runner::Jobs};
use crate::telemetry::names;
use amend_proto::JobId;
use amend_trainer::bmc::Control;
use std::time::Duration;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior},
};

/// How often it is looked whether a pause may end.
const LOOK: Duration = Duration::from_millis(100);
/// How long no request must have been there for a job to go on: the next question of a conversation comes soon, and must
/// not wait for a pass of the training.
const GRACE: Duration = Duration::from_millis(400);
/// How often what a job says is written down.
const REPORT: Duration = Duration::from_millis(500);

impl Jobs {
    /// Until the sender of `ended` is gone.
    pub(super) async fn watch(
        self,
        (id, said): (JobId, Said),
        control: Control,
        mut ended: oneshot::Receiver<()>,
    ) {
        let config = &self.inner().config;
        let mut busy = config.busy.clone();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last_busy, mut reported, mut paused) = (None::<Instant>, Instant::now(), false);
        loop {
            tokio::select! {
                _ = &mut ended => return,
                Ok(()) = busy.changed() => {}
                _ = look.tick() => {}
            }
            if *busy.borrow_and_update() > 0 {
                last_busy = Some(Instant::now());
            }
            let quiet = config.quiet.is_some_and(|quiet| quiet.hold(chrono::Local::now().time()));
            let wanted = quiet || last_busy.is_some_and(|last| last.elapsed() < GRACE);
            if wanted != paused {
                paused = wanted;
                if paused {
                    control.pause()
                } else {
                    control.resume()
                }
                said.pause(paused);
                metrics::gauge!(names::JOBS_PAUSED).set(f64::from(u8::from(paused)));
            }
            if reported.elapsed() >= REPORT {
                reported = Instant::now();
                if let Err(error) = self.report(&id, &said).await {
                    tracing::warn!(%id, error = &error as &dyn std::error::Error, "a job's progress was not written down");
                }
            }
        }
    }
}
