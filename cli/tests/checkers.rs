//! Whole disks, judged by programs that others wrote.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use common::{build, carve, good, have, judge, run, testdata, tool};
use serde_json::Value;

const WIM: &str = "media/NanoServer/NanoServer.wim";

/// A disk that was built, its plan, and its bytes without a container.
struct Built {
    folder: tempfile::TempDir,
    plan: Value,
    output: PathBuf,
    raw: PathBuf,
}

impl Built {
    /// Needs `qemu-img` for all but raw disks.
    fn new(name: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join(name);
        let report = good(build(&output).args(arguments).arg("--json"));
        let plan = serde_json::from_str::<Value>(&report).unwrap()["plan"].take();
        let raw = if name.ends_with("raw") { output.clone() } else { folder.path().join("converted.raw") };
        if raw != output {
            judge("qemu-img", &["convert".as_ref(), "-O".as_ref(), "raw".as_ref(), output.as_ref(), raw.as_ref()]);
        }
        Self { folder, plan, output, raw }
    }

    fn partition(&self, kind: &str) -> PathBuf {
        let path = self.folder.path().join(kind);
        let partitions = self.plan["partitions"].as_array().unwrap();
        let part = partitions.iter().find(|part| part["kind"] == kind).unwrap();
        carve(&self.raw, part["offset"].as_u64().unwrap(), part["size"].as_u64().unwrap(), &path);
        path
    }
}

#[test]
fn a_vhdx_is_accepted_by_all() {
    if have(&["qemu-img"]) {
        let built = Built::new("a.vhdx", &["--size", "300MiB"]);
        built.judge_gpt();
        built.judge_esp();
        built.judge_volume();
    }
}

#[test]
fn a_vhd_is_accepted_by_all() {
    if have(&["qemu-img"]) {
        let built = Built::new("a.vhd", &["--size", "300MiB"]);
        built.judge_mbr();
        built.judge_volume();
    }
}

#[test]
fn a_raw_disk_is_accepted_by_all() {
    let built = Built::new("a.raw", &["--size", "300MiB"]);
    built.judge_gpt();
    built.judge_esp();
    built.judge_volume();
}

#[test]
fn large_sectors_are_accepted_by_all() {
    let built = Built::new("a.raw", &["--size", "500MiB", "--sector-size", "4096"]);
    built.judge_esp();
    built.judge_volume();
}

#[test]
fn qemu_accepts_the_container() {
    if !have(&["qemu-img"]) {
        return;
    }
    for (name, format, extra) in [
        ("a.vhdx", "vhdx", &[][..]),
        ("b.vhdx", "vhdx", &["--fixed", "--size", "300MiB"]),
        ("a.vhd", "vpc", &[]),
        ("b.vhd", "vpc", &["--fixed", "--size", "300MiB"]),
        ("a.raw", "raw", &[]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join(name);
        let report: Value = serde_json::from_str(&good(build(&output).args(extra).arg("--json"))).unwrap();
        let info = ["info", "--output=json", "-f", format].map(OsStr::new);
        let info: Value =
            serde_json::from_str(&judge("qemu-img", &[&info[..], &[output.as_ref()]].concat())).unwrap();
        assert_eq!(info["virtual-size"], report["plan"]["disk"]["size"], "{name}");
        if format == "vhdx" {
            let said = judge("qemu-img", &["check".as_ref(), output.as_ref()]);
            assert!(said.contains("No errors were found"), "{said}");
        }
    }
}

/// Every byte of a disk above 8 GiB, where readers differ if the tables are wrong.
#[test]
fn qemu_reads_the_same_bytes_from_every_format() {
    if !have(&["qemu-img"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["a.raw", "a.vhdx", "a.vhd"] {
        good(build(&at(name)).args(["--size", "9GiB", "--firmware", "uefi"]));
    }
    // Not the raw disk with the VHDX: qemu-img would read every zero of both.
    for (name, format) in [("a.raw", "raw"), ("a.vhdx", "vhdx")] {
        let (one, other) = (at(name), at("a.vhd"));
        let arguments = ["compare", "-f", format, "-F", "vpc"].map(OsStr::new);
        let said = judge("qemu-img", &[&arguments[..], &[one.as_ref(), other.as_ref()]].concat());
        assert!(said.contains("Images are identical."), "{said}");
    }
}

impl Built {
    fn judge_gpt(&self) {
        if !have(&["sgdisk"]) {
            return;
        }
        let said = judge("sgdisk", &["-v".as_ref(), self.raw.as_ref()]);
        assert!(said.contains("No problems found"), "{said}");
        let said = judge("sgdisk", &["-p".as_ref(), self.raw.as_ref()]);
        for (number, code, name) in
            [(1, "EF00", "EFI system"), (2, "0C01", "Microsoft reserved"), (3, "0700", "Basic data")]
        {
            let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{number} "))).unwrap();
            assert!(line.contains(code) && line.contains(name), "{line}");
        }
    }

    fn judge_mbr(&self) {
        if !have(&["sfdisk"]) {
            return;
        }
        let said = judge("sfdisk", &["--dump".as_ref(), self.raw.as_ref()]);
        assert!(said.contains("label: dos"), "{said}");
        let parts: Vec<&str> = said.lines().filter(|line| line.contains("start=")).collect();
        let [part] = parts[..] else { panic!("{said}") };
        assert!(part.contains("start=        2048") && part.contains("type=7, bootable"), "{said}");
    }

    fn judge_esp(&self) {
        if have(&["fsck.vfat"]) {
            let said = judge("fsck.vfat", &["-n".as_ref(), "-v".as_ref(), self.partition("esp").as_ref()]);
            assert!(said.contains("FATs, 32 bit entries"), "{said}");
        }
    }

    fn judge_volume(&self) {
        let volume = self.partition("windows");
        if have(&["ntfsfix", "ntfsinfo"]) {
            let said = judge("ntfsfix", &["-n".as_ref(), volume.as_ref()]);
            assert!(said.contains("was processed successfully"), "{said}");
            let said = judge("ntfsinfo", &["-m".as_ref(), volume.as_ref()]);
            assert!(said.contains("Volume Version: 3.1") && said.contains("Volume Name: Windows"), "{said}");
        }
        if have(&["fsstat", "fls"]) {
            self.judge_by_sleuth_kit(&volume);
        }
        if have(&["wimlib-imagex", "python3"]) {
            self.compare(&volume);
        }
    }

    fn judge_by_sleuth_kit(&self, volume: &Path) {
        let said = judge("fsstat", &["-f".as_ref(), "ntfs".as_ref(), volume.as_ref()]);
        let serial = self.plan["volume"]["serial"].as_str().unwrap().to_uppercase();
        assert!(said.contains("Volume Name: Windows") && said.contains(&serial), "{said}");
        let said = judge("fls", &["-f".as_ref(), "ntfs".as_ref(), "-r".as_ref(), "-p".as_ref(), volume.as_ref()]);
        let paths: Vec<&str> = said.lines().filter_map(|line| line.split('\t').nth(1)).collect();
        for path in
            ["Windows/System32/wpeutil.exe", "Windows/WinSxS", "ProgramData/nanovhd/sizes", "$Extend/$ObjId:$O"]
        {
            assert!(paths.contains(&path), "{path}");
        }
        // Deleted entries are marked with a star.
        assert!(said.lines().all(|line| !line.contains(" * ")), "a volume that is new has nothing deleted");
    }

    /// wimlib reads the volume through libntfs-3g, and a comparison of our own, which shares no code
    /// with the tool, holds that against the image that the disk was made from.
    fn compare(&self, volume: &Path) {
        let found = self.folder.path().join("found.wim");
        let mut capture = tool("wimlib-imagex");
        let said = run(capture.arg("capture").arg(volume).arg(&found).args(["x", "--compress=none"]));
        assert_eq!(said.code, Some(0), "{}: {}", self.output.display(), said.err);
        let mut comparison = tool("python3");
        // What a BIOS disk has besides, the comparison knows from elsewhere.
        let image = if self.plan["disk"]["firmware"] == "bios" { "2:bios" } else { "2" };
        comparison.arg(testdata("tools/compare_wims.py")).arg(testdata(WIM)).arg(image).arg(&found).arg("1");
        let said = run(comparison.env("PYTHONDONTWRITEBYTECODE", "1"));
        assert_eq!(said.code, Some(0), "{}: {said:?}", self.output.display());
    }
}
