//! For the tests of every crate: a model that says what it is told, an embedder of words, and the suites that every
//! model and every embedder must pass.

pub mod conformance;
pub mod embedder_conformance;
mod scripted;
mod words;

pub use scripted::{Script, ScriptedModel};
pub use words::WordEmbedder;
