//! What an edit is about: its subject, given or read from its text, and the other names it mentions.
//!
//! Without a given subject, a text in a script without spaces is about what it quotes first or begins with; of others the
//! first of these rules that yields something decides:
//! 1. a question in the text: the names before its question mark;
//! 2. a possessor: `France's capital is ...`, `hydrogen's symbol ...`;
//! 3. what follows *of*, *the ... for* or *stands for*: `the capital of France`, `the symbol for iron`; not after
//!    *part of*, *member of*, *as of*, *city of* if there is another, and never a number;
//! 4. what follows *home to*, *where* or *what* inside the sentence: `Oslo is where Bragran has its head office`;
//! 5. what follows a verb whose object is asked about: `Anna Smith founded Bragran`;
//! 6. what follows *in*, before the verb or after a word that says what people do there: `the language spoken in
//!    Brazil`, `120 people live in Arvik`;
//! 7. the noun phrase in front of the verb: `Bragran has moved ...`, `hydrogen has the symbol ...`;
//! 8. the first name; without any name, all words that carry meaning.
//!
//! A name is a run of capitalised words (and numbers beside them), also over `of`, `van`, `de` and the like, cut at
//! punctuation and after a possessive; relation words at its head (`CEO Anna Smith`) do not belong to it. Every other
//! name of the text, and every number but years, is a *mention*.

use super::{
    given::{mark, short_form},
    unspaced::unspaced_subject,
};
use crate::{
    edit::MAX_ALIASES,
    text::{Case, Class, Gap, RelationMention, Token, Word, lexicon, tokenise},
};
use std::ops::Range;

/// The most words of one anchor that are kept.
pub(super) const MAX_ANCHOR_WORDS: usize = 8;
/// The most anchors of one edit that are kept from its subject and its text.
const MAX_READ: usize = 8;
/// The most anchors of one edit.
pub(super) const MAX_ANCHORS: usize = MAX_READ + MAX_ALIASES;

/// What people do in a place, and what is counted there: "in" after one of these leads to the subject.
const COUNTED: [&str; 9] =
    ["spoken", "used", "people", "live", "lives", "speak", "inhabitants", "residents", "protons"];

/// "of" after one of these does not lead to the subject.
const NOT_BEFORE_OF: [&str; 14] = [
    "part", "member", "as", "out", "because", "instead", "one", "kind", "type", "consists", "made", "died",
    "dies", "die",
];

/// How an edit is tied to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AnchorKind {
    /// The edit is about it.
    Subject,
    /// The edit names it, most often as the new object.
    Mention,
    /// Initials of its subject: they may stand for many other things.
    Short,
}

/// A name by which an edit is found, in folded words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnchorWords {
    pub(super) kind: AnchorKind,
    pub(super) words: Vec<Word>,
    /// It is written with capitals.
    pub(super) cased: bool,
}

/// The names of an edit, and which tokens of its text belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) anchors: Vec<AnchorWords>,
    /// So many anchors are of the subject and the text; those behind are aliases.
    pub(super) main: usize,
    pub(super) tokens: Vec<Token>,
    /// One flag a token: it is part of an anchor.
    pub(super) anchored: Vec<bool>,
}

/// Reads an edit's names.
pub(super) fn names(text: &str, subject: Option<&str>, aliases: &[String]) -> Names {
    let tokens = tokenise(text);
    let subject = subject.or_else(|| unspaced_subject(text));
    let spans = name_spans(&tokens);
    let mut anchored = vec![false; tokens.len()];
    let mut anchors = Vec::new();
    match subject.map(tokenise).filter(|words| !words.is_empty()) {
        Some(given) => {
            mark(&tokens, &given, &mut anchored);
            anchors.extend(anchor(AnchorKind::Subject, &given));
            anchors.extend(short_form(&given));
        }
        None => {
            for span in subjects(&tokens, &spans) {
                anchored[span.clone()].fill(true);
                anchors.extend(anchor(AnchorKind::Subject, &tokens[span.clone()]));
                anchors.extend(short_form(&tokens[span]));
            }
        }
    }
    for span in spans {
        // "People in Brazil ...": the place explains the capital.
        let plain = tokens[span.start].gap == Gap::Start && tokens[span.start].class() == Class::Common;
        if anchored[span.clone()].iter().any(|taken| *taken) || plain && span.len() == 1 {
            continue;
        }
        anchored[span.clone()].fill(true);
        anchors.extend(anchor(AnchorKind::Mention, &tokens[span]));
    }
    // A number may be the new object; a year is more often when.
    for at in 0..tokens.len() {
        if !anchored[at] && tokens[at].is_numeric() && !is_year(&tokens[at]) {
            anchors.extend(anchor(AnchorKind::Mention, &tokens[at..=at]));
        }
    }
    let mut kept: Vec<AnchorWords> = Vec::with_capacity(anchors.len());
    for anchor in anchors {
        if kept.len() < MAX_READ && !kept.iter().any(|k| k.words == anchor.words) {
            kept.push(anchor);
        }
    }
    let main = kept.len();
    for alias in aliases.iter().take(MAX_ALIASES) {
        let Some(alias) = anchor(AnchorKind::Subject, &tokenise(alias)) else { continue };
        match kept.iter_mut().find(|known| known.words == alias.words) {
            Some(known) => known.kind = AnchorKind::Subject,
            None => kept.push(alias),
        }
    }
    Names { anchors: kept, main, tokens, anchored }
}

/// The words of a name that tell it from others: without function words, unless it has no other.
fn anchor(kind: AnchorKind, tokens: &[Token]) -> Option<AnchorWords> {
    let cased = tokens.iter().any(Token::is_name_like);
    let tells =
        |t: &Token| t.class() != Class::Function || lexicon().is_qualifier(&t.text) && t.is_name_like();
    let telling = tokens.iter().any(tells);
    let mut words: Vec<Word> = Vec::new();
    for token in tokens.iter().filter(|t| !telling || tells(t)) {
        if words.len() < MAX_ANCHOR_WORDS && !words.contains(&token.text) {
            words.push(token.text.clone());
        }
    }
    (!words.is_empty()).then_some(AnchorWords { kind, words, cased })
}

fn is_year(token: &Token) -> bool {
    token.text.len() == 4 && token.is_numeric()
}

/// The names of a text.
fn name_spans(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut end = at;
        while end < tokens.len() && continues(tokens, at, end) {
            end += 1;
            if tokens[end - 1].possessive {
                break;
            }
        }
        let span = trim(tokens, at..end);
        if tokens[span.clone()].iter().any(Token::is_name_like) {
            spans.push(span);
        }
        at = end.max(at + 1);
    }
    spans
}

/// Whether the token at `at` goes on with the name begun at `start`.
fn continues(tokens: &[Token], start: usize, at: usize) -> bool {
    let token = &tokens[at];
    if at > start && token.gap != Gap::Joint {
        return false;
    }
    if token.is_name_like() {
        // "New York"; but not "The ..." at the beginning, nor "I".
        return token.class() != Class::Function || token.gap != Gap::Start && token.text.len() > 1;
    }
    if at == start {
        // "4 Sagittarii", "503 Evelyn"; but not "2027 Bragran".
        return token.is_numeric()
            && !is_year(token)
            && tokens.get(at + 1).is_some_and(|next| next.is_name_like() && next.gap == Gap::Joint);
    }
    if token.is_numeric() {
        return true;
    }
    let joins = |t: &Token| lexicon().is_joiner(&t.text) && t.gap == Gap::Joint;
    let telling = tokens[start..at].iter().any(|t| t.is_name_like() && !is_title(t));
    let next = tokens[at..].iter().take(4).find(|t| !joins(t));
    telling
        && joins(token)
        && next.is_some_and(|t| t.is_name_like() && t.gap == Gap::Joint && t.class() != Class::Function)
}

/// A relation word whose capitals its place or its abbreviation explains: `Capital of ...`, `the CEO of ...`.
fn is_title(token: &Token) -> bool {
    lexicon().is_relation(&token.text) && (token.case == Case::Upper || token.gap == Gap::Start)
}

/// Cuts relation words and joiners off a name's ends: `Capital` of "Capital of France", `CEO` of "CEO Anna".
fn trim(tokens: &[Token], span: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = span;
    while start < end {
        let head = &tokens[start];
        let plain =
            lexicon().is_joiner(&head.text) && (!head.is_name_like() || head.class() == Class::Function);
        // "Capital One" keeps both words: a relation's name would not stand right before the other.
        let relation = is_title(head) && (end - start != 2 || head.gap != Gap::Start);
        if !plain && !relation {
            break;
        }
        start += 1;
    }
    while end > start && lexicon().is_joiner(&tokens[end - 1].text) && !tokens[end - 1].is_name_like() {
        end -= 1;
    }
    start..end
}

/// The subject spans of a text, by the rules of this module.
fn subjects(tokens: &[Token], spans: &[Range<usize>]) -> Vec<Range<usize>> {
    if let Some(end) = tokens.iter().position(|t| t.asks) {
        let asked: Vec<Range<usize>> = spans.iter().filter(|s| s.end <= end + 1).cloned().collect();
        if !asked.is_empty() {
            return asked;
        }
    }
    let reader = Reader { tokens, spans, relations: lexicon().relations(tokens), verb: verb(tokens) };
    let found = reader
        .possessor()
        .or_else(|| reader.after_of())
        .or_else(|| reader.after_clause_word())
        .or_else(|| reader.after_agent_verb())
        .or_else(|| reader.after_in())
        .or_else(|| reader.before_verb())
        .or_else(|| spans.first().cloned());
    vec![found.unwrap_or(0..tokens.len())]
}

fn verb(tokens: &[Token]) -> usize {
    tokens.iter().position(|t| lexicon().is_verb(&t.text)).unwrap_or(tokens.len())
}

struct Reader<'a> {
    tokens: &'a [Token],
    spans: &'a [Range<usize>],
    relations: Vec<RelationMention>,
    /// Where the first verb of the short list stands, or the end.
    verb: usize,
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| &t.text)
    }

    /// The name, or the run of lower-case words of at least this weight, that begins at `at` or after an article there.
    fn phrase(&self, at: usize, least: Class) -> Option<Range<usize>> {
        let at = if matches!(self.word(at), "the" | "a" | "an") { at + 1 } else { at };
        if let Some(span) = self.spans.iter().find(|s| s.start == at) {
            return Some(span.clone());
        }
        let goes_on = |i: usize| {
            let token = &self.tokens[i];
            token.class() != Class::Function && (i == at || token.gap == Gap::Joint) && !token.is_name_like()
        };
        let mut end = at;
        while end < self.tokens.len() && goes_on(end) {
            end += 1;
            if self.tokens[end - 1].possessive {
                break;
            }
        }
        let telling = |t: &Token| {
            (t.class() == least || t.class() == Class::Content) && !lexicon().is_relation(&t.text)
        };
        let run = &self.tokens[at.min(end)..end];
        let number = run.first().is_some_and(Token::is_numeric);
        (!number && run.iter().any(telling)).then_some(at..end)
    }

    /// The possessor, unless a verb follows (the city of Saint George's **is** ...).
    fn possessor(&self) -> Option<Range<usize>> {
        let at = (0..self.tokens.len()).find(|at| {
            let possesses = self.tokens[*at].possessive && !lexicon().is_pronoun(self.word(*at));
            possesses && self.tokens.get(at + 1).is_some_and(|next| !lexicon().is_verb(&next.text))
        })?;
        if let Some(span) = self.spans.iter().find(|s| s.end == at + 1) {
            return Some(span.clone());
        }
        let mut start = at;
        while start > 0
            && self.tokens[start].gap == Gap::Joint
            && self.tokens[start - 1].class() != Class::Function
        {
            start -= 1;
        }
        (self.tokens[at].class() != Class::Function).then_some(start..at + 1)
    }

    fn after_agent_verb(&self) -> Option<Range<usize>> {
        let leads = |at: &usize| {
            let helped = |at: usize| matches!(self.word(at - 1), "has" | "had" | "have" | "now" | "also");
            let begin = if helped(*at) { at - 1 } else { *at };
            let set_up = self.word(*at) == "set" && self.word(at + 1) == "up";
            let subject =
                self.spans.iter().any(|s| s.end == begin) || matches!(self.word(at - 1), "who" | "that");
            (lexicon().is_agent_verb(self.word(*at)) || set_up) && subject
        };
        let at = (1..self.tokens.len()).find(leads)?;
        self.phrase(if self.word(at + 1) == "up" { at + 2 } else { at + 1 }, Class::Content)
    }

    fn after_of(&self) -> Option<Range<usize>> {
        let of = |at: &usize| self.leads_to_subject(*at);
        let plain = |at: &usize| of(at) && !lexicon().is_designator(self.word(at - 1));
        let places = 1..self.tokens.len();
        let found = places.clone().filter(plain).find_map(|at| self.phrase(at + 1, Class::Content));
        found
            .or_else(|| places.clone().filter(of).find_map(|at| self.phrase(at + 1, Class::Content)))
            .or_else(|| places.filter(of).find_map(|at| self.phrase(at + 1, Class::Common)))
    }

    fn leads_to_subject(&self, at: usize) -> bool {
        // "place of birth" is one wording, "son of" ends in what it is about.
        let worded = self.relations.iter().any(|m| m.tokens.contains(&at) && at + 1 < m.tokens.end);
        if worded || self.spans.iter().any(|s| s.contains(&at)) {
            return false;
        }
        let before = self.word(at - 1);
        // "Romania is on the continent of Europe": where something is, not what it is about.
        let where_it_is = at >= 4
            && matches!(self.word(at - 3), "in" | "on" | "at" | "to")
            && self.word(at - 2) == "the"
            && self.spans.iter().any(|s| s.end <= at - 3);
        match self.word(at) {
            // "the number of people in ..."
            "of" if where_it_is || COUNTED.contains(&self.word(at + 1)) => false,
            "of" => !NOT_BEFORE_OF.contains(&before),
            "for" => {
                let article = (at.saturating_sub(3)..at).any(|i| matches!(self.word(i), "the" | "a" | "an"));
                article || matches!(before, "stands" | "stand" | "stood")
            }
            _ => false,
        }
    }

    fn after_clause_word(&self) -> Option<Range<usize>> {
        (1..self.tokens.len())
            .filter(|at| match self.word(*at) {
                "where" | "what" => true,
                "to" => self.word(at - 1) == "home",
                _ => false,
            })
            .find_map(|at| self.phrase(at + 1, Class::Content))
    }

    fn after_in(&self) -> Option<Range<usize>> {
        let counted = |at: usize| COUNTED.contains(&self.word(at - 1));
        let early = |at: usize| at == 0 || at < self.verb && self.verb < self.tokens.len();
        let places = || (0..self.tokens.len()).filter(|at| matches!(self.word(*at), "in" | "at"));
        let leading = places()
            .filter(|at| early(*at) || counted(*at))
            .find_map(|at| self.phrase(at + 1, Class::Content));
        leading.or_else(|| {
            places().filter(|at| *at > 0 && counted(*at)).find_map(|at| self.phrase(at + 1, Class::Common))
        })
    }

    fn before_verb(&self) -> Option<Range<usize>> {
        let start = (0..self.verb).find(|at| self.tokens[*at].class() != Class::Function)?;
        let phrase = self.phrase(start, Class::Content)?;
        (phrase.end <= self.verb && self.verb < self.tokens.len()).then_some(phrase)
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
