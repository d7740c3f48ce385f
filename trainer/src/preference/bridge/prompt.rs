//! What the modifier is asked.

use crate::preference::pair::Pair;
use crate::{Error, Result};
use amend_proto::Message;
use minijinja::{Environment, context};

/// The template for language models.
pub const BRIDGE_TEMPLATE: &str = include_str!("bridge.jinja");
/// The template for [`AtlasBridge`](crate::atlas::oracle::AtlasBridge), which reads JSON.
pub const ORACLE_TEMPLATE: &str = include_str!("oracle.jinja");

/// Asks for a bridged answer. It is given `prompt`, a list of messages with `role` and `content`, and the texts `chosen`
/// and `rejected`; what it renders is sent as one user message.
#[derive(Debug, Clone)]
pub struct BridgeTemplate {
    environment: Environment<'static>,
    source: String,
}

impl BridgeTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// [`Error::Settings`]: it is wrong, or it leaves out a part of the pair.
    pub fn parse(source: impl Into<String>) -> Result<Self> {
        let source = source.into();
        let mut environment = Environment::new();
        environment.add_template_owned("bridge", source.clone()).map_err(wrong)?;
        let template = Self { environment, source };
        let [asked, chosen, rejected] = ["asked probe", "chosen probe", "rejected probe"];
        let text = template.text(&[Message::user(asked)], (chosen, rejected))?;
        match [asked, chosen, rejected].into_iter().find(|probe| !text.contains(probe)) {
            Some(lost) => Err(wrong(format!("it leaves out the {lost}"))),
            None => Ok(template),
        }
    }

    /// [`BRIDGE_TEMPLATE`], compiled.
    ///
    /// # Panics
    /// Never: a test compiles it.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BRIDGE_TEMPLATE).expect("the embedded template compiles: a test compiles it")
    }

    /// [`ORACLE_TEMPLATE`], compiled.
    ///
    /// # Panics
    /// Never: a test compiles it.
    #[must_use]
    pub fn for_oracle() -> Self {
        Self::parse(ORACLE_TEMPLATE).expect("the embedded template compiles: a test compiles it")
    }

    /// The text of the template.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the modifier is asked about a pair.
    ///
    /// # Errors
    /// [`Error::Settings`]: the template's own error.
    pub fn render(&self, pair: &Pair) -> Result<Message> {
        self.text(&pair.prompt, (&pair.chosen, &pair.rejected)).map(Message::user)
    }

    fn text(&self, prompt: &[Message], (chosen, rejected): (&str, &str)) -> Result<String> {
        let template = self.environment.get_template("bridge").map_err(wrong)?;
        template.render(context! { prompt, chosen, rejected }).map_err(wrong)
    }
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Settings(format!("the bridging template cannot be used: {what}"))
}
