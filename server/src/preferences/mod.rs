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
#[cfg(test)]
mod tests;
mod transfer;
pub(crate) mod wire;

pub use error::PreferenceError;
pub use feedback::{Judged, NewFeedback};
pub use kept::{Forgotten, Kept};
pub use once::hash_of;
pub use pairs::StoredPair;
pub use transfer::{ImportStopped, Imported, Unread};

use crate::{ledger::Ledger, telemetry::preference_names as names};
use amend_proto::{
    CompletionId, PairId, TenantId,
    wire::{About, KeepRule, PreferenceBody, Store},
};
use amend_trainer::preference::{IdempotencyKey, Limits, Pair, PairSource, Provenance, UnixMillis};
use futures::FutureExt;
use once::Once;
use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};
use tokio::task::JoinHandle;

/// How often what is too old is removed while nothing is written.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// How long an idempotency key is remembered.
const KEY_AGE_MS: i64 = 7 * 24 * 3600 * 1000;
/// The longest name of who says something.
const MAX_AUTHOR_CHARS: usize = 256;
/// Idempotency keys that are remembered, over all tenants.
const MAX_KEYS: i64 = 1_000_000;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// What an operator decides about preferences.
#[derive(Clone)]
pub struct PreferenceSettings {
    /// Which completions are kept of a tenant that decided nothing.
    pub keep: KeepRule,
    /// How long a completion, and what was said of it, is kept.
    pub max_age: Duration,
    /// The most completions that are kept of a tenant; the oldest go first.
    pub max_completions: u64,
    /// The most pairs of a tenant; one more is refused.
    pub max_pairs: u64,
    /// The longest that is taken.
    pub limits: Limits,
    /// The longest file that is taken in, in bytes.
    pub max_import_bytes: u64,
    /// The clock.
    pub now: Now,
}

impl fmt::Debug for PreferenceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreferenceSettings")
            .field("keep", &self.keep)
            .field("max_age", &self.max_age)
            .field("max_completions", &self.max_completions)
            .field("max_pairs", &self.max_pairs)
            .finish_non_exhaustive()
    }
}

impl Default for PreferenceSettings {
    /// What is asked for, for 30 days, 10 000 completions and 200 000 pairs of a tenant, files of up to 1 GiB.
    fn default() -> Self {
        Self {
            keep: KeepRule::Asked,
            max_age: Duration::from_secs(30 * 24 * 3600),
            max_completions: 10_000,
            max_pairs: 200_000,
            limits: Limits::default(),
            max_import_bytes: 1 << 30,
            now: Arc::new(unix_millis),
        }
    }
}

fn unix_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

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
}

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
        let inner = Inner { ledger, settings, spool: spool.into(), keeping: RwLock::new(keeping) };
        let service = Self(Arc::new(inner));
        service.sweep().await?;
        Ok(service)
    }

    /// Those of one tenant.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> TenantPreferences {
        TenantPreferences { service: self.clone(), tenant }
    }

    /// The pairs of all tenants after a place in the store, in order, for training.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pairs_after(&self, seq: i64, limit: usize) -> Result<Vec<StoredPair>, PreferenceError> {
        pairs::all_after(&mut *self.0.ledger.read().await?, seq, limit).await
    }

    /// How many pairs come after a place in the store, over all tenants.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn count_after(&self, seq: i64) -> Result<u64, PreferenceError> {
        pairs::count_after(&mut *self.0.ledger.read().await?, seq).await
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

/// The preferences of one tenant.
#[derive(Debug, Clone)]
pub struct TenantPreferences {
    service: PreferenceService,
    tenant: TenantId,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

impl TenantPreferences {
    fn inner(&self) -> &Inner {
        &self.service.0
    }

    /// Whose they are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which completions are kept.
    #[must_use]
    pub fn keep_rule(&self) -> KeepRule {
        let rules = self.inner().keeping.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        rules.get(&self.tenant).copied().unwrap_or(self.inner().settings.keep)
    }

    /// Decides which completions are kept; it holds from the next completion on.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn set_keep_rule(&self, rule: KeepRule) -> Result<(), PreferenceError> {
        let tenant = self.tenant.clone();
        self.inner().ledger.write(move |c| kept::set_rule(c, tenant, rule).boxed()).await?;
        let mut rules = self.inner().keeping.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        rules.insert(self.tenant.clone(), rule);
        Ok(())
    }

    /// Whether a completion is to be kept.
    #[must_use]
    pub fn wants(&self, store: Store) -> bool {
        match store {
            Store::Yes => true,
            Store::No => false,
            Store::ByRule => self.keep_rule() == KeepRule::All,
        }
    }

    /// When it is.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.service.now()
    }

    /// Keeps a completion. When this returns, feedback finds it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn keep(&self, kept: Kept) -> Result<(), PreferenceError> {
        let (most, since) = (self.inner().settings.max_completions, self.service.oldest());
        self.inner()
            .ledger
            .write(move |c| {
                async move {
                    kept::insert(c, &kept).await?;
                    kept::remove_older(c, since).await?;
                    kept::remove_beyond(c, &kept.completion.tenant, most).await
                }
                .boxed()
            })
            .await?;
        metrics::counter!(names::COMPLETIONS_KEPT).increment(1);
        Ok(())
    }

    /// A completion that was kept.
    ///
    /// # Errors
    /// [`PreferenceError::NotFound`], also when it is too old.
    pub async fn completion(&self, id: &CompletionId) -> Result<Kept, PreferenceError> {
        let since = self.service.oldest();
        let found = kept::find(&mut *self.inner().ledger.read().await?, (&self.tenant, id), since).await?;
        found.map(|(_, kept)| kept).ok_or_else(|| PreferenceError::no_completion(id))
    }

    /// Completions that are kept, oldest first; of one user, if one is named.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn completions(
        &self,
        user: Option<&str>,
        (after, limit): (i64, usize),
    ) -> Result<Listed<Kept>, PreferenceError> {
        let since = self.service.oldest();
        let mut reader = self.inner().ledger.read().await?;
        let mut found = kept::list(&mut reader, &self.tenant, user, since, (after, limit + 1)).await?;
        let next = cut(&mut found, limit, |(seq, _)| *seq);
        Ok(Listed { items: found.into_iter().map(|(_, kept)| kept).collect(), next })
    }

    /// Deletes a completion and what was said of it. Pairs that were made of it stay.
    ///
    /// # Errors
    /// [`PreferenceError::NotFound`].
    pub async fn forget(&self, id: CompletionId) -> Result<Forgotten, PreferenceError> {
        let tenant = self.tenant.clone();
        self.inner().ledger.write(move |c| kept::forget(c, tenant, id).boxed()).await
    }

    /// Deletes what is known of a user: completions, what was said of them, and the pairs that were made of them or that
    /// the user is the author of. That nothing is known is no error.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn forget_user(&self, user: String) -> Result<Forgotten, PreferenceError> {
        let tenant = self.tenant.clone();
        self.inner().ledger.write(move |c| kept::forget_user(c, tenant, user).boxed()).await
    }

    /// Stores a pair. `hash` is of the whole request ([`hash_of`]): with the same key and hash nothing more is stored.
    ///
    /// # Errors
    /// [`PreferenceError::Invalid`] names the field; [`NotFound`](PreferenceError::NotFound) for an unknown completion;
    /// [`KeyTaken`](PreferenceError::KeyTaken); [`Full`](PreferenceError::Full).
    pub async fn add(
        &self,
        body: PreferenceBody,
        key: Option<(IdempotencyKey, String)>,
    ) -> Result<StoredPair, PreferenceError> {
        let (service, tenant, now) = (self.service.clone(), self.tenant.clone(), self.now());
        let (stored, new) = self
            .inner()
            .ledger
            .write(move |c| {
                async move {
                    let once = Once { tenant: &tenant, key, now };
                    if let Some(id) = once.answered::<PairId>(c).await? {
                        let pair = pairs::find(c, &tenant, &id).await?;
                        return pair.ok_or(PreferenceError::KeyOfDeleted).map(|pair| (pair, false));
                    }
                    let (pair, user) = service.pair(c, &tenant, (body, once.key()), now).await?;
                    let most = service.0.settings.max_pairs;
                    let stored = pairs::insert(c, pair, [user, None], most).await?;
                    once.remember(c, &stored.pair.id).await?;
                    Ok::<_, PreferenceError>((stored, true))
                }
                .boxed()
            })
            .await?;
        if new {
            counted([&stored]);
        }
        Ok(stored)
    }

    /// A pair.
    ///
    /// # Errors
    /// [`PreferenceError::NotFound`].
    pub async fn pair(&self, id: &PairId) -> Result<StoredPair, PreferenceError> {
        let found = pairs::find(&mut *self.inner().ledger.read().await?, &self.tenant, id).await?;
        found.ok_or_else(|| PreferenceError::no_pair(id))
    }

    /// Pairs, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pairs(&self, after: i64, limit: usize) -> Result<Listed<StoredPair>, PreferenceError> {
        let mut reader = self.inner().ledger.read().await?;
        let mut items = pairs::list(&mut reader, &self.tenant, (after, limit + 1)).await?;
        let next = cut(&mut items, limit, |pair| pair.seq);
        Ok(Listed { items, next })
    }

    /// Deletes a pair.
    ///
    /// # Errors
    /// [`PreferenceError::NotFound`].
    pub async fn remove(&self, id: PairId) -> Result<(), PreferenceError> {
        let tenant = self.tenant.clone();
        self.inner().ledger.write(move |c| pairs::remove(c, tenant, id).boxed()).await
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

/// Cuts a list that was asked for one more than `limit`; gives where the next page begins.
fn cut<T>(found: &mut Vec<T>, limit: usize, seq: impl Fn(&T) -> i64) -> Option<i64> {
    let more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| more).map(seq)
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
