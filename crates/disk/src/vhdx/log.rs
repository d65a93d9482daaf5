//! The log: changes to the structures that were promised before they were made. [MS-VHDX] section 2.3.
//!
//! Who opens a file that was not closed well must make them first. Here they are made in memory.
//!
//! The log is a ring of 4 KiB sectors. An entry has a header, descriptors and, for each descriptor of
//! a page, a sector with its bytes. Entries with consecutive numbers, each behind the other, are a
//! sequence, and the last of them says where the sequence starts that must be replayed. The sequence
//! whose last entry has the highest number counts.
//!
//! The specification looks for sequences from each sector on. The same is found in one pass here: the
//! sectors of an entry all have signatures, so that entries can't overlap, and each has at most one
//! that it follows. Looking at all of them takes time in proportion to the log, whatever is in it.

use std::ops::Range;

use nanovhd_tree::ReadAt;
use uuid::Uuid;
use zerocopy::{FromBytes, IntoBytes};

use super::format::*;
use crate::overlay::{Overlay, PAGE};
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// The longest log that is replayed, because it is held in memory. Windows and qemu make logs of 1 MiB.
const MAX_LOG: u64 = 64 << 20;

/// Bytes of a sector of the log.
const SECTOR: usize = PAGE;

/// A sound entry.
struct Entry {
    /// The number of its first sector.
    start: usize,
    /// How many sectors it has.
    sectors: usize,
    head: LogEntryHeader,
}

/// Lays over `file` (of `len` bytes) what its log, at `log` and with entries of `guid`, says.
pub(super) fn replay<R: ReadAt>(
    file: &mut Overlay<R>,
    log: &Range<u64>,
    len: u64,
    guid: Uuid,
    faults: &mut Faults,
) -> Result<(), Stop> {
    let length = log.end - log.start;
    if length > MAX_LOG {
        let detail = format_args!("a log of {length:#x} bytes is not replayed, the most is {MAX_LOG:#x}");
        return Err(faults.stop(Rule::VhdxLogPlace, log.start, detail));
    }
    let mut ring = Ring { bytes: vec![0; usize::try_from(length).map_err(|_| Stop::Fault)?] };
    file.read_exact_at(&mut ring.bytes, log.start)?;
    let entries: Vec<Option<Entry>> = (0..ring.sectors()).map(|start| ring.entry(start, guid)).collect();
    let Some(active) = active_sequence(&entries) else {
        let detail = format_args!("no complete sequence of entries with the GUID {guid}");
        return Err(faults.stop(Rule::VhdxLogSequence, log.start, detail));
    };
    let Some(last) = active.last() else { return Err(Stop::Fault) };
    let needed = last.head.flushed_file_offset.get();
    if len < needed {
        let at = log.start + (last.start * SECTOR) as u64;
        faults.refuse(Rule::VhdxLogTruncated, at, format_args!("the file had {needed:#x} bytes, now {len:#x}"));
    }
    for entry in &active {
        ring.apply(entry, file, log, faults);
    }
    // Past what a file can have there is nothing to extend.
    file.extend(last.head.last_file_offset.get().min(i64::MAX as u64));
    Ok(())
}

/// The entries to be replayed, in order.
fn active_sequence(entries: &[Option<Entry>]) -> Option<Vec<&Entry>> {
    let follower = |entry: &Entry| {
        let next = entries[(entry.start + entry.sectors) % entries.len()].as_ref()?;
        let number = entry.head.sequence_number.get().checked_add(1)?;
        (next.head.sequence_number.get() == number).then_some(next)
    };
    let mut follows = vec![false; entries.len()];
    for next in entries.iter().flatten().filter_map(follower) {
        follows[next.start] = true;
    }
    let firsts = entries.iter().flatten().filter(|entry| !follows[entry.start]);
    let sequences = firsts.filter_map(|first| {
        // Numbers rise, so that this ends.
        let mut sequence: Vec<&Entry> = std::iter::successors(Some(first), |entry| follower(entry)).collect();
        let tail = sequence.last()?.head.tail.get() as usize / SECTOR;
        let start = sequence.iter().position(|entry| entry.start == tail)?;
        sequence.drain(..start);
        Some(sequence)
    });
    sequences.max_by_key(|sequence| sequence.last().map(|entry| entry.head.sequence_number.get()))
}

/// The log in memory.
struct Ring {
    bytes: Vec<u8>,
}

impl Ring {
    fn sectors(&self) -> usize {
        self.bytes.len() / SECTOR
    }

    /// A sector by its number; behind the last comes the first.
    fn sector(&self, number: usize) -> &[u8] {
        &self.bytes[number % self.sectors() * SECTOR..][..SECTOR]
    }

    /// The entry that starts with the sector `start`, if there is one and it is sound.
    fn entry(&self, start: usize, guid: Uuid) -> Option<Entry> {
        let head = LogEntryHeader::read_from_prefix(self.sector(start)).ok()?.0;
        let (length, tail) = (head.entry_length.get() as usize, head.tail.get() as usize);
        let sound = head.signature == LOG_ENTRY_SIGNATURE
            && Uuid::from_bytes_le(head.log_guid) == guid
            && head.sequence_number.get() != 0
            && (length | tail).is_multiple_of(SECTOR)
            && (SECTOR..=self.bytes.len()).contains(&length)
            && tail < self.bytes.len();
        let entry = Entry { start, sectors: length / SECTOR, head };
        (sound && self.is_complete(&entry) && self.has_checksum(&entry)).then_some(entry)
    }

    /// Whether all sectors of the entry were written with it. Stops at the first that wasn't.
    fn is_complete(&self, entry: &Entry) -> bool {
        let number = entry.head.sequence_number.get();
        let described = descriptor_sectors(&entry.head);
        if described > entry.sectors {
            return false;
        }
        let mut pages = 0;
        for descriptor in self.descriptors(entry) {
            let is_page = descriptor.signature == LOG_DATA_DESCRIPTOR;
            if !(is_page || descriptor.signature == LOG_ZERO_DESCRIPTOR) || descriptor.sequence_number.get() != number
            {
                return false;
            }
            pages += usize::from(is_page);
        }
        described + pages == entry.sectors
            && (described..entry.sectors).all(|index| {
                let sector = LogDataSector::ref_from_bytes(self.sector(entry.start + index));
                sector.is_ok_and(|sector| {
                    let found = u64::from(sector.sequence_high.get()) << 32 | u64::from(sector.sequence_low.get());
                    sector.signature == LOG_DATA_SECTOR && found == number
                })
            })
    }

    fn has_checksum(&self, entry: &Entry) -> bool {
        let mut head = entry.head;
        head.checksum = 0.into();
        let head = head.as_bytes();
        let first = crc32c::crc32c_append(crc32c::crc32c(head), &self.sector(entry.start)[head.len()..]);
        let sectors = (1..entry.sectors).map(|index| self.sector(entry.start + index));
        sectors.fold(first, crc32c::crc32c_append) == entry.head.checksum.get()
    }

    /// The descriptors of an entry that has the sectors for them.
    fn descriptors(&self, entry: &Entry) -> impl Iterator<Item = &LogDescriptor> {
        let first = size_of::<LogEntryHeader>() / size_of::<LogDescriptor>();
        let sectors = (0..descriptor_sectors(&entry.head)).map(|index| self.sector(entry.start + index));
        let all = sectors.flat_map(|sector| sector.chunks_exact(size_of::<LogDescriptor>()));
        let descriptors = all.skip(first).take(entry.head.descriptor_count.get() as usize);
        descriptors.filter_map(|bytes| LogDescriptor::ref_from_bytes(bytes).ok())
    }

    /// Makes the changes of an entry.
    fn apply<R: ReadAt>(&self, entry: &Entry, file: &mut Overlay<R>, log: &Range<u64>, faults: &mut Faults) {
        let mut data = descriptor_sectors(&entry.head);
        for descriptor in self.descriptors(entry) {
            let is_page = descriptor.signature == LOG_DATA_DESCRIPTOR;
            let (offset, len) = (descriptor.file_offset.get(), descriptor.length());
            let end = offset.checked_add(len).filter(|&end| end <= i64::MAX as u64);
            // Headers are not changed through the log, and nothing changes the log while it is read.
            let allowed = (offset | len).is_multiple_of(PAGE as u64)
                && offset >= REGION_TABLES[0]
                && end.is_some_and(|end| end <= log.start || log.end <= offset);
            if !allowed {
                let at = log.start + (entry.start * SECTOR) as u64;
                let detail = format_args!("an entry changes {len:#x} bytes at {offset:#x}");
                faults.refuse(Rule::VhdxLogTarget, at, detail);
            } else if is_page {
                file.write(offset, page(descriptor, self.sector(entry.start + data)));
            } else {
                file.write_zeros(offset, len);
            }
            data += usize::from(is_page);
        }
    }
}

/// How many sectors an entry's header and descriptors fill.
fn descriptor_sectors(head: &LogEntryHeader) -> usize {
    let descriptors = head.descriptor_count.get() as usize;
    (size_of::<LogEntryHeader>() + descriptors * size_of::<LogDescriptor>()).div_ceil(SECTOR)
}

/// The page of a descriptor: what the log's own sector has in its first eight and last four bytes is kept
/// in the descriptor.
fn page(descriptor: &LogDescriptor, sector: &[u8]) -> Box<[u8; PAGE]> {
    let mut page = Box::new([0; PAGE]);
    page.copy_from_slice(sector);
    page[..8].copy_from_slice(&descriptor.leading_or_length);
    page[PAGE - 4..].copy_from_slice(&descriptor.trailing);
    page
}
