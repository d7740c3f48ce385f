//! Rotary frequencies, plain and stretched.

use crate::{Error, Result};
use std::f64::consts::TAU;

/// How the rotary frequencies are stretched for long contexts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every position is divided by the factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3.1: low frequencies are divided by the factor, high ones kept, those between blended.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Wavelengths above `original / low` are divided by the factor.
        low_freq_factor: f64,
        /// Wavelengths below `original / high` are kept.
        high_freq_factor: f64,
        /// The context the model was first trained on, in tokens.
        original_max_positions: usize,
    },
}

impl RopeScaling {
    /// Checks that the factors make sense.
    ///
    /// # Errors
    /// [`Error::Config`] naming the factor.
    pub(super) fn validate(&self) -> Result<()> {
        let complain = |what: &str| Err(Error::Config(format!("rope_scaling: {what}")));
        match *self {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear { factor } if factor.is_finite() && factor > 0.0 => Ok(()),
            RopeScaling::Linear { .. } => complain("factor must be a positive number"),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions } => {
                if !(factor.is_finite() && factor > 0.0) {
                    complain("factor must be a positive number")
                } else if !(low_freq_factor > 0.0 && high_freq_factor > low_freq_factor) {
                    complain("low_freq_factor must be positive and below high_freq_factor")
                } else if original_max_positions == 0 {
                    complain("original_max_position_embeddings is 0")
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The inverse frequencies `θ^(−2i/head_dim)`, stretched, in radians per position.
    pub(super) fn inverse_frequencies(&self, theta: f64, head_dim: usize) -> Vec<f32> {
        let plain = (0..head_dim / 2).map(|i| theta.powf(-2.0 * i as f64 / head_dim as f64));
        plain.map(|f| self.stretch(f) as f32).collect()
    }

    fn stretch(&self, frequency: f64) -> f64 {
        match *self {
            RopeScaling::None => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions } => {
                let turns = original_max_positions as f64 * frequency / TAU;
                if turns < low_freq_factor {
                    frequency / factor
                } else if turns > high_freq_factor {
                    frequency
                } else {
                    let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA3: RopeScaling = RopeScaling::Llama3 {
        factor: 4.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_positions: 32,
    };

    fn assert_frequencies(scaling: RopeScaling, want: [f32; 4]) {
        for (got, want) in scaling.inverse_frequencies(100.0, 8).into_iter().zip(want) {
            assert!((got - want).abs() < 1e-7, "{scaling:?}: {got} {want}");
        }
    }

    /// ```python
    /// f = 100.0 ** (-np.arange(0, 8, 2) / 8); old, low, high, factor = 32, 1, 4, 4
    /// for x in f:
    ///     w = 2 * math.pi / x; s = (old / w - low) / (high - low)
    ///     print(x if w < old / high else x / factor if w > old / low else (1 - s) * x / factor + s * x)
    /// ```
    #[test]
    fn frequencies_are_plain_divided_or_blended() {
        assert_frequencies(RopeScaling::None, [1.0, 0.316_227_77, 0.1, 0.031_622_78]);
        assert_frequencies(RopeScaling::Linear { factor: 2.0 }, [0.5, 0.158_113_88, 0.05, 0.015_811_388]);
        assert_frequencies(LLAMA3, [1.0, 0.127_323_95, 0.025, 0.007_905_694]);
    }

    #[test]
    fn senseless_factors_are_refused() {
        assert!(LLAMA3.validate().is_ok());
        let llama3 = |factor, low_freq_factor, high_freq_factor, original_max_positions| {
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions }
        };
        for (scaling, named) in [
            (RopeScaling::Linear { factor: 0.0 }, "factor"),
            (RopeScaling::Linear { factor: f64::NAN }, "factor"),
            (llama3(f64::INFINITY, 1.0, 4.0, 32), "factor"),
            (llama3(4.0, 4.0, 4.0, 32), "low_freq_factor"),
            (llama3(4.0, 0.0, 4.0, 32), "low_freq_factor"),
            (llama3(4.0, 1.0, 4.0, 0), "original_max_position_embeddings"),
        ] {
            assert!(
                matches!(scaling.validate(), Err(Error::Config(text)) if text.contains(named)),
                "{scaling:?}"
            );
        }
    }
}
