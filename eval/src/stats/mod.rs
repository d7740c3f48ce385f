//! The statistics that verdicts rest on.
//!
//! What is compared is paired (the same items, two models) and clustered (the levels of a group stand or fall together), so
//! the unit of everything here is the group. Distributions come from `statrs`.

mod bootstrap;
mod fisher;
mod power;
mod sign;
mod spending;
mod strata;
mod unseen;

pub use bootstrap::{Bootstrap, Bounds};
pub use fisher::fisher_more;
pub use power::{Power, groups_needed};
pub use sign::{SignTest, sign_test};
pub use spending::Spending;
pub use strata::{Differences, Stratum};
pub use unseen::{unseen_loss, unseen_probability};

use statrs::distribution::{ContinuousCDF, Normal};

/// The quantile of the standard normal distribution; `p` between 0 and 1, both excluded.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The standard normal distribution function.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}
