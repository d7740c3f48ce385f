//! The loop.

use super::{
    generate::{self, Wanted},
    judge,
    pool::{Difficulty, Instruction},
    settings::LionSettings,
};
use crate::{
    Result,
    synth::{
        ask::{Asker, Batch, Halt, Part, Question, Reply, Role},
        draw,
        guard::{Removals, Removed, SuiteGuard},
        pages::language_of,
        progress::{Counts, SynthObserver},
        prompts::Prompts,
        rouge::Filter,
        rows::Ended,
        said::{other_language, refuses},
    },
};
use amend_proto::Message;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What is learned from one instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taught {
    /// What is asked.
    pub instruction: Instruction,
    /// The teacher's answer.
    pub answer: String,
    /// The iteration after which the student learns it; 0 for the given ones.
    pub iteration: u32,
}

/// Whoever learns. It is given everything that was made so far for an iteration, and says who answers for it then.
#[async_trait]
pub trait Student: Send {
    /// Learns `rows`, those of one iteration. Called again with the same rows, as a run is that was killed, it must come to
    /// the same.
    ///
    /// # Errors
    /// Whatever keeps it from learning; the run ends with it.
    async fn imitate(&mut self, iteration: u32, rows: &[Taught]) -> Result<Part>;
}

/// A student that does not learn: data is made where it is weak, and that is all.
pub struct Unlearning(pub Part);

#[async_trait]
impl Student for Unlearning {
    async fn imitate(&mut self, _: u32, _: &[Taught]) -> Result<Part> {
        Ok(self.0.clone())
    }
}

/// What a run is about.
pub struct LionJob<'a> {
    /// The given instructions.
    pub given: Vec<Instruction>,
    /// What decides it.
    pub settings: LionSettings,
    /// What referee and generator are asked.
    pub prompts: &'a Prompts,
    /// What may not be learned.
    pub guard: &'a dyn SuiteGuard,
}

/// What one iteration found and made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterationReport {
    /// Counted from 1.
    pub iteration: u32,
    /// Instructions with a verdict.
    pub judged: usize,
    /// Of them, hard for the student.
    pub hard: usize,
    /// Instructions without a verdict: an answer is missing, or no verdict could be read.
    pub excluded: usize,
    /// The mean score of the teacher's answers, 1 to 10.
    pub teacher_score: f64,
    /// The mean score of the student's.
    pub student_score: f64,
    /// New instructions after hard ones, and after easy ones.
    pub kept: (usize, usize),
}

/// What a run made.
#[derive(Debug, Clone, PartialEq)]
pub struct LionRun {
    /// What is learned, in the order in which it was made.
    pub rows: Vec<Taught>,
    /// By iteration.
    pub iterations: Vec<IterationReport>,
    /// What was left out where, and why.
    pub counts: Counts,
    /// Left out because a suite asks the same.
    pub removed: Removals,
    /// How it ended.
    pub ended: Ended,
}

/// Runs the loop: the student imitates the teacher; both answer, a referee scores the answers; new instructions are written
/// after those that are hard for the student and after those that are easy. With the same answers in the asker's log it
/// comes to the same.
///
/// It filters thousands of texts on the thread that polls it: run it on a thread of its own.
///
/// # Errors
/// [`Error::Settings`](crate::Error::Settings) when the settings make no sense; what the models, the student and the disk
/// report. What was answered is kept.
pub async fn run_lion(
    job: LionJob<'_>,
    asker: &mut Asker,
    student: &mut dyn Student,
    observer: &mut dyn SynthObserver,
) -> Result<LionRun> {
    job.settings.validate()?;
    let LionJob { given, settings, prompts, guard } = job;
    let mut run = LionRun {
        rows: Vec::new(),
        iterations: Vec::new(),
        counts: Counts::default(),
        removed: Removals::default(),
        ended: Ended::Finished,
    };
    let train = run.clean(given, guard);
    let mut turn = Turn { settings, prompts, guard, run: &mut run, observer };
    match turn.all(train, asker, student).await {
        Ok(()) => {}
        Err(Halt::Budget) => run.ended = Ended::Budget,
        Err(Halt::Stopped) => run.ended = Ended::Stopped,
        Err(Halt::Failed(error)) => return Err(error),
    }
    Ok(run)
}

impl LionRun {
    /// What no suite asks, each once.
    fn clean(&mut self, given: Vec<Instruction>, guard: &dyn SuiteGuard) -> Vec<Instruction> {
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(given.len());
        for instruction in given {
            if !seen.insert(instruction.id.clone()) {
                self.counts.one("given", "said before");
            } else if let Some(overlap) = guard.overlap(&instruction.text) {
                self.counts.one("given", "asked by a suite");
                self.removed.push(Removed { id: instruction.id, overlap });
            } else {
                kept.push(instruction);
            }
        }
        self.counts.add("given", "kept", kept.len() as u64);
        kept
    }
}

/// What the stages share.
pub(super) struct Turn<'a> {
    pub(super) settings: LionSettings,
    pub(super) prompts: &'a Prompts,
    pub(super) guard: &'a dyn SuiteGuard,
    pub(super) run: &'a mut LionRun,
    pub(super) observer: &'a mut dyn SynthObserver,
}

impl Turn<'_> {
    async fn all(
        &mut self,
        mut train: Vec<Instruction>,
        asker: &mut Asker,
        student: &mut dyn Student,
    ) -> Result<(), Halt> {
        let mut cache = train.clone();
        let known = cache.iter().map(|instruction| instruction.text.as_str());
        let mut filter = Filter::new(self.settings.max_rouge, known).map_err(Halt::Failed)?;
        for iteration in 0..=self.settings.iterations {
            let first = self.run.rows.len();
            self.teach(iteration, &train, asker).await?;
            let part = student.imitate(iteration, &self.run.rows[first..]).await.map_err(Halt::Failed)?;
            asker.recast(Role::Student, part);
            if iteration == self.settings.iterations {
                break;
            }
            let split = judge::discriminate(self, (iteration + 1, &cache), asker).await?;
            let wanted = Wanted::of(self.settings.instructions, &split);
            let written = generate::generate(self, (iteration + 1, wanted), (&mut filter, asker)).await?;
            let after = |which| {
                let after = |one: &&Instruction| matches!(&one.origin, super::Origin::Written { because, .. } if *because == which);
                written.iter().filter(after).count()
            };
            let kept = (after(Difficulty::Hard), after(Difficulty::Easy));
            self.run.iterations.push(IterationReport { kept, ..split.report });
            cache.extend(written.iter().cloned());
            train = written;
        }
        Ok(())
    }

    /// The teacher's answers to the train pool become rows.
    async fn teach(&mut self, iteration: u32, train: &[Instruction], asker: &Asker) -> Result<(), Halt> {
        let batch = self
            .ask(
                format!("iteration {iteration}: the teacher answers"),
                asker,
                self.answers(Role::Teacher, train),
            )
            .await;
        let stage = format!("iteration {iteration}: imitation");
        for (instruction, reply) in train.iter().zip(batch.replies) {
            let said = match reply {
                Some(Reply::Said { text }) if refuses(&text) => Err("refusal"),
                Some(Reply::Said { text }) => Ok(text),
                other => Err(left_out(other.as_ref(), batch.halt.is_some())),
            };
            let said = said.and_then(|text| match self.guard.overlap(&text) {
                None => Ok(text),
                Some(overlap) => {
                    self.run.removed.push(Removed { id: instruction.id.clone(), overlap });
                    Err("asked by a suite")
                }
            });
            match said {
                Ok(answer) => {
                    self.run.counts.one(&stage, "learned");
                    // It stays: a translation may have been asked for.
                    let asked = language_of(std::slice::from_ref(&instruction.text));
                    if other_language(asked.as_ref(), &answer) {
                        self.run.counts.one(format!("{stage}: language"), "another than asked");
                    }
                    self.run.rows.push(Taught { instruction: instruction.clone(), answer, iteration });
                }
                Err(why) => self.run.counts.one(&stage, why),
            }
        }
        batch.halt.map_or(Ok(()), Err)
    }

    /// A role's answers to instructions.
    pub(super) fn answers(&self, role: Role, to: &[Instruction]) -> Vec<Question> {
        let question = |instruction: &Instruction| Question {
            role,
            messages: vec![Message::user(&instruction.text)],
            seed: draw(self.settings.seed, &[role.as_str(), &instruction.id]),
            max_tokens: None,
        };
        to.iter().map(question).collect()
    }

    /// Asks, and shows how far it is.
    pub(super) async fn ask(&mut self, stage: String, asker: &Asker, questions: Vec<Question>) -> Batch {
        let of = questions.len();
        self.observer.at(&stage, 0, of);
        let observer = &mut *self.observer;
        asker.all(questions, &mut |done| observer.at(&stage, done, of)).await
    }
}

/// Why there is no answer.
pub(super) fn left_out(reply: Option<&Reply>, halted: bool) -> &'static str {
    match reply {
        Some(Reply::Said { .. }) => "said",
        Some(Reply::Empty) => "empty answer",
        Some(Reply::CutShort { .. }) => "answer too long",
        Some(Reply::Refused { .. }) => "refused by the endpoint",
        None if halted => "not asked any more",
        None => "failed",
    }
}
