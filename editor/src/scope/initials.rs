//! Names that a question has in full and an edit in short: `UK`, `ECB`, `CXCL10`.

use super::query::Query;
use crate::{
    index::{Index, TermId},
    text::{Class, Gap, lexicon},
};
use std::ops::Range;

/// The most words of a name that is shortened.
const MAX_INITIALS: usize = 8;
/// Short forms with a number may leave out the initials of so many words ("C-X-C *motif* *chemokine* ligand 10").
const MAX_LEFT_OUT: u32 = 2;
/// The least letters and digits of a short form with a number.
const LEAST_SYMBOL: usize = 4;

/// The terms that runs of words are short for, with the words.
pub(super) fn initials(query: &Query, index: &Index, words: Range<usize>) -> Vec<(TermId, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = words.start;
    while at < words.end {
        let capitals = capitals(query, at..words.end);
        if let Some((initials, end)) = &capitals {
            found.extend(index.term(initials).map(|term| (term, at..*end)));
        }
        if let Some(run) = numbered(query, at..words.end) {
            found.extend(
                symbols(query, run.clone()).filter_map(|symbol| Some((index.term(&symbol)?, run.clone()))),
            );
        }
        at = capitals.map_or(at + 1, |(_, end)| end);
    }
    found
}

/// The initials of the run of capitalised words that begins at the first word, over small words inside it
/// ("University of Oslo"), and its end.
fn capitals(query: &Query, words: Range<usize>) -> Option<(String, usize)> {
    let named = |at: usize| {
        let word = &query.words[at];
        word.token.is_name_like() && word.class != Class::Function && !word.token.is_numeric()
    };
    let (mut initials, mut end) = (String::new(), words.start);
    for at in words.clone() {
        let word = &query.words[at].token;
        if at > words.start && word.gap != Gap::Joint {
            break;
        }
        if named(at) {
            initials.extend(word.text.chars().next());
            end = at + 1;
        } else if at == words.start || !lexicon().is_joiner(&word.text) {
            break;
        }
    }
    (2..=MAX_INITIALS).contains(&initials.chars().count()).then_some((initials, end))
}

/// The run of telling words from the first word to the next number.
fn numbered(query: &Query, words: Range<usize>) -> Option<Range<usize>> {
    let before = |at: usize| at.checked_sub(1).filter(|_| query.words[at].token.gap == Gap::Joint);
    let part = |at: usize| {
        !matches!(query.words[at].class, Class::Function) || query.words[at].token.text.len() == 1
    };
    // Only whole runs, not their ends.
    if before(words.start).is_some_and(part)
        || !part(words.start)
        || query.words[words.start].token.is_numeric()
    {
        return None;
    }
    let joint = |at: &usize| *at == words.start || query.words[*at].token.gap == Gap::Joint && part(*at);
    let last = words.clone().take_while(joint).find(|at| query.words[*at].token.is_numeric())?;
    (2..=MAX_INITIALS).contains(&(last + 1 - words.start)).then_some(words.start..last + 1)
}

/// What a run that ends in a number may be short for: its first word or its initials, without some of them, and the
/// number.
fn symbols(query: &Query, run: Range<usize>) -> impl Iterator<Item = String> {
    let text = |at: usize| query.words[at].token.text.as_ref();
    let letters: Vec<char> = (run.start..run.end - 1).filter_map(|at| text(at).chars().next()).collect();
    let number = text(run.end - 1).to_owned();
    let whole = format!("{}{number}", text(run.start));
    let short = (0..1_u32 << letters.len()).filter(|left_out| left_out.count_ones() <= MAX_LEFT_OUT).map(
        move |left_out| {
            let kept = letters.iter().enumerate().filter(|(at, _)| left_out & 1 << at == 0);
            kept.map(|(_, letter)| *letter).chain(number.chars()).collect::<String>()
        },
    );
    std::iter::once(whole).chain(short).filter(|symbol| symbol.chars().count() >= LEAST_SYMBOL)
}
