//! What is said of answers.
//!
//! As with edits an unknown field is an error: a preference that is stored without something that was meant would teach
//! the wrong thing.

use crate::{
    chat::Message,
    error::ModelError,
    ids::CompletionId,
    wire::{
        ChatMessage,
        fields::{Extra, UnknownFields},
        message::read_messages,
    },
};
use serde::{Deserialize, Serialize};

/// The longest name of a person, in characters.
pub const MAX_AUTHOR_CHARS: usize = 256;

/// The body of `POST /v1/preferences`: which of two answers is better. What they answer is given by one of `prompt`,
/// `messages` and `completion_id`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceInput {
    /// The question, as one user message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The conversation up to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<ChatMessage>>,
    /// A completion that was kept: its conversation, its edits and its revision are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_id: Option<String>,
    /// The better answer; required.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub chosen: Option<String>,
    /// The worse answer; required.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub rejected: Option<String>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// What a preference is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// A conversation.
    Prompt(Vec<Message>),
    /// That of a kept completion.
    Completion(CompletionId),
}

/// A preference that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct PreferenceBody {
    /// What both answer.
    pub about: About,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
    /// Who says so.
    pub author: Option<String>,
}

impl PreferenceInput {
    /// Checks the form. Whether the answers can be learnt from is for the store to say.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with the field that is wrong.
    pub fn read(self, max_messages: usize) -> Result<PreferenceBody, ModelError> {
        let Self { prompt, messages, completion_id, chosen, rejected, author, extra } = self;
        refuse(&extra)?;
        let about = match (prompt, messages, completion_id) {
            (Some(prompt), None, None) => About::Prompt(vec![Message::user(prompt)]),
            (None, Some(messages), None) => About::Prompt(conversation(messages, max_messages)?),
            (None, None, Some(id)) => About::Completion(completion(&id)?),
            (None, None, None) => {
                return Err(ModelError::invalid(
                    "prompt",
                    "prompt is missing: the question, or messages or completion_id instead",
                ));
            }
            _ => {
                return Err(ModelError::invalid(
                    "prompt",
                    "give one of prompt, messages and completion_id, not several",
                ));
            }
        };
        Ok(PreferenceBody {
            about,
            chosen: required("chosen", chosen)?,
            rejected: required("rejected", rejected)?,
            author: person(author)?,
        })
    }
}

/// A thumb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Thumb {
    /// Good.
    Up,
    /// Bad.
    Down,
}

/// The body of `POST /v1/feedback`: one of `thumb`, `rating`, `correction` and `choice` on a completion that was kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedbackInput {
    /// The completion's id; required.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub completion_id: Option<String>,
    /// Which of its answers is judged, from 0, which leaving it out also means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<i64>,
    /// Good or bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb: Option<Thumb>,
    /// 1 (bad) to 5 (good).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i64>,
    /// What the answer should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<String>,
    /// Of several answers (`n`), the index of the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<i64>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

/// What is said of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedbackOpinion {
    /// Good or bad.
    Thumb(Thumb),
    /// 1 to 5.
    Rating(u8),
    /// What it should have been.
    Correction(String),
    /// It is the best one.
    Choice,
}

impl FeedbackInput {
    /// The completion, which of its answers, the opinion, and who has it.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with the field that is wrong.
    pub fn read(self) -> Result<(CompletionId, usize, FeedbackOpinion, Option<String>), ModelError> {
        let Self { completion_id, answer, thumb, rating, correction, choice, author, extra } = self;
        refuse(&extra)?;
        let id = completion(&required("completion_id", completion_id)?)?;
        let index = |name: &str, value: Option<i64>| match value.map(usize::try_from) {
            None => Ok(0),
            Some(Ok(index)) => Ok(index),
            Some(Err(_)) => Err(ModelError::invalid(name, format!("{name} must be 0 or more"))),
        };
        if choice.is_some() && answer.is_some() {
            let message = "choice names the answer already; leave answer out";
            return Err(ModelError::invalid("answer", message));
        }
        let given = [thumb.is_some(), rating.is_some(), correction.is_some(), choice.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let message =
                "give one of thumb, rating, correction and choice; each further one is a request of its own";
            return Err(ModelError::invalid("thumb", message));
        }
        let place = match choice {
            Some(_) => index("choice", choice)?,
            None => index("answer", answer)?,
        };
        let opinion = match (thumb, rating, correction, choice) {
            (Some(thumb), ..) => FeedbackOpinion::Thumb(thumb),
            (_, Some(rating), ..) => match u8::try_from(rating) {
                Ok(stars @ 1..=5) => FeedbackOpinion::Rating(stars),
                _ => return Err(ModelError::invalid("rating", "rating must be from 1 to 5")),
            },
            (_, _, Some(text), _) => FeedbackOpinion::Correction(text),
            (.., Some(_)) => FeedbackOpinion::Choice,
            (None, None, None, None) => {
                let message = "thumb is missing: \"up\" or \"down\"; or rating, correction or choice instead";
                return Err(ModelError::invalid("thumb", message));
            }
        };
        Ok((id, place, opinion, person(author)?))
    }
}

fn conversation(messages: Vec<ChatMessage>, max: usize) -> Result<Vec<Message>, ModelError> {
    let mut unknown = UnknownFields::default();
    let messages = read_messages(Some(messages), max, &mut unknown)?;
    match unknown.names().first() {
        None => Ok(messages),
        Some(name) => Err(unknown_field(name)),
    }
}

fn completion(id: &str) -> Result<CompletionId, ModelError> {
    CompletionId::new(id)
        .map_err(|error| ModelError::invalid("completion_id", format!("completion_id: {error}")))
}

fn required(name: &str, value: Option<String>) -> Result<String, ModelError> {
    value.ok_or_else(|| ModelError::invalid(name, format!("{name} is missing")))
}

fn person(author: Option<String>) -> Result<Option<String>, ModelError> {
    match &author {
        Some(name) if name.chars().count() > MAX_AUTHOR_CHARS || name.chars().any(char::is_control) => {
            let message =
                format!("author may have {MAX_AUTHOR_CHARS} characters, none of them a control character");
            Err(ModelError::invalid("author", message))
        }
        _ => Ok(author),
    }
}

fn refuse(extra: &Extra) -> Result<(), ModelError> {
    match extra.keys().next() {
        None => Ok(()),
        Some(name) => Err(unknown_field(name)),
    }
}

fn unknown_field(name: &str) -> ModelError {
    let place: String = name.chars().take(100).collect();
    ModelError::invalid(&place, format!("{place}: this server knows no such field of a preference"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, wire::parse};
    use serde_json::{Value, json};

    fn param(error: &ModelError) -> String {
        match error.kind() {
            ErrorKind::InvalidRequest { param } => param.clone().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    fn preference(body: &Value) -> Result<PreferenceBody, ModelError> {
        parse::<PreferenceInput>(body.to_string().as_bytes())?.read(10)
    }

    fn feedback(body: &Value) -> Result<(CompletionId, usize, FeedbackOpinion, Option<String>), ModelError> {
        parse::<FeedbackInput>(body.to_string().as_bytes())?.read()
    }

    #[test]
    fn a_preference_is_about_one_thing() {
        let read = preference(&json!({"prompt": "Where?", "chosen": "Here.", "rejected": "There."}));
        assert_eq!(read.unwrap().about, About::Prompt(vec![Message::user("Where?")]));
        let messages =
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]);
        let read = preference(&json!({"messages": messages, "chosen": "Here.", "rejected": "There."}));
        let asked = vec![Message::system("Be brief."), Message::user("Where?")];
        assert_eq!(read.unwrap().about, About::Prompt(asked));
        for (body, wrong) in [
            (json!({"chosen": "a", "rejected": "b"}), "prompt"),
            (json!({"prompt": "a", "completion_id": "b", "chosen": "a", "rejected": "b"}), "prompt"),
            (json!({"prompt": "a", "rejected": "b"}), "chosen"),
            (json!({"prompt": "a", "chosen": "b"}), "rejected"),
            (json!({"prompt": "a", "chosen": "b", "rejected": "c", "winner": 1}), "winner"),
            (json!({"completion_id": "a b", "chosen": "b", "rejected": "c"}), "completion_id"),
            (json!({"messages": [], "chosen": "b", "rejected": "c"}), "messages"),
            (json!({"prompt": "a", "chosen": 7, "rejected": "c"}), "chosen"),
            (json!({"prompt": "a", "chosen": "b", "rejected": "c", "author": "x\ny"}), "author"),
        ] {
            assert_eq!(param(&preference(&body).unwrap_err()), wrong, "{body}");
        }
    }

    #[test]
    fn feedback_has_one_opinion() {
        let read = feedback(&json!({"completion_id": "c", "choice": 1})).unwrap();
        assert_eq!((read.1, read.2), (1, FeedbackOpinion::Choice));
        let read =
            feedback(&json!({"completion_id": "c", "rating": 5, "answer": 2, "author": "ann"})).unwrap();
        assert_eq!((read.1, read.2, read.3), (2, FeedbackOpinion::Rating(5), Some("ann".to_owned())));
        for (body, wrong) in [
            (json!({"thumb": "up"}), "completion_id"),
            (json!({"completion_id": "c"}), "thumb"),
            (json!({"completion_id": "c", "thumb": "sideways"}), "thumb"),
            (json!({"completion_id": "c", "thumb": "up", "rating": 3}), "thumb"),
            (json!({"completion_id": "c", "rating": 0}), "rating"),
            (json!({"completion_id": "c", "rating": 4.5}), "rating"),
            (json!({"completion_id": "c", "choice": -1}), "choice"),
            (json!({"completion_id": "c", "choice": 1, "answer": 1}), "answer"),
            (json!({"completion_id": "c", "thumb": "up", "mood": "fine"}), "mood"),
        ] {
            assert_eq!(param(&feedback(&body).unwrap_err()), wrong, "{body}");
        }
    }
}
