//! Which edits that stand may conflict: those that share a key.

use super::facts::{FactKey, FactsView};
use crate::{
    edit::Seq,
    table::{Entry, Table},
};
use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
};

/// The versions under one key. Most keys have one, which is kept here.
#[derive(Debug, Clone, Copy)]
struct Held {
    key: FactKey,
    by: Holder,
}

/// A version, or (negative, less one) where several are kept: nothing of a version is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder(i64);

impl Holder {
    fn one(seq: Seq) -> Self {
        Self(seq.get())
    }

    fn many(place: usize) -> Self {
        Self(-1 - i64::try_from(place).unwrap_or(i64::MAX - 1))
    }

    fn get(self) -> Result<Seq, usize> {
        match usize::try_from(-1 - self.0) {
            Ok(place) => Err(place),
            Err(_) => Ok(Seq::new(self.0)),
        }
    }
}

impl Entry for Held {
    fn hash(&self) -> u64 {
        // A key is a hash.
        self.key
    }
}

/// What is left to give of the versions under one key.
enum Sharers<'a> {
    One(Option<Seq>),
    /// Ascending.
    Many(&'a [Seq]),
}

impl Sharers<'_> {
    fn newest(&self) -> Option<Seq> {
        match self {
            Self::One(seq) => *seq,
            Self::Many(all) => all.last().copied(),
        }
    }

    fn keep_before(&mut self, before: Seq) {
        match self {
            Self::One(seq) => *seq = seq.filter(|seq| *seq < before),
            // Most often none or the last goes.
            Self::Many(all) => match all {
                [rest @ .., last] if *last == before => *all = rest,
                [.., last] if *last > before => *all = &all[..all.partition_point(|seq| *seq < before)],
                _ => {}
            },
        }
    }
}

/// The keys of the edits that stand.
#[derive(Debug, Default)]
pub(crate) struct Register {
    holders: Table<Held>,
    /// Two or more versions of one key, ascending.
    several: Vec<Vec<Seq>>,
    free: Vec<usize>,
    /// By version: how many of its keys it shares with others; those that share none are not in it.
    shared: BTreeMap<Seq, u32>,
}

impl Register {
    /// Notes a version.
    pub(crate) fn insert(&mut self, seq: Seq, facts: FactsView<'_>) {
        for key in facts.keys() {
            let Some(held) = self.holders.get_mut(key, |held| held.key == key) else {
                self.holders.insert(Held { key, by: Holder::one(seq) });
                continue;
            };
            match held.by.get() {
                Ok(other) => {
                    let both = vec![seq.min(other), seq.max(other)];
                    let place = match self.free.pop() {
                        Some(place) => {
                            self.several[place] = both;
                            place
                        }
                        None => {
                            self.several.push(both);
                            self.several.len() - 1
                        }
                    };
                    held.by = Holder::many(place);
                    self.share(other);
                    self.share(seq);
                }
                Err(place) => {
                    let all = &mut self.several[place];
                    if let Err(at) = all.binary_search(&seq) {
                        all.insert(at, seq);
                        self.share(seq);
                    }
                }
            }
        }
    }

    /// Forgets a version.
    pub(crate) fn remove(&mut self, seq: Seq, facts: FactsView<'_>) {
        for key in facts.keys() {
            let Some(held) = self.holders.get_mut(key, |held| held.key == key) else { continue };
            match held.by.get() {
                Ok(_) => {
                    self.holders.remove(key, |held| held.key == key);
                }
                Err(place) => {
                    let all = &mut self.several[place];
                    if let Ok(at) = all.binary_search(&seq) {
                        all.remove(at);
                    }
                    if let [last] = all[..] {
                        held.by = Holder::one(last);
                        self.several[place] = Vec::new();
                        self.free.push(place);
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

    /// The versions that share a key with these facts and are older than `before`, newest first and each once.
    pub(crate) fn sharing(&self, facts: FactsView<'_>, before: Seq) -> impl Iterator<Item = Seq> {
        let mut lists: Vec<Sharers<'_>> = facts.keys().filter_map(|key| self.sharers(key)).collect();
        for list in &mut lists {
            list.keep_before(before);
        }
        std::iter::from_fn(move || {
            let newest = lists.iter().filter_map(Sharers::newest).max()?;
            for list in &mut lists {
                list.keep_before(newest);
            }
            Some(newest)
        })
    }

    fn sharers(&self, key: FactKey) -> Option<Sharers<'_>> {
        Some(match self.holders.get(key, |held| held.key == key)?.by.get() {
            Ok(seq) => Sharers::One(Some(seq)),
            Err(place) => Sharers::Many(&self.several[place]),
        })
    }

    /// All of it, in order.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> (BTreeMap<FactKey, Vec<Seq>>, &BTreeMap<Seq, u32>) {
        let holders = self.holders.iter().map(|held| match held.by.get() {
            Ok(seq) => (held.key, vec![seq]),
            Err(place) => (held.key, self.several[place].clone()),
        });
        (holders.collect(), &self.shared)
    }

    /// The versions after this one that share a key with another, ascending.
    pub(crate) fn shared_after(&self, after: Seq) -> impl Iterator<Item = Seq> {
        self.shared.range((Bound::Excluded(after), Bound::Unbounded)).map(|(seq, _)| *seq)
    }
}
