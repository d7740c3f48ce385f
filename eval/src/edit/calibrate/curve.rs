//! What a score says about labelled pairs: thresholds, ranking, probabilities.

use super::pairs::Scope;
use crate::report::wilson;
use serde::{Deserialize, Serialize};

/// How many bins reliability is looked at in, of equal width.
const BINS: usize = 10;

/// A pair's score and its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledScore {
    /// Higher speaks for the edit. Not NaN.
    pub score: f64,
    /// The right decision.
    pub scope: Scope,
}

/// An edit is applied when its score is at least this.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Threshold(pub f64);

/// What one threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The threshold.
    pub threshold: Threshold,
    /// The share of in-scope pairs that are applied.
    pub kept: f64,
    /// The share of out-of-scope pairs that are applied.
    pub injected: f64,
}

/// Pairs whose predicted probabilities lie within a tenth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub pairs: usize,
    /// The mean of their probabilities.
    pub predicted: f64,
    /// The share of them in scope.
    pub observed: f64,
    /// Its 95 % Wilson interval.
    pub interval: [f64; 2],
}

pub(crate) fn count(pairs: &[LabelledScore], scope: Scope) -> usize {
    pairs.iter().filter(|pair| pair.scope == scope).count()
}

/// How many pairs of this label are applied.
pub(crate) fn applied(pairs: &[LabelledScore], scope: Scope, threshold: Threshold) -> usize {
    pairs.iter().filter(|pair| pair.scope == scope && pair.score >= threshold.0).count()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Every threshold that decides differently, the highest first: one for each score that occurs.
#[must_use]
pub fn curve(pairs: &[LabelledScore]) -> Vec<CurvePoint> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let (inside, outside) = (count(pairs, Scope::In), count(pairs, Scope::Out));
    let (mut kept, mut injected) = (0, 0);
    let mut points = Vec::new();
    for equal in sorted.chunk_by(|a, b| a.score == b.score) {
        kept += count(equal, Scope::In);
        injected += count(equal, Scope::Out);
        let threshold = Threshold(equal[0].score);
        points.push(CurvePoint { threshold, kept: share(kept, inside), injected: share(injected, outside) });
    }
    points
}

/// The threshold that keeps most while at most this share of the out-of-scope pairs is applied. It lies halfway
/// between the last score that may be applied and the next one. `None` when there are no pairs, or no threshold among
/// their scores stays within the bound.
#[must_use]
pub fn choose(pairs: &[LabelledScore], bound: f64) -> Option<Threshold> {
    let points = curve(pairs);
    let last = points.iter().rposition(|point| point.injected <= bound)?;
    let at = points[last].threshold.0;
    Some(Threshold(points.get(last + 1).map_or(at, |next| at.midpoint(next.threshold.0))))
}

/// The probability that a pair in scope scores higher than one out of scope, ties counting half: the area under the
/// ROC curve, by rank sums (Mann and Whitney 1947). `None` when a label does not occur.
#[must_use]
pub fn auc(pairs: &[LabelledScore]) -> Option<f64> {
    let (inside, outside) = (count(pairs, Scope::In), count(pairs, Scope::Out));
    if inside == 0 || outside == 0 {
        return None;
    }
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (mut below, mut wins) = (0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.score == b.score) {
        let (here, others) = (count(equal, Scope::In) as f64, count(equal, Scope::Out) as f64);
        wins += here * (below + others / 2.0);
        below += others;
    }
    Some(wins / (inside as f64 * outside as f64))
}

/// The pairs by tenths of their predicted probability; empty tenths are left out.
#[must_use]
pub fn reliability(pairs: &[LabelledScore]) -> Vec<Bin> {
    let mut bins: [Vec<LabelledScore>; BINS] = Default::default();
    for pair in pairs {
        let bin = (pair.score.clamp(0.0, 1.0) * BINS as f64) as usize;
        bins[bin.min(BINS - 1)].push(*pair);
    }
    let summed = bins.iter().filter(|bin| !bin.is_empty()).map(|bin| {
        let inside = count(bin, Scope::In);
        Bin {
            pairs: bin.len(),
            predicted: bin.iter().map(|pair| pair.score).sum::<f64>() / bin.len() as f64,
            observed: share(inside, bin.len()),
            interval: wilson(inside, bin.len()),
        }
    });
    summed.collect()
}

/// The expected calibration error: the mean distance between predicted and observed over the [bins](reliability),
/// weighted by their pairs.
#[must_use]
pub fn calibration_error(pairs: &[LabelledScore]) -> f64 {
    let bins = reliability(pairs);
    let distance =
        bins.iter().map(|bin| bin.pairs as f64 * (bin.predicted - bin.observed).abs()).sum::<f64>();
    distance / pairs.len().max(1) as f64
}
