//! Talking to a running daemon, for the commands that are its clients.

use super::exit;
use crate::edits::TENANT_HEADER;
use amend_proto::TenantId;
use anyhow::Context;
use clap::Args;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;
use std::{fmt, time::Duration};

/// Where the daemon is, and whose edits are meant.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// The daemon's address
    #[arg(
        long,
        env = "AMEND_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        global = true
    )]
    pub url: Url,
    /// Whose edits [default: those of the tenant `default`]
    #[arg(long, env = "AMEND_TENANT", value_name = "NAME", global = true)]
    pub tenant: Option<TenantId>,
}

/// A failure with an exit code of its own.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The documented exit code ([`exit`]).
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// A failure that exits with `code`.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An end that nobody is told of.
    #[must_use]
    pub fn silent(code: u8) -> Self {
        Self { code, message: String::new() }
    }

    /// Whether nobody is told of it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A client of one daemon.
pub struct Client {
    base: Url,
    tenant: Option<TenantId>,
    http: reqwest::Client,
}

impl Client {
    /// A client of the daemon at this address; nothing is sent yet.
    ///
    /// # Errors
    /// When the address cannot carry a path, or the HTTP client cannot be built.
    pub fn new(args: &DaemonArgs) -> anyhow::Result<Self> {
        if args.url.cannot_be_a_base() || !matches!(args.url.scheme(), "http" | "https") {
            anyhow::bail!("{} is not the address of a daemon; give one like http://127.0.0.1:8080", args.url);
        }
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Self { base: args.url.clone(), tenant: args.tenant.clone(), http })
    }

    fn at(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Url> {
        if let Some(dots) = path.iter().find(|segment| matches!(**segment, "." | "..")) {
            anyhow::bail!("`{dots}` cannot be asked for: addresses have no such part");
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} is not the address of a daemon", self.base))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// A request to the daemon for the tenant of the command line; `path` is in segments, escaped here.
    ///
    /// # Errors
    /// When the address cannot carry a path.
    pub fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<RequestBuilder> {
        let request = self.http.request(method, self.at(path, query)?);
        Ok(match &self.tenant {
            Some(tenant) => request.header(TENANT_HEADER, tenant.as_str()),
            None => request,
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`Failure`] with [`exit::NO_DAEMON`] when nobody answers and [`exit::REFUSED`] when the daemon says no.
    pub async fn ask(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|body| body.pointer("/error/message").and_then(Value::as_str).map(str::to_owned))
            .unwrap_or_else(|| text.chars().take(500).collect());
        Err(Failure::new(exit::REFUSED, format!("the daemon refused ({status}): {said}")).into())
    }

    /// Sends a request with a JSON body, or none.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> anyhow::Result<Response> {
        let mut request = self.request(method, path, &[])?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.ask(request).await
    }

    /// Sends one request and reads the JSON answer.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), or when the answer is not JSON.
    pub async fn json(&self, method: Method, path: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        self.read(response).await
    }

    /// Asks with a query and reads the JSON answer.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub async fn get(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Value> {
        let response = self.ask(self.request(Method::GET, path, query)?).await?;
        self.read(response).await
    }

    /// Reads a JSON answer.
    ///
    /// # Errors
    /// When it is not JSON.
    pub async fn read(&self, response: Response) -> anyhow::Result<Value> {
        response
            .json()
            .await
            .with_context(|| format!("{} did not answer with JSON; is it an Amend daemon?", self.base))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let why = if error.is_connect() { "nobody answers" } else { "no answer came" };
        Failure::new(
            exit::NO_DAEMON,
            format!(
                "{why} at {}: start a daemon with `amend serve`, or name another with --url (AMEND_URL)",
                self.base
            ),
        )
        .into()
    }
}
