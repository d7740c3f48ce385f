//! Conversations beside the pairs.

use super::*;

/// Twenty-four of different lengths, as many as there are pairs, and one without an answer.
fn bench() -> Bench {
    let answered = |n: usize| {
        let answer = format!("It has a mill{}.", " and a bridge".repeat(n % 4));
        vec![Message::user(format!("What else is in town {n}?")), Message::assistant(answer)]
    };
    let mut conversations: Vec<Vec<Message>> = (0..24).map(answered).collect();
    conversations.push(vec![Message::user("Nobody answers this.")]);
    Bench { conversations, ..Bench::new() }
}

fn shared(share: f64) -> PreferenceRecipe {
    PreferenceRecipe { conversation_share: share, learning_rate: 5e-4, ..recipe(lora(0.1)) }
}

fn losses(seen: &Seen) -> Vec<f64> {
    seen.steps.iter().filter_map(|step| step.conversation_loss).collect()
}

#[test]
fn conversations_are_learned_beside_the_pairs() {
    let bench = bench();
    let mut seen = Seen::default();
    let card = finished(bench.train("beside", &shared(0.5), &mut seen));
    assert_eq!(card.conversations, ConversationCounts { kept: 24, left_out: 1 });
    let learned = losses(&seen);
    assert_eq!(learned.len(), 12);
    assert!(learned[11] < learned[0] - 0.1, "{learned:?}");
    let (before, after) = (card.before.expect("measured"), card.after.expect("measured"));
    assert!(after.pairs.loss < before.pairs.loss - 0.01, "{after:?}");
    // What they have is the pairs' less.
    let card = finished(bench.train("less", &shared(0.15), &mut Seen::default()));
    let lower = card.after.expect("measured").pairs.loss;
    assert!(lower < after.pairs.loss, "{lower} {after:?}");
}

#[test]
fn few_conversations_do_not_come_more_often_than_pairs() {
    let rows = |bench: &Bench, out: &str| -> usize {
        let mut seen = Seen::default();
        finished(bench.train(out, &shared(0.5), &mut seen));
        seen.steps.iter().map(|step| step.rows).sum()
    };
    let mut bench = bench();
    let many = rows(&bench, "many");
    bench.conversations.truncate(4);
    let few = rows(&bench, "few");
    bench.conversations.clear();
    let none = rows(&bench, "none");
    // Each of 4 three times in 12 steps is one a step, where 24 are six.
    assert!(many - none > 4 * (few - none) && few > none, "{none} {few} {many}");
}

#[test]
fn without_conversations_or_a_share_nothing_changes() {
    let (with, without) = (bench(), Bench::new());
    finished(with.train("out", &shared(0.0), &mut Seen::default()));
    finished(without.train("out", &shared(0.4), &mut Seen::default()));
    assert!(weights(&with.path("out")) == weights(&without.path("out")));
    let record = fs::read_to_string(with.path("out/recipe.json")).expect("readable");
    assert!(!record.contains("conversation_share"), "{record}");
}

#[test]
fn a_stopped_training_goes_on_with_the_same_conversations() {
    let bench = bench();
    finished(bench.train("straight", &shared(0.25), &mut Seen::default()));
    for stop_at in [3, 7] {
        let mut seen = Seen { stop_at: Some(stop_at), ..Seen::default() };
        let stopped = bench.train("stopped", &shared(0.25), &mut seen).expect("trains");
        assert_eq!(stopped, Trained::Stopped { step: stop_at });
    }
    finished(bench.train("stopped", &shared(0.25), &mut Seen::default()));
    assert!(weights(&bench.path("stopped")) == weights(&bench.path("straight")));
    let others = Bench { conversations: bench.conversations[..3].to_vec(), ..bench };
    let refused = others.train("straight", &shared(0.25), &mut Seen::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
}
