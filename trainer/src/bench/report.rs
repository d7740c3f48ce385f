//! The tables, and what is promised of them.

use super::side::Measured;
use super::workload::Workload;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The form of [`Report`] as JSON; another form gets another name.
const SCHEMA: &str = "amend.bench.train.v1";
/// What the peer is called among the sides.
const TRL: &str = "TRL";

/// Which pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// [`Prompts::SHORT`](super::Prompts::SHORT).
    Short,
    /// [`Prompts::LONG`](super::Prompts::LONG).
    Long,
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "short",
            Self::Long => "long",
        })
    }
}

/// The best and the worst of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The best.
    pub best: f64,
    /// The worst.
    pub worst: f64,
}

/// One side on one set of pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which pairs.
    pub lengths: Lengths,
    /// `apart`, `shared` or `TRL`.
    pub side: String,
    /// Tokens of a step, padding not.
    pub tokens: usize,
    /// By the clock.
    pub tokens_per_second: Spread,
    /// Of all processors together.
    pub cpu_microseconds_per_token: Spread,
    /// The most resident memory, the round with the least.
    pub peak_mib: f64,
    /// What of it the training takes beside the loaded model.
    pub adds_mib: f64,
    /// The loss of every step, in the last round.
    pub losses: Vec<f64>,
    /// What it ran on.
    pub version: String,
}

impl Row {
    pub(super) fn new(lengths: Lengths, side: String, measured: &Measured) -> Self {
        let spread = |value| Spread { best: value, worst: value };
        let (speed, cpu) = rates(measured);
        Self {
            lengths,
            side,
            tokens: measured.tokens,
            tokens_per_second: spread(speed),
            cpu_microseconds_per_token: spread(cpu),
            peak_mib: measured.peak_mib,
            adds_mib: measured.adds_mib,
            losses: measured.losses.clone(),
            version: measured.version.clone(),
        }
    }

    /// Another round.
    pub(super) fn add(&mut self, measured: &Measured) {
        let (speed, cpu) = rates(measured);
        let (fast, lean) = (&mut self.tokens_per_second, &mut self.cpu_microseconds_per_token);
        (fast.best, fast.worst) = (fast.best.max(speed), fast.worst.min(speed));
        (lean.best, lean.worst) = (lean.best.min(cpu), lean.worst.max(cpu));
        self.peak_mib = self.peak_mib.min(measured.peak_mib);
        self.adds_mib = self.adds_mib.min(measured.adds_mib);
        self.losses.clone_from(&measured.losses);
    }
}

/// Tokens a second by the clock, and microseconds of processors a token.
fn rates(measured: &Measured) -> (f64, f64) {
    let tokens = (measured.tokens as u64 * measured.timed_steps) as f64;
    (tokens / measured.seconds, measured.cpu_seconds * 1e6 / tokens)
}

/// Memory of one vocabulary and length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Growth {
    /// Rows of the output matrix.
    pub vocabulary: usize,
    /// Tokens of the two pairs.
    pub tokens: usize,
    /// The most resident memory of the training less the weights, in MiB, every sequence by itself.
    pub apart_mib: f64,
    /// The same with prompts computed once.
    pub shared_mib: f64,
}

/// What is promised of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

/// A figure with what is promised of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// The promise.
    pub bound: Bound,
    /// Whether it is kept.
    pub holds: bool,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, bound: Bound) -> Self {
        let holds = match bound {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        };
        Self { name, value, bound, holds }
    }
}

/// All that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The form.
    pub schema: &'static str,
    /// The training on long prompts; that on short ones differs in the pairs alone.
    pub workload: Workload,
    /// How often every side ran.
    pub rounds: usize,
    /// What the sides run on.
    pub versions: Vec<String>,
    /// Processes that ran or waited for a processor at the end, on average over a minute.
    pub load: Option<f64>,
    /// What is promised.
    pub figures: Vec<Figure>,
    /// Every side.
    pub rows: Vec<Row>,
    /// Memory by vocabulary and length, if it was measured.
    pub growth: Vec<Growth>,
}

impl Report {
    pub(super) fn new(
        workload: Workload,
        (rounds, versions): (usize, Vec<String>),
        (rows, growth): (Vec<Row>, Vec<Growth>),
        load: Option<f64>,
    ) -> Self {
        let figures = figures(&rows, &growth);
        Self { schema: SCHEMA, workload, rounds, versions, load, figures, rows, growth }
    }

    /// Whether every promise is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }
}

fn figures(rows: &[Row], growth: &[Growth]) -> Vec<Figure> {
    use Bound::{AtLeast, AtMost};
    let row = |lengths, side: &str| rows.iter().find(|row| row.lengths == lengths && row.side == side);
    let [short, long] =
        [Lengths::Short, Lengths::Long].map(|l| (row(l, "apart"), row(l, "shared"), row(l, TRL)));
    // By the clock and by processor time; the lesser, because on a busy machine the clock tells of luck.
    let speed = |a: &Row, b: &Row| {
        let by_clock = a.tokens_per_second.best / b.tokens_per_second.best;
        by_clock.min(b.cpu_microseconds_per_token.best / a.cpu_microseconds_per_token.best)
    };
    let memory = |a: &Row, b: &Row| a.peak_mib / b.peak_mib;
    let mut figures = Vec::new();
    let mut add = |name, value: Option<f64>, bound| {
        figures.extend(value.map(|value| Figure::new(name, value, bound)));
    };
    let of = |a: Option<&Row>, b: Option<&Row>, f: &dyn Fn(&Row, &Row) -> f64| a.zip(b).map(|(a, b)| f(a, b));
    add("speed against TRL, short prompts, nothing shared", of(short.0, short.2, &speed), AtLeast(1.0));
    add("speed against TRL, long prompts, nothing shared", of(long.0, long.2, &speed), AtLeast(1.0));
    add("speed against TRL, long prompts, shared", of(long.1, long.2, &speed), AtLeast(1.4));
    add("peak memory against TRL, short prompts, nothing shared", of(short.0, short.2, &memory), AtMost(0.6));
    add("peak memory against TRL, long prompts, nothing shared", of(long.0, long.2, &memory), AtMost(0.6));
    add("peak memory against TRL, long prompts, shared", of(long.1, long.2, &memory), AtMost(0.6));
    add("change of the loss by sharing, short prompts", of(short.0, short.1, &apart_by), AtMost(1e-5));
    add("change of the loss by sharing, long prompts", of(long.0, long.1, &apart_by), AtMost(1e-5));
    add("distance of the loss from TRL's, short prompts", of(short.0, short.2, &apart_by), AtMost(1e-3));
    add("distance of the loss from TRL's, long prompts", of(long.0, long.2, &apart_by), AtMost(1e-3));
    add("growth of memory from the least to the largest vocabulary", grown(growth), AtMost(1.1));
    figures
}

/// The largest relative difference between the losses of a step.
fn apart_by(a: &Row, b: &Row) -> f64 {
    if a.losses.len() != b.losses.len() || a.tokens != b.tokens {
        // Not the same training.
        return f64::INFINITY;
    }
    let differences = a.losses.iter().zip(&b.losses).map(|(a, b)| (a - b).abs() / b.abs().max(1e-12));
    differences.fold(0.0, f64::max)
}

/// The largest ratio, over the lengths, of what is added with the largest vocabulary to what is with the smallest.
fn grown(growth: &[Growth]) -> Option<f64> {
    let of = |tokens: usize| growth.iter().filter(move |g| g.tokens == tokens);
    let ratio = |g: &Growth| {
        let least = of(g.tokens).min_by_key(|g| g.vocabulary)?;
        let largest = of(g.tokens).max_by_key(|g| g.vocabulary)?;
        Some((largest.apart_mib / least.apart_mib).max(largest.shared_mib / least.shared_mib))
    };
    growth.iter().filter_map(ratio).reduce(f64::max)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workload { shape, pairs, steps, rank, threads, activations, .. } = &self.workload;
        writeln!(
            f,
            "{} blocks of width {}, vocabulary {}, f32, LoRA of rank {rank} on every linear, {pairs} pairs a step, {steps} \
             steps of which all but the first are timed, activations {}, {threads} threads, best of {} rounds, load {}",
            shape.layers,
            shape.width,
            shape.vocabulary,
            format!("{activations:?}").to_lowercase(),
            self.rounds,
            self.load.map_or("unknown".to_owned(), |load| format!("{load:.1}")),
        )?;
        writeln!(f, "{}\n", self.versions.join("; "))?;
        writeln!(
            f,
            "| prompts | side | tokens | tokens/s (worst) | CPU µs a token | peak MiB | training adds MiB | last loss |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let (speed, cpu) = (row.tokens_per_second, row.cpu_microseconds_per_token.best);
            writeln!(
                f,
                "| {} | {} | {} | {:.0} ({:.0}) | {cpu:.1} | {:.0} | {:.0} | {:.7} |",
                row.lengths,
                row.side,
                row.tokens,
                speed.best,
                speed.worst,
                row.peak_mib,
                row.adds_mib,
                row.losses.last().copied().unwrap_or(f64::NAN),
            )?;
        }
        if !self.growth.is_empty() {
            writeln!(
                f,
                "\n| tokens | vocabulary | peak MiB beside the weights | with sharing |\n|---|---|---|---|"
            )?;
        }
        for Growth { vocabulary, tokens, apart_mib, shared_mib } in &self.growth {
            writeln!(f, "| {tokens} | {vocabulary} | {apart_mib:.1} | {shared_mib:.1} |")?;
        }
        writeln!(f, "\n| what | measured | promised | |\n|---|---|---|---|")?;
        for Figure { name, value, bound, holds } in &self.figures {
            let value = if *value < 0.01 { format!("{value:.1e}") } else { format!("{value:.2}") };
            let promise = match bound {
                Bound::AtMost(most) => format!("at most {most}"),
                Bound::AtLeast(least) => format!("at least {least}"),
            };
            writeln!(f, "| {name} | {value} | {promise} | {} |", if *holds { "kept" } else { "missed" })?;
        }
        Ok(())
    }
}
