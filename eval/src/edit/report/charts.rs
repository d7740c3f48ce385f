//! The charts of the reports.

use super::{
    EditReport, StageReport,
    scores::{Score, Scores},
    svg::{Axis, Draw, Guide, Plot, Point, Scale, Series, number},
};
use crate::edit::calibrate::{
    LabelledScore, Scope, Threshold, curve::CurvePoint, curve::count, curve::curve, reliability,
};

/// The most corners of a drawn curve.
const MAX_CORNERS: usize = 200;

/// Scores over the number of edits, as a self-contained SVG.
///
/// # Errors
/// When the template fails, which its tests rule out.
pub fn growth_chart(report: &EditReport) -> Result<String, minijinja::Error> {
    type Pick = fn(&StageReport) -> Option<(f64, Option<Score>)>;
    fn whole(score: Option<Score>) -> Option<(f64, Option<Score>)> {
        score.map(|score| (score.mean, Some(score)))
    }
    fn full(stage: &StageReport) -> Option<&Scores> {
        stage.forced.as_ref().map(|forced| &forced.full)
    }
    let picks: [(&str, Pick); 6] = [
        ("success, teacher-forced", |stage| whole(full(stage)?.success)),
        ("success, generated", |stage| whole(stage.contains.success)),
        ("generalisation, generated", |stage| whole(stage.contains.generalisation)),
        ("portability, generated", |stage| Some((stage.contains.portability?, None))),
        ("locality, generated", |stage| Some((stage.exact.locality?, None))),
        ("recall@1 of rephrasings", |stage| {
            let recall = stage.retrieval.recall.iter().find(|recall| recall.queries == "rephrasing");
            recall.map(|recall| (recall.at_1.mean, Some(recall.at_1)))
        }),
    ];
    let series = picks.into_iter().map(|(name, pick)| {
        let points = report.stages.iter().filter_map(|stage| {
            let (y, score) = pick(stage)?;
            Some(Point { x: stage.edits as f64, y, interval: score.map(|score| score.interval) })
        });
        Series { name: name.to_owned(), points: points.collect(), draw: Draw::Marked }
    });
    let edits: Vec<f64> = report.stages.iter().map(|stage| stage.edits as f64).collect();
    let (from, to) = (edits.first().copied().unwrap_or(1.0), edits.last().copied().unwrap_or(1.0));
    let title = "records edited (logarithmic)".to_owned();
    let x = Axis { title, scale: Scale::Log, from, to, ticks: apart(&edits) };
    let about = format!(
        "{} on {} {}; bars are 95 % intervals; seed {}",
        report.data, report.edited.id, report.edited.revision, report.plan.seed.0
    );
    let plot = Plot {
        title: "Scores as edits accumulate".to_owned(),
        subtitle: about,
        x,
        y: Axis::share("score"),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        guides: Vec::new(),
    };
    plot.render()
}

/// Those of the ascending values whose labels do not run into one another on a logarithmic axis. The last one stays.
fn apart(values: &[f64]) -> Vec<f64> {
    let span = values.last().zip(values.first()).map_or(1.0, |(last, first)| (last / first).log10());
    let mut kept: Vec<f64> = Vec::new();
    for &value in values.iter().rev() {
        if kept.last().is_none_or(|after| (after / value).log10() > span * 0.07) {
            kept.push(value);
        }
    }
    kept.reverse();
    kept
}

/// How often pairs of a predicted probability really are in scope, with 95 % intervals, as a self-contained SVG: the
/// nearer to the diagonal, the better the probabilities.
///
/// # Errors
/// As [`growth_chart`].
pub fn reliability_chart(pairs: &[LabelledScore]) -> Result<String, minijinja::Error> {
    let bins = reliability(pairs);
    let points =
        bins.iter().map(|bin| Point { x: bin.predicted, y: bin.observed, interval: Some(bin.interval) });
    let series = Series {
        name: "held-out pairs, in ten bins".to_owned(),
        points: points.collect(),
        draw: Draw::Marked,
    };
    let plot = Plot {
        title: "Reliability".to_owned(),
        subtitle: format!(
            "{} pairs; bars are 95 % intervals; on the diagonal the probabilities are right",
            pairs.len()
        ),
        x: Axis::share("predicted probability of being in scope"),
        y: Axis::share("share in scope"),
        series: vec![series],
        guides: vec![Guide::Diagonal],
    };
    plot.render()
}

/// What each threshold on the score keeps and injects, as a self-contained SVG. So many questions in scope were
/// [missed](crate::edit::calibrate::Missed), which no threshold keeps.
///
/// # Errors
/// As [`growth_chart`].
pub fn threshold_chart(
    pairs: &[LabelledScore],
    missed: usize,
    chosen: Option<Threshold>,
) -> Result<String, minijinja::Error> {
    let curve = thin(&whole_curve(pairs, missed));
    let line = |name: &str, y: fn(&CurvePoint) -> f64| {
        let points = curve.iter().map(|point| Point { x: point.threshold.0, y: y(point), interval: None });
        Series { name: name.to_owned(), points: points.collect(), draw: Draw::Line }
    };
    let (from, to) = (pairs.iter().map(|pair| pair.score))
        .fold((0.0_f64, 1.0_f64), |(low, high), score| (low.min(score), high.max(score)));
    let name = |threshold: Threshold| format!("threshold {}", number(threshold.0));
    let plot = Plot {
        title: "What a threshold keeps and injects".to_owned(),
        subtitle: format!("{} pairs; an edit is applied when the score reaches the threshold", pairs.len()),
        x: Axis {
            title: "threshold on the score".to_owned(),
            scale: Scale::Linear,
            from,
            to,
            ticks: Vec::new(),
        },
        y: Axis::share("share of pairs"),
        series: vec![
            line("kept: in scope and applied", |point| point.kept),
            line("injected: out of scope and applied", |point| point.injected),
        ],
        guides: chosen.into_iter().map(|at| Guide::Vertical(at.0, name(at))).collect(),
    };
    plot.render()
}

/// What is kept at each rate of false injection, for several scores on the same pairs, as a self-contained SVG; `missed`
/// as in [`threshold_chart`].
///
/// # Errors
/// As [`growth_chart`].
pub fn trade_off_chart(
    scores: &[(&str, &[LabelledScore])],
    missed: usize,
    bound: f64,
) -> Result<String, minijinja::Error> {
    let series = scores.iter().map(|(name, pairs)| {
        let points = thin(&whole_curve(pairs, missed)).into_iter();
        let points = points.map(|point| Point { x: point.injected, y: point.kept, interval: None });
        // A threshold above all scores applies nothing.
        let none = Point { x: 0.0, y: 0.0, interval: None };
        Series {
            name: (*name).to_owned(),
            points: std::iter::once(none).chain(points).collect(),
            draw: Draw::Line,
        }
    });
    let plot = Plot {
        title: "Kept against injected".to_owned(),
        subtitle: "held-out pairs, for every threshold; up and to the left is better".to_owned(),
        x: Axis::share("injected: share of out-of-scope pairs that are applied"),
        y: Axis::share("kept: share of in-scope pairs that are applied"),
        series: series.collect(),
        guides: vec![Guide::Vertical(bound, format!("bound {}", number(bound)))],
    };
    plot.render()
}

/// The [curve] with shares of all questions in scope, those that were missed among them.
fn whole_curve(pairs: &[LabelledScore], missed: usize) -> Vec<CurvePoint> {
    let inside = count(pairs, Scope::In);
    let considered = inside as f64 / (inside + missed).max(1) as f64;
    let point = |point: CurvePoint| CurvePoint { kept: point.kept * considered, ..point };
    curve(pairs).into_iter().map(point).collect()
}

/// At most [`MAX_CORNERS`] points, the first and the last among them.
fn thin(points: &[CurvePoint]) -> Vec<CurvePoint> {
    if points.len() <= MAX_CORNERS {
        return points.to_vec();
    }
    (0..MAX_CORNERS).map(|i| points[i * (points.len() - 1) / (MAX_CORNERS - 1)]).collect()
}
