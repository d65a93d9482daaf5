//! Reading a VHD: the footer, the dynamic header and the block table.
//!
//! The disk's size is the one in the footer, as Hyper-V takes it; Virtual PC showed its guests what the
//! geometry gives, which is less. Footers of 511 bytes, from before 2004, are not known here.

use std::ops::Range;

use nanovhd_tree::ReadAt;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::format::{
    DIFFERENCING, DYNAMIC, DynamicHeader, FIXED, FOOTER_COOKIE, Footer, HEADER_COOKIE, PARENT_NAME, UNUSED_ENTRY,
    VERSION, checksum,
};
use super::{MAX_SIZE, SECTOR};
use crate::map::BlockMap;
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// Windows has blocks of 512 KiB and 2 MiB, which are 4 million at most. This is a quarter GiB of table,
/// enough for blocks of 32 KiB on the largest disk.
const MAX_TABLE_ENTRIES: u64 = 1 << 26;

/// Sectors of the largest geometry: 65,535 cylinders, 16 heads, 255 sectors.
const MAX_GEOMETRY: u64 = 65_535 * 16 * 255;

/// Bytes of a dynamic header.
const HEADER_LEN: u64 = size_of::<DynamicHeader>() as u64;

/// Bytes of the table that are read at once.
const TABLE_PIECE: usize = 1 << 20;

/// What was read of a VHD.
#[derive(Debug)]
pub(crate) struct Vhd {
    pub(crate) size: u64,
    pub(crate) id: Uuid,
    pub(crate) creator: String,
    /// The block table of a dynamic disk. A fixed one lies at the start of the file as it is.
    pub(crate) map: Option<BlockMap>,
}

/// Whether the file is a VHD: it ends with a footer, or has the copy that a dynamic one starts with.
///
/// When the last volume is cut out of a fixed disk, the footer stays at its end. Such a file is no VHD but
/// the volume: its first sector says that as many sectors lie in front of it as the file lacks.
pub(crate) fn is_vhd<R: ReadAt>(file: &R, len: u64) -> std::io::Result<bool> {
    let Some(end) = len.checked_sub(SECTOR) else { return Ok(false) };
    let mut first = [0; size_of::<Footer>()];
    file.read_exact_at(&mut first, 0)?;
    if first.starts_with(&FOOTER_COOKIE) {
        return Ok(true);
    }
    let mut cookie = [0; 8];
    file.read_exact_at(&mut cookie, end)?;
    if cookie != FOOTER_COOKIE {
        return Ok(false);
    }
    let footer = sound_footer(file, end, Rule::VhdFooter, &mut Faults::new())?;
    let lacking = footer.and_then(|footer| footer.current_size.get().checked_sub(end)).unwrap_or_default();
    Ok(lacking == 0 || hidden(&first) != Some(lacking))
}

/// Bytes in front of the volume that starts with this sector, as NTFS and FAT say it.
fn hidden(first: &[u8]) -> Option<u64> {
    let sectors = u32::from_le_bytes(*first[0x1c..].first_chunk()?);
    let is_boot_sector = first.ends_with(&[0x55, 0xaa]);
    is_boot_sector.then(|| u64::from(sectors) * SECTOR)
}

/// Reads all but the blocks.
pub(crate) fn parse<R: ReadAt>(file: &R, len: u64, faults: &mut Faults) -> Result<Vhd, Stop> {
    let (footer, at) = footer(file, len, faults)?;
    let disk_type = footer.disk_type.get();
    check_footer(&footer, at, faults)?;
    let size = footer.current_size.get();
    // A footer at the end bounds what comes in front of it.
    let end = if at == 0 { len } else { at };
    if disk_type == FIXED && size > end {
        faults.refuse(
            Rule::VhdSize,
            at,
            format_args!("{size} bytes of a fixed disk can't be in {end} bytes of file"),
        );
    }
    let map = match disk_type {
        FIXED => None,
        DYNAMIC | DIFFERENCING => Some(dynamic(file, &footer, at, end, faults)?),
        _ => return Err(faults.stop(Rule::VhdDiskType, at, format_args!("there is no type {disk_type}"))),
    };
    Ok(Vhd { size, id: Uuid::from_bytes_le(footer.unique_id), creator: creator(&footer), map })
}

/// The footer that counts, and where it is: at the end of the file, else the copy at its start.
fn footer<R: ReadAt>(file: &R, len: u64, faults: &mut Faults) -> Result<(Footer, u64), Stop> {
    let end = len
        .checked_sub(SECTOR)
        .ok_or_else(|| faults.stop(Rule::VhdFooter, 0, format_args!("{len} bytes have no room for a footer")))?;
    let at_end = sound_footer(file, end, Rule::VhdFooter, faults)?;
    if at_end.as_ref().is_some_and(|footer| footer.disk_type.get() == FIXED) {
        return at_end.map(|footer| (footer, end)).ok_or(Stop::Fault);
    }
    let copy = sound_footer(file, 0, Rule::VhdFooterCopy, faults)?;
    match (at_end, copy) {
        (Some(footer), copy) => {
            if copy.is_some_and(|copy| copy.as_bytes() != footer.as_bytes()) {
                faults.note(Rule::VhdFooterCopy, 0, format_args!("the copy differs from the footer at {end:#x}"));
            }
            Ok((footer, end))
        }
        (None, Some(copy)) => Ok((copy, 0)),
        (None, None) => {
            Err(faults.stop(Rule::VhdFooter, end, format_args!("neither it nor the copy at 0x0 is sound")))
        }
    }
}

/// The footer at `at`, if it is one and has the right checksum.
fn sound_footer<R: ReadAt>(file: &R, at: u64, absent: Rule, faults: &mut Faults) -> std::io::Result<Option<Footer>> {
    let mut footer = Footer::new_zeroed();
    file.read_exact_at(footer.as_mut_bytes(), at)?;
    if footer.cookie != FOOTER_COOKIE {
        let found = footer.cookie.escape_ascii();
        faults.note(absent, at, format_args!("a footer starts with \"conectix\", this with \"{found}\""));
        return Ok(None);
    }
    let found = footer.checksum.get();
    footer.checksum = 0.into();
    let expected = checksum(footer.as_bytes());
    footer.checksum = found.into();
    if found != expected {
        faults.note(Rule::VhdFooterChecksum, at, format_args!("found {found:#010x}, expected {expected:#010x}"));
        return Ok(None);
    }
    Ok(Some(footer))
}

fn check_footer(footer: &Footer, at: u64, faults: &mut Faults) -> Result<(), Stop> {
    let version = footer.version.get();
    if version != VERSION {
        faults.refuse(Rule::VhdVersion, at, format_args!("the footer has version {version:#x}"));
    }
    let size = footer.current_size.get();
    if size == 0 || size > MAX_SIZE || !size.is_multiple_of(SECTOR) {
        // The block table's size follows from it.
        return Err(faults.stop(Rule::VhdSize, at, format_args!("a disk can't have {size} bytes")));
    }
    let (cylinders, heads, sectors) = (footer.cylinders.get(), footer.heads, footer.sectors);
    let claimed = u64::from(cylinders) * u64::from(heads) * u64::from(sectors);
    // Some writers give the largest geometry to say that none counts.
    if claimed > size / SECTOR && claimed != MAX_GEOMETRY {
        let sectors_there = size / SECTOR;
        faults.note(
            Rule::VhdGeometry,
            at,
            format_args!("{cylinders}/{heads}/{sectors} are {claimed} sectors, the disk has {sectors_there}"),
        );
    }
    Ok(())
}

/// `win 10.0`, as far as the four letters are letters.
fn creator(footer: &Footer) -> String {
    let version = footer.creator_version.get();
    let name = footer.creator_application.escape_ascii().to_string();
    format!("{} {}.{}", name.trim_end(), version >> 16, version & 0xffff)
}

/// The block table of a dynamic disk, by way of its header.
fn dynamic<R: ReadAt>(file: &R, footer: &Footer, at: u64, end: u64, faults: &mut Faults) -> Result<BlockMap, Stop> {
    let offset = footer.data_offset.get();
    if offset.checked_add(HEADER_LEN).is_none_or(|header_end| header_end > end) {
        return Err(faults.stop(Rule::VhdHeader, at, format_args!("a header at {offset:#x} is past {end:#x}")));
    }
    let header = header(file, offset, faults)?;
    if footer.disk_type.get() == DIFFERENCING {
        let parent = parent_name(&header);
        faults.refuse(Rule::VhdParent, at, format_args!("the parent is {parent}"));
        return Err(Stop::Parent(parent));
    }
    let block = header.block_size.get();
    if !block.is_power_of_two() || u64::from(block) < SECTOR {
        return Err(faults.stop(Rule::VhdBlockSize, offset, format_args!("a block can't have {block} bytes")));
    }
    let range = table_range(&header, footer.current_size.get(), offset, end, faults)?;
    read_table(file, block, &range, offset, end, faults)
}

/// The dynamic header at `offset`.
fn header<R: ReadAt>(file: &R, offset: u64, faults: &mut Faults) -> Result<DynamicHeader, Stop> {
    let mut header = DynamicHeader::new_zeroed();
    file.read_exact_at(header.as_mut_bytes(), offset)?;
    if header.cookie != HEADER_COOKIE {
        let found = header.cookie.escape_ascii();
        let detail = format_args!("a dynamic header starts with \"cxsparse\", this with \"{found}\"");
        return Err(faults.stop(Rule::VhdHeader, offset, detail));
    }
    let found = header.checksum.get();
    header.checksum = 0.into();
    let expected = checksum(header.as_bytes());
    header.checksum = found.into();
    if found != expected {
        // There is only one, and what hangs on it is the whole disk.
        let detail = format_args!("found {found:#010x}, expected {expected:#010x}");
        faults.refuse(Rule::VhdHeaderChecksum, offset, detail);
    }
    let version = header.version.get();
    if version != VERSION {
        faults.refuse(Rule::VhdVersion, offset, format_args!("the dynamic header has version {version:#x}"));
    }
    Ok(header)
}

/// What a differencing disk calls its parent.
fn parent_name(header: &DynamicHeader) -> String {
    let units = header.parent[PARENT_NAME].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    if units.is_empty() { "not named".to_owned() } else { String::from_utf16_lossy(&units) }
}

/// Where the entries of all blocks are, for a header at `offset`.
fn table_range(
    header: &DynamicHeader,
    size: u64,
    offset: u64,
    end: u64,
    faults: &mut Faults,
) -> Result<Range<u64>, Stop> {
    let (at, entries) = (header.table_offset.get(), u64::from(header.max_table_entries.get()));
    let block = u64::from(header.block_size.get());
    let needed = size.div_ceil(block);
    if entries < needed || needed > MAX_TABLE_ENTRIES {
        let detail = format_args!("{needed} blocks of {block} bytes don't fit into {entries} entries");
        return Err(faults.stop(Rule::VhdTable, offset, detail));
    }
    let table_end = at.checked_add(needed * 4).filter(|&table_end| table_end <= end);
    let clear = |table_end: &u64| at >= SECTOR && (*table_end <= offset || at >= offset + HEADER_LEN);
    table_end.filter(clear).map(|table_end| at..table_end).ok_or_else(|| {
        let detail = format_args!("a table of {needed} entries can't be at {at:#x} of {end:#x}");
        faults.stop(Rule::VhdTable, offset, detail)
    })
}

/// Reads the block table at `range`. The header is at `offset`, and what is before `end` is for blocks.
fn read_table<R: ReadAt>(
    file: &R,
    block: u32,
    range: &Range<u64>,
    offset: u64,
    end: u64,
    faults: &mut Faults,
) -> Result<BlockMap, Stop> {
    let bitmap = (u64::from(block) / SECTOR).div_ceil(8).next_multiple_of(SECTOR);
    let count = usize::try_from((range.end - range.start) / 4).map_err(|_| Stop::Fault)?;
    let mut map = BlockMap::with_bitmaps(block.trailing_zeros(), count, SECTOR, bitmap);
    let structures = [0..SECTOR, offset..offset + HEADER_LEN, range.clone()];
    let mut buf = vec![0; TABLE_PIECE.min(count * 4)];
    let mut index = 0;
    while index < count {
        let piece = &mut buf[..TABLE_PIECE.min((count - index) * 4)];
        file.read_exact_at(piece, range.start + index as u64 * 4)?;
        for entry in piece.as_chunks::<4>().0 {
            let sector = u32::from_be_bytes(*entry);
            let start = u64::from(sector) * SECTOR;
            let stop = start + map.stride();
            let clear = structures.iter().all(|taken| stop <= taken.start || taken.end <= start);
            if sector != UNUSED_ENTRY && clear && stop <= end {
                map.set(index, sector);
            } else if sector != UNUSED_ENTRY {
                let at = range.start + index as u64 * 4;
                let detail = format_args!("block {index} can't be at {start:#x}..{stop:#x}");
                faults.refuse(Rule::VhdBlockPlace, at, detail);
            }
            index += 1;
        }
    }
    Ok(map)
}

/// What the check looks at beyond what reading needs.
pub(crate) fn check(vhd: &Vhd, faults: &mut Faults) {
    let Some(map) = &vhd.map else { return };
    map.overlaps(|at, one, other| {
        faults.note(Rule::VhdBlockOverlap, at, format_args!("blocks {one} and {other} share bytes"));
    });
}
