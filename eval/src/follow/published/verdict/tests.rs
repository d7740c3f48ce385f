use super::*;
use proptest::prelude::*;

fn read(text: &str, level: u8, scorer: Scorer) -> String {
    let level = Level::new(level).expect("tests use levels 1 to 5");
    shown(parse_verdicts(text, level, scorer))
}

fn shown(verdicts: Option<Vec<bool>>) -> String {
    let letters = |verdicts: Vec<bool>| verdicts.iter().map(|yes| if *yes { 'y' } else { 'n' }).collect();
    verdicts.map_or_else(|| "-".to_owned(), letters)
}

/// Level, text, legacy, strict. The legacy column is what the reference's parser gives.
#[test]
fn both_readers() {
    let cases: &[(u8, &str, &str, &str)] = &[
        (2, "1) short\n2) both hold\n['YES', 'NO']", "yn", "yn"),
        (1, "It is polite.\n['YES']", "y", "y"),
        (1, "['NO']", "n", "n"),
        // The reference's defects.
        (2, "[YES, NO]", "-", "yn"),
        (2, "['yes', 'No']", "-", "yn"),
        (2, "['YES', 'NO']\nI hope that this helps.", "-", "yn"),
        (2, "['YES', 'NO'] as explained [above]", "-", "yn"),
        (2, "```python\n['YES', 'NO']\n```", "yn", "yn"),
        (2, "```\n['YES', 'NO']\n```\nDone.", "-", "yn"),
        (2, "[\n  \"YES\",\n  \"NO\",\n]", "-", "yn"),
        (2, "[“YES”, “NO”]", "-", "yn"),
        (2, "**['YES', 'NO']**", "yn", "yn"),
        (1, "I KNOW", "n", "-"),
        (1, "EYES", "y", "-"),
        (1, "yes", "-", "y"),
        (1, "Yes.", "-", "y"),
        (1, "NO YES", "y", "-"),
        // Lists that are none, or another's.
        (3, "['YES', 'NO']", "-", "-"),
        (2, "['YES', 'NO', 'YES']", "-", "-"),
        (2, "['YES' 'NO']", "-", "-"),
        (2, "['YES', 'MAYBE']", "yn", "yn"),
        (2, "['YES', 'N/A']", "yn", "yn"),
        (2, "['YES', 'PARTIALLY']", "-", "yn"),
        (2, "['YES', 'TRUE']", "-", "-"),
        (2, "", "-", "-"),
        (2, "error", "-", "-"),
        (2, "[__import__('os').abort(), 'YES']", "-", "-"),
        (2, "['YES', 'YES']\nNo: on reflection ['YES', 'NO']", "yn", "yn"),
        (2, "draft ['NO', 'NO'], then ['YES', 'NO', 'YES']", "-", "nn"),
        // Lists with numbers, and without brackets.
        (2, "1. at most 40 words: YES\n2. in French: NO", "-", "yn"),
        (2, "1) YES\n\n2) **NO**\n", "-", "yn"),
        (2, "1. YES, it has 12 words.\n   Counted twice.\n2. No (it is in English).", "-", "yn"),
        (2, "Constraint 1: YES\nConstraint 2: NO", "-", "yn"),
        (2, "1. YES - or is it: NO\n2. YES", "-", "-"),
        (2, "1. YES\n3. NO", "-", "-"),
        (3, "YES, NO, YES", "-", "yny"),
        (2, "['1. YES', '2. NO']", "-", "yn"),
    ];
    for (level, text, legacy, strict) in cases {
        assert_eq!(read(text, *level, Scorer::Legacy), *legacy, "legacy, level {level}: {text:?}");
        assert_eq!(read(text, *level, Scorer::Strict), *strict, "strict, level {level}: {text:?}");
    }
}

/// The Chinese reference's own parser.
#[test]
fn the_chinese_reference_reads_more() {
    let cases = [
        (2, "[YES, NO]", "yn"),
        (2, "[“YES”, “NO”]", "yn"),
        (2, "['YES', 'NO', 'YES']", "yn"),
        (2, "['YES', 'PARTIALLY']", "yn"),
        (2, "['YES', 'N/A']", "-"),
        (2, "['YES', 'NO', 3]", "yn"),
        (2, "['YES', 'NO']\t", "yn"),
        (2, "['YES', 'NO']\n\n \n", "-"),
        (1, "['YES']\n", "y"),
        (1, "[是]", "-"),
    ];
    for (level, text, expected) in cases {
        let level = Level::new(level).expect("tests use levels 1 to 5");
        assert_eq!(shown(legacy_verdicts(text, level, Edition::Chinese)), expected, "{text:?}");
    }
}

#[test]
fn of_a_long_text_the_end_is_read() {
    let text = format!("{}\n['YES', 'NO']", "ß[".repeat(LONGEST));
    assert_eq!(read(&text, 2, Scorer::Strict), "yn");
    assert_eq!(read(&format!("['YES', 'NO']\n{}", "ß".repeat(LONGEST)), 2, Scorer::Strict), "-");
}

proptest! {
    #[test]
    fn any_text_is_read_or_not(
        text in r#"([\[\]'",`.:)\n12 -]|YES|no|N/A|“|、|\PC){0,60}"#,
        level in 1u8..=5,
    ) {
        let level = Level::new(level).expect("1 to 5");
        let found = [
            parse_verdicts(&text, level, Scorer::Strict),
            legacy_verdicts(&text, level, Edition::English),
            legacy_verdicts(&text, level, Edition::Chinese),
        ];
        for verdicts in found.into_iter().flatten() {
            prop_assert_eq!(verdicts.len(), usize::from(level.get()));
        }
    }

    #[test]
    fn a_list_at_the_end_counts_whatever_is_before(
        before in r#"([\['",`.:)\n12 -]|YES|no|\PC){0,60}"#,
        verdicts in prop::collection::vec(any::<bool>(), 1..=5),
        upper: bool,
        quotes in prop::sample::select(vec!["", "'", "\"", "`"]),
    ) {
        let words = verdicts.iter().map(|yes| match (yes, upper) {
            (true, true) => "YES",
            (true, false) => "yes",
            (false, true) => "NO",
            (false, false) => "no",
        });
        let words: Vec<String> = words.map(|word| format!("{quotes}{word}{quotes}")).collect();
        let text = format!("{before}\n[{}]", words.join(", "));
        let level = Level::new(verdicts.len() as u8).expect("1 to 5");
        prop_assert_eq!(strict_verdicts(&text, level), Some(verdicts));
    }
}
