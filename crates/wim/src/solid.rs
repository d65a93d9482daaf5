//! Solid resources: many blobs compressed as one, so that what is alike in them is stored once.
//!
//! ```text
//!   file:      ├ header ┼ sizes of chunks ┼ chunk 0 ┼ chunk 1 ┼ … ┤
//!                                              │ decoded
//!   resource:  ├────────── chunk_size ─────────┼── chunk_size ──┼ … ┤
//!              ├ blob ┼ blob ┼──── blob ────────────┼ blob ┼ …
//! ```
//!
//! Not in \[WIM\]. In the blob table, consecutive entries with the solid flag belong together: those
//! with a certain length are resources, and the others blobs, whose places count through all of
//! these resources in turn as if they were one. A blob lies in one of them.

use thiserror::Error;
use zerocopy::FromBytes;

use crate::format::{SolidDisk, resource_flags};
use crate::header::Compression;
use crate::resource::Resource;

/// Bytes of the header of a solid resource.
pub(crate) const HEADER: usize = size_of::<SolidDisk>();

/// What the blob table gives as the length of a solid resource, to tell it from blobs.
const RESOURCE_MARK: u64 = 0x1_0000_0000;

/// Bytes of an entry of the chunk table.
pub(crate) const TABLE_ENTRY: usize = 4;

/// A resource of many blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SolidResource {
    /// The part of a split set that has it, from 1.
    pub part: u16,
    /// Where it starts in the file.
    pub offset: u64,
    /// How many bytes it has there.
    pub stored_len: u64,
    /// How many bytes it has when decoded.
    pub len: u64,
    /// How it is compressed, which may differ from the rest of the file.
    pub compression: Compression,
    /// How many bytes a chunk has when decoded.
    pub chunk_size: u32,
}

/// Where a blob lies in a solid resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SolidPlace {
    /// The resource: its place in [`Wim::solid_resources`](crate::Wim::solid_resources).
    pub resource: u32,
    /// Where it starts in the decoded resource.
    pub offset: u64,
}

/// What is wrong with solid resources.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SolidError {
    /// The resource has no room for its header.
    #[error("it has {stored_len} bytes, fewer than the {HEADER} of its header")]
    Short {
        /// Bytes in the file.
        stored_len: u64,
    },
    /// The algorithm is not known.
    #[error("it is compressed with format {found}, expected 1 (XPRESS), 2 (LZX) or 3 (LZMS)")]
    Format {
        /// The number of the algorithm.
        found: u32,
    },
    /// The chunk size is not one that the algorithm has.
    #[error("it has chunk size {found} for {compression}, expected a power of two in {min}..={max}")]
    ChunkSize {
        /// The algorithm.
        compression: Compression,
        /// The chunk size.
        found: u32,
        /// The smallest possible.
        min: u32,
        /// The largest possible.
        max: u32,
    },
    /// It is too short for as many chunks as its length asks for.
    #[error("it has {stored_len:#x} bytes, too few for the {chunks} chunks of {len:#x} bytes and their table")]
    Chunks {
        /// Bytes in the file.
        stored_len: u64,
        /// Bytes when decoded.
        len: u64,
        /// Chunks of so many bytes.
        chunks: u64,
    },
    /// A blob has no resource to lie in.
    #[error("it is a blob of a solid resource, but no entry beside it is such a resource")]
    NoResource,
    /// A blob lies outside of the resources, or not in one of them.
    #[error(
        "it lies at {offset:#x} with {len:#x} bytes, not within one of its solid resources, which end at {end:#x}"
    )]
    Outside {
        /// Where it starts, counted through all resources.
        offset: u64,
        /// Its length.
        len: u64,
        /// Where the last resource ends.
        end: u64,
    },
    /// All the resources together are longer than can be.
    #[error("its solid resource and those before it have more than 2^64 bytes")]
    TooLong,
}

impl SolidResource {
    /// Reads the header, which has the lengths that the blob table lacks.
    pub(crate) fn new(part: u16, resource: &Resource, header: &[u8; HEADER]) -> Result<Self, SolidError> {
        let disk = SolidDisk::read_from_bytes(header).expect("both are HEADER bytes");
        let compression = match disk.format.get() {
            1 => Compression::Xpress,
            2 => Compression::Lzx,
            3 => Compression::Lzms,
            found => return Err(SolidError::Format { found }),
        };
        let (found, len) = (disk.chunk_size.get(), disk.len.get());
        if !compression.has_chunk_size(found) {
            let (min, max) = compression.chunk_sizes().into_inner();
            return Err(SolidError::ChunkSize { compression, found, min, max });
        }
        let &Resource { offset, stored_len, .. } = resource;
        let new = Self { part, offset, stored_len, len, compression, chunk_size: found };
        let chunks = new.chunks();
        // Every chunk has an entry in the table and a byte at least. Chunks are long, so that there
        // are too few for an overflow.
        if new.data_len().is_none_or(|data_len| data_len < chunks) {
            return Err(SolidError::Chunks { stored_len, len, chunks });
        }
        Ok(new)
    }

    /// How many chunks there are.
    pub(crate) fn chunks(&self) -> u64 {
        self.len.div_ceil(self.chunk_size.into())
    }

    /// Bytes of all chunks in the file.
    pub(crate) fn data_len(&self) -> Option<u64> {
        self.stored_len.checked_sub(self.table_len())
    }

    /// Bytes of header and table.
    pub(crate) fn table_len(&self) -> u64 {
        HEADER as u64 + TABLE_ENTRY as u64 * self.chunks()
    }

    /// How many of the stored bytes are for the first `len` of the resource, as far as that can be
    /// said.
    pub(crate) fn share(&self, len: u64) -> u64 {
        let share = u128::from(self.stored_len) * u128::from(len) / u128::from(self.len.max(1));
        u64::try_from(share).unwrap_or(self.stored_len)
    }
}

/// Whether an entry of the blob table with the solid flag is a resource.
pub(crate) fn is_resource(resource: &Resource) -> bool {
    resource.len == RESOURCE_MARK
}

/// Whether an entry belongs to a solid resource, or is one.
pub(crate) fn is_solid(resource: &Resource) -> bool {
    resource.flags & resource_flags::SOLID != 0
}

/// The resources of consecutive entries.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Where each resource ends, counted through all of them.
    ends: Vec<u64>,
    /// The number of the first of them.
    first: u32,
}

impl Run {
    /// The run of the resources from number `first` on.
    pub(crate) fn new(first: u32, resources: &[SolidResource]) -> Result<Self, SolidError> {
        let mut end = 0u64;
        let mut ends = Vec::with_capacity(resources.len());
        for resource in resources {
            end = end.checked_add(resource.len).ok_or(SolidError::TooLong)?;
            ends.push(end);
        }
        Ok(Self { ends, first })
    }

    /// Where a blob lies whose place is counted through all resources.
    pub(crate) fn place(&self, offset: u64, len: u64) -> Result<SolidPlace, SolidError> {
        let Some(&last) = self.ends.last() else { return Err(SolidError::NoResource) };
        let outside = SolidError::Outside { offset, len, end: last };
        let index = self.ends.partition_point(|&end| end <= offset);
        let end = self.ends.get(index).copied();
        if offset.checked_add(len).zip(end).is_none_or(|(blob_end, end)| blob_end > end) {
            return Err(outside);
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let index = u32::try_from(index).map_err(|_| outside)?;
        Ok(SolidPlace { resource: self.first + index, offset: offset - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(len: u64, chunk_size: u32, format: u32) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&len.to_le_bytes());
        bytes[8..12].copy_from_slice(&chunk_size.to_le_bytes());
        bytes[12..].copy_from_slice(&format.to_le_bytes());
        bytes
    }

    fn resource(stored_len: u64, header: &[u8; HEADER]) -> Result<SolidResource, SolidError> {
        let resource = Resource { offset: 208, stored_len, len: RESOURCE_MARK, flags: resource_flags::SOLID };
        SolidResource::new(1, &resource, header)
    }

    #[test]
    fn headers_say_what_the_blob_table_does_not() {
        let found = resource(500, &header(100_000, 0x8000, 2)).unwrap();
        assert_eq!((found.len, found.compression, found.chunk_size), (100_000, Compression::Lzx, 0x8000));
        assert_eq!((found.chunks(), found.data_len()), (4, Some(500 - 16 - 16)));
        for (format, orders) in [(1, 12..=16), (2, 12..=21), (3, 15..=26)] {
            for order in 0..32 {
                let found = resource(500, &header(1000, 1 << order, format));
                assert_eq!(found.is_ok(), orders.contains(&order), "{format} 2^{order}: {found:?}");
            }
        }
        assert_eq!(resource(500, &header(9, 0x8000, 0)), Err(SolidError::Format { found: 0 }));
        assert_eq!(resource(500, &header(9, 0x8000, 4)), Err(SolidError::Format { found: 4 }));
    }

    #[test]
    fn lengths_without_bytes_behind_them_are_refused() {
        // 26 bytes hold the header and the table and data of two chunks.
        assert!(resource(26, &header(0x1_0000, 0x8000, 3)).is_ok());
        for len in [0x1_0001, 1 << 40, u64::MAX] {
            let error = resource(26, &header(len, 0x8000, 3)).unwrap_err();
            assert!(matches!(error, SolidError::Chunks { .. }), "{error}");
        }
        assert!(matches!(resource(15, &header(0, 0x8000, 3)), Err(SolidError::Chunks { .. })));
    }

    #[test]
    fn places_count_through_all_resources_of_a_run() {
        let of = |len| resource(1000, &header(len, 0x8000, 3)).unwrap();
        let run = Run::new(5, &[of(100), of(0), of(50)]).unwrap();
        let place = |offset, len| run.place(offset, len).map(|place| (place.resource, place.offset));
        assert_eq!(place(0, 100), Ok((5, 0)));
        assert_eq!(place(99, 1), Ok((5, 99)));
        assert_eq!(place(100, 50), Ok((7, 0)));
        assert_eq!(place(149, 1), Ok((7, 49)));
        for (offset, len) in [(99, 2), (149, 2), (150, 1), (0, 101), (u64::MAX, 2), (10, u64::MAX)] {
            assert_eq!(place(offset, len), Err(SolidError::Outside { offset, len, end: 150 }));
        }
        assert_eq!(Run::default().place(0, 1), Err(SolidError::NoResource));
        // As many bytes as that would need as many chunks, so only the sum can be too great.
        let huge = SolidResource { len: u64::MAX, ..of(1) };
        assert!(matches!(Run::new(0, &[huge, of(1)]), Err(SolidError::TooLong)));
    }

    #[test]
    fn shares_add_up() {
        let found = resource(1001, &header(300, 0x8000, 3)).unwrap();
        let parts = [0, 1, 100, 299, 300];
        let sum: u64 = parts.windows(2).map(|ends| found.share(ends[1]) - found.share(ends[0])).sum();
        assert_eq!(sum, 1001);
    }
}
