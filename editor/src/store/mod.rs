//! The edit log in SQLite: one writer, many waiting, a few readers beside it.
//!
//! `database` opens the file and speaks SQL. `writer` is the only thread that writes: it gathers what is waiting, plans
//! it in memory (`transaction`, over what is `pending`), writes it in one go (one sync to disk for all), makes it
//! visible, and then acknowledges each; `checkpoint` tidies the file up beside it. `reader` answers what is asked of the past.

mod checkpoint;
mod database;
mod pending;
mod reader;
mod rollback;
mod rows;
mod scope;
mod transaction;
mod write;
mod writer;

pub(crate) use database::Database;
pub(crate) use reader::{Part, Reader};
pub(crate) use rollback::Rollback;
pub(crate) use rows::edits;
pub(crate) use write::{AddBatch, Done, How, Write};
pub(crate) use writer::{Writer, WriterDeps};

#[cfg(test)]
mod migration_tests;
#[cfg(test)]
mod transaction_tests;
