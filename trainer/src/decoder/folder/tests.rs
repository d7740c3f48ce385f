//! Round trips of every family, and what is said about folders that are not right.

use super::*;
use crate::decoder::{Family, OutputWeights};
use crate::fixtures::{scrambled, tiny};
use std::collections::BTreeSet;

const IDS: [u32; 6] = [1, 5, 2, 8, 13, 18];

fn load(folder: &Path) -> Result<Decoder> {
    Decoder::load(folder, DType::F32, &Device::Cpu)
}

fn values(decoder: &Decoder) -> Vec<(String, Vec<f32>)> {
    let of = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1()).expect("readable");
    decoder.parameters().iter().map(|p| (p.name.clone(), of(&p.var))).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("listed");
    entries.map(|e| e.expect("listed").file_name().to_string_lossy().into_owned()).collect()
}

fn stored(folder: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder.join(WEIGHTS), &Device::Cpu).expect("readable")
}

/// A saved folder, to be damaged.
fn saved(family: Family) -> (tempfile::TempDir, Decoder) {
    let folder = tempfile::tempdir().expect("a folder");
    let decoder = scrambled(tiny(family, OutputWeights::Separate), 4, DType::F32);
    decoder.save(folder.path()).expect("saves");
    (folder, decoder)
}

/// The file and the problem of the error that loading gives.
fn problem(folder: &Path) -> (String, String) {
    match load(folder).map(|d| d.parameter_count()) {
        Err(Error::Model { path, problem }) => {
            (path.strip_prefix(folder).expect("inside the folder").display().to_string(), problem)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_family_survives_tied_and_untied_in_one_file_and_in_several() {
    for family in Family::ALL {
        for output in [OutputWeights::Tied, OutputWeights::Separate] {
            let decoder = scrambled(tiny(family, output), 7, DType::F32);
            let want = (values(&decoder), decoder.logits(&IDS).expect("logits"));
            for shard_bytes in [usize::MAX, 3000] {
                let folder = tempfile::tempdir().expect("a folder");
                decoder.save_sharded(folder.path(), shard_bytes).expect("saves");
                let loaded = load(folder.path()).expect("loads");
                assert_eq!(loaded.config(), decoder.config(), "{family:?} {output:?}");
                let got = (values(&loaded), loaded.logits(&IDS).expect("logits"));
                assert!(got == want, "{family:?} {output:?} {shard_bytes}");
                assert_eq!(names(folder.path()).contains(INDEX), shard_bytes != usize::MAX);
            }
        }
    }
}

#[test]
fn the_tensors_have_the_names_and_shapes_of_transformers() {
    let (folder, _) = saved(Family::Qwen3);
    let tensors = stored(folder.path());
    let shape = |name: &str| tensors[name].dims().to_vec();
    assert_eq!(tensors.len(), 2 * 11 + 3);
    assert_eq!(shape("model.embed_tokens.weight"), [19, 12]);
    assert_eq!(shape("model.layers.1.self_attn.q_proj.weight"), [24, 12]);
    assert_eq!(shape("model.layers.1.self_attn.k_proj.weight"), [12, 12]);
    assert_eq!(shape("model.layers.1.self_attn.v_proj.weight"), [12, 12]);
    assert_eq!(shape("model.layers.1.self_attn.o_proj.weight"), [12, 24]);
    assert_eq!(shape("model.layers.1.self_attn.q_norm.weight"), [6]);
    assert_eq!(shape("model.layers.1.self_attn.k_norm.weight"), [6]);
    assert_eq!(shape("model.layers.0.mlp.gate_proj.weight"), [10, 12]);
    assert_eq!(shape("model.layers.0.mlp.up_proj.weight"), [10, 12]);
    assert_eq!(shape("model.layers.0.mlp.down_proj.weight"), [12, 10]);
    assert_eq!(shape("model.layers.0.input_layernorm.weight"), [12]);
    assert_eq!(shape("model.layers.0.post_attention_layernorm.weight"), [12]);
    assert_eq!(shape("model.norm.weight"), [12]);
    assert_eq!(shape("lm_head.weight"), [19, 12]);
    let (folder, _) = saved(Family::Llama);
    let tensors = stored(folder.path());
    assert_eq!(tensors["model.layers.0.self_attn.k_proj.bias"].dims(), [12]);
    assert_eq!(tensors["model.layers.0.self_attn.o_proj.bias"].dims(), [12]);
}

#[test]
fn half_precision_weights_are_read_exactly() {
    let (folder, decoder) = saved(Family::Qwen2);
    for (dtype, tolerance) in [(DType::BF16, 1.0 / 256.0), (DType::F16, 1.0 / 2048.0)] {
        let tensors: HashMap<String, Tensor> =
            stored(folder.path()).into_iter().map(|(n, t)| (n, t.to_dtype(dtype).expect("a cast"))).collect();
        let half = tempfile::tempdir().expect("a folder");
        candle_core::safetensors::save(&tensors, half.path().join(WEIGHTS)).expect("saves");
        fs::copy(folder.path().join(CONFIG), half.path().join(CONFIG)).expect("copies");
        for ((name, want), (_, got)) in
            values(&decoder).iter().zip(values(&load(half.path()).expect("loads")))
        {
            for (want, got) in want.iter().zip(got) {
                assert!((want - got).abs() <= tolerance * want.abs().max(1e-3), "{name}: {want} {got}");
            }
        }
    }
    let double = Decoder::load(folder.path(), DType::F64, &Device::Cpu).expect("loads");
    let again = tempfile::tempdir().expect("a folder");
    double.save(again.path()).expect("saves");
    assert_eq!(values(&load(again.path()).expect("loads")), values(&decoder));
}

#[test]
fn saving_again_in_another_layout_leaves_no_old_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let decoder = |seed| scrambled(tiny(Family::Mistral, OutputWeights::Tied), seed, DType::F32);
    fs::write(folder.path().join("model-notes.safetensors"), "kept").expect("writes");
    for (seed, shard_bytes) in [(1, 3000), (2, 1), (3, usize::MAX), (4, 5000)] {
        decoder(seed).save_sharded(folder.path(), shard_bytes).expect("saves");
        assert_eq!(values(&load(folder.path()).expect("loads")), values(&decoder(seed)));
        let names = names(folder.path());
        let shards = names.iter().filter(|n| is_shard(n)).count();
        assert_eq!(names.contains(WEIGHTS), shards == 0);
        assert_eq!(names.contains(INDEX), shards > 0);
        let plain = 3 + usize::from(shards > 0) + shards.max(1);
        assert_eq!(names.len(), plain, "{names:?}");
    }
}

#[test]
fn special_tokens_come_from_the_generation_config_where_it_names_them() {
    let (folder, decoder) = saved(Family::Llama);
    assert_eq!(load(folder.path()).expect("loads").config(), decoder.config());
    let path = folder.path().join(GENERATION);
    fs::write(&path, r#"{"eos_token_id": [3, 4], "temperature": 0.6}"#).expect("writes");
    let config = load(folder.path()).expect("loads").config().clone();
    assert_eq!((config.eos_token_ids, config.bos_token_id), (vec![3, 4], Some(0)));
    fs::write(&path, r#"{"eos_token_id": "three"}"#).expect("writes");
    let (file, problem) = problem(folder.path());
    assert_eq!(file, GENERATION);
    assert!(problem.starts_with("eos_token_id: expected a token id"), "{problem}");
    fs::remove_file(&path).expect("removes");
    assert_eq!(load(folder.path()).expect("loads").config().eos_token_ids, [1]);
}

#[test]
fn missing_and_misshaped_tensors_are_named_with_their_file() {
    let (folder, _) = saved(Family::Qwen3);
    let path = folder.path().join(WEIGHTS);
    let write = |change: &dyn Fn(&mut HashMap<String, Tensor>)| {
        let mut tensors = saved(Family::Qwen3).1.hf_tensors().expect("views").into_iter().collect();
        change(&mut tensors);
        candle_core::safetensors::save(&tensors, &path).expect("saves");
        problem(folder.path())
    };
    let name = "model.layers.1.mlp.up_proj.weight";
    let (file, problem) = write(&|t| drop(t.remove(name)));
    assert_eq!((file.as_str(), problem), (WEIGHTS, format!("the tensor {name} is missing")));
    let narrow = |t: &Tensor| t.narrow(0, 0, 9).and_then(|t| t.contiguous()).expect("narrower");
    let cast = |t: &Tensor| t.to_dtype(DType::I64).expect("a cast");
    let (_, problem) = write(&|t| drop(t.insert(name.into(), narrow(&t[name]))));
    assert_eq!(problem, format!("the tensor {name} has shape [9, 12], config.json asks for [10, 12]"));
    let (_, problem) = write(&|t| drop(t.insert(name.into(), cast(&t[name]))));
    assert_eq!(problem, format!("the tensor {name} is stored as I64; supported are F16, BF16 and F32"));
}

#[test]
fn damaged_files_are_recognised() {
    let (folder, _) = saved(Family::Llama);
    let path = folder.path().join(WEIGHTS);
    let whole = fs::read(&path).expect("readable");
    let damaged = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writes");
        let (file, problem) = problem(folder.path());
        assert_eq!(file, WEIGHTS);
        problem
    };
    assert!(damaged(&whole[..whole.len() - 100]).contains("but its header describes"));
    assert!(damaged(&[&whole[..], b"more"].concat()).contains("but its header describes"));
    assert!(damaged(&whole[..40]).contains("cut short"));
    assert!(damaged(&whole[..3]).contains("too few"));
    assert!(damaged(b"").contains("too few"));
    assert!(damaged(&[b"version https://git-lfs".as_slice(), &whole].concat()).contains("not a safetensors"));
    let mut header = whole.clone();
    header[20] = b'!';
    assert!(damaged(&header).contains("header is damaged"));
    fs::remove_file(&path).expect("removes");
    assert_eq!(problem(folder.path()).1, "it has neither model.safetensors nor model.safetensors.index.json");
}

#[test]
fn a_wrong_index_is_recognised() {
    let folder = tempfile::tempdir().expect("a folder");
    let decoder = scrambled(tiny(Family::Llama, OutputWeights::Tied), 2, DType::F32);
    decoder.save_sharded(folder.path(), 3000).expect("saves");
    let path = folder.path().join(INDEX);
    let whole = fs::read_to_string(&path).expect("readable");
    let with = |text: &str| {
        fs::write(&path, text).expect("writes");
        load(folder.path()).map(|d| d.parameter_count())
    };
    let (norm, other) = ("model.norm.weight", "model.layers.9.norm.weight");
    let lost = with(&whole.replace(norm, other));
    assert!(matches!(lost, Err(Error::Model { path, problem })
        if path.ends_with(INDEX) && problem == "the tensor model.norm.weight is missing"));
    let index: Value = serde_json::from_str(&whole).expect("json");
    let files = index["weight_map"].as_object().expect("a map");
    let (first, last) = (files["model.embed_tokens.weight"].as_str(), files[norm].as_str());
    let (first, last) = (first.expect("a name"), last.expect("a name"));
    assert_ne!(first, last);
    let line = |file: &str| format!("\"{norm}\": \"{file}\"");
    let moved = with(&whole.replace(&line(last), &line(first)));
    assert!(matches!(moved, Err(Error::Model { path, problem })
        if path.ends_with(first) && problem == "the tensor model.norm.weight is missing"));
    let outside = with(&whole.replace(&line(last), &line("../model.safetensors")));
    assert!(
        matches!(outside, Err(Error::Model { problem, .. }) if problem.contains("not a file of the folder"))
    );
    let absent = with(&whole.replace(&line(last), &line("model-00077-of-00077.safetensors")));
    assert!(
        matches!(absent, Err(Error::Io { path, .. }) if path.ends_with("model-00077-of-00077.safetensors"))
    );
    assert!(matches!(with("{}"), Err(Error::Model { problem, .. }) if problem.contains("weight_map")));
}

#[test]
fn a_config_that_does_not_fit_is_named() {
    let (folder, _) = saved(Family::Llama);
    let path = folder.path().join(CONFIG);
    let text = fs::read_to_string(&path).expect("readable");
    fs::write(&path, text.replace("LlamaForCausalLM", "GPT2LMHeadModel")).expect("writes");
    let (file, problem) = problem(folder.path());
    assert_eq!(file, CONFIG);
    assert!(problem.contains("GPT2LMHeadModel") && problem.contains("Qwen3ForCausalLM"), "{problem}");
    fs::remove_file(&path).expect("removes");
    assert!(matches!(load(folder.path()), Err(Error::Io { path, .. }) if path.ends_with(CONFIG)));
}
