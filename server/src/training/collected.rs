//! The pairs that the daemon collected.

use super::PairSource;
use crate::preferences::PreferenceService;
use amend_trainer::preference::Pair;
use async_trait::async_trait;

/// Pairs that are read at once.
const PAGE: usize = 1_000;

/// Those of all tenants.
pub struct CollectedPairs(PreferenceService);

impl CollectedPairs {
    /// Those in this store.
    #[must_use]
    pub fn new(preferences: PreferenceService) -> Self {
        Self(preferences)
    }
}

#[async_trait]
impl PairSource for CollectedPairs {
    async fn count(&self) -> anyhow::Result<u64> {
        Ok(self.0.count_after(0).await?)
    }

    async fn pairs(&self) -> anyhow::Result<Vec<Pair>> {
        let (mut pairs, mut last) = (Vec::new(), 0);
        loop {
            let page = self.0.pairs_after(last, PAGE).await?;
            let Some(end) = page.last() else { return Ok(pairs) };
            last = end.seq;
            pairs.extend(page.into_iter().map(|stored| stored.pair));
        }
    }

    fn describe(&self) -> String {
        "collected".to_owned()
    }
}
