//! `amend train lte`.

use super::watch::{Watch, stop_on_interrupt, stopped, trainable};
use crate::{
    app::{App, AppConfig},
    cli::{eval::tell_issues, output},
    engine::ModelSource,
    evaluation,
};
use amend_eval::data::{Contents, EditRecord, Fact, LocalityKind, PortabilityKind, Probe, sniff};
use amend_proto::ChatModel;
use amend_trainer::{
    atlas::{Atlas, AtlasOracle, builtin},
    lte::{
        AlignJob, AlignObserver, AlignRecipe, Aligned, AlignmentFact, Asked, DataCard, Instruction, Teacher,
        WordOverlap, align, atlas_facts, atlas_instructions, read_lines,
    },
    sft::StepMetrics,
};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::{
    fs::File,
    io::BufReader,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `amend train lte`.
#[derive(Debug, Args)]
pub struct LteArgs {
    /// The model to align: `atlas` (built in), or a Hugging Face folder
    #[arg(long, default_value = "atlas", value_name = "MODEL")]
    model: String,
    /// Edits with questions about them: a published set (ZsRE, KnowEdit, CounterFact, MQuAKE), facts as JSON lines
    /// (`.jsonl` with subject, statement, question, answer), or `atlas`; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<String>,
    /// Facts that are taken of each source
    #[arg(long, default_value = "20000", value_name = "N")]
    facts: NonZeroUsize,
    /// Free-form requests as JSON lines (instruction, answer), or `atlas`; none, unless given or the data are `atlas`
    #[arg(long, value_name = "FILE")]
    instructions: Option<String>,
    /// What learns
    #[arg(long, value_enum, default_value_t = MethodArg::Lora)]
    method: MethodArg,
    /// Who fills in answers that the data do not have
    #[arg(long, value_enum, default_value_t = TeacherArg::SelfModel)]
    teacher: TeacherArg,
    /// Decides every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often every row is trained [default: the method's]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// The highest learning rate [default: the method's]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The folder that becomes the candidate
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the candidate's card as JSON
    #[arg(long)]
    json: bool,
}

/// What learns, with the settings that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodArg {
    /// An adapter (rank 8, alpha 16, dropout 0.05, rate 3e-4), merged into the model at the end
    Lora,
    /// Every weight, at rate 2e-5
    Full,
    /// Every weight of a small model that was made from nothing, at its own high rate
    Scratch,
}

/// Who fills in missing answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TeacherArg {
    /// The model itself, before it is aligned
    #[value(name = "self")]
    SelfModel,
    /// The oracle of atlas, which knows the small world
    Atlas,
    /// Nobody: rows without an answer are left out, and counted
    None,
}

/// What is trained on.
#[derive(Default)]
struct Material {
    facts: Vec<AlignmentFact>,
    instructions: Vec<Instruction>,
    sources: Vec<String>,
}

pub(super) fn run(args: LteArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let unpacked = tempfile::tempdir().context("failed to make a temporary folder")?;
    let source = ModelSource::parse(&args.model, unpacked.path())?;
    let folder = trainable(&source)?;
    let name = match &source {
        // The folder that it is read from goes; whoever loads the adapter finds the model in this one.
        ModelSource::Builtin { .. } if args.method == MethodArg::Lora => {
            let copy = args.out.join(folder.file_name().unwrap_or_default());
            copy.to_string_lossy().into_owned()
        }
        _ => args.model.clone(),
    };
    let material = material(&args)?;
    let teacher = runtime.block_on(teacher(&args, &folder, unpacked.path()))?.map(Teacher::new);
    let job = AlignJob {
        model: &folder,
        name: &name,
        facts: &material.facts,
        instructions: &material.instructions,
        sources: &material.sources,
        teacher: teacher.as_ref(),
        nearness: &WordOverlap,
        template: None,
        recipe: recipe(&args),
        out: &args.out,
    };
    let mut progress = Progress(Watch::new(0, stop_on_interrupt()?));
    match align(&job, &mut progress).context("failed to align the model")? {
        Aligned::Finished(card) => {
            progress.0.bar.finish_and_clear();
            if name != args.model {
                builtin::unpack(&args.out)?;
            }
            match args.json {
                true => output::line(serde_json::to_string_pretty(&card)?),
                false => output::line(format!(
                    "{} is aligned; serve it with `amend serve --model {}`",
                    args.model,
                    args.out.join("model").display()
                )),
            }
        }
        Aligned::Stopped { step } => Err(stopped(&format!("after step {step}"))),
    }
}

fn recipe(args: &LteArgs) -> AlignRecipe {
    let mut recipe = match args.method {
        MethodArg::Lora => AlignRecipe::lora(),
        MethodArg::Full => AlignRecipe::full(),
        MethodArg::Scratch => AlignRecipe::from_nothing(),
    };
    (recipe.seed, recipe.data.seed) = (args.seed, args.seed);
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    recipe.learning_rate = args.learning_rate.unwrap_or(recipe.learning_rate);
    recipe
}

fn material(args: &LteArgs) -> anyhow::Result<Material> {
    let mut all = Material { sources: args.data.clone(), ..Material::default() };
    for source in &args.data {
        all.facts.extend(facts(source, args)?);
    }
    // The published proportion: a third of all rows. What is left over is not used.
    let wanted = all.facts.len();
    let from_atlas = args.data.iter().any(|source| source == "atlas");
    all.instructions = match args.instructions.as_deref() {
        Some("atlas") => atlas_instructions(Atlas::built_in(), args.seed, wanted),
        Some(file) => read_lines(Path::new(file))?,
        None if from_atlas => atlas_instructions(Atlas::built_in(), args.seed, wanted),
        None => Vec::new(),
    };
    all.sources.extend(args.instructions.clone());
    Ok(all)
}

fn facts(source: &str, args: &LteArgs) -> anyhow::Result<Vec<AlignmentFact>> {
    if source == "atlas" {
        return Ok(atlas_facts(Atlas::built_in(), args.seed, args.facts.get()));
    }
    let path = PathBuf::from(source);
    if !is_published(&path).with_context(|| format!("failed to read {source}"))? {
        let facts = read_lines::<AlignmentFact>(&path)?;
        return Ok(facts.into_iter().take(args.facts.get()).collect());
    }
    let read = evaluation::read(&[path], args.facts)?;
    tell_issues(&read);
    Ok(read.records.iter().flat_map(of_record).collect())
}

/// Whether a file holds a published set rather than facts, by its first record; where that tells nothing, by its name. The
/// one reader's errors are then told, with line and field.
fn is_published(path: &Path) -> std::io::Result<bool> {
    Ok(match sniff(&mut BufReader::new(File::open(path)?))?.contents {
        Contents::Published => true,
        Contents::OtherLines => false,
        Contents::Unclear => path.extension().is_some_and(|ending| ending == "json"),
    })
}

/// One fact for each edit of a record; the record's questions go with the first. Where there are several edits, the
/// questions that chain them need them all.
fn of_record(record: &EditRecord) -> Vec<AlignmentFact> {
    let asked = |probe: &Probe| Asked::new(&probe.prompt, probe.gold.first());
    let fact = |fact: &Fact| AlignmentFact {
        subject: fact.subject.clone(),
        statement: fact.statement.clone(),
        question: fact.prompt.clone(),
        rephrasings: fact.rephrasings.clone(),
        answer: fact.target.first().to_owned(),
        before: fact.before.as_ref().map(|gold| gold.first().to_owned()),
        portability: Vec::new(),
        needs: Vec::new(),
        locality: Vec::new(),
    };
    let mut facts: Vec<AlignmentFact> = record.facts().map(fact).collect();
    if let Some(first) = facts.first_mut() {
        first.needs = record.further.iter().map(|fact| fact.statement.clone()).collect();
        let kinds = [PortabilityKind::Reasoning, PortabilityKind::Aliasing, PortabilityKind::Logical];
        first.portability =
            kinds.into_iter().flat_map(|kind| record.portability.of(kind)).map(asked).collect();
        let kinds =
            [LocalityKind::RelationSpecificity, LocalityKind::Forgetfulness, LocalityKind::OtherSubjects];
        first.locality = kinds.into_iter().flat_map(|kind| record.locality.of(kind)).map(asked).collect();
    }
    facts
}

async fn teacher(args: &LteArgs, folder: &Path, data: &Path) -> anyhow::Result<Option<Arc<dyn ChatModel>>> {
    match args.teacher {
        TeacherArg::None => Ok(None),
        TeacherArg::Atlas => Ok(Some(Arc::new(AtlasOracle::new(Atlas::built_in())))),
        TeacherArg::SelfModel => {
            let model = folder.to_str().context("the model's path is not UTF-8")?;
            let app = App::start(AppConfig::new(data.join("teacher"), model)?).await?;
            app.load().await?;
            Ok(Some(app.unedited()))
        }
    }
}

struct Progress(Watch);

impl AlignObserver for Progress {
    fn on_answers(&mut self, known: usize, of: usize) {
        self.0.bar.set_length(of as u64);
        self.0.bar.set_position(known as u64);
        self.0.bar.set_message("answers of the teacher".to_owned());
    }

    fn on_data(&mut self, card: &DataCard) {
        self.0.say(&format!("the data set is made: {} rows", card.rows));
    }

    fn on_step(&mut self, metrics: &StepMetrics, total: u64) {
        self.0.step(metrics, total);
    }

    fn stop(&self) -> bool {
        self.0.stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> anyhow::Result<Vec<AlignmentFact>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        facts(file.to_str().unwrap(), &args())
    }

    fn args() -> LteArgs {
        #[derive(clap::Parser)]
        struct CommandLine {
            #[command(flatten)]
            lte: LteArgs,
        }
        <CommandLine as clap::Parser>::parse_from(["lte", "--data", "atlas", "--out", "out"]).lte
    }

    #[test]
    fn a_wrong_line_of_facts_is_named_with_its_field() {
        let good = r#"{"subject": "Tarn", "statement": "Tarn is in Vell.", "question": "Where is Tarn?", "answer": "Vell"}"#;
        let bad = good.replace("\"answer\"", "\"response\"");
        assert_eq!(read(good, "facts.jsonl").unwrap().len(), 1);
        for (text, line) in [(format!("{good}\n{bad}\n"), "line 2"), (format!("{bad}\n{good}\n"), "line 1")] {
            let error = format!("{:#}", read(&text, "facts.jsonl").unwrap_err());
            assert!(error.contains(line) && error.contains("response"), "{error}");
        }
        let error = format!("{:#}", facts("nosuch.jsonl", &args()).unwrap_err());
        assert_eq!(error.matches("os error").count(), 1, "{error}");
    }

    #[test]
    fn chained_questions_need_all_edits_of_their_record() {
        let rewrite = |subject: &str, relation: &str, new: &str| {
            serde_json::json!({"prompt": format!("The {relation} of {{}} is"), "subject": subject,
                "target_new": {"str": new}, "target_true": {"str": "x"}, "question": format!("What is the {relation} of {subject}?")})
        };
        let record = serde_json::json!([{
            "requested_rewrite": [rewrite("Nordwind", "seat", "Tarn"), rewrite("Tarn", "mayor", "Ana Rell")],
            "questions": ["Who is the mayor of the seat of Nordwind?"], "new_answer": "Ana Rell",
        }]);
        let facts = read(&record.to_string(), "mquake.json").unwrap();
        assert_eq!((facts.len(), facts[0].portability.len()), (2, 1));
        assert_eq!((&facts[0].needs, facts[1].needs.len()), (&vec![facts[1].statement.clone()], 0));
    }
}
