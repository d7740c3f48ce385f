//! Measuring one record in one state of the store.

use super::{
    outcome::{ForcedScore, LookupScore, Outcome, ProbeKind, ProbeOutcome, Reading},
    store::{Decision, EditStore, Fate, Hit, Lookup},
};
use crate::{
    data::{EditRecord, Gold, LocalityKind, PortabilityKind},
    edit::metrics::{
        AnswerScore, ForcedQuery, ForcedTokens, TeacherForced, judge, ngram_entropy, normalise, word_count,
    },
};
use amend_proto::{ChatModel, ChatRequest, EditId, Message, ModelError, Priority};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{
    error::Error,
    num::{NonZeroU32, NonZeroUsize},
};

/// The model with edits and the one without, for teacher forcing.
#[derive(Clone, Copy)]
pub struct ForcedPair<'a> {
    /// Puts the edits in scope in front.
    pub edited: &'a dyn TeacherForced,
    /// Does not.
    pub base: &'a dyn TeacherForced,
}

/// So many tokens are allowed for each word or sign of an expected answer.
const TOKENS_A_WORD: usize = 2;

/// What is measured.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Where the edits live that `edited` sees.
    pub store: &'a dyn EditStore,
    /// The model that puts the edits in scope in front of a question.
    pub edited: &'a dyn ChatModel,
    /// The same model without edits.
    pub base: &'a dyn ChatModel,
    /// Teacher forcing, if the engine can do it; without it those scores are missing from the report.
    pub forced: Option<ForcedPair<'a>>,
}

/// How a record is measured; recorded in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureOptions {
    /// Most tokens of an answer to a question whose expected answer is short.
    pub answer_tokens: NonZeroU32,
    /// Most tokens of an answer to any question: one whose expected answer is long may get so many, and twice its
    /// [words and signs](word_count) if those are fewer.
    pub long_answer_tokens: NonZeroU32,
    /// Tokens of the text whose fluency is measured; `None` measures none.
    pub fluency_tokens: Option<NonZeroU32>,
    /// The most questions of one list of a record.
    pub probes_per_list: NonZeroUsize,
    /// The most names of an answer that are teacher-forced.
    pub names_per_probe: NonZeroUsize,
}

impl Default for MeasureOptions {
    /// 32 tokens of an answer, 512 where a long one is expected, 100 of a longer text, 16 questions of a list, 16 names.
    fn default() -> Self {
        let sixteen = NonZeroUsize::MIN.saturating_add(15);
        Self {
            answer_tokens: NonZeroU32::MIN.saturating_add(31),
            long_answer_tokens: NonZeroU32::MIN.saturating_add(511),
            fluency_tokens: Some(NonZeroU32::MIN.saturating_add(99)),
            probes_per_list: sixteen,
            names_per_probe: sixteen,
        }
    }
}

impl MeasureOptions {
    /// Most tokens of an answer where this one is expected. An answer that is cut short of the expected one cannot be
    /// right.
    fn tokens_of(&self, gold: &Gold) -> NonZeroU32 {
        let longest = gold.names().map(word_count).max().unwrap_or(0);
        let needed = u32::try_from(longest.saturating_mul(TOKENS_A_WORD)).unwrap_or(u32::MAX);
        let needed = NonZeroU32::new(needed).unwrap_or(NonZeroU32::MIN);
        needed.min(self.long_answer_tokens).max(self.answer_tokens)
    }
}

/// How much is under way at once, and who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests under way at once: of different records, where the protocol lets several be in the store, otherwise of
    /// one record's questions.
    pub concurrency: NonZeroUsize,
    /// Whether live users go first.
    pub priority: Priority,
}

/// A question, and what counts as its answer.
struct Question<'a> {
    kind: ProbeKind,
    item: usize,
    prompt: &'a str,
    gold: &'a Gold,
}

impl Question<'_> {
    fn is_locality(&self) -> bool {
        matches!(self.kind, ProbeKind::Locality(_))
    }
}

/// Every question of a record, at most so many of each list.
fn questions(record: &EditRecord, most: usize) -> Vec<Question<'_>> {
    use LocalityKind::{Forgetfulness, OtherSubjects, RelationSpecificity};
    use PortabilityKind::{Aliasing, Logical, Reasoning};
    let mut all = Vec::new();
    let facts = record.facts().map(|fact| (fact.prompt.as_str(), &fact.target));
    push(&mut all, ProbeKind::Prompt, facts.take(most));
    let other_words =
        record.facts().flat_map(|fact| fact.rephrasings.iter().map(|text| (text.as_str(), &fact.target)));
    push(&mut all, ProbeKind::Rephrasing, other_words.take(most));
    for kind in [Reasoning, Aliasing, Logical] {
        let probes = record.portability.of(kind).iter().map(|probe| (probe.prompt.as_str(), &probe.gold));
        push(&mut all, ProbeKind::Portability(kind), probes.take(most));
    }
    for kind in [RelationSpecificity, Forgetfulness, OtherSubjects] {
        let probes = record.locality.of(kind).iter().map(|probe| (probe.prompt.as_str(), &probe.gold));
        push(&mut all, ProbeKind::Locality(kind), probes.take(most));
    }
    all
}

fn push<'a>(to: &mut Vec<Question<'a>>, kind: ProbeKind, list: impl Iterator<Item = (&'a str, &'a Gold)>) {
    to.extend(list.enumerate().map(|(item, (prompt, gold))| Question { kind, item, prompt, gold }));
}

/// Measures one record at a time.
pub(crate) struct Measure<'a> {
    pub(crate) bench: Bench<'a>,
    pub(crate) options: MeasureOptions,
    pub(crate) priority: Priority,
    /// How many questions of one record are under way at once.
    pub(crate) within: usize,
}

/// The record to measure, and what is known of it.
pub(crate) struct Measured<'a> {
    pub(crate) stage: usize,
    pub(crate) record: &'a EditRecord,
    pub(crate) edits: Vec<EditId>,
    pub(crate) rejected: Option<String>,
}

impl Measure<'_> {
    pub(crate) async fn run(&self, measured: Measured<'_>) -> Outcome {
        let Measured { stage, record, edits, rejected } = measured;
        let questions = questions(record, self.options.probes_per_list.get());
        let mut forced = self.force_all(&questions).await.into_iter();
        let mut probes: Vec<ProbeOutcome> = stream::iter(&questions)
            .map(|question| self.probe(question, &edits))
            .buffered(self.within.max(1))
            .collect()
            .await;
        for probe in &mut probes {
            probe.forced = forced.next();
        }
        let fluency = self.fluency(record).await;
        Outcome { stage, record: record.index, rejected, probes, fluency }
    }

    async fn probe(&self, question: &Question<'_>, edits: &[EditId]) -> ProbeOutcome {
        let lookup = Some(self.look_up(question.prompt, edits).await);
        let answer = Some(match self.answer(question).await {
            Ok(score) => Reading::Scored(score),
            Err(error) => Reading::Failed(error.to_string()),
        });
        ProbeOutcome { kind: question.kind, item: question.item, forced: None, answer, lookup }
    }

    async fn look_up(&self, prompt: &str, edits: &[EditId]) -> Reading<LookupScore> {
        match self.bench.store.lookup(prompt).await {
            Ok(Lookup { decision, ranked, took }) => {
                let own = |hit: &Hit| edits.contains(&hit.id);
                let rank = ranked.iter().position(own).and_then(|place| u32::try_from(place + 1).ok());
                let kept = ranked.iter().any(|hit| own(hit) && hit.fate == Fate::Applied);
                Reading::Scored(LookupScore { rank, kept, injected: decision == Decision::Apply, took })
            }
            Err(error) => Reading::Failed(told(&error)),
        }
    }

    async fn answer(&self, question: &Question<'_>) -> Result<AnswerScore, ModelError> {
        let tokens = self.options.tokens_of(question.gold);
        let edited = self.say(self.bench.edited, question.prompt, tokens).await?;
        let score = judge(&edited, question.gold);
        if !question.is_locality() {
            return Ok(score);
        }
        let base = self.say(self.bench.base, question.prompt, tokens).await?;
        let kept = judge(&base, question.gold).contains == score.contains;
        Ok(AnswerScore { exact: normalise(&base) == normalise(&edited), contains: kept })
    }

    async fn say(
        &self,
        model: &dyn ChatModel,
        prompt: &str,
        tokens: NonZeroU32,
    ) -> Result<String, ModelError> {
        let mut request = ChatRequest::greedy(vec![Message::user(prompt)]);
        request.sampling.max_tokens = Some(tokens.get());
        request.priority = self.priority;
        Ok(model.complete(request).await?.text)
    }

    async fn fluency(&self, record: &EditRecord) -> Option<Reading<f64>> {
        let prompt = record.fluency_prompts.first().unwrap_or(&record.fact.prompt);
        let said = self.say(self.bench.edited, prompt, self.options.fluency_tokens?).await;
        Some(match said {
            Ok(text) => Reading::Scored(ngram_entropy(&text)),
            Err(error) => Reading::Failed(error.to_string()),
        })
    }

    /// One score for each question; nothing when there is no teacher forcing.
    async fn force_all(&self, questions: &[Question<'_>]) -> Vec<Reading<ForcedScore>> {
        let Some(pair) = self.bench.forced else { return Vec::new() };
        let names = |question: &Question<'_>| match question.is_locality() {
            true => 1,
            false => self.options.names_per_probe.get(),
        };
        let ask = |question: &Question<'_>| -> Vec<ForcedQuery> {
            let prompt = question.prompt.to_owned();
            let targets = question.gold.names().take(names(question));
            targets.map(|name| ForcedQuery { prompt: prompt.clone(), target: name.to_owned() }).collect()
        };
        let queries: Vec<ForcedQuery> = questions.iter().flat_map(ask).collect();
        let untouched: Vec<ForcedQuery> =
            questions.iter().filter(|question| question.is_locality()).flat_map(ask).collect();
        let mut edited = force(pair.edited, &queries).await.into_iter();
        let mut base = force(pair.base, &untouched).await.into_iter();
        let score = |question: &Question<'_>| match question.is_locality() {
            true => agreement(edited.next(), base.next()),
            false => {
                let count = question.gold.names().take(names(question)).count();
                accuracy(edited.by_ref().take(count).collect())
            }
        };
        questions.iter().map(score).collect()
    }
}

/// An error with what caused it, on one line.
fn told(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

type Forced = Result<ForcedTokens, String>;

/// One result for each query, in batches of the model's size.
async fn force(model: &dyn TeacherForced, queries: &[ForcedQuery]) -> Vec<Forced> {
    let mut results = Vec::with_capacity(queries.len());
    for batch in queries.chunks(model.batch().get()) {
        let scored = model.force(batch).await;
        let missing = batch.len().saturating_sub(scored.len());
        results.extend(scored.into_iter().take(batch.len()).map(|result| result.map_err(|e| e.to_string())));
        let short = || Err("the model gave fewer results than it was asked for".to_owned());
        results.extend(std::iter::repeat_with(short).take(missing));
    }
    results
}

fn agreement(edited: Option<Forced>, base: Option<Forced>) -> Reading<ForcedScore> {
    let both = edited.zip(base).ok_or_else(|| "it was not asked".to_owned());
    let share = both.and_then(|(edited, base)| edited?.agreement(&base?).map_err(|error| error.to_string()));
    match share {
        Ok(share) => Reading::Scored(ForcedScore { first: share, best: share }),
        Err(why) => Reading::Failed(why),
    }
}

/// The scores of one question's names, the first one first. A failure of any is the question's.
fn accuracy(names: Vec<Forced>) -> Reading<ForcedScore> {
    let shares: Result<Vec<f64>, String> =
        names.into_iter().map(|name| name.map(|tokens| tokens.accuracy())).collect();
    match shares {
        Ok(shares) => {
            let first = shares.first().copied().unwrap_or(0.0);
            Reading::Scored(ForcedScore { first, best: shares.into_iter().fold(first, f64::max) })
        }
        Err(why) => Reading::Failed(why),
    }
}
