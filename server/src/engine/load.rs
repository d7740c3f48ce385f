//! Loading a model: always on a thread of its own.
//!
//! The engine keeps decisions of a load (quantisation, adapters) in thread-locals that nothing clears, so a second load
//! on the same thread inherits them. A fresh thread has none. It also keeps the seconds that loading takes off the
//! async runtime, and turns the loader's panics, which are its way to report a bad file, into errors.

use super::{
    DeviceChoice, Dtype, EngineConfig, EngineError, GgufFile, ModelSource,
    config::SMALL_MODEL_BYTES,
    control::ControlGuard,
    prompt::{Assets, BeginToken},
    template::{ChatTemplate, ControlTexts},
    vocabulary::Vocabulary,
};
use crate::threads::apart;
use mistralrs::{
    Device, GgufModelBuilder, MemoryGpuConfig, ModelBuilder, ModelDType, PagedAttentionMetaBuilder,
    SchedulerConfig,
    core::{ChatTemplate as RawTemplate, Pipeline},
    model_builder_trait::{build_auto_pipeline, build_gguf_pipeline},
};
use std::{collections::HashSet, num::NonZeroUsize, path::Path, sync::Arc};
use tokio::sync::Mutex;

/// The weights and what runs them.
pub(super) type SharedPipeline = Arc<Mutex<dyn Pipeline>>;

/// Share of the GPU's memory that weights and the cache of keys and values may take together.
const GPU_MEMORY_SHARE: f32 = 0.85;

/// A loaded model, not running yet.
pub(super) struct Loaded {
    pub(super) pipeline: SharedPipeline,
    pub(super) scheduler: SchedulerConfig,
    pub(super) assets: Assets,
}

/// How a model will be loaded, decided before it is.
#[derive(Clone)]
pub(super) struct Decisions {
    pub(super) device: Device,
    pub(super) dtype: Dtype,
    pub(super) slots: NonZeroUsize,
}

/// In-engine sequences on a GPU, where sequences of any length step together.
const GPU_SLOTS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// In-engine sequences on CPU. mistralrs 0.8.1 steps only sequences of equal length together there, and those it mixes
/// up; see [`MistralEngine`](super::MistralEngine).
const CPU_SLOTS: NonZeroUsize = NonZeroUsize::MIN;

/// mistralrs's own bound on sequences, at its default: how many there are is for admission to say, and `amend bench`
/// compares with mistralrs as it comes.
const ENGINE_SEQUENCES: usize = 32;

impl Decisions {
    /// Opens the device and settles what the configuration leaves open.
    pub(super) fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let device = open(config.device)?;
        if matches!(config.source, ModelSource::Gguf(_))
            && matches!(config.device, DeviceChoice::Cuda(1..) | DeviceChoice::Metal(1..))
        {
            // mistralrs takes no device for GGUF files: it would silently use the first.
            return Err(EngineError::Option {
                option: "device for a GGUF file",
                value: format!("{:?}", config.device),
                accepted: "auto, cpu, cuda:0, metal:0".to_owned(),
            });
        }
        let on_cpu = device.is_cpu();
        if on_cpu && config.slots.is_some_and(|slots| slots > CPU_SLOTS) {
            return Err(EngineError::Option {
                option: "number of slots on CPU",
                value: config.slots.map_or_else(String::new, |slots| slots.to_string()),
                accepted: "1 (mistralrs 0.8 mixes up sequences that step together there)".to_owned(),
            });
        }
        let dtype = match config.dtype {
            Dtype::Auto if on_cpu && weight_bytes(&config.source).is_some_and(|b| b <= SMALL_MODEL_BYTES) => {
                Dtype::F32
            }
            chosen => chosen,
        };
        let slots = config.slots.unwrap_or(if on_cpu { CPU_SLOTS } else { GPU_SLOTS });
        Ok(Self { device, dtype, slots })
    }

    /// The number format as names have it.
    pub(super) fn dtype_name(&self) -> String {
        format!("{:?}", self.dtype).to_lowercase()
    }
}

/// Loads on a thread of its own.
pub(super) async fn load(config: EngineConfig, decisions: Decisions) -> Result<Loaded, EngineError> {
    let runtime = tokio::runtime::Handle::current();
    let (model, priority) = (config.source.to_string(), config.priority);
    let work = move || {
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(load_here(&config, &decisions))
        }));
        loaded.unwrap_or_else(|panic| Err(load_error(&model, &panic_text(&*panic))))
    };
    apart("amend-load", priority, work).await.map_err(|_| EngineError::Thread)?
}

async fn load_here(config: &EngineConfig, decisions: &Decisions) -> Result<Loaded, EngineError> {
    check_files(&config.source)?;
    let model = config.source.to_string();
    let built = match &config.source {
        ModelSource::Gguf(file) => build_gguf_pipeline(gguf_builder(file, decisions)).await,
        ModelSource::Builtin { folder } | ModelSource::Folder(folder) => {
            build_auto_pipeline(builder(&folder.to_string_lossy(), config, decisions)).await
        }
        ModelSource::Hub(hub) => {
            let mut builder = builder(&hub.repository, config, decisions);
            if let Some(revision) = &hub.revision {
                builder = builder.with_hf_revision(revision);
            }
            build_auto_pipeline(builder).await
        }
    };
    let (pipeline, scheduler, _) = built.map_err(|error| load_error(&model, &format!("{error:#}")))?;
    let assets = assets(&pipeline, config).await?;
    Ok(Loaded { pipeline, scheduler, assets })
}

fn builder(model: &str, config: &EngineConfig, decisions: &Decisions) -> ModelBuilder {
    let on_cpu = decisions.device.is_cpu();
    let mut builder = ModelBuilder::new(model)
        .with_dtype(ModelDType::from(decisions.dtype))
        .with_device(decisions.device.clone())
        .with_max_num_seqs(decisions.slots.get().max(ENGINE_SEQUENCES))
        // On CPU the cache of prefixes never gives anything back: memory would grow with every answer.
        .with_prefix_cache_n(if on_cpu { None } else { Some(16) });
    if let Some(quantization) = config.quantization {
        builder = builder.with_isq(quantization.0);
    }
    match paged_attention(on_cpu) {
        Some(paged) => builder.with_paged_attn(paged),
        None => builder,
    }
}

fn gguf_builder(file: &GgufFile, decisions: &Decisions) -> GgufModelBuilder {
    let on_cpu = decisions.device.is_cpu();
    let mut builder = match file {
        GgufFile::Local(path) => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name = path.file_name().unwrap_or_default();
            GgufModelBuilder::new(folder.to_string_lossy(), vec![name.to_string_lossy()])
        }
        GgufFile::Hub { hub, file } => {
            let builder = GgufModelBuilder::new(&hub.repository, vec![file]);
            match &hub.revision {
                Some(revision) => builder.with_hf_revision(revision),
                None => builder,
            }
        }
    };
    builder = builder
        .with_device(decisions.device.clone())
        .with_max_num_seqs(decisions.slots.get().max(ENGINE_SEQUENCES))
        .with_prefix_cache_n(if on_cpu { None } else { Some(16) });
    if on_cpu {
        builder = builder.with_force_cpu();
    }
    match paged_attention(on_cpu) {
        Some(paged) => builder.with_paged_attn(paged),
        None => builder,
    }
}

fn paged_attention(on_cpu: bool) -> Option<mistralrs::PagedAttentionConfig> {
    if on_cpu || !mistralrs::paged_attn_supported() {
        return None;
    }
    let memory = MemoryGpuConfig::Utilization(GPU_MEMORY_SHARE);
    PagedAttentionMetaBuilder::default().with_gpu_memory(memory).build().ok()
}

fn open(choice: DeviceChoice) -> Result<Device, EngineError> {
    let failed = |device: String, remedy: &'static str| {
        move |error: candle_core::Error| EngineError::Device { device, remedy, source: error.into() }
    };
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => {
            mistralrs::best_device(false).map_err(failed("auto".to_owned(), "choose --device cpu"))
        }
        DeviceChoice::Cuda(ordinal) => Device::new_cuda(ordinal).map_err(failed(
            format!("cuda:{ordinal}"),
            "check that this build has the feature `cuda`, the driver is there and the ordinal exists",
        )),
        DeviceChoice::Metal(ordinal) => Device::new_metal(ordinal)
            .map_err(failed(format!("metal:{ordinal}"), "check that this build has the feature `metal`")),
    }
}

/// The size of the weights on disk, where they are on this machine.
pub(super) fn weight_bytes(source: &ModelSource) -> Option<u64> {
    let folder = match source {
        ModelSource::Builtin { folder } | ModelSource::Folder(folder) => folder,
        ModelSource::Hub(_) | ModelSource::Gguf(_) => return None,
    };
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let weights = files.filter(|file| file.path().extension().is_some_and(|e| e == "safetensors"));
    Some(weights.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum())
}

/// The loader panics, or says "No such file", without a name, when one of these is missing.
fn check_files(source: &ModelSource) -> Result<(), EngineError> {
    let (ModelSource::Builtin { folder } | ModelSource::Folder(folder)) = source else { return Ok(()) };
    let missing = |name: &str, remedy: &'static str| {
        let path = folder.join(name);
        if path.is_file() { Ok(()) } else { Err(EngineError::MissingFile { path, remedy }) }
    };
    missing("config.json", "give a folder in the Hugging Face format")?;
    if !folder.join("tekken.json").is_file() {
        missing(
            "tokenizer.json",
            "convert the tokenizer to tokenizer.json, or copy it from the model's repository",
        )?;
    }
    if !folder.join("chat_template.jinja").is_file() {
        missing("tokenizer_config.json", "copy it, or a chat_template.jinja, from the model's repository")?;
    }
    match weight_bytes(source) {
        Some(0) | None => Err(EngineError::MissingFile {
            path: folder.join("model.safetensors"),
            remedy: "give a folder that holds the weights as safetensors",
        }),
        Some(_) => Ok(()),
    }
}

/// What the model is besides its weights. The pipeline is locked here, before the engine owns it, and never again: the
/// engine waits for that lock in a busy loop.
async fn assets(pipeline: &SharedPipeline, config: &EngineConfig) -> Result<Assets, EngineError> {
    let model = config.source.to_string();
    let unusable = |reason: String| EngineError::Unusable { model: model.clone(), reason };
    let pipeline = pipeline.lock().await;
    let metadata = pipeline.get_metadata();
    let tokenizer = pipeline
        .tokenizer()
        .ok_or_else(|| unusable("it has no tokenizer: it is no text model".to_owned()))?;
    let grammars = metadata.llg_factory.clone().ok_or_else(|| {
        unusable("its tokenizer is of a kind that text cannot be read back from".to_owned())
    })?;
    let raw = pipeline.get_chat_template();
    let template = raw.as_deref().map(compile).transpose().map_err(|error| {
        unusable(format!(
            "its chat template cannot be read: {error}; correct it, or put a chat_template.jinja beside it"
        ))
    })?;
    let special = tokenizer.get_added_tokens_decoder();
    let special: Vec<(u32, String)> = special
        .into_iter()
        .filter(|(_, token)| token.special)
        .map(|(id, token)| (id, token.content))
        .collect();
    let guard = ControlGuard::new(special.iter().map(|(_, text)| text.as_str()))
        .map_err(|error| unusable(format!("its control tokens cannot be guarded: {error}")))?;
    let control: HashSet<u32> = special.iter().map(|(id, _)| *id).collect();
    let vocabulary = Vocabulary::new(grammars.tok_env().clone(), control, metadata.eos_tok.clone());
    let space_before_words = tokenizer.token_to_id("▁the").or_else(|| tokenizer.token_to_id("▁")).is_some();
    let context_length =
        config.max_context.map_or(metadata.max_seq_len, |most| metadata.max_seq_len.min(most.into()));
    let encode = move |text: &str, begin: BeginToken| {
        let encoding = tokenizer.encode_fast(text, begin == BeginToken::Added);
        encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(|error| error.to_string())
    };
    Ok(Assets {
        encode: Box::new(encode),
        template: template.flatten(),
        vocabulary,
        grammars,
        guard,
        context_length,
        defaults: pipeline.generation_defaults().unwrap_or_default(),
        space_before_words,
    })
}

/// The template in either of its forms: one text, or several by name.
fn compile(raw: &RawTemplate) -> Result<Option<ChatTemplate>, minijinja::Error> {
    let texts = ControlTexts { begin: raw.bos_tok(), end: raw.eos_tok(), unknown: raw.unk_tok() };
    let Some(value) = &raw.chat_template else { return Ok(None) };
    let (chat, tools) = match (value.0.as_ref().left(), value.0.as_ref().right()) {
        (Some(text), _) => (Some(text.as_str()), None),
        (None, Some(list)) => {
            let named = |wanted: &str| {
                let of = |entry: &'_ std::collections::HashMap<String, String>| {
                    let by_name = entry.get("name").is_some_and(|name| name == wanted);
                    if by_name { entry.get("template").cloned() } else { entry.get(wanted).cloned() }
                };
                list.iter().find_map(of)
            };
            return match named("default") {
                Some(chat) => ChatTemplate::new(&chat, named("tool_use").as_deref(), texts).map(Some),
                None => Ok(None),
            };
        }
        (None, None) => (None, None),
    };
    chat.map(|chat| ChatTemplate::new(chat, tools, texts)).transpose()
}

fn load_error(model: &str, reason: &str) -> EngineError {
    let reason: Vec<&str> = reason.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    EngineError::Load {
        model: model.to_owned(),
        reason: reason.join(" "),
        remedy: "check that its architecture is one that mistralrs 0.8 knows, that every file of it is whole, and, for \
                 a hub id, that the network and the access token are there",
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}
