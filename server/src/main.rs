//! The `amend` binary. Everything is in the library, so that the end-to-end tests start the same code.

use std::process::ExitCode;

fn main() -> ExitCode {
    amend_server::cli::main()
}
