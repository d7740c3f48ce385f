//! Tests of the score, and of the filter against comparing every pair.

use super::*;
use crate::Error;
use proptest::prelude::*;

/// ```python
/// # rouge_score 0.1.2
/// from rouge_score.tokenize import tokenize
/// for t in ["na\u00efve caf\u00e9 \u0130s 5\u212a x_y", "Don't stop-42 \u03a3\u0391\u03a3 \u4e2d\u6587a\u4e2d", "\u212b A\u0301B"]:
///     print(tokenize(t, None))
/// ```
#[test]
fn tokens_are_those_of_rouge_score() {
    let expected: [(&str, &[&str]); 3] = [
        ("na\u{ef}ve caf\u{e9} \u{130}s 5\u{212a} x_y", &["na", "ve", "caf", "i", "s", "5k", "x", "y"]),
        ("Don't stop-42 \u{3a3}\u{391}\u{3a3} \u{4e2d}\u{6587}a\u{4e2d}", &["don", "t", "stop", "42", "a"]),
        ("\u{212b} A\u{301}B", &["a", "b"]),
    ];
    for (text, expected) in expected {
        assert_eq!(tokens(text), expected, "{text}");
    }
}

/// ```python
/// # rouge_score 0.1.2
/// from rouge_score.rouge_scorer import RougeScorer
/// s = RougeScorer(["rougeL"], use_stemmer=False)
/// print(repr(s.score(a, b)["rougeL"].fmeasure))  # for a, b below
/// ```
#[test]
fn scores_are_those_of_rouge_score() {
    let expected = [
        ("", "", 0.0),
        ("!!", "!!", 0.0),
        ("a", "b", 0.0),
        ("The cat sat on the mat.", "the CAT lay on a mat", 0.666_666_666_666_666_6),
        ("List 3 uses of salt", "Name three uses of salt, please", 0.545_454_545_454_545_4),
        ("a b c d e f g", "g f e d c b a", 0.142_857_142_857_142_85),
        ("na\u{ef}ve caf\u{e9} \u{130}s 5\u{212a} x_y", "na ve caf i s 5k x y", 1.0),
        ("one two two three two", "two one two two four", 0.6),
    ];
    for (one, other, expected) in expected {
        assert_eq!(score(one, other).expect("short").to_bits(), f64::to_bits(expected), "{one} / {other}");
        assert_eq!(score(other, one).expect("short").to_bits(), f64::to_bits(expected), "{other} / {one}");
    }
}

/// The length of a longest common subsequence by the textbook's recurrence.
fn lcs(one: &[u8], other: &[u8]) -> usize {
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, a) in one.iter().enumerate() {
        for (j, b) in other.iter().enumerate() {
            table[i + 1][j + 1] = if a == b { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    table[one.len()][other.len()]
}

fn text(tokens: &[u8]) -> String {
    tokens.iter().map(|token| format!("w{token}")).collect::<Vec<_>>().join(" ")
}

/// By comparing with all: the score and the place.
fn exhaustive(pool: &[Vec<u8>], candidate: &[u8]) -> Option<(usize, f64)> {
    let mut best = None;
    for (place, member) in pool.iter().enumerate() {
        let lcs = lcs(member, candidate) as f64;
        if lcs == 0.0 {
            continue;
        }
        let (p, r) = (lcs / candidate.len() as f64, lcs / member.len() as f64);
        let rouge = 2.0 * p * r / (p + r);
        if best.is_none_or(|(_, found)| rouge > found) {
            best = Some((place, rouge));
        }
    }
    best
}

fn sequences(alphabet: u8, length: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0..alphabet, 0..length), 1..60)
}

fn same_as_comparing_all(texts: &[Vec<u8>], max_rouge: f64) -> Result<(), TestCaseError> {
    let mut filter = Filter::new::<&str>(max_rouge, []).expect("a filter");
    let mut pool: Vec<Vec<u8>> = Vec::new();
    for candidate in texts {
        let expected = exhaustive(&pool, candidate);
        let nearest = filter.pool().nearest(&text(candidate)).expect("short");
        prop_assert_eq!(
            nearest.map(|n| (n.member, n.rouge.to_bits())),
            expected.map(|(m, r)| (m, r.to_bits()))
        );
        let decision = filter.decide(&text(candidate)).expect("short");
        let max = expected.map_or(0.0, |(_, rouge)| rouge);
        prop_assert_eq!(decision.max_rouge.to_bits(), max.to_bits());
        prop_assert_eq!(decision.kept, max <= max_rouge);
        let text = expected.map(|(member, _)| text(&pool[member]));
        prop_assert_eq!(decision.nearest.as_deref(), text.as_deref());
        if decision.kept {
            pool.push(candidate.clone());
        }
    }
    prop_assert_eq!(filter.pool().len(), pool.len());
    Ok(())
}

proptest! {
    #[test]
    fn few_words_and_many_ties(texts in sequences(3, 9), max_rouge in 0.0..=1.0) {
        same_as_comparing_all(&texts, max_rouge)?;
    }

    #[test]
    fn more_words(texts in sequences(12, 24), max_rouge in 0.2..=1.0) {
        same_as_comparing_all(&texts, max_rouge)?;
    }

    #[test]
    fn longer_than_a_machine_word(texts in sequences(5, 220), max_rouge in 0.6..=1.0) {
        same_as_comparing_all(&texts, max_rouge)?;
    }

    #[test]
    fn any_text_has_a_score_and_the_same_both_ways(one in ".*", other in ".*") {
        let found = score(&one, &other).expect("short");
        prop_assert!((0.0..=1.0).contains(&found));
        prop_assert_eq!(found.to_bits(), score(&other, &one).expect("short").to_bits());
        let itself = score(&one, &one).expect("short");
        prop_assert_eq!(itself, if tokens(&one).is_empty() { 0.0 } else { 1.0 });
    }
}

#[test]
fn of_many_words_each_block_counts() {
    // Ten machine words and more, in which a band of the table is computed only.
    let long: Vec<u8> = (0..900u32).map(|i| (i * i % 251) as u8).collect();
    let mut other = long.clone();
    other.drain(300..340);
    other.swap(10, 700);
    let filter = Filter::new(0.7, [text(&long), text(&other)]).expect("a filter");
    let mut candidate = long.clone();
    candidate.remove(5);
    let expected = exhaustive(&[long, other], &candidate).expect("alike");
    let nearest = filter.pool().nearest(&text(&candidate)).expect("short").expect("alike");
    assert_eq!((nearest.member, nearest.rouge), expected);
}

#[test]
fn decisions_are_written_as_promised_and_a_tie_goes_to_the_first() {
    let mut filter = Filter::new(0.7, ["Name three rivers.", "three rivers name"]).expect("a filter");
    let decisions = ["Name five rivers", "Name three rivers", "Why?", "\u{2014}", "Name five rivers!"]
        .map(|text| filter.decide(text).expect("short"));
    insta::assert_json_snapshot!(decisions);
    assert_eq!(filter.pool().len(), 5);
}

#[test]
fn what_is_too_long_is_refused_and_nothing_joins() {
    let long = "a ".repeat(MAX_TOKENS + 1);
    let mut filter = Filter::new(0.7, ["a"]).expect("a filter");
    assert_eq!(filter.decide(&long), Err(TooLong { tokens: MAX_TOKENS + 1 }));
    assert_eq!(filter.pool().len(), 1);
    let named = Filter::new(0.7, ["a", &long]).expect_err("too long").to_string();
    assert!(named.contains("known instruction 2") && named.contains("8193 tokens"), "{named}");
    // At the limit there is an answer: a member of one token shares one of 8,192.
    let decision = filter.decide(long[2..].trim()).expect("just short enough");
    assert_eq!(decision.max_rouge, 2.0 / 8_193.0);
    assert!(decision.kept);
}

#[test]
fn a_share_outside_the_scale_is_refused() {
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(Filter::new::<&str>(bad, []), Err(Error::Settings(_))), "{bad}");
    }
}
