//! The rows of step after step, prepared while the model computes.

use super::{BatchSize, RowSource, SftConfig};
use crate::decoder::{Example, PackedBatch};
use crate::{Error, Result};
use std::sync::mpsc::{Receiver, SyncSender};

/// The batches of one step, and the row that follows them.
pub(super) struct StepRows {
    pub(super) batches: Vec<PackedBatch>,
    pub(super) next_row: u64,
}

pub(super) fn next_step(batches: &Receiver<Result<StepRows>>) -> Result<StepRows> {
    batches.recv().unwrap_or_else(|_| Err(Error::Data("the thread that prepares rows has died".into())))
}

/// Prepares the rows of step after step until nobody listens or a row fails.
pub(super) fn prepare(
    source: &dyn RowSource,
    config: SftConfig,
    mut next_row: u64,
    sender: &SyncSender<Result<StepRows>>,
) {
    loop {
        let step = (0..config.accumulation)
            .map(|_| {
                let first_row = next_row;
                let examples = take_rows(source, config.batch, &mut next_row)?;
                match config.batch {
                    BatchSize::Rows(_) | BatchSize::Tokens(_) => Ok(vec![pack(&examples, first_row)?]),
                    BatchSize::Passes { tokens, .. } => pack_passes(&examples, tokens, first_row),
                }
            })
            .collect::<Result<Vec<_>>>()
            .map(|batches| batches.concat());
        let failed = step.is_err();
        if sender.send(step.map(|batches| StepRows { batches, next_row })).is_err() || failed {
            return;
        }
    }
}

fn take_rows(source: &dyn RowSource, size: BatchSize, next_row: &mut u64) -> Result<Vec<Example>> {
    let (mut examples, mut tokens) = (Vec::new(), 0);
    loop {
        let example = source.row(*next_row)?;
        *next_row += 1;
        tokens += example.ids.len();
        examples.push(example);
        let full = match size {
            BatchSize::Rows(rows) | BatchSize::Passes { rows, .. } => examples.len() >= rows,
            BatchSize::Tokens(budget) => tokens >= budget,
        };
        if full {
            return Ok(examples);
        }
    }
}

/// The number of a batch's first row is a key that a resumed run finds again.
fn pack(examples: &[Example], first_row: u64) -> Result<PackedBatch> {
    Ok(PackedBatch::new(examples)?.with_noise(first_row))
}

fn pack_passes(examples: &[Example], tokens: usize, first_row: u64) -> Result<Vec<PackedBatch>> {
    let mut row = first_row;
    let pass = |examples: &[Example]| {
        let batch = pack(examples, row);
        row += examples.len() as u64;
        batch
    };
    passes(examples, tokens).map(pass).collect()
}

/// Cuts examples into runs of at most so many tokens; one that has more stands alone.
pub(crate) fn passes(examples: &[Example], tokens: usize) -> impl Iterator<Item = &[Example]> {
    let mut rest = examples;
    std::iter::from_fn(move || {
        let mut held = 0;
        let fits = rest.iter().take_while(|example| {
            held += example.ids.len();
            held <= tokens
        });
        let (now, later) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_hold_so_many_tokens_and_every_example_once() {
        let example = |length: usize| Example::language(vec![1; length]);
        let examples = [3, 3, 9, 1, 2, 3, 1].map(example);
        let lengths: Vec<Vec<usize>> =
            passes(&examples, 6).map(|pass| pass.iter().map(|e| e.ids.len()).collect()).collect();
        assert_eq!(lengths, [vec![3, 3], vec![9], vec![1, 2, 3], vec![1]]);
        assert_eq!(passes(&[], 6).count(), 0);
        let packed = pack_passes(&examples, 6, 100).expect("packs");
        assert_eq!(
            packed.iter().map(|batch| batch.noise).collect::<Vec<_>>(),
            [100, 102, 103, 106].map(Some)
        );
    }
}
