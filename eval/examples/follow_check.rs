//! Checks a suite file, or a folder of them, and tells what is in it: `follow_check PATH`.
//!
//! Prints everything that is wrong with file, group and level and exits 1, or how many constraints of which kind there are.

use amend_eval::follow::own::{OwnSuite, texts};
use std::{collections::BTreeMap, env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: follow_check PATH (a suite file or a folder of them)");
        return ExitCode::from(2);
    };
    let files = match texts(Path::new(&path)) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let problems = OwnSuite::problems(files.clone());
    for problem in &problems {
        println!("{problem}");
    }
    let Ok(suite) = OwnSuite::parse(files) else {
        eprintln!("{} problems", problems.len());
        return ExitCode::FAILURE;
    };
    let mut categories: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for group in &suite.groups {
        *categories.entry(group.category.as_str()).or_default() += 1;
        for constraint in &group.levels[4].constraints {
            *kinds.entry(constraint.kind()).or_default() += 1;
        }
    }
    println!("{}: {} groups {categories:?}", suite.name, suite.groups.len());
    for (kind, count) in kinds {
        println!("{count:4}  {kind}");
    }
    ExitCode::SUCCESS
}
