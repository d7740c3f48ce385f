//! Scores files of answers and verdicts in the published layout; runs no model.

mod lines;

use super::{
    edition::Edition,
    load::{self, LoadError},
    verdict::{legacy_verdicts, strict_verdicts},
};
use crate::follow::{
    item::{Category, Check, Item, Level},
    outcome::{CategoryScores, ConstraintOutcome, ItemOutcome, Scorer, Verdict},
    score::{levels, percent, score},
};
use lines::{Line, find, read};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    path::{Path, PathBuf},
};

#[cfg(test)]
mod tests;

/// Version of [`FileScores`] as JSON.
const SCHEMA: &str = "amend-followbench-scores/1";

/// What to score.
#[derive(Debug, Clone)]
pub struct ScoreRequest {
    /// The folder of the published data: see [`load`](super::load()).
    pub data: PathBuf,
    /// The folder of the answers. For each category that the data has, one file in JSON lines whose name tells the
    /// category (`content_constraint.jsonl`, `<model>_content_constraint.jsonl`), in the folder itself or, where it has
    /// none, in folders below it (`<organisation>/<model>/content_constraint.jsonl`). A line is `{"prompt":
    /// instruction, "choices": [{"message": {"content": answer}}]}`; `prompt_new` will do for `prompt`.
    pub generations: PathBuf,
    /// The folder of the judge's outputs, files named likewise, for categories with items that no rule decides. A line
    /// is `{"prompt_new": the judge's prompt, "choices": …}`, one for each judged item: in the order of the data, or in
    /// any order when each line has `example_id` and `level`. `None` when every item has a rule.
    pub judgements: Option<PathBuf>,
    /// With the reference's defects, or without.
    pub scorer: Scorer,
}

/// Why files cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The data is no suite.
    #[error(transparent)]
    Data(#[from] LoadError),
    /// Items have to be judged, and no folder was named.
    #[error("{items} items of {category} are decided by a judge: name the folder of its outputs")]
    NoJudgements {
        /// The first such category.
        category: Category,
        /// How many items of it.
        items: usize,
    },
    /// No file for a category.
    #[error("no file for {category} in {dir}: expected one like {category}_constraint.jsonl")]
    NoFile {
        /// Which category.
        category: Category,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Several files for a category.
    #[error("several files for {category} in {dir}: {}", names(.files))]
    Ambiguous {
        /// Which category.
        category: Category,
        /// Where.
        dir: PathBuf,
        /// The first few of them.
        files: Vec<PathBuf>,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not as published.
    #[error("{file}, line {line}: {what}")]
    Line {
        /// In which file.
        file: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// An item has no answer.
    #[error("{file} has no answer for {item}: no line's prompt is {start:?}…")]
    NoAnswer {
        /// In which file.
        file: PathBuf,
        /// Which item.
        item: String,
        /// How its instruction begins.
        start: String,
    },
    /// An item has no judge output.
    #[error("{file} has no judge output for {item}")]
    NoVerdict {
        /// In which file.
        file: PathBuf,
        /// Which item.
        item: String,
    },
    /// Another number of judge outputs than items to judge.
    #[error(
        "{file}, line {line}: {found} judge outputs for {expected} judged items of {category}; without example_id and \
         level there has to be one for each, in the order of the data"
    )]
    Count {
        /// In which file.
        file: PathBuf,
        /// The last line, or the first too many.
        line: usize,
        /// Of which category.
        category: Category,
        /// Items to judge.
        expected: usize,
        /// Lines.
        found: usize,
    },
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Rates in the reference's digits: percentages with two decimals, CSL with one, `-` for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rounded {
    /// By level.
    pub hsr: [String; 5],
    /// By level.
    pub ssr: [String; 5],
    /// Over all levels.
    pub csl: String,
}

impl Rounded {
    fn of(scores: &CategoryScores) -> Self {
        let csl = levels(scores.csl);
        Self { hsr: scores.hsr.map(percent), ssr: scores.ssr.map(percent), csl }
    }
}

/// The rates of files; serialises to the JSON of `amend eval followbench score`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileScores {
    /// `amend-followbench-scores/1`.
    pub schema: &'static str,
    /// `followbench-en` or `followbench-zh`.
    pub suite: String,
    /// Of the data: see [`FollowSuite`](crate::follow::FollowSuite::fingerprint).
    pub fingerprint: String,
    /// How the rates were computed.
    pub scorer: Scorer,
    /// Unrounded, by category.
    pub categories: BTreeMap<Category, CategoryScores>,
    /// The mean over the categories, without weights.
    pub overall: CategoryScores,
    /// Items whose verdict could not be read.
    pub unparsed: usize,
    /// Answers that belong to no item of the data, or to one that has an answer already. As in the reference they do
    /// not count.
    pub unused_generations: usize,
    /// The same rates in the reference's digits, by category.
    pub rounded: BTreeMap<Category, Rounded>,
    /// What became of each item, in the order of the data.
    #[serde(skip)]
    pub outcomes: Vec<ItemOutcome>,
}

/// Scores files in the published layout.
///
/// A judge's text that cannot be read is an unparsed verdict of one item; everything else that is missing or wrong is an
/// error.
///
/// # Errors
/// [`ScoreError`], which names file and line.
pub fn score_files(request: &ScoreRequest) -> Result<FileScores, ScoreError> {
    let (edition, suite) = load::read(&request.data)?;
    let mut outcomes = Vec::with_capacity(suite.items.len());
    let mut unused_generations = 0;
    for category in Category::ALL {
        let items: Vec<&Item> = suite.items.iter().filter(|item| item.category == category).collect();
        if items.is_empty() {
            continue;
        }
        let answers = answers(&request.generations, category, &items)?;
        unused_generations += answers.unused;
        let judged: Vec<&Item> =
            items.iter().copied().filter(|item| matches!(item.check, Check::Judge)).collect();
        let texts = judgements(request.judgements.as_deref(), category, &judged)?;
        for (item, answer) in items.iter().zip(&answers.by_item) {
            let constraints = match &item.check {
                Check::Judge => {
                    let text = texts.get(&item.id()).and_then(Option::as_deref);
                    judged_constraints(text, item.level, edition, request.scorer)
                }
                Check::Rule(rule) => {
                    vec![constraint(rule.to_string(), Some(rule.satisfied(answer, request.scorer)))]
                }
                Check::Code(constraints) => {
                    let checked = constraints.iter();
                    checked.map(|c| constraint(c.describe(), Some(c.check(answer).is_ok()))).collect()
                }
            };
            outcomes.push(ItemOutcome {
                group: item.group.clone(),
                category,
                level: item.level,
                constraints,
            });
        }
    }
    let scores = score(&outcomes, request.scorer);
    Ok(FileScores {
        schema: SCHEMA,
        suite: suite.name,
        fingerprint: suite.fingerprint,
        scorer: request.scorer,
        rounded: scores
            .categories
            .iter()
            .map(|(category, scores)| (*category, Rounded::of(scores)))
            .collect(),
        unparsed: scores.overall.unparsed,
        categories: scores.categories,
        overall: scores.overall,
        unused_generations,
        outcomes,
    })
}

fn constraint(constraint: String, satisfied: Option<bool>) -> ConstraintOutcome {
    let verdict = match satisfied {
        Some(true) => Verdict::Satisfied,
        Some(false) => Verdict::Violated,
        None => Verdict::Unparsed,
    };
    ConstraintOutcome { constraint, verdict, reason: None }
}

/// A judge's text as one outcome for each constraint; a text that is `null` or cannot be read leaves all unread.
fn judged_constraints(
    text: Option<&str>,
    level: Level,
    edition: Edition,
    scorer: Scorer,
) -> Vec<ConstraintOutcome> {
    let verdicts = text.and_then(|text| match scorer {
        Scorer::Legacy => legacy_verdicts(text, level, edition),
        Scorer::Strict => strict_verdicts(text, level),
    });
    let one = |number: u8| {
        let verdict = verdicts.as_ref().and_then(|verdicts| verdicts.get(usize::from(number) - 1));
        constraint(format!("constraint {number}"), verdict.copied())
    };
    (1..=level.get()).map(one).collect()
}

/// Answers of one category.
struct Answers {
    /// In the order of the items.
    by_item: Vec<String>,
    /// Lines that belong to no item.
    unused: usize,
}

fn answers(dir: &Path, category: Category, items: &[&Item]) -> Result<Answers, ScoreError> {
    let file = find(dir, category)?;
    let lines = read(&file)?;
    let mut by_prompt: HashMap<&str, &Line> = HashMap::with_capacity(lines.len());
    for line in &lines {
        let prompt =
            line.prompt.as_deref().ok_or_else(|| line.error(&file, "field \"prompt\" is missing"))?;
        // The first one counts, as in the reference.
        by_prompt.entry(prompt).or_insert(line);
    }
    let mut used = HashSet::new();
    let by_item = items.iter().map(|item| {
        let line = by_prompt.get(item.instruction()).ok_or_else(|| ScoreError::NoAnswer {
            file: file.clone(),
            item: item.id(),
            start: item.instruction().chars().take(60).collect(),
        })?;
        used.insert(line.number);
        line.content.clone().ok_or_else(|| line.error(&file, "the answer is null, not a text"))
    });
    let by_item = by_item.collect::<Result<Vec<_>, _>>()?;
    Ok(Answers { by_item, unused: lines.len() - used.len() })
}

/// The judge's texts by item; `None` for one that is `null`.
fn judgements(
    dir: Option<&Path>,
    category: Category,
    items: &[&Item],
) -> Result<HashMap<String, Option<String>>, ScoreError> {
    if items.is_empty() {
        return Ok(HashMap::new());
    }
    let dir = dir.ok_or(ScoreError::NoJudgements { category, items: items.len() })?;
    let file = find(dir, category)?;
    let lines = read(&file)?;
    let placed = lines.iter().filter(|line| line.place.is_some()).count();
    if placed == 0 {
        return in_order(&file, category, items, lines);
    }
    if let Some(line) = lines.iter().find(|line| line.place.is_none()) {
        return Err(line.error(&file, "example_id and level are missing, and other lines have them"));
    }
    by_place(&file, category, items, lines)
}

fn in_order(
    file: &Path,
    category: Category,
    items: &[&Item],
    lines: Vec<Line>,
) -> Result<HashMap<String, Option<String>>, ScoreError> {
    if lines.len() != items.len() {
        // The first line too many, or the one after which others are missing.
        let line = lines.get(items.len()).or(lines.last()).map_or(1, |line| line.number);
        let (expected, found) = (items.len(), lines.len());
        return Err(ScoreError::Count { file: file.to_owned(), line, category, expected, found });
    }
    Ok(items.iter().zip(lines).map(|(item, line)| (item.id(), line.content)).collect())
}

fn by_place(
    file: &Path,
    category: Category,
    items: &[&Item],
    lines: Vec<Line>,
) -> Result<HashMap<String, Option<String>>, ScoreError> {
    let wanted: HashSet<String> = items.iter().map(|item| item.id()).collect();
    let mut texts = HashMap::with_capacity(items.len());
    for line in lines {
        let Some((example_id, level)) = line.place else { continue };
        let id = format!("{category}/{example_id}#{level}");
        if !wanted.contains(&id) {
            return Err(line.error(file, &format!("{id} is no item of the data that a judge decides")));
        }
        if texts.contains_key(&id) {
            return Err(line.error(file, &format!("a second judge output for {id}")));
        }
        texts.insert(id, line.content);
    }
    match items.iter().find(|item| !texts.contains_key(&item.id())) {
        Some(item) => Err(ScoreError::NoVerdict { file: file.to_owned(), item: item.id() }),
        None => Ok(texts),
    }
}
