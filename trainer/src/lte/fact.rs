//! What alignment rows are made of: facts with their questions, and free-form instructions; and both as JSON lines.

use crate::files::write_atomically;
use crate::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line of a file of facts or instructions, in bytes.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What the user asks.
    pub question: String,
    /// The right answer.
    pub answer: String,
}

impl Asked {
    /// Both.
    pub fn new(question: impl Into<String>, answer: impl Into<String>) -> Self {
        Self { question: question.into(), answer: answer.into() }
    }
}

/// One edit with what is asked about it: the input of the parallel data set, whatever format it was published in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignmentFact {
    /// What the edit is about. Facts with the same subject (without regard to case) are never distractors of one another.
    pub subject: String,
    /// The edit's text, as the edit log would hold it.
    pub statement: String,
    /// Asks for what the edit says.
    pub question: String,
    /// The question in other words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rephrasings: Vec<String>,
    /// The answer from the edit.
    pub answer: String,
    /// The answer without the edit, where the source knows it; else the teacher is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Questions whose answers follow from the edit, with those answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub portability: Vec<Asked>,
    /// The statements of other facts that the answers of `portability` follow from as well, as in MQuAKE, whose questions
    /// chain several edits: they stand in front of those questions, too. If one is not among the facts, no row asks them
    /// with an edit in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Questions that the edit must leave alone, with their answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locality: Vec<Asked>,
}

/// A free-form request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// What the user asks for.
    pub instruction: String,
    /// The answer, where the source knows it; else the teacher is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What can be read from a file of JSON lines.
pub trait JsonLine: Serialize + DeserializeOwned {
    /// The name of a field that must hold more than white space and does not.
    fn blank_field(&self) -> Option<&'static str>;
}

fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

impl JsonLine for AlignmentFact {
    fn blank_field(&self) -> Option<&'static str> {
        let whole = [
            ("subject", &self.subject),
            ("statement", &self.statement),
            ("question", &self.question),
            ("answer", &self.answer),
        ];
        if let Some((name, _)) = whole.into_iter().find(|(_, text)| blank(text)) {
            return Some(name);
        }
        let asked = |list: &[Asked]| list.iter().any(|a| blank(&a.question) || blank(&a.answer));
        [
            ("rephrasings", self.rephrasings.iter().any(|text| blank(text))),
            ("before", self.before.as_deref().is_some_and(blank)),
            ("portability", asked(&self.portability)),
            ("needs", self.needs.iter().any(|text| blank(text))),
            ("locality", asked(&self.locality)),
        ]
        .into_iter()
        .find_map(|(name, wrong)| wrong.then_some(name))
    }
}

impl JsonLine for Instruction {
    fn blank_field(&self) -> Option<&'static str> {
        match (blank(&self.instruction), self.answer.as_deref().is_some_and(blank)) {
            (true, _) => Some("instruction"),
            (_, true) => Some("answer"),
            _ => None,
        }
    }
}

/// Reads a file with one JSON object a line; blank lines are skipped.
///
/// # Errors
/// [`Error::Io`] when it cannot be read; [`Error::Data`] naming the file, the line and the field that is wrong.
pub fn read_lines<T: JsonLine>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).map_err(Error::io("opening", path))?;
    let mut reader = BufReader::new(file);
    let (mut items, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        if read.map_err(Error::io("reading", path))? == 0 {
            break;
        }
        let wrong = |what: String| Error::Data(format!("line {number} of {}: {what}", path.display()));
        if line.len() as u64 > MAX_LINE_BYTES {
            return Err(wrong(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut json = serde_json::Deserializer::from_slice(&line);
        let item: T = serde_path_to_error::deserialize(&mut json)
            .map_err(|e| wrong(format!("{}: {}", e.path(), e.inner())))?;
        if let Some(field) = item.blank_field() {
            return Err(wrong(format!("{field} is blank")));
        }
        items.push(item);
    }
    Ok(items)
}

/// Writes one JSON object a line; the file is complete or not there.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn write_lines<T: Serialize>(folder: &Path, name: &str, items: &[T]) -> Result<()> {
    write_atomically(folder, name, &to_lines(name, items)?)
}

/// What [`write_lines`] writes.
pub(super) fn to_lines<T: Serialize>(name: &str, items: &[T]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for item in items {
        serde_json::to_writer(&mut text, item)
            .map_err(|e| Error::Data(format!("{name} cannot be written as json: {e}")))?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact() -> AlignmentFact {
        AlignmentFact {
            subject: "Tarn".into(),
            statement: "Tarn is in Vell.".into(),
            question: "Where is Tarn?".into(),
            rephrasings: vec!["Tarn is where?".into()],
            answer: "Vell".into(),
            before: None,
            portability: vec![Asked::new("What is in Vell?", "Tarn")],
            needs: vec![],
            locality: vec![],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let facts = [fact(), AlignmentFact { before: Some("Orm\nand \"Und\"".into()), ..fact() }];
        write_lines(folder.path(), "facts.jsonl", &facts).expect("writes");
        let path = folder.path().join("facts.jsonl");
        assert_eq!(read_lines::<AlignmentFact>(&path).expect("reads"), facts);
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, text.replace('\n', "\n\n  \n")).expect("writes");
        assert_eq!(read_lines::<AlignmentFact>(&path).expect("reads"), facts);
    }

    #[test]
    fn a_wrong_line_is_named_with_its_field() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("facts.jsonl");
        let good = serde_json::to_string(&fact()).expect("json");
        let say = |bad: &str| {
            std::fs::write(&path, format!("{good}\n{bad}\n")).expect("writes");
            read_lines::<AlignmentFact>(&path).expect_err("refused").to_string()
        };
        assert!(say(&good.replace("\"Vell\"", "7")).contains("line 2 of"), "a number is no answer");
        assert!(say(&good.replace("\"answer\":\"Vell\"", "\"answer\":7")).contains("answer"));
        assert!(say(&good.replace("\"subject\"", "\"object\"")).contains("object"));
        assert!(say(&good.replace("\"Tarn\"", "\" \"")).contains("subject is blank"));
        assert!(say("{").contains("line 2"));
        assert!(say(&format!("\"{}\"", "x".repeat(1 << 20))).contains("longer than"));
    }
}
