//! Why a policy cannot be used.

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// It is no TOML, lacks a key, or has one that is not known; the text says where.
    #[error("the policy cannot be read: {0}")]
    Syntax(String),
    /// A value makes no sense.
    #[error("policy key `{key}`: {message}")]
    Value {
        /// Which.
        key: String,
        /// What it must be.
        message: String,
    },
}
