//! The seams of the registry: to the engine, and to what judges revisions.

use super::RevisionError;
use amend_proto::{ChatModel, GateId, Priority, RevisionId};
use async_trait::async_trait;
use std::path::PathBuf;

/// Why a revision does not come up. The text is for the operator; what a client is told is the registry's.
pub type LoadError = Box<dyn std::error::Error + Send + Sync>;

/// What can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loadable {
    /// The model that the operator named.
    Base,
    /// A trained one.
    Folder {
        /// Its name, which its answers tell.
        id: RevisionId,
        /// A model folder in the Hugging Face format.
        model: PathBuf,
    },
}

/// What the base model is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Its files, whatever format they are served in: the line's name.
    pub line: String,
    /// As it is served.
    pub base: RevisionId,
}

/// Makes models that answer.
#[async_trait]
pub trait Load: Send + Sync {
    /// What the base model is called, if that is known before it is loaded.
    ///
    /// # Errors
    /// When its files cannot be read.
    async fn names(&self) -> Result<Option<Names>, LoadError>;

    /// The base model in an operator's words.
    fn base(&self) -> String;

    /// The folder of the base model's files, if it is one on this machine.
    fn base_folder(&self) -> Option<PathBuf>;

    /// Whether what is live shall be loaded once more for a job that asks it much: users then never wait for a job's
    /// prompt that is being read. Costs its memory.
    fn copies_for_jobs(&self) -> bool;

    /// Loads a model beside whatever runs, for users or for the daemon's own jobs.
    ///
    /// # Errors
    /// When it cannot be loaded.
    async fn load(&self, what: &Loadable, priority: Priority) -> Result<Box<dyn ChatModel>, LoadError>;

    /// Called in the moment in which a model goes live, for what else follows the live model.
    fn goes_live(&self, what: &Loadable);
}

/// Knows which revisions were judged good enough.
#[async_trait]
pub trait Gatekeeper: Send + Sync {
    /// The gate that lets a revision of a line go live in the place of the one that is.
    ///
    /// # Errors
    /// When it cannot be looked up.
    async fn let_through(
        &self,
        line: &str,
        candidate: &RevisionId,
        live: &RevisionId,
    ) -> Result<Option<GateId>, RevisionError>;
}
