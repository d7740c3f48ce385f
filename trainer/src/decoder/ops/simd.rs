//! Inner loops written so that the compiler turns them into vector code: no branches, fixed lanes, no reordering left
//! to it (floating-point sums are only vectorised when the source says how they are split).

const LANES: usize = 16;

/// `Σ a[i]·b[i]`, split over a fixed number of lanes.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] = x[lane].mul_add(y[lane], lanes[lane]);
        }
    }
    sum_lanes(lanes) + tail
}

/// `Σ a[i]·b[i]·c[i]`, split over a fixed number of lanes.
#[inline(always)]
pub fn dot3(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks, c_chunks) =
        (a.chunks_exact(LANES), b.chunks_exact(LANES), c.chunks_exact(LANES));
    let tail: f32 = (a_chunks.remainder().iter().zip(b_chunks.remainder()).zip(c_chunks.remainder()))
        .map(|((x, y), z)| x * y * z)
        .sum();
    for ((x, y), z) in a_chunks.zip(b_chunks).zip(c_chunks) {
        for lane in 0..LANES {
            lanes[lane] = (x[lane] * y[lane]).mul_add(z[lane], lanes[lane]);
        }
    }
    sum_lanes(lanes) + tail
}

/// The largest value; `-∞` for an empty slice.
#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail = chunks.remainder().iter().fold(f32::NEG_INFINITY, |best, &x| if x > best { x } else { best });
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().fold(tail, |best, &x| if x > best { x } else { best })
}

/// Replaces every `x` by `exp(x - shift)` and returns the sum.
#[inline(always)]
pub fn exp_and_sum(values: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            lanes[lane] += chunk[lane];
        }
    }
    let mut tail = 0f32;
    for value in chunks.into_remainder() {
        *value = exp(*value - shift);
        tail += *value;
    }
    sum_lanes(lanes) + tail
}

#[inline(always)]
fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    let mut half = [0f32; LANES / 2];
    for i in 0..LANES / 2 {
        half[i] = lanes[i] + lanes[i + LANES / 2];
    }
    (half[0] + half[4]) + (half[1] + half[5]) + ((half[2] + half[6]) + (half[3] + half[7]))
}

/// `eˣ` to about 2 units in the last place, without a branch: `x = n·ln 2 + r`, a polynomial for `eʳ` (the minimax
/// coefficients of Cephes' `expf`), and `2ⁿ` put into the exponent bits. Clamped to the range of normal numbers.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which is then found in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let mut p = 1.987_569_1e-4f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 0.5);
    let mantissa = p.mul_add(r * r, r) + 1.0;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    mantissa * power
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_over_the_whole_range() {
        for step in -86_000..88_000 {
            let x = step as f32 * 1e-3;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= 3e-7 * want, "exp({x}) = {} want {want}", exp(x));
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sums_cover_the_tail() {
        let a: Vec<f32> = (0..37).map(|i| i as f32).collect();
        let squares: f32 = a.iter().map(|x| x * x).sum();
        assert_eq!(dot(&a, &a), squares);
        assert_eq!(dot3(&a, &a, &[2.0; 37]), 2.0 * squares);
        assert_eq!(max(&a), 36.0);
        assert_eq!(max(&[]), f32::NEG_INFINITY);
        let mut zeros = vec![0f32; 37];
        assert_eq!(exp_and_sum(&mut zeros, 0.0), 37.0);
    }
}
