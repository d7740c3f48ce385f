//! Identifiers: one type each, so that an edit's id can never stand where a revision's belongs.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// The longest id that is accepted, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("an id must not be empty")]
    Empty,
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("an id must not be longer than {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The text has a character that an id may not have.
    #[error("an id may hold ASCII letters, digits and any of - _ . : / only, not {0:?}")]
    Character(char),
    /// A part between slashes is empty, `.` or `..`.
    #[error(
        "an id must not have an empty part, `.` or `..` between slashes: a path with it means something else"
    )]
    Segment,
}

fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong(text.len()));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.:/".contains(*c))) {
        Some(c) => Err(InvalidId::Character(c)),
        None if text.split('/').any(|part| matches!(part, "" | "." | "..")) => Err(InvalidId::Segment),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as an id.
            ///
            /// # Errors
            /// [`InvalidId`] when it is empty, too long, or has a character that cannot stand in a header or a path.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                check(text.as_ref()).map(|()| Self(Arc::from(text.as_ref())))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
    };
}

macro_rules! fresh {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// A new id, unique and ascending in time (UUID version 7).
            #[must_use]
            pub fn fresh() -> Self {
                Self(Arc::from(format!(concat!($prefix, "{}"), uuid::Uuid::now_v7().simple())))
            }
        }
    };
}

id! {
    /// Names one edit. Chosen by whoever adds the edit, or [fresh](EditId::fresh): `edit-0190…`.
    EditId
}
id! {
    /// Names one revision of the served model: base, adapter and provenance together, immutable.
    RevisionId
}
id! {
    /// Names a model as a client asks for it: `atlas`, `org/name`.
    ModelId
}
id! {
    /// Names what an [`Embedder`](crate::Embedder) computes: other weights or settings, another id.
    EmbedderId
}
id! {
    /// Names one request, from the client's `x-request-id` or [fresh](RequestId::fresh): `req-0190…`.
    RequestId
}
id! {
    /// Names one tenant: whose edits a request sees. Nothing of one tenant is ever shown to another.
    TenantId
}
id! {
    /// Names one completion as a client got it: `chatcmpl-0190…`. Feedback refers to it.
    CompletionId
}
id! {
    /// Names one preference pair: [fresh](PairId::fresh) when it is collected, by its content when it is imported.
    PairId
}
id! {
    /// Names one job of the daemon: `job-0190…`.
    JobId
}
id! {
    /// Names one gate: a judgement of a revision, `gate-0190…`.
    GateId
}
id! {
    /// Names one canary: a candidate that answers a share of the users, `canary-0190…`.
    CanaryId
}
fresh!(CanaryId, "canary-");
fresh!(EditId, "edit-");
fresh!(PairId, "pair-");
fresh!(JobId, "job-");
fresh!(GateId, "gate-");
fresh!(RequestId, "req-");

impl Default for TenantId {
    /// `default`: whoever names no tenant.
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(EditId::new(""), Err(InvalidId::Empty));
        assert_eq!(EditId::new("a b"), Err(InvalidId::Character(' ')));
        assert_eq!(EditId::new("x".repeat(129)), Err(InvalidId::TooLong(129)));
    }

    #[test]
    fn what_a_path_would_resolve_is_no_id() {
        for text in [".", "..", "a/../b", "./a", "/a", "a/", "a//b"] {
            assert_eq!(EditId::new(text), Err(InvalidId::Segment), "{text}");
        }
        assert!(EditId::new("v1.2/..a").is_ok());
    }

    #[test]
    fn fresh_ids_ascend() {
        let ids: Vec<_> = (0..100).map(|_| EditId::fresh()).collect();
        assert!(ids.is_sorted());
        assert!(ids[0].as_str().starts_with("edit-"));
    }

    proptest! {
        #[test]
        fn an_accepted_id_survives_json(text in "[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,40}(/[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,40}){0,2}") {
            let id = EditId::new(&text).unwrap();
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<EditId>(&json).unwrap(), id);
        }

        #[test]
        fn any_text_is_an_id_or_an_error(text in ".*") {
            if let Ok(id) = EditId::new(&text) {
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }
}
