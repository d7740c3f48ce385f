//! The listener: accepting, bounding, and going down in order.

use super::{
    connection::{self, Stay},
    lifecycle::{Lifecycle, Phase},
    limits::ServeLimits,
};
use crate::telemetry::http_names;
use axum::Router;
use metrics::gauge;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};

/// How long to wait when the system has no more file descriptors: trying again at once would only burn the CPU that
/// closing one needs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// When all connections are taken, so many more are accepted for one quick request each, so that idle ones do not keep out
/// a probe.
const SPARE_CONNECTIONS: usize = 32;

/// How a server went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were not answered to the last byte when the deadline passed, and were cut.
    pub cut: usize,
}

/// Serves `router` on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// Once `shutdown` resolves nothing is accepted any more and `/readyz` says 503; idle connections close; requests in
/// flight have [`drain_deadline`](ServeLimits::drain_deadline) to finish, after which streams end with an error
/// event, whole answers with a 503, and what is still open after [`cut_grace`](ServeLimits::cut_grace) is dropped.
/// `lifecycle` must be the one that the router was made with.
///
/// # Errors
/// When the listener's address cannot be read, which means that it is no longer a socket.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    lifecycle: Lifecycle,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Drained> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let mut connections = JoinSet::new();
    let room = Room::new(limits);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => report(ended),
            (stream, place) = accept(&listener, &room) => {
                connections.spawn(one(stream, place, router.clone(), lifecycle.clone(), limits));
            }
        }
    }
    drop(listener);
    lifecycle.drain();
    tracing::info!(in_flight = lifecycle.in_flight(), "draining");
    Ok(drain(connections, &lifecycle, limits).await)
}

/// Places for connections.
struct Room {
    usual: Arc<Semaphore>,
    spare: Arc<Semaphore>,
}

/// A connection's place.
struct Place {
    stay: Stay,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    fn new(limits: ServeLimits) -> Self {
        let usual = limits.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { usual: Arc::new(Semaphore::new(usual)), spare: Arc::new(Semaphore::new(SPARE_CONNECTIONS)) }
    }

    async fn place(&self) -> Place {
        let of = |stay, permit: Result<_, _>| permit.ok().map(|permit| Place { stay, _permit: permit });
        if let Some(place) = of(Stay::Usual, Arc::clone(&self.usual).try_acquire_owned().map_err(drop)) {
            return place;
        }
        let spare = async { of(Stay::Short, Arc::clone(&self.spare).acquire_owned().await.map_err(drop)) };
        let usual = async { of(Stay::Usual, Arc::clone(&self.usual).acquire_owned().await.map_err(drop)) };
        let place = tokio::select! {
            biased;
            place = usual => place,
            place = spare => place,
        };
        match place {
            Some(place) => place,
            // Nobody closes the semaphores; should it happen, no more connections is the safe reading.
            None => std::future::pending().await,
        }
    }
}

async fn accept(listener: &TcpListener, room: &Room) -> (TcpStream, Place) {
    loop {
        // A place before a connection: one that finds no room waits in the kernel, not in our memory.
        let place = room.place().await;
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                let gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
                if !gone.contains(&error.kind()) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn one(stream: TcpStream, place: Place, router: Router, lifecycle: Lifecycle, limits: ServeLimits) {
    let open = OpenConnection::count();
    connection::serve(stream, router, lifecycle, (limits, place.stay)).await;
    drop((open, place));
}

/// Counts a connection until it is dropped, also by an abort.
struct OpenConnection;

impl OpenConnection {
    fn count() -> Self {
        gauge!(http_names::HTTP_CONNECTIONS).increment(1.0);
        Self
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(http_names::HTTP_CONNECTIONS).decrement(1.0);
    }
}

async fn drain(mut connections: JoinSet<()>, lifecycle: &Lifecycle, limits: ServeLimits) -> Drained {
    let all = async |connections: &mut JoinSet<()>| {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let mut cut = 0;
    if timeout(limits.drain_deadline, all(&mut connections)).await.is_err() {
        cut = lifecycle.in_flight();
        tracing::warn!(cut, "the deadline has passed, requests are cut");
        lifecycle.cut();
        if timeout(limits.cut_grace, all(&mut connections)).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections are dropped");
            connections.shutdown().await;
        }
    }
    debug_assert!(lifecycle.phase() >= Phase::Draining);
    Drained { cut }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}
