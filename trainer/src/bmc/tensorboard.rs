//! TensorBoard's event files: numbers over steps, as `tensorboard --logdir` reads them.
//!
//! A file is a row of records: length (8 bytes), masked checksum of the length (4), data, masked checksum of the data (4),
//! all little-endian; the data are `Event` messages (tensorflow/core/util/event.proto). The crates for it are either not
//! kept up or bring a tensor library, so the few fields that are needed are declared here.

use crate::{Error, Result};
use crc::{CRC_32_ISCSI, Crc};
use prost::Message;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    /// 1 is "start": what was logged from its step on no longer counts.
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Writes one event file.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in `folder`, which is made if need be; events from `first_step` on in older files no longer count.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(super) fn new(folder: &Path, first_step: u64) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
        let seconds = now() as u64;
        // Two sessions may begin in one second; files are read in the order of their names.
        let mut number = 0;
        let path = loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.{number:04}.amend"));
            if !path.exists() {
                break path;
            }
            number += 1;
        };
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let mut events = Self { file: file.map_err(Error::io("creating", &path))?, path };
        events.write(0, What::FileVersion("brain.Event:2".into()))?;
        events.write(first_step, What::SessionLog(SessionLog { status: 1 }))?;
        Ok(events)
    }

    /// Adds numbers of a step.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(super) fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<()> {
        let value =
            scalars.iter().map(|(tag, value)| Scalar { tag: (*tag).to_owned(), simple_value: *value as f32 });
        self.write(step, What::Summary(Summary { value: value.collect() }))
    }

    fn write(&mut self, step: u64, what: What) -> Result<()> {
        let event = Event { wall_time: now(), step: step.min(i64::MAX as u64) as i64, what: Some(what) };
        self.file.write_all(&record(&event.encode_to_vec())).map_err(Error::io("writing", &self.path))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// A checksum that may itself be part of checked data (as LevelDB and TFRecord have it).
fn masked(data: &[u8]) -> u32 {
    CHECKSUM.checksum(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the real library writes for the same event:
    /// ```python
    /// from tensorboard.compat.proto.event_pb2 import Event
    /// from tensorboard.summary.writer.record_writer import RecordWriter
    /// import io
    /// e = Event(wall_time=1.5, step=7)
    /// v = e.summary.value.add(); v.tag = "loss"; v.simple_value = 0.25
    /// f = io.BytesIO(); RecordWriter(f).write(e.SerializeToString()); print(f.getvalue().hex())
    /// ```
    #[test]
    fn a_record_is_byte_for_byte_that_of_the_real_library() {
        let summary = Summary { value: vec![Scalar { tag: "loss".into(), simple_value: 0.25 }] };
        let event = Event { wall_time: 1.5, step: 7, what: Some(What::Summary(summary)) };
        let hex: String = record(&event.encode_to_vec()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }

    const GOLDEN: &str =
        "1a00000000000000129bd82d09000000000000f83f10072a0d0a0b0a046c6f7373150000803ec9d07b8d";

    #[test]
    fn a_file_has_whole_records_and_sessions_have_files_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        for first in [0, 3] {
            let mut file = EventFile::new(folder.path(), first).expect("opens");
            file.scalars(first + 1, &[("loss", 0.5), ("lr", 1e-3)]).expect("writes");
        }
        let files = fs::read_dir(folder.path()).expect("listed");
        let mut paths: Vec<_> = files.map(|f| f.expect("a file").path()).collect();
        paths.sort();
        assert_eq!(paths.len(), 2);
        for (path, first) in paths.iter().zip([0, 3]) {
            let bytes = fs::read(path).expect("readable");
            let (mut rest, mut events) = (bytes.as_slice(), Vec::new());
            while !rest.is_empty() {
                let len = u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")) as usize;
                assert_eq!(rest[..len + 16], record(&rest[12..12 + len]));
                events.push(Event::decode(&rest[12..12 + len]).expect("an event"));
                rest = &rest[len + 16..];
            }
            assert_eq!(events.iter().map(|e| e.step).collect::<Vec<_>>(), [0, first, first + 1]);
            assert!(matches!(&events[2].what, Some(What::Summary(s)) if s.value[1].tag == "lr"));
        }
    }
}
