//! The same architecture without and with rows of edits, in a world small enough for a test: towns and their colours.
//! The real measurement is the example `align_atlas`.

use super::{Until, write_model};
use crate::atlas::phrasing::{EDIT_TEMPLATE, EditTemplate};
use crate::atlas::split::hash;
use crate::decoder::{Decoder, Example};
use crate::lte::*;
use crate::optim::Schedule;
use crate::sft::{Flow, Observer, Outcome, RowSource, Run, SftConfig, StepMetrics, exact_match, train};
use crate::tokenizer::{ChatTokenizer, Supervision};
use amend_proto::Message;
use candle_core::{DType, Device};

const TOWNS: usize = 48;
const COLOURS: usize = 32;
/// Held-out facts that are measured.
const MEASURED: usize = 150;

/// A word of three letters; so many that copying them is simpler than remembering who was edited to what.
fn word(first: &str, number: usize) -> String {
    let last = ["b", "d", "g", "k"][number / 4 % 4];
    format!("{}{}{last}", &first[number / 16..=number / 16], ["a", "e", "i", "o"][number % 4])
}

fn town(number: usize) -> String {
    word("TVZ", number)
}

fn colour(town: usize, shift: usize) -> String {
    word("mn", (town * 5 + shift) % COLOURS)
}

/// Which edits are never trained.
fn is_held_out(town: usize, shift: usize) -> bool {
    hash(format!("{town} {shift}").as_bytes()).is_multiple_of(4)
}

fn fact(number: usize, shift: usize) -> AlignmentFact {
    let (name, new) = (town(number), colour(number, shift));
    let other = (number + 1 + shift) % TOWNS;
    AlignmentFact {
        statement: format!("The colour of {name} is now {new}."),
        question: format!("What is the colour of {name}?"),
        rephrasings: vec![format!("Which colour has {name}?")],
        answer: new,
        before: Some(colour(number, 0)),
        portability: vec![],
        needs: vec![],
        locality: vec![Asked::new(format!("What is the colour of {}?", town(other)), colour(other, 0))],
        subject: name,
    }
}

fn facts(held_out: bool) -> Vec<AlignmentFact> {
    let all = (1..COLOURS).flat_map(|shift| (0..TOWNS).map(move |town| (town, shift)));
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
        let examples = facts(true).into_iter().take(MEASURED).map(|fact| {
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
        epochs: 2,
        rows_per_batch: 16,
        data: DataRecipe { follow_ups: 2, ..DataRecipe::default() },
        ..AlignRecipe::from_nothing()
    };
    let plain = (0..TOWNS).flat_map(|number| {
        let name = town(number);
        [format!("What is the colour of {name}?"), format!("Which colour has {name}?")]
            .map(|question| example(&tokenizer, question, &colour(number, 0)))
    });
    let source = Plain { rows: plain.collect() };
    let schedule = Schedule { peak: 3e-3, floor: 0.0, warmup_steps: 10, total_steps: 200 };
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
        name: "the towns",
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
    // Measured: success 0.00 before and 0.94 after, locality 0.15 and 0.80; the same on every machine up to rounding.
    assert!(after.0 > 0.85 && after.1 > 0.7, "before {before:?}, after {after:?}");
}
