//! What a container is to be, and the plan of it.

use std::ops::Range;

use nanovhd_tree::{Filetime, WriteAt};
use thiserror::Error;
use uuid::Uuid;

use crate::blocks::Blocks;
use crate::writer::DiskWriter;
use crate::{vhd, vhdx};

/// The kind of file a virtual disk is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The disk's bytes and nothing else.
    Raw,
    /// VHD with all bytes of the disk in the file: the disk and a footer.
    VhdFixed,
    /// VHD with the blocks that hold something.
    VhdDynamic,
    /// VHDX with all blocks of the disk in the file.
    VhdxFixed,
    /// VHDX with the blocks that hold something.
    VhdxDynamic,
}

impl Format {
    /// The largest virtual disk in bytes.
    pub fn max_size(self) -> u64 {
        match self {
            // File offsets are signed on every system we run on.
            Self::Raw => i64::MAX as u64,
            Self::VhdFixed | Self::VhdDynamic => vhd::MAX_SIZE,
            Self::VhdxFixed | Self::VhdxDynamic => vhdx::MAX_SIZE,
        }
    }

    /// Whether only blocks that hold something are in the file.
    pub fn is_dynamic(self) -> bool {
        matches!(self, Self::VhdDynamic | Self::VhdxDynamic)
    }
}

/// What the container is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOptions {
    /// The kind of file.
    pub format: Format,
    /// Bytes of the virtual disk: a whole number of sectors.
    pub size: u64,
    /// Bytes of a logical sector: 512 or 4096. A VHD has 512.
    pub sector_size: u32,
    /// Bytes of a block, where the format has them and there is a reason not to leave it to us:
    /// a power of two from 1 MiB to 256 MiB for VHDX, 512 KiB or 2 MiB for a dynamic VHD.
    pub block_size: Option<u32>,
    /// The disk's identifier. Every other GUID in the file is derived from it.
    pub id: Uuid,
    /// When the disk was made. Only VHD stores it, in seconds from 2000 to 2136.
    pub time: Filetime,
}

/// Why a container can't be planned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The disk has no bytes.
    #[error("the virtual disk has a size of 0 bytes")]
    Empty,
    /// The disk ends within a sector.
    #[error("a virtual disk of {size} bytes is not a whole number of sectors of {sector_size} bytes")]
    PartialSector {
        /// The size asked for.
        size: u64,
        /// The sector size.
        sector_size: u32,
    },
    /// The format can't hold so large a disk.
    #[error("a virtual disk of {size} bytes is larger than {format:?} allows, which is {limit} bytes")]
    TooLarge {
        /// The format.
        format: Format,
        /// The size asked for.
        size: u64,
        /// The largest possible.
        limit: u64,
    },
    /// The format has no such sectors.
    #[error("{format:?} can't have sectors of {found} bytes")]
    SectorSize {
        /// The format.
        format: Format,
        /// The sector size asked for.
        found: u32,
    },
    /// The format has no such blocks.
    #[error("{format:?} can't have blocks of {found} bytes")]
    BlockSize {
        /// The format.
        format: Format,
        /// The block size asked for.
        found: u32,
    },
    /// A range to be written reaches past the end of the disk.
    #[error("the range {start:#x}..{end:#x} is outside the virtual disk of {size:#x} bytes")]
    RangeOutside {
        /// First byte of the range.
        start: u64,
        /// The byte behind it.
        end: u64,
        /// The size of the disk.
        size: u64,
    },
    /// The ranges to be written are not sorted, overlap, or end before they start.
    #[error("the range at {start:#x} starts before the one in front of it ends, at {previous:#x}")]
    RangeOrder {
        /// First byte of the range.
        start: u64,
        /// Where the range in front of it ends.
        previous: u64,
    },
}

/// A plan: where each byte of the virtual disk lies in the file, and how long the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    options: ContainerOptions,
    blocks: Blocks,
    file_len: u64,
}

impl Container {
    /// Plans a container for a disk on which the byte ranges `used` will be written. They must be
    /// sorted and disjoint; empty ones are skipped. Formats that hold the whole disk check them
    /// all the same.
    ///
    /// # Errors
    /// [`ContainerError`] says what can't be.
    pub fn plan(options: &ContainerOptions, used: &[Range<u64>]) -> Result<Self, ContainerError> {
        check(options)?;
        check_ranges(options.size, used)?;
        let (blocks, file_len) = match options.format {
            Format::Raw => {
                refuse_blocks(options)?;
                (Blocks::all(options.size, 1, 0), options.size)
            }
            Format::VhdFixed | Format::VhdDynamic => vhd::plan(options, used)?,
            Format::VhdxFixed | Format::VhdxDynamic => vhdx::plan(options, used)?,
        };
        Ok(Self { options: options.clone(), blocks, file_len })
    }

    /// The length of the file in bytes. Bring the new file to it before writing.
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Bytes of the virtual disk.
    pub fn virtual_size(&self) -> u64 {
        self.options.size
    }

    /// What was asked for.
    pub fn options(&self) -> &ContainerOptions {
        &self.options
    }

    /// Bytes of a block. Formats without blocks have one as large as the disk.
    pub fn block_size(&self) -> u64 {
        self.blocks.size()
    }

    /// Blocks of the virtual disk, in the file or not.
    pub fn blocks(&self) -> u64 {
        self.blocks.total()
    }

    /// Blocks that are in the file.
    pub fn allocated_blocks(&self) -> u64 {
        self.blocks.allocated()
    }

    /// Starts writing to `file`, which must be new and [`Container::file_len`] long.
    pub fn create<'w, W: WriteAt>(&'w self, file: &'w W) -> DiskWriter<'w, W> {
        DiskWriter::new(self, file)
    }

    pub(crate) fn map(&self) -> &Blocks {
        &self.blocks
    }

    /// Writes what the format has beside the disk's own bytes.
    pub(crate) fn write_structures<W: WriteAt>(&self, file: &W) -> std::io::Result<()> {
        match self.options.format {
            Format::Raw => Ok(()),
            Format::VhdFixed | Format::VhdDynamic => vhd::write(self, file),
            Format::VhdxFixed | Format::VhdxDynamic => vhdx::write(self, file),
        }
    }
}

/// What all formats ask of the size and the sectors.
fn check(options: &ContainerOptions) -> Result<(), ContainerError> {
    let &ContainerOptions { format, size, sector_size, .. } = options;
    let vhd = matches!(format, Format::VhdFixed | Format::VhdDynamic);
    if !(sector_size == 512 || sector_size == 4096 && !vhd) {
        return Err(ContainerError::SectorSize { format, found: sector_size });
    }
    if size == 0 {
        return Err(ContainerError::Empty);
    }
    if size > format.max_size() {
        return Err(ContainerError::TooLarge { format, size, limit: format.max_size() });
    }
    if !size.is_multiple_of(u64::from(sector_size)) {
        return Err(ContainerError::PartialSector { size, sector_size });
    }
    Ok(())
}

/// Formats that hold the whole disk in one piece have no block size to choose.
pub(crate) fn refuse_blocks(options: &ContainerOptions) -> Result<(), ContainerError> {
    let refused = |found| Err(ContainerError::BlockSize { format: options.format, found });
    options.block_size.map_or(Ok(()), refused)
}

fn check_ranges(size: u64, used: &[Range<u64>]) -> Result<(), ContainerError> {
    let mut previous = 0;
    for &Range { start, end } in used {
        if start < previous || end < start {
            return Err(ContainerError::RangeOrder { start, previous });
        }
        if end > size {
            return Err(ContainerError::RangeOutside { start, end, size });
        }
        previous = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    const MIB: u64 = 1 << 20;
    const ALL: [Format; 5] =
        [Format::Raw, Format::VhdFixed, Format::VhdDynamic, Format::VhdxFixed, Format::VhdxDynamic];

    fn options(format: Format, size: u64) -> ContainerOptions {
        ContainerOptions {
            format,
            size,
            sector_size: 512,
            block_size: None,
            id: Uuid::from_u128(1),
            time: Filetime::from_unix(0),
        }
    }

    #[test]
    fn impossible_sizes_are_refused_by_every_format() {
        for format in ALL {
            let plan = |size| Container::plan(&options(format, size), &[]);
            assert_eq!(plan(0), Err(ContainerError::Empty), "{format:?}");
            let partial = ContainerError::PartialSector { size: MIB + 1, sector_size: 512 };
            assert_eq!(plan(MIB + 1), Err(partial), "{format:?}");
            let limit = format.max_size();
            for size in [limit + 1, u64::MAX] {
                assert_eq!(plan(size), Err(ContainerError::TooLarge { format, size, limit }), "{format:?}");
            }
            let largest = limit / 512 * 512;
            assert_eq!(plan(largest).unwrap().virtual_size(), largest, "{format:?}");
            assert!(plan(512).is_ok(), "{format:?}");
        }
    }

    #[test]
    fn sector_and_block_sizes_are_those_of_the_format() {
        for format in ALL {
            for (sector_size, fits) in [(0, false), (512, true), (1024, false), (4096, true), (8192, false)] {
                let fits = fits && (sector_size == 512 || !matches!(format, Format::VhdFixed | Format::VhdDynamic));
                let result = Container::plan(&ContainerOptions { sector_size, ..options(format, 8 * MIB) }, &[]);
                let refused = Err(ContainerError::SectorSize { format, found: sector_size });
                assert!(if fits { result.is_ok() } else { result == refused }, "{format:?} {sector_size}");
            }
            for block in [0, 512, 1 << 19, 1 << 20, 1 << 21, 3 << 20, 1 << 28, 1 << 29, u32::MAX] {
                let fits = match format {
                    Format::Raw | Format::VhdFixed => false,
                    Format::VhdDynamic => [1 << 19, 1 << 21].contains(&block),
                    Format::VhdxFixed | Format::VhdxDynamic => [1 << 20, 1 << 21, 1 << 28].contains(&block),
                };
                let with_block = ContainerOptions { block_size: Some(block), ..options(format, 8 * MIB) };
                let result = Container::plan(&with_block, &[]);
                let refused = Err(ContainerError::BlockSize { format, found: block });
                assert!(if fits { result.is_ok() } else { result == refused }, "{format:?} {block}");
            }
        }
    }

    #[test]
    fn ranges_must_be_sorted_disjoint_and_inside() {
        for format in ALL {
            let plan = |used: &[Range<u64>]| Container::plan(&options(format, MIB), used);
            assert!(plan(&[0..0, 0..5, 5..9, MIB - 1..MIB]).is_ok());
            let outside = ContainerError::RangeOutside { start: 9, end: MIB + 1, size: MIB };
            assert_eq!(plan(&[0..5, 9..MIB + 1]), Err(outside));
            assert_eq!(plan(&[0..5, 4..9]), Err(ContainerError::RangeOrder { start: 4, previous: 5 }));
            #[expect(clippy::reversed_empty_ranges, reason = "a caller's mistake is what is tested")]
            let backwards = plan(slice::from_ref(&(9..5)));
            assert_eq!(backwards, Err(ContainerError::RangeOrder { start: 9, previous: 0 }));
        }
    }

    #[test]
    fn raw_is_the_disk_itself() {
        let plan = Container::plan(&options(Format::Raw, 3 * MIB), slice::from_ref(&(0..1))).unwrap();
        assert_eq!((plan.file_len(), plan.blocks(), plan.allocated_blocks()), (3 * MIB, 1, 1));
        assert_eq!(plan.map().locate(5), Some((5, 3 * MIB - 5)));
    }
}
