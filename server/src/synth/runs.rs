//! Whole runs: from settings to rows on disk.

use super::{
    FinishedRun, RunFolder, SynthConfig,
    config::RoleSource,
    guard::ShippedSuites,
    roles::{Models, cast},
    student::{LearnMethod, Learning},
};
use amend_proto::Priority;
use amend_trainer::{
    bmc::Control,
    synth::{
        ask::{Asker, Part, Role},
        lion::{Instruction, LionJob, LionRun, Student, Unlearning, lion_prompts, lion_sampling, run_lion},
        output::{Facts, PendingRows, lion_rows, write_set},
        pages::{Limits, PageStream},
        progress::SynthObserver,
        rows::Ended,
        webr::{WebrJob, run_webr, webr_prompts, webr_sampling},
    },
};
use anyhow::Context;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A Lion run.
pub struct LionRequest<'a> {
    /// What decides it.
    pub config: &'a SynthConfig,
    /// The given instructions.
    pub given: Vec<Instruction>,
    /// The folder of the model that learns, where it does.
    pub student: Option<PathBuf>,
    /// Where it keeps its answers and puts its rows.
    pub out: &'a Path,
    /// Pauses and stops it.
    pub control: Control,
    /// Whether somebody waits for it: else it goes behind everything.
    pub priority: Priority,
    /// Told what the student's training does.
    pub told: Box<dyn FnMut(&str) + Send + 'a>,
}

/// Makes instruction data where the student is behind its teacher.
///
/// # Errors
/// When a setting, a model, the folder or the disk cannot be used; what was answered is kept, and the same request goes on.
pub async fn lion(
    request: LionRequest<'_>,
    models: &dyn Models,
    observer: &mut dyn SynthObserver,
) -> anyhow::Result<FinishedRun> {
    let LionRequest { config, given, student, out, control, priority, told } = request;
    let guard = ShippedSuites::with(&config.suites)?;
    let learns = config.student.method != LearnMethod::None;
    let mut roles = vec![Role::Teacher, Role::Referee, Role::Generator];
    if !learns {
        roles.push(Role::Student);
    }
    let (cast, oracles) = cast(config, &roles, (models, &control), lion_sampling).await?;
    let prompts = lion_prompts(config.prompts.as_deref(), &oracles)?;
    let ids: Vec<&str> = given.iter().map(|one| one.id.as_str()).collect();
    let settings = json!({
        "method": "lion", "config": without_limits(config), "given": amend_trainer::synth::names(&ids), "prompts": prompts.sources(),
        "student": student.as_deref().map(amend_trainer::lte::folder_hash).transpose()?,
    });
    let folder = RunFolder::claim(out, &settings)?;
    if let Some(finished) = folder.finished()? {
        return Ok(finished);
    }
    let mut asker = Asker::open(&folder.answers(), cast, config.budget, control.clone())?;
    let (mut learning, mut fixed);
    let student: &mut dyn Student = match learns {
        true => {
            learning = Some(Learning {
                model: student.context(
                    "name a model in a Hugging Face folder as the student, or one that does not learn",
                )?,
                trained: None,
                folder: out.join("student"),
                settings: config.student,
                seed: config.lion.seed,
                role: config.role(Role::Student),
                sampling: lion_sampling(Role::Student),
                priority,
                control,
                models,
                told,
            });
            learning.as_mut().context("it was just made")?
        }
        false => {
            learning = None;
            fixed = Unlearning(playing(&asker, Role::Student)?);
            &mut fixed
        }
    };
    let job = LionJob { given, settings: config.lion, prompts: &prompts, guard: &guard };
    let run = run_lion(job, &mut asker, student, observer).await?;
    let models = asker.cast().models();
    let LionRun { rows, iterations, counts, removed, ended } = run;
    let set = lion_rows(&rows, &models, (config.lion.seed, config.licence.as_deref()));
    let facts =
        Facts { method: "lion".to_owned(), settings, seed: config.lion.seed, models, counts, removed, ended };
    let card = write_set(out, &|each| set.each(each), (facts, &guard))?;
    let report = json!({"iterations": iterations, "spent_by_role": asker.ledger().by_role()});
    let trained = learning.and_then(|learning| learning.trained);
    folder.finish(FinishedRun { student: trained, ..FinishedRun::of(out, card, (&asker, report)) })
}

/// A WebR run.
pub struct WebrRequest<'a> {
    /// What decides it.
    pub config: &'a SynthConfig,
    /// Files and folders of documents.
    pub input: Vec<PathBuf>,
    /// Where it keeps its answers and puts its rows.
    pub out: &'a Path,
    /// Requests of earlier runs, kept over runs.
    pub seen: Option<&'a Path>,
    /// Pauses and stops it.
    pub control: Control,
}

/// Makes instruction data from documents.
///
/// # Errors
/// As [`lion`].
pub async fn webr(
    request: WebrRequest<'_>,
    models: &dyn Models,
    observer: &mut dyn SynthObserver,
) -> anyhow::Result<FinishedRun> {
    let WebrRequest { config, input, out, seen, control } = request;
    let guard = ShippedSuites::with(&config.suites)?;
    let roles = [Role::Author, Role::Teacher, Role::Refiner];
    let (cast, oracles) = cast(config, &roles, (models, &control), |_| webr_sampling()).await?;
    let prompts = webr_prompts(config.prompts.as_deref(), &oracles)?;
    let settings = json!({
        "method": "webr", "config": without_limits(config), "input": input, "prompts": prompts.sources(),
    });
    let folder = RunFolder::claim(out, &settings)?;
    if let Some(finished) = folder.finished()? {
        return Ok(finished);
    }
    let asker = Asker::open(&folder.answers(), cast, config.budget, control)?;
    let mut pages = PageStream::open(input, Limits::default())?;
    let mut pending = PendingRows::create(out)?;
    let job = WebrJob {
        settings: &config.webr,
        prompts: &prompts,
        guard: &guard,
        licence: config.licence.as_deref(),
        seen,
    };
    let (mut run, mut dedup) =
        run_webr(&job, &mut pages, &asker, &mut |row| pending.push(&row), observer).await?;
    let (models, seed) = (asker.cast().models(), config.webr.seed);
    let set = pending.mixed(config.webr.wi_per_wr, &mut run.counts)?;
    let facts = Facts {
        method: "webr".to_owned(),
        settings,
        seed,
        models,
        counts: run.counts,
        removed: run.removed,
        ended: run.ended,
    };
    let card = write_set(out, &|each| set.each(each), (facts, &guard))?;
    set.remove()?;
    if card.info.ended == Ended::Finished {
        dedup.commit()?;
    }
    let report = json!({"pages": run.pages, "spent_by_role": asker.ledger().by_role()});
    folder.finish(FinishedRun::of(out, card, (&asker, report)))
}

fn playing(asker: &Asker, role: Role) -> anyhow::Result<Part> {
    asker.cast().part(role).cloned().with_context(|| format!("nobody plays the {role}"))
}

/// What decides the rows: with another budget, other keys and other limits the same run goes on.
fn without_limits(config: &SynthConfig) -> Value {
    let who = |source: RoleSource| Value::from(source.to_string());
    let roles: serde_json::Map<String, Value> =
        config.roles.iter().map(|(role, named)| (role.to_string(), who(named.model.clone()))).collect();
    json!({
        "roles": roles, "suites": config.suites, "licence": config.licence, "lion": config.lion, "webr": config.webr,
        "student": config.student,
    })
}
