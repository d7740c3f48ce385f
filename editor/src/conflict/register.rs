//! Which edits that stand may conflict: those that share a key.

use super::facts::{FactKey, Facts};
use crate::edit::Seq;
use rustc_hash::FxHashMap as HashMap;
use std::{
    collections::{BTreeMap, btree_map, hash_map::Entry},
    ops::Bound,
};

/// The versions under one key. Most keys have one.
#[derive(Debug)]
enum Holders {
    One(Seq),
    /// Two or more, ascending.
    Many(Vec<Seq>),
}

/// The keys of the edits that stand.
#[derive(Debug, Default)]
pub(crate) struct Register {
    holders: HashMap<FactKey, Holders>,
    /// By version: how many of its keys it shares with others; those that share none are not in it.
    shared: BTreeMap<Seq, u32>,
}

impl Register {
    /// Notes a version.
    pub(crate) fn insert(&mut self, seq: Seq, facts: &Facts) {
        for key in facts.keys() {
            match self.holders.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Holders::One(seq));
                }
                Entry::Occupied(mut entry) => match entry.get_mut() {
                    Holders::One(other) => {
                        let other = *other;
                        entry.insert(Holders::Many(vec![seq.min(other), seq.max(other)]));
                        self.share(other);
                        self.share(seq);
                    }
                    Holders::Many(all) => {
                        if let Err(place) = all.binary_search(&seq) {
                            all.insert(place, seq);
                            self.share(seq);
                        }
                    }
                },
            }
        }
    }

    /// Forgets a version.
    pub(crate) fn remove(&mut self, seq: Seq, facts: &Facts) {
        for key in facts.keys() {
            let Entry::Occupied(mut entry) = self.holders.entry(key) else { continue };
            match entry.get_mut() {
                Holders::One(_) => {
                    entry.remove();
                }
                Holders::Many(all) => {
                    all.retain(|other| *other != seq);
                    let alone = match all[..] {
                        [last] => Some(last),
                        _ => None,
                    };
                    if let Some(last) = alone {
                        entry.insert(Holders::One(last));
                        self.unshare(last);
                    }
                    self.unshare(seq);
                }
            }
        }
    }

    fn share(&mut self, seq: Seq) {
        *self.shared.entry(seq).or_default() += 1;
    }

    fn unshare(&mut self, seq: Seq) {
        if let btree_map::Entry::Occupied(mut entry) = self.shared.entry(seq) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// The versions that share a key with these facts and are older than `before`: the newest of each key, `most` of
    /// it, newest first and each once.
    pub(crate) fn sharing(&self, facts: &Facts, before: Seq, most: usize) -> Vec<Seq> {
        let mut found: Vec<Seq> = Vec::new();
        for key in facts.keys() {
            match self.holders.get(&key) {
                None => {}
                Some(Holders::One(seq)) => found.extend(Some(*seq).filter(|seq| *seq < before)),
                Some(Holders::Many(all)) => {
                    let end = all.partition_point(|seq| *seq < before);
                    found.extend(&all[end.saturating_sub(most)..end]);
                }
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }

    /// All of it, in order.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> (BTreeMap<FactKey, String>, &BTreeMap<Seq, u32>) {
        (self.holders.iter().map(|(key, holders)| (*key, format!("{holders:?}"))).collect(), &self.shared)
    }

    /// The versions after this one that share a key with another, ascending.
    pub(crate) fn shared_after(&self, after: Seq) -> impl Iterator<Item = Seq> {
        self.shared.range((Bound::Excluded(after), Bound::Unbounded)).map(|(seq, _)| *seq)
    }
}
