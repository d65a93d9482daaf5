//! Volumes of every cluster and sector size, read by programs that others wrote.

mod common;

use std::fs::File;

use common::{have, options, run, try_run, varied, write_volume};
use nanovhd_ntfs::VolumeOptions;

const SIZE: u64 = 96 << 20;

fn volume(folder: &tempfile::TempDir, options: &VolumeOptions) -> String {
    let path = folder.path().join("volume.img");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    write_volume(&varied().tree, options, &file);
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
    let image = volume(&folder, &options(SIZE));
    let stat = run("fsstat", &["-f", "ntfs", &image]);
    assert!(stat.contains("Volume Name: Nano Server"), "{stat}");
    let listed = run("fls", &["-f", "ntfs", "-r", "-p", &image]);
    for name in ["Windows/System32/file03.dll", "Unicode/日本語.txt", "Links/hard link 999", "streams.txt:stream 7"] {
        assert!(listed.lines().any(|line| line.ends_with(&format!("\t{name}"))), "{name}");
    }
}
