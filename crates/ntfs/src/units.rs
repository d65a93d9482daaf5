//! Units as types, so that a cluster is never taken for a byte.

use zerocopy::little_endian::U64;

/// A logical cluster number: clusters from the start of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lcn(pub(crate) u64);

/// A cluster size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClusterSize(pub(crate) u32);

impl ClusterSize {
    /// The size in bytes.
    pub(crate) fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// How many clusters hold `bytes`.
    pub(crate) fn clusters_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes())
    }

    /// The byte offset of a cluster in the volume.
    pub(crate) fn offset(self, lcn: Lcn) -> u64 {
        lcn.0 * self.bytes()
    }
}

/// A file reference: the number of an MFT record and its sequence number. [MS-FSCC] 2.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRef {
    pub(crate) record: u32,
    pub(crate) sequence: u16,
}

impl FileRef {
    pub(crate) fn to_disk(self) -> U64 {
        U64::new(u64::from(self.record) | u64::from(self.sequence) << 48)
    }
}
