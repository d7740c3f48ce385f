use super::{minhash::Signature, shingles::*, *};
use proptest::prelude::*;

const SETTINGS: ContaminationSettings = ContaminationSettings { similarity: 0.8, words: 13 };

const LONG: &str = "Write a short note to the neighbours that says when the water will be turned off, why that has to \
    be, how long it will take, and whom they may call; use no more than fifty words and end with a friendly line.";

fn guard(items: &[(&str, &str)]) -> Guard {
    Guard::new("s", items.iter().map(|(id, text)| ((*id).to_owned(), *text)), SETTINGS)
}

#[test]
fn what_was_trained_on_is_found_however_it_is_wrapped() {
    let mut guard =
        guard(&[("long", LONG), ("short", "What is the capital of Velmora?"), ("free", "Name three birds.")]);
    guard.look_at("1", "something else entirely, of more than five words");
    guard.look_at("2", &format!("User: {} Assistant: Dear neighbours ...", LONG.to_uppercase()));
    guard.look_at("3", "q: what is the capital of velmora - a: Orsk");
    let report = guard.report();
    let found: Vec<_> = report.known.iter().map(|known| (known.item.as_str(), known.text.as_str())).collect();
    assert_eq!(found, [("long", "2"), ("short", "3")]);
    assert_eq!((report.items, report.texts), (3, 3));
}

#[test]
fn the_first_item_in_a_text_is_named() {
    let guard = guard(&[("long", LONG), ("short", "What is the capital of Velmora?")]);
    assert_eq!(guard.known_in("Tell me: what is the capital of Velmora?"), Some(("short", Known::Words)));
    assert_eq!(
        guard.known_in(&format!("{LONG} What is the capital of Velmora?")),
        Some(("long", Known::Words))
    );
    assert_eq!((guard.known_in("nothing of it"), guard.report().texts), (None, 0));
}

#[test]
fn a_text_with_a_word_changed_here_and_there_is_similar() {
    let text: Vec<String> = (0..200).map(|at| format!("word{at}")).collect();
    let mut other = text.clone();
    // No run of 13 words is left whole.
    for at in (6..200).step_by(12) {
        other[at] = "changed".to_owned();
    }
    let (text, other) = (text.join(" "), other.join(" "));
    let settings = ContaminationSettings { similarity: 0.3, ..SETTINGS };
    let mut guard = Guard::new("s", [("a".to_owned(), text.as_str())], settings);
    guard.look_at("1", &other);
    assert!(matches!(guard.report().known[0].known, Known::Similar { similarity } if similarity > 0.3));
}

proptest! {
    #[test]
    fn the_estimate_is_near_the_truth(shared in 1_u64..300, only in 0_u64..300) {
        let one: Vec<u64> = (0..shared + only).map(|at| hash(&at)).collect();
        let other: Vec<u64> = (0..shared).chain(10_000..10_000 + only).map(|at| hash(&at)).collect();
        let truth = shared as f64 / (shared + 2 * only) as f64;
        let estimate = Signature::of(&one).similarity(&Signature::of(&other));
        // Five standard errors.
        prop_assert!((estimate - truth).abs() < 5.0 * 0.045, "{} {}", estimate, truth);
    }

    #[test]
    fn a_planted_item_is_always_found(item in "[a-z]{1,8}( [a-z]{1,8}){0,30}", before in "[a-z ]{0,80}", behind in "[a-z ]{0,80}") {
        let mut guard = guard(&[("item", &item)]);
        guard.look_at("t", &format!("{before} {item}. {behind}"));
        prop_assert_eq!(guard.report().known.len(), 1);
    }

    #[test]
    fn texts_of_other_words_are_not(item in "[a-m]{1,8}( [a-m]{1,8}){0,30}", text in "[n-z]{1,8}( [n-z]{1,8}){0,60}") {
        let mut guard = guard(&[("item", &item)]);
        guard.look_at("t", &text);
        prop_assert!(guard.report().known.is_empty());
    }

    #[test]
    fn no_text_makes_it_panic(item in ".{0,60}", text in ".{0,60}") {
        let mut guard = guard(&[("item", &item)]);
        guard.look_at("t", &text);
        prop_assert!(guard.report().known.len() <= 1);
    }
}
