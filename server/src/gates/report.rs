//! What a gate measured, in files: `gates/<id>/` of the data folder, and what people read of it.

use super::{
    GateError,
    measure::{MeasuredPair, SuiteReport},
};
use amend_eval::{
    follow::report::compare,
    gate::{
        GateDecision,
        render::{self, GateTitle, SuiteLink},
    },
};
use amend_proto::wire::GateObject;
use anyhow::Context;
use serde::Serialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// What was measured, within a gate's folder.
const MEASURED: &str = "measured.json";

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// A page that stands alone.
    Html,
    /// For programs.
    Json,
    /// Text with tables.
    Markdown,
    /// For build servers.
    Junit,
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a report's format is html, json, markdown or junit")]
pub struct UnknownFormat;

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "html" => Ok(Self::Html),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            "junit" => Ok(Self::Junit),
            _ => Err(UnknownFormat),
        }
    }
}

impl ReportFormat {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Junit => "application/xml",
        }
    }
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportWanted {
    /// One suite; the verdict, unless given.
    pub suite: Option<String>,
    /// How it is written.
    pub format: ReportFormat,
}

/// The decision and what it rests on, for programs.
#[derive(Serialize)]
struct Whole<'a> {
    decision: Option<&'a GateDecision>,
    measured: &'a MeasuredPair,
}

/// Keeps what was measured, complete or not at all.
pub(super) async fn write(folder: &Path, measured: &MeasuredPair) -> anyhow::Result<()> {
    let (folder, json) = (folder.to_owned(), serde_json::to_vec(measured)?);
    let written = tokio::task::spawn_blocking(move || -> io::Result<()> {
        fs::create_dir_all(&folder)?;
        let mut partial = tempfile::NamedTempFile::new_in(&folder)?;
        io::Write::write_all(&mut partial, &json)?;
        partial.as_file().sync_all()?;
        partial.persist(folder.join(MEASURED))?;
        fs::File::open(&folder)?.sync_all()
    });
    written.await?.context("what was measured cannot be kept")
}

/// A report of a gate that has measured.
pub(super) fn read(folder: &Path, gate: &GateObject, wanted: &ReportWanted) -> Result<String, GateError> {
    let file = fs::read(folder.join(MEASURED)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => GateError::NoReport(gate.id.clone()),
        _ => GateError::Files(error),
    })?;
    let measured: MeasuredPair = serde_json::from_slice(&file)?;
    let decision: Option<GateDecision> = gate.decision.clone().map(serde_json::from_value).transpose()?;
    let live = gate.live.as_ref().map(ToString::to_string).unwrap_or_default();
    let title = GateTitle {
        id: gate.id.to_string(),
        candidate: gate.candidate.to_string(),
        live,
        policy: gate.policy.name.clone(),
        suites: links(&measured, |suite| format!("report?suite={suite}")),
    };
    rendered(&title, (decision.as_ref(), &measured), wanted)?
        .ok_or_else(|| GateError::NoReport(gate.id.clone()))
}

/// Where the suites that have pages have them.
fn links(measured: &MeasuredPair, href: impl Fn(&str) -> String) -> Vec<SuiteLink> {
    let of = |report: &SuiteReport| match report {
        SuiteReport::Follow(report) => {
            let suite = report.suite.name.clone();
            let name: String =
                suite.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            Some(SuiteLink { suite, href: href(&name) })
        }
        SuiteReport::Edits(_) | SuiteReport::Traffic(_) => None,
    };
    measured.candidate.iter().filter_map(of).collect()
}

/// Nothing where there is no verdict, or no such suite.
fn rendered(
    title: &GateTitle,
    (decision, measured): (Option<&GateDecision>, &MeasuredPair),
    wanted: &ReportWanted,
) -> Result<Option<String>, GateError> {
    let text = match (&wanted.suite, wanted.format, decision) {
        (Some(suite), format, _) => suite_report(measured, suite, format)?,
        (None, ReportFormat::Json, _) => Some(serde_json::to_string(&Whole { decision, measured })?),
        (None, _, None) => None,
        (None, ReportFormat::Markdown, Some(decision)) => Some(render::markdown(title, decision)?),
        (None, ReportFormat::Html, Some(decision)) => Some(render::html(title, decision)?),
        (None, ReportFormat::Junit, Some(decision)) => Some(render::junit(title, decision)?),
    };
    Ok(text)
}

/// A suite of the candidate, beside the live revision.
fn suite_report(
    measured: &MeasuredPair,
    suite: &str,
    format: ReportFormat,
) -> Result<Option<String>, GateError> {
    let link = |report: &SuiteReport| {
        let one = MeasuredPair { candidate: vec![report.clone()], ..MeasuredPair::default() };
        links(&one, str::to_owned).pop().is_some_and(|link| link.suite == suite || link.href == suite)
    };
    let find = |all: &[SuiteReport]| all.iter().find(|report| link(report)).cloned();
    let (Some(SuiteReport::Follow(candidate)), Some(SuiteReport::Follow(live))) =
        (find(&measured.candidate), find(&measured.live))
    else {
        return Ok(None);
    };
    Ok(Some(match format {
        ReportFormat::Json => candidate.json()?,
        ReportFormat::Markdown => candidate.markdown()?,
        ReportFormat::Junit => candidate.junit()?,
        // Two that cannot be compared are shown one by one.
        ReportFormat::Html => candidate.html(compare(&live, &candidate).ok().as_ref())?,
    }))
}

/// Writes everything that can be read of a gate into a folder: `gate.json`, `report.md`, `report.html`, `junit.xml`, and a
/// page for each suite.
///
/// # Errors
/// When a file cannot be written.
pub fn write_all(
    out: &Path,
    mut title: GateTitle,
    (decision, measured): (&GateDecision, &MeasuredPair),
) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("failed to make {}", out.display()))?;
    title.suites = links(measured, |suite| format!("{suite}.html"));
    let put = |name: &str, text: Option<String>| -> anyhow::Result<()> {
        let Some(text) = text else { return Ok(()) };
        let file: PathBuf = out.join(name);
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))
    };
    for (name, format) in [
        ("gate.json", ReportFormat::Json),
        ("report.md", ReportFormat::Markdown),
        ("report.html", ReportFormat::Html),
        ("junit.xml", ReportFormat::Junit),
    ] {
        put(name, rendered(&title, (Some(decision), measured), &ReportWanted { suite: None, format })?)?;
    }
    for link in &title.suites {
        put(&link.href, suite_report(measured, &link.suite, ReportFormat::Html)?)?;
    }
    Ok(())
}
