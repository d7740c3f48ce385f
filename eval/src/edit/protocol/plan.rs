//! Which edits are in the store when which records are measured.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// What every random choice of a run is drawn from; recorded in its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// How edits come into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// One record's at a time; sizes do not matter.
    Single,
    /// As many as the size together, into an empty store.
    Batch,
    /// One after the other, without removing any; measured whenever a size is reached.
    Sequential,
}

/// How many records' edits are in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// So many; a size beyond the number of records is left out.
    Records(NonZeroUsize),
    /// All of them.
    All,
}

/// What is done, apart from how a record is measured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// How edits come into the store.
    pub protocol: Protocol,
    /// How many there are when it is measured.
    pub sizes: Vec<Size>,
    /// How many records are measured at each size. A batch protocol fills the store anew until so many are; of a
    /// store that holds more, a sample is measured.
    pub measured: NonZeroUsize,
    /// Orders the records, and draws the samples.
    pub seed: Seed,
}

impl Plan {
    /// 1, 10, 100, 1,000 and all records; a hundred of them measured at each.
    #[must_use]
    pub fn new(protocol: Protocol, seed: Seed) -> Self {
        let sizes = [1, 10, 100, 1_000].into_iter().filter_map(NonZeroUsize::new).map(Size::Records);
        let measured = NonZeroUsize::MIN.saturating_add(99);
        Self { protocol, sizes: sizes.chain([Size::All]).collect(), measured, seed }
    }

    /// The steps of a run over so many records.
    ///
    /// The order of the records is drawn once: a larger store holds all that a smaller one held.
    pub(crate) fn steps(&self, records: usize) -> Vec<Step> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed.0);
        let mut order: Vec<usize> = (0..records).collect();
        order.shuffle(&mut random);
        if self.protocol == Protocol::Single {
            let measured = order.iter().take(self.measured.get());
            return measured
                .map(|&record| Step { stage: 1, live: vec![record], measured: vec![record] })
                .collect();
        }
        let mut steps = Vec::new();
        for size in self.resolved(records) {
            let mut left = self.measured.get();
            for live in order.chunks_exact(size) {
                let measured = sample(live, left.min(size), &mut random);
                left -= measured.len();
                steps.push(Step { stage: size, live: live.to_vec(), measured });
                if left == 0 || self.protocol == Protocol::Sequential {
                    break;
                }
            }
        }
        steps
    }

    /// The sizes that these records reach, ascending, each once.
    fn resolved(&self, records: usize) -> Vec<usize> {
        let sizes = self.sizes.iter().map(|size| match size {
            Size::Records(count) => count.get(),
            Size::All => records,
        });
        let mut sizes: Vec<usize> = sizes.filter(|&size| size > 0 && size <= records).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}

/// One state of the store, and what is measured in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// How many records' edits the store holds: the stage of the report that the outcomes go to.
    pub(crate) stage: usize,
    /// Those records, in the order in which their edits are added.
    pub(crate) live: Vec<usize>,
    /// Those that are measured.
    pub(crate) measured: Vec<usize>,
}

/// So many of them, in their order.
fn sample(from: &[usize], count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut places = rand::seq::index::sample(random, from.len(), count).into_vec();
    places.sort_unstable();
    places.into_iter().map(|place| from[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(protocol: Protocol, measured: usize, sizes: &[usize]) -> Plan {
        let sizes = sizes.iter().map(|&size| NonZeroUsize::new(size).map_or(Size::All, Size::Records));
        let measured = NonZeroUsize::new(measured).unwrap();
        Plan { protocol, sizes: sizes.collect(), measured, seed: Seed(3) }
    }

    fn shape(steps: &[Step]) -> Vec<(usize, usize, usize)> {
        steps.iter().map(|step| (step.stage, step.live.len(), step.measured.len())).collect()
    }

    #[test]
    fn batches_are_filled_until_enough_is_measured() {
        let steps = plan(Protocol::Batch, 5, &[0, 4, 2, 100]).steps(11);
        assert_eq!(shape(&steps), [(2, 2, 2), (2, 2, 2), (2, 2, 1), (4, 4, 4), (4, 4, 1), (11, 11, 5)]);
    }

    #[test]
    fn a_sequence_grows_and_is_sampled() {
        let steps = plan(Protocol::Sequential, 3, &[1, 4, 0]).steps(6);
        assert_eq!(shape(&steps), [(1, 1, 1), (4, 4, 3), (6, 6, 3)]);
        assert!(steps[1].live.starts_with(&steps[0].live) && steps[2].live.starts_with(&steps[1].live));
    }

    #[test]
    fn single_edits_are_alone() {
        let steps = plan(Protocol::Single, 3, &[10]).steps(5);
        assert_eq!(shape(&steps), [(1, 1, 1); 3]);
        assert!(steps.iter().all(|step| step.live == step.measured));
        assert_eq!(shape(&plan(Protocol::Single, 9, &[]).steps(2)).len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_measured_is_live_and_measured_once(
            protocol in prop_oneof![Just(Protocol::Single), Just(Protocol::Batch), Just(Protocol::Sequential)],
            measured in 1usize..20, records in 1usize..40, sizes in prop::collection::vec(0usize..50, 0..5),
        ) {
            let plan = plan(protocol, measured, &sizes);
            let steps = plan.steps(records);
            prop_assert_eq!(&steps, &plan.steps(records), "the seed decides");
            let mut seen = std::collections::HashSet::new();
            for step in &steps {
                prop_assert!(step.live.iter().all(|&record| record < records));
                for record in &step.measured {
                    prop_assert!(step.live.contains(record));
                    prop_assert!(seen.insert((step.stage, *record)));
                }
            }
            for stage in steps.iter().map(|step| step.stage) {
                let count = seen.iter().filter(|(at, _)| *at == stage).count();
                prop_assert!(count <= measured && count > 0);
            }
        }
    }
}
