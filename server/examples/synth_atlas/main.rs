//! What Lion and WebR bring on atlas, offline, with rules as every role but the student.
//!
//! `cargo run --release -p amend-server --example synth_atlas -- lion|webr FOLDER [SEEDS]` (3 seeds unless said; the folder keeps
//! what was made, so that a run that was stopped goes on). Prints a line for each seed and a table of means with 95 %
//! intervals (Student's t over seeds).
//!
//! *lion*: the built-in model is the student; it knows facts and hardly any question in two steps. It is given questions of
//! four kinds; after each iteration it is asked held-out ones, whose phrasings and names no training row has. Beside it the
//! same loop without discrimination and without filters: as many new instructions, after any known one.
//!
//! *webr*: pages state facts of atlas with new answers, each fact on several pages in other words. The built-in model learns the
//! rows that WebR makes of them, or the pages themselves (title, then text), as often; then it is asked for the facts in
//! phrasings that nothing of it has.

mod lion;
mod measure;
mod webr;

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(method), Some(folder)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        anyhow::bail!("say lion|webr FOLDER [SEEDS]");
    };
    let seeds = arguments.next().map_or(Ok(3), |seeds| seeds.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match method.as_str() {
        "lion" => runtime.block_on(lion::run(&folder, seeds)),
        "webr" => runtime.block_on(webr::run(&folder, seeds)),
        other => anyhow::bail!("{other} is neither lion nor webr"),
    }
}
