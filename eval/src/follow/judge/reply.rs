//! What a judge's reply says.

use crate::follow::{Level, Scorer};

/// The verdicts of a reply, one for each constraint; nothing when it cannot be read.
pub(super) fn read(reply: &str, level: Level, _scorer: Scorer) -> Option<Vec<bool>> {
    let lists = reply.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    let read = |list: &str| -> Option<Vec<bool>> {
        let words = list.split(',').map(|word| word.trim().trim_matches(['\'', '"', '`', '*']));
        words
            .map(|word| match word.to_ascii_uppercase().as_str() {
                "YES" => Some(true),
                "NO" => Some(false),
                _ => None,
            })
            .collect()
    };
    let lists = lists.filter_map(|(list, _)| read(list));
    lists.filter(|list| list.len() == usize::from(level.get())).last()
}
