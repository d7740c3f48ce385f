//! The tables, and what is promised of them.

use super::super::dedup::Bands;
use super::duplicates::{Bucket, Duplicates, DuplicatesPeer, Million};
use super::extraction::Extraction;
use super::filter::Filtering;
use super::watch::Took;
use crate::bench::process::load;
use crate::bench::{Bound, Figure};
use serde::Serialize;
use std::fmt;

/// The form of [`Report`] as JSON; another form gets another name.
const SCHEMA: &str = "amend.bench.synth.v2";
/// Standard deviations within which what is found must be of what is expected. Pairs share texts and all share the hash
/// functions, so that they are not quite independent.
const DEVIATIONS: f64 = 5.0;

/// All that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The form.
    pub schema: &'static str,
    /// Of the texts.
    pub seed: u64,
    /// Processes that ran or waited for a processor at the end, on average over a minute.
    pub load: Option<f64>,
    /// What is promised.
    pub figures: Vec<Figure>,
    /// The ROUGE-L filter.
    pub filter: Filtering,
    /// The search for duplicates.
    pub duplicates: Duplicates,
    /// The search for main texts.
    pub extraction: Extraction,
}

impl Report {
    pub(super) fn new(seed: u64, filter: Filtering, duplicates: Duplicates, extraction: Extraction) -> Self {
        let figures = figures(&filter, &duplicates, &extraction);
        Self { schema: SCHEMA, seed, load: load(), figures, filter, duplicates, extraction }
    }

    /// Whether every promise is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }
}

/// How far from what is expected the worst bucket is, in standard deviations.
fn off(buckets: &[Bucket], found: impl Fn(&Bucket) -> Option<usize>) -> Option<f64> {
    // A bucket in which all but nothing is expected has no use for the deviation: a pair more or less is one.
    let of =
        |bucket: &Bucket| Some((found(bucket)? as f64 - bucket.expected).abs() / bucket.deviation.max(1.0));
    buckets.iter().map(of).reduce(|a, b| Some(a?.max(b?))).flatten()
}

fn figures(filter: &Filtering, duplicates: &Duplicates, extraction: &Extraction) -> Vec<Figure> {
    use Bound::{AtLeast, AtMost};
    let different = filter.different as f64;
    let mut figures =
        vec![Figure::new("filter: decisions other than comparing every pair makes", different, AtMost(0.0))];
    if let Some(peer) = &filter.peer {
        let speed = filter.pairs_per_second() / peer.pairs_per_second;
        let other = (peer.different + peer.scores_different) as f64;
        figures.push(Figure::new(
            "filter: decisions and scores other than rouge_score's",
            other,
            AtMost(0.0),
        ));
        figures.push(Figure::new("filter: speed against rouge_score, processor time", speed, AtLeast(200.0)));
    }
    let ours = off(&duplicates.buckets, |bucket| Some(bucket.ours)).unwrap_or(0.0);
    figures.push(Figure::new("duplicates: off what is expected, deviations", ours, AtMost(DEVIATIONS)));
    if let Some(peer) = &duplicates.peer {
        let cut = f64::from(u8::from(peer.bands != duplicates.bands));
        let speed = peer.took.alone() / duplicates.took.alone();
        figures.push(Figure::new("duplicates: cuts other than datasketch's", cut, AtMost(0.0)));
        figures.push(Figure::new(
            "duplicates: speed against datasketch, processor time",
            speed,
            AtLeast(50.0),
        ));
    }
    if let Some(mib) = duplicates.million.and_then(|million| million.adds_mib) {
        figures.push(Figure::new("duplicates: GiB of memory for the stream", mib / 1024.0, AtMost(4.0)));
    }
    let speed = extraction.megabytes_per_second();
    figures.push(Figure::new("pages: MB a second of processor time", speed, AtLeast(10.0)));
    figures
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = self.load.map_or("unknown".to_owned(), |load| format!("{load:.1}"));
        writeln!(f, "texts of seed {}, load {load}; processor time where it says CPU\n", self.seed)?;
        self.write_filter(f)?;
        self.write_duplicates(f)?;
        self.write_extraction(f)?;
        writeln!(f, "\n| what | measured | promised | |\n|---|---|---|---|")?;
        for Figure { name, value, bound, holds } in &self.figures {
            let promise = match bound {
                Bound::AtMost(most) => format!("at most {most}"),
                Bound::AtLeast(least) => format!("at least {least}"),
            };
            writeln!(f, "| {name} | {value:.2} | {promise} | {} |", if *holds { "kept" } else { "missed" })?;
        }
        Ok(())
    }
}

impl Report {
    fn write_filter(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter = &self.filter;
        writeln!(
            f,
            "| ROUGE-L filter | candidates | kept | pairs | CPU s | pairs/CPU s |\n|---|---|---|---|---|---|"
        )?;
        writeln!(
            f,
            "| ours | {} | {} | {} | {:.2} | {:.0} |",
            filter.candidates,
            filter.kept,
            filter.pairs,
            filter.took.alone(),
            filter.pairs_per_second(),
        )?;
        if let Some(peer) = &filter.peer {
            let seconds = peer.pairs as f64 / peer.pairs_per_second;
            writeln!(
                f,
                "| {} | {} | | {} | {seconds:.2} | {:.0} ({:.0} from texts) |",
                peer.version, peer.decided, peer.pairs, peer.pairs_per_second, peer.scores_per_second,
            )?;
        }
        writeln!(f, "\n| pool | µs a candidate | pairs/s |\n|---|---|---|")?;
        for row in &filter.growth {
            writeln!(f, "| {} | {:.0} | {:.0} |", row.pool, row.microseconds, row.pairs_per_second)?;
        }
        Ok(())
    }

    fn write_extraction(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.extraction;
        writeln!(f, "\n| main texts | pages | MB | CPU s | MB/CPU s |\n|---|---|---|---|---|")?;
        let ours = ("ours", found.took);
        let peer = found.peer.as_ref().map(|peer| (peer.version.as_str(), peer.took));
        for (name, took) in [Some(ours), peer].into_iter().flatten() {
            let (seconds, megabytes) = (took.alone(), found.megabytes);
            let speed = megabytes / seconds;
            writeln!(f, "| {name} | {} | {megabytes:.1} | {seconds:.2} | {speed:.1} |", found.pages)?;
        }
        let Some(labelled) = &found.labelled else { return Ok(()) };
        writeln!(f, "\n| labelled pages: {} | 95 % over pages |\n|---|---|", labelled.pages.len())?;
        let rows = [
            ("precision", Some(labelled.precision)),
            ("recall", Some(labelled.recall)),
            ("F1", Some(labelled.f1)),
            ("the peer's F1", labelled.peer_f1),
            ("the peer's F1 without comments", labelled.peer_f1_without_comments),
            ("F1 less the peer's, page by page", labelled.better),
        ];
        for (name, interval) in rows {
            if let Some(interval) = interval {
                writeln!(f, "| {name} | {interval} |")?;
            }
        }
        Ok(())
    }

    fn write_duplicates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.duplicates;
        let times = |took: Took| {
            let cpu = took.cpu_seconds.map_or("unknown".to_owned(), |cpu| format!("{cpu:.2}"));
            let speeds = [took.seconds, took.alone()].map(|seconds| found.rows as f64 / seconds);
            format!("{:.2} | {cpu} | {:.0} | {:.0}", took.seconds, speeds[0], speeds[1])
        };
        writeln!(
            f,
            "\n| duplicates | rows | bands × rows | pairs | seconds | CPU s | rows/s | rows/CPU s |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        let Bands { bands, rows } = found.bands;
        for (threads, took) in [(1, found.took), (found.threads, found.parallel)] {
            let (all, pairs) = (found.rows, found.pairs);
            writeln!(
                f,
                "| ours, threads: {threads} | {all} | {bands} × {rows} | {pairs} | {} |",
                times(took)
            )?;
        }
        if let Some(DuplicatesPeer { took, pairs, shared, bands: Bands { bands, rows }, version }) =
            &found.peer
        {
            let pairs = format!("{pairs} ({shared} of them ours too)");
            writeln!(f, "| {version} | {} | {bands} × {rows} | {pairs} | {} |", found.rows, times(*took))?;
        }
        writeln!(f, "\n| similarity | pairs | expected | deviation | ours | datasketch | agree |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let count = |count: Option<usize>| count.map_or(String::new(), |count| count.to_string());
        for Bucket { from, to, pairs, expected, deviation, ours, theirs, agree } in &found.buckets {
            let (theirs, agree) = (count(*theirs), count(*agree));
            let range = format!("{from:.1} to {:.1}", to.min(1.0));
            writeln!(
                f,
                "| {range} | {pairs} | {expected:.1} | {deviation:.1} | {ours} | {theirs} | {agree} |"
            )?;
        }
        if let Some(Million { rows, kept, exact, took, adds_mib }) = found.million {
            let mib = adds_mib.map_or("unknown".to_owned(), |mib| format!("{mib:.0}"));
            writeln!(
                f,
                "\n| rows as a stream | kept | exact | seconds | CPU s | MiB |\n|---|---|---|---|---|---|"
            )?;
            writeln!(f, "| {rows} | {kept} | {exact} | {:.1} | {:.1} | {mib} |", took.seconds, took.alone())?;
        }
        Ok(())
    }
}
