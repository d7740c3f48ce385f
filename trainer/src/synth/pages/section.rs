//! Which part of a page the model is shown.
//!
//! As WebR does (Jiang et al. 2025, arXiv 2504.15573, `section` of its code): half of the time the whole page, else its
//! first paragraphs, their number drawn evenly from one to all. There the numbers are drawn without a seed; here the
//! caller's generator draws them.

use super::page::Page;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How a section was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// The whole page.
    Whole,
    /// The first paragraphs.
    Prefix,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its paragraphs with an empty line between each two.
    pub text: String,
    /// How many paragraphs of the page it has, the last of them perhaps cut.
    pub paragraphs: usize,
    /// What was drawn.
    pub extent: Extent,
    /// Whether it was shortened to the most characters allowed.
    pub cut: bool,
}

/// Draws a section of at most `most_chars` characters. What is longer ends after the last paragraph that fits, and when
/// not even the first one does, after the last word that fits.
pub fn section(rng: &mut impl Rng, page: &Page, most_chars: usize) -> Section {
    let all = page.paragraphs.len();
    // Both draws are made for every page, so that what follows does not depend on this page's length.
    let (whole, place) = (rng.random_bool(0.5), rng.random::<f64>());
    let drawn = if whole { all } else { ((place * all as f64) as usize + 1).min(all) };
    let extent = if whole { Extent::Whole } else { Extent::Prefix };
    let mut text = String::new();
    let mut left = most_chars;
    for (n, paragraph) in page.paragraphs[..drawn].iter().enumerate() {
        let length = paragraph.chars().count() + if n == 0 { 0 } else { 2 };
        if length > left {
            if n == 0 {
                text.push_str(first_words(paragraph, left));
            }
            return Section { text, paragraphs: n.max(1), extent, cut: true };
        }
        if n > 0 {
            text.push_str("\n\n");
        }
        text.push_str(paragraph);
        left -= length;
    }
    Section { text, paragraphs: drawn, extent, cut: false }
}

fn first_words(text: &str, most_chars: usize) -> &str {
    let end = text.char_indices().nth(most_chars).map_or(text.len(), |(end, _)| end);
    let part = &text[..end];
    let at_word = end == text.len() || text[end..].starts_with(char::is_whitespace);
    match part.rfind(char::is_whitespace) {
        Some(blank) if !at_word && !part[..blank].trim().is_empty() => part[..blank].trim_end(),
        _ => part.trim_end(),
    }
}
