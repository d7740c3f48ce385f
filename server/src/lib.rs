//! The Amend server: everything of the `amend` binary but its `main`.
//!
//! [`app`] puts the layers together, `admission( EditedModel( Registry( MistralEngine ) ) )`, and serves them over
//! [`http`]. The only crate that names axum, clap or mistralrs.

pub mod admission;
pub mod app;
pub mod bench;
pub mod canary;
pub mod cli;
mod edit_template;
pub mod edits;
pub mod endpoint;
pub mod engine;
pub mod evaluation;
pub mod gates;
pub mod grpc;
pub mod http;
pub mod jobs;
pub mod learning;
pub mod ledger;
mod paging;
pub mod preferences;
pub mod registry;
pub mod revisions;
pub mod synth;
pub mod telemetry;
mod threads;
pub mod training;

/// The edits that stand are millions of small pieces of memory, made on several threads at once at every start.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
