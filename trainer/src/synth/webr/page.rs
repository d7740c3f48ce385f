//! From a page to a row.

use super::{
    settings::WebrSettings,
    templates::{self, AUTHOR, REFINE},
    text::bare,
};
use crate::{
    Error, Result,
    synth::{
        ask::{Asker, Halt, Question, Reply, Role},
        draw,
        pages::{Language, Page, section},
        prompts::Prompts,
        rows::{Made, PageSource, RoleModels, RowProvenance, SynthRow, WebrRole},
        said::{other_language, refuses},
    },
};
use amend_proto::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The longest author's profile, in characters: 30 words, and room for those who do not count.
const LONGEST_PROFILE: usize = 600;

/// What a page is used for: four pages in six for the request, two for the response; of each half for all of it. Decided by
/// what the page says, so that no text is ever in both roles.
pub(super) fn role(seed: u64, page: &Page) -> WebrRole {
    match draw(seed, &["role", page.content_hash.as_str()]) % 6 {
        0 | 1 => WebrRole::WiAll,
        2 | 3 => WebrRole::WiPart,
        4 => WebrRole::WrAll,
        _ => WebrRole::WrPart,
    }
}

/// What came of a page.
pub(super) enum Outcome {
    /// A row and its request.
    Row(Box<SynthRow>, String),
    /// Nothing, and why: the stage and the reason.
    Nothing(&'static str, String),
}

/// What all pages share.
pub(super) struct Maker<'a> {
    pub(super) settings: &'a WebrSettings,
    pub(super) prompts: &'a Prompts,
    pub(super) asker: &'a Asker,
    pub(super) models: RoleModels,
    pub(super) licence: Option<&'a str>,
}

/// No row, for a reason or because the run ends.
enum Stop {
    Nothing(&'static str, &'static str),
    Halt(Halt),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Halt(Halt::Failed(error))
    }
}

impl Maker<'_> {
    /// Asks for the author, the request and the response: three questions, four where the page is the response.
    pub(super) async fn make(&self, page: &Page) -> Result<Outcome, Halt> {
        match self.row(page).await {
            Ok((row, request)) => Ok(Outcome::Row(Box::new(row), request)),
            Err(Stop::Nothing(stage, why)) => Ok(Outcome::Nothing(stage, why.to_owned())),
            Err(Stop::Halt(halt)) => Err(halt),
        }
    }

    async fn row(&self, page: &Page) -> Result<(SynthRow, String), Stop> {
        let role = role(self.settings.seed, page);
        let mut rng = ChaCha8Rng::seed_from_u64(self.draw(page, "section"));
        let shown = section(&mut rng, page, self.settings.most_chars).text;
        let words =
            self.settings.request_words[rng.random_range(0..self.settings.request_words.len())].to_string();
        let page_first = rng.random_bool(0.5);

        let asked = self.prompts.message(AUTHOR, &[("page", &shown)])?;
        let author = self.ask(page, ("author", Role::Author), asked).await?;
        let author: String = author.chars().take(LONGEST_PROFILE).collect();
        let parts = [("author", author.as_str()), ("page", &shown), ("words", &words)];
        let asked = self.prompts.message(templates::request(role), &parts)?;
        let request = self.ask(page, ("request", Role::Author), asked).await?;
        self.same_language("request", page.language.as_ref(), &request)?;

        let (user, answer) = match role {
            WebrRole::WiAll | WebrRole::WiPart => {
                let user = match page_first {
                    true => format!("{shown}\n\n{request}"),
                    false => format!("{request}\n\n{shown}"),
                };
                let answer = self.ask(page, ("response", Role::Teacher), Message::user(&user)).await?;
                (user, answer)
            }
            WebrRole::WrAll | WebrRole::WrPart => {
                let draft = self.ask(page, ("draft", Role::Teacher), Message::user(&request)).await?;
                let parts = [("request", request.as_str()), ("draft", &draft), ("page", &shown)];
                let asked = self.prompts.message(REFINE, &parts)?;
                let answer = self.ask(page, ("refine", Role::Refiner), asked).await?;
                self.same_language("refine", page.language.as_ref(), &answer)?;
                (request.clone(), answer)
            }
        };
        let provenance = RowProvenance {
            made: Made::Webr { role, page: source(page) },
            models: self.models.clone(),
            seed: self.settings.seed,
            licence: self.licence.map(str::to_owned),
        };
        let row = SynthRow::new(vec![Message::user(user), Message::assistant(answer)], provenance);
        Ok((row.map_err(|flaw| Error::Data(flaw.to_string()))?, request))
    }

    /// What a role says, without what it says around it.
    async fn ask(
        &self,
        page: &Page,
        (stage, role): (&'static str, Role),
        message: Message,
    ) -> Result<String, Stop> {
        let question =
            Question { role, messages: vec![message], seed: self.draw(page, stage), max_tokens: None };
        let why = match self.asker.ask(&question).await.map_err(Stop::Halt)? {
            Some(Reply::Said { text }) if refuses(&text) => "refusal",
            Some(Reply::Said { text }) => match bare(&text) {
                "" => "empty answer",
                text => return Ok(text.to_owned()),
            },
            Some(Reply::Empty) => "empty answer",
            Some(Reply::CutShort { .. }) => "answer too long",
            Some(Reply::Refused { .. }) => "refused by the endpoint",
            None => "failed",
        };
        Err(Stop::Nothing(stage, why))
    }

    /// Refuses a text that is surely in another language than its page surely is.
    fn same_language(&self, stage: &'static str, page: Option<&Language>, text: &str) -> Result<(), Stop> {
        match other_language(page, text) {
            true => Err(Stop::Nothing(stage, "another language")),
            false => Ok(()),
        }
    }

    fn draw(&self, page: &Page, what: &str) -> u64 {
        draw(self.settings.seed, &[what, page.content_hash.as_str()])
    }
}

fn source(page: &Page) -> PageSource {
    PageSource {
        url: page.url.clone(),
        content_hash: page.content_hash.as_str().to_owned(),
        file: page.source.file.display().to_string(),
        record: u32::try_from(page.source.record).unwrap_or(u32::MAX),
    }
}
