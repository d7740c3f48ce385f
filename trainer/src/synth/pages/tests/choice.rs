//! Quality rules and sections.

use super::*;
use crate::synth::pages::{ContentHash, Extent, QualityFlaw, QualitySettings, Source, language_of, section};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn page(paragraphs: &[String]) -> Page {
    Page {
        url: None,
        source: Source { file: "a".into(), record: 1 },
        content_hash: ContentHash::of(paragraphs),
        title: None,
        language: language_of(paragraphs),
        paragraphs: paragraphs.to_vec(),
    }
}

fn prose() -> Vec<String> {
    (0..6)
        .map(|n| format!("{} That was in week {n}, and nobody who saw it has forgotten.", sentence(n)))
        .collect()
}

#[test]
fn every_flaw_has_a_page_that_shows_it() {
    let settings = QualitySettings::default();
    let check = |paragraphs: &[String]| settings.check(&page(paragraphs));
    assert_eq!(check(&prose()), Ok(()));
    assert_eq!(check(&prose()[..1]), Err(QualityFlaw::TooShort));
    let long = QualitySettings { max_words: 60, ..settings.clone() };
    assert_eq!(long.check(&page(&prose())), Err(QualityFlaw::TooLong));
    let other = QualitySettings { languages: vec!["deu".into()], ..settings.clone() };
    assert_eq!(other.check(&page(&prose())), Err(QualityFlaw::OtherLanguage));
    let with = |word: &str| vec![format!("the and of with {word} ").repeat(40)];
    assert_eq!(check(&with("a b c d e f g h")), Err(QualityFlaw::MeanWordLength));
    assert_eq!(check(&with(&"incomprehensibility".repeat(3))), Err(QualityFlaw::MeanWordLength));
    assert_eq!(check(&with("#winter #harbour")), Err(QualityFlaw::Symbols));
    assert_eq!(check(&with("12345 67890 2024")), Err(QualityFlaw::FewLetters));
    let lines = |make: &dyn Fn(String) -> String| prose().into_iter().map(make).collect::<Vec<_>>();
    assert_eq!(check(&lines(&|line| format!("- {line}"))), Err(QualityFlaw::Bullets));
    assert_eq!(check(&lines(&|line| format!("{line}…"))), Err(QualityFlaw::Ellipses));
    assert_eq!(check(&lines(&|line| line.to_uppercase())), Err(QualityFlaw::Capitals));
    assert_eq!(
        check(&[prose()[0].clone(), prose()[0].clone(), prose()[1].clone()]),
        Err(QualityFlaw::RepeatedLines)
    );
    let mut keywords = page(&["kettle lamp chair table window door paint brush ladder bucket ".repeat(8)]);
    keywords.language = page(&prose()).language;
    assert_eq!(settings.check(&keywords), Err(QualityFlaw::FewStopWords));
}

#[test]
fn a_language_without_spaces_is_not_too_short_or_too_long_in_its_words() {
    let text =
        "港口很安静,最后一艘船进来的时候没有人在等,只有一条狗睡在渔网上,第二天早上它还在那里。".repeat(2);
    let settings = QualitySettings::default();
    assert_eq!(settings.check(&page(&[text])), Ok(()));
}

#[test]
fn settings_are_read_strictly_and_come_back() {
    let settings = QualitySettings { min_words: 7, ..QualitySettings::default() };
    let text = serde_json::to_string(&settings).expect("serialises");
    assert_eq!(serde_json::from_str::<QualitySettings>(&text).expect("reads"), settings);
    assert!(serde_json::from_str::<QualitySettings>("{\"min_word\": 7}").is_err());
}

#[test]
fn sections_are_whole_half_of_the_time_and_else_prefixes_of_even_length() {
    let page = page(&prose());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut whole, mut lengths) = (0, [0; 7]);
    for _ in 0..12_000 {
        let found = section(&mut rng, &page, 100_000);
        assert!(!found.cut);
        assert_eq!(found.text, page.paragraphs[..found.paragraphs].join("\n\n"));
        match found.extent {
            Extent::Whole => whole += 1,
            Extent::Prefix => lengths[found.paragraphs] += 1,
        }
    }
    // Five standard deviations.
    assert!((5_726..6_274).contains(&whole), "{whole}");
    assert_eq!(lengths[0], 0);
    assert!(lengths[1..].iter().all(|n| (850..1_150).contains(n)), "{lengths:?}");
    let draw = || section(&mut ChaCha8Rng::seed_from_u64(9), &page, 100_000);
    assert_eq!(draw(), draw());
}

#[test]
fn a_section_is_cut_after_a_paragraph_or_else_after_a_word() {
    let page = page(&["one two three".into(), "four five".into()]);
    let whole = |most| {
        // A seed that draws the whole page.
        let found = section(&mut ChaCha8Rng::seed_from_u64(whole_seed(&page)), &page, most);
        assert!(found.text.chars().count() <= most);
        (found.text, found.paragraphs, found.cut)
    };
    assert_eq!(whole(24), ("one two three\n\nfour five".into(), 2, false));
    assert_eq!(whole(23), ("one two three".into(), 1, true));
    assert_eq!(whole(12), ("one two".into(), 1, true));
    assert_eq!(whole(7), ("one two".into(), 1, true));
    assert_eq!(whole(2), ("on".into(), 1, true));
}

fn whole_seed(page: &Page) -> u64 {
    (0..100)
        .find(|seed| section(&mut ChaCha8Rng::seed_from_u64(*seed), page, 1000).extent == Extent::Whole)
        .expect("half of them")
}
