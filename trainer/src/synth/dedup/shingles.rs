//! Texts to sets of shingles.

use crate::atlas::split::mix;
use std::num::NonZeroUsize;

/// Of 64-bit FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Whether a character is a word by itself: scripts that are written without spaces (Thai to Khmer, kana, Han).
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The hashes of the words of a text: the longest runs of letters and digits, in lower case. Marks and spaces do not count.
fn words(text: &str) -> Vec<u64> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut word = None;
    for c in text.chars() {
        let alone = stands_alone(c);
        if alone || !c.is_alphanumeric() {
            words.extend(word.take());
        }
        if alone {
            words.push(letter(OFFSET, c));
        } else if c.is_ascii() && c.is_alphanumeric() {
            word = Some(letter(word.unwrap_or(OFFSET), c.to_ascii_lowercase()));
        } else if c.is_alphanumeric() {
            word = Some(c.to_lowercase().fold(word.unwrap_or(OFFSET), letter));
        }
    }
    words.extend(word);
    words
}

fn letter(hash: u64, c: char) -> u64 {
    (hash ^ u64::from(u32::from(c))).wrapping_mul(PRIME)
}

/// The set of runs of `length` words, as 64-bit hashes, ascending. A text of fewer words has one shingle, all of it; one
/// without words has none. The hashes are the same on every machine.
pub(in crate::synth) fn shingles(text: &str, length: NonZeroUsize) -> Vec<u64> {
    let words = words(text);
    // Each step multiplies, so that the order of the words counts.
    let run = |words: &[u64]| words.iter().fold(0, |hash: u64, &word| mix(hash.wrapping_mul(PRIME) ^ word));
    let mut shingles: Vec<u64> = match words.len() {
        0 => Vec::new(),
        few if few < length.get() => vec![run(&words)],
        _ => words.windows(length.get()).map(run).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}
