//! How near a build is to what the machine can do.
//!
//! The work that no build gets around is measured alone: decoding (with our decoders, from memory), SHA-1, reading the
//! WIM from the page cache, writing as many bytes as a build writes. The limit is the larger of all CPU time
//! divided by the cores, and of the time that writing takes alone. Builds run in turns with that.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use clap::Parser;
use nanovhd::{BcdTemplate, BuildOptions, Media, Progress, Recipe, Size, Stage};
use nanovhd_benches::machine::Machine;
use nanovhd_benches::outcome::{Outcome, end};
use nanovhd_benches::results::{Bound, LimitedWim, Limits, Spread, Step, Work, median_steps, save};
use nanovhd_benches::tool::{Manner, Nanovhd};
use nanovhd_benches::work::{self, Writing, Written};
use nanovhd_benches::{chunks, files, process, subjects};
use nanovhd_wim::Wim;

/// How often the work in memory is done; the least counts, since nothing makes it faster than it is.
const REPEATS: usize = 3;

/// Sets builds beside the limit that the machine sets.
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
    /// Unpacked MiB that are decoded; of a larger WIM, that much is taken evenly
    #[arg(long, default_value_t = 1024)]
    sample: u64,
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
    let bench = Bench {
        nanovhd: Nanovhd::find(arguments.nanovhd.as_deref())?,
        folder: files::scratch(arguments.scratch.as_deref())?,
        cores: std::thread::available_parallelism()?.get(),
        image: arguments.image,
        runs: arguments.runs.max(1),
        sample: arguments.sample << 20,
    };
    let mut limits = Limits { machine: Machine::this(bench.folder.path()), wims: Vec::new() };
    for wim in &arguments.wims {
        let limited = bench.measure(wim)?;
        print(&limited, bench.cores);
        limits.wims.push(limited);
        if let Some(json) = &arguments.json {
            save(json, &limits)?;
        }
    }
    Ok(())
}

struct Bench {
    nanovhd: Nanovhd,
    folder: tempfile::TempDir,
    cores: usize,
    image: u32,
    runs: usize,
    sample: u64,
}

/// What the rounds gave.
#[derive(Default)]
struct Rounds {
    unsynced: Vec<f64>,
    synced: Vec<f64>,
    buffered: Vec<Written>,
    behind: Vec<Written>,
}

impl Bench {
    fn measure(&self, wim: &Path) -> Outcome<LimitedWim> {
        let unpacked = self.nanovhd.plan(wim, self.image)?.unpacked;
        let output = self.folder.path().join("limit.vhdx");
        let recipe = Recipe::for_output(&output)?;
        let recipe = recipe.image(self.image.to_string().parse()?).bcd_template(BcdTemplate::Builtin);

        // The first build is a warm-up too; it says how many bytes are written.
        files::settle(wim, &output)?;
        process::run(&mut self.nanovhd.build(wim, self.image, &output, Manner::default()))?;
        let written = files::lengths(&output)?.allocated;
        let rounds = self.rounds(wim, &output, written)?;
        let stages = (0..self.runs.min(3)).map(|_| stages(wim, &recipe, &output)).collect::<Outcome<_>>()?;
        files::remove(&output)?;
        let work = self.work(wim, unpacked)?;

        let all = work.last().map_or(0.0, Work::sum);
        let bound = |synced, builds: &[f64]| self.bound(&rounds, all, synced, builds);
        Ok(LimitedWim {
            name: subjects::name(wim),
            stored: wim.metadata()?.len(),
            unpacked,
            written,
            unsynced: bound(false, &rounds.unsynced),
            synced: bound(true, &rounds.synced),
            work,
            stages,
        })
    }

    fn rounds(&self, wim: &Path, output: &Path, written: u64) -> Outcome<Rounds> {
        let mut rounds = Rounds::default();
        let build = |sync| -> Outcome<f64> {
            files::settle(wim, output)?;
            let manner = Manner { sync, threads: None };
            Ok(process::run(&mut self.nanovhd.build(wim, self.image, output, manner))?.seconds)
        };
        let write = |writing| -> Outcome<Written> {
            files::settle(wim, output)?;
            Ok(work::write(output, written, self.cores, writing)?)
        };
        for _ in 0..self.runs {
            if self.nanovhd.knows_no_sync {
                rounds.unsynced.push(build(false)?);
            }
            rounds.buffered.push(write(Writing::Buffered)?);
            rounds.synced.push(build(true)?);
            rounds.behind.push(write(Writing::Behind)?);
        }
        Ok(rounds)
    }

    /// The work in memory, on one core and on all, for the whole of the WIM.
    fn work(&self, wim: &Path, unpacked: u64) -> Outcome<Vec<Work>> {
        let file = File::open(wim)?;
        let chunks = chunks::sample(&Wim::open(file.try_clone()?)?, &file, self.sample)?;
        let scale = unpacked as f64 / chunks.unpacked().max(1) as f64;
        let mut threads = vec![1, self.cores];
        threads.dedup();
        let least = |values: &dyn Fn() -> Outcome<f64>| -> Outcome<f64> {
            (0..REPEATS).try_fold(f64::INFINITY, |least, _| Ok(least.min(values()?)))
        };
        let mut all = Vec::new();
        for threads in threads {
            let (mut decode, mut sha1) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..REPEATS {
                let done = work::decode(&chunks, threads)?;
                (decode, sha1) = (decode.min(done.decode * scale), sha1.min(done.sha1 * scale));
            }
            let read = least(&|| Ok(work::read(wim, threads)?))?;
            all.push(Work { threads, decode, sha1, read });
        }
        Ok(all)
    }

    /// The lower of the limits that the two ways of writing give.
    fn bound(&self, rounds: &Rounds, work: f64, synced: bool, builds: &[f64]) -> Bound {
        let of = |writing: Writing, runs: &[Written]| {
            let disk = Spread::of(runs.iter().map(|run| if synced { run.synced } else { run.seconds })).median;
            let write_cpu = Spread::of(runs.iter().map(|run| run.cpu)).median;
            let limit = ((work + write_cpu) / self.cores as f64).max(disk);
            Bound { writing: writing.name().to_owned(), write_cpu, disk, limit, builds: builds.to_vec() }
        };
        let (buffered, behind) = (of(Writing::Buffered, &rounds.buffered), of(Writing::Behind, &rounds.behind));
        if behind.limit < buffered.limit { behind } else { buffered }
    }
}

/// When each stage of a build began.
#[derive(Default)]
struct Watch(Mutex<Vec<(Stage, Instant)>>);

impl Progress for Watch {
    fn begin(&self, stage: Stage, _: Size) {
        if let Ok(mut stages) = self.0.lock() {
            stages.push((stage, Instant::now()));
        }
    }
}

/// The stages of one build, in this process.
fn stages(wim: &Path, recipe: &Recipe, output: &Path) -> Outcome<Vec<Step>> {
    files::settle(wim, output)?;
    let start = Instant::now();
    let media = Media::open(wim)?;
    let plan = recipe.plan(&media)?;
    let watch = Watch::default();
    plan.build(output, &BuildOptions { overwrite: true, ..BuildOptions::default() }, &watch)?;
    let end = Instant::now();
    let begun = watch.0.into_inner().unwrap_or_default();
    let mut steps = Vec::new();
    let mut add = |name: &str, from: Instant, to: Instant| {
        steps.push(Step { name: name.to_owned(), seconds: to.duration_since(from).as_secs_f64() });
    };
    add("plan", start, begun.first().map_or(end, |(_, at)| *at));
    let ends = begun.iter().skip(1).map(|(_, at)| *at).chain([end]);
    for ((stage, from), to) in begun.iter().zip(ends) {
        let name = match stage {
            Stage::Contents => "contents",
            Stage::Structures => "structures",
            Stage::Sync => "sync",
            _ => "rest",
        };
        add(name, *from, to);
    }
    Ok(steps)
}

fn print(wim: &LimitedWim, cores: usize) {
    let rate = |bytes: u64, seconds: f64| bytes as f64 / seconds.max(1e-9) / 1e6;
    println!(
        "\n{}: unpacked {:.0} MB, written {:.0} MB",
        wim.name,
        wim.unpacked as f64 / 1e6,
        wim.written as f64 / 1e6
    );
    for work in &wim.work {
        let n = work.threads as f64;
        println!(
            "  {} thread(s): decode {:5.0} MB/s, SHA-1 {:5.0} MB/s, read {:6.0} MB/s; CPU time {:.2} + {:.2} + {:.2} s",
            work.threads,
            rate(wim.unpacked, work.decode / n),
            rate(wim.unpacked, work.sha1 / n),
            rate(wim.stored, work.read / n),
            work.decode,
            work.sha1,
            work.read
        );
    }
    let all = wim.work.last().map_or(0.0, Work::sum);
    for (name, bound) in [("without sync", &wim.unsynced), ("with sync", &wim.synced)] {
        let Bound { writing, write_cpu, disk, limit, builds } = bound;
        println!(
            "  {name}: {writing} writes take {disk:.2} s alone ({:.0} MB/s), CPU time {write_cpu:.2} s",
            rate(wim.written, *disk)
        );
        println!("    limit = max(({all:.2} + {write_cpu:.2}) / {cores}, {disk:.2}) = {limit:.2} s");
        let Some(ratio) = bound.ratio() else { continue };
        let build = Spread::of(builds.iter().copied());
        println!(
            "    build {:.2} s ({:.2} to {:.2}) = {ratio:.2} times the limit",
            build.median, build.min, build.max
        );
    }
    let stages = median_steps(wim.stages.iter().map(Vec::as_slice));
    let stages: Vec<_> = stages.iter().map(|step| format!("{} {:.3} s", step.name, step.seconds)).collect();
    println!("  stages of a build: {}", stages.join(", "));
}
