use super::{draft::Maker, *};
use crate::atlas::world::Fact;
use amend_proto::Role;
use std::collections::{BTreeMap, HashSet};

fn rows(split: Split) -> Rows {
    Rows::new(Atlas::built_in(), 21, split)
}

#[test]
fn a_row_is_a_function_of_seed_split_and_index() {
    let rows = rows(Split::Train);
    assert_eq!(rows.row(17), rows.row(17));
    assert_ne!(rows.row(17), rows.row(18));
    assert_ne!(rows.row(17), Rows::new(Atlas::built_in(), 22, Split::Train).row(17));
    assert_ne!(rows.row(17).messages, self::rows(Split::Test).row(17).messages);
}

#[test]
fn rows_without_edits_are_the_others_of_the_mix() {
    let plain = rows(Split::Train).without_edits();
    let mut kinds = HashSet::new();
    for index in 0..3000 {
        let row = plain.row(index);
        assert!(row.edits.is_empty(), "{:?}", row.messages);
        assert!(
            row.messages.iter().all(|m| !m.content.contains("[Updated Information]")),
            "{:?}",
            row.messages
        );
        kinds.insert(row.kind);
    }
    assert!(kinds.contains(&Kind::Fact) && kinds.contains(&Kind::TwoHop(Setting::Plain)), "{kinds:?}");
    assert_eq!(plain.row(5), rows(Split::Train).without_edits().row(5));
}

#[test]
fn dialogues_alternate_and_end_with_the_answer() {
    for row in (0..3000).map(|i| rows(Split::Train).row(i)) {
        let spoken: Vec<Role> = row.messages.iter().map(|m| m.role).filter(|r| *r != Role::System).collect();
        assert!(spoken.len().is_multiple_of(2));
        assert!(spoken.chunks(2).all(|turn| turn == [Role::User, Role::Assistant]), "{:?}", row.messages);
        assert!(row.messages.iter().skip(1).all(|m| m.role != Role::System));
        assert!(!row.answer().is_empty());
        let asked = row.messages.iter().find(|m| m.role == Role::User && m.content.ends_with(&row.query));
        let asked = &asked.expect("the question was asked").content;
        assert_eq!(asked.starts_with("[Updated Information]\n"), !row.edits.is_empty());
    }
}

/// A piece of a byte-pair tokenizer of this corpus holds about three characters, so 1,200 are about 400 pieces.
#[test]
fn dialogues_are_short() {
    let lengths: Vec<usize> = (0..20_000)
        .map(|i| rows(Split::Train).row(i).messages.iter().map(|m| m.content.len()).sum())
        .collect();
    assert!(lengths.iter().all(|&n| n < 1200), "{:?}", lengths.iter().max());
    assert!(lengths.iter().sum::<usize>() < 300 * lengths.len(), "{}", lengths.iter().sum::<usize>());
}

#[test]
fn the_mix_begins_with_edits_and_facts_and_ends_with_everything() {
    let count = |from: u64| {
        let rows = rows(Split::Train).with_curriculum(100_000);
        let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
        for index in from..from + 4000 {
            *counts.entry(rows.row(index).kind).or_default() += 1;
        }
        counts
    };
    let (start, end) = (count(0), count(90_000));
    let first =
        |kind: &Kind| matches!(kind, Kind::Fact | Kind::EditInScope { .. } | Kind::InventedSubject { .. });
    let share =
        |counts: &BTreeMap<Kind, u32>| counts.iter().filter(|(k, _)| first(k)).map(|(_, n)| n).sum::<u32>();
    assert!(share(&start) > 3000, "{start:?}");
    assert!(share(&end) < 2000, "{end:?}");
    assert!(Kind::all().iter().all(|kind| end.contains_key(kind)), "{end:?}");
}

#[test]
fn the_mix_has_every_kind_once() {
    let mixed: HashSet<Kind> = MIX.iter().map(|share| share.kind).collect();
    assert_eq!(mixed.len(), MIX.len());
    assert_eq!(mixed, Kind::all().into_iter().collect());
}

fn drafts(kind: Kind, split: Split) -> impl Iterator<Item = draft::Draft> {
    (0..400).map(move |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Maker { atlas: Atlas::built_in(), split, rng: &mut rng }.draft(kind)
    })
}

#[test]
fn no_two_edits_of_a_row_speak_of_one_fact() {
    for kind in Kind::all() {
        for draft in drafts(kind, Split::Train) {
            let about: HashSet<_> =
                draft.edits.iter().map(|e| (e.relation, e.subject.bare().to_lowercase())).collect();
            assert_eq!(about.len(), draft.edits.len(), "{draft:?}");
        }
    }
}

#[test]
fn the_true_edit_stands_at_every_place() {
    for distractors in [1, 2] {
        let mut places = BTreeMap::new();
        for draft in drafts(Kind::InventedSubject { distractors }, Split::Train) {
            let place =
                draft.edits.iter().position(|e| e.object == draft.answer).expect("the answer is copied");
            *places.entry(place).or_insert(0) += 1;
        }
        let fair = 400 / (i32::from(distractors) + 1);
        assert!(places.values().all(|&n| n > fair * 3 / 4), "{places:?}");
        assert_eq!(places.len(), usize::from(distractors) + 1);
    }
}

#[test]
fn an_edit_in_scope_changes_the_answer() {
    for draft in drafts(Kind::EditInScope { distractors: 2 }, Split::Test) {
        let edit = draft.edits.iter().find(|e| e.object == draft.answer).expect("an edit answers");
        let stored = Atlas::built_in().world.object(edit.relation, edit.subject.bare());
        assert_ne!(stored, Some(draft.answer.as_str()));
        assert_eq!(draft.edits.len(), 3);
    }
}

#[test]
fn facts_that_a_test_edits_are_never_edited_in_training() {
    let world = &Atlas::built_in().world;
    for split in [Split::Train, Split::Test] {
        for kind in Kind::all().into_iter().filter(|k| !matches!(k, Kind::Forged(_))) {
            for edit in drafts(kind, split).flat_map(|draft| draft.edits) {
                let known = world.subjects(edit.relation.info().subject).contains(&edit.subject);
                assert!(
                    !known || Fact::edit_split(edit.relation, &edit.subject) == split,
                    "{kind:?} {edit:?}"
                );
            }
        }
    }
}

#[test]
fn an_interview_asks_about_every_edit_and_something_else() {
    for index in 0..300 {
        let kind = Kind::InventedSubject { distractors: 2 };
        let mut rng = ChaCha8Rng::seed_from_u64(index);
        let mut maker = Maker { atlas: Atlas::built_in(), split: Split::Train, rng: &mut rng };
        let draft = maker.draft(kind);
        let edits = draft.edits.clone();
        let interview = maker.interview(draft);
        let answers: Vec<&String> = std::iter::once(&interview.answer)
            .chain(interview.later.iter().map(|(_, answer)| answer))
            .collect();
        assert_eq!(interview.edits, edits);
        assert!(edits.iter().all(|edit| answers.contains(&&edit.object)), "{interview:?}");
        assert!(answers.len() <= 4, "{interview:?}");
    }
}

/// The last run of the committed model was on exactly these rows. Whoever changes them retrains it, or says so in its card.
#[test]
fn the_rows_are_those_that_the_built_in_model_was_trained_on() {
    let rows = rows(Split::Train).with_curriculum(10_000);
    let all: String = (0..10_000).step_by(50).flat_map(|i| rows.row(i).messages).map(|m| m.content).collect();
    assert_eq!(format!("{:016x}", hash(all.as_bytes())), "2eb58fea1341422f");
}
