//! The metrics of preferences.

use super::names::Metric;

/// Counter, label `source` (`preference`, `thumb`, `rating`, `correction`, `choice`, `import`).
pub const PREFERENCES_COLLECTED: &str = "amend_preferences_collected_total";
/// Counter, label `kind` (`thumb`, `rating`, `correction`, `choice`).
pub const FEEDBACK: &str = "amend_feedback_total";
/// Counter.
pub const COMPLETIONS_KEPT: &str = "amend_completions_kept_total";
/// Counter.
pub const COMPLETIONS_NOT_KEPT: &str = "amend_completions_not_kept_total";

/// All of them.
pub const ALL: &[Metric] = &[
    Metric {
        name: PREFERENCES_COLLECTED,
        help: "Preference pairs that were stored, by what they were made from.",
    },
    Metric { name: FEEDBACK, help: "Feedback on kept completions that said something new, by its kind." },
    Metric { name: COMPLETIONS_KEPT, help: "Completions that were kept for feedback." },
    Metric {
        name: COMPLETIONS_NOT_KEPT,
        help: "Completions that were to be kept and could not be; their clients were told.",
    },
];
