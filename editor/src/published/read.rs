//! An array of records, one at a time.

use super::Record;
use crate::fields::Misfit;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use std::{
    fmt,
    io::{BufReader, Read},
    ops::ControlFlow,
};

/// Reads a file of records and gives each to `take`, with its index from 0, until that breaks off. One record is held at
/// a time; one that is broken is an error of its own, which names the field.
///
/// # Errors
/// When the file cannot be read, or is not an array of JSON; the error tells line and column.
pub fn read_array(
    json: impl Read,
    take: impl FnMut(usize, Result<Record, Misfit>) -> ControlFlow<()>,
) -> Result<(), serde_json::Error> {
    let mut stopped = false;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(json));
    let read = Records { take, stopped: &mut stopped }.deserialize(&mut json);
    match read {
        // The rest of the array was not read on purpose.
        _ if stopped => Ok(()),
        Ok(()) => json.end(),
        Err(error) => Err(error),
    }
}

struct Records<'a, F> {
    take: F,
    stopped: &'a mut bool,
}

impl<'de, F: FnMut(usize, Result<Record, Misfit>) -> ControlFlow<()>> DeserializeSeed<'de>
    for Records<'_, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(usize, Result<Record, Misfit>) -> ControlFlow<()>> Visitor<'de> for Records<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut records: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(value) = records.next_element::<Value>()? {
            if (self.take)(index, Record::read(&value)).is_break() {
                *self.stopped = true;
                break;
            }
            index += 1;
        }
        Ok(())
    }
}
