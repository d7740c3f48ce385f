//! The loss of one pair and its gradient.

use super::{Objective, PreferenceLoss, ReferenceWeighting};

/// A response as the loss sees it; one entry a token in every list.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// `log π_θ` of the tokens, in nats.
    pub policy: &'a [f64],
    /// `log π_ref` of the tokens, in nats.
    pub reference: &'a [f64],
    /// Which tokens the other response does not have.
    pub differs: &'a [bool],
}

/// What is logged of a response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResponseScore {
    /// `log π_θ` of the whole response.
    pub log_prob: f64,
    /// The implicit reward, token weights left out so that objectives can be compared: `β·log(π_θ/π_ref)` of the response;
    /// for SimPO `β` times the mean `log π_θ` of its tokens.
    pub reward: f64,
}

/// The loss of a pair, what is logged of it, and the gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct PairLoss {
    /// The loss.
    pub loss: f64,
    /// The winning response.
    pub chosen: ResponseScore,
    /// The losing response.
    pub rejected: ResponseScore,
    /// `∂loss/∂log π_θ` of the winning response's tokens.
    pub d_chosen: Vec<f64>,
    /// `∂loss/∂log π_θ` of the losing response's tokens.
    pub d_rejected: Vec<f64>,
    /// `Σ π_θ·log(π_θ/π_ref) − π_θ + π_ref` over the tokens of both. Over a whole vocabulary these terms add up to the
    /// Kullback–Leibler divergence of the policy from the reference, and none is negative: divided by the number of
    /// tokens it is a lower bound of the mean divergence, in nats a token. An answer that the reference held for unlikely
    /// and the policy has learned counts by how unlikely it was; one that it has unlearned counts 1 at most.
    pub divergence: f64,
    /// `Σ log(π_ref/π_θ)` over the tokens of the winning response: by how many nats it has become less likely, though it
    /// is to win (likelihood displacement, arXiv 2410.08847).
    pub displacement: f64,
}

impl PreferenceLoss {
    /// The loss of a pair. The lists of a response are of one length.
    #[must_use]
    pub fn of(&self, chosen: Response<'_>, rejected: Response<'_>) -> PairLoss {
        let (winning, losing) = (self.objective.score(chosen), self.objective.score(rejected));
        let margin = winning.score - losing.score - self.objective.gamma();
        let (mut loss, slope) = self.of_margin(margin);
        let mut d_chosen: Vec<f64> = winning.slopes.iter().map(|s| slope * s).collect();
        let d_rejected = losing.slopes.iter().map(|s| -slope * s).collect();
        if self.sft_weight > 0.0 {
            let each = self.sft_weight / chosen.policy.len().max(1) as f64;
            loss -= each * chosen.policy.iter().sum::<f64>();
            d_chosen.iter_mut().for_each(|d| *d -= each);
        }
        PairLoss {
            loss,
            chosen: self.objective.report(chosen),
            rejected: self.objective.report(rejected),
            d_chosen,
            d_rejected,
            divergence: divergence(chosen) + divergence(rejected),
            displacement: -ratios(chosen).sum::<f64>(),
        }
    }

    /// The loss and its derivative as a function of the margin.
    fn of_margin(&self, margin: f64) -> (f64, f64) {
        if let Objective::Ipo { beta, .. } = self.objective {
            let off = margin - 0.5 / beta;
            return (off * off, 2.0 * off);
        }
        let smoothing = self.label_smoothing;
        let loss = (1.0 - smoothing) * softplus(-margin) + smoothing * softplus(margin);
        // σ(z) = exp(−softplus(−z)), which neither overflows nor loses the small end.
        let (right, wrong) = ((-softplus(-margin)).exp(), (-softplus(margin)).exp());
        (loss, smoothing * right - (1.0 - smoothing) * wrong)
    }
}

/// `log(1 + eˣ)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `log(π_θ/π_ref)` of each token.
fn ratios(response: Response<'_>) -> impl Iterator<Item = f64> {
    response.policy.iter().zip(response.reference).map(|(p, r)| p - r)
}

fn divergence(response: Response<'_>) -> f64 {
    let terms = ratios(response).zip(response.policy.iter().zip(response.reference));
    // No term is negative; rounding may say otherwise where the two are close.
    terms.map(|(ratio, (policy, reference))| (policy.exp() * (ratio - 1.0) + reference.exp()).max(0.0)).sum()
}

/// The score of a response, and its derivative by the policy's log-probabilities.
struct Score {
    score: f64,
    slopes: Vec<f64>,
}

impl Objective {
    fn score(&self, response: Response<'_>) -> Score {
        let scale = self.scale(response.policy.len());
        let (mut sum, mut slopes) = (0.0, Vec::with_capacity(response.policy.len()));
        let tokens = response.policy.iter().zip(response.reference).zip(response.differs);
        for ((&policy, &reference), &differs) in tokens {
            let weight = self.weight(policy, differs);
            sum += weight * policy;
            if self.has_reference() {
                let of_reference = match self {
                    Self::DpoBmc { reference_weighting: ReferenceWeighting::Reference, .. } => {
                        self.weight(reference, differs)
                    }
                    _ => weight,
                };
                sum -= of_reference * reference;
            }
            slopes.push(scale * weight);
        }
        Score { score: scale * sum, slopes }
    }

    /// `λ` of a token.
    fn weight(&self, log_prob: f64, differs: bool) -> f64 {
        match self.delta() {
            Some(delta) if differs => 1.0 + (-log_prob).exp().min(delta),
            _ => 1.0,
        }
    }

    fn report(&self, response: Response<'_>) -> ResponseScore {
        let log_prob: f64 = response.policy.iter().sum();
        let reward = match self {
            Self::SimPo { beta, .. } | Self::SimPoBmc { beta, .. } => {
                beta * log_prob / response.policy.len().max(1) as f64
            }
            Self::Dpo { beta } | Self::DpoBmc { beta, .. } | Self::Ipo { beta, .. } => {
                beta * (log_prob - response.reference.iter().sum::<f64>())
            }
        };
        ResponseScore { log_prob, reward }
    }
}
