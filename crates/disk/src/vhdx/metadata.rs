//! The metadata: what the virtual disk is like. [MS-VHDX] section 2.6.

use std::ops::Range;

use nanovhd_tree::ReadAt;
use uuid::Uuid;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::format::*;
use super::{BLOCK_SIZES, MAX_SIZE};
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// Entries that fit into the table's 64 KiB behind its header. Section 2.6.1.1.
const MAX_ENTRIES: u16 = 2047;

/// How many of them may be of users. Section 2.6.1.2.
const MAX_USER_ENTRIES: usize = 1024;

/// The longest item. Section 2.6.1.2.
const MAX_ITEM: u64 = 1 << 20;

/// The flags that mean something.
const ALL_FLAGS: u32 = IS_USER | IS_VIRTUAL_DISK | IS_REQUIRED;

/// Bytes of the metadata table in front of the entries.
const TABLE_HEAD: usize = 32;

/// The items that every disk has, their lengths and their flags.
const ITEMS: [(Uuid, usize, u32); 5] = [
    (FILE_PARAMETERS, 8, IS_REQUIRED),
    (VIRTUAL_DISK_SIZE, 8, IS_REQUIRED | IS_VIRTUAL_DISK),
    (LOGICAL_SECTOR_SIZE, 4, IS_REQUIRED | IS_VIRTUAL_DISK),
    (PHYSICAL_SECTOR_SIZE, 4, IS_REQUIRED | IS_VIRTUAL_DISK),
    (VIRTUAL_DISK_ID, 16, IS_REQUIRED | IS_VIRTUAL_DISK),
];

/// What the virtual disk is like.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) block_size: u32,
    pub(crate) fixed: bool,
    pub(crate) size: u64,
    pub(crate) sector_size: u32,
    pub(crate) id: Uuid,
}

/// An item of the table: what it is, its range in the file and where its entry is.
struct Item {
    guid: Uuid,
    user: bool,
    range: Range<u64>,
    at: u64,
}

/// Reads the metadata in `region`.
pub(super) fn parse<R: ReadAt>(file: &R, region: &Range<u64>, faults: &mut Faults) -> Result<Metadata, Stop> {
    // A region has 1 MiB at least, and its table the first 64 KiB.
    let mut bytes = vec![0; METADATA_ITEMS as usize];
    file.read_exact_at(&mut bytes, region.start)?;
    let entries = entries(&bytes, region.start, faults)?;
    let items = items(&entries, region, faults);
    check_overlaps(&items, faults);
    if items.iter().any(|item| !item.user && item.guid == PARENT_LOCATOR) || has_parent(file, &items)? {
        let parent = parent(file, &items)?;
        faults.refuse(Rule::VhdxParent, region.start, format_args!("the parent is {parent}"));
        return Err(Stop::Parent(parent));
    }
    let mut values = MetadataItems::new_zeroed();
    let mut to = values.as_mut_bytes();
    let mut missing = false;
    for (guid, len, _) in ITEMS {
        let (value, rest) = to.split_at_mut(len);
        match items.iter().find(|item| item.guid == guid && !item.user) {
            Some(item) => file.read_exact_at(value, item.range.start)?,
            None => {
                missing = true;
                faults.refuse(Rule::VhdxMetadataMissing, region.start, format_args!("there is no item {guid}"));
            }
        }
        to = rest;
    }
    if missing {
        return Err(Stop::Fault);
    }
    check(&values, region.start, faults)
}

/// The table's entries, each with its place in the file.
fn entries(table: &[u8], at: u64, faults: &mut Faults) -> Result<Vec<(MetadataEntry, u64)>, Stop> {
    let (head, _) = MetadataTable::ref_from_prefix(table).map_err(|_| Stop::Fault)?;
    let (found, count) = (head.signature.escape_ascii(), head.count.get());
    if head.signature != METADATA_SIGNATURE {
        let detail = format_args!("the table starts with \"metadata\", this with \"{found}\"");
        return Err(faults.stop(Rule::VhdxMetadataTable, at, detail));
    }
    if head.reserved.get() != 0 || head.reserved2 != [0; 20] {
        faults.note(Rule::VhdxMetadataTable, at, format_args!("reserved bytes are not zero"));
    }
    if count > MAX_ENTRIES {
        let detail = format_args!("{count} entries, the most is {MAX_ENTRIES}");
        return Err(faults.stop(Rule::VhdxMetadataTable, at, detail));
    }
    let entries = table[TABLE_HEAD..].chunks_exact(size_of::<MetadataEntry>()).take(count.into());
    let places = (at + TABLE_HEAD as u64..).step_by(size_of::<MetadataEntry>());
    let entries: Vec<_> =
        entries.filter_map(|bytes| MetadataEntry::read_from_bytes(bytes).ok()).zip(places).collect();
    let users = entries.iter().filter(|(entry, _)| entry.flags.get() & IS_USER != 0).count();
    if users > MAX_USER_ENTRIES {
        let detail = format_args!("{users} entries are of users, the most is {MAX_USER_ENTRIES}");
        faults.refuse(Rule::VhdxMetadataTable, at, detail);
    }
    Ok(entries)
}

/// The items that lie where they can, all of which are known or need not be.
fn items(entries: &[(MetadataEntry, u64)], region: &Range<u64>, faults: &mut Faults) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (entry, at) in entries {
        let (guid, flags, at) = (Uuid::from_bytes_le(entry.guid), entry.flags.get(), *at);
        let user = flags & IS_USER != 0;
        if !seen.insert((guid, user)) {
            faults.refuse(Rule::VhdxMetadataTwice, at, format_args!("item {guid} has been there before"));
            continue;
        }
        let known = ITEMS.iter().find(|(known, ..)| *known == guid && !user);
        check_flags(entry, known.map(|(.., flags)| *flags), at, faults);
        if known.is_none() && flags & IS_REQUIRED != 0 && (user || guid != PARENT_LOCATOR) {
            faults.refuse(Rule::VhdxMetadataUnknown, at, format_args!("nothing is known of item {guid}"));
        }
        let (offset, length) = (u64::from(entry.offset.get()), u64::from(entry.length.get()));
        let fits = offset >= u64::from(METADATA_ITEMS) && offset + length <= region.end - region.start;
        // An item without bytes is nowhere.
        let placed = if length == 0 { offset == 0 } else { fits && length <= MAX_ITEM };
        if !placed || known.is_some_and(|(_, expected, _)| *expected as u64 != length) {
            let detail = format_args!("item {guid} can't be {length} bytes at {offset:#x} of its region");
            faults.refuse(Rule::VhdxMetadataPlace, at, detail);
            continue;
        }
        let start = region.start + offset;
        items.push(Item { guid, user, range: start..start + length, at });
    }
    items
}

/// `expected`: the flags of a known item.
fn check_flags(entry: &MetadataEntry, expected: Option<u32>, at: u64, faults: &mut Faults) {
    let (flags, reserved) = (entry.flags.get(), entry.reserved.get());
    if expected.is_some_and(|expected| flags != expected) || flags & !ALL_FLAGS != 0 || reserved != 0 {
        let detail = format_args!("an item has the flags {flags:#x} and {reserved:#x} behind them");
        faults.note(Rule::VhdxMetadataFlags, at, detail);
    }
}

fn check_overlaps(items: &[Item], faults: &mut Faults) {
    let mut order: Vec<&Item> = items.iter().filter(|item| !item.range.is_empty()).collect();
    order.sort_by_key(|item| item.range.start);
    for pair in order.windows(2).filter(|pair| pair[0].range.end > pair[1].range.start) {
        let (one, other) = (pair[0].guid, pair[1].guid);
        faults.note(Rule::VhdxMetadataOverlap, pair[1].at, format_args!("items {one} and {other} share bytes"));
    }
}

/// Whether the file parameters say that there is a parent.
fn has_parent<R: ReadAt>(file: &R, items: &[Item]) -> Result<bool, Stop> {
    let Some(item) = items.iter().find(|item| item.guid == FILE_PARAMETERS && !item.user) else { return Ok(false) };
    let mut flags = [0; 4];
    file.read_exact_at(&mut flags, item.range.start + 4)?;
    Ok(u32::from_le_bytes(flags) & HAS_PARENT != 0)
}

/// Checks the values, which are at `at`.
fn check(values: &MetadataItems, at: u64, faults: &mut Faults) -> Result<Metadata, Stop> {
    let (block_size, flags) = (values.block_size.get(), values.flags.get());
    let (size, sector_size) = (values.virtual_disk_size.get(), values.logical_sector_size.get());
    let mut sound = true;
    if flags & !LEAVE_BLOCKS_ALLOCATED != 0 {
        faults.refuse(Rule::VhdxFileParameters, at, format_args!("nothing is known of the flags {flags:#x}"));
    }
    if !block_size.is_power_of_two() || !BLOCK_SIZES.contains(&u64::from(block_size)) {
        sound = false;
        faults.refuse(Rule::VhdxFileParameters, at, format_args!("a block can't have {block_size} bytes"));
    }
    for (what, sector) in [("logical", sector_size), ("physical", values.physical_sector_size.get())] {
        if ![512, 4096].contains(&sector) {
            sound = false;
            faults.refuse(Rule::VhdxSectorSize, at, format_args!("a {what} sector can't have {sector} bytes"));
        }
    }
    if size == 0 || size > MAX_SIZE || sound && !size.is_multiple_of(u64::from(sector_size)) {
        sound = false;
        let detail = format_args!("a disk with sectors of {sector_size} bytes can't have {size} bytes");
        faults.refuse(Rule::VhdxDiskSize, at, detail);
    }
    if !sound {
        return Err(Stop::Fault);
    }
    let id = Uuid::from_bytes_le(values.virtual_disk_id);
    Ok(Metadata { block_size, fixed: flags & LEAVE_BLOCKS_ALLOCATED != 0, size, sector_size, id })
}

/// What a differencing disk calls its parent. Section 2.6.2.6.
fn parent<R: ReadAt>(file: &R, items: &[Item]) -> Result<String, Stop> {
    let Some(item) = items.iter().find(|item| item.guid == PARENT_LOCATOR && !item.user) else {
        return Ok("not named".to_owned());
    };
    // At most 1 MiB.
    let mut bytes = vec![0; usize::try_from(item.range.end - item.range.start).map_err(|_| Stop::Fault)?];
    file.read_exact_at(&mut bytes, item.range.start)?;
    let names = locator_entries(&bytes);
    let named = |key: &str| names.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
    let name = ["absolute_win32_path", "relative_path", "volume_path"].into_iter().find_map(named);
    Ok(name.unwrap_or_else(|| "not named".to_owned()))
}

/// Keys and values of a parent locator, as far as they lie in it.
fn locator_entries(bytes: &[u8]) -> Vec<(String, String)> {
    let Ok((head, rest)) = LocatorHeader::ref_from_prefix(bytes) else { return vec![] };
    let entries = rest.chunks_exact(size_of::<LocatorEntry>()).take(head.count.get().into());
    let entries = entries.filter_map(|entry| LocatorEntry::read_from_bytes(entry).ok());
    let text = |offset: u32, length: u16| {
        let start = usize::try_from(offset).ok()?;
        let units = bytes.get(start..start.checked_add(length.into())?)?.as_chunks::<2>().0;
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Some(String::from_utf16_lossy(&units))
    };
    entries
        // There are five keys; what a file makes of 64 KiB of them is not our business.
        .take(16)
        .filter_map(|entry| {
            let key = text(entry.key_offset.get(), entry.key_length.get())?;
            Some((key, text(entry.value_offset.get(), entry.value_length.get())?))
        })
        .collect()
}
