//! A decision for people and build servers: Markdown, one HTML page, JUnit.

use super::decision::{GateDecision, SuiteDecision, Verdict};
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, context};
use serde::Serialize;

const MARKDOWN: &str = include_str!("../../templates/gate.md.jinja");
const HTML: &str = include_str!("../../templates/gate.html.jinja");
const JUNIT: &str = include_str!("../../templates/gate.junit.jinja");

/// Half of the chart's width, in points of the metric: wider intervals are cut there.
const CHART_POINTS: f64 = 20.0;

/// What was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateTitle {
    /// The gate, or what stands for it.
    pub id: String,
    /// What was judged.
    pub candidate: String,
    /// What it was compared with.
    pub live: String,
    /// The policy's name.
    pub policy: String,
    /// Pages of the suites, by name: where more is to be read.
    pub suites: Vec<SuiteLink>,
}

/// A page of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteLink {
    /// The suite.
    pub suite: String,
    /// Where its page is, relative to this one.
    pub href: String,
}

/// Markdown with tables.
///
/// # Errors
/// The template's.
pub fn markdown(title: &GateTitle, decision: &GateDecision) -> Result<String, Error> {
    render("gate.md", MARKDOWN, title, decision)
}

/// One page that stands alone, without scripts.
///
/// # Errors
/// The template's.
pub fn html(title: &GateTitle, decision: &GateDecision) -> Result<String, Error> {
    render("gate.html", HTML, title, decision)
}

/// JUnit XML: a test case for each reason. What says nothing of the candidate is an `<error>`, not a `<failure>`.
///
/// # Errors
/// The template's.
pub fn junit(title: &GateTitle, decision: &GateDecision) -> Result<String, Error> {
    render("gate.xml", JUNIT, title, decision)
}

fn render(name: &str, template: &str, title: &GateTitle, decision: &GateDecision) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_auto_escape_callback(|name| match name.ends_with(".md") {
        true => AutoEscape::None,
        false => AutoEscape::Html,
    });
    environment.add_filter("points", |value: f64| format!("{value:+.1}"));
    environment.add_filter("percent", |value: f64| format!("{value:.1}"));
    environment.add_filter(
        "p",
        |value: f64| if value < 1e-3 { format!("{value:.1e}") } else { format!("{value:.3}") },
    );
    environment.add_filter("cell", |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " "));
    environment
        .add_filter("plain", |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>());
    environment.add_template(name, template)?;
    let reasons: Vec<Value> = decision
        .reasons
        .iter()
        .map(|reason| {
            let word = word(reason.verdict());
            context! { code => reason.code(), suite => reason.suite(), verdict => word, text => reason.to_string() }
        })
        .collect();
    let count = |verdict: Verdict| decision.reasons.iter().filter(|one| one.verdict() == verdict).count();
    let charts: Vec<Value> = decision.suites.iter().map(chart).collect();
    environment.get_template(name)?.render(context! {
        title,
        decision,
        verdict => word(decision.verdict),
        reasons,
        failures => count(Verdict::Fail),
        errors => count(Verdict::Inconclusive),
        charts,
    })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

/// Where a suite's difference and its bounds stand on the chart, in percent of its width.
fn chart(suite: &SuiteDecision) -> Value {
    let half = CHART_POINTS.max(suite.margin * 1.5);
    let at = |points: f64| format!("{:.2}", ((points / half).clamp(-1.0, 1.0) + 1.0) * 50.0);
    let (lower, upper) = (at(suite.difference.lower), at(suite.difference.upper));
    context! {
        suite => suite.suite.as_str(),
        lower,
        upper,
        estimate => at(suite.difference.estimate),
        margin => at(-suite.margin),
        half,
        verdict => word(suite.verdict),
    }
}
