//! `amend bench train` without the server: `cargo run --release -p amend-trainer --example bench_train -- FOLDER [PYTHON]`.
//!
//! The environment may say `ROUNDS` (3), `THREADS` (all), `VOCABULARY` (8192), `ACTIVATIONS` (kept or recomputed) and
//! `GROWTH` (no or yes).

use amend_trainer::bench::{BenchOptions, Shape, Side, measure, run};
use amend_trainer::decoder::Activations;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The allocator of `amend`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> Result<T, T::Err> {
    std::env::var(name).map_or(Ok(default), |text| text.parse())
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, peer) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--side", side, folder] => {
            let measured = measure(Path::new(folder), side.parse::<Side>()?)?;
            println!("{}", serde_json::to_string(&measured)?);
            return Ok(());
        }
        [folder] => (folder, None),
        [folder, python] => (folder, Some(PathBuf::from(python))),
        _ => return Err("say FOLDER [PYTHON]".into()),
    };
    let start = |folder: &Path, side: Side| {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--side").arg(side.to_string()).arg(folder);
        Ok(command)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = run(&BenchOptions {
        folder: Path::new(folder),
        shape: Shape { vocabulary: setting("VOCABULARY", 8_192)?, ..Shape::default() },
        rounds: setting("ROUNDS", 3)?,
        activations: match setting("ACTIVATIONS", String::from("kept"))?.as_str() {
            "kept" => Activations::Kept,
            "recomputed" => Activations::Recomputed,
            other => return Err(format!("{other} is neither kept nor recomputed").into()),
        },
        threads: setting("THREADS", threads)?,
        peer,
        growth: setting("GROWTH", String::from("no"))? == "yes",
        start: &start,
        said: &|line| eprintln!("{line}"),
    })?;
    print!("{report}");
    std::fs::write(Path::new(folder).join("report.json"), serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
