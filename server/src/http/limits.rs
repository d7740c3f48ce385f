//! How much, how long.

use amend_proto::wire::RequestLimits;
use std::time::Duration;

/// Bounds on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bounds on what a body asks for.
    pub request: RequestLimits,
    /// Most bytes of a body; more is 413.
    pub max_body_bytes: usize,
    /// Most bytes of bodies over [`off_runtime_bytes`](Self::off_runtime_bytes) that are held at a time, over all
    /// requests; what does not fit waits, and is 429 when it has waited for the body timeout.
    pub max_buffered_bytes: usize,
    /// Bodies over this size are parsed on a thread of their own: parsing 64 KiB takes about half a millisecond.
    pub off_runtime_bytes: usize,
    /// How long a body may take to arrive, and one in lines may pause; then 408.
    pub body_timeout: Duration,
    /// Most imports (bodies in lines, of any size) at a time; one more is 429.
    pub max_imports: usize,
    /// How long a whole answer may take, waiting included; then 504.
    pub request_timeout: Duration,
    /// How long a streamed answer may take, waiting included; then an error event.
    pub stream_timeout: Duration,
    /// A comment goes out on a stream that was silent for this long, so that proxies keep it.
    pub ping_interval: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request: RequestLimits::default(),
            max_body_bytes: 2 << 20,
            max_buffered_bytes: 64 << 20,
            off_runtime_bytes: 64 << 10,
            body_timeout: Duration::from_secs(30),
            max_imports: 8,
            request_timeout: Duration::from_secs(300),
            stream_timeout: Duration::from_secs(600),
            ping_interval: Duration::from_secs(15),
        }
    }
}

/// Bounds on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// How long the head of a request may take, and how long a connection may idle.
    pub header_timeout: Duration,
    /// Most header fields; more is 431.
    pub max_headers: usize,
    /// Most bytes of a request's head; more is 431.
    pub max_header_bytes: usize,
    /// How long a client may take none of the bytes that wait for it; then the connection is closed, which also
    /// ends the generation behind it.
    pub write_stall: Duration,
    /// How long a client may send nothing of what it has begun, over gRPC.
    pub read_stall: Duration,
    /// How long requests in flight may take to finish once the server is told to stop.
    pub drain_deadline: Duration,
    /// How long those that are cut at the deadline have to send their error.
    pub cut_grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 2048,
            header_timeout: Duration::from_secs(30),
            max_headers: 100,
            max_header_bytes: 32 << 10,
            write_stall: Duration::from_secs(30),
            read_stall: Duration::from_secs(30),
            drain_deadline: Duration::from_secs(30),
            cut_grace: Duration::from_secs(1),
        }
    }
}
