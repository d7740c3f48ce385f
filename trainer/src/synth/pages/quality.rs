//! Which pages are worth a call to a model.

use super::page::Page;
use super::words::{Counts, is_spaceless};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityFlaw {
    /// Not in one of the languages asked for, or not surely.
    OtherLanguage,
    /// Fewer words than [`QualitySettings::min_words`].
    TooShort,
    /// More words than [`QualitySettings::max_words`].
    TooLong,
    /// The words are too short or too long on average.
    MeanWordLength,
    /// Too many `#` and ellipses for the words.
    Symbols,
    /// Too many lines start with a bullet.
    Bullets,
    /// Too many lines end with an ellipsis.
    Ellipses,
    /// Too many words have no letter.
    FewLetters,
    /// Too few different stop words: a list of products or keywords, not sentences.
    FewStopWords,
    /// Too many lines repeat an earlier one.
    RepeatedLines,
    /// Too many words are in capitals.
    Capitals,
}

/// What a page must be like.
///
/// The rules and numbers are those of Gopher (Rae et al. 2021, arXiv 2112.11446, appendix A.1.1, for documents, and the
/// table of repetitions for lines) where nothing else is said. Ours are the share of capitals, loose enough for acronyms, and the stop
/// words of languages other than English.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QualitySettings {
    /// ISO 639-3 codes of the languages to keep; empty for every language.
    pub languages: Vec<String>,
    /// The least confidence of the language's detection, when languages are named.
    pub min_confidence: f64,
    /// The fewest words. Gopher: 50.
    pub min_words: usize,
    /// The most words. Gopher: 100,000.
    pub max_words: usize,
    /// The least mean length of words, in characters; not for languages that write no spaces. Gopher: 3.
    pub min_mean_word: f64,
    /// The greatest mean length of words. Gopher: 10.
    pub max_mean_word: f64,
    /// The most `#` and ellipses for each word. Gopher: 0.1 of either; here together.
    pub max_symbols: f64,
    /// The greatest share of lines that start with a bullet. Gopher: 0.9.
    pub max_bullets: f64,
    /// The greatest share of lines that end with an ellipsis. Gopher: 0.3.
    pub max_ellipses: f64,
    /// The least share of words with a letter. Gopher: 0.8.
    pub min_lettered: f64,
    /// The fewest different stop words, for languages that have some below. Gopher: 2.
    pub min_stop_words: usize,
    /// Stop words by language. English's are Gopher's.
    pub stop_words: BTreeMap<String, Vec<String>>,
    /// The greatest share of lines that repeat an earlier one. Gopher: 0.3.
    pub max_repeated: f64,
    /// The greatest share of words of two or more letters that are all in capitals, of those with an upper and a lower
    /// case. Ours: 0.3.
    pub max_capitals: f64,
}

impl Default for QualitySettings {
    fn default() -> Self {
        let list = |code: &str, words: &str| (code.to_owned(), words.split(' ').map(str::to_owned).collect());
        let stop_words = [
            list("eng", "the be to of and that have with"),
            list("deu", "der die das und ist nicht mit zu"),
            list("fra", "le la les de et est que dans"),
            list("spa", "el la los de y que en con"),
            list("ita", "il la di e che non per con"),
            list("por", "o a os de e que não com"),
            list("nld", "de het een en van is niet met"),
        ];
        Self {
            languages: Vec::new(),
            min_confidence: 0.5,
            min_words: 50,
            max_words: 100_000,
            min_mean_word: 3.0,
            max_mean_word: 10.0,
            max_symbols: 0.1,
            max_bullets: 0.9,
            max_ellipses: 0.3,
            min_lettered: 0.8,
            min_stop_words: 2,
            stop_words: stop_words.into(),
            max_repeated: 0.3,
            max_capitals: 0.3,
        }
    }
}

impl QualitySettings {
    /// Whether a page is good enough.
    ///
    /// # Errors
    /// The first flaw, in the order of [`QualityFlaw`].
    pub fn check(&self, page: &Page) -> Result<(), QualityFlaw> {
        let language = page.language.as_ref();
        let wanted = |code: &str| self.languages.iter().any(|wanted| wanted == code);
        let is_wanted = language.is_some_and(|l| wanted(&l.code) && l.confidence >= self.min_confidence);
        if !self.languages.is_empty() && !is_wanted {
            return Err(QualityFlaw::OtherLanguage);
        }
        let code = language.map_or("", |language| language.code.as_str());
        let stop_words = self.stop_words.get(code).map(Vec::as_slice);
        let counts = Counts::of(&page.paragraphs, stop_words.unwrap_or_default());
        let spaced = !is_spaceless(code);
        let mean = counts.letters_of_words as f64 / counts.words.max(1) as f64;
        let rules = [
            (counts.words < self.min_words, QualityFlaw::TooShort),
            (counts.words > self.max_words, QualityFlaw::TooLong),
            (
                spaced && !(self.min_mean_word..=self.max_mean_word).contains(&mean),
                QualityFlaw::MeanWordLength,
            ),
            (share(counts.symbols, counts.words) > self.max_symbols, QualityFlaw::Symbols),
            (share(counts.bullets, counts.lines) > self.max_bullets, QualityFlaw::Bullets),
            (share(counts.ellipses, counts.lines) > self.max_ellipses, QualityFlaw::Ellipses),
            (share(counts.lettered, counts.words) < self.min_lettered, QualityFlaw::FewLetters),
            (stop_words.is_some() && counts.stop_words < self.min_stop_words, QualityFlaw::FewStopWords),
            (share(counts.repeated, counts.lines) > self.max_repeated, QualityFlaw::RepeatedLines),
            (share(counts.capitals, counts.cased) > self.max_capitals, QualityFlaw::Capitals),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, flaw)| Err(flaw))
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
