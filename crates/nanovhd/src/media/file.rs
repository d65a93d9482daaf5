//! The bytes of a file of the media.

use std::fmt;
use std::io::Result;
use std::sync::Arc;

use nanovhd_tree::ReadAt;

/// A file of a media: one of this machine, or one that lies in a disc image and is read there. Every read goes
/// straight to where the bytes are; nothing is kept and nothing copied in between. A clone is cheap and stands
/// for the same file.
#[derive(Clone)]
pub struct MediaFile(Arc<dyn ReadAt>);

impl MediaFile {
    pub(crate) fn new(bytes: impl ReadAt + 'static) -> Self {
        Self(Arc::new(bytes))
    }
}

/// In short: nobody wants to see the bytes.
impl fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaFile").finish_non_exhaustive()
    }
}

impl ReadAt for MediaFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn len(&self) -> Result<u64> {
        self.0.len()
    }
}
