//! Good volumes, whoever made them, have no finding.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Builder, have, options, run, try_run, varied, write_volume};
use nanovhd_ntfs::{VolumeOptions, check};
use nanovhd_tree::{ReadAt, Tree, WriteAt};

fn expect_good(volume: &impl ReadAt, what: &str) {
    let mut last = (0, 0);
    let findings = check(volume, &mut |done, total| {
        assert!(done >= last.0 && done <= total, "{what}: {done} of {total} after {last:?}");
        last = (done, total);
    })
    .unwrap();
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{what}:\n{}", told.join("\n"));
    assert!(last.0 == last.1 && last.1 > 0, "{what}: {last:?}");
}

#[test]
fn our_volumes_have_no_finding() {
    let tree = varied(2_000).tree;
    for (sector_size, cluster_size) in
        [(512, 512), (512, 1024), (512, 4096), (512, 8192), (512, 65536), (4096, 4096), (4096, 65536)]
    {
        let options = VolumeOptions { cluster_size, sector_size, ..options(1 << 30) };
        let file = tempfile::tempfile().unwrap();
        write_volume(&tree, &options, &file);
        expect_good(&file, &format!("sectors of {sector_size}, clusters of {cluster_size}"));
    }
}

#[test]
fn a_volume_without_files_has_no_finding() {
    for tree in [Tree::new(), Builder::new().tree] {
        let file = tempfile::tempfile().unwrap();
        write_volume(&tree, &options(16 << 20), &file);
        expect_good(&file, "an empty volume");
    }
}

/// The samples beside the checkout are volumes that Windows made.
#[test]
fn volumes_that_windows_made_have_no_finding() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/ntfs");
    let Ok(entries) = std::fs::read_dir(&samples) else {
        eprintln!("skipped: samples beside the checkout not found");
        return;
    };
    if !have("bzip2") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for packed in
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "bz2"))
    {
        let path = folder.path().join("volume");
        let out = File::create(&path).unwrap();
        let status = Command::new("bzip2").arg("-dc").arg(&packed).stdout(Stdio::from(out)).status().unwrap();
        assert!(status.success());
        expect_good(&File::open(&path).unwrap(), &packed.display().to_string());
    }
}

/// A volume that `mkntfs` formatted with these options.
fn formatted(folder: &tempfile::TempDir, args: &[&str]) -> PathBuf {
    let path = folder.path().join("formatted.img");
    let file = File::create(&path).unwrap();
    file.set_len(128 << 20).unwrap();
    run("mkntfs", &[&["-F", "-Q"], args, &[path.to_str().unwrap()]].concat());
    path
}

#[test]
fn volumes_that_mkntfs_formats_have_no_finding() {
    if !have("mkntfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sizes: [&[&str]; 6] = [
        &[],
        &["-c", "512"],
        &["-c", "2048"],
        &["-c", "8192"],
        &["-c", "65536", "-L", "label"],
        &["-s", "4096", "-c", "4096"],
    ];
    for args in sizes {
        let path = formatted(&folder, args);
        expect_good(&File::open(&path).unwrap(), &format!("mkntfs {args:?}"));
    }
}

/// wimlib writes through libntfs-3g.
#[test]
fn volumes_that_wimlib_fills_have_no_finding() {
    if !have("mkntfs") || !have("wimapply") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wims = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/wims");
    let mut applied = 0;
    for entry in std::fs::read_dir(&wims).unwrap() {
        let wim = entry.unwrap().path();
        if wim.extension().is_none_or(|extension| extension != "wim") {
            continue;
        }
        let path = formatted(&folder, &[]);
        run("wimapply", &[wim.to_str().unwrap(), "1", path.to_str().unwrap()]);
        expect_good(&File::open(&path).unwrap(), &wim.display().to_string());
        applied += 1;
    }
    assert!(applied > 5, "{applied} images in {}", wims.display());
}

/// Damage that ntfs-3g's checker notices too: the mirror, and the copy of the boot sector.
#[test]
fn ntfsfix_agrees() {
    if !have("ntfsfix") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.img");
    let fix = |path: &Path| {
        let output = try_run("ntfsfix", &["-n", path.to_str().unwrap()]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    write_volume(&varied(10).tree, &options(96 << 20), &file);
    expect_good(&file, "an unharmed volume");
    let said = fix(&path);
    assert!(said.contains("was processed successfully") && !said.contains("FAILED"), "{said}");

    let mut boot = [0; 512];
    file.read_exact_at(&mut boot, 0).unwrap();
    let mirror = u64::from_le_bytes(*boot[0x38..].first_chunk().unwrap()) * 4096;
    for (offset, rule, complaint) in [
        (mirror + 1024 + 0x60, "mft-mirror", "$MFTMirr does not match $MFT (record 1)"),
        ((96 << 20) - 512, "boot-backup", "alternate boot sector... BAD"),
    ] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[!byte[0]], offset).unwrap();
        let findings = check(&file, &mut |_, _| {}).unwrap();
        assert!(findings.iter().any(|finding| finding.rule == rule), "{rule}: {findings:?}");
        let said = fix(&path);
        assert!(said.contains(complaint), "{complaint}: {said}");
        file.write_all_at(&byte, offset).unwrap();
    }
}
