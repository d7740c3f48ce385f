//! The phases, each in a process of its own, so that the memory of one is not counted for another.

use super::{
    ScaleError, adds,
    embedder::WordDirections,
    files::{Files, Single},
    generate::generate,
    lookups, nearest, process,
    report::{Hybrid, Imported, Opening, Served},
    store::{self, Opened},
};
use amend_editor::{EncoderSetup, Seq};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, path::Path, process::Stdio, sync::Arc};
use tokio::{process::Command, task::spawn_blocking};

/// What one process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Phase {
    /// Writes the edits as lines, and the questions.
    Generate,
    /// Takes them in, then a twentieth more while another tenant writes.
    Import,
    /// Opens the store, looks up alone, then from several clients at once beside writes, adds edits one by one, and goes
    /// back over all that was taken in beside the other tenant.
    Serve,
    /// Adds edits one by one in a copy of the store in memory.
    AddInMemory,
    /// Opens the store with an encoder, which embeds everything.
    Embed,
    /// Opens it again with the embeddings from the cache, looks up alone and from several clients.
    Hybrid,
    /// Looks up the nearest embeddings in the index and exhaustively.
    Nearest,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Phase {
    /// As on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Import => "import",
            Self::Serve => "serve",
            Self::AddInMemory => "add-in-memory",
            Self::Embed => "embed",
            Self::Hybrid => "hybrid",
            Self::Nearest => "nearest",
        }
    }

    /// Runs it in a process of its own.
    pub(super) async fn measure<T: DeserializeOwned>(
        self,
        folder: &Path,
        edits: usize,
    ) -> Result<T, ScaleError> {
        eprintln!("{edits} edits: {self}");
        let program = std::env::current_exe().map_err(ScaleError::Start)?;
        let child = Command::new(program)
            .args(["bench", "edits", "--phase", self.name(), "--n", &edits.to_string(), "--folder"])
            .arg(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output();
        let output = child.await.map_err(ScaleError::Start)?;
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout)?),
            false => Err(ScaleError::Child { phase: self, edits, status: output.status }),
        }
    }

    /// Does it, in this process, and gives what was measured as JSON.
    ///
    /// # Errors
    /// [`ScaleError`].
    pub async fn run(self, folder: &Path, edits: usize) -> Result<String, ScaleError> {
        let files = Files::of(folder, edits);
        match self {
            Self::Generate => json(&spawn_blocking(move || generate(&files, edits)).await??),
            Self::Import => json(&import(&files).await?),
            Self::Serve => json(&serve(&files).await?),
            Self::AddInMemory => json(&adds::in_memory(&files).await?),
            Self::Embed => json(&embed(&files).await?),
            Self::Hybrid => json(&hybrid(&files).await?),
            Self::Nearest => json(&spawn_blocking(move || nearest::nearest(&files, edits)).await??),
        }
    }
}

fn json(measured: &impl Serialize) -> Result<String, ScaleError> {
    Ok(serde_json::to_string(measured)?)
}

/// Where the log ends after the first import.
const THROUGH: &str = "through";

async fn import(files: &Files) -> Result<Imported, ScaleError> {
    let editor = store::open(&files.database(), None).await?.editor;
    let before = process::resident()?;
    let (tenant, other) = (store::main_tenant(&editor)?, store::other_tenant(&editor)?);
    let alone = store::import(&tenant, (files, "edits.jsonl"), None).await?;
    let memory_bytes = process::resident()?.saturating_sub(before);
    files.write(THROUGH, [editor.last_seq()])?;
    let single = files.single(Single::BesideImport)?;
    let beside = store::import(&tenant, (files, "beside.jsonl"), Some((other, single))).await?;
    editor.close().await?;
    Ok(Imported { alone, beside, memory_bytes, load: process::load()? })
}

async fn serve(files: &Files) -> Result<Served, ScaleError> {
    let questions = files.questions()?;
    let opened = store::open(&files.database(), None).await?;
    let open = opening(&opened);
    let editor = opened.editor;
    let tenant = store::main_tenant(&editor)?;
    let lookups = lookups::alone(&tenant, &questions).await?;
    let concurrent = lookups::concurrent(&tenant, questions, files.single(Single::BesideLookups)?).await?;
    let adds = adds::adds(&tenant, files.single(Single::OnDisk)?, &files.folder).await?;
    let back: Seq = files.read(THROUGH)?.next().ok_or(ScaleError::Nothing)??;
    let before = tenant.count();
    let roll_back_seconds = store::roll_back(&tenant, back).await?;
    let rolled_back = before - tenant.count();
    editor.close().await?;
    Ok(Served { open, lookups, concurrent, adds, rolled_back, roll_back_seconds, load: process::load()? })
}

fn opening(opened: &Opened) -> Opening {
    let Opened { editor, seconds, cpu_seconds, memory_bytes } = opened;
    let (seconds, cpu_seconds, memory_bytes) = (*seconds, *cpu_seconds, *memory_bytes);
    Opening { edits: editor.count(), seconds, cpu_seconds, memory_bytes }
}

fn encoder() -> Result<EncoderSetup, ScaleError> {
    Ok(EncoderSetup::new(Arc::new(WordDirections::new(super::SEED)?)))
}

async fn embed(files: &Files) -> Result<Opening, ScaleError> {
    let opened = store::open(&files.database(), Some(encoder()?)).await?;
    let embedded = opening(&opened);
    opened.editor.close().await?;
    Ok(embedded)
}

async fn hybrid(files: &Files) -> Result<Hybrid, ScaleError> {
    let (encoder, questions) = (encoder()?, files.questions()?);
    let opened = store::open(&files.database(), Some(encoder)).await?;
    let open = opening(&opened);
    let tenant = store::main_tenant(&opened.editor)?;
    let lookups = lookups::alone(&tenant, &questions).await?;
    let adding = files.single(Single::BesideHybridLookups)?;
    let concurrent = lookups::concurrent(&tenant, questions, adding).await?;
    opened.editor.close().await?;
    Ok(Hybrid { open, lookups, concurrent, load: process::load()? })
}
