//! Collecting what users prefer: completions that are kept, feedback on them, pairs.
//!
//! HTTP and gRPC are two spellings of [`PreferenceService`]; what pairs are and by which rules feedback makes them is in
//! `amend_trainer::preference`. Everything is a tenant's own, and [`TenantPreferences`] is the only way to it. What is
//! acknowledged is in the [ledger](crate::ledger), on disk.

mod error;
mod feedback;
mod kept;
mod once;
mod pairs;
mod records;
mod settings;
mod tenant;
#[cfg(test)]
mod tests;
mod transfer;
pub(crate) mod wire;

pub use error::PreferenceError;
pub use feedback::{Judged, NewFeedback};
pub use kept::{Forgotten, Kept};
pub use once::hash_of;
pub use pairs::StoredPair;
pub use settings::{Now, PreferenceSettings};
pub use tenant::{Listed, TenantPreferences};
pub use transfer::{ImportStopped, Imported, Unread};

use crate::{ledger::Ledger, telemetry::preference_names as names};
use amend_proto::{
    PairId, RevisionId, TenantId,
    wire::{About, KeepRule, MAX_AUTHOR_CHARS, PreferenceBody},
};
use amend_trainer::preference::{IdempotencyKey, Pair, PairSource, Provenance, Tone, UnixMillis};
use futures::FutureExt;
use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::{sync::broadcast, task::JoinHandle};

/// How often what is too old is removed while nothing is written.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// How long an idempotency key is remembered.
const KEY_AGE_MS: i64 = 7 * 24 * 3600 * 1000;
/// Idempotency keys that are remembered, over all tenants.
const MAX_KEYS: i64 = 1_000_000;

/// The preferences of every tenant. Clones share them.
#[derive(Clone)]
pub struct PreferenceService(Arc<Inner>);

struct Inner {
    ledger: Ledger,
    settings: PreferenceSettings,
    /// Files for what comes or goes in bulk, without a name, lie here.
    spool: PathBuf,
    /// What tenants decided: asked for by every completion, which must not wait for a disk.
    keeping: RwLock<HashMap<TenantId, KeepRule>>,
    opinions: broadcast::Sender<Heard>,
}

/// What somebody thinks of a revision's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What answered.
    pub revision: RevisionId,
    /// Whether it is liked.
    pub tone: Tone,
}

/// What users say, as they say it. Who falls behind misses some.
pub type Opinions = broadcast::Receiver<Heard>;

/// Opinions that wait for who listens.
const OPINIONS_WAITING: usize = 256;

impl fmt::Debug for PreferenceService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreferenceService").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl PreferenceService {
    /// The preferences in this ledger; `spool` is a folder for temporary files.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open(
        ledger: Ledger,
        settings: PreferenceSettings,
        spool: impl Into<PathBuf>,
    ) -> Result<Self, PreferenceError> {
        let keeping = kept::rules(&mut *ledger.read().await?).await?;
        let (opinions, _) = broadcast::channel(OPINIONS_WAITING);
        let inner = Inner { ledger, settings, spool: spool.into(), keeping: RwLock::new(keeping), opinions };
        let service = Self(Arc::new(inner));
        service.sweep().await?;
        Ok(service)
    }

    /// What users say from now on, of all tenants.
    #[must_use]
    pub fn opinions(&self) -> Opinions {
        self.0.opinions.subscribe()
    }

    /// Those of one tenant.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> TenantPreferences {
        TenantPreferences { service: self.clone(), tenant }
    }

    /// The pairs of all tenants after a place in the store, in order, for training: `limit` of them, or fewer if they are
    /// long; none only when there are no more.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pairs_after(&self, seq: i64, limit: usize) -> Result<Vec<StoredPair>, PreferenceError> {
        let page = pairs::all_after(&mut *self.0.ledger.read().await?, seq, limit).await?;
        pairs::read(page.rows).await
    }

    /// How many pairs come after a place in the store, over all tenants.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn count_after(&self, seq: i64) -> Result<u64, PreferenceError> {
        pairs::count_after(&mut *self.0.ledger.read().await?, seq).await
    }

    /// The newest completions that are kept, `limit` of all tenants, newest first: for asking them again.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn newest_completions(&self, limit: usize) -> Result<Vec<Kept>, PreferenceError> {
        let rows = kept::newest(&mut *self.0.ledger.read().await?, self.oldest(), limit).await?;
        Ok(records::read(rows).await?.into_iter().map(|(_, kept)| kept).collect())
    }

    /// Removes what is too old.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn sweep(&self) -> Result<(), PreferenceError> {
        let (now, since) = (self.now(), self.oldest());
        let forget_keys = UnixMillis(now.0.saturating_sub(KEY_AGE_MS));
        self.0
            .ledger
            .write(move |c| {
                async move {
                    kept::remove_older(c, since).await?;
                    once::forget(c, forget_keys, MAX_KEYS).await
                }
                .boxed()
            })
            .await
    }

    /// Removes what is too old now and then, for as long as what it returns lives.
    #[must_use]
    pub fn keep_up(&self) -> Sweeping {
        let service = self.clone();
        Sweeping(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
            loop {
                ticks.tick().await;
                match service.sweep().await {
                    Ok(()) => {}
                    Err(PreferenceError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "removing old completions failed; it is tried again later"
                        );
                    }
                }
            }
        }))
    }

    fn now(&self) -> UnixMillis {
        (self.0.settings.now)()
    }

    /// What was kept before is too old.
    fn oldest(&self) -> UnixMillis {
        let age = i64::try_from(self.0.settings.max_age.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.now().0.saturating_sub(age))
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Sweeping(JoinHandle<()>);

impl Drop for Sweeping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PreferenceService {
    /// The pair that a request names, checked, and the user of its completion.
    async fn pair(
        &self,
        c: &mut sqlx::SqliteConnection,
        tenant: &TenantId,
        (body, key): (PreferenceBody, Option<IdempotencyKey>),
        now: UnixMillis,
    ) -> Result<(Pair, Option<String>), PreferenceError> {
        let PreferenceBody { about, chosen, rejected, author } = body;
        check_author(author.as_deref())?;
        let source = PairSource::Preference;
        let mut provenance =
            Provenance { author, idempotency_key: key, ..Provenance::new(source, tenant.clone(), now) };
        let (prompt, user) = match about {
            About::Prompt(messages) => (messages, None),
            About::Completion(id) => {
                let found = kept::find(c, (tenant, &id), self.oldest()).await?;
                let Some((_, kept)) = found else { return Err(PreferenceError::no_completion(id)) };
                provenance.completion = Some(id);
                provenance.revision = Some(kept.completion.revision);
                provenance.edits = kept.completion.edits;
                provenance.sampling = Some(kept.completion.sampling);
                (kept.completion.prompt, kept.user)
            }
        };
        let pair = Pair { id: PairId::fresh(), prompt, chosen, rejected, provenance };
        pair.check(&self.0.settings.limits)?;
        Ok((pair, user))
    }
}

/// HTTP checks it when it reads the body; other ways to here do not.
fn check_author(author: Option<&str>) -> Result<(), PreferenceError> {
    let wrong = |name: &str| name.chars().count() > MAX_AUTHOR_CHARS || name.chars().any(char::is_control);
    match author.is_some_and(wrong) {
        true => Err(PreferenceError::invalid(
            "author",
            format!("author may have {MAX_AUTHOR_CHARS} characters, none of them a control character"),
        )),
        false => Ok(()),
    }
}

/// Counts pairs that are new.
fn counted<'a>(pairs: impl IntoIterator<Item = &'a StoredPair>) {
    for pair in pairs {
        let source = pairs::source(pair.pair.provenance.source);
        metrics::counter!(names::PREFERENCES_COLLECTED, "source" => source).increment(1);
    }
}

fn counted_imports(added: u64) {
    metrics::counter!(names::PREFERENCES_COLLECTED, "source" => pairs::source(PairSource::Import))
        .increment(added);
}
