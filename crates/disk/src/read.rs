//! Reading a disk image, whatever container it is in.

use std::io;
use std::ops::Range;

use nanovhd_tree::{Finding, ReadAt};
use thiserror::Error;
use uuid::Uuid;

use crate::container::Format;
use crate::map::BlockMap;
use crate::overlay::Overlay;
use crate::rule::{ContainerRule, Faults, Stop};
use crate::{vhd, vhdx};

/// Why a disk image can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file can't be read.
    #[error("the disk image can't be read")]
    Read(#[from] io::Error),
    /// The container breaks a rule without which its bytes can't be known.
    #[error("the disk image is damaged: {0}")]
    Damaged(Finding),
    /// The file has only what differs from another disk.
    #[error(
        "this is a differencing disk, which has only what differs from its parent ({parent}); \
         merge it into the parent first, with Merge-VHD or qemu-img commit, and open that"
    )]
    Differencing {
        /// What the file calls its parent.
        parent: String,
    },
}

/// A disk image, opened for reading: the bytes of the virtual disk by [`ReadAt`]. What the container does
/// not hold reads as zeros.
#[derive(Debug)]
pub struct Disk<R> {
    file: Overlay<R>,
    /// Where the disk's bytes are; without it, in the file as they are on the disk.
    map: Option<BlockMap>,
    facts: Facts,
}

/// What is known of a disk beside its bytes.
#[derive(Debug)]
struct Facts {
    format: Format,
    size: u64,
    sector_size: u32,
    id: Option<Uuid>,
    creator: Option<String>,
    log_replayed: bool,
}

/// The family of a container, which its content tells.
enum Family {
    Raw,
    Vhd,
    Vhdx,
}

impl Family {
    fn of<R: ReadAt>(file: &R, len: u64) -> io::Result<Self> {
        // A dynamic VHD starts with its footer's copy, so that the two can't be confused.
        Ok(if vhdx::is_vhdx(file, len)? {
            Self::Vhdx
        } else if vhd::is_vhd(file, len)? {
            Self::Vhd
        } else {
            Self::Raw
        })
    }
}

impl<R: ReadAt> Disk<R> {
    /// Opens a disk image. Its content says what it is: a VHDX, a VHD, or else a raw image, which is
    /// anything. Changes that the log of a VHDX still has to make are made in memory.
    ///
    /// # Errors
    /// [`OpenError::Differencing`] for a disk that needs a parent, [`OpenError::Damaged`] for a container
    /// that can't be relied on, else what the operating system reports.
    pub fn open(file: R) -> Result<Self, OpenError> {
        let mut faults = Faults::new();
        let opened = Self::parse(file, &mut faults);
        match (opened, faults.into_refusal()) {
            (Err(Stop::Io(error)), _) => Err(OpenError::Read(error)),
            (Err(Stop::Parent(parent)), _) => Err(OpenError::Differencing { parent }),
            (_, Some(fault)) => Err(OpenError::Damaged(fault)),
            (Ok(disk), None) => Ok(disk),
            // No parser stops without saying why.
            (Err(Stop::Fault), None) => Err(OpenError::Read(io::ErrorKind::InvalidData.into())),
        }
    }

    fn parse(file: R, faults: &mut Faults) -> Result<Self, Stop> {
        let len = file.len()?;
        match Family::of(&file, len)? {
            Family::Raw => Self::raw(file, len),
            Family::Vhd => {
                let vhd = vhd::parse(&file, len, faults)?;
                Ok(Self::from_vhd(Overlay::new(file, len), vhd))
            }
            Family::Vhdx => Ok(Self::from_vhdx(vhdx::parse(file, len, faults)?)),
        }
    }

    fn raw(file: R, size: u64) -> Result<Self, Stop> {
        let sector_size = raw_sector_size(&file, size)?;
        let facts = Facts { format: Format::Raw, size, sector_size, id: None, creator: None, log_replayed: false };
        Ok(Self { file: Overlay::new(file, size), map: None, facts })
    }

    fn from_vhd(file: Overlay<R>, vhd: vhd::Vhd) -> Self {
        let facts = Facts {
            format: if vhd.map.is_some() { Format::VhdDynamic } else { Format::VhdFixed },
            size: vhd.size,
            sector_size: 512,
            id: Some(vhd.id),
            creator: Some(vhd.creator),
            log_replayed: false,
        };
        Self { file, map: vhd.map, facts }
    }

    fn from_vhdx(vhdx: vhdx::Vhdx<R>) -> Self {
        let facts = Facts {
            format: if vhdx.metadata.fixed { Format::VhdxFixed } else { Format::VhdxDynamic },
            size: vhdx.metadata.size,
            sector_size: vhdx.metadata.sector_size,
            id: Some(vhdx.metadata.id),
            creator: Some(vhdx.creator),
            log_replayed: vhdx.log_replayed,
        };
        Self { file: vhdx.file, map: Some(vhdx.map), facts }
    }

    /// What kind of container it is.
    pub fn format(&self) -> Format {
        self.facts.format
    }

    /// Bytes of the virtual disk.
    pub fn virtual_size(&self) -> u64 {
        self.facts.size
    }

    /// Bytes of a logical sector. A raw image doesn't say: 512, unless it has a GPT where only a disk with
    /// sectors of 4096 bytes has it.
    pub fn sector_size(&self) -> u32 {
        self.facts.sector_size
    }

    /// The disk's identifier, which raw images don't have.
    pub fn id(&self) -> Option<Uuid> {
        self.facts.id
    }

    /// Who made the container, in its own words.
    pub fn creator(&self) -> Option<&str> {
        self.facts.creator.as_deref()
    }

    /// Bytes of a block, where the container has them.
    pub fn block_size(&self) -> Option<u64> {
        self.map.as_ref().map(BlockMap::block_size)
    }

    /// Bytes of blocks that the container holds.
    pub fn allocated(&self) -> u64 {
        self.map.as_ref().map_or(self.facts.size, |map| map.allocated() * map.block_size())
    }

    /// Whether the file was not closed well, so that its log had to be replayed (in memory, the file is
    /// as it was).
    pub fn log_replayed(&self) -> bool {
        self.facts.log_replayed
    }

    /// The ranges of the disk that the container holds, sorted, with neighbours joined. Everything
    /// outside them is zero.
    pub fn data_ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let size = self.facts.size;
        let whole = self.map.is_none().then_some(0..size).filter(|whole| !whole.is_empty());
        let mapped = self.map.iter().flat_map(BlockMap::ranges);
        whole.into_iter().chain(mapped.map(move |range| range.start..range.end.min(size)))
    }

    /// Checks the container, see [`check_container`].
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn check(&self) -> io::Result<Vec<Finding>> {
        check_container(self.file.inner())
    }
}

impl<R: ReadAt> ReadAt for Disk<R> {
    /// Reads as much as there is: less than `buf` only at the end of the disk.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.facts.size.saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let buf = &mut buf[..len];
        match &self.map {
            Some(map) => map.read(&self.file, buf, offset)?,
            None => self.file.read_exact_at(buf, offset)?,
        }
        Ok(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.facts.size)
    }
}

/// Checks a container against every [`ContainerRule`](crate::ContainerRule), whether it can be opened or
/// not. A log that is not empty is no fault: the format provides for it, see [`Disk::log_replayed`].
///
/// # Errors
/// What the operating system reports.
pub fn check_container<R: ReadAt>(file: &R) -> io::Result<Vec<Finding>> {
    let mut faults = Faults::new();
    let len = file.len()?;
    let result = match Family::of(file, len)? {
        Family::Raw => {
            if !len.is_multiple_of(512) {
                faults.note(ContainerRule::RawSize, len, format_args!("{len} bytes end within a sector"));
            }
            Ok(())
        }
        Family::Vhd => vhd::parse(file, len, &mut faults).map(|vhd| vhd::check(&vhd, &mut faults)),
        Family::Vhdx => vhdx::parse(file, len, &mut faults).map(|vhdx| vhdx::check(&vhdx, &mut faults)),
    };
    match result {
        Err(Stop::Io(error)) => Err(error),
        Ok(()) | Err(Stop::Fault | Stop::Parent(_)) => Ok(faults.finish()),
    }
}

/// 512, or 4096 when a GPT is there and none where 512 would have it.
fn raw_sector_size<R: ReadAt>(file: &R, len: u64) -> io::Result<u32> {
    let has_gpt = |sector: u64| {
        let mut signature = [0; 8];
        if sector + 8 > len {
            return Ok(false);
        }
        file.read_exact_at(&mut signature, sector)?;
        io::Result::Ok(&signature == b"EFI PART")
    };
    Ok(if !has_gpt(512)? && has_gpt(4096)? { 4096 } else { 512 })
}
