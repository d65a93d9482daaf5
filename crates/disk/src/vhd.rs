//! VHD: fixed and dynamic. Virtual Hard Disk Image Format Specification (Microsoft, October 2006).
//!
//! ```text
//! fixed    disk … │ footer
//! dynamic  footer │ dynamic header │ block table │ … bitmap, block │ … bitmap, block │ … footer
//! ```
//!
//! Two things the specification leaves open are done as Windows 8 and later do them:
//!
//! - A block's data starts at a multiple of 4096 bytes and its bitmap is the sector in front, so
//!   that no write of a guest straddles a page or a physical sector. The block table can say it,
//!   because it counts sectors. The footer takes the place that the next bitmap would have.
//! - The creator is `win `. Readers take from it where the disk's size stands: for creators
//!   they know of (`win ` among them) in the footer, for others they may compute it from the
//!   geometry, which is smaller than the disk for most sizes.
//!
//! All sectors of an allocated block are marked as present: what nobody wrote is zero.

mod format;
mod read;

use std::io;
use std::ops::Range;

use nanovhd_tree::{Filetime, WriteAt};
use zerocopy::{FromZeros, IntoBytes};

use self::format::{
    DYNAMIC, DynamicHeader, FIXED, FOOTER_COOKIE, Footer, HEADER_COOKIE, NOWHERE, UNUSED_ENTRY, VERSION, checksum,
};
pub(crate) use self::read::{Vhd, check, is_vhd, parse};
use crate::blocks::Blocks;
use crate::container::{Container, ContainerError, ContainerOptions, Format, refuse_blocks};
use crate::writer::TableWriter;

/// 2040 GiB, which is what Windows allows. The block table's 32-bit sector numbers end at 2 TiB of
/// file, and the file is larger than the disk.
pub(crate) const MAX_SIZE: u64 = 2040 << 30;

const SECTOR: u64 = 512;

/// What data are aligned to in a dynamic file, and so the bytes between two blocks: seven unused
/// sectors and the bitmap.
const ALIGNMENT: u64 = 4096;

/// Where the block table starts: behind the footer's copy and the dynamic header.
const TABLE: u64 = (size_of::<Footer>() + size_of::<DynamicHeader>()) as u64;

const DEFAULT_BLOCK: u32 = 2 << 20;

/// What Windows offers. One sector of bitmap suffices for either.
const BLOCK_SIZES: [u32; 2] = [512 << 10, DEFAULT_BLOCK];

/// The bitmap of a block all of whose sectors are in the file. What a bitmap of 512 KiB doesn't
/// need is set as well, as in other writers' files.
const BITMAP: [u8; 512] = [0xff; 512];

/// The blocks and the length of the file.
pub(crate) fn plan(options: &ContainerOptions, used: &[Range<u64>]) -> Result<(Blocks, u64), ContainerError> {
    if options.format == Format::VhdFixed {
        refuse_blocks(options)?;
        return Ok((Blocks::all(options.size, 1, 0), options.size + SECTOR));
    }
    let block = options.block_size.unwrap_or(DEFAULT_BLOCK);
    if !BLOCK_SIZES.contains(&block) {
        return Err(ContainerError::BlockSize { format: options.format, found: block });
    }
    let block = u64::from(block);
    let total = options.size.div_ceil(block);
    let data = (TABLE + table_len(total) + SECTOR).next_multiple_of(ALIGNMENT);
    let blocks = Blocks::touched(block, total, data, ALIGNMENT, used);
    let file_len = blocks.end();
    Ok((blocks, file_len))
}

/// Bytes of the block table: four a block, in whole sectors.
fn table_len(blocks: u64) -> u64 {
    (blocks * 4).next_multiple_of(SECTOR)
}

/// Writes everything but the blocks' data.
pub(crate) fn write<W: WriteAt>(container: &Container, file: &W) -> io::Result<()> {
    let footer = footer(container.options());
    if container.options().format == Format::VhdDynamic {
        file.write_all_at(footer.as_bytes(), 0)?;
        file.write_all_at(dynamic_header(container.map()).as_bytes(), size_of::<Footer>() as u64)?;
        write_table(container.map(), file)?;
        for data in container.map().offsets().flatten() {
            file.write_all_at(&BITMAP, data - SECTOR)?;
        }
    }
    file.write_all_at(footer.as_bytes(), container.file_len() - SECTOR)
}

fn footer(options: &ContainerOptions) -> Footer {
    let dynamic = options.format == Format::VhdDynamic;
    let (cylinders, heads, sectors) = geometry(options.size / SECTOR);
    let mut footer = Footer {
        cookie: FOOTER_COOKIE,
        features: 2.into(),
        version: VERSION.into(),
        data_offset: if dynamic { SECTOR } else { NOWHERE }.into(),
        timestamp: timestamp(options.time).into(),
        creator_application: *b"win ",
        creator_version: 0x000a_0000.into(),
        creator_host: *b"Wi2k",
        original_size: options.size.into(),
        current_size: options.size.into(),
        cylinders: cylinders.into(),
        heads,
        sectors,
        disk_type: if dynamic { DYNAMIC } else { FIXED }.into(),
        checksum: 0.into(),
        unique_id: options.id.to_bytes_le(),
        saved_state: 0,
        reserved: [0; 427],
    };
    footer.checksum = checksum(footer.as_bytes()).into();
    footer
}

fn dynamic_header(blocks: &Blocks) -> DynamicHeader {
    let narrow = |value| u32::try_from(value).expect("plan() allows 2 MiB blocks and 2040 GiB of them");
    let mut header = DynamicHeader {
        cookie: HEADER_COOKIE,
        data_offset: NOWHERE.into(),
        table_offset: TABLE.into(),
        version: VERSION.into(),
        max_table_entries: narrow(blocks.total()).into(),
        block_size: narrow(blocks.size()).into(),
        ..DynamicHeader::new_zeroed()
    };
    header.checksum = checksum(header.as_bytes()).into();
    header
}

/// The block table: for each block the sector of its bitmap.
fn write_table<W: WriteAt>(blocks: &Blocks, file: &W) -> io::Result<()> {
    let mut table = TableWriter::new(file, TABLE);
    for data in blocks.offsets() {
        let sector = |data| u32::try_from((data - SECTOR) / SECTOR).expect("2040 GiB and bitmaps end below 2 TiB");
        table.push(&data.map_or(UNUSED_ENTRY, sector).to_be_bytes())?;
    }
    for _ in blocks.total()..table_len(blocks.total()) / 4 {
        table.push(&UNUSED_ENTRY.to_be_bytes())?;
    }
    table.finish()
}

/// Cylinders, heads and sectors per track of a disk. Specification, appendix `CHS Calculation`.
/// The product is at most the number of sectors; from about 127 GiB on it stays the same.
fn geometry(sectors: u64) -> (u16, u8, u8) {
    const MAX_CYLINDERS: u64 = 65_535;
    let sectors = sectors.min(MAX_CYLINDERS * 16 * 255);
    let (heads, per_track) = if sectors >= MAX_CYLINDERS * 16 * 63 {
        (16, 255)
    } else {
        let tracks = sectors / 17;
        let heads = tracks.div_ceil(1024).max(4);
        // ATA and the old BIOS interface allow 1024 cylinders in common, then more sectors are tried.
        if heads <= 16 && tracks < heads * 1024 {
            (heads, 17)
        } else if sectors / 31 < 16 * 1024 {
            (16, 31)
        } else {
            (16, 63)
        }
    };
    let cylinders = u16::try_from(sectors / per_track / heads).expect("capped at 65535 cylinders of 16 heads");
    let narrow = |value| u8::try_from(value).expect("at most 16 heads and 255 sectors");
    (cylinders, narrow(heads), narrow(per_track))
}

/// Seconds since 2000-01-01T00:00:00Z, as near as the field allows.
fn timestamp(time: Filetime) -> u32 {
    const YEAR_2000: i64 = 946_684_800;
    let seconds = time.unix_seconds() - YEAR_2000;
    u32::try_from(seconds).unwrap_or(if seconds < 0 { 0 } else { u32::MAX })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn geometries_are_those_of_the_specification() {
        // 4 MiB is from a file that Windows made, the others are the specification's algorithm by hand.
        let cases = [
            (1, (30, 4, 17)),
            (4, (120, 4, 17)),
            (64, (963, 8, 17)),
            (127, (1_019, 15, 17)),
            (136, (561, 16, 31)),
            (254, (516, 16, 63)),
            (6_144, (12_483, 16, 63)),
            (32_255, (65_533, 16, 63)),
            (32_256, (16_191, 16, 255)),
            (130_558, (65_534, 16, 255)),
        ];
        for (mib, expected) in cases {
            assert_eq!(geometry(mib * 2048), expected, "{mib} MiB");
        }
        assert_eq!(geometry(MAX_SIZE / SECTOR), (65_535, 16, 255));
        assert_eq!(geometry(1), (0, 4, 17));
    }

    #[test]
    fn the_geometry_never_claims_more_than_the_disk() {
        for sectors in (0..40_000_000).step_by(9_973).chain((0..MAX_SIZE / SECTOR).step_by(1 << 24)) {
            let (cylinders, heads, per_track) = geometry(sectors);
            let claimed = u64::from(cylinders) * u64::from(heads) * u64::from(per_track);
            assert!(claimed <= sectors, "{sectors}: {cylinders}/{heads}/{per_track}");
        }
    }

    #[test]
    fn times_are_kept_in_the_range_of_the_field() {
        for (unix, expected) in [(946_684_800, 0), (946_684_801, 1), (0, 0), (i64::MAX / 2, u32::MAX)] {
            assert_eq!(timestamp(Filetime::from_unix(unix)), expected, "{unix}");
        }
    }

    #[test]
    fn data_are_aligned_and_the_footer_takes_the_next_bitmaps_place() {
        for size in [2 * MIB, 6 << 30, MAX_SIZE] {
            for block_size in [None, Some(512 << 10)] {
                let options = ContainerOptions {
                    format: Format::VhdDynamic,
                    size,
                    sector_size: 512,
                    block_size,
                    id: Uuid::nil(),
                    time: Filetime(0),
                };
                let used = [0..1, size - 1..size];
                let plan = Container::plan(&options, &used).unwrap();
                let (first, _) = plan.map().locate(0).unwrap();
                assert!(first >= TABLE + plan.blocks() * 4 + SECTOR, "{size}: the bitmap overlaps the table");
                for data in plan.map().offsets().flatten() {
                    assert!(data.is_multiple_of(4096), "{size}: {data:#x}");
                }
                let (last, piece) = plan.map().locate(size - 1).unwrap();
                assert_eq!(last + piece + 4096, plan.file_len());
            }
        }
    }
}
