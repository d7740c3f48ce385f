//! From facts to the rows of the data set, on disk with their card.

use super::card::DataCard;
use super::context::Source;
use super::fact::{AlignmentFact, Instruction, write_lines};
use super::nearness::Nearness;
use super::plan::{Dropped, DroppedCounts, Planned, Teaching, plan};
use super::recipe::DataRecipe;
use super::row::{AnsweredBy, DataRow, Provenance};
use super::teacher::{Taught, Teacher, TeacherCounts, ask};
use crate::atlas::phrasing::EditTemplate;
use crate::digest::{hex, of_file};
use crate::files::write_atomically;
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
    job.recipe.validate()?;
    std::fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
    let facts: Vec<AlignmentFact> = job.facts.iter().filter(|f| !fact_has_heading(f)).cloned().collect();
    let usable = |i: &&Instruction| !texts_of(i).any(has_heading);
    let instructions: Vec<Instruction> = job.instructions.iter().filter(usable).cloned().collect();
    if facts.is_empty() {
        return Err(Error::Data("there is no fact to make rows of".into()));
    }
    let nearest = job.nearness.nearest(&facts, job.recipe.hard_negatives)?;
    let source = Source::new(&facts, &instructions, nearest);
    let teaching = if job.teacher.is_some() { Teaching::Present } else { Teaching::Absent };
    let (planned, mut dropped) = plan(&source, &job.recipe, teaching)?;
    let Some((taught, counts)) = teach(job.teacher, &planned, folder, answered).await? else {
        return Ok(None);
    };
    let rows = render(planned, (&facts, job.template), &taught, &mut dropped)?;
    let left_out = job.facts.len() - facts.len() + job.instructions.len() - instructions.len();
    write_lines(folder, "facts.jsonl", &facts)?;
    write_lines(folder, "instructions.jsonl", &instructions)?;
    write_lines(folder, ROWS, &rows)?;
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
        content: of_file(&folder.join(ROWS))?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    card.count(&rows);
    let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
    write_atomically(folder, "README.md", card.render()?.as_bytes())?;
    write_atomically(folder, DATA_CARD, json.as_bytes())?;
    Ok(Some((rows, card)))
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
