//! The best few of many.

use super::DenseKey;

/// The `most` highest scores, of equals those with the smaller keys.
#[derive(Debug)]
pub(super) struct Best {
    most: usize,
    /// Best first.
    found: Vec<(f32, DenseKey)>,
}

impl Best {
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: Vec::with_capacity(most + 1) }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Only scores of at least this have a chance.
    pub(super) fn floor(&self) -> f32 {
        match self.found.last() {
            _ if self.most == 0 => f32::INFINITY,
            Some((score, _)) if self.found.len() == self.most => *score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Whether this is among the best so far.
    pub(super) fn takes(&self, score: f32, key: DenseKey) -> bool {
        match self.found.last() {
            _ if self.most == 0 => false,
            Some(last) if self.found.len() == self.most => before((score, key), *last),
            _ => true,
        }
    }

    /// It is among the best so far.
    pub(super) fn holds(&self, key: DenseKey) -> bool {
        self.found.iter().any(|(_, known)| *known == key)
    }

    pub(super) fn offer(&mut self, score: f32, key: DenseKey) {
        if self.takes(score, key) {
            let at = self.found.partition_point(|known| before(*known, (score, key)));
            self.found.insert(at, (score, key));
            self.found.truncate(self.most);
        }
    }

    /// Best first.
    pub(super) fn into_sorted(self) -> Vec<(f32, DenseKey)> {
        self.found
    }
}

fn before(a: (f32, DenseKey), b: (f32, DenseKey)) -> bool {
    a.0 > b.0 || a.0 == b.0 && a.1 < b.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_what_sorting_would(scores in proptest::collection::vec(0u8..20, 0..50), most in 0usize..6) {
            let all: Vec<(f32, DenseKey)> =
                scores.iter().enumerate().map(|(at, s)| (f32::from(*s), DenseKey(at as u64))).collect();
            let mut best = Best::new(most);
            for (score, key) in all.iter().rev() {
                best.offer(*score, *key);
            }
            let mut sorted = all;
            sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            sorted.truncate(most);
            prop_assert_eq!(best.into_sorted(), sorted);
        }
    }
}
