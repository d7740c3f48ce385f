//! Gradients of a weighted sum of log-likelihoods whose weights depend on these themselves, with all activations kept or
//! with every block computed again on the way back (Chen et al. 2016, arXiv 1604.06174).

use super::ops::cross_entropy::cross_entropy;
use super::{Decoder, NamedParam, PackedBatch};
use crate::optim::collect_gradients;
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use serde::{Deserialize, Serialize};

/// What the forward pass keeps for the backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activations {
    /// Every intermediate value.
    #[default]
    Kept,
    /// The input of every block; the rest is computed again. Memory falls to about one block's, time grows by about a
    /// third. The gradients are the same.
    Recomputed,
}

impl Decoder {
    /// The gradients of `Σ c[i]·nll[i]`, one per parameter of [`Self::trained`], where `nll` are the negative
    /// log-likelihoods of the batch's targets in nats and `c` is what `slopes` makes of them.
    ///
    /// # Errors
    /// As [`Self::target_nll`]; what `slopes` returns; [`Error::Data`] when it returns another number of slopes.
    pub fn gradients(
        &self,
        batch: &PackedBatch,
        activations: Activations,
        slopes: impl FnOnce(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<Vec<Tensor>> {
        match activations {
            Activations::Kept => {
                let sum = weigh(&self.target_nll(batch)?, slopes)?;
                collect_gradients(self.trained(), sum.backward()?)
            }
            Activations::Recomputed => self.recomputed(batch, slopes),
        }
    }

    fn recomputed(
        &self,
        batch: &PackedBatch,
        slopes: impl FnOnce(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<Vec<Tensor>> {
        if batch.targets.is_empty() {
            return Err(Error::Data("the batch has no supervised token".into()));
        }
        let pass = self.pass(batch)?;
        let ids = Tensor::new(batch.ids.as_slice(), &self.device)?;
        let embed = || self.values(&self.params.embedding).index_select(&ids, 0);
        let mut inputs = vec![embed()?.detach()];
        for (layer, block) in self.params.blocks.iter().enumerate() {
            inputs.push(self.block((layer, block), &inputs[layer], &pass)?.detach());
        }
        let mut sum = Sum::new(self.trained());
        let take_last = |inputs: &mut Vec<Tensor>| {
            let last = inputs.pop().ok_or_else(|| Error::Data("a pass has no input".into()))?;
            Ok::<_, Error>(Var::from_tensor(&last)?)
        };
        let top = take_last(&mut inputs)?;
        let rows = Tensor::new(batch.prediction_rows.as_slice(), &self.device)?;
        let hidden = self.norm(top.as_tensor(), &self.params.norm)?.index_select(&rows, 0)?;
        let nll = cross_entropy(&hidden, (&self.output_matrix(), self.mode()), &batch.targets, self.kernels)?;
        let mut store = weigh(&nll, slopes)?.backward()?;
        let mut above = sum.add(&mut store, &top)?;
        for (layer, block) in self.params.blocks.iter().enumerate().rev() {
            let input = take_last(&mut inputs)?;
            let output = self.block((layer, block), input.as_tensor(), &pass)?;
            let mut store = (output * &above)?.sum_all()?.backward()?;
            above = sum.add(&mut store, &input)?;
        }
        if self.adapter.is_none() {
            let mut store = (embed()? * &above)?.sum_all()?.backward()?;
            sum.add_parameters(&mut store)?;
        }
        sum.finish()
    }
}

/// `Σ c[i]·nll[i]`.
fn weigh(nll: &Tensor, slopes: impl FnOnce(&[f64]) -> Result<Vec<f64>>) -> Result<Tensor> {
    let values: Vec<f64> = nll.to_dtype(DType::F64)?.to_vec1()?;
    let slopes = slopes(&values)?;
    if slopes.len() != values.len() {
        return Err(Error::Data(format!("{} slopes for {} targets", slopes.len(), values.len())));
    }
    let slopes = Tensor::from_vec(slopes, values.len(), nll.device())?.to_dtype(nll.dtype())?;
    Ok((nll * slopes)?.sum_all()?)
}

/// Gradients that come in several parts.
struct Sum<'a> {
    params: &'a [NamedParam],
    total: Vec<Option<Tensor>>,
}

impl<'a> Sum<'a> {
    fn new(params: &'a [NamedParam]) -> Self {
        Self { params, total: vec![None; params.len()] }
    }

    /// Adds what a part of the backward pass has found; returns the gradient of that part's input.
    fn add(&mut self, store: &mut GradStore, input: &Var) -> Result<Tensor> {
        self.add_parameters(store)?;
        Ok(match store.remove(input.as_tensor()) {
            Some(gradient) => gradient.detach(),
            None => input.zeros_like()?,
        })
    }

    fn add_parameters(&mut self, store: &mut GradStore) -> Result<()> {
        for (param, total) in self.params.iter().zip(&mut self.total) {
            if let Some(part) = store.remove(param.var.as_tensor()) {
                // A gradient remembers what it was computed from, and with it every activation.
                let part = part.detach();
                *total = Some(match total.take() {
                    Some(sum) => (sum + part)?.detach(),
                    None => part,
                });
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Tensor>> {
        let all = self.params.iter().zip(self.total);
        all.map(|(param, total)| total.map_or_else(|| Ok(param.var.zeros_like()?), Ok)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{Family, OutputWeights};
    use crate::fixtures::{scrambled, small_batch, tiny};
    use crate::lora::{Lora, LoraConfig};
    use std::sync::Arc;

    fn slopes(nll: &[f64]) -> Result<Vec<f64>> {
        Ok(nll.iter().enumerate().map(|(i, n)| (i as f64 - 2.0) * n / 3.0).collect())
    }

    fn agree(decoder: &Decoder, batch: &PackedBatch) {
        let of = |activations| decoder.gradients(batch, activations, slopes).expect("gradients");
        let (kept, recomputed) = (of(Activations::Kept), of(Activations::Recomputed));
        for ((p, kept), recomputed) in decoder.trained().iter().zip(&kept).zip(&recomputed) {
            let values = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("readable");
            let size = values(kept).iter().fold(0f32, |top, v| top.max(v.abs()));
            assert!(size > 0.0, "{} learns", p.name);
            for (a, b) in values(kept).iter().zip(values(recomputed)) {
                assert!((a - b).abs() <= 1e-5 * size, "{}: {a} {b}", p.name);
            }
        }
    }

    #[test]
    fn gradients_are_the_same_when_blocks_are_computed_again() {
        for (family, output) in
            [(Family::Llama, OutputWeights::Separate), (Family::Qwen3, OutputWeights::Tied)]
        {
            let decoder = scrambled(tiny(family, output), 3, DType::F32);
            agree(&decoder, &small_batch(19));
            let config = LoraConfig { dropout: 0.2, ..LoraConfig::default() };
            let lora = Lora::fresh(&decoder, &config, 1).expect("an adapter");
            for (i, p) in lora.named().iter().enumerate() {
                let values = crate::fixtures::random(p.var.dims(), i as u64).to_dtype(DType::F32);
                p.var.set(&values.expect("a cast")).expect("same shape");
            }
            agree(&decoder.adapted(Arc::new(lora)), &small_batch(19).with_noise(3));
        }
    }

    #[test]
    fn slopes_that_do_not_fit_are_refused() {
        let decoder = scrambled(tiny(Family::Llama, OutputWeights::Tied), 3, DType::F32);
        for activations in [Activations::Kept, Activations::Recomputed] {
            let wrong = decoder.gradients(&small_batch(19), activations, |_| Ok(vec![1.0]));
            assert!(matches!(wrong, Err(Error::Data(text)) if text.contains("1 slopes")));
        }
    }
}
