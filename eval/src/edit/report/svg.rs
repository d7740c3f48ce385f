//! Plots as SVG that needs nothing else: no fonts, no scripts, no style sheets of others.
//!
//! The geometry is worked out here, the drawing is `eval/templates/plot.svg.jinja`. Colours follow the reader's light or
//! dark setting; series differ by mark and dash as well as by colour.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../templates/plot.svg.jinja");
/// The most series of one plot: as many as there are colours and marks.
pub(crate) const MAX_SERIES: usize = 6;
/// The room for a name in the legend, in pixels.
const LONGEST_NAME: f64 = 400.0;
/// The largest number of steps between two labels.
const MAX_STEPS: f64 = 6.0;

/// A point with the ends of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) interval: Option<[f64; 2]>,
}

/// How the points of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// A line with a mark at each point.
    Marked,
    /// A line alone.
    Line,
}

/// One line of the plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
    pub(crate) draw: Draw,
}

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm; values are above 0.
    Log,
}

/// One direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Where labels stand; empty takes round values.
    pub(crate) ticks: Vec<f64>,
}

impl Axis {
    /// Shares, 0 to 1.
    pub(crate) fn share(title: &str) -> Self {
        Self { title: title.to_owned(), scale: Scale::Linear, from: 0.0, to: 1.0, ticks: Vec::new() }
    }

    /// The place of a value between the ends: 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let at = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        };
        let (from, to) = (at(self.from), at(self.to));
        if to > from { ((at(value) - from) / (to - from)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Where labels stand.
    fn labels(&self) -> Vec<f64> {
        if !self.ticks.is_empty() {
            return self.ticks.clone();
        }
        let span = self.to - self.from;
        let rough = 10_f64.powf((span / MAX_STEPS).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * rough);
        let step = steps.into_iter().find(|step| span / step <= MAX_STEPS).unwrap_or(span);
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last).map(|count| count as f64 * step).collect()
    }
}

/// A line across the plot, for what the points are to be compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Guide {
    /// Both coordinates alike.
    Diagonal,
    /// At this x, with a name.
    Vertical(f64, String),
}

/// A plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) guides: Vec<Guide>,
}

/// Where the plot's area lies in the picture, in pixels.
#[derive(Debug, Clone, Copy, Serialize)]
struct Area {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct Mark {
    x: f64,
    y: f64,
    low: Option<f64>,
    high: Option<f64>,
    tip: String,
}

#[derive(Serialize)]
struct Drawn {
    number: usize,
    name: String,
    legend_x: f64,
    legend_y: f64,
    /// The line's corners.
    line: String,
    /// Empty for a line alone.
    marks: Vec<Mark>,
    /// Whether the legend shows a mark.
    marked: bool,
}

#[derive(Serialize)]
struct Line {
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
    name: String,
    name_x: f64,
    name_y: f64,
    anchor: &'static str,
}

/// A number as people write it: no more digits than it has.
pub(crate) fn number(value: f64) -> String {
    let text = match value.abs() {
        0.0 => return "0".to_owned(),
        size if size >= 1_000.0 => return thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    };
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

fn round(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

/// How wide a text is drawn at most, in pixels, at 12 pixels a letter's height: glyphs differ from reader to reader.
fn width(text: &str) -> f64 {
    text.chars().count() as f64 * 7.2
}

/// The text, cut where it would leave the picture if it began at the left.
fn fit(text: &str, room: f64) -> String {
    match text.char_indices().nth((room / width("x")) as usize) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

impl Plot {
    /// The plot as the text of an SVG file.
    pub(crate) fn render(&self) -> Result<String, minijinja::Error> {
        let (legend, rows) = self.legend();
        let (top, bottom) = (80.0 + 20.0 * rows as f64, 56.0);
        let height = top + 300.0 + bottom;
        let area = Area { width: 760.0, height, left: 68.0, right: 736.0, top, bottom: height - bottom };
        let margin = self.margin();
        let x = |value: f64| {
            round(area.left + margin + self.x.place(value) * (area.right - area.left - 2.0 * margin))
        };
        let y = |value: f64| round(area.bottom - self.y.place(value) * (area.bottom - area.top));
        let ticks = |axis: &Axis, place: &dyn Fn(f64) -> f64| -> Vec<Tick> {
            axis.labels().into_iter().map(|value| Tick { at: place(value), label: number(value) }).collect()
        };
        let series: Vec<Drawn> = self
            .series
            .iter()
            .take(MAX_SERIES)
            .zip(legend)
            .enumerate()
            .map(|(number, (series, at))| {
                let beside = |value: f64| round(x(value) + self.shift(number));
                draw(series, number, at, (&beside, &y))
            })
            .collect();
        let guides: Vec<Line> = self.guides.iter().map(|guide| self.guide(guide, area, (&x, &y))).collect();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_template("plot", TEMPLATE)?;
        environment.get_template("plot")?.render(context! {
            area, series, guides,
            title => self.title, subtitle => fit(&self.subtitle, area.width - 40.0),
            x_title => self.x.title, y_title => self.y.title,
            x_ticks => ticks(&self.x, &x), y_ticks => ticks(&self.y, &y),
        })
    }

    /// How far a series stands beside its place, in pixels, so that the intervals of several do not cover one another.
    fn shift(&self, number: usize) -> f64 {
        let count = self.series.len().min(MAX_SERIES);
        let marked = self.series.iter().any(|series| series.draw == Draw::Marked);
        if marked { 7.0 * (number as f64 - (count as f64 - 1.0) / 2.0) } else { 0.0 }
    }

    /// What stays free at both ends, in pixels, for what stands beside its place.
    fn margin(&self) -> f64 {
        let widest = self.shift(0).abs();
        if widest > 0.0 { widest + 8.0 } else { 0.0 }
    }

    /// Where the legend's entries stand, and in how many rows.
    fn legend(&self) -> (Vec<(f64, f64)>, usize) {
        let (mut at, mut x, mut row) = (Vec::new(), 68.0, 0);
        for series in self.series.iter().take(MAX_SERIES) {
            let wide = 34.0 + width(&series.name).min(LONGEST_NAME) + 18.0;
            if x + wide > 750.0 && x > 68.0 {
                (x, row) = (68.0, row + 1);
            }
            at.push((x, 68.0 + 20.0 * row as f64));
            x += wide;
        }
        let rows = if at.is_empty() { 0 } else { row + 1 };
        (at, rows)
    }

    fn guide(&self, guide: &Guide, area: Area, (x, y): (&Place<'_>, &Place<'_>)) -> Line {
        match guide {
            Guide::Diagonal => {
                let (low, high) = (self.x.from.max(self.y.from), self.x.to.min(self.y.to));
                let (x1, y1, x2, y2) = (x(low), y(low), x(high), y(high));
                Line { x1, y1, x2, y2, name: String::new(), name_x: x1, name_y: y1, anchor: "start" }
            }
            Guide::Vertical(at, name) => {
                let at = x(*at);
                // Above the area, where nothing is drawn, and within the picture.
                let half = width(name) / 2.0;
                let (anchor, shift) = match (at - half < area.left, at + half > area.right) {
                    (true, _) => ("start", -4.0),
                    (_, true) => ("end", 4.0),
                    _ => ("middle", 0.0),
                };
                let (name, name_x, name_y) = (name.clone(), at + shift, area.top - 7.0);
                Line { x1: at, y1: area.bottom, x2: at, y2: area.top, name, name_x, name_y, anchor }
            }
        }
    }
}

type Place<'a> = dyn Fn(f64) -> f64 + 'a;

fn draw(
    series: &Series,
    number_of: usize,
    (legend_x, legend_y): (f64, f64),
    (x, y): (&Place<'_>, &Place<'_>),
) -> Drawn {
    let corner = |point: &Point| format!("{},{}", x(point.x), y(point.y));
    let line = series.points.iter().map(corner).collect::<Vec<_>>().join(" ");
    let mark = |point: &Point| Mark {
        x: x(point.x),
        y: y(point.y),
        low: point.interval.map(|[low, _]| y(low)),
        high: point.interval.map(|[_, high]| y(high)),
        tip: format!("{}: {} at {}", series.name, number(point.y), number(point.x)),
    };
    let marked = series.draw != Draw::Line;
    let marks = if marked { series.points.iter().map(mark).collect() } else { Vec::new() };
    let name = fit(&series.name, LONGEST_NAME);
    Drawn { number: number_of, name, legend_x, legend_y, line, marks, marked }
}
