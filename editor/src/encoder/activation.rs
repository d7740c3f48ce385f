//! The feed-forward's nonlinearity.

use super::config::Activation;
use candle_core::{Result, Tensor};

/// Applies it to every number.
pub(super) fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    }
}
