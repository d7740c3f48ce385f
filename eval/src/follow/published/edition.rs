//! The two languages of the published data, which differ in rules and in how the reference reads judges.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Language of a published folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// `data/` of the reference: 820 items in 164 groups.
    English,
    /// `data_zh/` of the reference: 790 items in 158 groups, other words, lengths in characters, and format group 30
    /// left to the judge.
    Chinese,
}

impl Edition {
    /// The edition of texts: Chinese when more than half of them have a Han character.
    #[must_use]
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut han, mut all) = (0_usize, 0_usize);
        for text in texts {
            all += 1;
            han += usize::from(text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)));
        }
        if han * 2 > all { Self::Chinese } else { Self::English }
    }

    /// The name of a suite loaded from such a folder.
    #[must_use]
    pub fn suite_name(self) -> &'static str {
        match self {
            Self::English => "followbench-en",
            Self::Chinese => "followbench-zh",
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::English => "english",
            Self::Chinese => "chinese",
        })
    }
}
