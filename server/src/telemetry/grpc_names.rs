//! The metrics of the gRPC layer.

use super::names::Metric;

/// Counter, labels `method`, `code`.
pub const GRPC_REQUESTS: &str = "amend_grpc_requests_total";
/// Histogram, seconds, label `method`; of a streamed answer, until it begins.
pub const GRPC_DURATION: &str = "amend_grpc_request_duration_seconds";

/// All of them.
pub const ALL: &[Metric] = &[
    Metric { name: GRPC_REQUESTS, help: "gRPC calls, by method and status code." },
    Metric {
        name: GRPC_DURATION,
        help: "Seconds from a gRPC call to its answer, or to a stream's beginning.",
    },
];
