//! Leaving out inputs at random, but the same ones for the same key: a resumed run leaves out what the straight one does.

use crate::decoder::LinearPlace;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// Values made by one task.
const VALUES_PER_TASK: usize = 1 << 14;

/// The random stream of one linear in one pass: `key` differs from batch to batch.
pub(super) fn stream(seed: u64, key: u64, place: LinearPlace) -> u64 {
    let place = (place.layer as u64) << 2 | place.linear as u64;
    mix(mix(mix(seed) ^ key) ^ place)
}

/// `x` with each value zero with probability `share`, the others divided by `1 − share`, so that the mean stays.
///
/// # Errors
/// When the mask cannot be made on the device of `x`.
pub(super) fn dropout(x: &Tensor, share: f64, stream: u64) -> Result<Tensor> {
    let mut mask = vec![0f32; x.elem_count()];
    // 32 random bits a value.
    let limit = (share * f64::from(u32::MAX)) as u32;
    let kept = (1.0 / (1.0 - share)) as f32;
    mask.par_chunks_mut(VALUES_PER_TASK).enumerate().for_each(|(task, values)| {
        let first = (task * VALUES_PER_TASK / 2) as u64;
        for (pair, values) in values.chunks_mut(2).enumerate() {
            let bits = mix(stream.wrapping_add((first + pair as u64).wrapping_mul(GOLDEN)));
            for (value, bits) in values.iter_mut().zip([bits as u32, (bits >> 32) as u32]) {
                *value = if bits < limit { 0.0 } else { kept };
            }
        }
    });
    let mask = Tensor::from_vec(mask, x.shape(), &candle_core::Device::Cpu)?;
    x * mask.to_dtype(x.dtype())?.to_device(x.device())?
}

/// The step of splitmix64 (Steele et al. 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::BlockLinear;
    use candle_core::{DType, Device};

    fn place(layer: usize, linear: BlockLinear) -> LinearPlace {
        LinearPlace { layer, linear }
    }

    #[test]
    fn the_share_is_left_out_the_mean_stays_and_a_key_repeats_it() {
        let x = Tensor::ones((300, 701), DType::F32, &Device::Cpu).expect("ones");
        let values = |key| -> Vec<f32> {
            let dropped = dropout(&x, 0.2, stream(7, key, place(0, BlockLinear::Qkv))).expect("a mask");
            dropped.flatten_all().and_then(|t| t.to_vec1()).expect("readable")
        };
        let first = values(1);
        let zeros = first.iter().filter(|v| **v == 0.0).count() as f64 / first.len() as f64;
        let mean = first.iter().map(|v| f64::from(*v)).sum::<f64>() / first.len() as f64;
        assert!((zeros - 0.2).abs() < 0.005 && (mean - 1.0).abs() < 0.005, "{zeros} {mean}");
        assert!(first.iter().all(|v| *v == 0.0 || *v == 1.25));
        assert_eq!(values(1), first);
        assert_ne!(values(2), first);
        let differ = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        // Independent masks differ in 2·0.2·0.8 of all values.
        let share = differ(&values(2), &first) as f64 / first.len() as f64;
        assert!((share - 0.32).abs() < 0.01, "{share}");
    }

    #[test]
    fn every_linear_has_a_stream_of_its_own() {
        use BlockLinear::{Down, GateUp, Output, Qkv};
        let all = |key: u64| {
            (0..3).flat_map(move |layer| [Qkv, Output, GateUp, Down].map(|l| stream(7, key, place(layer, l))))
        };
        let streams: std::collections::HashSet<u64> = (0..50).flat_map(all).collect();
        assert_eq!(streams.len(), 50 * 12);
    }
}
