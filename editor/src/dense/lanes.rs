//! Folds over numbers in lanes that are kept apart, so that the compiler makes vector code of them; a fixed number of
//! lanes, so that every processor adds in the same order.

const LANES: usize = 16;

/// Σ a·b.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (left, right) in left.zip(right) {
        for lane in 0..LANES {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The largest of some numbers after `by`, none of which is NaN.
#[inline]
pub(super) fn highest(numbers: &[f32], by: impl Fn(f32) -> f32) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest = chunks.remainder().iter().map(|x| by(*x)).fold(f32::NEG_INFINITY, larger);
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(by(chunk[lane]), lanes[lane]);
        }
    }
    lanes.into_iter().fold(rest, larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_give_what_one_after_the_other_does(numbers in proptest::collection::vec(-1f32..1.0, 0..70)) {
            let one_by_one = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(highest(&numbers, |x| x), one_by_one);
            let squares: f32 = numbers.iter().map(|x| x * x).sum();
            prop_assert!((dot(&numbers, &numbers) - squares).abs() < 1e-4);
        }
    }
}
