//! What a judge's reply says.

use crate::follow::{Level, Scorer};

/// The verdicts of a reply, one for each constraint; nothing when it cannot be read.
pub(super) fn read(reply: &str, level: Level, scorer: Scorer) -> Option<Vec<bool>> {
    todo_parse(reply, level, scorer)
}
