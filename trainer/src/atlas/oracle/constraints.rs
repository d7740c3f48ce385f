//! Output constraints read back: the question without them, and the steps in order.

use crate::atlas::{Atlas, phrasing::Step};

/// How a list of steps is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// One step.
    One,
    /// ", then " between steps.
    Then,
    /// ", " between steps.
    Commas,
    /// "1) ..., 2) ...".
    Numbered,
}

/// A way to join a question and its steps.
#[derive(Debug)]
struct Join {
    before: String,
    listing: Listing,
    behind: String,
}

/// All constraint patterns, in lower case.
#[derive(Debug)]
pub(super) struct Constraints {
    wordings: Vec<(&'static str, String)>,
    joins: Vec<Join>,
    fronts: Vec<Join>,
}

impl Constraints {
    pub(super) fn new(atlas: &Atlas) -> Self {
        let patterns = &atlas.grammar.constraints;
        let mut wordings = Vec::new();
        for kind in ["upper", "lower", "twice", "quotes", "square", "round", "tag", "prefix", "suffix"] {
            wordings.extend(patterns.all(kind).iter().map(|p| (kind, p.text.to_ascii_lowercase())));
        }
        // The longest first: "put it in double quotes" must not be read as something shorter.
        wordings.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
        let of = |section: &str| {
            patterns.all(section).iter().map(|p| p.text.to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let behind = of("join one").into_iter().chain(of("join more"));
        Self {
            wordings,
            joins: behind.filter_map(|text| join(text.strip_prefix("{q} ")?)).collect(),
            fronts: of("join front").iter().filter_map(|text| join(text.strip_suffix("{q}")?)).collect(),
        }
    }

    /// Parts a query into its question and its steps; no steps when none can be read.
    pub(super) fn split<'t>(&self, query: &'t str) -> (&'t str, Vec<Step>) {
        let lower = query.to_ascii_lowercase();
        for front in &self.fronts {
            if let Some((end, steps)) = self.steps_at(&lower, front, query) {
                return (&query[end..], steps);
            }
        }
        for (at, _) in lower.match_indices(['?', '.', '!']) {
            let Some(tail) = lower[at + 1..].strip_prefix(' ') else { continue };
            let original = &query[at + 2..];
            for join in &self.joins {
                if let Some((end, steps)) = self.steps_at(tail, join, original)
                    && end == tail.len()
                {
                    return (&query[..=at], steps);
                }
            }
        }
        (query, Vec::new())
    }

    /// The steps that stand at the start of `lower`, and where their join ends. Literals are taken from `original`.
    fn steps_at(&self, lower: &str, join: &Join, original: &str) -> Option<(usize, Vec<Step>)> {
        let mut at = lower.strip_prefix(join.before.as_str()).map(|_| join.before.len())?;
        let mut steps = Vec::new();
        loop {
            if join.listing == Listing::Numbered {
                let number = format!("{}) ", steps.len() + 1);
                at += lower.get(at..)?.strip_prefix(number.as_str()).map(|_| number.len())?;
            }
            let (step, length) = self.step(lower.get(at..)?, original.get(at..)?)?;
            steps.push(step);
            at += length;
            let rest = lower.get(at..)?;
            let separator = if join.listing == Listing::Then { ", then " } else { ", " };
            let more = join.listing != Listing::One && rest.starts_with(separator);
            if more {
                at += separator.len();
            } else if rest.starts_with(join.behind.as_str()) {
                return Some((at + join.behind.len(), steps));
            } else {
                return None;
            }
        }
    }

    /// The step at the start of the text and how long its wording is.
    fn step(&self, lower: &str, original: &str) -> Option<(Step, usize)> {
        let mut best: Option<(Step, usize)> = None;
        for (kind, wording) in &self.wordings {
            if let Some((literal, length)) = literal_of(wording, lower, original)
                && best.as_ref().is_none_or(|(_, longest)| length > *longest)
            {
                best = Some((step_of(kind, literal)?, length));
            }
        }
        best
    }
}

/// Reads `before{1}behind`, or the list slots in the place of `{1}`.
fn join(text: &str) -> Option<Join> {
    let lists = [
        ("{1}, then {rest}", Listing::Then),
        ("{1}, {commas}", Listing::Commas),
        ("{numbered}", Listing::Numbered),
        ("{1}", Listing::One),
    ];
    let (slot, listing) = lists.into_iter().find(|(slot, _)| text.contains(slot))?;
    let (before, behind) = text.split_once(slot)?;
    Some(Join { before: before.to_owned(), listing, behind: behind.to_owned() })
}

/// Matches a wording at the start of a text: the literal in its slot, and the length of the whole.
fn literal_of<'t>(wording: &str, lower: &str, original: &'t str) -> Option<(&'t str, usize)> {
    let Some((before, behind)) = wording.split_once("{x}") else {
        return lower.starts_with(wording).then_some(("", wording.len()));
    };
    let rest = lower.strip_prefix(before)?;
    // The literal ends where its quote or its tag closes: neither occurs in a literal.
    let close = behind.chars().next()?;
    let end = rest.find(close)?;
    let literal = original.get(before.len()..before.len() + end)?;
    let behind = behind.replace("{x}", &literal.to_ascii_lowercase());
    let length = before.len() + end + behind.len();
    rest.get(end..)?.starts_with(&behind).then_some((literal, length))
}

fn step_of(kind: &str, literal: &str) -> Option<Step> {
    Some(match kind {
        "upper" => Step::Upper,
        "lower" => Step::Lower,
        "twice" => Step::Twice,
        "quotes" => Step::Quotes,
        "square" => Step::Square,
        "round" => Step::Round,
        "tag" => Step::Tag(literal.to_owned()),
        "prefix" => Step::Prefix(literal.to_owned()),
        "suffix" => Step::Suffix(literal.to_owned()),
        _ => return None,
    })
}
