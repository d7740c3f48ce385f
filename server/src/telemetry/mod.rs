//! What operators see: figures and logs.

pub mod grpc_names;
pub mod http_names;
mod logs;
mod metrics;
pub mod names;
pub mod preference_names;

pub use logs::{LogError, LogFormat, init as init_logs};
pub use metrics::{MetricsError, MetricsHandle, Upkeep};
