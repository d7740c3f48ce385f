//! The real server, from outside: its process, its port, its files.

mod abuse;
mod cli;
mod correction;
mod documents;
mod durability;
mod edit_log;
mod endpoint;
mod families;
mod faults;
mod gates;
mod pipelines;
mod preferences;
mod revisions;
mod synth;

use amend_tests::Sandbox;

/// The program under test.
pub(crate) const AMEND: &str = env!("CARGO_BIN_EXE_amend-under-test");

/// A sandbox with the built-in model.
pub(crate) fn sandbox(args: &[&str]) -> Sandbox {
    Sandbox::new(AMEND, args).expect("a temporary folder")
}
