//! Where pairs come from.

use amend_proto::TenantId;
use amend_trainer::preference::{
    Pair, UnixMillis,
    format::{ImportOptions, PairReader, import},
};
use async_trait::async_trait;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// Has preference pairs.
#[async_trait]
pub trait PairSource: Send + Sync {
    /// How many it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn count(&self) -> anyhow::Result<u64>;

    /// All of them.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn pairs(&self) -> anyhow::Result<Vec<Pair>>;

    /// Where they come from, for the card of what learned from them.
    fn describe(&self) -> String;
}

/// Several sources as one.
#[derive(Clone, Default)]
pub struct Pairs(Vec<Arc<dyn PairSource>>);

impl Pairs {
    /// These sources.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn PairSource>>) -> Self {
        Self(sources)
    }

    /// How many there are.
    ///
    /// # Errors
    /// When a source cannot be asked.
    pub async fn count(&self) -> anyhow::Result<u64> {
        let mut count = 0;
        for source in &self.0 {
            count += source.count().await?;
        }
        Ok(count)
    }

    pub(crate) async fn all(&self) -> anyhow::Result<Vec<Pair>> {
        let mut all = Vec::new();
        for source in &self.0 {
            all.extend(source.pairs().await?);
        }
        Ok(all)
    }

    pub(super) fn describe(&self) -> Vec<String> {
        self.0.iter().map(|source| source.describe()).collect()
    }
}

/// What a file was like when it was counted.
type Stamp = Vec<Option<(u64, SystemTime)>>;

/// Pairs in files, in any of the formats that are imported. They are the operator's: of the default tenant, unless a record
/// says whose it is.
pub struct FilePairs {
    files: Vec<PathBuf>,
    counted: Mutex<Option<(Stamp, u64)>>,
}

impl FilePairs {
    /// Those in these files.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files, counted: Mutex::new(None) }
    }

    fn stamp(&self) -> Stamp {
        let of = |file: &PathBuf| {
            let about = file.metadata().ok()?;
            Some((about.len(), about.modified().ok()?))
        };
        self.files.iter().map(of).collect()
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, Option<(Stamp, u64)>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PairSource for FilePairs {
    async fn count(&self) -> anyhow::Result<u64> {
        let stamp = self.stamp();
        if let Some((_, count)) = self.counted().as_ref().filter(|(counted, _)| *counted == stamp) {
            return Ok(*count);
        }
        let count = self.pairs().await?.len() as u64;
        *self.counted() = Some((stamp, count));
        Ok(count)
    }

    async fn pairs(&self) -> anyhow::Result<Vec<Pair>> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || {
            read_files(&files, &mut |issue| tracing::warn!(%issue, "a record of a file of pairs is left out"))
        });
        Ok(read.await??)
    }

    fn describe(&self) -> String {
        let names: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        names.join(", ")
    }
}

/// Reads pairs from files; records that cannot be used are told and left out.
///
/// # Errors
/// When a file cannot be read to its end.
pub fn read_files(files: &[PathBuf], issue: &mut dyn FnMut(String)) -> amend_trainer::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for file in files {
        read_file(file, &mut pairs, issue)?;
    }
    Ok(pairs)
}

fn read_file(file: &Path, pairs: &mut Vec<Pair>, issue: &mut dyn FnMut(String)) -> amend_trainer::Result<()> {
    // When they were said is only known of Amend's own format; the file's time is the same each time it is read.
    let changed = file.metadata().and_then(|about| about.modified()).ok();
    let changed = changed.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let millis = changed.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let reader = PairReader::open(file, ImportOptions::new(TenantId::default(), UnixMillis(millis)))?;
    let report = import(reader, &mut |pair| {
        pairs.push(pair);
        Ok(())
    })?;
    report.issues.iter().for_each(|one| issue(one.to_string()));
    let untold = report.issues_seen.saturating_sub(report.issues.len() as u64);
    if untold > 0 {
        issue(format!("{}: {untold} more records are left out", file.display()));
    }
    Ok(())
}
