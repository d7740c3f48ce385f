//! A sentence encoder of the BERT family, read from a Hugging Face or sentence-transformers folder, on the CPU.
//!
//! | file | what is read from it |
//! |---|---|
//! | `config.json` | BERT, RoBERTa, XLM-R, CamemBERT or MPNet, and the sizes |
//! | `model.safetensors`, or its index and shards | the weights, `f32`, `f16` or `bf16` |
//! | `tokenizer.json`, or for BERT `vocab.txt` and `tokenizer_config.json` | the tokenizer |
//! | `modules.json`, `1_Pooling/config.json` | mean, cls, max or last-token pooling |
//! | `config_sentence_transformers.json` | what stands before a query and before a passage |
//! | `sentence_bert_config.json` | how many tokens are read |
//!
//! What would change the numbers and is not supported is refused by name. Embeddings are always normalised, so a
//! `Normalize` module changes nothing. The encoder's [id](Embedder::id) is a digest of all these files.

mod activation;
mod bert;
mod config;
mod error;
mod folder;
mod hub;
mod pooling;
mod settings;
mod tokens;
mod weights;

pub use error::EncoderError;
pub use hub::locate_model;

use amend_proto::{EmbedError, Embedder, EmbedderId, Embedding, TextRole};
use bert::Bert;
use config::BertConfig;
use folder::ModelFolder;
use settings::Settings;
use std::{fmt, ops::Range, path::Path};
use tokens::Tokens;
use weights::Weights;

/// The most tokens, padding included, of one pass: enough to keep two cores busy, little enough for their caches.
const PASS_TOKENS: usize = 1_024;
/// What this code makes of a folder. It is part of every id, and changes when the numbers do.
const REVISION: &[u8] = b"1";

/// What is put in front of a text, by its role; it is part of what the encoder was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompts {
    /// Before a query; with the white space that separates them.
    pub query: String,
    /// Before a passage.
    pub passage: String,
}

/// What may be set over what the folder says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncoderOptions {
    /// Prompts instead of the folder's. Several encoders that need some (E5, BGE) are published without.
    pub prompts: Option<Prompts>,
    /// The most tokens of a text that are read; never more than the model has positions.
    pub max_tokens: Option<usize>,
}

/// A sentence encoder on the CPU.
///
/// One [`embed`](Embedder::embed) uses the threads of rayon's global pool for its matrices; several at once share them.
pub struct SentenceEncoder {
    id: EmbedderId,
    dim: usize,
    settings: Settings,
    tokens: Tokens,
    bert: Bert,
}

impl SentenceEncoder {
    /// Reads a model folder.
    ///
    /// # Errors
    /// [`EncoderError`], naming the file that is missing, damaged or asks for what is not supported.
    pub fn open(folder: impl AsRef<Path>, options: EncoderOptions) -> Result<Self, EncoderError> {
        let path = folder.as_ref();
        let mut folder = ModelFolder::new(path);
        folder.note("revision", REVISION);
        let settings = Settings::read(&mut folder, options)?;
        let config = BertConfig::read(&mut folder, &settings.within)?;
        let tokens = Tokens::read(&mut folder, &settings, &config)?;
        // The options are in these.
        folder.note("settings", format!("{settings:?} {}", tokens.limit()).as_bytes());
        let weights = Weights::read(&mut folder, &settings.within)?;
        let (dim, family) = (config.hidden, config.family.name());
        let bert = Bert::read(config, &weights)?;
        let id = EmbedderId::new(format!("{family}-{dim}-{}", folder.digest()))
            .map_err(|error| EncoderError::Invalid { path: path.to_owned(), problem: error.to_string() })?;
        Ok(Self { id, dim, settings, tokens, bert })
    }

    /// The most tokens of a text that are read.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.tokens.limit()
    }

    fn embed_pass(&self, texts: &[&[u32]]) -> Result<Vec<Embedding>, EmbedError> {
        let (tokens, longest) = self.bert.forward(texts).map_err(EmbedError::new)?;
        let rows = tokens.chunks_exact(longest * self.dim);
        rows.zip(texts)
            .map(|(row, text)| {
                let pooled = self.settings.pooling.pool(&row[..text.len() * self.dim], self.dim);
                Embedding::normalised(pooled).map_err(EmbedError::new)
            })
            .collect()
    }
}

impl Embedder for SentenceEncoder {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        let ids = texts
            .iter()
            .map(|text| self.tokens.ids(&self.settings, text, role))
            .collect::<Result<Vec<_>, _>>()
            .map_err(EmbedError::new)?;
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|at| ids[*at].len());
        let lengths: Vec<usize> = order.iter().map(|at| ids[*at].len()).collect();
        let mut found: Vec<(usize, Embedding)> = Vec::with_capacity(ids.len());
        for pass in passes(&lengths) {
            let places = &order[pass];
            let texts: Vec<&[u32]> = places.iter().map(|at| ids[*at].as_slice()).collect();
            found.extend(places.iter().copied().zip(self.embed_pass(&texts)?));
        }
        found.sort_by_key(|(at, _)| *at);
        Ok(found.into_iter().map(|(_, embedding)| embedding).collect())
    }
}

impl fmt::Debug for SentenceEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentenceEncoder")
            .field("id", &self.id)
            .field("dim", &self.dim)
            .finish_non_exhaustive()
    }
}

/// Cuts ascending lengths into runs that, padded to their longest, have at most [`PASS_TOKENS`] tokens, or one text.
fn passes(lengths: &[usize]) -> Vec<Range<usize>> {
    let (mut passes, mut start) = (Vec::new(), 0);
    for (at, length) in lengths.iter().enumerate() {
        if at > start && (at + 1 - start) * length > PASS_TOKENS {
            passes.push(start..at);
            start = at;
        }
    }
    if start < lengths.len() {
        passes.push(start..lengths.len());
    }
    passes
}

#[cfg(test)]
mod tests;
