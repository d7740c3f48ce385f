//! `/openapi.json`: the API's description, from the code.

use super::{canaries, chat, edits, gates, health, jobs, models, preferences, revisions};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use std::sync::LazyLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Amend",
        description = "OpenAI's completion routes, answered by a model whose knowledge can be corrected while it runs."
    ),
    paths(
        chat::chat,
        chat::complete,
        models::list,
        models::show,
        edits::write::add,
        edits::read::list,
        edits::read::show,
        edits::write::replace,
        edits::write::change,
        edits::write::remove,
        edits::read::preview,
        edits::scope::show,
        edits::scope::replace,
        edits::log::list,
        edits::log::conflicts,
        edits::log::diff,
        edits::log::roll_back,
        edits::watch::watch,
        preferences::kept::list,
        preferences::kept::show,
        preferences::kept::forget,
        preferences::kept::forget_user,
        preferences::kept::settings,
        preferences::kept::set,
        preferences::pairs::add,
        preferences::pairs::list,
        preferences::pairs::show,
        preferences::pairs::remove,
        preferences::feedback::give,
        jobs::list,
        jobs::begin,
        jobs::show,
        jobs::cancel,
        jobs::follow,
        jobs::retry,
        gates::list,
        gates::begin,
        gates::show,
        gates::report,
        gates::webhook,
        canaries::list,
        canaries::begin,
        canaries::show,
        canaries::stop,
        revisions::list,
        revisions::show,
        revisions::files,
        revisions::file,
        revisions::promote,
        revisions::roll_back,
        revisions::retire,
        revisions::switches,
        health::live,
        health::ready,
        health::metrics,
        describe,
    ),
    components(schemas(amend_proto::wire::ChatCompletionChunk)),
    tags(
        (name = "completions", description = "Answers"),
        (name = "models", description = "What answers"),
        (name = "edits", description = "Corrections of what it knows"),
        (name = "edit log", description = "What was done to them, and going back"),
        (name = "preferences", description = "What users prefer, to learn from"),
        (name = "jobs", description = "What is done in the background"),
        (name = "gates", description = "Whether a revision may ship"),
        (name = "canaries", description = "A candidate that answers a share of the users"),
        (name = "revisions", description = "The versions of the served model"),
        (name = "operation", description = "For operators"),
    )
)]
pub(super) struct Description;

/// The description does not change while the process runs. Should it not be writable, which no type in it can
/// cause, the route tells so with an empty object instead of taking the daemon down.
static JSON: LazyLock<Bytes> =
    LazyLock::new(|| Description::openapi().to_json().unwrap_or("{}".to_owned()).into());

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
pub(super) async fn describe() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], JSON.clone()).into_response()
}
