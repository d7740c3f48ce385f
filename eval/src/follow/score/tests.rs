use super::*;
use crate::follow::outcome::{ConstraintOutcome, Verdict};
use proptest::prelude::*;

fn outcome(category: Category, group: u32, level: u8, verdicts: &str) -> ItemOutcome {
    let constraints = verdicts
        .chars()
        .map(|verdict| ConstraintOutcome {
            constraint: "c".to_owned(),
            verdict: match verdict {
                'y' => Verdict::Satisfied,
                'n' => Verdict::Violated,
                _ => Verdict::Unparsed,
            },
            reason: None,
        })
        .collect();
    let level = Level::new(level).expect("tests use levels 1 to 5");
    ItemOutcome { group: GroupId::new(category, group), category, level, constraints }
}

/// One group, its levels written like `y nn yyy ? y`.
fn group(category: Category, id: u32, levels: &str) -> Vec<ItemOutcome> {
    (1..).zip(levels.split(' ')).map(|(level, verdicts)| outcome(category, id, level, verdicts)).collect()
}

/// Two judged groups and a ruled one: by hand, level 2 has HSR (1 + 0 + 1) / 3 and SSR (1 + 0.5 + 1) / 3.
fn three_groups() -> Vec<ItemOutcome> {
    let mut outcomes = group(Category::Style, 1, "y yy yny yyyy yyyyy");
    outcomes.extend(group(Category::Style, 2, "n yn yyy nnnn yyyyn"));
    outcomes.extend(group(Category::Style, 3, "y y y n y"));
    outcomes
}

#[test]
fn rates_by_hand() {
    for scorer in [Scorer::Legacy, Scorer::Strict] {
        let scores = score(&three_groups(), scorer);
        let style = &scores.categories[&Category::Style];
        let shown: Vec<String> = style.hsr.iter().chain(&style.ssr).map(|value| percent(*value)).collect();
        assert_eq!(
            shown,
            ["66.67", "66.67", "66.67", "33.33", "66.67", "66.67", "83.33", "88.89", "33.33", "93.33"]
        );
        // 2 levels, then none, then 3.
        assert_eq!(style.csl, Some(5.0 / 3.0));
        assert_eq!((style.items, style.unparsed), ([3; 5], 0));
        assert_eq!(scores.overall, *style);
    }
}

#[test]
fn an_unread_verdict_is_minus_one_under_legacy_and_left_out_under_strict() {
    let mut outcomes = group(Category::Format, 1, "? y? yyy yyyy yyyyy");
    outcomes.extend(group(Category::Format, 2, "n yy yyy yyyy yyyyy"));
    let legacy = &score(&outcomes, Scorer::Legacy).categories[&Category::Format];
    assert_eq!(legacy.hsr[..3], [Some(-50.0), Some(0.0), Some(100.0)]);
    assert_eq!(legacy.ssr[..3], [Some(-50.0), Some(0.0), Some(100.0)]);
    assert_eq!((legacy.csl, legacy.items, legacy.unparsed), (Some(0.0), [2; 5], 2));
    let strict = &score(&outcomes, Scorer::Strict).categories[&Category::Format];
    assert_eq!(strict.hsr[..3], [Some(0.0), Some(100.0), Some(100.0)]);
    assert_eq!((strict.csl, strict.items, strict.unparsed), (Some(0.0), [1, 1, 2, 2, 2], 2));
}

#[test]
fn nothing_to_score_is_null_not_zero() {
    let outcomes = group(Category::Mixed, 1, "? ?? ??? ???? ?????");
    let strict = score(&outcomes, Scorer::Strict);
    let mixed = &strict.categories[&Category::Mixed];
    assert_eq!((mixed.hsr, mixed.ssr, mixed.csl, mixed.unparsed), ([None; 5], [None; 5], None, 5));
    assert_eq!(strict.overall.csl, None);
    assert_eq!(score(&[], Scorer::Legacy).overall.hsr, [None; 5]);
}

#[test]
fn overall_has_no_weights() {
    let mut outcomes = group(Category::Content, 1, "y yy yyy yyyy yyyyy");
    for id in 0..9 {
        outcomes.extend(group(Category::Example, id, "n n n n n"));
    }
    let overall = score(&outcomes, Scorer::Strict).overall;
    assert_eq!((overall.hsr, overall.csl), ([Some(50.0); 5], Some(2.5)));
    assert_eq!(overall.items, [10; 5]);
}

/// `python3 -c 'print(*["{:.2f}".format(x) for x in (0.125, 0.375, 33.335, -4.545, 2/3*100)], *[round(x, 1) for x in
/// (2.25, 2.75, 0.35, 1.45, 2.125)])'`
#[test]
fn digits_are_the_references() {
    let percents = [0.125, 0.375, 33.335, -4.545, 2.0 / 3.0 * 100.0].map(|value| percent(Some(value)));
    assert_eq!(percents, ["0.12", "0.38", "33.34", "-4.54", "66.67"]);
    let csl = [2.25, 2.75, 0.35, 1.45, 2.125].map(|value| levels(Some(value)));
    assert_eq!(csl, ["2.2", "2.8", "0.3", "1.4", "2.1"]);
    assert_eq!((percent(None), levels(None)), ("-".to_owned(), "-".to_owned()));
}

proptest! {
    #[test]
    fn rates_stay_in_range_and_soft_is_never_below_hard(
        verdicts in prop::collection::vec(prop::collection::vec("[yn?]{5}", 5), 1..8),
    ) {
        let mut outcomes = Vec::new();
        for (id, levels) in (0..).zip(&verdicts) {
            for (level, text) in (1..).zip(levels) {
                outcomes.push(outcome(Category::Content, id, level, &text[..usize::from(level)]));
            }
        }
        let strict = score(&outcomes, Scorer::Strict);
        let content = &strict.categories[&Category::Content];
        for (hard, soft) in content.hsr.iter().zip(content.ssr) {
            prop_assert_eq!(hard.is_some(), soft.is_some());
            if let (Some(hard), Some(soft)) = (hard, soft) {
                prop_assert!((0.0..=100.0 + 1e-9).contains(hard) && soft + 1e-9 >= *hard && soft <= 100.0 + 1e-9);
            }
        }
        prop_assert!(content.csl.is_none_or(|csl| (0.0..=5.0).contains(&csl)));
        prop_assert_eq!(content.items.iter().sum::<usize>() + content.unparsed, outcomes.len());
        // Without unread verdicts the two scorers agree to the bit.
        let read: Vec<_> = outcomes.into_iter().filter(|outcome| outcome.hard().is_some()).collect();
        let (legacy, strict) = (score(&read, Scorer::Legacy), score(&read, Scorer::Strict));
        for (category, scores) in &legacy.categories {
            prop_assert_eq!(scores.hsr, strict.categories[category].hsr);
            prop_assert_eq!(scores.ssr, strict.categories[category].ssr);
        }
    }
}
