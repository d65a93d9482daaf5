//! Contents of a volume that are read as a whole: boot files and the store, which are small.

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use nanovhd_tree::{Content, Source};
use nanovhd_wim::BlobSink;
use sha1::{Digest as _, Sha1};

use crate::Volume;
use crate::volume::{ContentError, Receiver, StreamFailure};

/// Takes bytes as they come.
type Take<'t> = dyn FnMut(&[u8]) + Send + 't;

impl Volume<'_> {
    /// The bytes of a content of this volume. How many there are should be looked at first.
    pub(crate) fn bytes(&self, content: &Content) -> Result<Vec<u8>, ContentError> {
        let mut bytes = Vec::new();
        self.feed(content, &mut |more| bytes.extend_from_slice(more))?;
        Ok(bytes)
    }

    /// The SHA-1 of a content of this volume.
    pub(crate) fn sha1(&self, content: &Content) -> Result<[u8; 20], ContentError> {
        let mut hasher = Sha1::new();
        self.feed(content, &mut |more| hasher.update(more))?;
        Ok(hasher.finalize().into())
    }

    fn feed(&self, content: &Content, take: &mut Take<'_>) -> Result<(), ContentError> {
        match content.source() {
            _ if content.is_empty() => Ok(()),
            Source::Bytes(bytes) => {
                take(bytes);
                Ok(())
            }
            Source::Blob(id) => {
                self.stream(&[id.index], NonZeroUsize::MIN, &Feed(Mutex::new(take))).map_err(|e| match e {
                    StreamFailure::Content { error, .. } => error,
                    StreamFailure::Receiver(_) => unreachable!("memory takes all that comes"),
                })
            }
            Source::HostFile(_) => unreachable!("a volume holds no files of this machine"),
        }
    }
}

/// Hands on the bytes of one content.
struct Feed<'f>(Mutex<&'f mut Take<'f>>);

impl BlobSink for Feed<'_> {
    fn write(&self, _: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(bytes);
        Ok(())
    }
}

impl Receiver for Feed<'_> {}
