//! Streaming the blobs of solid resources, whose chunks are decoded in parallel.
//!
//! ```text
//!   chunks:    ├──────── k ────────┼─────── k+1 ───────┼─── …
//!   blobs:   ────┼─ a ─┼─ b ─┼── c ──────┼─ d ─┼── e ─────────
//!
//!   worker of k+1:  decode ─► d, then the start of e ─► wait for c's SHA-1 so far ─► rest of c
//! ```
//!
//! Each worker takes the next chunk that something is wanted of (several, if they are small) and
//! decodes it whole. A blob that goes over the end of a chunk is handed over, with its unfinished
//! SHA-1, to the worker of the next chunk, who comes to it last and so seldom waits. Chunks are taken in
//! order, so what is waited for is already being worked on, and every chunk is decoded once.
//!
//! Decoded chunks take most of the memory: Windows makes them 64 MiB long. So that it stays the same
//! on a machine with many cores, only [`DECODED`] bytes of chunks are being worked on at a time, and
//! workers give the buffers back after each. The compressed chunks come on top, and are shorter.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::PoisonError;

use nanovhd_tree::ReadAt;
use sha1::{Digest, Sha1};

use super::{BlobError, BlobSink, Interrupted, Queue, State, StreamError};
use crate::blob_table::Blob;
use crate::reader::ResourceError;
use crate::solid::SolidPlace;
use crate::solid_chunks::{Buffers, ChunkRun, Chunks};

/// Bytes of decoded chunks that are in memory at a time: three of the longest chunks. One is
/// always possible.
pub(super) const DECODED: u64 = 3 * (64 << 20);

/// How much is decoded at once, when chunks are smaller: enough that reads are long, too.
const RUN: u64 = 1 << 20;

/// Tasks of that size that are worked on at a time.
pub(super) const MOST_TASKS: usize = (DECODED / RUN) as usize;

/// How much is handed on at once: fits the second-level cache, so that the sink finds there what was
/// hashed.
const PIECE: usize = 256 << 10;

/// How far the solid resources are.
#[derive(Default)]
pub(super) struct Progress {
    /// The resource that is being taken from.
    walk: Option<Walk>,
    /// Bytes of decoded chunks that workers have.
    in_work: u64,
    /// Buffers that no worker has. The last one is taken first, so that only as many become large
    /// as are needed at a time.
    spare: Vec<Buffers>,
    /// The SHA-1 of blobs up to the end of a chunk: number of the blob and length so far.
    unfinished: HashMap<(u32, u64), Sha1>,
}

struct Walk {
    resource: u32,
    chunks: Chunks,
    /// Where the chunks end that were taken.
    taken: u64,
}

/// Chunks to decode, and the blobs to make of them.
pub(super) struct Task {
    run: ChunkRun,
    /// Of the list of wanted blobs; all have bytes in the chunks.
    wanted: Range<usize>,
    buffers: Buffers,
}

/// What a task has of a blob.
struct Piece<'p> {
    index: u32,
    blob: &'p Blob,
    /// Where it starts in the blob.
    from: u64,
    /// Where it lies in the decoded chunks.
    range: Range<usize>,
}

impl Piece<'_> {
    /// Where it ends in the blob.
    fn end(&self) -> u64 {
        self.from + self.range.len() as u64
    }
}

impl<R: ReadAt> Queue<'_, R> {
    /// The next chunks, of which `first` is the first blob that is wanted; `None` if there is no
    /// memory for them now.
    pub(super) fn take_chunks(
        &self,
        state: &mut State,
        first: u32,
        place: SolidPlace,
    ) -> Result<Option<Task>, StreamError> {
        let resource = &self.table.solid[place.resource as usize];
        let State { next, solid, .. } = state;
        let need = RUN.max(resource.chunk_size.into()).min(resource.len);
        if solid.in_work > 0 && solid.in_work + need > DECODED {
            return Ok(None);
        }
        let walk = match &mut solid.walk {
            Some(walk) if walk.resource == place.resource => walk,
            walk => {
                let chunks = Chunks::new(resource, self.parts.name(resource.part));
                walk.insert(Walk { resource: place.resource, chunks, taken: 0 })
            }
        };
        let run = self.run(walk, *next, place);
        let (run, count) = run.map_err(|cause| BlobError::new(first, self.blob(first), cause))?;
        walk.taken = run.range.end;
        let wanted = *next..*next + count;
        // A blob that goes on is taken again with the next chunks.
        let goes_on = self.solid_end(self.wanted[wanted.end - 1]) > run.range.end;
        *next = wanted.end - usize::from(goes_on);
        solid.in_work += run.range.end - run.range.start;
        let buffers = solid.spare.pop().unwrap_or_default();
        Ok(Some(Task { run, wanted, buffers }))
    }

    /// Chunks from the first on that anything is wanted of, and how many of the wanted blobs from
    /// `next` on have bytes in them.
    fn run(&self, walk: &mut Walk, next: usize, place: SolidPlace) -> Result<(ChunkRun, usize), ResourceError> {
        let resource = self.table.solid[place.resource as usize];
        let from = place.offset.max(walk.taken);
        while walk.chunks.next_range().end <= from {
            walk.chunks.advance(self.parts)?;
        }
        let range = walk.chunks.next_range();
        let mut run = ChunkRun { resource, chunks: Vec::new(), range: range.start..range.start };
        let mut count = 0;
        loop {
            let range = walk.chunks.next_range();
            match walk.chunks.advance(self.parts) {
                Ok(chunk) => run.chunks.push(chunk),
                Err(error) if run.chunks.is_empty() => return Err(error),
                // It will come again, for the first blob that the chunk is wanted for.
                Err(_) => return Ok((run, count)),
            }
            run.range.end = range.end;
            let wanted = self.wanted[next + count..].iter();
            count += wanted.take_while(|&&index| self.starts_before(index, place.resource, range.end)).count();
            let following = walk.chunks.next_range();
            let is_wanted = self.solid_end(self.wanted[next + count - 1]) > range.end
                || self
                    .wanted
                    .get(next + count)
                    .is_some_and(|&index| self.starts_before(index, place.resource, following.end));
            if following.is_empty() || following.end - run.range.start > RUN || !is_wanted {
                return Ok((run, count));
            }
        }
    }

    /// Whether a blob lies in this resource and starts before `end`.
    fn starts_before(&self, index: u32, resource: u32, end: u64) -> bool {
        self.blob(index).solid.is_some_and(|place| place.resource == resource && place.offset < end)
    }

    /// Where a blob ends in its solid resource.
    fn solid_end(&self, index: u32) -> u64 {
        let blob = self.blob(index);
        blob.solid.map_or(0, |place| place.offset + blob.len)
    }

    pub(super) fn chunks(&self, mut task: Task, sink: &dyn BlobSink) -> Result<(), StreamError> {
        let result = self.deliver(&mut task, sink);
        let mut state = self.lock();
        state.solid.in_work -= task.run.range.end - task.run.range.start;
        state.solid.spare.push(task.buffers);
        drop(state);
        self.changed.notify_all();
        result
    }

    fn deliver(&self, task: &mut Task, sink: &dyn BlobSink) -> Result<(), StreamError> {
        if self.stops(self.wanted[task.wanted.start]) {
            return Ok(());
        }
        let Task { run, wanted, buffers } = task;
        let (bytes, mut fault) = buffers.decode(self.parts, run);
        let mut pieces = self.pieces(run, wanted.clone()).peekable();
        // The blob that began before comes last, for others may still work on that. If it can't be
        // decoded, nothing after it can be.
        let continued = pieces.next_if(|piece| piece.from > 0);
        let begun = match &continued {
            Some(piece) if piece.range.end > bytes.len() => Ok(()),
            _ => pieces.try_for_each(|piece| self.piece(&piece, Sha1::new(), (bytes, &mut fault), sink)),
        };
        let continued = continued.map_or(Ok(()), |piece| {
            let hasher = self.unfinished(&piece)?;
            self.piece(&piece, hasher, (bytes, &mut fault), sink)
        });
        // An error of the blob that comes first in the file is the one to tell.
        continued.or_else(Interrupted::error).and_then(|()| begun.or_else(Interrupted::error))
    }

    /// The pieces of blobs in the chunks, each blob once.
    fn pieces<'p>(&'p self, run: &'p ChunkRun, wanted: Range<usize>) -> impl Iterator<Item = Piece<'p>> {
        let mut previous = None;
        let wanted = self.wanted[wanted].iter().filter(move |&&index| previous.replace(index) != Some(index));
        wanted.filter_map(|&index| {
            let blob = self.blob(index);
            let start = blob.solid?.offset;
            let (from, to) = (start.max(run.range.start), (start + blob.len).min(run.range.end));
            let in_run = |offset: u64| usize::try_from(offset - run.range.start).unwrap_or(usize::MAX);
            Some(Piece { index, blob, from: from - start, range: in_run(from)..in_run(to) })
        })
    }

    /// Hashes and hands on a piece of a blob. `fault` is what is wrong with the first byte that could not
    /// be decoded, and the first blob that needs it takes it.
    fn piece(
        &self,
        piece: &Piece<'_>,
        mut hasher: Sha1,
        (bytes, fault): (&[u8], &mut Option<ResourceError>),
        sink: &dyn BlobSink,
    ) -> Result<(), Interrupted> {
        let &Piece { index, blob, ref range, .. } = piece;
        let Some(bytes) = bytes.get(range.clone()) else {
            // This is the first blob without: those after it are not come to.
            let cause = fault.take().ok_or(Interrupted::ByOther)?;
            return Err(BlobError::new(index, blob, cause).into());
        };
        let sink_error = |source| Interrupted::Error(StreamError::Sink { blob: index, source });
        let mut at = piece.from;
        for bytes in bytes.chunks(PIECE) {
            if self.stops(index) {
                return Err(Interrupted::ByOther);
            }
            hasher.update(bytes);
            sink.write(index, at, bytes).map_err(sink_error)?;
            at += bytes.len() as u64;
        }
        if piece.end() < blob.len {
            self.lock().solid.unfinished.insert((index, at), hasher);
            self.changed.notify_all();
            return Ok(());
        }
        BlobError::check((index, blob), hasher, self.parts.name(blob.part))?;
        sink.finish(index).map_err(sink_error)
    }

    /// The SHA-1 of a blob up to a piece, as soon as the piece before it is done.
    fn unfinished(&self, piece: &Piece<'_>) -> Result<Sha1, Interrupted> {
        let mut state = self.lock();
        loop {
            if let Some(hasher) = state.solid.unfinished.remove(&(piece.index, piece.from)) {
                return Ok(hasher);
            }
            if state.stop.stops(piece.index) {
                return Err(Interrupted::ByOther);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
