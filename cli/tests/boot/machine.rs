//! Built disks, and what the machines say that were started from them.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, good, have, nanovhd, run, testdata, tool};

/// What every start needs.
const TOOLS: [&str; 3] = ["qemu-system-x86_64", "qemu-img", "python3"];
/// Debian's package `ovmf`.
const OVMF: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";

pub(crate) fn have_bios() -> bool {
    have(&TOOLS)
}

pub(crate) fn have_uefi() -> bool {
    have_bios() && have_file(OVMF)
}

/// Whether a part of another package is there, as [`have`] says it of programs.
pub(crate) fn have_file(path: &str) -> bool {
    let found = Path::new(path).is_file();
    let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|v| v == "1");
    assert!(found || !required, "{path} is required but not found");
    if !found {
        eprintln!("skipped: {path} not found");
    }
    found
}

/// A disk of the test data's Datacenter image, and the folder that it is in.
pub(crate) struct Disk {
    folder: TempDir,
    name: String,
}

impl Disk {
    /// Builds one, with arguments in one text. The built disk has no findings.
    pub(crate) fn build(name: &str, options: &str) -> Self {
        Self::build_from(&testdata("media"), name, options)
    }

    /// Builds one of the second image of another media.
    pub(crate) fn build_from(media: &Path, name: &str, options: &str) -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap(), name: name.into() };
        let mut build = nanovhd();
        build.arg("build").arg("--media").arg(media).args(["--image", "2", "--verify", "--quiet", "-o"]);
        good(build.arg(disk.path()).args(options.split_whitespace()));
        disk
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// Starts a machine whose disk hangs on a controller.
    pub(crate) fn start(&self, firmware: &str, controller: &str, more: &[&str]) -> Ran {
        let mut script = tool("python3");
        script.arg(testdata("tools/boot_disk.py")).arg(self.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        let ran = run(script.args(["--firmware", firmware, "--controller", controller]).args(more));
        eprintln!("{} on {controller}:\n{}{}", self.name, ran.out, ran.err);
        ran
    }

    /// What `inspect` says of it.
    pub(crate) fn inspect(&self) -> Value {
        serde_json::from_str(&good(nanovhd().arg("inspect").arg(self.path()).arg("--json"))).unwrap()
    }

    /// A file of the Windows partition, or with ":esp" of the EFI system partition.
    pub(crate) fn file(&self, part: &str, path: &str) -> Vec<u8> {
        cat(&format!("{}{part}", self.path().display()), path)
    }
}

/// Demands that the README shows what was printed from a line on: it shows the disks that are built without options.
#[track_caller]
pub(crate) fn assert_shown(said: &Ran, first: &str) {
    let readme = std::fs::read_to_string(testdata("../README.md")).unwrap();
    let report = &said.out[said.out.find(first).unwrap()..];
    assert!(readme.contains(report), "README.md shows another report than this one:\n{report}");
}

/// A file of the image.
pub(crate) fn of_image(path: &str) -> Vec<u8> {
    cat(&format!("{}:2", testdata("media").display()), path)
}

fn cat(source: &str, path: &str) -> Vec<u8> {
    let output = nanovhd().args([OsStr::new("cat"), source.as_ref(), path.as_ref()]).output().unwrap();
    assert!(output.status.success(), "{source} {path}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// FNV-1a, 32 bits, as the probes say it.
pub(crate) fn fnv(bytes: &[u8]) -> impl Display {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08X}")
}
