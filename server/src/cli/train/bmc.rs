//! `amend train bmc`.

use super::watch::{Stoppable, given_up, stopped, trainable};
use crate::{
    app::{App, AppConfig},
    cli::{
        output,
        training::{BridgingArg, MethodArg, ObjectiveArg, endpoint},
    },
    endpoint::{EndpointConfig, EndpointUrl},
    engine::ModelSource,
    training::{
        endpoint_modifier, objective, oracle_modifier, prepare, read_files, set_method, training_pairs,
    },
};
use amend_proto::ModelId;
use amend_trainer::{
    bmc::{
        Evaluation, PairCounts, PreferenceJob, PreferenceObserver, PreferenceRecipe, PreferenceStep, Trained,
        loss::PreferenceLoss, train_preferences,
    },
    preference::{
        HeldOutShare, Pair,
        bridge::{Bridging, Modifier, bridge},
    },
    sft::Flow,
};
use anyhow::Context;
use clap::Args;
use futures::FutureExt;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Runtime;

/// Arguments of `amend train bmc`.
#[derive(Debug, Args)]
pub struct BmcArgs {
    /// The model to train: `atlas` (built in), or a Hugging Face folder
    #[arg(long, default_value = "atlas", value_name = "MODEL")]
    model: String,
    /// Preference pairs: JSON lines or Parquet, as TRL, UltraFeedback or Amend have them; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    pairs: Vec<PathBuf>,
    /// What learns
    #[arg(long, value_enum, default_value_t = MethodArg::Lora)]
    method: MethodArg,
    /// What is minimised
    #[arg(long, value_enum, default_value_t = ObjectiveArg::DpoBmc)]
    objective: ObjectiveArg,
    /// How strongly the model is held to what it was [default: the objective's]
    #[arg(long, value_name = "BETA")]
    beta: Option<f64>,
    /// The share of mislabelled pairs that is reckoned with (cDPO), below 0.5
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    label_smoothing: f64,
    /// How much of plain fine-tuning on the chosen answers is added (RPO)
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT")]
    sft_weight: f64,
    /// Who rewrites losing answers first; `live` is the model itself
    #[arg(long, value_enum, default_value_t = BridgingArg::None)]
    bridging: BridgingArg,
    /// Where the endpoint's routes begin that rewrites, such as https://api.openai.com/v1
    #[arg(long, value_name = "URL", requires = "bridging_model")]
    bridging_url: Option<EndpointUrl>,
    /// Which of its models
    #[arg(long, value_name = "NAME", requires = "bridging_url")]
    bridging_model: Option<ModelId>,
    /// The environment variable that holds its key [default: no key is sent]
    #[arg(long, value_name = "VAR", requires = "bridging_url")]
    bridging_key_env: Option<String>,
    /// The share of the prompts that is measured on instead, chosen by hash
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    held_out: f64,
    /// Decides every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often every pair is trained
    #[arg(long, default_value_t = 1, value_name = "N")]
    epochs: u32,
    /// At most so many steps
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Pairs of one step
    #[arg(long, default_value_t = 128, value_name = "N")]
    pairs_per_step: usize,
    /// The highest learning rate [default: the method's]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// End after so many minutes, with what has been learned by then
    #[arg(long, value_name = "MINUTES")]
    budget_minutes: Option<u64>,
    /// The folder that becomes the candidate: `run/model` in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the candidate's card as JSON
    #[arg(long)]
    json: bool,
}

impl BmcArgs {
    fn recipe(&self) -> PreferenceRecipe {
        let chosen = objective(self.objective.into());
        let loss = PreferenceLoss {
            objective: chosen.with_beta(self.beta.unwrap_or(chosen.beta())),
            label_smoothing: self.label_smoothing,
            sft_weight: self.sft_weight,
        };
        let mut recipe = PreferenceRecipe {
            seed: self.seed,
            epochs: self.epochs,
            max_steps: self.max_steps,
            pairs_per_step: self.pairs_per_step,
            loss,
            ..PreferenceRecipe::lora()
        };
        set_method(&mut recipe, self.method.into());
        recipe.learning_rate = self.learning_rate.unwrap_or(recipe.learning_rate);
        recipe
    }
}

impl BmcArgs {
    fn endpoint(&self) -> anyhow::Result<Option<EndpointConfig>> {
        let named = (self.bridging_url.clone(), self.bridging_model.clone(), self.bridging_key_env.clone());
        endpoint(self.bridging, named)
    }
}

pub(super) fn run(args: BmcArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let recipe = args.recipe();
    recipe.validate()?;
    args.endpoint()?;
    let unpacked = tempfile::tempdir().context("failed to make a temporary folder")?;
    let source = ModelSource::parse(&args.model, unpacked.path())?;
    let folder = trainable(&source)?;
    let mut progress = Stoppable::new()?;
    let pairs = read_files(&args.pairs, &mut |issue| eprintln!("{issue}"))?;
    let (training, held_out, cleaned) = prepare(pairs, HeldOutShare::new(args.held_out)?)?;
    progress.watch.say(&format!(
        "{} pairs: {} to learn from, {} to measure on, {} left out (repeated or contradicted)",
        cleaned.read,
        training.len(),
        held_out.len(),
        cleaned.read - cleaned.kept
    ));
    let Some(training) = bridged(&args, &runtime, (training, &folder), &progress)? else {
        return Err(stopped("while losing answers were rewritten"));
    };
    let sources: Vec<String> = args.pairs.iter().map(|file| file.display().to_string()).collect();
    let job = PreferenceJob {
        model: &folder,
        pairs: &training_pairs(training),
        held_out: &training_pairs(held_out),
        conversations: &[],
        sources: &sources,
        stop_words: None,
        recipe,
        budget: args.budget_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        control: progress.control.clone(),
        out: &args.out.join("run"),
    };
    match train_preferences(&job, &mut progress).context("failed to train the model")? {
        Trained::Stopped { step } => Err(stopped(&format!("after step {step}"))),
        Trained::Aborted { step, reason } => Err(given_up(step, reason)),
        Trained::Finished(card) => {
            progress.watch.bar.finish_and_clear();
            match args.json {
                true => output::line(serde_json::to_string_pretty(&card)?),
                false => output::line(format!(
                    "{} is trained; serve it with `amend serve --model {}`",
                    args.model,
                    args.out.join("run/model").display()
                )),
            }
        }
    }
}

/// The pairs with losing answers rewritten, if that is wanted; none when it was stopped.
fn bridged(
    args: &BmcArgs,
    runtime: &Runtime,
    (pairs, folder): (Vec<Pair>, &Path),
    progress: &Stoppable,
) -> anyhow::Result<Option<Vec<Pair>>> {
    let data = tempfile::tempdir().context("failed to make a temporary folder")?;
    let modifier = match args.bridging {
        BridgingArg::None => return Ok(Some(pairs)),
        BridgingArg::Atlas => oracle_modifier(),
        BridgingArg::Endpoint => endpoint_modifier(args.endpoint()?.context("no endpoint is named")?)?,
        BridgingArg::Live => {
            let model = folder.to_str().context("the model's path is not UTF-8")?;
            let app = runtime.block_on(App::start(AppConfig::new(data.path().to_owned(), model)?))?;
            runtime.block_on(app.load())?;
            Modifier::new(app.unedited(), Arc::new(|time| tokio::time::sleep(time).boxed()))
        }
    };
    let work = Bridging { seed: args.seed, ..Bridging::new(&pairs, &modifier) };
    let mut asked = |done: usize, of: usize| {
        progress.watch.bar.set_length(of as u64);
        progress.watch.bar.set_position(done as u64);
        progress.watch.bar.set_message("losing answers rewritten".to_owned());
        if progress.watch.stopped() { Flow::Stop } else { Flow::Continue }
    };
    let done = runtime.block_on(bridge(&work, &args.out.join("bridged"), &mut asked))?;
    Ok(done.map(|(bridged, card)| {
        progress.watch.say(&format!("{} of {} losing answers were rewritten", card.bridged(), card.pairs));
        bridged.into_iter().map(|one| one.pair).collect()
    }))
}

/// Steps between two plain lines where there is no terminal: a step of pairs takes longer than one of rows.
const LINE_EVERY: u64 = 10;

impl PreferenceObserver for Stoppable {
    fn on_pairs(&mut self, training: PairCounts, _: PairCounts) {
        let left_out = training.empty + training.equal + training.equal_when_cut;
        if left_out + training.cut_prompts + training.cut_responses > 0 {
            self.watch.say(&format!(
                "{left_out} pairs cannot be learned from; {} prompts and the answers of {} pairs were cut to length",
                training.cut_prompts, training.cut_responses
            ));
        }
    }

    fn on_reference(&mut self, scored: usize, of: usize) {
        self.watch.bar.set_length(of as u64);
        self.watch.bar.set_position(scored as u64);
        self.watch.bar.set_message("pairs scored by the reference".to_owned());
        self.heed_interrupt();
    }

    fn on_step(&mut self, step: &PreferenceStep, total: u64) {
        let means = &step.pairs;
        let state = format!(
            "loss {:.3}, accuracy {:.2}, margin {:.3}, {:.0} tokens/s",
            means.loss, means.accuracy, means.margin, step.tokens_per_second
        );
        self.watch.show((step.step, total), LINE_EVERY, state);
        self.heed_interrupt();
    }

    fn on_evaluation(&mut self, evaluation: &Evaluation) {
        let means = &evaluation.pairs;
        self.watch.say(&format!(
            "held-out pairs at step {}: loss {:.3}, accuracy {:.2}, margin {:.3}",
            evaluation.step, means.loss, means.accuracy, means.margin
        ));
    }
}
