//! The edit store with many live edits: what a lookup, a write, an import and a start take, and how much memory an edit.
//!
//! `cargo run --release -p amend-editor --example scale -- FOLDER [EDITS]...` (10,000, 100,000 and 1,000,000 when nothing
//! is said; some minutes and 2 GB of memory). `FOLDER` gets a database for each size and should be on the disk that is
//! to be measured. Each phase runs in a process of its own, so that the memory of one is not counted for another:
//!
//! 1. *generate* writes the edits as lines, and the questions; from a seed, see `workload.rs`;
//! 2. *import* takes them in, then a twentieth more while another tenant writes one edit each 20 ms;
//! 3. *serve* opens the database, looks up alone, then from 8 clients at once while 50 edits a second are added, adds
//!    edits one by one, and goes back over all that import beside the other tenant.
//!
//! `scale FOLDER PHASE EDITS` runs one phase. What else the machine does is in the figures: *load* tells of it.

mod latency;
mod measure;
mod report;
mod wording;
mod workload;

use amend_editor::{NewEdit, Seq};
use measure::{Failure, Import, Opened};
use report::{Generated, Imported, Report, Served};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};
use workload::{Line, Question, Workload};

const SEED: u64 = 20_260_611;
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Questions of each kind.
const QUESTIONS: usize = 2_000;
/// Edits that are added one by one, by each measurement.
const SINGLE: usize = 500;
const CLIENTS: usize = 8;
const WRITES_A_SECOND: u32 = 50;
const CONCURRENT: Duration = Duration::from_secs(8);
/// What is taken in while another tenant writes: one part in so many.
const BESIDE: usize = 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, rest)) = arguments.split_first() else {
        return Err("wanted: scale FOLDER [EDITS]...".into());
    };
    if let [phase, edits] = rest
        && phase.parse::<usize>().is_err()
    {
        return one_phase(phase, &Files::of(Path::new(folder), edits.parse()?), edits.parse()?);
    }
    let sizes = rest.iter().map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    for size in sizes {
        let report = Report {
            edits: size,
            seed: SEED,
            generated: child(folder, "generate", size)?,
            imported: child(folder, "import", size)?,
            served: child(folder, "serve", size)?,
        };
        println!("{}", serde_json::to_string(&report)?);
        eprintln!("{report}");
    }
    Ok(())
}

fn child<T: DeserializeOwned>(folder: &str, phase: &str, size: usize) -> Result<T, Failure> {
    let size = size.to_string();
    let output = Command::new(std::env::current_exe()?)
        .args([folder, phase, &size])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(format!("the phase {phase} failed").into()),
    }
}

struct Files {
    folder: PathBuf,
}

impl Files {
    fn of(folder: &Path, edits: usize) -> Self {
        Self { folder: folder.join(format!("scale-{edits}")) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn one_phase(phase: &str, files: &Files, edits: usize) -> Result<(), Failure> {
    let runtime = || tokio::runtime::Runtime::new();
    match phase {
        "generate" => tell(&generate(files, edits)?),
        "import" => tell(&runtime()?.block_on(import(files))?),
        "serve" => tell(&runtime()?.block_on(serve(files))?),
        _ => Err(format!("{phase:?} is no phase").into()),
    }
}

fn tell(result: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}

/// A file of JSON lines.
struct Out(BufWriter<File>);

impl Out {
    fn new(files: &Files, name: &str) -> Result<Self, Failure> {
        Ok(Self(BufWriter::new(File::create(files.at(name))?)))
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, value)?;
        Ok(self.0.write_all(b"\n")?)
    }

    fn end(mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }
}

fn generate(files: &Files, edits: usize) -> Result<Generated, Failure> {
    std::fs::create_dir_all(&files.folder)?;
    for old in ["amend.db", "amend.db-wal", "amend.db-shm"] {
        match std::fs::remove_file(files.at(old)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut workload = Workload::new(edits, SEED)?;
    let mut questions: Vec<Question> = Vec::new();
    let (mut text_bytes, mut all_bytes) = (0, 0);
    let mut out = Out::new(files, "edits.jsonl")?;
    for at in 0..edits {
        let (line, question) = workload.edit();
        out.line(&line)?;
        let fields = [&line.subject, &line.object].into_iter().flatten().map(String::len).sum::<usize>();
        text_bytes += line.text.len() as u64;
        all_bytes += (line.text.len() + line.source.len() + fields) as u64;
        all_bytes += line.relation.as_ref().map_or(0, String::len) as u64;
        if at % (edits / QUESTIONS).max(1) == 0 && questions.len() < QUESTIONS {
            questions.push(question);
        }
    }
    out.end()?;
    let mut out = Out::new(files, "beside.jsonl")?;
    (0..edits / BESIDE).try_for_each(|_| out.line(&workload.edit().0))?;
    out.end()?;
    let mut out = Out::new(files, "single.jsonl")?;
    (0..3 * SINGLE).try_for_each(|_| out.line(&workload.edit_about_another()))?;
    out.end()?;
    let mut asked = Vec::with_capacity(5 * QUESTIONS);
    for question in &questions {
        asked.extend(workload.misspelt(question));
        asked.extend([
            workload.long(question),
            workload.other_subject(),
            workload.generic(),
            question.clone(),
        ]);
    }
    let mut out = Out::new(files, "questions.jsonl")?;
    asked.iter().try_for_each(|question| out.line(question))?;
    out.end()?;
    Ok(Generated { text_bytes, all_bytes, questions: asked.len() })
}

async fn import(files: &Files) -> Result<Imported, Failure> {
    let Opened { editor, .. } = measure::open(&files.at("amend.db")).await?;
    let before = measure::resident()?;
    let (tenant, other) = (measure::tenant(&editor, "main")?, measure::tenant(&editor, "other")?);
    let alone: Import = measure::import(&tenant, &files.at("edits.jsonl"), None).await?;
    let memory_bytes = measure::resident()?.saturating_sub(before);
    std::fs::write(files.at("through"), editor.last_seq().to_string())?;
    let single = single(files)?.split_off(2 * SINGLE);
    let beside = measure::import(&tenant, &files.at("beside.jsonl"), Some((other, single))).await?;
    editor.close().await?;
    let load = report::load()?;
    Ok(Imported { alone, beside, memory_bytes, load })
}

async fn serve(files: &Files) -> Result<Served, Failure> {
    let questions = Arc::new(lines::<Question>(&files.at("questions.jsonl"))?);
    let mut adding = single(files)?;
    adding.truncate(2 * SINGLE);
    let opened = measure::open(&files.at("amend.db")).await?;
    let editor = opened.editor;
    let edits = editor.count();
    let tenant = measure::tenant(&editor, "main")?;
    // Once for the caches of the processor and the system.
    measure::lookups(&tenant, &questions[..questions.len() / 10])?;
    let lookups = measure::lookups(&tenant, &questions)?;
    let added = adding.split_off(SINGLE);
    let load = (CLIENTS, CONCURRENT);
    let concurrent = measure::concurrent(&tenant, &questions, load, (adding, WRITES_A_SECOND)).await?;
    let adds = measure::adds(&tenant, added, &files.folder).await?;
    let back = Seq::new(std::fs::read_to_string(files.at("through"))?.parse()?);
    let before = tenant.count();
    let roll_back_seconds = measure::roll_back(&tenant, back).await?;
    let rolled_back = before - tenant.count();
    editor.close().await?;
    let load = report::load()?;
    Ok(Served {
        edits,
        open_seconds: opened.seconds,
        open_cpu_seconds: opened.cpu_seconds,
        memory_bytes: opened.memory_bytes,
        lookups,
        concurrent,
        adds,
        rolled_back,
        roll_back_seconds,
        load,
    })
}

/// Edits to add one by one, each with its question.
fn single(files: &Files) -> Result<Vec<(NewEdit, Question)>, Failure> {
    let lines = lines::<(Line, Question)>(&files.at("single.jsonl"))?;
    Ok(lines.into_iter().map(|(line, question)| (line.into(), question)).collect())
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    BufReader::new(File::open(path)?).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
