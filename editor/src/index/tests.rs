use super::*;
use crate::{edit::Seq, time::Timestamp};
use amend_proto::{EditId, TenantId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What an index holds, without the numbers that depend on how it came about.
#[derive(Debug, PartialEq)]
struct Content {
    live: usize,
    /// Per word: how many anchors have it, and the names that do.
    words: BTreeMap<String, (u32, BTreeSet<Vec<String>>)>,
    phrases: BTreeMap<Vec<String>, BTreeSet<(Seq, u64)>>,
    grams: usize,
}

fn content(index: &Index) -> Content {
    let place = |at: &AnchorRef| {
        let rest = *at & ((1 << (PLACE_BITS + Tie::BITS)) - 1);
        (index.document(slot(*at)).expect("a posting leads to a live edit").edit.seq, rest)
    };
    let names: HashMap<TermId, String> =
        index.terms.words().filter_map(|(word, ..)| Some((index.term(word)?, word.to_owned()))).collect();
    let spelt = |name: &NameId| -> Vec<String> {
        let (words, ..) = index.names.get(*name).expect("a posting leads to a name");
        words.iter().map(|word| names[word].clone()).collect()
    };
    let word = |(word, holders, of): (&str, u32, &[NameId])| {
        (word.to_owned(), (holders, of.iter().map(spelt).collect()))
    };
    Content {
        live: index.len(),
        words: index.terms.words().map(word).collect(),
        phrases: index
            .names
            .iter()
            .map(|(words, at)| {
                (words.iter().map(|w| names[w].clone()).collect(), at.iter().map(place).collect())
            })
            .collect(),
        grams: index.terms.gram_count(),
    }
}

fn edit(seq: i64, text: String) -> Edit {
    let id = EditId::new(format!("e{seq}")).expect("a valid id");
    let content = crate::edit::Content::new(text);
    let (seq, tenant, created_at) = (Seq::new(seq), TenantId::default(), Timestamp::default());
    Edit { id, tenant, seq, created_at, updated_at: created_at, content }
}

fn texts() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        Just("France"),
        Just("New York"),
        Just("Anna Smith"),
        Just("iron"),
        Just("東京"),
        Just("Łódź")
    ];
    let relations = prop_oneof![Just("capital"), Just("mayor"), Just("price")];
    (relations, names.clone(), names).prop_map(|(relation, s, o)| format!("The {relation} of {s} is {o}."))
}

proptest! {
    #[test]
    fn any_history_leaves_what_the_live_edits_alone_would(
        steps in proptest::collection::vec((texts(), any::<prop::sample::Index>(), 0u8..3), 1..40)
    ) {
        let mut index = Index::default();
        let mut live: Vec<(Slot, Edit)> = Vec::new();
        for (seq, (text, which, kind)) in steps.into_iter().enumerate() {
            if kind == 0 && !live.is_empty() {
                let (slot, _) = live.remove(which.index(live.len()));
                index.remove(slot);
            } else {
                let edit = edit(seq as i64, text);
                live.push((index.insert(Prepared::new(&edit)), edit));
            }
        }
        let mut rebuilt = Index::default();
        for (_, edit) in live {
            rebuilt.insert(Prepared::new(&edit));
        }
        prop_assert_eq!(content(&index), content(&rebuilt));
    }
}

#[test]
fn removing_twice_or_nothing_is_harmless() {
    let mut index = Index::default();
    let slot = index.insert(Prepared::new(&edit(1, "The capital of France is Lyon.".to_owned())));
    index.remove(slot);
    index.remove(slot);
    index.remove(77);
    assert_eq!(content(&index), content(&Index::default()));
}
