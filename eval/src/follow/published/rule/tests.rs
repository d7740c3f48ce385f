use super::*;
use proptest::prelude::*;

fn level(level: u8) -> Level {
    Level::new(level).expect("tests use levels 1 to 5")
}

/// The decision of both scorers, legacy first.
fn both(rule: &Rule, answer: &str) -> (bool, bool) {
    (rule.satisfied(answer, Scorer::Legacy), rule.satisfied(answer, Scorer::Strict))
}

fn source(name: &str, target: &str, of: u8) -> Rule {
    rule_in(Edition::English, name, target, of)
}

fn chinese(name: &str, of: u8) -> Rule {
    rule_in(Edition::Chinese, name, "", of)
}

fn rule_in(edition: Edition, name: &str, target: &str, of: u8) -> Rule {
    let rule = Rule::of_source(name, target, level(of), edition);
    rule.expect("a good target").expect("a source with a rule")
}

fn group(id: u64, of: u8) -> Rule {
    Rule::of_format_group(id, level(of), Edition::English).expect("a group with a rule")
}

const NEITHER: (bool, bool) = (false, false);
const LEGACY: (bool, bool) = (true, false);
const STRICT: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

#[test]
fn equal_to_the_target() {
    for name in ["E2E", "text_editing"] {
        let rule = source(name, "name[The Fox], food[Thai]", 2);
        assert_eq!(both(&rule, "name[The Fox], food[Thai]"), BOTH);
        assert_eq!(both(&rule, "name[The Fox], food[Thai]\n"), STRICT);
        assert_eq!(both(&rule, "name[The Fox]"), NEITHER);
    }
}

#[test]
fn events_need_recall_too() {
    let target = "crew sailed from Kiel\ncrew sailed from Oslo\nship sailed from Kiel";
    let rule = source("WIKIEVENTS", target, 2);
    assert_eq!(both(&rule, "crew sailed from Kiel\nship sailed from Kiel"), BOTH);
    assert_eq!(both(&rule, "crew sailed from Kiel"), LEGACY);
    assert_eq!(both(&rule, "crew sailed from Kiel\ncrew sailed from Kiel"), LEGACY);
    assert_eq!(both(&rule, "crew sailed from Kiel\n\nship sailed from Kiel \n"), STRICT);
    assert_eq!(both(&rule, "crew sailed from Kiel\ncrew sailed from Rome"), NEITHER);
    // Level 5 asks for five, and there are three.
    assert_eq!(both(&source("WIKIEVENTS", target, 5), target), BOTH);
}

#[test]
fn one_of_the_entities() {
    let rule = source("CONLL2003", "['Kiel', \"Land's End\"]", 1);
    assert_eq!(both(&rule, "Land's End"), BOTH);
    assert_eq!(both(&rule, "Kiel "), STRICT);
    assert_eq!(both(&rule, "Kiel, Land's End"), NEITHER);
    let wrong = Rule::of_source("CONLL2003", "Kiel", level(1), Edition::English);
    assert_eq!(wrong, Err(InvalidTarget::NoList("Kiel".to_owned())));
    assert!(Rule::of_source("CONLL2003", "['Kiel', 3]", level(1), Edition::English).is_err());
}

#[test]
fn the_last_option_date_and_place() {
    let option = source("BBH_logical", "(B)", 3);
    assert_eq!(both(&option, "Not (A) but (B)."), BOTH);
    assert_eq!(both(&option, "(B), not (A)"), NEITHER);
    assert_eq!(both(&option, "答案是（B）"), STRICT);
    let date = source("BBH_time", "01/09/1938", 2);
    assert_eq!(both(&date, "From 12/29/1937 on: 01/09/1938."), BOTH);
    assert_eq!(both(&date, "1/9/1938"), NEITHER);
    let place = source("self_made_space", "4th floor", 2);
    assert_eq!(both(&place, "the 4th floor"), BOTH);
    assert_eq!(both(&place, "the 14th floor"), LEGACY);
}

#[test]
fn amounts_by_value() {
    let rule = source("gsm_8k", "$1200", 5);
    assert_eq!(both(&rule, "5 + 7 is $12, so $1200."), BOTH);
    assert_eq!(both(&rule, "She earned $1,200."), STRICT);
    assert_eq!(both(&rule, "She earned $1,200.00"), STRICT);
    assert_eq!(both(&rule, "She earned $1200.50"), LEGACY);
    assert_eq!(both(&rule, "She earned 1200 dollars"), NEITHER);
    let rule = rule_in(Edition::Chinese, "gsm_8k", "1200美元", 5);
    assert_eq!(both(&rule, "她赚了1200美元。"), BOTH);
    assert_eq!(both(&rule, "她赚了1,200美元。"), STRICT);
    let wrong = Rule::of_source("gsm_8k", "much", level(1), Edition::English);
    assert_eq!(wrong, Err(InvalidTarget::NoAmount("much".to_owned())));
}

#[test]
fn three_sentences_on_an_actor() {
    let good = "Potter is of age. The actor saves. His films have sold.";
    let answers = [
        // One constraint less at each step: what it breaks is the level from which it fails.
        ("Potter is of age. The actor saves.", 0),
        (
            "Potter is of age. The actor saves. His films have sold one two three four five six seven eight nine ten eleven.",
            1,
        ),
        ("Potter is of age. The man saves. His films have sold.", 2),
        ("Potter is of age. The actor is not lavish. His films have sold.", 3),
        ("Potter is of age. The actor saves. His films sold.", 4),
        (good, 5),
    ];
    for (answer, met) in answers {
        for of in 1..=5 {
            let expected = if of <= met { BOTH } else { NEITHER };
            assert_eq!(both(&source("cnn_dailymail", "", of), answer), expected, "level {of}: {answer}");
        }
    }
    let rule = source("cnn_dailymail", "", 5);
    assert_eq!(both(&rule, &format!("{good}\n")), STRICT);
    assert_eq!(
        both(&rule, "\"Potter is of age.\" The actor saves. His films have sold 2.5 million.\""),
        STRICT
    );
    assert_eq!(both(&rule, "Mr. Potter is of age. The actor saves. His films have sold."), STRICT);
}

#[test]
fn one_sentence_on_a_flood() {
    let rule = source("xsum", "", 5);
    assert_eq!(both(&rule, "An operation is clearing the town."), BOTH);
    assert_eq!(both(&rule, "An operation is clearing the town.\n"), STRICT);
    assert_eq!(both(&rule, "An operation cleared the town."), NEITHER);
    assert_eq!(both(&rule, "An operation is clearing Newton Stewart."), NEITHER);
    let spaced = "An operation is  clearing  the  town  and  one  two  three  four  five  six  seven.";
    assert_eq!(both(&rule, spaced), STRICT);
}

#[test]
fn one_sentence_on_a_bad_mood() {
    let rule = source("samsum", "", 5);
    assert_eq!(both(&rule, "Kim puts stuff off."), BOTH);
    assert_eq!(both(&rule, "Kim procrastinates with stuff."), NEITHER);
    // A typographic apostrophe is a punctuation mark too.
    assert_eq!(both(&rule, "Kim’s stuff can wait."), LEGACY);
    assert_eq!(both(&rule, "Kim puts stuff off. "), STRICT);
}

#[test]
fn eight_words() {
    let rule = source("gigaword", "", 5);
    assert_eq!(both(&rule, "bomb kills two in troubled south of philippines"), BOTH);
    assert_eq!(both(&rule, "bomb  kills two in troubled south of philippines"), STRICT);
    assert_eq!(both(&rule, "bomb kills two in “troubled” south of philippines"), LEGACY);
    assert_eq!(both(&rule, "Bomb kills two in troubled south of philippines"), NEITHER);
    assert_eq!(both(&rule, "bomb on bus kills two in troubled south"), NEITHER);
}

#[test]
fn one_sentence_on_a_paper() {
    let rule = source("arxiv", "", 5);
    assert_eq!(both(&rule, "We trace activations."), BOTH);
    assert_eq!(both(&rule, "West traces activations."), LEGACY);
    assert_eq!(both(&rule, "We trace activations of a transformer."), NEITHER);
}

/// A sentence of so many words.
fn words(count: usize) -> String {
    vec!["wax"; count].join(" ") + "."
}

#[test]
fn three_paragraphs() {
    let plain = [words(21), words(21), words(21)].join("\n\n");
    let marked = format!("1. {}\n\n2. {} {}\n\n3. {}", words(21), words(22), words(23), words(21));
    for of in 1..=2 {
        assert_eq!(both(&group(22, of), &plain), BOTH);
        assert_eq!(both(&group(22, of), &format!("{plain}\n\n")), STRICT);
    }
    assert_eq!(both(&group(22, 3), &plain), BOTH);
    assert_eq!(both(&group(22, 3), &[words(21), words(20), words(21)].join("\n\n")), NEITHER);
    assert_eq!(both(&group(22, 2), &[words(3).repeat(3), words(3), words(3)].join("\n\n")), NEITHER);
    // A marker is a sentence for the reference: nothing satisfies levels 4 and 5.
    assert_eq!(both(&group(22, 4), &marked), STRICT);
    assert_eq!(both(&group(22, 4), &plain), NEITHER);
    for ending in ["\n\nThose are suggestions", "\n\nThose are suggestions.", " Those are suggestions"] {
        assert_eq!(both(&group(22, 5), &format!("{marked}{ending}")), STRICT, "{ending:?}");
    }
    assert_eq!(both(&group(22, 5), &marked), NEITHER);
    assert!(Rule::of_format_group(21, level(1), Edition::English).is_none());
}

/// Five points, the keyword of each written like `head`, with so many words after it.
fn speech(head: &str, words: usize, end: &str) -> String {
    let point =
        |n: u8| format!("{}{}{end}", head.replace('#', &n.to_string()), vec!["gain"; words].join(" "));
    (1..=5).map(point).collect::<Vec<_>>().join("\n")
}

#[test]
fn five_points() {
    // What the reference wants, to the letter: no space after the marker, no full stop at the end.
    let odd = speech("**#.Growth: ", 11, "?");
    for of in 1..=5 {
        assert_eq!(both(&group(30, of), &odd), BOTH, "level {of}");
    }
    // What its instructions want.
    let natural = speech("#. **Growth:** ", 11, ".");
    let found: Vec<_> = (1..=5).map(|of| both(&group(30, of), &natural)).collect();
    assert_eq!(found, [BOTH, STRICT, STRICT, STRICT, STRICT]);
    // Words in -ly are words in ly.
    let quickly = odd.replacen("gain", "quickly", 1);
    assert_eq!([4, 5].map(|of| both(&group(30, of), &quickly)), [LEGACY; 2]);
    let literal = odd.replacen("gain", "quick-ly", 1);
    assert_eq!(both(&group(30, 5), &literal), NEITHER);
    // Keywords are asked for at level 5, and lengths at level 3.
    let bare = speech("**#** ", 11, ".");
    let found: Vec<_> = (1..=5).map(|of| both(&group(30, of), &bare)).collect();
    assert_eq!(found, [BOTH, STRICT, STRICT, STRICT, NEITHER]);
    assert!(!group(30, 3).satisfied(&speech("**#** ", 16, "."), Scorer::Strict));
    assert!(!group(30, 2).satisfied(&speech("**#** ", 11, ". And more."), Scorer::Strict));
    assert!(!group(30, 1).satisfied("no marker", Scorer::Strict));
    assert!(Rule::of_format_group(30, level(1), Edition::Chinese).is_none());
}

#[test]
fn templates() {
    let example = |target| Rule::example(target, level(1), Edition::English).expect("a template");
    let rule = example("{instruction}\n{{'Bot': '{answer}'}}");
    assert_eq!(both(&rule, "{'Bot': 'Hello.'}"), BOTH);
    assert_eq!(both(&rule, "{'Bot': 'Hello.\nBye.'}"), STRICT);
    assert_eq!(both(&rule, "{'Bot': ''}"), LEGACY);
    assert_eq!(both(&rule, "{'Bot': 'Hello.'}\n"), STRICT);
    assert_eq!(both(&rule, "Bot: Hello."), NEITHER);
    let rule = example("Q: {answer}\nA: {answer}");
    assert_eq!(both(&rule, "Q: why\nA: because"), BOTH);
    assert_eq!(both(&rule, "Q: why\nA: so\nA: because"), STRICT);
    assert_eq!(both(&rule, "Q: why\nA: "), LEGACY);
    assert_eq!(both(&rule, "Q: \nA: because"), LEGACY);
    // A literal `.*` is a place for the reference.
    let rule = example(".*{answer}");
    assert_eq!(both(&rule, "anything"), LEGACY);
    assert_eq!(both(&rule, ".*anything"), BOTH);
    let none = Rule::example("{instruction}\nfixed", level(1), Edition::English);
    assert_eq!(none, Err(InvalidTarget::NoAnswer("{instruction}\nfixed".to_owned())));
}

#[test]
fn the_chinese_edition() {
    assert_eq!(both(&chinese("cnn_dailymail", 5), "波特十八岁。演员很节俭。电影来了。"), BOTH);
    assert_eq!(both(&chinese("cnn_dailymail", 5), "波特十八岁。演员很节俭。电影来了。\n"), STRICT);
    assert_eq!(both(&chinese("cnn_dailymail", 5), "波特十八岁。演员很节俭。电影要来。"), NEITHER);
    assert_eq!(both(&chinese("xsum", 5), "人们在镇上操作。"), BOTH);
    // "At most 20": twenty are allowed.
    assert_eq!(both(&chinese("xsum", 2), &"水".repeat(20)), STRICT);
    assert_eq!(both(&chinese("xsum", 2), &"水".repeat(21)), NEITHER);
    assert_eq!(both(&chinese("samsum", 5), "金有琐碎的事。"), BOTH);
    assert_eq!(both(&chinese("samsum", 5), "金，有琐碎的事！"), LEGACY);
    // 一 is a word here, and the instruction of level 5 forbids 在.
    assert_eq!(both(&chinese("gigaword", 3), "南部袭击一人丧生"), STRICT);
    assert_eq!(both(&chinese("gigaword", 3), "南部袭击2人丧生"), NEITHER);
    assert_eq!(both(&chinese("gigaword", 5), "两人在南部袭击亡"), LEGACY);
    assert_eq!(both(&chinese("gigaword", 5), "两人南部袭击丧生"), STRICT);
    assert_eq!(both(&chinese("arxiv", 5), "我们观察激活。"), BOTH);
    let paragraph = |n: u8| format!("{n}. {}。", "木".repeat(21));
    let text = [paragraph(1), paragraph(2), paragraph(3)].join("\n\n");
    let rule = |of| Rule::of_format_group(22, level(of), Edition::Chinese).expect("group 22 has a rule");
    assert_eq!(both(&rule(4), &text), BOTH);
    assert_eq!(both(&rule(5), &format!("{text}\n\n这些是建议。")), STRICT);
    // "At most three" sentences.
    let three = [format!("{0}。{0}。{0}。", "木".repeat(21)), paragraph(2), paragraph(3)].join("\n\n");
    assert_eq!(both(&rule(2), &three), STRICT);
}

#[test]
fn other_sources_have_no_rule() {
    for name in ["quora", "vicuna", "e2e", ""] {
        assert_eq!(Rule::of_source(name, "", level(1), Edition::English), Ok(None));
    }
}

#[test]
fn the_rule_for_people() {
    assert_eq!(source("xsum", "", 3).to_string(), "rule: xsum, level 3");
    assert_eq!(group(30, 5).to_string(), "rule: format group 30, level 5");
}

/// Every rule of both editions.
fn all(of: u8) -> Vec<Rule> {
    let mut rules = vec![group(22, of), group(30, of)];
    let targets = [
        ("E2E", "a"),
        ("WIKIEVENTS", "a\nb"),
        ("CONLL2003", "['a']"),
        ("BBH_logical", "(A)"),
        ("BBH_time", "01/01/2001"),
        ("self_made_space", "1"),
        ("cnn_dailymail", ""),
        ("xsum", ""),
        ("samsum", ""),
        ("gigaword", ""),
        ("arxiv", ""),
    ];
    for edition in [Edition::English, Edition::Chinese] {
        rules.extend(targets.map(|(name, target)| rule_in(edition, name, target, of)));
        rules.extend(Rule::of_format_group(22, level(of), edition));
        rules.push(Rule::example("a{answer}b{answer}c", level(of), edition).expect("a template"));
    }
    rules
}

proptest! {
    #[test]
    fn strict_sees_no_white_space_at_the_ends(
        text in r"([a-cA-Z1.!? *\n$,()/-]|ly|。|\PC){0,60}",
        before in r"[ \n\t]{0,3}",
        after in r"[ \n\t]{0,3}",
        of in 1u8..=5,
    ) {
        for rule in all(of) {
            let padded = rule.satisfied(&format!("{before}{text}{after}"), Scorer::Strict);
            prop_assert_eq!(rule.satisfied(&text, Scorer::Strict), padded, "{}", rule);
            let _ = rule.satisfied(&text, Scorer::Legacy);
        }
    }

    /// A pattern of the `regex` crate is the independent implementation.
    #[test]
    fn templates_match_like_a_pattern(
        pieces in prop::collection::vec("[ab\n]{0,2}", 2..5),
        text in "[ab\n]{0,9}",
    ) {
        let template = Template::parse(&pieces.join("{answer}")).expect("two pieces or more");
        let escaped: Vec<String> = pieces.iter().map(|piece| regex::escape(piece)).collect();
        let legacy = regex::Regex::new(&format!(r"\A{}\z", escaped.join(".*"))).expect("a pattern");
        let strict = regex::Regex::new(&format!(r"\A{}\z", escaped.join(r"(?s:.*\S.*)"))).expect("a pattern");
        prop_assert_eq!(template.legacy(&text), legacy.is_match(&text));
        prop_assert_eq!(template.strict(&text), strict.is_match(&text));
    }
}
