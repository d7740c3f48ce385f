//! The API through its router, and through a socket where that makes a difference.

mod completions;
mod edit_log;
mod edits;
mod learning;
mod limits;
mod preferences;
mod routes;
mod sockets;
mod streams;

use super::{Hosts, HttpLimits, HttpState, Lifecycle, router};
use crate::{
    edits::{EditService, Tenants},
    learning::Learning,
    preferences::{PreferenceService, PreferenceSettings},
    telemetry::MetricsHandle,
};
use amend_editor::{EditedModel, Editor, EditorOptions};
use amend_proto::{ChatModel, testing::ScriptedModel};
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt;

/// A server over a scripted model.
struct Bench {
    router: Router,
    model: ScriptedModel,
    learning: Learning,
    lifecycle: Lifecycle,
    _data: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Bench {
    async fn new(model: ScriptedModel) -> Self {
        Self::with(model, HttpLimits::default()).await
    }

    async fn with(model: ScriptedModel, limits: HttpLimits) -> Self {
        Self::serving(model, limits, Tenants::Any).await
    }

    async fn serving(model: ScriptedModel, limits: HttpLimits, tenants: Tenants) -> Self {
        let data = TempDir::new().unwrap();
        let editor = Editor::open(EditorOptions::new(data.path().join("amend.db"))).await.unwrap();
        let edited = EditedModel::new(editor.clone(), Arc::new(model.clone()));
        let lifecycle = Lifecycle::starting();
        lifecycle.ready();
        let edited: Arc<dyn ChatModel> = Arc::new(edited);
        let learning = Learning::scripted(data.path(), model.clone()).await;
        let (ledger, settings) = (learning.ledger.clone(), PreferenceSettings::default());
        let state = HttpState {
            preferences: PreferenceService::open(ledger, settings, data.path()).await.unwrap(),
            edits: EditService::new(editor, Arc::clone(&edited), tenants),
            model: edited,
            learning: learning.clone(),
            lifecycle: lifecycle.clone(),
            hosts: Hosts::default(),
            limits,
            metrics: MetricsHandle::install().unwrap(),
        };
        Self { router: router(state), model, learning, lifecycle, _data: data }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(post(path, &body)).await
    }

    async fn chat(&self, body: Value) -> Answer {
        self.post("/v1/chat/completions", body).await
    }
}

/// The routes on a port of their own, until this is dropped.
pub(crate) struct Served {
    address: String,
    serving: tokio::task::JoinHandle<std::io::Result<super::Drained>>,
    _bench: Bench,
}

impl Served {
    /// `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves a scripted model as the daemon serves its own.
pub(crate) async fn serve_scripted(model: ScriptedModel) -> Served {
    let bench = Bench::new(model).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (router, lifecycle) = (bench.router.clone(), bench.lifecycle.clone());
    let limits = super::ServeLimits::default();
    let serving = tokio::spawn(super::serve(listener, router, lifecycle, limits, std::future::pending()));
    Served { address, serving, _bench: bench }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `data:` of every event but the last, `[DONE]`, which must be there.
    fn events(&self) -> Vec<Value> {
        let mut events = self.data();
        assert_eq!(events.pop().as_deref(), Some("[DONE]"), "{}", self.text);
        events.iter().map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    fn data(&self) -> Vec<String> {
        self.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// Status, type, code and param of an error.
    fn error(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.text);
        let word = |field: &str| error[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", self.status.as_u16(), word("type"), word("code"), word("param"))
    }
}

fn post(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

fn hello() -> Value {
    serde_json::json!({"messages": [{"role": "user", "content": "well met again"}]})
}

fn hello_with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = hello();
    body[field] = value.into();
    body
}
