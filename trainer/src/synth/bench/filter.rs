//! The ROUGE-L filter beside `rouge_score`.

use super::super::rouge::{Decision, Filter, Pool, TooLong, score};
use super::peer::{RougeTask, RougeTold, ask};
use super::reference;
use super::run::BenchOptions;
use super::watch::Took;
use crate::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Lion's.
const MAX_ROUGE: f64 = 0.7;
/// Pairs of texts whose scores are compared.
const PAIRS: usize = 20_000;
/// Candidates that are held against a pool of each size.
const PROBES: usize = 400;
/// How often all of them are, because processor time is told to a hundredth of a second.
const ROUNDS: usize = 10;
/// The sizes.
const SIZES: [usize; 4] = [1_000, 5_000, 20_000, 50_000];

/// What was measured of the filter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filtering {
    /// Candidates, from an empty pool on.
    pub candidates: usize,
    /// How many were kept.
    pub kept: usize,
    /// Pairs that comparing each with the whole pool makes.
    pub pairs: u64,
    /// What all decisions took, one thread.
    pub took: Took,
    /// Decisions other than those of comparing every pair: verdict, score to the last bit, or nearest.
    pub different: usize,
    /// By size of the pool.
    pub growth: Vec<Growth>,
    /// The Python side, if there was one.
    pub peer: Option<FilterPeer>,
}

/// How fast a candidate is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Growth {
    /// Members of the pool.
    pub pool: usize,
    /// Microseconds a candidate, one thread.
    pub microseconds: f64,
    /// Pairs a second.
    pub pairs_per_second: f64,
}

/// `rouge_score` on the same texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterPeer {
    /// The first candidates, on which it decided.
    pub decided: usize,
    /// Pairs compared for that.
    pub pairs: u64,
    /// Pairs a second, every text cut into tokens once.
    pub pairs_per_second: f64,
    /// Pairs a second of `RougeScorer.score`, which cuts both texts each time.
    pub scores_per_second: f64,
    /// Decisions other than ours.
    pub different: usize,
    /// Pairs whose score was compared.
    pub scores: usize,
    /// Scores that differ from ours in any bit.
    pub scores_different: usize,
    /// What it is.
    pub version: String,
}

impl Filtering {
    /// Pairs a second of processor time.
    #[must_use]
    pub fn pairs_per_second(&self) -> f64 {
        self.pairs as f64 / self.took.alone()
    }
}

fn short(error: TooLong) -> Error {
    Error::Data(error.to_string())
}

/// Measures on the texts, whose file is written.
pub(super) fn measure(options: &BenchOptions<'_>, texts: &[String], more: &[String]) -> Result<Filtering> {
    let mut filter = Filter::new::<&str>(MAX_ROUGE, [])?;
    let mut pairs = 0;
    let (decisions, took) = Took::by(|| {
        let decide = |text: &String| {
            pairs += filter.pool().len() as u64;
            filter.decide(text).map_err(short)
        };
        texts.iter().map(decide).collect::<Result<Vec<Decision>>>()
    });
    let decisions = decisions?;
    (options.said)(&format!("filter: {} candidates, {pairs} pairs in {:.2} s", texts.len(), took.alone()));
    let expected = reference::decide(texts, MAX_ROUGE);
    let different = decisions.iter().zip(&expected).filter(|(ours, theirs)| ours != theirs).count();
    (options.said)(&format!("filter: {different} decisions differ from those of comparing every pair"));
    let growth = growth(more)?;
    let peer = options.peer.as_ref().map(|_| peer(options, texts, &decisions)).transpose()?;
    let kept = filter.pool().len();
    Ok(Filtering { candidates: texts.len(), kept, pairs, took, different, growth, peer })
}

/// Time by size of the pool; the last of the texts are the candidates, the others are all taken in.
fn growth(texts: &[String]) -> Result<Vec<Growth>> {
    let (members, probes) = texts.split_at(texts.len().saturating_sub(PROBES));
    let (mut pool, mut growth) = (Pool::default(), Vec::new());
    for size in SIZES.into_iter().filter(|size| *size <= members.len()) {
        for text in &members[pool.len()..size] {
            pool.add(text).map_err(short)?;
        }
        let (found, took) = Took::by(|| (0..ROUNDS).try_for_each(|_| probe(&pool, probes)));
        found?;
        let seconds = took.alone() / (ROUNDS * probes.len()) as f64;
        growth.push(Growth {
            pool: size,
            microseconds: seconds * 1e6,
            pairs_per_second: size as f64 / seconds,
        });
    }
    Ok(growth)
}

fn probe(pool: &Pool, texts: &[String]) -> Result<()> {
    for text in texts {
        std::hint::black_box(pool.nearest(text).map_err(short)?);
    }
    Ok(())
}

fn peer(options: &BenchOptions<'_>, texts: &[String], ours: &[Decision]) -> Result<FilterPeer> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut one = || random.random_range(0..texts.len());
    let pairs: Vec<(usize, usize)> = (0..PAIRS.min(texts.len() * 10)).map(|_| (one(), one())).collect();
    let task = RougeTask { pairs, decided: options.decided.min(texts.len()), max_rouge: MAX_ROUGE };
    let python = options.peer.as_deref().unwrap_or_else(|| "python3".as_ref());
    let told: RougeTold = ask((python, options.folder), "rouge", &task)?;
    if told.scores.len() != task.pairs.len() || told.decisions.len() != task.decided {
        return Err(Error::Data("the Python side of rouge left something out".into()));
    }
    let mut scores_different = 0;
    for (&(a, b), theirs) in task.pairs.iter().zip(&told.scores) {
        scores_different += usize::from(score(&texts[a], &texts[b]).map_err(short)?.to_bits() != *theirs);
    }
    let same = |ours: &Decision, (kept, bits, nearest): &(bool, u64, Option<usize>)| {
        let nearest = nearest.and_then(|place| texts.get(place)).map(String::as_str);
        ours.kept == *kept && ours.max_rouge.to_bits() == *bits && ours.nearest.as_deref() == nearest
    };
    let different = ours.iter().zip(&told.decisions).filter(|(ours, theirs)| !same(ours, theirs)).count();
    Ok(FilterPeer {
        decided: task.decided,
        pairs: told.pairs,
        pairs_per_second: told.pairs as f64 / told.took.alone(),
        scores_per_second: task.pairs.len() as f64 / told.scoring.alone(),
        different,
        scores: task.pairs.len(),
        scores_different,
        version: told.version,
    })
}
