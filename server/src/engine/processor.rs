//! Where the engine and Amend meet at every token: the engine hands over the logits, Amend gives back its choice.

use super::{
    grammar::{Grammar, GrammarError},
    sampling::{self, History, Plan, Scores},
    vocabulary::Vocabulary,
};
use amend_proto::Logprobs;
use mistralrs::{CustomLogitsProcessor, Device, Tensor};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, mpsc::UnboundedSender};

/// What became of one step of one answer.
#[derive(Debug)]
pub(super) enum Drawn {
    /// This token came.
    Token {
        /// Its id.
        token: u32,
        /// Its log-probabilities, when asked for.
        scores: Option<Scores>,
        /// The output grammar is satisfied and nothing can follow.
        complete: bool,
    },
    /// No token could be drawn; the answer is broken off.
    Failed(String),
}

/// Why no token could be drawn.
#[derive(Debug, thiserror::Error)]
enum DrawError {
    #[error(transparent)]
    Logits(#[from] candle_core::Error),
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    #[error("the model's output is not a number, or the grammar allows no token that the vocabulary has")]
    NoToken,
}

/// Marks one answer as inside the engine, from its submission until the engine lets go of it, which for a cancelled one
/// is a step later than its stream.
pub(super) struct Inside {
    count: Arc<AtomicUsize>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Inside {
    /// Counts it, and keeps its turn where sequences take turns.
    pub(super) fn enter(count: &Arc<AtomicUsize>, turn: Option<OwnedSemaphorePermit>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self { count: Arc::clone(count), _turn: turn }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Draws the tokens of one answer.
pub(super) struct Processor {
    plan: Plan,
    prompt_length: usize,
    vocabulary: Vocabulary,
    state: Mutex<State>,
    drawn: UnboundedSender<Drawn>,
    _inside: Inside,
}

struct State {
    grammar: Option<Grammar>,
    history: History,
    tokens: Vec<u32>,
}

impl Processor {
    /// Draws by `plan` for a prompt of this many tokens and reports every step to `drawn`: there are at most as many as
    /// the request may have tokens, which is what bounds that channel.
    pub(super) fn builder(plan: Plan, prompt_length: usize, vocabulary: Vocabulary) -> ProcessorBuilder {
        ProcessorBuilder { plan, prompt_length, vocabulary, grammar: None }
    }

    fn step(&self, logits: &Tensor, context: &[u32]) -> Result<u32, DrawError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let position = context.len().saturating_sub(self.prompt_length);
        if let Some(token) = state.tokens.get(position) {
            // The engine repeats a step when another sequence of its batch failed; what was said stays said.
            return Ok(*token);
        }
        let mut logits: Vec<f32> = logits.to_vec1()?;
        let raw = (self.plan.logprobs != Logprobs::Off).then(|| logits.clone());
        let State { grammar, history, tokens } = &mut *state;
        let prompt = &context[..self.prompt_length.min(context.len())];
        sampling::adjust(&mut logits, &self.plan, prompt, history);
        if let Some(grammar) = grammar {
            grammar.mask(&mut logits, &self.vocabulary)?;
        }
        let token = sampling::draw(&logits, &self.plan, position as u64).ok_or(DrawError::NoToken)?;
        let mut complete = false;
        if let Some(grammar) = grammar
            && !self.vocabulary.is_end(token)
        {
            grammar.advance(token)?;
            complete = grammar.is_complete();
        }
        history.push(token);
        tokens.push(token);
        let scores = raw.and_then(|raw| sampling::scores(&raw, token, self.plan.logprobs));
        // A receiver that is gone means that the client is: the engine notices when it sends its own chunk.
        self.drawn.send(Drawn::Token { token, scores, complete }).ok();
        Ok(token)
    }
}

impl CustomLogitsProcessor for Processor {
    /// Gives the engine, which is set to greedy, a vector whose largest entry is the chosen token.
    ///
    /// An error or a panic here would take the engine's whole batch with it, so both end this answer only.
    fn apply(&self, logits: &Tensor, context: &[u32]) -> mistralrs::Result<Tensor> {
        let step = catch_unwind(AssertUnwindSafe(|| self.step(logits, context)));
        let failure = match step {
            Ok(Ok(token)) => return chosen(token),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "drawing a token panicked".to_owned(),
        };
        self.drawn.send(Drawn::Failed(failure)).ok();
        chosen(self.vocabulary.any_end().unwrap_or(0))
    }
}

/// Zeros and a one: as long as it must be for the token to be its last entry.
fn chosen(token: u32) -> mistralrs::Result<Tensor> {
    let length = token as usize + 1;
    let mut scores = vec![0.0_f32; length];
    scores[length - 1] = 1.0;
    Tensor::from_vec(scores, length, &Device::Cpu)
}

/// A [`Processor`] to be.
pub(super) struct ProcessorBuilder {
    plan: Plan,
    prompt_length: usize,
    vocabulary: Vocabulary,
    grammar: Option<Grammar>,
}

impl ProcessorBuilder {
    pub(super) fn grammar(mut self, grammar: Option<Grammar>) -> Self {
        self.grammar = grammar;
        self
    }

    pub(super) fn report_to(self, drawn: UnboundedSender<Drawn>, inside: Inside) -> Processor {
        let Self { plan, prompt_length, vocabulary, grammar } = self;
        let state = Mutex::new(State { grammar, history: History::default(), tokens: Vec::new() });
        Processor { plan, prompt_length, vocabulary, state, drawn, _inside: inside }
    }
}
