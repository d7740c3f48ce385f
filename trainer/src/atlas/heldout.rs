//! What the built-in model is measured on, and what its tokenizer is trained on.

use super::{
    Atlas,
    rows::{Kind, Rows},
    split::Split,
};
use amend_proto::Message;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// How many draws may fail to be new before a kind is taken to be exhausted.
const PATIENCE: u64 = 4;

/// One question with its right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOutItem {
    /// What it measures.
    pub kind: Kind,
    /// `<kind>-<number>`, stable for a seed.
    pub id: String,
    /// The dialogue, without the answer; edits are rendered into the last message.
    pub messages: Vec<Message>,
    /// The right answer, exactly.
    pub expected: String,
    /// The edits in force, in prompt order, for a caller that pushes them through a server.
    pub edits: Vec<String>,
    /// The last question without the edits.
    pub query: String,
}

/// `count` different items of a kind; fewer where the kind has not so many (small talk is finite).
///
/// Phrasings and names are of the test split, edited facts were never edited in training.
#[must_use]
pub fn held_out(atlas: &'static Atlas, seed: u64, kind: Kind, count: usize) -> Vec<HeldOutItem> {
    let rows = Rows::new(atlas, seed, Split::Test);
    let mut seen = HashSet::new();
    let mut items = Vec::with_capacity(count);
    let draws = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(PATIENCE);
    for index in 0..draws {
        if items.len() == count {
            break;
        }
        let row = rows.of_kind(kind, index);
        let mut messages = row.messages;
        let Some(answer) = messages.pop() else { continue };
        let texts: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
        if !seen.insert(texts.join("\n")) {
            continue;
        }
        let id = format!("{}-{:04}", kind.label(), items.len() + 1);
        items.push(HeldOutItem {
            kind,
            id,
            messages,
            expected: answer.content,
            edits: row.edits,
            query: row.query,
        });
    }
    items
}

/// The texts to train the tokenizer on: every message of the first `rows` training rows.
pub fn corpus(atlas: &'static Atlas, seed: u64, rows: u64) -> impl Iterator<Item = String> {
    let table = Rows::new(atlas, seed, Split::Train);
    (0..rows).flat_map(move |index| table.row(index).messages.into_iter().map(|message| message.content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::{Kind, Relation, phrasing::Asked, rows::Setting};

    fn texts(items: &[HeldOutItem]) -> Vec<String> {
        items.iter().map(|item| item.messages.iter().map(|m| m.content.as_str()).collect()).collect()
    }

    #[test]
    fn every_kind_has_enough_items_and_none_twice() {
        for kind in Kind::all() {
            let items = held_out(Atlas::built_in(), 3, kind, 500);
            assert_eq!(items.len(), 500, "{}", kind.label());
            assert_eq!(texts(&items).into_iter().collect::<HashSet<_>>().len(), 500);
            assert_eq!(items.iter().map(|i| i.id.as_str()).collect::<HashSet<_>>().len(), 500);
        }
    }

    #[test]
    fn a_seed_gives_the_same_items_again_and_another_seed_others() {
        let of = |seed| held_out(Atlas::built_in(), seed, Kind::EditInScope { distractors: 2 }, 50);
        assert_eq!(of(1), of(1));
        assert_ne!(texts(&of(1)), texts(&of(2)));
    }

    #[test]
    fn a_caller_can_render_an_item_again_from_its_edits_and_query() {
        let atlas = Atlas::built_in();
        for kind in [Kind::EditOutOfScope, Kind::Forged(Setting::Edited), Kind::MultiTurn(Setting::Edited)] {
            for item in held_out(atlas, 4, kind, 100) {
                let last = item.messages.last().map(|m| m.content.clone());
                assert_eq!(last, Some(atlas.template.render(&item.edits, &item.query).unwrap()));
            }
        }
    }

    fn plain(text: &str) -> String {
        text.trim_end_matches(['?', '.', '!']).to_lowercase()
    }

    #[test]
    fn nothing_held_out_is_trained_on() {
        let atlas = Atlas::built_in();
        let rows = Rows::new(atlas, 7, Split::Train);
        let trained: HashSet<String> = (0..40_000).map(|i| plain(&rows.row(i).query)).collect();
        for kind in Kind::all() {
            for item in held_out(atlas, 5, kind, 200) {
                let has_pattern = !matches!(kind, Kind::MultiTurn(_));
                assert!(
                    !has_pattern || !trained.contains(&plain(&item.query)),
                    "{}: {}",
                    item.id,
                    item.query
                );
            }
        }
    }

    #[test]
    fn the_two_splits_ask_in_different_words() {
        use rand::SeedableRng;
        let atlas = Atlas::built_in();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        for relation in Relation::ALL {
            let subject = atlas.names.fresh(relation.info().subject, &atlas.world, Split::Train, &mut rng);
            let mut of = |split| -> HashSet<String> {
                let asked = Asked::Object(relation, &subject);
                (0..1500).map(|_| atlas.grammar.ask_cleanly(&asked, split, &mut rng)).collect()
            };
            let (train, test) = (of(Split::Train), of(Split::Test));
            assert!(
                train.len() >= 100 && test.len() >= 40,
                "{relation:?}: {} and {}",
                train.len(),
                test.len()
            );
            let plainly = |set: HashSet<String>| set.iter().map(|text| plain(text)).collect::<HashSet<_>>();
            let (train, test) = (plainly(train), plainly(test));
            assert!(train.is_disjoint(&test), "{relation:?}: {:?}", train.intersection(&test).next());
        }
    }
}
