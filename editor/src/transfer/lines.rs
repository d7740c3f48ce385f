//! The lines of a file, some at a time.

use super::line::MAX_LINE_BYTES;
use crate::edit::MAX_BATCH;
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The most bytes of lines that are read before they are written.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A line that is not empty.
pub(super) struct RawLine {
    pub(super) number: u64,
    /// `None` when it is too long.
    pub(super) text: Option<Vec<u8>>,
}

/// What is left of them.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next lines that are not empty; none at the end.
    pub(super) async fn chunk(&mut self) -> io::Result<Vec<RawLine>> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < MAX_BATCH && bytes < CHUNK_BYTES {
            let mut text = Vec::new();
            if (&mut self.input).take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut text).await? == 0 {
                break;
            }
            self.number += 1;
            if self.number == 1 && text.starts_with(b"\xef\xbb\xbf") {
                text.drain(..3);
            }
            if text.len() > MAX_LINE_BYTES && !text.ends_with(b"\n") {
                self.skip_line().await?;
                lines.push(RawLine { number: self.number, text: None });
            } else if !text.trim_ascii().is_empty() {
                bytes += text.len();
                lines.push(RawLine { number: self.number, text: Some(text) });
            }
        }
        Ok(lines)
    }

    /// Passes over the rest of a line, without keeping it.
    async fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(length);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}
