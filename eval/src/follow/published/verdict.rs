//! What a judge wrote, read as one verdict for each constraint.
//!
//! A judge is asked to end with a Python list of `'YES'` and `'NO'`. The reference takes the last line, searches it for
//! brackets and runs `eval` on them. Neither reader here evaluates anything.

use super::{
    edition::Edition,
    python::{Literal, is_space, list, pattern},
};
use crate::follow::{item::Level, outcome::Scorer};
use regex::Regex;
use std::sync::LazyLock;

/// Words that are read as a verdict other than satisfied.
const NOT_SATISFIED: [&str; 6] = ["NO", "PARTIAL", "PARTIALLY", "MAYBE", "UNKNOWN", "N/A"];

/// Longest text that the strict reader takes, in bytes; from a longer one it takes the end.
const LONGEST: usize = 64 * 1024;

/// Reads a judge's text for an item of `level` constraints: whether each is satisfied, oldest first, or `None` when no
/// verdict can be read. [`Scorer::Legacy`] reads as the English reference does; see [`legacy_verdicts`] for the Chinese
/// one.
#[must_use]
pub fn parse_verdicts(text: &str, level: Level, scorer: Scorer) -> Option<Vec<bool>> {
    match scorer {
        Scorer::Legacy => legacy_verdicts(text, level, Edition::English),
        Scorer::Strict => strict_verdicts(text, level),
    }
}

/// Reads as the reference does, its defects included.
///
/// Only the last line counts. At level 1, `YES` anywhere in it is a yes (`EYES`) and otherwise `NO` anywhere a no (`I
/// KNOW`). Above, what stands between the first `[` and the last `]` has to be a list of exactly `level` of the strings
/// `YES`, `NO`, `PARTIAL`, `MAYBE`, `UNKNOWN`, `N/A`, in upper case and with quotes. The Chinese reference also takes
/// lists without quotes and `PARTIALLY`, cuts lists that are too long, and does not take `N/A`.
///
/// Where the reference would run an expression to get a list, nothing is read here.
#[must_use]
pub fn legacy_verdicts(text: &str, level: Level, edition: Edition) -> Option<Vec<bool>> {
    let text = text.trim_matches('`');
    let line = match edition {
        Edition::English => last_line(text.trim_matches(is_space)).to_owned(),
        Edition::Chinese => {
            let line = last_line(text.trim_matches(' ').trim_matches('\n')).trim_matches(' ');
            line.replace(['“', '”'], "\"")
        }
    };
    if level.get() == 1 {
        return match (line.contains("YES"), line.contains("NO")) {
            (true, _) => Some(vec![true]),
            (false, true) => Some(vec![false]),
            (false, false) => None,
        };
    }
    let found = line.get(line.find('[')?..=line.rfind(']')?)?;
    let wanted = usize::from(level.get());
    let (mut elements, partial) = match edition {
        Edition::English => (list(found)?, "N/A"),
        Edition::Chinese if found.contains(['"', '\'']) => (list(found)?, "PARTIALLY"),
        Edition::Chinese => (list(&found.replace("YES", "'YES'").replace("NO", "'NO'"))?, "PARTIALLY"),
    };
    if edition == Edition::Chinese && elements.len() > wanted {
        elements.truncate(wanted);
    }
    if elements.len() != wanted {
        return None;
    }
    let verdicts = elements.iter().map(|element| match element {
        Literal::Text(text) if text == "YES" => Some(true),
        Literal::Text(text) if ["NO", "PARTIAL", "MAYBE", "UNKNOWN", partial].contains(&text.as_str()) => {
            Some(false)
        }
        _ => None,
    });
    verdicts.collect()
}

fn last_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or(text)
}

/// Reads lists in brackets (any case, with or without quotes, over several lines), lines that are nothing but verdicts
/// with commas between (`YES, NO`), and numbered lists (`1. at most 40 words: YES`), wherever in the text they stand.
/// The last one that has exactly `level` verdicts counts; without one there is no verdict. Words other than `YES` that
/// judges use (`NO`, `PARTIAL`, `PARTIALLY`, `MAYBE`, `UNKNOWN`, `N/A`) are read as not satisfied.
///
/// Time grows with the length of the text; of a text over 64 KiB only the end is read.
#[must_use]
pub fn strict_verdicts(text: &str, level: Level) -> Option<Vec<bool>> {
    let text = end_of(text);
    let wanted = usize::from(level.get());
    let found = bracketed(text).into_iter().chain(numbered(text)).chain(bare(text));
    let fitting = found.filter(|candidate| candidate.verdicts.len() == wanted);
    fitting.max_by_key(|candidate| candidate.end).map(|candidate| candidate.verdicts)
}

fn end_of(text: &str) -> &str {
    let mut start = text.len().saturating_sub(LONGEST);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// A list of verdicts and where in the text it ends, in bytes.
struct Candidate {
    end: usize,
    verdicts: Vec<bool>,
}

/// A word that is a verdict, whatever quotes, markup and full stop are around it.
fn verdict(word: &str) -> Option<bool> {
    let around = |c: char| c.is_whitespace() || "\"'`*_.“”‘’「」".contains(c);
    let word = word.trim_matches(around).to_ascii_uppercase();
    if word == "YES" {
        return Some(true);
    }
    NOT_SATISFIED.contains(&word.as_str()).then_some(false)
}

/// Verdicts with commas between, each perhaps numbered.
fn separated(text: &str) -> Option<Vec<bool>> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s*["'“]?\s*\d+\s*[.:)]\s*"#));
    let text = text.trim_end();
    let text = text.strip_suffix([',', '，']).unwrap_or(text);
    text.split([',', '，', ';', '、'])
        .map(|element| verdict(element).or_else(|| verdict(&NUMBER.replace(element, ""))))
        .collect()
}

fn bracketed(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices() {
        match c {
            '[' | '【' => open = Some(at + c.len_utf8()),
            ']' | '】' => {
                let verdicts = open.take().and_then(|start| separated(&text[start..at]));
                found.extend(verdicts.map(|verdicts| Candidate { end: at, verdicts }));
            }
            _ => {}
        }
    }
    found
}

/// The lines of a text with the place where each ends.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut end = 0;
    text.split_inclusive('\n').map(move |line| {
        end += line.len();
        (end, line)
    })
}

fn bare(text: &str) -> impl Iterator<Item = Candidate> {
    lines(text).filter_map(|(end, line)| separated(line).map(|verdicts| Candidate { end, verdicts }))
}

/// Lists whose lines are numbered from 1; lines in between that have no number and verdict belong to the reasons.
fn numbered(text: &str) -> Vec<Candidate> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)^[\s>*_#-]*(?:constraint\s*|约束\s*)?(\d{1,2})[*_]*\s*[.):：、][*_]*\s*(.*)$")
    });
    let mut found: Vec<Candidate> = Vec::new();
    for (end, line) in lines(text) {
        let Some(parts) = LINE.captures(line.trim_end()) else { continue };
        let Some(verdict) = at_either_end(&parts[2]) else { continue };
        match (parts[1].parse::<usize>(), found.last_mut()) {
            (Ok(1), _) => found.push(Candidate { end, verdicts: vec![verdict] }),
            (Ok(number), Some(list)) if number == list.verdicts.len() + 1 => {
                list.verdicts.push(verdict);
                list.end = end;
            }
            // A number out of turn: what was read so far is no list.
            (_, Some(list)) => list.verdicts.clear(),
            _ => {}
        }
    }
    found
}

/// The verdict of a numbered line: the line itself, what follows its last colon or dash, or what it begins with.
fn at_either_end(line: &str) -> Option<bool> {
    static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?i)^[\s"'“‘*_`]*(yes|no|partial|partially|maybe|unknown|n/a)["'”’*_`]*\s*(?:[,.;:(（，。：；–—-]|$)"#,
        )
    });
    if let Some(verdict) = verdict(line) {
        return Some(verdict);
    }
    let ends = line.rsplit([':', '：', '–', '—', '=', '→', '-']).next().and_then(verdict);
    let begins = BEGINS.captures(line).and_then(|found| verdict(&found[1]));
    match (begins, ends) {
        // Both, and they differ: whoever reads this has to guess.
        (Some(begins), Some(ends)) if begins != ends => None,
        (begins, ends) => ends.or(begins),
    }
}

#[cfg(test)]
mod tests;
