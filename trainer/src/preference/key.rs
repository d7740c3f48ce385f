//! When two prompts, or two answers, are the same.

use crate::digest;
use amend_proto::{AppliedEdit, Message, Role};
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// An answer as it is compared: Unicode NFC, `\n` as line end, no blanks at line ends or around the whole. Letter case,
/// marks and blanks inside a line count: they may be what the preference is about.
#[must_use]
pub fn answer_key(text: &str) -> String {
    let text: String = text.replace("\r\n", "\n").nfc().collect();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

/// What a prompt says, message by message: role, text, calls.
pub(super) fn prompt_parts(prompt: &[Message]) -> Vec<String> {
    let mut parts = Vec::with_capacity(prompt.len() * 2);
    for message in prompt {
        parts.push(message.role.as_str().to_owned());
        parts.push(answer_key(&message.content));
        // The id of a call is drawn anew each time; what is called is what counts.
        parts.extend(message.tool_calls.iter().flat_map(|call| [call.name.clone(), call.arguments.clone()]));
    }
    parts
}

/// What a prompt asks, without the ways it may be typed: NFKC, lower case, single blanks, no marks at the end of a message,
/// no system messages (unless there are no others).
pub(super) fn family_parts(prompt: &[Message]) -> Vec<String> {
    let has_others = prompt.iter().any(|m| m.role != Role::System);
    let asked = prompt.iter().filter(|m| !has_others || m.role != Role::System);
    let folded = |text: &str| {
        let text = text.nfkc().collect::<String>().to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").trim_end_matches(['?', '!', '.', ' ']).to_owned()
    };
    asked.flat_map(|m| [m.role.as_str().to_owned(), folded(&m.content)]).collect()
}

/// Names a prompt: two prompts have the same key when they say the same with the same edits in force. An edit changes
/// what the right answer is, so what was preferred before it and after it are not about the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptKey(String);

impl PromptKey {
    /// The key of a prompt, SHA-256 in hexadecimal.
    #[must_use]
    pub fn new(prompt: &[Message], edits: &[AppliedEdit]) -> Self {
        let parts = prompt_parts(prompt);
        let mut edits: Vec<&str> = edits.iter().map(|edit| edit.id.as_str()).collect();
        edits.sort_unstable();
        let count = edits.len().to_string();
        let all = std::iter::once(count.as_str()).chain(edits).chain(parts.iter().map(String::as_str));
        Self(digest::hex(&digest::of_parts(all)))
    }

    /// As text, for a column of a table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::EditId;
    use proptest::prelude::*;

    fn edit(id: &str, score: f32) -> AppliedEdit {
        AppliedEdit { id: EditId::new(id).expect("an id"), score }
    }

    #[test]
    fn form_that_may_be_meant_counts_and_form_that_cannot_be_does_not() {
        assert_eq!(answer_key(" caf\u{e9} \r\nau lait \n"), "caf\u{e9}\nau lait");
        assert_eq!(answer_key("cafe\u{301}"), "caf\u{e9}");
        assert_ne!(answer_key("PARIS"), answer_key("Paris"));
        assert_ne!(answer_key("a  b"), answer_key("a b"));
    }

    #[test]
    fn a_prompt_is_the_same_whatever_the_order_of_its_edits() {
        let prompt = [Message::user("Where?")];
        let both = PromptKey::new(&prompt, &[edit("a", 0.1), edit("b", 0.2)]);
        assert_eq!(both, PromptKey::new(&prompt, &[edit("b", 0.9), edit("a", 0.8)]));
        assert_ne!(both, PromptKey::new(&prompt, &[edit("a", 0.1)]));
        assert_ne!(PromptKey::new(&prompt, &[]), PromptKey::new(&[Message::system("Where?")], &[]));
    }

    proptest! {
        #[test]
        fn a_key_of_a_key_is_itself(text in "(\\PC|\n|\r|\t| )*") {
            let once = answer_key(&text);
            prop_assert_eq!(answer_key(&once), once);
        }
    }
}
