//! Lists in pages, and what is not done on the runtime.

use super::*;
use crate::{
    MAX_TEXT_CHARS,
    edit::{ListAfter, Page, SupersedeEdit},
};
use futures::FutureExt;

async fn three(tenant: &TenantEditor) {
    for name in ["a", "b", "c"] {
        add(tenant, edit(name, &format!("The price of {name} is 1."))).await;
    }
}

/// Lists one edit a page; does something after each.
async fn listed(tenant: &TenantEditor, mut meanwhile: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = tenant.list(Page { limit: 1, after }).await.unwrap();
        seen.extend(page.edits.iter().map(|edit| format!("{}{}", edit.id, edit.seq)));
        let Some(next) = page.next else { return seen };
        // As a client has it.
        after = Some(ListAfter::from(next).to_string().parse().unwrap());
        meanwhile(seen.len()).await;
    }
}

#[tokio::test]
async fn a_list_is_whole_whatever_becomes_of_the_edit_it_is_at() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    three(&tenant).await;
    let superseding = listed(&tenant, async |page| {
        if page == 1 {
            let content = NewEdit::new("The price of a is 2.");
            tenant.supersede(SupersedeEdit::new(id("a"), content)).await.unwrap();
        }
    });
    assert_eq!(superseding.await, ["a1", "b2", "c3", "a4"]);
    let retiring = listed(&tenant, async |page| {
        if page == 1 {
            tenant.retire(retire("b")).await.unwrap();
        }
    });
    assert_eq!(retiring.await, ["b2", "c3", "a4"]);
}

#[test]
fn where_a_page_begins_is_read_from_text() {
    let read = |text: &str| text.parse::<ListAfter>().ok();
    assert_eq!(read("@7"), Some(ListAfter::Version(seq(7))));
    assert_eq!(read("7"), Some(ListAfter::Edit(id("7"))), "an id may be a number");
    for wrong in ["@", "@-1", "@+1", "@a", "@99999999999999999999", "a b", ""] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    for after in [ListAfter::Version(Seq::START), ListAfter::Edit(id("a:b/7"))] {
        assert_eq!(read(&after.to_string()), Some(after));
    }
}

/// Whatever goes to a thread for blocking work waits, because the only one is taken.
#[test]
fn what_may_take_long_leaves_the_runtime() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let bench = bench().await;
        let tenant = bench.of("acme");
        three(&tenant).await;
        let (free, taken) = std::sync::mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || taken.recv());

        let list = |limit| tenant.list(Page { limit, after: None });
        assert_eq!(list(100).now_or_never().expect("at once").unwrap().edits.len(), 3);
        let mut long = Box::pin(list(101));
        assert!(long.as_mut().now_or_never().is_none());

        // Refused while they are read, so that nothing else can be what is waited for.
        let wrong = |reason: usize| {
            let by = Attribution::by("ann\n?\n").because("x".repeat(reason));
            NewEdit::new("The price of a is 3.").about("a").by(by)
        };
        let supersede = |reason| tenant.supersede(SupersedeEdit::new(id("a"), wrong(reason)));
        assert!(supersede(1).now_or_never().expect("at once").is_err());
        assert!(supersede(2_000).now_or_never().is_none());
        let add = |edits: usize, reason| tenant.add(batch(vec![wrong(reason); edits]));
        assert!(add(8, 1).now_or_never().expect("at once").is_err());
        assert!(add(9, 1).now_or_never().is_none());
        assert!(add(1, 2_000).now_or_never().is_none(), "not only the text counts");
        let text = NewEdit::new(format!("{}\n", "x".repeat(MAX_TEXT_CHARS)));
        assert!(tenant.supersede(SupersedeEdit::new(id("a"), text)).now_or_never().is_none());

        free.send(()).unwrap();
        holder.await.unwrap().unwrap();
        assert_eq!(long.await.unwrap().edits.len(), 3);
    });
}
