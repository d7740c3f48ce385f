//! Memory of a training pass, counted by the allocator: flat in the vocabulary, and less when activations are computed again.

use amend_trainer::decoder::{
    Activations, AttentionBias, Decoder, DecoderConfig, Example, Family, Heads, OutputWeights, PackedBatch,
    RopeScaling,
};
use amend_trainer::lora::{Lora, LoraConfig};
use candle_core::{DType, Device};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator with a count of the bytes in use and of their highest number.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: both calls go to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TOKENS: u32 = 300;

fn config(vocab_size: usize, layers: usize) -> DecoderConfig {
    DecoderConfig {
        family: Family::Llama,
        vocab_size,
        hidden_size: 64,
        intermediate_size: 256,
        layers,
        heads: Heads { heads: 2, kv_heads: 2, head_dim: 32 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        output: OutputWeights::Separate,
        attention_bias: AttentionBias::None,
        max_positions: 1024,
        sliding_window: None,
        bos_token_id: None,
        eos_token_ids: vec![],
        pad_token_id: None,
    }
}

/// The most that a pass with its gradients takes beside the weights, in bytes.
fn peak(vocab_size: usize, layers: usize, activations: Activations) -> usize {
    let base = Decoder::fresh(config(vocab_size, layers), 1, DType::F32, &Device::Cpu).expect("a decoder");
    let lora = Lora::fresh(&base, &LoraConfig::default(), 1).expect("an adapter");
    let decoder = base.adapted(Arc::new(lora));
    let ids = (0..TOKENS).map(|i| i * 7919 % vocab_size as u32).collect();
    let batch = PackedBatch::new(&[Example::language(ids)]).expect("packs");
    let pass = || {
        let gradients = decoder.gradients(&batch, activations, |nll| Ok(vec![1.0; nll.len()]));
        assert_eq!(gradients.expect("gradients").len(), decoder.trained().len());
    };
    // The first pass makes what is kept: rotary tables, threads, their buffers.
    pass();
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    pass();
    PEAK.load(Ordering::Relaxed) - before
}

/// One test, because the count is the whole process's.
#[test]
fn memory_is_flat_in_the_vocabulary_and_lower_when_activations_are_computed_again() {
    let worker = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let peaks = [8_192, 32_768, 131_072].map(|vocabulary| peak(vocabulary, 4, Activations::Kept));
        let deep = [Activations::Kept, Activations::Recomputed].map(|how| peak(8_192, 12, how));
        println!("peak beside the weights in bytes; vocabulary 8 k, 32 k, 131 k: {peaks:?}");
        println!("12 blocks, activations kept and computed again: {deep:?}");
        let logits = TOKENS as usize * 131_072 * 4;
        assert!(peaks[2] as f64 <= 1.02 * peaks[0] as f64, "{peaks:?}");
        assert!(peaks[2] < logits / 4, "{peaks:?} where the logits alone would be {logits}");
        assert!(deep[1] as f64 <= 0.4 * deep[0] as f64, "{deep:?}");
    });
    worker.expect("a thread").join().expect("it holds");
}
