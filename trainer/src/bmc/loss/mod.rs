//! What is minimised, as a function of the log-probabilities of the responses' tokens.
//!
//! With `z = s(y_w) − s(y_l) − γ` the loss of a pair is `−(1−ε)·log σ(z) − ε·log σ(−z)`; `ε` is the label smoothing of
//! cDPO (Mitchell 2023). The score of a response is
//!
//! | objective | `s(y)` | `γ` |
//! |---|---|---|
//! | DPO (arXiv 2305.18290) | `β Σ_t log(π_θ/π_ref)(y_t)` | 0 |
//! | SimPO (arXiv 2405.14734) | `β/│y│ Σ_t log π_θ(y_t)` | a setting |
//! | DPO-BMC, SimPO-BMC (arXiv 2408.07471) | the same with every token's term times `λ_t` | as above |
//!
//! `λ_t = 1 + min(1/π_θ(y_t), δ)` where the two responses differ, 1 elsewhere; it is a constant for the gradient. IPO
//! (arXiv 2310.12036) minimises `(h − 1/(2β))²` with `h = s(y_w) − s(y_l)` for `β = 1`. To all of them `α` times the mean
//! negative log-likelihood of the winning response may be added (RPO, arXiv 2404.19733).
//!
//! The gradient with respect to the log-probabilities is computed here, in double precision; the decoder carries it on.

mod pair;
#[cfg(test)]
mod tests;

pub use pair::{PairLoss, Response, ResponseScore};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Which log-probabilities decide the weights of the reference's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceWeighting {
    /// The policy's, as in the paper's formula: `λ_t` multiplies `log(π_θ/π_ref)`.
    #[default]
    Policy,
    /// The reference's own, as in the published code.
    Reference,
}

/// Whether IPO compares sums or means over the tokens of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpoLength {
    /// Means, which its authors recommend for responses of different lengths.
    #[default]
    Mean,
    /// Sums, as the paper writes it.
    Sum,
}

/// How a pair becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// Direct preference optimisation.
    Dpo {
        /// How strongly the policy is held to the reference.
        beta: f64,
    },
    /// DPO with correlation-aware weights of the tokens.
    DpoBmc {
        /// As for DPO.
        beta: f64,
        /// The most that is added to the weight of a token.
        delta: f64,
        /// Which weights the reference's terms get.
        #[serde(default)]
        reference_weighting: ReferenceWeighting,
    },
    /// Simple preference optimisation: no reference, normalised by length.
    SimPo {
        /// The scale of the scores.
        beta: f64,
        /// The margin by which the winning response shall win.
        gamma: f64,
    },
    /// SimPO with correlation-aware weights of the tokens.
    SimPoBmc {
        /// As for SimPO.
        beta: f64,
        /// As for SimPO.
        gamma: f64,
        /// The most that is added to the weight of a token.
        delta: f64,
    },
    /// Identity preference optimisation.
    Ipo {
        /// The margin aimed at is `1/(2β)`.
        beta: f64,
        /// Sums or means.
        #[serde(default)]
        length: IpoLength,
    },
}

/// The settings that the paper on BMC publishes, by task and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Question answering, Llama 2 7B.
    Questions,
    /// Mathematics, Llama 2 7B.
    Mathematics,
    /// Instructions, Llama 3 8B.
    InstructionsLlama3,
    /// Instructions, Mistral 7B.
    InstructionsMistral,
}

impl Objective {
    /// DPO-BMC with published settings.
    #[must_use]
    pub fn published(task: Published) -> Self {
        let (beta, delta) = match task {
            Published::Questions => (0.05, 3.0),
            Published::Mathematics => (0.05, 2.5),
            Published::InstructionsLlama3 => (0.01, 1.5),
            Published::InstructionsMistral => (0.01, 2.0),
        };
        Self::DpoBmc { beta, delta, reference_weighting: ReferenceWeighting::Policy }
    }

    /// `β`.
    #[must_use]
    pub fn beta(&self) -> f64 {
        match *self {
            Self::Dpo { beta }
            | Self::DpoBmc { beta, .. }
            | Self::SimPo { beta, .. }
            | Self::SimPoBmc { beta, .. }
            | Self::Ipo { beta, .. } => beta,
        }
    }

    /// The same objective with another `β`.
    #[must_use]
    pub fn with_beta(mut self, new: f64) -> Self {
        let (Self::Dpo { beta }
        | Self::DpoBmc { beta, .. }
        | Self::SimPo { beta, .. }
        | Self::SimPoBmc { beta, .. }
        | Self::Ipo { beta, .. }) = &mut self;
        *beta = new;
        self
    }

    fn delta(&self) -> Option<f64> {
        match *self {
            Self::DpoBmc { delta, .. } | Self::SimPoBmc { delta, .. } => Some(delta),
            Self::Dpo { .. } | Self::SimPo { .. } | Self::Ipo { .. } => None,
        }
    }

    fn gamma(&self) -> f64 {
        match *self {
            Self::SimPo { gamma, .. } | Self::SimPoBmc { gamma, .. } => gamma,
            Self::Dpo { .. } | Self::DpoBmc { .. } | Self::Ipo { .. } => 0.0,
        }
    }

    /// Whether the loss reads the reference.
    fn has_reference(&self) -> bool {
        !matches!(self, Self::SimPo { .. } | Self::SimPoBmc { .. })
    }

    /// What the sum over the tokens of a response is multiplied by.
    fn scale(&self, tokens: usize) -> f64 {
        let tokens = tokens.max(1) as f64;
        match *self {
            Self::Dpo { beta } | Self::DpoBmc { beta, .. } => beta,
            Self::SimPo { beta, .. } | Self::SimPoBmc { beta, .. } => beta / tokens,
            Self::Ipo { length: IpoLength::Mean, .. } => 1.0 / tokens,
            Self::Ipo { length: IpoLength::Sum, .. } => 1.0,
        }
    }
}

/// Everything that decides the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceLoss {
    /// The loss of a pair.
    pub objective: Objective,
    /// `ε`, the share of the pairs whose labels are taken to be wrong, in [0, 0.5).
    #[serde(default)]
    pub label_smoothing: f64,
    /// `α`, the weight of the winning response's mean negative log-likelihood; 0 for none.
    #[serde(default)]
    pub sft_weight: f64,
}

impl Default for PreferenceLoss {
    /// DPO-BMC as for question answering.
    fn default() -> Self {
        Objective::published(Published::Questions).into()
    }
}

impl From<Objective> for PreferenceLoss {
    fn from(objective: Objective) -> Self {
        Self { objective, label_smoothing: 0.0, sft_weight: 0.0 }
    }
}

impl PreferenceLoss {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let complain = |text: String| Err(Error::Settings(text));
        let (beta, gamma, objective) = (self.objective.beta(), self.objective.gamma(), self.objective);
        if !(beta.is_finite() && beta > 0.0) {
            return complain(format!("beta must be a positive number, not {beta}"));
        }
        if let Some(delta) = objective.delta().filter(|delta| !(delta.is_finite() && *delta >= 0.0)) {
            return complain(format!("delta must be a number from 0, not {delta}"));
        }
        if !gamma.is_finite() {
            return complain(format!("gamma must be a number, not {gamma}"));
        }
        if !(0.0..0.5).contains(&self.label_smoothing) {
            return complain(format!("label_smoothing must lie in [0, 0.5), not {}", self.label_smoothing));
        }
        if matches!(objective, Objective::Ipo { .. }) && self.label_smoothing > 0.0 {
            return complain("label_smoothing has no meaning for ipo; set it to 0".into());
        }
        if !(self.sft_weight.is_finite() && self.sft_weight >= 0.0) {
            return complain(format!("sft_weight must be a number from 0, not {}", self.sft_weight));
        }
        Ok(())
    }
}
