//! Where the bytes of a stream come from.

use std::path::Path;
use std::sync::Arc;

/// Names one of the containers (a WIM, a cabinet, a zip) that a tree's contents refer to. The
/// owner of the tree decides which number is which container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// One item of a container. Containers number their items in the order in which the bytes lie in
/// them, so sorting by `BlobId` gives the order of one sequential read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId {
    /// The container.
    pub source: SourceId,
    /// The item's number in it.
    pub index: u32,
}

/// Where the bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file of the machine that runs this program.
    HostFile(Arc<Path>),
    /// In a container.
    Blob(BlobId),
}

/// A stream's content: its length in bytes and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    len: u64,
    source: Source,
}

impl Content {
    /// No bytes.
    pub fn empty() -> Self {
        Self::bytes(Vec::new())
    }

    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { len: bytes.len() as u64, source: Source::Bytes(bytes) }
    }

    /// The first `len` bytes of a file of this machine.
    pub fn host_file(path: impl Into<Arc<Path>>, len: u64) -> Self {
        Self { len, source: Source::HostFile(path.into()) }
    }

    /// A container's item of `len` bytes.
    pub fn blob(id: BlobId, len: u64) -> Self {
        Self { len, source: Source::Blob(id) }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the bytes lie.
    pub fn source(&self) -> &Source {
        &self.source
    }
}
