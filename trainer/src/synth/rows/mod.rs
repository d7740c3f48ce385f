//! Synthetic training rows on disk: conversations with where they come from, as JSON lines and Parquet, and the card of a set.
//!
//! | column | type | |
//! |---|---|---|
//! | `messages` | list of `{role, content}` | the conversation; every assistant message is to be learned |
//! | `provenance` | struct of texts and whole numbers, `null` where they do not apply | [`RowProvenance`] |
//! | `id` | text | SHA-256 of the messages: the same conversation has the same id in every run |
//!
//! Both containers have the same columns in the same order. A seed is a text, because whole numbers of 64 bits survive
//! neither JavaScript nor a signed column. A column that is `null` in all of a file has a type in Parquet only.

mod card;
mod provenance;
mod read;
mod row;
mod stats;
#[cfg(test)]
mod tests;
mod write;

pub use card::{CardBuilder, DataCard, Decontamination, Ended, SetInfo};
pub use provenance::{Made, PageSource, RoleModels, RowProvenance, WebrRole};
pub use read::{RowEntry, RowReader};
pub use row::{RowId, SynthRow};
pub use stats::{Distribution, Lengths};
pub use write::{RowWriter, write_rows};
