//! Near duplicates beside `datasketch`.

use super::super::dedup::{Banded, Bands, Dedup, DedupSettings, Family, Index, Seen, shingles};
use super::peer::{DedupTask, DedupTold, ask};
use super::run::BenchOptions;
use super::texts::{Generated, Texts};
use super::watch::Took;
use crate::bench::process::{forget_peak, peak, resident};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;

/// Rows whose texts are in memory at a time in the measurement of many.
const BATCH: usize = 16_384;
/// Rows whose signatures are computed before they are taken in.
const PREPARED: usize = 512;
/// How often our side is timed, because processor time is told to a hundredth of a second; the mean counts.
const ROUNDS: u32 = 5;
/// Buckets of similarity: from 0.3 up in steps of a tenth, and one below.
const BUCKETS: usize = 8;

/// What was measured of the search for duplicates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duplicates {
    /// Texts compared.
    pub rows: usize,
    /// How their signatures are cut.
    pub bands: Bands,
    /// What signatures, look-ups and insertions took: one thread.
    pub took: Took,
    /// The same with signatures on all threads.
    pub parallel: Took,
    /// Threads.
    pub threads: usize,
    /// Pairs that share a band.
    pub pairs: usize,
    /// Pairs of which one text was made from the other, by their similarity.
    pub buckets: Vec<Bucket>,
    /// The Python side, if there was one.
    pub peer: Option<DuplicatesPeer>,
    /// Many rows as a stream, if they were measured.
    pub million: Option<Million>,
}

/// Pairs of a similarity. Which they are does not depend on what was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// The least Jaccard similarity, exactly computed.
    pub from: f64,
    /// Up to below this.
    pub to: f64,
    /// Pairs.
    pub pairs: usize,
    /// How many are expected to be found: the sum of 1 − (1 − s^r)^b.
    pub expected: f64,
    /// The standard deviation of that, were pairs independent.
    pub deviation: f64,
    /// How many we found.
    pub ours: usize,
    /// How many `datasketch` found.
    pub theirs: Option<usize>,
    /// Of how many both say the same.
    pub agree: Option<usize>,
}

/// `datasketch` on the same texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicatesPeer {
    /// What signatures, look-ups and insertions took.
    pub took: Took,
    /// Pairs that share a band.
    pub pairs: usize,
    /// Of these, how many we found too.
    pub shared: usize,
    /// How its signatures are cut.
    pub bands: Bands,
    /// What it is.
    pub version: String,
}

/// A stream of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Million {
    /// Texts.
    pub rows: u64,
    /// How many are kept.
    pub kept: usize,
    /// How many are equal to an earlier one.
    pub exact: usize,
    /// What looking at them took, all threads, without making them.
    pub took: Took,
    /// The most resident memory meanwhile beyond what it was before, in MiB; nothing where the system does not tell.
    pub adds_mib: Option<f64>,
}

/// Measures on the texts, whose file is written.
pub(super) fn measure(options: &BenchOptions<'_>, texts: &[Generated]) -> Result<Duplicates> {
    let settings = DedupSettings::default();
    let bands = Bands::for_threshold(settings.threshold, settings.permutations);
    let (pairs, took) = pairs(texts, settings, |texts, prepare| texts.iter().map(prepare).collect());
    let (again, parallel) =
        self::pairs(texts, settings, |texts, prepare| texts.par_iter().map(prepare).collect());
    if pairs != again {
        return Err(Error::Data("the pairs depend on the number of threads".into()));
    }
    (options.said)(&format!(
        "duplicates: {} rows, {} pairs in {:.2} s",
        texts.len(),
        pairs.len(),
        took.alone()
    ));
    let ours: HashSet<(u32, u32)> = pairs.iter().copied().collect();
    let told = options.peer.as_ref().map(|_| peer(options, settings, texts.len())).transpose()?;
    let theirs = told.as_ref().map(|told| told.pairs.iter().copied().collect::<HashSet<_>>());
    let buckets = buckets(texts, settings, (&ours, theirs.as_ref()));
    let shared = theirs.map_or(0, |theirs| ours.intersection(&theirs).count());
    let peer = told.map(|told| DuplicatesPeer {
        took: told.took,
        pairs: told.pairs.len(),
        shared,
        bands: Bands { bands: told.bands, rows: told.band_rows },
        version: told.version,
    });
    let million = if options.many > 0 { Some(many(options, settings)?) } else { None };
    Ok(Duplicates {
        rows: texts.len(),
        bands,
        took,
        parallel,
        threads: rayon::current_num_threads(),
        pairs: pairs.len(),
        buckets,
        peer,
        million,
    })
}

type Prepare<'a> = &'a (dyn Fn(&Generated) -> Banded + Sync);

/// All pairs that share a band, earlier and later row, every row being taken in as `datasketch` does; and what it took.
fn pairs(
    texts: &[Generated],
    settings: DedupSettings,
    all: impl Fn(&[Generated], Prepare<'_>) -> Vec<Banded>,
) -> (Vec<(u32, u32)>, Took) {
    let bands = Bands::for_threshold(settings.threshold, settings.permutations);
    let family = Family::new(settings.permutations, settings.seed);
    let prepare =
        |text: &Generated| Banded::new(family.signature(&shingles(&text.text, settings.words)), bands);
    let once = || {
        let mut index = Index::new(bands, settings.permutations);
        let mut pairs = Vec::new();
        for batch in texts.chunks(PREPARED) {
            for banded in all(batch, &prepare) {
                let candidates = index.candidates(&banded);
                let row = index.insert(&banded);
                pairs.extend(candidates.into_iter().map(|other| (other, row)));
            }
        }
        pairs
    };
    let (mut rounds, took) = Took::by(|| (0..ROUNDS).map(|_| once()).collect::<Vec<_>>());
    (rounds.swap_remove(0), took.of(ROUNDS))
}

fn peer(options: &BenchOptions<'_>, settings: DedupSettings, rows: usize) -> Result<DedupTold> {
    let DedupSettings { threshold, permutations, words, seed, .. } = settings;
    let task = DedupTask { rows, words: words.get(), threshold, permutations, seed };
    let python = options.peer.as_deref().unwrap_or_else(|| "python3".as_ref());
    ask((python, options.folder), "dedup", &task)
}

/// The Jaccard similarity of two ascending lists without repetitions.
fn jaccard(one: &[u64], other: &[u64]) -> f64 {
    let shared = one.iter().filter(|shingle| other.binary_search(shingle).is_ok()).count();
    shared as f64 / (one.len() + other.len() - shared).max(1) as f64
}

type Pairs = HashSet<(u32, u32)>;

fn buckets(
    texts: &[Generated],
    settings: DedupSettings,
    (ours, theirs): (&Pairs, Option<&Pairs>),
) -> Vec<Bucket> {
    let bands = Bands::for_threshold(settings.threshold, settings.permutations);
    let bound = |bucket: usize| if bucket == 0 { 0.0 } else { (bucket + 2) as f64 / 10.0 };
    let empty = |bucket| Bucket {
        from: bound(bucket),
        to: bound(bucket + 1),
        pairs: 0,
        expected: 0.0,
        deviation: 0.0,
        ours: 0,
        theirs: theirs.map(|_| 0),
        agree: theirs.map(|_| 0),
    };
    let mut buckets: Vec<Bucket> = (0..BUCKETS).map(empty).collect();
    for (row, text) in texts.iter().enumerate() {
        let Some(from) = text.from else { continue };
        let [a, b] = [&texts[from as usize].text, &text.text].map(|text| shingles(text, settings.words));
        let similarity = jaccard(&a, &b);
        let pair = (from as u32, row as u32);
        // Ten times the similarity, less two: 0.3 is the second bucket.
        let bucket = &mut buckets[((similarity * 10.0 + 1e-9) as usize).saturating_sub(2).min(BUCKETS - 1)];
        let expected = bands.probability(similarity);
        bucket.pairs += 1;
        bucket.expected += expected;
        // The variance until all pairs are in.
        bucket.deviation += expected * (1.0 - expected);
        bucket.ours += usize::from(ours.contains(&pair));
        if let Some(theirs) = theirs {
            let count = |of: &mut Option<usize>, holds| *of = of.map(|count| count + usize::from(holds));
            count(&mut bucket.theirs, theirs.contains(&pair));
            count(&mut bucket.agree, theirs.contains(&pair) == ours.contains(&pair));
        }
    }
    buckets.iter_mut().for_each(|bucket| bucket.deviation = bucket.deviation.sqrt());
    buckets
}

/// Speed and memory of a stream.
fn many(options: &BenchOptions<'_>, settings: DedupSettings) -> Result<Million> {
    forget_peak();
    let before = resident();
    let mut texts = Texts::new(options.seed ^ 1);
    let mut dedup = Dedup::new(settings)?;
    let (mut took, mut exact) = (Took { seconds: 0.0, cpu_seconds: None }, 0);
    while dedup.rows() < options.many {
        let left = usize::try_from(options.many - dedup.rows()).unwrap_or(BATCH);
        let batch: Vec<String> = texts.by_ref().take(left.min(BATCH)).map(|text| text.text).collect();
        let (seen, more) = Took::by(|| dedup.look_at_all(&batch));
        let cpu_seconds = more.cpu_seconds.map(|more| more + took.cpu_seconds.unwrap_or(0.0));
        took = Took { seconds: took.seconds + more.seconds, cpu_seconds };
        exact += seen.iter().filter(|seen| matches!(seen, Seen::Exact(_))).count();
    }
    let adds_mib = peak().zip(before).map(|(peak, before)| peak - before);
    (options.said)(&format!(
        "duplicates: {} rows as a stream in {:.1} s of processors",
        dedup.rows(),
        took.alone()
    ));
    Ok(Million { rows: dedup.rows(), kept: dedup.kept(), exact, took, adds_mib })
}
