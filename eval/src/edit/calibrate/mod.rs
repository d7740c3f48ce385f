//! When an edit is put in front of a question, learned from labelled pairs.
//!
//! A [pair](LabelledPair) is a question and an edit that a lookup found for it, as numbers: how much of the subject the
//! question covers, how near their vectors are, and so on. A [logistic regression](Logistic) makes one probability of
//! them, a threshold on it bounds how many out-of-scope pairs are applied, and held-out pairs tell what that is worth
//! against a threshold on one score. The fit, the threshold and the comparison never see the same pairs twice: fit and
//! threshold use the one part, every reported figure the other.

pub(crate) mod curve;
mod fit;
mod logistic;
mod pairs;
mod scope_model;
#[cfg(test)]
mod tests;

pub use curve::{
    Bin, CurvePoint, LabelledScore, Threshold, auc, calibration_error, choose, curve, reliability,
};
pub use fit::{
    Baseline, CalibrateOptions, Calibrated, Calibration, CalibrationCharts, CalibrationReport,
    FixedThreshold, MAX_TENANTS, Quality, SCHEMA, Share, TenantQuality, calibrate,
};
pub use logistic::Logistic;
pub use pairs::{LabelledPair, Missed, PairSet, Scope, Split};
pub use scope_model::{SCOPE_MODEL_SCHEMA, ScopeModelFile, TrainedOn};

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrateError {
    /// There is nothing to decide by.
    #[error("failed to read labelled pairs: they have no features")]
    NoFeatures,
    /// A pair has other features than the names say.
    #[error("failed to read labelled pair {index}: it has {found} features, not {wanted}")]
    Features {
        /// Which pair, from 0.
        index: usize,
        /// How many it has.
        found: usize,
        /// How many there are names for.
        wanted: usize,
    },
    /// A feature is NaN or infinite.
    #[error("failed to read labelled pair {index}: its feature {feature:?} is not a finite number")]
    NotFinite {
        /// Which pair, from 0.
        index: usize,
        /// Which feature.
        feature: String,
    },
    /// The baseline's feature is none of the pairs'.
    #[error("failed to compare with a fixed threshold: no feature is called {feature:?}; there are: {known}")]
    UnknownFeature {
        /// The name that was given.
        feature: String,
        /// The names that there are.
        known: String,
    },
    /// An option is out of its range.
    #[error("failed to calibrate: {name} is {value}; it must be {range}")]
    Option {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Only one label occurs.
    #[error(
        "failed to calibrate: of the {part} {inside} are in scope and {outside} out of scope; both are needed, so label more pairs or choose another seed"
    )]
    OneLabel {
        /// Which pairs.
        part: &'static str,
        /// How many are in scope.
        inside: usize,
        /// How many are not.
        outside: usize,
    },
    /// Even the highest score belongs to more out-of-scope pairs than may be applied.
    #[error(
        "failed to calibrate: no threshold applies at most {bound} of the out-of-scope pairs; allow more, or give features that tell them apart"
    )]
    NoThreshold {
        /// The largest share that may be applied.
        bound: f64,
    },
    /// The matrix of second derivatives cannot be inverted: the penalty is too small for features that repeat others.
    #[error("failed to fit the regression: the features depend on one another; raise the penalty")]
    Singular,
    /// Newton's method did not arrive.
    #[error("failed to fit the regression: it did not converge in {steps} steps; raise the penalty")]
    NotConverged {
        /// How many were taken.
        steps: usize,
    },
}
