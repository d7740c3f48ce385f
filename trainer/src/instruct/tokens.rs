//! Conversations as tokens, and their order in training.

use crate::Result;
use crate::decoder::Example;
use crate::order::EpochOrder;
use crate::sft::RowSource;

/// Conversations end to end: 5 bytes a token.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    ids: Vec<u32>,
    learned: Vec<bool>,
    ends: Vec<usize>,
}

impl Conversations {
    pub(super) fn push(&mut self, example: &Example) {
        self.ids.extend_from_slice(&example.ids);
        self.learned.extend(example.weights.iter().map(|weight| *weight > 0.0));
        self.ends.push(self.ids.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn tokens(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn targets(&self) -> usize {
        self.learned.iter().filter(|learned| **learned).count()
    }

    pub(super) fn example(&self, place: usize) -> Example {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[place];
        let weight = |learned: &bool| if *learned { 1.0 } else { 0.0 };
        Example {
            ids: self.ids[range.clone()].to_vec(),
            weights: self.learned[range].iter().map(weight).collect(),
        }
    }
}

/// Conversations epoch after epoch, each in another order. Row `index` is a pure function of them, the seed and `index`.
#[derive(Debug)]
pub(super) struct Epochs<'a> {
    rows: &'a Conversations,
    order: EpochOrder,
}

impl<'a> Epochs<'a> {
    pub(super) fn new(rows: &'a Conversations, seed: u64) -> Self {
        Self { rows, order: EpochOrder::new(rows.len(), seed) }
    }
}

impl RowSource for Epochs<'_> {
    fn row(&self, index: u64) -> Result<Example> {
        Ok(self.rows.example(self.order.place(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_come_back_as_they_were() {
        let example = |ids: &[u32], weights: &[f32]| Example { ids: ids.into(), weights: weights.into() };
        let all = [example(&[1, 2, 3], &[0.0, 1.0, 1.0]), example(&[], &[]), example(&[4], &[0.0])];
        let mut rows = Conversations::default();
        all.iter().for_each(|example| rows.push(example));
        assert_eq!((rows.len(), rows.tokens(), rows.targets()), (3, 4, 2));
        assert_eq!([0, 1, 2].map(|place| rows.example(place)), all);
    }
}
