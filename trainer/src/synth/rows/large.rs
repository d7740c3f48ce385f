//! A million rows, by hand: `cargo test --release -p amend-trainer --lib a_million_rows -- --ignored --nocapture`.

use super::{
    Made, PageSource, RoleModels, RowEntry, RowProvenance, RowReader, SynthRow, WebrRole, write_rows,
};
use crate::preference::format::Container;
use amend_proto::Message;
use std::time::Instant;

const ROWS: u32 = 1_000_000;
/// A row group as cells and as columns, and the pages of every column of one that is read.
const MOST_BYTES: u64 = 128 << 20;

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn row(number: u32) -> SynthRow {
    let text = format!("The town of number {number} lies by the river. ").repeat(8);
    let page = PageSource {
        url: Some(format!("https://example.org/{number}")),
        content_hash: format!("{number:064x}"),
        file: "pages.warc.gz".into(),
        record: number,
    };
    let made = Made::Webr { role: WebrRole::WiAll, page };
    let provenance =
        RowProvenance { made, models: RoleModels::default(), seed: number.into(), licence: None };
    SynthRow::new(vec![Message::user(&text), Message::assistant(text)], provenance).expect("a row")
}

#[test]
#[ignore = "a measurement of a minute and 2 GB of disk; run alone, since memory is the process's"]
fn a_million_rows_are_written_and_read_in_constant_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    for (container, name) in [(Container::JsonLines, "a.jsonl"), (Container::Parquet, "a.parquet")] {
        let (before, started) = (peak(), Instant::now());
        write_rows((folder.path(), name), container, |to| {
            (0..ROWS).map(row).try_for_each(|row| to.write(&row))
        })
        .expect("writes");
        let (written, started) = (started.elapsed(), Instant::now());
        let path = folder.path().join(name);
        let mut read = 0;
        for entry in RowReader::open(&path).expect("opens") {
            let RowEntry::Row(got) = entry.expect("readable") else { panic!("row {read}") };
            if read % 100_000 == 0 {
                assert_eq!(*got, row(read));
            }
            read += 1;
        }
        assert_eq!(read, ROWS);
        let (grown, bytes) = (peak() - before, path.metadata().expect("a file").len());
        println!(
            "{name}: {bytes} bytes; written in {written:.1?}, read in {:.1?}, {grown} bytes more",
            started.elapsed()
        );
        assert!(grown < MOST_BYTES, "{grown} bytes");
    }
}
