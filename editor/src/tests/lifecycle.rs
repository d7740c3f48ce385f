//! What can be done with one edit, and what of it can be read afterwards.

use super::*;
use crate::{
    edit::{OnConflict, Status, SupersedeEdit, Target},
    error::EditError,
    operation::{Cause, Change},
    time::Timestamp,
};
use amend_proto::{ChatModel, ChatRequest, testing::ScriptedModel};

#[tokio::test]
async fn an_edit_is_superseded_retired_and_restored_and_remembers_who_did_it() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let first = add(&tenant, edit("a", "The capital of France is Lyon.").by(Attribution::by("ann"))).await;
    bench.clock.set(2_000);
    let content =
        NewEdit::new("The capital of France is Nice.").by(Attribution::by("bob").because("it moved"));
    let second = tenant.supersede(SupersedeEdit::new(id("a"), content.clone())).await.unwrap().edit;
    assert_eq!(
        (second.seq, second.created_at.seconds(), second.updated_at.seconds()),
        (seq(2), 1_000, 2_000)
    );
    assert_eq!(tenant.supersede(SupersedeEdit::new(id("a"), content)).await.unwrap().edit, second, "once");
    bench.clock.set(3_000);
    let by = Attribution::by("cid").because("wrong");
    assert_eq!(tenant.retire(RetireEdit { id: id("a"), by }).await.unwrap(), second);
    assert_eq!(tenant.find(&id("a")).await.unwrap().unwrap().status, Status::Retired);
    assert_eq!(tenant.restore(restore("a")).await.unwrap().edit, second, "restored as it was");
    let older = RestoreEdit { version: Some(first.edits[0].seq), ..restore("a") };
    assert_eq!(tenant.restore(older).await.unwrap().edit, first.edits[0]);
    assert_eq!(tenant.get(&id("a")).unwrap(), first.edits[0]);
    assert_eq!(bench.editor.last_seq(), seq(5));

    let history = tenant.history(&id("a"), Seq::START, 10).await.unwrap();
    assert_eq!(did(&history.operations), ["add a", "supersede a", "retire a", "restore a", "restore a"]);
    let who = |o: &Operation| format!("{:?} {:?} {}", o.author, o.reason, o.at);
    let who: Vec<String> = history.operations.iter().take(3).map(who).collect();
    assert_eq!(
        who,
        [
            r#"Some("ann") None 1000"#,
            r#"Some("bob") Some("it moved") 2000"#,
            r#"Some("cid") Some("wrong") 3000"#
        ]
    );
    assert!(history.operations.iter().all(|o| o.cause == Cause::Request && o.batch == o.seq));
    let page = tenant.history(&id("a"), seq(1), 2).await.unwrap();
    assert_eq!((did(&page.operations).concat().as_str(), page.next), ("supersede aretire a", Some(seq(3))));

    let database = bench.folder.path().join("amend.db");
    bench.editor.close().await.unwrap();
    let editor = open(&database, &bench.clock, None).await;
    let tenant = editor.tenant(tenant.id().clone());
    assert_eq!(tenant.get(&id("a")), Some(first.edits[0].clone()), "also after a restart");
    assert_eq!(applied(&tenant, "What is the capital of France?"), ["a"]);
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("a", "Iron is soft.")).await;
    let content = NewEdit::new("Iron is hard.");
    let missing = |error: EditError| matches!(error, EditError::NotFound { id } if id.as_str() == "b");
    assert!(missing(tenant.supersede(SupersedeEdit::new(id("b"), content.clone())).await.unwrap_err()));
    assert!(missing(tenant.retire(retire("b")).await.unwrap_err()));
    assert!(missing(tenant.restore(restore("b")).await.unwrap_err()));
    assert!(missing(tenant.history(&id("b"), Seq::START, 1).await.unwrap_err()));
    let param = |error: EditError| error.param().map(str::to_owned);
    let never = RestoreEdit { version: Some(seq(9)), ..restore("a") };
    let error = tenant.restore(never).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"version must be a version of the edit "a"; its history has no 9"#);
    let outdated = SupersedeEdit::new(id("a"), content).having_seen(seq(9));
    let error = tenant.supersede(outdated).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"the edit "a" has a newer version, 1; read it and decide again"#);
    let past = NewEdit::new("Iron is old.").expiring(Timestamp::from_seconds(999));
    let error = tenant.supersede(SupersedeEdit::new(id("a"), past)).await.unwrap_err();
    insta::assert_snapshot!(error, @"expires_at must be in the future: 999 has passed, it is 1000 (Unix seconds)");
    let error = tenant.roll_back(back_to(2)).await.unwrap_err();
    insta::assert_snapshot!(error, @"to must not lie ahead: the log ends at 1, not at 2");
    assert_eq!(param(tenant.watch(seq(2)).err().unwrap()).as_deref(), Some("after"));
    assert_eq!(param(tenant.state_as_of(seq(2), seq(0), 1).await.unwrap_err()).as_deref(), Some("seq"));
    assert_eq!(param(tenant.diff((seq(0), seq(2)), None, 1).await.unwrap_err()).as_deref(), Some("to"));
    assert_eq!(param(tenant.operations(seq(0), 0).await.unwrap_err()).as_deref(), Some("limit"));
    let unsigned = RetireEdit { id: id("a"), by: Attribution::by("\n") };
    assert_eq!(param(tenant.retire(unsigned).await.unwrap_err()).as_deref(), Some("author"));
    assert_eq!(bench.editor.last_seq(), seq(1), "nothing of it is in the log");
}

#[tokio::test]
async fn an_edit_is_in_force_between_its_times_only() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let timed = edit("a", "The capital of France is Lyon.")
        .valid_from(Timestamp::from_seconds(2_000))
        .expiring(Timestamp::from_seconds(3_000));
    add(&tenant, timed).await;
    let question = "What is the capital of France?";
    for (now, status, found) in [
        (1_000, Status::Scheduled, 0),
        (1_999, Status::Scheduled, 0),
        (2_000, Status::Live, 1),
        (2_999, Status::Live, 1),
        (3_000, Status::Expired, 0),
    ] {
        bench.clock.set(now);
        assert_eq!(applied(&tenant, question).len(), found, "{now}");
        assert_eq!(tenant.find(&id("a")).await.unwrap().unwrap().status, status, "{now}");
    }
    assert_eq!(bench.editor.last_seq(), seq(1), "nobody had to write for it");
    bench.clock.set(2_500);
    assert_eq!(applied(&tenant, question), ["a"], "the clock alone decides");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_seen_whole_or_not_at_all() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let writer = {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                let edits = (0..300).map(|n| NewEdit::new(format!("The price of n{round}x{n} is {n}.")));
                tenant.add(batch(edits)).await.expect("added");
            }
        })
    };
    let mut seen = 0;
    while seen < 3_000 {
        let now = tenant.count();
        assert!(now >= seen && now.is_multiple_of(300), "{now} after {seen}");
        seen = now;
        tokio::task::yield_now().await;
    }
    writer.await.expect("no write fails");
}

#[tokio::test]
async fn tenants_see_nothing_of_each_other() {
    let bench = bench().await;
    let (acme, rival) = (bench.of("acme"), bench.of("rival"));
    let question = "What is the capital of France?";
    add(&acme, edit("a", "The capital of France is Lyon.")).await;
    let theirs = add(&rival, edit("a", "The capital of France is Nice.")).await;
    assert_eq!(theirs.conflicts, [], "an id and a fact of another tenant are free");
    assert_eq!((applied(&acme, question).len(), applied(&bench.of("new"), question).len()), (1, 0));
    assert_eq!(rival.get(&id("a")).unwrap().content.text, "The capital of France is Nice.");
    let keyed = |text: &str| AddEdits::from(NewEdit::new(text)).keyed("k");
    acme.add(keyed("Iron is soft.")).await.unwrap();
    rival.add(keyed("Iron is hard.")).await.unwrap();
    rival.retire(retire("a")).await.unwrap();
    assert_eq!(applied(&acme, question), ["a"]);
    assert_eq!(applied(&rival, question), [""; 0]);
    assert_eq!(did(&acme.operations(Seq::START, 9).await.unwrap().operations).len(), 2);
    assert_eq!(did(&rival.history(&id("a"), Seq::START, 9).await.unwrap().operations), ["add a", "retire a"]);
    let state = acme.state_as_of(bench.editor.last_seq(), Seq::START, 9).await.unwrap();
    assert!(state.edits.iter().all(|edit| edit.tenant == *acme.id()), "{state:?}");
    let none = bench.of("new");
    assert_eq!((none.count(), none.find(&id("a")).await.unwrap()), (0, None));
    let page = crate::edit::Page { limit: 9, after: None };
    assert_eq!(none.list(page).await.unwrap().edits, []);
    rival.roll_back(back_to(0)).await.unwrap();
    assert_eq!((acme.count(), rival.count(), bench.editor.count()), (2, 0, 2));
    let all = bench.editor.tenants(9, None).unwrap();
    assert_eq!(all.iter().map(TenantId::as_str).collect::<Vec<_>>(), ["acme"]);
}

#[tokio::test]
async fn an_edit_corrects_the_models_it_is_for() {
    let bench = bench().await;
    let inner = ScriptedModel::echo();
    let info = inner.info();
    let target = |name: &str, target: Target| {
        edit(name, &format!("The capital of {name} is Lyon.")).about(name).targeting(target)
    };
    let tenant = bench.of("acme");
    for new in [
        target("France", Target::AllModels),
        target("Spain", Target::Model(info.id.clone())),
        target("Italy", Target::Revision(info.revision.clone())),
        target("Chad", Target::Model("another".parse().unwrap())),
        target("Peru", Target::Revision("another".parse().unwrap())),
    ] {
        add(&tenant, new).await;
    }
    let countries = ["France", "Spain", "Italy", "Chad", "Peru"];
    let found = |tenant: &TenantEditor| -> Vec<String> {
        countries.iter().flat_map(|c| applied(tenant, &format!("What is the capital of {c}?"))).collect()
    };
    assert_eq!(found(&tenant), ["France"], "nobody said which model answers");
    assert_eq!(found(&tenant.clone().serving(info)), ["France", "Spain", "Italy"]);
    let model = crate::EditedModel::new(bench.editor.clone(), Arc::new(inner));
    let ask = |country: &str, of: &str| {
        let question = Message::user(format!("What is the capital of {country}?"));
        ChatRequest { tenant: TenantId::new(of).unwrap(), ..ChatRequest::greedy(vec![question]) }
    };
    let count = async |country: &str, of: &str| {
        model.complete(ask(country, of)).await.unwrap().provenance.edits.len()
    };
    assert_eq!((count("Spain", "acme").await, count("Chad", "acme").await), (1, 0));
    assert_eq!(count("Spain", "rival").await, 0, "the request says whose edits apply");
}

#[tokio::test]
async fn aliases_and_relations_are_found_by() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let new = edit("a", "They moved the seat to Lyon.")
        .about("France")
        .also_called(["the Hexagon"])
        .stating("capital", "Lyon");
    add(&tenant, new).await;
    for question in ["What is the capital of France?", "What is the capital of the Hexagon?"] {
        assert_eq!(applied(&tenant, question), ["a"], "{question}");
    }
    assert_eq!(applied(&tenant, "What is the currency of France?"), [""; 0]);
}

#[tokio::test]
async fn a_displaced_edit_names_its_successor() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("old", "The capital of France is Lyon.")).await;
    let replacing = batch([edit("new", "France's capital is Nice.")]).on_conflict(OnConflict::Supersede);
    tenant.add(replacing).await.unwrap();
    let old = tenant.find(&id("old")).await.unwrap().unwrap();
    assert_eq!((old.status, old.superseded_by, old.last), (Status::Superseded, Some(id("new")), seq(2)));
    let operations = tenant.operations(Seq::START, 9).await.unwrap().operations;
    assert_eq!(did(&operations), ["add old", "displace old", "add new"]);
    assert!(matches!(&operations[1].change, Change::Displace { by } if *by == id("new")));
    assert_eq!((operations[1].batch, operations[2].batch), (seq(2), seq(2)));
    assert_eq!(applied(&tenant, "What is the capital of France?"), ["new"]);
}
