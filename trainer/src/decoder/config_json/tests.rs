//! What is read, what is defaulted and what is refused.

use super::*;
use crate::fixtures::tiny;

const LLAMA: &str = include_str!("../golden/llama.json");
const MISTRAL: &str = include_str!("../golden/mistral.json");
const QWEN2: &str = include_str!("../golden/qwen2.json");
const QWEN3: &str = include_str!("../golden/qwen3.json");

/// The config of `text` with the fields of `changes`; a field is removed by the string "absent".
fn changed(text: &str, changes: Value) -> Result<DecoderConfig> {
    let mut config: Value = serde_json::from_str(text).expect("json");
    let fields = config.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value == "absent" {
            true => drop(fields.shift_remove(name)),
            false => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    DecoderConfig::from_json(&config.to_string())
}

fn refused(text: &str, changes: Value) -> String {
    match changed(text, changes) {
        Err(Error::Config(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_what_the_families_write() {
    let llama = DecoderConfig::from_json(LLAMA).expect("valid");
    assert_eq!((llama.family, llama.output), (Family::Llama, OutputWeights::Separate));
    assert_eq!(llama.heads, Heads { heads: 2, kv_heads: 1, head_dim: 8 });
    assert_eq!((llama.attention_bias, llama.eos_token_ids.as_slice()), (AttentionBias::All, &[1, 2][..]));
    assert!(matches!(llama.rope_scaling, RopeScaling::Llama3 { original_max_positions: 32, .. }));
    let mistral = DecoderConfig::from_json(MISTRAL).expect("valid");
    assert_eq!(mistral.rope_scaling, RopeScaling::Linear { factor: 2.0 });
    assert_eq!((mistral.heads.head_dim, mistral.sliding_window), (6, None));
    let qwen2 = DecoderConfig::from_json(QWEN2).expect("valid");
    assert_eq!((qwen2.attention_bias, qwen2.output), (AttentionBias::Qkv, OutputWeights::Tied));
    assert_eq!((qwen2.sliding_window, qwen2.eos_token_ids.as_slice()), (None, &[1][..]));
    let qwen3 = DecoderConfig::from_json(QWEN3).expect("valid");
    assert!(qwen3.has_qk_norm() && qwen3.attention_bias == AttentionBias::None);
}

#[test]
fn what_is_written_is_read_back() {
    for family in Family::ALL {
        for output in [OutputWeights::Tied, OutputWeights::Separate] {
            let mut config = tiny(family, output);
            let back = |c: &DecoderConfig| DecoderConfig::from_json(&c.to_json()).expect("valid");
            assert_eq!(back(&config), config);
            (config.bos_token_id, config.pad_token_id, config.eos_token_ids) = (None, None, vec![]);
            assert_eq!(back(&config), config);
            config.eos_token_ids = vec![4, 7];
            config.sliding_window = (family != Family::Llama).then_some(16);
            assert_eq!(back(&config), config);
        }
    }
    let mut config = tiny(Family::Qwen3, OutputWeights::Tied);
    config.attention_bias = AttentionBias::All;
    assert_eq!(DecoderConfig::from_json(&config.to_json()).expect("valid"), config);
}

#[test]
fn the_written_file_is_stable() {
    insta::assert_snapshot!(tiny(Family::Qwen2, OutputWeights::Tied).to_json(), @r#"
    {
      "architectures": [
        "Qwen2ForCausalLM"
      ],
      "model_type": "qwen2",
      "vocab_size": 19,
      "hidden_size": 12,
      "intermediate_size": 10,
      "num_hidden_layers": 2,
      "num_attention_heads": 4,
      "num_key_value_heads": 2,
      "head_dim": 6,
      "hidden_act": "silu",
      "rms_norm_eps": 0.00001,
      "max_position_embeddings": 64,
      "rope_theta": 100.0,
      "rope_scaling": null,
      "tie_word_embeddings": true,
      "bos_token_id": 0,
      "eos_token_id": 1,
      "pad_token_id": 0,
      "torch_dtype": "float32",
      "use_cache": true,
      "use_sliding_window": false,
      "sliding_window": null,
      "max_window_layers": 2
    }
    "#);
    insta::assert_snapshot!(tiny(Family::Qwen2, OutputWeights::Tied).generation_json(), @r#"
    {
      "bos_token_id": 0,
      "eos_token_id": 1,
      "pad_token_id": 0
    }
    "#);
}

#[test]
fn missing_fields_get_the_defaults_of_transformers() {
    let bare = json!({
        "rope_theta": "absent", "rope_scaling": "absent", "tie_word_embeddings": "absent", "attention_bias": "absent",
        "num_key_value_heads": "absent", "eos_token_id": "absent", "bos_token_id": null, "hidden_act": "absent",
    });
    let llama = changed(LLAMA, bare).expect("valid");
    assert_eq!((llama.rope_theta, llama.rope_scaling), (10_000.0, RopeScaling::None));
    assert_eq!((llama.output, llama.attention_bias), (OutputWeights::Separate, AttentionBias::None));
    assert_eq!((llama.heads.kv_heads, llama.eos_token_ids.len(), llama.bos_token_id), (2, 0, None));
    let by_type = changed(QWEN3, json!({ "architectures": "absent" })).expect("valid");
    assert_eq!(by_type.family, Family::Qwen3);
}

#[test]
fn the_newer_place_of_the_rotary_settings_is_read() {
    let newer = json!({
        "rope_theta": "absent", "rope_scaling": "absent",
        "rope_parameters": { "rope_type": "linear", "factor": 3.0, "rope_theta": 77.0 },
    });
    let config = changed(QWEN2, newer).expect("valid");
    assert_eq!((config.rope_theta, config.rope_scaling), (77.0, RopeScaling::Linear { factor: 3.0 }));
    let plain = json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 5.0 } });
    let config = changed(QWEN2, plain).expect("valid");
    assert_eq!((config.rope_theta, config.rope_scaling), (5.0, RopeScaling::None));
}

#[test]
fn windows_are_those_of_transformers() {
    let window = |text: &str, changes: Value| changed(text, changes).expect("valid").sliding_window;
    assert_eq!(window(MISTRAL, json!({ "sliding_window": 32 })), Some(32));
    assert_eq!(window(MISTRAL, json!({ "sliding_window": "absent" })), Some(4096));
    assert_eq!(window(LLAMA, json!({ "sliding_window": 32 })), None);
    assert_eq!(window(QWEN2, json!({ "use_sliding_window": "absent" })), None);
    let used = |from: usize| json!({ "use_sliding_window": true, "max_window_layers": from });
    assert_eq!(window(QWEN2, used(0)), Some(4));
    assert_eq!(window(QWEN2, used(2)), None);
    assert_eq!(window(QWEN2, used(28)), None);
    assert_eq!(
        refused(QWEN2, used(1)),
        "a sliding window on 1 of 2 layers is not supported, only on all or none"
    );
    let types = |second: &str| {
        let types = ["sliding_attention", second];
        json!({ "use_sliding_window": true, "sliding_window": 8, "layer_types": types })
    };
    assert_eq!(window(QWEN3, types("sliding_attention")), Some(8));
    assert!(refused(QWEN3, types("full_attention")).contains("1 of 2 layers"));
}

#[test]
fn what_is_not_supported_is_named() {
    let architecture = refused(LLAMA, json!({ "architectures": ["GPT2LMHeadModel"] }));
    let supported = "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM";
    assert_eq!(architecture, format!("the architecture is GPT2LMHeadModel; supported are {supported}"));
    for (text, changes, names) in [
        (LLAMA, json!({ "architectures": [], "model_type": "gpt2" }), "gpt2"),
        (LLAMA, json!({ "architectures": "absent", "model_type": "absent" }), "architecture is none"),
        (LLAMA, json!({ "hidden_act": "gelu" }), "hidden_act \"gelu\""),
        (LLAMA, json!({ "mlp_bias": true }), "mlp_bias"),
        (LLAMA, json!({ "quantization_config": { "quant_method": "gptq" } }), "quantization_config"),
        (LLAMA, json!({ "partial_rotary_factor": 0.5 }), "partial_rotary_factor 0.5"),
        (LLAMA, json!({ "rope_scaling": { "rope_type": "yarn", "factor": 4.0 } }), "\"yarn\""),
        (LLAMA, json!({ "rope_scaling": { "type": "dynamic", "factor": 4.0 } }), "\"dynamic\""),
        (LLAMA, json!({ "rope_scaling": { "rope_type": "linear" } }), "linear needs factor"),
        (LLAMA, json!({ "rope_scaling": { "rope_type": "llama3", "factor": 2.0 } }), "needs low_freq_factor"),
        (LLAMA, json!({ "head_dim": "absent", "hidden_size": 15 }), "hidden_size 15"),
        (LLAMA, json!({ "num_key_value_heads": 0 }), "num_key_value_heads is 0"),
        (MISTRAL, json!({ "attention_bias": true }), "attention_bias"),
        (MISTRAL, json!({ "num_key_value_heads": "absent" }), "num_key_value_heads is missing"),
        (QWEN2, json!({ "hidden_size": "absent" }), "missing field `hidden_size`"),
        (QWEN2, json!({ "vocab_size": "many" }), "vocab_size: invalid type"),
        (QWEN2, json!({ "vocab_size": -1 }), "vocab_size: invalid value"),
        (QWEN2, json!({ "eos_token_id": [1, "x"] }), "eos_token_id: expected a token id"),
        (QWEN2, json!({ "num_attention_heads": 0 }), "num_attention_heads"),
    ] {
        let problem = refused(text, changes);
        assert!(problem.contains(names), "{problem:?} should name {names:?}");
    }
    for text in ["", "[]", "{", "{} {}", "null"] {
        assert!(matches!(DecoderConfig::from_json(text), Err(Error::Config(_))), "{text:?}");
    }
    let mut odd = tiny(Family::Mistral, OutputWeights::Tied);
    odd.attention_bias = AttentionBias::Qkv;
    assert!(matches!(odd.validate(), Err(Error::Config(text)) if text.contains("MistralForCausalLM")));
}

proptest::proptest! {
    /// Whatever the file says, the answer is a value or an error.
    #[test]
    fn no_config_makes_it_panic(field in 0usize..19, number in proptest::num::i64::ANY, text in ".{0,8}", choice in 0u8..4) {
        let mut config: Value = serde_json::from_str(MISTRAL).expect("json");
        let fields = config.as_object_mut().expect("an object");
        let name = fields.keys().nth(field % fields.len()).expect("a field").clone();
        let value = match choice {
            0 => json!(number),
            1 => json!(number as f64 / 7.0),
            2 => json!(text),
            _ => Value::Null,
        };
        fields.insert(name, value);
        if let Ok(config) = DecoderConfig::from_json(&config.to_string()) {
            proptest::prop_assert!(config.validate().is_ok());
        }
    }
}
