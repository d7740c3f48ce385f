//! Lines of bounded length, and what a failing read means.

use super::counts::{Fault, SkipReason};
use super::gzip::Bomb;
use std::io::{self, BufRead};

/// What [`read_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, with or without an end.
    Whole,
    /// A line longer than allowed; it was passed over.
    TooLong,
    /// The end of the file.
    End,
}

/// Reads a line into `into` without its end. A line of more than `most` bytes is passed over and not kept.
///
/// # Errors
/// A fault of the file when reading fails.
pub(super) fn read_line(from: &mut impl BufRead, into: &mut Vec<u8>, most: usize) -> Result<Line, Fault> {
    into.clear();
    let mut found = Line::End;
    loop {
        let chunk = filled(from)?;
        if chunk.is_empty() {
            break;
        }
        if found == Line::End {
            found = Line::Whole;
        }
        let end = memchr::memchr(b'\n', chunk);
        let taken = &chunk[..end.unwrap_or(chunk.len())];
        if found == Line::Whole {
            // Two more, since the end of the line is cut off below.
            if into.len() + taken.len() > most.saturating_add(2) {
                found = Line::TooLong;
                into.clear();
            } else {
                into.extend_from_slice(taken);
            }
        }
        let used = taken.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            break;
        }
    }
    while into.last() == Some(&b'\r') {
        into.pop();
    }
    Ok(found)
}

/// The buffer, filled again when it is empty.
///
/// # Errors
/// A fault of the file when reading fails.
pub(super) fn filled(from: &mut impl BufRead) -> Result<&[u8], Fault> {
    // Asked twice, since a buffer that is returned from inside the loop would stay borrowed in the next round.
    loop {
        match from.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fault_of(&error)),
        }
    }
    from.fill_buf().map_err(|error| fault_of(&error))
}

/// What a failed read says of the file.
pub(super) fn fault_of(error: &io::Error) -> Fault {
    if let Some(bomb) = error.get_ref().and_then(|inner| inner.downcast_ref::<Bomb>()) {
        return Fault::file(SkipReason::GzipBomb, bomb.to_string());
    }
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => SkipReason::Truncated,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => SkipReason::DamagedGzip,
        _ => SkipReason::Unreadable,
    };
    Fault::file(reason, error.to_string())
}

/// Reads at most `most` bytes into `into`, which is emptied first, and says how many there were. Memory grows with what
/// is there, never with what was promised.
///
/// # Errors
/// A fault of the file when reading fails.
pub(super) fn read_at_most(from: &mut impl BufRead, into: &mut Vec<u8>, most: u64) -> Result<u64, Fault> {
    into.clear();
    pass(from, most, |chunk| into.extend_from_slice(chunk))
}

/// Passes over at most `most` bytes and says how many there were.
///
/// # Errors
/// A fault of the file when reading fails.
pub(super) fn pass_over(from: &mut impl BufRead, most: u64) -> Result<u64, Fault> {
    pass(from, most, |_| {})
}

fn pass(from: &mut impl BufRead, most: u64, mut with: impl FnMut(&[u8])) -> Result<u64, Fault> {
    let mut left = most;
    while left > 0 {
        let chunk = filled(from)?;
        if chunk.is_empty() {
            break;
        }
        let taken = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        with(&chunk[..taken]);
        from.consume(taken);
        left -= taken as u64;
    }
    Ok(most - left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_come_out_whatever_the_buffer_and_long_ones_are_passed_over() {
        let text = b"one\r\n\r\nthree is long\nfour";
        for buffer in 1..20 {
            let mut reader = BufReader::with_capacity(buffer, &text[..]);
            let mut line = Vec::new();
            let mut found = Vec::new();
            loop {
                let kind = read_line(&mut reader, &mut line, 6).expect("reads");
                found.push((kind, String::from_utf8_lossy(&line).into_owned()));
                if kind == Line::End {
                    break;
                }
            }
            let expected = [
                (Line::Whole, "one"),
                (Line::Whole, ""),
                (Line::TooLong, ""),
                (Line::Whole, "four"),
                (Line::End, ""),
            ];
            assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())), "buffer {buffer}");
        }
    }
}
