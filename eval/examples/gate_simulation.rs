//! How often gates go wrong, on simulated candidates whose truth is known.
//!
//! ```text
//! cargo run --release -p amend-eval --example gate_simulation -- 10000
//! ```
//!
//! prints a table in Markdown; with `--json` a line for each row. The argument is the number of gates of each row.

use amend_eval::{
    gate::{
        Sequential,
        simulate::{Loss, Outcomes, Simulation},
    },
    stats::Spending,
};
use std::io::{self, Write};

/// Decides every draw.
const SEED: u64 = 20_261_123;
/// Gates of a row whose rate need not be known as well.
const POWER_SHARE: usize = 5;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let as_json = args.iter().any(|arg| arg == "--json");
    let gates = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1_000);
    let looks = Some(Sequential { looks: 3, spending: Spending::ObrienFleming });
    let mut rows: Vec<(String, Simulation, usize)> = Vec::new();
    for groups in [40, 120, 164] {
        for (truth, effect) in [("worse by the margin", -5.0), ("equal", 0.0)] {
            let one = Simulation::new(groups, effect);
            rows.push((format!("{truth}, {groups} groups"), one.clone(), gates));
            rows.push((
                format!("{truth}, {groups} groups, 3 looks"),
                Simulation { sequential: looks, ..one },
                gates,
            ));
        }
    }
    for groups in [60, 120, 164] {
        let one = Simulation { loss: Loss::WholeGroups, ..Simulation::new(groups, -5.0) };
        rows.push((format!("worse by the margin in whole groups, {groups} groups"), one.clone(), gates));
        let looked = Simulation { sequential: looks, ..one };
        rows.push((format!("worse by the margin in whole groups, {groups} groups, 3 looks"), looked, gates));
    }
    let two = Simulation { suites: 2, ..Simulation::new(120, 0.0) };
    rows.push(("equal, 120 groups in each of 2 suites".to_owned(), two, gates));
    for effect in [-15.0, -10.0, -7.5, -2.5, 2.5, 5.0] {
        let one = Simulation::new(120, effect);
        rows.push((format!("{effect:+} points, 120 groups"), one, gates / POWER_SHARE));
    }
    let mut out = io::stdout().lock();
    if !as_json {
        writeln!(
            out,
            "| truth (margin 5 points) | gates | pass | fail | inconclusive | looks |\n|---|---|---|---|---|---|"
        )?;
    }
    for (name, simulation, gates) in rows {
        let Outcomes { gates, pass, fail, inconclusive, looks } = simulation.run(gates, SEED);
        let share = |count: usize| count as f64 / gates.max(1) as f64;
        if as_json {
            let row = serde_json::json!({
                "truth": name, "gates": gates, "pass": share(pass), "fail": share(fail),
                "inconclusive": share(inconclusive), "looks": looks, "seed": SEED,
            });
            writeln!(out, "{row}")?;
        } else {
            let percent = |count| format!("{:.1} %", share(count) * 100.0);
            writeln!(
                out,
                "| {name} | {gates} | {} | {} | {} | {looks:.2} |",
                percent(pass),
                percent(fail),
                percent(inconclusive)
            )?;
        }
    }
    Ok(())
}
