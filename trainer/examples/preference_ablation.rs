//! What bridging and modelling each add to DPO, in a small world: towns and their colours.
//!
//! ```text
//! cargo run --release -p amend-trainer --example preference_ablation -- FOLDER [seeds] [base steps] [steps] [rate in 1e-4]
//! ```
//!
//! A decoder made from nothing reads, for every town, the right colour as often as the wrong one, in two wordings. The
//! pairs prefer the right colour; as people's answers do, the better answer also differs in wording. *Bridged*, it is the
//! worse answer with the colour put right. Measured on a phrasing of the question that no pair has: how often the right
//! colour has the higher reward than the wrong one in the same wording, and how often a greedy answer names the right colour. Per seed the base, the pairs and
//! the order are drawn anew; the four trainings of a seed differ in nothing else. `FOLDER/seed-N/NAME` keeps each run.

#[path = "shared/interval.rs"]
mod interval;

use amend_proto::Message;
use amend_trainer::bmc::loss::{Objective, ReferenceWeighting};
use amend_trainer::bmc::{
    Control, Guards, PreferenceJob, PreferenceObserver, PreferencePair, PreferenceRecipe, PreferenceStep,
    Trained, train_preferences,
};
use amend_trainer::decoder::{
    AttentionBias, Decoder, DecoderConfig, Example, Family, Heads, OutputWeights, RopeScaling,
};
use amend_trainer::lora::LoraConfig;
use amend_trainer::lte::Method;
use amend_trainer::memory::keep_freed_memory;
use amend_trainer::optim::{AdamWConfig, Schedule};
use amend_trainer::sft::{BatchSize, Flow, Observer, RowSource, Run, SftConfig, StepMetrics, train};
use amend_trainer::tokenizer::{CHATML_TOKENS, ChatTokenizer, END_OF_TEXT, Supervision, TURN_END, train_bpe};
use candle_core::{DType, Device};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const TOWNS: usize = 40;
/// Phrasings of the question; the last is held out.
const QUESTIONS: [&str; 3] =
    ["What is the colour of {}?", "Which colour has {}?", "Tell me the colour of {}."];
const COLOURS: [&str; 12] = [
    "red", "blue", "green", "white", "black", "brown", "grey", "pink", "amber", "violet", "silver", "golden",
];

/// The wording of an answer.
#[derive(Clone, Copy)]
enum Wording {
    Plain,
    Wordy,
}

struct World {
    towns: Vec<String>,
    right: Vec<usize>,
    wrong: Vec<usize>,
}

impl World {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let (first, last) = (
            ["Ba", "Do", "Ki", "Lu", "Me", "Na", "Pi", "Ro", "Su", "Ta"],
            ["rin", "sol", "tam", "vek", "wyn", "zor", "lop", "gid"],
        );
        let mut towns: Vec<String> =
            first.iter().flat_map(|a| last.iter().map(move |b| format!("{a}{b}"))).collect();
        towns.shuffle(rng);
        towns.truncate(TOWNS);
        let right: Vec<usize> = (0..TOWNS).map(|_| rng.random_range(0..COLOURS.len())).collect();
        let wrong = right.iter().map(|r| (r + rng.random_range(1..COLOURS.len())) % COLOURS.len()).collect();
        Self { towns, right, wrong }
    }

    fn question(&self, town: usize, phrasing: usize) -> String {
        QUESTIONS[phrasing].replace("{}", &self.towns[town])
    }

    fn answer(&self, town: usize, colour: usize, wording: Wording) -> String {
        let (town, colour) = (&self.towns[town], COLOURS[colour]);
        match wording {
            Wording::Plain => format!("The colour of {town} is {colour}."),
            Wording::Wordy => format!(
                "Good question! People who have been to {town} say that it is {colour}, as far as I know."
            ),
        }
    }

    fn pair(&self, town: usize, phrasing: usize, (better, worse): (Wording, Wording)) -> PreferencePair {
        PreferencePair {
            prompt: vec![Message::user(self.question(town, phrasing))],
            chosen: self.answer(town, self.right[town], better),
            rejected: self.answer(town, self.wrong[town], worse),
        }
    }

    /// The worse answer is the wrong colour; the better one is worded otherwise, or when it is bridged in the same way.
    fn pairs(&self, bridged: bool) -> Vec<PreferencePair> {
        let all = (0..QUESTIONS.len() - 1).flat_map(|phrasing| (0..TOWNS).map(move |town| (phrasing, town)));
        let pair = |(phrasing, town): (usize, usize)| {
            // Which wording the worse answer has says nothing about the town or the phrasing.
            let coin = ChaCha8Rng::seed_from_u64((town * QUESTIONS.len() + phrasing) as u64).random_bool(0.5);
            let (better, worse) =
                if coin { (Wording::Wordy, Wording::Plain) } else { (Wording::Plain, Wording::Wordy) };
            self.pair(town, phrasing, (if bridged { worse } else { better }, worse))
        };
        all.map(pair).collect()
    }

    /// Right against wrong in the held-out phrasing, in either wording: nothing but the colour tells them apart.
    fn held_out(&self) -> Vec<PreferencePair> {
        let both =
            |town| [Wording::Plain, Wording::Wordy].map(|w| self.pair(town, QUESTIONS.len() - 1, (w, w)));
        (0..TOWNS).flat_map(both).collect()
    }
}

/// Right and wrong colours alike, in every wording and phrasing.
struct Rows {
    examples: Vec<Example>,
    seed: u64,
}

impl RowSource for Rows {
    fn row(&self, index: u64) -> amend_trainer::Result<Example> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Ok(self.examples[rng.random_range(0..self.examples.len())].clone())
    }
}

struct Quiet;

impl Observer for Quiet {
    fn on_step(&mut self, metrics: &StepMetrics, _: &Decoder) -> amend_trainer::Result<Flow> {
        if metrics.step.is_multiple_of(200) {
            eprintln!("  base step {}: loss {:.3}", metrics.step, metrics.loss);
        }
        Ok(Flow::Continue)
    }
}

impl PreferenceObserver for Quiet {
    fn on_step(&mut self, _: &PreferenceStep, _: u64) {}
}

fn base(world: &World, folder: &Path, (seed, steps): (u64, u64)) -> Outcome<()> {
    let mut texts = Vec::new();
    let mut conversations = Vec::new();
    for town in 0..TOWNS {
        for (phrasing, colour, wording) in (0..QUESTIONS.len()).flat_map(|p| {
            [world.right[town], world.wrong[town]]
                .into_iter()
                .flat_map(move |c| [Wording::Plain, Wording::Wordy].map(|w| (p, c, w)))
        }) {
            let (question, answer) = (world.question(town, phrasing), world.answer(town, colour, wording));
            texts.extend([question.clone(), answer.clone()]);
            conversations.push([Message::user(question), Message::assistant(answer)]);
        }
    }
    let tokenizer = ChatTokenizer::chatml(train_bpe(texts.into_iter(), 700, &CHATML_TOKENS)?)?;
    let config = DecoderConfig {
        family: Family::Llama,
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 64,
        intermediate_size: 176,
        layers: 2,
        heads: Heads { heads: 4, kv_heads: 4, head_dim: 16 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        output: OutputWeights::Tied,
        attention_bias: AttentionBias::None,
        max_positions: 256,
        sliding_window: None,
        bos_token_id: None,
        eos_token_ids: tokenizer.id(TURN_END).into_iter().collect(),
        pad_token_id: tokenizer.id(END_OF_TEXT),
    };
    let decoder = Decoder::fresh(config, seed, DType::F32, &Device::Cpu)?;
    let examples = conversations.iter().map(|c| tokenizer.example(c, Supervision::LastAnswer));
    let rows = Rows { examples: examples.collect::<Result<_, _>>()?, seed };
    let config = SftConfig {
        schedule: Schedule { peak: 4e-3, floor: 0.0, warmup_steps: 20, total_steps: steps },
        optimiser: AdamWConfig::default(),
        batch: BatchSize::Rows(32),
        accumulation: 1,
        checkpoint_every: steps,
    };
    train(&decoder, &Run { config, source: &rows, checkpoints: None, wall_clock: None }, &mut Quiet)?;
    decoder.save(folder)?;
    tokenizer.save(folder)?;
    Ok(())
}

/// How often a greedy answer to the held-out phrasing names the right colour.
fn answers(world: &World, folder: &Path) -> Outcome<f64> {
    let decoder = Decoder::load(folder, DType::F32, &Device::Cpu)?.frozen();
    let tokenizer = ChatTokenizer::load(folder)?;
    let stop = decoder.config().eos_token_ids.clone();
    let mut right = 0;
    for town in 0..TOWNS {
        let prompt = tokenizer.prompt(&[Message::user(world.question(town, QUESTIONS.len() - 1))])?;
        let answer = tokenizer.decode(&decoder.generate(&prompt, 40, &stop)?)?;
        let named =
            |colour: usize| answer.split(|c: char| !c.is_alphabetic()).any(|word| word == COLOURS[colour]);
        right += usize::from(named(world.right[town]) && !named(world.wrong[town]));
    }
    Ok(right as f64 / TOWNS as f64)
}

const VARIANTS: [(&str, bool, bool); 4] = [
    ("DPO", false, false),
    ("bridging only", true, false),
    ("modelling only", false, true),
    ("BMC", true, true),
];

fn recipe((seed, modelled): (u64, bool), steps: u64, rate: f64) -> PreferenceRecipe {
    let beta = 0.1;
    let objective = match modelled {
        true => Objective::DpoBmc { beta, delta: 2.0, reference_weighting: ReferenceWeighting::Policy },
        false => Objective::Dpo { beta },
    };
    PreferenceRecipe {
        seed,
        loss: objective.into(),
        method: Method::Lora(LoraConfig { rank: 8, alpha: 16.0, dropout: 0.0, ..LoraConfig::default() }),
        epochs: 100,
        max_steps: Some(steps),
        learning_rate: rate,
        pairs_per_step: 16,
        evaluate_every: steps,
        checkpoint_every: steps,
        guards: Guards { max_divergence: 1e3, max_displacement: 1e3, max_accuracy_fall: 1.0, patience: None },
        ..PreferenceRecipe::lora()
    }
}

fn main() -> Outcome<()> {
    keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to work in")?);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |n| n.parse());
    let (seeds, base_steps, steps, rate) =
        (number(5)?, number(1500)?, number(60)?, number(50)? as f64 * 1e-4);
    let mut scores = vec![Vec::new(); VARIANTS.len()];
    for seed in 1..=seeds {
        let world = World::new(&mut ChaCha8Rng::seed_from_u64(seed));
        let of_seed = folder.join(format!("seed-{seed}"));
        let parent = of_seed.join("base");
        if !parent.join("model.safetensors").exists() {
            base(&world, &parent, (seed, base_steps))?;
        }
        eprintln!("seed {seed}: the base names the right colour in {:.3}", answers(&world, &parent)?);
        for ((name, bridged, modelled), scores) in VARIANTS.into_iter().zip(&mut scores) {
            let out = of_seed.join(name.replace(' ', "-"));
            let job = PreferenceJob {
                model: &parent,
                pairs: &world.pairs(bridged),
                held_out: &world.held_out(),
                conversations: &[],
                sources: &[],
                stop_words: None,
                recipe: recipe((seed, modelled), steps, rate),
                budget: None,
                control: Control::default(),
                out: &out,
            };
            let Trained::Finished(card) = train_preferences(&job, &mut Quiet)? else {
                return Err(format!("{name} of seed {seed} did not finish").into());
            };
            let after = card.after.ok_or("the held-out pairs were not measured")?.pairs;
            let right = answers(&world, &out.join("model"))?;
            eprintln!(
                "  {name}: reward accuracy {:.3}, margin {:.3}, right answers {right:.3}",
                after.accuracy, after.margin
            );
            scores.push([after.accuracy, right]);
        }
    }
    println!("| {seeds} seeds, {steps} steps | reward accuracy | right answers |\n|---|---|---|");
    for ((name, ..), scores) in VARIANTS.into_iter().zip(&scores) {
        println!(
            "| {name} | {} | {} |",
            interval::cell(scores.iter().map(|s| s[0])),
            interval::cell(scores.iter().map(|s| s[1]))
        );
    }
    Ok(())
}
