use super::*;
use crate::operation::{Cause, Change};
use proptest::prelude::*;
use std::sync::Arc;

fn operation(seq: i64, tenant: u8, name: u8, change: impl FnOnce(Edit) -> Change) -> Operation {
    let id = EditId::new(format!("n{name}")).expect("a valid id");
    let tenant = TenantId::new(format!("t{tenant}")).expect("a valid id");
    let (seq, at) = (Seq::new(seq), Timestamp::default());
    let content = Content::new(format!("The capital of Verdania is Arvik{name}."));
    let edit = Edit { id: id.clone(), tenant: tenant.clone(), seq, created_at: at, updated_at: at, content };
    let (author, reason, cause) = (None, None, Cause::Request);
    Operation { seq, batch: seq, tenant, edit: id, at, author, reason, cause, change: change(edit) }
}

fn add(seq: i64, tenant: u8, name: u8) -> Operation {
    operation(seq, tenant, name, |edit| Change::Add(Arc::new(edit)))
}

fn retire(seq: i64, tenant: u8, name: u8) -> Operation {
    operation(seq, tenant, name, |_| Change::Retire)
}

fn apply(live: &Live, operations: &[Operation]) {
    live.apply(operations.iter().cloned().map(|operation| (operation, None)).collect());
}

fn tenant(number: u8) -> TenantId {
    TenantId::new(format!("t{number}")).expect("a valid id")
}

#[test]
fn operations_that_are_in_already_are_passed_over() {
    let live = Live::default();
    apply(&live, &[add(1, 0, 1), retire(2, 0, 1)]);
    apply(&live, &[add(1, 0, 1), retire(2, 0, 1), add(3, 0, 2)]);
    assert_eq!((live.len(), live.through()), (1, Seq::new(3)));
    assert_eq!(live.list(&tenant(0), 10, Seq::START).edits[0].seq, Seq::new(3));
}

#[test]
fn a_request_goes_in_whole_and_a_rollback_in_pieces() {
    let request = |batch: i64, cause: Cause, count: i64| {
        (0..count).map(move |n| {
            let operation = Operation { batch: Seq::new(batch), cause, ..retire(batch + n, 0, 0) };
            Step { operation, prepared: None }
        })
    };
    let rollback = Cause::Rollback { to: Seq::START };
    let all = [(1, Cause::Request, 10), (11, Cause::Request, 300), (311, rollback, 1_000)];
    let steps: Vec<Step> =
        all.into_iter().flat_map(|(batch, cause, count)| request(batch, cause, count)).collect();
    let lengths: Vec<usize> = pieces(&steps).collect();
    assert_eq!(lengths[0], 310, "short requests together, a long one whole");
    assert_eq!(lengths.iter().sum::<usize>(), 1_310);
    assert!(lengths[1..].iter().all(|length| *length <= MAX_LOCKED), "{lengths:?}");
}

#[test]
fn a_tenant_is_there_while_it_has_edits() {
    let live = Live::default();
    apply(&live, &[add(1, 1, 1), add(2, 0, 1), add(3, 2, 1), retire(4, 1, 1)]);
    assert_eq!(live.tenants(10, None), [tenant(0), tenant(2)]);
    assert_eq!(live.tenants(1, Some(&tenant(0))), [tenant(2)]);
    assert_eq!((live.count(&tenant(1)), live.count(&tenant(2)), live.len()), (0, 1, 2));
}

proptest! {
    #[test]
    fn how_operations_are_grouped_makes_no_difference(
        steps in proptest::collection::vec((0u8..2, 0u8..5, any::<bool>()), 1..30), size in 1usize..8
    ) {
        let operations: Vec<Operation> = (1..)
            .zip(steps)
            .map(|(seq, (of, name, adds))| if adds { add(seq, of, name) } else { retire(seq, of, name) })
            .collect();
        let (whole, pieces) = (Live::default(), Live::default());
        apply(&whole, &operations);
        for piece in operations.chunks(size) {
            apply(&pieces, piece);
        }
        for of in [tenant(0), tenant(1)] {
            prop_assert_eq!(whole.list(&of, 100, Seq::START), pieces.list(&of, 100, Seq::START));
            let conflicts = |live: &Live| live.conflicts(&of, 100, Seq::START, Timestamp::default());
            prop_assert_eq!(conflicts(&whole), conflicts(&pieces));
        }
        prop_assert_eq!(whole.through(), pieces.through());
    }

    #[test]
    fn what_is_gone_leaves_nothing_behind(steps in proptest::collection::vec((0u8..5, any::<bool>()), 1..30)) {
        let live = Live::default();
        let mut seq = 0;
        let mut next = || { seq += 1; seq };
        for (name, adds) in steps {
            apply(&live, &[if adds { add(next(), 0, name) } else { retire(next(), 0, name) }]);
        }
        // The last edit keeps the tenant there to be looked into.
        apply(&live, &[add(next(), 0, 9)]);
        for name in 0..5 {
            apply(&live, &[retire(next(), 0, name)]);
        }
        let state = live.read();
        let mut fresh = Standing::default();
        fresh.insert(Prepared::new(&state.tenants[&tenant(0)].get(&EditId::new("n9").unwrap()).unwrap()));
        prop_assert_eq!(state.tenants[&tenant(0)].register.dump(), fresh.register.dump());
    }
}
