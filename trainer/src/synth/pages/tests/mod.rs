//! The stream as a whole, over files that the tests write.

mod archives;
mod choice;
mod extraction;
mod folders;
mod hostile;

use super::{Limits, Outcome, Page, PageCounts, PageStream, SkipReason};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;

/// A page with this text, long enough to be taken for one.
fn html(text: &str) -> String {
    format!(
        "<html><head><title>A title</title></head><body><nav><a href=/>Home</a></nav><article><p>{text}</p></article></body></html>"
    )
}

/// A sentence that tells pages apart.
fn sentence(n: usize) -> String {
    format!(
        "Boat number {n} left the harbour before sunrise, with a crew of three and a dog that slept on the nets."
    )
}

fn record(kind: &str, content_type: &str, n: usize, body: &[u8]) -> Vec<u8> {
    let mut record = format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/{n}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    record.extend_from_slice(body);
    record.extend_from_slice(b"\r\n\r\n");
    record
}

/// A response record with these lines in its HTTP head.
fn response(n: usize, head: &str, body: &[u8]) -> Vec<u8> {
    let mut http =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{head}\r\n").into_bytes();
    http.extend_from_slice(body);
    record("response", "application/http; msgtype=response", n, &http)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn chunked(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in bytes.chunks(size) {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// Everything that an input gives.
fn all(input: &Path, limits: Limits) -> (Vec<Outcome>, PageCounts) {
    let mut stream = PageStream::open(vec![input.to_owned()], limits).expect("opens");
    let outcomes = stream.by_ref().collect();
    (outcomes, stream.counts().clone())
}

/// The pages of a file with these bytes, and what was skipped.
fn of_file(name: &str, bytes: &[u8]) -> (Vec<Page>, Vec<SkipReason>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).expect("written");
    let (outcomes, counts) = all(&file, Limits::default());
    let (pages, skips) = split(outcomes);
    assert_eq!(counts.pages, pages.len() as u64);
    assert_eq!(counts.skipped.values().sum::<u64>(), skips.len() as u64);
    (pages, skips)
}

fn split(outcomes: Vec<Outcome>) -> (Vec<Page>, Vec<SkipReason>) {
    let (mut pages, mut skips) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Page(page) => pages.push(*page),
            Outcome::Skipped(skip) => skips.push(skip.reason),
        }
    }
    (pages, skips)
}
