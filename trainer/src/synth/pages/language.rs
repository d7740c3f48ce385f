//! The language of a text.
//!
//! whatlang and not whichlang: whichlang is faster and knows sixteen languages, gives no confidence, and calls every other
//! language one of the sixteen; whatlang knows seventy and says how sure it is, which the filter needs. It is asked about
//! a part of the text, so that its speed does not matter.

use super::page::Language;

/// The most characters of a text that are looked at.
const LOOKED_AT: usize = 3000;
/// The fewest letters by which a language is told.
const LETTERS: usize = 20;

/// The language of these paragraphs; `None` when there are fewer than 20 letters.
#[must_use]
pub fn language_of(paragraphs: &[String]) -> Option<Language> {
    let mut sample = String::new();
    let mut left = LOOKED_AT;
    for paragraph in paragraphs {
        let taken =
            paragraph.char_indices().nth(left).map_or(paragraph.as_str(), |(end, _)| &paragraph[..end]);
        sample.push_str(taken);
        sample.push('\n');
        left = left.saturating_sub(taken.chars().count());
        if left == 0 {
            break;
        }
    }
    // A Chinese character says as much as a few letters.
    let letters: usize =
        sample.chars().filter(|c| c.is_alphabetic()).map(|c| if c >= '\u{2e80}' { 3 } else { 1 }).sum();
    if letters < LETTERS {
        return None;
    }
    let found = whatlang::detect(&sample)?;
    Some(Language { code: found.lang().code().to_owned(), confidence: found.confidence() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart_and_scraps_are_not_guessed() {
        let of = |text: &str| language_of(&[text.to_owned()]).map(|found| found.code);
        assert_eq!(
            of("The harbour was quiet when the last boat came in, and nobody had waited for it.").as_deref(),
            Some("eng")
        );
        assert_eq!(
            of("Der Hafen war still, als das letzte Boot kam, und niemand hatte darauf gewartet.").as_deref(),
            Some("deu")
        );
        assert_eq!(of("港口很安静,最后一艘船进来的时候没有人在等。").as_deref(), Some("cmn"));
        assert_eq!(of("OK 12 34"), None);
    }
}
