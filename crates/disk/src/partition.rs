//! Partitions: what they are, the tables that hold them and the two standard layouts.

mod format;
mod gpt;
mod gpt_read;
mod layout;
mod mbr;
mod mbr_read;
mod read;
mod rule;

use thiserror::Error;
use uuid::Uuid;

pub use self::gpt::gpt_table;
pub use self::layout::{DiskLayout, Scheme};
pub use self::mbr::{MBR_BOOT_CODE, MbrPartition, mbr_table};
pub use self::read::{FoundKind, FoundPartition, PartitionReadError, PartitionTable, check_partitions};
pub use self::rule::PartitionRule;

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionKind {
    /// The EFI system partition.
    Esp,
    /// Space that Windows keeps for itself.
    MicrosoftReserved,
    /// A volume that Windows mounts.
    BasicData,
}

/// A partition of a GPT disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// What it is for.
    pub kind: PartitionKind,
    /// Its name, at most 36 UTF-16 units.
    pub name: String,
    /// Offset of its first byte on the disk.
    pub first: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its identifier, which differs from all others.
    pub id: Uuid,
}

/// Why a partition table or a layout can't be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// Disks have no such sectors.
    #[error("a disk can't have sectors of {0} bytes; it can have 512 or 4096")]
    SectorSize(u32),
    /// The disk ends within a sector.
    #[error("a disk of {size} bytes is not a whole number of sectors of {sector_size} bytes")]
    PartialSector {
        /// The size of the disk.
        size: u64,
        /// The sector size.
        sector_size: u32,
    },
    /// The disk has no room for what must be on it.
    #[error("the disk has {size} bytes; at least {needed} are needed")]
    TooSmall {
        /// The least that would do.
        needed: u64,
        /// The size of the disk.
        size: u64,
    },
    /// A partition starts or ends within a sector.
    #[error(
        "partition {number} ({size} bytes at {first:#x}) doesn't start and end with a sector of {sector_size} bytes"
    )]
    Unaligned {
        /// Its number, from 1.
        number: usize,
        /// Its first byte.
        first: u64,
        /// Its length in bytes.
        size: u64,
        /// The sector size.
        sector_size: u32,
    },
    /// A partition has no bytes.
    #[error("partition {number} at {first:#x} is empty")]
    Empty {
        /// Its number, from 1.
        number: usize,
        /// Its first byte.
        first: u64,
    },
    /// A partition covers bytes of the table or lies past the end of the disk.
    #[error("partition {number} ({size} bytes at {first:#x}) is not within {usable:#x?}, which the table leaves")]
    Outside {
        /// Its number, from 1.
        number: usize,
        /// Its first byte.
        first: u64,
        /// Its length in bytes.
        size: u64,
        /// The bytes of the disk that partitions may cover.
        usable: std::ops::Range<u64>,
    },
    /// Two partitions cover the same bytes.
    #[error("partitions {first} and {second} overlap")]
    Overlap {
        /// Number of one, from 1.
        first: usize,
        /// Number of the other, from 1.
        second: usize,
    },
    /// A name is too long for the table.
    #[error("the name of partition {number} has {units} UTF-16 units; the most is {limit}")]
    Name {
        /// Its number, from 1.
        number: usize,
        /// The length of the name.
        units: usize,
        /// The longest possible.
        limit: usize,
    },
    /// An identifier is zero or that of another partition.
    #[error("the identifier {id} of partition {number} is zero or another partition's")]
    Identifier {
        /// Its number, from 1.
        number: usize,
        /// The identifier.
        id: Uuid,
    },
    /// The table has fewer entries.
    #[error("{count} partitions don't fit into the table, which holds {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many the table holds.
        limit: usize,
    },
    /// Type 0 marks an entry as unused.
    #[error("partition {number} has type 0, which means that there is none")]
    Kind {
        /// Its number, from 1.
        number: usize,
    },
    /// More than one partition is to be started.
    #[error("partitions {first} and {second} are both active")]
    Active {
        /// Number of one, from 1.
        first: usize,
        /// Number of the other, from 1.
        second: usize,
    },
    /// An MBR has 32-bit sector numbers.
    #[error("partition {number} ends at {end:#x}, where an MBR can't reach")]
    MbrReach {
        /// Its number, from 1.
        number: usize,
        /// The byte behind it.
        end: u64,
    },
    /// The boot code is too long.
    #[error("the boot code has {len} bytes; the most is {MBR_BOOT_CODE}")]
    BootCode {
        /// Its length in bytes.
        len: usize,
    },
    /// The GPT library refused.
    #[error("the partition table can't be made")]
    Gpt(#[from] ::gpt::GptError),
}

/// Checks the disk itself and says how many sectors it has.
fn sectors(size: u64, sector_size: u32) -> Result<u64, PartitionError> {
    if ![512, 4096].contains(&sector_size) {
        return Err(PartitionError::SectorSize(sector_size));
    }
    if !size.is_multiple_of(u64::from(sector_size)) {
        return Err(PartitionError::PartialSector { size, sector_size });
    }
    Ok(size / u64::from(sector_size))
}

/// Checks that partitions (first byte, length) are whole sectors in `usable` and don't overlap.
fn check_places(parts: &[(u64, u64)], usable: &std::ops::Range<u64>, sector_size: u32) -> Result<(), PartitionError> {
    for (&(first, size), number) in parts.iter().zip(1..) {
        if size == 0 {
            return Err(PartitionError::Empty { number, first });
        }
        if !(first | size).is_multiple_of(u64::from(sector_size)) {
            return Err(PartitionError::Unaligned { number, first, size, sector_size });
        }
        if first < usable.start || first.checked_add(size).is_none_or(|end| end > usable.end) {
            return Err(PartitionError::Outside { number, first, size, usable: usable.clone() });
        }
    }
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&index| parts[index].0);
    for pair in order.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        if parts[one].0 + parts[one].1 > parts[other].0 {
            return Err(PartitionError::Overlap { first: one.min(other) + 1, second: one.max(other) + 1 });
        }
    }
    Ok(())
}

/// Finds partitions that share bytes with one that starts before them, and tells of each with that one.
fn overlaps(partitions: &[FoundPartition], mut found: impl FnMut(&FoundPartition, &FoundPartition)) {
    let mut order: Vec<&FoundPartition> = partitions.iter().collect();
    order.sort_by_key(|part| (part.first, part.number));
    let Some(mut reaching) = order.first().copied() else { return };
    for part in &order[1..] {
        if part.first < reaching.first + reaching.size {
            found(reaching, part);
        }
        if part.first + part.size > reaching.first + reaching.size {
            reaching = part;
        }
    }
}
