//! What an operator decides about the engine.

use super::{
    ModelSource,
    error::EngineError,
    load::{Decisions, weight_bytes},
    model::MistralEngine,
    revision::revision,
};
use amend_proto::{ModelId, Priority, RevisionId};
use mistralrs::{IsqType, ModelDType};
use std::{fmt, num::NonZeroUsize, str::FromStr};

/// The number format of weights and activations. Ignored for GGUF files, which bring their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// On a GPU what it does best (bf16, else f16). On CPU f32 for up to [`SMALL_MODEL_BYTES`] of weights, above that
    /// what the engine picks (f16).
    #[default]
    Auto,
    /// 32 bit: exact to the checkpoint, twice the memory.
    F32,
    /// 16 bit, IEEE.
    F16,
    /// 16 bit, brain float.
    Bf16,
}

/// Up to this many bytes of weights a model is served in f32 on CPU when nobody chose a dtype.
///
/// The engine's own "auto" silently converts an f32 checkpoint to 16 bit there. For a small model that saves nothing
/// that matters and makes its answers differ from the trainer's; for a large one half the memory traffic is worth it.
pub const SMALL_MODEL_BYTES: u64 = 256 << 20;

impl FromStr for Dtype {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            _ => Err(EngineError::Option {
                option: "dtype",
                value: text.to_owned(),
                accepted: "auto, f32, f16, bf16".to_owned(),
            }),
        }
    }
}

impl From<Dtype> for ModelDType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Auto => Self::Auto,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::BF16,
        }
    }
}

/// A quantisation of the linear layers while loading (`q4k`, `q8_0`, …).
#[derive(Clone, Copy, PartialEq)]
pub struct Quantization(pub(super) IsqType);

impl fmt::Debug for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Quantization {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        mistralrs::parse_isq_value(text, None).map(Self).map_err(|_| EngineError::Option {
            option: "quantization",
            value: text.to_owned(),
            accepted: "q4_0, q4_1, q5_0, q5_1, q8_0, q8_1, q2k, q3k, q4k, q5k, q6k, q8k, hqq4, hqq8, fp8, afq2 to afq8 \
                       (metal), or a number of bits"
                .to_owned(),
        })
    }
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU when this build has support for one and one is there, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this ordinal; needs a build with `--features cuda`.
    Cuda(usize),
    /// The Metal device with this ordinal; needs a build with `--features metal`.
    Metal(usize),
}

impl FromStr for DeviceChoice {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let lower = text.to_ascii_lowercase();
        let (kind, ordinal) = lower.split_once(':').unwrap_or((&lower, "0"));
        match (kind, ordinal.parse()) {
            ("auto", Ok(0)) => Ok(Self::Auto),
            ("cpu", Ok(0)) => Ok(Self::Cpu),
            ("cuda", Ok(ordinal)) => Ok(Self::Cuda(ordinal)),
            ("metal", Ok(ordinal)) => Ok(Self::Metal(ordinal)),
            _ => Err(EngineError::Option {
                option: "device",
                value: text.to_owned(),
                accepted: "auto, cpu, cuda, cuda:N, metal, metal:N".to_owned(),
            }),
        }
    }
}

/// What an operator decides about the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where the model comes from.
    pub source: ModelSource,
    /// The name that clients ask for; `None` takes [`ModelSource::name`].
    pub model_id: Option<ModelId>,
    /// The number format.
    pub dtype: Dtype,
    /// The quantisation while loading, if any.
    pub quantization: Option<Quantization>,
    /// What computes.
    pub device: DeviceChoice,
    /// Most tokens of prompt and answer together; never more than the model was made for. `None` is all of them.
    pub max_context: Option<NonZeroUsize>,
    /// Most sequences inside the engine at a time; `None` is what is best for the device: 1 on CPU, where more is
    /// refused, 64 on a GPU.
    ///
    /// Admission should hand out as many slots: see [`slots`](Self::slots).
    pub slots: Option<NonZeroUsize>,
    /// What its answers call the revision; `None` is a hash of the files and of the format that they are served in.
    pub revision: Option<RevisionId>,
    /// Whom it answers: an engine that only the daemon's own jobs ask has the processor after all others.
    pub priority: Priority,
}

impl EngineConfig {
    /// Everything at its default for this model.
    #[must_use]
    pub fn new(source: ModelSource) -> Self {
        Self {
            source,
            model_id: None,
            dtype: Dtype::Auto,
            quantization: None,
            device: DeviceChoice::Auto,
            max_context: None,
            slots: None,
            revision: None,
            priority: Priority::Live,
        }
    }

    /// How many requests the engine should work on at a time: what was asked for, or what was measured best for the
    /// device. The slots for [`admission`](crate::admission).
    ///
    /// # Errors
    /// When the device cannot be opened.
    pub fn slots(&self) -> Result<NonZeroUsize, EngineError> {
        Decisions::new(self).map(|decisions| decisions.slots)
    }

    /// Whether it computes on CPU and its weights take up to [`SMALL_MODEL_BYTES`] on disk: it then answers one request at
    /// a time, and costs little twice.
    #[must_use]
    pub fn is_small_on_cpu(&self) -> bool {
        Decisions::new(self).is_ok_and(|decisions| decisions.device.is_cpu())
            && weight_bytes(&self.source).is_some_and(|bytes| bytes <= SMALL_MODEL_BYTES)
    }

    /// What the model's files are called, and what they are called as they are served; `None` for those that are fetched
    /// while they are loaded.
    ///
    /// # Errors
    /// When they cannot be read, or the device cannot be opened.
    pub async fn revisions(&self) -> Result<Option<(RevisionId, RevisionId)>, EngineError> {
        if self.source.local_files().is_none() {
            return Ok(None);
        }
        let dtype = Decisions::new(self)?.dtype_name();
        let config = self.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let files = EngineConfig { quantization: None, ..config.clone() };
            Ok::<_, EngineError>((revision(&files, "any")?, revision(&config, &dtype)?))
        });
        hashed.await.map_err(|_| EngineError::Thread)?.map(Some)
    }

    /// Loads the model, which takes from tens of milliseconds to minutes, on a thread of its own.
    ///
    /// # Errors
    /// [`EngineError`] names the file and what to do.
    pub async fn build(self) -> Result<MistralEngine, EngineError> {
        MistralEngine::load(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_slot_on_cpu_is_refused() {
        let source = ModelSource::Folder("/models/tiny".into());
        let config = EngineConfig { device: DeviceChoice::Cpu, ..EngineConfig::new(source) };
        assert_eq!(config.slots().unwrap(), NonZeroUsize::MIN);
        let two = EngineConfig { slots: NonZeroUsize::new(2), ..config };
        assert!(two.slots().unwrap_err().to_string().contains("CPU"));
    }

    #[test]
    fn options_are_read_or_refused_with_the_alternatives() {
        assert_eq!("BF16".parse::<Dtype>().unwrap(), Dtype::Bf16);
        assert_eq!("cuda:1".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(1));
        assert_eq!("cpu".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cpu);
        assert_eq!("q8_0".parse::<Quantization>().unwrap(), Quantization(IsqType::Q8_0));
        assert_eq!("Q4K".parse::<Quantization>().unwrap(), Quantization(IsqType::Q4K));
        for error in [
            "f8".parse::<Dtype>().unwrap_err(),
            "cpu:1".parse::<DeviceChoice>().unwrap_err(),
            "q9".parse::<Quantization>().unwrap_err(),
        ] {
            assert!(error.to_string().contains("give one of"), "{error}");
        }
    }
}
