//! `/livez`, `/readyz`, `/metrics`.

use super::{Shared, lifecycle::Phase};
use amend_proto::wire::{Health, HealthStatus};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use std::sync::Arc;

/// Whether the process runs. Restart it when this does not answer.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "operation",
    responses((status = 200, description = "It runs", body = Health))
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: HealthStatus::Live })
}

/// Whether requests are answered. Send it none when this says 503.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It answers", body = Health),
        (status = 503, description = "It is starting or stopping; see Retry-After", body = Health),
    )
)]
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let status = match shared.state.lifecycle.phase() {
        Phase::Ready => return Json(Health { status: HealthStatus::Ready }).into_response(),
        Phase::Starting => HealthStatus::Starting,
        Phase::Draining | Phase::Cutting => HealthStatus::Draining,
    };
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], Json(Health { status })).into_response()
}

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "The text format, version 0.0.4", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = shared.state.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
