use super::*;
use crate::follow::item::{Category, Check, Level};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

mod mutate;

fn load(suite: Builtin) -> OwnSuite {
    suite.load().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_shipped_suites_have_their_groups() {
    let own = load(Builtin::AmendFollow);
    let mut groups: BTreeMap<Category, usize> = BTreeMap::new();
    for group in &own.groups {
        *groups.entry(group.category).or_default() += 1;
    }
    assert_eq!(groups, Category::ALL.into_iter().map(|category| (category, 20)).collect());
    let atlas = load(Builtin::AtlasFollow);
    let of = |category| atlas.groups.iter().filter(|group| group.category == category).count();
    assert_eq!([Category::Content, Category::Format, Category::Mixed].map(of), [40, 40, 40]);
    for suite in [own.suite(), atlas.suite()] {
        for level in Level::ALL {
            let items: Vec<_> = suite.items.iter().filter(|item| item.level == level).collect();
            assert_eq!(items.len() * 5, suite.items.len(), "{}", suite.name);
            for item in items {
                let Check::Code(constraints) = &item.check else { panic!("{} needs a judge", item.id()) };
                let count = usize::from(level.get());
                assert_eq!((constraints.len(), item.path.len()), (count, count + 1), "{}", item.id());
            }
        }
    }
}

#[test]
fn the_shipped_files_are_what_a_folder_of_them_reads_as() {
    for suite in Builtin::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites").join(suite.name());
        let read = OwnSuite::read(&path).unwrap_or_else(|error| panic!("{error}"));
        // A folder is read by name, so the groups come in another order only where categories are spread over files.
        assert_eq!(read.suite(), load(suite).suite());
        assert_eq!(read.name, suite.name());
        assert_eq!(Builtin::named(suite.name()), Some(suite));
    }
}

/// What a constraint forbids is not yet forbidden by the levels before it: some answer meets those and breaks it.
#[test]
fn no_constraint_is_vacuous() {
    let mut idle = Vec::new();
    for suite in Builtin::ALL {
        let own = load(suite);
        let others: Vec<&str> = own.groups.iter().map(|group| group.levels[4].witness.as_str()).collect();
        for group in &own.groups {
            for (index, level) in group.levels.iter().enumerate() {
                let (added, before) = level.constraints.split_last().expect("a level has its constraint");
                let near = group.near.iter().map(|near| near.answer.clone());
                // In a group of steps, the witness of the level before lacks this level's step alone.
                let before_it = group.levels[index.saturating_sub(1)].witness.clone();
                let mut answers = near
                    .chain([before_it])
                    .chain(mutate::answers(&level.witness, added))
                    .chain(others.iter().map(|other| (*other).to_owned()));
                let told = |answer: &String| {
                    added.check(answer).is_err() && before.iter().all(|earlier| earlier.check(answer).is_ok())
                };
                if !answers.any(|answer| told(&answer)) {
                    idle.push(format!("{}#{}: {}", group.id, index + 1, added.describe()));
                }
            }
        }
    }
    assert!(idle.is_empty(), "{} constraints reject nothing new:\n{}", idle.len(), idle.join("\n"));
}

/// Answers to other questions do not pass by accident.
#[test]
fn no_answer_to_another_group_passes() {
    for suite in Builtin::ALL {
        let own = load(suite);
        let (mut pairs, mut met, mut wholly) = (0, [0; 5], Vec::new());
        for group in &own.groups {
            for other in own.groups.iter().filter(|other| other.id != group.id) {
                pairs += 1;
                for (index, (level, theirs)) in group.levels.iter().zip(&other.levels).enumerate() {
                    let meets = level.constraints.iter().all(|c| c.check(&theirs.witness).is_ok());
                    met[index] += usize::from(meets);
                    if meets && index == 4 {
                        wholly.push(format!("{} by {}", group.id, other.id));
                    }
                }
            }
        }
        let told = format!("{}: of {pairs} answers to other groups, by level: {met:?}; {wholly:?}", own.name);
        assert!(met[4] == 0 && met[2] * 200 < pairs && met[0] * 5 < pairs, "{told}");
        println!("{told}");
    }
}

#[test]
fn instructions_are_no_variants_of_one_another() {
    let own = load(Builtin::AmendFollow);
    let shingles = |text: &str| -> HashSet<Vec<String>> {
        let words: Vec<String> = text
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect();
        words.windows(3).map(<[String]>::to_vec).collect()
    };
    let sets: Vec<_> = own.groups.iter().map(|group| shingles(&group.levels[4].instruction)).collect();
    for (at, one) in sets.iter().enumerate() {
        for (before, other) in sets[..at].iter().enumerate() {
            let both = one.intersection(other).count();
            let jaccard = both as f64 / (one.len() + other.len() - both) as f64;
            assert!(jaccard < 0.15, "{} and {}: {jaccard:.2}", own.groups[at].id, own.groups[before].id);
        }
    }
    let asks: BTreeSet<&str> = own.groups.iter().map(|group| group.ask.as_str()).collect();
    assert_eq!(asks.len(), own.groups.len());
}

#[test]
fn no_kind_of_constraint_prevails() {
    let own = load(Builtin::AmendFollow);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for constraint in own.groups.iter().flat_map(|group| &group.levels[4].constraints) {
        *kinds.entry(constraint.kind()).or_default() += 1;
    }
    let all: usize = kinds.values().sum();
    assert!(kinds.values().all(|count| count * 100 <= all * 15), "{kinds:?}");
    assert!(kinds.len() >= 40, "{}: {kinds:?}", kinds.len());
}

#[test]
fn answers_are_short_enough_for_small_models() {
    for group in load(Builtin::AmendFollow).groups {
        let witness = &group.levels[4].witness;
        // About four characters a token.
        assert!(witness.chars().count() <= 400, "{}: {} characters", group.id, witness.chars().count());
    }
}

#[test]
fn steps_are_asked_in_the_order_in_which_they_are_checked() {
    for group in load(Builtin::AtlasFollow).groups {
        for (index, level) in group.levels.iter().enumerate() {
            assert!(level.instruction.starts_with(&group.ask), "{}", group.id);
            let alone = &group.levels[0].witness;
            // The right answer without the steps is not enough, with one step too few neither.
            if index > 0 {
                assert!(level.constraints[index].check(alone).is_err(), "{} level {}", group.id, index + 1);
                let before = &group.levels[index - 1].witness;
                assert!(level.constraints[index].check(before).is_err(), "{} level {}", group.id, index + 1);
            }
        }
    }
}

/// All steps together allow nothing but the witness.
#[test]
fn only_the_witness_meets_all_steps() {
    for group in load(Builtin::AtlasFollow).groups {
        for level in &group.levels {
            let added = level.constraints.last().expect("a level has its constraint");
            for answer in mutate::answers(&level.witness, added) {
                let meets = level.constraints.iter().all(|constraint| constraint.check(&answer).is_ok());
                assert_eq!(meets, answer.trim() == level.witness, "{}: {answer:?}", group.id);
            }
        }
    }
}

#[test]
fn a_fingerprint_covers_what_decides() {
    let own = load(Builtin::AmendFollow);
    let print = own.suite().fingerprint;
    assert_eq!(print.len(), 64);
    assert_eq!(print, load(Builtin::AmendFollow).suite().fingerprint);
    let mut other = own.clone();
    other.groups[3].levels[2].instruction.push('!');
    assert_ne!(other.suite().fingerprint, print);
    let mut other = own.clone();
    let moved = other.groups[5].levels[4].constraints.clone();
    other.groups[4].levels[4].constraints = moved;
    assert_ne!(other.suite().fingerprint, print);
    // Witnesses prove and decide nothing.
    let mut other = own;
    other.groups[3].levels[2].witness.push('!');
    assert_eq!(other.suite().fingerprint, print);
}

/// A group that is right, as the tests below break it.
const GROUP: &str = r#"
schema = "amend.follow-suite/1"
suite = "small"
[[style]]
name = "owl"
ask = "Describe an owl."
levels = [
  { say = "Mention a mouse.", check = { kind = "include", terms = ["mouse"] } },
  { say = "Use at most nine words.", check = { kind = "count", unit = "word", count = { at_most = 9 } } },
  { say = "Use small letters.", check = { kind = "casing", case = "lower" } },
  { say = "Do not say night.", check = { kind = "exclude", terms = ["night"] } },
  { say = "End with a full stop.", check = { kind = "ends_with", text = "." } },
]
witness = "an owl hears a mouse under snow."
near = [ { level = 4, answer = "an owl hears a mouse at night." } ]
"#;

fn message(text: &str) -> String {
    let file = SuiteText { file: "small.toml".to_owned(), text: text.to_owned() };
    match OwnSuite::parse([file]) {
        Ok(_) => "read".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_wrong_is_told_with_file_group_and_level() {
    let fifth = "  { say = \"End with a full stop.\", check = { kind = \"ends_with\", text = \".\" } },\n";
    let cases = [
        ("as it is", "", ""),
        ("a missing level", fifth, ""),
        ("a sixth level", fifth, &format!("{fifth}{}", fifth.replace("End", "Close"))),
        ("no witness", "witness = \"an owl hears a mouse under snow.\"", ""),
        ("a witness that fails", "under snow", "under NEW snow"),
        ("a near miss that is none", "mouse at night", "mouse at dusk"),
        ("a near miss that breaks two", "mouse at night", "bat at night"),
        ("a near miss of no level", "near = [ { level = 4", "near = [ { level = 6"),
        ("a contradiction", "terms = [\"night\"]", "terms = [\"mouse\"]"),
        (
            "a constraint that adds nothing",
            "kind = \"casing\", case = \"lower\"",
            "kind = \"count\", unit = \"word\", count = { at_most = 12 }",
        ),
        ("a text twice", "Use small letters.", "Mention a mouse."),
        ("an empty bound", "at_most = 9", "between = [9, 3]"),
        ("an unknown kind", "kind = \"casing\"", "kind = \"letters\""),
        ("an unknown field", "name = \"owl\"", "name = \"owl\"\nlevel = 3"),
        ("an unknown category", "[[style]]", "[[tone]]"),
        ("a name with blanks", "name = \"owl\"", "name = \"the owl\""),
        ("another schema", "suite/1", "suite/2"),
        (
            "steps without a core",
            "say = \"Use small letters.\", check = { kind = \"casing\", case = \"lower\" }",
            "ask = \"x\", step = \"lower\"",
        ),
    ];
    let mut told = Vec::new();
    for (what, from, to) in cases {
        assert!(GROUP.contains(from), "{what}");
        told.push(format!("{what}\n  {}", message(&GROUP.replacen(from, to, 1)).replace('\n', "\n  ")));
    }
    let twice = format!("{GROUP}{}", GROUP.split("suite = \"small\"").nth(1).unwrap_or(""));
    told.push(format!("a group twice\n  {}", message(&twice)));
    told.push(format!("no group\n  {}", message("schema = \"amend.follow-suite/1\"\nsuite = \"small\"\n")));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn files_of_two_suites_do_not_mix_and_problems_are_all_told() {
    let text = |text: String| SuiteText { file: "a.toml".to_owned(), text };
    let other = text(GROUP.replace("\"small\"", "\"large\"").replace("\"owl\"", "\"bat\""));
    let error = OwnSuite::parse([text(GROUP.to_owned()), other]).unwrap_err();
    assert!(matches!(error, SuiteFileError::OtherSuite { .. }), "{error}");
    let broken = GROUP.replace("under snow", "AT NIGHT");
    assert_eq!(OwnSuite::problems([text(broken)]).len(), 2);
    assert!(OwnSuite::problems([text(GROUP.to_owned())]).is_empty());
}

#[test]
fn folders_are_read_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(OwnSuite::read(folder.path()), Err(SuiteFileError::Empty { .. })));
    std::fs::write(folder.path().join("a.toml"), GROUP).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a suite").unwrap();
    assert_eq!(OwnSuite::read(folder.path()).unwrap().groups.len(), 1);
    assert_eq!(OwnSuite::read(&folder.path().join("a.toml")).unwrap().suite().items.len(), 5);
    let error = OwnSuite::read(&folder.path().join("b.toml")).unwrap_err();
    assert!(matches!(error, SuiteFileError::Io { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_answer_can_be_checked_against_every_shipped_constraint(answer in "\\PC{0,60}(\n[ -~]{0,40}){0,4}") {
        for suite in Builtin::ALL {
            for group in load(suite).groups {
                for constraint in &group.levels[4].constraints {
                    if let Err(reason) = constraint.check(&answer) {
                        prop_assert!(!reason.is_empty() && reason.chars().count() < 600, "{}", reason);
                    }
                }
            }
        }
    }

    #[test]
    fn cut_files_are_refused_without_a_panic(cut in 0usize..900) {
        let at = (0..=cut.min(GROUP.len())).rev().find(|&at| GROUP.is_char_boundary(at)).unwrap_or(0);
        let told = message(&GROUP[..at]);
        prop_assert!(at >= GROUP.trim_end().len() || told != "read" || !GROUP[at..].contains("witness"), "{}", told);
    }
}
