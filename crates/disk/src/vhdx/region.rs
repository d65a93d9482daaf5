//! The region table: where the block table and the metadata are. [MS-VHDX] section 2.2.3.

use std::io;
use std::ops::Range;

use nanovhd_tree::ReadAt;
use uuid::Uuid;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::format::*;
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// Entries that fit into a table's 64 KiB behind its header. Section 2.2.3.1.
const MAX_ENTRIES: u32 = 2047;

/// Bytes of a region table in front of the entries.
const TABLE_HEAD: usize = 16;

/// Where the regions are.
#[derive(Debug)]
pub(super) struct Regions {
    pub(super) bat: Range<u64>,
    pub(super) metadata: Range<u64>,
    /// What blocks must stay clear of, sorted and disjoint: the headers, the log and all regions.
    pub(super) taken: Vec<Range<u64>>,
}

/// Reads the region tables of a file of `len` bytes.
pub(super) fn parse<R: ReadAt>(
    file: &R,
    len: u64,
    log: Option<Range<u64>>,
    faults: &mut Faults,
) -> Result<Regions, Stop> {
    let mut tables = Vec::new();
    for at in REGION_TABLES {
        if let Some(table) = sound_table(file, at, faults)? {
            tables.push((table, at));
        }
    }
    if let [(one, _), (other, at)] = &tables[..]
        && one.as_bytes()[..used(one)] != other.as_bytes()[..used(other)]
    {
        faults.note(Rule::VhdxRegionCopies, *at, format_args!("it differs from the one at {:#x}", REGION_TABLES[0]));
    }
    let Some((table, at)) = tables.first() else {
        return Err(faults.stop(Rule::VhdxRegionTable, REGION_TABLES[0], format_args!("neither copy is sound")));
    };
    let entries = placed(table, *at, len, faults);
    check_overlaps(&entries, log.as_ref(), faults);
    check_unknown(&entries, faults);
    let find = |guid: Uuid| entries.iter().find(|entry| entry.guid == guid).map(|entry| entry.range.clone());
    let (Some(bat), Some(metadata)) = (find(BAT_REGION), find(METADATA_REGION)) else {
        let missing = if find(BAT_REGION).is_none() { "block table" } else { "metadata region" };
        return Err(faults.stop(Rule::VhdxRegionMissing, *at, format_args!("there is no {missing}")));
    };
    let ranges = entries.into_iter().map(|entry| entry.range).chain(log).chain(std::iter::once(0..HEADER_SECTION));
    Ok(Regions { bat, metadata, taken: disjoint(ranges.collect()) })
}

/// The table at `at`, if it is one and has the right checksum.
fn sound_table<R: ReadAt>(file: &R, at: u64, faults: &mut Faults) -> io::Result<Option<Box<RegionTable>>> {
    let mut table = Box::new(RegionTable::new_zeroed());
    file.read_exact_at(table.as_mut_bytes(), at)?;
    if table.signature != REGION_SIGNATURE {
        let found = table.signature.escape_ascii();
        faults.note(Rule::VhdxRegionTable, at, format_args!("a table starts with \"regi\", this with \"{found}\""));
        return Ok(None);
    }
    let found = table.checksum.get();
    table.checksum = 0.into();
    let expected = crc32c::crc32c(table.as_bytes());
    table.checksum = found.into();
    let count = table.count.get();
    if found != expected {
        let detail = format_args!("the checksum is {found:#010x}, expected {expected:#010x}");
        faults.note(Rule::VhdxRegionTable, at, detail);
    } else if count > MAX_ENTRIES {
        faults.note(Rule::VhdxRegionTable, at, format_args!("{count} entries, the most is {MAX_ENTRIES}"));
    } else {
        return Ok(Some(table));
    }
    Ok(None)
}

/// Bytes of a sound table with its entries.
fn used(table: &RegionTable) -> usize {
    // Bounded by the number of entries that fit.
    TABLE_HEAD + table.count.get() as usize * size_of::<RegionEntry>()
}

struct Entry {
    guid: Uuid,
    required: bool,
    range: Range<u64>,
    /// Where the entry itself is.
    at: u64,
}

/// The entries that lie where they can.
fn placed(table: &RegionTable, at: u64, len: u64, faults: &mut Faults) -> Vec<Entry> {
    let entries = table.as_bytes()[TABLE_HEAD..used(table)].chunks_exact(size_of::<RegionEntry>());
    let entries = entries.filter_map(|bytes| RegionEntry::read_from_bytes(bytes).ok());
    let mut placed: Vec<Entry> = Vec::new();
    for (entry, index) in entries.zip(0..) {
        let (offset, length) = (entry.offset.get(), u64::from(entry.length.get()));
        let guid = Uuid::from_bytes_le(entry.guid);
        let at = at + TABLE_HEAD as u64 + index * size_of::<RegionEntry>() as u64;
        let whole = offset.is_multiple_of(MIB) && length.is_multiple_of(MIB) && length > 0;
        let end = offset.checked_add(length).filter(|&end| whole && offset >= HEADER_SECTION && end <= len);
        if placed.iter().any(|other| other.guid == guid) {
            faults.refuse(Rule::VhdxRegionTwice, at, format_args!("region {guid} has been there before"));
        } else if let Some(end) = end {
            placed.push(Entry { guid, required: entry.required.get() & 1 != 0, range: offset..end, at });
        } else {
            let detail = format_args!("region {guid} can't be {length:#x} bytes at {offset:#x} of {len:#x}");
            faults.refuse(Rule::VhdxRegionPlace, at, detail);
        }
    }
    placed
}

fn check_overlaps(entries: &[Entry], log: Option<&Range<u64>>, faults: &mut Faults) {
    let mut order: Vec<(&Range<u64>, u64)> = entries.iter().map(|entry| (&entry.range, entry.at)).collect();
    order.extend(log.map(|log| (log, log.start)));
    order.sort_by_key(|(range, _)| range.start);
    for pair in order.windows(2) {
        let ((one, _), (other, at)) = (&pair[0], &pair[1]);
        if one.end > other.start {
            faults.refuse(Rule::VhdxRegionOverlap, *at, format_args!("{one:#x?} and {other:#x?} share bytes"));
        }
    }
}

fn check_unknown(entries: &[Entry], faults: &mut Faults) {
    for entry in entries {
        if entry.required && ![BAT_REGION, METADATA_REGION].contains(&entry.guid) {
            let guid = entry.guid;
            faults.refuse(Rule::VhdxRegionUnknown, entry.at, format_args!("nothing is known of region {guid}"));
        }
    }
}

/// Sorts ranges and joins those that touch.
fn disjoint(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
