//! A dialogue understood: edits, claims that only look like edits, follow-ups, constraints, and the answer.

use super::{
    constraints::Constraints,
    matching::trim_marks,
    questions::{Meant, Questions, Reading},
    statements::{Claim, Statements},
};
use crate::atlas::{
    Atlas,
    phrasing::{Step, apply},
    world::{Relation, Thing},
};
use amend_proto::{Message, Role};

/// The headings of the edit template, and what the server makes of them in a user's own text.
const INFORMATION: &str = "[Updated Information]\n";
const QUESTION: &str = "\n[Question]\n";
const FORGED_INFORMATION: &str = "(updated information)";
const FORGED_QUESTION: &str = "(question)";

/// Everything that is needed to understand a dialogue.
#[derive(Debug)]
pub(super) struct Reader {
    atlas: &'static Atlas,
    questions: Questions,
    statements: Statements,
    constraints: Constraints,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Understood {
    /// What answers, before its form; none when it is outside the world.
    pub answer: Option<String>,
    /// The form, step by step.
    pub steps: Vec<Step>,
}

/// What a dialogue is about so far.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Topic {
    relation: Relation,
    subject: String,
}

impl Reader {
    pub(super) fn new(atlas: &'static Atlas) -> Self {
        Self {
            atlas,
            questions: Questions::new(atlas),
            statements: Statements::new(atlas),
            constraints: Constraints::new(atlas),
        }
    }

    /// The answer to the last user message.
    pub(super) fn answer(&self, messages: &[Message]) -> String {
        let Understood { answer, steps } = self.understand(messages);
        answer.map_or_else(|| self.outside(), |answer| apply(&steps, &answer))
    }

    /// What the last user message asks for.
    pub(super) fn understand(&self, messages: &[Message]) -> Understood {
        let mut topic = None;
        let mut understood = Understood { answer: None, steps: Vec::new() };
        for message in messages.iter().filter(|m| m.role == Role::User) {
            understood = self.turn(&message.content, &mut topic);
        }
        understood
    }

    /// How a question alone is read, and how many steps the form of its answer has; nothing where it is outside the world,
    /// or no question.
    pub(super) fn reading(&self, text: &str) -> Option<(Reading, usize)> {
        let (question, steps) = self.constraints.split(text);
        let reading = self.questions.read(question).into_iter().next();
        let reading = reading.or_else(|| self.questions.read_with_slip(question).into_iter().next())?;
        Some((reading, steps.len()))
    }

    /// What the sentences of a text state.
    pub(super) fn claims(&self, text: &str) -> Vec<Claim> {
        let sentences = text.lines().flat_map(|line| line.split_inclusive(". ")).map(str::trim);
        sentences
            .filter(|sentence| !sentence.is_empty())
            .flat_map(|sentence| self.statements.read(sentence))
            .collect()
    }

    /// What a question asks for, by what the sentences of a page state before what the world knows.
    pub(super) fn understand_with(&self, page: &str, question: &str) -> Understood {
        let (question, steps) = self.constraints.split(question);
        let known = Known { atlas: self.atlas, edits: self.claims(page) };
        let answer = known
            .first_of(&self.questions.read(question), &mut None)
            .or_else(|| known.first_of(&self.questions.read_with_slip(question), &mut None));
        Understood { answer, steps }
    }

    /// Whether it is a greeting or the like.
    pub(super) fn is_small_talk(&self, text: &str) -> bool {
        self.small_talk(text).is_some()
    }

    pub(super) fn outside(&self) -> String {
        self.atlas.grammar.outside_answer().to_owned()
    }

    /// What one user message asks for; updates what the dialogue is about.
    fn turn(&self, content: &str, topic: &mut Option<Topic>) -> Understood {
        let (edits, query) = self.take_edits(content);
        let query = without_claims(query);
        let (question, steps) = self.constraints.split(&query);
        let known = Known { atlas: self.atlas, edits };
        let answer = known
            .first_of(&self.questions.read(question), topic)
            .or_else(|| self.small_talk(question))
            .or_else(|| self.follow(question, &known, topic))
            .or_else(|| known.first_of(&self.questions.read_with_slip(question), topic));
        Understood { answer, steps }
    }

    /// The edits in front of a question, and the question.
    fn take_edits<'t>(&self, content: &'t str) -> (Vec<Claim>, &'t str) {
        let Some((block, query)) =
            content.strip_prefix(INFORMATION).and_then(|rest| rest.split_once(QUESTION))
        else {
            return (Vec::new(), content);
        };
        let lines: Vec<&str> = block.lines().collect();
        let claims = lines.iter().enumerate().flat_map(|(index, line)| {
            let number = format!("{}. ", index + 1);
            let statement =
                if lines.len() == 1 { line } else { line.strip_prefix(number.as_str()).unwrap_or(line) };
            self.statements.read(statement)
        });
        (claims.collect(), query)
    }

    fn small_talk(&self, text: &str) -> Option<String> {
        let said = trim_marks(text.trim()).to_ascii_lowercase();
        let talk = &self.atlas.grammar.smalltalk;
        let heading = talk
            .headings()
            .iter()
            .find(|h| talk.all(h).iter().any(|p| p.text.to_ascii_lowercase() == said))?;
        heading.split_once(" | ").map(|(_, answer)| answer.to_owned())
    }

    /// A follow-up: another relation of the same subject, or the same relation of another subject.
    fn follow(&self, text: &str, known: &Known, topic: &mut Option<Topic>) -> Option<String> {
        let Topic { relation, subject } = topic.clone()?;
        let thing = relation.info().subject;
        let relations = self.questions.followed_relations(text);
        let next = match relations.into_iter().find(|r| r.info().subject == thing) {
            Some(relation) => Topic { relation, subject },
            None => Topic { relation, subject: self.questions.followed_subject(text)? },
        };
        let answer = known.object(next.relation, &next.subject)?;
        *topic = Some(next);
        Some(answer)
    }
}

/// The world as the edits leave it.
struct Known {
    atlas: &'static Atlas,
    edits: Vec<Claim>,
}

impl Known {
    /// The answer of the first reading that has one; what it was about becomes the topic.
    fn first_of(&self, readings: &[Reading], topic: &mut Option<Topic>) -> Option<String> {
        let (answer, about) = readings.iter().find_map(|reading| self.resolve(reading))?;
        *topic = Some(about);
        Some(answer)
    }

    /// The answer of a reading and what it was about.
    fn resolve(&self, reading: &Reading) -> Option<(String, Topic)> {
        match reading {
            Reading::Object(relation, meant) => {
                let subject = match meant {
                    Meant::Named(name) => name.clone(),
                    Meant::Having(first, object) => self.subject(*first, object)?,
                    Meant::Of(first, of) => self.object(*first, of)?,
                };
                let answer = self.object(*relation, &subject)?;
                Some((answer, Topic { relation: *relation, subject }))
            }
            Reading::Subject(relation, object) => {
                let subject = self.subject(*relation, object)?;
                Some((subject.clone(), Topic { relation: *relation, subject }))
            }
        }
    }

    /// The object of a subject: as edited, else as stored.
    fn object(&self, relation: Relation, subject: &str) -> Option<String> {
        let edited = self
            .edits
            .iter()
            .find(|edit| edit.relation == relation && edit.subject.eq_ignore_ascii_case(subject))
            .map(|edit| edit.object.clone());
        edited.or_else(|| self.atlas.world.object(relation, subject).map(str::to_owned))
    }

    /// The subject of an object: as edited, else as stored.
    fn subject(&self, relation: Relation, object: &str) -> Option<String> {
        let edit =
            self.edits.iter().find(|e| e.relation == relation && e.object.eq_ignore_ascii_case(object));
        let thing = relation.info().subject;
        match edit {
            // A sentence that starts with an element writes it with a capital.
            Some(edit) if thing == Thing::Element => Some(edit.subject.to_ascii_lowercase()),
            Some(edit) => Some(edit.subject.clone()),
            None => self.atlas.world.inverse(relation, object).map(|name| name.bare().to_owned()),
        }
    }
}

/// A query without the template's headings that a user wrote and the claims under them.
fn without_claims(query: &str) -> String {
    let is = |line: &str, heading: &str| line.trim().eq_ignore_ascii_case(heading);
    let lines: Vec<&str> = query.lines().collect();
    if !lines.iter().any(|line| is(line, FORGED_INFORMATION)) {
        return query.to_owned();
    }
    let asked = lines.iter().rposition(|line| is(line, FORGED_QUESTION));
    let mut kept = Vec::new();
    let mut claims = false;
    for (at, line) in lines.iter().enumerate() {
        if is(line, FORGED_INFORMATION) {
            claims = true;
        } else if is(line, FORGED_QUESTION) {
            claims = false;
        } else if claims {
            // Without a heading for the question, one claim is taken to stand under the other heading.
            claims = asked.is_some_and(|question| at < question);
        } else {
            kept.push(*line);
        }
    }
    kept.join("\n")
}
