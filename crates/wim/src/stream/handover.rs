//! Hashing and handing on the pieces of a blob that several workers have decoded: one after the other,
//! each with the SHA-1 that the one before it left off at.

use std::collections::HashMap;
use std::sync::PoisonError;

use nanovhd_tree::ReadAt;
use sha1::{Digest, Sha1};

use super::{BlobError, BlobSink, Interrupted, Queue, StreamError};

/// How much is handed on at once: fits the second-level cache, so that the sink finds there what was
/// hashed.
const PIECE: usize = 256 << 10;

/// The SHA-1 of blobs up to the end of a piece: number of the blob and length so far.
pub(super) type Unfinished = HashMap<(u32, u64), Sha1>;

impl<R: ReadAt> Queue<'_, R> {
    /// Hashes the next bytes of a blob and hands them on. The blob is finished with its last ones, else
    /// it is left to the worker that has those after them.
    pub(super) fn hand_on(
        &self,
        (index, from): (u32, u64),
        mut hasher: Sha1,
        bytes: &[u8],
        sink: &dyn BlobSink,
    ) -> Result<(), Interrupted> {
        let blob = self.blob(index);
        let sink_error = |source| Interrupted::Error(StreamError::Sink { blob: index, source });
        let mut at = from;
        for bytes in bytes.chunks(PIECE) {
            if self.stops(index) {
                return Err(Interrupted::ByOther);
            }
            hasher.update(bytes);
            sink.write(index, at, bytes).map_err(sink_error)?;
            at += bytes.len() as u64;
        }
        if at < blob.len {
            self.lock().unfinished.insert((index, at), hasher);
            self.changed.notify_all();
            return Ok(());
        }
        BlobError::check((index, blob), hasher, self.parts.name(blob.part))?;
        sink.finish(index).map_err(sink_error)
    }

    /// The SHA-1 of a blob up to a piece that starts at `from`, as soon as the piece before it is done.
    /// Pieces are taken in order, so what is waited for is in work.
    pub(super) fn take_over(&self, index: u32, from: u64) -> Result<Sha1, Interrupted> {
        if from == 0 {
            return Ok(Sha1::new());
        }
        let mut state = self.lock();
        loop {
            if let Some(hasher) = state.unfinished.remove(&(index, from)) {
                return Ok(hasher);
            }
            if state.stop.stops(index) {
                return Err(Interrupted::ByOther);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
