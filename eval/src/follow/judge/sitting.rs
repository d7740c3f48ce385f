//! The panel at work.

use super::{Judge, JudgeId, JudgeOptions, JudgePanel, Language, Question};
use crate::follow::{
    Item, Level, Scorer, Verdict,
    published::{legacy_verdicts, strict_verdicts},
    run::{Attempt, CacheError, GenerateError, Generation, Keeper, Key, Purpose, generate},
};
use amend_proto::{ChatRequest, Message, ModelInfo, Prompt, Sampling};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Semaphore;

/// The longest piece of a reply that a report keeps, in characters.
const REPLY_KEPT: usize = 600;

/// What one judge found of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Who.
    pub judge: JudgeId,
    /// What.
    pub result: ReadingResult,
    /// Calls made; none where every reply was kept from before.
    pub calls: u32,
    /// Replies that were kept from before.
    pub cached: u32,
    /// Tokens of the prompts of calls that were answered.
    pub prompt_tokens: u64,
    /// Tokens of their replies.
    pub completion_tokens: u64,
}

/// What became of asking a judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingResult {
    /// One verdict for each constraint, YES as true.
    Verdicts(Vec<bool>),
    /// No reply could be read; the end of the last one.
    Unreadable(String),
    /// The endpoint failed.
    Failed(String),
    /// It had failed so often that it was not asked.
    NotAsked,
}

impl Reading {
    /// The verdicts, if they could be read.
    #[must_use]
    pub fn verdicts(&self) -> Option<&[bool]> {
        match &self.result {
            ReadingResult::Verdicts(verdicts) => Some(verdicts),
            ReadingResult::Unreadable(_) | ReadingResult::Failed(_) | ReadingResult::NotAsked => None,
        }
    }
}

/// What the panel found of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One for each constraint.
    pub verdicts: Vec<Verdict>,
    /// By judge, in the panel's order.
    pub readings: Vec<Reading>,
}

/// Why judging ends the run.
#[derive(Debug, thiserror::Error)]
pub enum JudgeStop {
    /// Another revision of the judge answers than at the start: another judge.
    #[error("the judge {judge} changed from {expected} to {found} while it judged")]
    Changed {
        /// Who.
        judge: JudgeId,
        /// The revision at the start.
        expected: String,
        /// The revision that answered.
        found: String,
    },
    /// Replies cannot be kept or found.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// What is known of a judge after the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRecord {
    /// Its name.
    pub id: JudgeId,
    /// The model that answers for it.
    pub model: String,
    /// The model's revision.
    pub revision: String,
    /// SHA-256 of its template.
    pub template: String,
    /// Whether it failed so often that it was not asked to the end.
    pub gave_up: bool,
}

struct Seat<'a> {
    judge: &'a Judge,
    info: ModelInfo,
    /// Answers in a row on which the endpoint failed.
    failures: AtomicU32,
}

/// A panel in one run.
pub(crate) struct Sitting<'a> {
    seats: Vec<Seat<'a>>,
    options: &'a JudgeOptions,
    keeper: Keeper,
    scorer: Scorer,
    language: Language,
    /// One permit for each answer under judgement.
    reading: Semaphore,
}

impl JudgePanel {
    /// Begins: the revisions of now are the ones that must answer to the end.
    pub(crate) fn sit(&self, keeper: Keeper, scorer: Scorer, language: Language) -> Sitting<'_> {
        let seat = |judge| Seat { judge, info: judge.model.info(), failures: AtomicU32::new(0) };
        let reading = Semaphore::new(self.options().concurrency.get());
        let seats = self.judges().iter().map(|judge: &Judge| seat(judge)).collect();
        Sitting { seats, options: self.options(), keeper, scorer, language, reading }
    }
}

impl Sitting<'_> {
    /// How many answers are judged at once.
    pub(crate) fn width(&self) -> usize {
        self.options.concurrency.get()
    }

    /// Has every judge read the answer, and counts their votes.
    pub(crate) async fn judge(&self, item: &Item, answer: &str) -> Result<Judgement, JudgeStop> {
        let _permit = self.reading.acquire().await.expect("the semaphore is never closed");
        let mut readings = Vec::with_capacity(self.seats.len());
        for seat in &self.seats {
            readings.push(self.read(seat, item, answer).await?);
        }
        let verdicts = majority(&readings, usize::from(item.level.get()));
        Ok(Judgement { verdicts, readings })
    }

    pub(crate) fn finish(self) -> Vec<SeatRecord> {
        let record = |seat: &Seat<'_>| SeatRecord {
            id: seat.judge.id.clone(),
            model: seat.info.id.to_string(),
            revision: seat.info.revision.to_string(),
            template: seat.judge.template.fingerprint().to_owned(),
            gave_up: self.gave_up(seat),
        };
        self.seats.iter().map(record).collect()
    }

    fn gave_up(&self, seat: &Seat<'_>) -> bool {
        seat.failures.load(Ordering::Relaxed) >= self.options.give_up_after.get()
    }

    async fn read(&self, seat: &Seat<'_>, item: &Item, answer: &str) -> Result<Reading, JudgeStop> {
        let mut reading = Reading {
            judge: seat.judge.id.clone(),
            result: ReadingResult::NotAsked,
            calls: 0,
            cached: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
        };
        let question = match seat.judge.template.render(item, answer) {
            Ok(question) => question,
            Err(error) => {
                reading.result = ReadingResult::Failed(error.to_string());
                return Ok(reading);
            }
        };
        let replies = match self.scorer {
            Scorer::Strict => 1 + self.options.retries,
            Scorer::Legacy => 1,
        };
        for number in 0..replies {
            let Some(reply) = self.reply(seat, item, (&question.prompt, number), &mut reading).await? else {
                break;
            };
            match self.verdicts(&question, &reply.text, item.level) {
                Some(verdicts) => {
                    reading.result = ReadingResult::Verdicts(verdicts);
                    break;
                }
                None => reading.result = ReadingResult::Unreadable(end_of(&reply.text)),
            }
        }
        Ok(reading)
    }

    /// The reply of that number, from the cache or the judge; nothing after a failure, which the reading then tells.
    async fn reply(
        &self,
        seat: &Seat<'_>,
        item: &Item,
        (prompt, number): (&str, u32),
        reading: &mut Reading,
    ) -> Result<Option<Generation>, JudgeStop> {
        let sampling = self.sampling(number);
        let purpose =
            Purpose::Verdict { judge: seat.judge.id.as_str(), template: seat.judge.template.fingerprint() };
        let key = Key::new(purpose, &seat.info, &item.id(), (prompt, &sampling));
        if let Some(kept) = self.keeper.get(key).await? {
            reading.cached += 1;
            return Ok(Some(kept));
        }
        if self.gave_up(seat) {
            reading.result = ReadingResult::NotAsked;
            return Ok(None);
        }
        let mut request = ChatRequest::new(Prompt::Chat(vec![Message::user(prompt)]));
        request.sampling = sampling;
        request.priority = self.options.priority;
        let attempt = Attempt {
            model: &seat.judge.model,
            revision: &seat.info.revision,
            deadline: self.options.deadline,
            retries: self.options.call_retries,
        };
        let (result, calls) = generate(&attempt, &request).await;
        reading.calls += calls;
        match result {
            Ok(reply) => {
                seat.failures.store(0, Ordering::Relaxed);
                reading.prompt_tokens += u64::from(reply.prompt_tokens);
                reading.completion_tokens += u64::from(reply.completion_tokens);
                self.keeper.put(key, reply.clone()).await?;
                Ok(Some(reply))
            }
            Err(GenerateError::OtherRevision { expected, found }) => {
                let (expected, found) = (expected.to_string(), found.to_string());
                Err(JudgeStop::Changed { judge: seat.judge.id.clone(), expected, found })
            }
            Err(error) => {
                if error.is_infrastructure() {
                    seat.failures.fetch_add(1, Ordering::Relaxed);
                }
                reading.result = ReadingResult::Failed(error.to_string());
                Ok(None)
            }
        }
    }

    fn verdicts(&self, question: &Question, reply: &str, level: Level) -> Option<Vec<bool>> {
        match self.scorer {
            Scorer::Strict => strict_verdicts(question.own(reply), level),
            Scorer::Legacy => legacy_verdicts(reply, level, self.language.edition()),
        }
    }

    /// Greedy first; then other seeds, at a temperature that lets them say something else.
    fn sampling(&self, number: u32) -> Sampling {
        Sampling {
            max_tokens: Some(self.options.max_tokens),
            temperature: Some(if number == 0 { 0.0 } else { self.options.retry_temperature }),
            seed: Some(self.options.seed.wrapping_add(u64::from(number))),
            ..Sampling::default()
        }
    }
}

/// What more than half of all judges say of each constraint.
fn majority(readings: &[Reading], constraints: usize) -> Vec<Verdict> {
    let votes = |index: usize, vote: bool| {
        let said = readings.iter().filter_map(|reading| reading.verdicts()?.get(index));
        said.filter(|said| **said == vote).count()
    };
    let decide = |index: usize| match (votes(index, true), votes(index, false)) {
        (yes, _) if 2 * yes > readings.len() => Verdict::Satisfied,
        (_, no) if 2 * no > readings.len() => Verdict::Violated,
        _ => Verdict::Unparsed,
    };
    (0..constraints).map(decide).collect()
}

/// The end of a reply, where the list should have been.
fn end_of(reply: &str) -> String {
    let length = reply.chars().count();
    match length > REPLY_KEPT {
        true => format!("…{}", reply.chars().skip(length - REPLY_KEPT).collect::<String>()),
        false => reply.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(verdicts: Option<Vec<bool>>) -> Reading {
        let result = verdicts.map_or(ReadingResult::NotAsked, ReadingResult::Verdicts);
        let judge = JudgeId::new("j");
        Reading { judge, result, calls: 1, cached: 0, prompt_tokens: 0, completion_tokens: 0 }
    }

    #[test]
    fn more_than_half_of_all_judges_decide() {
        use Verdict::{Satisfied, Unparsed, Violated};
        let panel = |votes: &[Option<[bool; 2]>]| {
            let readings: Vec<_> = votes.iter().map(|vote| reading(vote.map(Vec::from))).collect();
            majority(&readings, 2)
        };
        assert_eq!(panel(&[Some([true, false])]), [Satisfied, Violated]);
        assert_eq!(panel(&[Some([true, false]), Some([false, false])]), [Unparsed, Violated]);
        assert_eq!(panel(&[Some([true, false]), Some([true, true]), None]), [Satisfied, Unparsed]);
        assert_eq!(panel(&[Some([true, true]), None, None]), [Unparsed, Unparsed]);
        assert_eq!(panel(&[None]), [Unparsed, Unparsed]);
    }

    #[test]
    fn only_the_end_of_a_long_reply_is_kept() {
        assert_eq!(end_of("short"), "short");
        let long = format!("{}{}", "a".repeat(10), "é".repeat(REPLY_KEPT));
        assert_eq!(end_of(&long), format!("…{}", "é".repeat(REPLY_KEPT)));
    }

    proptest! {
        #[test]
        fn the_order_of_judges_does_not_matter(
            votes in prop::collection::vec(prop::option::of(prop::collection::vec(any::<bool>(), 3)), 1..6),
        ) {
            let mut readings: Vec<_> = votes.into_iter().map(reading).collect();
            let forward = majority(&readings, 3);
            readings.reverse();
            prop_assert_eq!(majority(&readings, 3), forward);
        }
    }
}
