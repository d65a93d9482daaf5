//! Disk images looked into: every container, bare volumes, and damaged ones.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use common::{build, carve, fail, good, have, nanovhd, run, testdata, tool};
use serde_json::{Value, json};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Builds a disk that is small.
fn disk(folder: &Path, name: &str, options: &[&str]) -> String {
    let path = folder.join(name);
    good(build(&path).args(options).arg("-q"));
    text(&path)
}

#[test]
fn a_disk_reads_as_its_image_does() {
    let folder = tempfile::tempdir().unwrap();
    let image = format!("{}:2", testdata("media").display());
    for (name, options) in [("a.vhdx", &[][..]), ("b.vhd", &["--no-boot"]), ("c.raw", &["--size", "200MiB"])] {
        let disk = disk(folder.path(), name, options);
        for path in ["/", "Windows/System32", "ProgramData/nanovhd/streams", "Documents and Settings"] {
            let (found, expected) =
                (good(nanovhd().args(["ls", &disk, path])), good(nanovhd().args(["ls", &image, path])));
            assert_eq!(found, expected, "{name} {path}");
        }
        for path in ["Windows/System32/config/SOFTWARE", "ProgramData/nanovhd/streams/forty.txt:stream-07"] {
            let [found, expected] = [&disk, &image].map(|from| nanovhd().args(["cat", from, path]).output().unwrap());
            assert!(found.status.success() && found.stdout == expected.stdout, "{name} {path}: {found:?}");
        }
    }
}

#[test]
fn partitions_are_called_by_number_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhdx", &[]);
    let root = good(nanovhd().args(["ls", &disk]));
    for part in ["windows", "WINDOWS", "3", "basic data partition"] {
        assert_eq!(good(nanovhd().args(["ls", &format!("{disk}:{part}")])), root, "{part}");
    }
    for part in ["esp", "1", "EFI system partition"] {
        let listing = parse(&good(nanovhd().args(["ls", "--json", &format!("{disk}:{part}")])));
        assert_eq!((&listing["partition"], &listing["image"]), (&json!(1), &Value::Null), "{part}");
        let names: Vec<_> = listing["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
        assert_eq!(names, ["EFI"]);
    }
    let error = fail(2, ["ls", &format!("{disk}:7")]);
    let expected = "has no partition 7; there are 1 (esp, FAT), 2 (no file system that is known), 3 (NTFS)\nhint: ";
    assert!(error.contains(expected), "{error}");
    assert!(fail(3, ["ls", &format!("{disk}:2")]).contains("partition 2 of `"));
    assert!(fail(2, ["cat", &format!("{disk}:boot"), "x"]).contains("has no partition \"boot\""));
    let error = fail(1, ["cat", &disk, "Windows/nope"]);
    assert!(error.contains("partition 3 has no `Windows/nope`"), "{error}");
}

#[test]
fn a_volume_needs_no_disk_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.raw", &["--size", "200MiB"]);
    let inspection = parse(&good(nanovhd().args(["inspect", "--json", &disk])));
    let at = |n: usize, what: &str| inspection["partitions"][n][what].as_u64().unwrap();
    // Names say nothing: the bytes do.
    let (ntfs, fat) = (folder.path().join("volume.wim"), folder.path().join("volume"));
    carve(Path::new(&disk), at(2, "offset"), at(2, "size"), &ntfs);
    carve(Path::new(&disk), at(0, "offset"), at(0, "size"), &fat);
    let (ntfs, fat) = (text(&ntfs), text(&fat));
    assert_eq!(good(nanovhd().args(["ls", &ntfs])), good(nanovhd().args(["ls", &disk])));
    assert_eq!(good(nanovhd().args(["ls", &format!("{ntfs}:windows")])), good(nanovhd().args(["ls", &disk])));
    let listing = good(nanovhd().args(["ls", &fat]));
    assert!(listing.ends_with("  EFI\n") && listing.lines().count() == 1, "{listing}");
    let text = good(nanovhd().args(["inspect", &ntfs]));
    assert!(text.contains("partitions   none: the disk is one volume\n\nvolume       "), "{text}");
    assert!(good(nanovhd().args(["inspect", &fat])).contains("holds      FAT32 \"SYSTEM\", clusters of "));
    for volume in [&ntfs, &fat] {
        assert!(good(nanovhd().args(["verify", volume])).contains(": clean\n"));
        assert!(fail(2, ["ls", &format!("{volume}:esp")]).contains(": it is one volume"));
    }
}

#[test]
fn an_inspection_reads_as_a_newcomer_expects() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhdx", &[]);
    let text = good(nanovhd().args(["inspect", &disk]));
    for line in [
        ": dynamic VHDX of 4 GiB, sectors of 512 bytes\n",
        "\npartitions   GPT, disk ",
        "\npartition 1  EFI system partition, 100 MiB from 0x100000 on\n  type       c12a7328-f81f-11d2-ba4b-00a0c93ec93b, id ",
        "\n  holds      FAT32 \"SYSTEM\", clusters of 1 KiB, serial ",
        "\npartition 2  Microsoft reserved partition, 16 MiB from 0x6500000 on\n",
        "\n  holds      NTFS 3.1 \"Windows\", clusters of 4 KiB, serial ",
        " in 548 files, 282 directories, 483 more hard links\n             48 named streams, 13 reparse points, ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    let json = parse(&good(nanovhd().args(["inspect", "--json", &disk])));
    let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "boot",
        "creator",
        "disk",
        "file_length",
        "fixed",
        "format",
        "id",
        "log_replayed",
        "partitions",
        "schema",
        "sector_size",
        "size",
        "table",
    ];
    assert_eq!(members, expected);
    assert_eq!(
        (&json["format"], &json["size"], &json["table"]["scheme"]),
        (&json!("vhdx"), &json!(4u64 << 30), &json!("gpt"))
    );
    assert_eq!((&json["partitions"][0]["esp"], &json["partitions"][1]["volume"]), (&json!(true), &Value::Null));
    let volume = &json["partitions"][2]["volume"];
    assert_eq!(
        (&volume["file_system"], &volume["version"], &volume["dirty"]),
        (&json!("ntfs"), &json!("3.1"), &json!(false))
    );
    assert_eq!(volume["counts"]["files"], 548);
}

/// A VHDX that Windows made and left with changes in its log, where the samples are beside the checkout.
#[test]
fn disks_that_windows_made_are_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["discutils-swap.vhdx.gz", "discutils-vhdx-log-replay.vhdx.gz"] {
        let sample = testdata("../../shared/samples/vhdx").join(name);
        if !sample.exists() {
            eprintln!("skipped: sample {name} not found");
            continue;
        }
        if !have(&["gzip"]) {
            return;
        }
        let disk = folder.path().join(name.trim_end_matches(".gz"));
        fs::write(&disk, tool("gzip").arg("-dc").arg(&sample).output().unwrap().stdout).unwrap();
        let text = good(nanovhd().arg("inspect").arg(&disk));
        assert!(text.contains("made by      Microsoft Windows 10.0.1"), "{text}");
        assert_eq!(text.contains("its log was replayed"), name.contains("log"), "{text}");
    }
    let differencing = testdata("../../shared/samples/vhd/dfvfs-fat-differential.vhd");
    if differencing.exists() {
        let error = fail(3, ["ls", &text(&differencing)]);
        assert!(error.contains("this is a differencing disk"), "{error}");
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let readme = text(&testdata("README.md"));
    let error = fail(3, ["ls", &readme]);
    assert!(error.contains("is a file of an unknown kind") && error.contains("or a disk image"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhdx", &[]);
    let error = fail(3, ["build", "-m", &disk, "-o", &text(&folder.path().join("b.vhdx"))]);
    assert!(error.contains("is a VHDX disk, not a Windows image (WIM)"), "{error}");
    let error = fail(3, ["verify", &text(&testdata("wims/plain.wim"))]);
    assert!(error.contains("is a Windows image (WIM), not a disk image"), "{error}");
    assert!(fail(3, ["verify", &text(folder.path())]).contains("is a folder, not a disk image"));
}

/// Reads a damaged disk in every way there is. Whatever comes of it, it ends, and orderly.
fn look(disk: &str, what: &str) {
    let output = Path::new(disk).with_extension("out");
    let commands: [&[&str]; 4] = [
        &["inspect", disk],
        &["ls", disk, "Windows"],
        &["verify", disk],
        &["extract", disk, "ProgramData", "-q", "-o", output.to_str().unwrap()],
    ];
    for arguments in commands {
        let ran = run(nanovhd().args(arguments));
        assert!(matches!(ran.code, Some(0..=4)), "{what}: {arguments:?}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{what}: {arguments:?}: {ran:?}");
        assert!(ran.code == Some(0) || ran.err.contains("error: "), "{what}: {arguments:?}: {ran:?}");
    }
    if output.exists() {
        fs::remove_dir_all(output).unwrap();
    }
}

#[test]
fn truncated_disks_are_refused_or_read_as_far_as_they_go() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in
        [("a.vhdx", &["--size", "150MiB"][..]), ("b.vhd", &["--size", "64MiB"]), ("c.raw", &["--size", "150MiB"])]
    {
        let disk = disk(folder.path(), name, options);
        let file = File::options().write(true).open(&disk).unwrap();
        let whole = file.metadata().unwrap().len();
        // From the end to the start, as what is cut off does not come back.
        for len in [
            whole - 1,
            whole - 512,
            whole - 4096,
            whole / 2,
            8 << 20,
            3 << 20,
            1 << 20,
            65536,
            4096,
            600,
            512,
            100,
            1,
            0,
        ] {
            file.set_len(len).unwrap();
            look(&disk, &format!("{name}: {len} of {whole} bytes"));
        }
    }
}

#[test]
fn flipped_bits_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let disks: Vec<String> = [("a.vhdx", "64MiB"), ("b.vhd", "64MiB")]
        .iter()
        .map(|(name, size)| disk(folder.path(), name, &["--size", size, "--firmware", "bios"]))
        .collect();
    let mut state = 7u64;
    for (n, disk) in disks.iter().enumerate() {
        let mut file = File::options().read(true).write(true).open(disk).unwrap();
        let len = file.metadata().unwrap().len();
        for turn in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // In the container's tables, at the volume's start, and anywhere.
            let within = [1 << 20, 4 << 20, len][turn % 3];
            let place = (state >> 20) % within;
            let flip = |file: &mut File| {
                let mut byte = [0];
                file.seek(SeekFrom::Start(place)).unwrap();
                file.read_exact(&mut byte).unwrap();
                file.seek(SeekFrom::Start(place)).unwrap();
                file.write_all(&[byte[0] ^ (1 << (state & 7))]).unwrap();
            };
            flip(&mut file);
            look(disk, &format!("disk {n}, bit {} at {place:#x}", state & 7));
            flip(&mut file);
        }
    }
}

#[test]
fn every_command_that_reads_a_source_says_what_that_can_be() {
    for command in ["ls", "cat", "extract"] {
        let help = good(nanovhd().args([command, "--help"]));
        assert!(help.contains("nano.vhdx:esp") && help.contains("SOURCE is one of"), "{help}");
    }
}
