use super::*;
use proptest::prelude::*;

/// Reads a constraint as suite files write it.
fn read(toml: &str) -> Constraint {
    #[derive(Deserialize)]
    struct File {
        check: Constraint,
    }
    toml::from_str::<File>(&format!("check = {{ {toml} }}")).unwrap_or_else(|e| panic!("{toml}: {e}")).check
}

/// Every kind: the constraint, an answer that meets it, one that does not, and what is said of that.
const CASES: &[(&str, &str, &str, &str)] = &[
    (r#"kind = "count", unit = "word", count = { at_most = 2 }"#, "two words", "now three words", "3 words"),
    (r#"kind = "count", unit = "sentence", count = { exactly = 2 }"#, "One. Two.\n", "One.", "1 sentence"),
    (r#"kind = "count", unit = "question", count = { exactly = 1 }"#, "One? Two.", "One.", "0 questions"),
    (r#"kind = "count", unit = "character", count = { at_most = 3 }"#, " né? ", "four", "4 characters"),
    (r#"kind = "count", unit = "paragraph", count = { at_least = 2 }"#, "a\n\nb", "a\nb", "1 paragraph"),
    (
        r#"kind = "within", unit = "sentence", which = "every", check = { kind = "count", unit = "word", count = { at_most = 2 } }"#,
        "A b. C.",
        "A b. C d e.",
        "sentence 2: 3 words",
    ),
    (
        r#"kind = "within", unit = "line", which = { number = 2 }, check = { kind = "word", number = 1, is = "then" }"#,
        "First\nThen more",
        "First",
        "1 line",
    ),
    (
        r#"kind = "within", unit = "item", which = "later", check = { kind = "starts_with", text = "B" }"#,
        "- A\n- B",
        "- A\n- C",
        "list item 2: it starts with \"C\"",
    ),
    (r#"kind = "casing", case = "upper""#, "ALL OF 3!", "ALL but", "it has \"but\""),
    (r#"kind = "casing", case = "lower""#, "all of it", "All", "it has \"All\""),
    (r#"kind = "casing", case = "title""#, "A Cat's 3 Lives", "A cat", "it has \"cat\""),
    (r#"kind = "casing", case = "sentence""#, "It is I. So.", "It is LOUD.", "it has \"LOUD\""),
    (r#"kind = "include", terms = ["oak"]"#, "An Oak.", "Oaks.", "\"oak\" 0 times"),
    (r#"kind = "include", terms = ["oak"], count = { exactly = 2 }"#, "Oak, oak", "oak", "\"oak\" 1 times"),
    (
        r#"kind = "include_some", terms = ["a", "b", "c"], count = { at_least = 2 }"#,
        "a b",
        "a a",
        "1 of them: [\"a\"]",
    ),
    (r#"kind = "exclude", terms = ["oak"]"#, "soak", "OAK", "it has \"oak\""),
    (r#"kind = "order", terms = ["a", "b"]"#, "a b a", "b a b", "\"b\" comes too early"),
    (r#"kind = "without_characters", characters = "e,""#, "An oak", "ONE", "it has 'E'"),
    (r#"kind = "character_count", character = "!", count = { exactly = 1 }"#, "Oh!", "Oh!!", "2 times"),
    (r#"kind = "starts_with", text = "Dear""#, "Dear you", "dear you", "it starts with \"dear you\""),
    (r#"kind = "ends_with", text = "over.""#, "It is over.", "It is over", "it ends with \"It is over\""),
    (r#"kind = "word", number = -2, is = "the""#, "over The hill", "over a hill", "it is \"a\""),
    (
        r#"kind = "acrostic", unit = "line", letters = "ab""#,
        "- Ant\n- Bee",
        "Bee\nAnt",
        "the first letters spell \"ba\"",
    ),
    (r#"kind = "same_ends""#, "Rain after rain.", "Rain", "first \"rain\", last \"rain\", 1 in all"),
    (r#"kind = "word_length", letters = { at_most = 3 }"#, "An oak-", "An oaken", "it has \"oaken\""),
    (r#"kind = "initial", letter = "s", count = { at_least = 2 }"#, "Six sad", "six", "1 word"),
    (r#"kind = "no_repeats", shortest = 3"#, "an oak, an ant", "Oak oak", "\"oak\" 2 times"),
    (r#"kind = "no_ending", ending = "ly""#, "fast", "Slowly.", "it has \"Slowly\""),
    (r#"kind = "no_contractions""#, "Sam's boat does not leak", "It\u{2019}s fine", "it has \"It's\""),
    (r#"kind = "no_pronouns", persons = ["first"]"#, "You know it", "I'd know", "it has \"I'd\""),
    (r#"kind = "sentences", mood = "question""#, "Is it? \"Was it?\"", "Is it? No.", "a sentence is \"No.\""),
    (r#"kind = "language", language = "german""#, "Das ist der Weg.", "This is the way.", "it is in English"),
    (r#"kind = "number_count", count = { exactly = 2 }"#, "3 of 1,000", "3", "1 number"),
    (r#"kind = "number_order", direction = "descending""#, "3, 2, 1", "3, 3", "the numbers are [3, 3]"),
    (r#"kind = "number_sum", total = 10"#, "7 and 3", "7 and 4", "the numbers are [7, 4]"),
    (r#"kind = "number_range", from = 1, to = 5"#, "1 to 5", "6", "the numbers are [6]"),
    (
        r#"kind = "list", marker = "number", items = { exactly = 2 }, around = "nothing""#,
        "1. a\n2. b",
        "1. a\n1. b",
        "item 2 is \"1. b\"",
    ),
    (
        r#"kind = "list", marker = "dash", items = { exactly = 1 }, around = "lead""#,
        "Here:\n- a",
        "- a\nDone",
        "1 line beside the list, 0 of them in front",
    ),
    (
        r#"kind = "headings", level = 2, titles = ["One", "Two"]"#,
        "## One\nx\n## two\ny",
        "# One\n## Two",
        "the headings are \"Two\"",
    ),
    (
        r#"kind = "table", columns = 2, header = ["A", "B"], rows = { exactly = 1 }"#,
        "| a | B |\n|---|:-:|\n| 1 | 2 |",
        "| a | B |\n| 1 | 2 |",
        "the second line is no line of dashes",
    ),
    (r#"kind = "fence", language = "text""#, "```text\nx\n```", "```\nx\n```", "it opens with ```"),
    (
        r#"kind = "wrapped", open = "<<", close = ">>""#,
        "<<x>>",
        "<<x>",
        "\"<<x>\" does not stand between << and >>",
    ),
    (r#"kind = "title", open = "*", close = "*""#, "*T*\nbody", "*T*", "1 line"),
    (
        r#"kind = "fields", keys = ["Name", "Age"]"#,
        "Name: A\nAge: 3",
        "Name: A\nage: 3",
        "line 2 is \"age: 3\", not \"Age: …\"",
    ),
    (
        r#"kind = "parts", separator = "***", count = { exactly = 2 }"#,
        "a\n***\nb",
        "a\n***\n",
        "a part is empty",
    ),
    (
        r#"kind = "emphasis", mark = "bold", count = { exactly = 2 }"#,
        "**a** and **b c**",
        "**a** and ** b **",
        "1 of them",
    ),
    (
        r#"kind = "emphasis", mark = "italic", count = { exactly = 1 }"#,
        "* *a* and **b**",
        "* a *b",
        "0 of them",
    ),
    (r#"kind = "json", shape = { type = "array", min_items = 1 }"#, "[1]", "[]", "$ has 0 items"),
    (r#"kind = "template", form = "{word}: {number}""#, "x: 3", "x: y", "it is \"x: y\""),
    (r#"kind = "choice", answers = ["yes", "no"]"#, "yes", "Yes", "it is \"Yes\""),
    (
        r#"kind = "lengths", unit = "line", direction = "ascending""#,
        "a\na b",
        "a b\na",
        "words by line: [2, 1]",
    ),
    (r#"kind = "sorted", unit = "item""#, "- Ant\n- bee", "- bee\n- Ant", "\"bee\" comes before \"ant\""),
];

#[test]
fn every_kind_accepts_rejects_and_says_why() {
    for (text, good, bad, reason) in CASES {
        let constraint = read(text);
        constraint.validate().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(constraint.check(good), Ok(()), "{text} on {good:?}");
        assert_eq!(constraint.check(bad).as_ref(), Err(&(*reason).to_owned()), "{text} on {bad:?}");
        assert!(constraint.check(" \n").is_err(), "{text} on an empty answer");
    }
}

#[test]
fn every_kind_describes_itself_and_survives_serialisation() {
    let mut lines = Vec::new();
    for (text, ..) in CASES {
        let constraint = read(text);
        let json = serde_json::to_string(&constraint).unwrap();
        assert_eq!(serde_json::from_str::<Constraint>(&json).unwrap(), constraint, "{json}");
        assert_ne!(constraint.describe(), constraint.kind(), "{text} has no description");
        lines.push(format!("{}: {}", constraint.kind(), constraint.describe()));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn unknown_fields_and_kinds_are_refused() {
    let fails = |json: &str| serde_json::from_str::<Constraint>(json).unwrap_err().to_string();
    assert!(fails(r#"{"kind": "counting"}"#).contains("unknown variant"));
    assert!(fails(r#"{"kind": "casing", "case": "lower", "words": 3}"#).contains("unknown field"));
    assert!(fails(r#"{"kind": "same_ends", "words": 3}"#).contains("unknown field"));
    assert!(fails(r#"{"kind": "number_count", "count": {"exactly": 1, "at_most": 2}}"#).contains("expected"));
}

#[test]
fn faults_are_named() {
    let fault = |text: &str| read(text).validate().unwrap_err();
    assert!(
        fault(r#"kind = "count", unit = "word", count = { between = [3, 2] }"#).contains("allows nothing")
    );
    assert!(fault(r#"kind = "include", terms = []"#).contains("no text"));
    assert!(fault(r#"kind = "exclude", terms = [" x"]"#).contains("white space"));
    assert!(fault(r#"kind = "template", form = "{sum}""#).contains("{sum}"));
    assert!(fault(r#"kind = "word", number = 0, is = "x""#).contains("from 1"));
    assert!(
        fault(r#"kind = "table", columns = 3, header = ["A"], rows = { at_least = 1 }"#)
            .contains("1 column names")
    );
    assert!(fault(r#"kind = "ends_with", text = "x ""#).contains("white space"));
}

#[test]
fn clashes_are_seen() {
    let clash = |later: &str, earlier: &str| read(later).clash(&read(earlier));
    let words = |bound: &str| format!(r#"kind = "count", unit = "word", count = {{ {bound} }}"#);
    assert!(matches!(clash(&words("at_least = 9"), &words("at_most = 8")), Some(Clash::Contradicts(_))));
    assert!(matches!(clash(&words("at_most = 9"), &words("at_most = 8")), Some(Clash::AddsNothing(_))));
    assert_eq!(clash(&words("at_most = 7"), &words("at_most = 8")), None);
    let (has, lacks) = (r#"kind = "include", terms = ["red oak"]"#, r#"kind = "exclude", terms = ["oak"]"#);
    assert!(matches!(clash(has, lacks), Some(Clash::Contradicts(_))));
    assert!(matches!(clash(lacks, has), Some(Clash::Contradicts(_))));
    assert!(matches!(clash(has, has), Some(Clash::AddsNothing(_))));
    let no_o = r#"kind = "without_characters", characters = "o""#;
    assert!(matches!(clash(has, no_o), Some(Clash::Contradicts(_))));
    let cases = (r#"kind = "casing", case = "upper""#, r#"kind = "casing", case = "lower""#);
    assert!(matches!(clash(cases.0, cases.1), Some(Clash::Contradicts(_))));
}

fn layered(steps: &[Step], at: usize) -> Constraint {
    Constraint::Step(Layered { core: "Paris".to_owned(), steps: steps.to_vec(), at })
}

#[test]
fn a_missing_step_is_one_violation() {
    let steps = [
        Step::Upper,
        Step::Twice,
        Step::Quotes,
        Step::Prefix("It is ".to_owned()),
        Step::Tag("b".to_owned()),
    ];
    let verdicts =
        |answer: &str| [0, 1, 2, 3, 4].map(|at| u8::from(layered(&steps, at).check(answer).is_ok()));
    assert_eq!(verdicts("<b>It is \"PARIS, PARIS\"</b>"), [1, 1, 1, 1, 1]);
    assert_eq!(verdicts("<b>It is \"Paris, Paris\"</b>"), [0, 1, 1, 1, 1]);
    assert_eq!(verdicts("<b>It is \"PARIS\"</b>"), [1, 0, 1, 1, 1]);
    assert_eq!(verdicts("<b>It is PARIS, PARIS</b>"), [1, 1, 0, 1, 1]);
    assert_eq!(verdicts("<b>\"PARIS, PARIS\"</b>"), [1, 1, 1, 0, 1]);
    assert_eq!(verdicts("It is \"PARIS, PARIS\""), [1, 1, 1, 1, 0]);
    assert_eq!(verdicts("<b>It is \"ROME, ROME\"</b>"), [0, 1, 1, 1, 1]);
    assert_eq!(verdicts("Paris"), [0, 0, 0, 0, 0]);
    assert_eq!(verdicts("<b></b>"), [0, 0, 0, 0, 0]);
}

#[test]
fn the_core_is_exact_where_no_case_is_asked() {
    let quotes = [Step::Quotes];
    assert!(layered(&quotes, 0).check("\"Paris\"").is_ok());
    assert_eq!(
        layered(&quotes, 0).check("\"paris\""),
        Err("the answer itself is \"paris\", not \"Paris\"".to_owned())
    );
    assert!(layered(&[Step::Quotes, Step::Upper], 0).validate().unwrap_err().contains("case comes first"));
    assert!(layered(&[Step::Upper, Step::Lower], 0).validate().unwrap_err().contains("comes twice"));
}

proptest! {
    #[test]
    fn checks_never_panic_and_never_contradict_themselves(answer in "[ -~é’\n#|*-]{0,80}") {
        for (text, ..) in CASES {
            let constraint = read(text);
            prop_assert_eq!(constraint.check(&answer), constraint.check(&format!("\n {answer}\n\n")));
        }
    }

    #[test]
    fn counts_grow_with_the_answer(answer in "[a-z ,.!?]{1,60}", n in 0usize..12) {
        let most = Constraint::Count { unit: Countable::Word, count: Bound::AtMost(n) };
        let least = Constraint::Count { unit: Countable::Word, count: Bound::AtLeast(n) };
        let longer = format!("{answer} more");
        prop_assert!(most.check(&longer).is_err() || answer.trim().is_empty() || most.check(&answer).is_ok());
        prop_assert!(least.check(&answer).is_err() || least.check(&longer).is_ok());
    }

    #[test]
    fn steps_that_were_applied_are_found(core in "[A-Z][a-z]{2,8}( [A-Z][a-z]{2,5})?", case in 0usize..3, twice in 0usize..2, order in 0usize..24) {
        let mut steps = Vec::new();
        steps.extend([Step::Upper, Step::Lower].get(case).cloned());
        steps.extend([Step::Twice].get(twice).cloned());
        let mut around = vec![Step::Square, Step::Tag("i".into()), Step::Prefix("= ".into()), Step::Suffix(" ok".into())];
        let mut code = order;
        while !around.is_empty() {
            let next = code % around.len();
            code /= around.len().max(1);
            steps.push(around.remove(next));
        }
        let answer = steps.iter().fold(core.clone(), |text, step| match step {
            Step::Upper => text.to_uppercase(),
            Step::Lower => text.to_lowercase(),
            Step::Twice => format!("{text}, {text}"),
            Step::Quotes => format!("\"{text}\""),
            Step::Square => format!("[{text}]"),
            Step::Round => format!("({text})"),
            Step::Tag(x) => format!("<{x}>{text}</{x}>"),
            Step::Prefix(x) => format!("{x}{text}"),
            Step::Suffix(x) => format!("{text}{x}"),
        });
        for at in 0..steps.len() {
            let layered = Layered { core: core.clone(), steps: steps.clone(), at };
            prop_assert_eq!(Constraint::Step(layered).check(&answer), Ok(()), "{} in {}", at, &answer);
        }
    }
}
