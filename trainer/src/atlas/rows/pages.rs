//! Pages that state facts of the world, as an encyclopedia would: raw material for WebR.

use super::Rows;
use super::draft::Maker;
use crate::atlas::{
    Atlas,
    split::Split,
    world::{Name, Relation, Thing},
};
use rand::{Rng, seq::IndexedRandom};

/// What pages are about.
const THINGS: [Thing; 3] = [Thing::Country, Thing::Element, Thing::Company];
/// Subjects of one page.
const SUBJECTS: std::ops::RangeInclusive<usize> = 3..=5;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtlasPage {
    /// The names of its subjects.
    pub title: String,
    /// A paragraph for each subject: what is true of it, one sentence a fact.
    pub paragraphs: Vec<String>,
}

/// The first `count` pages of a seed, each a pure function of the seed and its place; phrasings are of the training split.
#[must_use]
pub fn atlas_pages(atlas: &'static Atlas, seed: u64, count: usize) -> Vec<AtlasPage> {
    let rows = Rows::new(atlas, seed, Split::Train);
    (0..count).map(|index| page(atlas, &rows, index)).collect()
}

fn page(atlas: &'static Atlas, rows: &Rows, index: usize) -> AtlasPage {
    let mut rng = rows.rng(&format!("page {index}"));
    let thing = THINGS[rng.random_range(0..THINGS.len())];
    let wanted = rng.random_range(SUBJECTS);
    let subjects: Vec<&Name> = atlas.world.subjects(thing).choose_multiple(&mut rng, wanted).collect();
    let mut maker = Maker { atlas, split: Split::Train, rng: &mut rng };
    let paragraphs = subjects.iter().map(|subject| {
        let facts = Relation::of(thing).filter_map(|relation| {
            let object = atlas.world.object(relation, subject.bare())?.to_owned();
            Some(maker.state(subject, relation, object).text)
        });
        facts.collect::<Vec<_>>().join(" ")
    });
    let paragraphs = paragraphs.collect();
    AtlasPage {
        title: subjects.iter().map(|subject| subject.bare()).collect::<Vec<_>>().join(", "),
        paragraphs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::oracle::AtlasWriter;

    #[test]
    fn pages_state_facts_that_can_be_read_back() {
        let atlas = Atlas::built_in();
        let pages = atlas_pages(atlas, 1, 40);
        assert_eq!(pages, atlas_pages(atlas, 1, 40));
        assert_ne!(pages, atlas_pages(atlas, 2, 40));
        let writer = AtlasWriter::new(atlas);
        for page in &pages {
            let facts = writer.facts(&page.paragraphs.join("\n\n"));
            assert!(facts >= page.paragraphs.len(), "{facts} of {page:?}");
        }
    }
}
