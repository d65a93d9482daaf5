//! FAT volumes that others made, and ours, through our reader.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use nanovhd_disk::{FatKind, FatRule, FatVolume};
use nanovhd_tree::{Attributes, Filetime, ReadAt, Source, SourceId};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use crate::esp;
use crate::support::*;

/// What a volume holds: directories have no bytes.
type Listing = BTreeMap<String, Option<Vec<u8>>>;

/// Everything on a volume, read in pieces of a length that fits nothing.
fn listing<R: ReadAt>(volume: &FatVolume<R>) -> Listing {
    let found = volume.tree(SourceId(7)).unwrap();
    let mut listing = Listing::new();
    for step in found.tree.walk() {
        let bytes = step.file.content().map(|content| {
            let Source::Blob(id) = content.source() else {
                assert!(content.is_empty(), "{}", step.path());
                return Vec::new();
            };
            assert_eq!(id.source, SourceId(7));
            let (mut bytes, mut piece) = (Vec::new(), vec![0xd1; 70_001]);
            loop {
                match volume.read(&found.files, id.index, bytes.len() as u64, &mut piece).unwrap() {
                    0 => break,
                    len => bytes.extend_from_slice(&piece[..len]),
                }
            }
            assert_eq!(bytes.len() as u64, content.len());
            bytes
        });
        listing.insert(step.path().replace('\\', "/"), bytes);
    }
    listing
}

/// Files with the directories in which they are.
fn with_directories(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Listing {
    let mut listing = Listing::new();
    for (path, bytes) in files {
        let path = format!("/{}", path.trim_start_matches('/').replace('\\', "/"));
        for (at, _) in path.match_indices('/').skip(1) {
            listing.insert(path[..at].to_owned(), None);
        }
        listing.insert(path, Some(bytes));
    }
    listing
}

fn assert_same(found: &Listing, expected: &Listing) {
    let only_in = |a: &Listing, b: &Listing| a.keys().filter(|&name| !b.contains_key(name)).cloned().collect();
    let differences: [Vec<String>; 2] = [only_in(found, expected), only_in(expected, found)];
    assert_eq!(differences, [const { Vec::<String>::new() }; 2], "names only found, and only expected");
    for (path, bytes) in expected {
        assert!(found[path] == *bytes, "{path} has other bytes");
    }
}

fn assert_clean<R: ReadAt>(volume: &FatVolume<R>) {
    let findings = volume.check().unwrap();
    assert!(findings.is_empty(), "{}", findings.iter().map(|finding| format!("{finding}\n")).collect::<String>());
}

#[test]
fn our_own_volumes_are_read_back() {
    for sector_size in [512, 4096] {
        let files = esp::sample();
        let image = esp::image(&esp::options(sector_size), &files);
        let volume = FatVolume::open(image.as_file()).unwrap();
        assert_eq!((volume.kind(), volume.sector_size()), (FatKind::Fat32, sector_size));
        assert_eq!(volume.label().unwrap(), Some("SYSTEM".into()));
        assert_eq!(volume.serial(), Some(0x0bad_cafe));
        assert_eq!(u64::from(volume.hidden_sectors()), MIB / u64::from(sector_size));
        assert_eq!(volume.size(), esp::options(sector_size).size);
        assert_clean(&volume);
        let expected = with_directories(files.into_iter().map(|file| (file.path, esp::bytes(file.data))));
        assert_same(&listing(&volume), &expected);
    }
}

#[test]
fn attributes_times_and_short_names_are_read() {
    let data = || nanovhd_disk::EspData::Bytes(vec![1]);
    let file =
        |path: &str, attributes| nanovhd_disk::EspFile { path: path.into(), data: data(), attributes, written: None };
    let files = [
        file("a long name.txt", Attributes::HIDDEN.with(Attributes::SYSTEM)),
        file("SHORT.TXT", Attributes::READONLY),
        file("sub/archive", Attributes::ARCHIVE),
    ];
    let image = esp::image(&esp::options(512), &files);
    let tree = FatVolume::open(image.as_file()).unwrap().tree(SourceId(0)).unwrap().tree;
    for (path, attributes, short) in [
        ("a long name.txt", files[0].attributes, Some("ALONGN~1.TXT".into())),
        ("SHORT.TXT", Attributes::READONLY, None),
        ("sub", Attributes::DIRECTORY, None),
        ("sub/archive", Attributes::ARCHIVE, None),
    ] {
        let step = tree.walk().find(|step| step.path()[1..].replace('\\', "/") == path).unwrap();
        assert_eq!((step.file.metadata.attributes, &step.entry.short_name), (attributes, &short), "{path}");
        let times = step.file.metadata.times;
        assert_eq!([times.created, times.written, times.changed, times.accessed], [TIME; 4], "{path}");
    }
}

/// A volume made by `mkfs.vfat`, or `None` without the tool.
fn mkfs(size: u64, arguments: &[&str]) -> Option<NamedTempFile> {
    let image = tempfile::Builder::new().suffix(".fat").tempfile().unwrap();
    image.as_file().set_len(size).unwrap();
    let path = image.path().to_str().unwrap();
    check("mkfs.vfat", arguments.iter().copied().chain(["-i", "1234abcd", "-n", "MADE BY", path]))?;
    Some(image)
}

/// A tree of the machine, with old times, to be copied by others.
fn folder(files: &[(String, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    }
    folder
}

/// Copies what a folder holds to a volume with mtools, which know Unicode in such a locale.
fn mcopy(image: &NamedTempFile, folder: &Path) -> Option<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let names = names.iter().map(|path| path.to_str().unwrap());
    let fixed = ["LC_ALL=C.UTF-8", "mcopy", "-i", image.path().to_str().unwrap(), "-s", "-m", "-Q"];
    check("env", fixed.into_iter().chain(names).chain(["::/"]))
}

fn tools_tree(scale: usize) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = [
        ("SHORT.TXT", 5),
        ("lower.txt", 600),
        ("MiXeD.cAsE", 0),
        ("UPPER.low", 1),
        ("low.UPP", 1),
        ("a long name with blanks.and.dots", 4 * scale),
        ("größe-ж-漢字.dat", 513),
        ("deep/er/and/deeper/x", 10),
        ("deep/er/exactly thirteen.", 10),
        ("exactly26characters1234567", 77),
    ]
    .map(|(path, len)| (path.to_owned(), pattern(len as u64, len)))
    .into();
    for number in 0..150 {
        files.push((format!("many/of the same beginning {number:04}"), pattern(number, 30)));
    }
    // Windows would not find it.
    files.retain(|(path, _)| !path.ends_with('.'));
    files
}

#[test]
fn volumes_of_mtools_are_read_back() {
    for (size, arguments, kind) in [
        (1440 << 10, &["-F", "12"][..], FatKind::Fat12),
        (4 * MIB, &["-F", "12", "-S", "4096", "-s", "1"], FatKind::Fat12),
        (16 * MIB, &["-F", "16"], FatKind::Fat16),
        (40 * MIB, &["-F", "16", "-S", "1024", "-f", "1"], FatKind::Fat16),
        (40 * MIB, &["-F", "32", "-s", "1"], FatKind::Fat32),
        (300 * MIB, &["-F", "32", "-S", "4096", "-s", "1"], FatKind::Fat32),
    ] {
        let files = tools_tree(100_000);
        let folder = folder(&files);
        let Some(image) = mkfs(size, arguments) else { return };
        if mcopy(&image, folder.path()).is_none() {
            return;
        }
        let volume = FatVolume::open(image.as_file()).unwrap();
        assert_eq!((volume.kind(), volume.serial()), (kind, Some(0x1234_abcd)), "{arguments:?}");
        assert_eq!(volume.label().unwrap(), Some("MADE BY".into()));
        let tree = volume.tree(SourceId(0)).unwrap().tree;
        for step in tree.walk().filter(|step| !step.file.is_directory()) {
            assert_eq!(step.file.metadata.times.written, Filetime::from_unix(1_000_000_000), "{}", step.path());
        }
        assert_clean(&volume);
        assert_same(&listing(&volume), &with_directories(files));
    }
}

/// What `fsck.vfat` counts: files, directories and the label, and clusters. It must find nothing.
fn fsck(image: &NamedTempFile) -> Option<(usize, u32)> {
    let report = check("fsck.vfat", ["-vn".as_ref(), image.path().as_os_str()])?;
    let line = report.lines().find(|line| line.contains(" files, ")).unwrap();
    let (_, counts) = line.rsplit_once(": ").unwrap();
    let (files, clusters) = counts.split_once(" files, ").unwrap();
    let (_, clusters) = clusters.split_once('/').unwrap();
    Some((files.parse().unwrap(), clusters.trim_end_matches(" clusters").parse().unwrap()))
}

#[test]
fn volumes_that_mtools_changed_are_clean() {
    for (size, arguments) in [
        (720 << 10, &["-F", "12", "-f", "1", "-r", "512"][..]),
        (2880 << 10, &["-F", "12"]),
        (16 * MIB, &["-F", "16", "-s", "1", "-R", "9"]),
        (64 * MIB, &["-F", "16", "-M", "0xf0"]),
        (64 * MIB, &["-F", "32", "-s", "1", "-h", "63", "-f", "1"]),
        (64 * MIB, &["-F", "32", "-s", "1", "-b", "3", "-R", "40"]),
        (600 * MIB, &["-F", "32", "-S", "2048"]),
    ] {
        let files = tools_tree(10_000);
        let folder = folder(&files);
        let Some(image) = mkfs(size, arguments) else { return };
        assert_clean(&FatVolume::open(image.as_file()).unwrap());
        if mcopy(&image, folder.path()).is_none() {
            return;
        }
        let path = image.path().to_str().unwrap();
        for arguments in [
            &["mdel", "::/SHORT.TXT", "::/many/of the same beginning 01*"][..],
            &["mren", "::/lower.txt", "::/a new name that is longer than the old.text"],
            &["mmd", "::/new", "::/new/one more"],
            &["mdeltree", "::/deep/er/and"],
            &["mmove", "::/many/of the same beginning 0007", "::/new"],
            &["mattrib", "+h", "+r", "::/low.UPP"],
            &["mlabel", "::RENAMED"],
        ] {
            let fixed = [arguments[0], "-i", path];
            check("env", ["LC_ALL=C.UTF-8"].into_iter().chain(fixed).chain(arguments[1..].iter().copied())).unwrap();
        }
        let volume = FatVolume::open(image.as_file()).unwrap();
        assert_clean(&volume);
        assert_eq!(volume.label().unwrap(), Some("RENAMED".into()));
        let found = listing(&volume);
        assert_eq!(found["/new/of the same beginning 0007"].as_deref(), Some(&pattern(7, 30)[..]));
        if let Some(counts) = fsck(&image) {
            assert_eq!(counts, (found.len() + 1, volume.clusters()), "{arguments:?}");
        }
    }
}

#[test]
fn a_volume_without_a_label_is_clean() {
    let image = tempfile::Builder::new().suffix(".fat").tempfile().unwrap();
    image.as_file().set_len(40 * MIB).unwrap();
    let path = image.path().to_str().unwrap();
    if check("mkfs.vfat", ["-F", "32", "-s", "1", path]).is_some() {
        let volume = FatVolume::open(image.as_file()).unwrap();
        assert_clean(&volume);
        assert_eq!(volume.label().unwrap(), None);
    }
    let options = nanovhd_disk::EspOptions { label: String::new(), ..esp::options(512) };
    let image = esp::image(&options, &esp::sample());
    let volume = FatVolume::open(image.as_file()).unwrap();
    assert_clean(&volume);
    assert_eq!(volume.label().unwrap(), None);
}

/// Everything on a volume as the `fatfs` crate sees it.
fn listing_of_the_library(bytes: &[u8]) -> Listing {
    let volume = fatfs::FileSystem::new(Cursor::new(bytes.to_vec()), fatfs::FsOptions::new()).unwrap();
    let mut listing = Listing::new();
    let mut pending = vec![(String::new(), volume.root_dir())];
    while let Some((path, directory)) = pending.pop() {
        for entry in directory.iter() {
            let entry = entry.unwrap();
            let path = format!("{path}/{}", entry.file_name());
            if entry.is_file() {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes).unwrap();
                listing.insert(path, Some(bytes));
            } else if ![".", ".."].contains(&entry.file_name().as_str()) {
                listing.insert(path.clone(), None);
                pending.push((path, entry.to_dir()));
            }
        }
    }
    listing
}

/// Names that FAT can have, of which no two are the same but for case.
fn names() -> impl Strategy<Value = BTreeMap<String, usize>> {
    let character = prop_oneof![
        8 => prop::char::range('a', 'z'),
        2 => prop::char::range('0', '9'),
        1 => prop::sample::select(vec![' ', '.', '~', '+', 'é', 'ж', '漢', 'ß']),
    ];
    let name = prop::collection::vec(character, 1..40).prop_map(|c| {
        let name: String = c.into_iter().collect();
        format!("x{name}y")
    });
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    prop::collection::btree_map(path, prop_oneof![0..10_usize, 0..9_000_usize], 0..25).prop_map(|paths| {
        // A file can't be a directory of another path.
        let all: Vec<_> = paths.keys().cloned().collect();
        let is_directory = |path: &str| all.iter().any(|other| other.starts_with(&format!("{path}/")));
        paths.into_iter().filter(|(path, _)| !is_directory(path)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_of_the_library_are_read_back(
        names in names(),
        shape in prop::sample::select(vec![
            (MIB, fatfs::FatType::Fat12, 512_u16),
            (8 * MIB, fatfs::FatType::Fat16, 512),
            (40 * MIB, fatfs::FatType::Fat32, 512),
            (40 * MIB, fatfs::FatType::Fat16, 4096),
        ]),
    ) {
        let (size, kind, sector_size) = shape;
        let files: Vec<_> = names.into_iter().map(|(path, len)| (path, pattern(len as u64, len))).collect();
        let mut disk = Cursor::new(vec![0; usize::try_from(size).unwrap()]);
        let options = fatfs::FormatVolumeOptions::new().fat_type(kind).bytes_per_sector(sector_size);
        fatfs::format_volume(&mut disk, options.bytes_per_cluster(sector_size.into())).unwrap();
        {
            let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
            for (path, bytes) in &files {
                for (at, _) in path.match_indices('/') {
                    volume.root_dir().create_dir(&path[..at]).unwrap();
                }
                volume.root_dir().create_file(path).unwrap().write_all(bytes).unwrap();
            }
        }
        let bytes = disk.into_inner();
        let volume = FatVolume::open(&bytes).unwrap();
        // The library's known faults, which our own volumes don't have.
        let known = [FatRule::DotEntries.name(), FatRule::InfoBackup.name()];
        let findings = volume.check().unwrap();
        prop_assert!(findings.iter().all(|finding| known.contains(&finding.rule)), "{:?}", findings);
        let found = listing(&volume);
        assert_same(&found, &with_directories(files));
        assert_same(&found, &listing_of_the_library(&bytes));
    }

    #[test]
    fn trees_of_mtools_are_read_back(names in names()) {
        // Of some names with a tilde mtools make a short name with zeros and no long one.
        let names = names.into_iter().filter(|(path, _)| !path.contains('~'));
        let files: Vec<_> = names.map(|(path, len)| (path, pattern(len as u64, len))).collect();
        let folder = folder(&files);
        if let Some(image) = mkfs(MIB, &["-F", "12"]) && (files.is_empty() || mcopy(&image, folder.path()).is_some()) {
            let volume = FatVolume::open(image.as_file()).unwrap();
            assert_clean(&volume);
            assert_same(&listing(&volume), &with_directories(files));
        }
    }
}
