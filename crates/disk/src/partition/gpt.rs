//! The GUID partition table. UEFI specification, section 5.3.
//!
//! The entries, both headers and their checksums come from the `gpt` crate, which works on a device
//! that it can read back; ours is in memory. It draws identifiers at random and checks places
//! wrongly where it lays partitions out itself, so partitions are handed over as they are to be.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use ::gpt::GptConfig;
use ::gpt::disk::LogicalBlockSize;
use ::gpt::mbr::ProtectiveMBR;
use ::gpt::partition_types::{self, Type};
use uuid::Uuid;

use super::{Partition, PartitionError, PartitionKind, check_places, sectors};
use crate::sparse::SparseDisk;

/// Entries in the table, which is the least that the specification allows and what Windows has.
const ENTRIES: usize = 128;

/// Bytes of all entries.
const ENTRIES_LEN: u32 = 128 * 128;

const NAME_UNITS: usize = 36;

/// Windows sets this for what gets no drive letter: the ESP and its reserved partition.
const NO_DRIVE_LETTER: u64 = 1 << 63;

impl PartitionKind {
    fn gpt_type(self) -> Type {
        match self {
            Self::Esp => partition_types::EFI,
            Self::MicrosoftReserved => partition_types::MICROSOFT_RESERVED,
            Self::BasicData => partition_types::BASIC,
        }
    }

    fn gpt_attributes(self) -> u64 {
        match self {
            Self::Esp | Self::MicrosoftReserved => NO_DRIVE_LETTER,
            Self::BasicData => 0,
        }
    }
}

/// The bytes of a disk that its GPT leaves to partitions: behind the protective MBR, the header
/// and the entries, and in front of the other entries and the other header.
pub(super) fn usable(disk_size: u64, sector_size: u32) -> Result<Range<u64>, PartitionError> {
    sectors(disk_size, sector_size)?;
    let (table, sector) = (u64::from(table_len(sector_size)), u64::from(sector_size));
    // One sector at least for partitions, else the crate has nothing to start from.
    let needed = 2 * table + 2 * sector;
    if disk_size < needed {
        return Err(PartitionError::TooSmall { needed, size: disk_size });
    }
    Ok(sector + table..disk_size - table)
}

/// Bytes of a header and the entries, in whole sectors.
fn table_len(sector_size: u32) -> u32 {
    sector_size + ENTRIES_LEN.next_multiple_of(sector_size)
}

/// The GPT of a disk of `disk_size` bytes, both copies and the protective MBR, as ranges to be
/// written: offset and bytes. Entries are in the order of `parts`.
///
/// # Errors
/// [`PartitionError`] says which partition can't be, or that the disk is too small.
pub fn gpt_table(
    disk_size: u64,
    sector_size: u32,
    disk_id: Uuid,
    parts: &[Partition],
) -> Result<Vec<(u64, Vec<u8>)>, PartitionError> {
    let usable = usable(disk_size, sector_size)?;
    check(parts, &usable, sector_size)?;
    let sector = u64::from(sector_size);

    let mut disk = SparseDisk::new(disk_size);
    // A disk of more sectors than fit says so with the largest number.
    let protected = u32::try_from(disk_size / sector - 1).unwrap_or(u32::MAX);
    disk.write_at(&ProtectiveMBR::with_lb_size(protected).to_bytes(), 0);

    let entries = parts.iter().map(|part| entry(part, sector));
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(if sector_size == 512 { LogicalBlockSize::Lb512 } else { LogicalBlockSize::Lb4096 })
        .create_from_device(disk, Some(disk_id))?;
    table.update_partitions((1..).zip(entries).collect::<BTreeMap<u32, _>>())?;
    let disk: SparseDisk = table.write()?;

    let table = table_len(sector_size) as usize;
    let start = disk.bytes(0, sector_size as usize + table);
    let end = disk.bytes(usable.end, table);
    Ok(vec![(0, start), (usable.end, end)])
}

fn check(parts: &[Partition], usable: &Range<u64>, sector_size: u32) -> Result<(), PartitionError> {
    if parts.len() > ENTRIES {
        return Err(PartitionError::TooMany { count: parts.len(), limit: ENTRIES });
    }
    let mut ids = HashSet::new();
    for (part, number) in parts.iter().zip(1..) {
        let units = part.name.encode_utf16().count();
        if units > NAME_UNITS {
            return Err(PartitionError::Name { number, units, limit: NAME_UNITS });
        }
        if part.id.is_nil() || !ids.insert(part.id) {
            return Err(PartitionError::Identifier { number, id: part.id });
        }
    }
    let places: Vec<_> = parts.iter().map(|part| (part.first, part.size)).collect();
    check_places(&places, usable, sector_size)
}

fn entry(part: &Partition, sector: u64) -> ::gpt::partition::Partition {
    ::gpt::partition::Partition {
        part_type_guid: part.kind.gpt_type(),
        part_guid: part.id,
        first_lba: part.first / sector,
        last_lba: (part.first + part.size) / sector - 1,
        flags: part.kind.gpt_attributes(),
        name: part.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn part(first: u64, size: u64) -> Partition {
        let id = Uuid::from_u128(1 + u128::from(first));
        Partition { kind: PartitionKind::BasicData, name: "Basic data partition".into(), first, size, id }
    }

    fn refusal(parts: &[Partition]) -> PartitionError {
        gpt_table(64 * MIB, 512, Uuid::from_u128(1), parts).unwrap_err()
    }

    #[test]
    fn what_the_table_leaves_depends_on_the_sectors() {
        assert_eq!(usable(MIB, 512).unwrap(), 34 * 512..MIB - 33 * 512);
        assert_eq!(usable(MIB, 4096).unwrap(), 6 * 4096..MIB - 5 * 4096);
        for (sector_size, needed) in [(512, 68 * 512), (4096, 12 * 4096)] {
            assert!(gpt_table(needed, sector_size, Uuid::from_u128(1), &[]).is_ok());
            let size = needed - u64::from(sector_size);
            let error = gpt_table(size, sector_size, Uuid::from_u128(1), &[]).unwrap_err();
            assert!(matches!(error, PartitionError::TooSmall { needed: n, size: s } if (n, s) == (needed, size)));
        }
        for size in [0, 512] {
            assert!(matches!(usable(size, 512), Err(PartitionError::TooSmall { .. })));
        }
        assert!(matches!(usable(MIB + 512, 4096), Err(PartitionError::PartialSector { .. })));
        assert!(matches!(usable(MIB, 1024), Err(PartitionError::SectorSize(1024))));
    }

    #[test]
    fn partitions_that_can_not_be_are_refused_by_number() {
        use PartitionError as E;
        let one = part(MIB, MIB);
        assert!(matches!(refusal(&[one.clone(), part(2 * MIB, 0)]), E::Empty { number: 2, .. }));
        assert!(matches!(refusal(&[one.clone(), part(3 * MIB + 1, MIB)]), E::Unaligned { number: 2, .. }));
        assert!(matches!(refusal(&[part(MIB, MIB + 100)]), E::Unaligned { number: 1, size: 1_048_676, .. }));
        assert!(matches!(refusal(&[part(33 * 512, MIB)]), E::Outside { number: 1, .. }));
        assert!(matches!(refusal(&[part(63 * MIB, MIB)]), E::Outside { number: 1, .. }));
        assert!(matches!(refusal(&[part(MIB, u64::MAX - 511)]), E::Outside { number: 1, .. }));
        let overlapping = [part(8 * MIB, MIB), part(MIB, 7 * MIB + 512)];
        assert!(matches!(refusal(&overlapping), E::Overlap { first: 1, second: 2 }));
        let twins = [one.clone(), Partition { id: one.id, ..part(2 * MIB, MIB) }];
        assert!(matches!(refusal(&twins), E::Identifier { number: 2, .. }));
        let nameless = Partition { id: Uuid::nil(), ..one.clone() };
        assert!(matches!(refusal(&[nameless]), E::Identifier { number: 1, .. }));
        let long = Partition { name: "😀".repeat(19), ..one };
        assert!(matches!(refusal(&[long]), E::Name { number: 1, units: 38, limit: 36 }));
        let many: Vec<_> = (0..129).map(|n| part(MIB + n * 512, 512)).collect();
        assert!(matches!(refusal(&many), E::TooMany { count: 129, limit: 128 }));
        assert!(gpt_table(64 * MIB, 512, Uuid::from_u128(1), &many[..128]).is_ok());
    }

    #[test]
    fn messages_say_where() {
        let expected =
            "partition 1 (1048576 bytes at 0x4200) is not within 0x4400..0x3ffbe00, which the table leaves";
        assert_eq!(refusal(&[part(33 * 512, MIB)]).to_string(), expected);
    }

    #[test]
    fn a_full_disk_of_two_partitions_is_accepted_in_any_order() {
        let usable = usable(64 * MIB, 4096).unwrap();
        let parts = [part(8 * MIB, usable.end - 8 * MIB), part(usable.start, 8 * MIB - usable.start)];
        let table = gpt_table(64 * MIB, 4096, Uuid::from_u128(1), &parts).unwrap();
        let shapes: Vec<_> = table.iter().map(|(offset, bytes)| (*offset, bytes.len())).collect();
        assert_eq!(shapes, [(0, 6 * 4096), (64 * MIB - 5 * 4096, 5 * 4096)]);
    }
}
