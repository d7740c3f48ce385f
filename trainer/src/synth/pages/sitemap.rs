//! Sitemaps that were downloaded with the pages: which address a local file had.
//!
//! What is supported: files named `sitemap*.xml`, gzipped or not, that lie directly in an input folder, in the format of
//! sitemaps.org. The file at `FOLDER/blog/bees.html` has the address of the `<loc>` whose path is `/blog/bees.html`,
//! `/blog/bees` or, for an `index.html`, that of its folder. An index of sitemaps names no pages and gives nothing.

use super::counts::Fault;
use super::gzip::unpacked;
use super::limits::Limits;
use super::lines::fault_of;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The most bytes of a sitemap after unpacking, as the protocol has it, and some.
const SITEMAP_BYTES: u64 = 64 << 20;

/// The addresses of one folder's files.
#[derive(Debug, Default)]
pub(super) struct Sitemap {
    addresses: HashMap<String, String>,
}

/// Whether a file is a sitemap by its name.
pub(super) fn is_sitemap(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.starts_with("sitemap") && name.ends_with(".xml")
}

impl Sitemap {
    /// Reads the sitemaps of a folder, in the order of their names; how many there were, and what was wrong with some.
    pub(super) fn of_folder(folder: &Path, limits: &Limits) -> (Self, u64, Vec<(PathBuf, Fault)>) {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| {
                entries.flatten().map(|entry| entry.path()).filter(|path| is_sitemap(path)).collect()
            })
            .unwrap_or_default();
        files.sort();
        let mut sitemap = Self::default();
        let mut faults = Vec::new();
        for file in &files {
            if let Err(fault) = sitemap.add(file, limits) {
                faults.push((file.clone(), fault));
            }
        }
        (sitemap, files.len() as u64, faults)
    }

    fn add(&mut self, file: &Path, limits: &Limits) -> Result<(), Fault> {
        let mut opened = BufReader::new(File::open(file).map_err(|error| fault_of(&error))?);
        let is_gzip = opened.fill_buf().map_err(|error| fault_of(&error))?.starts_with(&[0x1f, 0x8b]);
        let plain: Box<dyn Read> =
            if is_gzip { Box::new(unpacked(opened, limits.expansion)) } else { Box::new(opened) };
        self.read(BufReader::new(plain.take(SITEMAP_BYTES)), limits)
    }

    fn read(&mut self, from: impl BufRead, limits: &Limits) -> Result<(), Fault> {
        let malformed = |error: &dyn std::fmt::Display| {
            Fault::file(super::counts::SkipReason::Malformed, format!("the sitemap cannot be read: {error}"))
        };
        let mut reader = Reader::from_reader(from);
        let mut buffer = Vec::new();
        let mut address: Option<String> = None;
        while self.addresses.len() < limits.sitemap_urls {
            buffer.clear();
            match reader.read_event_into(&mut buffer).map_err(|error| malformed(&error))? {
                Event::Start(tag) if tag.local_name().as_ref() == "loc" => address = Some(String::new()),
                Event::Text(text) => {
                    if let Some(address) = &mut address {
                        address.push_str(&text);
                    }
                }
                Event::CData(text) => {
                    if let Some(address) = &mut address {
                        address.push_str(&text);
                    }
                }
                Event::GeneralRef(name) => {
                    if let Some(address) = &mut address {
                        address.push_str(resolve_predefined_entity(&name).unwrap_or_default());
                    }
                }
                Event::End(tag) if tag.local_name().as_ref() == "loc" => {
                    if let Some(address) = address.take() {
                        self.insert(address.trim());
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(())
    }

    fn insert(&mut self, address: &str) {
        let Some((_, rest)) = address.split_once("://") else { return };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = percent_decode_str(path.trim_matches('/')).decode_utf8_lossy().into_owned();
        // The first wins: what follows differs only in its query.
        self.addresses.entry(path).or_insert_with(|| address.to_owned());
    }

    /// The address of a file, given its path relative to the folder.
    pub(super) fn address_of(&self, relative: &Path) -> Option<&str> {
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let path = parts.join("/");
        let path = path.strip_suffix(".gz").unwrap_or(&path);
        let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
        let folder = stem.strip_suffix("index").map(|folder| folder.trim_end_matches('/'));
        [Some(path), Some(stem), folder]
            .into_iter()
            .flatten()
            .find_map(|key| self.addresses.get(key))
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_path_of_their_address() {
        let xml = br#"<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
            <url><loc> https://a.example/blog/bees.html </loc><lastmod>2020-01-01</lastmod></url>
            <url><loc>https://a.example/blog/h%C3%B6nig?x=1&amp;y=2</loc></url>
            <url><loc><![CDATA[https://a.example/]]></loc></url><url><loc>https://a.example/docs/</loc></url></urlset>"#;
        let mut sitemap = Sitemap::default();
        sitemap.read(&xml[..], &Limits::default()).expect("reads");
        let of = |path: &str| sitemap.address_of(Path::new(path));
        assert_eq!(of("blog/bees.html"), Some("https://a.example/blog/bees.html"));
        assert_eq!(of("blog/hönig.html"), Some("https://a.example/blog/h%C3%B6nig?x=1&y=2"));
        assert_eq!(of("index.html"), Some("https://a.example/"));
        assert_eq!(of("docs/index.htm"), Some("https://a.example/docs/"));
        assert_eq!(of("other.html"), None);
    }

    #[test]
    fn what_is_read_before_a_fault_is_kept() {
        let mut sitemap = Sitemap::default();
        let cut = b"<urlset><url><loc>https://a.example/x.html</loc></url></wrong>";
        assert!(sitemap.read(&cut[..], &Limits::default()).is_err());
        assert!(sitemap.address_of(Path::new("x.html")).is_some());
    }
}
