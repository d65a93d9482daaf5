//! Reading and checking an MBR and the partitions within an extended one.

use std::io;

use nanovhd_tree::{Findings, ReadAt};

use super::format::{EXTENDED, MBR_SIGNATURE, Mbr, MbrEntry};
use super::read::{Disk, FoundKind, FoundPartition, PartitionTable};
use super::{PartitionRule as Rule, Scheme};

/// How many links of an extended partition are followed. Windows has no more letters than 24, Linux no
/// more minor numbers than 60.
const MAX_LINKS: u32 = 128;

/// Where the entries are in an MBR.
const ENTRIES: u64 = 446;

/// The status of a partition that the boot code starts.
const ACTIVE: u8 = 0x80;

/// Whether an entry's status is one that there is.
pub(super) fn has_status(entry: &MbrEntry) -> bool {
    [0, ACTIVE].contains(&entry.status)
}

/// Whether an entry could be one of a disk: unused, or on the disk.
pub(super) fn is_plausible<R>(entry: &MbrEntry, disk: &Disk<'_, R>) -> bool {
    let (first, count) = (u64::from(entry.first.get()), u64::from(entry.count.get()));
    has_status(entry) && (entry.kind == 0 || first > 0 && count > 0 && first + count <= disk.sectors)
}

/// Reads and checks the partitions of an MBR.
pub(super) fn look<R: ReadAt>(disk: &Disk<'_, R>, mbr: &Mbr, faults: &mut Findings) -> io::Result<PartitionTable> {
    let signature = mbr.disk_signature.get();
    if signature == 0 {
        faults.add(Rule::MbrDiskSignature, 440, format_args!("the disk's signature is 0"));
    }
    let mut partitions = Vec::new();
    let mut active = 0;
    for (entry, number) in mbr.entries.iter().zip(1..).filter(|(entry, _)| entry.kind != 0) {
        let at = ENTRIES + u64::from(number - 1) * size_of::<MbrEntry>() as u64;
        check_status(entry, number, at, faults);
        active += u32::from(entry.status == ACTIVE);
        if active == 2 && entry.status == ACTIVE {
            faults.add(Rule::MbrActive, at, format_args!("partition {number} is active, and one before it"));
        }
        partitions.extend(found(entry, number, 0, at, disk, faults));
    }
    check_overlaps(&partitions, faults);
    let mut logical = Vec::new();
    let extended =
        |part: &&FoundPartition| matches!(part.kind, FoundKind::Mbr { kind, .. } if EXTENDED.contains(&kind));
    for part in partitions.iter().filter(extended) {
        chain(disk, part, &mut logical, faults)?;
    }
    check_overlaps(&logical, faults);
    // A partition that only holds others is not one that anything could be read from.
    partitions.retain(|part| !extended(&part));
    partitions.append(&mut logical);
    Ok(PartitionTable {
        scheme: Scheme::Mbr,
        disk_id: None,
        signature: Some(signature),
        from_backup: false,
        partitions,
    })
}

fn check_status(entry: &MbrEntry, number: u32, at: u64, faults: &mut Findings) {
    let status = entry.status;
    if !has_status(entry) {
        faults.add(Rule::MbrStatus, at, format_args!("partition {number} has the status {status:#04x}"));
    }
}

/// The partition of an entry at `at` that counts sectors from `base` on, if it is on the disk.
fn found<R>(
    entry: &MbrEntry,
    number: u32,
    base: u64,
    at: u64,
    disk: &Disk<'_, R>,
    faults: &mut Findings,
) -> Option<FoundPartition> {
    let (first, count) = (base + u64::from(entry.first.get()), u64::from(entry.count.get()));
    if first == base || count == 0 || first + count > disk.sectors {
        let sectors = disk.sectors;
        let detail = format_args!("partition {number} can't be {count} sectors at {first} of {sectors}");
        faults.add(Rule::MbrPlace, at, detail);
        return None;
    }
    let kind = FoundKind::Mbr { kind: entry.kind, active: entry.status == ACTIVE };
    Some(FoundPartition { number, first: first * disk.sector, size: count * disk.sector, kind })
}

fn check_overlaps(partitions: &[FoundPartition], faults: &mut Findings) {
    super::overlaps(partitions, |one, other| {
        let (first, second) = (one.number, other.number);
        faults.add(Rule::MbrOverlap, other.first, format_args!("partitions {first} and {second} share sectors"));
    });
}

/// Follows the chain of an extended partition: each link is a sector like an MBR whose first entry is a
/// partition, counted from the link, and whose second leads to the next link, counted from the extended
/// partition.
fn chain<R: ReadAt>(
    disk: &Disk<'_, R>,
    extended: &FoundPartition,
    logical: &mut Vec<FoundPartition>,
    faults: &mut Findings,
) -> io::Result<()> {
    let start = extended.first / disk.sector;
    let end = start + extended.size / disk.sector;
    let mut at = start;
    for _ in 0..MAX_LINKS {
        let offset = at * disk.sector;
        let link = disk.mbr(at)?;
        if link.signature.get() != MBR_SIGNATURE {
            faults.add(Rule::MbrExtended, offset, format_args!("a link ends without the bytes 0x55 and 0xaa"));
            return Ok(());
        }
        let [entry, next, ..] = &link.entries;
        if entry.kind != 0 {
            // Numbers go on from the last, whatever entry it came from.
            let number = 5 + u32::try_from(logical.len()).unwrap_or(u32::MAX - 5);
            check_status(entry, number, offset + ENTRIES, faults);
            logical.extend(found(entry, number, at, offset + ENTRIES, disk, faults));
        }
        if next.kind == 0 {
            return Ok(());
        }
        let to = start + u64::from(next.first.get());
        // Links lie in the order of the disk, so that no chain runs in circles.
        if !EXTENDED.contains(&next.kind) || to <= at || to >= end {
            faults.add(Rule::MbrExtended, offset, format_args!("a link at {at} leads to {to} in {start}..{end}"));
            return Ok(());
        }
        at = to;
    }
    let detail = format_args!("the chain from sector {start} has more than {MAX_LINKS} links");
    faults.add(Rule::MbrExtended, at * disk.sector, detail);
    Ok(())
}
