//! Streaming large blobs, whose chunks are decoded in parallel.
//!
//! ```text
//!   blob:      ├─── run 0 ───┼─── run 1 ───┼─── run 2 ───┼ … ┤
//!   worker A:  decode ─► hash, write        decode ─► hash, write
//!   worker B:            decode ───────────► hash, write
//! ```
//!
//! Left to one worker, a blob of some hundred MiB would keep the others waiting in the end. So it
//! is split into runs of chunks, which workers take in order. Each decodes its run as soon as it has it, and
//! then waits until the run before it is hashed and handed on: a SHA-1 goes from front to back, and so do
//! the calls of a sink.
//!
//! Hashing and handing on take about a third of the time of decoding, so more than a few workers
//! would only wait for each other. No more than [`MOST`] have runs at a time, and with them the
//! buffers for decoded runs; the others take what comes after the blob.

use nanovhd_tree::ReadAt;

use super::{BlobError, BlobSink, Interrupted, Queue, State, StreamError, extent};
use crate::blob_table::Blob;
use crate::parts::Parts;
use crate::reader::Reader;

/// Bytes of a run when decoded, or a few less: as many chunks as fit.
const RUN: u64 = 1 << 20;

/// Blobs from here on are split.
const LARGE: u64 = 4 * RUN;

/// Runs that are worked on at a time.
pub(super) const MOST: usize = 6;

/// How far the large blobs are.
#[derive(Default)]
pub(super) struct Progress {
    /// The blob that runs are being taken of, and where the next one starts.
    walk: Option<(u32, u64)>,
    /// Runs that workers have.
    in_work: usize,
    /// Buffers that no worker has.
    spare: Vec<Vec<u8>>,
}

impl Progress {
    /// Whether there are runs that no worker has.
    pub(super) fn is_pending(&self) -> bool {
        self.walk.is_some()
    }
}

/// Whether a blob is split. Those that are not compressed are not: hashing takes the most time
/// of them.
pub(super) fn is_large<R>(parts: &Parts<R>, blob: &Blob) -> bool {
    blob.solid.is_none() && blob.compressed && blob.len >= LARGE && chunk_size(parts, blob) <= RUN
}

fn chunk_size<R>(parts: &Parts<R>, blob: &Blob) -> u64 {
    // No compressed blob is in a file without chunks.
    u64::from(parts.get(blob.part).1.chunk_size).max(1)
}

/// A run to decode.
pub(super) struct Run {
    index: u32,
    /// Where it starts in the blob, a whole number of chunks.
    from: u64,
    len: usize,
    buffer: Vec<u8>,
}

impl<R: ReadAt> Queue<'_, R> {
    /// Makes a large blob the one that runs are taken of, unless there is one before it.
    pub(super) fn begin_runs(&self, state: &mut State, index: u32) -> bool {
        if state.runs.is_pending() {
            return false;
        }
        state.runs.walk = Some((index, 0));
        state.next += self.wanted[state.next..].iter().take_while(|&&wanted| wanted == index).count();
        true
    }

    /// The next run, unless enough are worked on.
    pub(super) fn take_run(&self, state: &mut State) -> Option<Run> {
        let State { runs, stop, .. } = state;
        let (index, from) = runs.walk.filter(|_| runs.in_work < MOST)?;
        if stop.stops(index) {
            runs.walk = None;
            return None;
        }
        let blob = self.blob(index);
        let chunk = chunk_size(self.parts, blob);
        let end = blob.len.min(from + RUN - RUN % chunk);
        runs.walk = (end < blob.len).then_some((index, end));
        runs.in_work += 1;
        let buffer = runs.spare.pop().unwrap_or_default();
        // No longer than a run.
        let len = usize::try_from(end - from).unwrap_or_default();
        Some(Run { index, from, len, buffer })
    }

    pub(super) fn decode_run(
        &self,
        reader: &mut Reader<'_, R>,
        mut run: Run,
        sink: &dyn BlobSink,
    ) -> Result<(), StreamError> {
        let result = self.deliver_run(reader, &mut run, sink);
        let mut state = self.lock();
        state.runs.in_work -= 1;
        state.runs.spare.push(run.buffer);
        drop(state);
        self.changed.notify_all();
        result.or_else(Interrupted::error)
    }

    fn deliver_run(&self, reader: &mut Reader<'_, R>, run: &mut Run, sink: &dyn BlobSink) -> Result<(), Interrupted> {
        let &mut Run { index, from, len, ref mut buffer } = run;
        if self.stops(index) {
            return Err(Interrupted::ByOther);
        }
        let blob = self.blob(index);
        let decoded = reader.read_run(&extent(blob), from, len, buffer);
        // Of several faults the first is told, so the runs before this one have to be good.
        let hasher = self.take_over(index, from)?;
        let bytes = decoded.map_err(|cause| BlobError::new(index, blob, cause))?;
        self.hand_on((index, from), hasher, bytes, sink)
    }
}
