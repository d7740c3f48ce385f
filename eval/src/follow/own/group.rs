//! A group as it was read, and what must be true of it.

use super::{
    error::{GroupProblem, LevelProblem},
    file::{RawGroup, RawLevel},
};
use crate::follow::{
    constraint::{Constraint, Layered, Step},
    item::{Category, GroupId, Level},
};

/// What one level adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// What the model is asked at this level, everything before included.
    pub instruction: String,
    /// All constraints up to this level, the added one last.
    pub constraints: Vec<Constraint>,
    /// An answer that meets them.
    pub witness: String,
}

/// An answer that breaks one level's constraint and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// Whose constraint it breaks.
    pub level: Level,
    /// The answer.
    pub answer: String,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its category.
    pub category: Category,
    /// What is asked at level 0.
    pub ask: String,
    /// Levels 1 to 5.
    pub levels: [Added; 5],
    /// Answers that break one constraint.
    pub near: Vec<NearMiss>,
}

/// A problem of the group, or of one of its levels (1 to 5).
#[derive(Debug)]
pub(super) enum Fault {
    Group(GroupProblem),
    Level(usize, LevelProblem),
}

impl From<GroupProblem> for Fault {
    fn from(problem: GroupProblem) -> Self {
        Self::Group(problem)
    }
}

impl From<GroupProblem> for Vec<Fault> {
    fn from(problem: GroupProblem) -> Self {
        vec![problem.into()]
    }
}

impl From<Fault> for Vec<Fault> {
    fn from(fault: Fault) -> Self {
        vec![fault]
    }
}

/// Text and constraints of the levels, before the witnesses are known.
type Drafts = Vec<(String, Vec<Constraint>)>;

impl Group {
    pub(super) fn new(category: Category, raw: RawGroup) -> Result<Self, Vec<Fault>> {
        let id = GroupId::new(category, &raw.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if raw.name.is_empty() || !raw.name.chars().all(plain) {
            return Err(GroupProblem::Name.into());
        }
        match raw.levels.len() {
            5 => {}
            n if n < 5 => return Err(GroupProblem::MissingLevel(n + 1).into()),
            n => return Err(GroupProblem::TooManyLevels(n).into()),
        }
        let steps = raw.core.is_some();
        let witnesses = match (raw.witness, raw.witnesses) {
            (Some(one), None) if !steps => vec![one; 5],
            (None, Some(five)) if steps && five.len() == 5 => five,
            _ => {
                let rule = "a group has `witness`; a group of steps, one with `core`, has five `witnesses`";
                return Err(GroupProblem::Fields(rule).into());
            }
        };
        let drafts = match raw.core {
            Some(core) => step_drafts(&core, raw.levels)?,
            None => drafts(&raw.ask, raw.levels)?,
        };
        let levels: Vec<Added> = drafts
            .into_iter()
            .zip(witnesses)
            .map(|((instruction, constraints), witness)| Added { instruction, constraints, witness })
            .collect();
        let levels: [Added; 5] = levels.try_into().map_err(|_| GroupProblem::MissingLevel(5))?;
        let mut group = Self { id, category, ask: raw.ask.trim_end().to_owned(), levels, near: Vec::new() };
        let mut faults = group.prove();
        for near in raw.near {
            faults.extend(group.miss(near.level, near.answer).err());
        }
        if faults.is_empty() { Ok(group) } else { Err(faults) }
    }

    /// The constraints that a witness of the level that adds them does not meet.
    fn prove(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, level) in self.levels.iter().enumerate() {
            for (at, constraint) in level.constraints.iter().enumerate() {
                // One witness serves all levels of a group but one of steps: its failures are told once.
                let told = at < index && self.levels[at].witness == level.witness;
                if let (false, Err(reason)) = (told, constraint.check(&level.witness)) {
                    let constraint = constraint.describe();
                    faults.push(Fault::Level(index + 1, LevelProblem::Witness { constraint, reason }));
                }
            }
        }
        faults
    }

    fn miss(&mut self, number: usize, answer: String) -> Result<(), Fault> {
        let level = u8::try_from(number).ok().and_then(|n| Level::new(n).ok());
        let level = level.ok_or(GroupProblem::Fields("a near miss has a level from 1 to 5"))?;
        let problem = |what: String| Fault::Level(number, LevelProblem::NearMiss(what));
        for (index, constraint) in self.levels[4].constraints.iter().enumerate() {
            match (index == level.index(), constraint.check(&answer)) {
                (true, Ok(())) => return Err(problem(format!("{answer:?} meets it"))),
                (false, Err(reason)) => {
                    return Err(problem(format!(
                        "{answer:?} also breaks: {} — {reason}",
                        constraint.describe()
                    )));
                }
                _ => {}
            }
        }
        self.near.push(NearMiss { level, answer });
        Ok(())
    }
}

fn drafts(ask: &str, levels: Vec<RawLevel>) -> Result<Drafts, Fault> {
    let mut instruction = ask.to_owned();
    let mut said: Vec<String> = Vec::new();
    let mut constraints: Vec<Constraint> = Vec::new();
    let mut drafts = Drafts::new();
    for (index, level) in levels.into_iter().enumerate() {
        let fault = |problem| Fault::Level(index + 1, problem);
        let (Some(say), Some(check), None, None) = (level.say, level.check, level.ask, level.step) else {
            return Err(fault(LevelProblem::Fields(
                "a level has `say` and `check`; `ask` and `step` are for groups with `core`",
            )));
        };
        if say.trim().is_empty() || said.contains(&say) {
            return Err(fault(LevelProblem::SameText));
        }
        if matches!(check, Constraint::Step(_)) {
            return Err(fault(LevelProblem::Fields("steps are written as `step`, in a group with `core`")));
        }
        check.validate().map_err(|e| fault(LevelProblem::Constraint(e)))?;
        if let Some(clash) = constraints.iter().find_map(|earlier| check.clash(earlier)) {
            return Err(fault(LevelProblem::Clash { constraint: check.describe(), clash }));
        }
        if !instruction.ends_with('\n') {
            instruction.push(' ');
        }
        instruction.push_str(&say);
        said.push(say);
        constraints.push(check);
        drafts.push((instruction.trim_end().to_owned(), constraints.clone()));
    }
    Ok(drafts)
}

fn step_drafts(core: &str, levels: Vec<RawLevel>) -> Result<Drafts, Fault> {
    let mut steps: Vec<Step> = Vec::new();
    let mut drafts = Drafts::new();
    for (index, level) in levels.into_iter().enumerate() {
        let fault = |problem| Fault::Level(index + 1, problem);
        let (None, None, Some(ask), Some(step)) = (level.say, level.check, level.ask, level.step) else {
            return Err(fault(LevelProblem::Fields("a level of a group with `core` has `ask` and `step`")));
        };
        if drafts.iter().any(|(earlier, _)| *earlier == ask) {
            return Err(fault(LevelProblem::SameText));
        }
        steps.push(step);
        let layered = |at| Constraint::Step(Layered { core: core.to_owned(), steps: steps.clone(), at });
        let constraints: Vec<Constraint> = (0..steps.len()).map(layered).collect();
        let validated = constraints.iter().try_for_each(Constraint::validate);
        validated.map_err(|e| fault(LevelProblem::Constraint(e)))?;
        drafts.push((ask, constraints));
    }
    Ok(drafts)
}
