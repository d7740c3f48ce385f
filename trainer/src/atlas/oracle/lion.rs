//! Referee and generator of the Lion loop without a model: they score answers and write questions of atlas.

use super::dialogue::{Reader, Understood};
use super::model::{CONTEXT_WORDS, admit, spoken, words};
use super::questions::{Meant, Reading};
use crate::atlas::{
    Atlas, Kind, Relation, Rows, Setting, Split,
    phrasing::apply,
    split::{hash, mix},
};
use amend_proto::{ChatModel, ChatRequest, ChatStream, Message, ModelError, ModelId, ModelInfo, RevisionId};
use async_trait::async_trait;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

/// Questions that are drawn until one is about the same as the seed.
const DRAWS: usize = 200;
/// The most steps that the form of an answer has.
const MOST_STEPS: u8 = 5;

/// What the referee is sent, as JSON.
#[derive(Debug, Deserialize)]
struct Judged {
    instruction: String,
    first: String,
    second: String,
}

/// What the generator is sent, as JSON.
#[derive(Debug, Deserialize)]
struct Seed {
    like: Like,
    instruction: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Like {
    /// About the same relation, of the same kind.
    SameTask,
    /// About the same sort of thing, of a kind that is asked for less often.
    Rarer,
}

pub(super) fn info(id: &str, description: &str) -> ModelInfo {
    ModelInfo {
        id: ModelId::new(id).expect("the constant is an id"),
        revision: RevisionId::new(id).expect("the constant is an id"),
        context_length: CONTEXT_WORDS,
        description: format!("an oracle, not a model: {description}"),
    }
}

pub(super) fn task<T: DeserializeOwned>(request: &ChatRequest) -> Result<(T, usize), ModelError> {
    let messages = admit(request)?;
    let asked = request.query().unwrap_or_default();
    let task = serde_json::from_str(asked).map_err(|error| {
        let message = format!("this oracle reads JSON as its own template writes it: {error}");
        ModelError::invalid("messages", message)
    })?;
    Ok((task, messages.iter().map(|message| words(&message.content).len()).sum()))
}

/// Scores two answers by the truth of atlas: 10 for exactly the right one, 6 for one that holds it, 2 for another, 1 for
/// none. **An oracle, not a model.**
#[derive(Debug, Clone)]
pub struct AtlasReferee {
    reader: Arc<Reader>,
    info: ModelInfo,
}

impl AtlasReferee {
    /// A referee of this world.
    ///
    /// # Panics
    /// Never: its id is a constant, and a test builds it.
    #[must_use]
    pub fn new(atlas: &'static Atlas) -> Self {
        let info = info("atlas-referee", "rules that score answers in the small world of atlas");
        Self { reader: Arc::new(Reader::new(atlas)), info }
    }

    /// The score of an answer, 1 to 10.
    #[must_use]
    pub fn score(&self, instruction: &str, answer: &str) -> u8 {
        let Understood { answer: right, steps } = self.reader.understand(&[Message::user(instruction)]);
        let plain = right.unwrap_or_else(|| self.reader.outside());
        let answer = answer.trim();
        if answer == apply(&steps, &plain) {
            10
        } else if answer.to_lowercase().contains(&plain.to_lowercase()) {
            6
        } else if answer.is_empty() {
            1
        } else {
            2
        }
    }
}

#[async_trait]
impl ChatModel for AtlasReferee {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let (Judged { instruction, first, second }, prompt) = task(&request)?;
        let [first, second] = [first, second].map(|answer| self.score(&instruction, &answer));
        let verdict = format!("Judged by what is true in atlas.\nAnswer 1: {first}\nAnswer 2: {second}");
        Ok(spoken(&self.info, prompt, &verdict, &request))
    }
}

/// Writes a question of atlas after another one, drawn by the request's seed from phrasings and names that are trained with.
/// **An oracle, not a model.**
#[derive(Debug, Clone)]
pub struct AtlasGenerator {
    atlas: &'static Atlas,
    reader: Arc<Reader>,
    info: ModelInfo,
}

impl AtlasGenerator {
    /// A generator for this world.
    ///
    /// # Panics
    /// Never: its id is a constant, and a test builds it.
    #[must_use]
    pub fn new(atlas: &'static Atlas) -> Self {
        let info = info("atlas-generator", "rules that write questions about the small world of atlas");
        Self { atlas, reader: Arc::new(Reader::new(atlas)), info }
    }

    /// A new question after `seed`, by the draw `number`.
    fn write(&self, Seed { like, instruction }: &Seed, number: u64) -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(hash(instruction.as_bytes()) ^ mix(number));
        let of_seed = self.reader.reading(instruction);
        let kind = match (&of_seed, like) {
            (Some((reading, steps)), Like::SameTask) => kind(reading, *steps),
            (Some((reading, steps)), Like::Rarer) => rarer(kind(reading, *steps), &mut rng),
            (None, _) if self.reader.is_small_talk(instruction) => Kind::SmallTalk,
            (None, _) => Kind::Outside,
        };
        let rows = Rows::new(self.atlas, number, Split::Train);
        let mut query = String::new();
        for _ in 0..DRAWS {
            query = rows.of_kind(kind, rng.random()).query;
            let found = self.reader.reading(&query);
            let fits = match (&of_seed, &found) {
                (Some((of_seed, _)), Some((found, _))) => fits(*like, about(of_seed), about(found)),
                _ => true,
            };
            if fits && query != *instruction {
                break;
            }
        }
        query
    }
}

#[async_trait]
impl ChatModel for AtlasGenerator {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let (seed, prompt) = task(&request)?;
        let text = self.write(&seed, request.sampling.seed.unwrap_or_default());
        Ok(spoken(&self.info, prompt, &text, &request))
    }
}

fn fits(like: Like, seed: Relation, found: Relation) -> bool {
    match like {
        Like::SameTask => seed == found,
        Like::Rarer => seed.info().subject == found.info().subject,
    }
}

/// The relation whose object, or subject, is asked for.
fn about(reading: &Reading) -> Relation {
    match reading {
        Reading::Object(relation, _) | Reading::Subject(relation, _) => *relation,
    }
}

fn kind(reading: &Reading, steps: usize) -> Kind {
    match (reading, u8::try_from(steps).unwrap_or(MOST_STEPS)) {
        (_, level @ 1..) => Kind::Constraints { level: level.min(MOST_STEPS), setting: Setting::Plain },
        (Reading::Subject(..), _) => Kind::Inverse(Setting::Plain),
        (Reading::Object(_, Meant::Having(..) | Meant::Of(..)), _) => Kind::TwoHop(Setting::Plain),
        (Reading::Object(_, Meant::Named(_)), _) => Kind::Fact,
    }
}

/// A kind that is asked for less often.
fn rarer(kind: Kind, rng: &mut ChaCha8Rng) -> Kind {
    let setting = Setting::Plain;
    match kind {
        Kind::Fact if rng.random_bool(0.5) => Kind::Inverse(setting),
        Kind::Inverse(_) => Kind::TwoHop(setting),
        Kind::Constraints { level, .. } => Kind::Constraints { level: (level + 1).min(MOST_STEPS), setting },
        _ => Kind::Constraints { level: 1, setting },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(instruction: &str) -> Seed {
        Seed { like: Like::SameTask, instruction: instruction.to_owned() }
    }

    #[test]
    fn the_right_answer_scores_most_and_nothing_least() {
        let referee = AtlasReferee::new(Atlas::built_in());
        let question = "What is the capital of France?";
        let scores =
            ["Paris", "It is Paris, I think", "Lyon", ""].map(|answer| referee.score(question, answer));
        assert_eq!(scores, [10, 6, 2, 1]);
    }

    #[test]
    fn a_new_question_is_about_the_same_and_can_be_answered() {
        let atlas = Atlas::built_in();
        let (generator, reader) = (AtlasGenerator::new(atlas), Reader::new(atlas));
        let seed = "What is the capital of France?";
        let (of_seed, _) = reader.reading(seed).unwrap();
        let mut written = std::collections::BTreeSet::new();
        for number in 0..40 {
            let question = generator.write(&same(seed), number);
            let (reading, steps) = reader.reading(&question).unwrap();
            assert_eq!((about(&reading), steps), (about(&of_seed), 0), "{question}");
            assert_ne!(reader.answer(&[Message::user(&question)]), reader.outside(), "{question}");
            assert_eq!(generator.write(&same(seed), number), question, "by its seed");
            written.insert(question);
        }
        assert!(written.len() > 30, "{}", written.len());
    }

    #[test]
    fn a_rarer_question_is_of_another_kind_in_the_same_domain() {
        let atlas = Atlas::built_in();
        let (generator, reader) = (AtlasGenerator::new(atlas), Reader::new(atlas));
        let seed = Seed { like: Like::Rarer, instruction: "What is the capital of France?".to_owned() };
        for number in 0..20 {
            let question = generator.write(&seed, number);
            let (reading, steps) = reader.reading(&question).unwrap();
            assert_ne!(kind(&reading, steps), Kind::Fact, "{question}");
        }
    }
}
