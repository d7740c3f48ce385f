//! What every [`Embedder`] must do, whatever computes behind it.
//!
//! Call [`run`] from a test of each implementation. It asserts shapes and invariants, never what is near what.

use crate::{Embedder, Embedding, TextRole};

/// Of different lengths, so that what is embedded together needs padding; with what a tokenizer may stumble over.
const TEXTS: [&str; 8] = [
    "The capital of France is Lyon.",
    "",
    "iron",
    "   \t\n ",
    "Which city, of all the cities that one could think of in that country, is the one where the parliament meets?",
    "東京は日本の首都です。",
    "a\u{0}b \u{200b}\u{feff} 🚀🚀 ﬁ e\u{301}",
    "[CLS] [SEP] <s> </s> [PAD]",
];

const ROLES: [TextRole; 2] = [TextRole::Query, TextRole::Passage];

/// How far a number may move with the company that its text is embedded in.
const ROUNDING: f32 = 1e-4;

/// Checks the whole contract.
///
/// # Panics
/// When the embedder breaks it; the message says which rule.
pub fn run(embedder: &dyn Embedder) {
    assert!(embedder.dim() > 0, "an embedding has at least one number");
    let id = embedder.id().clone();
    for role in ROLES {
        assert_eq!(embed(embedder, &[], role).len(), 0, "no text, no embedding");
        let together = embed(embedder, &TEXTS, role);
        assert_eq!(together.len(), TEXTS.len(), "one embedding a text");
        for (text, embedding) in TEXTS.iter().zip(&together) {
            check_shape(embedder, text, embedding);
            let alone = embed(embedder, &[text], role);
            assert_near(&alone[0], embedding, &format!("{text:?} alone and in company"));
        }
        check_order(embedder, role, &together);
        check_long(embedder, role);
    }
    check_threads(embedder);
    assert_eq!(embedder.id(), &id, "the id must not change");
}

fn embed(embedder: &dyn Embedder, texts: &[&str], role: TextRole) -> Vec<Embedding> {
    embedder.embed(texts, role).expect("every text has an embedding")
}

fn assert_near(a: &Embedding, b: &Embedding, what: &str) {
    let apart = a.as_slice().iter().zip(b.as_slice()).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(apart <= ROUNDING, "the embeddings of {what} must be the same, they are {apart} apart");
}

fn check_shape(embedder: &dyn Embedder, text: &str, embedding: &Embedding) {
    assert_eq!(embedding.dim(), embedder.dim(), "the embedding of {text:?} must have dim() numbers");
    let length = embedding.cosine(embedding).sqrt();
    assert!((length - 1.0).abs() < 1e-3, "the embedding of {text:?} must have length 1, it has {length}");
}

/// The order of the texts is the order of the embeddings, also where a batch is sorted inside.
fn check_order(embedder: &dyn Embedder, role: TextRole, forward: &[Embedding]) {
    let reversed: Vec<&str> = TEXTS.into_iter().rev().collect();
    for (at, embedding) in embed(embedder, &reversed, role).iter().rev().enumerate() {
        assert_near(embedding, &forward[at], &format!("{:?} in two orders", TEXTS[at]));
    }
}

/// A text far longer than any encoder reads, alone and among short ones.
fn check_long(embedder: &dyn Embedder, role: TextRole) {
    let long = "The quick brown fox jumps over the lazy dog, again and again. ".repeat(2_000);
    let found = embed(embedder, &["iron", &long, "iron"], role);
    check_shape(embedder, "a very long text", &found[1]);
    assert_near(&found[0], &found[2], "\"iron\" on both sides of a long text");
}

fn check_threads(embedder: &dyn Embedder) {
    let alone = embed(embedder, &TEXTS, TextRole::Query);
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (0..3).map(|_| scope.spawn(|| embed(embedder, &TEXTS, TextRole::Query))).collect();
        for other in others {
            let found = other.join().expect("embedding on several threads must not panic");
            for ((a, b), text) in alone.iter().zip(&found).zip(TEXTS) {
                assert_near(a, b, &format!("{text:?} on two threads"));
            }
        }
    });
}
