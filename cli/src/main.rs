//! `nanovhd`: a Windows image in, a virtual disk out.
//!
//! This is arguments, progress, messages and exit codes; all else is in the `nanovhd` library.

mod args;
mod commands;
mod failure;
mod init;
mod kept;
mod packages;
mod progress;
mod secrets;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
