//! `amend bench serving`: what the daemon adds over calling mistralrs directly.

use super::{
    BenchError,
    overhead::{self, Options, Report},
};
use crate::{app::AppConfig, engine::ModelSource, registry::Registry};
use amend_editor::{EditedModel, Editor, EditorOptions};
use amend_proto::ChatModel;
use amend_trainer::atlas::builtin;
use std::sync::Arc;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct ServingOptions {
    /// Answers at each concurrency and way.
    pub requests: usize,
}

/// Rounds that the answers are spread over: the ways take turns, and the median round counts.
const ROUNDS: usize = 5;

/// Measures the model of `config`, in a stack of its own: admission in front of the edited model, in front of the
/// registry, in front of the engine.
///
/// # Errors
/// When the stack cannot be built, or a request fails.
pub async fn run(config: AppConfig, options: ServingOptions) -> Result<Report, BenchError> {
    let mut engine = config.engine;
    if let ModelSource::Builtin { folder } = &engine.source {
        let parent = folder.clone();
        let unpacked = tokio::task::spawn_blocking(move || builtin::unpack(&parent)).await;
        let folder = unpacked.map_err(|_| BenchError::Nothing)?.map_err(crate::app::AppError::from)?;
        engine.source = ModelSource::Builtin { folder };
    }
    let engine = engine.build().await?;
    let editor = Editor::open(EditorOptions::new(config.data_dir.join("amend.db"))).await?;
    let registry = Registry::loading(engine.info().id);
    registry.switch(Box::new(engine.clone()));
    let edited: Arc<dyn ChatModel> = Arc::new(EditedModel::new(editor, Arc::new(registry)));
    let mut options_for = Options { rounds: ROUNDS, ..Options::default() };
    options_for.requests_per_round = options.requests.div_ceil(ROUNDS).max(1);
    Ok(overhead::measure(&engine, &edited, &options_for).await?)
}
