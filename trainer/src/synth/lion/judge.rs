//! Discrimination: where the student is behind its teacher.

use super::{
    pool::Instruction,
    run::{IterationReport, Turn, left_out},
    templates::REFEREE,
    verdict::Scores,
};
use crate::{
    Result,
    synth::{
        ask::{Asker, Halt, Question, Reply, Role},
        draw,
    },
};
use std::collections::BTreeMap;

/// Instructions by how the student does.
#[derive(Debug)]
pub(super) struct Split {
    pub(super) hard: Vec<Instruction>,
    pub(super) easy: Vec<Instruction>,
    pub(super) report: IterationReport,
}

/// Two answers to one instruction.
struct Duel<'a> {
    instruction: &'a Instruction,
    teacher: String,
    student: String,
}

/// Whose answer is shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    TeacherFirst,
    StudentFirst,
}

/// Both answer the cache pool; a referee scores the answers in both orders.
pub(super) async fn discriminate(
    turn: &mut Turn<'_>,
    (iteration, cache): (u32, &[Instruction]),
    asker: &Asker,
) -> Result<Split, Halt> {
    let judged = &cache[cache.len().saturating_sub(turn.settings.most_judged)..];
    let stage = format!("iteration {iteration}: discrimination");
    turn.run.counts.add(&stage, "older than those judged", (cache.len() - judged.len()) as u64);
    let duels = answered(turn, (&stage, judged), asker).await?;
    let verdicts = verdicts(turn, (&stage, &duels), asker).await?;
    let mut split = Split {
        hard: Vec::new(),
        easy: Vec::new(),
        report: IterationReport {
            iteration,
            judged: verdicts.len(),
            hard: 0,
            excluded: judged.len() - verdicts.len(),
            teacher_score: 0.0,
            student_score: 0.0,
            kept: (0, 0),
        },
    };
    for (at, Scores { first: teacher, second: student }) in &verdicts {
        split.report.teacher_score += teacher / verdicts.len() as f64;
        split.report.student_score += student / verdicts.len() as f64;
        let instruction = duels[*at].instruction.clone();
        match teacher - student >= turn.settings.threshold {
            true => split.hard.push(instruction),
            false => split.easy.push(instruction),
        }
    }
    split.report.hard = split.hard.len();
    turn.run.counts.add(&stage, "hard", split.hard.len() as u64);
    turn.run.counts.add(&stage, "easy", split.easy.len() as u64);
    turn.observer.say(&format!(
        "iteration {iteration}: {} hard and {} easy instructions; the teacher scores {:.2}, the student {:.2}",
        split.hard.len(),
        split.easy.len(),
        split.report.teacher_score,
        split.report.student_score
    ));
    Ok(split)
}

/// The answers of both, where the teacher has one. A student that says nothing has said nothing.
async fn answered<'a>(
    turn: &mut Turn<'_>,
    (stage, judged): (&str, &'a [Instruction]),
    asker: &Asker,
) -> Result<Vec<Duel<'a>>, Halt> {
    let questions = turn.answers(Role::Teacher, judged);
    let taught = turn.ask(format!("{stage}: the teacher answers"), asker, questions).await;
    if let Some(halt) = taught.halt {
        return Err(halt);
    }
    let questions = turn.answers(Role::Student, judged);
    let said = turn.ask(format!("{stage}: the student answers"), asker, questions).await;
    if let Some(halt) = said.halt {
        return Err(halt);
    }
    let mut duels = Vec::new();
    for ((instruction, teacher), student) in judged.iter().zip(taught.replies).zip(said.replies) {
        let Some(Reply::Said { text: teacher }) = teacher else {
            turn.run.counts.one(format!("{stage}: teacher"), left_out(teacher.as_ref(), false));
            continue;
        };
        let student = match student {
            Some(Reply::Said { text } | Reply::CutShort { text }) => text,
            Some(Reply::Empty) => String::new(),
            Some(Reply::Refused { .. }) | None => {
                turn.run.counts.one(format!("{stage}: student"), left_out(student.as_ref(), false));
                continue;
            }
        };
        duels.push(Duel { instruction, teacher, student });
    }
    Ok(duels)
}

/// The averaged scores of teacher and student, by the number of the duel. A verdict that cannot be read is asked for again
/// with another seed, and in the end its instruction is left out: it makes nothing hard or easy.
async fn verdicts(
    turn: &mut Turn<'_>,
    (stage, duels): (&str, &[Duel<'_>]),
    asker: &Asker,
) -> Result<BTreeMap<usize, Scores>, Halt> {
    let mut open: Vec<(usize, Order)> = (0..duels.len())
        .flat_map(|at| [Order::TeacherFirst, Order::StudentFirst].map(|order| (at, order)))
        .collect();
    let mut read = BTreeMap::new();
    for attempt in 0..turn.settings.verdict_tries {
        if open.is_empty() {
            break;
        }
        let questions = open.iter().map(|one| question(turn, (duels, *one), attempt));
        let questions = questions.collect::<Result<Vec<_>>>().map_err(Halt::Failed)?;
        let batch = turn.ask(format!("{stage}: the referee judges"), asker, questions).await;
        if let Some(halt) = batch.halt {
            return Err(halt);
        }
        let mut unread = Vec::new();
        for (one, reply) in open.into_iter().zip(batch.replies) {
            let scores = match &reply {
                Some(Reply::Said { text } | Reply::CutShort { text }) => Scores::parse(text),
                _ => None,
            };
            match scores {
                Some(scores) => {
                    read.insert(one, scores);
                }
                None => unread.push(one),
            }
        }
        turn.run.counts.add(
            format!("{stage}: referee"),
            "verdict that could not be read",
            unread.len() as u64,
        );
        open = unread;
    }
    let mut averaged = BTreeMap::new();
    for at in 0..duels.len() {
        let both = (read.get(&(at, Order::TeacherFirst)), read.get(&(at, Order::StudentFirst)));
        match both {
            (Some(one), Some(swapped)) => {
                averaged.insert(at, one.averaged(*swapped));
            }
            _ => turn.run.counts.one(stage, "excluded: no verdict"),
        }
    }
    Ok(averaged)
}

fn question(
    turn: &Turn<'_>,
    (duels, (at, order)): (&[Duel<'_>], (usize, Order)),
    attempt: u32,
) -> Result<Question> {
    let Duel { instruction, teacher, student } = &duels[at];
    let (name, first, second) = match order {
        Order::TeacherFirst => ("teacher first", teacher, student),
        Order::StudentFirst => ("student first", student, teacher),
    };
    let parts = [("instruction", instruction.text.as_str()), ("first", first), ("second", second)];
    Ok(Question {
        role: Role::Referee,
        messages: vec![turn.prompts.message(REFEREE, &parts)?],
        seed: draw(turn.settings.seed, &["referee", &instruction.id, name, &attempt.to_string()]),
        max_tokens: None,
    })
}
