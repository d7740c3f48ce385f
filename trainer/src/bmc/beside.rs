//! Conversations that are learned beside the pairs: the share of a training that synthetic data have.
//!
//! A step's loss is `(1 − s) · P + s · C`: P its pairs' mean loss, C the mean negative log-likelihood of the answers' tokens
//! in its conversations, s the recipe's share. Without conversations it is P. Where there are so few that each would come more
//! often than a pair does, fewer are taken at a time and their share is less.

use super::recipe::PreferenceRecipe;
use crate::Result;
use crate::control::{Control, Next};
use crate::decoder::{Decoder, Example, PackedBatch};
use crate::order::EpochOrder;
use crate::sft::passes;
use crate::tokenizer::{ChatTokenizer, Supervision};
use amend_proto::Message;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Sets the noise of a conversation apart from that of a pair.
const NOISE: u64 = 1 << 63;

/// What became of the conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationCounts {
    /// Those that can be learned from.
    pub kept: usize,
    /// Left out: without an answer, refused by the chat template, or longer than the recipe or the model takes.
    pub left_out: usize,
}

/// The conversations of a training.
#[derive(Debug)]
pub(super) struct Beside {
    examples: Vec<Example>,
    order: EpochOrder,
    each_step: u64,
    share: f64,
}

/// What the conversations of one step come to.
pub(super) struct Learned {
    /// C.
    pub(super) loss: f64,
    /// Of s · C.
    pub(super) gradients: Vec<Tensor>,
    /// Rows that went through the model.
    pub(super) rows: usize,
}

impl Beside {
    /// As tokens; none when there is nothing to learn from them.
    pub(super) fn read(
        tokenizer: &ChatTokenizer,
        conversations: &[Vec<Message>],
        (recipe, most): (&PreferenceRecipe, usize),
        steps: u64,
    ) -> (Option<Self>, ConversationCounts) {
        let mut counts = ConversationCounts::default();
        let mut examples = Vec::with_capacity(conversations.len());
        for messages in conversations {
            let example = tokenizer.example(messages, Supervision::EveryAnswer).ok();
            examples.extend(example.filter(|example| example.ids.len() <= most && learns(example)));
        }
        counts.kept = examples.len();
        counts.left_out = conversations.len() - examples.len();
        let draws = (examples.len() as u64).saturating_mul(u64::from(recipe.epochs));
        let each_step = recipe.conversations_per_step().min(draws.div_ceil(steps.max(1)));
        if each_step == 0 {
            return (None, counts);
        }
        let order = EpochOrder::new(examples.len(), recipe.seed);
        let of_step = each_step as f64 / (each_step as f64 + recipe.pairs_per_step as f64);
        (Some(Self { examples, order, each_step, share: recipe.conversation_share.min(of_step) }), counts)
    }

    /// The conversations of a step; `None` when it was told to stop.
    pub(super) fn step(
        &self,
        (policy, recipe): (&Decoder, &PreferenceRecipe),
        step: u64,
        control: &Control,
    ) -> Result<Option<Learned>> {
        let first = step * self.each_step;
        let examples: Vec<Example> = (first..first + self.each_step)
            .map(|index| self.examples[self.order.place(index)].clone())
            .collect();
        let targets: f64 = examples.iter().map(targets).sum();
        let (mut loss, mut total, mut rows, mut done) = (0.0, None, 0, 0);
        for pass in passes(&examples, recipe.rows_per_pass) {
            if control.next() == Next::Stop {
                return Ok(None);
            }
            let batch = PackedBatch::new(pass)?.with_noise(NOISE + first + done);
            done += pass.len() as u64;
            rows += batch.tokens();
            let gradients = policy.gradients(&batch, recipe.activations, |nll| {
                let weights = batch.weights.iter().map(|weight| f64::from(*weight) / targets);
                loss += weights.clone().zip(nll).map(|(weight, nll)| weight * nll).sum::<f64>();
                Ok(weights.map(|weight| weight * self.share).collect())
            })?;
            total = Some(add(total, gradients)?);
        }
        Ok(Some(Learned { loss, gradients: total.unwrap_or_default(), rows }))
    }
}

impl Learned {
    /// With the gradients of P, those of a step's loss.
    pub(super) fn mixed(self, of_pairs: &[Tensor], beside: &Beside) -> Result<Vec<Tensor>> {
        let rest = 1.0 - beside.share;
        let of_pairs: candle_core::Result<Vec<Tensor>> = of_pairs.iter().map(|g| g * rest).collect();
        add(Some(of_pairs?), self.gradients)
    }
}

/// Adds up the gradients of passes.
pub(super) fn add(total: Option<Vec<Tensor>>, part: Vec<Tensor>) -> Result<Vec<Tensor>> {
    Ok(match total {
        None => part,
        Some(total) => total.iter().zip(&part).map(|(a, b)| a + b).collect::<candle_core::Result<_>>()?,
    })
}

/// Its targets, by weight: the first token is none.
fn targets(example: &Example) -> f64 {
    example.weights.iter().skip(1).copied().map(f64::from).sum()
}

fn learns(example: &Example) -> bool {
    targets(example) > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{Family, OutputWeights};
    use crate::fixtures::{scrambled, tiny};
    use candle_core::DType;

    fn examples() -> Vec<Example> {
        let example = |ids: &[u32]| Example {
            ids: ids.to_vec(),
            weights: (0..ids.len()).map(|at| if at < 2 { 0.0 } else { 1.0 }).collect(),
        };
        [&[3, 4, 5, 6][..], &[7, 8, 9], &[1, 2, 3, 4, 5, 6, 7]].map(example).into()
    }

    fn norm(tensors: &[Tensor]) -> f64 {
        let square = |t: &Tensor| t.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>();
        tensors.iter().map(|t| square(t).expect("a number")).sum::<f64>().sqrt()
    }

    fn less(a: &[Tensor], b: &[Tensor]) -> Vec<Tensor> {
        a.iter().zip(b).map(|(a, b)| (a - b).expect("one shape")).collect()
    }

    /// All in one step: the mean over all their targets, whatever passes they are computed in.
    #[test]
    fn a_step_is_the_mean_of_its_targets_and_its_share_of_the_loss() {
        let decoder = scrambled(tiny(Family::Llama, OutputWeights::Tied), 3, DType::F64);
        let all = PackedBatch::new(&examples()).expect("packs");
        let nll: Vec<f64> = decoder.target_nll(&all).expect("a loss").to_vec1().expect("readable");
        let want = nll.iter().sum::<f64>() / nll.len() as f64;
        let whole = decoder
            .gradients(&all, crate::decoder::Activations::Kept, |nll| {
                Ok(vec![1.0 / nll.len() as f64; nll.len()])
            })
            .expect("gradients");
        for rows_per_pass in [1, 8, 100] {
            let recipe = PreferenceRecipe { rows_per_pass, ..PreferenceRecipe::full() };
            let order = EpochOrder::new(3, 1);
            let beside = Beside { examples: examples(), order, each_step: 3, share: 0.25 };
            let learned = beside.step((&decoder, &recipe), 4, &Control::default()).expect("computes");
            let learned = learned.expect("nobody stopped it");
            assert!((learned.loss - want).abs() < 1e-9 * want, "{} {want}", learned.loss);
            assert_eq!(learned.rows, all.tokens());
            let quarter: Vec<Tensor> = whole.iter().map(|g| (g * 0.25).expect("a number")).collect();
            assert!(norm(&less(&learned.gradients, &quarter)) < 1e-9 * norm(&quarter));
            // A loss of pairs with the same gradients keeps three quarters of them.
            let mixed = learned.mixed(&whole, &beside).expect("adds");
            assert!(norm(&less(&mixed, &whole)) < 1e-9 * norm(&whole));
        }
    }

    #[test]
    fn a_step_that_is_stopped_is_none() {
        let decoder = scrambled(tiny(Family::Llama, OutputWeights::Tied), 3, DType::F32);
        let beside = Beside { examples: examples(), order: EpochOrder::new(3, 1), each_step: 2, share: 0.5 };
        let control = Control::default();
        control.stop();
        let stopped = beside.step((&decoder, &PreferenceRecipe::full()), 0, &control).expect("computes");
        assert!(stopped.is_none());
    }
}
