//! The preference set of atlas, bridged by the oracle, in every layout; or what a file of pairs holds.
//!
//! ```sh
//! cargo run --release -p amend-trainer --example preferences -- make OUT 1000 200 1    # train, held out, seed
//! cargo run --release -p amend-trainer --example preferences -- read FILE
//! ```

use amend_proto::TenantId;
use amend_trainer::atlas::Atlas;
use amend_trainer::preference::bridge::{Bridging, Modifier, bridge};
use amend_trainer::preference::format::{Container, ImportOptions, Layout, PairReader, export, import};
use amend_trainer::preference::{AtlasPreferenceSettings, Pair, UnixMillis, atlas_preferences};
use amend_trainer::sft::Flow;
use amend_trainer::{Error, Result};
use futures::FutureExt;
use std::path::Path;
use std::sync::Arc;

#[path = "shared/peak.rs"]
mod peak;

use peak::peak;

fn make(out: &Path, settings: AtlasPreferenceSettings) -> Result<()> {
    let set = atlas_preferences(Atlas::built_in(), settings);
    let pairs: Vec<Pair> = set.train.iter().map(|p| p.pair.clone()).collect();
    // The oracle never fails, so nothing is ever waited for.
    let modifier = Modifier::atlas_oracle(Atlas::built_in(), Arc::new(|_| async {}.boxed()));
    let job = Bridging::new(&pairs, &modifier);
    let done = futures::executor::block_on(bridge(&job, out, &mut |_, _| Flow::Continue))?;
    let Some((bridged, card)) = done else { return Ok(()) };
    println!("{card:#?}");
    let held_out: Vec<Pair> = set.held_out.iter().map(|p| p.pair.clone()).collect();
    let train: Vec<Pair> = bridged.into_iter().map(|row| row.pair).collect();
    for (part, pairs) in [("train", &train), ("held_out", &held_out)] {
        for (name, layout) in [
            ("trl", Layout::TrlConversational),
            ("implicit", Layout::TrlImplicit),
            ("plain", Layout::TrlPlain),
            ("ultrafeedback", Layout::UltraFeedback),
        ] {
            for (ending, container) in [("jsonl", Container::JsonLines), ("parquet", Container::Parquet)] {
                let file = format!("{part}.{name}.{ending}");
                let report = export(pairs.iter().cloned().map(Ok), (out, &file), layout, container)?;
                println!("{file}: {} pairs, {:?}", report.pairs, report.unfit);
            }
        }
        export(
            pairs.iter().cloned().map(Ok),
            (out, &format!("{part}.amend.jsonl")),
            Layout::Amend,
            Container::JsonLines,
        )?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<()> {
    let reader = PairReader::open(file, ImportOptions::new(TenantId::default(), UnixMillis(0)))?;
    let started = std::time::Instant::now();
    let report = import(reader, &mut |_| Ok(()))?;
    println!("{} records, {} pairs, {} issues", report.records, report.pairs, report.issues_seen);
    for issue in &report.issues {
        println!("{issue}");
    }
    println!("{:.2} s, {:?} MiB at most", started.elapsed().as_secs_f64(), peak().map(|bytes| bytes >> 20));
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number =
        |text: &str| text.parse::<u64>().map_err(|e| Error::Settings(format!("{text:?} is no number: {e}")));
    match args.as_slice() {
        ["read", file] => read(Path::new(file)),
        ["make", out, train, held_out, seed] => make(
            Path::new(out),
            AtlasPreferenceSettings {
                seed: number(seed)?,
                train: number(train)? as usize,
                held_out: number(held_out)? as usize,
            },
        ),
        _ => Err(Error::Settings("say `make OUT TRAIN HELD_OUT SEED` or `read FILE`".into())),
    }
}
