//! A tiny Llama with random weights, written by the test: it answers nonsense, always the same.

use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::{collections::HashMap, path::Path};

const WIDTH: usize = 32;
const INNER: usize = 64;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
/// Ids of the control tokens; the bytes follow.
pub(crate) const END_OF_TEXT: u32 = 0;
pub(crate) const TURN_START: u32 = 1;
pub(crate) const TURN_END: u32 = 2;
const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const VOCABULARY: usize = CONTROL.len() + 256;

/// ChatML, refusing two user messages in a row, and showing tools.
pub(crate) const TEMPLATE: &str = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}\
    {% if not loop.first and m.role == 'user' and loop.previtem.role == 'user' %}\
    {{ raise_exception('roles must alternate') }}{% endif %}\
    {{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// The id of the token that stands for this byte.
pub(crate) fn byte_token(byte: u8) -> u32 {
    u32::from(byte) + 3
}

/// What to write.
pub(crate) struct TinyModel {
    pub(crate) seed: u64,
    pub(crate) context: usize,
    pub(crate) template: &'static str,
}

impl Default for TinyModel {
    fn default() -> Self {
        Self { seed: 1, context: 128, template: TEMPLATE }
    }
}

impl TinyModel {
    /// Writes the folder that Hugging Face would.
    pub(crate) fn write(&self, folder: &Path) {
        let config = json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "vocab_size": VOCABULARY,
            "max_position_embeddings": self.context, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": false, "bos_token_id": END_OF_TEXT, "eos_token_id": TURN_END,
            "torch_dtype": "float32",
        });
        let tokenizer_config = json!({
            "eos_token": CONTROL[TURN_END as usize], "chat_template": self.template,
            "tokenizer_class": "PreTrainedTokenizerFast",
        });
        let write = |name: &str, value: &serde_json::Value| {
            std::fs::write(folder.join(name), value.to_string()).expect("the test's folder can be written");
        };
        write("config.json", &config);
        write("tokenizer_config.json", &tokenizer_config);
        write("tokenizer.json", &tokenizer());
        let weights = weights(self.seed).expect("tensors of fixed shapes");
        candle_core::safetensors::save(&weights, folder.join("model.safetensors"))
            .expect("weights can be written");
    }
}

/// One token for each byte, no merges: a stop text is always several tokens.
fn tokenizer() -> serde_json::Value {
    let mut vocabulary = serde_json::Map::new();
    let mut next = 0x100_u32;
    for byte in 0..=255_u8 {
        let own = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
        let character = if own {
            char::from(byte)
        } else {
            next += 1;
            char::from_u32(next - 1).expect("a character of the byte alphabet")
        };
        vocabulary.insert(character.to_string(), json!(byte_token(byte)));
    }
    let added: Vec<_> = (0_u32..)
        .zip(CONTROL)
        .map(|(id, content)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": []},
    })
}

fn weights(seed: u64) -> candle_core::Result<HashMap<String, Tensor>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut random = |rows: usize, columns: usize, scale: f32| {
        let values: Vec<f32> = (0..rows * columns).map(|_| rng.random_range(-scale..scale)).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu)
    };
    let ones = || Tensor::ones(WIDTH, DType::F32, &Device::Cpu);
    let keys = WIDTH / HEADS * KEY_HEADS;
    let mut all = HashMap::new();
    all.insert("model.embed_tokens.weight".to_owned(), random(VOCABULARY, WIDTH, 1.0)?);
    all.insert("model.norm.weight".to_owned(), ones()?);
    for layer in 0..LAYERS {
        let mut put = |name: &str, tensor| all.insert(format!("model.layers.{layer}.{name}.weight"), tensor);
        put("input_layernorm", ones()?);
        put("post_attention_layernorm", ones()?);
        put("self_attn.q_proj", random(WIDTH, WIDTH, 0.4)?);
        put("self_attn.k_proj", random(keys, WIDTH, 0.4)?);
        put("self_attn.v_proj", random(keys, WIDTH, 0.4)?);
        put("self_attn.o_proj", random(WIDTH, WIDTH, 0.4)?);
        put("mlp.gate_proj", random(INNER, WIDTH, 0.4)?);
        put("mlp.up_proj", random(INNER, WIDTH, 0.4)?);
        put("mlp.down_proj", random(WIDTH, INNER, 0.4)?);
    }
    // Only printable ASCII is ever likely: every answer is a text, and ends when the room for it does.
    let printable: Vec<f32> = (0..VOCABULARY)
        .map(|token| match u8::try_from(token.wrapping_sub(CONTROL.len())) {
            Ok(b' '..=b'~') => 1.0,
            _ => 0.0,
        })
        .collect();
    let mask = Tensor::from_vec(printable, (VOCABULARY, 1), &Device::Cpu)?;
    all.insert("lm_head.weight".to_owned(), random(VOCABULARY, WIDTH, 1.0)?.broadcast_mul(&mask)?);
    Ok(all)
}
