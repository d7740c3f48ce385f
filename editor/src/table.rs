//! Hash tables whose keys are kept elsewhere: an entry is a few bytes that say where.
//!
//! A table of a million entries that grows is copied; a lookup that waits for it would notice. So each table is several,
//! and one grows at a time.

use hashbrown::{HashTable, hash_table};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// Tables of one table. Empty ones cost a few words each.
const SHARDS: usize = 16;

/// What a table holds. Entries that may be equal have the same hash.
pub(crate) trait Entry: Copy {
    /// Well mixed in all its bits.
    fn hash(&self) -> u64;
}

/// A number under a hash; what it numbers has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) hash: u32,
    pub(crate) number: u32,
}

impl Entry for Numbered {
    fn hash(&self) -> u64 {
        spread(self.hash)
    }
}

/// Half a hash of anything, to be kept in an entry.
pub(crate) fn short_hash(value: &(impl Hash + ?Sized)) -> u32 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
}

/// A short hash over all bits of a long one (multiplicative hashing by the golden ratio, folded).
pub(crate) fn spread(hash: u32) -> u64 {
    let wide = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    wide ^ (wide >> 32)
}

/// A hash table of entries.
#[derive(Debug)]
pub(crate) struct Table<E> {
    shards: [HashTable<E>; SHARDS],
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| HashTable::new()) }
    }
}

impl<E: Entry> Table<E> {
    fn shard(hash: u64) -> usize {
        // Bits that place entries in no shard: those are the lowest and the seven highest.
        (hash >> 40) as usize % SHARDS
    }

    /// The entry of this hash that fits.
    pub(crate) fn get(&self, hash: u64, fits: impl FnMut(&E) -> bool) -> Option<&E> {
        self.shards[Self::shard(hash)].find(hash, fits)
    }

    /// The same, to be changed without changing its hash.
    pub(crate) fn get_mut(&mut self, hash: u64, fits: impl FnMut(&E) -> bool) -> Option<&mut E> {
        self.shards[Self::shard(hash)].find_mut(hash, fits)
    }

    /// Puts in an entry; none that is equal may be there.
    pub(crate) fn insert(&mut self, entry: E) {
        let hash = entry.hash();
        self.shards[Self::shard(hash)].insert_unique(hash, entry, E::hash);
    }

    /// Takes out the entry of this hash that fits.
    pub(crate) fn remove(&mut self, hash: u64, fits: impl FnMut(&E) -> bool) -> Option<E> {
        let shard = &mut self.shards[Self::shard(hash)];
        match shard.find_entry(hash, fits) {
            Ok(found) => Some(hash_table::OccupiedEntry::remove(found).0),
            Err(_) => None,
        }
    }

    /// All entries, in no order.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.shards.iter().flat_map(HashTable::iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn holds_what_a_map_would(steps in proptest::collection::vec((0u8..40, any::<bool>()), 1..200)) {
            let (mut table, mut map) = (Table::<Numbered>::default(), BTreeMap::new());
            for (at, (key, put)) in steps.into_iter().enumerate() {
                // Two keys share a hash.
                let hash = u32::from(key / 2);
                let fits = |entry: &Numbered| entry.number % 64 == u32::from(key);
                let number = at as u32 * 64 + u32::from(key);
                if !put {
                    let gone = table.remove(spread(hash), fits).map(|entry| entry.number);
                    prop_assert_eq!(gone, map.remove(&key));
                } else if let Some(known) = table.get_mut(spread(hash), fits) {
                    known.number = number;
                    map.insert(key, number);
                } else {
                    table.insert(Numbered { hash, number });
                    map.insert(key, number);
                }
                prop_assert_eq!(table.get(spread(hash), fits).map(|entry| entry.number), map.get(&key).copied());
            }
            prop_assert_eq!(table.iter().count(), map.len());
        }
    }
}
