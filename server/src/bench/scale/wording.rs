//! The sentences of the workload, read from `wording.txt`.

use super::ScaleError;

/// What sort of thing a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Place,
    Person,
    Company,
    Work,
    Thing,
    Number,
    Year,
}

/// One relation with its sentences.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) subject: Kind,
    pub(super) name: &'static str,
    pub(super) object: Kind,
    pub(super) statement: &'static str,
    pub(super) questions: Vec<&'static str>,
}

/// All sentences.
#[derive(Debug, Default)]
pub(super) struct Wording {
    pub(super) relations: Vec<Relation>,
    pub(super) prompts: Vec<&'static str>,
    pub(super) filler: Vec<&'static str>,
}

impl Wording {
    /// Reads the file that is built in.
    ///
    /// # Errors
    /// Names the line that does not fit.
    pub(super) fn read() -> Result<Self, ScaleError> {
        let (mut wording, mut section) = (Self::default(), "");
        for line in include_str!("wording.txt").lines() {
            let line = line.trim();
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None if line.is_empty() || line.starts_with('#') => {}
                None => match section {
                    "relations" => wording.relations.push(relation(line)?),
                    "prompts" => wording.prompts.push(line),
                    "filler" => wording.filler.push(line),
                    _ => return Err(wrong(line, "no section takes it")),
                },
            }
        }
        Ok(wording)
    }
}

fn relation(line: &'static str) -> Result<Relation, ScaleError> {
    let mut fields = line.split('|').map(str::trim);
    let mut next = || fields.next().ok_or_else(|| wrong(line, "a field is missing"));
    let (subject, name, object, statement) = (kind(line, next()?)?, next()?, kind(line, next()?)?, next()?);
    let questions: Vec<&str> = fields.collect();
    match questions.len() {
        0 | 1 => Err(wrong(line, "two questions are wanted")),
        _ => Ok(Relation { subject, name, object, statement, questions }),
    }
}

fn kind(line: &str, name: &str) -> Result<Kind, ScaleError> {
    Ok(match name {
        "place" => Kind::Place,
        "person" => Kind::Person,
        "company" => Kind::Company,
        "work" => Kind::Work,
        "thing" => Kind::Thing,
        "number" => Kind::Number,
        "year" => Kind::Year,
        _ => return Err(wrong(line, "its kind of thing is none")),
    })
}

fn wrong(line: &str, reason: &'static str) -> ScaleError {
    ScaleError::Wording { line: line.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_wording_reads_and_has_every_section() {
        let wording = Wording::read().unwrap();
        assert!(wording.relations.len() >= 30 && wording.prompts.len() >= 20 && wording.filler.len() >= 8);
        for relation in &wording.relations {
            assert!(relation.statement.contains("{s}") && relation.statement.contains("{o}"), "{relation:?}");
            assert!(relation.questions.iter().all(|question| question.contains("{s}")), "{relation:?}");
        }
    }

    #[test]
    fn a_line_that_does_not_fit_is_named() {
        let refused = |line| relation(line).unwrap_err().to_string();
        assert!(refused("place | capital").contains("place | capital"));
        assert!(refused("planet | a | place | b {s} {o} | c | d").contains("planet"));
        assert!(refused("place | a | place | b {s} {o} | c").contains("two questions"));
    }
}
