//! The files of the input, in order, and what kind each one is.

use super::counts::{Fault, SkipReason};
use super::raw::{looks_binary, looks_like_html};
use super::rows::Layout;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Plain,
    Warc,
    Rows(Layout),
    Unknown,
}

/// A file of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// The file or folder that the caller named.
    pub(super) root: PathBuf,
    pub(super) file: PathBuf,
}

/// Files of the input in order: the inputs as they were named, what is in a folder by name, folders among it. Links are
/// followed; one that leads back to a folder above it is a fault. What starts with a dot is left out.
pub(super) struct Files {
    inputs: std::vec::IntoIter<PathBuf>,
    walk: Option<(PathBuf, Walk)>,
}

type Walk = Box<dyn Iterator<Item = walkdir::Result<walkdir::DirEntry>> + Send>;

impl Files {
    pub(super) fn new(inputs: Vec<PathBuf>) -> Self {
        Self { inputs: inputs.into_iter(), walk: None }
    }

    /// The next file, or what is wrong with a place where files were expected.
    pub(super) fn next(&mut self) -> Option<Result<Input, (PathBuf, Fault)>> {
        loop {
            if let Some((root, walk)) = &mut self.walk {
                match walk.next() {
                    Some(Ok(entry)) if entry.file_type().is_file() => {
                        return Some(Ok(Input { root: root.clone(), file: entry.into_path() }));
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Some(Err(fault(root, &error))),
                    None => {}
                }
            }
            let root = self.inputs.next()?;
            let visible = |entry: &walkdir::DirEntry| {
                entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
            };
            let walk =
                WalkDir::new(&root).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible);
            self.walk = Some((root, Box::new(walk)));
        }
    }
}

fn fault(root: &Path, error: &walkdir::Error) -> (PathBuf, Fault) {
    let path = error.path().unwrap_or(root).to_owned();
    let reason = if error.loop_ancestor().is_some() { SkipReason::LinkLoop } else { SkipReason::Unreadable };
    (path, Fault::file(reason, error.to_string()))
}

/// What a file holds, by its name, else by its first bytes after unpacking.
pub(super) fn kind(file: &Path, head: &[u8]) -> Kind {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let rows = if start.starts_with(b"[") { Layout::Values } else { Layout::Lines };
    let named = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" | "htm" | "xhtml" | "shtml" => Kind::Html,
        "warc" | "wet" => Kind::Warc,
        "jsonl" | "ndjson" => Kind::Rows(rows),
        "json" => Kind::Rows(Layout::Values),
        "txt" | "text" | "md" => Kind::Plain,
        _ if start.starts_with(b"WARC/1.") => Kind::Warc,
        _ if looks_like_html(head) => Kind::Html,
        _ if start.starts_with(b"{\"") || start.starts_with(b"[{") || start.starts_with(b"{ \"") => {
            Kind::Rows(rows)
        }
        _ => Kind::Unknown,
    };
    // An archive or rows may hold anything; a page with zero bytes is a picture with a wrong name.
    if matches!(named, Kind::Html | Kind::Plain) && looks_binary(head) { Kind::Unknown } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_name_and_by_content() {
        let of = |name: &str, head: &[u8]| kind(Path::new(name), head);
        assert_eq!(of("a.HTML.gz", b"anything"), Kind::Html);
        assert_eq!(of("a.html", b"\x89PNG\0\0"), Kind::Unknown);
        assert_eq!(of("crawl.warc.gz", b""), Kind::Warc);
        assert_eq!(of("a.jsonl", b"\n[{"), Kind::Rows(Layout::Values));
        assert_eq!(of("a.json", b"{"), Kind::Rows(Layout::Values));
        assert_eq!(of("page", b"\n <!DOCTYPE HTML>"), Kind::Html);
        assert_eq!(of("part-000", b"WARC/1.1\r\n"), Kind::Warc);
        assert_eq!(of("part-000", b"{\"text\": 1}"), Kind::Rows(Layout::Lines));
        assert_eq!(of("a.pdf", b"%PDF-1.7"), Kind::Unknown);
    }
}
