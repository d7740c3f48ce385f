//! What is trained, as a folder that every side reads.

use super::text::Language;
use crate::bmc::loss::Objective;
use crate::bmc::{Guards, Lengths, PreferencePair, PreferenceRecipe, Sharing};
use crate::decoder::{
    Activations, AttentionBias, Decoder, DecoderConfig, Family, Heads, OutputWeights, RopeScaling,
};
use crate::files::write_atomically;
use crate::lora::{Lora, LoraConfig};
use crate::lte::Method;
use crate::optim::AdamWConfig;
use crate::tokenizer::{CHATML_TOKENS, ChatTokenizer, Ending, TURN_END, train_bpe};
use crate::{Error, Result};
use amend_proto::Message;
use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const MAX_POSITIONS: usize = 4096;
/// The columns of a head.
const HEAD: usize = 32;
/// Pieces of the tokenizer; what the vocabulary has more is padding of the matrix, as some models have it.
const PIECES: usize = 1200;
const JOB: &str = "job.json";
const PAIRS: &str = "pairs.jsonl";

/// The shape of a decoder of the Llama kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows of the embedding, which is the output matrix too.
    pub vocabulary: usize,
    /// Columns of the residual stream, a multiple of 32; the feed-forward block has 11/4 times as many.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { vocabulary: 8_192, width: 256, layers: 4 }
    }
}

impl Shape {
    fn config(&self, tokenizer: &ChatTokenizer) -> DecoderConfig {
        let heads = (self.width / HEAD).max(1);
        DecoderConfig {
            family: Family::Llama,
            vocab_size: self.vocabulary,
            hidden_size: self.width,
            intermediate_size: self.width * 11 / 4,
            layers: self.layers,
            heads: Heads { heads, kv_heads: heads, head_dim: HEAD },
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            output: OutputWeights::Tied,
            attention_bias: AttentionBias::None,
            max_positions: MAX_POSITIONS,
            sliding_window: None,
            bos_token_id: None,
            eos_token_ids: tokenizer.id(TURN_END).into_iter().collect(),
            pad_token_id: Some(0),
        }
    }
}

/// How long prompts and answers are, in words of two tokens each, give or take a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// Of a prompt.
    pub prompt_words: usize,
    /// Of an answer.
    pub answer_words: usize,
}

impl Prompts {
    /// About 40 tokens of prompt, 32 of answer.
    pub const SHORT: Self = Self { prompt_words: 16, answer_words: 16 };
    /// About 520 tokens of prompt, 64 of answer.
    pub const LONG: Self = Self { prompt_words: 256, answer_words: 32 };
}

/// A training: all that a side needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Of the model.
    pub shape: Shape,
    /// Of the pairs.
    pub prompts: Prompts,
    /// Pairs of the batch, which is the same in every step.
    pub pairs: usize,
    /// Steps; the first is not timed.
    pub steps: u64,
    /// The rank of the adapter, which is on every linear of the blocks.
    pub rank: usize,
    /// The `β` of DPO.
    pub beta: f64,
    /// The highest learning rate; a cosine leads from it to zero.
    pub learning_rate: f64,
    /// What the forward pass keeps.
    pub activations: Activations,
    /// Threads that compute.
    pub threads: usize,
    /// Of weights, words and pairs.
    pub seed: u64,
}

impl Workload {
    /// Of this shape, with these pairs, on so many threads.
    #[must_use]
    pub fn new(shape: Shape, prompts: Prompts, threads: usize) -> Self {
        Self {
            shape,
            prompts,
            pairs: 8,
            steps: 4,
            rank: 16,
            beta: 0.1,
            learning_rate: 1e-4,
            activations: Activations::Kept,
            threads,
            seed: 20_261_123,
        }
    }

    /// The adapter that all sides begin with.
    fn lora(&self) -> LoraConfig {
        LoraConfig { rank: self.rank, alpha: 2.0 * self.rank as f64, dropout: 0.0, ..LoraConfig::default() }
    }

    /// The settings of our side. The whole batch passes through the model at once, as it does in TRL.
    #[must_use]
    pub fn recipe(&self, sharing: Sharing) -> PreferenceRecipe {
        PreferenceRecipe {
            seed: self.seed,
            loss: Objective::Dpo { beta: self.beta }.into(),
            method: Method::Lora(self.lora()),
            epochs: u32::try_from(self.steps).unwrap_or(u32::MAX),
            learning_rate: self.learning_rate,
            warm_up: 0.0,
            pairs_per_step: self.pairs,
            rows_per_pass: usize::MAX,
            lengths: Lengths { max_tokens: MAX_POSITIONS, max_prompt_tokens: MAX_POSITIONS - 512 },
            sharing,
            activations: self.activations,
            optimiser: AdamWConfig { beta2: 0.999, weight_decay: 0.0, ..AdamWConfig::default() },
            checkpoint_every: u64::MAX,
            evaluate_every: u64::MAX,
            guards: Guards {
                max_divergence: 1e6,
                max_displacement: 1e6,
                max_accuracy_fall: 1.0,
                patience: None,
            },
            ..PreferenceRecipe::lora()
        }
    }

    /// The pairs: a function of the lengths, their number and the seed.
    #[must_use]
    pub fn preference_pairs(&self) -> Vec<PreferencePair> {
        let mut language = Language::new(self.seed);
        let mut pair = || {
            let prompt = vec![Message::user(language.text(self.prompts.prompt_words))];
            let chosen = language.text(self.prompts.answer_words);
            let rejected = language.variant(&chosen);
            PreferencePair { prompt, chosen, rejected }
        };
        (0..self.pairs).map(|_| pair()).collect()
    }

    /// Writes `model/`, `adapter/` (PEFT, not trained), `pairs.jsonl` (rendered by the chat template, as TRL reads it) and
    /// `job.json`.
    ///
    /// # Errors
    /// [`Error::Settings`] when the vocabulary is smaller than the tokenizer's; [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let tokenizer = train_bpe(Language::new(self.seed).all(), PIECES, &CHATML_TOKENS)?;
        let tokenizer = ChatTokenizer::chatml(tokenizer)?;
        if self.shape.vocabulary < tokenizer.vocab_size() {
            let least = tokenizer.vocab_size();
            let problem = format!("a vocabulary of {} is too small: {least} pieces", self.shape.vocabulary);
            return Err(Error::Settings(problem));
        }
        let model = folder.join("model");
        fs::create_dir_all(&model).map_err(Error::io("creating", &model))?;
        let config = self.shape.config(&tokenizer);
        let decoder = Decoder::fresh(config, self.seed, DType::F32, &Device::Cpu)?;
        decoder.save(&model)?;
        tokenizer.save(&model)?;
        let name = model.to_string_lossy();
        Lora::fresh(&decoder, &self.lora(), self.seed)?.save(&folder.join("adapter"), Some(&name))?;
        let mut lines = String::new();
        for pair in self.preference_pairs() {
            let prompt = tokenizer.template().render(&pair.prompt, Ending::OpenTurn)?;
            let answer = |text: &str| format!("{text}{TURN_END}");
            let (chosen, rejected) = (answer(&pair.chosen), answer(&pair.rejected));
            let line = serde_json::json!({ "prompt": prompt, "chosen": chosen, "rejected": rejected });
            lines.push_str(&format!("{line}\n"));
        }
        write_atomically(folder, PAIRS, lines.as_bytes())?;
        let job = serde_json::to_string_pretty(self).map_err(|e| Error::Settings(e.to_string()))?;
        write_atomically(folder, JOB, job.as_bytes())
    }

    /// Reads the `job.json` of a folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Data`] when it is not one.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(JOB);
        let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        serde_json::from_str(&text).map_err(|e| Error::Data(format!("{}: {e}", path.display())))
    }
}
