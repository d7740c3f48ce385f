use super::*;
use std::collections::HashSet;

fn world() -> World {
    World::load().unwrap()
}

#[test]
fn it_is_as_large_as_promised() {
    let world = world();
    assert!(world.subjects(Thing::Country).len() >= 160);
    assert_eq!(world.subjects(Thing::Element).len(), 118);
    assert!(world.subjects(Thing::Company).len() >= 40);
}

#[test]
fn every_subject_has_every_stored_fact_and_one_name() {
    let world = world();
    for thing in [Thing::Country, Thing::Element, Thing::Company, Thing::Person] {
        let names: HashSet<String> = world.subjects(thing).iter().map(|n| n.bare().to_lowercase()).collect();
        assert_eq!(names.len(), world.subjects(thing).len(), "{thing:?}: a name occurs twice");
        for relation in Relation::of(thing).filter(|r| r.is_stored()) {
            assert_eq!(world.facts(relation).len(), names.len(), "{relation:?}");
            assert!(names.iter().all(|name| world.object(relation, name).is_some()), "{relation:?}");
        }
    }
}

#[test]
fn inverses_are_unique_and_lead_back() {
    let world = world();
    for relation in Relation::ALL.into_iter().filter(|r| r.info().inverse == Inverse::Unique) {
        for fact in world.facts(relation) {
            assert_eq!(
                world.inverse(relation, &fact.object),
                Some(&fact.subject),
                "{relation:?} {}",
                fact.object
            );
        }
    }
}

#[test]
fn atomic_numbers_count_up() {
    for (at, fact) in world().facts(Relation::AtomicNumber).iter().enumerate() {
        assert_eq!(fact.object, (at + 1).to_string(), "{}", fact.subject.bare());
    }
}

#[test]
fn continents_are_the_six_that_have_countries() {
    let found: HashSet<String> =
        world().facts(Relation::Continent).iter().map(|f| f.object.clone()).collect();
    let known = ["Africa", "Asia", "Europe", "North America", "South America", "Oceania"];
    assert_eq!(found, known.into_iter().map(str::to_owned).collect());
}

#[test]
fn both_splits_have_facts_to_edit() {
    let world = world();
    for relation in Relation::ALL.into_iter().filter(|r| r.info().subject != Thing::Product) {
        let subjects = world.subjects(relation.info().subject);
        let test = subjects.iter().filter(|n| Fact::edit_split(relation, n) == Split::Test).count();
        assert!(test >= 2 && test * 3 < subjects.len(), "{relation:?}: {test} of {}", subjects.len());
    }
}

#[test]
fn a_broken_table_is_named_by_its_line() {
    let error = table("x.tsv", "# heading\na\tb\nc\n", 2).unwrap_err();
    assert!(matches!(error, DataError::Line { file: "x.tsv", line: 3, .. }), "{error}");
}

#[test]
fn names_keep_their_article_apart() {
    let name = Name::parse("the Gambia");
    assert_eq!((name.bare(), name.shown().as_str()), ("Gambia", "the Gambia"));
    assert_eq!(Name::parse("Chad").shown(), "Chad");
}
