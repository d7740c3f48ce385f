//! Gzip that is refused when it unpacks to too much.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};
use thiserror::Error;

/// How much is unpacked before the expansion is looked at, and how often it is looked at again: small files compress well
/// by chance.
const WINDOW: u64 = 16 << 20;

/// The stream unpacks to too much.
#[derive(Debug, Error)]
#[error("{unpacked} bytes were unpacked from {packed}, more than {allowed} times as many")]
pub(super) struct Bomb {
    unpacked: u64,
    packed: u64,
    allowed: u64,
}

/// A reader over a gzip file of one or many members. Every 16 MiB of output it compares what was unpacked with what was
/// read for it; past the allowed expansion it fails with a [`Bomb`].
pub(super) struct Unpacked<R: BufRead> {
    decoder: MultiGzDecoder<Counted<R>>,
    allowed: u64,
    out: u64,
    packed_before: u64,
}

struct Counted<R> {
    inner: R,
    consumed: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.consumed += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.consumed += amount as u64;
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Unpacked<R> {
    pub(super) fn new(inner: R, allowed: u64) -> Self {
        let decoder = MultiGzDecoder::new(Counted { inner, consumed: 0 });
        Self { decoder, allowed, out: 0, packed_before: 0 }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(into)?;
        self.out += read as u64;
        if self.out >= WINDOW {
            let packed = self.decoder.get_ref().consumed - self.packed_before;
            if self.out / packed.max(1) > self.allowed {
                let bomb = Bomb { unpacked: self.out, packed, allowed: self.allowed };
                return Err(io::Error::other(bomb));
            }
            self.packed_before = self.decoder.get_ref().consumed;
            self.out = 0;
        }
        Ok(read)
    }
}

/// The buffered form.
pub(super) fn unpacked<R: BufRead>(inner: R, allowed: u64) -> BufReader<Unpacked<R>> {
    BufReader::with_capacity(64 << 10, Unpacked::new(inner, allowed))
}
