//! What the dense side is made of, and its opening.

use super::{CacheOptions, CachedEmbedder, EmbeddingCache};
use crate::error::EditError;
use amend_proto::Embedder;
use std::{
    error::Error,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long a question waits for its embedding unless something else is set: many times what a small encoder takes on a
/// busy processor.
const BUDGET: Duration = Duration::from_millis(500);

/// What an encoder is tried with.
const PROBE: &str = "Does it work?";

/// How edits are found by what they mean, besides by their words.
#[derive(Clone)]
pub struct EncoderSetup {
    /// The sentence encoder.
    pub embedder: Arc<dyn Embedder>,
    /// The folder of the embedding caches, one file for each encoder and width; `None`: a folder beside the database,
    /// named after it. It is made if it is not there. Files of encoders that are no longer used may be removed.
    pub caches: Option<PathBuf>,
    /// How long a question waits for its embedding. One that waits longer, or whose encoder fails, is answered with what
    /// its words find.
    pub query_budget: Duration,
}

impl EncoderSetup {
    /// This encoder, its cache beside the database, and half a second for a question.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, caches: None, query_budget: BUDGET }
    }

    /// Opens the cache for `capacity` embeddings and tries the encoder. It reads the whole cache: call it outside the
    /// async runtime.
    pub(super) fn open(&self, database: &Path, capacity: u32) -> Result<CachedEmbedder, EditError> {
        let folder = self.caches.clone().unwrap_or_else(|| {
            let mut beside = database.as_os_str().to_owned();
            beside.push(".embeddings");
            PathBuf::from(beside)
        });
        std::fs::create_dir_all(&folder).map_err(|error| EditError::Encoder {
            reason: format!("making the folder {} failed: {error}", folder.display()),
        })?;
        let (id, dim) = (self.embedder.id(), self.embedder.dim());
        let options = CacheOptions { path: folder.join(EmbeddingCache::file_name(id, dim)), capacity };
        let cache = EmbeddingCache::open(options, id, dim).map_err(|error| refused(&error))?;
        let encoder = CachedEmbedder::new(Arc::clone(&self.embedder), Some(Arc::new(cache)));
        // Whether it works, and whether its embeddings are as wide as it says.
        encoder.query(PROBE).map_err(|error| refused(error.source().unwrap_or(&error)))?;
        Ok(encoder)
    }
}

/// An error with all its causes.
fn refused(error: &dyn Error) -> EditError {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    EditError::Encoder { reason: causes.map(ToString::to_string).collect::<Vec<_>>().join(": ") }
}

impl fmt::Debug for EncoderSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncoderSetup")
            .field("embedder", self.embedder.id())
            .field("caches", &self.caches)
            .field("query_budget", &self.query_budget)
            .finish()
    }
}
