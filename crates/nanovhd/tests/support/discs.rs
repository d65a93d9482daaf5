//! Disc images around a folder, as the usual tools make them.
#![allow(clippy::print_stderr, reason = "the one who runs the tests should know what was not tested")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::testdata;

/// Disc images with all that is in a folder, each of another make: UDF beside ISO 9660, UDF alone with sectors of
/// two sizes, Joliet. Where a tool is missing, its image is.
pub fn discs(folder: &Path, into: &Path) -> Vec<PathBuf> {
    let udf = |name: &str, revision: &str, block: &str| formatted(folder, &into.join(name), revision, block);
    let made = [
        genisoimage(folder, &into.join("genisoimage.iso")),
        udf("mkudffs-2048.iso", "--udfrev=1.02", "--blocksize=2048"),
        udf("mkudffs-512.iso", "--udfrev=2.01", "--blocksize=512"),
        xorriso(folder, &into.join("xorriso.iso")),
    ];
    made.into_iter().flatten().collect()
}

fn genisoimage(folder: &Path, image: &Path) -> Option<PathBuf> {
    let options = ["-quiet", "-udf", "-iso-level", "3", "-J", "-r", "-V", "MEDIA", "-o"];
    run("genisoimage", &words(&options, &[image, folder]))?;
    Some(image.to_owned())
}

fn xorriso(folder: &Path, image: &Path) -> Option<PathBuf> {
    let options = ["-as", "mkisofs", "-quiet", "-iso-level", "3", "-J", "-V", "MEDIA", "-o"];
    run("xorriso", &words(&options, &[image, folder]))?;
    Some(image.to_owned())
}

/// mkudffs makes the volume, a script puts the files there.
fn formatted(folder: &Path, image: &Path, revision: &str, block: &str) -> Option<PathBuf> {
    File::create(image).unwrap().set_len(bytes_in(folder) + (8 << 20)).unwrap();
    run("mkudffs", &words(&["--media-type=hd", "--label=MEDIA", revision, block], &[image]))?;
    let script = testdata("tools/fill_udf.py");
    run("python3", &words(&["-B"], &[&script, image, folder]))?;
    Some(image.to_owned())
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { bytes_in(&path) } else { path.metadata().unwrap().len() }).sum()
}

fn words(options: &[&str], paths: &[&Path]) -> Vec<OsString> {
    options.iter().map(OsString::from).chain(paths.iter().map(|path| path.as_os_str().to_owned())).collect()
}

/// Runs a program, which must succeed if it is there.
fn run(name: &str, arguments: &[impl AsRef<OsStr>]) -> Option<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let Some(program) = folders.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file())) else {
        assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "{name} not found");
        eprintln!("skipped: {name} not found");
        return None;
    };
    let ran = Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(())
}
