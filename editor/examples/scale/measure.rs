//! The measurements: each takes an open editor, or opens one, and gives numbers.

use super::{
    latency::Latency,
    workload::{Asks, Question},
};
use amend_editor::{
    AddEdits, Attribution, Editor, EditorOptions, ImportOptions, NewEdit, RollBack, Seq, TenantEditor,
};
use amend_proto::{Message, TenantId};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::io::BufReader;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that a commit of one edit writes, about: what the disk's own sync is timed with.
const COMMIT_BYTES: usize = 16 * 1024;

/// Lookups of one kind of question.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Lookups {
    pub(crate) latency: Latency,
    /// What a lookup computed on average: on a machine that does other things as well, it was stopped in between.
    pub(crate) cpu_ms: f64,
    /// The share of them that found what they should: the subject's edit, or none.
    pub(crate) as_wanted: f64,
}

/// Lookups beside each other and beside writes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Concurrent {
    pub(crate) clients: usize,
    /// From the arrival of a question at the runtime to its edits, waiting for a thread included.
    pub(crate) lookups: Latency,
    pub(crate) lookups_a_second: f64,
    /// From `add` to a lookup that sees the edit.
    pub(crate) writes: Latency,
    /// The share of these lookups that found it.
    pub(crate) seen: f64,
}

/// Adding edits one by one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Adds {
    /// From `add` to a lookup that sees the edit.
    pub(crate) visible: Latency,
    /// The share of these lookups that found it.
    pub(crate) seen: f64,
    /// An append of the same size and its sync, in the same folder, just before.
    pub(crate) disk_sync: Latency,
    /// Each `visible` less its `disk_sync`.
    pub(crate) besides_sync: Latency,
}

/// Taking in a file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) edits: u64,
    pub(crate) seconds: f64,
    /// What the process computed meanwhile.
    pub(crate) cpu_seconds: f64,
    pub(crate) edits_a_second: f64,
    /// Writes of another tenant meanwhile, one each 20 ms.
    pub(crate) writes_beside: Latency,
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> Result<u64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("statm has no second field")?.parse()?;
    // 4 KiB wherever this project is measured.
    Ok(pages * 4096)
}

/// What this process has computed so far, in seconds, of all processors together.
pub(crate) fn computed() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the command's name, which is in brackets and may hold anything.
    let fields = stat.rsplit_once(')').ok_or("stat has no command")?.1;
    let ticks = |field: usize| fields.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok());
    // Ticks are hundredths of a second on every Linux that this runs on.
    Ok((ticks(11).ok_or("stat has no time")? + ticks(12).ok_or("stat has no time")?) / 100.0)
}

/// What this thread has computed so far.
fn computed_here() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Asks each question once, one after the other.
pub(crate) fn lookups(
    tenant: &TenantEditor,
    questions: &[Question],
) -> Result<BTreeMap<Asks, Lookups>, Failure> {
    let mut kinds: BTreeMap<Asks, Vec<&Question>> = BTreeMap::new();
    questions.iter().for_each(|question| kinds.entry(question.asks).or_default().push(question));
    kinds.into_iter().map(|(asks, questions)| Ok((asks, lookups_of(tenant, &questions)?))).collect()
}

fn lookups_of(tenant: &TenantEditor, questions: &[&Question]) -> Result<Lookups, Failure> {
    let (mut timings, mut wanted) = (Vec::with_capacity(questions.len()), 0);
    let before = computed_here();
    for question in questions {
        let messages = [Message::user(question.text.as_str())];
        let begun = Instant::now();
        let preview = tenant.preview(&messages)?;
        timings.push(begun.elapsed());
        wanted += usize::from(match &question.subject {
            Some(subject) => preview.edits.iter().any(|edit| edit.text.contains(subject.as_str())),
            None => preview.edits.is_empty(),
        });
    }
    let all = questions.len() as f64;
    let cpu_ms = (computed_here() - before).as_secs_f64() * 1e3 / all;
    Ok(Lookups { latency: Latency::of(timings), cpu_ms, as_wanted: wanted as f64 / all })
}

/// `clients` ask without pause for `time`, each its own part of the questions, while edits are added at a steady rate.
pub(crate) async fn concurrent(
    tenant: &TenantEditor,
    questions: &Arc<Vec<Question>>,
    (clients, time): (usize, Duration),
    (edits, a_second): (Vec<(NewEdit, Question)>, u32),
) -> Result<Concurrent, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..clients)
        .map(|client| {
            let (tenant, questions, stop) = (tenant.clone(), Arc::clone(questions), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut timings = Vec::new();
                let mut mine = questions.iter().skip(client).step_by(clients).cycle();
                while !stop.load(Ordering::Relaxed) {
                    let Some(question) = mine.next() else { break };
                    let (tenant, message) = (tenant.clone(), Message::user(question.text.as_str()));
                    let begun = Instant::now();
                    // A task of its own, as a request is: its wait for a thread counts.
                    tokio::spawn(async move { tenant.preview_async(vec![message]).await }).await??;
                    timings.push(begun.elapsed());
                }
                Ok::<_, Failure>(timings)
            })
        })
        .collect();
    let begun = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / a_second);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut writes = Vec::new();
    for edit in edits {
        pace.tick().await;
        if begun.elapsed() >= time {
            break;
        }
        writes.push(add_and_see(tenant, edit).await?);
    }
    stop.store(true, Ordering::Relaxed);
    let mut timings = Vec::new();
    for client in asking {
        timings.extend(client.await??);
    }
    let (writes, seen) = timings_and_share(writes);
    let lookups_a_second = timings.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Concurrent {
        clients,
        lookups: Latency::of(timings),
        lookups_a_second,
        writes: Latency::of(writes),
        seen,
    })
}

/// Adds an edit and asks its question: how long that took, and whether it was found. (A few questions are not in scope of
/// what they are about; that it stands is certain.)
async fn add_and_see(
    tenant: &TenantEditor,
    (edit, question): (NewEdit, Question),
) -> Result<(Duration, bool), Failure> {
    let question = [Message::user(question.text)];
    let begun = Instant::now();
    let added = tenant.add(AddEdits::from(edit)).await?;
    let seen = tenant.preview(&question)?;
    let took = begun.elapsed();
    let id = &added.edits.first().ok_or("nothing was added")?.id;
    match tenant.get(id) {
        Some(_) => Ok((took, seen.edits.iter().any(|edit| edit.id == *id))),
        None => Err(format!("the edit {id} was acknowledged and does not stand").into()),
    }
}

/// The timings, and the share that was found.
fn timings_and_share(added: Vec<(Duration, bool)>) -> (Vec<Duration>, f64) {
    let found = added.iter().filter(|(_, found)| *found).count() as f64 / added.len().max(1) as f64;
    (added.into_iter().map(|(took, _)| took).collect(), found)
}

/// Adds edits one by one, each after an append and sync of the same size in `folder`.
pub(crate) async fn adds(
    tenant: &TenantEditor,
    edits: Vec<(NewEdit, Question)>,
    folder: &Path,
) -> Result<Adds, Failure> {
    let path = folder.join("sync.tmp");
    let mut file = File::create(&path)?;
    let (mut visible, mut disk, mut besides) = (Vec::new(), Vec::new(), Vec::new());
    for edit in edits {
        let begun = Instant::now();
        file.write_all(&[7; COMMIT_BYTES])?;
        file.sync_data()?;
        let sync = begun.elapsed();
        let took = add_and_see(tenant, edit).await?;
        visible.push(took);
        disk.push(sync);
        besides.push(took.0.saturating_sub(sync));
    }
    std::fs::remove_file(path)?;
    let (visible, seen) = timings_and_share(visible);
    Ok(Adds {
        visible: Latency::of(visible),
        seen,
        disk_sync: Latency::of(disk),
        besides_sync: Latency::of(besides),
    })
}

/// Takes in a file of lines; meanwhile another tenant writes, if `beside` has edits for it.
pub(crate) async fn import(
    tenant: &TenantEditor,
    lines: &Path,
    beside: Option<(TenantEditor, Vec<(NewEdit, Question)>)>,
) -> Result<Import, Failure> {
    let file = BufReader::with_capacity(1 << 20, tokio::fs::File::open(lines).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let writing = tokio::spawn(async move {
        let mut timings = Vec::new();
        let Some((tenant, edits)) = beside else { return Ok(timings) };
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for (edit, _) in edits {
            pace.tick().await;
            if ended.load(Ordering::Relaxed) {
                break;
            }
            let begun = Instant::now();
            tenant.add(AddEdits::from(edit)).await?;
            timings.push(begun.elapsed());
        }
        Ok::<_, Failure>(timings)
    });
    let (begun, before) = (Instant::now(), computed()?);
    let report = tenant.import(file, ImportOptions::default()).await?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), computed()? - before);
    stop.store(true, Ordering::Relaxed);
    let writes_beside = Latency::of(writing.await??);
    if report.refused > 0 {
        return Err(format!("{} lines were refused: {:?}", report.refused, report.problems.first()).into());
    }
    let (edits, edits_a_second) = (report.added, report.added as f64 / seconds);
    Ok(Import { edits, seconds, cpu_seconds, edits_a_second, writes_beside })
}

/// A store that was opened.
pub(crate) struct Opened {
    pub(crate) editor: Editor,
    /// Until it was ready.
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// What the process grew by.
    pub(crate) memory_bytes: u64,
}

/// Opens the store.
pub(crate) async fn open(database: &Path) -> Result<Opened, Failure> {
    let (begun, computed_before, before) = (Instant::now(), computed()?, resident()?);
    let mut options = EditorOptions::new(database);
    options.limits.max_live = options.limits.max_live.max(4_000_000);
    let editor = Editor::open(options).await?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), computed()? - computed_before);
    Ok(Opened { editor, seconds, cpu_seconds, memory_bytes: resident()?.saturating_sub(before) })
}

/// Goes back to an entry; gives the seconds.
pub(crate) async fn roll_back(tenant: &TenantEditor, to: Seq) -> Result<f64, Failure> {
    let begun = Instant::now();
    tenant.roll_back(RollBack { to, by: Attribution::default() }).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// A tenant by name.
pub(crate) fn tenant(editor: &Editor, name: &str) -> Result<TenantEditor, Failure> {
    Ok(editor.tenant(TenantId::new(name)?))
}
