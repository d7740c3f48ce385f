//! Past states, differences, rollbacks and watches.

use super::*;
use crate::{
    edit::SupersedeEdit,
    error::EditError,
    operation::{Cause, Difference},
};
use futures::{FutureExt, StreamExt};

/// Six operations: a, b, c; then b gone, a new, d.
async fn filled() -> Bench {
    let bench = bench().await;
    let tenant = bench.of("acme");
    for name in ["a", "b", "c"] {
        add(&tenant, edit(name, &format!("The capital of {name}land is Lyon."))).await;
    }
    tenant.retire(retire("b")).await.unwrap();
    let content = NewEdit::new("The capital of aland is Nice.");
    tenant.supersede(SupersedeEdit::new(id("a"), content)).await.unwrap();
    add(&tenant, edit("d", "The capital of dland is Lyon.")).await;
    bench
}

#[tokio::test]
async fn every_past_state_can_be_read() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    let states = [(0, ""), (1, "a"), (3, "abc"), (4, "ac"), (5, "ca"), (6, "cad")];
    for (at, wanted) in states {
        let state = tenant.state_as_of(seq(at), Seq::START, 9).await.unwrap();
        assert_eq!((names(&state.edits).concat().as_str(), state.next), (wanted, None), "{at}");
        let (mut after, mut paged) = (Seq::START, String::new());
        loop {
            let page = tenant.state_as_of(seq(at), after, 1).await.unwrap();
            paged += &names(&page.edits).concat();
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(paged, wanted, "{at} in pages");
    }
    let text = async |name: &str, at: i64| {
        tenant.get_as_of(&id(name), seq(at)).await.unwrap().map(|edit| edit.content.text)
    };
    assert_eq!(text("a", 4).await.as_deref(), Some("The capital of aland is Lyon."));
    assert_eq!(text("a", 5).await.as_deref(), Some("The capital of aland is Nice."));
    assert_eq!((text("b", 1).await, text("b", 4).await), (None, None));
    assert_eq!(bench.of("rival").state_as_of(seq(6), Seq::START, 9).await.unwrap().edits, []);
}

#[tokio::test]
async fn two_states_are_compared() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    let told = async |from: i64, to: i64, after: Option<&EditId>, limit: usize| {
        let found = tenant.diff((seq(from), seq(to)), after, limit).await.unwrap();
        let one = |difference: &Difference| match difference {
            Difference::Added(edit) => format!("+{}", edit.id),
            Difference::Removed(edit) => format!("-{}", edit.id),
            Difference::Changed { before, after } => format!("{}:{}>{}", after.id, before.seq, after.seq),
        };
        (found.differences.iter().map(one).collect::<Vec<_>>().join(" "), found.next)
    };
    assert_eq!(told(3, 6, None, 9).await, ("a:1>5 -b +d".to_owned(), None));
    assert_eq!(told(6, 3, None, 9).await, ("a:5>1 +b -d".to_owned(), None));
    assert_eq!(told(2, 4, None, 9).await, ("-b +c".to_owned(), None));
    assert_eq!(told(1, 4, None, 9).await, ("+c".to_owned(), None), "b came and went");
    assert_eq!(told(4, 4, None, 9).await, (String::new(), None));
    assert_eq!(told(3, 6, None, 1).await, ("a:1>5".to_owned(), Some(id("a"))));
    assert_eq!(told(3, 6, Some(&id("a")), 1).await, ("-b".to_owned(), Some(id("b"))));
}

#[tokio::test]
async fn a_rollback_appends_what_it_takes() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    let before = tenant.state_as_of(seq(3), Seq::START, 9).await.unwrap().edits;
    let by = Attribution::by("ann").because("a bad day");
    let done = tenant.roll_back(RollBack { to: seq(3), by: by.clone() }).await.unwrap();
    assert_eq!((done.from, done.through, done.retired, done.restored), (seq(6), seq(9), 1, 2));
    let page = crate::edit::Page { limit: 9, after: None };
    assert_eq!(tenant.list(page).await.unwrap().edits, before, "the same versions in the same order");
    let operations = tenant.operations(seq(6), 9).await.unwrap().operations;
    assert_eq!(did(&operations), ["retire d", "restore a", "restore b"]);
    for operation in operations {
        assert_eq!((operation.cause, operation.batch), (Cause::Rollback { to: seq(3) }, seq(7)));
        assert_eq!((operation.author.as_deref(), operation.reason), (Some("ann"), by.reason.clone()));
    }
    let again = tenant.roll_back(back_to(3)).await.unwrap();
    assert_eq!((again.from, again.through), (seq(9), seq(9)), "nothing to undo");
    let undone = tenant.roll_back(back_to(6)).await.unwrap();
    assert_eq!((undone.retired, undone.restored), (1, 2));
    assert_eq!(applied(&tenant, "What is the capital of dland?"), ["d"]);

    let database = bench.folder.path().join("amend.db");
    bench.editor.close().await.unwrap();
    let editor = open(&database, &bench.clock, None).await;
    let tenant = editor.tenant(tenant.id().clone());
    assert_eq!((tenant.count(), tenant.get(&id("a")).unwrap().seq), (3, seq(5)));
}

#[tokio::test]
async fn a_rollback_is_of_one_tenant_or_of_all() {
    let bench = bench().await;
    let (acme, rival) = (bench.of("acme"), bench.of("rival"));
    add(&acme, edit("a", "Iron is soft.")).await;
    add(&rival, edit("a", "Iron is hard.")).await;
    add(&acme, edit("b", "Tin is soft.")).await;
    add(&rival, edit("b", "Tin is hard.")).await;
    acme.roll_back(back_to(2)).await.unwrap();
    assert_eq!((acme.count(), rival.count()), (1, 2));
    let all = bench.editor.roll_back_all(back_to(1)).await.unwrap();
    assert_eq!((all.retired, acme.count(), rival.count()), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollbacks_that_race_each_tell_what_they_did() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    let (one, two) = tokio::join!(tenant.roll_back(back_to(3)), tenant.roll_back(back_to(1)));
    let (mut first, mut second) = (one.unwrap(), two.unwrap());
    if second.from < first.from {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!((first.from, second.from), (seq(6), first.through), "one after the other");
    assert_eq!(second.through, bench.editor.last_seq());
    let now = tenant.state_as_of(second.through, Seq::START, 9).await.unwrap().edits;
    let then = tenant.state_as_of(second.to, Seq::START, 9).await.unwrap().edits;
    assert_eq!((names(&now), now.len()), (names(&then), then.len()), "the later one decides");
}

#[tokio::test]
async fn a_rollback_beyond_the_limit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = crate::EditorOptions::new(folder.path().join("amend.db"));
    options.limits.max_live = 2;
    let editor = Editor::open(options).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    add(&tenant, edit("a", "A1")).await;
    add(&tenant, edit("b", "B2")).await;
    tenant.retire(retire("a")).await.unwrap();
    let other = editor.tenant(TenantId::new("other").unwrap());
    add(&other, edit("c", "C3")).await;
    let full = tenant.roll_back(back_to(2)).await.unwrap_err();
    assert!(matches!(full, EditError::Full { limit: 2 }), "{full}");
    let full = tenant.restore(restore("a")).await.unwrap_err();
    assert!(matches!(full, EditError::Full { .. }), "{full}");
    assert_eq!((editor.last_seq(), tenant.count()), (seq(4), 1));
    other.retire(retire("c")).await.unwrap();
    assert_eq!(tenant.roll_back(back_to(2)).await.unwrap().restored, 1);
}

#[tokio::test]
async fn a_rollback_that_leaves_no_more_is_done_where_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let options = |max_live: usize| {
        let mut options = crate::EditorOptions::new(folder.path().join("amend.db"));
        options.limits.max_live = max_live;
        options
    };
    let editor = Editor::open(options(9)).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    for name in ["a", "b", "c", "d"] {
        add(&tenant, edit(name, &format!("The capital of {name}land is Lyon."))).await;
    }
    tenant.retire(retire("a")).await.unwrap();
    add(&tenant, edit("e", "The capital of eland is Lyon.")).await;
    editor.close().await.unwrap();
    // Four stand, and one may.
    let editor = Editor::open(options(1)).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    let swapped = tenant.roll_back(back_to(4)).await.unwrap();
    assert_eq!((swapped.retired, swapped.restored, tenant.count()), (1, 1, 4), "as many as before");
    assert_eq!(tenant.roll_back(back_to(3)).await.unwrap().retired, 1);
    assert!(matches!(tenant.roll_back(back_to(4)).await, Err(EditError::Full { limit: 1 })));
    assert_eq!(tenant.roll_back(back_to(0)).await.unwrap().retired, 3);
}

#[tokio::test]
async fn a_past_state_is_read_in_pages_in_the_order_of_versions() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    tenant.restore(restore("b")).await.unwrap();
    tenant.retire(retire("a")).await.unwrap();
    tenant.restore(RestoreEdit { version: Some(seq(1)), ..restore("a") }).await.unwrap();
    for (at, wanted) in [(7, "bcad"), (8, "bcd"), (9, "abcd")] {
        let (mut after, mut paged) = (Seq::START, String::new());
        loop {
            let page = tenant.state_as_of(seq(at), after, 2).await.unwrap();
            paged += &names(&page.edits).concat();
            let Some(next) = page.next else { break };
            after = next;
        }
        assert_eq!(paged, wanted, "{at}");
    }
}

#[tokio::test]
async fn a_watch_gives_the_past_and_then_what_comes() {
    let bench = filled().await;
    let tenant = bench.of("acme");
    let mut watch = tenant.watch(seq(2)).unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(watch.next().await.unwrap().unwrap());
    }
    assert_eq!(did(&seen), ["add c", "retire b", "supersede a", "add d"]);
    assert!(watch.next().now_or_never().is_none(), "there is no more yet");
    add(&bench.of("rival"), edit("z", "Iron is soft.")).await;
    let edits = (0..600).map(|n| edit(&format!("n{n}"), &format!("The price of n{n} is {n}.")));
    tenant.add(batch(edits)).await.unwrap();
    for n in 0..600 {
        let next = watch.next().await.unwrap().unwrap();
        assert_eq!(
            (next.edit.as_str(), next.seq),
            (format!("n{n}").as_str(), seq(8 + n)),
            "once and in order"
        );
    }
    bench.editor.close().await.unwrap();
    assert!(watch.next().await.is_none(), "it ends with the editor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_of_any_speed_see_every_operation_once() {
    let bench = bench().await;
    let writer = {
        let tenants = [bench.of("acme"), bench.of("rival")];
        tokio::spawn(async move {
            for n in 0..200 {
                add(&tenants[n % 2], edit(&format!("n{n}"), &format!("The price of n{n} is {n}."))).await;
            }
        })
    };
    let all = bench.editor.watch_all(Seq::START).unwrap().take(200);
    let slow = bench.of("acme").watch(Seq::START).unwrap().take(100).then(|operation| async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        operation
    });
    let (all, slow) = tokio::join!(all.collect::<Vec<_>>(), slow.collect::<Vec<_>>());
    writer.await.unwrap();
    let numbers: Vec<i64> = all.into_iter().map(|operation| operation.unwrap().seq.get()).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let own: Vec<String> = slow.into_iter().map(|operation| operation.unwrap().edit.to_string()).collect();
    assert_eq!(own, (0..200).step_by(2).map(|n| format!("n{n}")).collect::<Vec<_>>());
    let all = bench.editor.all_operations(seq(198), 9).await.unwrap();
    assert_eq!((did(&all.operations).len(), all.next), (2, None));
}
