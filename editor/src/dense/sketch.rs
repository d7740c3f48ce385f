//! Sketches: two bits a number, enough to tell which rows of a segment cannot be among the nearest.
//!
//! A row x is taken relative to the segment's mean m, rotated, and every number of r = R(x − m) becomes one of four
//! levels, `l = 2c − 3` for `c` in 0 to 3. From the levels the dot product with a rotated query is estimated as
//! `f · ⟨l, R(q − m)⟩` with `f = |r|² / ⟨l, r⟩`, which is right on average over rotations, and off by a standard error
//! that is known for each row (RaBitQ, Gao and Long 2024, arXiv 2405.12497, and its extension to several bits). The
//! query's numbers are rounded to four bits, signed, and kept by bit; so is c; then ⟨c, v⟩ is a sum of bit counts:
//! `Σ 2ᵖ · wⱼ · popcount(cₚ & vⱼ)`.
//!
//! A scan reads much memory, so it is made in two steps: first with the higher bit of each level alone,
//! its sign, which is half of the memory and an estimate with a larger known error; then, for the rows that this does not
//! rule out, with both. The signs of eight rows lie side by side, as they are scanned; the lower bits lie row by row, so
//! that a row costs one wait for the memory, which is asked for them ahead.

use self::count::products;
pub(super) use self::{count::prefetch, planes::Planes};
use super::{lanes::dot, quantised::Quantised, rotation::Rotation};

/// Rows that are scanned together, one in each lane.
pub(super) const BLOCK: usize = 8;
/// Bits of a level.
const LEVEL_BITS: usize = 2;
/// Bits of a query's number.
const QUERY_BITS: usize = 4;
/// What a query's bit counts for: two's complement.
const WEIGHTS: [i64; QUERY_BITS] = [1, 2, 4, -8];
/// Half the width of a level, in standard deviations, that fits normally distributed numbers best (Max 1960).
const LEVEL: f32 = 0.995_7;
/// The variance that rounding a query to four bits adds, relative to that of an estimate without levels.
const QUERY_NOISE: f32 = 0.03;
/// How many standard errors below the worst of the best a row must be estimated to be passed over. One in 740 of those
/// that belong exactly at that edge is lost in a step, and fewer of those above it: see the tables of [dense](super). With
/// 2.6, 9 of 22,464 were lost where now one is; with 3.3, lookups for the 32 nearest computed up to a tenth longer.
const MARGIN: f32 = 3.0;

/// Covers what rounding does to a bound, where a row's error is 0.
const SLACK: f32 = 1e-4;

type Lanes = [u64; BLOCK];

/// What an estimate needs to know of a row besides its levels.
#[derive(Debug, Clone, Copy, Default)]
struct Fit {
    /// f.
    factor: f32,
    /// The standard error of an estimate for a query with |q − m| = 1, in f.
    error: f32,
}

impl Fit {
    /// Of levels of which ⟨l, r⟩ and |l|² are given, for a row of |r|² and so many numbers.
    fn of(dot: f32, levels_squared: f32, squared: f32, dim: f32) -> Self {
        if dot <= 0.0 {
            return Self::default();
        }
        // cos² of the angle between the row and its levels.
        let aligned = (dot * dot / (levels_squared * squared)).min(1.0);
        Self { factor: squared / dot, error: (levels_squared / dim * (1.0 - aligned + QUERY_NOISE)).sqrt() }
    }

    fn to_bits(self) -> u64 {
        u64::from(self.factor.to_bits()) << 32 | u64::from(self.error.to_bits())
    }

    fn from_bits(bits: u64) -> Self {
        Self { factor: f32::from_bits((bits >> 32) as u32), error: f32::from_bits(bits as u32) }
    }
}

/// What the first step reads of a block's rows besides their signs, a row in each lane.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Rows {
    factor: [f32; BLOCK],
    /// ⟨x, m⟩.
    offset: [f32; BLOCK],
}

/// A cache line of what the second step reads of a row: the lower bits of its levels, and in the last word of its last
/// line their [`Fit`].
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line([u64; BLOCK]);

/// The sketches of a segment.
#[derive(Debug)]
pub(super) struct Sketch {
    mean: Box<[f32]>,
    rotated_mean: Box<[f32]>,
    mean_squared: f32,
    /// By block and word: the higher bits of the levels of 64 numbers of each row.
    signs: Vec<Lanes>,
    rows: Vec<Rows>,
    /// The largest error of any row's signs, in its factor: in segments of the bench's rows a tenth above their mean.
    error: f32,
    /// Row by row: few are read.
    rest: Vec<Line>,
    words: usize,
    /// Of each row in `rest`.
    lines: usize,
}

/// A query, rotated.
#[derive(Debug)]
pub(super) struct RotatedQuery {
    values: Box<[f32]>,
    rotated: Box<[f32]>,
}

impl RotatedQuery {
    pub(super) fn new(values: &[f32], rotation: &Rotation) -> Self {
        let mut rotated: Box<[f32]> = values.into();
        rotation.apply(&mut rotated);
        Self { values: values.into(), rotated }
    }

    /// As it was.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}

impl Sketch {
    /// Sketches around a mean, with room for `rows` rows, none of which is set.
    pub(super) fn new(mean: Box<[f32]>, rows: usize, rotation: &Rotation) -> Self {
        let mut rotated_mean = mean.clone();
        rotation.apply(&mut rotated_mean);
        let (words, blocks) = (mean.len().div_ceil(64), rows.div_ceil(BLOCK));
        let lines = (words + 1).div_ceil(BLOCK);
        Self {
            mean_squared: mean.iter().map(|x| x * x).sum(),
            mean,
            rotated_mean,
            signs: vec![[0; BLOCK]; blocks * words],
            rows: vec![Rows::default(); blocks],
            error: 0.0,
            rest: vec![Line::default(); rows * lines],
            words,
            lines,
        }
    }

    /// Sets the sketch of a row.
    pub(super) fn set(&mut self, row: usize, stored: &Quantised, rotation: &Rotation) {
        let mut rest: Vec<f32> = stored.values().collect();
        let offset: f32 = rest.iter().zip(&self.mean).map(|(x, m)| x * m).sum();
        rotation.apply(&mut rest);
        for (x, m) in rest.iter_mut().zip(&self.rotated_mean) {
            *x -= m;
        }
        let squared: f32 = rest.iter().map(|x| x * x).sum();
        let dim = rest.len() as f32;
        let width = LEVEL * (squared / dim).sqrt();
        let (mut dot, mut levels_squared, mut sizes) = (0f32, 0f32, 0f32);
        let mut planes = vec![[0u64; LEVEL_BITS]; self.words];
        for (at, x) in rest.iter().enumerate() {
            let code = if width > 0.0 { ((x / width).floor() + 2.0).clamp(0.0, 3.0) } else { 0.0 };
            let level = 2.0 * code - 3.0;
            dot += level * x;
            levels_squared += level * level;
            sizes += if code >= 2.0 { *x } else { -x };
            for (bit, plane) in planes[at / 64].iter_mut().enumerate() {
                *plane |= ((code as u64 >> bit) & 1) << (at % 64);
            }
        }
        let (block, lane) = (row / BLOCK, row % BLOCK);
        let rest = &mut self.rest[row * self.lines..][..self.lines];
        for (word, [low, high]) in planes.into_iter().enumerate() {
            rest[word / BLOCK].0[word % BLOCK] = low;
            self.signs[block * self.words + word][lane] = high;
        }
        rest[self.lines - 1].0[BLOCK - 1] = Fit::of(dot, levels_squared, squared, dim).to_bits();
        let Fit { factor, error } = Fit::of(sizes, dim, squared, dim);
        self.error = self.error.max(error);
        self.rows[block].factor[lane] = factor;
        self.rows[block].offset[lane] = offset;
    }

    /// Copies the sketch of one row over that of another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let ((source, left), (block, lane)) = ((from / BLOCK, from % BLOCK), (to / BLOCK, to % BLOCK));
        for word in 0..self.words {
            self.signs[block * self.words + word][lane] = self.signs[source * self.words + word][left];
        }
        let copied = self.rows[source];
        self.rows[block].factor[lane] = copied.factor[left];
        self.rows[block].offset[lane] = copied.offset[left];
        self.rest.copy_within(from * self.lines..(from + 1) * self.lines, to * self.lines);
    }

    /// For each of the first `rows` rows, a cosine that it most probably does not exceed, by its signs.
    pub(super) fn bounds(&self, planes: &Planes, rows: usize, bounds: &mut Vec<f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512vpopcntdq") && has!("avx2") && has!("fma") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { self.scan_avx512(planes, rows, bounds) };
            }
            if has!("avx2") && has!("popcnt") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { self.scan_avx2(planes, rows, bounds) };
            }
        }
        self.scan(planes, rows, bounds, products);
    }

    /// Asks the memory for what [`bound`](Self::bound) will read of a row.
    pub(super) fn prefetch(&self, row: usize) {
        prefetch(&self.rows[row / BLOCK]);
        self.rest[row * self.lines..][..self.lines].iter().for_each(prefetch);
    }

    /// The same for one row, closer, by both bits of its levels. What the higher ones say is taken from the `first` bound:
    /// they lie in as many lines of the processor's cache as they have words.
    pub(super) fn bound(&self, planes: &Planes, row: usize, first: f32) -> f32 {
        let (block, lane) = (row / BLOCK, row % BLOCK);
        let (sign_factor, offset) = (self.rows[block].factor[lane], self.rows[block].offset[lane]);
        if sign_factor <= 0.0 {
            // It is the mean.
            return first;
        }
        let rest = &self.rest[row * self.lines..][..self.lines];
        let mut ones = 0;
        for (rest, query) in rest.iter().zip(planes.bits.chunks(BLOCK)) {
            for (low, query) in rest.0.iter().zip(query) {
                for (weight, plane) in WEIGHTS.iter().zip(query) {
                    ones += weight * i64::from((low & plane).count_ones());
                }
            }
        }
        let signs = (first - SLACK - planes.base - offset) / sign_factor - planes.margin(self.error);
        // With c = ones + 2 · twos, 2c − 3 is 2 · (2 · twos − 1) and 2 · ones − 1.
        let levels = 2.0 * signs + planes.step * (2 * ones - planes.sum) as f32;
        let Fit { factor, error } = Fit::from_bits(rest[self.lines - 1].0[BLOCK - 1]);
        planes.bound(factor, offset, levels, planes.margin(error))
    }

    /// Counts bits eight words at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vpopcntdq,avx2,fma")]
    fn scan_avx512(&self, planes: &Planes, rows: usize, bounds: &mut Vec<f32>) {
        self.scan(planes, rows, bounds, |signs, query| count::avx512::products(signs, query));
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,popcnt")]
    fn scan_avx2(&self, planes: &Planes, rows: usize, bounds: &mut Vec<f32>) {
        self.scan(planes, rows, bounds, products);
    }

    /// Inlined into each function above, to be compiled for its processor.
    #[inline(always)]
    fn scan(
        &self,
        planes: &Planes,
        rows: usize,
        bounds: &mut Vec<f32>,
        products: impl Fn(&[Lanes], &[[u64; QUERY_BITS]]) -> [i32; BLOCK],
    ) {
        bounds.clear();
        let margin = planes.margin(self.error);
        let blocks = self.signs.chunks_exact(self.words).zip(&self.rows);
        for (bits, rows) in blocks.take(rows.div_ceil(BLOCK)) {
            let products = products(bits, &planes.bits);
            let mut found = [0f32; BLOCK];
            for lane in 0..BLOCK {
                let levels = planes.step * (2 * products[lane] - planes.sum as i32) as f32;
                found[lane] = planes.bound(rows.factor[lane], rows.offset[lane], levels, margin);
            }
            bounds.extend_from_slice(&found);
        }
        bounds.truncate(rows);
    }

    /// A query as the rows of this segment are compared with it.
    pub(super) fn planes(&self, query: &RotatedQuery) -> Planes {
        let rest: Vec<f32> = query.rotated.iter().zip(&self.rotated_mean).map(|(q, m)| q - m).collect();
        Planes::new(&rest, dot(&query.values, &self.mean) - self.mean_squared)
    }
}

mod count;
mod planes;
#[cfg(test)]
mod tests;
