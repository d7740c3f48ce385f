//! Pages in, rows out.

use super::{
    page::{Maker, Outcome},
    settings::WebrSettings,
};
use crate::{
    Result,
    synth::{
        ask::{Asker, Halt, Role},
        dedup::{Dedup, Seen, SeenHashes},
        guard::{Removals, Removed, SuiteGuard},
        pages::{Outcome as Read, Page, PageStream, QualitySettings},
        progress::{Counts, SynthObserver},
        prompts::Prompts,
        rows::{Ended, SynthRow},
    },
};
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::HashSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// What a run is about.
pub struct WebrJob<'a> {
    /// What decides it.
    pub settings: &'a WebrSettings,
    /// What author and refiner are asked.
    pub prompts: &'a Prompts,
    /// What may not be learned.
    pub guard: &'a dyn SuiteGuard,
    /// The licence of the pages, as the operator states it.
    pub licence: Option<&'a str>,
    /// Where the requests of earlier runs are remembered: none of them is made again.
    pub seen: Option<&'a Path>,
}

/// What came of a run besides its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct WebrRun {
    /// Pages that models were asked about.
    pub pages: u64,
    /// Rows that were made.
    pub rows: u64,
    /// What was left out where, and why.
    pub counts: Counts,
    /// Left out because a suite asks the same.
    pub removed: Removals,
    /// How it ended.
    pub ended: Ended,
}

impl Default for WebrRun {
    /// Nothing yet, and nothing ended it.
    fn default() -> Self {
        let (counts, removed) = (Counts::default(), Removals::default());
        Self { pages: 0, rows: 0, counts, removed, ended: Ended::Finished }
    }
}

/// Makes a row of each page that allows it, and gives it to `sink`, in the order of the pages. So many pages are in memory as
/// are worked on at a time; of the others a hash. With the same answers in the asker's log it comes to the same.
///
/// What the requests were held against comes back: [`Dedup::commit`] remembers them for later runs.
///
/// It compares texts on the thread that polls it: run it on a thread of its own.
///
/// # Errors
/// What the pages, the models, the disk and `sink` report. What was answered is kept.
pub async fn run_webr(
    job: &WebrJob<'_>,
    pages: &mut PageStream,
    asker: &Asker,
    sink: &mut (dyn FnMut(SynthRow) -> Result<()> + Send),
    observer: &mut dyn SynthObserver,
) -> Result<(WebrRun, Dedup)> {
    job.settings.validate()?;
    let mut run = WebrRun::default();
    let maker = &Maker {
        settings: job.settings,
        prompts: job.prompts,
        asker,
        models: asker.cast().models(),
        licence: job.licence,
    };
    let dedup = Dedup::new(job.settings.dedup)?;
    let mut dedup = match job.seen {
        Some(file) => dedup.with_earlier(SeenHashes::open(file)?),
        None => dedup,
    };
    let over = &AtomicBool::new(false);
    let mut chosen =
        Chosen { pages, seen: HashSet::new(), left: job.settings.pages, quality: &job.settings.quality };
    let width =
        [Role::Author, Role::Teacher, Role::Refiner].map(|role| asker.concurrency(role)).into_iter().max();
    let next = std::iter::from_fn(|| if over.load(Ordering::Relaxed) { None } else { chosen.next() });
    let making = stream::iter(next).map(|page| async move {
        match page {
            Ok(page) => maker.make(&page).await,
            Err(why) => Ok(Outcome::Nothing("pages", why)),
        }
    });
    let mut made = std::pin::pin!(making.buffered(width.unwrap_or(1)));
    while let Some(outcome) = made.next().await {
        if over.load(Ordering::Relaxed) {
            // Paid and kept for the next start; not part of this one, which ends before it.
            continue;
        }
        match outcome {
            Ok(Outcome::Row(row, request)) => {
                run.pages += 1;
                match run.left_out(&row, &request, (&mut dedup, job.guard)) {
                    Some(why) => run.counts.one("rows", why),
                    None => {
                        run.rows += 1;
                        run.counts.one("rows", "made");
                        sink(*row)?;
                    }
                }
            }
            Ok(Outcome::Nothing(stage, why)) => {
                run.pages += u64::from(stage != "pages");
                run.counts.one(stage, &why);
            }
            Err(halt) => {
                over.store(true, Ordering::Relaxed);
                run.ended = ended(halt)?;
            }
        }
        observer.at("pages", run.pages as usize, job.settings.pages.unwrap_or_default() as usize);
    }
    Ok((run, dedup))
}

/// How a run ends that was halted.
fn ended(halt: Halt) -> Result<Ended> {
    match halt {
        Halt::Budget => Ok(Ended::Budget),
        Halt::Stopped => Ok(Ended::Stopped),
        Halt::Failed(error) => Err(error),
    }
}

/// Pages that are worth asking about, and why the others are not.
struct Chosen<'a> {
    pages: &'a mut PageStream,
    /// Half of each content's hash.
    seen: HashSet<u128>,
    left: Option<u64>,
    quality: &'a QualitySettings,
}

impl Iterator for Chosen<'_> {
    type Item = Result<Page, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == Some(0) {
            return None;
        }
        let page = match self.pages.next()? {
            Read::Page(page) => *page,
            Read::Skipped(skip) => return Some(Err(named(&skip.reason))),
        };
        if let Err(flaw) = self.quality.check(&page) {
            return Some(Err(named(&flaw)));
        }
        let hash = u128::from_str_radix(&page.content_hash.as_str()[..32], 16).unwrap_or_default();
        if !self.seen.insert(hash) {
            return Some(Err("said before".to_owned()));
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(Ok(page))
    }
}

/// A reason as the data card has it.
fn named(reason: &impl Serialize) -> String {
    let name = serde_json::to_value(reason).ok();
    name.as_ref().and_then(Value::as_str).unwrap_or("unknown").replace('_', " ")
}

impl WebrRun {
    /// Why a row is left out.
    fn left_out(
        &mut self,
        row: &SynthRow,
        request: &str,
        (dedup, guard): (&mut Dedup, &dyn SuiteGuard),
    ) -> Option<&'static str> {
        let texts = row.messages().iter().map(|message| message.content.as_str());
        if let Some(overlap) = texts.chain([request]).find_map(|text| guard.overlap(text)) {
            self.removed.push(Removed { id: row.id().to_string(), overlap });
            return Some("asked by a suite");
        }
        match dedup.look_at(request) {
            Seen::New => None,
            Seen::Exact(_) => Some("request made before"),
            Seen::Near { .. } => Some("request like one before"),
        }
    }
}
