//! Learns the models of the scope decision that `amend-editor` ships, and says what they are worth on held-out pairs:
//!
//! ```sh
//! cargo run --release -p amend-eval --example calibrate -- --questions editor/tests/data/scope.txt --out FOLDER \
//!     [--encoder MODEL_FOLDER]
//! ```
//!
//! Learned from are the labelled questions of the file (any number of `--questions`) and those that
//! `LabelledSet::made_up` makes; the seed is [`SEED`]. Written are `lexical.json` and, with an encoder, `hybrid.json`,
//! which belong into `editor/calibration/`; for each a report and three charts.

use amend_editor::{
    EncoderOptions, ScopeFeatures, ScopePolicy, SentenceEncoder,
    calibration::{LabelledQuestion, LabelledSet, ScopePair},
};
use amend_eval::edit::{
    calibrate::{
        Baseline, CalibrateOptions, FixedThreshold, LabelledPair, PairSet, Scope, Split, Threshold, calibrate,
    },
    protocol::Seed,
};
use amend_proto::{Embedder, TextRole};
use std::{error::Error, fs, path::Path};

/// Decides what is made up, and which pairs are held out.
const SEED: u64 = 7;
/// The share of groups that is held out.
const HELD_OUT: f64 = 0.25;
/// λ of the penalty.
const PENALTY: f64 = 1.0;
/// The largest share of out-of-scope pairs to learn from that may be applied. Most of them are other edits of the
/// question's own subject, which do little harm; those about other subjects lie far below.
const MAX_INJECTION: f64 = 0.05;
/// From this probability on an edit is applied, without an encoder and with one. They are set and not learned: the
/// probabilities are calibrated, so a threshold says how many edits too many one edit too few is worth.
const THRESHOLDS: [(&str, f64); 2] = [("lexical", 0.3), ("hybrid", 0.2)];
/// So many edits nearest to a question are told to the decision.
const NEAREST: usize = 16;
/// The features that only an encoder gives.
const OF_ENCODER: [&str; 2] = ["similarity", "lead"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let values = |name: &'static str| {
        let named = arguments.windows(2).filter(move |pair| pair[0] == name);
        named.map(|pair| pair[1].clone()).collect::<Vec<String>>()
    };
    let out = values("--out").pop().ok_or("give a folder to write to: --out FOLDER")?;
    fs::create_dir_all(&out)?;
    let mut sets = vec![LabelledSet::made_up(SEED)];
    let mut data = vec![format!("made up with seed {SEED}")];
    for file in values("--questions") {
        sets.push(LabelledSet::parse(&fs::read_to_string(&file)?)?);
        data.push(Path::new(&file).file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    let data = data.join(", ");
    let mut pairs = Vec::new();
    for set in &sets {
        pairs.extend(set.pairs(&ScopePolicy::default(), None));
    }
    learn("lexical", &data, &pairs, Path::new(&out))?;
    let Some(folder) = values("--encoder").pop() else { return Ok(()) };
    let encoder = SentenceEncoder::open(&folder, EncoderOptions::default())?;
    let mut pairs = Vec::new();
    for set in &sets {
        pairs.extend(near(set, &encoder)?);
    }
    learn("hybrid", &format!("{data}; encoder {}", encoder.id()), &pairs, Path::new(&out))
}

/// The pairs of a set with what an encoder says.
fn near(set: &LabelledSet, encoder: &SentenceEncoder) -> Result<Vec<ScopePair>, Box<dyn Error>> {
    let edits: Vec<&str> = set.edits.iter().map(|edit| edit.content.text.as_str()).collect();
    let edits = encoder.embed(&edits, TextRole::Passage)?;
    let texts: Vec<&str> = set.questions.iter().map(|question| question.text.as_str()).collect();
    let questions = encoder.embed(&texts, TextRole::Query)?;
    let nearest = |question: &LabelledQuestion| {
        let place = set.questions.iter().position(|known| std::ptr::eq(known, question)).unwrap_or_default();
        let mut all: Vec<(u32, f32)> =
            (0..).zip(&edits).map(|(at, edit)| (at, edit.cosine(&questions[place]))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(NEAREST);
        all
    };
    Ok(set.pairs(&ScopePolicy::default(), Some(&nearest)))
}

fn learn(name: &str, data: &str, pairs: &[ScopePair], out: &Path) -> Result<(), Box<dyn Error>> {
    let dense = name == "hybrid";
    let used: Vec<usize> = (0..ScopeFeatures::NAMES.len())
        .filter(|at| dense || !OF_ENCODER.contains(&ScopeFeatures::NAMES[*at]))
        .collect();
    let names = used.iter().map(|at| ScopeFeatures::NAMES[*at].to_owned()).collect();
    let labelled = pairs.iter().map(|pair| {
        let values = pair.features.values();
        LabelledPair {
            group: pair.group.clone(),
            tenant: None,
            features: used.iter().map(|at| f64::from(values[*at])).collect(),
            scope: if pair.in_scope { Scope::In } else { Scope::Out },
        }
    });
    let set = PairSet::new(names, labelled.collect())?;
    let options = CalibrateOptions {
        split: Split { held_out: HELD_OUT, seed: Seed(SEED) },
        penalty: PENALTY,
        max_injection: MAX_INJECTION,
        // Without an encoder the other edits of a question's subject cover it as well as the right one, and no threshold
        // on the cover keeps within the bound: the one of the trial in its place.
        baseline: match dense {
            true => Baseline { feature: "similarity".to_owned(), threshold: FixedThreshold::Chosen },
            false => Baseline { feature: "cover".to_owned(), threshold: FixedThreshold::At(Threshold(0.6)) },
        },
    };
    let calibrated = calibrate(&set, options)?;
    let mut model = calibrated.report.scope_model(data, &set);
    let set_to = THRESHOLDS.iter().find(|(of, _)| *of == name);
    model.threshold = set_to.map_or(model.threshold, |(_, threshold)| *threshold);
    fs::write(out.join(format!("{name}.json")), serde_json::to_string_pretty(&model)? + "\n")?;
    let (report, charts) = (calibrated.report.markdown()?, calibrated.charts()?);
    println!("{name}\n{report}");
    fs::write(out.join(format!("{name}.md")), report)?;
    for (chart, svg) in [
        ("reliability", charts.reliability),
        ("thresholds", charts.thresholds),
        ("trade_off", charts.trade_off),
    ] {
        fs::write(out.join(format!("{name}_{chart}.svg")), svg)?;
    }
    Ok(())
}
