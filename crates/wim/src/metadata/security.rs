//! The security descriptors at the start of an image's metadata.
//!
//! \[WIM\] "Security data". A total length of 0 means 8: an empty table. Descriptors may be empty, and
//! files that refer to one of those have none of their own.

use std::ops::Range;

use thiserror::Error;
use zerocopy::FromBytes;

use crate::format::SecurityDisk;

/// What is wrong with the table of security descriptors.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// There is no table.
    #[error("the metadata have {len} bytes, too few for a table of security descriptors")]
    Missing {
        /// Bytes of metadata.
        len: usize,
    },
    /// The table is longer than the metadata.
    #[error("the security descriptors take {size:#x} bytes, but the metadata have {len:#x}")]
    Size {
        /// Bytes of the table, as it says.
        size: u32,
        /// Bytes of metadata.
        len: usize,
    },
    /// The table has no room for the lengths.
    #[error("the security descriptors take {size:#x} bytes, too few for the lengths of {entries} of them")]
    Entries {
        /// Bytes of the table, as it says.
        size: u32,
        /// How many descriptors it says it has.
        entries: u32,
    },
    /// A descriptor reaches beyond the table.
    #[error(
        "security descriptor {index} at {offset:#x} of the metadata has {len:#x} bytes, but they end at {end:#x}"
    )]
    Descriptor {
        /// Which one, from 0.
        index: usize,
        /// Where it starts.
        offset: usize,
        /// Its length.
        len: u64,
        /// Where the table ends.
        end: usize,
    },
}

/// Where the descriptors lie in the metadata.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SecurityTable {
    pub(super) descriptors: Vec<Range<usize>>,
    /// Where the root entry starts.
    pub(super) end: usize,
}

impl SecurityTable {
    pub(super) fn parse(metadata: &[u8]) -> Result<Self, SecurityError> {
        let len = metadata.len();
        let (disk, _) = SecurityDisk::read_from_prefix(metadata).map_err(|_| SecurityError::Missing { len })?;
        let (size, entries) = (disk.size.get(), disk.entries.get());
        let table_len = (size as usize).max(size_of::<SecurityDisk>()).next_multiple_of(8);
        let table = metadata.get(..table_len).ok_or(SecurityError::Size { size, len })?;
        let rest = &table[size_of::<SecurityDisk>()..];
        // Entries that have room are fewer than the bytes there are.
        let lengths = (entries as usize).checked_mul(8).and_then(|n| rest.get(..n));
        let lengths = lengths.ok_or(SecurityError::Entries { size, entries })?;
        let mut offset = size_of::<SecurityDisk>() + lengths.len();
        let mut descriptors = Vec::with_capacity(entries as usize);
        for (index, length) in lengths.chunks_exact(8).enumerate() {
            let len = u64::from_le_bytes(length.try_into().expect("chunks of eight"));
            let end =
                usize::try_from(len).ok().and_then(|len| offset.checked_add(len)).filter(|&end| end <= table_len);
            let end = end.ok_or(SecurityError::Descriptor { index, offset, len, end: table_len })?;
            descriptors.push(offset..end);
            offset = end;
        }
        Ok(Self { descriptors, end: table_len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(size: u32, lengths: &[u64], bytes: usize) -> Vec<u8> {
        let mut table = size.to_le_bytes().to_vec();
        table.extend(u32::try_from(lengths.len()).unwrap().to_le_bytes());
        table.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
        table.resize(table.len() + bytes, 0xd1);
        table
    }

    #[test]
    fn descriptors_follow_each_other() {
        let parsed = SecurityTable::parse(&table(37, &[5, 0, 0], 40)).unwrap();
        assert_eq!(parsed, SecurityTable { descriptors: vec![32..37, 37..37, 37..37], end: 40 });
    }

    #[test]
    fn an_empty_table_may_give_no_size() {
        for size in [0, 8] {
            assert_eq!(SecurityTable::parse(&table(size, &[], 0)), Ok(SecurityTable { descriptors: vec![], end: 8 }));
        }
    }

    #[test]
    fn lying_lengths_are_refused() {
        use SecurityError as E;
        assert_eq!(SecurityTable::parse(&[0; 7]), Err(E::Missing { len: 7 }));
        assert_eq!(SecurityTable::parse(&table(17, &[], 8)), Err(E::Size { size: 17, len: 16 }));
        assert_eq!(SecurityTable::parse(&table(u32::MAX, &[], 8)), Err(E::Size { size: u32::MAX, len: 16 }));
        assert_eq!(SecurityTable::parse(&table(16, &[0, 0], 100)), Err(E::Entries { size: 16, entries: 2 }));
        let mut many = table(16, &[], 100);
        many[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(SecurityTable::parse(&many), Err(E::Entries { size: 16, entries: u32::MAX }));
        for len in [9, u64::MAX] {
            let error = SecurityTable::parse(&table(32, &[8, len], 100)).unwrap_err();
            assert_eq!(error, E::Descriptor { index: 1, offset: 32, len, end: 32 });
        }
    }
}
