//! Volumes of all shapes, drawn by [`Sketch`].

use crate::disk::{SECTOR, assert_boots, boot_raw, install, master_boot_record, write_raw};
use crate::machine::{QEMU, have};
use crate::probe::{USUAL_SIZE, assert_contract, probe};
use crate::sketch::{Cut, Sketch};

fn starts(change: impl Fn(&mut Sketch)) {
    let probe = probe(USUAL_SIZE);
    let mut sketch = Sketch::new(&probe);
    change(&mut sketch);
    eprintln!(
        "{} clusters, {} records, {:?} {:?} {:?}",
        sketch.cluster, sketch.record, sketch.mft, sketch.root, sketch.file
    );
    assert_boots(sketch.draw(), &probe);
}

#[test]
fn clusters_and_records_of_all_sizes() {
    if !have(QEMU) {
        return;
    }
    for cluster in [512, 1024, 4096, 65536, 2 << 20] {
        for record in [512, 1024, 4096] {
            starts(|s| (s.cluster, s.record) = (cluster, record));
        }
    }
}

#[test]
fn index_blocks_of_all_sizes() {
    if !have(QEMU) {
        return;
    }
    for (block, cluster) in [(512, 4096), (2048, 1024), (8192, 4096), (32768, 512), (32768, 65536)] {
        starts(|s| (s.block, s.cluster, s.others) = (block, cluster, 1500));
    }
}

#[test]
fn deep_and_broken_up_roots() {
    if !have(QEMU) {
        return;
    }
    for (others, cluster, root) in [
        (0, 4096, Cut::WHOLE),
        (0, 4096, Cut::listed(1, 1)),
        (500, 512, Cut::pieces(40)),
        (5000, 4096, Cut::pieces(60)),
        (5000, 512, Cut::listed(800, 12)),
        (5000, 65536, Cut::listed(3, 2)),
        (3000, 512, Cut::list_in_clusters(900, 20)),
    ] {
        starts(|s| (s.others, s.cluster, s.root) = (others, cluster, root));
    }
}

/// The entry's sequence number is the last word of a sector, where something else is stored.
#[test]
fn an_entry_at_the_end_of_a_sector() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let name: Vec<u8> = "bootmgr".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let is_at_end = |volume: &[u8]| {
        let mut entries = (504..volume.len() - 0x80).step_by(SECTOR);
        // Names are as long as the byte in front of their namespace says.
        entries.any(|at| volume[at + 0x50] == 7 && volume[at + 0x52..].starts_with(&name))
    };
    let volumes = (40..400).map(|others| Sketch { others, block: 8192, ..Sketch::new(&probe) }.draw());
    let volume = volumes.into_iter().find(|volume| is_at_end(volume)).expect("one entry in 64 is");
    assert_boots(volume, &probe);
}

#[test]
fn files_in_pieces() {
    if !have(QEMU) {
        return;
    }
    for (cluster, record, file) in [
        (4096, 1024, Cut::pieces(2)),
        (4096, 1024, Cut::pieces(100)),
        (512, 1024, Cut::listed(845, 10)),
        (512, 4096, Cut::listed(845, 3)),
        (4096, 1024, Cut::listed(1, 1)),
        (4096, 1024, Cut::listed(7, 3)),
        (65536, 4096, Cut::listed(7, 7)),
        (1024, 1024, Cut::list_in_clusters(300, 15)),
        (512, 1024, Cut::list_in_clusters(400, 200)),
        (4096, 1024, Cut { twice: true, ..Cut::listed(50, 4) }),
    ] {
        starts(|s| (s.cluster, s.record, s.file, s.records) = (cluster, record, file, 512));
    }
}

#[test]
fn mft_in_pieces() {
    if !have(QEMU) {
        return;
    }
    for (cluster, record, mft) in [
        (512, 1024, Cut::pieces(60)),
        (512, 4096, Cut::pieces(300)),
        (4096, 1024, Cut::pieces(20)),
        (4096, 4096, Cut::listed(20, 3)),
        (512, 1024, Cut::listed(400, 12)),
        (1024, 1024, Cut::list_in_clusters(300, 20)),
        (65536, 1024, Cut::listed(8, 2)),
    ] {
        // In all of the others' pieces too.
        let others = Cut::listed(9, 3);
        starts(|s| {
            (s.cluster, s.record, s.mft, s.file, s.root, s.records, s.others) =
                (cluster, record, mft, others, others, 1024, 300);
        });
    }
}

/// Behind what was written, NTFS reads zeros, whatever the clusters hold.
#[test]
fn data_that_were_never_written_are_zeros() {
    if !have(QEMU) {
        return;
    }
    for initialized in [1000, 1024, 200_001, USUAL_SIZE] {
        let mut content = probe(USUAL_SIZE);
        content[initialized..].fill(0);
        let sketch = Sketch { initialized: Some(initialized), file: Cut::pieces(5), ..Sketch::new(&content) };
        assert_boots(sketch.draw(), &content);
    }
}

#[test]
fn content_in_a_record() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(480);
    for file in [Cut::WHOLE, Cut::listed(1, 1)] {
        assert_boots(Sketch { resident: true, file, ..Sketch::new(&probe) }.draw(), &probe);
    }
}

#[test]
fn names_in_any_case() {
    if !have(QEMU) {
        return;
    }
    for name in ["BOOTMGR", "bootmgr", "BootMgr"] {
        starts(|s| s.name = name);
    }
}

/// The volume's sectors have more than 32 bits on the disk. The disk is sparse.
#[test]
fn beyond_two_tebibytes() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let far = 5_000_000_000 * SECTOR as u64 / 4096;
    let mut volume = Sketch { file: Cut::pieces(3), far, ..Sketch::new(&probe) }.draw();
    // The volume begins below the limit, its clusters are above it.
    let start = u32::MAX - 20_000;
    install(&mut volume);
    let first = u64::from(start) * SECTOR as u64;
    let mbr = master_boot_record(start, 20_000);
    let disk = write_raw(&[(0, &mbr), (first, &volume[..16 * SECTOR]), (first + far * 4096, &volume)]);
    assert_contract(&boot_raw(&disk), &probe, start);
}

/// A volume without a partition table, as on a diskette: the BIOS starts the boot record itself.
#[test]
fn a_disk_without_partitions() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let mut volume = Sketch::new(&probe).draw();
    install(&mut volume);
    let disk = write_raw(&[(0, &volume)]);
    assert_contract(&boot_raw(&disk), &probe, 0);
}
