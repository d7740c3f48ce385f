//! What was measured, to read and to keep.

use super::{
    measure::{Adds, Concurrent, Failure, Import, Lookups},
    workload::Asks,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Generated {
    /// Bytes of the edits' texts.
    pub(crate) text_bytes: u64,
    /// Of all that the edits say.
    pub(crate) all_bytes: u64,
    pub(crate) questions: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Imported {
    pub(crate) alone: Import,
    pub(crate) beside: Import,
    /// What the process grew by while it took in the edits, database cache included.
    pub(crate) memory_bytes: u64,
    pub(crate) load: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) edits: usize,
    pub(crate) open_seconds: f64,
    pub(crate) open_cpu_seconds: f64,
    /// What the process grew by while it opened the database.
    pub(crate) memory_bytes: u64,
    pub(crate) lookups: BTreeMap<Asks, Lookups>,
    pub(crate) concurrent: Concurrent,
    pub(crate) adds: Adds,
    pub(crate) rolled_back: usize,
    pub(crate) roll_back_seconds: f64,
    /// Processes that ran or waited for a processor, on average over the last minute.
    pub(crate) load: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) edits: usize,
    pub(crate) seed: u64,
    pub(crate) generated: Generated,
    pub(crate) imported: Imported,
    pub(crate) served: Served,
}

/// The load average of the last minute.
pub(crate) fn load() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edits, seed, generated, imported, served } = self;
        let an_edit = |bytes: u64| {
            let own = generated.text_bytes as f64 / *edits as f64;
            (bytes as f64 / served.edits as f64, own, bytes as f64 / served.edits as f64 - own)
        };
        writeln!(f, "{edits} edits, seed {seed}")?;
        for (name, import) in [("import", &imported.alone), ("import beside writes", &imported.beside)] {
            let Import { edits, seconds, cpu_seconds, edits_a_second, writes_beside } = import;
            writeln!(
                f,
                "  {name}: {edits} in {seconds:.1} s ({cpu_seconds:.1} of CPU), {edits_a_second:.0} a second"
            )?;
            if writes_beside.count > 0 {
                writeln!(f, "    writes beside: {writes_beside}")?;
            }
        }
        writeln!(
            f,
            "  open: {:.2} s ({:.2} of CPU), {} edits stand",
            served.open_seconds, served.open_cpu_seconds, served.edits
        )?;
        let (all, own, more) = an_edit(served.memory_bytes);
        writeln!(
            f,
            "  memory after opening: {all:.0} bytes an edit, {own:.0} of them its text: {more:.0} more"
        )?;
        let said = generated.all_bytes as f64 / *edits as f64;
        writeln!(f, "    all that an edit says is {said:.0} bytes: {:.0} beyond that", all - said)?;
        for (asks, Lookups { latency, cpu_ms, as_wanted }) in &served.lookups {
            writeln!(f, "  look up {asks:?}: {latency}, CPU {cpu_ms:.3} ms; {as_wanted:.3} as wanted")?;
        }
        let Concurrent { clients, lookups, lookups_a_second, writes, seen } = &served.concurrent;
        writeln!(
            f,
            "  {clients} clients: {lookups}, {lookups_a_second:.0} a second; writes {writes}, {seen:.3} seen"
        )?;
        let Adds { visible, seen, disk_sync, besides_sync } = &served.adds;
        writeln!(
            f,
            "  add to visible: {visible}, {seen:.3} seen\n    disk's sync: {disk_sync}\n    besides: {besides_sync}"
        )?;
        let (count, seconds) = (served.rolled_back, served.roll_back_seconds);
        writeln!(f, "  roll back: {count} edits in {seconds:.2} s")?;
        write!(f, "  load: {:.1} at import, {:.1} at lookups", imported.load, served.load)
    }
}
