//! The data set against the oracle and its own proportions; the alignment from folder to folder; what it is good for.

mod align;
mod data;
mod proof;

use super::*;
use crate::decoder::{AttentionBias, Decoder, DecoderConfig, Family, Heads, OutputWeights, RopeScaling};
use crate::sft::StepMetrics;
use crate::tokenizer::{CHATML_TOKENS, ChatTokenizer, END_OF_TEXT, TURN_END, train_bpe};
use candle_core::{DType, Device};
use std::path::Path;

/// A decoder of one shape over a tokenizer made of `texts`, as a folder.
fn write_model(
    folder: &Path,
    texts: Vec<String>,
    (layers, width): (usize, usize),
) -> (Decoder, ChatTokenizer) {
    let tokenizer = train_bpe(texts.into_iter(), 600, &CHATML_TOKENS).expect("a tokenizer");
    let tokenizer = ChatTokenizer::chatml(tokenizer).expect("a tokenizer");
    let config = DecoderConfig {
        family: Family::Llama,
        vocab_size: tokenizer.vocab_size(),
        hidden_size: width,
        intermediate_size: width * 2,
        layers,
        heads: Heads { heads: width / 16, kv_heads: width / 16, head_dim: 16 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        output: OutputWeights::Tied,
        attention_bias: AttentionBias::None,
        max_positions: 512,
        sliding_window: None,
        bos_token_id: None,
        eos_token_ids: tokenizer.id(TURN_END).into_iter().collect(),
        pad_token_id: tokenizer.id(END_OF_TEXT),
    };
    let decoder = Decoder::fresh(config, 5, DType::F32, &Device::Cpu).expect("a decoder");
    decoder.save(folder).expect("saves");
    tokenizer.save(folder).expect("saves");
    (decoder, tokenizer)
}

/// Stops after so many steps; remembers the losses.
#[derive(Default)]
struct Until {
    stop_at: Option<u64>,
    losses: Vec<f32>,
}

impl AlignObserver for Until {
    fn on_step(&mut self, metrics: &StepMetrics, _total: u64) {
        self.losses.push(metrics.loss);
    }

    fn stop(&self) -> bool {
        self.stop_at.is_some_and(|at| at == self.losses.len() as u64)
    }
}
