//! Connections, so many at a time, and none whose client takes nothing.

use crate::http::{ServeLimits, StallGuard};
use futures::{Stream, stream};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};
use tonic::transport::server::Connected;

/// As in the HTTP listener: trying again at once would only burn the CPU that closing a connection needs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection that counts among the open ones until it is dropped.
pub(super) struct Connection {
    stream: StallGuard<TcpStream>,
    peer: Option<SocketAddr>,
    greeting: Greeting,
    _permit: OwnedSemaphorePermit,
}

/// What every HTTP/2 connection begins with: the preface, and the head of a SETTINGS frame (RFC 9113, 3.4).
const GREETING_BYTES: usize = 24 + 9;

/// The time that a client has for its first bytes. Later on, a silent one is asked whether it is still there.
enum Greeting {
    Awaited { arrived: usize, deadline: Pin<Box<Sleep>> },
    Heard,
}

impl Greeting {
    /// Whether it is late.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Awaited { deadline, .. } => deadline.as_mut().poll(cx).is_ready(),
            Self::Heard => false,
        }
    }

    fn heard(&mut self, bytes: usize) {
        if let Self::Awaited { arrived, .. } = self {
            *arrived += bytes;
            if *arrived >= GREETING_BYTES {
                *self = Self::Heard;
            }
        }
    }
}

/// What comes in on a listener.
pub(super) fn connections(
    listener: TcpListener,
    limits: ServeLimits,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    stream::unfold((listener, room), move |(listener, room)| async move {
        // A permit before a connection: one that finds no room waits in the kernel, not in our memory.
        let permit = Arc::clone(&room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    let stream = StallGuard::new(stream, limits.write_stall);
                    let deadline = Box::pin(tokio::time::sleep(limits.header_timeout));
                    let greeting = Greeting::Awaited { arrived: 0, deadline };
                    let connection = Connection { stream, peer: Some(peer), greeting, _permit: permit };
                    return Some((Ok(connection), (listener, room)));
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a gRPC connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

impl Connected for Connection {
    type ConnectInfo = Option<SocketAddr>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.peer
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.greeting.heard(buf.filled().len() - before);
        match read {
            Poll::Pending if self.greeting.is_late(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            read => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
