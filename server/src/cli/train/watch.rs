//! How a training is watched and stopped.

use crate::cli::{exit, progress};
use amend_trainer::sft::StepMetrics;
use indicatif::ProgressBar;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A flag that Ctrl-C raises. A second Ctrl-C ends the process at once.
pub(in crate::cli) fn stop_on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if raised.swap(true, Ordering::SeqCst) {
                    std::process::exit(i32::from(exit::FAILURE));
                }
            }
        });
    })?;
    Ok(stop)
}

/// Steps between two plain lines where there is no terminal.
const LINE_EVERY: u64 = 100;

/// A bar at a terminal, a line now and then elsewhere; and the flag that Ctrl-C raises.
pub(super) struct Watch {
    pub(super) bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn new(steps: u64, stop: Arc<AtomicBool>) -> Self {
        Self { bar: progress::bar(steps, "{pos}/{len} steps, {msg}"), stop }
    }

    pub(super) fn say(&self, line: &str) {
        match self.bar.is_hidden() {
            true => eprintln!("{line}"),
            false => self.bar.println(line),
        }
    }

    /// A step of `total` is done.
    pub(super) fn step(&self, metrics: &StepMetrics, total: u64) {
        let state = format!("loss {:.3}, {:.0} tokens/s", metrics.loss, metrics.tokens_per_second);
        self.show((metrics.step, total), LINE_EVERY, state);
    }

    /// So many of so many steps are done; elsewhere than at a terminal a line is written every so many.
    pub(super) fn show(&self, (step, total): (u64, u64), line_every: u64, state: String) {
        self.bar.set_length(total);
        self.bar.set_position(step);
        if self.bar.is_hidden() && step.is_multiple_of(line_every) {
            eprintln!("step {step} of {total}: {state}");
        }
        self.bar.set_message(state);
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
