//! Every path and every command that a document names exists.

use clap::error::ErrorKind::{
    DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, MissingRequiredArgument,
};
use std::{fs, path::PathBuf};

const DOCUMENTS: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "trainer/models/atlas/README.md"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The code spans of a document outside of its fenced blocks.
fn spans(text: &str) -> Vec<String> {
    let mut outside = String::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 0 {
            outside.push_str(part);
        }
    }
    outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The lines of a document's `sh` blocks, with continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Whether a code span is meant as a path of this repository.
fn is_path(span: &str) -> bool {
    let ours = ["server/", "editor/", "trainer/", "eval/", "proto/", "tests/", "deploy/", ".ci/", ".cargo/"];
    ours.iter().any(|folder| span.starts_with(folder))
        && span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

#[test]
fn every_path_in_the_documents_exists() {
    let mut checked = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"));
        let paths: Vec<String> = spans(&text).into_iter().filter(|span| is_path(span)).collect();
        for path in &paths {
            assert!(root().join(path).exists(), "{document} names {path}, which does not exist");
        }
        checked += paths.len();
    }
    assert!(checked > 20, "only {checked} paths were found: the test no longer understands the documents");
}

#[test]
fn every_command_in_the_documents_is_understood() {
    let mut checked = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let ours = |span: &String| span.starts_with("amend ") || span.starts_with("cargo run ");
        let spans = spans(&text).into_iter().filter(|span| ours(span) && !span.contains('…'));
        for command in commands(&text).into_iter().chain(spans) {
            let command = command.split(['#', '|', '&', '>']).next().unwrap_or_default().trim();
            if let Some(example) = example(command) {
                assert!(example.exists(), "{document} names {}, which does not exist", example.display());
                checked += 1;
                continue;
            }
            let command = match command.split_once(" -- ") {
                Some((cargo, rest)) if cargo.starts_with("cargo run") => format!("amend {rest}"),
                _ => command.to_owned(),
            };
            let Some(words) = words(&command).filter(|words| words.first().is_some_and(|w| w == "amend"))
            else {
                continue;
            };
            if let Err(error) = amend_server::cli::check(words.iter().map(String::as_str)) {
                // A command named without its arguments is a name, not an example.
                let named = [
                    DisplayHelp,
                    DisplayVersion,
                    DisplayHelpOnMissingArgumentOrSubcommand,
                    MissingRequiredArgument,
                ];
                assert!(named.contains(&error.kind()), "{document} names `{command}`: {error}");
            }
            checked += 1;
        }
    }
    assert!(checked > 8, "only {checked} commands were found: the test no longer understands the documents");
}

/// Where an example is that is run with `cargo run … -p amend-PART --example NAME`.
fn example(command: &str) -> Option<PathBuf> {
    let after = |flag: &str| command.split_once(flag)?.1.split_whitespace().next();
    let (part, name) = (after(" -p amend-")?, after(" --example ")?);
    let examples = root().join(part).join("examples");
    let folder = examples.join(name);
    Some(if folder.is_dir() { folder.join("main.rs") } else { examples.join(format!("{name}.rs")) })
}

/// A command line as a shell would split it; `None` when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut begun = false;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => (quote, begun) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, c) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    quote.is_none().then_some(words)
}
