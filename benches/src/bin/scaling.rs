//! What more threads and larger images do: the decode stage alone, and whole builds.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::fs::File;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nanovhd_benches::machine::Machine;
use nanovhd_benches::outcome::{Outcome, end};
use nanovhd_benches::results::{Point, ScaledWim, Scaling, save};
use nanovhd_benches::tool::{Manner, Nanovhd};
use nanovhd_benches::{files, process, subjects};
use nanovhd_wim::{BlobSink, Wim};

/// Measures the decode stage and whole builds with several numbers of threads.
#[derive(Debug, Parser)]
struct Arguments {
    /// WIM or ESD files
    #[arg(required = true)]
    wims: Vec<PathBuf>,
    /// The image in each of them
    #[arg(long, default_value_t = 1)]
    image: u32,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Numbers of threads [default: 1 to as many as there are cores, then 4 and 8]
    #[arg(long, value_delimiter = ',')]
    threads: Vec<usize>,
    /// The folder for the outputs [default: where this program is]
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// The command nanovhd [default: beside this program]
    #[arg(long)]
    nanovhd: Option<PathBuf>,
    /// Write the raw runs to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    end(measure_all())
}

fn measure_all() -> Outcome<()> {
    let arguments = Arguments::parse();
    let folder = files::scratch(arguments.scratch.as_deref())?;
    let nanovhd = Nanovhd::find(arguments.nanovhd.as_deref())?;
    let cores = std::thread::available_parallelism()?.get();
    let mut threads = arguments.threads.clone();
    if threads.is_empty() {
        threads = (0..).map(|power| 1 << power).take_while(|n| *n < cores).chain([cores, 4, 8]).collect();
    }
    threads.push(1);
    threads.sort_unstable();
    threads.dedup();

    let mut scaling = Scaling { machine: Machine::this(folder.path()), wims: Vec::new() };
    for wim in &arguments.wims {
        let output = folder.path().join("scaling.vhdx");
        let scaled = measure(wim, &arguments, &threads, &nanovhd, &output)?;
        print(&scaled);
        scaling.wims.push(scaled);
        if let Some(json) = &arguments.json {
            save(json, &scaling)?;
        }
    }
    Ok(())
}

fn measure(
    wim: &Path,
    arguments: &Arguments,
    threads: &[usize],
    nanovhd: &Nanovhd,
    output: &Path,
) -> Outcome<ScaledWim> {
    let unpacked = nanovhd.plan(wim, arguments.image)?.unpacked;
    let points = threads.iter().map(|&threads| Point { threads, decode: Vec::new(), build: Vec::new() });
    let mut points: Vec<Point> = points.collect();
    decode(wim, NonZeroUsize::MIN)?; // warm-up
    for _ in 0..arguments.runs {
        for point in &mut points {
            files::settle(wim, output)?;
            point.decode.push(decode(wim, NonZeroUsize::new(point.threads).unwrap_or(NonZeroUsize::MIN))?);
            let manner = Manner { threads: Some(point.threads), sync: false };
            let mut build = nanovhd.build(wim, arguments.image, output, manner);
            point.build.push(process::run(&mut build)?.seconds);
        }
    }
    files::remove(output)?;
    Ok(ScaledWim { name: subjects::name(wim), unpacked, points })
}

/// Takes bytes and forgets them.
struct Nowhere;

impl BlobSink for Nowhere {
    fn write(&self, _: u32, _: u64, bytes: &[u8]) -> std::io::Result<()> {
        black_box(bytes);
        Ok(())
    }
}

/// Seconds to read, decode and hash everything.
fn decode(wim: &Path, threads: NonZeroUsize) -> Outcome<f64> {
    let wim = Wim::open(File::open(wim)?)?;
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    let start = Instant::now();
    wim.stream(&all, threads, &Nowhere)?;
    Ok(start.elapsed().as_secs_f64())
}

fn print(wim: &ScaledWim) {
    let Some(one) = wim.points.first() else { return };
    let rate = |seconds: f64| wim.unpacked as f64 / seconds / 1e6;
    println!("\n{}: unpacked {:.0} MB", wim.name, wim.unpacked as f64 / 1e6);
    println!("  threads        decode stage               whole build");
    for point in &wim.points {
        let (decode, build) = (point.decode().median, point.build().median);
        println!(
            "  {:7}  {decode:6.2} s {:5.0} MB/s {:.2} x  {build:6.2} s {:5.0} MB/s {:.2} x",
            point.threads,
            rate(decode),
            one.decode().median / decode,
            rate(build),
            one.build().median / build
        );
    }
}
