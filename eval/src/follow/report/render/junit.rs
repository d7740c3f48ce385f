//! Reports as JUnit XML, for pipelines.

use super::{Form, environment, markdown::why};
use crate::follow::{
    Category,
    report::{FollowReport, ItemReport},
};
use minijinja::{Error, context};
use serde::Serialize;

const REPORT: &str = include_str!("../templates/report.junit.jinja");

/// How a pipeline counts a test case.
#[derive(Serialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Passed,
    Failure,
    Error,
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    kind: Kind,
    /// What failed; empty for a case that passed.
    why: String,
    answer: Option<&'a str>,
    seconds: f64,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'static str,
    cases: Vec<Case<'a>>,
    failures: usize,
    errors: usize,
    seconds: f64,
}

fn case(item: &ItemReport) -> Case<'_> {
    let kind = match item.hard() {
        Some(true) => Kind::Passed,
        Some(false) => Kind::Failure,
        None => Kind::Error,
    };
    let answered = item.answered();
    let seconds = answered.map_or(0.0, |answered| answered.whole_ms / 1e3);
    let answer = answered.map(|answered| answered.answer.text.as_str());
    Case { id: &item.id, kind, why: why(item).unwrap_or_default(), answer, seconds }
}

pub(super) fn report(report: &FollowReport) -> Result<String, Error> {
    let group = |category: Category| {
        let cases: Vec<_> = report.items.iter().filter(|item| item.category == category).map(case).collect();
        let count = |kind: Kind| cases.iter().filter(|case| case.kind == kind).count();
        let (failures, errors) = (count(Kind::Failure), count(Kind::Error));
        let seconds = cases.iter().map(|case| case.seconds).sum();
        Group { name: category.as_str(), cases, failures, errors, seconds }
    };
    let groups: Vec<_> =
        Category::ALL.into_iter().map(group).filter(|group| !group.cases.is_empty()).collect();
    let void = report.void.as_ref().map(ToString::to_string);
    let failures: usize = groups.iter().map(|group| group.failures).sum();
    let errors: usize = groups.iter().map(|group| group.errors).sum();
    environment(Form::Xml).render_str(
        REPORT,
        context! {
            report, groups, failures,
            void => void,
            tests => report.items.len() + usize::from(report.void.is_some()),
            errors => errors + usize::from(report.void.is_some()),
        },
    )
}
