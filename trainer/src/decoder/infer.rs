//! Plain inference, for comparing decoders and for tests: no cache, every token computes the whole sequence again.

use super::ops::linear::{WeightMode, linear};
use super::{Decoder, Example, PackedBatch};
use crate::{Error, Result};
use candle_core::{DType, Tensor};

impl Decoder {
    /// The logits after every token of `ids`: entry `i` scores the token that follows `ids[..=i]`, one value per piece
    /// of the vocabulary.
    ///
    /// # Errors
    /// [`Error::Data`] when `ids` is empty, longer than the model allows, or names a token outside of the vocabulary.
    pub fn logits(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>> {
        let logits = self.logits_of(&self.hidden_of(ids)?)?;
        Ok(logits.to_vec2()?)
    }

    /// The most likely continuation of `prompt`: at most `max_new` tokens, the first of several that are equally likely.
    /// It ends before a token of `stop`, which is not returned, or when the context is full.
    ///
    /// # Errors
    /// As [`Self::logits`] of the prompt.
    pub fn generate(&self, prompt: &[u32], max_new: usize, stop: &[u32]) -> Result<Vec<u32>> {
        self.check(&packed(prompt)?)?;
        let context = self.config.sliding_window.unwrap_or(usize::MAX).min(self.config.max_positions);
        let mut ids = prompt.to_vec();
        while ids.len() - prompt.len() < max_new && ids.len() < context {
            let hidden = self.hidden_of(&ids)?;
            let last = hidden.narrow(0, ids.len() - 1, 1)?;
            let next = self.logits_of(&last)?.argmax(1)?.to_vec1::<u32>()?;
            match next.first() {
                Some(token) if !stop.contains(token) => ids.push(*token),
                _ => break,
            }
        }
        Ok(ids.split_off(prompt.len()))
    }

    fn hidden_of(&self, ids: &[u32]) -> Result<Tensor> {
        Ok(self.hidden(&packed(ids)?)?.detach())
    }

    /// `[rows, vocab_size]`, single precision.
    fn logits_of(&self, hidden: &Tensor) -> Result<Tensor> {
        let output = self.output_matrix().detach();
        Ok(linear(hidden, &output, WeightMode::Frozen)?.to_dtype(DType::F32)?)
    }
}

fn packed(ids: &[u32]) -> Result<PackedBatch> {
    if ids.is_empty() {
        return Err(Error::Data("there is no token to begin with".into()));
    }
    PackedBatch::new(&[Example::language(ids.to_vec())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{Family, OutputWeights};
    use crate::fixtures::{scrambled, tiny};

    fn decoder() -> Decoder {
        scrambled(tiny(Family::Llama, OutputWeights::Separate), 9, DType::F32)
    }

    /// The likelihood that training sees is the softmax of these logits.
    #[test]
    fn logits_agree_with_the_likelihood() {
        let (decoder, ids) = (decoder(), [3u32, 7, 7, 1, 18, 0]);
        let logits = decoder.logits(&ids).expect("logits");
        assert_eq!((logits.len(), logits[0].len()), (6, 19));
        let batch = packed(&ids).expect("packs");
        let nll = decoder.target_nll(&batch).and_then(|n| Ok(n.to_vec1::<f32>()?)).expect("a loss");
        for (i, want) in nll.iter().enumerate() {
            let normaliser = logits[i].iter().map(|l| l.exp()).sum::<f32>().ln();
            let got = normaliser - logits[i][ids[i + 1] as usize];
            assert!((got - want).abs() < 1e-4, "{i}: {got} {want}");
        }
        let shorter = decoder.logits(&ids[..3]).expect("logits");
        assert!(shorter.iter().flatten().zip(logits.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn generation_takes_the_best_token_and_stops_when_told() {
        let (decoder, prompt) = (decoder(), [3u32, 7]);
        let tokens = decoder.generate(&prompt, 10, &[]).expect("generates");
        assert_eq!(tokens.len(), 10);
        let whole = [&prompt[..], &tokens].concat();
        let logits = decoder.logits(&whole).expect("logits");
        for (i, token) in tokens.iter().enumerate() {
            let row = &logits[prompt.len() - 1 + i];
            assert!(row.iter().all(|l| *l <= row[*token as usize] + 1e-5), "{i}");
        }
        let at = tokens.iter().position(|t| t == &tokens[4]).expect("it is there");
        assert_eq!(decoder.generate(&prompt, 10, &[tokens[4]]).expect("generates"), tokens[..at]);
        assert_eq!(decoder.generate(&prompt, 0, &[]).expect("generates"), Vec::<u32>::new());
        assert_eq!(decoder.generate(&[1; 60], 10, &[]).expect("generates").len(), 4, "the context is 64");
    }

    #[test]
    fn impossible_prompts_are_refused() {
        for prompt in [vec![], vec![19], vec![1; 65]] {
            assert!(matches!(decoder().logits(&prompt), Err(Error::Data(_))));
            assert!(matches!(decoder().generate(&prompt, 1, &[]), Err(Error::Data(_))));
        }
    }
}
