//! One corruption for every rule of containers and partition tables, each on an image that has none.

use std::collections::HashSet;

use nanovhd_disk::{ContainerOptions, ContainerRule, Disk, Format, OpenError, PartitionRule, check_container};
use nanovhd_tree::ReadAt;
use uuid::{Uuid, uuid};

use crate::log::{BAT, Change, Entry, arm, put, seal};
use crate::support::*;

const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
const REGIONS: [usize; 2] = [192 << 10, 256 << 10];
const METADATA: usize = 2 << 20;
const ITEMS: usize = METADATA + (64 << 10);

fn set<const N: usize>(image: &mut [u8], at: usize, bytes: [u8; N]) {
    image[at..at + N].copy_from_slice(&bytes);
}

/// Changes both headers and seals them.
fn headers(image: &mut [u8], change: impl Fn(&mut [u8])) {
    for at in HEADERS {
        change(&mut image[at..at + 4096]);
        seal(&mut image[at..at + 4096]);
    }
}

/// Changes both region tables and seals them.
fn regions(image: &mut [u8], change: impl Fn(&mut [u8])) {
    for at in REGIONS {
        change(&mut image[at..at + 65536]);
        seal(&mut image[at..at + 65536]);
    }
}

/// Adds an entry to both region tables: the third.
fn add_region(image: &mut [u8], guid: Uuid, offset: u64, length: u32, required: u32) {
    regions(image, |table| {
        table[8] = 3;
        set(table, 16 + 64, guid.to_bytes_le());
        set(table, 16 + 64 + 16, offset.to_le_bytes());
        set(table, 16 + 64 + 24, length.to_le_bytes());
        set(table, 16 + 64 + 28, required.to_le_bytes());
    });
}

/// Adds an entry to the metadata table: the sixth.
fn add_item(image: &mut [u8], guid: Uuid, offset: u32, length: u32, flags: u32) {
    image[METADATA + 10] = 6;
    let at = METADATA + 32 + 5 * 32;
    set(image, at, guid.to_bytes_le());
    set(image, at + 16, offset.to_le_bytes());
    set(image, at + 20, length.to_le_bytes());
    set(image, at + 24, flags.to_le_bytes());
}

/// Arms the log with one entry in it.
fn log(image: &mut [u8], flushed: u64, changes: Vec<Change>) {
    arm(image);
    put(image, 0, &Entry { number: 1, tail: 0, flushed, last: 6 * MIB, changes });
}

fn bat(image: &mut [u8], block: usize, entry: u64) {
    set(image, usize::try_from(BAT).unwrap() + block * 8, entry.to_le_bytes());
}

const OTHER: Uuid = uuid!("11111111-2222-3333-4444-555555555555");
const LOCATOR: Uuid = uuid!("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");
const BAT_REGION: Uuid = uuid!("2DC27766-F623-4200-9D64-115E9BFD4A08");

/// What breaks the rule in a VHDX of [`log::image`](crate::log::image).
fn break_vhdx(rule: ContainerRule, image: &mut [u8]) -> bool {
    use ContainerRule as R;
    match rule {
        R::VhdxIdentifier => image[0] ^= 1,
        R::VhdxHeader => image[HEADERS[1] + 200] ^= 1,
        R::VhdxHeaderSequence => {
            // They are told apart by nothing but when they were written, and by that no more.
            let header = &mut image[HEADERS[0]..][..4096];
            header[8] = 2;
            header[16] ^= 1;
            seal(header);
        }
        R::VhdxVersion => headers(image, |header| header[66] = 2),
        R::VhdxLogPlace => headers(image, |header| header[72] = 1),
        R::VhdxLogSequence => arm(image),
        R::VhdxLogTruncated => log(image, 7 * MIB, vec![]),
        R::VhdxLogTarget => log(image, MIB, vec![Change::Zeros(64 << 10, 4096)]),
        R::VhdxRegionTable => image[REGIONS[0] + 60_000] ^= 1,
        R::VhdxRegionCopies => {
            let table = &mut image[REGIONS[1]..][..65536];
            table[16 + 28] = 0;
            seal(table);
        }
        R::VhdxRegionPlace => add_region(image, OTHER, 4 * MIB + 4096, 1 << 20, 0),
        R::VhdxRegionOverlap => add_region(image, OTHER, 2 * MIB, 1 << 20, 0),
        R::VhdxRegionTwice => add_region(image, BAT_REGION, 3 * MIB, 1 << 20, 1),
        R::VhdxRegionUnknown => add_region(image, OTHER, 5 * MIB, 1 << 20, 1),
        R::VhdxRegionMissing => regions(image, |table| table[8] = 1),
        R::VhdxMetadataTable => image[METADATA] ^= 1,
        R::VhdxMetadataFlags => image[METADATA + 32 + 24] |= 2,
        R::VhdxMetadataPlace => set(image, METADATA + 32 + 16, 4096_u32.to_le_bytes()),
        R::VhdxMetadataOverlap => add_item(image, OTHER, (64 << 10) + 39, 5, 1),
        R::VhdxMetadataTwice => {
            let entry: [u8; 16] = image[METADATA + 32..][..16].try_into().unwrap();
            add_item(image, Uuid::from_bytes_le(entry), 70 << 10, 8, 4);
        }
        R::VhdxMetadataUnknown => add_item(image, OTHER, 70 << 10, 8, 4),
        R::VhdxMetadataMissing => image[METADATA + 10] = 4,
        R::VhdxFileParameters => set(image, ITEMS, (3_u32 << 20).to_le_bytes()),
        R::VhdxParent => add_item(image, LOCATOR, 0, 0, 4),
        R::VhdxSectorSize => set(image, ITEMS + 16, 520_u32.to_le_bytes()),
        R::VhdxDiskSize => set(image, ITEMS + 8, (16 * MIB + 5).to_le_bytes()),
        R::VhdxTableLength => set(image, ITEMS + 8, (1_u64 << 40).to_le_bytes()),
        R::VhdxBlockState => bat(image, 2, (4 * MIB) | 7),
        R::VhdxBlockZero => bat(image, 7, (6 * MIB) | 2),
        R::VhdxBlockPlace => bat(image, 7, (2 * MIB) | 6),
        R::VhdxBlockOverlap => bat(image, 7, (4 * MIB) | 6),
        // A larger disk has its first bitmap behind 4096 blocks.
        R::VhdxBitmapState => {
            set(image, ITEMS + 8, (5 * GIB).to_le_bytes());
            bat(image, 4096, 6);
        }
        _ => return false,
    }
    true
}

fn seal_vhd(structure: &mut [u8], checksum: usize) {
    structure[checksum..checksum + 4].fill(0);
    let sum = !structure.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    set(structure, checksum, sum.to_be_bytes());
}

/// Changes the footer of a VHD and its copy, if there is one, and seals them.
fn footers(image: &mut [u8], change: impl Fn(&mut [u8])) {
    let end = image.len() - 512;
    for at in [0, end] {
        if image[at..].starts_with(b"conectix") {
            change(&mut image[at..at + 512]);
            seal_vhd(&mut image[at..at + 512], 64);
        }
    }
}

fn dynamic_header(image: &mut [u8], change: impl Fn(&mut [u8])) {
    change(&mut image[512..1536]);
    seal_vhd(&mut image[512..1536], 36);
}

/// What breaks the rule in a dynamic VHD of 16 MiB with its blocks 1 and 6 in the file.
fn break_vhd(rule: ContainerRule, image: &mut [u8]) -> bool {
    use ContainerRule as R;
    let end = image.len() - 512;
    match rule {
        R::VhdFooter => image[end] ^= 1,
        R::VhdFooterChecksum => image[end + 300] ^= 1,
        R::VhdFooterCopy => {
            image[0x18] ^= 1;
            seal_vhd(&mut image[..512], 64);
        }
        R::VhdVersion => footers(image, |footer| footer[12] = 2),
        R::VhdDiskType => footers(image, |footer| footer[63] = 5),
        R::VhdParent => footers(image, |footer| footer[63] = 4),
        R::VhdSize => footers(image, |footer| set(footer, 48, (16 * MIB + 1).to_be_bytes())),
        R::VhdGeometry => footers(image, |footer| footer[56] = 0xff),
        R::VhdHeader => footers(image, |footer| set(footer, 16, (1_u64 << 60).to_be_bytes())),
        R::VhdHeaderChecksum => image[512 + 900] ^= 1,
        R::VhdBlockSize => dynamic_header(image, |header| set(header, 32, (3_u32 << 20).to_be_bytes())),
        R::VhdTable => dynamic_header(image, |header| set(header, 28, 7_u32.to_be_bytes())),
        R::VhdBlockPlace => set(image, 1536 + 3 * 4, 2_u32.to_be_bytes()),
        R::VhdBlockOverlap => {
            let entry: [u8; 4] = image[1536 + 4..][..4].try_into().unwrap();
            set(image, 1536, (u32::from_be_bytes(entry) + 1).to_be_bytes());
        }
        _ => return false,
    }
    true
}

#[test]
fn rules_have_names_of_their_own() {
    let containers = ContainerRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let tables = PartitionRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let mut names = HashSet::new();
    for (name, meaning) in containers.chain(tables) {
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.chars().all(|unit| unit.is_ascii_lowercase() || unit == '-'), "{name}");
        assert!(meaning.ends_with('.') && meaning.len() > 20, "{name}: {meaning}");
    }
}

fn vhd() -> Vec<u8> {
    let content = Content::markers([2 * MIB, 13 * MIB], 4096);
    in_memory(&options(Format::VhdDynamic, 16 * MIB), &content).bytes()
}

#[test]
fn every_container_rule_is_broken_by_its_corruption() {
    for &rule in ContainerRule::ALL {
        let (mut of_vhdx, mut of_vhd) = (crate::log::image(), vhd());
        for image in [&of_vhdx, &of_vhd] {
            assert_eq!(check_container(image).unwrap(), []);
        }
        let image = if break_vhdx(rule, &mut of_vhdx) {
            of_vhdx
        } else if break_vhd(rule, &mut of_vhd) {
            of_vhd
        } else {
            assert_eq!(rule, ContainerRule::RawSize, "there is no corruption for it");
            vec![0; 1000]
        };
        let findings = check_container(&image).unwrap();
        assert!(findings.iter().any(|finding| finding.rule == rule.name()), "{rule:?} is not among {findings:#?}");
        // One fault does not look like many.
        assert!(findings.len() <= 3, "{rule:?}: {findings:#?}");
        for finding in &findings {
            assert!(finding.offset <= image.len() as u64 && !finding.detail.is_empty(), "{finding}");
            println!("{finding}");
        }
        // What can't be relied on is not opened, and what is opened can be read.
        if let Ok(disk) = Disk::open(image) {
            let mut bytes = vec![0xd1; usize::try_from(disk.virtual_size().min(64 * MIB)).unwrap()];
            disk.read_exact_at(&mut bytes, 0).unwrap();
        }
    }
}

#[test]
fn a_damaged_copy_is_replaced_by_the_other() {
    let content = Content::markers([2 * MIB, 13 * MIB], 4096);
    let mut image = vhd();
    let end = image.len() - 512;
    image[end..].fill(0x55);
    Cursored::new(Disk::open(image.clone()).unwrap()).expect_all(&content, 16 * MIB);
    image[20] ^= 1;
    assert!(Disk::open(image).is_err());
    let content = Content::markers([2 * MIB, 5 * MIB + 4096], 4096);
    for (broken, rule) in [(HEADERS, "vhdx-header"), (REGIONS, "vhdx-region-table")] {
        for at in broken {
            let mut image = crate::log::image();
            image[at + 100] ^= 0xff;
            let rules: Vec<_> = check_container(&image).unwrap().into_iter().map(|finding| finding.rule).collect();
            assert_eq!(rules, [rule]);
            Cursored::new(Disk::open(image).unwrap()).expect_all(&content, 16 * MIB);
        }
        let mut image = crate::log::image();
        for at in broken {
            image[at + 100] ^= 0xff;
        }
        let rules: Vec<_> = check_container(&image).unwrap().into_iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [rule; 3]);
        assert!(Disk::open(image).is_err());
    }
}

#[test]
fn messages_say_where_and_what() {
    let mut image = crate::log::image();
    bat(&mut image, 7, (2 * MIB) | 6);
    assert_eq!(
        Disk::open(image).unwrap_err().to_string(),
        "the disk image is damaged: vhdx-block-place: at 0x300038: block 7 can't be at 0x200000"
    );
    let options = ContainerOptions { block_size: None, ..options(Format::VhdFixed, 4 * MIB) };
    let mut image = in_memory(&options, &Content::default()).bytes();
    image.drain(..512);
    assert_eq!(
        Disk::open(image).unwrap_err().to_string(),
        "the disk image is damaged: vhd-size: at 0x3ffe00: 4194304 bytes of a fixed disk can't be in 4193792 bytes of file"
    );
}

/// A change to a good image.
type Corruption = fn(&mut Vec<u8>);

/// Refusals beyond one for each rule.
const FURTHER_VHDX: &[(ContainerRule, Corruption)] = {
    use ContainerRule as R;
    &[
        (R::VhdxFileParameters, |image| set(image, ITEMS, [0; 4])),
        (R::VhdxFileParameters, |image| set(image, ITEMS, (512_u32 << 20).to_le_bytes())),
        (R::VhdxFileParameters, |image| image[ITEMS + 4] = 8),
        (R::VhdxParent, |image| image[ITEMS + 4] = 2),
        (R::VhdxSectorSize, |image| set(image, ITEMS + 16, [0; 4])),
        (R::VhdxSectorSize, |image| set(image, ITEMS + 20, [0; 4])),
        (R::VhdxDiskSize, |image| set(image, ITEMS + 8, [0; 8])),
        (R::VhdxDiskSize, |image| set(image, ITEMS + 8, [0xff; 8])),
        (R::VhdxDiskSize, |image| set(image, ITEMS + 8, ((64_u64 << 40) + 512).to_le_bytes())),
        (R::VhdxBlockState, |image| bat(image, 2, (4 * MIB) | 4)),
        (R::VhdxBlockState, |image| bat(image, 2, (4 * MIB) | 5)),
        (R::VhdxBlockState, |image| bat(image, 2, (4 * MIB) | 6 | 0x10)),
        (R::VhdxBlockPlace, |image| bat(image, 9, 6)),
        (R::VhdxBlockPlace, |image| bat(image, 9, MIB | 6)),
        (R::VhdxBlockPlace, |image| bat(image, 9, (3 * MIB) | 6)),
        (R::VhdxBlockPlace, |image| bat(image, 9, (6 * MIB) | 6)),
        (R::VhdxBlockPlace, |image| bat(image, 9, (u64::MAX << 20) | 6)),
        (R::VhdxBlockPlace, |image| bat(image, 9, (1 << 52) | 6)),
        (R::VhdxRegionPlace, |image| add_region(image, OTHER, u64::MAX - (MIB - 1), 1 << 20, 0)),
        (R::VhdxRegionPlace, |image| add_region(image, OTHER, 4 * MIB, 0, 0)),
        (R::VhdxRegionPlace, |image| add_region(image, OTHER, 0, 1 << 20, 0)),
        (R::VhdxRegionTable, |image| regions(image, |table| set(table, 8, [0xff; 4]))),
        (R::VhdxRegionMissing, |image| regions(image, |table| table[8] = 0)),
        (R::VhdxMetadataPlace, |image| add_item(image, OTHER, u32::MAX, u32::MAX, 0)),
        (R::VhdxMetadataPlace, |image| add_item(image, OTHER, 1 << 16, (1 << 20) - (1 << 16) + 1, 0)),
        (R::VhdxMetadataPlace, |image| add_item(image, OTHER, 1 << 16, 0, 0)),
        (R::VhdxMetadataPlace, |image| image[METADATA + 32 + 20] = 7),
        (R::VhdxMetadataUnknown, |image| add_item(image, Uuid::nil(), 70 << 10, 8, 4)),
        (R::VhdxMetadataTable, |image| set(image, METADATA + 10, 2048_u16.to_le_bytes())),
        (R::VhdxMetadataTable, |image| {
            for index in 0..1025_u32 {
                add_item(image, Uuid::from_u128(index.into()), 0, 0, 1);
                let at = METADATA + 32 + 5 * 32;
                image.copy_within(at..at + 32, at + 32 * usize::try_from(index).unwrap());
            }
            set(image, METADATA + 10, (5 + 1025_u16).to_le_bytes());
        }),
        (R::VhdxLogPlace, |image| {
            arm(image);
            headers(image, |header| set(header, 68, [0; 4]));
        }),
        (R::VhdxLogPlace, |image| headers(image, |header| set(header, 72, [0xff; 8]))),
        (R::VhdxLogPlace, |image| headers(image, |header| set(header, 68, 0xfff0_0000_u32.to_le_bytes()))),
        (R::VhdxLogTarget, |image| log(image, MIB, vec![Change::Zeros(LOG_MIDDLE, 4096)])),
        (R::VhdxLogTarget, |image| log(image, MIB, vec![Change::Zeros(0, u64::MAX - 4095)])),
        (R::VhdxLogTarget, |image| log(image, MIB, vec![Change::Zeros(4 * MIB, u64::MAX - 4095)])),
        (R::VhdxLogTarget, |image| log(image, MIB, vec![Change::Zeros(4 * MIB, 100)])),
        (R::VhdxLogTarget, |image| log(image, MIB, vec![Change::Zeros(4 * MIB + 512, 4096)])),
        (R::VhdxVersion, |image| headers(image, |header| header[64] = 1)),
    ]
};

/// An offset within the log.
const LOG_MIDDLE: u64 = MIB + 64 * 4096;

const FURTHER_VHD: &[(ContainerRule, Corruption)] = {
    use ContainerRule as R;
    &[
        (R::VhdBlockSize, |image| dynamic_header(image, |header| set(header, 32, [0; 4]))),
        (R::VhdBlockSize, |image| dynamic_header(image, |header| set(header, 32, 256_u32.to_be_bytes()))),
        (R::VhdTable, |image| dynamic_header(image, |header| set(header, 16, [0xff; 8]))),
        (R::VhdTable, |image| dynamic_header(image, |header| set(header, 16, (5_u64 << 20).to_be_bytes()))),
        (R::VhdTable, |image| dynamic_header(image, |header| set(header, 16, 1500_u64.to_be_bytes()))),
        // A block for every sector of the largest disk.
        (R::VhdTable, |image| {
            footers(image, |footer| set(footer, 48, (2040_u64 << 30).to_be_bytes()));
            dynamic_header(image, |header| {
                set(header, 28, [0xff; 4]);
                set(header, 32, 512_u32.to_be_bytes());
            });
        }),
        (R::VhdHeader, |image| dynamic_header(image, |header| header[0] = 0)),
        (R::VhdHeader, |image| footers(image, |footer| set(footer, 16, [0xff; 8]))),
        (R::VhdVersion, |image| dynamic_header(image, |header| header[24] = 1)),
        (R::VhdBlockPlace, |image| set(image, 1536, [0; 4])),
        (R::VhdBlockPlace, |image| set(image, 1536, [0xff, 0xff, 0xff, 0xfe])),
        (R::VhdSize, |image| footers(image, |footer| set(footer, 48, [0; 8]))),
        (R::VhdSize, |image| footers(image, |footer| set(footer, 48, [0xff; 8]))),
        (R::VhdDiskType, |image| footers(image, |footer| set(footer, 60, [0; 4]))),
    ]
};

#[test]
fn further_corruptions_are_found_and_refused() {
    let all = [(crate::log::image(), FURTHER_VHDX), (vhd(), FURTHER_VHD)];
    for (good, corruptions) in &all {
        for (number, (rule, corrupt)) in corruptions.iter().enumerate() {
            let mut image = good.clone();
            corrupt(&mut image);
            let findings = check_container(&image).unwrap();
            assert!(findings.iter().any(|finding| finding.rule == rule.name()), "{number}: {rule:?} {findings:#?}");
            // A log that nobody needs may be anywhere, and optional items too.
            if *rule != ContainerRule::VhdxLogPlace {
                assert!(Disk::open(image).is_err(), "{number}: {rule:?}");
            }
        }
    }
}

#[test]
fn headers_that_are_alike_are_no_fault_and_the_highest_number_counts() {
    let content = Content::markers([2 * MIB, 5 * MIB + 4096], 4096);
    for number in [0, 1, u64::MAX] {
        let mut image = crate::log::image();
        headers(&mut image, |header| set(header, 8, number.to_le_bytes()));
        assert_eq!(check_container(&image).unwrap(), []);
        Cursored::new(Disk::open(image).unwrap()).expect_all(&content, 16 * MIB);
    }
    // The older header leads to a log that is nowhere, which nobody looks at.
    let mut image = crate::log::image();
    let header = &mut image[HEADERS[0]..][..4096];
    set(header, 48, [1; 16]);
    set(header, 72, [0xff; 8]);
    seal(header);
    assert_eq!(check_container(&image).unwrap(), []);
    assert!(!Disk::open(image).unwrap().log_replayed());
}

#[test]
fn the_parent_of_a_vhdx_is_named_as_far_as_it_can_be() {
    let mut image = crate::log::image();
    let named = |image: &[u8]| match Disk::open(image.to_vec()) {
        Err(OpenError::Differencing { parent }) => parent,
        other => panic!("{other:?}"),
    };
    // A locator with two pairs of keys and values behind its entries.
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let texts = ["parent_linkage", "{83ed0ec3}", "relative_path", r"..\base.vhdx"].map(utf16);
    let mut locator = vec![0; 20 + 2 * 12];
    locator[18] = 2;
    for (index, text) in texts.iter().enumerate() {
        let (entry, value) = (20 + index / 2 * 12, index % 2);
        let (offset, length) = (u32::try_from(locator.len()).unwrap(), u16::try_from(text.len()).unwrap());
        set(&mut locator, entry + 4 * value, offset.to_le_bytes());
        set(&mut locator, entry + 8 + 2 * value, length.to_le_bytes());
        locator.extend(text);
    }
    add_item(&mut image, LOCATOR, 80 << 10, u32::try_from(locator.len()).unwrap(), 4);
    let at = METADATA + (80 << 10);
    image[at..at + locator.len()].copy_from_slice(&locator);
    assert_eq!(named(&image), r"..\base.vhdx");
    // Texts outside the locator, odd lengths and more entries than there are.
    for (place, value) in [(36, 0xff), (42, 0xff), (42, 0x19), (19, 0xff)] {
        let mut image = image.clone();
        image[at + place] = value;
        let name = named(&image);
        assert!(name == "not named" || name.starts_with(r"..\base.vhd"), "{name}");
    }
    // Half of a surrogate pair and no name at all, in a VHD.
    let mut image = vhd();
    footers(&mut image, |footer| footer[63] = 4);
    assert_eq!(named(&image), "not named");
    dynamic_header(&mut image, |header| set(header, 64, [0xd8, 0, 0, 0x41]));
    assert_eq!(named(&image), "\u{fffd}A");
}
