//! Reading a partition table, and checking it.
//!
//! Reader and checker are one: what breaks a [`PartitionRule`] goes into a list that reading drops, and
//! what can be read in spite of it is. A disk has a GPT when its MBR says so, a GPT header is where it
//! belongs and no MBR partitions contradict it. Windows sees it so, too.

use std::io;

use nanovhd_tree::{Finding, Findings, ReadAt};
use thiserror::Error;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::format::{BASIC_DATA_TYPE, ESP_TYPE, MBR_ESP, MBR_SIGNATURE, Mbr, PROTECTIVE};
use super::{PartitionRule as Rule, Scheme, gpt_read, mbr_read};

/// A partition that was found on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPartition {
    /// Its number in the table, from 1; unused entries in front of it count. Partitions within an extended
    /// one have numbers from 5.
    pub number: u32,
    /// Offset of its first byte on the disk.
    pub first: u64,
    /// Its length in bytes.
    pub size: u64,
    /// What the table says of it.
    pub kind: FoundKind,
}

/// What a table says of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FoundKind {
    /// In a GPT.
    Gpt {
        /// What it is for.
        type_id: Uuid,
        /// Its identifier.
        id: Uuid,
        /// Its name. Lone surrogates are replaced.
        name: String,
        /// Attribute bits.
        attributes: u64,
    },
    /// In an MBR.
    Mbr {
        /// Its type, such as 7 for NTFS.
        kind: u8,
        /// Whether the boot code starts it.
        active: bool,
    },
}

impl FoundPartition {
    /// Whether it is an EFI system partition.
    pub fn is_esp(&self) -> bool {
        match self.kind {
            FoundKind::Gpt { type_id, .. } => type_id == ESP_TYPE,
            FoundKind::Mbr { kind, .. } => kind == MBR_ESP,
        }
    }

    /// Whether it is one for a volume that Windows mounts: basic data in a GPT, NTFS or FAT in an MBR.
    pub fn is_basic_data(&self) -> bool {
        match self.kind {
            FoundKind::Gpt { type_id, .. } => type_id == BASIC_DATA_TYPE,
            FoundKind::Mbr { kind, .. } => [0x01, 0x04, 0x06, 0x07, 0x0b, 0x0c, 0x0e].contains(&kind),
        }
    }
}

/// The partitions of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    /// The kind of table.
    pub scheme: Scheme,
    /// What a GPT disk is known by.
    pub disk_id: Option<Uuid>,
    /// What an MBR disk is known by.
    pub signature: Option<u32>,
    /// Whether the first GPT is damaged, so that this is what the second says.
    pub from_backup: bool,
    /// The partitions in the order of the table. One that extends past the end of the disk is left out.
    pub partitions: Vec<FoundPartition>,
}

/// Why a partition table can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartitionReadError {
    /// The disk can't be read.
    #[error("the disk can't be read")]
    Read(#[from] io::Error),
    /// Disks have no such sectors.
    #[error("a disk can't have sectors of {0} bytes; it can have 512 or 4096")]
    SectorSize(u32),
    /// Both copies of the GPT are damaged.
    #[error("both copies of the GPT are damaged: {primary}; {backup}")]
    Gpt {
        /// What is wrong with the first.
        primary: Box<Finding>,
        /// What is wrong with the second.
        backup: Box<Finding>,
    },
}

impl PartitionTable {
    /// Reads the partition table of a disk with sectors of `sector_size` bytes. `None`: there is none, and
    /// the disk may be one volume from its first sector on.
    ///
    /// # Errors
    /// [`PartitionReadError`], when the disk should have a GPT and neither copy of it is sound.
    pub fn read(disk: &impl ReadAt, sector_size: u32) -> Result<Option<Self>, PartitionReadError> {
        check_sector_size(sector_size).map_err(|()| PartitionReadError::SectorSize(sector_size))?;
        match look(disk, sector_size, &mut Findings::new())? {
            Found::Nothing => Ok(None),
            Found::Table(table) => Ok(Some(table)),
            Found::Damaged { primary, backup } => {
                Err(PartitionReadError::Gpt { primary: primary.into(), backup: backup.into() })
            }
        }
    }

    /// The EFI system partition: the first of that type.
    pub fn esp(&self) -> Option<&FoundPartition> {
        self.partitions.iter().find(|part| part.is_esp())
    }
}

/// Checks a disk's partition table against every [`PartitionRule`](crate::PartitionRule). A disk without
/// one has nothing to be checked. Offsets of findings are the disk's.
///
/// # Errors
/// What the operating system reports, and [`io::ErrorKind::InvalidInput`] for an impossible sector size.
pub fn check_partitions(disk: &impl ReadAt, sector_size: u32) -> io::Result<Vec<Finding>> {
    check_sector_size(sector_size).map_err(|()| io::ErrorKind::InvalidInput)?;
    let mut faults = Findings::new();
    look(disk, sector_size, &mut faults)?;
    Ok(faults.finish())
}

fn check_sector_size(sector_size: u32) -> Result<(), ()> {
    if [512, 4096].contains(&sector_size) { Ok(()) } else { Err(()) }
}

/// What there is.
pub(super) enum Found {
    Nothing,
    Table(PartitionTable),
    Damaged { primary: Finding, backup: Finding },
}

/// A disk and what is known of it.
pub(super) struct Disk<'a, R> {
    pub(super) bytes: &'a R,
    /// Bytes of a sector.
    pub(super) sector: u64,
    /// How many sectors the disk has.
    pub(super) sectors: u64,
}

impl<R: ReadAt> Disk<'_, R> {
    /// The MBR, or what is in its place, in the sector with that number.
    pub(super) fn mbr(&self, sector: u64) -> io::Result<Mbr> {
        let mut mbr = Mbr::new_zeroed();
        self.bytes.read_exact_at(mbr.as_mut_bytes(), sector * self.sector)?;
        Ok(mbr)
    }
}

fn look<R: ReadAt>(bytes: &R, sector_size: u32, faults: &mut Findings) -> io::Result<Found> {
    let sector = u64::from(sector_size);
    let disk = Disk { bytes, sector, sectors: bytes.len()? / sector };
    if disk.sectors == 0 {
        return Ok(Found::Nothing);
    }
    let mbr = disk.mbr(0)?;
    let protective = mbr.entries.iter().any(|entry| entry.kind == PROTECTIVE);
    // What a volume that takes the whole disk has left of an older table doesn't count.
    if is_boot_sector(&mbr) && !(protective && gpt_read::is_there(&disk)?) {
        return Ok(Found::Nothing);
    }
    let plain = !protective && mbr.entries.iter().any(|entry| entry.kind != 0);
    if mbr.signature.get() == MBR_SIGNATURE && protective {
        return gpt_read::look(&disk, &mbr, faults);
    }
    // Other boot sectors than an MBR have code where it has its entries. If each has a status that there is, or
    // one is a partition of this disk, they are entries.
    let used = || mbr.entries.iter().filter(|entry| entry.kind != 0);
    let plausible =
        used().any(|entry| mbr_read::is_plausible(entry, &disk)) || mbr.entries.iter().all(mbr_read::has_status);
    if mbr.signature.get() == MBR_SIGNATURE && plain && plausible {
        return mbr_read::look(&disk, &mbr, faults).map(Found::Table);
    }
    if gpt_read::is_there(&disk)? {
        return gpt_read::look(&disk, &mbr, faults);
    }
    // Without the signature all of them must be right.
    if plain && mbr.entries.iter().all(|entry| mbr_read::is_plausible(entry, &disk)) {
        let found = mbr.signature.get();
        faults.add(Rule::MbrSignature, 510, format_args!("found {found:#06x}, expected {MBR_SIGNATURE:#06x}"));
        return mbr_read::look(&disk, &mbr, faults).map(Found::Table);
    }
    Ok(Found::Nothing)
}

/// Whether the sector is the first of an NTFS, FAT or exFAT volume: it starts with a jump, and behind that
/// is what all such volumes say of themselves.
fn is_boot_sector(mbr: &Mbr) -> bool {
    let code = &mbr.code;
    let jump = code[0] == 0xeb || code[0] == 0xe9;
    let sector = u16::from_le_bytes([code[11], code[12]]);
    // Bytes of a sector, sectors of a cluster (NTFS has large ones as negative powers of two), medium.
    let geometry = [512, 1024, 2048, 4096].contains(&sector)
        && (code[13].is_power_of_two() || code[13] >= 0xf4)
        && code[21] >= 0xf0;
    jump && (geometry || code[3..11] == *b"EXFAT   ")
}
