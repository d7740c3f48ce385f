//! Tiny model folders for the tests of other crates (feature `testing`).

use crate::Result;
use crate::decoder::{
    AttentionBias, Decoder, DecoderConfig, Family, Heads, OutputWeights, ParamKind, RopeScaling,
};
use crate::tokenizer::{CHATML_TOKENS, ChatTokenizer, END_OF_TEXT, TURN_END, train_bpe};
use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Pieces of the tokenizer at most, the 256 bytes and the three tokens of ChatML included.
const VOCABULARY: usize = 320;

/// Writes a model folder of that family into `folder` that mistral.rs can serve: two blocks of width 128 with
/// grouped-query attention, a ChatML tokenizer of about 300 pieces, and generation_config.json. Everything is a pure function
/// of `family` and `seed`. The weights are random and so large that logits differ clearly from token to token (what the
/// model says is gibberish, but the same gibberish in every implementation). Llama's frequencies are stretched as in
/// Llama 3.1; Llama and Mistral have an output matrix of their own, the others are tied. Returns the decoder that was
/// written.
///
/// # Errors
/// As [`Decoder::save`] and [`ChatTokenizer::save`].
pub fn tiny_folder(folder: &Path, family: Family, seed: u64) -> Result<Decoder> {
    let tokenizer = ChatTokenizer::chatml(train_bpe(sentences(), VOCABULARY, &CHATML_TOKENS)?)?;
    let decoder = Decoder::fresh(config(family, &tokenizer), seed, DType::F32, &Device::Cpu)?;
    randomise(&decoder, seed)?;
    decoder.save(folder)?;
    tokenizer.save(folder)?;
    Ok(decoder)
}

fn sentences() -> impl Iterator<Item = String> + Send {
    (0..100).map(|i| format!("What is the name of town {}? The name of town {i} is known.", i % 13))
}

fn config(family: Family, tokenizer: &ChatTokenizer) -> DecoderConfig {
    DecoderConfig {
        family,
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 128,
        intermediate_size: 160,
        layers: 2,
        heads: Heads { heads: 4, kv_heads: 2, head_dim: 32 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: match family {
            Family::Llama => RopeScaling::Llama3 {
                factor: 8.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_positions: 64,
            },
            // mistral.rs has no such scaling for the others.
            Family::Mistral | Family::Qwen2 | Family::Qwen3 => RopeScaling::None,
        },
        output: match family {
            Family::Llama | Family::Mistral => OutputWeights::Separate,
            Family::Qwen2 | Family::Qwen3 => OutputWeights::Tied,
        },
        attention_bias: match family {
            Family::Qwen2 => AttentionBias::Qkv,
            Family::Llama | Family::Mistral | Family::Qwen3 => AttentionBias::None,
        },
        max_positions: 512,
        sliding_window: None,
        bos_token_id: None,
        eos_token_ids: tokenizer.id(TURN_END).into_iter().collect(),
        pad_token_id: tokenizer.id(END_OF_TEXT),
    }
}

/// Uniform weights whose products keep the size of what they multiply; norms around one, biases around zero.
fn randomise(decoder: &Decoder, seed: u64) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for p in decoder.parameters() {
        let columns = p.var.dims().last().copied().unwrap_or(1) as f32;
        let (middle, reach) = match p.kind {
            ParamKind::Norm => (1.0, 0.3),
            ParamKind::Bias | ParamKind::Embedding => (0.0, 0.3),
            // A uniform number in (−r, r) has the variance r²/3.
            ParamKind::Matrix | ParamKind::Residual | ParamKind::Output | ParamKind::Adapter => {
                (0.0, (3.0 / columns).sqrt())
            }
        };
        let values: Vec<f32> =
            (0..p.var.elem_count()).map(|_| middle + reach * rng.random_range(-1f32..1f32)).collect();
        p.var.set(&Tensor::from_vec(values, p.var.shape(), &Device::Cpu)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::Message;

    #[test]
    fn the_folder_is_complete_repeatable_and_has_clear_preferences() {
        for family in Family::ALL {
            let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
            let written = tiny_folder(a.path(), family, 3).expect("writes");
            tiny_folder(b.path(), family, 3).expect("writes");
            for file in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"] {
                let read = |folder: &Path| std::fs::read(folder.join(file)).expect("readable");
                assert!(read(a.path()) == read(b.path()), "{file}");
            }
            let decoder = Decoder::load(a.path(), DType::F32, &Device::Cpu).expect("loads");
            let tokenizer = ChatTokenizer::load(a.path()).expect("loads");
            let prompt = tokenizer.prompt(&[Message::user("What is the name of town 7?")]).expect("a prompt");
            let logits = decoder.logits(&prompt).expect("logits");
            assert_eq!(logits, written.logits(&prompt).expect("logits"));
            let last = &logits[prompt.len() - 1];
            let spread =
                last.iter().copied().fold(f32::MIN, f32::max) - last.iter().copied().fold(f32::MAX, f32::min);
            assert!(spread > 3.0 && last.iter().all(|l| l.is_finite()), "{family:?}: {spread}");
            let answer = decoder.generate(&prompt, 8, &decoder.config().eos_token_ids).expect("generates");
            assert!(answer.windows(2).any(|w| w[0] != w[1]), "{family:?}: {answer:?}");
        }
    }
}
