//! The payload of an HTTP response as an archive keeps it.
//!
//! Archives differ in whether they keep the body as it was sent or as it was understood, under the head that was sent: a
//! body that is not chunked, or not compressed, although its head says so, is taken as it is.

use super::counts::{Fault, SkipReason};
use super::head::Head;
use super::limits::Limits;
use super::raw::Raw;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// The document of a response.
///
/// # Errors
/// Why there is none: [`SkipReason::HttpStatus`], [`SkipReason::NotText`], [`SkipReason::UnknownEncoding`], or what is
/// wrong with the compressed body.
pub(super) fn payload(response: &[u8], limits: &Limits) -> Result<Raw, Fault> {
    let (head, body) = Head::split(response);
    let Some(status) = head.first.strip_prefix("HTTP/").and_then(|rest| rest.split_whitespace().nth(1))
    else {
        return Err(Fault::record(SkipReason::Malformed, "a response without a status line"));
    };
    if !status.starts_with('2') {
        return Err(Fault::record(SkipReason::HttpStatus, status));
    }
    let is_chunked =
        head.get("Transfer-Encoding").is_some_and(|how| how.to_ascii_lowercase().contains("chunked"));
    let body = if is_chunked { dechunked(body)? } else { Cow::Borrowed(body) };
    let mut body = body.into_owned();
    let encodings = head.get("Content-Encoding").unwrap_or_default().to_ascii_lowercase();
    // The last that was put on comes off first.
    for encoding in encodings.split(',').rev().map(str::trim).filter(|e| !e.is_empty()).take(3) {
        body = decoded(body, encoding, limits)?;
    }
    Raw::of_type(body, head.get("Content-Type").map(str::to_owned), None, limits)
}

/// The bytes of the chunks.
///
/// # Errors
/// [`SkipReason::Truncated`] when the body ends inside a chunk.
fn dechunked(body: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    let mut whole = Vec::new();
    let mut rest = body;
    let mut first = true;
    loop {
        let end = memchr::memchr(b'\n', rest);
        let size = end.and_then(|end| chunk_size(&rest[..end]));
        let (Some(end), Some(size)) = (end, size) else {
            // At the start it says that the body was kept without its chunks.
            return if first { Ok(Cow::Borrowed(body)) } else { Err(cut(whole.len())) };
        };
        first = false;
        if size == 0 {
            return Ok(Cow::Owned(whole));
        }
        let chunk = rest.get(end + 1..).and_then(|data| Some((data.get(..size)?, data.get(size..)?)));
        let Some((data, next)) = chunk else { return Err(cut(whole.len())) };
        whole.extend_from_slice(data);
        rest = next.strip_prefix(b"\r\n").or_else(|| next.strip_prefix(b"\n")).unwrap_or(next);
        if rest.is_empty() {
            // Only the last, empty chunk is missing.
            return Ok(Cow::Owned(whole));
        }
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(line).ok()?.split(';').next()?.trim();
    usize::from_str_radix(digits, 16).ok()
}

fn cut(there: usize) -> Fault {
    Fault::record(SkipReason::Truncated, format!("a chunked body ends after {there} bytes"))
}

fn decoded(body: Vec<u8>, encoding: &str, limits: &Limits) -> Result<Vec<u8>, Fault> {
    match encoding {
        "identity" | "none" | "utf-8" => Ok(body),
        "gzip" | "x-gzip" if body.starts_with(&[0x1f, 0x8b]) => {
            inflate(MultiGzDecoder::new(&*body), body.len(), limits)
        }
        "gzip" | "x-gzip" => Ok(body),
        // The standard means zlib; some servers send what is inside it.
        "deflate" if body.first().is_some_and(|b| b & 0x0f == 8) => {
            inflate(ZlibDecoder::new(&*body), body.len(), limits)
        }
        "deflate" if body.first() == Some(&b'<') => Ok(body),
        "deflate" => inflate(DeflateDecoder::new(&*body), body.len(), limits),
        _ if body.trim_ascii_start().starts_with(b"<") => Ok(body),
        other => Err(Fault::record(SkipReason::UnknownEncoding, other)),
    }
}

fn inflate(decoder: impl Read, packed: usize, limits: &Limits) -> Result<Vec<u8>, Fault> {
    let mut whole = Vec::new();
    let most = limits.page_bytes as u64 + 1;
    let read = decoder.take(most).read_to_end(&mut whole);
    if whole.len() as u64 == most {
        let reason = if most / (packed as u64).max(1) > limits.expansion {
            SkipReason::GzipBomb
        } else {
            SkipReason::TooLarge
        };
        return Err(Fault::record(
            reason,
            format!("a body of {packed} bytes unpacks to more than {}", most - 1),
        ));
    }
    match read {
        Ok(_) => Ok(whole),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Fault::record(
            SkipReason::Truncated,
            format!("a compressed body ends after {} bytes", whole.len()),
        )),
        Err(error) => Err(Fault::record(SkipReason::DamagedGzip, error.to_string())),
    }
}
