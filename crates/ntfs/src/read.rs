//! Volumes read back: ours, and those that Windows or another system made.
//!
//! ```text
//!   boot sector ─► MFT (its own record, then all its runs) ─► every record in use, front to back
//!                                                                │
//!          Snapshot { tree, streams } ◄── names joined to paths ◄┘
//! ```
//!
//! The reader takes the names from the files' own records, so the whole volume is read in one pass
//! over the MFT and no index has to be right. Whether indexes and records agree is what
//! [`check`](crate::check) finds out. Where a structure is damaged, reading ends with an error that
//! names rule, record and place; where something is merely odd (a file whose directory is gone), a
//! [`Note`] tells of it.

pub(crate) mod block;
pub(crate) mod boot;
pub(crate) mod files;
pub(crate) mod index;
mod lznt1;
pub(crate) mod mft;
pub(crate) mod record;
pub(crate) mod runs;
pub(crate) mod security;
mod snapshot;
pub(crate) mod stream;

use std::io;

use nanovhd_tree::{Finding, Name, ReadAt, SourceId};
use thiserror::Error;
use zerocopy::FromBytes;

use crate::format::{AttributeType, StandardInformation, VolumeInformation};
use crate::rule::{Fault, Rule};
use boot::Boot;
use mft::Mft;
use record::{Record, units};

pub use snapshot::{Note, NoteKind, Snapshot, Streams};

/// Why a volume can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes are no NTFS volume.
    #[error("not an NTFS volume: expected \"NTFS    \" at offset 0x3, found \"{}\"", found.escape_ascii())]
    NotNtfs {
        /// What stands where the name of the file system should be.
        found: [u8; 8],
    },
    /// The volume has a version that is not read.
    #[error("the volume has version {major}.{minor} of NTFS; expected 3.0 or 3.1")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// What is needed to open the volume can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why something of a volume can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A structure breaks a rule of the format.
    #[error("the volume is damaged: {0}")]
    Corrupt(Finding),
    /// The stream is encrypted by EFS, and its key is not in the volume.
    #[error("a stream of record {record} is encrypted by EFS and can't be read without its owner's key")]
    Encrypted {
        /// The MFT record of the file.
        record: u64,
    },
    /// The number is none of the snapshot's streams.
    #[error("there is no stream {0} in the volume")]
    NoStream(u32),
    /// The volume's bytes can't be read.
    #[error("can't read at offset {offset:#x} of the volume")]
    Io {
        /// Where in the volume, in bytes.
        offset: u64,
        /// What the input reported.
        source: io::Error,
    },
}

/// What a volume says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// The label, at most 32 units.
    pub label: Name,
    /// The serial number.
    pub serial: u64,
    /// Major and minor version of the format: 3 and 1 since Windows XP.
    pub version: (u8, u8),
    /// Whether the volume asks for a check.
    pub dirty: bool,
    /// Bytes of the volume, with the last sector.
    pub size: u64,
    /// Bytes of a sector.
    pub sector_size: u32,
    /// Bytes of a cluster.
    pub cluster_size: u32,
    /// Bytes of an MFT record.
    pub record_size: u32,
    /// Records of the MFT, in use or not.
    pub mft_records: u64,
    /// Sectors of the disk before the volume, as the boot sector states them.
    pub hidden_sectors: u32,
}

/// An NTFS volume that is read.
#[derive(Debug)]
pub struct Ntfs<R> {
    volume: R,
    mft: Mft,
    info: VolumeInfo,
}

impl<R: ReadAt> Ntfs<R> {
    /// Opens a volume: reads the boot sector, the MFT's own records and what the volume says of itself.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and where.
    pub fn open(volume: R) -> Result<Self, OpenError> {
        let io = |source| ReadError::Io { offset: 0, source };
        let room = volume.len().map_err(io)?;
        let mut bytes = [0; 512];
        if room < bytes.len() as u64 {
            return Err(OpenError::NotNtfs { found: [0; 8] });
        }
        mft::read(&volume, &mut bytes, 0)?;
        let boot = Boot::parse(&bytes, room).map_err(|fault| match fault.rule {
            Rule::BootOem => {
                OpenError::NotNtfs { found: *bytes[3..].first_chunk().expect("the sector has 512 bytes") }
            }
            _ => ReadError::Corrupt(fault.finding(None, 0)).into(),
        })?;
        let mft = Mft::open(&volume, boot)?;
        let info = volume_info(&volume, &mft)?;
        Ok(Self { volume, mft, info })
    }

    /// What the volume says of itself.
    pub fn info(&self) -> &VolumeInfo {
        &self.info
    }

    /// The bytes of the volume.
    pub fn volume(&self) -> &R {
        &self.volume
    }

    /// Where an MFT record lies, in bytes from the start of the volume.
    pub fn record_offset(&self, record: u64) -> u64 {
        self.mft.offset(record)
    }

    /// Reads the shape of the whole volume: every file and directory but NTFS's own. The contents
    /// of what lies in clusters refer to `source`, numbered in the order in which the data lie.
    ///
    /// # Errors
    /// [`ReadError`] says what is wrong and where.
    pub fn snapshot(&self, source: SourceId) -> Result<Snapshot, ReadError> {
        snapshot::read(&self.volume, &self.mft, source)
    }

    /// Reads bytes of a stream of a snapshot, which was made from this volume, from byte `offset`
    /// on, and says how many; fewer than `buf` has room for only at the stream's end.
    ///
    /// # Errors
    /// [`ReadError`] says what is wrong and where.
    pub fn read_stream(
        &self,
        streams: &Streams,
        index: u32,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, ReadError> {
        streams.read(&self.volume, &self.mft, index, offset, buf)
    }
}

/// What the record of `$Volume` says.
fn volume_info(volume: &impl ReadAt, mft: &Mft) -> Result<VolumeInfo, OpenError> {
    const VOLUME: u64 = 3;
    let corrupt = |fault: Fault| ReadError::Corrupt(mft.finding(VOLUME, fault));
    let mut bytes = mft.read_record(volume, VOLUME)?;
    let record = Record::parse(&mut bytes, VOLUME).map_err(corrupt)?;
    let (mut label, mut information) = (Name::default(), None);
    for attribute in record.attributes() {
        let attribute = attribute.map_err(corrupt)?;
        let Some(value) = attribute.value() else { continue };
        if attribute.kind == AttributeType::VolumeName as u32 {
            label = Name::from_units(units(value).collect::<Vec<_>>());
        } else if attribute.kind == AttributeType::VolumeInformation as u32 {
            information = VolumeInformation::read_from_prefix(value).ok().map(|(i, _)| i);
        }
    }
    let information = information.ok_or_else(|| {
        corrupt(Fault::new(Rule::VolumeInformation, 0, "there is no $VOLUME_INFORMATION of 12 bytes"))
    })?;
    let version = (information.major, information.minor);
    if version.0 != 3 {
        return Err(OpenError::Version { major: version.0, minor: version.1 });
    }
    let boot = &mft.boot;
    Ok(VolumeInfo {
        label,
        serial: boot.serial,
        version,
        dirty: information.flags.get() & crate::format::VOLUME_DIRTY != 0,
        size: boot.size(),
        sector_size: boot.sector,
        cluster_size: boot.cluster.0,
        record_size: u32::try_from(boot.record).expect("records have at most 64 KiB"),
        mft_records: mft.records(),
        hidden_sectors: boot.hidden_sectors,
    })
}

/// The parts of `$STANDARD_INFORMATION` that every version has.
pub(crate) const OLD_STANDARD_INFORMATION: usize = 0x30;
const _: () = assert!(OLD_STANDARD_INFORMATION < size_of::<StandardInformation>());
