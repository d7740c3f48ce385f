//! How the next token is drawn from the model's logits.
//!
//! Amend draws tokens itself, on the logits that the engine hands to a processor, because the engine's own sampler
//! (mistralrs 0.8.1) has no seed, ignores `logit_bias`, applies `min_p` only beside `top_p`, and reports as
//! log-probability the base-10 logarithm of a filtered probability, or of a raw logit when it is greedy.
//!
//! Order: bias, penalties, output grammar (a mask), then greedy, or temperature → top-k → top-p → min-p → draw. The
//! draw at position i uses the i-th number of a ChaCha8 stream of the request's seed and nothing else, so it does not
//! depend on which requests run beside it. Log-probabilities are those of the model itself: the log-softmax of the
//! logits as they came, before bias, penalties, grammar and temperature.

use amend_proto::{Logprobs, Sampling};
use mistralrs::ModelGenerationDefaults;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{cmp::Ordering, collections::HashMap};

/// Below this a temperature means greedy: dividing by it would overflow.
const GREEDY_BELOW: f32 = 1e-4;

/// How a request's tokens are drawn, every choice made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// 0 is greedy.
    pub(super) temperature: f32,
    /// `usize::MAX` when unlimited.
    pub(super) top_k: usize,
    /// 1 when unlimited.
    pub(super) top_p: f32,
    /// 0 when unlimited.
    pub(super) min_p: f32,
    pub(super) presence: f32,
    pub(super) frequency: f32,
    /// The model's own default (CTRL, Keskar et al. 2019, section 4.1), over prompt and answer; 1 is none.
    pub(super) repetition: f32,
    pub(super) bias: Vec<(u32, f32)>,
    pub(super) seed: u64,
    pub(super) logprobs: Logprobs,
}

impl Plan {
    /// What the request says; where it says nothing, the model's `generation_config.json`; then OpenAI's defaults.
    /// `fresh` seeds a request that brings no seed.
    pub(super) fn new(
        asked: &Sampling,
        defaults: &ModelGenerationDefaults,
        logprobs: Logprobs,
        fresh: u64,
    ) -> Self {
        let narrow = |value: Option<f64>| {
            #[allow(clippy::cast_possible_truncation, reason = "a probability or temperature")]
            value.map(|value| value as f32)
        };
        let own_temperature = match defaults.do_sample {
            Some(false) => Some(0.0),
            Some(true) | None => narrow(defaults.temperature),
        };
        let temperature = asked.temperature.or(own_temperature).unwrap_or(1.0);
        let top_k = asked.top_k.map(|k| k as usize).or(defaults.top_k).filter(|k| *k > 0);
        Self {
            temperature: if temperature < GREEDY_BELOW { 0.0 } else { temperature },
            top_k: top_k.unwrap_or(usize::MAX),
            top_p: asked.top_p.or(narrow(defaults.top_p)).unwrap_or(1.0),
            min_p: asked.min_p.or(narrow(defaults.min_p)).unwrap_or(0.0),
            presence: asked.presence_penalty.unwrap_or(0.0),
            frequency: asked.frequency_penalty.unwrap_or(0.0),
            repetition: defaults.repetition_penalty.filter(|penalty| *penalty > 0.0).unwrap_or(1.0),
            bias: asked.logit_bias.clone(),
            seed: asked.seed.unwrap_or(fresh),
            logprobs,
        }
    }
}

/// A token's log-probability under the model, and the most probable ones at its position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scores {
    /// Natural logarithm.
    pub(super) logprob: f32,
    /// Most probable first.
    pub(super) top: Vec<(u32, f32)>,
}

/// What has been generated so far, as far as drawing needs it.
#[derive(Debug, Default)]
pub(super) struct History {
    counts: HashMap<u32, u32>,
}

impl History {
    /// Notes a generated token.
    pub(super) fn push(&mut self, token: u32) {
        *self.counts.entry(token).or_default() += 1;
    }
}

/// The log-probabilities that are asked for; `None` when none are.
pub(super) fn scores(logits: &[f32], token: u32, asked: Logprobs) -> Option<Scores> {
    let Logprobs::Top(count) = asked else { return None };
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    #[allow(clippy::cast_possible_truncation, reason = "a logarithm of a sum of at most 2^32 terms")]
    let normaliser = max + sum.ln() as f32;
    let mut top = largest(logits, count as usize);
    top.iter_mut().for_each(|(_, logit)| *logit -= normaliser);
    let logprob = logits.get(token as usize).map_or(f32::NEG_INFINITY, |logit| logit - normaliser);
    Some(Scores { logprob, top })
}

/// Adds bias and penalties to the logits. `prompt` is read for the repetition penalty only.
pub(super) fn adjust(logits: &mut [f32], plan: &Plan, prompt: &[u32], history: &History) {
    if (plan.repetition - 1.0).abs() > f32::EPSILON {
        let mut seen: Vec<u32> = prompt.iter().chain(history.counts.keys()).copied().collect();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit > 0.0 { *logit / plan.repetition } else { *logit * plan.repetition };
            }
        }
    }
    for (token, bias) in &plan.bias {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit += bias;
        }
    }
    if plan.presence != 0.0 || plan.frequency != 0.0 {
        for (token, count) in &history.counts {
            if let Some(logit) = logits.get_mut(*token as usize) {
                #[allow(clippy::cast_precision_loss, reason = "a count far below 2^24")]
                let count = *count as f32;
                *logit -= plan.presence + plan.frequency * count;
            }
        }
    }
}

/// Draws the token at `position` of the answer, which is 0 for its first. `None` when no token is possible.
pub(super) fn draw(logits: &[f32], plan: &Plan, position: u64) -> Option<u32> {
    if plan.temperature == 0.0 {
        return greedy(logits);
    }
    let candidates = candidates(logits, plan);
    let total: f64 = candidates.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    rng.set_stream(position);
    let mut left = rng.random::<f64>() * total;
    for (token, weight) in &candidates {
        left -= f64::from(*weight);
        if left < 0.0 {
            return Some(*token);
        }
    }
    candidates.last().map(|(token, _)| *token)
}

/// The most probable token; of equals the one with the lowest id.
fn greedy(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (token, logit) in logits.iter().copied().enumerate() {
        if logit > f32::NEG_INFINITY && best.is_none_or(|(_, highest)| logit > highest) {
            best = Some((token, logit));
        }
    }
    best.and_then(|(token, _)| u32::try_from(token).ok())
}

/// The tokens that may be drawn with their weights (not normalised; the largest is 1), in the order of drawing.
fn candidates(logits: &[f32], plan: &Plan) -> Vec<(u32, f32)> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return Vec::new();
    }
    let filtered = plan.top_p < 1.0 || plan.top_k < logits.len();
    let mut kept = match plan.top_k < logits.len() {
        true => largest(logits, plan.top_k),
        false => (0..).zip(logits.iter().copied()).collect(),
    };
    for (_, logit) in &mut kept {
        *logit = ((*logit - max) / plan.temperature).exp();
    }
    kept.retain(|(_, weight)| *weight > 0.0 && *weight >= plan.min_p);
    if filtered {
        nucleus(&mut kept, plan.top_p);
    }
    kept
}

/// Keeps the fewest, most probable tokens that have `top_p` of the weight together (Holtzman et al. 2019, section 3.1).
fn nucleus(kept: &mut Vec<(u32, f32)>, top_p: f32) {
    let total: f64 = kept.iter().map(|(_, weight)| f64::from(*weight)).sum();
    // All tokens lighter than this have less than 1 - top_p of the weight together, so the nucleus has none of them,
    // and only a few are left to sort.
    #[allow(clippy::cast_precision_loss, reason = "a vocabulary's size")]
    let floor = f64::from(1.0 - top_p) * total / kept.len() as f64;
    kept.retain(|(_, weight)| f64::from(*weight) >= floor);
    kept.sort_unstable_by(heavier_first);
    let mut sum = 0.0;
    let enough = kept.iter().position(|(_, weight)| {
        sum += f64::from(*weight);
        sum >= f64::from(top_p) * total
    });
    if let Some(last) = enough {
        kept.truncate(last + 1);
    }
}

/// The `count` tokens with the largest logits, largest first; of equals the lower id first.
fn largest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut pairs: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
    if count == 0 {
        return Vec::new();
    }
    if count < pairs.len() {
        pairs.select_nth_unstable_by(count - 1, heavier_first);
        pairs.truncate(count);
    }
    pairs.sort_unstable_by(heavier_first);
    pairs
}

fn heavier_first(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan() -> Plan {
        Plan::new(&Sampling::default(), &ModelGenerationDefaults::default(), Logprobs::Off, 7)
    }

    #[test]
    fn the_request_wins_over_the_model_and_the_model_over_the_defaults() {
        let model = ModelGenerationDefaults {
            temperature: Some(0.6),
            top_k: Some(20),
            top_p: Some(0.95),
            ..ModelGenerationDefaults::default()
        };
        let asked = Sampling { temperature: Some(0.2), ..Sampling::default() };
        let plan = Plan::new(&asked, &model, Logprobs::Off, 1);
        assert_eq!((plan.temperature, plan.top_k, plan.top_p, plan.seed), (0.2, 20, 0.95, 1));
        let greedy = ModelGenerationDefaults { do_sample: Some(false), ..model };
        assert_eq!(Plan::new(&Sampling::default(), &greedy, Logprobs::Off, 1).temperature, 0.0);
        assert_eq!(self::plan().temperature, 1.0);
    }

    #[test]
    fn log_probabilities_are_natural_logarithms_of_the_softmax() {
        let logits = [1.0_f32.ln(), 2.0_f32.ln(), 5.0_f32.ln()];
        let found = scores(&logits, 1, Logprobs::Top(2)).unwrap();
        assert!((found.logprob - 0.25_f32.ln()).abs() < 1e-6);
        assert_eq!(found.top.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [2, 1]);
        assert!((found.top[0].1 - 0.625_f32.ln()).abs() < 1e-6);
        assert_eq!(scores(&logits, 1, Logprobs::Off), None);
        assert!(scores(&logits, 1, Logprobs::Top(0)).unwrap().top.is_empty());
    }

    #[test]
    fn greedy_takes_the_first_of_equals_and_none_of_nothing() {
        let greedy = Plan { temperature: 0.0, ..plan() };
        assert_eq!(draw(&[0.0, 3.0, 3.0], &greedy, 0), Some(1));
        assert_eq!(draw(&[f32::NEG_INFINITY; 3], &greedy, 0), None);
        assert_eq!(draw(&[f32::NEG_INFINITY; 3], &plan(), 0), None);
    }

    #[test]
    fn bias_and_penalties_change_what_is_drawn() {
        let greedy = Plan { temperature: 0.0, bias: vec![(0, 5.0), (99, 1.0)], ..plan() };
        let mut logits = [1.0, 3.0, 2.0];
        adjust(&mut logits, &greedy, &[], &History::default());
        assert_eq!(draw(&logits, &greedy, 0), Some(0));

        let mut history = History::default();
        history.push(1);
        history.push(1);
        let penalties = Plan { presence: 0.5, frequency: 0.25, ..plan() };
        let mut logits = [1.0, 3.0, 2.0];
        adjust(&mut logits, &penalties, &[0], &history);
        assert_eq!(logits, [1.0, 2.0, 2.0]);

        let repetition = Plan { repetition: 2.0, ..plan() };
        let mut logits = [-1.0, 3.0, 2.0];
        adjust(&mut logits, &repetition, &[0, 0], &history);
        assert_eq!(logits, [-2.0, 1.5, 2.0]);
    }

    /// Weights 8, 4, 2, 1, 1: what each filter lets through.
    #[test]
    fn filters_keep_what_they_say() {
        let logits: Vec<f32> = [8.0_f32, 4.0, 2.0, 1.0, 1.0].iter().map(|w| w.ln()).collect();
        let kept =
            |plan: &Plan| candidates(&logits, plan).iter().map(|(token, _)| *token).collect::<Vec<_>>();
        assert_eq!(kept(&plan()), [0, 1, 2, 3, 4]);
        assert_eq!(kept(&Plan { top_k: 2, ..plan() }), [0, 1]);
        assert_eq!(kept(&Plan { top_p: 0.5, ..plan() }), [0]);
        assert_eq!(kept(&Plan { top_p: 0.75, ..plan() }), [0, 1]);
        assert_eq!(kept(&Plan { top_p: 0.76, ..plan() }), [0, 1, 2]);
        assert_eq!(kept(&Plan { min_p: 0.25, ..plan() }), [0, 1, 2]);
        assert_eq!(kept(&Plan { top_k: 3, top_p: 0.6, ..plan() }), [0, 1]);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_the_frequencies_are_the_probabilities() {
        let logits = [1.0_f32.ln(), 2.0_f32.ln(), 5.0_f32.ln()];
        let sequence =
            |seed| (0..64).map(|i| draw(&logits, &Plan { seed, ..plan() }, i).unwrap()).collect::<Vec<_>>();
        assert_eq!(sequence(3), sequence(3));
        assert_ne!(sequence(3), sequence(4));
        let draws = 20_000;
        let mut counts = [0_u32; 3];
        for position in 0..draws {
            counts[draw(&logits, &plan(), position).unwrap() as usize] += 1;
        }
        for (count, expected) in counts.iter().zip([0.125, 0.25, 0.625]) {
            let share = f64::from(*count) / f64::from(u32::try_from(draws).unwrap());
            assert!((share - expected).abs() < 0.015, "{share} for {expected}");
        }
    }

    proptest! {
        #[test]
        fn a_drawn_token_is_one_that_the_filters_keep(
            logits in prop::collection::vec(-20.0f32..20.0, 1..50),
            top_k in 1usize..60,
            top_p in 0.01f32..1.0,
            min_p in 0.0f32..0.9,
            temperature in 0.01f32..2.0,
            seed in any::<u64>(),
        ) {
            let plan = Plan { top_k, top_p, min_p, temperature, seed, ..plan() };
            let kept = candidates(&logits, &plan);
            prop_assert!(!kept.is_empty() && kept.len() <= top_k);
            let token = draw(&logits, &plan, 3).unwrap();
            prop_assert!(kept.iter().any(|(candidate, _)| *candidate == token));
            let best = greedy(&logits).unwrap();
            prop_assert!(kept.iter().any(|(candidate, _)| *candidate == best));
        }
    }
}
