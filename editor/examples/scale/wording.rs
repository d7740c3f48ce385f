//! The sentences of the workload, read from `wording.txt`.

/// What sort of thing a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
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
pub(crate) struct Relation {
    pub(crate) subject: Kind,
    pub(crate) name: &'static str,
    pub(crate) object: Kind,
    pub(crate) statement: &'static str,
    pub(crate) questions: Vec<&'static str>,
}

/// All sentences.
#[derive(Debug, Default)]
pub(crate) struct Wording {
    pub(crate) relations: Vec<Relation>,
    pub(crate) prompts: Vec<&'static str>,
    pub(crate) filler: Vec<&'static str>,
}

impl Wording {
    /// Reads the file that is built in.
    ///
    /// # Errors
    /// Names the line that does not fit.
    pub(crate) fn read() -> Result<Self, String> {
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
                    _ => return Err(format!("no section takes the line {line:?}")),
                },
            }
        }
        Ok(wording)
    }
}

fn relation(line: &'static str) -> Result<Relation, String> {
    let mut fields = line.split('|').map(str::trim);
    let mut next = || fields.next().ok_or_else(|| format!("a field is missing in {line:?}"));
    let (subject, name, object, statement) = (kind(next()?)?, next()?, kind(next()?)?, next()?);
    let questions: Vec<&str> = fields.collect();
    match questions.len() {
        0 | 1 => Err(format!("two questions are wanted in {line:?}")),
        _ => Ok(Relation { subject, name, object, statement, questions }),
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Ok(match name {
        "place" => Kind::Place,
        "person" => Kind::Person,
        "company" => Kind::Company,
        "work" => Kind::Work,
        "thing" => Kind::Thing,
        "number" => Kind::Number,
        "year" => Kind::Year,
        _ => return Err(format!("{name:?} is no kind of thing")),
    })
}
