//! The HTTP API: routes, limits, errors, events.
//!
//! [`router`] makes a service of a [`ChatModel`] and [edits](EditService); [`serve`] puts it on a listener.
//! Nothing here knows which model answers. The path of a completion: `observe` gives it an id and a place among
//! those in flight, `body` reads it within bounds, `amend_proto::wire` understands it, `ask` asks the model, and
//! `chat` or `stream` writes the answer.

mod ask;
mod body;
mod canaries;
mod chat;
mod connection;
mod edits;
mod error;
mod events;
mod gates;
mod health;
mod hosts;
mod ids;
mod jobs;
mod lifecycle;
mod limits;
mod models;
mod observe;
mod openapi;
mod preferences;
mod revisions;
mod server;
mod shape;
mod stall;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

pub use hosts::Hosts;
pub use lifecycle::{Lifecycle, Phase};
pub use limits::{HttpLimits, ServeLimits};
pub use server::{Drained, serve};
pub(crate) use stall::StallGuard;

use crate::{
    edits::EditService, learning::Learning, preferences::PreferenceService, telemetry::MetricsHandle,
};
use amend_proto::ChatModel;
use axum::{
    Router,
    extract::Request,
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use error::ApiError;
use std::{any::Any, sync::Arc, time::SystemTime};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

/// What the routes need.
#[derive(Clone)]
pub struct HttpState {
    /// What answers.
    pub model: Arc<dyn ChatModel>,
    /// What is edited.
    pub edits: EditService,
    /// What users prefer.
    pub preferences: PreferenceService,
    /// How it gets better.
    pub learning: Learning,
    /// Whether it may be asked.
    pub lifecycle: Lifecycle,
    /// Under which names it may be asked.
    pub hosts: Hosts,
    /// Bounds on each request.
    pub limits: HttpLimits,
    /// What `/metrics` shows.
    pub metrics: MetricsHandle,
}

/// The state of one router.
struct Shared {
    state: HttpState,
    /// The memory that large bodies may take while they are read.
    large_bodies: Semaphore,
    /// Imports that may be under way.
    imports: Semaphore,
    /// Unix seconds.
    started: u64,
}

/// Makes the service.
pub fn router(state: HttpState) -> Router {
    let large_bodies = Semaphore::new(body::permits(state.limits.max_buffered_bytes));
    let imports = Semaphore::new(state.limits.max_imports);
    let shared = Arc::new(Shared { state, large_bodies, imports, started: unix_seconds() });
    let mut router = Router::new();
    for Route { axum_path, handlers, .. } in routes() {
        router = router.route(axum_path, handlers);
    }
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), hosts::check))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), observe::observe))
        .with_state(shared)
}

/// One path and what it takes.
struct Route {
    /// In the router's spelling, where a rest with slashes is `{*id}`.
    axum_path: &'static str,
    /// The methods, for the test that compares this table with the API's description.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test of the API's description"))]
    methods: &'static [&'static str],
    handlers: MethodRouter<Arc<Shared>>,
}

/// Makes an entry of the table.
fn route(
    axum_path: &'static str,
    methods: &'static [&'static str],
    handlers: MethodRouter<Arc<Shared>>,
) -> Route {
    Route { axum_path, methods, handlers }
}

fn routes() -> Vec<Route> {
    let mut all = vec![
        route(
            "/v1/chat/completions",
            &["delete", "get", "post"],
            post(chat::chat).get(preferences::kept::list).delete(preferences::kept::forget_user),
        ),
        route("/v1/completions", &["post"], post(chat::complete)),
        route("/v1/models", &["get"], get(models::list)),
        route("/v1/models/{*id}", &["get"], get(models::show)),
        route("/livez", &["get"], get(health::live)),
        route("/readyz", &["get"], get(health::ready)),
        route("/metrics", &["get"], get(health::metrics)),
        route("/openapi.json", &["get"], get(openapi::describe)),
    ];
    all.extend(edits::routes());
    all.extend(preferences::routes());
    all.extend(jobs::routes());
    all.extend(gates::routes());
    all.extend(canaries::routes());
    all.extend(revisions::routes());
    all
}

async fn nowhere(request: Request) -> ApiError {
    ApiError::not_found(format!("there is no {}; /openapi.json lists the routes", place(&request)))
}

async fn not_so(request: Request) -> ApiError {
    ApiError::method_not_allowed(format!(
        "{} takes other methods only; see the header Allow",
        place(&request)
    ))
}

/// The path, cut to a length that a message can hold.
fn place(request: &Request) -> String {
    request.uri().path().chars().take(100).collect()
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::internal(format!("panicked: {}", said.as_deref().unwrap_or("without a message")))
        .into_response()
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
