//! A folded word.

use compact_str::CompactString;
use std::{borrow::Borrow, fmt, ops::Deref};

/// A word, without an allocation when it has up to 24 bytes, as almost all have: a text has dozens of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Word(CompactString);

impl Word {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(CompactString::with_capacity(bytes))
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn push(&mut self, letter: char) {
        self.0.push(letter);
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Word {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl FromIterator<char> for Word {
    fn from_iter<I: IntoIterator<Item = char>>(letters: I) -> Self {
        Self(letters.into_iter().collect())
    }
}

impl<'a> FromIterator<&'a char> for Word {
    fn from_iter<I: IntoIterator<Item = &'a char>>(letters: I) -> Self {
        Self(letters.into_iter().collect())
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}
