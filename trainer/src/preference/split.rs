//! What is held out, for good.

use super::key::family_parts;
use super::pair::Pair;
use crate::digest;
use crate::{Error, Result};
use amend_proto::Message;
use serde::{Deserialize, Serialize};

/// What keeps this split apart from other uses of the same hash. Changing it moves every prompt.
const SALT: &str = "amend preference split 1";

/// What a pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Learnt from.
    Train,
    /// Measured on, never learnt from.
    HeldOut,
}

/// The share of prompts that are held out.
///
/// The side of a prompt is decided by its hash alone: it does not depend on other pairs, on their order, or on when it is
/// asked, so what was once held out is never trained on later. Letter case, marks at the end of a message, runs of white
/// space and system messages do not count, so the same question asked a little differently is on the same side. A
/// larger share holds out what a smaller one does, and more.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct HeldOutShare(f64);

impl HeldOutShare {
    /// Nothing is held out.
    pub const NONE: Self = Self(0.0);

    /// A share.
    ///
    /// # Errors
    /// [`Error::Settings`] unless 0 ≤ `share` < 1.
    pub fn new(share: f64) -> Result<Self> {
        match (0.0..1.0).contains(&share) {
            true => Ok(Self(share)),
            false => {
                Err(Error::Settings(format!("the held-out share must be from 0 up to below 1, not {share}")))
            }
        }
    }

    /// The side of a prompt.
    #[must_use]
    pub fn side(self, prompt: &[Message]) -> Side {
        let family = family_parts(prompt);
        let hash = digest::of_parts(std::iter::once(SALT).chain(family.iter().map(String::as_str)));
        if digest::place(&hash) < self.0 { Side::HeldOut } else { Side::Train }
    }

    /// The pairs to learn from and those to measure on, in their order.
    #[must_use]
    pub fn split(self, pairs: Vec<Pair>) -> (Vec<Pair>, Vec<Pair>) {
        pairs.into_iter().partition(|pair| self.side(&pair.prompt) == Side::Train)
    }
}

impl Default for HeldOutShare {
    /// A tenth.
    fn default() -> Self {
        Self(0.1)
    }
}

impl TryFrom<f64> for HeldOutShare {
    type Error = String;
    fn try_from(share: f64) -> Result<Self, String> {
        Self::new(share).map_err(|e| e.to_string())
    }
}

impl From<HeldOutShare> for f64 {
    fn from(share: HeldOutShare) -> f64 {
        share.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preference::pair::tests::pair;
    use proptest::prelude::*;

    /// ```python
    /// import hashlib, struct
    /// def place(*parts):
    ///     h = hashlib.sha256()
    ///     for p in ("amend preference split 1",) + parts:
    ///         b = p.encode(); h.update(struct.pack("<Q", len(b)) + b)
    ///     return struct.unpack(">I", h.digest()[:4])[0] / 2**32
    /// [round(place("user", f"question {i}"), 3) for i in range(8)]
    /// ```
    #[test]
    fn the_side_of_a_prompt_never_changes() {
        let places = PLACES;
        for (i, place) in places.into_iter().enumerate() {
            let prompt = [Message::user(format!("Question {i}?"))];
            for (share, side) in [(place - 0.002, Side::Train), (place + 0.002, Side::HeldOut)] {
                assert_eq!(HeldOutShare::new(share).expect("a share").side(&prompt), side, "{i} {share}");
            }
        }
    }

    const PLACES: [f64; 8] = [0.289, 0.239, 0.614, 0.218, 0.476, 0.277, 0.893, 0.403];

    #[test]
    fn the_same_question_is_on_the_same_side_however_it_is_typed() {
        let half = HeldOutShare::new(0.5).expect("a share");
        for i in 0..50 {
            let plain = [Message::user(format!("what is the name of town {i}"))];
            let typed = [
                Message::system("Be kind."),
                Message::user(format!(" What  is the NAME of\ntown \u{ff11}{i}?!").replace('\u{ff11}', "")),
            ];
            assert_eq!(half.side(&plain), half.side(&typed));
        }
    }

    #[test]
    fn the_share_is_about_what_was_asked_for_and_is_checked() {
        let pairs: Vec<_> = (0..4_000).map(|i| pair(&format!("{i}?"), "yes", "no")).collect();
        let (train, held_out) = HeldOutShare::default().split(pairs);
        assert_eq!(train.len() + held_out.len(), 4_000);
        // Four standard deviations of a binomial of 4000 at 0.1 are 76.
        assert!(held_out.len().abs_diff(400) < 76, "{}", held_out.len());
        for wrong in [-0.1, 1.0, f64::NAN] {
            assert!(HeldOutShare::new(wrong).is_err());
            assert!(serde_json::from_str::<HeldOutShare>(&wrong.to_string()).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_larger_share_holds_out_more_and_never_less(text in "\\PC*", a in 0.0..0.999, b in 0.0..0.999f64) {
            let (small, large) = (f64::min(a, b), f64::max(a, b));
            let prompt = [Message::user(text)];
            let side = |share| HeldOutShare::new(share).expect("a share").side(&prompt);
            prop_assert!(side(small) == Side::Train || side(large) == Side::HeldOut);
        }
    }
}
