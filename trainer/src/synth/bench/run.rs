//! Both sides, one after the other.

use super::report::Report;
use super::texts::{Generated, Texts};
use super::{duplicates, extraction, filter, peer};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Texts of the largest pool, and the candidates held against it.
const GROWTH: usize = 50_400;

/// What is measured.
pub struct BenchOptions<'a> {
    /// Where the texts and the tasks of the Python side are written; must exist.
    pub folder: &'a Path,
    /// A Python that has `rouge_score`, `datasketch` and `trafilatura`, to measure beside.
    pub peer: Option<PathBuf>,
    /// Texts that both sides get.
    pub texts: usize,
    /// On how many of them `rouge_score` decides; its time grows with the square, a thousand take half a minute.
    pub decided: usize,
    /// Rows of the stream in which memory is measured; 0 leaves it out.
    pub many: u64,
    /// Made pages whose main texts are looked for.
    pub pages: usize,
    /// A folder of labelled pages, `NAME.html` and `NAME.txt`, as `trainer/fixtures/pages` is.
    pub labelled: Option<PathBuf>,
    /// Draws the texts.
    pub seed: u64,
    /// Told what was measured.
    pub said: &'a dyn Fn(&str),
}

/// Measures. Takes a minute or two, some of it in another process: call it on a thread of its own.
///
/// # Errors
/// [`Error::Settings`] when there is nothing to measure or the Python side fails; [`Error::Io`].
pub fn run(options: &BenchOptions<'_>) -> Result<Report> {
    if options.texts < 2 {
        return Err(Error::Settings("there is nothing to measure: ask for two texts at least".into()));
    }
    if options.pages == 0 {
        return Err(Error::Settings("there is nothing to measure: ask for a page at least".into()));
    }
    let labels = options.labelled.as_deref().map(extraction::labelled_pages).transpose()?;
    let generated: Vec<Generated> = Texts::new(options.seed).take(options.texts).collect();
    let texts: Vec<String> = generated.iter().map(|text| text.text.clone()).collect();
    if options.peer.is_some() {
        peer::write_texts(options.folder, &texts)?;
    }
    let more: Vec<String> = Texts::new(options.seed ^ 2).take(GROWTH).map(|text| text.text).collect();
    let filtering = filter::measure(options, &texts, &more)?;
    let duplicates = duplicates::measure(options, &generated)?;
    let extraction = extraction::measure(options, &labels.unwrap_or_default())?;
    Ok(Report::new(options.seed, filtering, duplicates, extraction))
}
