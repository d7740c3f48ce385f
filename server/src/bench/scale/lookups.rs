//! Lookups: one at a time by kind of question, and beside each other and beside writes.

use super::{
    ScaleError, adds,
    process::computed,
    report::{Concurrent, Lookups},
    workload::{Asks, Question},
};
use crate::bench::latency::Latency;
use amend_editor::{NewEdit, Preview, TenantEditor};
use amend_proto::Message;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Askers at once.
pub(super) const CLIENTS: usize = 8;
/// So long they ask.
const TIME: Duration = Duration::from_secs(8);
/// Edits that are added a second meanwhile.
const WRITES_A_SECOND: u32 = 50;

/// Asks each question once, one after the other, after a tenth of them for the caches of processor and system.
pub(super) async fn alone(
    tenant: &TenantEditor,
    questions: &[Question],
) -> Result<BTreeMap<Asks, Lookups>, ScaleError> {
    let mut kinds: BTreeMap<Asks, Vec<&Question>> = BTreeMap::new();
    questions.iter().for_each(|question| kinds.entry(question.asks).or_default().push(question));
    let mut measured = BTreeMap::new();
    for (asks, questions) in kinds {
        of_kind(tenant, &questions[..questions.len() / 10]).await.ok();
        measured.insert(asks, of_kind(tenant, &questions).await?);
    }
    Ok(measured)
}

async fn of_kind(tenant: &TenantEditor, questions: &[&Question]) -> Result<Lookups, ScaleError> {
    let (mut timings, mut wanted, mut given) = (Vec::with_capacity(questions.len()), 0, 0);
    let before = computed()?;
    for question in questions {
        let messages = vec![Message::user(question.text.as_str())];
        let begun = Instant::now();
        let preview = tenant.preview_async(messages).await?;
        timings.push(begun.elapsed());
        wanted += usize::from(as_wanted(question, &preview));
        given += usize::from(!preview.edits.is_empty());
    }
    let all = questions.len() as f64;
    let cpu_ms = (computed()? - before) * 1e3 / all;
    let latency = Latency::of(timings).ok_or(ScaleError::Nothing)?;
    Ok(Lookups { latency, cpu_ms, as_wanted: wanted as f64 / all, given_edits: given as f64 / all })
}

fn as_wanted(question: &Question, preview: &Preview) -> bool {
    match &question.subject {
        Some(subject) => preview.edits.iter().any(|edit| edit.text.contains(subject.as_str())),
        None => preview.edits.is_empty(),
    }
}

/// [`CLIENTS`] ask without pause, each its own part of the questions, while edits are added at a steady rate.
pub(super) async fn concurrent(
    tenant: &TenantEditor,
    questions: Vec<Question>,
    edits: Vec<(NewEdit, Question)>,
) -> Result<Concurrent, ScaleError> {
    let (stop, questions) = (Arc::new(AtomicBool::new(false)), Arc::new(questions));
    let asking: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(ask(tenant.clone(), client, Arc::clone(&questions), Arc::clone(&stop))))
        .collect();
    let begun = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / WRITES_A_SECOND);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut writes = Vec::new();
    for edit in edits {
        pace.tick().await;
        if begun.elapsed() >= TIME {
            break;
        }
        writes.push(adds::add_and_see(tenant, edit).await?);
    }
    stop.store(true, Ordering::Relaxed);
    let mut timings = Vec::new();
    for client in asking {
        timings.extend(client.await??);
    }
    let lookups_a_second = timings.len() as f64 / begun.elapsed().as_secs_f64();
    let (writes, seen) = adds::summed(writes)?;
    let lookups = Latency::of(timings).ok_or(ScaleError::Nothing)?;
    Ok(Concurrent { clients: CLIENTS, lookups, lookups_a_second, writes, seen })
}

async fn ask(
    tenant: TenantEditor,
    client: usize,
    questions: Arc<Vec<Question>>,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Duration>, ScaleError> {
    let mut timings = Vec::new();
    let mut mine = questions.iter().skip(client).step_by(CLIENTS).cycle();
    while !stop.load(Ordering::Relaxed) {
        let Some(question) = mine.next() else { break };
        let (tenant, message) = (tenant.clone(), Message::user(question.text.as_str()));
        let begun = Instant::now();
        // A task of its own, as a request is: its wait for a thread counts.
        tokio::spawn(async move { tenant.preview_async(vec![message]).await }).await??;
        timings.push(begun.elapsed());
    }
    Ok(timings)
}
