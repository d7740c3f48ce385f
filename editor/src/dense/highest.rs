//! The highest few hundred of a million.

/// The `most` highest of what is offered, of equals any: which ones follows from the order in which they were offered.
#[derive(Debug)]
pub(super) struct Highest<T> {
    most: usize,
    /// Up to twice as many, so that sorting them out costs little for each.
    found: Vec<(f32, T)>,
    floor: f32,
}

impl<T> Highest<T> {
    /// `most` must not be 0.
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: Vec::new(), floor: f32::NEG_INFINITY }
    }

    /// Only what is above has a chance.
    pub(super) fn floor(&self) -> f32 {
        self.floor
    }

    /// Adds what is above the floor.
    pub(super) fn push(&mut self, score: f32, what: T) {
        self.found.push((score, what));
        if self.found.len() >= 2 * self.most {
            self.sort_out();
        }
    }

    /// In no order, and whether that is all that were offered.
    pub(super) fn into_found(mut self) -> (Vec<(f32, T)>, bool) {
        if self.found.len() > self.most {
            self.sort_out();
        }
        let all = self.floor == f32::NEG_INFINITY;
        (self.found, all)
    }

    fn sort_out(&mut self) {
        let (_, (least, _), _) = self.found.select_nth_unstable_by(self.most - 1, |a, b| b.0.total_cmp(&a.0));
        self.floor = *least;
        self.found.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_what_sorting_would(scores in proptest::collection::vec(0u8..60, 0..200), most in 1usize..9) {
            let mut highest = Highest::new(most);
            for score in scores.iter().map(|score| f32::from(*score)) {
                if score > highest.floor() {
                    highest.push(score, ());
                }
            }
            let (found, all) = highest.into_found();
            let mut found: Vec<f32> = found.into_iter().map(|(score, ())| score).collect();
            found.sort_by(|a, b| b.total_cmp(a));
            let mut sorted: Vec<f32> = scores.iter().map(|score| f32::from(*score)).collect();
            sorted.sort_by(|a, b| b.total_cmp(a));
            prop_assert_eq!(all, sorted.len() <= most);
            sorted.truncate(most);
            prop_assert_eq!(found, sorted);
        }
    }
}
