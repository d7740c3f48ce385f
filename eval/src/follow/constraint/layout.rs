//! Lists, tables, headings and what else stands around words.

use super::{
    Bound, Constraint,
    bound::counted,
    text::{Mark, lines, marked, shown},
};
use serde::{Deserialize, Serialize};

/// How list items are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// `- `
    Dash,
    /// `* `
    Star,
    /// `+ `
    Plus,
    /// `1. ` or `1) `, counting up from 1.
    Number,
    /// `a) `, going on with the alphabet.
    Letter,
}

impl Marker {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Dash => "-",
            Self::Star => "*",
            Self::Plus => "+",
            Self::Number => "1.",
            Self::Letter => "a)",
        }
    }

    /// Whether a mark is this marker's for the item of this number, from 0.
    fn is(self, mark: Mark, index: usize) -> bool {
        match (self, mark) {
            (Self::Dash, Mark::Dash) | (Self::Star, Mark::Star) | (Self::Plus, Mark::Plus) => true,
            (Self::Number, Mark::Number(n)) => n == index + 1,
            (Self::Letter, Mark::Letter(letter)) => {
                ('a'..='z').nth(index) == Some(letter.to_ascii_lowercase())
            }
            _ => false,
        }
    }
}

/// What an answer may have beside a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Around {
    /// Anything.
    Anything,
    /// Nothing.
    Nothing,
    /// One line in front, and nothing else.
    Lead,
}

/// Markdown emphasis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emphasis {
    /// `**bold**`
    Bold,
    /// `*italic*`
    Italic,
    /// `` `code` ``
    Code,
}

impl Emphasis {
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Bold => "**bold**",
            Self::Italic => "*italic*",
            Self::Code => "`code`",
        }
    }

    /// How many stretches of one line, from mark to mark, without white space just inside the marks.
    fn count(self, answer: &str) -> usize {
        let spans = |text: &str, mark: &str| {
            let inside = text.split(mark).skip(1).step_by(2).collect::<Vec<_>>();
            let closed = text.matches(mark).count() / 2;
            let full = |s: &&&str| !s.is_empty() && s.trim() == **s;
            inside.iter().take(closed).filter(full).count()
        };
        let of_line = |line: &str| match self {
            Self::Bold => spans(line, "**"),
            Self::Italic => {
                let item = marked(line).map_or(line, |(_, item)| item);
                spans(&item.replace("**", ""), "*")
            }
            Self::Code => spans(line, "`"),
        };
        lines(answer).into_iter().map(of_line).sum()
    }
}

impl Constraint {
    pub(super) fn check_layout(&self, answer: &str) -> Result<(), String> {
        match self {
            Self::List { marker, items, around } => list(answer, *marker, *items, *around),
            Self::Headings { level, titles } => headings(answer, *level, titles),
            Self::Table { header, columns, rows } => table(answer, header.as_deref(), *columns, *rows),
            Self::Fence { language } => fence(answer, language.as_deref()),
            Self::Wrapped { open, close } => inner(answer, open, close).map(|_| ()),
            Self::Title { open, close } => {
                let lines = lines(answer);
                if lines.len() < 2 {
                    return Err(counted(lines.len(), "line"));
                }
                inner(lines[0], open, close).map(|_| ())
            }
            Self::Fields { keys } => fields(answer, keys),
            Self::Parts { separator, count } => {
                let parts: Vec<&str> = answer.split(separator.as_str()).map(str::trim).collect();
                if parts.iter().any(|part| part.is_empty()) {
                    return Err("a part is empty".to_owned());
                }
                count.check(parts.len(), "part")
            }
            Self::Emphasis { mark, count } => {
                let found = mark.count(answer);
                if count.holds(found) { Ok(()) } else { Err(format!("{found} of them")) }
            }
            _ => Ok(()),
        }
    }
}

fn list(answer: &str, marker: Marker, items: Bound, around: Around) -> Result<(), String> {
    let lines = lines(answer);
    let (mut found, mut others, mut first) = (0, 0, None);
    for (index, line) in lines.iter().enumerate() {
        match marked(line) {
            Some((mark, item)) if !item.is_empty() => {
                if !marker.is(mark, found) {
                    return Err(format!("item {} is {}", found + 1, shown(line)));
                }
                first = first.or(Some(index));
                found += 1;
            }
            _ => others += 1,
        }
    }
    items.check(found, "item")?;
    match around {
        Around::Nothing if others > 0 => Err(format!("{} beside the list", counted(others, "line"))),
        Around::Lead if others != 1 || first != Some(1) => Err(format!(
            "{} beside the list, {} of them in front",
            counted(others, "line"),
            first.unwrap_or(0)
        )),
        _ => Ok(()),
    }
}

fn headings(answer: &str, level: usize, titles: &[String]) -> Result<(), String> {
    let found: Vec<String> = lines(answer)
        .into_iter()
        .filter_map(|line| {
            let text = line.trim_start_matches('#');
            (line.len() - text.len() == level && text.starts_with(' ')).then(|| text.trim().to_owned())
        })
        .collect();
    let same = |(a, b): (&String, &String)| a.to_lowercase() == b.to_lowercase();
    if found.len() == titles.len() && found.iter().zip(titles).all(same) {
        return Ok(());
    }
    Err(format!("the headings are {}", shown(&found.join(" / "))))
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

fn table(answer: &str, header: Option<&[String]>, columns: usize, rows: Bound) -> Result<(), String> {
    let mut found = Vec::new();
    for line in lines(answer) {
        let row = cells(line).ok_or_else(|| format!("{} is no table row", shown(line)))?;
        if row.len() != columns {
            return Err(format!("a row has {}", counted(row.len(), "column")));
        }
        found.push(row);
    }
    let rule = |cell: &&str| cell.contains('-') && cell.chars().all(|c| matches!(c, '-' | ':'));
    if !found.get(1).is_some_and(|row| row.iter().all(rule)) {
        return Err("the second line is no line of dashes".to_owned());
    }
    let names = &found[0];
    if let Some(wanted) = header
        && !names.iter().map(|n| n.to_lowercase()).eq(wanted.iter().map(|n| n.to_lowercase()))
    {
        return Err(format!("the columns are {}", shown(&names.join(" | "))));
    }
    if found[2..].iter().flatten().any(|cell| cell.is_empty()) {
        return Err("a cell is empty".to_owned());
    }
    rows.check(found.len() - 2, "row")
}

fn fence(answer: &str, language: Option<&str>) -> Result<(), String> {
    let inside = inner(answer, "```", "```")?;
    if inside.contains("```") {
        return Err("there is more than one fence".to_owned());
    }
    let (info, body) = inside.split_once('\n').ok_or("the block is one line")?;
    if body.trim().is_empty() {
        return Err("the block is empty".to_owned());
    }
    if info.trim() == language.unwrap_or("") {
        Ok(())
    } else {
        Err(format!("it opens with ```{}", info.trim()))
    }
}

/// What stands between; not empty, and nothing of the closing before the end where the two are one character each.
fn inner<'t>(text: &'t str, open: &str, close: &str) -> Result<&'t str, String> {
    let inside = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    inside
        .filter(|inside| !inside.trim().is_empty())
        .ok_or_else(|| format!("{} does not stand between {open} and {close}", shown(text)))
}

fn fields(answer: &str, keys: &[String]) -> Result<(), String> {
    let lines = lines(answer);
    for (index, line) in lines.iter().enumerate() {
        let Some(key) = keys.get(index) else {
            return Err(format!("{}, the last {}", counted(lines.len(), "line"), shown(line)));
        };
        let value = line.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix(':'));
        if value.is_none_or(|value| value.trim().is_empty()) {
            return Err(format!("line {} is {}, not \"{key}: …\"", index + 1, shown(line)));
        }
    }
    if lines.len() == keys.len() { Ok(()) } else { Err(counted(lines.len(), "line")) }
}
