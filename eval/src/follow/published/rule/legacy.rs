//! The rules as the reference has them: what they get wrong is part of the numbers that were published.

use super::{
    super::{
        edition::Edition,
        python::{contains_word, is_lower, is_numeric, is_space, is_word, pattern, words},
    },
    Kind, Rule, Summary,
};
use regex::Regex;
use std::sync::LazyLock;

/// Python's `\s` and `\w`, as parts of character classes.
macro_rules! python_pattern {
    ($text:literal) => {
        LazyLock::new(|| pattern(&$text.replace("<s>", r"\s\x1c-\x1f").replace("<w>", r"\p{L}\p{N}_")))
    };
}

static OPTION: LazyLock<Regex> = python_pattern!(r"\([A-Z]\)");
static DATE: LazyLock<Regex> = python_pattern!(r"\d{2}/\d{2}/\d{4}");
static DOLLARS: LazyLock<Regex> = python_pattern!(r"\$\d+");
static DOLLARS_ZH: LazyLock<Regex> = python_pattern!(r"\d+美元");
static CONTINUOUS: LazyLock<Regex> = python_pattern!(r"(?:^|[^<w>])(?:am|is|are)[<s>]+[<w>]+ing(?:$|[^<w>])");
static PERFECT: LazyLock<Regex> = python_pattern!(r"(?:^|[^<w>])(?:has|have)[<s>]+[<w>]");
static PROCRAST: LazyLock<Regex> = python_pattern!("(?i)procrast");
static MARKER: LazyLock<Regex> = python_pattern!(r"^\d+\.");
static KEYWORD: LazyLock<Regex> = python_pattern!(r"\*\*\d.+?:");

/// Whether the answer satisfies the rule for the reference.
pub(super) fn satisfied(rule: &Rule, answer: &str) -> bool {
    let level = rule.level.get();
    match &rule.kind {
        Kind::Equals(target) => answer == target,
        Kind::Events(target) => answer.split('\n').all(|line| target.split('\n').any(|event| event == line)),
        Kind::OneOf(entities) => entities.iter().any(|entity| entity == answer),
        Kind::LastOption(target) => last(&OPTION, answer) == Some(target),
        Kind::LastDate(target) => last(&DATE, answer) == Some(target),
        Kind::Contains(target) => answer.contains(target.as_str()),
        Kind::LastAmount(target) => match rule.edition {
            Edition::English => last(&DOLLARS, answer) == Some(target),
            Edition::Chinese => last(&DOLLARS_ZH, answer) == Some(target),
        },
        Kind::Summary(summary) => match rule.edition {
            Edition::English => english(*summary, level, answer),
            Edition::Chinese => chinese(*summary, level, answer),
        },
        Kind::Paragraphs => paragraphs(rule.edition, level, answer),
        Kind::Points => points(level, answer),
        Kind::Template(template) => template.legacy(answer),
    }
}

fn last<'a>(pattern: &Regex, answer: &'a str) -> Option<&'a str> {
    pattern.find_iter(answer).last().map(|found| found.as_str())
}

/// Split at full stops; a piece of only white space is a sentence.
fn sentences(text: &str, edition: Edition) -> Vec<&str> {
    let ends: &[char] = match edition {
        Edition::English => &['.', '!', '?'],
        Edition::Chinese => &['。', '！', '？'],
    };
    text.split(ends).filter(|piece| !piece.is_empty()).collect()
}

/// Words of a sentence; characters in the Chinese edition.
fn length(sentence: &str, edition: Edition) -> usize {
    match edition {
        Edition::English => words(sentence).count(),
        Edition::Chinese => sentence.chars().count(),
    }
}

/// Whether every constraint up to the level holds.
fn first(level: u8, constraints: [bool; 5]) -> bool {
    constraints.iter().take(usize::from(level)).all(|holds| *holds)
}

fn english(summary: Summary, level: u8, answer: &str) -> bool {
    let pieces = sentences(answer, Edition::English);
    let spaced = answer.split(' ').count();
    let has = |word| contains_word(answer, word);
    let nth = |n: usize, word| pieces.get(n).is_some_and(|sentence| contains_word(sentence, word));
    let marks = answer.chars().filter(char::is_ascii_punctuation).count();
    first(
        level,
        match summary {
            Summary::CnnDailymail => [
                pieces.len() == 3,
                pieces.iter().all(|sentence| length(sentence, Edition::English) < 15),
                nth(0, "Potter") && nth(1, "actor") && nth(2, "films"),
                !nth(1, "lavish"),
                pieces.get(2).is_some_and(|sentence| PERFECT.is_match(sentence)),
            ],
            Summary::Xsum => [
                pieces.len() == 1,
                spaced < 20,
                !has("Newton Stewart"),
                CONTINUOUS.is_match(answer),
                has("operation"),
            ],
            Summary::Samsum => {
                [pieces.len() == 1, spaced < 15, has("stuff"), !PROCRAST.is_match(answer), marks == 1]
            }
            Summary::Gigaword => [spaced == 8, marks == 0, is_lower(answer), !has("bus"), has("in")],
            Summary::Arxiv => [
                pieces.len() == 1,
                spaced <= 20,
                answer.starts_with("We"),
                has("activations"),
                !has("transformer"),
            ],
        },
    )
}

fn chinese(summary: Summary, level: u8, answer: &str) -> bool {
    let pieces = sentences(answer, Edition::Chinese);
    let characters = answer.chars().count();
    let has = |word: &str| answer.contains(word);
    let nth = |n: usize, word: &str| pieces.get(n).is_some_and(|sentence| sentence.contains(word));
    let marks = answer.chars().filter(|c| c.is_ascii_punctuation() || "，。：’“”".contains(*c)).count();
    first(
        level,
        match summary {
            Summary::CnnDailymail => [
                pieces.len() == 3,
                pieces.iter().all(|sentence| length(sentence, Edition::Chinese) < 15),
                nth(0, "波特") && nth(1, "演员") && nth(2, "电影"),
                !nth(1, "奢侈"),
                nth(2, "了"),
            ],
            Summary::Xsum => {
                [pieces.len() == 1, characters < 20, !has("牛顿斯图尔特"), has("在"), has("操作")]
            }
            Summary::Samsum => {
                [pieces.len() == 1, characters < 15, has("琐碎的"), !has("拖沓的"), marks == 1]
            }
            Summary::Gigaword => {
                [characters == 8, marks == 0, !answer.chars().any(is_numeric), !has("公交车"), has("在")]
            }
            Summary::Arxiv => [
                pieces.len() == 1,
                characters <= 20,
                answer.starts_with("我们"),
                has("激活"),
                !has("transformer"),
            ],
        },
    )
}

fn paragraphs(edition: Edition, level: u8, answer: &str) -> bool {
    let paragraphs: Vec<&str> = answer.split("\n\n").collect();
    let ending = match edition {
        Edition::English => "Those are suggestions",
        Edition::Chinese => "这些是建议",
    };
    let wanted = if level == 5 { 4 } else { 3 };
    first(
        level,
        [
            paragraphs.len() == wanted,
            paragraphs.iter().take(3).all(|paragraph| sentences(paragraph, edition).len() < 3),
            sentences(answer, edition).iter().all(|sentence| length(sentence, edition) > 20),
            paragraphs.iter().all(|paragraph| {
                let paragraph = paragraph.trim_start_matches(is_space);
                paragraph.is_empty() || MARKER.is_match(paragraph)
            }),
            answer.ends_with(ending),
        ],
    )
}

fn points(level: u8, answer: &str) -> bool {
    let sentences = split_after_stops(answer);
    let numbered = |sentence: &&&str| (1..6).any(|number| sentence.contains(&format!("{number}.")));
    first(
        level,
        [
            answer.contains("**"),
            KEYWORD.find_iter(answer).count() == 5,
            sentences.iter().filter(numbered).all(|sentence| sentence.matches('.').count() < 2),
            sentences.iter().all(|sentence| (10..=15).contains(&words(sentence).count())),
            !words(answer).any(|word| word.ends_with("-ly")),
        ],
    )
}

/// The pieces between white space that follows `.` or `?`, unless that ends something like `e.g.` or `Mr.`.
fn split_after_stops(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    // The four characters before the present one, the latest last.
    let mut before = ['\0'; 4];
    for (at, c) in text.char_indices() {
        let [first, second, third, stop] = before;
        let initials = is_word(first) && second == '.' && is_word(third);
        let title = second.is_ascii_uppercase() && third.is_ascii_lowercase() && stop == '.';
        if is_space(c) && matches!(stop, '.' | '?') && !initials && !title {
            pieces.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        before = [second, third, stop, c];
    }
    pieces.push(&text[start..]);
    pieces
}
