//! Volumes made by `mkntfs`, to which `ntfscp` has copied the probe: not laid out by us, and as
//! broken up as we make it.

use std::path::Path;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::disk::{SECTOR, START, assert_boots};
use crate::machine::{QEMU, have};
use crate::probe::{USUAL_SIZE, probe};

fn have_all() -> bool {
    have(QEMU) && have("mkntfs") && have("ntfscp")
}

/// Runs a program, which must succeed, and gives what it said.
fn run(tool: &str, args: &[&str]) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
    let output = Command::new(tool).args(args).env("PATH", path).output().unwrap_or_else(|e| panic!("{tool}: {e}"));
    assert!(output.status.success(), "{tool} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file with an empty volume.
fn formatted(mebibytes: u64, cluster: u32) -> NamedTempFile {
    let volume = NamedTempFile::new().unwrap();
    volume.as_file().set_len(mebibytes << 20).unwrap();
    let name = volume.path().to_str().unwrap();
    let (cluster, start) = (cluster.to_string(), START.to_string());
    run("mkntfs", &["-q", "-F", "-f", "-s", "512", "-S", "63", "-H", "255", "-p", &start, "-c", &cluster, name]);
    volume
}

/// Copies a file to a volume.
pub(crate) fn copy(volume: &Path, content: &[u8], name: &str) {
    let source = NamedTempFile::new().unwrap();
    std::fs::write(source.path(), content).unwrap();
    run("ntfscp", &["-q", "-f", volume.to_str().unwrap(), source.path().to_str().unwrap(), name]);
}

#[test]
fn all_cluster_sizes_start() {
    if !have_all() {
        return;
    }
    let probe = probe(USUAL_SIZE);
    for cluster in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
        let volume = formatted(24, cluster);
        copy(volume.path(), &probe, "bootmgr");
        assert_boots(std::fs::read(volume.path()).unwrap(), &probe);
    }
}

#[test]
fn a_root_of_hundreds_of_entries_starts() {
    if !have_all() {
        return;
    }
    let volume = formatted(24, 4096);
    for i in 0..500 {
        copy(volume.path(), b"", &format!("{} other file {i:05}", ["a", "Z"][i % 2]));
    }
    let probe = probe(USUAL_SIZE);
    copy(volume.path(), &probe, "BOOTMGR");
    assert_boots(std::fs::read(volume.path()).unwrap(), &probe);
}

/// Free space is left in pieces of three clusters only, so whatever grows comes to lie in pieces:
/// `$MFT`, the root and the file, which then has an attribute list.
#[test]
fn a_broken_up_volume_starts() {
    if !have_all() || !have("ntfsinfo") {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let file = formatted(24, 512);
    let volume = file.path();
    let taken = take_every_fourth_cluster(volume);
    for i in 0..120 {
        copy(volume, b"", &format!("{} other file {i:05}", ["a", "Z"][i % 2]));
    }
    // At once would want more pieces than ntfscp is ready to look for.
    for len in (2048..probe.len()).step_by(2048).chain([probe.len()]) {
        copy(volume, &probe[..len], "bootmgr");
    }
    for (file, least) in [(["-i", "0"], 60), (["-i", "5"], 15), (["-F", "bootmgr"], 200)] {
        let what = run("ntfsinfo", &["-v", "-f", file[0], file[1], volume.to_str().unwrap()]);
        let runs = what.lines().filter(|line| line.trim_start().starts_with("0x")).count();
        assert!(runs >= least, "{file:?} has {runs} runs");
        assert_eq!(what.contains("attribute $ATTRIBUTE_LIST"), file[0] == "-F", "{file:?}\n{what}");
    }
    let mut volume = std::fs::read(volume).unwrap();
    let bitmap = bitmap_at(&volume);
    for cluster in taken {
        volume[bitmap + cluster / 8] &= !(1 << (cluster % 8));
    }
    assert_boots(volume, &probe);
}

fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    (0..len).map(|i| usize::from(bytes[at + i]) << (8 * i)).sum()
}

/// Where the content of `$Bitmap` is: it has one run.
fn bitmap_at(volume: &[u8]) -> usize {
    let record = number(volume, 0x30, 8) * number(volume, 0x0d, 1) * SECTOR + 6 * 1024;
    let mut data = record + number(volume, record + 0x14, 2);
    while number(volume, data, 4) != 0x80 {
        data += number(volume, data + 4, 4);
    }
    let runs = data + number(volume, data + 0x20, 2);
    let (length, offset) = (usize::from(volume[runs] & 15), usize::from(volume[runs] >> 4));
    assert_eq!(volume[runs + 1 + length + offset], 0);
    number(volume, runs + 1 + length, offset) * number(volume, 0x0d, 1) * SECTOR
}

/// Marks every fourth free cluster as in use, and says which they are.
fn take_every_fourth_cluster(path: &Path) -> Vec<usize> {
    let mut volume = std::fs::read(path).unwrap();
    let bitmap = bitmap_at(&volume);
    let clusters = number(&volume, 0x28, 8) / number(&volume, 0x0d, 1);
    let free = (0..clusters).filter(|c| volume[bitmap + c / 8] >> (c % 8) & 1 == 0);
    let taken: Vec<usize> = free.step_by(4).collect();
    for cluster in &taken {
        volume[bitmap + cluster / 8] |= 1 << (cluster % 8);
    }
    std::fs::write(path, volume).unwrap();
    taken
}
