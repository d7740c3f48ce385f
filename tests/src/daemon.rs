//! The binary that the end-to-end tests start: `amend`, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    amend_server::cli::main()
}
