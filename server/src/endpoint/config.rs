//! Which endpoint, and within which bounds it is asked.

use amend_proto::{ModelId, RevisionId};
use reqwest::{Url, header::HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr, time::Duration};

/// An endpoint, as an operator names it. It holds no secret, and is part of the record of what it is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Where its routes begin.
    pub url: EndpointUrl,
    /// The model, in the endpoint's own words.
    pub model: ModelId,
    /// The environment variable that holds the key; without one, no key is sent.
    pub key_env: Option<String>,
}

impl EndpointConfig {
    /// The key.
    ///
    /// # Errors
    /// [`InvalidEndpoint::Key`] when the variable is not set, or holds what cannot be a key.
    pub fn key(&self) -> Result<Option<EndpointKey>, InvalidEndpoint> {
        let read = |variable: &String| {
            let failed = |problem| InvalidEndpoint::Key { variable: variable.clone(), problem };
            let value = std::env::var_os(variable).ok_or_else(|| failed("is not set"))?;
            let value = value.into_string().map_err(|_| failed("does not hold text"))?;
            EndpointKey::new(value.trim()).ok_or_else(|| failed("is empty, or holds what no header can"))
        };
        self.key_env.as_ref().map(read).transpose()
    }

    /// Names the model and where it is asked. Which weights answer there is not known: the endpoint may change them.
    pub(super) fn revision(&self) -> RevisionId {
        let hash =
            Sha256::new().chain_update(self.url.as_str()).chain_update([0]).chain_update(self.model.as_str());
        let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        RevisionId::new(format!("endpoint:{digits}")).expect("hexadecimal digits make an id")
    }
}

/// A model behind an endpoint as one text: `URL#NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointName {
    /// Where its routes begin.
    pub url: EndpointUrl,
    /// The model, in the endpoint's own words.
    pub model: ModelId,
}

impl EndpointName {
    /// Whether a text is meant as the name of an endpoint's model, and not of a folder, a file or a hub's.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    /// With the environment variable of its key.
    #[must_use]
    pub fn with_key(self, key_env: Option<String>) -> EndpointConfig {
        EndpointConfig { url: self.url, model: self.model, key_env }
    }
}

impl FromStr for EndpointName {
    type Err = InvalidEndpoint;
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let failed = |problem: String| InvalidEndpoint::Name { text: text.to_owned(), problem };
        let named = text.rsplit_once('#').filter(|(_, model)| !model.is_empty());
        let (url, model) = named.ok_or_else(|| {
            failed("name the model behind the address, as in http://host/v1#name".to_owned())
        })?;
        let url = url.parse().map_err(|error: InvalidEndpoint| failed(error.to_string()))?;
        Ok(Self { url, model: ModelId::new(model).map_err(|error| failed(error.to_string()))? })
    }
}

impl TryFrom<String> for EndpointName {
    type Error = InvalidEndpoint;
    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<EndpointName> for String {
    fn from(name: EndpointName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.url, self.model)
    }
}

/// Where an endpoint's routes begin, such as `https://api.openai.com/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// As text, as it was normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address of a route below it.
    pub(super) fn route(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(path);
        url
    }

    /// Whether what is sent there can be read on its way.
    pub(super) fn is_open(&self) -> bool {
        let local = matches!(self.0.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        self.0.scheme() == "http" && !local
    }
}

impl FromStr for EndpointUrl {
    type Err = InvalidEndpoint;
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let failed = |problem: String| InvalidEndpoint::Url { problem };
        let url = Url::parse(text).map_err(|error| failed(format!("cannot be read: {error}")))?;
        let problem = match &url {
            url if !matches!(url.scheme(), "http" | "https") => "must begin with http:// or https://",
            url if !url.username().is_empty() || url.password().is_some() => {
                "must hold no name or password; put the key into an environment variable and name that"
            }
            url if url.query().is_some() || url.fragment().is_some() => "must end with its path",
            _ => return Ok(Self(url)),
        };
        Err(failed(problem.to_owned()))
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = InvalidEndpoint;
    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<EndpointUrl> for String {
    fn from(url: EndpointUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key. Nothing shows it.
#[derive(Clone)]
pub struct EndpointKey(String);

impl EndpointKey {
    /// A text as a key; `None` when it is empty or cannot stand in a header.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let key = Self(text.to_owned());
        (!text.is_empty() && key.header().is_some()).then_some(key)
    }

    /// What is sent.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text of the endpoint's without the key: some repeat it in their messages.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointKey(…)")
    }
}

/// Bounds on each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Until there is a connection.
    pub connect: Duration,
    /// Between two pieces of an answer, and until the first.
    pub silence: Duration,
    /// Until the answer is whole.
    pub answer: Duration,
    /// Bytes of an answer, with all that is around its text.
    pub answer_bytes: usize,
    /// Bytes of one line of a stream, which is kept until it is whole.
    pub line_bytes: usize,
    /// Further tries of a request that may succeed later.
    pub tries: usize,
    /// The pause before the first of them; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause. When the endpoint asks for a longer one, the request fails at once, and says so.
    pub longest_pause: Duration,
}

impl EndpointLimits {
    /// The defaults without further tries: for those who ask again themselves.
    #[must_use]
    pub fn once() -> Self {
        Self { tries: 0, ..Self::default() }
    }
}

impl Default for EndpointLimits {
    /// 10 s to connect, a minute of silence, ten minutes and 8 MiB for an answer, lines of a megabyte; four more tries after
    /// one, two, four and eight seconds, or when the endpoint says, within a minute.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            answer: Duration::from_secs(600),
            answer_bytes: 8 << 20,
            line_bytes: 1 << 20,
            tries: 4,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// Why an endpoint cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Its address.
    #[error("the address of the endpoint {problem}; give one such as https://api.openai.com/v1")]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// What it is called.
    #[error("{text}: {problem}")]
    Name {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its key.
    #[error("the environment variable {variable}, which should hold the endpoint's key, {problem}")]
    Key {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no HTTP client to be had.
    #[error("failed to make an HTTP client")]
    Client(#[from] reqwest::Error),
}
