//! The settings of a run, as a file of TOML.

use crate::endpoint::{EndpointName, InvalidEndpoint};
use amend_proto::Sampling;
use amend_trainer::synth::{
    ask::{Budget, EndpointSettings, Price, Rates, Role},
    lion::LionSettings,
    webr::WebrSettings,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, num::NonZeroU32, num::NonZeroUsize, path::PathBuf, str::FromStr};

use super::StudentSettings;

/// The version of the file's form.
const VERSION: u32 = 1;
/// Requests to an endpoint at a time, where nothing else is said.
const TO_ENDPOINT: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Everything that an operator decides about a run. No key stands in it: roles name the environment variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SynthConfig {
    /// Of this form.
    pub version: u32,
    /// Who plays what. A role that is not named is played by whoever is the teacher.
    pub roles: BTreeMap<Role, EndpointRole>,
    /// What the run may spend, over all its starts.
    pub budget: BudgetSettings,
    /// A folder with templates instead of the shipped ones.
    pub prompts: Option<PathBuf>,
    /// The licence of what it is made from, for every row.
    pub licence: Option<String>,
    /// Suites besides the shipped ones that no row may overlap, by name or path.
    pub suites: Vec<String>,
    /// What decides a Lion run.
    pub lion: LionSettings,
    /// What decides a WebR run.
    pub webr: WebrSettings,
    /// How the student of a Lion run learns.
    pub student: StudentSettings,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self {
            version: VERSION,
            roles: BTreeMap::new(),
            budget: BudgetSettings::default(),
            prompts: None,
            licence: None,
            suites: Vec::new(),
            lion: LionSettings::default(),
            webr: WebrSettings::default(),
            student: StudentSettings::default(),
        }
    }
}

impl SynthConfig {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`InvalidRole`], whose text names the line and the field.
    pub fn parse(text: &str) -> Result<Self, InvalidRole> {
        let config: Self = toml::from_str(text).map_err(|error| InvalidRole(error.to_string()))?;
        match config.version {
            VERSION => Ok(config),
            other => {
                Err(InvalidRole(format!("version {other} is not known; this build reads version {VERSION}")))
            }
        }
    }

    /// Who plays a role: as named, else whoever is the teacher, else the oracle of atlas.
    #[must_use]
    pub fn role(&self, role: Role) -> EndpointRole {
        let named = self.roles.get(&role).or_else(|| self.roles.get(&Role::Teacher));
        named.cloned().unwrap_or_default()
    }
}

/// What a run may spend.
pub type BudgetSettings = Budget;

/// Who plays a role, and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointRole {
    /// Who.
    pub model: RoleSource,
    /// The environment variable that holds an endpoint's key.
    pub key_env: Option<String>,
    /// Requests at a time.
    pub concurrency: Option<NonZeroUsize>,
    /// Requests in a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens in a minute.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// What a million tokens of prompts cost.
    pub input_price: f64,
    /// What a million tokens of answers cost.
    pub output_price: f64,
    /// Instead of the method's.
    pub temperature: Option<f32>,
    /// Tokens of an answer, instead of the method's.
    pub max_tokens: Option<u32>,
}

impl Default for EndpointRole {
    /// The oracle of atlas, for nothing.
    fn default() -> Self {
        Self {
            model: RoleSource::AtlasOracle,
            key_env: None,
            concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            input_price: 0.0,
            output_price: 0.0,
            temperature: None,
            max_tokens: None,
        }
    }
}

impl EndpointRole {
    /// Somebody without limits.
    #[must_use]
    pub fn of(model: RoleSource) -> Self {
        Self { model, ..Self::default() }
    }

    /// Whether another role's endpoint is the same: its limits are then one.
    pub(super) fn shares_endpoint_with(&self, other: &Self) -> bool {
        let without_sampling = |role: &Self| Self { temperature: None, max_tokens: None, ..role.clone() };
        without_sampling(self) == without_sampling(other)
    }

    /// The limits; `best` requests at a time where nothing else is said.
    pub(super) fn settings(&self, best: NonZeroUsize) -> Result<EndpointSettings, InvalidRole> {
        let price = Price { input: self.input_price, output: self.output_price };
        if !price.is_valid() {
            return Err(InvalidRole(format!("a price of {} must be a number from 0 up", self.model)));
        }
        let rates = Rates {
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
        };
        let most = match self.model {
            RoleSource::Endpoint(_) => TO_ENDPOINT,
            _ => best,
        };
        let concurrency = self.concurrency.unwrap_or(most);
        Ok(EndpointSettings { concurrency, rates, price, ..EndpointSettings::default() })
    }

    /// The method's way to draw tokens, as far as nothing else is said.
    pub(super) fn sampling(&self, method: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.or(method.temperature),
            max_tokens: self.max_tokens.or(method.max_tokens),
            ..method
        }
    }
}

/// Who plays a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoleSource {
    /// Rules that know the small world of atlas: for tests and demonstrations.
    AtlasOracle,
    /// The live model of the daemon that runs the job.
    Live,
    /// A model behind an OpenAI-compatible endpoint.
    Endpoint(EndpointName),
    /// A model that is loaded here: `atlas`, a folder, a file, a hub id.
    Model(String),
}

/// Settings of a run that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRole(pub(super) String);

impl FromStr for RoleSource {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        match text {
            "atlas-oracle" => Ok(Self::AtlasOracle),
            "live" => Ok(Self::Live),
            "" => Err(InvalidRole("a model must be named".to_owned())),
            url if EndpointName::is_meant(url) => {
                let name: EndpointName =
                    url.parse().map_err(|error: InvalidEndpoint| InvalidRole(error.to_string()))?;
                Ok(Self::Endpoint(name))
            }
            model => Ok(Self::Model(model.to_owned())),
        }
    }
}

impl TryFrom<String> for RoleSource {
    type Error = InvalidRole;

    fn try_from(text: String) -> Result<Self, InvalidRole> {
        text.parse()
    }
}

impl From<RoleSource> for String {
    fn from(source: RoleSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for RoleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtlasOracle => f.write_str("atlas-oracle"),
            Self::Live => f.write_str("live"),
            Self::Endpoint(name) => name.fmt(f),
            Self::Model(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_who_plays_what_within_which_limits() {
        let config = SynthConfig::parse(
            r#"
            version = 1
            licence = "CC0-1.0"
            [budget]
            money = 2.5
            [roles.teacher]
            model = "https://api.example.com/v1#big"
            key_env = "KEY"
            requests_per_minute = 60
            input_price = 0.5
            output_price = 1.5
            [roles.student]
            model = "atlas"
            temperature = 0.0
            [lion]
            iterations = 1
            "#,
        )
        .unwrap();
        let teacher = config.role(Role::Teacher);
        assert!(config.role(Role::Referee).shares_endpoint_with(&teacher), "who is not named is the teacher");
        assert_eq!(config.role(Role::Student).model, RoleSource::Model("atlas".to_owned()));
        assert_eq!(teacher.model.to_string(), "https://api.example.com/v1#big");
        let settings = teacher.settings(NonZeroUsize::MIN).unwrap();
        assert_eq!((settings.concurrency, settings.price.output), (TO_ENDPOINT, 1.5));
        assert_eq!((config.lion.iterations, config.budget.money), (1, Some(2.5)));
        let text = toml::to_string(&config).unwrap();
        assert_eq!(SynthConfig::parse(&text).unwrap(), config);
        assert_eq!(SynthConfig::default().role(Role::Author).model, RoleSource::AtlasOracle);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, named) in [
            ("version = 9", "version 9"),
            ("colour = 1", "colour"),
            ("[roles.chef]\nmodel = \"atlas\"", "chef"),
            ("[roles.teacher]\nmodel = \"http://host/v1\"", "name the model"),
            ("[roles.teacher]\nmodel = \"ftp://host\"\nspeed = 3", "speed"),
            ("[lion]\niterations = -1", "iterations"),
        ] {
            let error = SynthConfig::parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let free = EndpointRole { input_price: -1.0, ..EndpointRole::default() };
        assert!(free.settings(NonZeroUsize::MIN).is_err());
    }
}
