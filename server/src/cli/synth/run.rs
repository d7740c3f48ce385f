//! `amend synth lion` and `amend synth webr`.

use crate::{
    app::App,
    cli::{
        Failure, exit, output, progress,
        train::{stop_on_interrupt, trainable},
    },
    engine::{EngineConfig, ModelSource},
    synth::{
        self, EndpointRole, FinishedRun, LearnMethod, LionRequest, Models, RoleSource, SynthConfig,
        WebrRequest,
    },
};
use amend_proto::{ChatModel, Priority};
use amend_trainer::{
    atlas::{Atlas, Kind, Rows, Split},
    bmc::Control,
    synth::{
        ask::Role,
        lion::{Instruction, Origin, read_instructions},
        progress::SynthObserver,
        rows::Ended,
    },
};
use anyhow::{Context, bail};
use async_trait::async_trait;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Instructions about atlas that are drawn where none are given to its oracle.
const GIVEN: u64 = 200;
/// Lines of progress elsewhere than at a terminal: one for each of so many answers.
const LINE_EVERY: usize = 200;

/// What both have.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Who answers: `atlas-oracle` (rules, offline), `atlas`, a folder, a .gguf file, a hub id, or URL#NAME of an endpoint;
    /// plays every role that nobody else does [default: atlas-oracle]
    #[arg(long, value_name = "MODEL")]
    teacher: Option<RoleSource>,
    /// The environment variable with the key of the teacher's endpoint
    #[arg(long, value_name = "VAR", requires = "teacher")]
    teacher_key_env: Option<String>,
    /// Roles with their limits and prices, budget, and what decides the method, as TOML; flags go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Spend no more, in the currency of the prices
    #[arg(long, value_name = "AMOUNT")]
    budget_money: Option<f64>,
    /// Use no more tokens of prompts and answers
    #[arg(long, value_name = "N")]
    budget_tokens: Option<u64>,
    /// A folder with prompt templates instead of the shipped ones
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// The licence of what it is made from, for every row
    #[arg(long, value_name = "NAME")]
    licence: Option<String>,
    /// A further suite that no row may overlap; may be given several times
    #[arg(long, value_name = "SUITE")]
    suite: Vec<String>,
    /// Decides every draw
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where answers are kept and rows are put
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `amend synth lion`.
#[derive(Debug, Args)]
pub(super) struct LionArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// The given instructions, as JSON lines with `instruction` and perhaps `input`; without them, questions about atlas for
    /// its oracle
    #[arg(long, value_name = "FILE")]
    seeds: Option<PathBuf>,
    /// Who learns: `atlas`, or a model in a Hugging Face folder; with --learning none anybody [default: atlas]
    #[arg(long, value_name = "MODEL")]
    student: Option<RoleSource>,
    /// Who scores answers [default: the teacher]
    #[arg(long, value_name = "MODEL")]
    referee: Option<RoleSource>,
    /// Who writes instructions [default: the teacher]
    #[arg(long, value_name = "MODEL")]
    generator: Option<RoleSource>,
    /// What the student learns with [default: full]
    #[arg(long, value_enum, value_name = "METHOD")]
    learning: Option<LearningArg>,
    /// How often data is made where the student is weak [default: 3]
    #[arg(long, value_name = "N")]
    iterations: Option<u32>,
    /// New instructions of one iteration [default: 6000; 200 for the oracle of atlas]
    #[arg(long, value_name = "N")]
    instructions: Option<usize>,
}

/// What the student learns with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LearningArg {
    /// Nothing: it stays as it is
    None,
    /// An adapter
    Lora,
    /// All weights
    Full,
}

/// Arguments of `amend synth webr`.
#[derive(Debug, Args)]
pub(super) struct WebrArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// HTML files, folders of them, WARC(.gz), JSON lines; may be given several times
    #[arg(long, required = true, value_name = "PATH")]
    input: Vec<PathBuf>,
    /// Who writes profiles and requests [default: the teacher]
    #[arg(long, value_name = "MODEL")]
    author: Option<RoleSource>,
    /// Who refines drafts [default: the teacher]
    #[arg(long, value_name = "MODEL")]
    refiner: Option<RoleSource>,
    /// Use at most so many pages
    #[arg(long, value_name = "N")]
    pages: Option<u64>,
    /// A file that remembers requests over runs: none is made twice
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
}

impl CommonArgs {
    fn config(&self) -> anyhow::Result<SynthConfig> {
        let mut config = match &self.config {
            None => SynthConfig::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("failed to read {}", file.display()))?;
                SynthConfig::parse(&text).with_context(|| format!("{} cannot be used", file.display()))?
            }
        };
        name(&mut config, Role::Teacher, self.teacher.as_ref());
        if let Some(variable) = &self.teacher_key_env {
            config.roles.entry(Role::Teacher).or_default().key_env = Some(variable.clone());
        }
        config.budget.money = self.budget_money.or(config.budget.money);
        config.budget.tokens = self.budget_tokens.or(config.budget.tokens);
        config.prompts = self.prompts.clone().or(config.prompts);
        config.licence = self.licence.clone().or(config.licence);
        config.suites.extend(self.suite.iter().cloned());
        config.lion.seed = self.seed.unwrap_or(config.lion.seed);
        config.webr.seed = self.seed.unwrap_or(config.webr.seed);
        Ok(config)
    }
}

/// Another model in a role, within the limits that the file has for it.
fn name(config: &mut SynthConfig, role: Role, source: Option<&RoleSource>) {
    if let Some(source) = source {
        let named = config.roles.remove(&role).unwrap_or_default();
        config.roles.insert(role, EndpointRole { model: source.clone(), ..named });
    }
}

pub(super) fn lion(args: LionArgs) -> anyhow::Result<()> {
    let mut config = args.common.config()?;
    for (role, source) in
        [(Role::Student, &args.student), (Role::Referee, &args.referee), (Role::Generator, &args.generator)]
    {
        name(&mut config, role, source.as_ref());
    }
    let offline = config.role(Role::Teacher).model == RoleSource::AtlasOracle;
    if let Some(learning) = args.learning {
        config.student.method = match learning {
            LearningArg::None => LearnMethod::None,
            LearningArg::Lora => LearnMethod::Lora,
            LearningArg::Full => LearnMethod::Full,
        };
    }
    config
        .roles
        .entry(Role::Student)
        .or_insert_with(|| EndpointRole::of(RoleSource::Model("atlas".to_owned())));
    config.lion.iterations = args.iterations.unwrap_or(config.lion.iterations);
    let untold = offline && args.common.config.is_none();
    config.lion.instructions =
        args.instructions.unwrap_or(if untold { GIVEN as usize } else { config.lion.instructions });
    let watch = Watched::new()?;
    let given = match &args.seeds {
        Some(file) => read_instructions(file, &mut |line| eprintln!("{line}"))?,
        None if offline => about_atlas(config.lion.seed),
        None => bail!("give instructions with --seeds FILE; only the oracle of atlas has its own"),
    };
    let local = LocalModels::new()?;
    let student = match config.student.method {
        LearnMethod::None => None,
        LearnMethod::Lora | LearnMethod::Full => Some(local.folder(&config.role(Role::Student).model)?),
    };
    let lines = watch.clone();
    let request = LionRequest {
        config: &config,
        given,
        student,
        out: &args.common.out,
        control: watch.control.clone(),
        priority: Priority::Live,
        told: Box::new(move |line| lines.line(line)),
    };
    let mut observer = watch.clone();
    let finished = watch.runtime()?.block_on(synth::lion(request, &local, &mut observer))?;
    done(&finished, &watch, args.common.json)
}

pub(super) fn webr(args: WebrArgs) -> anyhow::Result<()> {
    let mut config = args.common.config()?;
    name(&mut config, Role::Author, args.author.as_ref());
    name(&mut config, Role::Refiner, args.refiner.as_ref());
    config.webr.pages = args.pages.or(config.webr.pages);
    let watch = Watched::new()?;
    let local = LocalModels::new()?;
    let request = WebrRequest {
        config: &config,
        input: args.input,
        out: &args.common.out,
        seen: args.seen.as_deref(),
        control: watch.control.clone(),
    };
    let mut observer = watch.clone();
    let finished = watch.runtime()?.block_on(synth::webr(request, &local, &mut observer))?;
    done(&finished, &watch, args.common.json)
}

/// Questions about atlas, none of which a suite is likely to ask.
fn about_atlas(seed: u64) -> Vec<Instruction> {
    let rows = Rows::new(Atlas::built_in(), seed, Split::Train);
    (0..GIVEN).map(|index| Instruction::new(rows.of_kind(Kind::Fact, index).query, Origin::Given)).collect()
}

fn done(finished: &FinishedRun, watch: &Watched, as_json: bool) -> anyhow::Result<()> {
    watch.bar.finish_and_clear();
    let FinishedRun { folder, card, asked, spent, .. } = finished;
    match as_json {
        true => output::json(&json!(finished))?,
        false => {
            output::line(format!(
                "{} rows are in {}; {asked} questions were asked now, {} in all, for {} tokens and {:.4} of money",
                card.rows,
                folder.display(),
                spent.requests,
                spent.prompt_tokens + spent.answer_tokens,
                spent.money
            ))?;
            output::line(format!("`amend synth inspect {}` shows them", folder.display()))?;
        }
    }
    let why = match card.info.ended {
        Ended::Finished => return Ok(()),
        Ended::Budget => "the budget is spent; with a larger one the same command goes on",
        Ended::Stopped => "stopped; the same command goes on from here",
    };
    Err(Failure::new(exit::FAILURE, why).into())
}

/// Models that are loaded here.
struct LocalModels {
    unpacked: TempDir,
}

impl LocalModels {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { unpacked: tempfile::tempdir().context("failed to make a temporary folder")? })
    }

    fn source(&self, source: &RoleSource) -> anyhow::Result<ModelSource> {
        match source {
            RoleSource::Model(name) => Ok(ModelSource::parse(name, self.unpacked.path())?),
            RoleSource::Live => {
                bail!("`live` is the model of a daemon; here name a model, or use a job of the daemon")
            }
            other => bail!("{other} is no model that can be loaded here"),
        }
    }

    /// The folder of a model that can be trained.
    fn folder(&self, source: &RoleSource) -> anyhow::Result<PathBuf> {
        trainable(&self.source(source)?)
            .context("the student cannot learn; with --learning none it is only compared")
    }
}

#[async_trait]
impl Models for LocalModels {
    async fn open(&self, source: &RoleSource) -> anyhow::Result<(Arc<dyn ChatModel>, NonZeroUsize)> {
        let engine = App::unpacked(EngineConfig::new(self.source(source)?)).await?;
        let slots = engine.slots()?;
        let model = engine.build().await.with_context(|| format!("failed to load {source}"))?;
        Ok((Arc::new(model), slots))
    }
}

/// A bar at a terminal, lines elsewhere; Ctrl-C stops the run in order.
#[derive(Clone)]
struct Watched {
    bar: ProgressBar,
    control: Control,
    stop: Arc<AtomicBool>,
}

impl Watched {
    fn new() -> anyhow::Result<Self> {
        let (control, stop) = (Control::default(), stop_on_interrupt()?);
        Ok(Self { bar: progress::bar(0, "{pos}/{len} {msg}"), control, stop })
    }

    fn runtime(&self) -> anyhow::Result<Runtime> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (control, stop) = (self.control.clone(), Arc::clone(&self.stop));
        runtime.spawn(async move {
            let mut looks = tokio::time::interval(std::time::Duration::from_millis(100));
            while !stop.load(Ordering::SeqCst) {
                looks.tick().await;
            }
            control.stop();
        });
        Ok(runtime)
    }

    fn line(&self, line: &str) {
        match self.bar.is_hidden() {
            true => eprintln!("{line}"),
            false => self.bar.println(line),
        }
    }
}

impl SynthObserver for Watched {
    fn at(&mut self, stage: &str, done: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(stage.to_owned());
        if self.bar.is_hidden() && done > 0 && (done == of || done.is_multiple_of(LINE_EVERY)) {
            eprintln!("{stage}: {done} of {of}");
        }
    }

    fn say(&mut self, line: &str) {
        self.line(line);
    }
}
