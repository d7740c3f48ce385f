//! Says what the readers make of files of published edits:
//! `cargo run --release -p amend-eval --example read_edits -- FILE...`

use amend_eval::data::{EditReader, EditRecord, Entry, ReadOptions};
use std::{collections::BTreeMap, error::Error, path::Path};

/// The most issues that are shown of one file.
const SHOWN: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        tell(Path::new(&file))?;
    }
    Ok(())
}

fn tell(file: &Path) -> Result<(), Box<dyn Error>> {
    let (mut counts, mut issues, mut first) = (BTreeMap::new(), 0, None);
    for entry in EditReader::open(file, ReadOptions::default())? {
        match entry? {
            Entry::Record(record) => {
                count(&record, &mut counts);
                first.get_or_insert(record.fact.statement);
            }
            Entry::Issue(issue) => {
                issues += 1;
                if issues <= SHOWN {
                    println!("{issue}");
                }
            }
        }
    }
    println!("{}: {counts:?}, issues: {issues}", file.display());
    println!("  first statement: {}", first.as_deref().unwrap_or("none"));
    Ok(())
}

fn count(record: &EditRecord, counts: &mut BTreeMap<&str, usize>) {
    let (portability, locality) = (&record.portability, &record.locality);
    let found = [
        ("records", 1),
        ("facts", record.facts().count()),
        ("rephrasings", record.facts().map(|fact| fact.rephrasings.len()).sum()),
        ("reasoning", portability.reasoning.len()),
        ("aliasing", portability.aliasing.len()),
        ("logical", portability.logical.len()),
        ("relation specificity", locality.relation_specificity.len()),
        ("forgetfulness", locality.forgetfulness.len()),
        ("other subjects", locality.other_subjects.len()),
    ];
    found.into_iter().for_each(|(name, count)| *counts.entry(name).or_default() += count);
}
