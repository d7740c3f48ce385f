//! The store that is measured: opened, filled, rolled back.

use super::{
    ScaleError,
    files::Files,
    process::{computed, resident},
    report::Import,
    workload::Question,
};
use crate::bench::latency::Latency;
use amend_editor::{
    AddEdits, Attribution, Editor, EditorOptions, EncoderSetup, ImportOptions, NewEdit, RollBack, Seq,
    TenantEditor,
};
use amend_proto::TenantId;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::io::BufReader;

/// The bound of edits that stand; above the largest size that is measured.
const MAX_LIVE: usize = 4_000_000;
/// Between two writes of the other tenant beside an import.
const PACE: Duration = Duration::from_millis(20);

/// A store that was opened.
pub(super) struct Opened {
    pub(super) editor: Editor,
    /// Until it was ready.
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    /// What the process grew by.
    pub(super) memory_bytes: u64,
}

/// Opens the store.
pub(super) async fn open(database: &Path, encoder: Option<EncoderSetup>) -> Result<Opened, ScaleError> {
    let (begun, computed_before, before) = (Instant::now(), computed()?, resident()?);
    let mut options = EditorOptions::new(database);
    options.limits.max_live = options.limits.max_live.max(MAX_LIVE);
    options.encoder = encoder;
    let editor = Editor::open(options).await?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), computed()? - computed_before);
    Ok(Opened { editor, seconds, cpu_seconds, memory_bytes: resident()?.saturating_sub(before) })
}

/// The tenant whose edits are looked up.
pub(super) fn main_tenant(editor: &Editor) -> Result<TenantEditor, ScaleError> {
    Ok(editor.tenant(TenantId::new("main")?))
}

/// The one that writes beside.
pub(super) fn other_tenant(editor: &Editor) -> Result<TenantEditor, ScaleError> {
    Ok(editor.tenant(TenantId::new("other")?))
}

/// Takes in a file of lines; meanwhile another tenant writes, if `beside` has edits for it.
pub(super) async fn import(
    tenant: &TenantEditor,
    (files, name): (&Files, &str),
    beside: Option<(TenantEditor, Vec<(NewEdit, Question)>)>,
) -> Result<Import, ScaleError> {
    let path = files.at(name);
    let file = tokio::fs::File::open(&path).await.map_err(ScaleError::file(path))?;
    let file = BufReader::with_capacity(1 << 20, file);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write_beside(beside, Arc::clone(&stop)));
    let (begun, before) = (Instant::now(), computed()?);
    let report = tenant.import(file, ImportOptions::default()).await?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), computed()? - before);
    stop.store(true, Ordering::Relaxed);
    let writes_beside = Latency::of(writing.await??);
    if report.refused > 0 {
        let first = report.problems.first().map(ToString::to_string).unwrap_or_default();
        return Err(ScaleError::Refused { refused: report.refused, first });
    }
    let (edits, edits_a_second) = (report.added, report.added as f64 / seconds);
    Ok(Import { edits, seconds, cpu_seconds, edits_a_second, writes_beside })
}

async fn write_beside(
    beside: Option<(TenantEditor, Vec<(NewEdit, Question)>)>,
    ended: Arc<AtomicBool>,
) -> Result<Vec<Duration>, ScaleError> {
    let mut timings = Vec::new();
    let Some((tenant, edits)) = beside else { return Ok(timings) };
    let mut pace = tokio::time::interval(PACE);
    for (edit, _) in edits {
        pace.tick().await;
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        tenant.add(AddEdits::from(edit)).await?;
        timings.push(begun.elapsed());
    }
    Ok(timings)
}

/// Goes back to an entry; gives the seconds.
pub(super) async fn roll_back(tenant: &TenantEditor, to: Seq) -> Result<f64, ScaleError> {
    let begun = Instant::now();
    tenant.roll_back(RollBack { to, by: Attribution::default() }).await?;
    Ok(begun.elapsed().as_secs_f64())
}
