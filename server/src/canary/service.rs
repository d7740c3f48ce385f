//! [`Canaries`]: what is tried on users, as the rest of the daemon uses it.

use super::{
    CanaryError,
    routing::{Canary, Share},
    rule::{FIRST_LOOK, due, look},
    store,
    tally::{Arm, Counts, Tally},
};
use crate::{
    ledger::Ledger,
    preferences::{Opinions, PreferenceService},
    registry::Registry,
    revisions::Revisions,
    telemetry::names,
};
use amend_proto::{
    CanaryId, GateId, RevisionId,
    wire::{CanaryEnd, CanaryObject, CanaryRequest, CanaryState, CanaryTag, PromoteRequest},
};
use futures::FutureExt;
use std::{error::Error, sync::Arc};
use tokio::sync::{Mutex, broadcast::error::RecvError};

/// More answers of a canary would take for ever.
pub const MOST_ANSWERS: u64 = 10_000_000;

/// What canaries need.
pub struct CanariesConfig {
    /// Where they are kept.
    pub ledger: Ledger,
    /// What is tried.
    pub revisions: Revisions,
    /// Which model requests take.
    pub registry: Arc<Registry>,
    /// Where users say what they think.
    pub preferences: PreferenceService,
}

/// The canaries. Clones share them.
#[derive(Clone)]
pub struct Canaries {
    config: Arc<CanariesConfig>,
    /// A canary ends once, for one reason.
    ending: Arc<Mutex<()>>,
}

impl Canaries {
    /// The canaries of a ledger. Nothing runs yet: see [`resume`](Self::resume).
    #[must_use]
    pub fn new(config: CanariesConfig) -> Self {
        Self { config: Arc::new(config), ending: Arc::default() }
    }

    /// Lets a candidate answer a share of the users, until it did worse, or enough. It goes on when whoever asked is gone.
    ///
    /// # Errors
    /// [`CanaryError`] says why not; then nothing has changed.
    pub async fn begin(&self, request: CanaryRequest) -> Result<CanaryObject, CanaryError> {
        let invalid = |param, message: String| CanaryError::Invalid { param, message };
        let candidate =
            RevisionId::new(&request.candidate).map_err(|error| invalid("candidate", error.to_string()))?;
        let share = Share::new(request.share).map_err(|error| invalid("share", error.to_string()))?;
        if !(FIRST_LOOK..=MOST_ANSWERS).contains(&request.answers) {
            return Err(invalid("answers", format!("answers must be {FIRST_LOOK} to {MOST_ANSWERS}")));
        }
        let this = self.clone();
        let begun = tokio::spawn(async move { this.begin_with((candidate, share), request).await });
        begun.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    async fn begin_with(
        &self,
        (candidate, share): (RevisionId, Share),
        request: CanaryRequest,
    ) -> Result<CanaryObject, CanaryError> {
        let CanariesConfig { ledger, revisions, .. } = &*self.config;
        if let Some(running) = self.running().await? {
            return Err(CanaryError::UnderWay(running.id));
        }
        let asked = PromoteRequest { force: request.force, expected_live: request.expected_live };
        let beside = revisions.load_beside(&candidate, asked).await?;
        let canary = CanaryObject {
            id: CanaryId::fresh(),
            object: CanaryTag::Tag,
            candidate,
            live: beside.live.clone(),
            share: share.get(),
            answers: request.answers,
            then: request.then,
            forced: beside.gate.is_none(),
            gate: beside.gate.clone(),
            state: CanaryState::Running,
            reason: None,
            of_live: Default::default(),
            of_candidate: Default::default(),
            created_at: chrono::Utc::now().timestamp(),
            ended_at: None,
        };
        let (line, new) = (revisions.line()?.to_owned(), canary.clone());
        ledger
            .write(move |connection| async move { store::insert(connection, &line, &new).await }.boxed())
            .await?;
        self.run(&canary, share, beside.model);
        // Nobody becomes live between the look at what is, and this: `beside` holds the lock on that.
        drop(beside.alone);
        if canary.forced {
            tracing::warn!(canary = %canary.id, candidate = %canary.candidate, "a canary begins that no gate has let through");
        }
        tracing::info!(canary = %canary.id, candidate = %canary.candidate, share = canary.share, "a canary begins");
        Ok(canary)
    }

    /// Goes on with the canary that ran when the daemon went down, if what is live is what was then.
    ///
    /// # Errors
    /// The database's.
    pub async fn resume(&self) -> Result<(), CanaryError> {
        let Some(canary) = self.running().await? else { return Ok(()) };
        let CanariesConfig { revisions, .. } = &*self.config;
        if revisions.live().await?.id != canary.live {
            return self.end(&canary.id, CanaryState::Superseded, "another revision became live").await;
        }
        let share = Share::new(canary.share);
        let asked = PromoteRequest { force: true, expected_live: Some(canary.live.clone()) };
        match (share, revisions.load_beside(&canary.candidate, asked).await) {
            (Ok(share), Ok(beside)) => {
                self.run(&canary, share, beside.model);
                tracing::info!(canary = %canary.id, "a canary goes on");
                Ok(())
            }
            (_, Err(error)) => {
                tracing::error!(canary = %canary.id, error = &error as &dyn Error, "a canary cannot go on");
                self.end(&canary.id, CanaryState::Aborted, "the candidate could not be loaded again").await
            }
            (Err(_), _) => self.end(&canary.id, CanaryState::Aborted, "its share is not one").await,
        }
    }

    fn run(&self, canary: &CanaryObject, share: Share, model: Box<dyn amend_proto::ChatModel>) {
        let counts = Counts { live: canary.of_live, candidate: canary.of_candidate };
        let tally = Arc::new(Tally::from_counts(counts));
        let opinions = self.config.preferences.opinions();
        self.config.registry.begin_canary(Canary {
            id: canary.id.clone(),
            model,
            share,
            tally: Arc::clone(&tally),
        });
        metrics::gauge!(names::CANARY_SHARE).set(share.get());
        tokio::spawn(hear(opinions, (canary.live.clone(), canary.candidate.clone()), Arc::clone(&tally)));
        tokio::spawn(self.clone().watch(canary.clone(), tally));
    }

    /// Looks as answers come, until there is an end.
    async fn watch(self, canary: CanaryObject, tally: Arc<Tally>) {
        let mut looked = due(canary.of_candidate.ended).unwrap_or_default();
        let ended = loop {
            if tally.is_over() {
                break (CanaryState::Superseded, "another revision became live".to_owned());
            }
            let counts = tally.counts();
            let number = due(counts.candidate.ended).unwrap_or_default();
            if number > looked {
                looked = number;
                if let Some(found) = look(&counts, number) {
                    break (CanaryState::Aborted, found.to_string());
                }
                self.keep(&canary.id, counts).await;
            }
            if counts.candidate.ended >= canary.answers {
                // One more look at all of it, at the next look's level.
                break match look(&counts, looked + 1) {
                    Some(found) => (CanaryState::Aborted, found.to_string()),
                    None => (CanaryState::Passed, "nothing was found".to_owned()),
                };
            }
            tally.changed().await;
        };
        self.keep(&canary.id, tally.counts()).await;
        self.conclude(&canary, ended).await;
    }

    /// Takes the candidate off, or makes it live, and puts it on the record.
    async fn conclude(&self, canary: &CanaryObject, (mut state, mut reason): (CanaryState, String)) {
        let _alone = self.ending.lock().await;
        // It may have been ended by somebody else, who found what this did not.
        if self.get(&canary.id).await.is_ok_and(|found| found.state.is_final()) {
            return self.config.registry.end_canary(&canary.id);
        }
        if state == CanaryState::Passed && canary.then == CanaryEnd::Promote {
            let request = PromoteRequest { force: canary.forced, expected_live: Some(canary.live.clone()) };
            match self.config.revisions.promote(canary.candidate.clone(), request).await {
                Ok(_) => state = CanaryState::Promoted,
                Err(error) => reason = format!("nothing was found, and it could not be promoted: {error}"),
            }
        }
        // Before the record: nobody shall be answered by a candidate that is said to be taken off.
        if state != CanaryState::Superseded && state != CanaryState::Promoted {
            self.config.registry.end_canary(&canary.id);
        }
        if state == CanaryState::Aborted {
            tracing::warn!(canary = %canary.id, candidate = %canary.candidate, %reason, "a canary is taken off");
        }
        if let Err(error) = self.end(&canary.id, state, &reason).await {
            tracing::error!(canary = %canary.id, error = &error as &dyn Error, "how a canary ended is not on the record");
        }
    }

    async fn keep(&self, id: &CanaryId, counts: Counts) {
        let (name, kept) = (id.clone(), counts);
        let write = self
            .config
            .ledger
            .write(move |connection| async move { store::keep(connection, &name, &kept).await }.boxed());
        if let Err(error) = write.await {
            tracing::error!(canary = %id, error = &error as &dyn Error, "what a canary counted is not kept");
        }
    }

    async fn end(&self, id: &CanaryId, state: CanaryState, reason: &str) -> Result<(), CanaryError> {
        metrics::gauge!(names::CANARY_SHARE).set(0.0);
        let (name, why, at) = (id.clone(), reason.to_owned(), chrono::Utc::now().timestamp());
        let write = self.config.ledger.write(move |connection| {
            async move { store::end(connection, &name, (state, &why, at)).await }.boxed()
        });
        if write.await? {
            let word = crate::revisions::word(state)?;
            metrics::counter!(names::CANARIES, "state" => word.clone()).increment(1);
            tracing::info!(canary = %id, state = word, reason, "a canary has ended");
        }
        Ok(())
    }

    /// Takes the candidate off.
    ///
    /// # Errors
    /// [`CanaryError::NotFound`]; [`CanaryError::Ended`]; the database's.
    pub async fn stop(&self, id: &CanaryId) -> Result<CanaryObject, CanaryError> {
        let _alone = self.ending.lock().await;
        let canary = self.get(id).await?;
        if canary.state.is_final() {
            return Err(CanaryError::Ended(canary.id));
        }
        self.take_off(&canary, (CanaryState::Stopped, "it was asked for")).await?;
        self.get(id).await
    }

    /// Ends one that runs, with what it has counted. Who calls has looked, and holds the lock.
    async fn take_off(
        &self,
        canary: &CanaryObject,
        (state, reason): (CanaryState, &str),
    ) -> Result<(), CanaryError> {
        self.keep(&canary.id, Counts { live: canary.of_live, candidate: canary.of_candidate }).await;
        // The record first: whoever watches then finds that it has ended.
        self.end(&canary.id, state, reason).await?;
        self.config.registry.end_canary(&canary.id);
        Ok(())
    }

    /// Takes a candidate off that failed a gate while it was tried. Whether it was on. It goes on when whoever asked is gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn failed_its_gate(&self, candidate: &RevisionId, gate: &GateId) -> Result<bool, CanaryError> {
        let (this, candidate, reason) =
            (self.clone(), candidate.clone(), format!("it failed the gate {gate}"));
        let ending = tokio::spawn(async move {
            let _alone = this.ending.lock().await;
            match this.running().await?.map(|running| this.counted(running)) {
                Some(running) if running.candidate == candidate => {
                    this.take_off(&running, (CanaryState::Aborted, &reason)).await.map(|()| true)
                }
                _ => Ok(false),
            }
        });
        ending.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    async fn running(&self) -> Result<Option<CanaryObject>, CanaryError> {
        let line = self.config.revisions.line()?;
        let mut connection = self.config.ledger.read().await?;
        store::running(&mut connection, line).await
    }

    /// A canary; one that runs with what is counted by now.
    ///
    /// # Errors
    /// [`CanaryError::NotFound`]; the database's.
    pub async fn get(&self, id: &CanaryId) -> Result<CanaryObject, CanaryError> {
        let found = {
            let mut connection = self.config.ledger.read().await?;
            store::get(&mut connection, id).await?
        };
        found.map(|found| self.counted(found)).ok_or_else(|| CanaryError::NotFound(id.to_string()))
    }

    /// `limit` canaries, newest first, those older than `after` only.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(
        &self,
        after: Option<&CanaryId>,
        limit: usize,
    ) -> Result<Vec<CanaryObject>, CanaryError> {
        let line = self.config.revisions.line()?;
        let found = {
            let mut connection = self.config.ledger.read().await?;
            store::list(&mut connection, line, (after, i64::try_from(limit).unwrap_or(i64::MAX))).await?
        };
        Ok(found.into_iter().map(|found| self.counted(found)).collect())
    }

    fn counted(&self, mut canary: CanaryObject) -> CanaryObject {
        if canary.state == CanaryState::Running
            && let Some(counts) = self.config.registry.canary_counts(&canary.id)
        {
            (canary.of_live, canary.of_candidate) = (counts.live, counts.candidate);
        }
        canary
    }
}

/// Counts what users say, until it is over.
async fn hear(mut opinions: Opinions, (live, candidate): (RevisionId, RevisionId), tally: Arc<Tally>) {
    loop {
        let opinion = tokio::select! {
            opinion = opinions.recv() => opinion,
            () = tally.ended() => return,
        };
        match opinion {
            Ok(opinion) => {
                let arm = match opinion.revision {
                    revision if revision == candidate => Arm::Candidate,
                    revision if revision == live => Arm::Live,
                    _ => continue,
                };
                tally.judged(arm, opinion.tone);
            }
            // Some are not counted: that is no reason to stop.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
