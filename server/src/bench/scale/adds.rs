//! Adding edits one by one, until a lookup sees each: on the disk, and where syncing costs nothing.
//!
//! What an add takes besides the disk's sync cannot be read off one figure: syncs of the same size differ by
//! milliseconds from one to the next, so that an add less the sync before it is as often the disk's mood as ours. Both
//! are reported: the difference on the disk, sync by sync, and the whole add in a copy of the same store in memory
//! (`/dev/shm`), where a sync returns at once and everything else is the same. The latter is what the promise is
//! checked against, where the system has such a folder.

use super::{
    ScaleError,
    files::{Files, Single},
    report::Adds,
    store,
    workload::Question,
};
use crate::bench::latency::Latency;
use amend_editor::{AddEdits, NewEdit, TenantEditor};
use amend_proto::Message;
use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Bytes that a commit of one edit writes, about: what the disk's own sync is timed with.
const COMMIT_BYTES: usize = 16 * 1024;
/// A file system in memory on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// Adds an edit and asks its question: how long that took, and whether it was found. (A few questions are not in scope of
/// what they are about; that it stands is certain.)
pub(super) async fn add_and_see(
    tenant: &TenantEditor,
    (edit, question): (NewEdit, Question),
) -> Result<(Duration, bool), ScaleError> {
    let question = vec![Message::user(question.text)];
    let begun = Instant::now();
    let added = tenant.add(AddEdits::from(edit)).await?;
    let seen = tenant.preview_async(question).await?;
    let took = begun.elapsed();
    let id = &added.edits.first().ok_or(ScaleError::Nothing)?.id;
    match tenant.get(id) {
        Some(_) => Ok((took, seen.edits.iter().any(|edit| edit.id == *id))),
        None => Err(ScaleError::Lost { id: id.clone() }),
    }
}

/// The timings, and the share that was found.
pub(super) fn summed(added: Vec<(Duration, bool)>) -> Result<(Latency, f64), ScaleError> {
    let found = added.iter().filter(|(_, found)| *found).count() as f64 / added.len().max(1) as f64;
    let latency = Latency::of(added.into_iter().map(|(took, _)| took).collect());
    Ok((latency.ok_or(ScaleError::Nothing)?, found))
}

/// Adds edits one by one, each after an append and sync of the same size in `folder`.
pub(super) async fn adds(
    tenant: &TenantEditor,
    edits: Vec<(NewEdit, Question)>,
    folder: &Path,
) -> Result<Adds, ScaleError> {
    let path = folder.join("sync.tmp");
    let failed = || ScaleError::file(path.clone());
    let mut file = File::create(&path).map_err(failed())?;
    let (mut visible, mut disk, mut besides) = (Vec::new(), Vec::new(), Vec::new());
    for edit in edits {
        let begun = Instant::now();
        file.write_all(&[7; COMMIT_BYTES]).and_then(|()| file.sync_data()).map_err(failed())?;
        let sync = begun.elapsed();
        let took = add_and_see(tenant, edit).await?;
        visible.push(took);
        disk.push(sync);
        besides.push(took.0.saturating_sub(sync));
    }
    std::fs::remove_file(&path).map_err(failed())?;
    let (visible, seen) = summed(visible)?;
    let latency = |timings| Latency::of(timings).ok_or(ScaleError::Nothing);
    Ok(Adds { visible, seen, disk_sync: latency(disk)?, besides_sync: latency(besides)? })
}

/// The same in a copy of the store in memory; `None` where there is no such folder, or no room in it.
pub(super) async fn in_memory(files: &Files) -> Result<Option<Adds>, ScaleError> {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !mounts.lines().any(|line| line.split(' ').skip(1).take(2).eq([IN_MEMORY, "tmpfs"])) {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("amend-bench-").tempdir_in(IN_MEMORY);
    let folder = folder.map_err(ScaleError::file(IN_MEMORY))?;
    let database = folder.path().join("amend.db");
    match std::fs::copy(files.database(), &database) {
        Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(None),
        copied => copied.map_err(ScaleError::file(&database))?,
    };
    let opened = store::open(&database, None).await?;
    let tenant = store::main_tenant(&opened.editor)?;
    let measured = adds(&tenant, files.single(Single::InMemory)?, folder.path()).await?;
    opened.editor.close().await?;
    Ok(Some(measured))
}
