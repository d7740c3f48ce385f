//! Which language a text is in: by script, and among languages of the Latin script by their commonest words.
//!
//! Meant for answers of a sentence or more that are in one language. Limits: a Latin text needs two of the common words, so
//! names and single words are of no language; close relatives that are not in the list (Portuguese's Galician, Danish's
//! Norwegian) are taken for the one that is; mixed text is what most of it is.

use serde::{Deserialize, Serialize};

/// A language that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Italian.
    Italian,
    /// Portuguese.
    Portuguese,
    /// Dutch.
    Dutch,
    /// Russian: any text in Cyrillic script.
    Russian,
    /// Greek, by its script.
    Greek,
    /// Arabic: any text in Arabic script.
    Arabic,
    /// Hindi: any text in Devanagari.
    Hindi,
    /// Japanese: a text with kana.
    Japanese,
    /// Korean, by its script.
    Korean,
    /// Chinese: Han characters without kana.
    Chinese,
}

/// The commonest words. A word that several languages share counts for each of them; the others decide.
const COMMON: [(Language, &str); 7] = [
    (
        Language::English,
        "the and of to is in that it was for on are with as be this have from at by not but what were when you they \
         there we she he an their or which has had its into than then",
    ),
    (
        Language::German,
        "der die das und ist nicht ein eine einen einem einer zu von mit auf für im den dem des sich es sie er ich wir \
         auch als wie bei oder aus nach wird sind hat war noch am über",
    ),
    (
        Language::French,
        "le la les et est un une des du de dans que qui pour pas sur avec il elle nous vous je au aux ce cette par plus \
         sont en ne se son sa ses mais ou où était être a",
    ),
    (
        Language::Spanish,
        "el la los las y es un una de del en que por para con no se su al lo como más pero está son muy yo nosotros \
         este esta hay fue ser cuando también sin",
    ),
    (
        Language::Italian,
        "il lo la gli le e è un una di del della dei delle in che per con non si su al alla come più ma sono molto io \
         noi questo questa c'è nel nella anche era quando",
    ),
    (
        Language::Portuguese,
        "o a os as e é um uma de do da dos das em no na que por para com não se ao como mais mas são muito eu nós este \
         esta há foi ser quando também sem",
    ),
    (
        Language::Dutch,
        "de het een en van is niet in op te dat die voor met zijn er aan ook als naar bij om wordt ik wij je ze maar of \
         uit nog door over heeft was",
    ),
];

impl Language {
    /// The English name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "German",
            Self::French => "French",
            Self::Spanish => "Spanish",
            Self::Italian => "Italian",
            Self::Portuguese => "Portuguese",
            Self::Dutch => "Dutch",
            Self::Russian => "Russian",
            Self::Greek => "Greek",
            Self::Arabic => "Arabic",
            Self::Hindi => "Hindi",
            Self::Japanese => "Japanese",
            Self::Korean => "Korean",
            Self::Chinese => "Chinese",
        }
    }

    /// The language of a text, where it can be told.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let share = |from: char, to: char| text.chars().filter(|c| (from..=to).contains(c)).count() * 2;
        let kana = share('\u{3040}', '\u{30ff}');
        let han = share('\u{4e00}', '\u{9fff}');
        let scripts = [
            (Self::Russian, share('\u{0400}', '\u{04ff}')),
            (Self::Greek, share('\u{0370}', '\u{03ff}')),
            (Self::Arabic, share('\u{0600}', '\u{06ff}')),
            (Self::Hindi, share('\u{0900}', '\u{097f}')),
            (Self::Korean, share('\u{ac00}', '\u{d7af}')),
            (Self::Japanese, if kana > 0 { kana + han } else { 0 }),
            (Self::Chinese, if kana > 0 { 0 } else { han }),
        ];
        let by_script = scripts.into_iter().find(|(_, twice)| *twice > letters);
        by_script.map_or_else(|| latin(text), |(language, _)| Some(language))
    }

    pub(super) fn check(self, answer: &str) -> Result<(), String> {
        match Self::of(answer) {
            Some(found) if found == self => Ok(()),
            Some(found) => Err(format!("it is in {}", found.name())),
            None => Err("no language can be told".to_owned()),
        }
    }
}

fn latin(text: &str) -> Option<Language> {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphabetic() && c != '\'').filter(|word| !word.is_empty()).collect();
    let count =
        |list: &str| words.iter().filter(|word| list.split(' ').any(|common| common == **word)).count();
    let mut counts: Vec<(usize, Language)> =
        COMMON.iter().map(|(language, list)| (count(list), *language)).collect();
    counts.sort_by_key(|(hits, _)| std::cmp::Reverse(*hits));
    (counts[0].0 >= 2 && counts[0].0 > counts[1].0).then_some(counts[0].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_are_told_apart() {
        let cases = [
            ("The harbour was quiet, and the boats were in.", Some(Language::English)),
            ("Der Hafen war still, und die Boote lagen im Wasser.", Some(Language::German)),
            ("Le port était calme et les bateaux sont dans la baie.", Some(Language::French)),
            ("El puerto está tranquilo y los barcos son azules.", Some(Language::Spanish)),
            ("Il porto è calmo e le barche sono nella baia.", Some(Language::Italian)),
            ("O porto está calmo e os barcos não são azuis.", Some(Language::Portuguese)),
            ("De haven is stil en het water van de baai is koud.", Some(Language::Dutch)),
            ("В порту тихо.", Some(Language::Russian)),
            ("Το λιμάνι είναι ήσυχο.", Some(Language::Greek)),
            ("الميناء هادئ", Some(Language::Arabic)),
            ("बंदरगाह शांत है", Some(Language::Hindi)),
            ("港は静かです。", Some(Language::Japanese)),
            ("항구는 조용하다", Some(Language::Korean)),
            ("港口很安静。", Some(Language::Chinese)),
            ("Paris", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Language::of(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_asked_about(text in "\\PC{0,60}") {
            let _ = Language::of(&text);
        }
    }
}
