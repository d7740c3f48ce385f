//! Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): a few small matrices learn, the model stays as it is.
//!
//! To a linear `y = Wx + b` an adapter adds `(α/r)·B(A·drop(x))` with `A [r, in]` and `B [out, r]`. `W` is frozen: no
//! gradient is computed or kept for it. `B` starts at zero, so an adapter that has not learned yet changes nothing.
//!
//! ```no_run
//! # fn main() -> amend_trainer::Result<()> {
//! use amend_trainer::{decoder::Decoder, lora::{Lora, LoraConfig}};
//! use candle_core::{DType, Device};
//! use std::{path::Path, sync::Arc};
//!
//! let base = Decoder::load(Path::new("model"), DType::F32, &Device::Cpu)?;
//! let lora = Arc::new(Lora::fresh(&base, &LoraConfig::default(), 1)?);
//! let adapted = base.adapted(lora.clone()); // `sft::train` trains the adapter; `base` is the reference without it
//! # let _ = adapted;
//! lora.save(Path::new("adapter"), Some("model"))?; // adapter_config.json, adapter_model.safetensors
//! lora.merge(&base)?.save(Path::new("merged"))?;
//! # Ok(())
//! # }
//! ```

mod dropout;
mod peft;
mod targets;
#[cfg(test)]
mod tests;

pub use targets::Targets;

use crate::decoder::ops::linear::{WeightMode, linear};
use crate::decoder::{
    Decoder, LinearAdapter, LinearPart, LinearPlace, LowRank, LowRankPart, NamedParam, ParamKind,
};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How the rank enters the scale of what an adapter adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// `α/r`.
    #[default]
    Standard,
    /// `α/√r`, with which high ranks learn as well as low ones (rsLoRA, arXiv 2312.03732).
    RankStabilised,
}

impl Scaling {
    fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// The shape of an adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// `r`, the rows of `A` and the columns of `B`.
    pub rank: usize,
    /// `α`: what the adapter adds is scaled by `α/r` or `α/√r`.
    pub alpha: f64,
    /// The share of an adapter's inputs that is left out in a training step, the others scaled by `1/(1 − dropout)`.
    pub dropout: f64,
    /// The linears that get one.
    pub targets: Targets,
    /// Which of the two scales.
    #[serde(default, skip_serializing_if = "Scaling::is_standard")]
    pub scaling: Scaling,
}

impl Default for LoraConfig {
    /// The settings of LTE (arXiv 2402.11905): r 8, α 16, dropout 0.05, on every linear of the blocks.
    fn default() -> Self {
        Self { rank: 8, alpha: 16.0, dropout: 0.05, targets: Targets::AllLinear, scaling: Scaling::Standard }
    }
}

impl LoraConfig {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if self.rank == 0 {
            return Err(Error::Settings("the rank of an adapter must be at least 1".into()));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(Error::Settings(format!("alpha must be a positive number, not {}", self.alpha)));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::Settings(format!("dropout must lie in [0, 1), not {}", self.dropout)));
        }
        Ok(())
    }

    /// `α/r` or `α/√r`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        match self.scaling {
            Scaling::Standard => self.alpha / self.rank as f64,
            Scaling::RankStabilised => self.alpha / (self.rank as f64).sqrt(),
        }
    }
}

/// The two matrices of one adapted linear.
#[derive(Clone, Debug)]
struct Pair {
    a: Var,
    b: Var,
}

/// One linear of the model folder inside a linear of the decoder: its rows, and its pair when it has one.
#[derive(Clone, Debug)]
struct Part {
    rows: usize,
    pair: Option<Pair>,
}

/// An adapter for one decoder.
#[derive(Debug)]
pub struct Lora {
    config: LoraConfig,
    /// Decides the dropout masks.
    seed: u64,
    linears: HashMap<LinearPlace, Vec<Part>>,
    named: Vec<NamedParam>,
}

impl Lora {
    /// An adapter that has learned nothing: `A` uniform in `±1/√in` (as PEFT initialises it), `B` zero. A pure function
    /// of the decoder's shape, `config` and `seed`.
    ///
    /// # Errors
    /// [`Error::Settings`] when a number makes no sense, the pattern cannot be read, or it matches no linear.
    pub fn fresh(decoder: &Decoder, config: &LoraConfig, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (dtype, device) = (decoder.dtype(), decoder.device().clone());
        Self::build(decoder, config, seed, |_, shape, matrix| match matrix {
            Matrix::A => uniform(&mut rng, shape, dtype, &device),
            Matrix::B => Ok(Tensor::zeros(&shape[..], dtype, &device)?),
        })
    }

    /// Takes every matrix from `source`: the linear's name, the shape, which of the two.
    fn build(
        decoder: &Decoder,
        config: &LoraConfig,
        seed: u64,
        mut source: impl FnMut(&str, [usize; 2], Matrix) -> Result<Tensor>,
    ) -> Result<Self> {
        config.validate()?;
        let matcher = config.targets.matcher()?;
        let (mut linears, mut named) = (HashMap::new(), Vec::new());
        for (place, parts, columns) in decoder.linears()? {
            let mut built = Vec::with_capacity(parts.len());
            for LinearPart { name, rows } in parts {
                let pair = match matcher.matches(&name) {
                    false => None,
                    true => {
                        let a = Var::from_tensor(&source(&name, [config.rank, columns], Matrix::A)?)?;
                        let b = Var::from_tensor(&source(&name, [rows, config.rank], Matrix::B)?)?;
                        named.extend([(Matrix::A, &a), (Matrix::B, &b)].map(|(matrix, var)| NamedParam {
                            name: format!("{name}.{}", matrix.key()),
                            kind: ParamKind::Adapter,
                            stacked: vec![var.dims()[0]],
                            var: var.clone(),
                        }));
                        Some(Pair { a, b })
                    }
                };
                built.push(Part { rows, pair });
            }
            if built.iter().any(|part| part.pair.is_some()) {
                linears.insert(place, built);
            }
        }
        if named.is_empty() {
            return Err(Error::Settings(format!(
                "no linear of the model is called by {}; the linears of a block are {}",
                config.targets,
                targets::LINEARS.join(", ")
            )));
        }
        Ok(Self { config: config.clone(), seed, linears, named })
    }

    /// The shape.
    #[must_use]
    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    /// How many numbers learn.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.named.iter().map(|p| p.var.elem_count()).sum()
    }

    /// The names of the linears that are adapted, as `model.layers.0.self_attn.q_proj`.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.named.iter().filter_map(|p| p.name.strip_suffix(Matrix::A.key())?.strip_suffix('.'))
    }

    /// A decoder of its own with `W + (α/r)·BA` in the place of every `W`.
    ///
    /// # Errors
    /// When `decoder` has another shape than the one that the adapter was made for.
    pub fn merge(&self, decoder: &Decoder) -> Result<Decoder> {
        let mut places = HashMap::new();
        for (place, _, _) in decoder.linears()? {
            places.insert(decoder.linear_parameter(place), place);
        }
        decoder.map_parameters(|param| {
            let weight = param.var.as_detached_tensor();
            let Some(parts) = places.get(&param.name).and_then(|place| self.linears.get(place)) else {
                return Ok(weight);
            };
            let (mut top, mut merged) = (0, Vec::with_capacity(parts.len()));
            for part in parts {
                let old = weight.narrow(0, top, part.rows)?;
                merged.push(match &part.pair {
                    Some(Pair { a, b }) => (old + (b.detach().matmul(&a.detach())? * self.config.scale())?)?,
                    None => old,
                });
                top += part.rows;
            }
            Ok(Tensor::cat(&merged, 0)?)
        })
    }
}

impl LinearAdapter for Lora {
    fn delta(
        &self,
        place: LinearPlace,
        x: &Tensor,
        noise: Option<u64>,
    ) -> candle_core::Result<Option<LowRank>> {
        let Some(parts) = self.linears.get(&place) else { return Ok(None) };
        let x = match noise {
            Some(key) if self.config.dropout > 0.0 => {
                dropout::dropout(x, self.config.dropout, dropout::stream(self.seed, key, place))?
            }
            _ => x.clone(),
        };
        let rank = self.config.rank;
        let (mut downs, mut ups, mut ranges, mut top) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for part in parts {
            let rows = top..top + part.rows;
            top = rows.end;
            match &part.pair {
                Some(Pair { a, b }) => {
                    ranges.push(LowRankPart { rows, inner: downs.len() * rank });
                    downs.push(a.as_tensor());
                    ups.push(b.as_tensor().clone());
                }
                None => ups.push(Tensor::zeros((part.rows, rank), x.dtype(), x.device())?),
            }
        }
        let inner = linear(&x, &Tensor::cat(&downs, 0)?, WeightMode::Trained)?;
        // Scaled where it is small: less to compute and to keep.
        let up = (Tensor::cat(&ups, 0)? * self.config.scale())?;
        Ok(Some(LowRank { inner, up, parts: ranges.into() }))
    }

    fn parameters(&self) -> &[NamedParam] {
        &self.named
    }
}

/// Which of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matrix {
    A,
    B,
}

impl Matrix {
    /// What PEFT calls it behind the linear's name.
    fn key(self) -> &'static str {
        match self {
            Self::A => "lora_A.weight",
            Self::B => "lora_B.weight",
        }
    }
}

fn uniform(rng: &mut ChaCha8Rng, shape: [usize; 2], dtype: DType, device: &Device) -> Result<Tensor> {
    let reach = 1.0 / (shape[1] as f32).sqrt();
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| rng.random_range(-reach..reach)).collect();
    Ok(Tensor::from_vec(values, &shape[..], device)?.to_dtype(dtype)?)
}
