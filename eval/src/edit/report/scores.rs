//! Outcomes added up.

use crate::{
    data::{LocalityKind, PortabilityKind},
    edit::{
        metrics::{Latency, Micros},
        protocol::{LookupScore, Outcome, ProbeKind, ProbeOutcome, Reading},
    },
    report::{FAILURES_KEPT, wilson_share},
};
use serde::{Deserialize, Serialize};

/// A mean of values between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The mean.
    pub mean: f64,
    /// How many values: records, or queries where the field says so.
    pub count: usize,
    /// The 95 % Wilson interval. Where the values are not just 0 and 1 it is too wide rather than too narrow: of all
    /// values with this mean those vary most.
    pub interval: [f64; 2],
}

impl Score {
    fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        Some(Self { mean, count: values.len(), interval: wilson_share(mean, values.len()) })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The scores of one way of scoring. A record's score is the mean over its questions of a sort, a sort's score the mean
/// over the records that have any; a sort that no record has is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The edits' own prompts.
    pub success: Option<Score>,
    /// Their rephrasings.
    pub generalisation: Option<Score>,
    /// Portability: reasoning.
    pub reasoning: Option<Score>,
    /// Portability: the subject under other names.
    pub aliasing: Option<Score>,
    /// Portability: logical consequences.
    pub logical: Option<Score>,
    /// The mean of the portability scores that there are, as KnowEdit has it.
    pub portability: Option<f64>,
    /// Locality: other relations of the subject.
    pub relation_specificity: Option<Score>,
    /// Locality: other answers of the same question.
    pub forgetfulness: Option<Score>,
    /// Locality: other subjects.
    pub other_subjects: Option<Score>,
    /// The mean of the locality scores that there are.
    pub locality: Option<f64>,
}

/// Teacher-forced scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForcedScores {
    /// As the published figures are made: the first question of each list, the first name of its first answer.
    pub legacy: Scores,
    /// All questions; of each the best of all its answers and names.
    pub full: Scores,
}

/// A mean of values of any size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// How many values.
    pub count: usize,
}

/// Whether questions found the edit they need. Recall is of all edits that were considered, before the scope decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// The queries: `prompt`, `rephrasing`, `reasoning`, `aliasing`, `logical`.
    pub queries: String,
    /// It was the first one found; counts queries.
    pub at_1: Score,
    /// It was among the first three; counts queries.
    pub at_3: Score,
    /// The scope decision kept it, so that it stood in front of the question; counts queries.
    pub kept: Score,
}

/// Whether questions that need no edit got one.
///
/// Under `forgetfulness` it is no mistake: those questions ask for other answers of the very fact that is edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// The queries: `relation_specificity`, `forgetfulness`, `other_subjects`.
    pub queries: String,
    /// The share of queries with an edit in front of them; counts queries.
    pub rate: Score,
}

/// What looking up did by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// By sort of question in scope.
    pub recall: Vec<Recall>,
    /// By sort of question out of scope.
    pub false_injection: Vec<Injection>,
    /// Of all lookups.
    pub latency: Option<Latency>,
}

/// A question that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditFailure {
    /// The record's place in its file.
    pub record: usize,
    /// What was tried: `store`, `generate`, `force`, `look up`, `fluency`.
    pub doing: String,
    /// What happened.
    pub error: String,
}

/// What was found with so many records' edits in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// How many records' edits were in the store.
    pub edits: usize,
    /// How many of them were measured.
    pub measured: usize,
    /// Teacher-forced, if the engine can.
    pub forced: Option<ForcedScores>,
    /// Generated: equal to the expected answer after normalisation; locality: to the answer without edits.
    pub exact: Scores,
    /// Generated: the expected answer stands in it; locality: as it does, or does not, without edits.
    pub contains: Scores,
    /// The n-gram entropy of longer texts, generated with the edits in front.
    pub fluency: Option<Mean>,
    /// What looking up did by itself.
    pub retrieval: Retrieval,
    /// How much failed; it counts as a score of nothing.
    pub failed: usize,
    /// The first [`FAILURES_KEPT`] failures.
    pub failures: Vec<EditFailure>,
}

impl StageReport {
    /// Adds up outcomes of one stage, of which there is at least one.
    pub(crate) fn new(outcomes: &[Outcome]) -> Self {
        let legacy = scores(outcomes, |probe| {
            probe.forced.as_ref().filter(|_| probe.item == 0).map(|r| r.scored().map_or(0.0, |s| s.first))
        });
        let full = scores(outcomes, |probe| {
            probe.forced.as_ref().map(|reading| reading.scored().map_or(0.0, |score| score.best))
        });
        let generated = |hit: fn(&crate::edit::metrics::AnswerScore) -> bool| {
            scores(outcomes, move |probe| {
                probe.answer.as_ref().map(|reading| f64::from(u8::from(reading.scored().is_some_and(hit))))
            })
        };
        let forced = outcomes.iter().any(|outcome| outcome.probes.iter().any(|probe| probe.forced.is_some()));
        let failures = || outcomes.iter().flat_map(failures);
        Self {
            edits: outcomes[0].stage,
            measured: outcomes.len(),
            forced: forced.then_some(ForcedScores { legacy, full }),
            exact: generated(|score| score.exact),
            contains: generated(|score| score.contains),
            fluency: fluency(outcomes),
            retrieval: retrieval(outcomes),
            failed: failures().count(),
            failures: failures().take(FAILURES_KEPT).collect(),
        }
    }
}

/// Scores by one way of looking at a question; `None` leaves the question out.
fn scores(outcomes: &[Outcome], value: impl Fn(&ProbeOutcome) -> Option<f64>) -> Scores {
    use {LocalityKind as L, PortabilityKind as P, ProbeKind as K};
    let score = |kind: ProbeKind| {
        let record = |outcome: &Outcome| {
            let probes = outcome.probes.iter().filter(|probe| probe.kind == kind);
            mean(&probes.filter_map(&value).collect::<Vec<_>>())
        };
        Score::of(&outcomes.iter().filter_map(record).collect::<Vec<_>>())
    };
    let overall = |parts: [Option<Score>; 3]| {
        mean(&parts.into_iter().flatten().map(|score| score.mean).collect::<Vec<_>>())
    };
    let portability = [P::Reasoning, P::Aliasing, P::Logical].map(|kind| score(K::Portability(kind)));
    let locality =
        [L::RelationSpecificity, L::Forgetfulness, L::OtherSubjects].map(|kind| score(K::Locality(kind)));
    Scores {
        success: score(K::Prompt),
        generalisation: score(K::Rephrasing),
        reasoning: portability[0],
        aliasing: portability[1],
        logical: portability[2],
        portability: overall(portability),
        relation_specificity: locality[0],
        forgetfulness: locality[1],
        other_subjects: locality[2],
        locality: overall(locality),
    }
}

fn fluency(outcomes: &[Outcome]) -> Option<Mean> {
    let values = outcomes.iter().filter_map(|outcome| outcome.fluency.as_ref());
    let values: Vec<f64> = values.map(|reading| reading.scored().copied().unwrap_or(0.0)).collect();
    mean(&values).map(|mean| Mean { mean, count: values.len() })
}

/// The lookups of one sort of question; a failed one found nothing.
fn lookups(outcomes: &[Outcome], kind: ProbeKind) -> Vec<Option<LookupScore>> {
    let probes = outcomes.iter().flat_map(|outcome| &outcome.probes).filter(|probe| probe.kind == kind);
    probes.filter_map(|probe| probe.lookup.as_ref()).map(|reading| reading.scored().copied()).collect()
}

fn share(found: &[Option<LookupScore>], hit: impl Fn(&LookupScore) -> bool) -> Option<Score> {
    let values = found.iter().map(|lookup| f64::from(u8::from(lookup.as_ref().is_some_and(&hit))));
    Score::of(&values.collect::<Vec<_>>())
}

fn retrieval(outcomes: &[Outcome]) -> Retrieval {
    let in_scope = [
        ("prompt", ProbeKind::Prompt),
        ("rephrasing", ProbeKind::Rephrasing),
        ("reasoning", ProbeKind::Portability(PortabilityKind::Reasoning)),
        ("aliasing", ProbeKind::Portability(PortabilityKind::Aliasing)),
        ("logical", ProbeKind::Portability(PortabilityKind::Logical)),
    ];
    let out_of_scope = [
        ("relation_specificity", LocalityKind::RelationSpecificity),
        ("forgetfulness", LocalityKind::Forgetfulness),
        ("other_subjects", LocalityKind::OtherSubjects),
    ];
    let recall = in_scope.into_iter().filter_map(|(queries, kind)| {
        let found = lookups(outcomes, kind);
        let within = |k| share(&found, move |lookup| lookup.rank.is_some_and(|rank| rank <= k));
        let kept = share(&found, |lookup| lookup.kept)?;
        Some(Recall { queries: queries.to_owned(), at_1: within(1)?, at_3: within(3)?, kept })
    });
    let false_injection = out_of_scope.into_iter().filter_map(|(queries, kind)| {
        let rate = share(&lookups(outcomes, ProbeKind::Locality(kind)), |lookup| lookup.injected)?;
        Some(Injection { queries: queries.to_owned(), rate })
    });
    let all = outcomes.iter().flat_map(|outcome| &outcome.probes);
    let times: Vec<Micros> = all.filter_map(|probe| Some(probe.lookup.as_ref()?.scored()?.took)).collect();
    Retrieval {
        recall: recall.collect(),
        false_injection: false_injection.collect(),
        latency: Latency::of(times),
    }
}

/// What failed of one record.
fn failures(outcome: &Outcome) -> impl Iterator<Item = EditFailure> {
    let record = outcome.record;
    let failure = move |doing: &str, error: &str| EditFailure {
        record,
        doing: doing.to_owned(),
        error: error.to_owned(),
    };
    let rejected = outcome.rejected.iter().map(move |why| failure("store", why));
    let probes = outcome.probes.iter().flat_map(move |probe| {
        let parts = [
            ("look up", probe.lookup.as_ref().and_then(Reading::failed)),
            ("generate", probe.answer.as_ref().and_then(Reading::failed)),
            ("force", probe.forced.as_ref().and_then(Reading::failed)),
        ];
        parts.into_iter().filter_map(move |(doing, error)| Some(failure(doing, error?)))
    });
    let fluency = outcome.fluency.as_ref().and_then(Reading::failed).map(|error| failure("fluency", error));
    rejected.chain(probes).chain(fluency)
}
