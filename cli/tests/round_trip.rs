//! Images with every odd case, made into disks and read back: nothing may be lost on the way.
//!
//! A generator in `testdata/tools` writes the images, wimlib reads the finished volumes through
//! libntfs-3g, and a comparison that shares no code with the command holds one against the other.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use common::{carve, good, have, judge, nanovhd, run, testdata, tool};
use serde_json::Value;

/// Random trees that are tried.
const TREES: u32 = 50;
/// How `ntfs3_vm.sh` says that its machine is not prepared.
const NOT_PREPARED: i32 = 77;
/// A capture tells no extended attributes; `compare_volume.py` and the Linux driver do.
const NOT_CAPTURED: &str = "extended_attributes";
/// What NTFS can't keep: the generator puts it into one folder.
const LOST: [&str; 4] = [
    "attributes:/lost/*",
    "security:/lost/no descriptor",
    "short_name:/lost/another of its names",
    "object_id:/lost/short object id",
];

/// Runs a script of the test data, which must succeed.
fn script(name: &str, args: &[&OsStr]) -> String {
    let mut python = tool("python3");
    let ran = run(python.arg(testdata("tools").join(name)).args(args).env("PYTHONDONTWRITEBYTECODE", "1"));
    assert_eq!(ran.code, Some(0), "{name} {args:?}: {}\n{}", ran.err, ran.out);
    ran.out
}

/// Builds a disk of the image, which our own checker finds clean, and carves its volume out.
fn volume(wim: &Path, options: &[&str], folder: &Path) -> PathBuf {
    let (disk, volume) = (folder.join("disk.raw"), folder.join("volume.ntfs"));
    let mut build = nanovhd();
    build.arg("build").arg("--media").arg(wim).args(["--image", "1", "--no-boot", "--size", "300MiB"]);
    build.args(options).args(["--verify", "--force", "--json", "-o"]).arg(&disk);
    let report: Value = serde_json::from_str(&good(&mut build)).unwrap();
    let partitions = report["plan"]["partitions"].as_array().unwrap();
    let part = partitions.iter().find(|part| part["kind"] == "windows").unwrap();
    carve(&disk, part["offset"].as_u64().unwrap(), part["size"].as_u64().unwrap(), &volume);
    volume
}

/// Lets wimlib capture the volume and compares; says how many names there were.
fn compare(wim: &Path, volume: &Path, ignored: &[&str]) -> String {
    let found = volume.with_extension("wim");
    let mut capture = tool("wimlib-imagex");
    let said = run(capture.arg("capture").arg(volume).arg(&found).args(["x", "--compress=none"]));
    assert_eq!(said.code, Some(0), "{}: {}", wim.display(), said.err);
    let mut args: Vec<&OsStr> = vec!["--ignore".as_ref(), NOT_CAPTURED.as_ref()];
    for rule in ignored {
        args.extend::<[&OsStr; 2]>(["--ignore".as_ref(), rule.as_ref()]);
    }
    args.extend::<[&OsStr; 4]>([wim.as_ref(), "1".as_ref(), found.as_ref(), "1".as_ref()]);
    let said = script("compare_wims.py", &args);
    std::fs::remove_file(found).unwrap();
    said
}

/// The checkers that are there must find no fault.
fn check(volume: &Path) {
    if have(&["ntfsfix"]) {
        let said = judge("ntfsfix", &["-n".as_ref(), volume.as_ref()]);
        assert!(said.contains("was processed successfully"), "{said}");
    }
    if have(&["checkdisk"]) {
        let said = judge("checkdisk", &["fix".as_ref(), volume.as_ref()]);
        assert!(said.contains("directories walked: 0 dangling entries, 0 torn indexes\n"), "{said}");
        assert!(!said.contains("re-run with --really to repair the findings"), "{said}");
    }
}

#[test]
fn random_trees_come_back_as_they_were() {
    if !have(&["wimlib-imagex", "python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let count = TREES.to_string();
    let args = ["--random", "1", "--count", &count].map(OsStr::new);
    script("make_torture.py", &[&args[..], &[folder.path().as_ref()]].concat());
    // With larger clusters nothing is kept compressed.
    let forms = [
        ["--cluster-size", "4K"],
        ["--cluster-size", "2K"],
        ["--cluster-size", "1K"],
        ["--cluster-size", "512"],
        ["--sector-size", "4096"],
    ];
    for (seed, form) in (1..=TREES).zip(forms.iter().cycle()) {
        let wim = folder.path().join(format!("{seed}.wim"));
        let volume = volume(&wim, form, folder.path());
        let said = compare(&wim, &volume, &[]);
        assert!(said.contains(" 0 differences"), "{seed} {form:?}: {said}");
        check(&volume);
    }
}

#[test]
fn every_odd_case_comes_back_as_it_was() {
    if !have(&["wimlib-imagex", "python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wim = folder.path().join("torture.wim");
    script("make_torture.py", &[wim.as_ref()]);
    judge("wimlib-imagex", &["verify".as_ref(), wim.as_ref()]);
    let volume = volume(&wim, &[], folder.path());
    let said = compare(&wim, &volume, &LOST);
    assert!(said.contains(" 0 differences"), "{said}");
    check(&volume);
    compare_by_mount(&wim, &volume);
    compare_by_driver(&wim, &volume);
}

/// Folders of thousands of names, a tenth and all of what they have in the larger image: how time and memory
/// grow is measured by `measure_many.py`.
#[test]
fn many_small_files_come_back_as_they_were() {
    if !have(&["wimlib-imagex", "python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for count in ["2000", "20000"] {
        let wim = folder.path().join(format!("{count}.wim"));
        script("make_many.py", &[count.as_ref(), wim.as_ref()]);
        judge("wimlib-imagex", &["verify".as_ref(), wim.as_ref()]);
        let volume = volume(&wim, &[], folder.path());
        // Which 8.3 names clash is told as a loss.
        let said = compare(&wim, &volume, &["short_name:*"]);
        assert!(said.contains(" 0 differences"), "{count}: {said}");
        check(&volume);
        let other_case = |path: &str| good(nanovhd().arg("ls").arg(&volume).arg(path));
        let listed = other_case("WINDOWS/winsxs/manifests");
        assert_eq!(listed.lines().count(), count.parse::<usize>().unwrap() / 16, "{listed}");
        let last = listed.lines().last().unwrap().rsplit(' ').next().unwrap();
        assert_eq!(other_case(&format!("windows/WINSXS/Manifests/{}", last.to_lowercase())).lines().count(), 1);
    }
}

/// ntfs-3g mounts the volume, where there is FUSE, and everything that it shows is compared.
fn compare_by_mount(wim: &Path, volume: &Path) {
    const NO_FUSE: i32 = 77;
    if !have(&["ntfs-3g"]) {
        return;
    }
    let script = testdata("tools/compare_mount.py");
    let ran = run(tool("python3").arg(script).arg(volume).arg(wim).args(["1", "/lost/*"]));
    if ran.code == Some(NO_FUSE) {
        eprintln!("skipped: {}", ran.out.trim_end());
        return;
    }
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

/// The NTFS driver of Linux reads the volume too, extended attributes and all.
fn compare_by_driver(wim: &Path, volume: &Path) {
    if !have(&["bash"]) {
        return;
    }
    let listed = run(tool("bash").arg(testdata("tools/ntfs3_vm.sh")).arg(volume));
    if listed.code == Some(NOT_PREPARED) {
        let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|v| v == "1");
        assert!(!required, "ntfs3_vm.sh is required but its machine is not prepared");
        eprintln!("skipped: ntfs3_vm.sh --prepare was not run");
        return;
    }
    let listing = volume.with_extension("listing");
    std::fs::write(&listing, &listed.out).unwrap();
    // Complaints are for the comparison to judge: the driver can't say every name.
    assert!(matches!(listed.code, Some(0 | 1)), "{}", listed.err);
    script("ntfs3_compare.py", &[listing.as_ref(), wim.as_ref(), "1".as_ref(), "/lost/*".as_ref()]);
}
