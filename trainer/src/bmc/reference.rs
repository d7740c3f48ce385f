//! What the reference says of every token of every response: computed once, before the training, and kept in the run's
//! folder.
//!
//! Computed beforehand rather than at every step because each pair then costs one forward pass of the reference however
//! many epochs there are, no step waits for it, and in a training of all weights the reference is gone after the first
//! step. It takes four bytes a token.

use super::pack::{PairBatch, Sharing};
use super::pair::TokenPair;
use super::passes::passes;
use crate::control::{Control, Next};
use crate::decoder::Decoder;
use crate::files::replace;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::Path;

const FILE: &str = "reference.safetensors";
const LOG_PROBS: &str = "log_probs";

/// A pair and what the reference says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScoredPair {
    pub(super) pair: TokenPair,
    /// `log π_ref` of the tokens of the winning and of the losing response.
    pub(super) reference: [Vec<f64>; 2],
}

/// How the reference is asked.
pub(super) struct Asking<'a> {
    pub(super) base: &'a Decoder,
    pub(super) sharing: Sharing,
    pub(super) rows_per_pass: usize,
    pub(super) control: &'a Control,
}

impl Asking<'_> {
    /// Scores pairs, or reads what was scored before from `folder`, which must belong to the same pairs and the same base.
    /// `None` when it was told to stop; nothing is kept then. `done` is told after every pass how many pairs have been
    /// scored.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the file in the folder does not fit; what the decoder reports.
    pub(super) fn scored(
        &self,
        pairs: Vec<TokenPair>,
        folder: &Path,
        done: &mut dyn FnMut(usize),
    ) -> Result<Option<Vec<ScoredPair>>> {
        let path = folder.join(FILE);
        let log_probs = match path.exists() {
            true => read(&path)?,
            false => match self.compute(&pairs, done)? {
                None => return Ok(None),
                Some(log_probs) => {
                    write(folder, &log_probs)?;
                    log_probs
                }
            },
        };
        let tokens: usize = pairs.iter().map(|pair| pair.chosen.len() + pair.rejected.len()).sum();
        if log_probs.len() != tokens {
            let problem = format!(
                "it has {} log-probabilities, the pairs have {tokens} tokens; remove it to have it made again",
                log_probs.len()
            );
            return Err(Error::checkpoint(path, problem));
        }
        let mut rest = log_probs.into_iter().map(f64::from);
        let mut take = |tokens: &[u32]| rest.by_ref().take(tokens.len()).collect();
        let scored = pairs.into_iter().map(|pair| {
            let reference = [take(&pair.chosen), take(&pair.rejected)];
            ScoredPair { pair, reference }
        });
        Ok(Some(scored.collect()))
    }

    fn compute(&self, pairs: &[TokenPair], done: &mut dyn FnMut(usize)) -> Result<Option<Vec<f32>>> {
        let (reference, mut log_probs) = (self.base.frozen(), Vec::new());
        let mut scored = 0;
        for pass in passes(pairs, |pair| pair, (self.sharing, self.rows_per_pass)) {
            if self.control.next() == Next::Stop {
                return Ok(None);
            }
            let PairBatch { batch, places } = PairBatch::new(pass, self.sharing)?;
            let nll: Vec<f32> = reference.target_nll(&batch)?.to_dtype(DType::F32)?.to_vec1()?;
            for place in places.iter().flatten() {
                log_probs.extend(place.targets().map(|target| -nll[target]));
            }
            scored += pass.len();
            done(scored);
        }
        Ok(Some(log_probs))
    }
}

fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(Error::io("reading", path))?;
    let damaged = |e: candle_core::Error| Error::checkpoint(path, format!("it is damaged: {e}; remove it"));
    let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(damaged)?;
    let log_probs = tensors.remove(LOG_PROBS);
    let log_probs = log_probs.ok_or_else(|| Error::checkpoint(path, format!("{LOG_PROBS} is missing")))?;
    log_probs.to_vec1().map_err(damaged)
}

fn write(folder: &Path, log_probs: &[f32]) -> Result<()> {
    let tensor = Tensor::from_slice(log_probs, log_probs.len(), &Device::Cpu)?;
    let tensors = HashMap::from([(LOG_PROBS, tensor)]);
    replace(folder, FILE, |path| Ok(candle_core::safetensors::save(&tensors, path)?))
}
