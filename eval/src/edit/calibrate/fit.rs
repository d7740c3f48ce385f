//! A decision learned from pairs, and what it is worth on others.

use super::{
    CalibrateError,
    curve::{Bin, LabelledScore, Threshold, applied, auc, calibration_error, choose, count, reliability},
    logistic::Logistic,
    pairs::{PairSet, Scope, Split},
};
use crate::{
    edit::report::{calibration_markdown, reliability_chart, threshold_chart, trade_off_chart},
    report::wilson,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the JSON form of [`CalibrationReport`].
pub const SCHEMA: &str = "amend.calibration/2";

/// The most tenants whose scores a report lists: those with the most pairs.
pub const MAX_TENANTS: usize = 50;

/// Where the fixed threshold lies that the calibration is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedThreshold {
    /// Here: what a system is run with today.
    At(Threshold),
    /// Where the calibration's own is put: on the pairs to learn from, at the same bound.
    Chosen,
}

/// A threshold on one score, to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The feature that is the score; higher speaks for the edit.
    pub feature: String,
    /// Where the threshold lies.
    pub threshold: FixedThreshold,
}

/// How to calibrate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrateOptions {
    /// Which pairs are held out.
    pub split: Split,
    /// λ of the L2 penalty on the weights of standardised features, above 0.
    pub penalty: f64,
    /// The largest share of out-of-scope pairs to learn from that may be applied: 0 to 1.
    pub max_injection: f64,
    /// The threshold on the probability, above 0 and at most 1, instead of one that is learned with that bound.
    pub threshold: Option<Threshold>,
    /// What to compare with.
    pub baseline: Baseline,
}

/// A learned decision: what the scope decision of a server needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The features, in the order in which they are given.
    pub features: Vec<String>,
    /// Makes a probability of them.
    pub model: Logistic,
    /// An edit is applied when its probability is at least this.
    pub threshold: Threshold,
}

impl Calibration {
    /// The probability that a pair with these features is in scope.
    ///
    /// # Errors
    /// [`CalibrateError::Features`] when there are more or fewer values than features.
    pub fn probability(&self, features: &[f64]) -> Result<f64, CalibrateError> {
        let (found, wanted) = (features.len(), self.features.len());
        match found == wanted {
            true => Ok(self.model.probability(features)),
            false => Err(CalibrateError::Features { index: 0, found, wanted }),
        }
    }
}

/// A share of pairs; of those in scope, questions that were [missed](super::Missed) are a part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Those that count.
    pub pairs: usize,
    /// All of that label.
    pub of: usize,
    /// `pairs / of`; 0 of none.
    pub mean: f64,
    /// Its 95 % Wilson interval.
    pub interval: [f64; 2],
}

/// What a threshold on a score does to held-out pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The threshold.
    pub threshold: Threshold,
    /// In-scope pairs that are applied, of all questions in scope: those that were missed are not kept.
    pub kept: Share,
    /// Out-of-scope pairs that are applied.
    pub injected: Share,
    /// The area under the ROC curve of the score, over the pairs; `None` when a label does not occur.
    pub auc: Option<f64>,
}

impl Quality {
    fn of(pairs: &[LabelledScore], missed: usize, threshold: Threshold) -> Self {
        let share = |scope, more: usize| {
            let (part, of) = (applied(pairs, scope, threshold), count(pairs, scope) + more);
            Share { pairs: part, of, mean: part as f64 / of.max(1) as f64, interval: wilson(part, of) }
        };
        let (kept, injected) = (share(Scope::In, missed), share(Scope::Out, 0));
        Self { threshold, kept, injected, auc: auc(pairs) }
    }
}

/// The held-out pairs of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantQuality {
    /// The tenant.
    pub tenant: String,
    /// What the calibration does to its pairs.
    pub quality: Quality,
}

/// A calibration and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// How it was made.
    pub options: CalibrateOptions,
    /// What was learned.
    pub calibration: Calibration,
    /// Pairs learned from.
    pub learned_from: usize,
    /// Pairs held out; everything below is of them.
    pub held_out: usize,
    /// Questions held out besides, which are in scope of an edit that was not considered for them.
    pub missed: usize,
    /// Of the calibration.
    pub calibrated: Quality,
    /// Of the fixed threshold on one score.
    pub fixed: Quality,
    /// The expected calibration error of the probabilities over ten bins.
    pub calibration_error: f64,
    /// The bins.
    pub bins: Vec<Bin>,
    /// By tenant, at most [`MAX_TENANTS`].
    pub tenants: Vec<TenantQuality>,
}

/// A report with what its charts are drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// The report.
    pub report: CalibrationReport,
    /// The held-out pairs with their probabilities.
    pub scores: Vec<LabelledScore>,
    /// The held-out pairs with the baseline's score, in the same order.
    pub baseline: Vec<LabelledScore>,
}

/// The charts of a calibration, each a self-contained SVG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationCharts {
    /// Predicted against observed.
    pub reliability: String,
    /// What each threshold on the probability keeps and injects.
    pub thresholds: String,
    /// Kept against injected, calibrated and fixed.
    pub trade_off: String,
}

impl CalibrationReport {
    /// The report as Markdown, by `eval/templates/calibration.md.jinja`.
    ///
    /// # Errors
    /// When the template fails, which its tests rule out.
    pub fn markdown(&self) -> Result<String, minijinja::Error> {
        calibration_markdown(self)
    }
}

impl Calibrated {
    /// The charts.
    ///
    /// # Errors
    /// As [`CalibrationReport::markdown`].
    pub fn charts(&self) -> Result<CalibrationCharts, minijinja::Error> {
        let options = &self.report.options;
        let fixed = format!("{} alone", options.baseline.feature);
        let both = [("calibrated", self.scores.as_slice()), (fixed.as_str(), self.baseline.as_slice())];
        Ok(CalibrationCharts {
            reliability: reliability_chart(&self.scores)?,
            thresholds: threshold_chart(
                &self.scores,
                self.report.missed,
                Some(self.report.calibration.threshold),
            )?,
            trade_off: trade_off_chart(&both, self.report.missed, options.max_injection)?,
        })
    }
}

fn check(set: &PairSet, options: &CalibrateOptions) -> Result<usize, CalibrateError> {
    let within = |name, value: f64, fits: bool, range| match fits {
        true => Ok(()),
        false => Err(CalibrateError::Option { name, value, range }),
    };
    let Split { held_out, .. } = options.split;
    within("held_out", held_out, held_out > 0.0 && held_out < 1.0, "above 0 and below 1")?;
    let penalty = options.penalty;
    within("penalty", penalty, penalty > 0.0 && penalty.is_finite(), "above 0")?;
    let bound = options.max_injection;
    within("max_injection", bound, (0.0..=1.0).contains(&bound), "0 to 1")?;
    if let Some(Threshold(at)) = options.threshold {
        within("threshold", at, at > 0.0 && at <= 1.0, "above 0 and at most 1")?;
    }
    let feature = &options.baseline.feature;
    let place = set.names().iter().position(|name| name == feature);
    place.ok_or_else(|| CalibrateError::UnknownFeature {
        feature: feature.clone(),
        known: set.names().join(", "),
    })
}

fn scored(set: &PairSet, score: impl Fn(&[f64]) -> f64) -> Vec<LabelledScore> {
    set.pairs().iter().map(|pair| LabelledScore { score: score(&pair.features), scope: pair.scope }).collect()
}

/// Both labels must occur among the pairs.
fn need_both(set: &PairSet, part: &'static str) -> Result<(), CalibrateError> {
    let inside = set.pairs().iter().filter(|pair| pair.scope == Scope::In).count();
    let outside = set.pairs().len() - inside;
    match inside > 0 && outside > 0 {
        true => Ok(()),
        false => Err(CalibrateError::OneLabel { part, inside, outside }),
    }
}

/// Learns from one part of the pairs when to apply an edit, and measures on the other part what that is worth against
/// a fixed threshold on one score.
///
/// # Errors
/// [`CalibrateError`] when an option is out of its range, or the pairs do not suffice.
pub fn calibrate(set: &PairSet, options: CalibrateOptions) -> Result<Calibrated, CalibrateError> {
    let feature = check(set, &options)?;
    let (learn, held) = set.split(options.split);
    need_both(&learn, "pairs to learn from")?;
    need_both(&held, "held-out pairs")?;
    let model = Logistic::fit(&learn, options.penalty)?;
    let bound = options.max_injection;
    let choose = |pairs: &[LabelledScore]| choose(pairs, bound).ok_or(CalibrateError::NoThreshold { bound });
    let probability = |features: &[f64]| model.probability(features);
    let threshold = match options.threshold {
        Some(given) => given,
        None => choose(&scored(&learn, probability))?,
    };
    let fixed = match options.baseline.threshold {
        FixedThreshold::At(threshold) => threshold,
        FixedThreshold::Chosen => choose(&scored(&learn, |features| features[feature]))?,
    };
    let scores = scored(&held, probability);
    let baseline = scored(&held, |features| features[feature]);
    let report = CalibrationReport {
        schema: SCHEMA.to_owned(),
        learned_from: learn.pairs().len(),
        held_out: held.pairs().len(),
        missed: held.missed().len(),
        calibrated: Quality::of(&scores, held.missed().len(), threshold),
        fixed: Quality::of(&baseline, held.missed().len(), fixed),
        calibration_error: calibration_error(&scores),
        bins: reliability(&scores),
        tenants: by_tenant(&held, &scores, threshold),
        calibration: Calibration { features: set.names().to_vec(), model, threshold },
        options,
    };
    Ok(Calibrated { report, scores, baseline })
}

fn by_tenant(held: &PairSet, scores: &[LabelledScore], threshold: Threshold) -> Vec<TenantQuality> {
    let mut tenants: BTreeMap<&str, (Vec<LabelledScore>, usize)> = BTreeMap::new();
    for (pair, score) in held.pairs().iter().zip(scores) {
        if let Some(tenant) = &pair.tenant {
            tenants.entry(tenant).or_default().0.push(*score);
        }
    }
    for tenant in held.missed().iter().filter_map(|missed| missed.tenant.as_deref()) {
        tenants.entry(tenant).or_default().1 += 1;
    }
    let mut tenants: Vec<_> = tenants.into_iter().collect();
    tenants.sort_by_key(|(_, (pairs, missed))| std::cmp::Reverse(pairs.len() + missed));
    let tenants = tenants.into_iter().take(MAX_TENANTS);
    tenants
        .map(|(tenant, (pairs, missed))| TenantQuality {
            tenant: tenant.to_owned(),
            quality: Quality::of(&pairs, missed, threshold),
        })
        .collect()
}
