//! How well and how fast the main text of pages is found, with trafilatura on the same pages in the same run.
//!
//! ```sh
//! cargo run --release -p amend-trainer --example page_extraction
//! cargo run --release -p amend-trainer --example page_extraction -- --python VENV/bin/python    # pip install trafilatura
//! cargo run --release -p amend-trainer --example page_extraction -- --input PATH    # what a file or folder gives
//! ```
//!
//! The labelled pages are those of `fixtures/pages`; the speed is that of 200 made pages of 20 to 200 KB, the best of
//! five passes, by the processor time of one thread, from decoded text to paragraphs.

mod made;
mod score;

use amend_trainer::synth::pages::{Limits, Outcome, PageStream, QualityFlaw, QualitySettings, extract};
use amend_trainer::{Error, Result};
use score::{Score, bootstrap, score};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(Deserialize)]
struct Theirs {
    text: String,
    without_comments: String,
    seconds: f64,
}

fn data(problem: impl std::fmt::Display) -> Error {
    Error::Data(problem.to_string())
}

/// What trafilatura makes of these files.
fn theirs(python: &str, files: &[PathBuf]) -> Result<Vec<Theirs>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/page_extraction/trafilatura_texts.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(data)?;
    let names: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    let mut input = child.stdin.take().ok_or_else(|| data("no standard input"))?;
    let writer = std::thread::spawn(move || input.write_all(names.as_bytes()));
    let output = child.wait_with_output().map_err(data)?;
    writer.join().map_err(|_| data("the writing thread panicked"))?.map_err(data)?;
    let text = String::from_utf8(output.stdout).map_err(data)?;
    let mut lines = text.lines();
    println!("trafilatura {}", lines.next().ok_or_else(|| data("trafilatura printed nothing"))?);
    lines.map(|line| serde_json::from_str(line).map_err(data)).collect()
}

fn labelled() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).map_err(data)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "html"));
    files.sort();
    Ok(files)
}

fn row(name: &str, all: &[Score]) {
    let of = |pick: fn(&Score) -> f64| bootstrap(&all.iter().map(pick).collect::<Vec<f64>>());
    let ((p, ..), (r, ..), (f, low, high)) = (of(|s| s.precision), of(|s| s.recall), of(|s| s.f1));
    println!("{name:<34} precision {p:.3}  recall {r:.3}  F1 {f:.3} ({low:.3} to {high:.3})");
}

fn quality(python: Option<&str>) -> Result<()> {
    let files = labelled()?;
    let peer = python.map(|python| theirs(python, &files)).transpose()?;
    let (mut ours, mut default, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for (n, file) in files.iter().enumerate() {
        let html = fs::read_to_string(file).map_err(data)?;
        let label = fs::read_to_string(file.with_extension("txt")).map_err(data)?;
        let text =
            extract(&html, &Limits::default()).map(|found| found.paragraphs.join("\n\n")).unwrap_or_default();
        if std::env::var_os("SHOW").is_some() {
            println!("---- {}\n{text}\n", file.display());
        }
        ours.push(score(&text, &label));
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let peer = peer.as_ref().and_then(|peer| peer.get(n)).map(|peer| {
            default.push(score(&peer.text, &label));
            without.push(score(&peer.without_comments, &label));
            format!("   trafilatura {:.3}", score(&peer.text, &label).f1)
        });
        println!("{name:<34} F1 {:.3}{}", ours[n].f1, peer.unwrap_or_default());
    }
    row("amend", &ours);
    if peer.is_some() {
        row("trafilatura", &default);
        row("trafilatura, without comments", &without);
        let better: Vec<f64> = ours.iter().zip(&default).map(|(a, b)| a.f1 - b.f1).collect();
        let (mean, low, high) = bootstrap(&better);
        println!("F1 of amend less trafilatura's, by page: {mean:+.3} ({low:+.3} to {high:+.3})");
    }
    Ok(())
}

fn speed(python: Option<&str>) -> Result<()> {
    let pages = made::pages(200);
    let bytes: usize = pages.iter().map(String::len).sum();
    let megabytes = bytes as f64 / 1e6;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let started = cpu_seconds()?;
        for page in &pages {
            extract(page, &Limits::default())
                .map_err(|(reason, detail)| data(format!("{reason:?}: {detail}")))?;
        }
        best = best.min(cpu_seconds()? - started);
    }
    println!(
        "amend: {:.1} MB a CPU second over {} pages, {megabytes:.1} MB, the best of five passes",
        megabytes / best,
        pages.len()
    );
    let Some(python) = python else { return Ok(()) };
    let folder = std::env::temp_dir().join(format!("amend-pages-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(data)?;
    let files: Vec<PathBuf> = (0..pages.len()).map(|n| folder.join(format!("{n}.html"))).collect();
    for (file, page) in files.iter().zip(&pages) {
        fs::write(file, page).map_err(data)?;
    }
    let seconds: f64 = theirs(python, &files)?.iter().map(|page| page.seconds).sum();
    fs::remove_dir_all(&folder).map_err(data)?;
    println!("trafilatura: {:.1} MB a CPU second over the same pages, one pass", megabytes / seconds);
    Ok(())
}

/// What became of the records of a file or folder, in what time, and the most memory that was held.
fn stream(input: &str) -> Result<()> {
    let started = Instant::now();
    let mut pages = PageStream::open(vec![input.into()], Limits::default())?;
    let (mut bytes, mut flaws) = (0, BTreeMap::<QualityFlaw, u64>::new());
    let settings = QualitySettings::default();
    for outcome in pages.by_ref() {
        match outcome {
            Outcome::Page(page) => {
                bytes += page.paragraphs.iter().map(String::len).sum::<usize>();
                if let Err(flaw) = settings.check(&page) {
                    *flaws.entry(flaw).or_default() += 1;
                }
            }
            Outcome::Skipped(skip) => println!("{}: {:?}: {}", skip.source, skip.reason, skip.detail),
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{:#?}\nof the pages, by what the quality rules say: {flaws:?}", pages.counts());
    println!("{bytes} bytes of text in {seconds:.2} s, at most {:?} MiB held", peak_mib());
    Ok(())
}

/// The processor time of this thread, in seconds, as Linux tells it: other work may share the cores.
fn cpu_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").map_err(data)?;
    let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
    nanoseconds.map(|n| n as f64 / 1e9).ok_or_else(|| data("no time in /proc/thread-self/schedstat"))
}

/// The most memory that this process ever had, as Linux tells it.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let python = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--python", python] => Some(python),
        ["--input", input] => return stream(input),
        _ => return Err(Error::Settings("the arguments are --python PYTHON or --input PATH".into())),
    };
    quality(python)?;
    speed(python)
}
