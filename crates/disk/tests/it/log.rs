//! VHDX files that were not closed well: logs that are made here, replayed, and replayed by qemu.

use std::io::Write;

use nanovhd_disk::{ContainerOptions, Disk, Format, OpenError, check_container};
use nanovhd_tree::ReadAt;
use uuid::Uuid;

use crate::support::*;

const LOG: usize = 1 << 20;
const LOG_LEN: usize = 1 << 20;
const SECTOR: usize = 4096;
pub(crate) const BAT: u64 = 3 << 20;
const GUID: Uuid = Uuid::from_u128(0xfeed_face);

/// What an entry changes.
pub(crate) enum Change {
    Page(u64, Vec<u8>),
    Zeros(u64, u64),
}

/// A log entry as it lies in the log.
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// Sector of the log in which the sequence starts.
    pub(crate) tail: usize,
    pub(crate) flushed: u64,
    pub(crate) last: u64,
    pub(crate) changes: Vec<Change>,
}

impl Entry {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; (64 + 32 * self.changes.len()).next_multiple_of(SECTOR)];
        for (index, change) in self.changes.iter().enumerate() {
            let (signature, trailing, leading, offset) = match change {
                Change::Page(offset, page) => {
                    let mut sector = page.clone();
                    sector[..4].copy_from_slice(b"data");
                    let number = self.number.to_le_bytes();
                    sector[4..8].copy_from_slice(&number[4..]);
                    sector[4092..].copy_from_slice(&number[..4]);
                    bytes.extend(sector);
                    (b"desc", page[4092..].to_vec(), page[..8].to_vec(), offset)
                }
                Change::Zeros(offset, len) => (b"zero", vec![0; 4], len.to_le_bytes().to_vec(), offset),
            };
            let number = self.number.to_le_bytes().to_vec();
            let descriptor = [signature.to_vec(), trailing, leading, offset.to_le_bytes().to_vec(), number].concat();
            bytes[64 + 32 * index..][..32].copy_from_slice(&descriptor);
        }
        let narrow = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        bytes[..4].copy_from_slice(b"loge");
        let length = narrow(bytes.len());
        bytes[8..12].copy_from_slice(&length);
        bytes[12..16].copy_from_slice(&narrow(self.tail * SECTOR));
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..28].copy_from_slice(&narrow(self.changes.len()));
        bytes[32..48].copy_from_slice(&GUID.to_bytes_le());
        bytes[48..56].copy_from_slice(&self.flushed.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.last.to_le_bytes());
        seal(&mut bytes);
        bytes
    }
}

/// Gives a structure the right CRC-32C, which is always at offset 4.
pub(crate) fn seal(bytes: &mut [u8]) {
    bytes[4..8].fill(0);
    let checksum = crc32c::crc32c(bytes);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// Puts an entry into the log from `sector` on, and returns the sector behind it.
pub(crate) fn put(image: &mut [u8], sector: usize, entry: &Entry) -> usize {
    let bytes = entry.bytes();
    for (index, from) in bytes.chunks_exact(SECTOR).enumerate() {
        let at = (sector + index) * SECTOR % LOG_LEN;
        image[LOG + at..][..SECTOR].copy_from_slice(from);
    }
    sector + bytes.len() / SECTOR
}

/// Makes the log count: both headers have its GUID.
pub(crate) fn arm(image: &mut [u8]) {
    for at in [64 << 10, 128 << 10] {
        image[at + 48..at + 64].copy_from_slice(&GUID.to_bytes_le());
        seal(&mut image[at..at + 4096]);
    }
}

/// A disk of 16 MiB with a marker in its blocks 2 and 5 (of 1 MiB), which lie at 4 and 5 MiB of the file.
pub(crate) fn image() -> Vec<u8> {
    let options = ContainerOptions { block_size: Some(1 << 20), ..options(Format::VhdxDynamic, 16 * MIB) };
    in_memory(&options, &content()).bytes()
}

fn content() -> Content {
    Content::markers([2 * MIB, 5 * MIB + 4096], 4096)
}

/// The first page of the block table, in which the blocks have these places in MiB.
fn bat_page(places: &[(usize, u64)]) -> Vec<u8> {
    let mut page = vec![0; SECTOR];
    for (block, place) in places {
        page[block * 8..][..8].copy_from_slice(&(place << 20 | 6).to_le_bytes());
    }
    page
}

fn entry(number: u64, tail: usize, changes: Vec<Change>) -> Entry {
    Entry { number, tail, flushed: 6 * MIB, last: 6 * MIB, changes }
}

/// Reads the disk.
fn read(image: &[u8]) -> Vec<u8> {
    assert_eq!(check_container(&image.to_vec()).unwrap(), []);
    let disk = Disk::open(image.to_vec()).unwrap();
    assert!(disk.log_replayed());
    let mut bytes = vec![0xd1; usize::try_from(disk.virtual_size()).unwrap()];
    disk.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Reads the disk, and lets qemu replay the log of a copy and read that. It takes any sequence for complete,
/// and lets no file grow, so it can't judge them all.
fn read_as_qemu(image: &[u8]) -> Vec<u8> {
    let bytes = read(image);
    let mut file = tempfile::Builder::new().suffix(".vhdx").tempfile().unwrap();
    file.write_all(image).unwrap();
    let raw = tempfile::Builder::new().suffix(".raw").tempfile().unwrap();
    let (path, raw_path) = (file.path().to_str().unwrap(), raw.path().to_str().unwrap());
    if tool("qemu-img", ["check", "-q", "-r", "all", "-f", "vhdx", path]).is_some() {
        check("qemu-img", ["convert", "-f", "vhdx", "-O", "raw", path, raw_path]).unwrap();
        assert!(std::fs::read(raw.path()).unwrap() == bytes, "qemu reads it otherwise");
    }
    bytes
}

/// The number of the block that starts with the marker of block 2, and of block 5.
fn found(disk: &[u8]) -> [Vec<usize>; 2] {
    let blocks = |offset: u64, within: usize| {
        let marker = pattern(offset, 4096);
        let blocks = disk.chunks_exact(1 << 20).enumerate();
        blocks.filter(|(_, block)| block[within..within + 4096] == marker).map(|(number, _)| number).collect()
    };
    [blocks(2 * MIB, 0), blocks(5 * MIB + 4096, 4096)]
}

#[test]
fn a_page_and_zeros_are_replayed_in_order() {
    let mut image = image();
    arm(&mut image);
    // Zeros over what the first entry did, a page again, and zeros over a part of block 5.
    let next = put(&mut image, 0, &entry(7, 0, vec![Change::Page(BAT, bat_page(&[(0, 4), (1, 5)]))]));
    let changes = vec![
        Change::Zeros(BAT, 8192),
        Change::Page(BAT, bat_page(&[(3, 4), (4, 5)])),
        Change::Zeros(5 * MIB + 8192, 4096),
    ];
    put(&mut image, next, &entry(8, 0, changes));
    assert_eq!(found(&read_as_qemu(&image)), [vec![3], vec![4]]);
}

#[test]
fn the_newest_complete_sequence_counts() {
    let page = |block| vec![Change::Page(BAT, bat_page(&[(block, 4)]))];
    let mut image = image();
    arm(&mut image);
    // An old sequence, a newer one whose tail is its second entry, and one whose tail is gone.
    put(&mut image, 100, &entry(3, 100, page(1)));
    let second = put(&mut image, 10, &entry(20, 10, vec![Change::Zeros(BAT + 4096, 4096)]));
    let third = put(&mut image, second, &entry(21, second, page(7)));
    let torn = put(&mut image, third, &entry(22, second, vec![]));
    put(&mut image, 200, &entry(40, 190, page(9)));
    assert_eq!(found(&read(&image)), [vec![7], vec![]]);
    // The next entry was torn: its last sector is of another time.
    put(&mut image, torn, &entry(23, second, page(8)));
    let last = LOG + (torn + 1) * SECTOR;
    let whole = image.clone();
    assert_eq!(found(&read(&whole)), [vec![8], vec![]]);
    for at in [last, last + 4, last + 100, last + 4095, last - SECTOR + 70, last - SECTOR + 50] {
        let mut torn = whole.clone();
        torn[at] ^= 0x10;
        assert_eq!(found(&read(&torn)), [vec![7], vec![]], "{at:#x}");
    }
}

#[test]
fn sequences_run_over_the_end_of_the_log() {
    let mut image = image();
    arm(&mut image);
    let page = |block| vec![Change::Page(BAT, bat_page(&[(block, 5)]))];
    // The second entry has its header in the last sector and its page in the first.
    let second = put(&mut image, 253, &entry(9, 253, vec![]));
    assert_eq!(second, 254);
    let third = put(&mut image, second, &entry(10, 253, page(1)));
    assert_eq!(third, 256);
    put(&mut image, third, &entry(11, 253, page(2)));
    assert_eq!(found(&read_as_qemu(&image))[1], [2]);
    let mut image = self::image();
    arm(&mut image);
    put(&mut image, 255, &entry(10, 255, page(1)));
    assert_eq!(found(&read_as_qemu(&image))[1], [1]);
}

#[test]
fn entries_have_descriptors_in_several_sectors() {
    let mut image = image();
    arm(&mut image);
    // 126 descriptors fill the first sector, 128 the second; every third is of zeros.
    let change = |index: u64| {
        let offset = 4 * MIB + index * 4096;
        if index.is_multiple_of(3) { Change::Zeros(offset, 4096) } else { Change::Page(offset, pattern(index, 4096)) }
    };
    put(&mut image, 0, &entry(1, 0, (0..126).map(change).collect()));
    read_as_qemu(&image);
    put(&mut image, 0, &entry(1, 0, (0..255).map(change).collect()));
    let disk = read(&image);
    for index in 0..255_u64 {
        let expected = if index.is_multiple_of(3) { vec![0; 4096] } else { pattern(index, 4096) };
        assert!(disk[(2 << 20) + usize::try_from(index).unwrap() * 4096..][..4096] == expected, "{index}");
    }
}

#[test]
fn the_file_grows_to_what_the_log_says() {
    let mut image = image();
    arm(&mut image);
    let change = Change::Page(BAT, bat_page(&[(2, 4), (5, 5), (15, 8)]));
    put(&mut image, 0, &Entry { last: 9 * MIB, ..entry(1, 0, vec![change]) });
    let disk = read(&image);
    assert_eq!(found(&disk), [vec![2], vec![5]]);
    assert!(disk[15 << 20..].iter().all(|&byte| byte == 0));
    let disk = Disk::open(image.clone()).unwrap();
    assert_eq!(disk.data_ranges().last(), Some(15 * MIB..16 * MIB));
    // Without the growth the block is nowhere.
    let change = Change::Page(BAT, bat_page(&[(15, 8)]));
    put(&mut image, 0, &entry(1, 0, vec![change]));
    let Err(OpenError::Damaged(fault)) = Disk::open(image) else { panic!("block 15 is past the end") };
    assert_eq!((fault.rule, fault.offset), ("vhdx-block-place", BAT + 15 * 8));
}

#[test]
fn entries_of_another_time_are_nothing() {
    let page = || vec![Change::Page(BAT, bat_page(&[(9, 4)]))];
    // The log's GUID is zero: it is empty, whatever is in it.
    let mut image = image();
    put(&mut image, 0, &entry(1, 0, page()));
    let disk = Disk::open(image.clone()).unwrap();
    assert!(!disk.log_replayed());
    assert_eq!(disk.data_ranges().next(), Some(2 * MIB..3 * MIB));
    // Its GUID is another: no entry counts, and that can't be.
    arm(&mut image);
    image[LOG + 32] ^= 1;
    seal(&mut image[LOG..LOG + 2 * SECTOR]);
    let Err(OpenError::Damaged(fault)) = Disk::open(image) else { panic!("there is no sequence") };
    assert_eq!((fault.rule, fault.offset), ("vhdx-log-sequence", MIB));
}
