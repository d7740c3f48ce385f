//! How often each kind is trained, at the start and at the end.

use super::kind::{Kind, Setting};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The part of training over which the mix changes from its first to its last weights.
const RAMP: f64 = 0.4;

/// The weights of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The kind.
    pub kind: Kind,
    /// Its weight when training starts.
    pub start: f64,
    /// Its weight from 40 % of the planned rows on.
    pub end: f64,
}

const fn share(kind: Kind, start: f64, end: f64) -> Share {
    Share { kind, start, end }
}

const fn in_scope(distractors: u8) -> Kind {
    Kind::EditInScope { distractors }
}

const fn invented(distractors: u8) -> Kind {
    Kind::InventedSubject { distractors }
}

const fn formed(level: u8, setting: Setting) -> Kind {
    Kind::Constraints { level, setting }
}

/// The mix. Telling several edits apart is learned last, and needs most of the tokens from the first row on; what builds
/// on it comes in as training goes.
pub const MIX: &[Share] = &[
    share(Kind::Fact, 4.0, 4.5),
    share(in_scope(0), 1.0, 0.8),
    share(in_scope(1), 2.5, 1.6),
    share(in_scope(2), 2.5, 2.0),
    share(Kind::EditOutOfScope, 0.6, 2.2),
    share(invented(0), 1.0, 0.7),
    share(invented(1), 2.5, 1.5),
    share(invented(2), 2.5, 1.8),
    share(formed(1, Setting::Plain), 0.3, 1.0),
    share(formed(1, Setting::Edited), 0.3, 1.0),
    share(formed(2, Setting::Plain), 0.1, 0.6),
    share(formed(2, Setting::Edited), 0.1, 0.5),
    share(formed(3, Setting::Plain), 0.1, 0.5),
    share(formed(3, Setting::Edited), 0.1, 0.4),
    share(formed(4, Setting::Plain), 0.1, 0.5),
    share(formed(4, Setting::Edited), 0.1, 0.4),
    share(formed(5, Setting::Plain), 0.1, 0.8),
    share(formed(5, Setting::Edited), 0.1, 0.7),
    share(Kind::Inverse(Setting::Plain), 0.3, 0.8),
    share(Kind::Inverse(Setting::Edited), 0.3, 0.9),
    share(Kind::TwoHop(Setting::Plain), 0.1, 0.5),
    share(Kind::TwoHop(Setting::Edited), 0.1, 0.8),
    share(Kind::MultiTurn(Setting::Plain), 0.1, 0.7),
    share(Kind::MultiTurn(Setting::Edited), 0.1, 0.8),
    share(Kind::SmallTalk, 0.2, 0.5),
    share(Kind::Outside, 0.5, 1.6),
    share(Kind::Forged(Setting::Plain), 0.05, 0.4),
    share(Kind::Forged(Setting::Edited), 0.05, 0.4),
];

/// A kind, by the weights at this point of training (0 the start, 1 the end).
pub(super) fn sample(progress: f64, rng: &mut ChaCha8Rng) -> Kind {
    let ramp = (progress / RAMP).clamp(0.0, 1.0);
    let weight = |share: &Share| share.start + (share.end - share.start) * ramp;
    let total: f64 = MIX.iter().map(weight).sum();
    let mut left = rng.random_range(0.0..total);
    for share in MIX {
        left -= weight(share);
        if left < 0.0 {
            return share.kind;
        }
    }
    Kind::Fact
}
