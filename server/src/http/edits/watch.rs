//! `GET /v1/edit-log/watch`: the log as server-sent events, from any entry on.

use super::{Params, editor};
use crate::{
    edits::wire,
    http::{Shared, error::ApiError, events, lifecycle::Phase, shape},
};
use amend_editor::{EditError, Operation, Seq, Watch};
use amend_proto::wire::{ErrorBody, OperationObject};
use axum::{extract::State, response::Response};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use http::{HeaderMap, Uri};
use std::{convert::Infallible, sync::Arc};
use tokio::time::{Instant, Interval, interval_at};

/// The entries of the log after one, and then each as it is written: `data:` is an `OperationObject`, `id:` its number,
/// so that a client that connects again goes on where it was.
#[utoipa::path(
    get,
    path = "/v1/edit-log/watch",
    tag = "edit log",
    params(
        ("x-amend-tenant" = Option<String>, Header, description = "Whose edits; `default` unless given"),
        ("after" = Option<i64>, Query, description = "Entries after this one; only new ones, unless given"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same; goes before `after`"),
    ),
    responses(
        (status = 200, description = "Server-sent events without end", body = OperationObject,
            content_type = "text/event-stream"),
        (status = 400, description = "A parameter is wrong; `param` names it", body = ErrorBody),
    )
)]
pub(in crate::http) async fn watch(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let params = Params::read(&uri, &["after"])?;
    let after = match events::last(&headers, "an entry of the log")? {
        Some(last) => Seq::new(last),
        None => params.seq("after")?.unwrap_or_else(|| shared.state.edits.editor().last_seq()),
    };
    let watch = editor(&shared, &headers)?.watch(after)?;
    let every = shared.state.limits.ping_interval;
    let lifecycle = shared.state.lifecycle.clone();
    let told = Events {
        watch,
        ping: interval_at(Instant::now() + every, every),
        end: async move { lifecycle.reached(Phase::Draining).await }.boxed(),
        shared,
    };
    let frames = stream::unfold(Some(told), |told| async move { told?.next().await });
    Ok(events::answer(frames))
}

struct Events {
    watch: Watch,
    ping: Interval,
    /// The server goes down.
    end: BoxFuture<'static, ()>,
    shared: Arc<Shared>,
}

impl Events {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        tokio::select! {
            biased;
            // Whoever watches may connect elsewhere, and go on after the last `id:`.
            () = &mut self.end => Some((Ok(failed(EditError::Closed)), None)),
            entry = self.watch.next() => match entry? {
                Ok(entry) => {
                    let frame = self.frame(entry);
                    self.ping.reset();
                    Some((Ok(frame), Some(self)))
                }
                Err(error) => Some((Ok(failed(error)), None)),
            },
            _ = self.ping.tick() => Some((Ok(Bytes::from_static(b": ping\n\n")), Some(self))),
        }
    }

    fn frame(&self, entry: Operation) -> Bytes {
        let mut out = format!("id: {}\n", entry.seq).into_bytes();
        shape::event(&mut out, &wire::operation(entry, self.shared.state.edits.editor().now()));
        out.into()
    }
}

/// The last event of a watch that cannot go on.
fn failed(error: EditError) -> Bytes {
    let closed = matches!(error, EditError::Closed);
    let (body, failure) = ApiError::from(error).into_event();
    if !closed {
        tracing::error!(code = ?failure.code, causes = failure.causes, "a watch of the edit log failed");
    }
    let mut out = Vec::new();
    shape::event(&mut out, &body);
    out.into()
}
