//! The terminal program: calls [`demarche::cli`] and returns its exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    demarche::cli::run()
}
