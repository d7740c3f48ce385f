//! Conflicts: what is told, what the rules do, and which edit wins.

use super::*;
use crate::{
    conflict::{Conflict, ConflictKind, MAX_CONFLICTS, Resolution},
    edit::{OnConflict, SupersedeEdit},
    error::EditError,
    time::Timestamp,
};

const QUESTION: &str = "What is the capital of France?";

fn told(conflicts: &[Conflict]) -> Vec<String> {
    let one = |c: &Conflict| format!("{} {} {} {:?}", c.edit, c.kind.as_str(), c.with, c.resolution);
    conflicts.iter().map(one).collect()
}

#[tokio::test]
async fn both_stand_and_the_newer_wins_unless_told_otherwise() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    assert_eq!(add(&tenant, edit("lyon", "The capital of France is Lyon.")).await.conflicts, []);
    let nice = add(&tenant, edit("nice", "Lille is now the capital city of France.")).await;
    assert_eq!(told(&nice.conflicts), ["nice contradiction lyon KeptBoth"]);
    assert_eq!(nice.conflicts[0].with_seq, seq(1));
    assert_eq!(applied(&tenant, QUESTION), ["lyon", "nice"]);
    let again = add(&tenant, edit("again", "the capital of France is LYON")).await;
    assert_eq!(
        told(&again.conflicts),
        ["again contradiction nice KeptBoth", "again duplicate lyon KeptBoth"]
    );
    assert_eq!(applied(&tenant, QUESTION).last().unwrap(), "again");

    // A new version is newer than what was added before it, and a restored one is as old as it was.
    let content = NewEdit::new("The capital of France is Metz.");
    let metz = tenant.supersede(SupersedeEdit::new(id("lyon"), content)).await.unwrap();
    assert_eq!(metz.conflicts.len(), 2);
    assert_eq!(applied(&tenant, QUESTION).last().unwrap(), "lyon");
    tenant.retire(retire("nice")).await.unwrap();
    let restored = tenant.restore(restore("nice")).await.unwrap();
    assert_eq!(
        told(&restored.conflicts),
        ["lyon contradiction nice KeptBoth", "again contradiction nice KeptBoth"]
    );
    assert_eq!(applied(&tenant, QUESTION), ["nice", "again", "lyon"]);
}

#[tokio::test]
async fn the_newer_wins_whatever_the_scores_are() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let new = |name: &str, text: &str, object: &str| {
        edit(name, text).about("Bragran Labs").stating("chief executive", object)
    };
    add(&tenant, new("worded", "Anna Smith is the chief executive of Bragran Labs.", "Anna Smith")).await;
    add(&tenant, new("plain", "It is Olaf Brun who does it.", "Olaf Brun")).await;
    let preview = tenant.preview(&[Message::user("Who is the chief executive of Bragran Labs?")]).unwrap();
    let order: Vec<&str> = preview.edits.iter().map(|edit| edit.id.as_str()).collect();
    assert_eq!(order, ["worded", "plain"]);
    assert!(preview.edits.is_sorted_by(|a, b| a.score <= b.score));
}

#[tokio::test]
async fn a_conflicting_edit_can_be_refused() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("lyon", "The capital of France is Lyon.")).await;
    let refuse = |edits: Vec<NewEdit>| tenant.add(AddEdits::new(edits).on_conflict(OnConflict::Refuse));
    let fine = edit("iron", "Iron is soft.");
    let error = refuse(vec![fine.clone(), edit("nice", "France's capital is Nice.")]).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"the edit "lyon" ("The capital of France is Lyon.") says something else of the same; retire it, supersede it, or keep both"#);
    assert_eq!(error.param(), Some("edits[1]"));
    let error = refuse(vec![edit("same", "The capital of France is Lyon!")]).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"the edit "lyon" ("The capital of France is Lyon.") says the same; keep that one, or keep both"#);
    let among = vec![edit("x", "The mayor of Lyon is Ann."), edit("y", "The mayor of Lyon is Bob.")];
    assert!(matches!(refuse(among).await, Err(EditError::Conflict { param, .. }) if param == "edits[1]"));
    assert_eq!((tenant.count(), bench.editor.last_seq()), (1, seq(1)), "all or none");
    refuse(vec![fine]).await.unwrap();
}

#[tokio::test]
async fn a_conflicting_edit_can_take_the_place_of_the_older_one() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let by = OnConflict::Supersede;
    let mayors = ["ann", "bob", "cid"].map(|name| {
        edit(name, &format!("The mayor of Lyon is {name}.")).stating("mayor", name).about("Lyon")
    });
    let added = tenant.add(batch(mayors).on_conflict(by)).await.unwrap();
    assert_eq!(
        told(&added.conflicts),
        ["bob contradiction ann Superseded", "cid contradiction bob Superseded"]
    );
    assert_eq!(applied(&tenant, "Who is the mayor of Lyon?"), ["cid"], "the last of a batch stands");
    let version =
        tenant.add(batch([edit("cid", "The mayor of Lyon is Dan.")]).on_conflict(by)).await.unwrap();
    assert_eq!((version.edits[0].seq, version.conflicts.len()), (seq(6), 0), "its own id: a new version");
    assert_eq!(tenant.count(), 1);
}

#[tokio::test]
async fn however_many_there_are_all_give_way() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let price = |n: usize| NewEdit::new(format!("The price of Bragran is {n}."));
    let added = tenant.add(batch((100..140).map(price))).await.unwrap();
    assert!(added.conflicts.len() < 40 * MAX_CONFLICTS, "few are told of each");
    let last = tenant.add(batch([price(7)]).on_conflict(OnConflict::Supersede)).await.unwrap();
    assert_eq!((last.conflicts.len(), tenant.count()), (40, 1));
}

#[tokio::test]
async fn a_conflict_is_refused_however_many_edits_for_others_are_newer() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let price = |n: usize| NewEdit::new(format!("The price of Bragran is {n}."));
    let of = |model: &str| crate::Target::Model(model.parse().unwrap());
    add(&tenant, price(1).named(id("one")).targeting(of("one"))).await;
    let others = (2..100).map(|n| price(n).targeting(of("two")));
    tenant.add(batch(others)).await.unwrap();
    let refuse =
        |n: usize| tenant.add(batch([price(n).targeting(of("one"))]).on_conflict(OnConflict::Refuse));
    let error = refuse(200).await.unwrap_err();
    assert!(error.to_string().starts_with(r#"the edit "one""#), "{error}");
    tenant.retire(retire("one")).await.unwrap();
    refuse(200).await.unwrap();
}

#[tokio::test]
async fn only_what_the_new_edit_covers_gives_way() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let of = |model: &str| crate::Target::Model(model.parse().unwrap());
    let at = Timestamp::from_seconds;
    let mayor = |name: &str| {
        edit(name, &format!("The mayor of Lyon is {name}.")).about("Lyon").stating("mayor", name)
    };
    let supersede = async |edit: NewEdit| {
        told(&tenant.add(batch([edit]).on_conflict(OnConflict::Supersede)).await.unwrap().conflicts)
    };
    add(&tenant, mayor("ann")).await;
    let narrower = [
        mayor("bob").targeting(of("one")),
        mayor("cid").expiring(at(2_000)),
        mayor("dan").valid_from(at(1_500)),
    ];
    for (edit, wanted) in narrower.into_iter().zip([
        "bob contradiction ann KeptBoth",
        "cid contradiction bob KeptBoth, cid contradiction ann KeptBoth",
        "dan contradiction cid KeptBoth, dan contradiction bob KeptBoth, dan contradiction ann KeptBoth",
    ]) {
        assert_eq!(supersede(edit).await.join(", "), wanted);
    }
    // For the same model and longer than cid, but not for all models as ann, cid and dan are.
    let one = supersede(mayor("eva").targeting(of("one")).valid_from(at(900)).expiring(at(i64::MAX))).await;
    assert_eq!(
        one.join(", "),
        "eva contradiction dan KeptBoth, eva contradiction cid KeptBoth, eva contradiction bob Superseded, \
         eva contradiction ann KeptBoth"
    );
    bench.clock.set(1_600);
    let all = supersede(mayor("fay").valid_from(at(1_600))).await;
    assert!(all.len() == 4 && all.iter().all(|told| told.ends_with("Superseded")), "{all:?}");
    assert_eq!(tenant.count(), 1);
    // An edit's own versions are no conflict.
    assert_eq!(supersede(mayor("fay").targeting(of("one"))).await, [""; 0]);
    assert_eq!(tenant.count(), 1);
}

#[tokio::test]
async fn edits_that_are_never_in_force_together_do_not_conflict() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let until = |edit: NewEdit, at| edit.expiring(Timestamp::from_seconds(at));
    add(&tenant, until(edit("lyon", "The capital of France is Lyon."), 2_000)).await;
    let later = edit("nice", "The capital of France is Nice.").valid_from(Timestamp::from_seconds(2_000));
    assert_eq!(add(&tenant, later).await.conflicts, []);
    let of = |model: &str| crate::Target::Model(model.parse().unwrap());
    let metz = |name: &str, model: &str| edit(name, "The capital of Peru is Metz.").targeting(of(model));
    add(&tenant, metz("p", "one")).await;
    assert_eq!(add(&tenant, metz("q", "two")).await.conflicts, []);
    assert_eq!(add(&tenant, metz("r", "two")).await.conflicts.len(), 1);
    bench.clock.set(2_500);
    let now = add(&tenant, edit("metz", "The capital of France is Metz.")).await;
    assert_eq!(told(&now.conflicts), ["metz contradiction nice KeptBoth"], "lyon has expired");
}

#[tokio::test]
async fn conflicts_are_listed_while_they_last() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    for (name, text) in [
        ("a", "The capital of France is Lyon."),
        ("b", "Iron is soft."),
        ("c", "The capital of France is Nice."),
        ("d", "Soft is iron."),
        ("e", "The capital of France is Metz."),
    ] {
        add(&tenant, edit(name, text)).await;
    }
    let listed = |after: Seq, limit| {
        let page = tenant.conflicts(after, limit).unwrap();
        let told: Vec<String> = page.conflicts.iter().flat_map(|c| told(&c.conflicts)).collect();
        (told.join(", "), page.next)
    };
    let (first, next) = listed(Seq::START, 2);
    assert_eq!(first, "c contradiction a KeptBoth, d duplicate b KeptBoth");
    let (rest, end) = listed(next.unwrap(), 2);
    assert_eq!((rest.as_str(), end), ("e contradiction c KeptBoth, e contradiction a KeptBoth", None));
    tenant.retire(retire("c")).await.unwrap();
    tenant.retire(retire("b")).await.unwrap();
    assert_eq!(listed(Seq::START, 9), ("e contradiction a KeptBoth".to_owned(), None));
    assert_eq!(bench.of("rival").conflicts(Seq::START, 9).unwrap().conflicts, []);
    assert_eq!(ConflictKind::Duplicate.as_str(), "duplicate");
    assert_ne!(Resolution::KeptBoth, Resolution::Superseded);
}
