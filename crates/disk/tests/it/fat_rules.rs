//! Each rule of the FAT checker is broken once in a volume that is sound, and more in ways that the
//! rules share.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_disk::{EspData, EspFile, EspOptions, FatRule, FatVolume, check_fat, format_esp};
use nanovhd_tree::{Attributes, Content, ReadAt, Source, SourceId};

use crate::support::*;

/// A volume that counts what is read of it.
struct Counting<'b> {
    bytes: &'b [u8],
    read: AtomicU64,
}

impl ReadAt for Counting<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.bytes.read_at(buf, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

/// Sectors in front of the volume.
const FIRST_SECTOR: u64 = 2048;
const FAT_INFO: usize = 512;
const BACKUP: usize = 6 * 512;

/// A small volume in memory, of clusters of 512 bytes.
#[derive(Clone)]
struct Image {
    bytes: Vec<u8>,
    /// Bits of an entry of the FAT.
    bits: usize,
}

impl Image {
    /// FAT32 with these files of so many bytes.
    fn fat32(files: &[(&str, usize)]) -> Self {
        let options = EspOptions {
            size: 34 * MIB,
            sector_size: 512,
            hidden_sectors: FIRST_SECTOR,
            serial: 1,
            label: "LABEL".into(),
            time: TIME,
        };
        let file = |&(path, len): &(&str, usize)| EspFile {
            path: path.into(),
            data: EspData::Bytes(pattern(len as u64, len)),
            attributes: Attributes::ARCHIVE,
            written: None,
        };
        let mut bytes = vec![0; usize::try_from(options.size).unwrap()];
        for (offset, range) in format_esp(&options, &files.iter().map(file).collect::<Vec<_>>()).unwrap().ranges {
            bytes[usize::try_from(offset).unwrap()..][..range.len()].copy_from_slice(&range);
        }
        Self { bytes, bits: 32 }
    }

    /// FAT12 or FAT16 with two files in the root directory.
    fn small(size: u64) -> Self {
        let mut disk = Cursor::new(vec![0; usize::try_from(size).unwrap()]);
        fatfs::format_volume(&mut disk, fatfs::FormatVolumeOptions::new().bytes_per_cluster(512)).unwrap();
        let bits = {
            let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
            for name in ["plain.bin", "other.bin"] {
                volume.root_dir().create_file(name).unwrap().write_all(&pattern(1, 2000)).unwrap();
            }
            if volume.fat_type() == fatfs::FatType::Fat12 { 12 } else { 16 }
        };
        Self { bytes: disk.into_inner(), bits }
    }

    fn u16(&self, at: usize) -> usize {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().unwrap()).into()
    }

    fn u32(&self, at: usize) -> usize {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()).try_into().unwrap()
    }

    /// Writes bytes and says where.
    fn set(&mut self, at: usize, bytes: &[u8]) -> usize {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        at
    }

    fn set_u32(&mut self, at: usize, value: usize) -> usize {
        self.set(at, &u32::try_from(value).unwrap().to_le_bytes())
    }

    fn fat_len(&self) -> usize {
        512 * if self.bits == 32 { self.u32(0x24) } else { self.u16(0x16) }
    }

    fn fat(&self, number: usize) -> usize {
        512 * self.u16(0x0e) + number * self.fat_len()
    }

    fn cluster_offset(&self, cluster: usize) -> usize {
        self.fat(2) + 32 * self.u16(0x11) + (cluster - 2) * 512
    }

    fn clusters(&self) -> usize {
        (self.bytes.len() - self.cluster_offset(2)) / 512
    }

    /// Sets the entry of a cluster in both FATs and says where it is in the first.
    fn link(&mut self, cluster: usize, value: usize) -> usize {
        let at = cluster * self.bits / 8;
        for number in [1, 0] {
            let place = self.fat(number) + at;
            match self.bits {
                32 => self.set_u32(place, value),
                16 => self.set(place, &u16::try_from(value).unwrap().to_le_bytes()),
                _ => {
                    let shift = cluster % 2 * 4;
                    let word = self.u16(place) & !(0xfff << shift) | value << shift;
                    self.set(place, &u16::try_from(word).unwrap().to_le_bytes())
                }
            };
        }
        self.fat(0) + at
    }

    /// Where the entry with a short name is.
    fn entry(&self, name: &[u8; 11]) -> usize {
        let is_it = |at: &usize| &self.bytes[*at..at + 11] == name && self.bytes[at + 11] != 0x0f;
        (0..self.bytes.len()).step_by(32).find(is_it).unwrap()
    }

    /// The first cluster of the entry with a short name.
    fn cluster(&self, name: &[u8; 11]) -> usize {
        let at = self.entry(name);
        self.u16(at + 26) | if self.bits == 32 { self.u16(at + 20) << 16 } else { 0 }
    }

    fn findings(&self) -> Vec<nanovhd_tree::Finding> {
        check_fat(&self.bytes, Some(if self.bits == 32 { FIRST_SECTOR } else { 0 })).unwrap()
    }

    #[track_caller]
    fn assert_finds(&self, rule: FatRule, offset: usize) {
        let findings = self.findings();
        let is_it = |found: &&nanovhd_tree::Finding| found.rule == rule.name() && found.offset == offset as u64;
        assert!(findings.iter().any(|found| is_it(&found)), "{} at {offset:#x} not in {findings:#?}", rule.name());
    }
}

const PLAIN: &[u8; 11] = b"PLAIN   BIN";
const OTHER: &[u8; 11] = b"OTHER   BIN";
const LONG: &[u8; 11] = b"ALONGN~1TXT";
const DIR: &[u8; 11] = b"DIR        ";

fn sound() -> Image {
    let files = [
        ("plain.bin", 2000),
        ("other.bin", 1500),
        ("a long name that has three parts.txt", 600),
        ("dir/inner.bin", 100),
        ("dir/deeper/empty.bin", 0),
    ];
    Image::fat32(&files)
}

/// Breaks a rule and says where it is found to be broken.
fn corrupt(image: &mut Image, rule: FatRule) -> usize {
    let (plain, other, long, dir) = (image.entry(PLAIN), image.entry(OTHER), image.entry(LONG), image.entry(DIR));
    let (first, clusters) = (image.cluster(PLAIN), image.clusters());
    let of_dir = image.cluster_offset(image.cluster(DIR));
    match rule {
        FatRule::BootSignature => image.set(0x1fe, &[0]),
        FatRule::SectorSize => image.set(0x0b, &[1]),
        FatRule::ClusterSize => image.set(0x0d, &[3]),
        FatRule::ReservedSectors => image.set(0x0e, &[0, 0]),
        FatRule::FatSize => image.set(0x10, &[0]),
        FatRule::RootDirectory => image.set(0x2c, &[1]),
        FatRule::VolumeSize => image.set_u32(0x20, 34 << 12),
        FatRule::ClusterCount => image.set_u32(0x20, 65_000) + 4,
        FatRule::Version => image.set(0x2a, &[1]),
        FatRule::ActiveFat => image.set(0x28, &[0x82]),
        FatRule::HiddenSectors => image.set(0x1c, &[1]),
        FatRule::Media => image.set(0x15, &[0x12]),
        FatRule::EndMark => image.link(1, 0x0fff_fff6),
        FatRule::Dirty => image.link(1, 0x07ff_ffff),
        FatRule::Copies => {
            let last = image.fat(2) - 1;
            image.set(last, &[7])
        }
        FatRule::BackupBoot => image.set(BACKUP + 3, b"other"),
        FatRule::InfoSignature => image.set(FAT_INFO, b"RRAA"),
        FatRule::InfoBackup => image.set(BACKUP + FAT_INFO + 484, b"x") - 484,
        FatRule::InfoFree => image.set_u32(FAT_INFO + 488, 7),
        FatRule::InfoNext => image.set_u32(FAT_INFO + 492, clusters + 2),
        FatRule::ChainRange => image.link(first, clusters + 2),
        FatRule::ChainFree => image.link(first + 1, 0),
        FatRule::ChainBad => image.link(first + 1, 0x0fff_fff7),
        FatRule::ChainCycle => {
            image.link(first + 3, first + 1);
            image.link(first + 1, first + 2)
        }
        FatRule::CrossLink => {
            // Directories are read in the order of their entries.
            let shared = image.cluster(OTHER);
            image.link(shared + 2, first + 2);
            image.fat(0) + (first + 2) * 4
        }
        FatRule::LostClusters => {
            image.link(clusters - 5, clusters - 4);
            image.link(clusters - 4, 0x0fff_ffff) - 4
        }
        FatRule::FileTooLong => image.set_u32(plain + 28, 2049) - 28,
        FatRule::ChainTooLong => image.set_u32(plain + 28, 1536) - 28,
        FatRule::DirectorySize => image.set_u32(dir + 28, 512) - 28,
        FatRule::DirectoryLength => {
            let mut from = image.cluster(DIR);
            for to in 10_000..14_096 {
                image.link(from, to);
                from = to;
            }
            image.link(from, 0x0fff_ffff);
            dir
        }
        FatRule::DirectoryDepth => {
            *image = Image::fat32(&[(&format!("{}file", "d/".repeat(257)), 1)]);
            // Each is in a cluster of its own, behind its own entries and those of its name.
            image.cluster_offset(2 + 256) + 5 * 32
        }
        FatRule::DotEntries => image.set(of_dir + 32 + 26, &[9]) - 26,
        FatRule::LongNameOrphan => image.set(long, &[0xe5]) - 3 * 32,
        FatRule::LongNameOrder => image.set(long - 2 * 32, &[3]),
        FatRule::LongNameChecksum => {
            let wrong = !image.bytes[long - 32 + 13];
            image.set(long - 32 + 13, &[wrong]) - 13
        }
        FatRule::LongNameForm => image.set(long - 3 * 32 + 30, b"xx") - 30,
        FatRule::LongNameCharacter => image.set(plain - 32 + 1, b"|") - 1 + 32,
        FatRule::ShortNameCharacter => image.set(plain + 2, b"|") - 2,
        FatRule::Duplicate => {
            let name: Vec<u8> = "PLAIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
            image.set(other - 32 + 1, &name) - 1 + 32
        }
        FatRule::DuplicateShort => image.set(other, PLAIN),
        FatRule::Label => {
            let label = image.entry(b"LABEL      ");
            image.set(label, b"RENAMED");
            0x47
        }
        FatRule::EntryAttributes => image.set(plain + 11, &[0x60]) - 11,
        FatRule::Time => image.set(plain + 24, &[0xff]) - 24,
        _ => panic!("nothing breaks the rule {}", rule.name()),
    }
}

#[test]
fn every_rule_is_found_broken() {
    let sound = sound();
    assert_eq!(sound.findings(), []);
    for &rule in FatRule::ALL {
        let mut image = sound.clone();
        let offset = corrupt(&mut image, rule);
        image.assert_finds(rule, offset);
    }
}

#[test]
fn rules_have_names_of_their_own() {
    for (number, rule) in FatRule::ALL.iter().enumerate() {
        assert!(rule.name().starts_with("fat-") && rule.meaning().ends_with('.'), "{rule:?}");
        assert!(FatRule::ALL[..number].iter().all(|other| other.name() != rule.name()), "{rule:?}");
    }
}

/// A further way to break a rule, and where it is then found to be broken.
type Further = (FatRule, fn(&mut Image) -> usize);

#[test]
fn rules_are_found_broken_in_other_ways() {
    let further: &[Further] = &[
        (FatRule::BootSignature, |image| image.set(0, &[0])),
        (FatRule::VolumeSize, |image| image.set(0x13, &[1])),
        (FatRule::VolumeSize, |image| image.set_u32(0x20, 0)),
        (FatRule::VolumeSize, |image| image.set_u32(0x20, 1000)),
        (FatRule::RootDirectory, |image| image.set(0x11, &[16])),
        (FatRule::FatSize, |image| image.set_u32(0x24, 5)),
        (FatRule::FatSize, |image| image.set_u32(0x24, 0) - 0x14),
        (FatRule::Media, |image| image.link(0, 0x0fff_fff0)),
        (FatRule::Dirty, |image| image.link(1, 0x0bff_ffff)),
        (FatRule::Dirty, |image| image.set(0x41, &[1])),
        (FatRule::InfoSignature, |image| image.set(0x30, &[99])),
        (FatRule::InfoSignature, |image| image.set(0x30, &[0])),
        (FatRule::BackupBoot, |image| image.set(0x32, &[200])),
        (FatRule::InfoBackup, |image| image.set(0x32, &[7])),
        (FatRule::ChainRange, |image| {
            let entry = image.entry(PLAIN);
            image.set(entry + 20, &[0xff]) - 20
        }),
        (FatRule::ChainRange, |image| {
            let entry = image.entry(DIR);
            image.set(entry + 26, &[0]) - 26
        }),
        (FatRule::ChainRange, |image| image.link(image.cluster(PLAIN), 1)),
        (FatRule::FileTooLong, |image| {
            let entry = image.entry(PLAIN);
            image.set(entry + 26, &[0]) - 26
        }),
        (FatRule::ChainTooLong, |image| {
            let entry = image.entry(PLAIN);
            image.set_u32(entry + 28, 0) - 28
        }),
        (FatRule::DotEntries, |image| {
            let dir = image.cluster_offset(image.cluster(DIR));
            image.set(dir, &[0xe5])
        }),
        (FatRule::DotEntries, |image| {
            let dir = image.cluster_offset(image.cluster(DIR));
            image.set(dir + 11, &[0x20]) - 11
        }),
        (FatRule::DotEntries, |image| image.set(image.entry(PLAIN), b".          ")),
        (FatRule::LongNameOrphan, |image| image.set(image.entry(LONG) - 96, &[0xe5]) + 32),
        (FatRule::LongNameOrder, |image| image.set(image.entry(LONG) - 96, &[0x40])),
        (FatRule::LongNameOrder, |image| image.set(image.entry(LONG) - 96, &[0x55])),
        (FatRule::LongNameChecksum, |image| image.set(image.entry(LONG), b"B") - 96),
        (FatRule::LongNameForm, |image| image.set(image.entry(LONG) - 32 + 12, &[1]) - 12),
        (FatRule::LongNameForm, |image| image.set(image.entry(LONG) - 32 + 26, &[1]) - 26),
        (FatRule::LongNameForm, |image| image.set(image.entry(LONG) - 32 + 1, &[0, 0]) - 1 - 64),
        (FatRule::LongNameCharacter, |image| image.set(image.entry(PLAIN) - 32 + 20, b" ") - 20 + 32),
        (FatRule::LongNameForm, |image| image.set(image.entry(PLAIN) - 32 + 22, b" ") - 22),
        (FatRule::Duplicate, |image| {
            // The short name of one is the long name of another.
            let name: Vec<u8> = "ALONGN~1.TXT".encode_utf16().flat_map(u16::to_le_bytes).collect();
            let part = image.entry(OTHER) - 32;
            image.set(part + 1, &name[..10]);
            image.set(part + 14, &name[10..22]);
            image.set(part + 28, &name[22..]);
            image.set(part + 30, &[0, 0]);
            image.entry(LONG)
        }),
        (FatRule::Label, |image| {
            let entry = image.entry(OTHER);
            image.set(entry + 11, &[8]) - 11
        }),
        (FatRule::Label, |image| {
            let entry = image.entry(b"INNER   BIN");
            image.set(entry + 11, &[8]) - 11
        }),
        (FatRule::Label, |image| image.set(image.entry(b"LABEL      "), b"l")),
        (FatRule::Label, |image| image.set(image.entry(b"LABEL      ") + 11, &[9]) - 11),
        (FatRule::Label, |image| image.set(image.entry(b"LABEL      ") + 28, &[9]) - 28),
        (FatRule::EntryAttributes, |image| image.set(image.entry(DIR) + 11, &[0x18]) - 11),
        (FatRule::Time, |image| image.set(image.entry(PLAIN) + 23, &[0xff]) - 23),
        (FatRule::Time, |image| image.set(image.entry(PLAIN) + 13, &[200]) - 13),
        (FatRule::Time, |image| image.set(image.entry(PLAIN) + 18, &[0x0f, 0x00]) - 18),
    ];
    let sound = sound();
    for (rule, corrupt) in further {
        let mut image = sound.clone();
        let offset = corrupt(&mut image);
        image.assert_finds(*rule, offset);
    }
}

#[test]
fn small_volumes_are_checked_too() {
    let further: &[Further] = &[
        (FatRule::RootDirectory, |image| image.set(0x11, &[0, 0])),
        (FatRule::RootDirectory, |image| image.set(0x11, &[7, 0])),
        (FatRule::VolumeSize, |image| image.set_u32(0x20, 7) - 13),
        (FatRule::Media, |image| image.link(0, 0xfff)),
        (FatRule::EndMark, |image| image.link(1, 3)),
        (FatRule::Copies, |image| image.set(image.fat(1), &[0])),
        (FatRule::ChainFree, |image| image.link(3, 0)),
        (FatRule::ChainBad, |image| image.link(3, if image.bits == 12 { 0xff7 } else { 0xfff7 })),
        (FatRule::ChainRange, |image| image.link(3, image.clusters() + 2)),
        (FatRule::CrossLink, |image| {
            image.link(8, 3);
            image.fat(0) + 3 * image.bits / 8
        }),
        (FatRule::LostClusters, |image| {
            let last = image.clusters() + 1;
            image.link(last, if image.bits == 12 { 0xfff } else { 0xffff })
        }),
        (FatRule::Dirty, |image| image.set(0x25, &[1])),
    ];
    for size in [1440 << 10, 8 * MIB] {
        let mut sound = Image::small(size);
        // The total is said in 16 bits.
        assert_eq!((sound.u16(0x13) > 0, sound.u32(0x20)), (true, 0));
        assert_eq!(sound.findings(), []);
        assert_eq!(sound.bits, if size < MIB * 4 { 12 } else { 16 });
        sound.bytes.shrink_to_fit();
        for (rule, corrupt) in further {
            let mut image = sound.clone();
            let offset = corrupt(&mut image);
            image.assert_finds(*rule, offset);
        }
    }
    let mut dirty = Image::small(8 * MIB);
    let offset = dirty.link(1, 0x7fff);
    dirty.assert_finds(FatRule::Dirty, offset);
}

#[test]
fn the_fat_that_counts_is_read() {
    let mut image = sound();
    image.set(0x28, &[0x81, 0]);
    let (first, len) = (image.fat(0), image.fat_len());
    image.bytes[first..first + len].fill(0);
    let found: Vec<_> = image.findings().into_iter().map(|finding| finding.rule).collect();
    assert_eq!(found, [FatRule::BackupBoot.name()], "the copy of the boot sector has other flags");
    let volume = FatVolume::open(&image.bytes).unwrap();
    let found = volume.tree(SourceId(0)).unwrap();
    let mut buf = [0xd1; 3000];
    assert_eq!(volume.read(&found.files, 0, 0, &mut buf).unwrap(), 2000);
    assert_eq!(buf[..2000], pattern(2000, 2000));
}

#[test]
fn what_can_not_be_told_is_not_read() {
    let sound = sound();
    let refused: &[Further] = &[
        (FatRule::ChainFree, |image| image.link(image.cluster(PLAIN) + 1, 0)),
        (FatRule::ChainCycle, |image| image.link(image.cluster(PLAIN) + 2, image.cluster(PLAIN))),
        (FatRule::CrossLink, |image| image.link(image.cluster(OTHER), image.cluster(PLAIN) + 1)),
        (FatRule::FileTooLong, |image| image.set_u32(image.entry(PLAIN) + 28, 100_000)),
        (FatRule::DirectoryLength, |image| corrupt(image, FatRule::DirectoryLength)),
        (FatRule::DirectoryDepth, |image| corrupt(image, FatRule::DirectoryDepth)),
    ];
    for (rule, corrupt) in refused {
        let mut image = sound.clone();
        corrupt(&mut image);
        let error = FatVolume::open(&image.bytes).unwrap().tree(SourceId(0)).unwrap_err();
        assert!(!error.to_string().is_empty() && image.findings().iter().any(|f| f.rule == rule.name()), "{error}");
    }
}

/// Does with a volume all that can be done, and says whether it could be opened and read. What is
/// read and what it is told of is bounded by what there is.
fn exercise(bytes: &[u8]) -> [bool; 2] {
    let counting = Counting { bytes, read: AtomicU64::new(0) };
    let findings = check_fat(&counting, None).unwrap();
    assert!(findings.len() <= FatRule::ALL.len() * 101);
    assert!(findings.iter().all(|found| found.offset <= bytes.len() as u64 && found.detail.len() < 2_000));
    let mut outcome = [false; 2];
    if let Ok(volume) = FatVolume::open(&counting) {
        outcome[0] = true;
        let _ = volume.label();
        if let Ok(found) = volume.tree(SourceId(0)) {
            outcome[1] = true;
            let mut buf = vec![0xd1; 4096];
            for step in found.tree.walk() {
                let Some(Source::Blob(id)) = step.file.content().map(Content::source) else { continue };
                let mut offset = 0;
                while let len @ 1.. = volume.read(&found.files, id.index, offset, &mut buf).unwrap() {
                    offset += len as u64;
                }
                assert_eq!(offset, step.file.content().unwrap().len());
            }
            assert!(volume.read(&found.files, u32::MAX, 0, &mut buf).is_err());
        } else {
            assert!(!findings.is_empty(), "not read, and nothing found");
        }
    } else {
        assert!(!findings.is_empty(), "refused without a finding");
    }
    let read = counting.read.into_inner();
    assert!(read < 8 * bytes.len() as u64 + (1 << 20), "{read} bytes read of {}", bytes.len());
    outcome
}

/// Changes some bytes of places where structures are, looks at the volume, and changes them back.
fn mutate(image: &mut Image, places: &[std::ops::Range<usize>], rounds: u64) -> [u32; 2] {
    let mut outcomes = [0; 2];
    for round in 0..rounds {
        let random = pattern(round, 64);
        let word = |at: usize| usize::from(u16::from_le_bytes([random[at] >> 1, random[at + 1] >> 1]));
        let count = 1 + word(0) % 6;
        let mut old = Vec::new();
        for number in 1..=count {
            let place = &places[word(number * 6) % places.len()];
            let at = place.start + (word(number * 6 + 2) << 7 | word(number * 6 + 3)) % place.len();
            let value = match word(number * 6 + 4) % 4 {
                0 => 0,
                1 => 0xff,
                2 => image.bytes[at] ^ 1 << (word(number * 6 + 5) % 8),
                _ => random[number],
            };
            old.push((at, image.bytes[at]));
            image.bytes[at] = value;
        }
        let outcome = exercise(&image.bytes);
        outcomes = std::array::from_fn(|n| outcomes[n] + u32::from(outcome[n]));
        for (at, byte) in old.into_iter().rev() {
            image.bytes[at] = byte;
        }
    }
    outcomes
}

#[test]
fn damaged_volumes_are_no_trap() {
    let mut large = sound();
    let root = large.cluster_offset(2);
    let places = [0..90, 0..1024, large.fat(0)..large.fat(0) + 128, root..root + 1024, root..root + 16 * 512];
    let [opened, read] = mutate(&mut large, &places, 1_000);
    assert!(opened > 300 && read > 200, "{opened} opened, {read} read");
    for size in [200 << 10, 3 * MIB] {
        let mut small = Image::small(size);
        let root = small.fat(2);
        let places = [0..64, small.fat(0)..small.fat(0) + 24, root..root + 160, root..root + 160];
        let [opened, read] = mutate(&mut small, &places, 3_000);
        assert!(opened > 1_000 && read > 500, "{opened} opened, {read} read");
    }
    for len in [0, 1, 511, 512, 513, 4096, 40_000, large.bytes.len() - 1] {
        assert_eq!(exercise(&large.bytes[..len]), [false; 2], "{len}");
    }
}

#[test]
fn files_that_share_clusters_take_no_time() {
    // A directory full of files that all claim the same long chain.
    let mut image = sound();
    let (clusters, plain) = (image.clusters(), image.entry(PLAIN));
    let mut entry = image.bytes[plain..plain + 32].to_vec();
    entry[20..22].fill(0);
    entry[26..28].copy_from_slice(&6_000_u16.to_le_bytes());
    entry[28..32].fill(0xff);
    let root = image.cluster_offset(2);
    for cluster in 5_000..clusters + 1 {
        image.link(cluster, cluster + 1);
    }
    image.link(2, 5_000);
    image.link(5_999, 0x0fff_ffff);
    let places =
        (root..root + 512).step_by(32).chain((image.cluster_offset(5_000)..image.cluster_offset(6_000)).step_by(32));
    for (number, at) in places.enumerate() {
        entry[..6].copy_from_slice(format!("{number:06}").as_bytes());
        image.set(at, &entry);
    }
    assert_eq!(exercise(&image.bytes), [true, false]);
    let findings = image.findings();
    let cross_links: Vec<_> = findings.iter().filter(|found| found.rule == FatRule::CrossLink.name()).collect();
    assert_eq!(cross_links.len(), 101);
    assert!(cross_links[100].detail.starts_with("and 1"), "{}", cross_links[100]);
}
