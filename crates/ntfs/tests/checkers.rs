//! Volumes of every cluster and sector size, read by programs that others wrote.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs::File;

use common::{have, options, run, try_run, varied, write_volume};
use nanovhd_ntfs::VolumeOptions;
use nanovhd_tree::Tree;

const SIZE: u64 = 96 << 20;

fn volume(folder: &tempfile::TempDir, options: &VolumeOptions) -> String {
    volume_of(folder, options, &varied(1_000).tree)
}

fn volume_of(folder: &tempfile::TempDir, options: &VolumeOptions, tree: &Tree) -> String {
    let path = folder.path().join("volume.img");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    write_volume(tree, options, &file);
    path.to_str().unwrap().to_owned()
}

#[test]
fn ntfs_3g_accepts_every_cluster_size() {
    if !have("ntfsinfo") || !have("ntfsfix") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for cluster_size in [512, 1024, 4096, 8192, 65536] {
        let image = volume(&folder, &VolumeOptions { cluster_size, ..options(SIZE) });
        let info = run("ntfsinfo", &["-m", &image]);
        assert!(info.contains(&format!("Cluster Size: {cluster_size}")), "{info}");
        assert!(info.contains("Volume Version: 3.1"), "{info}");
        let fix = try_run("ntfsfix", &["-n", &image]);
        let said = String::from_utf8_lossy(&fix.stdout);
        assert!(said.contains("was processed successfully"), "{cluster_size}: {said}");
    }
}

#[test]
fn the_sleuth_kit_lists_every_name() {
    if !have("fsstat") || !have("fls") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // fls takes time with the square of a file's names and streams.
    let image = volume_of(&folder, &options(SIZE), &varied(20).tree);
    let stat = run("fsstat", &["-f", "ntfs", &image]);
    assert!(stat.contains("Volume Name: Nano Server"), "{stat}");
    let listed = run("fls", &["-f", "ntfs", "-r", "-p", &image]);
    for name in ["Windows/System32/file03.dll", "Unicode/日本語.txt", "Links/hard link 19", "streams.txt:stream 3"]
    {
        assert!(listed.lines().any(|line| line.ends_with(&format!("\t{name}"))), "{name}");
    }
}

/// wimlib reads a volume through libntfs-3g: data, descriptors, streams, links and all.
#[test]
fn wimlib_captures_every_file_at_every_cluster_size() {
    if !have("wimlib-imagex") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let captured = folder.path().join("captured.wim").to_str().unwrap().to_owned();
    let files = varied(1_000).tree.walk().count();
    for cluster_size in [512, 4096, 65536] {
        let image = volume(&folder, &VolumeOptions { cluster_size, ..options(SIZE) });
        run("wimlib-imagex", &["capture", &image, &captured, "--compress=none"]);
        let listed = run("wimlib-imagex", &["dir", &captured, "1"]);
        // The root is listed as well; wimlib itself can't show names that differ only in case.
        assert_eq!(listed.lines().count(), files + 1, "clusters of {cluster_size}");
        std::fs::remove_file(&captured).unwrap();
    }
}
