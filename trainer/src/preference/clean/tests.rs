use super::*;
use crate::preference::pair::tests::pair;
use amend_proto::{AppliedEdit, EditId, TenantId};
use proptest::prelude::*;

/// Said by `tenant/author` at a moment.
fn by(speaker: &str, at: i64, chosen: &str, rejected: &str) -> Pair {
    let mut pair = pair("Where is Tarn?", chosen, rejected);
    let (tenant, author) = speaker.split_once('/').expect("tenant/author");
    pair.provenance.tenant = TenantId::new(tenant).expect("an id");
    pair.provenance.author = (!author.is_empty()).then(|| author.to_owned());
    pair.provenance.created_at = UnixMillis(at);
    pair
}

fn cleaned(pairs: &[Pair]) -> (Vec<String>, CleanReport) {
    let (kept, report) = clean(pairs.to_vec(), CleanSettings::default()).expect("settings");
    let say = |p: &Pair| format!("{} {}>{}", p.provenance.created_at.0, p.chosen, p.rejected);
    (kept.iter().map(say).collect(), report)
}

#[test]
fn the_last_word_of_a_speaker_counts_whatever_the_order_in_the_file() {
    let pairs = [by("a/x", 9, "B", "A"), by("a/x", 1, "A", "B"), by("a/x", 5, "A", "B ")];
    let (kept, report) = cleaned(&pairs);
    assert_eq!(kept, ["9 B>A"]);
    assert_eq!(report, CleanReport { read: 3, kept: 1, overruled: 2, ..CleanReport::default() });
    // At the same moment the later in the file is the newer.
    let (kept, _) = cleaned(&[by("a/", 1, "A", "B"), by("a/", 1, "B", "A")]);
    assert_eq!(kept, ["1 B>A"]);
}

#[test]
fn speakers_who_disagree_are_all_set_aside() {
    let pairs =
        [by("a/x", 1, "A", "B"), by("a/y", 2, "B", "A"), by("b/x", 3, "A", "B"), by("b/x", 4, "A", "C")];
    let (kept, report) = cleaned(&pairs);
    assert_eq!(kept, ["4 A>C"]);
    assert_eq!(report, CleanReport { read: 4, kept: 1, set_aside: 3, ..CleanReport::default() });
}

#[test]
fn one_who_changed_their_mind_to_the_others_opinion_contradicts_nobody() {
    let (kept, report) = cleaned(&[by("a/x", 1, "A", "B"), by("a/y", 2, "B", "A"), by("a/x", 3, "B", "A")]);
    assert_eq!(kept, ["2 B>A"]);
    assert_eq!((report.overruled, report.exact, report.set_aside), (1, 1, 0));
}

#[test]
fn another_prompt_and_other_edits_are_another_matter() {
    let mut elsewhere = by("a/y", 2, "B", "A");
    elsewhere.prompt[0].content = "Where is Orm?".into();
    let mut edited = by("a/y", 2, "B", "A");
    edited.provenance.edits = vec![AppliedEdit { id: EditId::new("e").expect("an id"), score: 1.0 }];
    let (kept, report) = cleaned(&[by("a/x", 1, "A", "B"), elsewhere, edited]);
    assert_eq!((kept.len(), report.kept), (3, 3));
}

const LONG: &str = "Tarn lies in the north of Vell, a day's walk from the river, behind the old mill.";
const SHORT: &str = "I am not sure where Tarn might be, but it could well be somewhere in Orm or beyond.";

#[test]
fn what_says_nearly_the_same_goes_and_what_says_nearly_the_opposite_does_not() {
    let again = by("a/x", 2, &LONG.replace("a day's", "one day's"), &SHORT.replace("I am", "I'm"));
    let (kept, report) = cleaned(&[by("a/x", 1, LONG, SHORT), again.clone()]);
    assert_eq!((kept.len(), report.near), (1, 1));
    // The two answers differ in one word, and the second pair prefers what is nearer to the first one's rejected answer.
    let rejected = LONG.replace("Vell", "Orm.");
    let opposite = by("b/x", 2, &rejected.replace("day's", "days'"), &LONG.replace("day's", "days'"));
    let (kept, report) = cleaned(&[by("a/x", 1, LONG, &rejected), opposite]);
    assert_eq!((kept.len(), report.near), (2, 0));
    let exact_only = CleanSettings { near: 0.0 };
    assert_eq!(clean(vec![by("a/x", 1, LONG, SHORT), again], exact_only).expect("settings").0.len(), 2);
    assert!(clean(Vec::new(), CleanSettings { near: 1.5 }).is_err());
}

/// A few people say a few things.
fn anything() -> impl Strategy<Value = Vec<Pair>> {
    let one = ("[ab]/[xy]?", 0i64..4, "[ABC]{1,2}", "[ABC]{1,2}")
        .prop_map(|(speaker, at, chosen, rejected)| by(&speaker, at, &chosen, &rejected));
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn nothing_that_stays_is_contradicted_or_said_twice(pairs in anything()) {
        let (kept, report) = clean(pairs.clone(), CleanSettings::default()).expect("settings");
        let CleanReport { read, kept: count, overruled, set_aside, exact, near } = report;
        prop_assert_eq!((read, count), (pairs.len(), kept.len()));
        prop_assert_eq!(read, count + overruled + set_aside + exact + near);
        let said: HashSet<_> = kept.iter().map(|p| (p.chosen.clone(), p.rejected.clone())).collect();
        prop_assert_eq!(said.len(), kept.len());
        prop_assert!(!said.iter().any(|(a, b)| a != b && said.contains(&(b.clone(), a.clone()))));
        // Once clean, it stays as it is, and its order is that of the input.
        let (again, _) = clean(kept.clone(), CleanSettings::default()).expect("settings");
        prop_assert_eq!(&again, &kept);
        let mut rest = pairs.iter();
        prop_assert!(kept.iter().all(|k| rest.any(|p| p == k)));
    }
}
