//! One measurement, in this process.

use super::process::{computed, forget_peak, peak, resident};
use super::workload::Workload;
use crate::bmc::{
    Control, PairCounts, PreferenceJob, PreferenceObserver, PreferenceStep, Sharing, Trained,
    train_preferences,
};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

/// A way of our own to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Every sequence by itself.
    Apart,
    /// The prompt of a pair computed once.
    Shared,
}

impl Side {
    fn sharing(self) -> Sharing {
        match self {
            Self::Apart => Sharing::Apart,
            Self::Shared => Sharing::Prefix,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apart => "apart",
            Self::Shared => "shared",
        })
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Apart, Self::Shared]
            .into_iter()
            .find(|side| side.to_string() == text)
            .ok_or_else(|| format!("{text:?} is neither apart nor shared"))
    }
}

/// What one training took. TRL's script tells the same of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Tokens of a step: of both sequences of every pair, the prompt in each, padding not.
    pub tokens: usize,
    /// Steps that were timed: all but the first.
    pub timed_steps: u64,
    /// What these took.
    pub seconds: f64,
    /// What the process computed meanwhile, all processors together.
    pub cpu_seconds: f64,
    /// The loss of every step.
    pub losses: Vec<f64>,
    /// Resident memory when the model was loaded and nothing trained yet, in MiB.
    pub before_mib: f64,
    /// The most resident memory up to the last step, in MiB.
    pub peak_mib: f64,
    /// The most of it since `before_mib` was read, less `before_mib`: what the training takes.
    pub adds_mib: f64,
    /// What the other side runs on, as versions of libraries; of ours, this crate's.
    pub version: String,
}

/// Trains the workload of a folder in `folder/SIDE`.
///
/// # Errors
/// As [`train_preferences`]; [`Error::Settings`] when the system does not tell a process of its memory, or a training was
/// given up.
pub fn measure(folder: &Path, side: Side) -> Result<Measured> {
    let workload = Workload::read(folder)?;
    let out = folder.join(side.to_string());
    if out.exists() {
        fs::remove_dir_all(&out).map_err(Error::io("removing", &out))?;
    }
    let pairs = workload.preference_pairs();
    let job = PreferenceJob {
        model: &folder.join("model"),
        pairs: &pairs,
        held_out: &[],
        conversations: &[],
        sources: &[],
        stop_words: None,
        recipe: workload.recipe(side.sharing()),
        budget: None,
        control: Control::default(),
        out: &out,
    };
    let mut watch = Watch::default();
    match train_preferences(&job, &mut watch)? {
        Trained::Finished(_) => watch.measured(),
        other => Err(Error::Settings(format!("the measured training ended early: {other:?}"))),
    }
}

/// A moment: wall clock and processor time.
#[derive(Debug, Clone, Copy)]
struct Moment {
    wall: Instant,
    computed: Option<f64>,
}

impl Moment {
    fn now() -> Self {
        Self { wall: Instant::now(), computed: computed() }
    }
}

/// Looks at the clock and at the memory while a training runs.
#[derive(Default)]
struct Watch {
    tokens: usize,
    losses: Vec<f64>,
    first: Option<Moment>,
    last: Option<Moment>,
    /// When the model was loaded: resident, and the most up to then.
    before: Option<(f64, f64)>,
    peak: Option<f64>,
}

impl PreferenceObserver for Watch {
    fn on_pairs(&mut self, _: PairCounts, _: PairCounts) {
        self.before = resident().zip(peak());
        forget_peak();
    }

    fn on_step(&mut self, step: &PreferenceStep, _: u64) {
        let now = Moment::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.peak = peak();
        self.tokens = step.tokens;
        self.losses.push(step.pairs.loss);
    }
}

impl Watch {
    fn measured(self) -> Result<Measured> {
        let untold = || Error::Settings("this system does not tell a process of its memory and time".into());
        let (first, last) = self.first.zip(self.last).ok_or_else(untold)?;
        let ((before_mib, loading), peak) = self.before.zip(self.peak).ok_or_else(untold)?;
        let cpu_seconds = last.computed.zip(first.computed).map(|(b, a)| b - a).ok_or_else(untold)?;
        Ok(Measured {
            tokens: self.tokens,
            timed_steps: self.losses.len().saturating_sub(1) as u64,
            seconds: (last.wall - first.wall).as_secs_f64(),
            cpu_seconds,
            losses: self.losses,
            before_mib,
            peak_mib: peak.max(loading),
            adds_mib: peak - before_mib,
            version: format!("amend {}", env!("CARGO_PKG_VERSION")),
        })
    }
}
