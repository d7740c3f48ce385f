//! Encoders that misbehave.

use amend_proto::{EmbedError, Embedder, EmbedderId, Embedding, TextRole, testing::WordEmbedder};
use std::sync::{Condvar, Mutex, PoisonError};

/// An embedder of words that fails, panics, hangs or lies when it is told to, and remembers what it was asked.
pub(super) struct Odd {
    inner: WordEmbedder,
    fails: Option<String>,
    panics: Option<String>,
    synonym: Option<(String, String)>,
    dim: usize,
    asked: Mutex<Vec<(TextRole, usize)>>,
    hanging: Mutex<bool>,
    freed: Condvar,
}

impl Odd {
    pub(super) fn new(dim: usize) -> Self {
        Self {
            inner: WordEmbedder::new(dim, 1),
            fails: None,
            panics: None,
            synonym: None,
            dim,
            asked: Mutex::default(),
            hanging: Mutex::new(false),
            freed: Condvar::new(),
        }
    }

    /// Fails for every call with a text that has this in it.
    pub(super) fn failing_for(self, text: impl Into<String>) -> Self {
        Self { fails: Some(text.into()), ..self }
    }

    pub(super) fn panicking_for(self, text: impl Into<String>) -> Self {
        Self { panics: Some(text.into()), ..self }
    }

    /// Reads the first as the second.
    pub(super) fn knowing(self, name: &str, means: &str) -> Self {
        Self { synonym: Some((name.to_owned(), means.to_owned())), ..self }
    }

    /// Says that its embeddings are so wide.
    pub(super) fn claiming(self, dim: usize) -> Self {
        Self { dim, ..self }
    }

    /// Every call waits for [`go_on`](Self::go_on) from now on.
    pub(super) fn hang(&self) {
        *self.hanging.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    pub(super) fn go_on(&self) {
        *self.hanging.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.freed.notify_all();
    }

    /// How many passages it was asked for, in calls of how many.
    pub(super) fn passages(&self) -> Vec<usize> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|(role, _)| *role == TextRole::Passage).map(|(_, texts)| *texts).collect()
    }
}

impl Embedder for Odd {
    fn id(&self) -> &EmbedderId {
        self.inner.id()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, texts: &[&str], role: TextRole) -> Result<Vec<Embedding>, EmbedError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((role, texts.len()));
        let mut hanging = self.hanging.lock().unwrap_or_else(PoisonError::into_inner);
        while *hanging {
            hanging = self.freed.wait(hanging).unwrap_or_else(PoisonError::into_inner);
        }
        drop(hanging);
        let has = |part: &Option<String>| {
            part.as_ref().is_some_and(|part| texts.iter().any(|text| text.contains(part)))
        };
        assert!(!has(&self.panics), "told to panic");
        if has(&self.fails) {
            return Err(EmbedError::new("told to fail"));
        }
        let read = |text: &&str| match &self.synonym {
            Some((name, means)) => text.replace(name, means),
            None => (*text).to_owned(),
        };
        let texts: Vec<String> = texts.iter().map(read).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.inner.embed(&texts, role)
    }
}
