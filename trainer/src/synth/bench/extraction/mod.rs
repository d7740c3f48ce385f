//! The main texts of pages beside `trafilatura`: how fast on made pages, how well on labelled ones.

mod made;
mod score;

use super::super::pages::{Limits, extract};
use super::peer::{PagesTask, PagesTold, ask};
use super::run::BenchOptions;
use super::watch::Took;
use crate::{Error, Result};
pub use score::Interval;
use score::bootstrap;
pub(in crate::synth) use score::score;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// How often our side is timed; the mean counts.
const ROUNDS: u32 = 5;

/// What was measured of the search for main texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extraction {
    /// Made pages of 20 to 200 KB, for the speed.
    pub pages: usize,
    /// All of them, in millions of bytes.
    pub megabytes: f64,
    /// What one pass took, one thread, from decoded text to paragraphs.
    pub took: Took,
    /// The Python side on the same pages, if there was one.
    pub peer: Option<ExtractionPeer>,
    /// On labelled pages, if there were any.
    pub labelled: Option<Labelled>,
}

/// `trafilatura` on the made pages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtractionPeer {
    /// What one pass took.
    pub took: Took,
    /// What it is.
    pub version: String,
}

/// How much of the labels is found, and how little besides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Labelled {
    /// Of each page.
    pub pages: Vec<LabelledPage>,
    /// Over words as a multiset: what is found that is in the label.
    pub precision: Interval,
    /// What is in the label that is found.
    pub recall: Interval,
    /// Their harmonic mean.
    pub f1: Interval,
    /// F1 of the Python side, if there was one.
    pub peer_f1: Option<Interval>,
    /// The same when it leaves comments out.
    pub peer_f1_without_comments: Option<Interval>,
    /// Ours less the peer's, page by page.
    pub better: Option<Interval>,
}

/// A labelled page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelledPage {
    /// The file's name.
    pub name: String,
    /// F1 of what we find.
    pub f1: f64,
    /// F1 of what the Python side finds.
    pub peer_f1: Option<f64>,
}

impl Extraction {
    /// Millions of bytes a second of processor time.
    #[must_use]
    pub fn megabytes_per_second(&self) -> f64 {
        self.megabytes / self.took.alone()
    }
}

/// Measures on made pages, and on labelled ones.
pub(super) fn measure(options: &BenchOptions<'_>, labels: &[PathBuf]) -> Result<Extraction> {
    let pages = made::pages(options.pages);
    let megabytes = pages.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let once = || {
        pages.iter().try_for_each(|page| {
            let found = extract(page, &Limits::default());
            std::hint::black_box(found).map(drop).map_err(|(reason, detail)| {
                Error::Data(format!("a made page is skipped as {reason:?}: {detail}"))
            })
        })
    };
    let (done, took) = Took::here(|| (0..ROUNDS).try_for_each(|_| once()));
    done?;
    let took = took.of(ROUNDS);
    (options.said)(&format!("pages: {megabytes:.1} MB in {:.2} s", took.alone()));
    let files = options.peer.as_ref().map(|_| write(options.folder, &pages)).transpose()?;
    let peer = theirs(options, &files.unwrap_or_default())?;
    let peer = peer.map(|told| ExtractionPeer { took: told.took, version: told.version });
    let labelled = (!labels.is_empty()).then(|| labelled(options, labels)).transpose()?;
    Ok(Extraction { pages: pages.len(), megabytes, took, peer, labelled })
}

/// What the Python side makes of these files, if there is one.
fn theirs(options: &BenchOptions<'_>, files: &[PathBuf]) -> Result<Option<PagesTold>> {
    let Some(python) = options.peer.as_deref() else { return Ok(None) };
    let told: PagesTold = ask((python, options.folder), "pages", &PagesTask { files })?;
    match told.texts.len() == files.len() && told.without_comments.len() == files.len() {
        true => Ok(Some(told)),
        false => Err(Error::Data("the Python side of pages left something out".into())),
    }
}

/// For the Python side, which reads files.
fn write(folder: &Path, pages: &[String]) -> Result<Vec<PathBuf>> {
    let folder = folder.join("pages");
    fs::create_dir_all(&folder).map_err(Error::io("creating", &folder))?;
    let put = |(number, page): (usize, &String)| {
        let file = folder.join(format!("{number}.html"));
        fs::write(&file, page).map_err(Error::io("writing", &file))?;
        Ok(file)
    };
    pages.iter().enumerate().map(put).collect()
}

/// The labelled pages of a folder: `NAME.html`, and in `NAME.txt` its main text.
///
/// # Errors
/// [`Error::Settings`] when there is none; [`Error::Io`].
pub(super) fn labelled_pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("reading", folder))? {
        files.push(entry.map_err(Error::io("reading", folder))?.path());
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "html"));
    files.sort();
    match files.is_empty() {
        true => Err(Error::Settings(format!("{} has no labelled page", folder.display()))),
        false => Ok(files),
    }
}

fn labelled(options: &BenchOptions<'_>, files: &[PathBuf]) -> Result<Labelled> {
    let peer = theirs(options, files)?;
    let (mut ours, mut default, mut without, mut pages) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, file) in files.iter().enumerate() {
        let read = |file: &Path| fs::read_to_string(file).map_err(Error::io("reading", file));
        let (html, label) = (read(file)?, read(&file.with_extension("txt"))?);
        let found = extract(&html, &Limits::default());
        ours.push(score(&found.map(|found| found.paragraphs.join("\n\n")).unwrap_or_default(), &label));
        if let Some(peer) = &peer {
            default.push(score(&peer.texts[at], &label).f1);
            without.push(score(&peer.without_comments[at], &label).f1);
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        pages.push(LabelledPage { name, f1: ours[at].f1, peer_f1: default.get(at).copied() });
    }
    let f1: Vec<f64> = ours.iter().map(|score| score.f1).collect();
    let better: Vec<f64> = f1.iter().zip(&default).map(|(ours, theirs)| ours - theirs).collect();
    let beside = |values: &[f64]| peer.as_ref().map(|_| bootstrap(values));
    let of_f1 = bootstrap(&f1);
    (options.said)(&format!("pages: {} labelled ones, F1 {:.3}", pages.len(), of_f1.mean));
    Ok(Labelled {
        precision: bootstrap(&ours.iter().map(|score| score.precision).collect::<Vec<_>>()),
        recall: bootstrap(&ours.iter().map(|score| score.recall).collect::<Vec<_>>()),
        f1: of_f1,
        peer_f1: beside(&default),
        peer_f1_without_comments: beside(&without),
        better: beside(&better),
        pages,
    })
}
