//! Training examples, and several of them packed end to end into one batch without padding.

use super::ops::attention::PackedLayout;
use crate::{Error, Result};
use std::sync::Arc;

/// One sequence, and which of its tokens the model learns to produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The tokens.
    pub ids: Vec<u32>,
    /// For every token whether it is a target. The first token never is: nothing comes before it.
    pub supervised: Vec<bool>,
}

impl Example {
    /// Every token but the first is a target.
    pub fn language(ids: Vec<u32>) -> Self {
        let supervised = (0..ids.len()).map(|i| i > 0).collect();
        Self { ids, supervised }
    }

    /// Checks that the example can be trained on.
    ///
    /// # Errors
    /// [`Error::Data`] when it is empty or the two lists differ in length.
    pub fn validate(&self) -> Result<()> {
        if self.ids.is_empty() {
            return Err(Error::Data("an example has no tokens".into()));
        }
        if self.ids.len() != self.supervised.len() {
            return Err(Error::Data(format!(
                "an example has {} tokens, but {} marks of what is supervised",
                self.ids.len(),
                self.supervised.len()
            )));
        }
        Ok(())
    }

    /// Positions whose next token is a target, with that target.
    fn predictions(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (1..self.ids.len()).filter(|&i| self.supervised[i]).map(|i| (i - 1, self.ids[i]))
    }
}

/// Examples packed end to end. Attention is causal within each segment and blind between segments.
#[derive(Clone, Debug)]
pub struct PackedBatch {
    /// The tokens of all examples.
    pub ids: Vec<u32>,
    /// Segments and positions.
    pub layout: PackedLayout,
    /// The rows whose next token is a target, ascending.
    pub prediction_rows: Vec<u32>,
    /// The targets of those rows.
    pub targets: Arc<[u32]>,
    /// The bounds of every segment in `prediction_rows`: segment `s` owns `[prediction_bounds[s], prediction_bounds[s + 1])`.
    pub prediction_bounds: Vec<usize>,
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
        let (mut prediction_rows, mut targets, mut prediction_bounds) = (Vec::new(), Vec::new(), vec![0]);
        for example in examples {
            example.validate()?;
            let start = ids.len();
            for (position, target) in example.predictions() {
                prediction_rows.push((start + position) as u32);
                targets.push(target);
            }
            ids.extend_from_slice(&example.ids);
            positions.extend(0..example.ids.len() as u32);
            bounds.push(ids.len());
            prediction_bounds.push(targets.len());
        }
        let layout = PackedLayout { bounds: bounds.into(), positions: positions.into() };
        Ok(Self { ids, layout, prediction_rows, targets: targets.into(), prediction_bounds })
    }

    /// Tokens of all examples.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The longest sequence, in tokens.
    pub fn longest(&self) -> usize {
        self.layout.segments().map(|(_, len)| len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_shifts_targets() {
        let a = Example { ids: vec![5, 6, 7], supervised: vec![true, false, true] };
        let batch = PackedBatch::new(&[a, Example::language(vec![8, 9])]).expect("packs");
        assert_eq!(batch.ids, [5, 6, 7, 8, 9]);
        assert_eq!(&*batch.layout.positions, [0, 1, 2, 0, 1]);
        assert_eq!(&*batch.layout.bounds, [0, 3, 5]);
        assert_eq!(batch.prediction_rows, [1, 3]);
        assert_eq!(&*batch.targets, [7, 9]);
        assert_eq!(batch.prediction_bounds, [0, 1, 2]);
        assert_eq!((batch.tokens(), batch.longest()), (5, 3));
    }

    #[test]
    fn refuses_malformed_examples() {
        assert!(matches!(PackedBatch::new(&[]), Err(Error::Data(_))));
        let empty = Example { ids: vec![], supervised: vec![] };
        assert!(matches!(PackedBatch::new(&[empty]), Err(Error::Data(_))));
        let uneven = Example { ids: vec![1], supervised: vec![] };
        assert!(matches!(PackedBatch::new(&[uneven]), Err(Error::Data(_))));
    }
}
