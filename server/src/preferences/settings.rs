//! What an operator decides about preferences.

use amend_proto::wire::KeepRule;
use amend_trainer::preference::{Limits, UnixMillis};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Tells the time.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// What an operator decides about preferences.
#[derive(Clone)]
pub struct PreferenceSettings {
    /// Which completions are kept of a tenant that decided nothing.
    pub keep: KeepRule,
    /// How long a completion, and what was said of it, is kept.
    pub max_age: Duration,
    /// The most completions that are kept of a tenant; the oldest go first.
    pub max_completions: u64,
    /// The most pairs of a tenant; one more is refused.
    pub max_pairs: u64,
    /// The longest that is taken.
    pub limits: Limits,
    /// The longest file that is taken in, in bytes.
    pub max_import_bytes: u64,
    /// The clock.
    pub now: Now,
}

impl fmt::Debug for PreferenceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreferenceSettings")
            .field("keep", &self.keep)
            .field("max_age", &self.max_age)
            .field("max_completions", &self.max_completions)
            .field("max_pairs", &self.max_pairs)
            .finish_non_exhaustive()
    }
}

impl Default for PreferenceSettings {
    /// What is asked for, for 30 days, 10 000 completions and 200 000 pairs of a tenant, files of up to 1 GiB.
    fn default() -> Self {
        Self {
            keep: KeepRule::Asked,
            max_age: Duration::from_secs(30 * 24 * 3600),
            max_completions: 10_000,
            max_pairs: 200_000,
            limits: Limits::default(),
            max_import_bytes: 1 << 30,
            now: Arc::new(unix_millis),
        }
    }
}

fn unix_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
