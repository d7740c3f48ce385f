//! Teacher forcing: the target is given, and the model says at each of its tokens what it would have said there.

use amend_proto::ModelError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// A token's number in the model's vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub u32);

/// A text to continue, and the continuation that is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedQuery {
    /// What is asked, as a user would write it.
    pub prompt: String,
    /// What the model is forced to say.
    pub target: String,
}

/// A target's tokens, each with the most probable token at its place: the one with the largest logit given the prompt
/// and the target's tokens before it. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedTokens {
    target: Vec<TokenId>,
    argmax: Vec<TokenId>,
}

/// Why tokens cannot be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForcedError {
    /// The target has no tokens.
    #[error("failed to score a target: it has no tokens")]
    Empty,
    /// As many tokens as places are needed.
    #[error(
        "failed to score a target: it has {target} tokens and {argmax} most probable ones; each place needs both"
    )]
    Lengths {
        /// Tokens of the target.
        target: usize,
        /// Most probable tokens.
        argmax: usize,
    },
    /// Two runs over one target split it differently, so that their places cannot be compared.
    #[error(
        "failed to compare two runs over one target: its tokens differ between them ({0} and {1} tokens)"
    )]
    OtherTokens(usize, usize),
}

impl ForcedTokens {
    /// Pairs the tokens of a target with the most probable ones.
    ///
    /// # Errors
    /// [`ForcedError`] when there are none, or not as many of the one as of the other.
    pub fn new(target: Vec<TokenId>, argmax: Vec<TokenId>) -> Result<Self, ForcedError> {
        match (target.len(), argmax.len()) {
            (0, _) => Err(ForcedError::Empty),
            (target, argmax) if target != argmax => Err(ForcedError::Lengths { target, argmax }),
            _ => Ok(Self { target, argmax }),
        }
    }

    /// The share of places at which the most probable token is the target's: 0 to 1.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(&self.target, &self.argmax)
    }

    /// The share of places at which both runs have the same most probable token: 0 to 1.
    ///
    /// # Errors
    /// [`ForcedError::OtherTokens`] when the runs do not share the target's tokens.
    pub fn agreement(&self, other: &Self) -> Result<f64, ForcedError> {
        match self.target == other.target {
            true => Ok(share(&self.argmax, &other.argmax)),
            false => Err(ForcedError::OtherTokens(self.target.len(), other.target.len())),
        }
    }
}

fn share(a: &[TokenId], b: &[TokenId]) -> f64 {
    let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
    same as f64 / a.len() as f64
}

/// A model that can be forced.
///
/// The model with edits and the one without are two implementations (or two values of one). Each does with the prompt
/// what it does with a request whose one user message the prompt is: the edited one looks it up and puts the edits in
/// scope in front, both render the chat template. Behind the prompt follow one space and the target, or, where a chat
/// template opens the answer's turn, the target alone. The tokens of the target must not depend on the prompt.
#[async_trait]
pub trait TeacherForced: Send + Sync {
    /// The most queries of one [`force`](Self::force).
    fn batch(&self) -> NonZeroUsize;

    /// One result for each query, in their order; one query's failure is its own.
    async fn force(&self, queries: &[ForcedQuery]) -> Vec<Result<ForcedTokens, ModelError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(target: &[u32], argmax: &[u32]) -> Result<ForcedTokens, ForcedError> {
        let ids = |ids: &[u32]| ids.iter().copied().map(TokenId).collect();
        ForcedTokens::new(ids(target), ids(argmax))
    }

    // Golden numbers from the definition, in Python with numpy 2.4:
    //   t = np.array([5, 9, 2, 7, 7]); a = np.array([5, 1, 2, 7, 3]); b = np.array([5, 1, 4, 8, 3])
    //   (t == a).mean(), (t == b).mean(), (a == b).mean()      # 0.6, 0.2, 0.6
    #[test]
    fn shares_are_of_places() {
        let with = tokens(&[5, 9, 2, 7, 7], &[5, 1, 2, 7, 3]).unwrap();
        let without = tokens(&[5, 9, 2, 7, 7], &[5, 1, 4, 8, 3]).unwrap();
        assert_eq!((with.accuracy(), without.accuracy()), (0.6, 0.2));
        assert_eq!(with.agreement(&without), Ok(0.6));
    }

    #[test]
    fn what_cannot_be_compared_says_so() {
        assert_eq!(tokens(&[], &[]), Err(ForcedError::Empty));
        assert_eq!(tokens(&[1], &[1, 2]), Err(ForcedError::Lengths { target: 1, argmax: 2 }));
        let (a, b) = (tokens(&[1, 2], &[1, 2]).unwrap(), tokens(&[1], &[1]).unwrap());
        assert_eq!(a.agreement(&b), Err(ForcedError::OtherTokens(2, 1)));
    }
}
