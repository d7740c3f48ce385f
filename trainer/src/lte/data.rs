//! From facts to the rows of the data set, on disk with their card.

use super::card::DataCard;
use super::context::Source;
use super::fact::{AlignmentFact, Instruction, to_lines, write_lines};
use super::nearness::Nearness;
use super::plan::{Dropped, DroppedCounts, Planned, Teaching, plan};
use super::recipe::DataRecipe;
use super::row::{AnsweredBy, DataRow, Provenance};
use super::teacher::{Taught, Teacher, TeacherCounts, ask};
use crate::atlas::phrasing::EditTemplate;
use crate::digest::hex;
use crate::files::{read_if_there, write_atomically};
use crate::sft::Flow;
use crate::{Error, Result};
use amend_proto::Message;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The rows of a data set in its folder.
pub const ROWS: &str = "rows.jsonl";
/// The data card, as JSON.
pub const DATA_CARD: &str = "card.json";

/// What a data set is made of.
pub struct DataJob<'a> {
    /// The edits and what is asked about them.
    pub facts: &'a [AlignmentFact],
    /// Free-form requests.
    pub instructions: &'a [Instruction],
    /// Where both come from, for the card.
    pub sources: &'a [String],
    /// Who fills in missing answers; rows that need one are left out when there is nobody.
    pub teacher: Option<&'a Teacher>,
    /// Finds hard negatives.
    pub nearness: &'a dyn Nearness,
    /// Puts edits in front of a question: the template that the server will use.
    pub template: &'a EditTemplate,
    /// How rows are drawn.
    pub recipe: DataRecipe,
}

/// Makes the data set in `folder`: `rows.jsonl`, its card as `card.json` and `README.md`, the inputs as `facts.jsonl` and
/// `instructions.jsonl`, and the teacher's answers in `teacher.jsonl`. The same inputs give the same rows; answers that
/// the teacher has given are not asked for again. `answered` is told how many of how many questions have an answer and
/// may stop the asking; the result is `None` then.
///
/// # Errors
/// [`Error::Settings`] or [`Error::Data`] when the recipe or the facts make no data set, [`Error::Teacher`] when the
/// teacher fails, [`Error::Encoder`], [`Error::Io`].
pub async fn build_data(
    job: &DataJob<'_>,
    folder: &Path,
    answered: &mut (dyn FnMut(usize, usize) -> Flow + Send),
) -> Result<Option<(Vec<DataRow>, DataCard)>> {
    match Plan::new(job)?.answer(folder, answered).await? {
        Some(set) => Ok(Some(set.write(folder)?)),
        None => Ok(None),
    }
}

impl DataJob<'_> {
    /// SHA-256 over what the rows are made of, besides the recipe: the same inputs give the same rows, as long as the
    /// teacher gives the same answers.
    pub(super) fn inputs(&self) -> Result<String> {
        let teacher = self.teacher.map(|teacher| format!("{} {}", teacher.name(), teacher.max_tokens));
        let parts = [
            to_lines("facts", self.facts)?,
            to_lines("instructions", self.instructions)?,
            self.nearness.name().into_bytes(),
            teacher.unwrap_or_default().into_bytes(),
            self.template.source().as_bytes().to_vec(),
        ];
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Ok(hex(&hasher.finalize()))
    }
}

/// The rows of a job before anybody is asked for missing answers, and before anything is written.
pub(super) struct Plan<'a> {
    job: &'a DataJob<'a>,
    facts: Vec<AlignmentFact>,
    instructions: Vec<Instruction>,
    planned: Vec<Planned>,
    dropped: DroppedCounts,
}

impl<'a> Plan<'a> {
    pub(super) fn new(job: &'a DataJob<'a>) -> Result<Self> {
        job.recipe.validate()?;
        let facts: Vec<AlignmentFact> = job.facts.iter().filter(|f| !fact_has_heading(f)).cloned().collect();
        let usable = |i: &&Instruction| !texts_of(i).any(has_heading);
        let instructions: Vec<Instruction> = job.instructions.iter().filter(usable).cloned().collect();
        if facts.is_empty() {
            return Err(Error::Data("there is no fact to make rows of".into()));
        }
        let nearest = job.nearness.nearest(&facts, job.recipe.hard_negatives)?;
        let source = Source::new(&facts, &instructions, nearest);
        let teaching = if job.teacher.is_some() { Teaching::Present } else { Teaching::Absent };
        let (planned, dropped) = plan(&source, &job.recipe, teaching)?;
        Ok(Self { job, facts, instructions, planned, dropped })
    }

    /// Fills in missing answers, which are kept in the folder; `None` when the asking was stopped.
    pub(super) async fn answer(
        self,
        folder: &Path,
        answered: &mut (dyn FnMut(usize, usize) -> Flow + Send),
    ) -> Result<Option<DataSet>> {
        let Self { job, facts, instructions, planned, mut dropped } = self;
        std::fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
        let Some((taught, counts)) = teach(job.teacher, &planned, folder, answered).await? else {
            return Ok(None);
        };
        let rows = render(planned, (&facts, job.template), &taught, &mut dropped)?;
        let lines = to_lines(ROWS, &rows)?;
        let left_out = job.facts.len() - facts.len() + job.instructions.len() - instructions.len();
        let mut card = DataCard {
            sources: job.sources.to_vec(),
            facts: facts.len(),
            instructions: instructions.len(),
            with_headings: left_out,
            seed: job.recipe.seed,
            rows: 0,
            by_kind: Default::default(),
            by_answer: Default::default(),
            by_context: Default::default(),
            by_position: Default::default(),
            follow_ups: 0,
            dropped: dropped.into_iter().map(|(why, count)| (why.reason().to_owned(), count)).collect(),
            nearness: job.nearness.name(),
            teacher: job.teacher.map(|teacher| (teacher.name(), counts)),
            template: hex(&Sha256::digest(job.template.source())),
            content: hex(&Sha256::digest(&lines)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        card.count(&rows);
        Ok(Some(DataSet { facts, instructions, rows, lines, card }))
    }
}

/// A whole data set that is not written yet.
pub(super) struct DataSet {
    facts: Vec<AlignmentFact>,
    instructions: Vec<Instruction>,
    rows: Vec<DataRow>,
    /// The rows as they are written.
    lines: Vec<u8>,
    card: DataCard,
}

impl DataSet {
    /// Checks that the folder holds no other data set, which would be lost.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it does; [`Error::Io`].
    pub(super) fn belongs(&self, folder: &Path) -> Result<()> {
        let path = folder.join(DATA_CARD);
        let Some(text) = read_if_there(&path)? else { return Ok(()) };
        let card: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        match card.as_ref().and_then(|card| card.get("content")) {
            Some(content) if *content == self.card.content => Ok(()),
            _ => Err(Error::checkpoint(
                path,
                "the same job now gives other rows, so the teacher's answers are others; put back teacher.jsonl, or use \
                 another folder",
            )),
        }
    }

    pub(super) fn write(self, folder: &Path) -> Result<(Vec<DataRow>, DataCard)> {
        let Self { facts, instructions, rows, lines, card } = self;
        write_lines(folder, "facts.jsonl", &facts)?;
        write_lines(folder, "instructions.jsonl", &instructions)?;
        write_atomically(folder, ROWS, &lines)?;
        let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
        write_atomically(folder, "README.md", card.render()?.as_bytes())?;
        write_atomically(folder, DATA_CARD, json.as_bytes())?;
        Ok((rows, card))
    }
}

type Answers = HashMap<String, Taught>;

async fn teach(
    teacher: Option<&Teacher>,
    planned: &[Planned],
    folder: &Path,
    answered: &mut (dyn FnMut(usize, usize) -> Flow + Send),
) -> Result<Option<(Answers, TeacherCounts)>> {
    let Some(teacher) = teacher else { return Ok(Some(Default::default())) };
    let missing = planned.iter().filter(|row| row.answer.is_none());
    let questions: BTreeSet<&str> = missing.map(|row| row.query.as_str()).collect();
    ask(teacher, &questions, &folder.join("teacher.jsonl"), answered).await
}

/// The rows whose answers are known, in order.
fn render(
    planned: Vec<Planned>,
    (facts, template): (&[AlignmentFact], &EditTemplate),
    taught: &Answers,
    dropped: &mut DroppedCounts,
) -> Result<Vec<DataRow>> {
    let mut rows = Vec::with_capacity(planned.len());
    for row in planned {
        let (answer, answered_by) = match (&row.answer, taught.get(&row.query)) {
            (Some(answer), _) => (answer.clone(), AnsweredBy::Source),
            (None, Some(Taught::Answered { answer })) => (answer.clone(), AnsweredBy::Teacher),
            (None, other) => {
                let why = match other {
                    Some(Taught::CutShort) => Dropped::CutShort,
                    Some(Taught::Empty) => Dropped::Empty,
                    Some(Taught::Refused { .. }) => Dropped::Refused,
                    Some(Taught::Answered { .. }) | None => Dropped::NoTeacher,
                };
                *dropped.entry(why).or_default() += 1;
                continue;
            }
        };
        let statements: Vec<String> = row.edits.iter().map(|&edit| facts[edit].statement.clone()).collect();
        let asked = template.render(&statements, &row.query);
        let asked = asked.map_err(|e| Error::Settings(e.to_string()))?;
        let mut messages = vec![Message::user(asked), Message::assistant(answer)];
        for later in &row.later {
            messages.extend([Message::user(&later.question), Message::assistant(&later.answer)]);
        }
        let provenance = Provenance {
            kind: row.kind,
            record: row.record,
            context: row.edits.len(),
            position: row.position,
            follow_ups: row.later.len(),
            answered_by,
            seed: row.seed,
        };
        rows.push(DataRow { messages, provenance });
    }
    Ok(rows)
}

/// Whether a text has a heading of the edit template: the server takes them out of what users write, so no row may
/// teach to heed them.
fn has_heading(text: &str) -> bool {
    let text = text.to_lowercase();
    ["[updated information]", "[question]"].iter().any(|heading| text.contains(heading))
}

fn texts_of(instruction: &Instruction) -> impl Iterator<Item = &str> {
    std::iter::once(instruction.instruction.as_str()).chain(instruction.answer.as_deref())
}

fn fact_has_heading(fact: &AlignmentFact) -> bool {
    let asked = fact.portability.iter().chain(&fact.locality);
    let asked = asked.flat_map(|asked| [asked.question.as_str(), asked.answer.as_str()]);
    let own = [fact.statement.as_str(), fact.question.as_str(), fact.answer.as_str()];
    let more = fact.rephrasings.iter().map(String::as_str).chain(fact.before.as_deref());
    own.into_iter().chain(more).chain(asked).any(has_heading)
}
