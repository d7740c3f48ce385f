//! The edit log in SQLite: one connection, one writer, many waiting.
//!
//! `database` opens the file and speaks SQL. `writer` is the only task that does so: it gathers what is waiting, writes
//! it in one `transaction` (one sync to disk for all of them), makes it visible, and then acknowledges each.

mod database;
mod transaction;
mod writer;

pub(crate) use database::{Database, Operation};
pub(crate) use writer::{Writer, WriterDeps};
