//! The order in which rows are trained: epoch after epoch, each shuffled anew.

use crate::atlas::split::hash;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::sync::{Mutex, PoisonError};

/// A pure function from the number of a draw to a row, every row once an epoch.
#[derive(Debug)]
pub(crate) struct EpochOrder {
    rows: usize,
    seed: u64,
    /// An epoch and its order; neighbouring draws need the same.
    order: Mutex<Option<(u64, Vec<u32>)>>,
}

impl EpochOrder {
    /// Of so many rows, at least one.
    pub(crate) fn new(rows: usize, seed: u64) -> Self {
        Self { rows: rows.max(1), seed, order: Mutex::new(None) }
    }

    /// The row of draw `index`.
    pub(crate) fn place(&self, index: u64) -> usize {
        let count = self.rows as u64;
        let epoch = index / count;
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let places = match &mut *order {
            Some((of, places)) if *of == epoch => places,
            other => {
                let mut places: Vec<u32> = (0..count as u32).collect();
                let stream = hash(format!("{} epoch {epoch}", self.seed).as_bytes());
                places.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
                &mut other.insert((epoch, places)).1
            }
        };
        places[(index % count) as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_once_an_epoch_in_another_order_each_time() {
        let order = EpochOrder::new(20, 3);
        let epoch = |n: u64| (n * 20..(n + 1) * 20).map(|i| order.place(i)).collect::<Vec<_>>();
        let (first, second) = (epoch(0), epoch(1));
        assert_ne!(first, second);
        assert_eq!(epoch(0), first, "also when it is asked for again");
        for mut rows in [first, second] {
            rows.sort_unstable();
            assert_eq!(rows, (0..20).collect::<Vec<_>>());
        }
    }
}
