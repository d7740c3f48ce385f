//! Numbers of one forward pass per family, from an implementation that shares nothing with this one.
//!
//! The weights are a formula of their name in a Hugging Face folder, so both sides make them; the configurations are the
//! files of `golden/`. The snippet (Python, numpy, double precision) prints the sum of the magnitudes of all logits and
//! the logits after the last token.

// import json, math, sys, numpy as np
//
// def weight(name, shape):
//     salt = sum(name.encode())
//     i = np.arange(int(np.prod(shape)), dtype=np.float64)
//     wave = np.sin(0.37 * (1 + salt % 7) * i + salt)
//     return (1 + 0.3 * wave if "norm" in name else 0.4 * wave).astype(np.float32).astype(np.float64).reshape(shape)
//
// def frequencies(c, d):
//     f = c["rope_theta"] ** (-np.arange(0, d, 2) / d)
//     s = c.get("rope_scaling") or {}
//     if s.get("rope_type") == "linear": return f / s["factor"]
//     if s.get("rope_type") == "llama3":
//         wavelength, old = 2 * math.pi / f, s["original_max_position_embeddings"]
//         low, high = s["low_freq_factor"], s["high_freq_factor"]
//         smooth = np.clip((old / wavelength - low) / (high - low), 0, 1)
//         return (1 - smooth) * f / s["factor"] + smooth * f
//     return f
//
// def forward(c, ids):
//     qwen3, h, kv, w = c["model_type"] == "qwen3", c["num_attention_heads"], c["num_key_value_heads"], c["hidden_size"]
//     d = c.get("head_dim") or w // h
//     norm = lambda x, name: x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * weight(name, x.shape[-1:])
//     bias = c.get("attention_bias", False)
//     def linear(x, name, out, with_bias=False):
//         y = x @ weight(name + ".weight", (out, x.shape[-1])).T
//         return y + weight(name + ".bias", (out,)) if with_bias else y
//     angle = np.outer(np.arange(len(ids)), frequencies(c, d))
//     cos, sin = np.cos(np.tile(angle, 2))[:, None], np.sin(np.tile(angle, 2))[:, None]
//     rotate = lambda x: x * cos + np.concatenate([-x[..., d // 2:], x[..., :d // 2]], -1) * sin
//     embedding = weight("model.embed_tokens.weight", (c["vocab_size"], w))
//     x = embedding[ids]
//     for l in range(c["num_hidden_layers"]):
//         p = f"model.layers.{l}."
//         y = norm(x, p + "input_layernorm.weight")
//         q, k, v = (linear(y, p + f"self_attn.{n}_proj", m * d, bias or c["model_type"] == "qwen2").reshape(-1, m, d)
//                    for n, m in (("q", h), ("k", kv), ("v", kv)))
//         if qwen3: q, k = norm(q, p + "self_attn.q_norm.weight"), norm(k, p + "self_attn.k_norm.weight")
//         q, k, v = rotate(q), np.repeat(rotate(k), h // kv, 1), np.repeat(v, h // kv, 1)
//         s = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(d) + np.triu(np.full((len(ids),) * 2, -np.inf), 1)
//         s = np.exp(s - s.max(-1, keepdims=True))
//         y = np.einsum("hij,jhd->ihd", s / s.sum(-1, keepdims=True), v).reshape(len(ids), -1)
//         x = x + linear(y, p + "self_attn.o_proj", w, bias)
//         y = norm(x, p + "post_attention_layernorm.weight")
//         g, u = (linear(y, p + f"mlp.{n}_proj", c["intermediate_size"]) for n in ("gate", "up"))
//         x = x + linear(g / (1 + np.exp(-g)) * u, p + "mlp.down_proj", w)
//     output = embedding if c["tie_word_embeddings"] else weight("lm_head.weight", embedding.shape)
//     return norm(x, "model.norm.weight") @ output.T
//
// for path in sys.argv[1:]:  # golden/*.json
//     logits = forward(json.load(open(path)), [3, 1, 4, 1, 5, 9, 2, 6])
//     print(path, np.abs(logits).sum().round(5), logits[-1].round(5).tolist())

use super::{Decoder, DecoderConfig, hf_names::hf_tensors};
use crate::files::write_atomically;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;

pub(crate) const IDS: [u32; 8] = [3, 1, 4, 1, 5, 9, 2, 6];

/// What the snippet prints.
struct Golden {
    config: &'static str,
    magnitude: f64,
    last: [f64; 11],
}

const GOLDEN: [Golden; 4] = [
    Golden {
        config: include_str!("golden/llama.json"),
        magnitude: 141.03069,
        last: [
            2.75882, 3.38749, 2.30609, 0.06053, -2.21559, -3.37323, -2.828, -0.85514, 1.54942, 3.1718,
            3.19299,
        ],
    },
    Golden {
        config: include_str!("golden/mistral.json"),
        magnitude: 135.8102,
        last: [
            2.52312, 2.98003, 1.93256, -0.09051, -2.06788, -3.00135, -2.41967, -0.6165, 1.4979, 2.85613,
            2.77252,
        ],
    },
    Golden {
        config: include_str!("golden/qwen2.json"),
        magnitude: 60.9303,
        last: [
            -1.0285, 1.39339, -1.27264, 0.70833, 0.10286, -0.87819, 1.34745, -1.34708, 0.8772, -0.10159,
            -0.70943,
        ],
    },
    Golden {
        config: include_str!("golden/qwen3.json"),
        magnitude: 75.7256,
        last: [
            -0.6051, 0.93291, -0.93556, 0.61214, -0.07537, -0.48767, 0.88074, -0.96685, 0.71597, -0.21556,
            -0.35998,
        ],
    },
];

pub(crate) fn weight(name: &str, shape: &[usize]) -> Tensor {
    let salt: u32 = name.bytes().map(u32::from).sum();
    let step = 0.37 * f64::from(1 + salt % 7);
    let wave = (0..shape.iter().product()).map(|i: usize| (step * i as f64 + f64::from(salt)).sin());
    let norm = name.contains("norm");
    let values: Vec<f32> = wave.map(|w| if norm { 1.0 + 0.3 * w } else { 0.4 * w } as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("the count fits the shape")
}

/// A folder with the weights of the formula, whose names and shapes are those of a decoder of that shape.
pub(crate) fn folder_of(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let shape = DecoderConfig::from_json(config).expect("a valid config");
    let model = Decoder::fresh(shape.clone(), 1, DType::F32, &Device::Cpu).expect("a decoder");
    let mut tensors = HashMap::new();
    for p in model.parameters() {
        let (rows, columns) = p.var.dims().split_first().expect("at least one dimension");
        for part in hf_tensors(&shape, &p.name, *rows).expect("a known parameter") {
            let values = weight(&part.name, &[&[part.rows], columns].concat());
            tensors.insert(part.name, values);
        }
    }
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).expect("saves");
    write_atomically(folder.path(), "config.json", config.as_bytes()).expect("writes");
    folder
}

#[test]
fn logits_are_those_of_an_independent_implementation() {
    for Golden { config, magnitude, last } in &GOLDEN {
        let folder = folder_of(config);
        for (dtype, tolerance) in [(DType::F32, 1e-4), (DType::F64, 2e-5)] {
            let decoder = Decoder::load(folder.path(), dtype, &Device::Cpu).expect("loads");
            let family = decoder.config().family;
            let logits = decoder.logits(&IDS).expect("logits");
            let sum: f64 = logits.iter().flatten().map(|l| f64::from(l.abs())).sum();
            assert!((sum - magnitude).abs() < 20.0 * tolerance, "{family:?} {dtype:?}: {sum}");
            for (got, want) in logits[IDS.len() - 1].iter().zip(last) {
                assert!((f64::from(*got) - want).abs() < tolerance, "{family:?} {dtype:?}: {got} {want}");
            }
        }
    }
}
