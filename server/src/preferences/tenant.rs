//! The preferences of one tenant.

use super::{
    Forgotten, Inner, Kept, PreferenceError, PreferenceService, StoredPair, counted, kept, names,
    once::Once,
    pairs,
    records::{self, Page},
};
use amend_proto::{
    CompletionId, PairId, TenantId,
    wire::{KeepRule, PreferenceBody, Store},
};
use amend_trainer::preference::{IdempotencyKey, UnixMillis};
use futures::FutureExt;

/// The preferences of one tenant.
#[derive(Debug, Clone)]
pub struct TenantPreferences {
    pub(super) service: PreferenceService,
    pub(super) tenant: TenantId,
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
    pub(super) fn inner(&self) -> &Inner {
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
        let found = kept::record(&mut *self.inner().ledger.read().await?, (&self.tenant, id), since).await?;
        let found = records::read_one(found).await?;
        found.map(|(_, kept)| kept).ok_or_else(|| PreferenceError::no_completion(id))
    }

    /// Completions that are kept, oldest first; of one user, if one is named. A page of long ones holds fewer than `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn completions(
        &self,
        user: Option<&str>,
        page: (i64, usize),
    ) -> Result<Listed<Kept>, PreferenceError> {
        let since = self.service.oldest();
        // The connection goes back before anything is read.
        let Page { rows, next } =
            kept::list(&mut *self.inner().ledger.read().await?, &self.tenant, user, since, page).await?;
        let found = records::read(rows).await?;
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

    /// Stores a pair. `hash` is of the whole request ([`hash_of`](super::hash_of)): with the same key and hash nothing more is stored.
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
        let found = pairs::record(&mut *self.inner().ledger.read().await?, &self.tenant, id).await?;
        let found = records::read_one(found).await?;
        found.map(|(seq, pair)| StoredPair { seq, pair }).ok_or_else(|| PreferenceError::no_pair(id))
    }

    /// Pairs, oldest first. A page of long ones holds fewer than `limit`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pairs(&self, after: i64, limit: usize) -> Result<Listed<StoredPair>, PreferenceError> {
        let Page { rows, next } =
            pairs::list(&mut *self.inner().ledger.read().await?, &self.tenant, (after, limit)).await?;
        Ok(Listed { items: pairs::read(rows).await?, next })
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
