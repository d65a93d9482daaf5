//! The work that no build gets around, each kind alone: decoding, SHA-1, reading, writing.
//!
//! Every kind is done by the asked number of threads at once, because cores share memory, cache and clock; what
//! counts is the CPU time of all of them.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use nanovhd_tree::{ReadAt, WriteAt};
use nanovhd_wim::Compression;
use nanovhd_wim::codec::{DecodeError, LzmsDecoder, LzxDecoder, XpressDecoder};
use sha1::{Digest, Sha1};

use crate::chunks::{Chunk, Chunks};

/// Bytes of a read or a write.
const PIECE: u64 = 1 << 20;
/// Chunks are decoded until so many bytes are together, and then hashed, while they are in the cache.
const HASHED: usize = 128 << 10;
/// Bytes that a write-behind lets go at a time.
const STRETCH: u64 = 8 << 20;

/// CPU time in seconds, all threads together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decoded {
    /// Decoding, and copying what is stored as it is.
    pub decode: f64,
    /// SHA-1 of what came out.
    pub sha1: f64,
}

enum Decoder {
    Lzx(Box<LzxDecoder>),
    Xpress(XpressDecoder),
    Lzms(LzmsDecoder),
    Nothing,
}

impl Decoder {
    fn new(chunks: &Chunks) -> Self {
        match chunks.compression {
            Compression::Lzx => Self::Lzx(Box::new(LzxDecoder::new(chunks.chunk_size))),
            Compression::Xpress => Self::Xpress(XpressDecoder::new(chunks.chunk_size)),
            Compression::Lzms => Self::Lzms(LzmsDecoder::new(chunks.chunk_size)),
            _ => Self::Nothing,
        }
    }

    fn decode(&mut self, chunk: &Chunk, out: &mut [u8]) -> Result<(), DecodeError> {
        if !chunk.is_packed() {
            out.copy_from_slice(&chunk.stored);
            return Ok(());
        }
        match self {
            Self::Lzx(decoder) => decoder.decode(&chunk.stored, out),
            Self::Xpress(decoder) => decoder.decode(&chunk.stored, out),
            Self::Lzms(decoder) => decoder.decode(&chunk.stored, out),
            Self::Nothing => Ok(()),
        }
    }
}

/// Decodes and hashes chunks that lie in memory.
///
/// # Errors
/// That a chunk is damaged.
pub fn decode(chunks: &Chunks, threads: usize) -> io::Result<Decoded> {
    let next = AtomicUsize::new(0);
    let done = on_threads(threads, || {
        let mut decoder = Decoder::new(chunks);
        let room = HASHED + chunks.chunks.iter().map(|chunk| chunk.len).max().unwrap_or(0);
        let (mut buffer, mut filled, mut sum) = (vec![0; room], 0, Decoded::default());
        loop {
            let chunk = chunks.chunks.get(next.fetch_add(1, Ordering::Relaxed));
            if chunk.is_none() || filled >= HASHED {
                let start = cpu_seconds();
                black_box(Sha1::digest(&buffer[..filled]));
                (sum.sha1, filled) = (sum.sha1 + cpu_seconds() - start, 0);
            }
            let Some(chunk) = chunk else { return Ok(sum) };
            let start = cpu_seconds();
            decoder.decode(chunk, &mut buffer[filled..filled + chunk.len]).map_err(io::Error::other)?;
            (sum.decode, filled) = (sum.decode + cpu_seconds() - start, filled + chunk.len);
        }
    })?;
    let add = |a: Decoded, b: &Decoded| Decoded { decode: a.decode + b.decode, sha1: a.sha1 + b.sha1 };
    Ok(done.iter().fold(Decoded::default(), add))
}

/// Reads a file from the page cache, and says how much CPU time that took.
///
/// # Errors
/// What the system says.
pub fn read(path: &Path, threads: usize) -> io::Result<f64> {
    let file = File::open(path)?;
    let (len, next) = (file.metadata()?.len(), AtomicU64::new(0));
    let done = on_threads(threads, || {
        let (mut buffer, start) = (vec![0; 1 << 20], cpu_seconds());
        while let Some((offset, piece)) = take(&next, len, buffer.len()) {
            file.read_exact_at(&mut buffer[..piece], offset)?;
        }
        Ok(cpu_seconds() - start)
    })?;
    Ok(done.iter().sum())
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Into the page cache, and the system decides when it goes to the disk.
    Buffered,
    /// The same, but what lies some MiB behind is sent to the disk at once and then dropped from the cache: so few
    /// pages of memory do for all of it.
    Behind,
}

impl Writing {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Behind => "write-behind",
        }
    }
}

/// What writing took.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// CPU time in seconds, all threads together.
    pub cpu: f64,
    /// Seconds until the last write returned.
    pub seconds: f64,
    /// The same, and then until the file was on the disk.
    pub synced: f64,
}

/// Writes a new file of `len` bytes, then removes it.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, len: u64, threads: usize, writing: Writing) -> io::Result<Written> {
    let start = Instant::now();
    let file = File::create(path)?;
    file.set_len(len)?;
    let next = AtomicU64::new(0);
    let done = on_threads(threads, || {
        // No zeros: a file system might make holes of them.
        let (buffer, start) = (vec![0x5a; 1 << 20], cpu_seconds());
        while let Some((offset, piece)) = take(&next, len, buffer.len()) {
            file.write_all_at(&buffer[..piece], offset)?;
            if writing == Writing::Behind && (offset + PIECE).is_multiple_of(STRETCH) {
                let end = offset + PIECE;
                // The first call starts the way to the disk; the second drops what has arrived meanwhile.
                let_go(&file, end - STRETCH)?;
                if let Some(old) = end.checked_sub(5 * STRETCH) {
                    let_go(&file, old)?;
                }
            }
        }
        Ok(cpu_seconds() - start)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    file.sync_all()?;
    let synced = start.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(path)?;
    Ok(Written { cpu: done.iter().sum(), seconds, synced })
}

#[cfg(target_os = "linux")]
fn let_go(file: &File, offset: u64) -> io::Result<()> {
    let len = std::num::NonZeroU64::new(STRETCH);
    Ok(rustix::fs::fadvise(file, offset, len, rustix::fs::Advice::DontNeed)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is a call that can fail")]
fn let_go(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// The next piece of a file, and how long it is.
fn take(next: &AtomicU64, len: u64, piece: usize) -> Option<(u64, usize)> {
    let offset = next.fetch_add(piece as u64, Ordering::Relaxed);
    let left = len.checked_sub(offset).filter(|left| *left > 0)?;
    Some((offset, usize::try_from(left).map_or(piece, |left| left.min(piece))))
}

/// Does the same on several threads, and gives what each of them has to say.
fn on_threads<T: Send>(threads: usize, work: impl Fn() -> io::Result<T> + Sync) -> io::Result<Vec<T>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        running.into_iter().map(|thread| thread.join().expect("a worker does not panic")).collect()
    })
}

/// CPU seconds that this thread has had.
#[cfg(target_os = "linux")]
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Where no such clock is at hand, the time that has passed: the same, if nothing else runs.
#[cfg(not(target_os = "linux"))]
fn cpu_seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chunks, subjects};
    use nanovhd_wim::Wim;

    #[test]
    fn all_work_is_done() {
        let folder = tempfile::tempdir().unwrap();
        for subject in subjects().into_iter().take(4) {
            let file = File::open(&subject.path).unwrap();
            let wim = Wim::open(file.try_clone().unwrap()).unwrap();
            let chunks = chunks::sample(&wim, &file, 1 << 30).unwrap();
            for threads in [1, 3] {
                let Decoded { decode, sha1 } = super::decode(&chunks, threads).unwrap();
                assert!(decode > 0.0 && sha1 > 0.0);
                read(&subject.path, threads).unwrap();
            }
        }
        for writing in [Writing::Buffered, Writing::Behind] {
            let written = write(&folder.path().join("out"), (50 << 20) + 7, 2, writing).unwrap();
            assert!(written.synced >= written.seconds);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
