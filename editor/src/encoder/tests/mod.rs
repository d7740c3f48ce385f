//! A tiny random encoder as a model folder, in every layout that is read.

mod folders;
mod golden;

use super::*;
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;
use tempfile::TempDir;

const WORDS: [&str; 24] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "capital", "of", "france", "is", "lyon", "##s", "iron", ".",
    "?", "query", ":", "passage", "a", "b", "c", "d", "e", "f", "g",
];
/// `[2, 11, 3]`.
const SHORT: &str = "Iron";
/// `[2, 4, 5, 6, 7, 8, 9, 10, 1, 12, 3]`.
const LONG: &str = "The capital of  France is Lyons qqq.";

const HIDDEN: usize = 8;
const INNER: usize = 16;
const POSITIONS: usize = 20;

type Tensors = HashMap<String, Tensor>;

/// The chirp of `reference.py`.
fn weight(name: &str, shape: &[usize]) -> (String, Tensor) {
    let phase: f64 = name.bytes().map(f64::from).sum();
    let base = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
    let value = |i: usize| {
        let i = i as f64;
        (0.4 * (0.37 * i * i + 0.5 * i + phase).sin() + base) as f32
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    (name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape has"))
}

fn tensors(family: &str) -> Tensors {
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
    ];
    let mut add = |name: String, out: usize, input: Option<usize>| {
        shapes.push((format!("{name}.weight"), [Some(out), input].into_iter().flatten().collect()));
        shapes.push((format!("{name}.bias"), vec![out]));
    };
    add("embeddings.LayerNorm".to_owned(), HIDDEN, None);
    let (attention, norm) = match family {
        "mpnet" => (["attn.q", "attn.k", "attn.v", "attn.o"], "LayerNorm"),
        _ => (["self.query", "self.key", "self.value", "output.dense"], "output.LayerNorm"),
    };
    for layer in 0..2 {
        let at = |name: &str| format!("encoder.layer.{layer}.{name}");
        for name in attention {
            add(at(&format!("attention.{name}")), HIDDEN, Some(HIDDEN));
        }
        add(at(&format!("attention.{norm}")), HIDDEN, None);
        add(at("intermediate.dense"), INNER, Some(HIDDEN));
        add(at("output.dense"), HIDDEN, Some(INNER));
        add(at("output.LayerNorm"), HIDDEN, None);
    }
    match family {
        "mpnet" => shapes.push(("encoder.relative_attention_bias.weight".to_owned(), vec![32, 2])),
        "roberta" => shapes.push(("embeddings.token_type_embeddings.weight".to_owned(), vec![1, HIDDEN])),
        _ => shapes.push(("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN])),
    }
    shapes.iter().map(|(name, shape)| weight(name, shape)).collect()
}

fn config(family: &str) -> Value {
    json!({
        "architectures": ["SomeModel"], "model_type": family, "vocab_size": WORDS.len(), "hidden_size": HIDDEN,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": INNER, "hidden_act": "gelu",
        "max_position_embeddings": POSITIONS, "type_vocab_size": if family == "roberta" { 1 } else { 2 },
        "layer_norm_eps": if family == "bert" { 1e-12 } else { 1e-5 },
        "pad_token_id": if family == "bert" { 0 } else { 1 },
    })
}

/// Cuts at three tokens and pads to seven, as published files do; neither may have an effect.
fn tokenizer() -> Value {
    let vocab: serde_json::Map<String, Value> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 },
        "padding": { "strategy": { "Fixed": 7 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "[PAD]" },
        "added_tokens": [],
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                        "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] },
        "decoder": null,
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": vocab },
    })
}

fn write(folder: &TempDir, name: &str, content: &Value) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder is made");
    std::fs::write(path, content.to_string()).expect("the file is written");
}

fn save(folder: &TempDir, name: &str, tensors: &Tensors) {
    candle_core::safetensors::save(tensors, folder.path().join(name)).expect("the weights are written");
}

fn pooling(mode: &str) -> Value {
    json!({ "word_embedding_dimension": HIDDEN, (format!("pooling_mode_{mode}")): true })
}

/// A whole sentence-transformers folder. `pooling` is `mean_tokens`, `cls_token`, `max_tokens` or `lasttoken`.
fn tiny(family: &str, mode: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&folder, "config.json", &config(family));
    write(&folder, "tokenizer.json", &tokenizer());
    let module = |path: &str, kind: &str| json!({ "idx": 0, "name": "0", "path": path, "type": kind });
    let modules = json!([
        module("", "sentence_transformers.models.Transformer"),
        module("1_Pooling", "sentence_transformers.models.Pooling"),
        module("2_Normalize", "sentence_transformers.models.Normalize"),
    ]);
    write(&folder, "modules.json", &modules);
    write(&folder, "1_Pooling/config.json", &pooling(mode));
    save(&folder, "model.safetensors", &tensors(family));
    folder
}

fn open(folder: &TempDir) -> Result<SentenceEncoder, EncoderError> {
    SentenceEncoder::open(folder.path(), EncoderOptions::default())
}

fn embed(encoder: &SentenceEncoder, texts: &[&str]) -> Vec<Embedding> {
    encoder.embed(texts, TextRole::Passage).expect("every text has an embedding")
}
