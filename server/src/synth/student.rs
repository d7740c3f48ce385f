//! The student of a Lion run: trained after each iteration, then asked.

use super::{config::EndpointRole, roles::Models};
use crate::engine::{EngineConfig, ModelSource};
use amend_proto::{Priority, RevisionId, Sampling};
use amend_trainer::{
    Error, Result,
    bmc::Control,
    instruct::{InstructJob, InstructObserver, InstructRecipe, Trained, train},
    preference::HeldOutShare,
    sft::StepMetrics,
    synth::{
        ask::{Endpoint, Part},
        lion::{Student, Taught},
        output::lion_rows,
        rows::RoleModels,
    },
};
use async_trait::async_trait;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The rows of an iteration, in the folder of its training.
const ROWS: &str = "rows.jsonl";
/// Digits of a content's hash in a revision's name.
const ID_DIGITS: usize = 16;

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnMethod {
    /// Nothing: the student stays as it is.
    None,
    /// An adapter.
    Lora,
    /// All weights.
    #[default]
    Full,
}

/// How the student learns in each iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudentSettings {
    /// What learns.
    pub method: LearnMethod,
    /// How often every row is trained.
    pub epochs: u32,
    /// Rows of a step at most.
    pub rows_per_step: usize,
    /// The highest learning rate, instead of the method's.
    pub learning_rate: Option<f64>,
}

impl Default for StudentSettings {
    /// All weights, three times, 32 rows a step.
    fn default() -> Self {
        Self { method: LearnMethod::default(), epochs: 3, rows_per_step: 32, learning_rate: None }
    }
}

impl StudentSettings {
    /// As a recipe; none where nothing is learned.
    fn recipe(&self, seed: u64) -> Option<InstructRecipe> {
        let recipe = match self.method {
            LearnMethod::None => return None,
            LearnMethod::Lora => InstructRecipe::lora(),
            LearnMethod::Full => InstructRecipe::full(),
        };
        Some(InstructRecipe {
            seed,
            epochs: self.epochs,
            rows_per_step: self.rows_per_step,
            learning_rate: self.learning_rate.unwrap_or(recipe.learning_rate),
            // A pool is learned whole: of a dozen rows held out, one that gets worse would end a training at its first step.
            held_out: HeldOutShare::NONE,
            patience: None,
            ..recipe
        })
    }
}

/// A student that is trained here: each iteration begins from what the one before made.
pub struct Learning<'a> {
    /// The model so far, a folder in the Hugging Face format.
    pub model: PathBuf,
    /// The folder of the last training, once there was one.
    pub trained: Option<PathBuf>,
    /// Where the trainings of the iterations go.
    pub folder: PathBuf,
    /// How it learns.
    pub settings: StudentSettings,
    /// Decides its draws.
    pub seed: u64,
    /// Within which limits it is asked, and how it draws its tokens.
    pub role: EndpointRole,
    /// How it draws its tokens where the role does not say.
    pub sampling: Sampling,
    /// Who waits for its answers.
    pub priority: Priority,
    /// Pauses and stops a training.
    pub control: Control,
    /// Lets its answers give way to users, where they go first.
    pub models: &'a dyn Models,
    /// Told a line now and then.
    pub told: Box<dyn FnMut(&str) + Send + 'a>,
}

impl Learning<'_> {
    /// Trains on the rows of an iteration, if it learns and there are any; then the model is what it made.
    fn learn(&mut self, iteration: u32, rows: &[Taught]) -> Result<()> {
        let Some(recipe) = self.settings.recipe(self.seed).filter(|_| !rows.is_empty()) else {
            return Ok(());
        };
        let out = self.folder.join(format!("iteration-{iteration}"));
        std::fs::create_dir_all(&out).map_err(|error| unusable(&out, error.to_string()))?;
        let data = out.join(ROWS);
        lion_rows(rows, &RoleModels::default(), (self.seed, None)).write_jsonl(&data)?;
        let job = InstructJob {
            model: &self.model,
            name: "student",
            data: &[data],
            recipe,
            budget: None,
            control: self.control.clone(),
            out: &out.join("run"),
        };
        let mut lines = Lines { iteration, told: &mut *self.told };
        match train(&job, &mut lines)? {
            Trained::Finished(_) => {
                self.model = out.join("run/model");
                self.trained = Some(out.join("run"));
                Ok(())
            }
            Trained::Stopped { step } => {
                Err(Error::Stopped(format!("step {step} of the student's training")))
            }
            Trained::Aborted { step, reason } => {
                Err(Error::Settings(format!("the student's training was given up at step {step}: {reason}")))
            }
        }
    }
}

fn unusable(path: &Path, problem: String) -> Error {
    Error::Model { path: path.to_owned(), problem }
}

#[async_trait]
impl Student for Learning<'_> {
    async fn imitate(&mut self, iteration: u32, rows: &[Taught]) -> Result<Part> {
        self.learn(iteration, rows)?;
        let failed = |error: &dyn std::error::Error| unusable(&self.model, error.to_string());
        let hash = amend_trainer::lte::folder_hash(&self.model)?;
        let digits: String = hash.chars().take(ID_DIGITS).collect();
        let engine = EngineConfig {
            revision: Some(RevisionId::new(format!("student:{digits}")).map_err(|error| failed(&error))?),
            priority: self.priority,
            ..EngineConfig::new(ModelSource::Folder(self.model.clone()))
        };
        let slots = engine.slots().map_err(|error| failed(&error))?;
        let model = engine.build().await.map_err(|error| failed(&error))?;
        let settings = self.role.settings(slots).map_err(|error| Error::Settings(error.to_string()))?;
        let pause = Arc::new(|time| tokio::time::sleep(time).boxed());
        let model = self.models.gives_way(Arc::new(model), &self.control);
        let endpoint = Arc::new(Endpoint::new(model, settings, pause));
        Ok(Part { endpoint, sampling: self.role.sampling(self.sampling.clone()) })
    }
}

/// Tells steps as lines.
struct Lines<'a> {
    iteration: u32,
    told: &'a mut (dyn FnMut(&str) + Send),
}

/// Steps between two lines.
const LINE_EVERY: u64 = 20;

impl InstructObserver for Lines<'_> {
    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        if metrics.step.is_multiple_of(LINE_EVERY) || metrics.step == total {
            (self.told)(&format!(
                "iteration {}: the student learns: step {} of {total}, loss {:.3}",
                self.iteration, metrics.step, metrics.loss
            ));
        }
    }
}
