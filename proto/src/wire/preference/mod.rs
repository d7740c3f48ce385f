//! `/v1/preferences`, `/v1/feedback` and the completions that are kept for them.

mod input;
mod kept;
mod object;

pub use input::{
    About, FeedbackInput, FeedbackOpinion, MAX_AUTHOR_CHARS, PreferenceBody, PreferenceInput, Thumb,
};
pub use kept::{
    DeletedCompletionTag, DeletedCompletions, KeepRule, KeptCompletionObject, KeptList, PreferenceSettings,
};
pub use object::{
    DeletedPreference, DeletedPreferenceTag, FeedbackObject, FeedbackTag, PreferenceImport, PreferenceList,
    PreferenceObject, PreferenceProblem, PreferenceScores, PreferenceSource, PreferenceTag,
};
