//! The ROUGE-L filter and the search for duplicates beside `rouge_score` and `datasketch`:
//! `cargo run --release -p amend-trainer --example synth_peers -- --python PYTHON [--json]`.
//!
//! Without `--python` only our side runs. The environment may say `TEXTS` (20000), `DECIDED` (1000; how many `rouge_score`
//! decides on), `MANY` (1000000; rows of the stream) and `SEED` (1).

use amend_trainer::synth::bench::{BenchOptions, run};
use std::path::PathBuf;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The allocator of `amend`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> Result<T, T::Err> {
    std::env::var(name).map_or(Ok(default), |text| text.parse())
}

fn main() -> Outcome {
    let (mut peer, mut json) = (None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => peer = Some(PathBuf::from(arguments.next().ok_or("--python needs a program")?)),
            "--json" => json = true,
            _ => return Err(format!("say [--python PYTHON] [--json], not {argument}").into()),
        }
    }
    let folder = tempfile::tempdir()?;
    let report = run(&BenchOptions {
        folder: folder.path(),
        peer,
        texts: setting("TEXTS", 20_000)?,
        decided: setting("DECIDED", 1_000)?,
        many: setting("MANY", 1_000_000)?,
        seed: setting("SEED", 1)?,
        said: &|line| eprintln!("{line}"),
    })?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    if report.holds() { Ok(()) } else { Err("a promise is missed".into()) }
}
