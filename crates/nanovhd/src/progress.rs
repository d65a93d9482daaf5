//! How a caller watches a build, and stops it.

use crate::Size;

/// What a build is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The contents of the files are unpacked, checked and written to their places.
    Contents,
    /// The file system, the partition tables and the container's tables are written.
    Structures,
    /// The operating system brings the output to the disk.
    Sync,
}

/// Watches a build. Every method has a default that does nothing, so `&()` is a watcher too. The
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

    /// Whether the build shall stop. It is asked before every write; once it has said yes, the build
    /// removes what it has written and ends with an error.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {}
