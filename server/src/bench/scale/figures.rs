//! The table: figures by size, beside what is promised.

use super::{
    report::{Adds, Dense, Lookups, ScaleReport, SizeReport},
    workload::Asks,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// What is promised of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured, and in what.
    pub name: &'static str,
    /// By size; `None` where it was not measured.
    pub values: Vec<Option<f64>>,
    /// What is promised at the largest size.
    pub bound: Option<Bound>,
    /// Whether that holds; `None` without a promise or a value.
    pub holds: Option<bool>,
    #[serde(skip)]
    digits: usize,
}

/// A row to fill.
struct Row(&'static str, usize, Option<Bound>, fn(&SizeReport) -> Option<f64>);

const ROWS: [Row; 28] = {
    use Bound::{AtLeast, AtMost};
    [
        Row("lookup p50, ms", 3, None, |size| {
            size.served.lookups.get(&Asks::InScope).map(|lookups| lookups.latency.p50_ms)
        }),
        Row("lookup p99, the slowest kind of question, ms", 3, Some(AtMost(2.0)), |size| {
            slowest(&size.served.lookups)
        }),
        Row("lookup p99 of 8 clients at once, beside writes, ms", 3, Some(AtMost(5.0)), |size| {
            Some(size.served.concurrent.lookups.p99_ms)
        }),
        Row("lookups a second of 8 clients", 0, None, |size| Some(size.served.concurrent.lookups_a_second)),
        Row("CPU of a lookup, ms", 3, None, |size| computed(&size.served.lookups)),
        Row("questions about an edit that find it", 3, None, |size| {
            size.served.lookups.get(&Asks::InScope).map(|lookups| lookups.as_wanted)
        }),
        Row("add to visible p99, on the disk, ms", 2, None, |size| Some(size.served.adds.visible.p99_ms)),
        Row("  the disk's own sync p99, ms", 2, None, |size| Some(size.served.adds.disk_sync.p99_ms)),
        Row("  add less the sync before it p99, ms", 2, None, |size| {
            Some(size.served.adds.besides_sync.p99_ms)
        }),
        Row("add to visible p99, without a disk, ms", 2, Some(AtMost(5.0)), |size| {
            // Without such a place the promise is about what is left on the disk.
            let on_disk = size.served.adds.besides_sync;
            Some(size.adds_in_memory.map_or(on_disk, |Adds { visible, .. }| visible).p99_ms)
        }),
        Row("import, edits a second", 0, Some(AtLeast(20_000.0)), |size| {
            Some(size.imported.alone.edits_a_second)
        }),
        Row("  CPU of an edit imported, µs", 1, None, |size| {
            let import = size.imported.alone;
            Some(import.cpu_seconds * 1e6 / import.edits as f64)
        }),
        Row("write of another tenant beside an import p99, ms", 2, None, |size| {
            size.imported.beside.writes_beside.map(|writes| writes.p99_ms)
        }),
        Row("open, s", 2, Some(AtMost(10.0)), |size| Some(size.served.open.seconds)),
        Row("  CPU, s", 2, None, |size| Some(size.served.open.cpu_seconds)),
        Row("memory of an edit beyond its text, bytes", 0, Some(AtMost(1_000.0)), |size| {
            let text = size.generated.text_bytes as f64 / size.edits as f64;
            Some(memory(size.served.open.memory_bytes, size) - text)
        }),
        Row("roll back a twentieth, s", 2, None, |size| Some(size.served.roll_back_seconds)),
        Row("load at import", 1, None, |size| Some(size.imported.load)),
        Row("load at lookups", 1, None, |size| Some(size.served.load)),
        Row("embeddings: lookup p99, the slowest kind, ms", 3, Some(AtMost(5.0)), |size| {
            slowest(&dense(size)?.hybrid.lookups)
        }),
        Row("  lookup p99 of 8 clients at once, ms", 3, None, |size| {
            Some(dense(size)?.hybrid.concurrent.lookups.p99_ms)
        }),
        Row("  nearest 3 p99, ms", 3, None, |size| Some(dense(size)?.nearest.index.p99_ms)),
        Row("  reference: exhaustive, top 3 p99, ms", 3, None, |size| {
            Some(dense(size)?.nearest.exhaustive.p99_ms)
        }),
        Row("  recall@3 against exact search", 4, Some(AtLeast(0.99)), |size| {
            Some(dense(size)?.nearest.recall)
        }),
        Row("  memory of an edit more, bytes", 0, Some(AtMost(1_200.0)), |size| {
            let lexical = memory(size.served.open.memory_bytes, size);
            Some(
                dense(size)?.hybrid.open.memory_bytes as f64 / dense(size)?.hybrid.open.edits as f64
                    - lexical,
            )
        }),
        Row("  open with embeddings from the cache, s", 2, None, |size| {
            Some(dense(size)?.hybrid.open.seconds)
        }),
        Row("  generic prompts given edits", 3, Some(AtMost(0.0)), |size| {
            Some(dense(size)?.hybrid.lookups.get(&Asks::Generic)?.given_edits)
        }),
        Row("  reference: generic prompts given edits", 3, None, |size| {
            Some(dense(size)?.nearest.exhaustive_gives_generic)
        }),
    ]
};

fn slowest(lookups: &BTreeMap<Asks, Lookups>) -> Option<f64> {
    lookups.values().map(|lookups| lookups.latency.p99_ms).max_by(f64::total_cmp)
}

fn computed(lookups: &BTreeMap<Asks, Lookups>) -> Option<f64> {
    let all: usize = lookups.values().map(|lookups| lookups.latency.count).sum();
    let sum: f64 = lookups.values().map(|lookups| lookups.cpu_ms * lookups.latency.count as f64).sum();
    (all > 0).then(|| sum / all as f64)
}

fn memory(bytes: u64, size: &SizeReport) -> f64 {
    bytes as f64 / size.served.open.edits as f64
}

fn dense(size: &SizeReport) -> Option<&Dense> {
    size.dense.as_ref()
}

impl Figure {
    /// All that was measured at any size, in the table's order. `sizes` ascend.
    pub(super) fn all(sizes: &[SizeReport]) -> Vec<Self> {
        let figure = |Row(name, digits, bound, of): &Row| {
            let values: Vec<Option<f64>> = sizes.iter().map(of).collect();
            let last = values.last().copied().flatten();
            let holds = bound.zip(last).map(|(bound, last)| bound.holds(last));
            Self { name, values, bound: *bound, holds, digits: *digits }
        };
        let measured = |figure: &Self| figure.values.iter().any(Option::is_some);
        ROWS.iter().map(figure).filter(measured).collect()
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl fmt::Display for ScaleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or_default();
        write!(f, "{:<name$}", "edits")?;
        self.sizes.iter().try_for_each(|size| write!(f, " {:>12}", grouped(size.edits)))?;
        writeln!(f, "  promised")?;
        for Figure { name: what, values, bound, holds, digits } in &self.figures {
            write!(f, "{what:<name$}")?;
            for value in values {
                match value {
                    Some(value) => write!(f, " {value:>12.digits$}")?,
                    None => write!(f, " {:>12}", "–")?,
                }
            }
            let missed = if *holds == Some(false) { "  MISSED" } else { "" };
            match bound {
                Some(Bound::AtMost(most)) => writeln!(f, "  ≤ {most}{missed}")?,
                Some(Bound::AtLeast(least)) => writeln!(f, "  ≥ {least}{missed}")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "{} processors, seed {}", self.processors, self.seed)
    }
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
