//! Logistic regression by Newton's method (iteratively reweighted least squares) with an L2 penalty.
//!
//! Minimised is Σᵢ log(1 + exp(−yᵢ·(b + w·zᵢ))) + λ/2·‖w‖², with yᵢ = ±1 and z the features after standardisation; the
//! intercept b is not penalised. The objective is convex, and strictly so in w for λ > 0: there is one minimum, and each
//! step is halved until it goes down, so Newton's method arrives at it from anywhere.

use super::{CalibrateError, pairs::PairSet, pairs::Scope};
use serde::{Deserialize, Serialize};

/// The most Newton steps; a fit takes about ten.
const MAX_STEPS: usize = 100;
/// The most halvings of a step.
const MAX_HALVINGS: usize = 40;
/// The fit is done when no component of the gradient, divided by the number of pairs, is larger.
const TOLERANCE: f64 = 1e-10;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Subtracted from each feature.
    pub means: Vec<f64>,
    /// Each feature is divided by this after that: its population standard deviation, 1 for a constant one.
    pub scales: Vec<f64>,
    /// One for each standardised feature.
    pub weights: Vec<f64>,
    /// The logit at the features' means.
    pub intercept: f64,
    /// Newton steps taken.
    pub steps: usize,
}

/// 1 / (1 + e⁻ˣ), without overflow.
fn sigmoid(x: f64) -> f64 {
    match x >= 0.0 {
        true => 1.0 / (1.0 + (-x).exp()),
        false => x.exp() / (1.0 + x.exp()),
    }
}

/// log(1 + eˣ), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Logistic {
    /// The probability, 0 to 1, that a pair with these features is in scope. They are as many as the weights.
    #[must_use]
    pub fn probability(&self, features: &[f64]) -> f64 {
        let standard =
            features.iter().zip(&self.means).zip(&self.scales).map(|((x, mean), scale)| (x - mean) / scale);
        sigmoid(self.intercept + standard.zip(&self.weights).map(|(z, weight)| z * weight).sum::<f64>())
    }

    /// Fits the pairs; `penalty` is λ.
    pub(crate) fn fit(set: &PairSet, penalty: f64) -> Result<Self, CalibrateError> {
        let (means, scales) = standard(set);
        let rows: Vec<Vec<f64>> = set
            .pairs()
            .iter()
            .map(|pair| {
                let values = pair.features.iter().zip(&means).zip(&scales);
                std::iter::once(1.0).chain(values.map(|((x, mean), scale)| (x - mean) / scale)).collect()
            })
            .collect();
        let labels = set.pairs().iter().map(|pair| f64::from(u8::from(pair.scope == Scope::In))).collect();
        let problem = Problem { rows, labels, penalty };
        let (solution, steps) = problem.minimise()?;
        let (intercept, weights) = (solution[0], solution[1..].to_vec());
        Ok(Self { means, scales, weights, intercept, steps })
    }
}

/// Mean and population standard deviation of each feature.
fn standard(set: &PairSet) -> (Vec<f64>, Vec<f64>) {
    let count = set.pairs().len().max(1) as f64;
    let column = |place: usize| set.pairs().iter().map(move |pair| pair.features[place]);
    let of_place = |place: usize| {
        let mean = column(place).sum::<f64>() / count;
        let variance = column(place).map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        // What rounding leaves of a constant is no variance; dividing by it would make it one.
        let constant = variance.sqrt() <= mean.abs() * 1e-12;
        (mean, if constant { 1.0 } else { variance.sqrt() })
    };
    (0..set.names().len()).map(of_place).unzip()
}

/// Rows begin with a 1 for the intercept; labels are 0 or 1.
struct Problem {
    rows: Vec<Vec<f64>>,
    labels: Vec<f64>,
    penalty: f64,
}

impl Problem {
    fn loss(&self, at: &[f64]) -> f64 {
        let logits = self.rows.iter().map(|row| dot(row, at));
        let fit: f64 = logits.zip(&self.labels).map(|(x, y)| softplus(x) - y * x).sum();
        fit + self.penalty / 2.0 * dot(&at[1..], &at[1..])
    }

    /// The gradient, and the lower half of the matrix of second derivatives.
    fn derivatives(&self, at: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let size = at.len();
        let (mut gradient, mut second) = (vec![0.0; size], vec![vec![0.0; size]; size]);
        for (row, label) in self.rows.iter().zip(&self.labels) {
            let p = sigmoid(dot(row, at));
            let weight = p * (1.0 - p);
            for i in 0..size {
                gradient[i] += (p - label) * row[i];
                for j in 0..=i {
                    second[i][j] += weight * row[i] * row[j];
                }
            }
        }
        for i in 1..size {
            gradient[i] += self.penalty * at[i];
            second[i][i] += self.penalty;
        }
        (gradient, second)
    }

    fn minimise(&self) -> Result<(Vec<f64>, usize), CalibrateError> {
        let size = self.rows.first().map_or(1, Vec::len);
        let mut at = vec![0.0; size];
        let mut loss = self.loss(&at);
        for step in 0..MAX_STEPS {
            let (gradient, second) = self.derivatives(&at);
            let steepest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
            if steepest <= TOLERANCE * self.rows.len().max(1) as f64 {
                return Ok((at, step));
            }
            let direction = solve(second, &gradient).ok_or(CalibrateError::Singular)?;
            let lower = (0..MAX_HALVINGS).find_map(|halvings| {
                let length = 0.5_f64.powi(i32::try_from(halvings).unwrap_or(i32::MAX));
                let to: Vec<f64> = at.iter().zip(&direction).map(|(x, d)| x - length * d).collect();
                let found = self.loss(&to);
                (found < loss).then_some((to, found))
            });
            match lower {
                Some((to, found)) => (at, loss) = (to, found),
                // No step goes down any more: what is left of the gradient is rounding.
                None => return Ok((at, step)),
            }
        }
        Err(CalibrateError::NotConverged { steps: MAX_STEPS })
    }
}

/// Solves a symmetric positive definite system, of which the lower half is given, by Cholesky's decomposition.
fn solve(mut a: Vec<Vec<f64>>, b: &[f64]) -> Option<Vec<f64>> {
    let size = b.len();
    for i in 0..size {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            if i == j && !(rest > 0.0 && rest.is_finite()) {
                return None;
            }
            a[i][j] = if i == j { rest.sqrt() } else { rest / a[j][j] };
        }
    }
    let mut x = b.to_vec();
    for i in 0..size {
        x[i] = (x[i] - (0..i).map(|k| a[i][k] * x[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..size).rev() {
        x[i] = (x[i] - (i + 1..size).map(|k| a[k][i] * x[k]).sum::<f64>()) / a[i][i];
    }
    Some(x)
}
