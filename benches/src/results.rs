//! The form of what is measured: raw runs, in JSON.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// Median and bounds of some runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of some values; zeros if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let Some((&min, &max)) = values.first().zip(values.last()) else {
            return Self { median: 0.0, min: 0.0, max: 0.0 };
        };
        let middle = values.len() / 2;
        let median =
            if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] };
        Self { median, min, max }
    }
}

/// What `compare` writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// Where.
    pub machine: Machine,
    /// One for each WIM.
    pub wims: Vec<ComparedWim>,
}

/// A WIM, built by both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComparedWim {
    /// Its name.
    pub name: String,
    /// Its length.
    pub stored: u64,
    /// Bytes of contents that come out of it.
    pub unpacked: u64,
    /// nanovhd, without waiting for the disk, as the peer does; empty if the command can't do that.
    pub unsynced: Vec<Run>,
    /// nanovhd as users get it.
    pub synced: Vec<Run>,
    /// The peer.
    pub peer: Vec<Run>,
}

impl ComparedWim {
    /// Our runs that are set beside the peer's: those without sync, if there are any.
    pub fn ours(&self) -> &[Run] {
        if self.unsynced.is_empty() { &self.synced } else { &self.unsynced }
    }

    /// How many times as long the peer takes.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, peer) = (seconds(self.ours()).median, seconds(&self.peer).median);
        (ours > 0.0 && peer > 0.0).then_some(peer / ours)
    }
}

/// One run of a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds of CPU time in programs.
    pub user: f64,
    /// Seconds of CPU time in the kernel.
    pub system: f64,
    /// The most memory of any one process, in bytes.
    pub peak: u64,
    /// Length of the output.
    pub length: u64,
    /// Bytes of the output on the disk.
    pub allocated: u64,
    /// The part of a core that others used meanwhile.
    pub foreign: Option<f64>,
    /// What it did, one after the other.
    pub steps: Vec<Step>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
}

/// Seconds of some runs.
pub fn seconds(runs: &[Run]) -> Spread {
    Spread::of(runs.iter().map(|run| run.seconds))
}

/// The most memory of some runs, in bytes.
pub fn peak(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.peak).max().unwrap_or(0)
}

/// Each step's median, in the order of the first run.
pub fn median_steps<'r>(runs: impl IntoIterator<Item = &'r [Step]>) -> Vec<Step> {
    let runs: Vec<&[Step]> = runs.into_iter().collect();
    let Some(first) = runs.first() else { return Vec::new() };
    let of = |name: &str| {
        let seconds = runs.iter().flat_map(|steps| steps.iter().filter(|step| step.name == name));
        Spread::of(seconds.map(|step| step.seconds)).median
    };
    first.iter().map(|step| Step { name: step.name.clone(), seconds: of(&step.name) }).collect()
}

/// What `limit` writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// Where.
    pub machine: Machine,
    /// One for each WIM.
    pub wims: Vec<LimitedWim>,
}

/// How near a build is to what the machine can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LimitedWim {
    /// Its name.
    pub name: String,
    /// Its length.
    pub stored: u64,
    /// Bytes of contents that come out of it.
    pub unpacked: u64,
    /// Bytes that a build writes.
    pub written: u64,
    /// The work, on one core and on all.
    pub work: Vec<Work>,
    /// The limit without a sync.
    pub unsynced: Bound,
    /// The limit with one.
    pub synced: Bound,
    /// The stages of a build with a sync, run by run.
    pub stages: Vec<Vec<Step>>,
}

/// CPU time of each kind of work for the whole WIM, in seconds, all threads together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// Threads that worked at the same time.
    pub threads: usize,
    /// Decoding, and copying what is stored as it is.
    pub decode: f64,
    /// SHA-1.
    pub sha1: f64,
    /// Reading the WIM from the page cache.
    pub read: f64,
}

impl Work {
    /// All kinds.
    pub fn sum(&self) -> f64 {
        self.decode + self.sha1 + self.read
    }
}

/// A limit and the builds that are set beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bound {
    /// How the output was written for it: `buffered` or `write-behind`, whichever gives the lower limit.
    pub writing: String,
    /// CPU time of writing, all threads together, in seconds.
    pub write_cpu: f64,
    /// Seconds that writing takes if nothing else is done.
    pub disk: f64,
    /// The limit in seconds: the larger of all work divided by the cores, and `disk`.
    pub limit: f64,
    /// Seconds of each build; empty if the command can't build so.
    pub builds: Vec<f64>,
}

impl Bound {
    /// Median of the builds, divided by the limit.
    pub fn ratio(&self) -> Option<f64> {
        (!self.builds.is_empty()).then(|| Spread::of(self.builds.iter().copied()).median / self.limit)
    }
}

/// What `scaling` writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scaling {
    /// Where.
    pub machine: Machine,
    /// One for each WIM.
    pub wims: Vec<ScaledWim>,
}

/// A WIM with several numbers of threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaledWim {
    /// Its name.
    pub name: String,
    /// Bytes of contents that come out of it.
    pub unpacked: u64,
    /// One for each number of threads, from one on.
    pub points: Vec<Point>,
}

impl ScaledWim {
    /// How many times as fast the decode stage is with so many threads as with one.
    pub fn decode_gain(&self, threads: usize) -> Option<f64> {
        let of = |threads| self.points.iter().find(|point| point.threads == threads).map(|p| p.decode().median);
        Some(of(1)? / of(threads)?)
    }
}

/// A number of threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// The threads.
    pub threads: usize,
    /// Seconds that reading, decoding and hashing took, run by run.
    pub decode: Vec<f64>,
    /// Seconds that whole builds took.
    pub build: Vec<f64>,
}

impl Point {
    /// Seconds of the decode stage.
    pub fn decode(&self) -> Spread {
        Spread::of(self.decode.iter().copied())
    }

    /// Seconds of whole builds.
    pub fn build(&self) -> Spread {
        Spread::of(self.build.iter().copied())
    }
}

/// Results that may come in several files.
pub trait Results: DeserializeOwned {
    /// Takes over the WIMs of another file.
    fn append(&mut self, other: Self);
}

macro_rules! results {
    ($($kind:ty),*) => {
        $(impl Results for $kind {
            fn append(&mut self, mut other: Self) {
                self.wims.append(&mut other.wims);
            }
        })*
    };
}

results!(Comparison, Limits, Scaling);

/// Reads all results of a kind: the files of a folder whose names start with `kind` and end with `.json`, in the
/// order of their names.
///
/// # Errors
/// With the path, what the system or the parser says; or that there are none.
pub fn load<T: Results>(folder: &Path, kind: &str) -> io::Result<T> {
    let named =
        |path: &Path, e: &dyn std::fmt::Display| io::Error::other(format!("can't read `{}`: {e}", path.display()));
    let entries = fs::read_dir(folder).map_err(|e| named(folder, &e))?;
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with(kind) && name.ends_with(".json"));
    names.sort();
    let mut all: Option<T> = None;
    for name in names {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).map_err(|e| named(&path, &e))?;
        let results = serde_json::from_str(&text).map_err(|e| named(&path, &e))?;
        match &mut all {
            Some(all) => all.append(results),
            None => all = Some(results),
        }
    }
    all.ok_or_else(|| named(folder, &format!("it has no {kind}*.json")))
}

/// Writes results.
///
/// # Errors
/// With the path, what the system says.
pub fn save<T: Serialize>(path: &Path, results: &T) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(results)?;
    text.push('\n');
    fs::write(path, text).map_err(|e| io::Error::new(e.kind(), format!("can't write `{}`: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_steps_are_medians() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([1.0, 4.0]).median, 2.5);
        assert_eq!(Spread::of([]).median, 0.0);
        let run = |a, b| [("a", a), ("b", b)].map(|(name, seconds)| Step { name: name.to_owned(), seconds });
        let runs = [run(1.0, 9.0), run(2.0, 5.0), run(3.0, 7.0)];
        assert_eq!(median_steps(runs.iter().map(|r| &r[..])), run(2.0, 7.0));
    }
}
