//! Asking the candidate and the live revision the suites of a policy.

use super::{
    judges::Judges,
    suites::{self, EDITS, Suite, TRAFFIC},
    traffic::{self, Replay, TrafficOutcome, TrafficReport, TrafficSuite},
};
use crate::threads::apart;
use amend_editor::{EditedModel, Editor, Page};
use amend_eval::{
    Progress,
    contamination::{ContaminationReport, ContaminationSettings, Guard},
    follow::{
        FollowSuite,
        judge::{JudgePanel, Language},
        report::{FollowReport, Price, Void},
        run::{Cache, RunOptions, run},
    },
    gate::{Evidence, EvidenceItem, GateDecision, GateInput, Look, Policy, Population, decide},
    regression::{self, LiveEdit, Questions, RegressionOptions, RegressionReport, RegressionSuite},
};
use amend_proto::{ChatModel, Priority, RevisionId, Sampling, TenantId};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    num::NonZeroUsize,
    sync::Arc,
};

/// Whose edits stand in front of the suites' questions: nobody's, so that an edit changes no score.
const NOBODY: &str = "amend:gate";
/// Edits that are read of a tenant at a time.
const EDITS_PAGE: usize = 500;
/// Edits that are read to draw from.
const MOST_EDITS_READ: usize = 20_000;
/// Tokens of an answer to a question about an edit.
const EDIT_ANSWER_TOKENS: u32 = 32;

/// What one suite found of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SuiteReport {
    /// Constraints.
    Follow(Box<FollowReport>),
    /// Live edits.
    Edits(Box<RegressionReport>),
    /// Kept completions.
    Traffic(Box<TrafficReport>),
}

/// What the suites found of both.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MeasuredPair {
    /// Of the candidate, in the policy's order.
    pub candidate: Vec<SuiteReport>,
    /// Of the live revision.
    pub live: Vec<SuiteReport>,
    /// What of the suites stands in the candidate's training data.
    pub contamination: Vec<ContaminationReport>,
}

/// A model under test.
#[derive(Clone)]
pub struct Subject {
    /// It, without edits; or with those of whom the request names.
    pub model: Arc<dyn ChatModel>,
    /// It, with the live edits; nothing where there are none to try.
    pub edited: Option<Arc<dyn ChatModel>>,
    /// What its tokens cost; nothing where that is not known.
    pub price: Option<Price>,
}

/// A model that runs here.
pub const FREE: Price = Price { prompt: 0.0, completion: 0.0 };

impl Subject {
    /// A model that runs here, and the same behind an editor.
    #[must_use]
    pub fn edited_by(editor: &Editor, model: Arc<dyn ChatModel>) -> Self {
        let edited: Arc<dyn ChatModel> = Arc::new(EditedModel::new(editor.clone(), Arc::clone(&model)));
        Self { model, edited: Some(edited), price: Some(FREE) }
    }
}

/// How both are asked.
pub struct Asking<'a> {
    /// What decides.
    pub policy: &'a Policy,
    /// Where answers are kept.
    pub cache: Option<Arc<dyn Cache>>,
    /// Requests to a model at once.
    pub concurrency: NonZeroUsize,
    /// Tokens of an answer.
    pub max_tokens: u32,
    /// Who judges what code cannot.
    pub judges: &'a Judges,
    /// The live edits; none are tried without.
    pub edits: Vec<LiveEdit>,
    /// How many of them at most.
    pub most_edits: NonZeroUsize,
    /// Questions of users; none are asked without.
    pub traffic: TrafficSuite,
    /// Training texts of the candidate, with ids.
    pub trained_on: Vec<(String, String)>,
    /// Whether users go first.
    pub priority: Priority,
}

/// Told how far a gate is.
pub trait GateProgress: Send + Sync {
    /// A look begins: so many answers of both models are to come.
    fn look(&self, number: u32, of: u32);
    /// `done` of `total` items of a suite, asked of `who`.
    fn answered(&self, suite: &str, who: &'static str, done: usize, total: usize);
}

struct Told<'a>(&'a dyn GateProgress, &'a str, &'static str);

impl Progress for Told<'_> {
    fn answered(&self, done: usize, total: usize) {
        self.0.answered(self.1, self.2, done, total);
    }
}

/// Measures both until there is a verdict: at once, or look by look.
///
/// # Errors
/// When a suite cannot be read, or a model cannot be asked.
pub async fn gate(
    (candidate, live): (&Subject, &Subject),
    asking: &Asking<'_>,
    progress: &dyn GateProgress,
) -> anyhow::Result<(MeasuredPair, GateDecision)> {
    let suites: Vec<Suite> = asking.policy.suites.iter().map(suites::find).collect::<anyhow::Result<_>>()?;
    let edits = edit_suite(asking)?;
    let contamination = contamination(asking, &suites).await?;
    let panels = panels(asking, &suites, progress).await?;
    let of = asking.policy.sequential.map_or(1, |sequential| sequential.looks);
    let mut number = 1;
    loop {
        progress.look(number, of);
        let look = Look { number, of };
        let mut measured = MeasuredPair { contamination: contamination.clone(), ..MeasuredPair::default() };
        for ((suite, named), panel) in suites.iter().zip(&asking.policy.suites).zip(&panels) {
            for (who, subject, into) in [
                ("the live revision", live, &mut measured.live),
                ("the candidate", candidate, &mut measured.candidate),
            ] {
                let told = Told(progress, &named.name, who);
                into.push(match suite {
                    Suite::Follow(suite) => {
                        let most = named.max_groups.unwrap_or(usize::MAX).min(suites::groups(suite));
                        let groups = (most * number as usize).div_ceil(of as usize);
                        let part = suites::part(suite, groups, asking.policy);
                        let asked = (&part, panel.as_ref());
                        SuiteReport::Follow(Box::new(follow(subject, asked, asking, &told).await?))
                    }
                    Suite::Traffic => SuiteReport::Traffic(Box::new(replayed(subject, asking, &told).await)),
                    Suite::Edits => SuiteReport::Edits(Box::new(tried(subject, &edits, asking, &told).await)),
                });
            }
        }
        let decision = decided((asking.policy, asking.priority), &measured, look).await?;
        if !decision.undecided {
            return Ok((measured, decision));
        }
        number += 1;
    }
}

/// The judges of each suite that needs some.
async fn panels(
    asking: &Asking<'_>,
    suites: &[Suite],
    progress: &dyn GateProgress,
) -> anyhow::Result<Vec<Option<JudgePanel>>> {
    let (mut panels, mut rated) = (Vec::with_capacity(suites.len()), HashMap::new());
    for suite in suites {
        panels.push(match suite {
            Suite::Follow(suite) if suite.needs_judge() => {
                let panel = match rated.entry(Language::of(suite)) {
                    Entry::Occupied(panel) => panel.into_mut(),
                    Entry::Vacant(place) => {
                        let told = Told(progress, &suite.name, "the judges, on what is known,");
                        place.insert(asking.judges.panel_for(suite, asking.cache.clone(), &told).await?)
                    }
                };
                panel.clone()
            }
            Suite::Follow(_) | Suite::Edits | Suite::Traffic => None,
        });
    }
    Ok(panels)
}

async fn follow(
    subject: &Subject,
    (suite, judges): (&Arc<FollowSuite>, Option<&JudgePanel>),
    asking: &Asking<'_>,
    told: &Told<'_>,
) -> anyhow::Result<FollowReport> {
    let prices = asking.judges.prices_beside((&subject.model.info().id, subject.price));
    let options = RunOptions {
        concurrency: asking.concurrency,
        sampling: Sampling {
            max_tokens: Some(asking.max_tokens),
            seed: Some(asking.policy.seed),
            ..Sampling::greedy()
        },
        priority: asking.priority,
        tenant: TenantId::new(NOBODY)?,
        cache: asking.cache.clone(),
        prices,
        ..RunOptions::default()
    };
    let report = run(subject.model.as_ref(), suite, &options, judges, told).await;
    report.with_context(|| format!("{} could not be asked", told.2))
}

fn edit_suite(asking: &Asking<'_>) -> anyhow::Result<RegressionSuite> {
    let (seed, most) = (asking.policy.seed, asking.most_edits);
    Ok(RegressionSuite::of(asking.edits.clone(), &Questions::default(), (seed, most))?)
}

async fn tried(
    subject: &Subject,
    suite: &RegressionSuite,
    asking: &Asking<'_>,
    told: &Told<'_>,
) -> RegressionReport {
    let edited = subject.edited.as_ref().unwrap_or(&subject.model);
    let options = RegressionOptions {
        tenant: TenantId::default(),
        without: NOBODY.parse().unwrap_or_default(),
        concurrency: asking.concurrency,
        max_tokens: EDIT_ANSWER_TOKENS,
        priority: asking.priority,
    };
    regression::run((edited.as_ref(), subject.model.as_ref()), suite, &options, told).await
}

async fn replayed(subject: &Subject, asking: &Asking<'_>, told: &Told<'_>) -> TrafficReport {
    let object = |edit: &LiveEdit| Some((edit.id.clone(), edit.object.clone()?));
    let objects = asking.edits.iter().filter_map(object).collect();
    let replay = Replay {
        objects: &objects,
        concurrency: asking.concurrency,
        max_tokens: asking.max_tokens,
        priority: asking.priority,
        seed: asking.policy.seed,
    };
    let model = subject.edited.as_ref().unwrap_or(&subject.model);
    traffic::replay(model.as_ref(), &asking.traffic, &replay, told).await
}

/// The pure function, off the runtime's threads.
///
/// # Errors
/// When it panics.
pub async fn decided(
    (policy, priority): (&Policy, Priority),
    measured: &MeasuredPair,
    look: Look,
) -> anyhow::Result<GateDecision> {
    let (policy, contamination) = (policy.clone(), measured.contamination.clone());
    let of = |all: &[SuiteReport]| all.iter().map(evidence).collect::<Vec<Evidence>>();
    let (candidate, live) = (of(&measured.candidate), of(&measured.live));
    let decided = apart("amend-decide", priority, move || {
        decide(&GateInput {
            policy: &policy,
            candidate: &candidate,
            live: &live,
            contamination: &contamination,
            look,
        })
    });
    decided.await.context("the verdict could not be computed")
}

/// Of the judge that is right least often; nothing when one was not rated, or there is none.
fn judge_accuracy(report: &FollowReport) -> Option<f64> {
    let rated = report.judges.iter().map(|judge| judge.rating.as_ref()?.right());
    rated.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::min)
}

/// What a report says to the gate.
fn evidence(report: &SuiteReport) -> Evidence {
    match report {
        SuiteReport::Follow(report) => {
            let item = |(id, group, hard, soft): (String, String, Option<bool>, Option<f64>)| {
                let stratum = group.split('/').next().unwrap_or_default().to_owned();
                EvidenceItem { id, stratum, group, hard, soft }
            };
            Evidence {
                suite: report.suite.name.clone(),
                fingerprint: report.suite.fingerprint.clone(),
                model: report.model.id.clone(),
                revision: report.model.revision.clone(),
                judges: report.judge_version.iter().cloned().collect(),
                judge_accuracy: judge_accuracy(report),
                sampling: format!("{:?}", report.sampling),
                population: Population::Sample,
                items: report.evidence_items().into_iter().map(item).collect(),
                errors: report.errors.count,
                unparsed: report.unparsed.count,
                first_token_p99: report.latency.first_token_ms.map(|times| times.p99 / 1e3),
                void: report.void.as_ref().map(ToString::to_string),
            }
        }
        SuiteReport::Edits(report) => Evidence {
            suite: EDITS.to_owned(),
            fingerprint: report.fingerprint.clone(),
            model: report.model.clone(),
            revision: report.revision.clone(),
            judges: Vec::new(),
            judge_accuracy: None,
            sampling: "greedy".to_owned(),
            population: if report.not_drawn == 0 { Population::Whole } else { Population::Sample },
            items: report.outcomes.iter().map(edit_item).collect(),
            errors: report.errors,
            unparsed: 0,
            first_token_p99: None,
            void: None,
        },
        SuiteReport::Traffic(report) => Evidence {
            suite: TRAFFIC.to_owned(),
            fingerprint: report.fingerprint.clone(),
            model: report.model.clone(),
            revision: report.revision.clone(),
            judges: Vec::new(),
            judge_accuracy: None,
            sampling: "greedy".to_owned(),
            population: Population::Sample,
            items: report.outcomes.iter().map(traffic_item).collect(),
            errors: report.errors,
            unparsed: 0,
            first_token_p99: None,
            void: None,
        },
    }
}

fn traffic_item(outcome: &TrafficOutcome) -> EvidenceItem {
    let share = |held: &BTreeMap<_, bool>| {
        held.values().filter(|held| **held).count() as f64 / held.len().max(1) as f64
    };
    EvidenceItem {
        id: outcome.id.to_string(),
        stratum: TRAFFIC.to_owned(),
        group: outcome.group.clone(),
        hard: outcome.held.as_ref().map(|held| held.values().all(|held| *held)),
        soft: outcome.held.as_ref().map(share),
    }
}

fn edit_item(outcome: &regression::RegressionOutcome) -> EvidenceItem {
    EvidenceItem {
        id: outcome.item.id.clone(),
        stratum: EDITS.to_owned(),
        group: outcome.item.edit.to_string(),
        hard: outcome.held,
        soft: outcome.held.map(|held| f64::from(u8::from(held))),
    }
}

/// What of the suites the candidate was trained on; nothing is said when its training data is not known.
async fn contamination(asking: &Asking<'_>, suites: &[Suite]) -> anyhow::Result<Vec<ContaminationReport>> {
    if asking.trained_on.is_empty() {
        return Ok(Vec::new());
    }
    let settings = ContaminationSettings {
        similarity: asking.policy.contamination.similarity,
        words: asking.policy.contamination.words,
    };
    let (texts, suites) = (asking.trained_on.clone(), suites.to_vec());
    let looked = apart("amend-guard", asking.priority, move || {
        let follow = suites.iter().filter_map(|suite| match suite {
            Suite::Follow(suite) => Some(suite),
            Suite::Edits | Suite::Traffic => None,
        });
        let report = |suite: &Arc<FollowSuite>| {
            let items = suite.items.iter().map(|item| (item.id(), item.instruction()));
            let mut guard = Guard::new(suite.name.clone(), items, settings);
            for (id, text) in &texts {
                guard.look_at(id, text);
            }
            guard.report()
        };
        follow.map(report).collect()
    });
    looked.await.context("the training data could not be looked at")
}

/// The live edits of the default tenant, up to a bound.
///
/// # Errors
/// The store's.
pub async fn live_edits(editor: &Editor) -> anyhow::Result<Vec<LiveEdit>> {
    let (mut edits, mut after) = (Vec::new(), None);
    loop {
        let listed = editor.list(Page { limit: EDITS_PAGE, after }).await?;
        edits.extend(listed.edits.into_iter().map(|edit| LiveEdit {
            id: edit.id,
            text: edit.content.text,
            subject: edit.content.subject,
            relation: edit.content.relation,
            object: edit.content.object,
        }));
        match listed.next {
            Some(next) if edits.len() < MOST_EDITS_READ => after = Some(next.into()),
            _ => return Ok(edits),
        }
    }
}

/// Makes measurements void whose live revision is not live any more.
pub fn void_unless_still(measured: &mut MeasuredPair, (then, now): (&RevisionId, &RevisionId)) {
    if then == now {
        return;
    }
    for report in &mut measured.live {
        if let SuiteReport::Follow(report) = report {
            report.void = Some(Void::Revision { expected: then.to_string(), found: now.to_string() });
        }
    }
}
