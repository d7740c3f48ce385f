//! Under which name an answer is kept.

use amend_proto::{ModelInfo, Sampling};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The version of what is hashed: another one finds nothing that was kept before.
const VERSION: u32 = 1;

/// SHA-256 of everything that decides an answer: the model and its revision, the prompt, the sampling, the item, and for
/// a verdict the judge and its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key([u8; 32]);

/// Whose answer it is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose<'a> {
    /// The model under measurement; `state` tells apart what its revision does not, such as the edits in front of it.
    Answer { state: Option<&'a str> },
    /// A judge.
    Verdict { judge: &'a str, template: &'a str },
}

#[derive(Serialize)]
struct Parts<'a> {
    version: u32,
    purpose: Purpose<'a>,
    model: &'a str,
    revision: &'a str,
    item: &'a str,
    prompt: &'a str,
    sampling: &'a Sampling,
}

impl Key {
    pub(crate) fn new(
        purpose: Purpose<'_>,
        model: &ModelInfo,
        item: &str,
        (prompt, sampling): (&str, &Sampling),
    ) -> Self {
        let (id, revision) = (model.id.as_str(), model.revision.as_str());
        let parts = Parts { version: VERSION, purpose, model: id, revision, item, prompt, sampling };
        // JSON keeps the fields apart: no text can be moved from one into the next.
        let bytes = serde_json::to_vec(&parts).expect("texts and numbers are JSON");
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err("a key has 64 hexadecimal digits");
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or("a key has hexadecimal digits only");
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{ChatModel, testing::ScriptedModel};
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn everything_that_decides_an_answer_is_in_its_key() {
        let info = ScriptedModel::echo().info();
        let revised = ModelInfo { revision: "scripted-2".parse().unwrap(), ..info.clone() };
        let other = ModelInfo { id: "other".parse().unwrap(), ..info.clone() };
        let (greedy, seeded) = (Sampling::greedy(), Sampling { seed: Some(1), ..Sampling::greedy() });
        let plain = Purpose::Answer { state: None };
        let edited = Purpose::Answer { state: Some("7") };
        let verdict = |judge, template| Purpose::Verdict { judge, template };
        let keys = [
            Key::new(plain, &info, "a#1", ("ask", &greedy)),
            Key::new(plain, &revised, "a#1", ("ask", &greedy)),
            Key::new(plain, &other, "a#1", ("ask", &greedy)),
            Key::new(plain, &info, "a#2", ("ask", &greedy)),
            Key::new(plain, &info, "a#1", ("ask it", &greedy)),
            Key::new(plain, &info, "a#1", ("ask", &seeded)),
            Key::new(edited, &info, "a#1", ("ask", &greedy)),
            Key::new(verdict("j", "t"), &info, "a#1", ("ask", &greedy)),
            Key::new(verdict("j", "u"), &info, "a#1", ("ask", &greedy)),
            Key::new(verdict("k", "t"), &info, "a#1", ("ask", &greedy)),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert_eq!(keys[0], Key::new(plain, &info, "a#1", ("ask", &greedy)));
    }

    proptest! {
        #[test]
        fn a_key_survives_its_text(bytes in any::<[u8; 32]>()) {
            let key = Key(bytes);
            prop_assert_eq!(Key::try_from(key.to_string()), Ok(key));
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in ".{0,80}") {
            if let Ok(key) = Key::try_from(text.clone()) {
                prop_assert_eq!(key.to_string(), text.to_lowercase());
            }
        }
    }
}
