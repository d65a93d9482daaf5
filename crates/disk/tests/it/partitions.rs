//! Partition tables under the eyes of others.

use std::io::{Read, Seek, SeekFrom};

use nanovhd_disk::{DiskLayout, Format};
use nanovhd_tree::WriteAt;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::support::*;

const ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788);

/// A raw disk with the layout's table on it.
fn disk(layout: &DiskLayout) -> NamedTempFile {
    let file = tempfile::Builder::new().suffix(".raw").tempfile().unwrap();
    file.as_file().set_len(layout.size).unwrap();
    for (offset, bytes) in layout.table(&[]).unwrap() {
        file.as_file().write_all_at(&bytes, offset).unwrap();
    }
    file
}

#[test]
fn sgdisk_finds_nothing_wrong() {
    for size in [256 * MIB, 12 * GIB, 12 * GIB + 512 * 77, 2048 * GIB, 5000 * GIB] {
        let layout = DiskLayout::uefi(size, 512, ID).unwrap();
        let file = disk(&layout);
        let Some(report) = check("sgdisk", ["-v".as_ref(), file.path().as_os_str()]) else { return };
        assert!(report.contains("No problems found"), "{report}");
        let Some(table) = check("sgdisk", ["-p".as_ref(), file.path().as_os_str()]) else { return };
        let disk_id = layout.disk_id.to_string().to_uppercase();
        for part in
            ["EF00  EFI system partition", "0C01  Microsoft reserved ", "0700  Basic data partition", &disk_id]
        {
            assert!(table.contains(part), "{part} in {table}");
        }
        let esp = check("sgdisk", ["-i".as_ref(), "1".as_ref(), file.path().as_os_str()]).unwrap();
        let id = layout.partitions[0].id.to_string().to_uppercase();
        assert!(esp.contains(&id) && esp.contains("Attribute flags: 8000000000000000"), "{esp}");
    }
}

#[test]
fn fdisk_reads_both_sector_sizes() {
    for sector_size in [512, 4096] {
        let layout = DiskLayout::uefi(8 * GIB, sector_size, ID).unwrap();
        let file = disk(&layout);
        let size = sector_size.to_string();
        let columns = ["-l", "-b", &size, "-o", "Start,Sectors,Type,UUID", file.path().to_str().unwrap()];
        let Some(table) = check("fdisk", columns) else { return };
        assert!(table.contains("Disklabel type: gpt") && !table.contains("corrupt"), "{table}");
        for part in &layout.partitions {
            let sector = u64::from(sector_size);
            let (start, count) = ((part.first / sector).to_string(), (part.size / sector).to_string());
            let id = part.id.to_string().to_uppercase();
            let row = table.lines().find(|line| line.contains(&id)).unwrap_or_else(|| panic!("{id} in {table}"));
            let numbers: Vec<_> = row.split_whitespace().take(2).collect();
            assert_eq!(numbers, [&start, &count], "{table}");
        }
    }
}

#[test]
fn sfdisk_reads_the_mbr() {
    let layout = DiskLayout::bios(40 * GIB, ID).unwrap();
    let file = disk(&layout);
    let Some(dump) = check("sfdisk", ["-d".as_ref(), file.path().as_os_str()]) else { return };
    let signature = format!("label-id: 0x{:08x}", layout.signature);
    for part in ["label: dos", &signature, "start=        2048, size=    83884032, type=7, bootable"] {
        assert!(dump.contains(part), "{part} in {dump}");
    }
    assert!(check("sfdisk", ["-V".as_ref(), file.path().as_os_str()]).unwrap().contains("No errors detected"));
}

#[test]
fn a_table_in_a_container_is_the_table_on_the_disk() {
    let layout = DiskLayout::uefi(9 * GIB, 512, ID).unwrap();
    let mut content = Content::default();
    for (offset, bytes) in layout.table(&[]).unwrap() {
        content.add(offset, bytes);
    }
    let mut reader = vhdx_reader(&in_memory(&options(Format::VhdxDynamic, layout.size), &content));
    let mut header = [0; 8];
    for offset in [512, layout.size - 512] {
        reader.seek(SeekFrom::Start(offset)).unwrap();
        reader.read_exact(&mut header).unwrap();
        assert_eq!(&header, b"EFI PART");
    }
    // The crate reads back both headers and their entries, and checks the checksums.
    let table = gpt::GptConfig::new().only_valid_headers(true).open_from_device(ReadOnly(reader)).unwrap();
    assert_eq!(table.guid(), &layout.disk_id);
    let places: Vec<_> = table.partitions().values().map(|part| (part.first_lba * 512, part.part_guid)).collect();
    let expected: Vec<_> = layout.partitions.iter().map(|part| (part.first, part.id)).collect();
    assert_eq!(places, expected);
}

/// The crate wants a device that can be written, though it only reads.
struct ReadOnly(vhdx::VhdxReader);

impl std::fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadOnly")
    }
}

impl Read for ReadOnly {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Seek for ReadOnly {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

impl std::io::Write for ReadOnly {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
