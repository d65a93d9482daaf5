//! How the programs end.

use std::error::Error;
use std::process::ExitCode;

/// What a program or a part of it comes to.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Ends a program: says what went wrong, if something did.
#[expect(clippy::print_stderr, reason = "the last words of a program")]
pub fn end(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
