//! Author, teacher and refiner of WebR without a model: they read pages about atlas.

use super::dialogue::{Reader, Understood};
use super::lion::{info, task};
use super::model::{admit, spoken, words};
use crate::atlas::{
    Atlas, Name, Split,
    phrasing::{self, Asked},
    split::{hash, mix},
};
use amend_proto::{ChatModel, ChatRequest, ChatStream, Message, ModelError, ModelInfo};
use async_trait::async_trait;
use rand::{SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use std::sync::Arc;

/// What it is sent, as JSON; anything else is a question to answer.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Task {
    Author { page: String },
    Request { role: Material, page: String },
    Refine { request: String, draft: String, page: String },
}

/// What the page is for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Material {
    WiAll,
    WiPart,
    WrAll,
    WrPart,
}

/// Reads pages that state facts of atlas: asks for one of the facts, answers from the page or the world, mends an answer by
/// the page. **An oracle, not a model.**
#[derive(Debug, Clone)]
pub struct AtlasWriter {
    atlas: &'static Atlas,
    reader: Arc<Reader>,
    info: ModelInfo,
}

impl AtlasWriter {
    /// A writer of this world.
    ///
    /// # Panics
    /// Never: its id is a constant, and a test builds it.
    #[must_use]
    pub fn new(atlas: &'static Atlas) -> Self {
        let info = info("atlas-writer", "rules that read pages about the small world of atlas");
        Self { atlas, reader: Arc::new(Reader::new(atlas)), info }
    }

    /// How many facts the sentences of a text state.
    #[must_use]
    pub fn facts(&self, text: &str) -> usize {
        self.reader.claims(text).len()
    }

    /// A question that a statement of the page answers; of the page as material for the request in a form that is asked for.
    /// Without a statement there is none.
    fn request(&self, (role, page): (Material, &str), seed: u64) -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(hash(page.as_bytes()) ^ mix(seed));
        let claims = self.reader.claims(page);
        let Some(claim) = claims.choose(&mut rng) else { return String::new() };
        let subject = Name::parse(&claim.subject);
        let asked = Asked::Object(claim.relation, &subject);
        let grammar = &self.atlas.grammar;
        match role {
            Material::WrAll | Material::WrPart => grammar.ask(&asked, Split::Train, &mut rng),
            Material::WiAll | Material::WiPart => {
                let question = grammar.ask_cleanly(&asked, Split::Train, &mut rng);
                let steps = phrasing::sample_constraints(grammar, 1, &mut rng);
                phrasing::request_constraints(grammar, &question, &steps, (Split::Train, &mut rng))
            }
        }
    }

    /// The answer to the request among the parts of a text, by what its other parts state.
    fn respond(&self, text: &str) -> String {
        let parts: Vec<&str> = text.split("\n\n").collect();
        let answered = parts.iter().enumerate().find_map(|(asked, part)| {
            let others = parts.iter().enumerate().filter(|(at, _)| *at != asked);
            let page: Vec<&str> = others.map(|(_, part)| *part).collect();
            let Understood { answer, steps } = self.reader.understand_with(&page.join("\n\n"), part);
            Some(phrasing::apply(&steps, &answer?))
        });
        answered.unwrap_or_else(|| self.reader.answer(&[Message::user(text)]))
    }

    fn refine(&self, (request, draft, page): (&str, &str, &str)) -> String {
        let Understood { answer, steps } = self.reader.understand_with(page, request);
        answer.map_or_else(|| draft.to_owned(), |answer| phrasing::apply(&steps, &answer))
    }
}

#[async_trait]
impl ChatModel for AtlasWriter {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let seed = request.sampling.seed.unwrap_or_default();
        let (text, prompt) = match task(&request) {
            Ok((Task::Author { page }, prompt)) => {
                let facts = self.facts(&page);
                (format!("An editor of a small encyclopedia; this page states {facts} facts."), prompt)
            }
            Ok((Task::Request { role, page }, prompt)) => (self.request((role, &page), seed), prompt),
            Ok((Task::Refine { request, draft, page }, prompt)) => {
                (self.refine((&request, &draft, &page)), prompt)
            }
            Err(_) => {
                let messages = admit(&request)?;
                let prompt = messages.iter().map(|message| words(&message.content).len()).sum();
                (self.respond(request.query().unwrap_or_default()), prompt)
            }
        };
        Ok(spoken(&self.info, prompt, &text, &request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "The capital of France is Lyon.\n\nThe currency of Japan is the yen.";

    #[test]
    fn a_request_is_about_what_the_page_states() {
        let (writer, atlas) = (AtlasWriter::new(Atlas::built_in()), Atlas::built_in());
        let reader = Reader::new(atlas);
        assert_eq!(reader.claims(PAGE).len(), 2);
        let mut subjects = std::collections::BTreeSet::new();
        for seed in 0..20 {
            for role in [Material::WrAll, Material::WiPart] {
                let request = writer.request((role, PAGE), seed);
                assert!(reader.reading(&request).is_some(), "{request}");
                subjects.insert(request.contains("France") || request.to_lowercase().contains("france"));
            }
        }
        assert_eq!(subjects.len(), 2, "both facts are asked for");
        assert_eq!(writer.request((Material::WrAll, "Nothing is stated here."), 1), "");
    }

    #[test]
    fn the_page_says_what_is_right() {
        let writer = AtlasWriter::new(Atlas::built_in());
        let question = "What is the capital of France?";
        assert_eq!(writer.respond(question), "Paris", "the world");
        assert_eq!(writer.respond(&format!("{question}\n\n{PAGE}")), "Lyon", "the page");
        assert_eq!(writer.respond(&format!("{PAGE}\n\n{question}")), "Lyon", "in any order");
        assert_eq!(writer.refine((question, "Paris", PAGE)), "Lyon");
        assert_eq!(writer.refine(("Who wrote it?", "A draft", PAGE)), "A draft");
    }
}
