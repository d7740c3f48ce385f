//! What a model has learned of examples.

use super::passes;
use crate::Result;
use crate::decoder::{Decoder, Example, PackedBatch};

/// For every example, whether each of its targets is the most likely token when everything before it is right: the same
/// as whether greedy decoding would produce all of them. An example without targets counts as right.
///
/// # Errors
/// As [`Decoder::target_logits`].
pub fn exact_match(decoder: &Decoder, examples: &[Example]) -> Result<Vec<bool>> {
    /// Tokens of one forward pass.
    const TOKENS: usize = 4096;
    let mut right = Vec::with_capacity(examples.len());
    for now in passes(examples, TOKENS) {
        let batch = PackedBatch::new(now)?;
        let best = match batch.targets.is_empty() {
            true => Vec::new(),
            false => decoder.target_logits(&batch)?.detach().argmax(1)?.to_vec1::<u32>()?,
        };
        let bounds = batch.prediction_bounds.windows(2);
        right.extend(bounds.map(|b| best[b[0]..b[1]] == batch.targets[b[0]..b[1]]));
    }
    Ok(right)
}
