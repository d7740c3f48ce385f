//! What the training commands have in common: which models can be trained, and how a training is watched and ends.

use crate::{
    cli::{Failure, exit, progress},
    engine::ModelSource,
};
use amend_trainer::{atlas::builtin, bmc::Control, sft::StepMetrics};
use anyhow::Context;
use indicatif::ProgressBar;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The folder of a model that can be trained; the built-in one is unpacked into it.
pub(in crate::cli) fn trainable(source: &ModelSource) -> anyhow::Result<PathBuf> {
    match source {
        ModelSource::Builtin { folder } => Ok(builtin::unpack(folder)?),
        other => {
            let folder = other.local_files().filter(|files| files.is_dir());
            Ok(folder
                .context("only a model in a Hugging Face folder can be trained; give its path")?
                .to_owned())
        }
    }
}

/// The end of a command that was stopped on its way.
pub(in crate::cli) fn stopped(when: &str) -> anyhow::Error {
    Failure::new(exit::FAILURE, format!("stopped {when}; the same command goes on from there")).into()
}

/// The end of a command whose training was given up.
pub(super) fn given_up(step: u64, reason: impl std::fmt::Display) -> anyhow::Error {
    Failure::new(exit::FAILURE, format!("the training was given up at step {step}: {reason}")).into()
}

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

/// A watch over a training that another thread can stop.
pub(super) struct Stoppable {
    pub(super) watch: Watch,
    pub(super) control: Control,
}

impl Stoppable {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { watch: Watch::new(0, stop_on_interrupt()?), control: Control::default() })
    }

    /// Stops the training if Ctrl-C was pressed.
    pub(super) fn heed_interrupt(&self) {
        if self.watch.stopped() {
            self.control.stop();
        }
    }
}
