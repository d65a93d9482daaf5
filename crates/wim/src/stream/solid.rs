//! Streaming the blobs of solid resources, whose chunks are decoded in parallel.
//!
//! ```text
//!   chunks:    ├──────── k ────────┼─────── k+1 ───────┼─── …
//!   blobs:   ────┼─ a ─┼─ b ─┼── c ──────┼─ d ─┼── e ─────────
//!
//!   one worker:  decode k   ───────────► decode k+2 ──────────► …
//!   another:     decode k+1 ─────► a, b ► start of c ► rest of c, d ► …
//! ```
//!
//! Decoding takes most of the time, so a worker first looks whether there is memory for the next chunk
//! that something is wanted of (several, if they are small), and decodes it whole. If there is
//! none, or no chunk is left, it hashes and hands on the next blobs of those that lie decoded,
//! whoever decoded them. So all have work until the last blob, even if there are fewer chunks than
//! workers. Only of blobs that go over the end of a chunk, the second piece has to wait for the first,
//! which leaves its unfinished SHA-1.
//!
//! Decoded chunks take most of the memory: Windows makes them 64 MiB long. So that it stays the same
//! on a machine with many cores, only [`DECODED`] bytes of chunks are being worked on at a time, and
//! buffers are used again. The compressed chunks come on top, and are shorter.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use nanovhd_tree::ReadAt;
use sha1::Sha1;

use super::handover::Unfinished;
use super::{BlobError, BlobSink, Interrupted, Queue, State, Stop, StreamError};
use crate::reader::ResourceError;
use crate::solid::SolidPlace;
use crate::solid_chunks::{ChunkRun, Chunks, Decoding};

/// Bytes of decoded chunks that are in memory at a time: three of the longest chunks. One is
/// always possible.
pub(super) const DECODED: u64 = 3 * (64 << 20);

/// How much is decoded at once, when chunks are smaller: enough that reads are long, too.
const RUN: u64 = 1 << 20;

/// Tasks of that size that are worked on at a time.
pub(super) const MOST_TASKS: usize = (DECODED / RUN) as usize;

/// How much of a decoded chunk a worker takes at once, in whole pieces of blobs.
const SHARE: usize = 1 << 20;

/// How far the solid resources are.
#[derive(Default)]
pub(super) struct Progress {
    /// The resource that is being taken from.
    walk: Option<Walk>,
    /// How many tasks there may be at a time, and bytes of decoded chunks unless there is just one.
    most: usize,
    memory: u64,
    /// How many tasks were taken: the number of the next one.
    taken: u64,
    /// Bytes of chunks that are being decoded, or were and lie there.
    in_work: u64,
    /// Tasks of which the chunks are being decoded.
    decoding: usize,
    /// Chunks that lie decoded, in the order of the file.
    ready: Vec<Ready>,
    /// What no task has. The last one is taken first, so that only as many become large as are
    /// needed at a time.
    spare: Vec<Decoding>,
    spare_outputs: Vec<Vec<u8>>,
}

struct Walk {
    resource: u32,
    chunks: Chunks,
    /// Where the chunks end that were taken.
    taken: u64,
}

/// Chunks to decode, and the blobs to make of them.
pub(super) struct Task {
    number: u64,
    run: ChunkRun,
    /// Of the list of wanted blobs; all have bytes in the chunks.
    wanted: Range<usize>,
    decoding: Decoding,
    output: Vec<u8>,
}

/// Chunks that were decoded and the pieces of blobs that no worker has.
struct Ready {
    /// That of the task.
    number: u64,
    output: Arc<Vec<u8>>,
    /// Bytes that count as being worked on.
    len: u64,
    /// That of the blob that began in a chunk before.
    continued: Option<Piece>,
    begun: VecDeque<Piece>,
    /// How many workers have some.
    shares: usize,
}

/// What a chunk has of a blob.
struct Piece {
    index: u32,
    /// Where it starts in the blob.
    from: u64,
    content: Content,
}

enum Content {
    /// Where it lies among the decoded bytes.
    At(Range<usize>),
    /// Why it could not be decoded. Nothing after it could either.
    Not(ResourceError),
}

/// Pieces for a worker to hand on.
pub(super) struct Share {
    /// The number of their task.
    number: u64,
    output: Arc<Vec<u8>>,
    pieces: Vec<Piece>,
    /// The SHA-1 of what comes before the first of them in its blob.
    hasher: Sha1,
}

impl Progress {
    /// Nothing was done yet, by so many workers.
    pub(super) fn new(workers: NonZeroUsize) -> Self {
        // One more than workers, so that the next chunk is begun before the last blob of one before
        // it is handed on. A single worker would only wait for more memory.
        let most = if workers.get() == 1 { 1 } else { workers.get().saturating_add(1) };
        Self { most, memory: DECODED, ..Self::default() }
    }

    /// Whether there is memory for a task of so many bytes.
    fn has_room(&self, need: u64) -> bool {
        let tasks = self.decoding + self.ready.len();
        tasks == 0 || tasks < self.most && self.in_work + need <= self.memory
    }

    /// Whether something may still be to hand on, now or later.
    pub(super) fn is_pending(&self, stop: Stop) -> bool {
        let is_wanted = |piece: Option<&Piece>| piece.is_some_and(|piece| !stop.stops(piece.index));
        self.decoding > 0 && stop != Stop::Now
            || self.ready.iter().any(|ready| is_wanted(ready.continued.as_ref()) || is_wanted(ready.begun.front()))
    }

    /// The next pieces to hand on, if there are any whose SHA-1 so far is known.
    pub(super) fn take_share(&mut self, unfinished: &mut Unfinished, stop: Stop) -> Option<Share> {
        self.ready.iter_mut().find_map(|ready| ready.share(unfinished, stop))
    }

    /// Puts decoded chunks among those that lie there.
    fn add(&mut self, ready: Ready) {
        let place = self.ready.partition_point(|other| other.number < ready.number);
        let number = ready.number;
        self.ready.insert(place, ready);
        self.remove_if_done(number);
    }

    /// Gives the memory back of chunks of which all was handed on.
    fn remove_if_done(&mut self, number: u64) {
        let Some(place) = self.ready.iter().position(|ready| ready.number == number) else { return };
        let ready = &self.ready[place];
        if ready.shares > 0 || ready.continued.is_some() || !ready.begun.is_empty() {
            return;
        }
        let Ready { len, output, .. } = self.ready.remove(place);
        self.in_work -= len;
        self.spare_outputs.extend(Arc::into_inner(output));
    }
}

impl Ready {
    fn share(&mut self, unfinished: &mut Unfinished, stop: Stop) -> Option<Share> {
        let before = self.continued.take_if(|piece| unfinished.contains_key(&(piece.index, piece.from)));
        let hasher = before.as_ref().and_then(|piece| unfinished.remove(&(piece.index, piece.from)));
        let mut pieces = Vec::from_iter(before);
        let mut len = pieces.iter().map(Piece::len).sum::<usize>();
        while len < SHARE
            && self.begun.front().is_some_and(|piece| !stop.stops(piece.index))
            && let Some(piece) = self.begun.pop_front()
        {
            len += piece.len();
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return None;
        }
        self.shares += 1;
        let output = Arc::clone(&self.output);
        Some(Share { number: self.number, output, pieces, hasher: hasher.unwrap_or_default() })
    }
}

impl Piece {
    fn len(&self) -> usize {
        match &self.content {
            Content::At(range) => range.len(),
            Content::Not(_) => 0,
        }
    }
}

impl<R: ReadAt> Queue<'_, R> {
    /// The next chunks, of which `first` is the first blob that is wanted; `None` if there is no
    /// memory for them now, or the table does not tell where they lie.
    pub(super) fn take_chunks(&self, state: &mut State, first: u32, place: SolidPlace) -> Option<Task> {
        let resource = &self.table.solid[place.resource as usize];
        let State { next, solid, .. } = state;
        let need = RUN.max(resource.chunk_size.into()).min(resource.len);
        if !solid.has_room(need) {
            return None;
        }
        let walk = match &mut solid.walk {
            Some(walk) if walk.resource == place.resource => walk,
            walk => {
                let chunks = Chunks::new(resource, self.parts.name(resource.part));
                walk.insert(Walk { resource: place.resource, chunks, taken: 0 })
            }
        };
        let number = solid.taken;
        solid.taken += 1;
        let run = self.run(walk, *next, place);
        let (run, count) = match run {
            Ok(run) => run,
            Err(cause) => {
                // Told when the blob comes to that place, for it may have faults before it. What
                // comes after this blob will not be told of.
                let from = walk.taken.saturating_sub(place.offset);
                let piece = Piece { index: first, from, content: Content::Not(cause) };
                solid.add(Ready::new(number, Vec::new(), 0, [piece]));
                *next = self.wanted.len();
                return None;
            }
        };
        walk.taken = run.range.end;
        let wanted = *next..*next + count;
        // A blob that goes on is taken again with the next chunks.
        let goes_on = self.solid_end(self.wanted[wanted.end - 1]) > run.range.end;
        *next = wanted.end - usize::from(goes_on);
        solid.in_work += run.range.end - run.range.start;
        solid.decoding += 1;
        let (decoding, output) =
            (solid.spare.pop().unwrap_or_default(), solid.spare_outputs.pop().unwrap_or_default());
        Some(Task { number, run, wanted, decoding, output })
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

    /// Decodes chunks for whoever has time to hand on what they hold.
    pub(super) fn chunks(&self, task: Task) {
        let Task { number, run, wanted, mut decoding, mut output } = task;
        let stops = self.stops(self.wanted[wanted.start]);
        let (len, fault) = if stops { (0, None) } else { decoding.decode(self.parts, &run, &mut output) };
        let pieces = if stops { Vec::new() } else { self.pieces(&run, wanted, len, fault) };
        let ready = Ready::new(number, output, run.range.end - run.range.start, pieces);
        let mut state = self.lock();
        state.solid.decoding -= 1;
        state.solid.spare.push(decoding);
        state.solid.add(ready);
        drop(state);
        self.changed.notify_all();
    }

    /// The pieces of blobs in chunks of which `decoded` bytes could be decoded, each blob once: up to
    /// the first piece that needs more. That one takes the fault.
    fn pieces(
        &self,
        run: &ChunkRun,
        wanted: Range<usize>,
        decoded: usize,
        mut fault: Option<ResourceError>,
    ) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(wanted.len());
        for &index in &self.wanted[wanted] {
            let blob = self.blob(index);
            let Some(place) = blob.solid.filter(|_| pieces.last().is_none_or(|last| last.index != index)) else {
                continue;
            };
            let start = place.offset;
            let (from, to) = (start.max(run.range.start), (start + blob.len).min(run.range.end));
            let in_run = |offset: u64| usize::try_from(offset - run.range.start).unwrap_or(usize::MAX);
            let content = match fault.take() {
                Some(fault) if in_run(to) > decoded => Content::Not(fault),
                none_yet => {
                    fault = none_yet;
                    Content::At(in_run(from)..in_run(to))
                }
            };
            let is_last = matches!(content, Content::Not(_));
            pieces.push(Piece { index, from: from - start, content });
            if is_last {
                break;
            }
        }
        pieces
    }

    /// Hands on pieces of blobs.
    pub(super) fn share(&self, share: Share, sink: &dyn BlobSink) -> Result<(), StreamError> {
        let Share { number, output, pieces, mut hasher } = share;
        let mut pieces = pieces.into_iter();
        let result = pieces.try_for_each(|piece| self.piece(piece, std::mem::take(&mut hasher), &output, sink));
        drop(output);
        let mut state = self.lock();
        if let Some(ready) = state.solid.ready.iter_mut().find(|ready| ready.number == number) {
            ready.shares -= 1;
        }
        state.solid.remove_if_done(number);
        drop(state);
        self.changed.notify_all();
        result.or_else(Interrupted::error)
    }

    /// Hashes and hands on a piece of a blob, or says why it can't be had.
    fn piece(&self, piece: Piece, hasher: Sha1, output: &[u8], sink: &dyn BlobSink) -> Result<(), Interrupted> {
        let Piece { index, from, content } = piece;
        match content {
            Content::At(range) => self.hand_on((index, from), hasher, &output[range], sink),
            Content::Not(cause) => Err(BlobError::new(index, self.blob(index), cause).into()),
        }
    }
}

impl Ready {
    fn new(number: u64, output: Vec<u8>, len: u64, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut begun: VecDeque<Piece> = pieces.into_iter().collect();
        let continues = begun.front().is_some_and(|piece| piece.from > 0);
        let continued = if continues { begun.pop_front() } else { None };
        Self { number, output: Arc::new(output), len, continued, begun, shares: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::Wim;
    use crate::testing::{Built, File, Solid, noise};

    const CHUNK: usize = 1 << 20;

    /// Chunks that are read from here, or are somewhere between there and the sink.
    struct Watched {
        bytes: Vec<u8>,
        /// Where the chunks begin.
        data: usize,
        handed_on: Mutex<Vec<usize>>,
        begun: AtomicUsize,
        most: AtomicUsize,
    }

    impl ReadAt for Watched {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let at = usize::try_from(offset).unwrap();
            if at >= self.data && buf.len() == CHUNK {
                let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
                let handed_on = self.handed_on.lock().unwrap();
                let done = handed_on.iter().filter(|&&bytes| bytes == CHUNK).count();
                self.most.fetch_max(begun - done, Ordering::Relaxed);
            }
            self.bytes.read_at(buf, offset)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }
    }

    /// Takes its time, so that others could go too far ahead.
    struct Slow<'s> {
        watched: &'s Watched,
        starts: Vec<usize>,
    }

    impl BlobSink for Slow<'_> {
        fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
            std::thread::sleep(std::time::Duration::from_micros(200));
            let at = self.starts[index as usize] + usize::try_from(offset).unwrap();
            let mut handed_on = self.watched.handed_on.lock().unwrap();
            for at in at..at + bytes.len() {
                handed_on[at / CHUNK] += 1;
            }
            Ok(())
        }
    }

    fn built() -> (Built, Vec<usize>) {
        // Longer than a chunk, and shorter.
        let blobs: Vec<Vec<u8>> =
            (0..24).zip([CHUNK * 3 / 2, 300_000, 70_000].into_iter().cycle()).map(|(n, len)| noise(n, len)).collect();
        let slices: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        let starts = blobs.iter().scan(0, |at, blob| Some(std::mem::replace(at, *at + blob.len()))).collect();
        let solid = Some(Solid { chunk_size: 1 << 20, format: 3, blobs: 24 });
        (File { solid, ..File::new(&slices) }.build(), starts)
    }

    #[test]
    fn no_more_chunks_are_in_memory_than_there_may_be() {
        let (built, starts) = built();
        let chunks = (starts[23] + 70_000) / CHUNK;
        let wanted: Vec<u32> = (0..24).collect();
        for (workers, memory, most) in [(1, 3, 1), (2, 3, 3), (2, 2, 2), (7, 3, 3), (64, 3, 3), (7, 1, 1), (3, 9, 4)]
        {
            let handed_on = Mutex::new(vec![0; chunks + 1]);
            let (begun, highest) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let data = built.blobs[0].start;
            let watched = Watched { bytes: built.bytes.clone(), data, handed_on, begun, most: highest };
            let wim = Wim::open(&watched).unwrap();
            let progress = Progress::new(NonZeroUsize::new(workers).unwrap());
            let solid = Progress { memory: memory * CHUNK as u64, ..progress };
            let state = Mutex::new(State { solid, ..State::default() });
            let (parts, table) = wim.parts_and_table();
            let queue = Queue { parts, table, wanted: &wanted, state, changed: Condvar::new() };
            let sink = Slow { watched: &watched, starts: starts.clone() };
            std::thread::scope(|scope| {
                (0..workers).for_each(|_| {
                    scope.spawn(|| queue.work(&sink));
                });
            });
            let state = queue.state.into_inner().unwrap();
            assert!(state.error.is_none() && state.solid.in_work == 0 && state.solid.ready.is_empty());
            assert_eq!(watched.begun.load(Ordering::Relaxed), chunks, "each is read once");
            let found = watched.most.load(Ordering::Relaxed);
            assert!(found <= most, "{found} chunks with {workers} workers and memory for {memory}");
            assert!(state.solid.spare_outputs.len() <= most);
        }
    }
}
