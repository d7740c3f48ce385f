//! Training examples, and several of them packed end to end into one batch without padding.

use super::ops::attention::PackedLayout;
use crate::{Error, Result};
use std::sync::Arc;

/// One sequence, and how much the model learns from each of its tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The tokens.
    pub ids: Vec<u32>,
    /// For every token its share in the loss: one for a target, zero for what is only read, less than one for what is
    /// learned by the way. The first token is never a target: nothing comes before it.
    pub weights: Vec<f32>,
}

impl Example {
    /// Every token but the first is a target.
    pub fn language(ids: Vec<u32>) -> Self {
        let weights = vec![1.0; ids.len()];
        Self { ids, weights }
    }

    /// What was only read is learned with this weight, in (0, 1).
    #[must_use]
    pub fn with_context(mut self, weight: f32) -> Self {
        self.weights.iter_mut().filter(|w| **w == 0.0).for_each(|w| *w = weight);
        self
    }

    /// Checks that the example can be trained on.
    ///
    /// # Errors
    /// [`Error::Data`] when it is empty or the two lists differ in length.
    pub fn validate(&self) -> Result<()> {
        if self.ids.is_empty() {
            return Err(Error::Data("an example has no tokens".into()));
        }
        if self.ids.len() != self.weights.len() {
            return Err(Error::Data(format!(
                "an example has {} tokens, but {} weights",
                self.ids.len(),
                self.weights.len()
            )));
        }
        if let Some(weight) = self.weights.iter().find(|w| !(0.0..=1.0).contains(*w)) {
            return Err(Error::Data(format!("the weight of a token must lie in [0, 1], not {weight}")));
        }
        Ok(())
    }

    /// Positions whose next token is a target, with that target and its weight.
    fn predictions(&self) -> impl Iterator<Item = (usize, u32, f32)> + '_ {
        let targets = (1..self.ids.len()).filter(|&i| self.weights[i] > 0.0);
        targets.map(|i| (i - 1, self.ids[i], self.weights[i]))
    }
}

/// Examples packed end to end. Attention is causal within each segment and blind between segments.
#[derive(Clone, Debug)]
pub struct PackedBatch {
    /// The tokens of all examples.
    pub ids: Vec<u32>,
    /// Segments and positions.
    pub layout: PackedLayout,
    /// The rows whose next token is a target; a row where a segment forks may stand here twice.
    pub prediction_rows: Vec<u32>,
    /// The targets of those rows.
    pub targets: Arc<[u32]>,
    /// The weight of each target in the loss.
    pub weights: Vec<f32>,
    /// The bounds of every segment in `prediction_rows`: segment `s` owns `[prediction_bounds[s], prediction_bounds[s + 1])`.
    pub prediction_bounds: Vec<usize>,
    /// The key of what is drawn at random while the batch is trained (an adapter's dropout); none in evaluation.
    pub noise: Option<u64>,
}

impl PackedBatch {
    /// Packs `examples`.
    ///
    /// # Errors
    /// [`Error::Data`] when there is none, or one is malformed.
    pub fn new(examples: &[Example]) -> Result<Self> {
        if examples.is_empty() {
            return Err(Error::Data("a batch needs at least one example".into()));
        }
        let (mut ids, mut positions, mut bounds) = (Vec::new(), Vec::new(), vec![0]);
        let (mut prediction_rows, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let mut prediction_bounds = vec![0];
        for example in examples {
            example.validate()?;
            let start = ids.len();
            for (position, target, weight) in example.predictions() {
                prediction_rows.push((start + position) as u32);
                targets.push(target);
                weights.push(weight);
            }
            ids.extend_from_slice(&example.ids);
            positions.extend(0..example.ids.len() as u32);
            bounds.push(ids.len());
            prediction_bounds.push(targets.len());
        }
        let layout = PackedLayout { bounds: bounds.into(), positions: positions.into(), forks: [].into() };
        Ok(Self {
            ids,
            layout,
            prediction_rows,
            targets: targets.into(),
            weights,
            prediction_bounds,
            noise: None,
        })
    }

    /// For training, with a key that no other batch of the run has.
    #[must_use]
    pub fn with_noise(self, key: u64) -> Self {
        Self { noise: Some(key), ..self }
    }

    /// Tokens of all examples.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The longest sequence, in tokens. A segment that forks is longer than either of its sequences.
    pub fn longest(&self) -> usize {
        self.layout.positions.iter().max().map_or(0, |last| *last as usize + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_shifts_targets() {
        let a = Example { ids: vec![5, 6, 7], weights: vec![1.0, 0.0, 0.5] };
        let batch = PackedBatch::new(&[a, Example::language(vec![8, 9])]).expect("packs");
        assert_eq!(batch.ids, [5, 6, 7, 8, 9]);
        assert_eq!(&*batch.layout.positions, [0, 1, 2, 0, 1]);
        assert_eq!(&*batch.layout.bounds, [0, 3, 5]);
        assert_eq!(batch.prediction_rows, [1, 3]);
        assert_eq!(&*batch.targets, [7, 9]);
        assert_eq!(batch.weights, [0.5, 1.0]);
        assert_eq!(batch.prediction_bounds, [0, 1, 2]);
        assert_eq!((batch.tokens(), batch.longest()), (5, 3));
    }

    #[test]
    fn refuses_malformed_examples() {
        assert!(matches!(PackedBatch::new(&[]), Err(Error::Data(_))));
        let empty = Example { ids: vec![], weights: vec![] };
        assert!(matches!(PackedBatch::new(&[empty]), Err(Error::Data(_))));
        let uneven = Example { ids: vec![1], weights: vec![] };
        assert!(matches!(PackedBatch::new(&[uneven]), Err(Error::Data(_))));
        for weight in [-0.5, 1.5, f32::NAN] {
            let wrong = Example { ids: vec![1, 2], weights: vec![0.0, weight] };
            assert!(matches!(PackedBatch::new(&[wrong]), Err(Error::Data(_))), "{weight}");
        }
    }

    #[test]
    fn context_is_learned_with_its_own_weight() {
        let example = Example { ids: vec![5, 6, 7], weights: vec![0.0, 0.0, 1.0] }.with_context(0.25);
        assert_eq!(PackedBatch::new(&[example]).expect("packs").weights, [0.25, 1.0]);
    }
}
