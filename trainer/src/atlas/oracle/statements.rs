//! Edits read back: which relation of which subject is now which object.

use super::matching::{Between, trim_article};
use crate::atlas::{Atlas, phrasing::wide_of, world::Relation};

/// One reading of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub relation: Relation,
    /// Without its article, as written.
    pub subject: String,
    /// As written.
    pub object: String,
}

/// All statement patterns.
#[derive(Debug)]
pub(super) struct Statements {
    wraps: Vec<(String, String)>,
    cores: Vec<(Relation, Between)>,
}

impl Statements {
    pub(super) fn new(atlas: &Atlas) -> Self {
        let patterns = &atlas.grammar.statements;
        let all = |section: &str| patterns.all(section).iter().chain(patterns.all(&wide_of(section)));
        let wraps = all("wrap").filter_map(|wrap| {
            let text = wrap.text.to_ascii_lowercase();
            let (before, behind) = text.strip_suffix('.').unwrap_or(&text).split_once("{st}")?;
            Some((before.to_owned(), behind.to_owned()))
        });
        let cores = Relation::ALL.into_iter().flat_map(|relation| {
            let cores: Vec<Between> =
                all(relation.info().name).filter_map(|core| Between::parse(&core.text)).collect();
            cores.into_iter().map(move |core| (relation, core))
        });
        Self { wraps: wraps.collect(), cores: cores.collect() }
    }

    /// The readings of a statement with the most words of a pattern; several when patterns of two relations fit alike
    /// ("Tolvex has moved to Lyon": a company, or a person who changed the employer).
    pub(super) fn read(&self, statement: &str) -> Vec<Claim> {
        let statement = statement.trim();
        let statement = statement.strip_suffix('.').unwrap_or(statement);
        let lower = statement.to_ascii_lowercase();
        let mut best = 0;
        let mut claims = Vec::new();
        for (before, behind) in &self.wraps {
            let Some(range) = unwrap(&lower, before, behind) else { continue };
            for (relation, core) in &self.cores {
                let weight = core.weight() + before.len() + behind.len();
                if weight < best {
                    continue;
                }
                for found in core.find(&lower[range.clone()]) {
                    if weight > best {
                        best = weight;
                        claims.clear();
                    }
                    let inner = &statement[range.clone()];
                    let subject = trim_article(&inner[found.subject]).to_owned();
                    let claim =
                        Claim { relation: *relation, subject, object: inner[found.object].to_owned() };
                    if !claims.contains(&claim) {
                        claims.push(claim);
                    }
                }
            }
        }
        claims
    }
}

/// The range of what a wrapper holds; `{y}` in the wrapper stands for a year of four digits.
fn unwrap(text: &str, before: &str, behind: &str) -> Option<std::ops::Range<usize>> {
    let start = match before.split_once("{y}") {
        None => text.starts_with(before).then_some(before.len())?,
        Some((head, tail)) => {
            let rest = text.strip_prefix(head)?;
            is_year(rest.get(..4)?).then_some(())?;
            rest.get(4..)?.starts_with(tail).then_some(head.len() + 4 + tail.len())?
        }
    };
    let end = match behind.split_once("{y}") {
        None => text.strip_suffix(behind)?.len(),
        Some((head, tail)) => {
            let rest = text.strip_suffix(tail)?;
            let year = rest.get(rest.len().checked_sub(4)?..)?;
            is_year(year).then_some(())?;
            rest.strip_suffix(year)?.strip_suffix(head)?.len()
        }
    };
    (start < end).then_some(start..end)
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())
}
