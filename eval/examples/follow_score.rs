//! Scores files in FollowBench's layout and prints the rates as JSON, without the server:
//!
//! ```text
//! cargo run --release -p amend-eval --example follow_score -- DATA GENERATIONS JUDGEMENTS legacy|strict
//! ```
//!
//! With `-` for all arguments it reads lines of these four (paths without white space) from standard input and prints one JSON a line, for
//! comparing many files with the reference scorer.

use amend_eval::follow::{
    Scorer,
    published::{ScoreRequest, score_files},
};
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [lines] if lines == "-" => io::stdin().lines().try_for_each(|line| {
            let line = line?;
            score(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), false)
        }),
        arguments => score(arguments, true),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(why) = cause {
                eprint!(": {why}");
                cause = why.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn score(arguments: &[String], pretty: bool) -> Result<(), Box<dyn Error>> {
    let [data, generations, judgements, scorer] = arguments else {
        return Err("expected DATA GENERATIONS JUDGEMENTS legacy|strict".into());
    };
    let scorer = match scorer.as_str() {
        "legacy" => Scorer::Legacy,
        "strict" => Scorer::Strict,
        other => return Err(format!("no scorer {other:?}: legacy or strict").into()),
    };
    let scores = score_files(&ScoreRequest {
        data: data.into(),
        generations: generations.into(),
        judgements: Some(judgements.into()),
        scorer,
    })?;
    let json = if pretty { serde_json::to_string_pretty(&scores) } else { serde_json::to_string(&scores) }?;
    // Unlike `println!`, an error and no panic when whoever reads has gone.
    writeln!(io::stdout(), "{json}")?;
    Ok(())
}
