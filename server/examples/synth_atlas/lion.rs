//! Lion on atlas.

use super::measure::{Item, Nobody, accuracy, shown};
use amend_proto::Priority;
use amend_server::synth::{
    EndpointRole, LearnMethod, LionRequest, RoleSource, StudentSettings, SynthConfig, lion,
};
use amend_trainer::{
    atlas::{Atlas, Kind, Rows, Setting, Split, builtin, held_out},
    bmc::Control,
    synth::{
        ask::Role,
        lion::{Instruction, LionSettings, Origin},
        progress::Silent,
    },
};
use std::{collections::BTreeMap, path::Path};

/// Given of each kind, and measured of each kind.
const GIVEN: u64 = 60;
const MEASURED: usize = 200;
const ITERATIONS: u32 = 3;
/// New instructions of an iteration.
const NEW: usize = 240;

fn kinds() -> [Kind; 4] {
    let setting = Setting::Plain;
    [Kind::Fact, Kind::Inverse(setting), Kind::TwoHop(setting), Kind::Constraints { level: 2, setting }]
}

/// The loop as it is, or without what makes it Lion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arm {
    Lion,
    Unfiltered,
}

fn config(arm: Arm, seed: u64) -> SynthConfig {
    let settings =
        LionSettings { seed, iterations: ITERATIONS, instructions: NEW, ..LionSettings::default() };
    let lion = match arm {
        Arm::Lion => settings,
        // Every difference is enough, so new ones are written after any known one; and nothing is too much like another.
        Arm::Unfiltered => LionSettings { threshold: -100.0, max_rouge: 1.0, fewest_words: 0, ..settings },
    };
    let student = StudentSettings {
        method: LearnMethod::Full,
        epochs: 3,
        rows_per_step: 16,
        learning_rate: Some(3e-4),
    };
    let mut config = SynthConfig { lion, student, ..SynthConfig::default() };
    config.roles.insert(
        Role::Student,
        EndpointRole { temperature: Some(0.0), ..EndpointRole::of(RoleSource::AtlasOracle) },
    );
    config
}

fn items(kind: Kind) -> Vec<Item> {
    let items = held_out(Atlas::built_in(), 77, kind, MEASURED);
    items.into_iter().map(|item| (item.messages, item.expected)).collect()
}

pub(crate) async fn run(folder: &Path, seeds: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let base = builtin::unpack(folder)?;
    let mut found: BTreeMap<(Arm, u32, String), Vec<f64>> = BTreeMap::new();
    for seed in 1..=seeds {
        for arm in [Arm::Lion, Arm::Unfiltered] {
            let out = folder.join(format!("{arm:?}-{seed}").to_lowercase());
            let rows = Rows::new(Atlas::built_in(), seed, Split::Train);
            let given = kinds().into_iter().flat_map(|kind| {
                (0..GIVEN).map(move |index| Instruction::new(rows.of_kind(kind, index).query, Origin::Given))
            });
            let config = config(arm, seed);
            let request = LionRequest {
                config: &config,
                given: given.collect(),
                student: Some(base.clone()),
                out: &out,
                control: Control::default(),
                priority: Priority::Live,
                told: Box::new(|_| {}),
            };
            let finished = lion(request, &Nobody, &mut Silent).await?;
            println!("{arm:?}, seed {seed}: {} rows; {}", finished.card.rows, finished.report["iterations"]);
            for iteration in 0..=ITERATIONS {
                let model = out.join(format!("student/iteration-{iteration}/run/model"));
                for kind in kinds() {
                    let accuracy = accuracy(&model, &items(kind)).await?;
                    found.entry((arm, iteration, kind.label())).or_default().push(accuracy);
                }
            }
        }
    }
    println!("| | {} |", kinds().map(Kind::label).join(" | "));
    let mut before = Vec::new();
    for kind in kinds() {
        before.push(format!("{:.3}", accuracy(&base, &items(kind)).await?));
    }
    println!("| the built-in model | {} |", before.join(" | "));
    for arm in [Arm::Lion, Arm::Unfiltered] {
        for iteration in 0..=ITERATIONS {
            let of = |kind: Kind| shown(&found[&(arm, iteration, kind.label())]);
            println!("| {arm:?}, iteration {iteration} | {} |", kinds().map(of).join(" | "));
        }
    }
    Ok(())
}
