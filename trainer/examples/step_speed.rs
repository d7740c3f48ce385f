//! Tokens per second of a training step: `cargo run --release -p amend-trainer --example step_speed -- [width] [layers]`.

use amend_trainer::decoder::{
    AttentionBias, Decoder, DecoderConfig, Example, Family, Heads, OutputWeights, PackedBatch, RopeScaling,
};
use amend_trainer::optim::{AdamW, AdamWConfig, collect_gradients};
use candle_core::{DType, Device};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome {
    amend_trainer::memory::keep_freed_memory();
    // On a thread of its own with a large stack, as training runs.
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(measure)?;
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn measure() -> Outcome {
    let mut numbers = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let mut next = |default: usize| numbers.next().unwrap_or(Ok(default));
    let (width, layers, rows) = (next(128)?, next(4)?, next(32)?);
    let config = DecoderConfig {
        family: Family::Llama,
        vocab_size: 1024,
        hidden_size: width,
        intermediate_size: width * 11 / 4,
        layers,
        heads: Heads { heads: width / 32, kv_heads: width / 32, head_dim: 32 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        output: OutputWeights::Tied,
        attention_bias: AttentionBias::None,
        max_positions: 512,
        sliding_window: None,
        bos_token_id: None,
        eos_token_ids: vec![],
        pad_token_id: None,
    };
    let decoder = Decoder::fresh(config, 1, DType::F32, &Device::Cpu)?;
    let mut optimiser = AdamW::new(decoder.parameters(), AdamWConfig::default())?;
    let example = |row: u32| {
        let ids: Vec<u32> = (0..70u32).map(|i| (i * 37 + row * 101 + i * i * row) % 1024).collect();
        Example { weights: (0..70).map(|i| if i >= 60 { 1.0 } else { 0.0 }).collect(), ids }
    };
    let batch = PackedBatch::new(&(0..rows as u32).map(example).collect::<Vec<_>>())?;
    println!("{} parameters, {} tokens a batch", decoder.parameter_count(), batch.tokens());
    let mut times = [Duration::ZERO; 3];
    const STEPS: u32 = 60;
    let mut started = Instant::now();
    for step in 0..STEPS + 5 {
        if step == 5 {
            (times, started) = ([Duration::ZERO; 3], Instant::now());
        }
        let t = Instant::now();
        let loss = decoder.target_nll(&batch)?.mean_all()?;
        times[0] += t.elapsed();
        let t = Instant::now();
        let gradients = collect_gradients(decoder.parameters(), loss.backward()?)?;
        times[1] += t.elapsed();
        let t = Instant::now();
        optimiser.step(&gradients, 1e-3)?;
        times[2] += t.elapsed();
        if step % 20 == 4 {
            println!("step {step}: loss {:.4}", loss.to_scalar::<f32>()?);
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    println!("{:.0} tokens/s", f64::from(STEPS) * batch.tokens() as f64 / elapsed);
    for (name, time) in ["forward", "backward", "optimiser"].iter().zip(times) {
        println!("{name}: {:.2} ms", time.as_secs_f64() * 1e3 / f64::from(STEPS));
    }
    Ok(())
}
