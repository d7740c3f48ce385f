//! Who plays what.

use super::Endpoint;
use crate::synth::rows::RoleModels;
use amend_proto::Sampling;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A part that a model plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers instructions; its answers are learned from.
    Teacher,
    /// Learns.
    Student,
    /// Scores two answers to one instruction (Lion).
    Referee,
    /// Writes instructions after others (Lion).
    Generator,
    /// Writes the author's profile and the request (WebR).
    Author,
    /// Mends a draft with the page as its source (WebR).
    Refiner,
}

impl Role {
    /// Its name in settings and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Student => "student",
            Self::Referee => "referee",
            Self::Generator => "generator",
            Self::Author => "author",
            Self::Refiner => "refiner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role's endpoint, and how tokens are drawn there.
#[derive(Clone)]
pub struct Part {
    /// Who is asked. Several roles may share one, and then share its limits.
    pub endpoint: Arc<Endpoint>,
    /// The seed is set for each question.
    pub sampling: Sampling,
}

/// Every role that is played.
#[derive(Clone, Default)]
pub struct Cast(BTreeMap<Role, Part>);

impl Cast {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a role to somebody, instead of who had it.
    #[must_use]
    pub fn with(mut self, role: Role, part: Part) -> Self {
        self.0.insert(role, part);
        self
    }

    /// Who plays it.
    #[must_use]
    pub fn part(&self, role: Role) -> Option<&Part> {
        self.0.get(&role)
    }

    /// The models by role.
    #[must_use]
    pub fn models(&self) -> RoleModels {
        self.0.iter().fold(RoleModels::default(), |all, (role, part)| all.with(*role, part.endpoint.name()))
    }
}
