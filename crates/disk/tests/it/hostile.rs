//! Damaged files: each is read and checked without a panic and in reasonable time, whatever comes of it.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_disk::{Disk, DiskLayout, Format, OpenError, PartitionTable, check_container, check_partitions};
use nanovhd_tree::ReadAt;
use uuid::Uuid;

use crate::log::{BAT, Change, Entry, arm, put, seal};
use crate::support::*;

/// A generator with a seed, so that what fails can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below as u64).unwrap()
    }

    /// Changes up to eight bytes from `at` on, to what often finds something.
    fn change(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        let len = (1 << self.below(4)).min(bytes.len() - at);
        let place = &mut bytes[at..at + len];
        match self.below(5) {
            0 => place.fill(0),
            1 => place.fill(0xff),
            2 => place[0] ^= 1 << self.below(8),
            3 => place[len - 1] = 0x80,
            _ => place.iter_mut().for_each(|byte| *byte = u8::try_from(self.below(256)).unwrap()),
        }
    }
}

/// Looks at the image in every way there is. What is opened is read where it claims to have something.
fn look(image: &Vec<u8>) -> Vec<&'static str> {
    let findings = check_container(image).unwrap();
    if let Ok(disk) = Disk::open(image) {
        let mut buf = [0xd1; 5000];
        let size = disk.virtual_size();
        for at in [0, size / 2, size.saturating_sub(600)] {
            disk.read_exact_at(&mut buf[..usize::try_from((size - at).min(5000)).unwrap()], at).unwrap();
        }
        let ranges: Vec<_> = disk.data_ranges().take(50).collect();
        assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        for range in ranges {
            disk.read_at(&mut buf, range.start).unwrap();
            disk.read_at(&mut buf, range.end - 1).unwrap();
        }
        let _ = PartitionTable::read(&disk, disk.sector_size());
        check_partitions(&disk, disk.sector_size()).unwrap();
    } else {
        assert!(!findings.is_empty(), "what can't be opened has findings");
    }
    findings.into_iter().map(|finding| finding.rule).collect()
}

/// A VHDX with a GPT on its disk and entries of all kinds in its log.
fn vhdx(with_log: bool) -> Vec<u8> {
    let mut image = crate::log::image();
    if with_log {
        arm(&mut image);
        let bat = usize::try_from(BAT).unwrap();
        let page = image[bat..bat + 4096].to_vec();
        let entry = |number, changes| Entry { number, tail: 0, flushed: 6 * MIB, last: 7 * MIB, changes };
        let next = put(&mut image, 0, &entry(1, vec![Change::Zeros(BAT, 8192), Change::Page(BAT, page)]));
        put(&mut image, next, &entry(2, vec![Change::Zeros(5 * MIB, 8192)]));
    }
    image
}

fn vhd(format: Format) -> Vec<u8> {
    let layout = DiskLayout::bios(16 * MIB, Uuid::from_u128(3)).unwrap();
    let mut content = Content::default();
    for (at, bytes) in layout.table(&[]).unwrap() {
        content.add(at, bytes);
    }
    content.add(13 * MIB, pattern(1, 4096));
    in_memory(&options(format, 16 * MIB), &content).bytes()
}

#[test]
fn every_flipped_byte_of_a_header_is_found() {
    let mut image = vhdx(false);
    let (header, region, metadata) = (64 << 10, 192 << 10, 2 << 20);
    // Both headers and both region tables, of these only the start and every 61st byte behind it, the
    // file's signature, and the metadata table but for where an item lies: it may lie elsewhere.
    let headers = (header..header + 4096).chain(2 * header..2 * header + 4096);
    let tables = [region, region + header];
    let starts = tables.into_iter().flat_map(|at| at..at + 200);
    let rest = tables.into_iter().flat_map(|at| (at + 200..at + header).step_by(61));
    let items = (metadata..metadata + 32 + 5 * 32).filter(|at| at % 32 < 16 || at % 32 >= 20 || at - metadata < 32);
    for at in headers.chain(starts).chain(rest).chain(0..8).chain(items) {
        image[at] ^= 0x24;
        assert!(!look(&image).is_empty(), "{at:#x}");
        image[at] ^= 0x24;
    }
    let mut image = vhd(Format::VhdDynamic);
    let end = image.len() - 512;
    for at in (0..1536).chain(end..end + 512) {
        image[at] ^= 0x24;
        assert!(!look(&image).is_empty(), "{at:#x}");
        image[at] ^= 0x24;
    }
    assert_eq!(look(&image), [""; 0]);
    // A fixed one has only one footer. Without its first bytes nothing tells it from a raw image.
    let mut image = vhd(Format::VhdFixed);
    for at in image.len() - 504..image.len() {
        image[at] ^= 0x24;
        assert!(!look(&image).is_empty(), "{at:#x}");
        image[at] ^= 0x24;
    }
}

#[test]
fn thousands_of_damaged_vhdx_files_are_survived() {
    let mut random = Random(1);
    let good = vhdx(true);
    assert_eq!(look(&good), [""; 0]);
    let mut image = good.clone();
    // Offset and length of each structure, and of the part that has a checksum at its offset 4.
    let structures = [
        (64 << 10, 80, 4096),
        (128 << 10, 80, 4096),
        (192 << 10, 96, 64 << 10),
        (256 << 10, 96, 64 << 10),
        (1 << 20, 128, 8192),
        ((1 << 20) + 8192, 96, 4096),
        (2 << 20, 32 + 160, 0),
        ((2 << 20) + (64 << 10), 40, 0),
        (3 << 20, 16 * 8, 0),
    ];
    for _ in 0..6000 {
        let mut touched = vec![];
        for _ in 0..1 + random.below(3) {
            let (at, len, sealed) = structures[random.below(structures.len())];
            random.change(&mut image[at..at + len]);
            touched.push((at, len.max(sealed)));
            // Mostly with the right checksum, to get behind that.
            if sealed > 0 && random.below(8) > 0 {
                seal(&mut image[at..at + sealed]);
            }
        }
        look(&image);
        for (at, len) in touched {
            image[at..at + len].copy_from_slice(&good[at..at + len]);
        }
    }
    assert!(image == good);
}

#[test]
fn thousands_of_damaged_vhd_files_are_survived() {
    let mut random = Random(2);
    for format in [Format::VhdDynamic, Format::VhdFixed] {
        let good = vhd(format);
        let end = good.len() - 512;
        let mut image = good.clone();
        let start = if format == Format::VhdDynamic { 1600 } else { 0 };
        for _ in 0..2000 {
            for _ in 0..1 + random.below(3) {
                let (at, len, checksum) =
                    [(end, 96, 64), (0, start.min(96), 64), (512, start.min(600), 36)][random.below(3)];
                if len > 0 {
                    random.change(&mut image[at..at + len]);
                    let whole = if checksum == 64 { 512 } else { 1024 };
                    image[at + checksum..at + checksum + 4].fill(0);
                    let sum = !image[at..at + whole].iter().map(|&byte| u32::from(byte)).sum::<u32>();
                    image[at + checksum..at + checksum + 4].copy_from_slice(&sum.to_be_bytes());
                }
                // The block table has no checksum.
                if start > 0 && random.below(3) == 0 {
                    random.change(&mut image[1536..1536 + 64]);
                }
            }
            look(&image);
            image[..start].copy_from_slice(&good[..start]);
            image[end..].copy_from_slice(&good[end..]);
        }
    }
}

#[test]
fn thousands_of_damaged_partition_tables_are_survived() {
    let mut random = Random(3);
    let layout = DiskLayout::uefi(140 * MIB, 512, Uuid::from_u128(3)).unwrap();
    let mut content = Content::default();
    for (at, bytes) in layout.table(&[]).unwrap() {
        content.add(at, bytes);
    }
    let good = in_memory(&options(Format::Raw, layout.size), &content).bytes();
    let end = good.len() - 512;
    let places = [(446, 66), (512, 92), (1024, 3 * 128), (end, 92), (end - 32 * 512, 3 * 128)];
    let mut image = good.clone();
    for _ in 0..3000 {
        for _ in 0..1 + random.below(3) {
            let (at, len) = places[random.below(places.len())];
            random.change(&mut image[at..at + len]);
        }
        if random.below(4) > 0 {
            // Those of the entries only now and then, which is slow.
            let seal = if random.below(8) == 0 {
                crate::tables::seal_copy
            } else {
                |disk: &mut [u8], header, _| crate::tables::seal_header(disk, header)
            };
            seal(&mut image, 512, 1024);
            seal(&mut image, end, end - 32 * 512);
        }
        for sector_size in [512, 4096] {
            let _ = PartitionTable::read(&image, sector_size);
            check_partitions(&image, sector_size).unwrap();
        }
        for (at, len) in places {
            image[at..at + len].copy_from_slice(&good[at..at + len]);
        }
    }
}

#[test]
fn files_cut_anywhere_are_survived() {
    for image in [vhdx(true), vhdx(false), vhd(Format::VhdDynamic), vhd(Format::VhdFixed)] {
        let mut cut = image.clone();
        let ends =
            [image.len(), 5 << 20, 4 << 20, 3 << 20, 2 << 20, 1 << 20, 320 << 10, 256 << 10, 192 << 10, 1536, 512];
        for end in ends.into_iter().chain([0]) {
            for end in [end + 1, end, end.saturating_sub(1), end.saturating_sub(511), end.saturating_sub(4096)] {
                cut.resize(end.min(cut.len()), 0);
                if cut.len() < image.len() {
                    look(&cut);
                }
            }
        }
        // And with something behind the end.
        let mut longer = image.clone();
        longer.resize(image.len() + 777, 0x5a);
        look(&longer);
    }
}

#[test]
fn tables_that_claim_much_of_a_large_file_take_no_memory_for_it() {
    // A disk of 64 TiB with blocks of 1 MiB has 64 million of them. The file is as long as it claims.
    let options =
        nanovhd_disk::ContainerOptions { block_size: Some(1 << 20), ..options(Format::VhdxDynamic, 64 << 40) };
    let file = in_memory(&options, &Content::markers([0, (64 << 40) - 4096], 4096));
    let disk = Disk::open(&file).unwrap();
    assert_eq!((disk.data_ranges().count(), disk.allocated()), (2, 2 * MIB));
    assert_eq!(check_container(&file).unwrap(), []);
    // A file of 2^62 bytes that starts as a VHDX and has nothing behind that.
    let file = Memory::with(vhdx(false), 1 << 62);
    assert!(Disk::open(&file).is_ok());
    // A log of 64 MiB in which every sector starts an entry as long as the log; one more MiB is too long.
    for (mib, rule) in [(64, "vhdx-log-sequence"), (65, "vhdx-log-place")] {
        let mut image = vhdx(true);
        let entry = image[1 << 20..][..4096].to_vec();
        let log_at = image.len();
        image.resize(log_at + (mib << 20), 0);
        for sector in image[log_at..].chunks_exact_mut(4096) {
            sector.copy_from_slice(&entry);
            sector[8..12].copy_from_slice(&u32::try_from(mib << 20).unwrap().to_le_bytes());
            sector[24..28].fill(0);
        }
        for header in [64 << 10, 128 << 10] {
            image[header + 68..header + 72].copy_from_slice(&u32::try_from(mib << 20).unwrap().to_le_bytes());
            image[header + 72..header + 80].copy_from_slice(&(log_at as u64).to_le_bytes());
            seal(&mut image[header..header + 4096]);
        }
        let Err(OpenError::Damaged(fault)) = Disk::open(image) else { panic!("nothing in the log is sound") };
        assert_eq!(fault.rule, rule);
    }
}

/// A file whose reads are short, are interrupted, and fail from one on.
struct Failing<'a> {
    file: &'a Vec<u8>,
    reads: AtomicU64,
    fails_at: u64,
}

impl ReadAt for Failing<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        if number >= self.fails_at {
            return Err(Error::other("no more"));
        }
        if number % 3 == 1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(700 << (number % 7));
        self.file.read_at(&mut buf[..len], offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        ReadAt::len(self.file)
    }
}

#[test]
fn failing_reads_are_errors_at_every_step() {
    for image in [vhdx(true), vhd(Format::VhdDynamic), vhd(Format::VhdFixed)] {
        for fails_at in 0.. {
            let file = || Failing { file: &image, reads: AtomicU64::new(0), fails_at };
            let disk = Disk::open(file());
            let checked = check_container(&file());
            let mut bytes = vec![0xd1; 16 << 20];
            match disk {
                Err(OpenError::Read(error)) => assert_eq!(error.to_string(), "no more"),
                Err(error) => panic!("{error}"),
                Ok(disk) => {
                    if disk.read_exact_at(&mut bytes, 0).is_ok() {
                        assert_eq!(checked.unwrap(), []);
                        break;
                    }
                }
            }
            assert!(fails_at < 5000);
        }
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    for format in [Format::Raw, Format::VhdFixed, Format::VhdDynamic, Format::VhdxFixed, Format::VhdxDynamic] {
        let content = Content::markers([0, 8 * MIB], 4096);
        let file = on_disk(&options(format, 16 * MIB), &content);
        let disk = Disk::open(file.reopen().unwrap()).unwrap();
        file.as_file().set_len(4096).unwrap();
        let error = disk.read_exact_at(&mut [0xd1; 8192], 8 * MIB).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{format:?}");
    }
}
