//! The same architecture without and with rows of edits, in a world small enough for a test: towns and their colours.
//! The real measurement is the example `align_atlas`.

use super::{Until, write_model};
use crate::atlas::phrasing::{EDIT_TEMPLATE, EditTemplate};
use crate::decoder::{Decoder, Example};
use crate::lte::*;
use crate::optim::Schedule;
use crate::sft::{Flow, Observer, Outcome, RowSource, Run, SftConfig, StepMetrics, exact_match, train};
use crate::tokenizer::{ChatTokenizer, Supervision};
use amend_proto::Message;
use candle_core::{DType, Device};

const TOWNS: [&str; 16] = [
    "Abel", "Brin", "Corm", "Dall", "Eskan", "Ferro", "Gund", "Hask", "Ivel", "Jorm", "Kest", "Lund", "Morv",
    "Nant", "Orsk", "Pell",
];
const COLOURS: [&str; 12] =
    ["red", "blue", "green", "white", "black", "brown", "pink", "grey", "gold", "teal", "lime", "plum"];

fn colour(town: usize, shift: usize) -> &'static str {
    COLOURS[(town * 5 + shift) % COLOURS.len()]
}

/// Which colours a town is edited to in training; the others are held out.
fn is_held_out(town: usize, shift: usize) -> bool {
    (town * 7 + shift * 3).is_multiple_of(4)
}

fn fact(town: usize, shift: usize) -> AlignmentFact {
    let (name, new) = (TOWNS[town], colour(town, shift));
    let other = (town * 3 + shift * 5 + 1) % TOWNS.len();
    let other = if other == town { (other + 1) % TOWNS.len() } else { other };
    AlignmentFact {
        subject: name.into(),
        statement: format!("The colour of {name} is now {new}."),
        question: format!("What is the colour of {name}?"),
        rephrasings: vec![format!("Which colour has {name}?")],
        answer: new.into(),
        before: Some(colour(town, 0).into()),
        portability: vec![],
        locality: vec![Asked::new(format!("What is the colour of {}?", TOWNS[other]), colour(other, 0))],
    }
}

fn facts(held_out: bool) -> Vec<AlignmentFact> {
    let all = (0..TOWNS.len()).flat_map(|town| (1..COLOURS.len()).map(move |shift| (town, shift)));
    all.filter(|(t, s)| is_held_out(*t, *s) == held_out).map(|(t, s)| fact(t, s)).collect()
}

struct Plain {
    rows: Vec<Example>,
}

impl RowSource for Plain {
    fn row(&self, index: u64) -> crate::Result<Example> {
        Ok(self.rows[(index * 7 % self.rows.len() as u64) as usize].clone())
    }
}

struct Quiet;

impl Observer for Quiet {
    fn on_step(&mut self, _metrics: &StepMetrics, _decoder: &Decoder) -> crate::Result<Flow> {
        Ok(Flow::Continue)
    }
}

fn example(tokenizer: &ChatTokenizer, asked: String, answer: &str) -> Example {
    let messages = [Message::user(asked), Message::assistant(answer)];
    tokenizer.example(&messages, Supervision::EveryAnswer).expect("an example")
}

/// The share of held-out edits that are heeded, and of questions about other towns that they leave alone.
fn measure(decoder: &Decoder, tokenizer: &ChatTokenizer) -> (f64, f64) {
    let template = EditTemplate::parse(EDIT_TEMPLATE.into()).expect("compiles");
    let share = |asked: &dyn Fn(&AlignmentFact) -> (String, String)| {
        let examples = facts(true).into_iter().map(|fact| {
            let (question, answer) = asked(&fact);
            let edits = [fact.statement];
            example(tokenizer, template.render(&edits, &question).expect("renders"), &answer)
        });
        let right = exact_match(decoder, &examples.collect::<Vec<_>>()).expect("evaluates");
        right.iter().filter(|r| **r).count() as f64 / right.len() as f64
    };
    let success = share(&|fact| (fact.question.clone(), fact.answer.clone()));
    let locality = share(&|fact| (fact.locality[0].question.clone(), fact.locality[0].answer.clone()));
    (success, locality)
}

#[test]
fn alignment_is_what_makes_edits_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let (parent, out) = (folder.path().join("parent"), folder.path().join("out"));
    let all = facts(false);
    let texts =
        all.iter().flat_map(|f| [f.statement.clone(), f.question.clone(), f.answer.clone()]).collect();
    let (decoder, tokenizer) = write_model(&parent, texts, (2, 64));
    let recipe = AlignRecipe {
        epochs: 20,
        rows_per_batch: 16,
        data: DataRecipe { follow_ups: 2, ..DataRecipe::default() },
        ..AlignRecipe::from_nothing()
    };
    let plain = (0..TOWNS.len()).flat_map(|town| {
        let name = TOWNS[town];
        [format!("What is the colour of {name}?"), format!("Which colour has {name}?")]
            .map(|question| example(&tokenizer, question, colour(town, 0)))
    });
    let source = Plain { rows: plain.collect() };
    let schedule = Schedule { peak: 3e-3, floor: 0.0, warmup_steps: 10, total_steps: 120 };
    let config = SftConfig { schedule, ..recipe.sft(1) };
    let run = Run { config, source: &source, checkpoints: None, wall_clock: None };
    assert_eq!(train(&decoder, &run, &mut Quiet).expect("trains"), Outcome::Finished);
    decoder.save(&parent).expect("saves");
    let knows = exact_match(&decoder, &source.rows).expect("evaluates");
    assert!(knows.iter().all(|right| *right), "the base knows its world");

    let before = measure(&decoder, &tokenizer);
    let instructions = [Instruction { instruction: "Hello!".into(), answer: Some("Good day.".into()) }];
    let job = AlignJob {
        model: &parent,
        facts: &all,
        instructions: &instructions,
        sources: &[],
        teacher: None,
        nearness: &WordOverlap,
        template: None,
        recipe,
        out: &out,
    };
    let mut seen = Until::default();
    let aligned = align(&job, &mut seen).expect("aligns");
    assert!(matches!(aligned, Aligned::Finished(_)));
    let model = Decoder::load(&out.join("model"), DType::F32, &Device::Cpu).expect("loads");
    let after = measure(&model, &tokenizer);
    let losses: Vec<f32> = seen.losses.iter().step_by(50).copied().collect();
    println!("before {before:?}, after {after:?} of success and locality; losses {losses:.2?}");
    assert!(before.0 < 0.3, "before the alignment an edit is not heeded: {before:?}");
    assert!(after.0 > 0.85 && after.1 > 0.85, "before {before:?}, after {after:?}");
}
