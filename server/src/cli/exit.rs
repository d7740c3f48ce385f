//! The exit codes of `amend`, documented in the README. They are part of the interface: scripts match them.

/// The command did what it was asked.
pub const OK: u8 = 0;
/// Something failed that no other code names; the message says what.
pub const FAILURE: u8 = 1;
/// The command line is wrong (clap's own code).
pub const USAGE: u8 = 2;
/// No daemon answers at the given address.
pub const NO_DAEMON: u8 = 3;
/// The daemon answered and refused: unknown edit, invalid text, queue full.
pub const REFUSED: u8 = 4;
/// A measured figure misses its documented bound (`amend bench --check`).
pub const BELOW_BOUND: u8 = 5;
