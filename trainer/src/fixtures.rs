//! What several tests share: tiny decoders of every family, examples, and finite differences.

use crate::decoder::{
    AttentionBias, Decoder, DecoderConfig, Example, Family, Heads, OutputWeights, PackedBatch, RopeScaling,
};
use crate::tokenizer::{CHATML_TOKENS, ChatTokenizer, train_bpe};
use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Two layers, grouped-query attention; Llama with every bias and stretched frequencies, so that each feature is seen.
pub(crate) fn tiny(family: Family, output: OutputWeights) -> DecoderConfig {
    DecoderConfig {
        family,
        vocab_size: 19,
        hidden_size: 12,
        intermediate_size: 10,
        layers: 2,
        heads: Heads { heads: 4, kv_heads: 2, head_dim: 6 },
        rms_norm_eps: 1e-5,
        rope_theta: 100.0,
        rope_scaling: match family {
            Family::Llama => RopeScaling::Llama3 {
                factor: 4.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_positions: 32,
            },
            Family::Mistral => RopeScaling::Linear { factor: 2.0 },
            Family::Qwen2 | Family::Qwen3 => RopeScaling::None,
        },
        output,
        attention_bias: match family {
            Family::Llama => AttentionBias::All,
            Family::Qwen2 => AttentionBias::Qkv,
            Family::Mistral | Family::Qwen3 => AttentionBias::None,
        },
        max_positions: 64,
        sliding_window: None,
        bos_token_id: Some(0),
        eos_token_ids: vec![1],
        pad_token_id: Some(0),
    }
}

/// A decoder whose parameters are all random, the norms and biases too, so that no gradient is zero by chance.
pub(crate) fn scrambled(config: DecoderConfig, seed: u64, dtype: DType) -> Decoder {
    let decoder = Decoder::fresh(config, seed, dtype, &Device::Cpu).expect("a valid config");
    for (i, p) in decoder.parameters().iter().enumerate() {
        let values = random(p.var.dims(), seed * 1000 + i as u64);
        let values =
            if p.name.contains("norm") { (values * 0.3).and_then(|v| v + 1.0) } else { values * 0.4 };
        let values = values.and_then(|v| v.to_dtype(dtype)).expect("a cast");
        p.var.set(&values).expect("same shape");
    }
    decoder
}

/// Uniform numbers in (−1, 1), `f64`, but exactly representable as `f32`.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> =
        (0..shape.iter().product()).map(|_| f64::from(rng.random_range(-1f32..1f32))).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("the count fits the shape")
}

/// A ChatML tokenizer in which the words of `text` are pieces.
pub(crate) fn words(text: &str) -> ChatTokenizer {
    let tokenizer = train_bpe(std::iter::repeat_n(text.to_owned(), 20), 600, &CHATML_TOKENS);
    ChatTokenizer::chatml(tokenizer.expect("a tokenizer")).expect("a tokenizer")
}

/// Three sequences of different lengths, one of a single token, some tokens only read.
pub(crate) fn small_batch(vocabulary: u32) -> PackedBatch {
    let example = |len: u32, salt: u32| Example {
        ids: (0..len).map(|i| (i * i * 7 + i * salt + salt) % vocabulary).collect(),
        weights: (0..len).map(|i| if (i + salt).is_multiple_of(3) { 0.0 } else { 1.0 }).collect(),
    };
    PackedBatch::new(&[example(7, 1), example(1, 2), example(4, 5)]).expect("well-formed examples")
}

/// Checks `analytic` against central differences of `loss` (`f64`) with respect to every element of `var`.
pub(crate) fn check_gradient(
    what: &str,
    var: &Var,
    analytic: &Tensor,
    loss: &dyn Fn() -> Result<f64>,
    tolerance: f64,
) {
    const STEP: f64 = 1e-5;
    let flat = |t: &Tensor| {
        let t = t.to_dtype(DType::F64).and_then(|t| t.contiguous()).and_then(|t| t.flatten_all());
        t.and_then(|t| t.to_vec1::<f64>()).expect("a readable tensor")
    };
    let (original, analytic) = (flat(var), flat(analytic));
    let set = |values: &[f64]| {
        let tensor = Tensor::from_slice(values, var.shape(), var.device()).expect("same shape");
        var.set(&tensor).expect("same shape");
    };
    for i in 0..original.len() {
        let at = |delta: f64| {
            let mut moved = original.clone();
            moved[i] += delta;
            set(&moved);
            loss().expect("the loss")
        };
        let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let error = (numeric - analytic[i]).abs();
        assert!(
            error <= tolerance * (1.0 + numeric.abs()),
            "{what}[{i}]: {} but differences say {numeric}",
            analytic[i]
        );
    }
    set(&original);
}
