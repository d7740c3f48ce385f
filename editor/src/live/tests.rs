use super::*;
use proptest::prelude::*;

fn add(seq: i64, name: u8) -> Operation {
    let id = EditId::new(format!("n{name}")).expect("a valid id");
    let text = format!("The capital of Verdania is Arvik{name}.");
    Operation::Add(Edit { id, seq, text, subject: None, created_at: 0 })
}

fn retire(seq: i64, name: u8) -> Operation {
    Operation::Retire { seq, id: EditId::new(format!("n{name}")).expect("a valid id") }
}

#[test]
fn operations_that_are_in_already_are_passed_over() {
    let live = Live::default();
    live.apply(vec![add(1, 1), retire(2, 1)]);
    live.apply(vec![add(1, 1), retire(2, 1), add(3, 2)]);
    assert_eq!((live.len(), live.through()), (1, 3));
    assert_eq!(live.list(10, 0).edits[0].seq, 3);
}

proptest! {
    #[test]
    fn how_operations_are_grouped_makes_no_difference(
        steps in proptest::collection::vec((0u8..5, any::<bool>()), 1..30), size in 1usize..8
    ) {
        let operations: Vec<Operation> = (1..)
            .zip(steps)
            .map(|(seq, (name, adds))| if adds { add(seq, name) } else { retire(seq, name) })
            .collect();
        let (whole, pieces) = (Live::default(), Live::default());
        whole.apply(operations.clone());
        for piece in operations.chunks(size) {
            pieces.apply(piece.to_vec());
        }
        prop_assert_eq!(whole.list(100, 0), pieces.list(100, 0));
        prop_assert_eq!(whole.through(), pieces.through());
    }
}
