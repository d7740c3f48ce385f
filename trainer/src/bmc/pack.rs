//! Pairs packed end to end, the common beginning of both responses computed once or twice.

use super::pair::TokenPair;
use crate::decoder::{Fork, PackedBatch, PackedLayout};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Whether the common beginning of the two sequences of a pair is computed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Prompt, and whatever both responses begin with, are one piece from which the two endings fork. Same numbers, less
    /// work: with bridged responses often much more than the prompt is shared.
    #[default]
    Prefix,
    /// Every sequence by itself.
    Apart,
}

/// Where the tokens of a response stand among the targets of a batch: first those it shares with the other, then its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    shared: Range<usize>,
    own: Range<usize>,
}

impl Place {
    /// The target of every token, in their order.
    pub(super) fn targets(&self) -> impl Iterator<Item = usize> + use<> {
        self.shared.clone().chain(self.own.clone())
    }
}

/// A packed batch and where the responses of each pair are in it.
#[derive(Debug)]
pub(super) struct PairBatch {
    pub(super) batch: PackedBatch,
    /// Winning and losing response of every pair.
    pub(super) places: Vec<[Place; 2]>,
}

impl PairBatch {
    /// Packs pairs.
    ///
    /// # Errors
    /// [`Error::Data`] when there is none.
    pub(super) fn new<'a>(pairs: impl IntoIterator<Item = &'a TokenPair>, sharing: Sharing) -> Result<Self> {
        let mut builder = Builder::default();
        let places: Vec<_> = pairs
            .into_iter()
            .map(|pair| match sharing {
                Sharing::Prefix => builder.forked(pair),
                Sharing::Apart => {
                    [&pair.chosen, &pair.rejected].map(|response| builder.straight(&pair.prompt, response))
                }
            })
            .collect();
        match places.is_empty() {
            true => Err(Error::Data("a batch needs at least one pair".into())),
            false => Ok(Self { batch: builder.finish(), places }),
        }
    }
}

/// Rows that a pair takes.
pub(super) fn rows(pair: &TokenPair, sharing: Sharing) -> usize {
    let ending = |response: &[u32], shared: usize| (response.len() - shared).saturating_sub(1);
    let (shared, twice) = match sharing {
        Sharing::Apart => (0, pair.prompt.len()),
        Sharing::Prefix => (common(pair), 0),
    };
    pair.prompt.len() + twice + shared + ending(&pair.chosen, shared) + ending(&pair.rejected, shared)
}

/// Tokens with which both responses begin.
fn common(pair: &TokenPair) -> usize {
    pair.chosen.iter().zip(&pair.rejected).take_while(|(a, b)| a == b).count()
}

/// The lists of a batch as they grow. The last token of a sequence predicts nothing and takes no row.
#[derive(Default)]
struct Builder {
    ids: Vec<u32>,
    positions: Vec<u32>,
    bounds: Vec<usize>,
    forks: Vec<Option<Fork>>,
    prediction_rows: Vec<u32>,
    targets: Vec<u32>,
    prediction_bounds: Vec<usize>,
}

impl Builder {
    fn straight(&mut self, prompt: &[u32], response: &[u32]) -> Place {
        let start = self.ids.len();
        self.push(prompt, 0);
        self.push(&response[..response.len() - 1], prompt.len());
        let own = self.predict(start + prompt.len() - 1, start + prompt.len(), response);
        self.close(None);
        Place { shared: own.start..own.start, own }
    }

    fn forked(&mut self, pair: &TokenPair) -> [Place; 2] {
        let (start, common) = (self.ids.len(), common(pair));
        let (beginning, endings) =
            (&pair.chosen[..common], [&pair.chosen[common..], &pair.rejected[common..]]);
        self.push(&pair.prompt, 0);
        self.push(beginning, pair.prompt.len());
        let prefix = pair.prompt.len() + common;
        let last = start + pair.prompt.len() - 1;
        let shared = self.predict(last, last + 1, beginning);
        let places = endings.map(|ending| {
            let first = self.ids.len();
            self.push(&ending[..ending.len().saturating_sub(1)], prefix);
            let own = self.predict(start + prefix - 1, first, ending);
            Place { shared: shared.clone(), own }
        });
        self.close(Some(Fork { prefix, first: endings[0].len().saturating_sub(1) }));
        places
    }

    fn push(&mut self, ids: &[u32], position: usize) {
        self.ids.extend_from_slice(ids);
        self.positions.extend((position..position + ids.len()).map(|p| p as u32));
    }

    /// The first of `targets` is predicted by row `before`, the others by the rows from `first` on.
    fn predict(&mut self, before: usize, first: usize, targets: &[u32]) -> Range<usize> {
        let from = self.targets.len();
        let rows = std::iter::once(before).chain(first..).take(targets.len());
        self.prediction_rows.extend(rows.map(|row| row as u32));
        self.targets.extend_from_slice(targets);
        from..self.targets.len()
    }

    fn close(&mut self, fork: Option<Fork>) {
        self.bounds.push(self.ids.len());
        self.forks.push(fork);
        self.prediction_bounds.push(self.targets.len());
    }

    fn finish(self) -> PackedBatch {
        let from_zero = |bounds: Vec<usize>| -> Vec<usize> { std::iter::once(0).chain(bounds).collect() };
        let layout = PackedLayout {
            bounds: from_zero(self.bounds).into(),
            positions: self.positions.into(),
            forks: self.forks.into(),
        };
        PackedBatch {
            ids: self.ids,
            layout,
            prediction_rows: self.prediction_rows,
            weights: vec![1.0; self.targets.len()],
            targets: self.targets.into(),
            prediction_bounds: from_zero(self.prediction_bounds),
            noise: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bmc::{Difference, StopTokens};
    use crate::decoder::{Activations, Decoder, Family, OutputWeights};
    use crate::fixtures::{scrambled, tiny};
    use candle_core::DType;

    fn pair(prompt: &[u32], chosen: &[u32], rejected: &[u32]) -> TokenPair {
        let difference = Difference::between(chosen, rejected, &StopTokens::default());
        TokenPair { prompt: prompt.into(), chosen: chosen.into(), rejected: rejected.into(), difference }
    }

    /// Nothing in common, something, one the beginning of the other, one token only.
    fn pairs() -> Vec<TokenPair> {
        vec![
            pair(&[3, 4, 5], &[6, 7, 1], &[8, 1]),
            pair(&[9], &[2, 3, 4, 5, 1], &[2, 3, 6, 6, 6, 1]),
            pair(&[3, 4], &[5, 6], &[5, 6, 7, 8]),
            pair(&[3, 4], &[5, 6, 7], &[5]),
            pair(&[1, 2, 3, 4], &[5], &[6]),
        ]
    }

    #[test]
    fn a_fork_lies_as_described() {
        let PairBatch { batch, places } = PairBatch::new(&pairs()[1..2], Sharing::Prefix).expect("packs");
        assert_eq!(batch.ids, [9, 2, 3, 4, 5, 6, 6, 6]);
        assert_eq!(&*batch.layout.positions, [0, 1, 2, 3, 4, 3, 4, 5]);
        assert_eq!(&*batch.layout.forks, [Some(Fork { prefix: 3, first: 2 })]);
        assert_eq!(&*batch.targets, [2, 3, 4, 5, 1, 6, 6, 6, 1]);
        assert_eq!(batch.prediction_rows, [0, 1, 2, 3, 4, 2, 5, 6, 7]);
        let tokens = |place: &Place| place.targets().map(|t| batch.targets[t]).collect::<Vec<_>>();
        assert_eq!(tokens(&places[0][0]), [2, 3, 4, 5, 1]);
        assert_eq!(tokens(&places[0][1]), [2, 3, 6, 6, 6, 1]);
        assert_eq!(batch.longest(), 6);
        for sharing in [Sharing::Prefix, Sharing::Apart] {
            for pair in pairs() {
                let batch = PairBatch::new([&pair], sharing).expect("packs").batch;
                assert_eq!(batch.tokens(), rows(&pair, sharing));
            }
        }
    }

    fn log_probs(decoder: &Decoder, sharing: Sharing) -> Vec<f64> {
        let PairBatch { batch, places } = PairBatch::new(&pairs(), sharing).expect("packs");
        let nll = decoder.target_nll(&batch).expect("a loss").to_dtype(DType::F64);
        let nll: Vec<f64> = nll.and_then(|n| n.to_vec1()).expect("readable");
        places
            .iter()
            .flatten()
            .flat_map(|place| place.targets().map(|t| nll[t]).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn sharing_changes_neither_log_probs_nor_gradients() {
        for family in Family::ALL {
            for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-7)] {
                let decoder = scrambled(tiny(family, OutputWeights::Separate), 3, dtype);
                let (shared, apart) =
                    (log_probs(&decoder, Sharing::Prefix), log_probs(&decoder, Sharing::Apart));
                assert_eq!(shared.len(), apart.len());
                for (a, b) in shared.iter().zip(&apart) {
                    assert!((a - b).abs() <= tolerance * b.abs(), "{family:?} {dtype:?}: {a} {b}");
                }
                let of = |sharing| {
                    let PairBatch { batch, places } = PairBatch::new(&pairs(), sharing).expect("packs");
                    // Every token of every response with a slope of its own.
                    let slopes = |nll: &[f64]| {
                        let mut slopes = vec![0.0; nll.len()];
                        let targets = places.iter().flatten().flat_map(|place| place.targets().enumerate());
                        for (salt, (token, target)) in targets.enumerate() {
                            slopes[target] += ((salt * 7 + token) % 11) as f64 / 5.0 - 1.0;
                        }
                        Ok(slopes)
                    };
                    decoder.gradients(&batch, Activations::Kept, slopes).expect("gradients")
                };
                for ((p, a), b) in
                    decoder.parameters().iter().zip(of(Sharing::Prefix)).zip(of(Sharing::Apart))
                {
                    let norm = |t: candle_core::Tensor| {
                        let t = t.to_dtype(DType::F64).and_then(|t| t.sqr()?.sum_all()?.to_scalar::<f64>());
                        t.expect("a number").sqrt()
                    };
                    let (far, size) = (norm((a - &b).expect("one shape")), norm(b));
                    assert!(
                        far <= tolerance * 3.0 * size,
                        "{family:?} {dtype:?} {}: {far} of {size}",
                        p.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_pair_that_is_longer_than_the_model_only_together_is_taken() {
        let long: Vec<u32> = (0..30).map(|i| i % 19).collect();
        let other: Vec<u32> = (0..30).map(|i| (i + 1) % 19).collect();
        let pair = pair(&long, &long, &other);
        assert!(rows(&pair, Sharing::Prefix) > 64);
        let decoder = scrambled(tiny(Family::Llama, OutputWeights::Tied), 3, DType::F32);
        let batch = PairBatch::new([&pair], Sharing::Prefix).expect("packs").batch;
        assert!(decoder.target_nll(&batch).is_ok(), "each sequence has 59 of 64 tokens");
    }
}
