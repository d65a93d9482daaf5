//! How a caller watches what takes long, and stops it.

use crate::Size;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The contents of the files are unpacked, checked and written to their places.
    Contents,
    /// The file system, the partition tables and the container's tables are written.
    Structures,
    /// The operating system brings the output to the disk.
    Sync,
    /// Files are extracted.
    Extracting,
    /// The structures of a disk image are checked.
    Checking,
    /// The contents of a volume are read and compared.
    Comparing,
}

/// Watches a build, an extraction or a verification. Every method has a default that does nothing, so `&()` is a watcher too. The
/// methods are called from several threads and should return soon.
pub trait Progress: Sync {
    /// A stage begins that will handle `total` bytes; zero when its length is not known.
    fn begin(&self, stage: Stage, total: Size) {
        let _ = (stage, total);
    }

    /// The stage has handled `bytes` more.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Whether to stop. It is asked before every write and every longer read; once it has said yes, what
    /// is unfinished is removed and an error is the end.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {}
