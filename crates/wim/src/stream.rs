//! Streaming blobs in file order on several threads, each blob's SHA-1 checked on the way.
//!
//! ```text
//!                  ┌─ worker: a batch of small blobs:  read 1 MiB ─► decode ─► SHA-1 ─► sink ─┐
//!   blobs, ─ take ─┼─ worker: a run of a large blob:   read ─► decode ─► wait ─► SHA-1 ─► sink┼─► finish
//!   in order       └─ worker: chunks of a solid one:   read ─► decode ─► wait ─► SHA-1 ─► sink┘
//!                                                                │        ▲
//!                                 SHA-1 of the blob so far, from the worker before, to the next
//! ```
//!
//! **Reads.** Workers take work in the order of the file: several small blobs that lie close together and
//! are read at once, up to 1 MiB; or a [run of chunks](runs) of a large blob; or [chunks of a solid
//! resource](solid). So all of them together read the file once from front to back, in requests that are
//! long enough for any disk.
//!
//! **Order.** What is decoded in parallel is [hashed and handed on](handover) in order: whoever has the
//! next piece of a blob waits for the one before, and goes on with its SHA-1. Work is taken in order, so what
//! is waited for is in work. A sink sees every blob from front to back, as with one thread.
//!
//! **Memory.** It does not grow with the files, and with the threads only by what each needs to work: a
//! read-ahead of 1 MiB, 128 KiB of decoded bytes and the decoder's tables. Buffers for decoded runs
//! (six of 1 MiB) and chunks (three of 64 MiB, which only solid resources make so long) are shared: who finds
//! none free takes other work, or waits. All are used again and again, since memory that was never touched
//! costs more than the copy into it.
//!
//! **Errors.** When blobs are damaged, the error is the first of the first of them in the file, however many
//! threads there are: a worker that finds one lets the others finish what lies before it, and tells
//! what is wrong with a piece only when those before it are good. An error of the sink ends everything at once.

mod handover;
mod runs;
mod solid;

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use nanovhd_tree::ReadAt;
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::blob_table::{Blob, BlobTable, Sha1Hex};
use crate::format::Sha1Digest;
use crate::parts::{InFile, Parts};
use crate::reader::{ChunkError, Extent, Reader, ResourceError};

/// How much of the file goes into one batch: reads of this size are as fast as larger ones, and
/// the work stays evenly spread.
const BATCH: u64 = 1 << 20;
/// Bytes between two blobs that are sooner read than skipped.
const GAP: u64 = 32 << 10;

/// Takes the bytes of blobs.
pub trait BlobSink: Sync {
    /// Bytes of blob `index`, to be found at `offset` in it. The calls for one blob come in order
    /// and from one thread at a time; those for different blobs come at the same time.
    ///
    /// # Errors
    /// Any error ends the streaming and is handed on in [`StreamError::Sink`].
    fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Blob `index` is complete and its SHA-1 is right.
    ///
    /// # Errors
    /// As [`BlobSink::write`].
    fn finish(&self, index: u32) -> io::Result<()> {
        let _ = index;
        Ok(())
    }
}

/// Why a blob can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no such blob.
    #[error("there is no blob {blob}: the WIM has {count}")]
    NoSuchBlob {
        /// The number that was asked for.
        blob: u32,
        /// How many there are.
        count: usize,
    },
    /// It is too long to be held in memory.
    #[error("blob {blob} has {len} bytes, more than the {limit} that are read into memory")]
    TooLong {
        /// The blob.
        blob: u32,
        /// Its length.
        len: u64,
        /// The greatest length.
        limit: u64,
    },
    /// The file can't be read.
    #[error("can't read blob {blob} at {offset:#x} of {file}")]
    Read {
        /// The blob.
        blob: u32,
        /// The file.
        file: InFile,
        /// Where in the file.
        offset: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A chunk is damaged.
    #[error("blob {blob} (SHA-1 {sha1}) is damaged: chunk {chunk} at {offset:#x} of {file} can't be decoded")]
    Corrupt {
        /// The blob.
        blob: u32,
        /// What its SHA-1 should be.
        sha1: Sha1Hex,
        /// The chunk, from 0.
        chunk: u64,
        /// The file.
        file: InFile,
        /// Where it lies in the file.
        offset: u64,
        /// What is wrong with it.
        #[source]
        cause: ChunkError,
    },
    /// The content is not what it should be.
    #[error("blob {blob} at {offset:#x} of {file} is damaged: its SHA-1 is {found}, expected {expected}")]
    Digest {
        /// The blob.
        blob: u32,
        /// The file.
        file: InFile,
        /// Where it lies in the file, or the solid resource that it is in.
        offset: u64,
        /// Its SHA-1 in the blob table.
        expected: Sha1Hex,
        /// The SHA-1 of its bytes.
        found: Sha1Hex,
    },
}

impl BlobError {
    pub(crate) fn new(index: u32, blob: &Blob, cause: ResourceError) -> Self {
        match cause {
            ResourceError::Read { file, offset, source } => Self::Read { blob: index, file, offset, source },
            ResourceError::Corrupt { chunk, file, offset, cause } => {
                Self::Corrupt { blob: index, sha1: Sha1Hex(blob.sha1), chunk, file, offset, cause }
            }
        }
    }

    /// Checks the digest of a content that was read whole.
    pub(crate) fn check((blob, entry): (u32, &Blob), hasher: Sha1, file: InFile) -> Result<(), Self> {
        let found: Sha1Digest = hasher.finalize().into();
        if found == entry.sha1 {
            return Ok(());
        }
        let (expected, found) = (Sha1Hex(entry.sha1), Sha1Hex(found));
        Err(Self::Digest { blob, file, offset: entry.offset, expected, found })
    }

    /// Which blob it is about.
    pub fn blob(&self) -> u32 {
        match *self {
            Self::NoSuchBlob { blob, .. }
            | Self::TooLong { blob, .. }
            | Self::Read { blob, .. }
            | Self::Corrupt { blob, .. }
            | Self::Digest { blob, .. } => blob,
        }
    }
}

/// Why streaming ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A blob can't be had.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The blobs were not given in the order of the file.
    #[error("blob {blob} was asked for after blob {previous}; they have to ascend")]
    Order {
        /// The blob.
        blob: u32,
        /// The one before it.
        previous: u32,
    },
    /// The sink failed.
    #[error("can't hand on the content of blob {blob}")]
    Sink {
        /// The blob.
        blob: u32,
        /// What the sink says.
        #[source]
        source: io::Error,
    },
}

impl StreamError {
    /// Which blob it is about, so that the files that have it can be named.
    pub fn blob(&self) -> Option<u32> {
        match self {
            Self::Blob(error) => Some(error.blob()),
            Self::Order { blob, .. } | Self::Sink { blob, .. } => Some(*blob),
        }
    }
}

/// Says why reading one blob went wrong, before it is known which blob that is.
enum Fault<E> {
    Resource(ResourceError),
    Taker(E),
}

impl<E> From<ResourceError> for Fault<E> {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}

/// Reads one blob that is not in a solid resource and hashes it. `each` gets the pieces.
pub(crate) fn read_verified<R: ReadAt, E: From<BlobError>>(
    reader: &mut Reader<'_, R>,
    (index, blob): (u32, &Blob),
    limit: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut hasher = Sha1::new();
    let result = reader.read(&extent(blob), limit, |offset, bytes| {
        hasher.update(bytes);
        each(offset, bytes).map_err(Fault::Taker)
    });
    match result {
        Ok(()) => {}
        Err(Fault::Resource(cause)) => return Err(BlobError::new(index, blob, cause).into()),
        Err(Fault::Taker(error)) => return Err(error),
    }
    Ok(BlobError::check((index, blob), hasher, reader.name(blob.part))?)
}

/// Where a blob lies that is not in a solid resource.
pub(crate) fn extent(blob: &Blob) -> Extent {
    Extent {
        part: blob.part,
        offset: blob.offset,
        stored_len: blob.stored_len,
        len: blob.len,
        compressed: blob.compressed,
    }
}

/// Streams the blobs that `wanted` lists; see [`crate::Wim::stream`].
pub(crate) fn stream<R: ReadAt>(
    parts: &Parts<R>,
    table: &BlobTable,
    wanted: &[u32],
    threads: NonZeroUsize,
    sink: &dyn BlobSink,
) -> Result<(), StreamError> {
    check_wanted(&table.blobs, wanted)?;
    // A solid blob may be work for several, but only so many are worked on at a time.
    let most = |index: &u32| match &table.blobs[*index as usize] {
        blob if blob.solid.is_some() => solid::MOST_TASKS,
        blob if runs::is_large(parts, blob) => runs::MOST,
        _ => 1,
    };
    let useful = wanted.len().max(wanted.iter().map(most).max().unwrap_or(1));
    // Workers hold a chunk each, which hardly any file makes long.
    let possible = usize::try_from(solid::DECODED / parts.longest_chunk().max(1)).unwrap_or(usize::MAX);
    let threads = threads.get().min(useful).min(possible);
    let workers = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
    let state = State { solid: solid::Progress::new(workers), ..State::default() };
    let queue = Queue { parts, table, wanted, state: Mutex::new(state), changed: Condvar::new() };
    std::thread::scope(|scope| {
        // The calling thread is one of the workers.
        for _ in 1..threads {
            // With fewer workers than were asked for it is done as well, only later.
            if Builder::new().spawn_scoped(scope, || queue.work(sink)).is_err() {
                break;
            }
        }
        queue.work(sink);
    });
    queue.state.into_inner().unwrap_or_else(PoisonError::into_inner).error.map_or(Ok(()), Err)
}

fn check_wanted(blobs: &[Blob], wanted: &[u32]) -> Result<(), StreamError> {
    for pair in wanted.windows(2) {
        if pair[1] < pair[0] {
            return Err(StreamError::Order { blob: pair[1], previous: pair[0] });
        }
    }
    match wanted.last() {
        Some(&blob) if blob as usize >= blobs.len() => Err(BlobError::NoSuchBlob { blob, count: blobs.len() }.into()),
        _ => Ok(()),
    }
}

/// The work that is left, and what went wrong.
struct Queue<'q, R> {
    parts: &'q Parts<R>,
    table: &'q BlobTable,
    wanted: &'q [u32],
    state: Mutex<State>,
    /// Told of what a worker may be waiting for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The first of the wanted blobs that no worker has, or not all of.
    next: usize,
    stop: Stop,
    error: Option<StreamError>,
    solid: solid::Progress,
    runs: runs::Progress,
    unfinished: handover::Unfinished,
}

/// What a worker takes.
enum Work<'q> {
    Blobs(&'q [u32]),
    Run(runs::Run),
    Chunks(solid::Task),
    Share(solid::Share),
}

/// Where workers stop because of an error.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stop {
    #[default]
    Never,
    /// At this blob: what lies before it may hold an earlier error, which is then the one to report.
    At(u32),
    /// At once, because going on would fail for the same reason.
    Now,
}

impl Stop {
    fn stops(self, blob: u32) -> bool {
        match self {
            Self::Never => false,
            Self::At(at) => blob >= at,
            Self::Now => true,
        }
    }
}

/// Why a worker left a blob half-way.
enum Interrupted {
    /// Another worker found an error before.
    ByOther,
    Error(StreamError),
}

impl From<BlobError> for Interrupted {
    fn from(error: BlobError) -> Self {
        Self::Error(error.into())
    }
}

impl From<StreamError> for Interrupted {
    fn from(error: StreamError) -> Self {
        Self::Error(error)
    }
}

impl Interrupted {
    /// The other's error is on record already.
    fn error(self) -> Result<(), StreamError> {
        match self {
            Self::ByOther => Ok(()),
            Self::Error(error) => Err(error),
        }
    }
}

/// Ends the others' work when a worker panics: they might wait for it.
struct StopOnPanic<'w, 'q, R>(&'w Queue<'q, R>);

impl<R> Drop for StopOnPanic<'_, '_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().stop = Stop::Now;
            self.0.changed.notify_all();
        }
    }
}

impl<R> Queue<'_, R> {
    /// Keeps the error if it is about an earlier blob than the one that is known.
    fn fail(&self, error: StreamError) {
        self.lock().fail(error);
        self.changed.notify_all();
    }

    fn stops(&self, blob: u32) -> bool {
        self.lock().stop.stops(blob)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A worker that panicked left a state that is whole, and the panic is passed on anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, error: StreamError) {
        let blob = error.blob().unwrap_or(0);
        let first = self.error.as_ref().and_then(StreamError::blob).is_none_or(|known| blob < known);
        self.stop = match (&error, self.stop) {
            (StreamError::Sink { .. }, _) | (_, Stop::Now) => Stop::Now,
            (_, Stop::At(at)) if at <= blob => Stop::At(at),
            _ => Stop::At(blob),
        };
        if first {
            self.error = Some(error);
        }
    }
}

impl<'q, R: ReadAt> Queue<'q, R> {
    fn work(&self, sink: &dyn BlobSink) {
        let _guard = StopOnPanic(self);
        let mut reader = Reader::new(self.parts);
        while let Some(work) = self.take() {
            let result = match work {
                Work::Blobs(batch) => self.batch(&mut reader, batch, sink),
                Work::Run(run) => self.decode_run(&mut reader, run, sink),
                Work::Chunks(task) => {
                    self.chunks(task);
                    Ok(())
                }
                Work::Share(share) => self.share(share, sink),
            };
            if let Err(error) = result {
                self.fail(error);
                return;
            }
        }
    }

    fn batch(&self, reader: &mut Reader<'_, R>, batch: &[u32], sink: &dyn BlobSink) -> Result<(), StreamError> {
        let limit = batch.last().map_or(0, |&last| end(self.blob(last)));
        let mut previous = None;
        for &index in batch {
            if previous.replace(index) == Some(index) {
                continue;
            }
            if self.stops(index) {
                break;
            }
            self.read(reader, index, limit, sink)?;
        }
        Ok(())
    }

    fn blob(&self, index: u32) -> &'q Blob {
        &self.table.blobs[index as usize]
    }

    fn read(
        &self,
        reader: &mut Reader<'_, R>,
        index: u32,
        limit: u64,
        sink: &dyn BlobSink,
    ) -> Result<(), StreamError> {
        let sink_error = |source| Interrupted::Error(StreamError::Sink { blob: index, source });
        let result = read_verified(reader, (index, self.blob(index)), limit, |offset, bytes| {
            if self.stops(index) {
                return Err(Interrupted::ByOther);
            }
            sink.write(index, offset, bytes).map_err(sink_error)
        });
        result.and_then(|()| sink.finish(index).map_err(sink_error)).or_else(Interrupted::error)
    }

    /// The next piece of work. Waits while there is no memory for it, or may be some later.
    fn take(&self) -> Option<Work<'q>> {
        let mut state = self.lock();
        loop {
            if let Some(run) = self.take_run(&mut state) {
                return Some(Work::Run(run));
            }
            let stop = state.stop;
            let first = self.wanted.get(state.next).copied().filter(|&first| !stop.stops(first));
            let solid = first.and_then(|first| Some((first, self.blob(first).solid?)));
            if let Some(task) = solid.and_then(|(first, place)| self.take_chunks(&mut state, first, place)) {
                return Some(Work::Chunks(task));
            }
            let State { solid: chunks, unfinished, .. } = &mut *state;
            if let Some(share) = chunks.take_share(unfinished, stop) {
                return Some(Work::Share(share));
            }
            if let Some(first) = first.filter(|_| solid.is_none()) {
                if !runs::is_large(self.parts, self.blob(first)) {
                    return Some(Work::Blobs(self.take_batch(&mut state)));
                }
                if self.begin_runs(&mut state, first) {
                    continue;
                }
            }
            // Where a table tells no more, nothing is left that could still come first.
            let is_left = self.wanted.get(state.next).is_some_and(|&next| !stop.stops(next));
            if !is_left && !state.solid.is_pending(stop) && !state.runs.is_pending() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take_batch(&self, state: &mut State) -> &'q [u32] {
        let from = state.next;
        state.next += self.batch_len(&self.wanted[from..]);
        &self.wanted[from..state.next]
    }

    /// How many of these blobs are the next batch: those within [`BATCH`] bytes of the file, or one
    /// that is longer. The first is neither large nor in a solid resource.
    fn batch_len(&self, wanted: &[u32]) -> usize {
        let first = self.blob(wanted[0]);
        let mut reached = end(first);
        let mut count = 1;
        for &index in &wanted[1..] {
            let blob = self.blob(index);
            let again = index == wanted[count - 1];
            let beside = blob.solid.is_none() && blob.part == first.part && !runs::is_large(self.parts, blob);
            if !beside || !again && (end(blob) - first.offset > BATCH || blob.offset > reached + GAP) {
                break;
            }
            reached = reached.max(end(blob));
            count += 1;
        }
        count
    }
}

/// Where a blob ends in the file. It was checked that it does not overflow.
fn end(blob: &Blob) -> u64 {
    blob.offset + blob.stored_len
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::Wim;
    use crate::testing::{Built, File, Solid, noise};

    /// Keeps what comes, and checks the promises of [`BlobSink`].
    #[derive(Default)]
    struct Keep {
        blobs: Mutex<BTreeMap<u32, (Vec<u8>, bool)>>,
        /// Fails when it gets this blob.
        fails_at: Option<u32>,
    }

    impl BlobSink for Keep {
        fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
            if self.fails_at == Some(index) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut blobs = self.blobs.lock().unwrap();
            let (content, finished) = blobs.entry(index).or_default();
            assert!(!*finished && !bytes.is_empty());
            assert_eq!(content.len() as u64, offset);
            content.extend_from_slice(bytes);
            Ok(())
        }

        fn finish(&self, index: u32) -> io::Result<()> {
            let mut blobs = self.blobs.lock().unwrap();
            assert!(!std::mem::replace(&mut blobs.get_mut(&index).unwrap().1, true));
            Ok(())
        }
    }

    fn threads(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    /// 60 blobs: small ones, and every tenth longer than a batch.
    fn contents() -> Vec<Vec<u8>> {
        (0..60).map(|n| noise(n as u64, if n % 10 == 7 { 1_500_000 } else { 1 + (n * 977) % 9000 })).collect()
    }

    fn built(chunk_size: Option<u32>) -> (Vec<Vec<u8>>, Built) {
        let contents = contents();
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let built = File { chunk_size, ..File::new(&slices) }.build();
        (contents, built)
    }

    #[test]
    fn all_blobs_come_whole_with_any_number_of_threads() {
        for chunk_size in [None, Some(4096), Some(0x8000), Some(0x20_0000)] {
            let (contents, built) = built(chunk_size);
            let wim = Wim::open(built.bytes).unwrap();
            for n in [1, 2, 3, 8, 100] {
                let sink = Keep::default();
                wim.stream(&(0..60).collect::<Vec<_>>(), threads(n), &sink).unwrap();
                let blobs = sink.blobs.into_inner().unwrap();
                assert!(blobs.values().all(|(_, finished)| *finished));
                assert!(blobs.values().map(|(content, _)| content).eq(&contents), "{chunk_size:?} {n} threads");
            }
        }
    }

    /// The same blobs in solid resources of 25 each, with chunks of many sizes: of some, several are
    /// decoded at once.
    fn built_solid() -> impl Iterator<Item = (Vec<Vec<u8>>, Built)> {
        [(1, 0x1000), (2, 0x8000), (3, 0x8_0000), (3, 0x20_0000), (3, 0x400_0000)].into_iter().map(
            |(format, chunk_size)| {
                let contents = contents();
                let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
                let solid = Some(Solid { chunk_size, format, blobs: 25 });
                let built = File { solid, ..File::new(&slices) }.build();
                (contents, built)
            },
        )
    }

    #[test]
    fn solid_blobs_come_whole_with_any_number_of_threads() {
        for (contents, built) in built_solid() {
            let wim = Wim::open(built.bytes).unwrap();
            assert_eq!(wim.solid_resources().len(), 3);
            for n in [1, 2, 3, 20] {
                for step in [1, 7] {
                    let sink = Keep::default();
                    // Each twice, which makes no difference.
                    let wanted: Vec<u32> = (0..60).step_by(step).flat_map(|index| [index; 2]).collect();
                    wim.stream(&wanted, threads(n), &sink).unwrap();
                    let blobs = sink.blobs.into_inner().unwrap();
                    assert!(blobs.values().all(|(_, finished)| *finished));
                    let contents = contents.iter().step_by(step);
                    assert!(blobs.values().map(|(content, _)| content).eq(contents), "{n} threads, step {step}");
                }
            }
            for index in [59, 0, 7, 24, 25, 7] {
                assert!(wim.read_blob(index).unwrap() == contents[index as usize]);
            }
        }
    }

    #[test]
    fn the_first_damaged_solid_blob_is_named_with_any_number_of_threads() {
        for (_, built) in built_solid() {
            // Blob 17 is longer than some chunks, so that it goes from one worker to the next.
            for first in [17, 12] {
                let mut bytes = built.bytes.clone();
                for blob in [41, first, 55, 57] {
                    bytes[built.blobs[blob].end - 1] ^= 1;
                }
                let wim = Wim::open(bytes).unwrap();
                for n in [1, 2, 5, 16] {
                    let sink = Keep::default();
                    let error = wim.stream(&(0..60).collect::<Vec<_>>(), threads(n), &sink).unwrap_err();
                    assert!(matches!(error, StreamError::Blob(BlobError::Digest { .. })), "{error}");
                    assert_eq!(error.blob(), Some(u32::try_from(first).unwrap()));
                    let blobs = sink.blobs.into_inner().unwrap();
                    assert!((0..u32::try_from(first).unwrap()).all(|index| blobs[&index].1));
                }
                assert!(matches!(wim.read_blob(41), Err(BlobError::Digest { blob: 41, .. })));
            }
        }
    }

    #[test]
    fn a_sink_that_fails_or_panics_ends_the_streaming_of_solid_blobs() {
        struct Panics;
        impl BlobSink for Panics {
            fn write(&self, index: u32, offset: u64, _: &[u8]) -> io::Result<()> {
                assert!(index < 17 || offset == 0, "as is meant");
                Ok(())
            }
        }
        for (_, built) in built_solid() {
            let wim = Wim::open(built.bytes).unwrap();
            let all: Vec<u32> = (0..60).collect();
            for n in [1, 2, 8] {
                let sink = Keep { fails_at: Some(17), ..Keep::default() };
                let error = wim.stream(&all, threads(n), &sink).unwrap_err();
                assert!(matches!(error, StreamError::Sink { blob: 17, .. }), "{error}");
                let streaming = std::panic::AssertUnwindSafe(|| wim.stream(&all, threads(n), &Panics));
                assert!(std::panic::catch_unwind(streaming).is_err());
            }
        }
    }

    #[test]
    fn only_what_is_wanted_comes_and_each_once() {
        let (contents, built) = built(Some(4096));
        let wim = Wim::open(built.bytes).unwrap();
        let sink = Keep::default();
        wim.stream(&[3, 3, 7, 7, 7, 59], threads(2), &sink).unwrap();
        let blobs = sink.blobs.into_inner().unwrap();
        assert_eq!(blobs.keys().collect::<Vec<_>>(), [&3, &7, &59]);
        assert!(blobs.iter().all(|(&index, (content, _))| content == &contents[index as usize]));
        wim.stream(&[], threads(2), &Keep::default()).unwrap();
        assert_eq!(wim.read_blob(17).unwrap(), contents[17]);
    }

    #[test]
    fn the_first_damaged_blob_is_named_with_any_number_of_threads() {
        let (_, built) = built(None);
        let mut bytes = built.bytes.clone();
        for blob in [41, 12, 55, 57] {
            bytes[built.blobs[blob].start] ^= 1;
        }
        let wim = Wim::open(bytes).unwrap();
        for n in [1, 2, 5, 16] {
            for _ in 0..20 {
                let sink = Keep::default();
                let error = wim.stream(&(0..60).collect::<Vec<_>>(), threads(n), &sink).unwrap_err();
                assert!(matches!(error, StreamError::Blob(BlobError::Digest { blob: 12, .. })), "{error}");
                assert_eq!(error.blob(), Some(12));
                let blobs = sink.blobs.into_inner().unwrap();
                assert!((0..12).all(|index| blobs[&index].1), "what lies before is finished");
                assert!(!blobs[&12].1);
            }
        }
        assert!(matches!(wim.read_blob(41), Err(BlobError::Digest { blob: 41, .. })));
    }

    /// Blobs that are decoded in runs, among small ones: of noise, which is stored as it is.
    fn built_large() -> impl Iterator<Item = (usize, Vec<Vec<u8>>, Built)> {
        [4096u32, 0x8000, 0x10_0000].into_iter().map(|chunk_size| {
            let len = |n: usize| if n % 4 == 2 { 4_200_000 + n * 999_999 } else { 3000 + n };
            let contents: Vec<Vec<u8>> = (0..9).map(|n| noise(n as u64, len(n))).collect();
            let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
            let built = File { chunk_size: Some(chunk_size), ..File::new(&slices) }.build();
            (chunk_size as usize, contents, built)
        })
    }

    #[test]
    fn large_blobs_come_whole_with_any_number_of_threads() {
        for (_, contents, built) in built_large() {
            let wim = Wim::open(built.bytes).unwrap();
            for n in [1, 2, 3, 8, 64] {
                let sink = Keep::default();
                wim.stream(&[0, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8], threads(n), &sink).unwrap();
                let blobs = sink.blobs.into_inner().unwrap();
                assert!(blobs.values().all(|(_, finished)| *finished));
                assert!(blobs.values().map(|(content, _)| content).eq(&contents), "{n} threads");
            }
        }
    }

    #[test]
    fn the_first_fault_of_the_first_damaged_large_blob_is_told_with_any_number_of_threads() {
        for (chunk_size, contents, built) in built_large() {
            let table = |blob: usize, chunk: usize| built.blobs[blob].start + (chunk - 1) * 4;
            let chunks = contents[2].len().div_ceil(chunk_size);
            // The table of blob 6 is wrong as well, and so is the end of blob 2.
            for (chunk, then) in [(chunks / 2, chunks - 2), (1, 2), (chunks - 1, chunks - 1)] {
                let mut bytes = built.bytes.clone();
                for (blob, chunk) in [(6, 3), (2, then), (2, chunk)] {
                    bytes[table(blob, chunk)..][..4].copy_from_slice(&[0xff; 4]);
                }
                let wim = Wim::open(bytes).unwrap();
                for n in [1, 2, 3, 8, 64] {
                    let sink = Keep::default();
                    let error = wim.stream(&(0..9).collect::<Vec<_>>(), threads(n), &sink).unwrap_err();
                    let StreamError::Blob(BlobError::Corrupt { blob: 2, chunk: found, .. }) = error else {
                        panic!("{error}")
                    };
                    // The entry says where the chunk before ends.
                    assert_eq!(found, chunk as u64 - 1, "{n} threads");
                    let blobs = sink.blobs.into_inner().unwrap();
                    assert!(blobs[&0].1 && blobs[&1].1 && !blobs.get(&2).is_some_and(|blob| blob.1));
                }
            }
            let mut bytes = built.bytes.clone();
            bytes[built.blobs[6].end - 1] ^= 1;
            bytes[built.blobs[2].start + built.blobs[2].len() / 2] ^= 1;
            let wim = Wim::open(bytes).unwrap();
            for n in [1, 2, 8] {
                let error = wim.stream(&(0..9).collect::<Vec<_>>(), threads(n), &Keep::default()).unwrap_err();
                assert!(matches!(error, StreamError::Blob(BlobError::Digest { blob: 2, .. })), "{error}");
            }
        }
    }

    #[test]
    fn a_sink_that_fails_or_panics_ends_the_streaming_of_large_blobs() {
        struct Panics;
        impl BlobSink for Panics {
            fn write(&self, index: u32, offset: u64, _: &[u8]) -> io::Result<()> {
                assert!(index != 2 || offset < 2_000_000, "as is meant");
                Ok(())
            }
        }
        let (_, _, built) = built_large().next().unwrap();
        let wim = Wim::open(built.bytes).unwrap();
        let all: Vec<u32> = (0..9).collect();
        for n in [1, 2, 8] {
            let sink = Keep { fails_at: Some(2), ..Keep::default() };
            let error = wim.stream(&all, threads(n), &sink).unwrap_err();
            assert!(matches!(error, StreamError::Sink { blob: 2, .. }), "{error}");
            let streaming = std::panic::AssertUnwindSafe(|| wim.stream(&all, threads(n), &Panics));
            assert!(std::panic::catch_unwind(streaming).is_err());
        }
    }

    #[test]
    fn an_error_of_the_sink_is_handed_on() {
        let (_, built) = built(None);
        let wim = Wim::open(built.bytes).unwrap();
        let sink = Keep { fails_at: Some(33), ..Keep::default() };
        let error = wim.stream(&(0..60).collect::<Vec<_>>(), threads(2), &sink).unwrap_err();
        let StreamError::Sink { blob: 33, source } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn numbers_that_descend_or_name_nothing_are_refused() {
        let (_, built) = built(None);
        let wim = Wim::open(built.bytes).unwrap();
        let stream = |blobs: &[u32]| wim.stream(blobs, threads(1), &Keep::default()).unwrap_err();
        assert!(matches!(stream(&[4, 3]), StreamError::Order { blob: 3, previous: 4 }));
        assert!(matches!(stream(&[3, 60]), StreamError::Blob(BlobError::NoSuchBlob { blob: 60, count: 60 })));
        assert!(matches!(wim.read_blob(60), Err(BlobError::NoSuchBlob { .. })));
    }

    /// Counts reads.
    struct Counted(Vec<u8>, AtomicU64, AtomicU64);

    impl ReadAt for Counted {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let n = self.0.read_at(buf, offset)?;
            self.2.fetch_add(n as u64, Ordering::Relaxed);
            Ok(n)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }
    }

    #[test]
    fn small_neighbours_are_read_at_once_and_no_byte_twice() {
        let contents: Vec<Vec<u8>> = (0..500).map(|n| noise(n, 4000)).collect();
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let built = File { chunk_size: Some(4096), ..File::new(&slices) }.build();
        let file = Counted(built.bytes, AtomicU64::new(0), AtomicU64::new(0));
        let wim = Wim::open(&file).unwrap();
        file.1.store(0, Ordering::Relaxed);
        file.2.store(0, Ordering::Relaxed);
        wim.stream(&(0..500).collect::<Vec<_>>(), threads(2), &Keep::default()).unwrap();
        let (reads, bytes) = (file.1.load(Ordering::Relaxed), file.2.load(Ordering::Relaxed));
        assert_eq!((reads, bytes), (2, 500 * 4000), "two batches of 1 MiB");
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error() {
        struct Shrinks(Vec<u8>, AtomicU64);
        impl ReadAt for Shrinks {
            fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
                let len = usize::try_from(self.1.load(Ordering::Relaxed)).unwrap();
                self.0[..len].read_at(buf, offset)
            }
            fn len(&self) -> io::Result<u64> {
                Ok(self.1.load(Ordering::Relaxed))
            }
        }
        let (_, built) = built(None);
        let cut = built.blobs[20].start as u64;
        let file = Shrinks(built.bytes, AtomicU64::new(0));
        file.1.store(file.0.len() as u64, Ordering::Relaxed);
        let wim = Wim::open(&file).unwrap();
        file.1.store(cut, Ordering::Relaxed);
        let error = wim.stream(&(0..60).collect::<Vec<_>>(), threads(2), &Keep::default()).unwrap_err();
        let StreamError::Blob(BlobError::Read { source, .. }) = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof);
    }
}
