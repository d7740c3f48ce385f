//! `amend edit calibrate`: the scope decision, learned from labelled questions.

use crate::{
    cli::output,
    evaluation::calibration::{Labelled, Learned, Learning, learn},
};
use amend_editor::{calibration::LabelledSet, locate_model};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Arguments of `amend edit calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Labelled questions; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    questions: Vec<PathBuf>,
    /// Learn from the questions given alone, without those that Amend makes up
    #[arg(long)]
    only: bool,
    /// A sentence encoder (BERT family): also learns the model that decides with one
    #[arg(long, env = "AMEND_ENCODER", value_name = "MODEL")]
    encoder: Option<String>,
    /// The probability from which an edit is applied [default: learned, so that at most 5 % of the pairs that are out of
    /// scope are applied]
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    threshold: Option<f64>,
    /// Decides what is made up and what is held out
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where the models, reports and charts go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the reports as JSON
    #[arg(long)]
    json: bool,
}

/// A threshold on a probability: at 0 everything would be applied, above 1 nothing.
fn probability(text: &str) -> Result<f64, String> {
    let wrong = || "a threshold is a number above 0 and at most 1".to_owned();
    text.parse().ok().filter(|value| *value > 0.0 && *value <= 1.0).ok_or_else(wrong)
}

pub(super) fn run(args: &CalibrateArgs) -> anyhow::Result<()> {
    let (mut sets, mut names) = (Vec::new(), Vec::new());
    if !args.only {
        sets.push(LabelledSet::made_up(args.seed));
        names.push(format!("made up with seed {}", args.seed));
    }
    for file in &args.questions {
        let text = fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
        sets.push(LabelledSet::parse(&text).with_context(|| format!("in {}", file.display()))?);
        names.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    let encoder = match &args.encoder {
        Some(name) => Some(locate_model(name, &crate::app::hub_folder())?),
        None => None,
    };
    fs::create_dir_all(&args.out).with_context(|| format!("failed to make {}", args.out.display()))?;
    let labelled = Labelled { sets, name: names.join(", ") };
    let mut reports: Vec<Value> = Vec::new();
    let learning = Learning { seed: args.seed, threshold: args.threshold };
    for learned in learn(&labelled, encoder.as_ref(), learning)? {
        write(&learned, &args.out)?;
        match args.json {
            true => reports.push(json!({"model": learned.model, "report": learned.calibration.report})),
            false => output::line(format!(
                "{}\n{}",
                learned.side.as_str(),
                learned.calibration.report.markdown()?
            ))?,
        }
    }
    if args.json { output::json(&reports.into()) } else { Ok(()) }
}

fn write(learned: &Learned, out: &Path) -> anyhow::Result<()> {
    let name = learned.side.as_str();
    let put = |end: &str, text: String| {
        let file = out.join(format!("{name}{end}"));
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))
    };
    let charts = learned.calibration.charts()?;
    put(".json", serde_json::to_string_pretty(&learned.model)? + "\n")?;
    put(".md", learned.calibration.report.markdown()?)?;
    put("_reliability.svg", charts.reliability)?;
    put("_thresholds.svg", charts.thresholds)?;
    put("_trade_off.svg", charts.trade_off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_probability() {
        assert_eq!((probability("0.4"), probability("1")), (Ok(0.4), Ok(1.0)));
        for text in ["0", "-0.1", "1.01", "NaN", "inf", "much"] {
            assert!(probability(text).is_err(), "{text}");
        }
    }
}
