//! Writing: virtual offsets to file offsets, and tables in pieces.

use std::fmt;
use std::io::{Error, ErrorKind, Result};

use nanovhd_tree::WriteAt;
use thiserror::Error;

use crate::container::Container;

/// Writes the virtual disk's bytes to their places in the file. Threads may share it: it holds no
/// position and no buffer, and passes each piece on as it is, one write for what lies in the file
/// in one piece.
pub struct DiskWriter<'w, W> {
    container: &'w Container,
    file: &'w W,
}

/// The cause of an [`ErrorKind::InvalidInput`] from a [`DiskWriter`]: the bytes have no place in the
/// file, because the plan was not told of them or the disk ends before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a write of {len} bytes at {offset:#x} of the virtual disk is outside the planned ranges")]
pub struct OutsidePlan {
    /// First byte that has no place, on the virtual disk.
    pub offset: u64,
    /// Bytes left to write from there.
    pub len: usize,
}

impl<'w, W: WriteAt> DiskWriter<'w, W> {
    pub(crate) fn new(container: &'w Container, file: &'w W) -> Self {
        Self { container, file }
    }

    /// Writes the container's headers, tables, bitmaps and footers. Call it when the disk's bytes
    /// are written, and sync the file after it.
    ///
    /// # Errors
    /// What the file reports.
    pub fn finish(self) -> Result<()> {
        self.container.write_structures(self.file)
    }
}

/// Offsets are those of the virtual disk. A block may be written in part and in any order. Bytes
/// outside the blocks that the plan allocated are refused with [`OutsidePlan`]; those in front of
/// them may have been written.
impl<W: WriteAt> WriteAt for DiskWriter<'_, W> {
    fn write_all_at(&self, mut buf: &[u8], mut offset: u64) -> Result<()> {
        while !buf.is_empty() {
            let outside = || Error::new(ErrorKind::InvalidInput, OutsidePlan { offset, len: buf.len() });
            // The last block may reach past the end of the disk.
            let rest = self.container.virtual_size().saturating_sub(offset);
            let (at, piece) = self.container.map().locate(offset).ok_or_else(outside)?;
            let len = usize::try_from(piece.min(rest)).unwrap_or(usize::MAX).min(buf.len());
            if len == 0 {
                return Err(outside());
            }
            self.file.write_all_at(&buf[..len], at)?;
            buf = &buf[len..];
            offset += len as u64;
        }
        Ok(())
    }
}

impl<W> fmt::Debug for DiskWriter<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskWriter").field("container", self.container).finish_non_exhaustive()
    }
}

/// Writes a table that may be larger than memory should hold, front to back in pieces.
pub(crate) struct TableWriter<'w, W> {
    file: &'w W,
    offset: u64,
    pending: Vec<u8>,
}

impl<'w, W: WriteAt> TableWriter<'w, W> {
    /// Large enough that the writes don't matter, small enough for any cache.
    const PIECE: usize = 64 << 10;

    pub(crate) fn new(file: &'w W, offset: u64) -> Self {
        Self { file, offset, pending: Vec::with_capacity(Self::PIECE) }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(entry);
        if self.pending.len() >= Self::PIECE { self.flush() } else { Ok(()) }
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all_at(&self.pending, self.offset)?;
        self.offset += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
