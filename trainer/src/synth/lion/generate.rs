//! Generation: new instructions after hard and easy ones.

use super::{
    judge::Split,
    pool::{Difficulty, Instruction, Origin},
    run::{Turn, left_out},
    templates::{HARDER, RARER},
};
use crate::{
    Result,
    synth::{
        ask::{Asker, Halt, Question, Reply, Role},
        draw,
        guard::Removed,
        rouge::Filter,
    },
};

/// The least tokens of a new instruction, however short its seed is.
const FEWEST_TOKENS: u32 = 48;
/// Tokens for each word of the seed.
const TOKENS_A_WORD: usize = 4;
/// More is asked for than is missing, by a part of it: some of it will not do.
const SPARE: usize = 8;
/// What no request for an assistant talks about.
const META: &str = "instruction";

/// What is written after what.
pub(super) struct Wanted<'a> {
    after: [(Difficulty, &'a [Instruction], usize); 2],
}

impl<'a> Wanted<'a> {
    /// Half after hard ones, half after easy ones; all after the others where there are none of one sort.
    pub(super) fn of(instructions: usize, split: &'a Split) -> Self {
        let hard = match (split.hard.is_empty(), split.easy.is_empty()) {
            (true, _) => 0,
            (false, true) => instructions,
            (false, false) => instructions.div_ceil(2),
        };
        let easy = if split.easy.is_empty() { 0 } else { instructions - hard };
        Self { after: [(Difficulty::Hard, &split.hard, hard), (Difficulty::Easy, &split.easy, easy)] }
    }
}

/// New instructions: those after hard ones first.
pub(super) async fn generate(
    turn: &mut Turn<'_>,
    (iteration, wanted): (u32, Wanted<'_>),
    (filter, asker): (&mut Filter, &Asker),
) -> Result<Vec<Instruction>, Halt> {
    let mut written = Vec::new();
    for (because, seeds, count) in wanted.after {
        let mut attempts = 0;
        let most = count.saturating_mul(turn.settings.tries);
        let mut kept = 0;
        while kept < count && attempts < most {
            let missing = count - kept;
            let asked = (missing + missing.div_ceil(SPARE)).min(most - attempts);
            let round = Round { iteration, because, seeds, attempts };
            let new = round.write(turn, (asked, missing), (filter, asker)).await?;
            kept += new.len();
            written.extend(new);
            attempts += asked;
        }
    }
    Ok(written)
}

/// Some questions to the generator.
struct Round<'a> {
    iteration: u32,
    because: Difficulty,
    seeds: &'a [Instruction],
    /// Those before.
    attempts: usize,
}

impl Round<'_> {
    async fn write(
        &self,
        turn: &mut Turn<'_>,
        (asked, wanted): (usize, usize),
        (filter, asker): (&mut Filter, &Asker),
    ) -> Result<Vec<Instruction>, Halt> {
        let chosen: Vec<&Instruction> = (self.attempts..self.attempts + asked)
            .map(|attempt| self.seed(turn.settings.seed, attempt))
            .collect();
        let questions =
            chosen.iter().zip(self.attempts..).map(|(seed, attempt)| self.question(turn, seed, attempt));
        let questions = questions.collect::<Result<Vec<_>>>().map_err(Halt::Failed)?;
        let stage = format!("iteration {}: generation", self.iteration);
        let batch = turn.ask(format!("{stage} after {} ones", self.name()), asker, questions).await;
        if let Some(halt) = batch.halt {
            return Err(halt);
        }
        let mut kept = Vec::new();
        for (seed, reply) in chosen.iter().zip(batch.replies) {
            if kept.len() == wanted {
                turn.run.counts.one(&stage, "more than were wanted");
                continue;
            }
            let text = match &reply {
                Some(Reply::Said { text }) => Ok(text.as_str()),
                other => Err(left_out(other.as_ref(), false)),
            };
            let origin =
                Origin::Written { after: seed.id.clone(), because: self.because, iteration: self.iteration };
            let passed = text.and_then(|text| self.passes(turn, Instruction::new(text, origin), filter));
            match passed {
                Ok(instruction) => {
                    turn.run.counts.one(&stage, "kept");
                    kept.push(instruction);
                }
                Err(why) => turn.run.counts.one(&stage, why),
            }
        }
        Ok(kept)
    }

    fn passes(
        &self,
        turn: &mut Turn<'_>,
        instruction: Instruction,
        filter: &mut Filter,
    ) -> Result<Instruction, &'static str> {
        let text = instruction.text.as_str();
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() < turn.settings.fewest_words {
            return Err("too few words");
        }
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err("begins with no letter");
        }
        if text.to_lowercase().contains(META) {
            return Err("talks about instructions");
        }
        if let Some(overlap) = turn.guard.overlap(text) {
            turn.run.removed.push(Removed { id: instruction.id, overlap });
            return Err("asked by a suite");
        }
        match filter.decide(text) {
            Ok(decision) if decision.kept => Ok(instruction),
            Ok(_) => Err("too much like a known one"),
            Err(_) => Err("too long to compare"),
        }
    }

    /// The seed of an attempt.
    fn seed(&self, seed: u64, attempt: usize) -> &Instruction {
        let drawn = draw(seed, &["seed", &self.iteration.to_string(), self.name(), &attempt.to_string()]);
        &self.seeds[(drawn % self.seeds.len() as u64) as usize]
    }

    fn question(&self, turn: &Turn<'_>, seed: &Instruction, attempt: usize) -> Result<Question> {
        let template = match self.because {
            Difficulty::Hard => HARDER,
            Difficulty::Easy => RARER,
        };
        let words = u32::try_from(seed.text.split_whitespace().count() * TOKENS_A_WORD).unwrap_or(u32::MAX);
        let parts = [self.name(), &seed.id, &self.iteration.to_string(), &attempt.to_string()];
        Ok(Question {
            role: Role::Generator,
            messages: vec![turn.prompts.message(template, &[("instruction", seed.text.as_str())])?],
            seed: draw(turn.settings.seed, &parts),
            max_tokens: Some(words.max(FEWEST_TOKENS)),
        })
    }

    fn name(&self) -> &'static str {
        match self.because {
            Difficulty::Hard => "hard",
            Difficulty::Easy => "easy",
        }
    }
}
