//! Layouts that give the same encoder, settings that give another one, and what is refused.

use super::*;
use amend_proto::testing::embedder_conformance;
use std::fs;

fn baseline() -> (TempDir, Vec<Embedding>, EmbedderId) {
    let folder = tiny("bert", "mean_tokens");
    let encoder = open(&folder).expect("the folder is sound");
    let found = embed(&encoder, &[LONG, SHORT]);
    let id = encoder.id().clone();
    (folder, found, id)
}

fn remove(folder: &TempDir, name: &str) {
    fs::remove_file(folder.path().join(name)).expect("the file was there");
}

fn refusal(folder: &TempDir) -> String {
    let error = open(folder).expect_err("the folder must be refused").to_string();
    error.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn conforms() {
    for (family, mode) in [("bert", "mean_tokens"), ("roberta", "cls_token"), ("mpnet", "max_tokens")] {
        embedder_conformance::run(&open(&tiny(family, mode)).expect("the folder is sound"));
    }
}

#[test]
fn names_may_have_the_prefix_of_a_model_with_a_head() {
    let (folder, want, _) = baseline();
    let prefixed = |(name, tensor): (String, Tensor)| (format!("bert.{name}"), tensor);
    save(&folder, "model.safetensors", &tensors("bert").into_iter().map(prefixed).collect());
    assert_eq!(embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]), want);
}

#[test]
fn norms_may_have_their_older_names() {
    let (folder, want, _) = baseline();
    let older = |(name, tensor): (String, Tensor)| {
        (name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"), tensor)
    };
    save(&folder, "model.safetensors", &tensors("bert").into_iter().map(older).collect());
    assert_eq!(embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]), want);
}

#[test]
fn weights_may_come_in_shards() {
    let (folder, want, _) = baseline();
    remove(&folder, "model.safetensors");
    let (one, two): (Tensors, Tensors) =
        tensors("bert").into_iter().partition(|(name, _)| name.contains("layer.1"));
    let shards = [("model-00001-of-00002.safetensors", one), ("model-00002-of-00002.safetensors", two)];
    let mut map = serde_json::Map::new();
    for (file, tensors) in &shards {
        save(&folder, file, tensors);
        map.extend(tensors.keys().map(|name| (name.clone(), json!(file))));
    }
    write(&folder, "model.safetensors.index.json", &json!({ "weight_map": map }));
    assert_eq!(embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]), want);
    remove(&folder, shards[0].0);
    let found = refusal(&folder);
    assert!(found.contains("model-00001-of-00002.safetensors: it is missing"), "{found}");
}

#[test]
fn a_vocabulary_is_a_tokenizer() {
    let (folder, want, _) = baseline();
    remove(&folder, "tokenizer.json");
    fs::write(folder.path().join("vocab.txt"), WORDS.join("\n")).expect("it is written");
    assert_eq!(embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]), want);
    write(&folder, "tokenizer_config.json", &json!({ "do_lower_case": false }));
    assert_ne!(
        embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]),
        want,
        "capitals are unknown words now"
    );
    fs::write(folder.path().join("vocab.txt"), WORDS[..3].join("\n")).expect("it is written");
    insta::assert_snapshot!(refusal(&folder), @"DIR/vocab.txt: it has no line [SEP]");
}

#[test]
fn a_plain_folder_gets_the_mean() {
    let (folder, want, _) = baseline();
    remove(&folder, "modules.json");
    assert_eq!(embed(&open(&folder).expect("it is sound"), &[LONG, SHORT]), want);
}

#[test]
fn the_folders_prompts_stand_before_the_texts() {
    let (folder, _, id) = baseline();
    let plain = open(&folder).expect("it is sound");
    let prompts = json!({ "query": "query: ", "passage": "passage: " });
    write(&folder, "config_sentence_transformers.json", &json!({ "prompts": prompts }));
    let prompted = open(&folder).expect("it is sound");
    assert_eq!(
        prompted.embed(&[SHORT], TextRole::Query).expect("embeds"),
        embed(&plain, &[&format!("query: {SHORT}")])
    );
    assert_eq!(embed(&prompted, &[SHORT]), embed(&plain, &[&format!("passage: {SHORT}")]));
    assert_ne!(prompted.id(), &id);
    let options = EncoderOptions { prompts: Some(Prompts::default()), max_tokens: None };
    let unprompted = SentenceEncoder::open(folder.path(), options).expect("it is sound");
    assert_eq!(embed(&unprompted, &[SHORT]), embed(&plain, &[SHORT]));
    write(&folder, "config_sentence_transformers.json", &json!({ "default_prompt_name": "none" }));
    insta::assert_snapshot!(
        refusal(&folder),
        @r#"DIR/config_sentence_transformers.json: default_prompt_name is "none", and prompts has no such name"#
    );
}

#[test]
fn long_texts_are_cut_where_the_folder_says() {
    let (folder, _, id) = baseline();
    assert_eq!(open(&folder).expect("it is sound").max_tokens(), POSITIONS);
    assert_eq!(open(&tiny("mpnet", "mean_tokens")).expect("it is sound").max_tokens(), POSITIONS - 2);
    write(&folder, "sentence_bert_config.json", &json!({ "max_seq_length": 5 }));
    let cut = open(&folder).expect("it is sound");
    assert_eq!(cut.max_tokens(), 5);
    assert_ne!(cut.id(), &id);
    let marks = EncoderOptions { max_tokens: Some(2), ..EncoderOptions::default() };
    let error = SentenceEncoder::open(folder.path(), marks).expect_err("no text would be left").to_string();
    assert!(error.ends_with(
        "texts are cut at 2 tokens, of which 2 are the tokenizer's own marks; set a larger limit"
    ));
    let alone = |text: &str| embed(&cut, &[text]);
    assert_eq!(alone(LONG), alone("the capital of"));
    assert_ne!(alone(LONG), alone("the capital"));
}

#[test]
fn the_id_is_the_content() {
    let (folder, want, id) = baseline();
    assert_eq!(open(&folder).expect("it is sound").id(), &id);
    assert_eq!(open(&tiny("bert", "mean_tokens")).expect("it is sound").id(), &id);
    let mut other = tensors("bert");
    other.extend([
        weight("embeddings.LayerNorm.bias", &[HIDDEN]),
        weight("embeddings.LayerNorm.weight", &[HIDDEN]),
    ]);
    let moved = (&other["embeddings.LayerNorm.bias"] + 0.25).expect("adds");
    other.insert("embeddings.LayerNorm.bias".to_owned(), moved);
    save(&folder, "model.safetensors", &other);
    let changed = open(&folder).expect("it is sound");
    assert_ne!(changed.id(), &id);
    assert_ne!(embed(&changed, &[LONG, SHORT]), want);
}

#[test]
fn other_architectures_are_named() {
    let folder = tiny("bert", "mean_tokens");
    write(
        &folder,
        "config.json",
        &json!({ "architectures": ["NomicBertModel"], "model_type": "nomic_bert" }),
    );
    insta::assert_snapshot!(refusal(&folder), @r#"DIR/config.json: the architecture "NomicBertModel" of model_type Some("nomic_bert") is not supported; supported model types are bert, roberta, xlm-roberta, camembert and mpnet; use an encoder of one of these"#);
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let folder = tiny("bert", "mean_tokens");
    let mut fewer = tensors("bert");
    fewer.remove("encoder.layer.1.output.dense.bias");
    save(&folder, "model.safetensors", &fewer);
    insta::assert_snapshot!(refusal(&folder), @"DIR/: the tensor encoder.layer.1.output.dense.bias is missing from the weights");
    let whole = fs::read(folder.path().join("model.safetensors")).expect("it is there");
    fs::write(folder.path().join("model.safetensors"), &whole[..whole.len() / 2]).expect("it is written");
    let found = refusal(&folder);
    assert!(found.starts_with("DIR/model.safetensors: it is not a whole safetensors file"), "{found}");
    remove(&folder, "model.safetensors");
    insta::assert_snapshot!(refusal(&folder), @"DIR/: it has neither model.safetensors nor model.safetensors.index.json");
    fs::write(folder.path().join("pytorch_model.bin"), "PK").expect("it is written");
    insta::assert_snapshot!(refusal(&folder), @"DIR/pytorch_model.bin: the pickle format is not supported; take the model's safetensors file, or save it once with `save_pretrained` of transformers");
}

#[test]
fn what_would_change_the_numbers_is_refused() {
    let folder = tiny("bert", "weightedmean_tokens");
    insta::assert_snapshot!(refusal(&folder), @r#"DIR/1_Pooling/config.json: the pooling ["weightedmean"] is not supported; supported is one of mean, cls, max and lasttoken"#);
    write(
        &folder,
        "1_Pooling/config.json",
        &json!({ "pooling_mode_cls_token": true, "pooling_mode_max_tokens": true }),
    );
    insta::assert_snapshot!(refusal(&folder), @r#"DIR/1_Pooling/config.json: the pooling ["cls", "max"] is not supported; supported is one of mean, cls, max and lasttoken"#);
    let dense = json!([{ "path": "", "type": "x.Transformer" }, { "path": "2_Dense", "type": "x.Dense" }]);
    write(&folder, "modules.json", &dense);
    insta::assert_snapshot!(refusal(&folder), @r#"DIR/modules.json: the module "x.Dense" is not supported; supported are one Transformer, one Pooling, and Normalize"#);
    write(&folder, "modules.json", &json!([{ "path": "../..", "type": "x.Transformer" }]));
    let found = refusal(&folder);
    assert!(found.ends_with("it is named by this folder and lies outside of it"), "{found}");
}

#[test]
fn shapes_must_agree_with_the_configuration() {
    let folder = tiny("bert", "mean_tokens");
    let mut other = config("bert");
    other["intermediate_size"] = json!(12);
    write(&folder, "config.json", &other);
    insta::assert_snapshot!(refusal(&folder), @"DIR/: the tensor encoder.layer.0.intermediate.dense.weight has shape [16, 8], config.json asks for [12, 8]");
    other["num_attention_heads"] = json!(3);
    write(&folder, "config.json", &other);
    insta::assert_snapshot!(refusal(&folder), @"DIR/config.json: hidden_size 8 is not a multiple of num_attention_heads 3");
}
