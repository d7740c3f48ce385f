//! [`DenseSide`]: the embeddings of the edits that stand, of all tenants, kept in step with the log.

use super::{
    CachedEmbedder, DenseError, DenseIndex, DenseKey, DenseOptions, DenseQuery, EncoderSetup, Precision,
    helpers::Helpers, index, rotation::Rotation,
};
use crate::{
    edit::{Edit, Limits, Seq},
    error::EditError,
    live::Live,
    operation::Operation,
};
use amend_proto::{EmbedError, EmbedderId, Embedding, TenantId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    error::Error,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicBool},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The edits that a lookup gets from the dense side, at most, whether in force or not; the scope decision takes the first
/// of those that are.
const NEAREST: usize = 32;
/// Texts that are embedded together.
const BATCH: usize = 256;
/// Questions that are embedded at the same time. Each uses all cores for its matrices.
const QUERIES: usize = 4;
/// Requests whose edits are embedded at the same time.
const WRITES: usize = 2;
/// So often the start tells how far it is.
const PROGRESS: Duration = Duration::from_secs(10);
/// Of the rotation of all indexes.
const SEED: u64 = 1;

/// An edit that is near a question, by the entry that wrote its version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Near {
    pub(crate) seq: Seq,
    /// The cosine of the angle between their embeddings, -1 to 1.
    pub(crate) similarity: f32,
}

/// How far the dense side is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DenseStatus {
    /// The encoder.
    pub embedder: EmbedderId,
    /// How many numbers an embedding has.
    pub dim: usize,
    /// Edits that stand and are found by what they mean, of all tenants.
    pub embedded: usize,
    /// Edits that stand and are found by their words only, because the encoder failed for them. It is asked again at the
    /// next start.
    pub missing: usize,
}

/// Versions that were put in or may have ceased to stand.
#[derive(Debug, Default)]
pub(crate) struct Touched(Vec<(TenantId, Seq)>);

/// One [`DenseIndex`] for each tenant that has edits, the encoder, and what it failed for.
///
/// It is changed by whoever changes [`Live`]: at the start, and by the writer. A version is in before `Live` shows it, and
/// out before its retirement is acknowledged. A lookup takes what it finds here to `Live`, which knows only what stands,
/// so nothing that was taken back is found for even a moment.
pub(crate) struct DenseSide {
    encoder: CachedEmbedder,
    indexes: RwLock<FxHashMap<TenantId, Arc<DenseIndex>>>,
    missing: Mutex<FxHashSet<Seq>>,
    options: DenseOptions,
    rotation: Arc<Rotation>,
    helpers: Arc<Helpers>,
    pub(super) budget: Duration,
    pub(super) queries: Arc<Semaphore>,
    pub(super) writes: Arc<Semaphore>,
    /// The last question got its embedding.
    pub(super) healthy: AtomicBool,
}

impl DenseSide {
    /// Opens the cache and tries the encoder; nothing is in. It computes: call it outside the async runtime.
    ///
    /// # Errors
    /// [`EditError::Encoder`].
    pub(crate) fn open(setup: &EncoderSetup, database: &Path, limits: &Limits) -> Result<Self, EditError> {
        // Room for what was retired lately and may be restored.
        let capacity = limits.max_live.saturating_add(limits.max_live / 4);
        let encoder = setup.open(database, u32::try_from(capacity).unwrap_or(u32::MAX))?;
        let dim = encoder.embedder().dim();
        // While versions take one another's place both are in.
        let options = DenseOptions { dim, capacity: limits.max_live.saturating_mul(2), seed: SEED };
        Ok(Self {
            encoder,
            indexes: RwLock::default(),
            missing: Mutex::default(),
            options,
            rotation: Arc::new(Rotation::new(dim, SEED)),
            helpers: Arc::new(Helpers::new(index::helpers())),
            budget: setup.query_budget,
            queries: Arc::new(Semaphore::new(QUERIES)),
            writes: Arc::new(Semaphore::new(WRITES)),
            healthy: AtomicBool::new(true),
        })
    }

    pub(crate) fn status(&self) -> DenseStatus {
        let embedder = self.encoder.embedder();
        DenseStatus {
            embedder: embedder.id().clone(),
            dim: embedder.dim(),
            embedded: self
                .indexes
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .map(|index| index.len())
                .sum(),
            missing: self.missing().len(),
        }
    }

    /// Lets go of the cache's file.
    pub(crate) fn close(&self) {
        self.encoder.close();
    }

    /// Puts in edits that stand, at the start. What is not in the cache is embedded, and the progress told now and then.
    pub(crate) fn fill(&self, edits: &[Edit]) {
        let mut told = Instant::now();
        for batch in edits.chunks(BATCH) {
            let versions: Vec<Version<'_>> =
                batch.iter().map(|edit| (&edit.tenant, edit.seq, edit.content.text.as_str())).collect();
            self.put(&versions);
            if told.elapsed() >= PROGRESS {
                let DenseStatus { embedded, missing, .. } = self.status();
                tracing::info!(embedded, missing, "edits are being embedded");
                told = Instant::now();
            }
        }
    }

    /// Puts in the versions that operations make stand, before `live` shows them.
    pub(crate) fn enter<'a>(&self, live: &Live, operations: impl Iterator<Item = &'a Operation>) -> Touched {
        let (mut versions, mut touched): (Vec<Version<'_>>, Vec<_>) = (Vec::new(), Vec::new());
        for operation in operations {
            let tenant = &operation.tenant;
            touched.extend(live.get(tenant, &operation.edit).map(|stood| (tenant.clone(), stood.seq)));
            if let Some(edit) = operation.change.edit() {
                touched.push((tenant.clone(), edit.seq));
                versions.push((tenant, edit.seq, &edit.content.text));
            }
        }
        self.put(&versions);
        Touched(touched)
    }

    /// Takes out what does not stand any more, now that `live` has the operations.
    pub(crate) fn settle(&self, live: &Live, Touched(touched): Touched) {
        for (tenant, seq) in touched {
            if live.stands(&tenant, seq) {
                continue;
            }
            self.missing().remove(&seq);
            let Some(index) = self.index(&tenant) else { continue };
            index.remove(key(seq));
            if index.is_empty() {
                self.indexes.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
            }
        }
        self.tell();
    }

    /// The edits of a tenant that are nearest to a question, best first.
    pub(crate) fn nearest(&self, tenant: &TenantId, embedding: &Embedding) -> Result<Vec<Near>, DenseError> {
        let Some(index) = self.index(tenant) else { return Ok(Vec::new()) };
        let hits = index
            .search(DenseQuery { embedding, most: NEAREST, precision: Precision::Sketched }, |_| true)?;
        let near = |hit: super::DenseHit| Near { seq: Seq::new(hit.key.0 as i64), similarity: hit.cosine };
        Ok(hits.into_iter().map(near).collect())
    }

    pub(super) fn encoder(&self) -> &CachedEmbedder {
        &self.encoder
    }

    fn put(&self, versions: &[Version<'_>]) {
        for batch in versions.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|(_, _, text)| *text).collect();
            let (found, failed) = self.encoder.passages_each(&texts);
            if let Some(error) = failed {
                self.failed(&error, found.iter().filter(|found| found.is_none()).count());
            }
            for ((tenant, seq, _), found) in batch.iter().zip(found) {
                let put = found.map(|embedding| self.index_for(tenant).insert(key(*seq), &embedding));
                match put {
                    Some(Ok(())) => drop(self.missing().remove(seq)),
                    None => drop(self.missing().insert(*seq)),
                    Some(Err(error)) => {
                        tracing::error!(error = &error as &dyn Error, %seq, "an edit is found by its words only");
                        self.missing().insert(*seq);
                    }
                }
            }
        }
        self.tell();
    }

    /// One line for a whole batch, of the last failure.
    fn failed(&self, error: &EmbedError, texts: usize) {
        metrics::counter!("amend_encoder_failures_total", "role" => "passage").increment(texts as u64);
        let error = error.source().unwrap_or(error);
        tracing::warn!(error, texts, "the encoder failed; these edits are found by their words only");
    }

    fn tell(&self) {
        metrics::gauge!("amend_edits_without_embedding").set(self.missing().len() as f64);
    }

    fn missing(&self) -> MutexGuard<'_, FxHashSet<Seq>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self, tenant: &TenantId) -> Option<Arc<DenseIndex>> {
        self.indexes.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// Whether a tenant has any embedding.
    pub(super) fn has(&self, tenant: &TenantId) -> bool {
        self.indexes.read().unwrap_or_else(PoisonError::into_inner).contains_key(tenant)
    }

    fn index_for(&self, tenant: &TenantId) -> Arc<DenseIndex> {
        self.index(tenant).unwrap_or_else(|| {
            let (rotation, helpers) = (Arc::clone(&self.rotation), Arc::clone(&self.helpers));
            let made = Arc::new(DenseIndex::sharing(self.options, rotation, helpers));
            let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(indexes.entry(tenant.clone()).or_insert(made))
        })
    }

    /// What is in, of a tenant, ascending.
    #[cfg(test)]
    pub(crate) fn keys(&self, tenant: &TenantId) -> Vec<Seq> {
        let keys = self.index(tenant).map(|index| index.keys()).unwrap_or_default();
        keys.into_iter().map(|key| Seq::new(key.0 as i64)).collect()
    }
}

/// Whose, which, and what it says.
type Version<'a> = (&'a TenantId, Seq, &'a str);

/// Entries are numbered from 1.
fn key(seq: Seq) -> DenseKey {
    DenseKey(seq.get().unsigned_abs())
}

impl std::fmt::Debug for DenseSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DenseSide").field("status", &self.status()).finish_non_exhaustive()
    }
}
