//! The job that judges a revision.

use super::{
    Gates,
    gives_way::GivesWay,
    measure::{Asking, FREE, GateProgress, Subject, decided, gate, live_edits, void_unless_still},
    report, schedule,
    settings::CanaryPlan,
    store::{self, Found},
    suites::TRAFFIC,
    traffic::TrafficSuite,
};
use crate::{
    canary::{Canaries, CanaryError},
    jobs::{Ended, JobContext, Work},
    preferences::PreferenceService,
    revisions::Revision,
    telemetry::names,
    threads::apart,
    training::{Pairs, row_texts},
};
use amend_editor::Editor;
use amend_eval::{
    follow::run::FolderCache,
    gate::{GateDecision, Look, Policy, Verdict},
};
use amend_proto::{
    ChatModel, GateId, Message, Priority, RevisionId,
    wire::{
        CanaryEnd, CanaryRequest, GateAction, GateReason, GateVerdict, JobPhase, PromoteRequest, RevisionKind,
    },
};
use anyhow::Context;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often it is looked whether the job shall stop.
const LOOK: Duration = Duration::from_millis(100);
/// Training pairs, and rows of each set that models made, that are held against the suites.
const MOST_PAIRS: usize = 200_000;

/// The settings of a gate's job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GateJob {
    pub(super) gate: GateId,
    pub(super) candidate: RevisionId,
    /// What it is compared with, if that is not what is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) against: Option<RevisionId>,
    /// In TOML.
    pub(super) policy: String,
    pub(super) on_verdict: GateAction,
}

/// Judges revisions.
pub struct GateWork {
    /// Where verdicts go.
    pub gates: Gates,
    /// What is tried on users.
    pub canaries: Canaries,
    /// What the daemon's training has learned from.
    pub pairs: Pairs,
    /// Where sets of rows are that models made.
    pub sets: PathBuf,
    /// What users asked.
    pub preferences: PreferenceService,
    /// The live edits.
    pub editor: Editor,
    /// The live revision: the whole stack, behind admission.
    pub model: Arc<dyn ChatModel>,
    /// How many users' requests wait or are answered.
    pub users: watch::Receiver<usize>,
}

impl Work for GateWork {
    fn run(&self, job: &JobContext) -> anyhow::Result<Ended> {
        let settings: GateJob = serde_json::from_value(job.config.clone())?;
        job.runtime.block_on(async {
            tokio::select! {
                done = self.judge(job, &settings) => done,
                () = stopped(job) => Ok(Ended::Stopped),
            }
        })
    }
}

impl GateWork {
    async fn judge(&self, job: &JobContext, settings: &GateJob) -> anyhow::Result<Ended> {
        let on_record = self.gates.get(&settings.gate).await?;
        let verdict = match on_record.verdict {
            // The daemon went down between the record and what follows.
            Some(verdict) => verdict,
            None => self.measure(job, settings).await?,
        };
        self.act(job, settings, verdict).await?;
        Ok(Ended::Done(json!({"gate": settings.gate, "revision": settings.candidate, "verdict": verdict})))
    }

    async fn measure(&self, job: &JobContext, settings: &GateJob) -> anyhow::Result<GateVerdict> {
        let begun = std::time::Instant::now();
        let config = self.gates.config();
        let policy = Policy::parse(&settings.policy)?;
        let live = config.revisions.live().await?;
        let candidate = config.revisions.get(&settings.candidate).await?;
        job.at(JobPhase::Loading, (0, 1), None);
        let reference = match &settings.against {
            Some(against) => config.revisions.get(against).await?,
            None => live.clone(),
        };
        let of_live = self.subject(job, (&reference, &live)).await?;
        let of_candidate = match candidate.id == reference.id {
            true => of_live.clone(),
            false => self.subject(job, (&candidate, &live)).await?,
        };
        let asking = Asking {
            policy: &policy,
            cache: Some(Arc::new(FolderCache::open(&config.folder.join("answers"))?)),
            concurrency: config.settings.concurrency,
            max_tokens: config.settings.max_tokens,
            judges: &config.settings.judges,
            edits: live_edits(&self.editor).await?,
            most_edits: config.settings.edits,
            traffic: self.traffic(&policy).await?,
            trained_on: self.trained_on(&candidate).await?,
            priority: Priority::Background,
        };
        let told = Told(job);
        let (mut measured, mut decision) = gate((&of_candidate, &of_live), &asking, &told).await?;
        job.at(JobPhase::Deciding, (0, 1), None);
        let now = config.revisions.live().await?;
        if now.id != live.id {
            void_unless_still(&mut measured, (&live.id, &now.id));
            decision = decided((&policy, Priority::Background), &measured, Look::ONLY).await?;
        }
        report::write(&self.gates.folder(&settings.gate), &measured).await?;
        told_metrics(&decision, begun.elapsed());
        for reason in &decision.reasons {
            job.say(reason.to_string());
        }
        self.record(settings, (reference.id, &decision)).await
    }

    /// A revision as it answers users, with the live edits: loaded beside what they ask, or the live one itself where a
    /// second copy costs too much.
    async fn subject(
        &self,
        job: &JobContext,
        (revision, live): (&Revision, &Revision),
    ) -> anyhow::Result<Subject> {
        let gives_way = |model| -> Arc<dyn ChatModel> {
            Arc::new(GivesWay::new(model, job.control.clone(), self.users.clone()))
        };
        let revisions = &self.gates.config().revisions;
        if revision.id == live.id && !revisions.copies_for_jobs() {
            let model = gives_way(Arc::clone(&self.model));
            return Ok(Subject { model: Arc::clone(&model), edited: Some(model), price: Some(FREE) });
        }
        let (_, model) = revisions.load(revision, Priority::Background).await?;
        Ok(Subject::edited_by(&self.editor, gives_way(Arc::from(model))))
    }

    async fn record(
        &self,
        settings: &GateJob,
        (live, decision): (RevisionId, &GateDecision),
    ) -> anyhow::Result<GateVerdict> {
        let reason = |reason: &amend_eval::gate::Reason| GateReason {
            code: reason.code().to_owned(),
            suite: Some(reason.suite().to_owned()),
            message: reason.to_string(),
        };
        let verdict = match decision.verdict {
            Verdict::Pass => GateVerdict::Pass,
            Verdict::Fail => GateVerdict::Fail,
            Verdict::Inconclusive => GateVerdict::Inconclusive,
        };
        let found = Found {
            live,
            verdict,
            reasons: decision.reasons.iter().map(reason).collect(),
            decision: serde_json::to_value(decision)?,
            at: chrono::Utc::now().timestamp(),
        };
        let id = settings.gate.clone();
        let write = self
            .gates
            .config()
            .ledger
            .write(move |connection| async move { store::decide(connection, &id, &found).await }.boxed());
        write.await?;
        Ok(verdict)
    }

    /// What follows a verdict. Done twice it does nothing more.
    async fn act(&self, job: &JobContext, settings: &GateJob, verdict: GateVerdict) -> anyhow::Result<()> {
        let revisions = &self.gates.config().revisions;
        revisions.judged(&settings.candidate, verdict).await?;
        if verdict == GateVerdict::Fail
            && self.is_the_operators(settings).await?
            && self.canaries.failed_its_gate(&settings.candidate, &settings.gate).await?
        {
            job.say("it is tried on users no more");
        }
        let is_live = revisions.live().await?.id == settings.candidate;
        if is_live {
            schedule::tell(verdict == GateVerdict::Fail);
        }
        match (verdict, settings.on_verdict) {
            (GateVerdict::Pass, GateAction::Promote) => {}
            (GateVerdict::Pass, GateAction::Canary) => return self.try_on_users(job, settings).await,
            (GateVerdict::Fail, GateAction::RollBack) if is_live => {
                return self.roll_back(job, &settings.candidate).await;
            }
            _ => return Ok(()),
        }
        let live = self.gates.get(&settings.gate).await?.live;
        let request = PromoteRequest { force: false, expected_live: live };
        match revisions.promote(settings.candidate.clone(), request).await {
            Ok(done) => job.say(format!("{} is live", done.to)),
            Err(error) => {
                tracing::warn!(
                    revision = %settings.candidate, error = &error as &dyn std::error::Error,
                    "a revision passed its gate and could not be promoted"
                );
                job.say(format!("it passed, and could not be promoted: {error}"));
            }
        }
        Ok(())
    }

    /// Whether a gate is one that could have let the candidate through: against what is live, by the operator's policy and
    /// judges.
    async fn is_the_operators(&self, settings: &GateJob) -> anyhow::Result<bool> {
        let operators = &self.gates.config().settings;
        let (key, gate) = (operators.key(&operators.policy), self.gates.get(&settings.gate).await?);
        Ok(settings.against.is_none()
            && gate.policy.fingerprint == key.policy.fingerprint
            && gate.judges == key.judges)
    }

    /// Lets a candidate that passed answer a share of the users; the canary makes it live.
    async fn try_on_users(&self, job: &JobContext, settings: &GateJob) -> anyhow::Result<()> {
        let CanaryPlan { share, answers } = self.gates.config().settings.canary;
        let request = CanaryRequest {
            candidate: settings.candidate.to_string(),
            share: share.get(),
            answers,
            then: CanaryEnd::Promote,
            force: false,
            expected_live: self.gates.get(&settings.gate).await?.live,
        };
        match self.canaries.begin(request).await {
            Ok(canary) => job.say(format!("the canary {} tries it on users", canary.id)),
            // The daemon went down between its beginning and the end of this job.
            Err(CanaryError::UnderWay(running))
                if self.canaries.get(&running).await?.candidate == settings.candidate =>
            {
                job.say(format!("the canary {running} tries it on users"));
            }
            Err(error) => {
                tracing::warn!(
                    revision = %settings.candidate, error = &error as &dyn std::error::Error,
                    "a revision passed its gate and cannot be tried on users"
                );
                job.say(format!("it passed, and cannot be tried on users: {error}"));
            }
        }
        Ok(())
    }

    async fn roll_back(&self, job: &JobContext, failed: &RevisionId) -> anyhow::Result<()> {
        let revisions = &self.gates.config().revisions;
        match revisions.roll_back(Some(failed.clone())).await {
            Ok(done) => {
                tracing::warn!(from = %done.from, to = %done.to, "the live revision failed its gate; the one before is live");
                job.say(format!("{} is live again", done.to));
                schedule::tell(self.gates.live_fails().await?);
            }
            Err(error) => {
                tracing::error!(
                    revision = %failed, error = &error as &dyn std::error::Error,
                    "the live revision failed its gate and cannot be rolled back"
                );
                job.say(format!("it failed, and cannot be rolled back: {error}"));
            }
        }
        Ok(())
    }

    /// What users asked, where the policy wants it asked again and they let it be kept.
    async fn traffic(&self, policy: &Policy) -> anyhow::Result<TrafficSuite> {
        if policy.suites.iter().all(|suite| suite.name != TRAFFIC) {
            return Ok(TrafficSuite::default());
        }
        let most = self.gates.config().settings.traffic.get();
        let kept = self.preferences.newest_completions(most).await;
        Ok(TrafficSuite::of(kept.context("the kept completions cannot be read")?))
    }

    /// What the daemon's trainings learn from, for a revision that one of them made.
    async fn trained_on(&self, candidate: &Revision) -> anyhow::Result<Vec<(String, String)>> {
        if candidate.kind == RevisionKind::Base {
            return Ok(Vec::new());
        }
        let pairs = self.pairs.all().await.context("the training pairs cannot be read")?;
        let mut texts: Vec<(String, String)> = Vec::new();
        let of_pairs = pairs.into_iter().take(MOST_PAIRS).enumerate().map(|(at, pair)| {
            (format!("pair {at}"), format!("{}\n{}", Message::joined(&pair.prompt), pair.chosen))
        });
        texts.extend(of_pairs);
        // What jobs made: other sources are files of pairs, or say how they were collected.
        let sources = candidate.provenance.sources.iter().map(PathBuf::from);
        let sets: Vec<PathBuf> = sources.filter(|source| source.starts_with(&self.sets)).collect();
        for set in sets {
            let read = move || row_texts(&set, MOST_PAIRS);
            let rows = apart("amend-guard", Priority::Background, read).await?;
            texts.extend(rows.context("the rows that it learned from cannot be read")?);
        }
        Ok(texts)
    }
}

/// Until the job shall stop.
async fn stopped(job: &JobContext) {
    let mut looks = tokio::time::interval(LOOK);
    while !job.stopped() {
        looks.tick().await;
    }
}

fn told_metrics(decision: &GateDecision, took: Duration) {
    let verdict = match decision.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    };
    metrics::counter!(names::GATES, "verdict" => verdict).increment(1);
    metrics::histogram!(names::GATE_DURATION).record(took.as_secs_f64());
    for suite in &decision.suites {
        for (of, score) in [("candidate", suite.candidate), ("live", suite.live)] {
            metrics::gauge!(names::GATE_SCORE, "suite" => suite.suite.clone(), "of" => of)
                .set(score.estimate / 100.0);
        }
    }
}

/// Tells a job's record.
struct Told<'a>(&'a JobContext);

impl GateProgress for Told<'_> {
    fn look(&self, number: u32, of: u32) {
        if of > 1 {
            self.0.say(format!("look {number} of {of}"));
        }
    }

    fn answered(&self, suite: &str, who: &'static str, done: usize, total: usize) {
        if done == total {
            self.0.say(format!("{suite}: {who} answered {total} items"));
        }
        self.0.at(JobPhase::Measuring, (done as u64, total as u64), None);
    }
}
