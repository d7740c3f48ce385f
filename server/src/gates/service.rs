//! [`Gates`]: judgements of revisions, as the rest of the daemon uses them.

use super::{
    GateError,
    report::{self, ReportWanted},
    settings::{Again, GateSettings},
    store::{self, GateKey, NewGate},
    suites,
    work::GateJob,
};
use crate::{
    jobs::{Jobs, enqueue},
    ledger::Ledger,
    revisions::{Revision, Revisions},
};
use amend_eval::gate::Policy;
use amend_proto::{
    GateId, RevisionId,
    wire::{GateAction, GateObject, GateOrigin, GateRequest, GateState, GateVerdict, JobKind, RevisionState},
};
use futures::FutureExt;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Revisions that are looked through for a candidate.
const LOOKED_THROUGH: usize = 100;
/// Gates that are looked through for one that stands.
const STANDING: usize = 100;
/// The word for the live revision.
const LIVE: &str = "live";
/// The word for the one that was live before it.
const PREVIOUS: &str = "previous";

/// What gates need.
pub struct GatesConfig {
    /// Where they are kept.
    pub ledger: Ledger,
    /// What measures.
    pub jobs: Jobs,
    /// What is judged.
    pub revisions: Revisions,
    /// `gates/` of the data folder.
    pub folder: PathBuf,
    /// What the operator decided.
    pub settings: GateSettings,
}

/// The gates. Clones share them.
#[derive(Clone)]
pub struct Gates(Arc<GatesConfig>);

/// What came of a request for a gate.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It waits for its turn.
    New(GateObject),
    /// One like it stands, or is under way.
    Standing(GateObject),
}

impl Begun {
    /// The gate.
    #[must_use]
    pub fn into_gate(self) -> GateObject {
        match self {
            Self::New(gate) | Self::Standing(gate) => gate,
        }
    }
}

impl Gates {
    /// The gates of a ledger.
    #[must_use]
    pub fn new(config: GatesConfig) -> Self {
        Self(Arc::new(config))
    }

    pub(super) fn config(&self) -> &GatesConfig {
        &self.0
    }

    /// Begins a gate, unless one like it stands and may be given.
    ///
    /// # Errors
    /// [`GateError`]; then there is none.
    pub async fn begin(&self, request: GateRequest) -> Result<Begun, GateError> {
        self.begin_for(GateOrigin::Asked, request).await
    }

    async fn begin_for(&self, origin: GateOrigin, request: GateRequest) -> Result<Begun, GateError> {
        let candidate = self.revision("candidate", &request.candidate).await?;
        let against = match request.against.as_deref() {
            None | Some(LIVE) => None,
            Some(named) => Some(self.revision("against", named).await?.id),
        };
        if request.on_verdict == GateAction::RollBack && request.candidate != LIVE {
            let message = "roll_back is for a gate of `live`, the live revision itself".to_owned();
            return Err(GateError::Invalid { param: "on_verdict", message });
        }
        if matches!(request.on_verdict, GateAction::Promote | GateAction::Canary) && against.is_some() {
            let message = "promote and canary are for a gate against what is live".to_owned();
            return Err(GateError::Invalid { param: "on_verdict", message });
        }
        let policy = match &request.policy {
            None => self.0.settings.policy.clone(),
            Some(text) => self.requested(text)?,
        };
        let key = self.0.settings.key(&policy);
        if request.reuse
            && let Some(standing) = self.standing((&candidate.id, against.as_ref()), &key).await?
        {
            return Ok(Begun::Standing(standing));
        }
        let key = (key, &policy);
        self.enqueue((candidate, against), key, (origin, request.on_verdict)).await.map(Begun::New)
    }

    /// A policy that a request brings. It may name the suites that are shipped and those of the operator's policy, and no
    /// other files of this machine.
    fn requested(&self, text: &str) -> Result<Policy, GateError> {
        let invalid = |message: String| GateError::Invalid { param: "policy", message };
        let policy = Policy::parse(text).map_err(|error| invalid(error.to_string()))?;
        let known = |name: &str| {
            suites::is_shipped(name) || self.0.settings.policy.suites.iter().any(|suite| suite.name == name)
        };
        match policy.suites.iter().find(|suite| !known(&suite.name)) {
            None => Ok(policy),
            Some(suite) => Err(invalid(format!(
                "there is no suite `{}`: a request may name {} and those of the operator's policy",
                suite.name,
                suites::shipped().join(", ")
            ))),
        }
    }

    /// Begins the gate of a revision that was just trained, if the operator wants that.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_automatic(&self, candidate: &str) -> Result<Option<GateObject>, GateError> {
        let Some(on_verdict) = self.0.settings.automatic else { return Ok(None) };
        let request = GateRequest { on_verdict, reuse: true, ..GateRequest::of(candidate) };
        Ok(Some(self.begin_for(GateOrigin::Trained, request).await?.into_gate()))
    }

    /// Begins the gate of the live revision against the one before it, if the operator wants that and it is time.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_scheduled(&self) -> Result<Option<GateObject>, GateError> {
        let Some(Again { every, on_verdict }) = self.0.settings.again else { return Ok(None) };
        let live = self.0.revisions.live().await?;
        let newest = {
            let mut connection = self.0.ledger.read().await?;
            store::newest_scheduled(&mut connection, (&live.line, &live.id)).await?
        };
        let age = |at: i64| u64::try_from(chrono::Utc::now().timestamp().saturating_sub(at)).unwrap_or(0);
        if newest.is_some_and(|at| age(at) < every.as_secs()) {
            return Ok(None);
        }
        let against = Some(PREVIOUS.to_owned());
        let request = GateRequest { against, on_verdict, ..GateRequest::of(LIVE) };
        match self.begin_for(GateOrigin::Schedule, request).await {
            Ok(begun) => {
                let gate = begun.into_gate();
                tracing::info!(gate = %gate.id, "the live revision is gated again");
                Ok(Some(gate))
            }
            // It is looked at already.
            Err(GateError::UnderWay { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the newest verdict on the live revision is that it fails.
    ///
    /// # Errors
    /// The database's; [`RevisionError::NotReady`](crate::revisions::RevisionError::NotReady).
    pub async fn live_fails(&self) -> Result<bool, GateError> {
        let live = self.0.revisions.live().await?;
        let mut connection = self.0.ledger.read().await?;
        let newest = store::newest_of(&mut connection, (&live.line, &live.id)).await?;
        Ok(newest == Some(GateVerdict::Fail))
    }

    async fn enqueue(
        &self,
        (candidate, against): (Revision, Option<RevisionId>),
        (key, policy): (GateKey, &Policy),
        (origin, on_verdict): (GateOrigin, GateAction),
    ) -> Result<GateObject, GateError> {
        let (id, line, at) = (GateId::fresh(), candidate.line, chrono::Utc::now().timestamp());
        let job = GateJob {
            gate: id.clone(),
            candidate: candidate.id.clone(),
            against,
            policy: policy.to_toml(),
            on_verdict,
        };
        let job = serde_json::to_value(job)?;
        let new = NewGate { id, line, candidate: candidate.id, key, on_verdict, origin, at };
        let write = self.0.ledger.write(move |connection| {
            async move {
                if let Some(gate) = store::under_way(connection, &new.line, &new.candidate).await? {
                    return Err(GateError::UnderWay { gate });
                }
                let job = enqueue(connection, JobKind::Gate, &job).await?;
                store::insert(connection, &new, &job.id).await
            }
            .boxed()
        });
        let gate = write.await?;
        self.0.jobs.enqueued();
        Ok(gate)
    }

    async fn revision(&self, param: &'static str, named: &str) -> Result<Revision, GateError> {
        match named {
            LIVE => return Ok(self.0.revisions.live().await?),
            PREVIOUS => {
                return Ok(match self.0.revisions.previous().await? {
                    Some(previous) => previous,
                    None => self.0.revisions.live().await?,
                });
            }
            _ => {}
        }
        let invalid =
            |error: amend_proto::InvalidId| GateError::Invalid { param, message: error.to_string() };
        Ok(self.0.revisions.get(&RevisionId::new(named).map_err(invalid)?).await?)
    }

    /// The newest gate of a revision by this key that is under way, or found something against that one, or what is live now.
    async fn standing(
        &self,
        (candidate, against): (&RevisionId, Option<&RevisionId>),
        key: &GateKey,
    ) -> Result<Option<GateObject>, GateError> {
        let live = match against {
            Some(against) => against.clone(),
            None => self.0.revisions.live().await?.id,
        };
        let newest = self.list(None, STANDING).await?.into_iter().find(|gate| {
            gate.candidate == *candidate
                && gate.policy.fingerprint == key.policy.fingerprint
                && gate.judges == key.judges
        });
        Ok(newest.filter(|gate| match gate.state {
            GateState::Queued | GateState::Running => true,
            GateState::Pass | GateState::Fail | GateState::Inconclusive => gate.live.as_ref() == Some(&live),
            GateState::Error | GateState::Cancelled => false,
        }))
    }

    /// The newest revision that waits to be judged, or was.
    ///
    /// # Errors
    /// [`GateError::NoCandidate`]; the database's.
    pub async fn newest_candidate(&self) -> Result<RevisionId, GateError> {
        let newest = self.0.revisions.list(None, LOOKED_THROUGH).await?;
        let waits = |state| {
            matches!(state, RevisionState::Candidate | RevisionState::Gated | RevisionState::Rejected)
        };
        newest.into_iter().find(|one| waits(one.state)).map(|one| one.id).ok_or(GateError::NoCandidate)
    }

    /// A gate.
    ///
    /// # Errors
    /// [`GateError::NotFound`]; the database's.
    pub async fn get(&self, id: &GateId) -> Result<GateObject, GateError> {
        let mut connection = self.0.ledger.read().await?;
        store::get(&mut connection, id).await?.ok_or_else(|| GateError::NotFound(id.to_string()))
    }

    /// A gate when it has ended, or as it is after so long.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn ended(&self, id: &GateId, patience: Duration) -> Result<GateObject, GateError> {
        let end = Instant::now() + patience;
        let mut changes = self.0.jobs.changes();
        loop {
            changes.mark_unchanged();
            let gate = self.get(id).await?;
            if gate.state.is_final() || tokio::time::timeout_at(end, changes.changed()).await.is_err() {
                return Ok(gate);
            }
        }
    }

    /// `limit` gates, newest first, those older than `after` only.
    ///
    /// # Errors
    /// The database's; [`RevisionError::NotReady`](crate::revisions::RevisionError::NotReady).
    pub async fn list(&self, after: Option<&GateId>, limit: usize) -> Result<Vec<GateObject>, GateError> {
        let line = self.0.revisions.line()?;
        let mut connection = self.0.ledger.read().await?;
        store::list(&mut connection, line, (after, i64::try_from(limit).unwrap_or(i64::MAX))).await
    }

    /// What a gate measured.
    ///
    /// # Errors
    /// [`GateError::NotFound`]; [`GateError::NoReport`].
    pub async fn report(&self, id: &GateId, wanted: ReportWanted) -> Result<String, GateError> {
        let gate = self.get(id).await?;
        let folder = self.folder(id);
        let rendered = tokio::task::spawn_blocking(move || report::read(&folder, &gate, &wanted)).await;
        rendered.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// What a gate keeps.
    pub(super) fn folder(&self, id: &GateId) -> PathBuf {
        self.0.folder.join(id.as_str().replace([':', '/'], "-"))
    }
}
