//! What was measured, to keep: one JSON object a run.

use super::{figures::Figure, workload::Asks};
use crate::bench::latency::Latency;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of [`ScaleReport`] as JSON; another form gets another name.
pub const SCHEMA: &str = "amend.bench.edits.scale.v1";

/// The workload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generated {
    /// Bytes of the edits' texts.
    pub text_bytes: u64,
    /// Of all that the edits say.
    pub all_bytes: u64,
    /// How many there are, of all kinds.
    pub questions: usize,
}

/// Lookups of one kind of question.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Lookups {
    /// One at a time.
    pub latency: Latency,
    /// What a lookup computed on average, of all processors: on a machine that does other things as well, it was stopped
    /// in between.
    pub cpu_ms: f64,
    /// The share of them that found what they should: the subject's edit, or none.
    pub as_wanted: f64,
    /// The share that found any edit.
    pub given_edits: f64,
}

/// Lookups beside each other and beside writes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Concurrent {
    /// Askers at once.
    pub clients: usize,
    /// From the arrival of a question at the runtime to its edits, waiting for a thread included.
    pub lookups: Latency,
    /// Of all clients together.
    pub lookups_a_second: f64,
    /// From `add` to a lookup that sees the edit.
    pub writes: Latency,
    /// The share of these lookups that found it.
    pub seen: f64,
}

/// Adding edits one by one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Adds {
    /// From `add` to a lookup that sees the edit.
    pub visible: Latency,
    /// The share of these lookups that found it.
    pub seen: f64,
    /// An append of the same size and its sync, in the same folder, just before.
    pub disk_sync: Latency,
    /// Each `visible` less its `disk_sync`.
    pub besides_sync: Latency,
}

/// Taking in a file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Import {
    /// Edits that were taken in.
    pub edits: u64,
    /// The time.
    pub seconds: f64,
    /// What the process computed meanwhile.
    pub cpu_seconds: f64,
    /// Edits by time.
    pub edits_a_second: f64,
    /// Writes of another tenant meanwhile, one each 20 ms, if there were any.
    pub writes_beside: Option<Latency>,
}

/// The phase that imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Imported {
    /// With nothing beside.
    pub alone: Import,
    /// A twentieth more, beside another tenant's writes.
    pub beside: Import,
    /// What the process grew by while it took in the edits, database cache included.
    pub memory_bytes: u64,
    /// Processes that ran or waited for a processor at the end, on average over a minute.
    pub load: f64,
}

/// An opening of the store.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Opening {
    /// Edits that stand.
    pub edits: usize,
    /// Until it was ready.
    pub seconds: f64,
    /// What the process computed meanwhile.
    pub cpu_seconds: f64,
    /// What it grew by.
    pub memory_bytes: u64,
}

/// The phase that serves, by words alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Served {
    /// The start.
    pub open: Opening,
    /// One at a time, by kind.
    pub lookups: BTreeMap<Asks, Lookups>,
    /// Several at once.
    pub concurrent: Concurrent,
    /// One by one, on the disk.
    pub adds: Adds,
    /// Edits that the way back to the end of the first import took back.
    pub rolled_back: usize,
    /// The time it took.
    pub roll_back_seconds: f64,
    /// Processes that ran or waited for a processor at the end, on average over a minute.
    pub load: f64,
}

/// The phase that serves by words and embeddings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hybrid {
    /// The start, with all embeddings from the cache.
    pub open: Opening,
    /// One at a time, by kind; the encoder of the measurement takes microseconds.
    pub lookups: BTreeMap<Asks, Lookups>,
    /// Several at once.
    pub concurrent: Concurrent,
    /// Processes that ran or waited for a processor at the end, on average over a minute.
    pub load: f64,
}

/// The index of embeddings beside the reference method, which compares every embedding and gives the top k to every
/// question (LTE, arXiv 2402.11905, § 3.3).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nearest {
    /// Numbers of an embedding.
    pub dim: usize,
    /// How many of the nearest are looked for.
    pub top: usize,
    /// Questions of all kinds but long ones.
    pub questions: usize,
    /// Of the index.
    pub index: Latency,
    /// Of the reference method, on one thread.
    pub exhaustive: Latency,
    /// The share of the exact search's results that the index gives; one that is just as near counts.
    pub recall: f64,
    /// The same when the index compares every row: what its one byte a number costs.
    pub recall_without_sketches: f64,
    /// The share that the index gives, by kind of question.
    pub recall_by_kind: BTreeMap<Asks, f64>,
    /// The share of generic prompts that the reference method gives edits to.
    pub exhaustive_gives_generic: f64,
}

/// What embeddings cost and bring.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dense {
    /// With the embeddings in the cache.
    pub hybrid: Hybrid,
    /// Against exact search.
    pub nearest: Nearest,
}

/// One number of edits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SizeReport {
    /// How many were imported.
    pub edits: usize,
    /// The workload.
    pub generated: Generated,
    /// Taking it in.
    pub imported: Imported,
    /// Looking it up.
    pub served: Served,
    /// Adding where a sync costs nothing, if there is such a place.
    pub adds_in_memory: Option<Adds>,
    /// With embeddings, if they were asked for.
    pub dense: Option<Dense>,
}

/// All numbers of edits.
#[derive(Debug, Clone, Serialize)]
pub struct ScaleReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Of the workload.
    pub seed: u64,
    /// Processors that this process may use.
    pub processors: usize,
    /// The figures with their bounds: the table.
    pub figures: Vec<Figure>,
    /// All that was measured, by size.
    pub sizes: Vec<SizeReport>,
}

impl ScaleReport {
    /// Whether every promise holds at the largest size.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds != Some(false))
    }
}
