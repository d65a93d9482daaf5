//! Disks with our boot code on them.

use std::io::Write;
use std::path::Path;

use nanovhd_boot::{MBR_CODE, ntfs_boot_record};
use nanovhd_disk::{Container, ContainerOptions, Format, MbrPartition, mbr_table};
use nanovhd_tree::{Filetime, WriteAt};
use tempfile::{NamedTempFile, TempPath};
use uuid::Uuid;

use crate::machine::boot;
use crate::probe::assert_contract;

pub(crate) const SECTOR: usize = 512;
/// Where Windows puts the first partition.
pub(crate) const START: u32 = 2048;

/// Puts our boot record on a volume.
pub(crate) fn install(volume: &mut [u8]) {
    let record = ntfs_boot_record(volume).unwrap();
    volume[..record.len()].copy_from_slice(&record[..]);
    let copy = volume.len() / SECTOR * SECTOR - SECTOR;
    volume[copy..][..SECTOR].copy_from_slice(&record[..SECTOR]);
}

/// A master boot record with our code and one active partition.
pub(crate) fn master_boot_record(start: u32, sectors: u32) -> Vec<u8> {
    let (first, size) = (u64::from(start) * SECTOR as u64, u64::from(sectors) * SECTOR as u64);
    let part = MbrPartition { first, size, kind: 7, active: true };
    let table = mbr_table(first + size, SECTOR as u32, 0x1234_5678, &[part], MBR_CODE).unwrap();
    table.into_iter().next().unwrap().1
}

/// A raw disk with the volume as its only partition.
pub(crate) fn raw_disk(volume: &[u8], start: u32) -> TempPath {
    let mbr = master_boot_record(start, (volume.len() / SECTOR) as u32);
    write_raw(&[(0, &mbr), (u64::from(start) * SECTOR as u64, volume)])
}

/// A file with bytes at offsets, the last of which is its end; zeros take no space.
pub(crate) fn write_raw(pieces: &[(u64, &[u8])]) -> TempPath {
    let file = NamedTempFile::new().unwrap();
    for (offset, bytes) in pieces {
        file.as_file().set_len(offset + bytes.len() as u64).unwrap();
        for (i, chunk) in bytes.chunks(1 << 16).enumerate().filter(|(_, chunk)| chunk.iter().any(|&b| b != 0)) {
            file.as_file().write_all_at(chunk, offset + (i << 16) as u64).unwrap();
        }
    }
    file.as_file().flush().unwrap();
    file.into_temp_path()
}

/// A container of our own with the volume as its only partition.
pub(crate) fn container(volume: &[u8], format: Format) -> TempPath {
    let first = u64::from(START) * SECTOR as u64;
    let options = ContainerOptions {
        format,
        size: first + volume.len() as u64,
        sector_size: SECTOR as u32,
        block_size: None,
        id: Uuid::from_u128(1),
        time: Filetime::from_unix(1_476_316_800),
    };
    let mbr = master_boot_record(START, (volume.len() / SECTOR) as u32);
    let used = [0..mbr.len() as u64, first..options.size];
    let container = Container::plan(&options, &used).unwrap();
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(container.file_len()).unwrap();
    let writer = container.create(file.as_file());
    writer.write_all_at(&mbr, 0).unwrap();
    writer.write_all_at(volume, first).unwrap();
    writer.finish().unwrap();
    file.into_temp_path()
}

/// Installs our code, starts a machine from the volume on a raw disk and demands that all is as bootmgr
/// needs it.
#[track_caller]
pub(crate) fn assert_boots(mut volume: Vec<u8>, probe: &[u8]) {
    install(&mut volume);
    let disk = raw_disk(&volume, START);
    assert_contract(&boot_raw(&disk), probe, START);
}

pub(crate) fn boot_raw(disk: &Path) -> String {
    boot(disk, "raw")
}
