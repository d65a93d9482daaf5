//! Our own reader on what we, others and Windows wrote.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use nanovhd_disk::{ContainerOptions, Disk, Format, OpenError, PartitionTable, check_container, check_partitions};
use nanovhd_tree::{ReadAt, WriteAt};
use tempfile::NamedTempFile;

use crate::support::*;

const ALL: [Format; 5] = [Format::Raw, Format::VhdFixed, Format::VhdDynamic, Format::VhdxFixed, Format::VhdxDynamic];

fn sector_sizes(format: Format) -> &'static [u32] {
    if matches!(format, Format::VhdFixed | Format::VhdDynamic) { &[512] } else { &[512, 4096] }
}

#[test]
fn what_we_write_is_read_back_and_has_no_findings() {
    for format in ALL {
        for &sector_size in sector_sizes(format) {
            let size = 300 * MIB + 4096 * 77;
            let options = ContainerOptions { sector_size, ..options(format, size) };
            let offsets = [0, 3 * MIB - 5000, 4 * MIB, 200 * MIB + 512, size - 10_000];
            let content = Content::markers(offsets, 10_000);
            let mut reader = our_reader(in_memory(&options, &content));
            let disk = &reader.inner;
            assert_eq!((disk.format(), disk.virtual_size()), (format, size));
            // A raw image without a table doesn't say what its sectors are.
            assert_eq!(disk.sector_size(), if format == Format::Raw { 512 } else { sector_size });
            assert_eq!(disk.id(), (format != Format::Raw).then_some(options.id));
            assert!(!disk.log_replayed());
            let ranges: Vec<_> = disk.data_ranges().collect();
            assert!(ranges.is_sorted_by(|one, other| one.end < other.start) && ranges.last().unwrap().end == size);
            let inside = |at: u64| ranges.iter().any(|range| range.contains(&at));
            assert!(offsets.iter().all(|&at| inside(at) && inside(at + 9_999)));
            assert_eq!(inside(100 * MIB), !format.is_dynamic(), "{format:?}");
            reader.expect_all(&content, size);
        }
    }
}

#[test]
fn large_sparse_disks_are_read_at_their_ends() {
    for (format, size, block_size) in [
        (Format::VhdDynamic, 2040 * GIB, None),
        (Format::VhdDynamic, 2040 * GIB, Some(512 << 10)),
        (Format::VhdxDynamic, 5000 * GIB, Some(1 << 20)),
        (Format::VhdxDynamic, 64 << 40, None),
        (Format::Raw, 1 << 50, None),
        (Format::VhdFixed, 2040 * GIB, None),
    ] {
        let options = ContainerOptions { block_size, ..options(format, size) };
        let content = Content::markers([0, 4 * GIB - 2048, size / 2 + 512, size - 4096], 4096);
        let mut reader = our_reader(in_memory(&options, &content));
        for (offset, bytes) in content.iter() {
            reader.expect_at(&content, offset, bytes.len());
        }
        reader.expect_at(&content, size / 3, 1 << 20);
    }
}

#[test]
fn creators_are_told_in_their_own_words() {
    let creator = |format| {
        let file = in_memory(&options(format, 8 * MIB), &Content::default());
        Disk::open(file).unwrap().creator().map(str::to_owned)
    };
    assert_eq!(creator(Format::Raw), None);
    assert_eq!(creator(Format::VhdFixed).as_deref(), Some("win 10.0"));
    assert_eq!(creator(Format::VhdxDynamic).as_deref(), Some("nanovhd"));
}

/// A disk of 70 MiB with data here and there, as a raw file.
fn raw_disk() -> (NamedTempFile, Content) {
    let content = Content::markers([0, 5 * MIB + 512, 33 * MIB, 70 * MIB - 8192], 8192);
    (on_disk(&options(Format::Raw, 70 * MIB), &content), content)
}

#[test]
fn what_qemu_writes_is_read_back_and_has_no_findings() {
    let (raw, content) = raw_disk();
    for (format, subformat, expected) in [
        ("vpc", "fixed,force_size=on", Format::VhdFixed),
        ("vpc", "dynamic,force_size=on", Format::VhdDynamic),
        ("vhdx", "fixed", Format::VhdxFixed),
        ("vhdx", "dynamic", Format::VhdxDynamic),
        ("vhdx", "dynamic,block_size=1M,block_state_zero=off", Format::VhdxDynamic),
        ("vhdx", "dynamic,log_size=4M", Format::VhdxDynamic),
    ] {
        let copy = tempfile::Builder::new().tempfile().unwrap();
        let options = format!("subformat={subformat}");
        let arguments: [&Path; 9] = [
            "convert".as_ref(),
            "-f".as_ref(),
            "raw".as_ref(),
            "-O".as_ref(),
            format.as_ref(),
            "-o".as_ref(),
            options.as_ref(),
            raw.path(),
            copy.path(),
        ];
        if check("qemu-img", arguments).is_none() {
            return;
        }
        let mut reader = our_reader(copy.reopen().unwrap());
        assert_eq!((reader.inner.format(), reader.inner.virtual_size()), (expected, 70 * MIB), "{subformat}");
        reader.expect_all(&content, 70 * MIB);
    }
}

#[test]
fn blocks_in_the_order_of_a_guests_writes_are_found() {
    for format in ["vpc", "vhdx"] {
        let file = tempfile::Builder::new().tempfile().unwrap();
        let path = file.path().to_str().unwrap();
        let options = if format == "vpc" { "force_size=on" } else { "block_size=2M" };
        if check("qemu-img", ["create", "-f", format, "-o", options, path, "6G"]).is_none() {
            return;
        }
        // Behind the first chunk of a VHDX, in front of it, over the end of a block, and twice.
        let writes = [
            "write -P 1 5G 3M",
            "write -P 2 700M 64k",
            "write -P 3 2047k 2k",
            "write -P 4 5121M 512",
            "write -P 5 0 1M",
        ];
        let commands = writes.into_iter().flat_map(|write| ["-c", write]);
        if check("qemu-io", ["-f", format].into_iter().chain(commands).chain([path])).is_none() {
            return;
        }
        let mut content = Content::default();
        for (byte, offset, len) in [
            (1, 5 * GIB, 1 << 20),
            (4, 5121 * MIB, 512),
            (1, 5121 * MIB + 512, (2 << 20) - 512),
            (2, 700 * MIB, 64 << 10),
            (3, 2047 << 10, 2 << 10),
            (5, 0, 1 << 20),
        ] {
            content.add(offset, vec![byte; len]);
        }
        our_reader(file.reopen().unwrap()).expect_all(&content, 6 * GIB);
    }
}

#[test]
fn a_volume_cut_out_of_a_fixed_disk_is_no_vhd() {
    let mut content = Content::default();
    let mut boot = vec![0; 512];
    boot[0x1c..0x20].copy_from_slice(&2048_u32.to_le_bytes());
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    content.add(MIB, boot);
    let vhd = in_memory(&options(Format::VhdFixed, 8 * MIB), &content).bytes();
    let cut = vhd[usize::try_from(MIB).unwrap()..].to_vec();
    assert!(check_container(&cut).unwrap().is_empty());
    let disk = Disk::open(&cut).unwrap();
    assert_eq!((disk.format(), disk.virtual_size()), (Format::Raw, 7 * MIB + 512));
    // A disk that lacks anything else is damaged, and so is one whose footer is.
    for at in [0x1d, 510, cut.len() - 100] {
        let mut damaged = cut.clone();
        damaged[at] ^= 1;
        assert!(Disk::open(&damaged).is_err(), "{at:#x}");
    }
}

/// A sample that Windows wrote, unpacked to a file of its own.
#[expect(clippy::print_stdout, reason = "the one who runs the tests should know what was not tested")]
fn sample(path: &str) -> Option<NamedTempFile> {
    let samples: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/samples"].iter().collect();
    let file = samples.join(path);
    if !file.is_file() {
        println!("skipped: sample {path} not found");
        return None;
    }
    let mut copy = tempfile::Builder::new().suffix(".vhdx").tempfile().unwrap();
    if path.ends_with(".gz") {
        let Ok(unpacked) = Command::new("gzip").arg("-dc").arg(&file).output() else {
            println!("skipped: gzip not found");
            return None;
        };
        assert!(unpacked.status.success());
        copy.write_all(&unpacked.stdout).unwrap();
    } else {
        std::io::copy(&mut File::open(file).unwrap(), &mut copy).unwrap();
    }
    Some(copy)
}

/// That qemu sees the same bytes. It replays a log in the file, so it gets its own.
fn as_qemu_reads(file: &NamedTempFile, disk: &Disk<File>) {
    let copy = tempfile::Builder::new().suffix(".vhdx").tempfile().unwrap();
    std::fs::copy(file.path(), copy.path()).unwrap();
    let raw = tempfile::Builder::new().suffix(".raw").tempfile().unwrap();
    raw.as_file().set_len(disk.virtual_size()).unwrap();
    for range in disk.data_ranges() {
        let mut bytes = vec![0xd1; usize::try_from(range.end - range.start).unwrap()];
        disk.read_exact_at(&mut bytes, range.start).unwrap();
        raw.as_file().write_all_at(&bytes, range.start).unwrap();
    }
    let theirs = tempfile::Builder::new().suffix(".raw").tempfile().unwrap();
    let [copy, raw, theirs] = [&copy, &raw, &theirs].map(|file| file.path().to_str().unwrap());
    if tool("qemu-img", ["check", "-q", "-r", "all", "-f", "vhdx", copy]).is_some() {
        check("qemu-img", ["convert", "-f", "vhdx", "-O", "raw", copy, theirs]).unwrap();
        check("qemu-img", ["compare", "-f", "raw", "-F", "raw", theirs, raw]).unwrap();
    }
}

#[test]
fn disks_that_windows_made_are_read_as_qemu_reads_them() {
    for (path, size, creator, replayed, partitions) in [
        ("vhdx/discutils-swap.vhdx.gz", 10 * GIB, "Microsoft Windows 10.0.14393.0", false, &[][..]),
        (
            "vhdx/discutils-vhdx-log-replay.vhdx.gz",
            GIB,
            "Microsoft Windows 10.0.15063.0",
            true,
            &[(1, 100), (101, 200)],
        ),
    ] {
        let Some(file) = sample(path) else { continue };
        let disk = our_reader(file.reopen().unwrap()).inner;
        assert_eq!((disk.format(), disk.virtual_size()), (Format::VhdxDynamic, size));
        assert_eq!((disk.creator(), disk.log_replayed(), disk.sector_size()), (Some(creator), replayed, 512));
        // The block that the log puts into the block table is the one with all the data.
        assert!(disk.data_ranges().eq(std::iter::once(0..32 * MIB)));
        as_qemu_reads(&file, &disk);
        assert_eq!(check_partitions(&disk, 512).unwrap(), []);
        let table = PartitionTable::read(&disk, 512).unwrap();
        let places = table.iter().flat_map(|table| &table.partitions).map(|part| (part.first / MIB, part.size / MIB));
        assert_eq!(places.collect::<Vec<_>>(), partitions);
    }
}

#[test]
fn a_differencing_disk_is_refused_by_the_name_of_its_parent() {
    let Some(file) = sample("vhd/dfvfs-fat-differential.vhd") else { return };
    let file = file.reopen().unwrap();
    let parent = r"C:\Projects\dfvfs\test_data\fat-parent.vhd";
    let error = Disk::open(&file).unwrap_err();
    assert!(matches!(&error, OpenError::Differencing { parent: found } if found == parent), "{error:?}");
    assert!(error.to_string().contains(parent) && error.to_string().contains("Merge-VHD"), "{error}");
    let findings = check_container(&file).unwrap();
    let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["vhd-parent"]);
}
