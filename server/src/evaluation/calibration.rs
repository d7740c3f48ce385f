//! Learning the scope decision from labelled questions, and what it is worth on those held out.
//!
//! `amend-editor` makes each question and each edit that comes into question a pair of features and label,
//! `amend-eval` fits and measures; the form of the model is the contract between them.

use amend_editor::{
    EncoderError, EncoderOptions, ScopeFeatures, ScopePolicy, SentenceEncoder,
    calibration::{LabelledPairs, LabelledQuestion, LabelledSet},
};
use amend_eval::edit::{
    calibrate::{
        Baseline, CalibrateError, CalibrateOptions, Calibrated, FixedThreshold, LabelledPair, Missed,
        PairSet, Scope, ScopeModelFile, Split, Threshold, calibrate,
    },
    protocol::Seed,
};
use amend_proto::{EmbedError, Embedder, TextRole};
use std::path::PathBuf;

/// The share of groups that is held out.
const HELD_OUT: f64 = 0.25;
/// λ of the penalty.
const PENALTY: f64 = 1.0;
/// The largest share of out-of-scope pairs to learn from that may be applied. Most of them are other edits of the
/// question's own subject, which do little harm; those about other subjects lie far below.
const MAX_INJECTION: f64 = 0.05;
/// So many edits nearest to a question are told to the decision, as at a lookup.
const NEAREST: usize = 16;
/// The fixed threshold that the model without an encoder is compared with: without one no threshold on the cover keeps
/// within the bound, so it is that of a published trial.
const COVER: f64 = 0.6;
/// The features that only an encoder gives.
const OF_ENCODER: [&str; 2] = ["similarity", "lead"];

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The encoder cannot be read.
    #[error("failed to load the sentence encoder")]
    Encoder(#[from] EncoderError),
    /// The encoder fails on a text.
    #[error("failed to embed the labelled questions")]
    Embed(#[from] EmbedError),
    /// The pairs do not suffice.
    #[error(transparent)]
    Fit(#[from] CalibrateError),
}

/// What is learned from.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The sets.
    pub sets: Vec<LabelledSet>,
    /// What the model says that it was learned from.
    pub name: String,
}

/// How to learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learning {
    /// Decides which pairs are held out.
    pub seed: u64,
    /// The probability from which an edit is applied, above 0 and at most 1; learned when there is none.
    pub threshold: Option<f64>,
}

/// Which of the two models a calibration is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Decides without an encoder.
    Lexical,
    /// Decides with one.
    Hybrid,
}

impl Side {
    /// The name of its file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lexical => "lexical",
            Self::Hybrid => "hybrid",
        }
    }
}

/// What was learned.
pub struct Learned {
    /// Which model it is.
    pub side: Side,
    /// The model, with the threshold that was learned or given: that of the figures.
    pub model: ScopeModelFile,
    /// What it is worth.
    pub calibration: Calibrated,
}

/// Learns the model without an encoder, and with one (a folder) the other as well.
///
/// # Errors
/// When the encoder fails, or there are too few pairs.
pub fn learn(
    labelled: &Labelled,
    encoder: Option<&PathBuf>,
    learning: Learning,
) -> Result<Vec<Learned>, CalibrationError> {
    let policy = ScopePolicy::default();
    let pairs = together(labelled.sets.iter().map(|set| set.pairs(&policy, None)));
    let mut learned = vec![fit(Side::Lexical, &labelled.name, &pairs, learning)?];
    if let Some(folder) = encoder {
        let encoder = SentenceEncoder::open(folder, EncoderOptions::default())?;
        let pairs: Result<Vec<LabelledPairs>, CalibrationError> =
            labelled.sets.iter().map(|set| near(set, &encoder, &policy)).collect();
        let name = format!("{}; encoder {}", labelled.name, encoder.id());
        learned.push(fit(Side::Hybrid, &name, &together(pairs?), learning)?);
    }
    Ok(learned)
}

/// The pairs of several sets.
fn together(sets: impl IntoIterator<Item = LabelledPairs>) -> LabelledPairs {
    let mut all = LabelledPairs::default();
    for LabelledPairs { pairs, missed } in sets {
        all.pairs.extend(pairs);
        all.missed.extend(missed);
    }
    all
}

/// The pairs of a set with what an encoder says.
fn near(
    set: &LabelledSet,
    encoder: &SentenceEncoder,
    policy: &ScopePolicy,
) -> Result<LabelledPairs, CalibrationError> {
    let edits: Vec<&str> = set.edits.iter().map(|edit| edit.content.text.as_str()).collect();
    let edits = encoder.embed(&edits, TextRole::Passage)?;
    let texts: Vec<&str> = set.questions.iter().map(|question| question.text.as_str()).collect();
    let questions = encoder.embed(&texts, TextRole::Query)?;
    let nearest = |question: &LabelledQuestion| {
        let place = set.questions.iter().position(|known| std::ptr::eq(known, question)).unwrap_or_default();
        let mut all: Vec<(u32, f32)> =
            (0..).zip(&edits).map(|(at, edit)| (at, edit.cosine(&questions[place]))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(NEAREST);
        all
    };
    Ok(set.pairs(policy, Some(&nearest)))
}

fn fit(
    side: Side,
    data: &str,
    pairs: &LabelledPairs,
    learning: Learning,
) -> Result<Learned, CalibrationError> {
    let used: Vec<usize> = (0..ScopeFeatures::NAMES.len())
        .filter(|at| side == Side::Hybrid || !OF_ENCODER.contains(&ScopeFeatures::NAMES[*at]))
        .collect();
    let names = used.iter().map(|at| ScopeFeatures::NAMES[*at].to_owned()).collect();
    let labelled = pairs.pairs.iter().map(|pair| {
        let values = pair.features.values();
        LabelledPair {
            group: pair.group.clone(),
            tenant: None,
            features: used.iter().map(|at| f64::from(values[*at])).collect(),
            scope: if pair.in_scope { Scope::In } else { Scope::Out },
        }
    });
    let missed = pairs.missed.iter().map(|group| Missed { group: group.clone(), tenant: None });
    let set = PairSet::new(names, labelled.collect())?.with_missed(missed.collect());
    let options = CalibrateOptions {
        split: Split { held_out: HELD_OUT, seed: Seed(learning.seed) },
        penalty: PENALTY,
        max_injection: MAX_INJECTION,
        threshold: learning.threshold.map(Threshold),
        baseline: match side {
            Side::Hybrid => Baseline { feature: "similarity".to_owned(), threshold: FixedThreshold::Chosen },
            Side::Lexical => {
                Baseline { feature: "cover".to_owned(), threshold: FixedThreshold::At(Threshold(COVER)) }
            }
        },
    };
    let calibration = calibrate(&set, options)?;
    let model = calibration.report.scope_model(data, &set);
    Ok(Learned { side, model, calibration })
}
