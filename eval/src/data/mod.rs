//! Published sets of edits, read into one [record](EditRecord) type.
//!
//! | format | published as | recognised by |
//! |---|---|---|
//! | [`KnowEdit`](Format::KnowEdit) | ZsRE (in its original and in KnowEdit's spelling), wiki_recent, wiki_counterfact | `prompt` or `src`, with `target_new` or `alt` |
//! | [`WikiBio`](Format::WikiBio) | KnowEdit's wikibio | `concept` and `labels` |
//! | [`CounterFact`](Format::CounterFact) | ROME's CounterFact | `requested_rewrite`, an object |
//! | [`Mquake`](Format::Mquake) | MQuAKE-CF and MQuAKE-T | `requested_rewrite`, a list |
//!
//! A file is a JSON array, or one JSON object a line, or several such end to end; it is read as a stream, one record in memory at a time. What is
//! wrong in one record becomes an [`Issue`] that names the file, the record and the field, and the rest is read.
//!
//! ```
//! use amend_eval::data::{EditReader, Entry, ReadOptions};
//!
//! let file = br#"[{"subject": "Quellin Dynamics", "prompt": "Quellin Dynamics is led by", "target_new": "Mara Voss"}]"#;
//! let mut reader = EditReader::new("mine.json", &file[..], ReadOptions::default());
//! let Some(Ok(Entry::Record(record))) = reader.next() else { panic!() };
//! assert_eq!(record.fact.statement, "Quellin Dynamics is led by Mara Voss.");
//! ```

mod counterfact;
mod elements;
mod fields;
mod issue;
mod knowedit;
mod mquake;
mod probes;
mod reader;
mod record;
mod sniff;
mod statement;
#[cfg(test)]
mod tests;

pub use elements::MAX_RECORD_BYTES;
pub use issue::{DataError, Issue, JsonType, Lost, Problem};
pub use reader::{EditReader, Entry, FormatChoice, Loaded, MAX_ISSUES_KEPT, ReadOptions, load};
pub use record::{
    EditRecord, Fact, Format, Gold, Locality, LocalityKind, Portability, PortabilityKind, Probe, PromptForm,
};
pub use sniff::{Contents, Sniffed, sniff};
pub use statement::{StatementError, StatementTemplate};
