//! Rows by the million in constant memory: `cargo run --release -p amend-trainer --example rows_large -- FOLDER [ROWS]`.
//!
//! Writes `rows.jsonl` and `rows.parquet` of the same rows (a million of them, 1.6 GB, unless told otherwise), reads both
//! again, and fails when a row comes back as another or the memory grew with their number. The folder is one that
//! `trainer/src/synth/rows/datasets_check.py` takes, with a few thousand rows.

use amend_proto::Message;
use amend_trainer::preference::format::Container;
use amend_trainer::synth::output::{ROWS_JSONL, ROWS_PARQUET};
use amend_trainer::synth::rows::{
    Made, PageSource, RoleModels, RowEntry, RowProvenance, RowReader, SynthRow, WebrRole, write_rows,
};
use std::path::Path;
use std::time::Instant;

#[path = "shared/peak.rs"]
mod peak;

use peak::peak;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A row group as cells and as columns, and the pages of every column of one that is read.
const MOST_BYTES: u64 = 128 << 20;

const NO_PEAK: &str = "no VmHWM: not a Linux";

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("FOLDER [ROWS]")?;
    let rows = arguments.next().map_or(Ok(1_000_000), |rows| rows.parse())?;
    std::fs::create_dir_all(&folder)?;
    for (container, name) in [(Container::JsonLines, ROWS_JSONL), (Container::Parquet, ROWS_PARQUET)] {
        there_and_back((Path::new(&folder), name), container, rows)?;
    }
    Ok(())
}

fn there_and_back(place: (&Path, &str), container: Container, rows: u32) -> Outcome<()> {
    let (before, started) = (peak().ok_or(NO_PEAK)?, Instant::now());
    write_rows(place, container, |to| (0..rows).try_for_each(|number| to.write(&row(number)?)))?;
    let (written, started) = (started.elapsed(), Instant::now());
    let path = place.0.join(place.1);
    let mut read = 0;
    for entry in RowReader::open(&path)? {
        let RowEntry::Row(got) = entry? else { return Err(format!("row {read} cannot be read").into()) };
        if *got != row(read)? {
            return Err(format!("row {read} came back as another").into());
        }
        read += 1;
    }
    let (grown, bytes) = (peak().ok_or(NO_PEAK)? - before, path.metadata()?.len());
    println!(
        "{}: {read} rows, {bytes} bytes; written in {written:.1?}, read in {:.1?}, {} MiB of memory more",
        place.1,
        started.elapsed(),
        grown >> 20
    );
    match (read == rows, grown < MOST_BYTES) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("{read} of {rows} rows came back").into()),
        (true, false) => {
            Err(format!("it took {grown} bytes more; {MOST_BYTES} is what constant means").into())
        }
    }
}

/// By turns of Lion and of WebR, with quotes, line ends and other scripts, with and without what may be missing.
fn row(number: u32) -> amend_trainer::Result<SynthRow> {
    let text = format!("The \"town\" of number {number}\r\nlies by the river. 🏘 ").repeat(8);
    let page = PageSource {
        url: number.is_multiple_of(2).then(|| format!("https://example.org/{number}")),
        content_hash: format!("{number:064x}"),
        file: "pages.warc.gz".into(),
        record: number,
    };
    let made = match number % 3 {
        0 => Made::Lion { seed_instruction: format!("{number:064x}"), iteration: number % 5 },
        _ => Made::Webr { role: WebrRole::WiAll, page },
    };
    let licence = number.is_multiple_of(5).then(|| "CC-BY-4.0".to_owned());
    let provenance = RowProvenance { made, models: RoleModels::default(), seed: u64::MAX, licence };
    SynthRow::new(vec![Message::user(&text), Message::assistant(text)], provenance)
        .map_err(|flaw| amend_trainer::Error::Data(flaw.to_string()))
}
