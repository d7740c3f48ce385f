//! The metrics of the HTTP layer.

use super::names::Metric;

/// Counter, labels `route`, `method`, `status`; 499 is a client that left before there was an answer.
pub const HTTP_REQUESTS: &str = "amend_http_requests_total";
/// Histogram, seconds, labels `route`, `method`.
pub const HTTP_DURATION: &str = "amend_http_request_duration_seconds";
/// Gauge.
pub const HTTP_IN_FLIGHT: &str = "amend_http_requests_in_flight";
/// Gauge.
pub const HTTP_CONNECTIONS: &str = "amend_http_connections";
/// Counter, label `code`.
pub const HTTP_STREAM_ERRORS: &str = "amend_http_stream_errors_total";

/// All of them.
pub const ALL: &[Metric] = &[
    Metric { name: HTTP_REQUESTS, help: "Requests, by route, method and status." },
    Metric { name: HTTP_DURATION, help: "Seconds from a request's head to the last byte of its answer." },
    Metric { name: HTTP_IN_FLIGHT, help: "Requests that are not answered to the last byte." },
    Metric { name: HTTP_CONNECTIONS, help: "Open connections." },
    Metric {
        name: HTTP_STREAM_ERRORS,
        help: "Streamed answers that ended with an error event, by its code.",
    },
];
