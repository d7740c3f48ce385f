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
/// A gate found that the candidate may not ship.
pub const GATE_FAILED: u8 = 10;
/// A gate could not tell whether the candidate may ship.
pub const GATE_INCONCLUSIVE: u8 = 11;
/// A gate could not be measured, was cancelled, or did not end in time: nothing is said of the candidate.
pub const GATE_ERROR: u8 = 12;
