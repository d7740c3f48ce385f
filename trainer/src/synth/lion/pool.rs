//! Instructions and where they come from.

use crate::{Error, Result, digest};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// The longest instruction, in bytes.
const LONGEST: usize = 64 << 10;
/// The longest line of a file of instructions, in bytes.
const LONGEST_LINE: u64 = 1 << 20;
/// Problems of a file that are told line by line.
const MOST_TOLD: usize = 20;

/// Where an instruction comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// It was given.
    Given,
    /// A generator wrote it after another one.
    Written {
        /// That one's id.
        after: String,
        /// Because that one was hard for the student, or easy.
        because: Difficulty,
        /// In this iteration, counted from 1.
        iteration: u32,
    },
}

/// How an instruction is for the student.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difficulty {
    /// The teacher's answer is better by the threshold or more.
    Hard,
    /// It is not.
    Easy,
}

/// Something that an assistant is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// A hash of the text.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

impl Instruction {
    /// An instruction of this text.
    #[must_use]
    pub fn new(text: impl Into<String>, origin: Origin) -> Self {
        let text = text.into();
        let id = digest::hex(&digest::of_parts([text.as_str()])[..8]);
        Self { id, text, origin }
    }
}

/// A line of a file of instructions, as Alpaca has them; other fields are not read.
#[derive(Deserialize)]
struct Line {
    instruction: String,
    #[serde(default)]
    input: String,
}

/// Reads instructions from JSON lines with `instruction` and perhaps `input`. A line that cannot be used is told and left
/// out, and so is one that says what an earlier one says.
///
/// # Errors
/// [`Error::Io`]; [`Error::Data`] when no line can be used.
pub fn read_instructions(path: &Path, problem: &mut dyn FnMut(String)) -> Result<Vec<Instruction>> {
    let file = std::fs::File::open(path).map_err(Error::io("reading", path))?;
    let mut reader = BufReader::new(file);
    let (mut found, mut seen, mut problems) = (Vec::new(), HashSet::new(), 0usize);
    let mut line = Vec::new();
    for number in 1usize.. {
        line.clear();
        let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(Error::io("reading", path))? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            reader.skip_until(b'\n').map_err(Error::io("reading", path))?;
        }
        match instruction(&line) {
            Ok(None) => {}
            Ok(Some(instruction)) => {
                if seen.insert(instruction.id.clone()) {
                    found.push(instruction);
                }
            }
            Err(what) => {
                problems += 1;
                if problems <= MOST_TOLD {
                    problem(format!("line {number} of {} is left out: {what}", path.display()));
                }
            }
        }
    }
    if problems > MOST_TOLD {
        problem(format!("{} further lines of {} are left out", problems - MOST_TOLD, path.display()));
    }
    match found.is_empty() {
        true => Err(Error::Data(format!("no line of {} holds an instruction", path.display()))),
        false => Ok(found),
    }
}

fn instruction(line: &[u8]) -> Result<Option<Instruction>, String> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Line { instruction, input } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let text = match (instruction.trim(), input.trim()) {
        ("", _) => return Err("the instruction is empty".to_owned()),
        (instruction, "") => instruction.to_owned(),
        (instruction, input) => format!("{instruction}\n\n{input}"),
    };
    match text.len() > LONGEST {
        true => Err(format!("it has {} bytes; {LONGEST} at most", text.len())),
        false => Ok(Some(Instruction::new(text, Origin::Given))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_used_is_read_and_the_rest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seeds.jsonl");
        let long = format!(r#"{{"instruction": "{}"}}"#, "a".repeat(LONGEST_LINE as usize));
        let text = format!(
            "{{\"instruction\": \"One\", \"output\": \"x\"}}\n\nnonsense\n{{\"instruction\": \" \"}}\n{long}\n{}\n{}",
            r#"{"instruction": "One"}"#, r#"{"instruction": "Two", "input": "of three"}"#
        );
        std::fs::write(&path, text).unwrap();
        let mut told = Vec::new();
        let read = read_instructions(&path, &mut |line| told.push(line)).unwrap();
        let texts: Vec<&str> = read.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, ["One", "Two\n\nof three"]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with("line 3 ") && told[1].contains("empty") && told[2].starts_with("line 5 ")
        );
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(read_instructions(&path, &mut |_| {}), Err(Error::Data(_))));
    }
}
