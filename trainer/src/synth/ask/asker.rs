//! [`Asker`]: asks, keeps, pays.

use super::{
    AnswerLog, Cast, Kept, Ledger, Part, Reply, Role, Spent,
    ledger::{Budget, TooLittle},
};
use crate::{
    Error, Result,
    bmc::Control,
    digest,
    retries::{may_pass, refusal},
};
use amend_proto::{ChatRequest, FinishReason, Message, ModelError, Priority, Prompt, Sampling, Usage};
use futures::{StreamExt, stream};
use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// The longest answer that is kept, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;
/// Tokens of an answer where a role says nothing.
const ANSWER_TOKENS: u32 = 1024;

/// What a role is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Who is asked.
    pub role: Role,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The seed of its answer; another one is another question.
    pub seed: u64,
    /// Tokens of the answer at most, instead of the role's.
    pub max_tokens: Option<u32>,
}

/// Why no more is asked.
#[derive(Debug)]
pub enum Halt {
    /// What is left of the budget is too little for the next question.
    Budget,
    /// Somebody wants it to stop.
    Stopped,
    /// The model fails again and again, or the disk does. The same run goes on later.
    Failed(Error),
}

/// What came of several questions.
#[derive(Debug)]
pub struct Batch {
    /// In the order of the questions; nothing where no answer came.
    pub replies: Vec<Option<Reply>>,
    /// Questions whose last try failed, though others went well: counted, and asked again by the next run.
    pub failed: usize,
    /// Why it ended before the last one.
    pub halt: Option<Halt>,
}

/// Asks the models of a run.
pub struct Asker {
    cast: Cast,
    ledger: Ledger,
    log: Mutex<AnswerLog>,
    control: Control,
    asked: AtomicUsize,
    /// Questions in a row that failed for good.
    failing: AtomicUsize,
}

enum One {
    Reply(Reply),
    /// Its last try failed.
    Failed,
}

impl Asker {
    /// Asks the cast, and keeps the answers in the file `answers`.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Data`], [`Error::Io`]: see [`AnswerLog::open`].
    pub fn open(answers: &Path, cast: Cast, budget: Budget, control: Control) -> Result<Self> {
        let ledger = Ledger::new(budget);
        let log = AnswerLog::open(answers, &mut |role, spent| ledger.book(role, spent))?;
        Ok(Self {
            cast,
            ledger,
            log: Mutex::new(log),
            control,
            asked: AtomicUsize::new(0),
            failing: AtomicUsize::new(0),
        })
    }

    /// Who is asked.
    #[must_use]
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Gives a role to somebody else.
    pub fn recast(&mut self, role: Role, part: Part) {
        self.cast = std::mem::take(&mut self.cast).with(role, part);
    }

    /// What was spent, by this start and those before it.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many questions this start has sent; the others were answered by the log.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// How many at a time keep the endpoint of this role busy.
    #[must_use]
    pub fn concurrency(&self, role: Role) -> usize {
        self.cast.part(role).map_or(1, |part| part.endpoint.settings.concurrency.get())
    }

    /// Asks all, so many at a time as their endpoints allow; `answered` is told after each how many are done. When it ends
    /// early, what is under way is still waited for: it is paid.
    pub async fn all(&self, questions: Vec<Question>, answered: &mut (dyn FnMut(usize) + Send)) -> Batch {
        let width = questions.first().map_or(1, |question| self.concurrency(question.role));
        let mut batch = Batch { replies: vec![None; questions.len()], failed: 0, halt: None };
        let over = &AtomicBool::new(false);
        let asking = questions.into_iter().enumerate().map(|(at, question)| async move {
            let reply = match over.load(Ordering::Relaxed) {
                true => Err(Halt::Stopped),
                false => self.one(&question).await,
            };
            (at, reply)
        });
        let mut replies = stream::iter(asking).buffer_unordered(width);
        let mut done = 0;
        while let Some((at, reply)) = replies.next().await {
            match reply {
                Ok(One::Reply(reply)) => batch.replies[at] = Some(reply),
                Ok(One::Failed) => batch.failed += 1,
                Err(halt) => {
                    over.store(true, Ordering::Relaxed);
                    batch.halt.get_or_insert(halt);
                    continue;
                }
            }
            done += 1;
            answered(done);
        }
        batch
    }

    /// Asks one question; nothing when its last try failed.
    ///
    /// # Errors
    /// [`Halt`].
    pub async fn ask(&self, question: &Question) -> Result<Option<Reply>, Halt> {
        Ok(match self.one(question).await? {
            One::Reply(reply) => Some(reply),
            One::Failed => None,
        })
    }

    async fn one(&self, question: &Question) -> Result<One, Halt> {
        if self.control.is_stopped() {
            return Err(Halt::Stopped);
        }
        let missing = || {
            let message = format!("nobody plays the {}; name a model for it", question.role);
            Halt::Failed(Error::Settings(message))
        };
        let part = self.cast.part(question.role).ok_or_else(missing)?;
        let sampling = Sampling {
            seed: Some(question.seed),
            max_tokens: question.max_tokens.or(part.sampling.max_tokens).or(Some(ANSWER_TOKENS)),
            ..part.sampling.clone()
        };
        let key = key(&part.endpoint.name(), &sampling, &question.messages);
        if let Some(reply) = self.log().get(&key).map_err(Halt::Failed)? {
            return Ok(One::Reply(reply));
        }
        let prompt: u64 = question.messages.iter().map(|m| part.endpoint.count(&m.content) + 4).sum();
        let most = prompt + u64::from(sampling.max_tokens.unwrap_or(ANSWER_TOKENS));
        let Some(_place) = part.endpoint.turn(most).await else { return Err(Halt::Stopped) };
        if self.control.is_stopped() {
            return Err(Halt::Stopped);
        }
        let aside = (most, part.endpoint.settings.price.of((prompt, most - prompt)));
        let aside = self.ledger.put_aside(aside).await.map_err(|TooLittle| Halt::Budget)?;
        let asked = self.send(part, (question, &sampling)).await;
        let asked = asked.map(|(reply, usage)| self.keep(part, (question.role, key), (reply, usage)));
        // What it cost is booked; what was put aside for it is free.
        drop(aside);
        match asked {
            Ok(kept) => {
                self.failing.store(0, Ordering::Relaxed);
                kept.map(One::Reply).map_err(Halt::Failed)
            }
            Err(error) => {
                let row = self.failing.fetch_add(1, Ordering::Relaxed);
                match row < part.endpoint.settings.retries.failures_in_a_row {
                    true => Ok(One::Failed),
                    false => {
                        Err(Halt::Failed(Error::Role { role: question.role.to_string(), source: error }))
                    }
                }
            }
        }
    }

    fn keep(
        &self,
        part: &Part,
        (role, key): (Role, String),
        (reply, usage): (Reply, Usage),
    ) -> Result<Reply> {
        let tokens = (u64::from(usage.prompt_tokens), u64::from(usage.completion_tokens));
        let spent = Spent {
            requests: 1,
            prompt_tokens: tokens.0,
            answer_tokens: tokens.1,
            money: part.endpoint.settings.price.of(tokens),
        };
        let kept = Kept { key, role: role.to_string(), reply, spent };
        // What was paid is paid, whether it can be kept or not.
        self.ledger.book(role.as_str(), spent);
        self.log().append(&kept)?;
        Ok(kept.reply)
    }

    /// Sends it, and sends it again while that has a chance.
    async fn send(
        &self,
        part: &Part,
        (question, sampling): (&Question, &Sampling),
    ) -> Result<(Reply, Usage), ModelError> {
        let again = |error: &ModelError| !self.control.is_stopped() && may_pass(error);
        let once = || self.once(part, (question, sampling));
        part.endpoint.settings.retries.run(&part.endpoint.pause, again, once).await
    }

    async fn once(
        &self,
        part: &Part,
        (question, sampling): (&Question, &Sampling),
    ) -> Result<(Reply, Usage), ModelError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let request = ChatRequest {
            sampling: sampling.clone(),
            priority: Priority::Background,
            ..ChatRequest::new(Prompt::Chat(question.messages.clone()))
        };
        match part.endpoint.model.complete(request).await {
            Ok(completion) => {
                let usage = completion.finish.usage;
                let mut text = completion.text.trim().to_owned();
                let long = text.len() > LONGEST_ANSWER;
                text.truncate(text.floor_char_boundary(LONGEST_ANSWER));
                Ok(match completion.finish.reason {
                    FinishReason::Length => (Reply::CutShort { text }, usage),
                    _ if long => (Reply::CutShort { text }, usage),
                    _ if text.is_empty() => (Reply::Empty, usage),
                    _ => (Reply::Said { text }, usage),
                })
            }
            Err(error) => match refusal(&error) {
                Some(reason) => Ok((Reply::Refused { reason }, Usage::default())),
                None => Err(error),
            },
        }
    }

    fn log(&self) -> MutexGuard<'_, AnswerLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names what is asked of whom, and how.
fn key(name: &str, sampling: &Sampling, messages: &[Message]) -> String {
    let sampling = serde_json::to_string(sampling).unwrap_or_default();
    let messages = serde_json::to_string(messages).unwrap_or_default();
    digest::hex(&digest::of_parts([name, sampling.as_str(), messages.as_str()]))
}
