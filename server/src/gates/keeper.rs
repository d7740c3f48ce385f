//! What promotion asks.

use super::store::{self, GateKey};
use crate::{
    ledger::Ledger,
    revisions::{Gatekeeper, RevisionError},
};
use amend_proto::{GateId, RevisionId, wire::GateVerdict};
use async_trait::async_trait;

/// The gates on the record, by the operator's policy and judges.
pub struct LedgerGatekeeper {
    /// Where they are.
    pub ledger: Ledger,
    /// Which of them count.
    pub key: GateKey,
}

#[async_trait]
impl Gatekeeper for LedgerGatekeeper {
    async fn let_through(
        &self,
        line: &str,
        candidate: &RevisionId,
        live: &RevisionId,
    ) -> Result<Option<GateId>, RevisionError> {
        let mut connection = self.ledger.read().await?;
        let newest = store::newest_verdict(&mut connection, (line, candidate, live), &self.key).await;
        let newest = newest.map_err(|error| RevisionError::Gatekeeper(Box::new(error)))?;
        Ok(newest.filter(|(_, verdict)| *verdict == GateVerdict::Pass).map(|(id, _)| id))
    }
}
