//! `nanovhd`: a Windows image in, a virtual disk out.
//!
//! This is arguments, progress, messages and exit codes; all else is in the `nanovhd` library.

mod args;
mod classic;
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
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let done = classic::run(&args).unwrap_or_else(|| commands::run(&args::Cli::parse()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
