//! Results as tables and plots. It measures nothing.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nanovhd_benches::outcome::{Outcome, end};
use nanovhd_benches::results::{Comparison, Limits, Scaling, load};
use nanovhd_benches::{plots, tables};

/// Makes tables and plots of what compare, limit and scaling wrote.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with the files that compare, limit and scaling wrote: compare*.json and so on
    results: PathBuf,
    /// The folder for speed-stages.svg and speed-scaling.svg
    #[arg(long)]
    plots: Option<PathBuf>,
    /// Files whose tables, between `<!-- measured: NAME -->` and `<!-- end -->`, are made anew
    #[arg(long, num_args = 1..)]
    tables: Vec<PathBuf>,
}

fn main() -> ExitCode {
    end(report())
}

fn report() -> Outcome<()> {
    let arguments = Arguments::parse();
    let comparison: Comparison = load(&arguments.results, "compare")?;
    let limits: Limits = load(&arguments.results, "limit")?;
    let scaling: Scaling = load(&arguments.results, "scaling")?;
    let found = [
        ("machine", tables::machine(&comparison)),
        ("summary", tables::summary(&comparison)),
        ("compare", tables::compare(&comparison)),
        ("limit", tables::limit(&limits)),
        ("scaling", tables::scaling(&scaling)),
    ];
    for (name, table) in &found {
        println!("{name}\n\n{table}");
    }
    for path in &arguments.tables {
        let mut text = fs::read_to_string(path)?;
        for (name, table) in &found {
            text = tables::replace(&text, name, table).unwrap_or(text);
        }
        fs::write(path, text)?;
    }
    if let Some(folder) = &arguments.plots {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("speed-stages.svg"), plots::stages(&comparison, &limits))?;
        fs::write(folder.join("speed-scaling.svg"), plots::scaling(&scaling, &comparison))?;
    }
    Ok(())
}
