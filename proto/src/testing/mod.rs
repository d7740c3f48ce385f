//! For the tests of every crate: a model that says what it is told, and the suite that every model must pass.

pub mod conformance;
mod scripted;

pub use scripted::{Script, ScriptedModel};
