//! Exact and near duplicates among texts: MinHash signatures and locality-sensitive hashing.
