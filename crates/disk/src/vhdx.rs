//! VHDX: fixed and dynamic, without a parent. [MS-VHDX].
//!
//! ```text
//! 0        1 MiB    2 MiB       3 MiB
//! headers │ log    │ metadata  │ block table (BAT), whole MiB │ blocks in virtual order …
//! ```
//!
//! This is how Windows places them too. The log is empty: its GUID is zero, so nobody reads it. The
//! two headers are equal but for their sequence numbers.
//!
//! **Block size.** A small block makes a small file, because an extent of the disk costs at most a
//! block more than its length at either end. What speaks for larger blocks is the BAT with its
//! eight bytes a block, and order: blocks that a guest adds later lie in the order of its writes.
//! Ours lie in the order of the disk whatever their size, so by default a block is 1 MiB as long as
//! the BAT fits its smallest size of 1 MiB (disks to 127 GiB), and doubles with the disk from there.
//!
//! **Blocks that are not there.** The state that new files usually give them, `NOT_PRESENT`, leaves
//! open what a reader gets (section 2.5.1.1: zeros, or bytes that were elsewhere on the disk before).
//! A file system relies on zeros, so they are `ZERO` here, which promises them.
//!
//! **The interleaved bitmaps.** Behind the entries of each chunk of 2^23 sectors the BAT has one
//! for a sector bitmap, which only differencing disks use. It is there all the same and empty; a
//! reader that miscounts it goes wrong beyond the first chunk (4 GiB with 512-byte sectors).

mod bat;
mod format;
mod log;
mod metadata;
mod read;
mod region;

use std::io;
use std::ops::Range;

use nanovhd_tree::WriteAt;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use self::format::*;
pub(crate) use self::read::{Vhdx, check, is_vhdx, parse};
use crate::blocks::Blocks;
use crate::container::{Container, ContainerError, ContainerOptions, Format};
use crate::writer::TableWriter;

/// 64 TiB. Section 2.6.2.2.
pub(crate) const MAX_SIZE: u64 = 64 << 40;

const LOG: u64 = MIB;
const LOG_LEN: u64 = MIB;
const METADATA: u64 = LOG + LOG_LEN;
const METADATA_LEN: u64 = MIB;
const BAT: u64 = METADATA + METADATA_LEN;

/// The limits of section 2.6.2.1.
const BLOCK_SIZES: std::ops::RangeInclusive<u64> = MIB..=256 * MIB;

/// What most disks of today have, and what Windows gives its new VHDX files. NTFS aligns to it.
const PHYSICAL_SECTOR: u32 = 4096;

/// The blocks and the length of the file.
pub(crate) fn plan(options: &ContainerOptions, used: &[Range<u64>]) -> Result<(Blocks, u64), ContainerError> {
    let block = options.block_size.map_or_else(|| default_block(options), u64::from);
    if !block.is_power_of_two() || !BLOCK_SIZES.contains(&block) {
        let found = options.block_size.unwrap_or_default();
        return Err(ContainerError::BlockSize { format: options.format, found });
    }
    let total = options.size.div_ceil(block);
    let data = BAT + bat_len(total, chunk_ratio(block, options.sector_size));
    let blocks = match options.format {
        Format::VhdxFixed => Blocks::all(block, total, data),
        _ => Blocks::touched(block, total, data, 0, used),
    };
    let file_len = blocks.end();
    Ok((blocks, file_len))
}

/// The smallest block for which the BAT has its smallest size, if there is one.
fn default_block(options: &ContainerOptions) -> u64 {
    let mut block = *BLOCK_SIZES.start();
    while block < *BLOCK_SIZES.end()
        && bat_len(options.size.div_ceil(block), chunk_ratio(block, options.sector_size)) > MIB
    {
        block *= 2;
    }
    block
}

/// Blocks in a chunk: how many entries the BAT has between two sector bitmap entries.
fn chunk_ratio(block: u64, sector_size: u32) -> u64 {
    SECTORS_PER_CHUNK * u64::from(sector_size) / block
}

/// Entries of the BAT. Without a parent, the last is that of the last block.
fn bat_entries(blocks: u64, chunk_ratio: u64) -> u64 {
    blocks + (blocks - 1) / chunk_ratio
}

/// Bytes of the BAT region.
fn bat_len(blocks: u64, chunk_ratio: u64) -> u64 {
    (bat_entries(blocks, chunk_ratio) * 8).next_multiple_of(MIB)
}

/// Writes everything but the blocks.
pub(crate) fn write<W: WriteAt>(container: &Container, file: &W) -> io::Result<()> {
    let options = container.options();
    let ratio = chunk_ratio(container.block_size(), options.sector_size);
    file.write_all_at(file_identifier().as_bytes(), FILE_IDENTIFIER)?;
    for (offset, sequence_number) in HEADERS.into_iter().zip(1..) {
        file.write_all_at(header(options.id, sequence_number).as_bytes(), offset)?;
    }
    let regions = region_table(bat_len(container.blocks(), ratio));
    for offset in REGION_TABLES {
        // The rest of the 64 KiB is zero and already there.
        file.write_all_at(&regions.as_bytes()[..4096], offset)?;
    }
    file.write_all_at(metadata_table().as_bytes(), METADATA)?;
    file.write_all_at(metadata_items(container).as_bytes(), METADATA + u64::from(METADATA_ITEMS))?;
    write_bat(container.map(), ratio, file)
}

fn file_identifier() -> FileIdentifier {
    let mut creator = [0.into(); 256];
    // Without a version: the same input gives the same file, whichever version wrote it.
    for (to, from) in creator.iter_mut().zip("nanovhd".encode_utf16()) {
        *to = from.into();
    }
    FileIdentifier { signature: FILE_SIGNATURE, creator }
}

fn header(id: Uuid, sequence_number: u64) -> Header {
    let derived = |name: &str| Uuid::new_v5(&id, name.as_bytes()).to_bytes_le();
    let mut header = Header {
        signature: HEADER_SIGNATURE,
        sequence_number: sequence_number.into(),
        file_write_guid: derived("vhdx file write"),
        data_write_guid: derived("vhdx data write"),
        version: VERSION.into(),
        log_length: narrow(LOG_LEN).into(),
        log_offset: LOG.into(),
        ..Header::new_zeroed()
    };
    header.checksum = crc32c::crc32c(header.as_bytes()).into();
    header
}

fn region_table(bat_len: u64) -> Box<RegionTable> {
    let entry = |guid: Uuid, offset: u64, length| RegionEntry {
        guid: guid.to_bytes_le(),
        offset: offset.into(),
        length: narrow(length).into(),
        required: 1.into(),
    };
    let mut table = Box::new(RegionTable {
        signature: REGION_SIGNATURE,
        count: 2.into(),
        entries: [entry(BAT_REGION, BAT, bat_len), entry(METADATA_REGION, METADATA, METADATA_LEN)],
        ..RegionTable::new_zeroed()
    });
    table.checksum = crc32c::crc32c(table.as_bytes()).into();
    table
}

/// Where each of the [`MetadataItems`] lies.
fn metadata_table() -> MetadataTable {
    let entry = |guid: Uuid, at: usize, length: u32, flags: u32| MetadataEntry {
        guid: guid.to_bytes_le(),
        offset: (METADATA_ITEMS + narrow(at as u64)).into(),
        length: length.into(),
        flags: (flags | IS_REQUIRED).into(),
        reserved: 0.into(),
    };
    let disk = IS_VIRTUAL_DISK;
    MetadataTable {
        signature: METADATA_SIGNATURE,
        count: 5.into(),
        entries: [
            entry(FILE_PARAMETERS, std::mem::offset_of!(MetadataItems, block_size), 8, 0),
            entry(VIRTUAL_DISK_SIZE, std::mem::offset_of!(MetadataItems, virtual_disk_size), 8, disk),
            entry(LOGICAL_SECTOR_SIZE, std::mem::offset_of!(MetadataItems, logical_sector_size), 4, disk),
            entry(PHYSICAL_SECTOR_SIZE, std::mem::offset_of!(MetadataItems, physical_sector_size), 4, disk),
            entry(VIRTUAL_DISK_ID, std::mem::offset_of!(MetadataItems, virtual_disk_id), 16, disk),
        ],
        ..MetadataTable::new_zeroed()
    }
}

fn metadata_items(container: &Container) -> MetadataItems {
    let options = container.options();
    let fixed = options.format == Format::VhdxFixed;
    MetadataItems {
        block_size: narrow(container.block_size()).into(),
        flags: if fixed { LEAVE_BLOCKS_ALLOCATED } else { 0 }.into(),
        virtual_disk_size: options.size.into(),
        logical_sector_size: options.sector_size.into(),
        physical_sector_size: PHYSICAL_SECTOR.into(),
        virtual_disk_id: options.id.to_bytes_le(),
    }
}

/// The BAT: an entry for each block and behind each full chunk, unless it is the last, an empty one.
fn write_bat<W: WriteAt>(blocks: &Blocks, chunk_ratio: u64, file: &W) -> io::Result<()> {
    let mut bat = TableWriter::new(file, BAT);
    for (block, data) in (0..).zip(blocks.offsets()) {
        if block > 0 && block % chunk_ratio == 0 {
            bat.push(&BITMAP_NOT_PRESENT.to_le_bytes())?;
        }
        bat.push(&data.map_or(BLOCK_ZERO, |data| data | BLOCK_FULLY_PRESENT).to_le_bytes())?;
    }
    bat.finish()
}

/// For lengths that have 32 bits on disk.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).expect("a BAT has at most 513 MiB and everything else is smaller")
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::Filetime;

    use super::*;

    const TIB: u64 = 1 << 40;

    fn container(size: u64, sector_size: u32, block_size: Option<u32>) -> Container {
        let options = ContainerOptions {
            format: Format::VhdxDynamic,
            size,
            sector_size,
            block_size,
            id: Uuid::nil(),
            time: Filetime(0),
        };
        Container::plan(&options, std::slice::from_ref(&(0..1))).unwrap()
    }

    #[test]
    fn default_blocks_are_small_until_the_bat_would_grow() {
        let gib = 1 << 30;
        for (size, expected) in [
            (512, 1),
            (40 * gib, 1),
            // 131,072 entries fit, of which one in 4,097 is a bitmap's.
            (127 * gib, 1),
            (128 * gib, 2),
            (256 * gib, 4),
            (2 * TIB, 32),
            (16 * TIB, 256),
            (MAX_SIZE, 256),
        ] {
            assert_eq!(container(size, 512, None).block_size(), expected * MIB, "{size}");
        }
    }

    #[test]
    fn the_bat_region_holds_every_entry() {
        // Blocks, their ratio to a chunk and the region's length in MiB, by hand: 131,072 entries a MiB.
        for (blocks, ratio, mib) in [
            (1, 4096, 1),
            (4096, 4096, 1),
            (131_040, 4096, 1),
            (131_041, 4096, 1),
            (131_042, 4096, 2),
            (67_108_864, 4096, 513),
            (262_144, 16, 3),
        ] {
            assert_eq!(bat_len(blocks, ratio), mib * MIB, "{blocks} blocks, {ratio} a chunk");
        }
    }

    #[test]
    fn every_block_size_has_its_chunk_ratio() {
        for shift in 20..=28 {
            let block = 1 << shift;
            assert_eq!(chunk_ratio(block, 512) * block, 4 << 30);
            assert_eq!(chunk_ratio(block, 4096) * block, 32 << 30);
            assert!(container(TIB, 512, Some(1 << shift)).file_len() > BAT);
        }
    }
}
