//! Reading and checking a GPT and its protective MBR.

use std::collections::HashMap;
use std::ops::Range;
use std::{fmt, io};

use nanovhd_tree::{Finding, Findings, ReadAt};
use uuid::Uuid;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::format::{
    GPT_HEADER_LEN, GPT_REVISION, GPT_SIGNATURE, GptEntry, GptHeader, MBR_SIGNATURE, Mbr, PROTECTIVE,
};
use super::read::{Disk, Found, FoundKind, FoundPartition, PartitionTable};
use super::{PartitionRule as Rule, Scheme};

/// The most bytes that entries may have: 1 MiB, which is 8192 of the usual length. All disks have 16 KiB.
const MAX_ENTRIES_LEN: u64 = 1 << 20;

/// One of the two copies.
struct Copy {
    header: GptHeader,
    entries: Vec<u8>,
}

/// Whether either header is there, sound or not.
pub(super) fn is_there<R: ReadAt>(disk: &Disk<'_, R>) -> io::Result<bool> {
    for number in [1, disk.sectors - 1] {
        let mut signature = [0; 8];
        if number < disk.sectors {
            disk.bytes.read_exact_at(&mut signature, number * disk.sector)?;
        }
        if signature == GPT_SIGNATURE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads and checks the GPT of a disk.
pub(super) fn look<R: ReadAt>(disk: &Disk<'_, R>, mbr: &Mbr, faults: &mut Findings) -> io::Result<Found> {
    check_mbr(disk, mbr, faults);
    check_sector_size(disk, faults)?;
    let first = copy(disk, 1, [Rule::GptPrimaryHeader, Rule::GptPrimaryEntries], faults)?;
    // The first header knows where the second is, should the disk have grown behind it.
    let end = disk.sectors - 1;
    let second = match copy(disk, end, [Rule::GptBackupHeader, Rule::GptBackupEntries], faults)? {
        Ok(second) => Ok(second),
        Err(fault) => match &first {
            Ok(Copy { header, .. }) if header.other.get() < end && header.other.get() > 1 => {
                copy(disk, header.other.get(), [Rule::GptBackupHeader, Rule::GptBackupEntries], &mut Findings::new())?
                    .map_err(|_| fault)
            }
            _ => Err(fault),
        },
    };
    if let (Ok(first), Ok(second)) = (&first, &second) {
        check_copies(disk, first, second, faults);
    }
    let from_backup = first.is_err();
    let copy = match (first, second) {
        (Ok(copy), _) | (Err(_), Ok(copy)) => copy,
        (Err(primary), Err(backup)) => return Ok(Found::Damaged { primary, backup }),
    };
    check_usable(disk, &copy.header, from_backup, faults);
    Ok(Found::Table(PartitionTable {
        scheme: Scheme::Gpt,
        disk_id: Some(Uuid::from_bytes_le(copy.header.disk_id)),
        signature: None,
        from_backup,
        partitions: partitions(disk, &copy, faults),
    }))
}

/// The MBR must tell who knows no GPT that the disk is taken. Section 5.2.3.
fn check_mbr<R>(disk: &Disk<'_, R>, mbr: &Mbr, faults: &mut Findings) {
    let mut fault = |detail: fmt::Arguments<'_>| faults.add(Rule::GptProtectiveMbr, 0, detail);
    if mbr.signature.get() != MBR_SIGNATURE {
        fault(format_args!("the MBR ends without the bytes 0x55 and 0xaa"));
    }
    let used = mbr.entries.iter().filter(|entry| entry.kind != 0).count();
    let Some(entry) = mbr.entries.iter().find(|entry| entry.kind == PROTECTIVE) else {
        return fault(format_args!("the MBR has no partition of type 0xee"));
    };
    if used > 1 {
        fault(format_args!("the MBR has {used} partitions, so that others see something else than the GPT"));
    }
    let (first, count, status) = (entry.first.get(), u64::from(entry.count.get()), entry.status);
    // What 32 bits can't say is said with all of them set; some set them always.
    let expected = disk.sectors - 1;
    if first != 1 || count != expected && count != u64::from(u32::MAX) || status != 0 {
        fault(format_args!(
            "partition 0xee has {count} sectors at {first} and status {status:#04x}, not {expected} at 1 and 0"
        ));
    }
}

/// A header where the other sector size has it means that the disk was made with that.
fn check_sector_size<R: ReadAt>(disk: &Disk<'_, R>, faults: &mut Findings) -> io::Result<()> {
    let other = if disk.sector == 512 { 4096 } else { 512 };
    let mut header = GptHeader::new_zeroed();
    if other + size_of::<GptHeader>() as u64 > disk.sectors * disk.sector {
        return Ok(());
    }
    disk.bytes.read_exact_at(header.as_mut_bytes(), other)?;
    if header.signature == GPT_SIGNATURE && header.own.get() == 1 {
        let sector = disk.sector;
        let detail = format_args!("the header is that of a disk with sectors of {other} bytes, not {sector}");
        faults.add(Rule::GptSectorSize, other, detail);
    }
    Ok(())
}

/// The copy whose header is in the sector `number`, if it is sound; else what is wrong with it. The rules
/// are those for the header and for the entries.
fn copy<R: ReadAt>(
    disk: &Disk<'_, R>,
    number: u64,
    rules: [Rule; 2],
    faults: &mut Findings,
) -> io::Result<Result<Copy, Finding>> {
    let at = number * disk.sector;
    let mut fault = |rule: Rule, at: u64, detail: fmt::Arguments<'_>| {
        faults.add(rule, at, detail);
        Ok(Err(Finding { rule: rule.name(), record: None, offset: at, detail: detail.to_string() }))
    };
    if number >= disk.sectors {
        return fault(rules[0], at, format_args!("the disk ends in front of it"));
    }
    let mut sector = vec![0; usize::try_from(disk.sector).unwrap_or_default()];
    disk.bytes.read_exact_at(&mut sector, at)?;
    let header = match header(&sector, number) {
        Ok(header) => header,
        Err(detail) => return fault(rules[0], at, format_args!("{detail}")),
    };
    let range = match entries_range(disk, &header) {
        Ok(range) => range,
        Err(detail) => return fault(rules[1], at, format_args!("{detail}")),
    };
    let mut entries = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
    disk.bytes.read_exact_at(&mut entries, range.start)?;
    let (found, expected) = (header.entries_checksum.get(), crc32(&entries));
    if found != expected {
        let detail = format_args!("the checksum of the entries is {found:#010x}, expected {expected:#010x}");
        return fault(rules[1], range.start, detail);
    }
    Ok(Ok(Copy { header, entries }))
}

/// The header in a sector, or what is wrong with it.
fn header(sector: &[u8], number: u64) -> Result<GptHeader, String> {
    let (header, _) = GptHeader::read_from_prefix(sector).map_err(|_| "the sector is too short".to_owned())?;
    let length = header.length.get();
    if header.signature != GPT_SIGNATURE {
        let found = header.signature.escape_ascii();
        return Err(format!("a GPT header starts with \"EFI PART\", this with \"{found}\""));
    }
    let bytes = usize::try_from(length).ok().filter(|_| length >= GPT_HEADER_LEN).and_then(|len| sector.get(..len));
    let Some(bytes) = bytes else { return Err(format!("a header can't have {length} bytes")) };
    let mut bytes = bytes.to_vec();
    bytes[16..20].fill(0);
    let (found, expected) = (header.checksum.get(), crc32(&bytes));
    if found != expected {
        return Err(format!("the checksum is {found:#010x}, expected {expected:#010x}"));
    }
    let (revision, own) = (header.revision.get(), header.own.get());
    if revision != GPT_REVISION {
        return Err(format!("the revision is {revision:#010x}, only {GPT_REVISION:#010x} is known"));
    }
    if own != number {
        return Err(format!("it says that it is sector {own}, and is sector {number}"));
    }
    Ok(header)
}

/// Where the entries are on the disk, or why they can't be there.
fn entries_range<R>(disk: &Disk<'_, R>, header: &GptHeader) -> Result<Range<u64>, String> {
    let (at, count, len) = (header.entries.get(), header.count.get(), header.entry_length.get());
    let total = u64::from(count) * u64::from(len);
    if !(len >= 128 && len.is_power_of_two() && (1..=MAX_ENTRIES_LEN).contains(&total)) {
        return Err(format!("there can't be {count} entries of {len} bytes"));
    }
    let start = at.checked_mul(disk.sector).filter(|_| at >= 2);
    let end = start.and_then(|start| start.checked_add(total)).filter(|&end| end <= disk.sectors * disk.sector);
    match (start, end) {
        (Some(start), Some(end)) => Ok(start..end),
        _ => Err(format!("{count} entries of {len} bytes can't be at sector {at}")),
    }
}

fn check_copies<R>(disk: &Disk<'_, R>, first: &Copy, second: &Copy, faults: &mut Findings) {
    let end = disk.sectors - 1;
    let at = second.header.own.get() * disk.sector;
    let mut expected = second.header;
    // What must differ.
    expected.own = first.header.own;
    expected.other = first.header.other;
    expected.entries = first.header.entries;
    expected.checksum = first.header.checksum;
    if first.header != expected || first.entries != second.entries {
        faults.add(Rule::GptCopies, at, format_args!("it differs from the one at {:#x}", disk.sector));
    }
    let (there, back) = (first.header.other.get(), second.header.other.get());
    if there != end || back != 1 {
        let detail = format_args!("the headers lead to sectors {there} and {back}, expected {end} and 1");
        faults.add(Rule::GptCopies, disk.sector, detail);
    }
}

/// Sectors that a copy's header and entries cover.
fn covered<R>(disk: &Disk<'_, R>, header: &GptHeader) -> [Range<u64>; 2] {
    // Both have been bounded by the disk.
    let len = u64::from(header.count.get()) * u64::from(header.entry_length.get());
    let (own, entries) = (header.own.get(), header.entries.get());
    [own..own + 1, entries..entries + len.div_ceil(disk.sector)]
}

fn check_usable<R>(disk: &Disk<'_, R>, header: &GptHeader, from_backup: bool, faults: &mut Findings) {
    let (first, last) = (header.first_usable.get(), header.last_usable.get());
    let table = covered(disk, header);
    let behind = if from_backup { 1 } else { table[1].end };
    let in_front = if from_backup { table[1].start } else { header.other.get() };
    if first < behind || first > last || last >= in_front || last >= disk.sectors {
        let at = header.own.get() * disk.sector;
        faults.add(Rule::GptUsable, at, format_args!("sectors {first} to {last} are not between the two GPTs"));
    }
}

/// The partitions that lie on the disk.
fn partitions<R>(disk: &Disk<'_, R>, copy: &Copy, faults: &mut Findings) -> Vec<FoundPartition> {
    let header = &copy.header;
    let usable = header.first_usable.get()..=header.last_usable.get();
    let start = header.entries.get() * disk.sector;
    // At least 128 bytes and a power of two.
    let stride = header.entry_length.get() as usize;
    let mut ids: HashMap<Uuid, u32> = HashMap::new();
    let mut partitions = Vec::new();
    for ((bytes, number), at) in copy.entries.chunks_exact(stride).zip(1..).zip((start..).step_by(stride)) {
        let Ok((entry, _)) = GptEntry::read_from_prefix(bytes) else { continue };
        let (type_id, id) = (Uuid::from_bytes_le(entry.kind), Uuid::from_bytes_le(entry.id));
        if type_id.is_nil() {
            continue;
        }
        let (first, last) = (entry.first.get(), entry.last.get());
        if first > last || !usable.contains(&first) || !usable.contains(&last) {
            let detail = format_args!("partition {number} has sectors {first} to {last} of {usable:?}");
            faults.add(Rule::GptPlace, at, detail);
        }
        if id.is_nil() {
            faults.add(Rule::GptIdentifier, at, format_args!("partition {number} has none"));
        } else if let Some(other) = ids.insert(id, number) {
            faults.add(Rule::GptIdentifier, at, format_args!("partition {number} has {id}, as partition {other}"));
        }
        if first <= last && last < disk.sectors {
            let units = entry.name.iter().map(|unit| unit.get()).take_while(|&unit| unit != 0);
            let name = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            let kind = FoundKind::Gpt { type_id, id, name, attributes: entry.attributes.get() };
            let size = (last - first + 1) * disk.sector;
            partitions.push(FoundPartition { number, first: first * disk.sector, size, kind });
        }
    }
    super::overlaps(&partitions, |one, other| {
        let (first, second) = (one.number, other.number);
        faults.add(Rule::GptOverlap, other.first, format_args!("partitions {first} and {second} share sectors"));
    });
    partitions
}

/// CRC-32 as in Ethernet and ZIP, bit by bit: it is needed for a few KiB.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 })
    })
}
