//! nanovhd and the tool chain of Linux distributions, one after the other on the same WIMs.
//!
//! In every round each of them makes the same disk: nanovhd without sync (as the tool chain works), nanovhd as users get
//! it, the tool chain (`peer/pipeline.sh`). Before a run all that was written is on the disk and the WIM in the
//! page cache; after it, and outside of its time, the output is judged. A round before the first is not counted.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use nanovhd_benches::machine::Machine;
use nanovhd_benches::outcome::{Outcome, end};
use nanovhd_benches::results::{ComparedWim, Comparison, Run, Spread, Step, median_steps, peak, save, seconds};
use nanovhd_benches::tool::{Manner, Nanovhd, Peer, Planned};
use nanovhd_benches::{files, process, subjects};

/// Sets nanovhd beside the tool chain of Linux distributions.
#[derive(Debug, Parser)]
struct Arguments {
    /// WIM or ESD files
    #[arg(required = true)]
    wims: Vec<PathBuf>,
    /// The image in each of them
    #[arg(long, default_value_t = 1)]
    image: u32,
    /// Rounds that count
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Rounds in which the tool chain takes part; if fewer than all, it has no round that does not count
    #[arg(long)]
    peer_runs: Option<usize>,
    /// The folder for the outputs [default: where this program is]
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// The command nanovhd [default: beside this program]
    #[arg(long)]
    nanovhd: Option<PathBuf>,
    /// Another script for the tool chain, called as peer/pipeline.sh is
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Write the raw runs to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    end(measure_all())
}

fn measure_all() -> Outcome<()> {
    let arguments = Arguments::parse();
    let bench = Bench {
        nanovhd: Nanovhd::find(arguments.nanovhd.as_deref())?,
        peer: Peer::find(arguments.peer.as_deref())?,
        folder: files::scratch(arguments.scratch.as_deref())?,
        image: arguments.image,
        runs: arguments.runs,
        peer_runs: arguments.peer_runs.unwrap_or(arguments.runs),
    };
    if !bench.nanovhd.knows_no_sync {
        println!("this nanovhd knows no --no-sync: it waits for the disk, which the tool chain does not");
    }
    let mut comparison = Comparison { machine: Machine::this(bench.folder.path()), wims: Vec::new() };
    for wim in &arguments.wims {
        let compared = bench.compare(wim)?;
        print(&compared);
        comparison.wims.push(compared);
        if let Some(json) = &arguments.json {
            save(json, &comparison)?;
        }
    }
    Ok(())
}

struct Bench {
    nanovhd: Nanovhd,
    peer: Peer,
    folder: tempfile::TempDir,
    image: u32,
    runs: usize,
    peer_runs: usize,
}

impl Bench {
    fn compare(&self, wim: &Path) -> Outcome<ComparedWim> {
        let Planned { unpacked, disk } = self.nanovhd.plan(wim, self.image)?;
        let mib = disk.div_ceil(1 << 20);
        let mut compared = ComparedWim {
            name: subjects::name(wim),
            stored: wim.metadata()?.len(),
            unpacked,
            unsynced: Vec::new(),
            synced: Vec::new(),
            peer: Vec::new(),
        };
        let warm_up_of_peer = self.peer_runs >= self.runs;
        for round in 0..=self.runs {
            let counts = round > 0;
            let mut keep = |runs: fn(&mut ComparedWim) -> &mut Vec<Run>, run| {
                if counts {
                    runs(&mut compared).push(run);
                }
            };
            if self.nanovhd.knows_no_sync {
                keep(|wim| &mut wim.unsynced, self.ours(wim, false, !counts)?);
            }
            keep(|wim| &mut wim.synced, self.ours(wim, true, false)?);
            if if counts { round <= self.peer_runs } else { warm_up_of_peer } {
                keep(|wim| &mut wim.peer, self.peer(wim, mib)?);
            }
        }
        Ok(compared)
    }

    /// One run of nanovhd, judged by itself; `closely` also compares every file with the image.
    fn ours(&self, wim: &Path, sync: bool, closely: bool) -> Outcome<Run> {
        let output = self.folder.path().join("ours.vhdx");
        files::settle(wim, &output)?;
        let manner = Manner { sync, threads: None };
        let taken = process::run(&mut self.nanovhd.build(wim, self.image, &output, manner))?;
        let run = run(&output, taken, Vec::new())?;
        process::run(&mut self.nanovhd.verify(&output, closely.then_some((wim, self.image))))?;
        files::remove(&output)?;
        Ok(run)
    }

    /// One run of the tool chain, judged by qemu-img, and by nanovhd, which reads any disk.
    fn peer(&self, wim: &Path, mib: u64) -> Outcome<Run> {
        let [output, steps] = ["peer.vhdx", "steps"].map(|name| self.folder.path().join(name));
        files::settle(wim, &output)?;
        files::remove(&steps)?;
        let taken = process::run(&mut self.peer.build(wim, self.image, &output, mib, &steps))?;
        let run = run(&output, taken, parse_steps(&fs::read_to_string(&steps).unwrap_or_default()))?;
        process::run(Command::new("qemu-img").arg("check").arg(&output))?;
        process::run(&mut self.nanovhd.verify(&output, None))?;
        files::remove(&output)?;
        Ok(run)
    }
}

fn run(output: &Path, taken: process::Taken, steps: Vec<Step>) -> Outcome<Run> {
    let files::Lengths { length, allocated } = files::lengths(output)?;
    let process::Taken { seconds, user, system, peak, foreign } = taken;
    Ok(Run { seconds, user, system, peak, length, allocated, foreign, steps })
}

/// Lines of a name and seconds.
fn parse_steps(text: &str) -> Vec<Step> {
    let words = text.lines().filter_map(|line| line.split_once(' '));
    words.filter_map(|(name, s)| Some(Step { name: name.to_owned(), seconds: s.parse().ok()? })).collect()
}

fn print(wim: &ComparedWim) {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!("\n{}: {:.0} MB, unpacked {:.0} MB", wim.name, mb(wim.stored), mb(wim.unpacked));
    println!(
        "  {:20} {:>8} {:>8} {:>8}  {:>11} {:>9} {:>10}",
        "", "median", "min", "max", "peak memory", "output", "allocated"
    );
    for (name, runs) in [("nanovhd --no-sync", &wim.unsynced), ("nanovhd", &wim.synced), ("tool chain", &wim.peer)] {
        let Some(last) = runs.last() else { continue };
        let Spread { median, min, max } = seconds(runs);
        let (peak, length, allocated) = (peak(runs) >> 20, mb(last.length), mb(last.allocated));
        println!(
            "  {name:20} {median:6.2} s {min:6.2} s {max:6.2} s  {peak:7} MiB {length:6.0} MB {allocated:7.0} MB"
        );
    }
    for step in median_steps(wim.peer.iter().map(|run| &run.steps[..])) {
        println!("    {:18} {:6.2} s", step.name, step.seconds);
    }
    if let Some(ratio) = wim.ratio() {
        let synced = seconds(&wim.peer).median / seconds(&wim.synced).median;
        println!(
            "  the tool chain takes {ratio:.2} times as long ({synced:.2} times, if only nanovhd waits for the disk)"
        );
    }
    let disturbed = wim.unsynced.iter().chain(&wim.synced).chain(&wim.peer).filter_map(|run| run.foreign);
    let most = disturbed.fold(0.0, f64::max);
    if most > 0.25 {
        println!("  others used up to {most:.1} cores meanwhile: measure again when the machine is quiet");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        let steps = parse_steps("mkntfs 0.25\nwimapply 3.100000\nno number\n");
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[1], Step { name: "wimapply".to_owned(), seconds: 3.1 });
    }
}
