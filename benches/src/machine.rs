//! What a figure was measured on.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::tool::peer_versions;

/// A machine, as far as it says something of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The model of its CPU.
    pub cpu: String,
    /// Threads that it runs at once.
    pub cores: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The system.
    pub system: String,
    /// The file system of the folder that was written to.
    pub file_system: String,
    /// Packages of the peer, with their versions.
    pub peer: Vec<String>,
}

impl Machine {
    /// This machine, writing to `folder`.
    pub fn this(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kib: u64 = field(&read("/proc/meminfo"), "MemTotal", ':').and_then(|text| number(&text)).unwrap_or(0);
        let cpu =
            field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        let system = field(&read("/etc/os-release"), "PRETTY_NAME", '=');
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            memory: kib * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: system.unwrap_or_else(|| std::env::consts::OS.to_owned()).trim_matches('"').to_owned(),
            file_system: file_system(&read("/proc/self/mounts"), folder).unwrap_or_default(),
            peer: peer_versions(),
        }
    }
}

/// The value behind a name in lines of `name: value`.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// The number that a text starts with.
fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The file system with the longest mount point above the folder.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_mounts_are_found() {
        assert_eq!(field("a : 1\nMemTotal:  24 kB\n", "MemTotal", ':').and_then(|text| number(&text)), Some(24));
        let mounts = "x / ext4 rw 0 0\ny /nowhere tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/")).as_deref(), Path::new("/").is_dir().then_some("ext4"));
    }
}
