//! Where a resource lies in the file, and the checks that keep resources apart.
//!
//! A resource is a run of bytes of the file, stored as it is or as a chunk table and compressed
//! chunks. \[WIM\] "Resource header".

use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

use crate::format::{HEADER_SIZE, ResourceDisk, resource_flags};

/// A resource header in native types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource {
    /// First byte in the file.
    pub(crate) offset: u64,
    /// Length in the file.
    pub(crate) stored_len: u64,
    /// Length when read.
    pub(crate) len: u64,
    /// [`resource_flags`].
    pub(crate) flags: u8,
}

impl Resource {
    pub(crate) fn parse(disk: &ResourceDisk) -> Self {
        let mut stored_len = [0; 8];
        stored_len[..7].copy_from_slice(&disk.stored_len);
        Self {
            offset: disk.offset.get(),
            stored_len: u64::from_le_bytes(stored_len),
            len: disk.len.get(),
            flags: disk.flags,
        }
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.flags & resource_flags::COMPRESSED != 0
    }
}

/// What a region of the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// The table of all blobs.
    BlobTable,
    /// The description of the images.
    Xml,
    /// The digests of the whole file.
    IntegrityTable,
    /// An entry of the blob table, counted from 0.
    BlobEntry(usize),
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlobTable => f.write_str("the blob table"),
            Self::Xml => f.write_str("the XML data"),
            Self::IntegrityTable => f.write_str("the integrity table"),
            Self::BlobEntry(entry) => write!(f, "the resource of blob table entry {entry}"),
        }
    }
}

/// Why a resource can't lie where it is said to lie.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegionError {
    /// It reaches past the end of the file.
    #[error("{region} lies at {offset:#x} with {stored_len:#x} bytes, but the file ends at {file_len:#x}")]
    PastEnd {
        /// What lies there.
        region: Region,
        /// Where it starts.
        offset: u64,
        /// Its length in the file.
        stored_len: u64,
        /// The length of the file.
        file_len: u64,
    },
    /// It starts in the file header.
    #[error("{region} lies at {offset:#x}, inside the header, which ends at {HEADER_SIZE:#x}")]
    InHeader {
        /// What lies there.
        region: Region,
        /// Where it starts.
        offset: u64,
    },
    /// It shares bytes with another.
    #[error("{region} lies at {offset:#x}, but {other} does not end before {other_end:#x}")]
    Overlap {
        /// The one that starts later.
        region: Region,
        /// Where it starts.
        offset: u64,
        /// The one that starts first.
        other: Region,
        /// Where that one ends.
        other_end: u64,
    },
    /// It is stored as it is, but its two lengths differ.
    #[error("{region} is not compressed, but has {stored_len:#x} bytes in the file and {len:#x} when read")]
    Lengths {
        /// What it is.
        region: Region,
        /// Its length in the file.
        stored_len: u64,
        /// Its length when read.
        len: u64,
    },
    /// It is compressed, but too short for as many chunks as its length asks for.
    #[error("{region} has {stored_len:#x} bytes, too few for the {chunks} chunks of {len:#x} bytes and their table")]
    Chunks {
        /// What it is.
        region: Region,
        /// Its length in the file.
        stored_len: u64,
        /// Its length when read.
        len: u64,
        /// Chunks of so many bytes.
        chunks: u64,
    },
    /// It is compressed in a file without compression.
    #[error("{region} is compressed, but the header says that nothing is")]
    NoCodec {
        /// What it is.
        region: Region,
    },
}

/// How large the chunk table of a compressed resource is. \[WIM\] "Resource compression".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkTable {
    /// Chunks of the resource.
    pub(crate) chunks: u64,
    /// Bytes of an entry.
    pub(crate) entry_len: usize,
    /// Bytes of the table: an entry for every chunk but the first.
    pub(crate) len: u64,
}

impl ChunkTable {
    /// The table of a resource that has `len` bytes when read.
    pub(crate) fn of(len: u64, chunk_size: u32) -> Self {
        let chunks = len.div_ceil(chunk_size.into());
        let entry_len = if len > u64::from(u32::MAX) { 8 } else { 4 };
        // No overflow: chunks have at least 4 KiB, so there are fewer than 2^52 of them.
        Self { chunks, entry_len, len: chunks.saturating_sub(1) * entry_len as u64 }
    }

    /// Whether `stored_len` bytes have room for the table and a byte for each chunk.
    pub(crate) fn fits(&self, stored_len: u64) -> bool {
        stored_len.checked_sub(self.len).is_some_and(|data_len| data_len >= self.chunks)
    }
}

/// Collects the regions of a file and checks that they fit into it side by side.
#[derive(Debug)]
pub(crate) struct Regions {
    file_len: u64,
    chunk_size: Option<NonZeroU32>,
    used: Vec<(u64, u64, Region)>,
}

impl Regions {
    /// Of a file of `file_len` bytes, whose compressed resources have chunks of `chunk_size` bytes;
    /// of 0 if it has none.
    pub(crate) fn new(file_len: u64, chunk_size: u32) -> Self {
        Self { file_len, chunk_size: NonZeroU32::new(chunk_size), used: Vec::new() }
    }

    /// Checks a resource by itself.
    pub(crate) fn check(&self, region: Region, resource: &Resource) -> Result<(), RegionError> {
        self.check_place(region, resource)?;
        let &Resource { stored_len, len, .. } = resource;
        match self.chunk_size {
            _ if !resource.is_compressed() && stored_len != len => {
                Err(RegionError::Lengths { region, stored_len, len })
            }
            None if resource.is_compressed() => Err(RegionError::NoCodec { region }),
            Some(chunk_size) if resource.is_compressed() => {
                let table = ChunkTable::of(len, chunk_size.get());
                if table.fits(stored_len) {
                    return Ok(());
                }
                Err(RegionError::Chunks { region, stored_len, len, chunks: table.chunks })
            }
            _ => Ok(()),
        }
    }

    /// Checks where a resource lies.
    fn check_place(&self, region: Region, resource: &Resource) -> Result<(), RegionError> {
        let &Resource { offset, stored_len, .. } = resource;
        let file_len = self.file_len;
        if offset < HEADER_SIZE as u64 {
            return Err(RegionError::InHeader { region, offset });
        }
        if offset.checked_add(stored_len).is_none_or(|end| end > file_len) {
            return Err(RegionError::PastEnd { region, offset, stored_len, file_len });
        }
        Ok(())
    }

    /// Checks a resource and keeps its place, so that [`Regions::finish`] finds what overlaps it.
    pub(crate) fn take(&mut self, region: Region, resource: &Resource) -> Result<(), RegionError> {
        self.check(region, resource)?;
        self.used.push((resource.offset, resource.offset + resource.stored_len, region));
        Ok(())
    }

    /// The same for a solid resource, whose lengths are for others to check.
    pub(crate) fn take_solid(&mut self, region: Region, resource: &Resource) -> Result<(), RegionError> {
        self.check_place(region, resource)?;
        self.used.push((resource.offset, resource.offset + resource.stored_len, region));
        Ok(())
    }

    /// Checks that no two resources share a byte.
    pub(crate) fn finish(mut self) -> Result<(), RegionError> {
        self.used.retain(|&(offset, end, _)| offset != end);
        self.used.sort_unstable_by_key(|&(offset, end, _)| (offset, end));
        for pair in self.used.windows(2) {
            let ((_, other_end, other), (offset, _, region)) = (pair[0], pair[1]);
            if offset < other_end {
                return Err(RegionError::Overlap { region, offset, other, other_end });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(offset: u64, len: u64) -> Resource {
        Resource { offset, stored_len: len, len, flags: 0 }
    }

    #[test]
    fn neighbours_fit_and_overlaps_do_not() {
        let mut regions = Regions::new(1000, 0);
        regions.take(Region::Xml, &plain(300, 100)).unwrap();
        regions.take(Region::BlobTable, &plain(208, 92)).unwrap();
        regions.take(Region::IntegrityTable, &plain(350, 0)).unwrap();
        regions.take(Region::BlobEntry(0), &plain(400, 600)).unwrap();
        regions.finish().unwrap();

        let mut regions = Regions::new(1000, 0);
        regions.take(Region::Xml, &plain(300, 100)).unwrap();
        regions.take(Region::BlobEntry(7), &plain(399, 10)).unwrap();
        let error = regions.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the resource of blob table entry 7 lies at 0x18f, but the XML data does not end before 0x190"
        );
    }

    #[test]
    fn a_region_outside_of_the_file_or_inside_of_the_header_is_refused() {
        let regions = Regions::new(1000, 0);
        let check = |offset, len| regions.check(Region::Xml, &plain(offset, len));
        assert_eq!(check(208, 792), Ok(()));
        assert!(matches!(check(208, 793), Err(RegionError::PastEnd { .. })));
        assert!(matches!(check(u64::MAX, 2), Err(RegionError::PastEnd { .. })));
        assert!(matches!(check(207, 10), Err(RegionError::InHeader { .. })));
    }

    #[test]
    fn lengths_and_compression_must_agree() {
        let lengths = Resource { offset: 300, stored_len: 10, len: 11, flags: 0 };
        let compressed = Resource { flags: resource_flags::COMPRESSED, ..lengths };
        let without = Regions::new(1000, 0);
        let with = Regions::new(1000, 4096);
        assert!(matches!(with.check(Region::Xml, &lengths), Err(RegionError::Lengths { .. })));
        assert!(matches!(without.check(Region::Xml, &compressed), Err(RegionError::NoCodec { .. })));
        assert_eq!(with.check(Region::Xml, &compressed), Ok(()));
        // 10 bytes hold the table and the data of two chunks, not of three.
        assert_eq!(with.check(Region::Xml, &Resource { len: 8192, ..compressed }), Ok(()));
        for len in [8193, u64::MAX] {
            let error = with.check(Region::Xml, &Resource { len, ..compressed });
            assert!(matches!(error, Err(RegionError::Chunks { .. })), "{len:#x}");
        }
    }

    #[test]
    fn the_stored_length_has_56_bits() {
        let mut bytes = [0xff; 24];
        bytes[7] = resource_flags::COMPRESSED;
        let resource = Resource::parse(&zerocopy::FromBytes::read_from_bytes(&bytes[..]).unwrap());
        assert_eq!(resource.stored_len, (1 << 56) - 1);
        assert!(resource.is_compressed());
    }
}
