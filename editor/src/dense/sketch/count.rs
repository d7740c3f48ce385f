//! What a scan does for each word of each row: counting bits, and asking the memory for what comes next.

use super::{BLOCK, Lanes, QUERY_BITS};

/// Asks the memory for the line of something that will be read soon.
#[inline(always)]
pub(in crate::dense) fn prefetch<T>(soon: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that reads nothing; every processor of this architecture has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(soon).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = soon;
}

/// ⟨c, v⟩ of each row of a block, by its signs.
#[inline(always)]
pub(super) fn products(signs: &[Lanes], query: &[[u64; QUERY_BITS]]) -> [i32; BLOCK] {
    let mut sums = [0i32; BLOCK];
    for (signs, query) in signs.iter().zip(query) {
        for (sum, signs) in sums.iter_mut().zip(signs) {
            let count = |plane: u64| (signs & plane).count_ones() as i32;
            *sum += count(query[0]) + 2 * count(query[1]) + 4 * count(query[2]) - 8 * count(query[3]);
        }
    }
    sums
}

/// What the compiler does not find: the rows of a block in the eight lanes of one register.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512 {
    use super::super::{BLOCK, Lanes, QUERY_BITS};
    use std::arch::x86_64::{
        __m256i, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_storeu_si256, _mm512_add_epi64, _mm512_and_si512,
        _mm512_cvtepi64_epi32, _mm512_loadu_si512, _mm512_popcnt_epi64, _mm512_set1_epi64,
        _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sub_epi64,
    };

    /// So far ahead of what is counted memory is asked for: the processor's own guess ends with a page.
    const AHEAD: usize = 4_096;

    /// As [`products`](super::products).
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    #[inline]
    pub(in super::super) fn products(signs: &[Lanes], query: &[[u64; QUERY_BITS]]) -> [i32; BLOCK] {
        let [mut one, mut two, mut four, mut sign] = [_mm512_setzero_si512(); QUERY_BITS];
        for (signs, query) in signs.iter().zip(query) {
            let at = signs.as_ptr();
            // A hint; the processor ignores an address that is none.
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_byte_add(AHEAD).cast());
            // SAFETY: an array of 64 bytes is read; it need not be aligned.
            let signs = unsafe { _mm512_loadu_si512(at.cast::<__m512i>()) };
            let count =
                |plane: u64| _mm512_popcnt_epi64(_mm512_and_si512(signs, _mm512_set1_epi64(plane as i64)));
            one = _mm512_add_epi64(one, count(query[0]));
            two = _mm512_add_epi64(two, count(query[1]));
            four = _mm512_add_epi64(four, count(query[2]));
            sign = _mm512_add_epi64(sign, count(query[3]));
        }
        let low = _mm512_add_epi64(one, _mm512_slli_epi64::<1>(two));
        let high = _mm512_sub_epi64(_mm512_slli_epi64::<2>(four), _mm512_slli_epi64::<3>(sign));
        let sums = _mm512_cvtepi64_epi32(_mm512_add_epi64(low, high));
        let mut found = [0i32; BLOCK];
        // SAFETY: 32 bytes are written to an array of as many; it need not be aligned.
        unsafe { _mm256_storeu_si256(found.as_mut_ptr().cast::<__m256i>(), sums) };
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// ⟨c, v⟩, number by number.
    fn slowly(signs: &[Lanes], query: &[[u64; QUERY_BITS]], lane: usize) -> i32 {
        let bit = |word: u64, at: u32| (word >> at & 1) as i32;
        let numbers = (0..64).flat_map(|at| {
            signs.iter().zip(query).map(move |(signs, query)| {
                let value =
                    bit(query[0], at) + 2 * bit(query[1], at) + 4 * bit(query[2], at) - 8 * bit(query[3], at);
                bit(signs[lane], at) * value
            })
        });
        numbers.sum()
    }

    proptest! {
        #[test]
        fn every_processor_counts_the_same(
            words in proptest::collection::vec((any::<Lanes>(), any::<[u64; QUERY_BITS]>()), 0..13)
        ) {
            let (signs, query): (Vec<Lanes>, Vec<[u64; QUERY_BITS]>) = words.into_iter().unzip();
            let want: [i32; BLOCK] = std::array::from_fn(|lane| slowly(&signs, &query, lane));
            prop_assert_eq!(products(&signs, &query), want);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
                // SAFETY: the processor has what the function is compiled for.
                prop_assert_eq!(unsafe { avx512::products(&signs, &query) }, want);
            }
        }
    }
}
