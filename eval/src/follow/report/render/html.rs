//! Reports as one HTML page: no scripts, no other files.

use super::{Form, environment, failed};
use crate::{
    edit::report::svg::{Axis, Draw, Plot, Point, Scale, Series},
    follow::{
        Category, Level, Verdict,
        report::{Comparison, FollowReport, ItemReport, ItemResult},
    },
};
use minijinja::{Error, Value, context};
use serde::Serialize;

const PAGE: &str = include_str!("../templates/report.html.jinja");
const COMPARISON: &str = include_str!("../templates/comparison.html.jinja");

/// One row of a heat map.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    cells: [Option<f64>; 5],
    csl: Option<f64>,
    items: usize,
}

/// What an item's line in the page says first.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    Met,
    Broken,
    Unread,
    Failed,
}

#[derive(Serialize)]
struct Shown<'a> {
    state: State,
    /// How many of its constraints are satisfied, and how many it has.
    met: usize,
    of: usize,
    error: Option<&'a str>,
    item: &'a ItemReport,
    answered: Option<&'a crate::follow::report::Answered>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'static str,
    met: usize,
    items: Vec<Shown<'a>>,
}

type Rates = fn(&crate::follow::outcome::CategoryScores) -> [Option<f64>; 5];

fn rows(report: &FollowReport, rates: Rates) -> Vec<Row> {
    let row = |name, scores: &crate::follow::outcome::CategoryScores| Row {
        name,
        cells: rates(scores),
        csl: scores.csl,
        items: scores.items.iter().sum(),
    };
    let categories = report.scores.categories.iter().map(|(category, scores)| row(category.as_str(), scores));
    categories.chain([row("mean", &report.scores.overall)]).collect()
}

/// Rates over the levels, a line for each category.
fn chart(report: &FollowReport, (name, id): (&str, &str), rates: Rates) -> Result<Value, Error> {
    let series = report.scores.categories.iter().map(|(category, scores)| {
        let levels = Level::ALL.iter().zip(rates(scores));
        let points = levels
            .filter_map(|(level, y)| Some(Point { x: f64::from(level.get()), y: y?, interval: None }))
            .collect();
        Series { name: category.to_string(), points, draw: Draw::Marked }
    });
    let axis = |title: &str, to: f64, from: f64, ticks: Vec<f64>| Axis {
        title: title.to_owned(),
        scale: Scale::Linear,
        from,
        to,
        ticks,
    };
    let plot = Plot {
        title: name.to_owned(),
        subtitle: format!("{} on {} {}", report.suite.name, report.model.id, report.model.revision),
        x: axis("level: constraints added", 5.0, 1.0, Level::ALL.map(|l| f64::from(l.get())).to_vec()),
        y: axis("%", 100.0, 0.0, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        guides: Vec::new(),
    };
    // Two pictures in one page must not share the ids of their titles.
    let svg = plot.render()?.replace("plot-title", &format!("{id}-title"));
    Ok(Value::from_safe_string(svg.replace("plot-subtitle", &format!("{id}-subtitle"))))
}

fn shown(item: &ItemReport) -> Shown<'_> {
    let answered = item.answered();
    let state = match (answered, item.hard()) {
        (None, _) => State::Failed,
        (_, None) => State::Unread,
        (_, Some(true)) => State::Met,
        (_, Some(false)) => State::Broken,
    };
    let constraints = answered.map_or(&[][..], |answered| &answered.outcome.constraints);
    let error = match &item.result {
        ItemResult::Failed { error, .. } => Some(error.as_str()),
        ItemResult::Answered(_) => None,
    };
    let met = constraints.iter().filter(|one| one.verdict == Verdict::Satisfied).count();
    Shown { state, met, of: constraints.len(), error, item, answered }
}

fn groups(report: &FollowReport) -> Vec<Group<'_>> {
    let group = |category: Category| {
        let items: Vec<_> = report.items.iter().filter(|item| item.category == category).map(shown).collect();
        let met = items.iter().filter(|item| item.state == State::Met).count();
        Group { name: category.as_str(), met, items }
    };
    Category::ALL.into_iter().map(group).filter(|group| !group.items.is_empty()).collect()
}

pub(super) fn report(report: &FollowReport, comparison: Option<&Comparison>) -> Result<String, Error> {
    if comparison.is_some_and(|comparison| comparison.suite.fingerprint != report.suite.fingerprint) {
        return Err(failed("the comparison is of another suite than the report"));
    }
    let mut environment = environment(Form::Xml);
    environment.add_template("comparison", COMPARISON)?;
    let (hsr, ssr): (Rates, Rates) = (|scores| scores.hsr, |scores| scores.ssr);
    let hard = report.items.iter().filter(|item| item.hard() == Some(true)).count();
    environment.render_named_str("page.html", PAGE, context! {
        report, comparison, hard,
        void => report.void.as_ref().map(ToString::to_string),
        groups => groups(report),
        heats => [
            context! { name => "Every constraint satisfied (HSR)", rows => rows(report, hsr), csl => true },
            context! { name => "Constraints satisfied (SSR)", rows => rows(report, ssr), csl => false },
        ],
        charts => [
            chart(report, ("Every constraint satisfied (HSR), by level", "hsr"), hsr)?,
            chart(report, ("Constraints satisfied (SSR), by level", "ssr"), ssr)?,
        ],
    })
}
