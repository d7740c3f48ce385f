//! Who is answered by the candidate.

use super::Tally;
use amend_proto::{CanaryId, ChatModel, ChatRequest, Priority};
use sha2::{Digest, Sha256};
use std::{str::FromStr, sync::Arc};

/// The share of users that a candidate answers: above 0, one half at most.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

/// A share out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the share must be above 0, and 0.5 at most: the live revision is what the candidate is compared with"
)]
pub struct InvalidShare;

impl Share {
    /// One user in twenty.
    pub const TWENTIETH: Self = Self(0.05);

    /// A share.
    ///
    /// # Errors
    /// [`InvalidShare`].
    pub fn new(share: f64) -> Result<Self, InvalidShare> {
        if share > 0.0 && share <= 0.5 { Ok(Self(share)) } else { Err(InvalidShare) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        Self::new(text.parse().map_err(|_| InvalidShare)?)
    }
}

/// A candidate beside the live revision.
pub(crate) struct Canary {
    pub(crate) id: CanaryId,
    pub(crate) model: Box<dyn ChatModel>,
    pub(crate) share: Share,
    pub(crate) tally: Arc<Tally>,
}

impl Canary {
    /// Whether the candidate answers this request.
    pub(crate) fn takes(&self, request: &ChatRequest) -> bool {
        takes(&self.id, self.share, request)
    }
}

/// A request that is counted: a user's.
pub(crate) fn counts(request: &ChatRequest) -> bool {
    request.priority == Priority::Live
}

fn takes(id: &CanaryId, share: Share, request: &ChatRequest) -> bool {
    if !counts(request) {
        return false;
    }
    let mut hash = Sha256::new();
    hash.update(id.as_str());
    // A tenant's user is another person than the user of that name of another tenant.
    match &request.user {
        Some(user) => [request.tenant.as_str(), user].into_iter().for_each(|part| {
            hash.update([0]);
            hash.update(part);
        }),
        None => hash.update(request.id.as_str()),
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(first) as f64) < share.0 * 2.0_f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::Message;

    fn asked_by(user: Option<String>) -> ChatRequest {
        ChatRequest { user, ..ChatRequest::greedy(vec![Message::user("well then")]) }
    }

    #[test]
    fn a_share_of_the_users_is_taken_and_each_stays_where_they_are() {
        let (id, share) = (CanaryId::new("canary-1").unwrap(), Share::new(0.1).unwrap());
        let taken = |request: &ChatRequest| takes(&id, share, request);
        let users: Vec<ChatRequest> = (0..20_000).map(|n| asked_by(Some(format!("user {n}")))).collect();
        let count = users.iter().filter(|user| taken(user)).count();
        // 2,000 of 20,000 expected; four standard deviations of the binomial are 170.
        assert!((1_830..=2_170).contains(&count), "{count}");
        for user in &users[..200] {
            assert_eq!(taken(user), taken(&asked_by(user.user.clone())));
        }
        let without = (0..20_000).filter(|_| taken(&asked_by(None))).count();
        assert!((1_830..=2_170).contains(&without), "{without}");
        // Another canary takes others.
        let other = CanaryId::new("canary-2").unwrap();
        let both = users.iter().filter(|user| taken(user) && takes(&other, share, user)).count();
        assert!((120..=290).contains(&both), "{both}");
    }

    #[test]
    fn the_daemons_own_requests_are_answered_by_what_is_live() {
        let (id, share) = (CanaryId::new("canary-1").unwrap(), Share::new(0.5).unwrap());
        let request =
            |n: i32| ChatRequest { priority: Priority::Background, ..asked_by(Some(n.to_string())) };
        assert!((0..200).all(|n| !takes(&id, share, &request(n))));
    }

    #[test]
    fn shares_have_a_range() {
        for wrong in [0.0, -0.1, 0.51, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::new(wrong), Err(InvalidShare), "{wrong}");
        }
    }
}
