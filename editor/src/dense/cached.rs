//! [`CachedEmbedder`]: an encoder and the embeddings that it made before.

use super::{EmbeddingCache, Quantised};
use amend_proto::{EmbedError, Embedder, Embedding, TextRole};
use arc_swap::ArcSwapOption;
use std::{
    collections::HashMap,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Embeds passages, each once, and queries.
///
/// When the cache fails, its failure is logged and the passage is embedded: the cache saves time and holds no truth. An
/// encoder that panics, or gives another number of embeddings or another width than it says, has failed.
pub struct CachedEmbedder {
    embedder: Arc<dyn Embedder>,
    cache: ArcSwapOption<EmbeddingCache>,
}

impl CachedEmbedder {
    /// An encoder with its cache, which was opened for its id and width, or without one.
    pub fn new(embedder: Arc<dyn Embedder>, cache: Option<Arc<EmbeddingCache>>) -> Self {
        Self { embedder, cache: ArcSwapOption::new(cache) }
    }

    /// The encoder.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        self.embedder.as_ref()
    }

    /// The embeddings of passages, in order, as they are kept and indexed. This may compute for long: call it outside
    /// the async runtime.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn passages(&self, texts: &[&str]) -> Result<Vec<Quantised>, EmbedError> {
        let mut known: HashMap<&str, Option<Quantised>> = HashMap::with_capacity(texts.len());
        let mut missing: Vec<&str> = Vec::new();
        for text in texts {
            known.entry(text).or_insert_with(|| {
                let found = self.cached(text);
                if found.is_none() {
                    missing.push(text);
                }
                found
            });
        }
        let made = self.embed(&missing, TextRole::Passage)?;
        for (text, embedding) in missing.iter().zip(&made) {
            let quantised = Quantised::of(embedding);
            self.keep(text, &quantised);
            known.insert(text, Some(quantised));
        }
        let found: Option<Vec<Quantised>> =
            texts.iter().map(|text| known.get(text).cloned().flatten()).collect();
        found.ok_or_else(|| EmbedError::new("the encoder gave fewer embeddings than it got texts"))
    }

    /// As [`passages`](Self::passages), but a text for which the encoder fails does not keep out the others: it has
    /// none, and the last failure is told. Failing texts are found by halving, so that k of n cost k·log n passes.
    pub fn passages_each(&self, texts: &[&str]) -> (Vec<Option<Quantised>>, Option<EmbedError>) {
        match self.passages(texts) {
            Ok(found) => (found.into_iter().map(Some).collect(), None),
            Err(error) if texts.len() <= 1 => (vec![None; texts.len()], Some(error)),
            Err(_) => {
                let (left, right) = texts.split_at(texts.len() / 2);
                let ((mut found, failed), (rest, also)) =
                    (self.passages_each(left), self.passages_each(right));
                found.extend(rest);
                (found, also.or(failed))
            }
        }
    }

    /// The embedding of a question.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn query(&self, text: &str) -> Result<Embedding, EmbedError> {
        let mut found = self.embed(&[text], TextRole::Query)?;
        found.pop().ok_or_else(|| EmbedError::new("the encoder gave no embedding for a text"))
    }

    /// Lets go of the cache's file, as soon as nobody reads it. Passages are embedded each time from then on.
    pub fn close(&self) {
        self.cache.store(None);
    }

    fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        // Nothing that the call may have left half changed is used afterwards but the encoder itself, which must hold
        // for several threads at once anyway.
        let embedded = catch_unwind(AssertUnwindSafe(|| self.embedder.embed(texts, role)));
        let found = embedded.map_err(|_| EmbedError::new("the encoder panicked"))??;
        if found.len() != texts.len() {
            let (count, texts) = (found.len(), texts.len());
            return Err(EmbedError::new(format!("the encoder gave {count} embeddings for {texts} texts")));
        }
        let wide = self.embedder.dim();
        match found.iter().find(|embedding| embedding.dim() != wide) {
            None => Ok(found),
            Some(embedding) => Err(EmbedError::new(format!(
                "the encoder {} says that its embeddings have {wide} numbers and gave one of {}; its folder does not \
                 fit together",
                self.embedder.id(),
                embedding.dim()
            ))),
        }
    }

    fn cached(&self, text: &str) -> Option<Quantised> {
        self.cache.load().as_ref()?.get(TextRole::Passage, text).unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn Error,
                "an embedding is not read; the text is embedded again"
            );
            None
        })
    }

    fn keep(&self, text: &str, embedding: &Quantised) {
        let cache = self.cache.load();
        let Some(cache) = cache.as_ref() else { return };
        if let Err(error) = cache.put(TextRole::Passage, text, embedding) {
            tracing::warn!(error = &error as &dyn Error, "an embedding is not kept");
        }
    }
}

impl std::fmt::Debug for CachedEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cache = self.cache.load();
        f.debug_struct("CachedEmbedder").field("id", self.embedder.id()).field("cache", &*cache).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::CacheOptions;
    use amend_proto::{EmbedderId, testing::WordEmbedder};
    use std::sync::Mutex;

    /// Records what it was asked.
    struct Watched {
        inner: WordEmbedder,
        asked: Mutex<Vec<String>>,
    }

    impl Embedder for Watched {
        fn id(&self) -> &EmbedderId {
            self.inner.id()
        }

        fn dim(&self) -> usize {
            self.inner.dim()
        }

        fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
            let mut asked = self.asked.lock().map_err(|error| EmbedError::new(error.to_string()))?;
            asked.extend(texts.iter().map(|text| format!("{role:?} {text}")));
            self.inner.embed(texts, role)
        }
    }

    #[test]
    fn a_passage_is_embedded_once() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Arc::new(Watched { inner: WordEmbedder::new(16, 1), asked: Mutex::default() });
        let options = CacheOptions { path: folder.path().join("embeddings"), capacity: 10 };
        let cache = Arc::new(EmbeddingCache::open(options, watched.id(), 16).unwrap());
        let cached = CachedEmbedder::new(watched.clone(), Some(cache));
        let first = cached.passages(&["iron", "gold", "iron"]).unwrap();
        let second = cached.passages(&["gold", "lead", "iron"]).unwrap();
        assert_eq!((&first[0], &first[1]), (&second[2], &second[0]));
        assert_eq!(first[0], first[2]);
        cached.query("iron").unwrap();
        let asked = watched.asked.lock().unwrap().join(", ");
        assert_eq!(asked, "Passage iron, Passage gold, Passage lead, Query iron");
    }

    #[test]
    fn works_without_a_cache_and_with_a_useless_one() {
        let embedder = Arc::new(WordEmbedder::new(16, 1));
        let want = CachedEmbedder::new(embedder.clone(), None).passages(&["iron"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = CacheOptions { path: folder.path().join("embeddings"), capacity: 10 };
        let narrow = Arc::new(EmbeddingCache::open(options, embedder.id(), 8).unwrap());
        assert_eq!(CachedEmbedder::new(embedder, Some(narrow)).passages(&["iron"]).unwrap(), want);
    }
}
