//! What makes a pair unusable, and where in the record it stands.

use super::key::answer_key;
use amend_proto::{Message, Role};
use std::fmt;

/// The longest that is taken. Longer is refused, not cut: half an answer is not what was preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all messages of a prompt together.
    pub prompt_bytes: usize,
    /// Bytes of one answer.
    pub answer_bytes: usize,
    /// Messages of a prompt.
    pub messages: usize,
}

impl Default for Limits {
    /// 256 KiB of prompt in 256 messages, 64 KiB of answer.
    fn default() -> Self {
        Self { prompt_bytes: 256 * 1024, answer_bytes: 64 * 1024, messages: 256 }
    }
}

/// What is wrong with a record, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The field: `prompt[2].content`. Empty for the record itself.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Flaw {
    pub(crate) fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "{}", self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

impl std::error::Error for Flaw {}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It holds nothing but white space, or no item.
    #[error("it is empty")]
    Empty,
    /// It is of another type than the format has there.
    #[error("it is {found}, not {expected}")]
    WrongType {
        /// What the format has there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// It is no valid JSON, or a part of it does not fit.
    #[error("it cannot be read: {0}")]
    Syntax(String),
    /// It has more bytes than are taken.
    #[error("it has {bytes} bytes; at most {limit} are taken")]
    TooLong {
        /// Its bytes; of a line, those that were read before it was given up.
        bytes: usize,
        /// The most.
        limit: usize,
    },
    /// It has more items than are taken.
    #[error("it has {count} items; at most {limit} are taken")]
    TooMany {
        /// Its items.
        count: usize,
        /// The most.
        limit: usize,
    },
    /// It has fewer items than are needed.
    #[error("it has {count} usable items; at least {least} are needed")]
    TooFew {
        /// Its items.
        count: usize,
        /// The fewest.
        least: usize,
    },
    /// It is binary: it has a control character other than tab and line ends.
    #[error("it has the control character U+{code:04X} at byte {at}; only tab and line ends are taken")]
    Control {
        /// The character.
        code: u32,
        /// Its place.
        at: usize,
    },
    /// Both answers are the same but for the white space around them.
    #[error("it is equal to the rejected answer")]
    EqualAnswers,
    /// The last message of the prompt is an answer already.
    #[error("the prompt ends with a message of the assistant; it must end with what is answered")]
    AlreadyAnswered,
    /// The fields are those of no known format.
    #[error("its fields are those of no known format; name the format, or give chosen and rejected")]
    UnknownFormat,
    /// The two conversations differ in more than their last answer.
    #[error("the chosen and the rejected conversation must differ in one last answer of the assistant alone")]
    NotOneAnswer,
    /// It contradicts another field.
    #[error("it contradicts {0}")]
    Contradicts(&'static str),
    /// All answers are scored alike, so none is better.
    #[error("no answer is better than another: the scores are equal")]
    NoDifference,
    /// It is none of the values that the format has there.
    #[error("it is {found:?}, not {expected}")]
    Unknown {
        /// What the format has there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}

/// The first flaw of a pair.
pub(super) fn check(prompt: &[Message], answers: (&str, &str), limits: &Limits) -> Result<(), Flaw> {
    check_prompt(prompt, limits)?;
    check_answer("chosen", answers.0, limits)?;
    check_answer("rejected", answers.1, limits)?;
    match answer_key(answers.0) == answer_key(answers.1) {
        true => Err(Flaw::new("chosen", Problem::EqualAnswers)),
        false => Ok(()),
    }
}

/// Whether a prompt can be answered.
pub(super) fn check_prompt(prompt: &[Message], limits: &Limits) -> Result<(), Flaw> {
    if prompt.len() > limits.messages {
        let problem = Problem::TooMany { count: prompt.len(), limit: limits.messages };
        return Err(Flaw::new("prompt", problem));
    }
    let Some(last) = prompt.last() else { return Err(Flaw::new("prompt", Problem::Empty)) };
    let mut bytes = 0;
    for (index, message) in prompt.iter().enumerate() {
        let field = || format!("prompt[{index}].content");
        if message.content.trim().is_empty() && message.tool_calls.is_empty() {
            return Err(Flaw::new(field(), Problem::Empty));
        }
        let calls = message.tool_calls.iter().map(|call| (&call.name, &call.arguments));
        bytes += message.content.len() + calls.map(|(name, given)| name.len() + given.len()).sum::<usize>();
        check_characters(&message.content).map_err(|problem| Flaw::new(field(), problem))?;
    }
    if bytes > limits.prompt_bytes {
        return Err(Flaw::new("prompt", Problem::TooLong { bytes, limit: limits.prompt_bytes }));
    }
    match last.role {
        Role::Assistant => Err(Flaw::new("prompt", Problem::AlreadyAnswered)),
        Role::System | Role::User | Role::Tool => Ok(()),
    }
}

/// Whether a text can be learnt as an answer.
pub(super) fn check_answer(field: &str, text: &str, limits: &Limits) -> Result<(), Flaw> {
    let problem = match text.len() {
        _ if text.trim().is_empty() => Problem::Empty,
        bytes if bytes > limits.answer_bytes => Problem::TooLong { bytes, limit: limits.answer_bytes },
        _ => return check_characters(text).map_err(|problem| Flaw::new(field, problem)),
    };
    Err(Flaw::new(field, problem))
}

fn check_characters(text: &str) -> Result<(), Problem> {
    let wrong = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    match wrong {
        Some((at, c)) => Err(Problem::Control { code: u32::from(c), at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preference::pair::tests::pair;

    fn flaw(pair: &crate::preference::Pair) -> String {
        let limits = Limits { prompt_bytes: 20, answer_bytes: 10, messages: 2 };
        pair.check(&limits).expect_err("refused").to_string()
    }

    #[test]
    fn every_flaw_is_named_with_its_field() {
        assert_eq!(pair("Where?", "Here.", "There.").check(&Limits::default()), Ok(()));
        assert_eq!(pair("Wh\tere?\r\n", "Here.", "here.").check(&Limits::default()), Ok(()));
        let mut many = pair("Where?", "Here.", "There.");
        many.prompt = vec![Message::user("a"), Message::assistant("b"), Message::user("c")];
        let mut answered = many.clone();
        answered.prompt.pop();
        let mut none = many.clone();
        none.prompt.clear();
        let flaws: Vec<String> = [
            pair(" \n", "Here.", "There."),
            pair(&"x".repeat(21), "Here.", "There."),
            pair("a\u{1b}[0m", "Here.", "There."),
            pair("Where?", "", "There."),
            pair("Where?", "Here.", " \t"),
            pair("Where?", "Here.", "x\0"),
            pair("Where?", &"y".repeat(11), "There."),
            pair("Where?", "Here.\r\n", " Here."),
            many,
            answered,
            none,
        ]
        .iter()
        .map(flaw)
        .collect();
        insta::assert_snapshot!(flaws.join("\n"));
    }
}
