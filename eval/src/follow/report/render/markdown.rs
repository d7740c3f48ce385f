//! Reports as Markdown.

use super::{Form, environment};
use crate::follow::{
    Verdict,
    report::{FollowReport, ItemReport, ItemResult},
};
use minijinja::{Error, context};
use serde::Serialize;

const REPORT: &str = include_str!("../templates/report.md.jinja");
/// The most items that the Markdown names; JSON and HTML have all.
const ITEMS_NAMED: usize = 60;

/// An item that is not satisfied.
#[derive(Serialize)]
struct Broken<'a> {
    id: &'a str,
    why: String,
}

/// Why an item is not satisfied, in one line; nothing for one that is.
pub(super) fn why(item: &ItemReport) -> Option<String> {
    let answered = match &item.result {
        ItemResult::Failed { error, .. } => return Some(format!("no answer: {error}")),
        ItemResult::Answered(answered) => answered,
    };
    let broken = answered.outcome.constraints.iter().filter_map(|one| {
        let reason = one.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        match one.verdict {
            Verdict::Satisfied => None,
            Verdict::Violated => Some(format!("{}{reason}", one.constraint)),
            Verdict::Unparsed => Some(format!("{}: no readable verdict", one.constraint)),
        }
    });
    let broken: Vec<String> = broken.collect();
    (!broken.is_empty()).then(|| broken.join("; "))
}

pub(super) fn report(report: &FollowReport) -> Result<String, Error> {
    let broken: Vec<Broken<'_>> =
        report.items.iter().filter_map(|item| Some(Broken { id: &item.id, why: why(item)? })).collect();
    let (all, named) = (broken.len(), &broken[..broken.len().min(ITEMS_NAMED)]);
    let void = report.void.as_ref().map(ToString::to_string);
    // As pairs, for a map's order would be lost on the way.
    let categories: Vec<_> = report.scores.categories.iter().collect();
    let values = context! { report, void, categories, broken => named, all_broken => all };
    environment(Form::Markdown).render_str(REPORT, values)
}
