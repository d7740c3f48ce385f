//! One connection, from its first byte to its last.

use super::{
    error::ApiError,
    lifecycle::{Lifecycle, Phase},
    limits::ServeLimits,
    stall::StallGuard,
};
use axum::{Router, body::Body};
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::poll_fn, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

/// How long, and for how many bytes, a client that is still sending is listened to after its answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 << 20;

/// How long a connection on which nobody asks for anything may stay.
const SHORT_STAY: Duration = Duration::from_secs(2);

/// How long a connection may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// For as many requests as come.
    Usual,
    /// For one request that comes at once.
    Short,
}

/// Serves one connection until it closes, or until its last request is answered once the server drains.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    lifecycle: Lifecycle,
    (limits, stay): (ServeLimits, Stay),
) {
    let header_timeout = match stay {
        Stay::Usual => limits.header_timeout,
        Stay::Short => limits.header_timeout.min(SHORT_STAY),
    };
    let limits = ServeLimits { header_timeout, ..limits };
    // Tokens are small and must not wait for one another.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(StallGuard::new(stream, limits.write_stall));
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(stay == Stay::Usual)
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_header_size(limits.max_header_bytes)
        .serve_connection(io, service);
    // The socket stays open behind the last answer: what is said and read then is ours to decide.
    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(ended),
        () = lifecycle.reached(Phase::Draining) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let parts = connection.into_parts();
    part(parts.io.into_inner(), ended, &parts.read_buf, lifecycle.phase(), limits).await;
}

/// The end of a connection. `unread` is what came and was not understood yet.
async fn part(
    mut stream: StallGuard<TcpStream>,
    ended: hyper::Result<()>,
    unread: &[u8],
    phase: Phase,
    limits: ServeLimits,
) {
    match ended {
        // A server that goes down has no time to listen.
        Ok(()) if phase >= Phase::Draining => drop(stream.shutdown().await),
        Ok(()) => linger(&mut stream).await,
        // With nothing read this is only the end of an idle connection.
        Err(error) if error.is_timeout() && !unread.is_empty() => {
            if stream.write_all(&slow_head(limits.header_timeout)).await.is_ok() {
                linger(&mut stream).await;
            }
        }
        Err(error) => tracing::debug!(%error, "a connection failed"),
    }
}

type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

fn answer(router: Router, request: Request<Incoming>) -> Answer {
    router.oneshot(request.map(Body::new)).boxed()
}

/// The answer to a client that did not finish its request's head; hyper has none.
fn slow_head(limit: Duration) -> Vec<u8> {
    let (body, _) = ApiError::slow_head(limit).into_event();
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Lets a client that is still sending read its answer.
///
/// To close a socket with unread bytes in it resets the connection, and a reset may overtake the answer (a 413 to
/// 50 MB, say). So our side is closed first, and some of what comes is read and thrown away.
async fn linger(stream: &mut StallGuard<TcpStream>) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let throw_away = async {
        let mut buffer = vec![0; 16 << 10];
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, throw_away).await;
}
