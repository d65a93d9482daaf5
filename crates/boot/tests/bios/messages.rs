//! What the boot code says when it can't go on; whatever the disk holds, it must say something.

use tempfile::TempPath;

use crate::disk::{SECTOR, START, boot_raw, install, master_boot_record, raw_disk, write_raw};
use crate::machine::{QEMU, boot_diskette, have};
use crate::probe::{USUAL_SIZE, probe};
use crate::sketch::{COMPRESSED, Cut, DATA, ENCRYPTED, SPARSE, Sketch};

const DAMAGED: &str = "The boot volume's file system is damaged.";
/// Bytes of a diskette.
const DISKETTE: u64 = 1_474_560;
const NO_READ: &str = "Disk read error.";

/// A small volume whose records are all in one piece.
fn sketch() -> Sketch {
    Sketch { records: 64, ..Sketch::new(&probe(USUAL_SIZE)) }
}

#[track_caller]
fn assert_says(said: &str, message: &str) {
    assert!(said.lines().any(|line| line == message), "expected {message:?}:\n{said}");
    assert!(!said.contains("PROBE"), "{said}");
}

/// Our boot code on the volume, which is then changed.
fn changed_disk(mut volume: Vec<u8>, change: impl FnOnce(&mut [u8])) -> TempPath {
    install(&mut volume);
    change(&mut volume);
    raw_disk(&volume, START)
}

#[track_caller]
fn refuses(message: &str, change: impl FnOnce(&mut Sketch)) {
    let mut sketch = sketch();
    change(&mut sketch);
    assert_says(&boot_raw(&changed_disk(sketch.draw(), |_| ())), message);
}

#[test]
fn of_the_master_boot_record() {
    if !have(QEMU) {
        return;
    }
    let mut volume = sketch().draw();
    volume[510] = 0;
    let mut mbr = master_boot_record(START, 10_000);
    let first = u64::from(START) * SECTOR as u64;
    assert_says(&boot_raw(&write_raw(&[(0, &mbr), (first, &volume)])), "The active partition has no boot record.");
    assert_says(&boot_diskette(&write_raw(&[(0, &mbr), (DISKETTE - 1, &[0])])), "This BIOS can't read disks by LBA.");
    mbr[446] = 0;
    assert_says(&boot_raw(&write_raw(&[(0, &mbr), (first, &volume)])), "No partition of this disk is active.");
    let far = master_boot_record(1 << 30, 10_000);
    assert_says(&boot_raw(&write_raw(&[(0, &far), (first, &volume)])), "The active partition can't be read.");
}

#[test]
fn of_the_first_sector() {
    if !have(QEMU) {
        return;
    }
    let mut volume = sketch().draw();
    install(&mut volume);
    assert_says(&boot_diskette(&write_raw(&[(0, &volume), (DISKETTE - 1, &[0])])), "The BIOS has no LBA.");
    let cut = &volume[..volume.len() - USUAL_SIZE / 2];
    assert_says(&boot_raw(&raw_disk(cut, START)), NO_READ);
    // Without a partition table only the volume itself can say where it begins.
    volume[0x1c] = 5;
    assert_says(&boot_raw(&write_raw(&[(0, &volume)])), "Boot volume not found.");
}

#[test]
fn of_machine_and_volume() {
    if !have(QEMU) {
        return;
    }
    let other_sectors = changed_disk(sketch().draw(), |v| v[0x0b..0x0d].copy_from_slice(&1024u16.to_le_bytes()));
    assert_says(&boot_raw(&other_sectors), "The boot volume's sectors don't have 512 bytes.");

    let mut volume = sketch().draw();
    install(&mut volume);
    let mut mbr = master_boot_record(START, 10_000);
    take_memory(&mut mbr);
    let disk = write_raw(&[(0, &mbr), (u64::from(START) * SECTOR as u64, &volume)]);
    assert_says(&boot_raw(&disk), "This machine has too little memory below 640 KiB.");
}

/// Lets the master boot record begin with a program behind it that makes INT 12h say 400 KiB.
fn take_memory(mbr: &mut [u8]) {
    const FREE: usize = 0x1a0;
    assert_eq!(mbr[FREE..440], [0; 440 - FREE]);
    let displaced = [mbr[0], mbr[1], mbr[2]];
    assert_eq!(displaced, [0xfa, 0x31, 0xc0], "cli; xor ax, ax");
    let jump = |from: usize, to: usize| {
        let [low, high, ..] = (to as i64 - (from as i64 + 3)).to_le_bytes();
        [0xe9, low, high]
    };
    let mut program = vec![0x31, 0xc0, 0x8e, 0xd8]; // xor ax, ax; mov ds, ax
    program.extend([0xc7, 0x06, 0x13, 0x04, 0x90, 0x01]); // mov word [0x413], 400
    program.extend(displaced);
    program.extend(jump(FREE + program.len(), displaced.len()));
    mbr[FREE..][..program.len()].copy_from_slice(&program);
    mbr[..3].copy_from_slice(&jump(0, FREE));
}

#[test]
fn of_files_that_can_not_be_started() {
    if !have(QEMU) {
        return;
    }
    refuses(r"\bootmgr is missing.", |s| s.name = "bootmgx");
    refuses(r"\bootmgr is missing.", |s| (s.name, s.others) = ("bootmgr.exe", 2000));
    refuses(r"\bootmgr is a directory.", |s| s.record_flags = 3);
    refuses(r"\bootmgr is a link or compressed by WOF.", |s| s.reparse = true);
    refuses(r"\bootmgr is a link or compressed by WOF.", |s| {
        (s.reparse, s.flags, s.file) = (true, SPARSE, Cut::listed(3, 2));
    });
    refuses(r"\bootmgr is compressed.", |s| s.flags = COMPRESSED);
    refuses(r"\bootmgr is compressed.", |s| (s.flags, s.file) = (COMPRESSED, Cut::listed(30, 3)));
    refuses(r"\bootmgr is encrypted.", |s| s.flags = ENCRYPTED);
    refuses(r"\bootmgr is sparse.", |s| s.flags = SPARSE);
    refuses(r"\bootmgr is too big.", |s| s.content = probe((639 - 128) * 1024 + 1));
    refuses(r"\bootmgr is empty.", |s| (s.content, s.resident) = (Vec::new(), true));
    let pieces = Cut::list_in_clusters(8400, 35);
    refuses(r"\bootmgr, the root directory or $MFT is in too many pieces.", |s| {
        (s.cluster, s.record, s.mft, s.records) = (512, 1024, pieces, 4300);
    });
}

/// Offset of an attribute of a record, both in the volume.
fn attribute_at(volume: &[u8], record: usize, kind: u32) -> usize {
    let word = |at: usize| u32::from_le_bytes(volume[at..at + 4].try_into().unwrap());
    let mut at = record + (word(record + 0x14) & 0xffff) as usize;
    while word(at) != kind {
        at += word(at + 4) as usize;
    }
    at
}

#[test]
fn of_damaged_structures() {
    if !have(QEMU) {
        return;
    }
    let sketch = sketch();
    let volume = sketch.draw();
    let (mft, root, file) = (sketch.record_at(0), sketch.record_at(5), sketch.record_at(sketch.file_record()));
    let data = attribute_at(&volume, file, DATA);
    let runs = data + usize::from(volume[data + 0x20]);
    let mft_data = attribute_at(&volume, mft, DATA);
    let top = attribute_at(&volume, root, 0x90) + 0x20 + 0x10;
    let blocks = attribute_at(&volume, root, 0xa0);
    let block = volume.windows(4).position(|w| w == b"INDX").unwrap();
    for (what, at, bytes) in [
        ("sectors of a cluster", 0x0d, &[3][..]),
        ("cluster of 2^200 sectors", 0x0d, &[56]),
        ("record of no clusters", 0x40, &[0]),
        ("record of 2^16 bytes", 0x40, &[0xf0]),
        ("record of 3 bytes", 0x40, &[0xfe]),
        ("magic of $MFT", mft, b"BAAD"),
        ("update sequence's place", mft + 4, &[0xff, 0x01]),
        ("update sequence's length", mft + 6, &[9]),
        ("torn record", root + 510, &[0x35]),
        ("first attribute", root + 0x14, &[0xfc, 0x03]),
        ("first attribute outside", root + 0x15, &[0xff]),
        ("record not in use", file + 0x16, &[0]),
        ("sequence number", file + 0x10, &[8]),
        ("extension record", file + 0x20, &[9]),
        ("attribute without length", data + 4, &[0, 0, 0, 0]),
        ("attribute of 2^31 bytes", data + 7, &[0x80]),
        ("attribute of odd length", data + 4, &[0x49]),
        ("runs outside", data + 0x21, &[0x10]),
        ("first cluster is not the first", mft_data + 0x10, &[1]),
        ("hole", runs, &[0x01]),
        ("run of nine bytes", runs, &[0x29]),
        ("run without length", runs, &[0x20]),
        ("run of no clusters", runs + 1, &[0]),
        ("too few clusters", runs + 1, &[1]),
        ("root's value outside", attribute_at(&volume, root, 0x90) + 0x14, &[0xf0, 0x03]),
        ("block of 100 bytes", top - 8, &[100, 0]),
        ("block of 64 KiB", top - 6, &[1]),
        ("node's end", top + 5, &[0x10]),
        ("node's start", top + 1, &[0x10]),
        ("entry without length", top + 0x10 + 8, &[0]),
        ("entry of 32 KiB", top + 0x10 + 9, &[0x80]),
        ("entry's name", top + 0x10 + 0x50, &[0xff]),
        ("no blocks", blocks, &[0xa8]),
        ("magic of a block", block, b"HOLE"),
        ("torn block", block + 1022, &[0x35]),
        ("number of a block", block + 0x10, &[9]),
    ] {
        eprintln!("{what}");
        let disk = changed_disk(volume.clone(), |volume| volume[at..at + bytes.len()].copy_from_slice(bytes));
        assert_says(&boot_raw(&disk), DAMAGED);
    }
}

/// A tree whose nodes are their own children.
#[test]
fn of_a_tree_without_end() {
    if !have(QEMU) {
        return;
    }
    let mut volume = Sketch { others: 5000, ..sketch() }.draw();
    let mut changed = 0;
    for at in (0..volume.len() - 4096).step_by(512) {
        let word = |at: usize| usize::from(u16::from_le_bytes([volume[at], volume[at + 1]]));
        if &volume[at..at + 4] != b"INDX" || volume[at + 0x24] & 1 == 0 {
            continue;
        }
        let number = volume[at + 0x10..at + 0x18].to_vec();
        let (mut entry, end) = (at + 0x18 + word(at + 0x18), at + 0x18 + word(at + 0x1c));
        let mut children = Vec::new();
        while entry < end {
            entry += word(entry + 8);
            children.push(entry - 8);
        }
        // The last word of a sector is not what it seems.
        for child in children.into_iter().filter(|child| child % 512 <= 502) {
            volume[child..child + 8].copy_from_slice(&number);
            changed += 1;
        }
    }
    assert!(changed > 10, "the tree has a middle");
    assert_says(&boot_raw(&changed_disk(volume, |_| ())), DAMAGED);
}

/// Any bytes instead of a volume's structures: it starts all the same or says why not, but never hangs.
#[test]
fn of_random_damage() {
    if !have(QEMU) {
        return;
    }
    let listed = Cut::listed(4, 2);
    let sketch = Sketch { others: 300, file: listed, root: listed, ..sketch() };
    let volume = sketch.draw();
    let mut places: Vec<usize> = [0, 5, 40, 41, 61, 62, 63].map(|n| sketch.record_at(n)).to_vec();
    places.extend((0..volume.len() - 4096).step_by(512).filter(|&at| &volume[at..at + 4] == b"INDX"));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    for _ in 0..24 {
        let disk = changed_disk(volume.clone(), |volume| {
            for _ in 0..4 {
                volume[places[random(places.len())] + random(0x180)] = random(256) as u8;
            }
        });
        // The end of the machine is in the time that `boot` allows, or it panics.
        let said = boot_raw(&disk);
        assert!(said.contains("PROBE") || said.contains("Press a key"), "{said}");
    }
}
