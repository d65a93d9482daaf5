//! The chunks of a solid resource: where they lie, and decoding them.

use std::ops::Range;

use nanovhd_tree::ReadAt;

use crate::parts::{InFile, Parts};
use crate::reader::{ChunkError, Decoder, Format, ResourceError};
use crate::solid::{HEADER, SolidPlace, SolidResource, TABLE_ENTRY};

/// Entries of a chunk table that are read at once.
const TABLE_PIECE: usize = 16 << 10;

/// A chunk in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// Where it lies in the file.
    pub(crate) offset: u64,
    /// Bytes there.
    pub(crate) stored: usize,
    /// Bytes when decoded.
    pub(crate) len: usize,
}

/// Walks the chunk table, which has the stored length of every chunk.
#[derive(Debug)]
pub(crate) struct Chunks {
    resource: SolidResource,
    file: InFile,
    /// Entries that were read, of which `used` bytes are used.
    entries: Vec<u8>,
    used: usize,
    /// The next chunk, and where it starts among all of them.
    next: u64,
    start: u64,
    data_len: u64,
}

impl Chunks {
    /// The chunks of a resource of which the lengths were checked.
    pub(crate) fn new(resource: &SolidResource, file: InFile) -> Self {
        let data_len = resource.data_len().unwrap_or(0);
        Self { resource: *resource, file, entries: Vec::new(), used: 0, next: 0, start: 0, data_len }
    }

    /// The next chunk without going past it: what it would decode to, or nothing after the last.
    pub(crate) fn next_range(&self) -> Range<u64> {
        let size = u64::from(self.resource.chunk_size);
        let start = self.next.saturating_mul(size).min(self.resource.len);
        start..start.saturating_add(size).min(self.resource.len)
    }

    /// Goes past the next chunk, which there has to be, and says where it lies.
    ///
    /// # Errors
    /// The table can't be read, or has a length that can't be.
    pub(crate) fn advance<R: ReadAt>(&mut self, parts: &Parts<R>) -> Result<Chunk, ResourceError> {
        if self.used == self.entries.len() {
            self.read_entries(parts.get(self.resource.part).0)?;
        }
        let entry = self.entries.get(self.used..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let stored = u64::from(u32::from_le_bytes(entry));
        let range = self.next_range();
        // Not longer than a chunk, which is at most 64 MiB.
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let offset = self.resource.offset + self.resource.table_len() + self.start;
        let end = self.start + stored;
        if end > self.data_len {
            let cause = ChunkError::Table { start: self.start, end, data_len: self.data_len };
            return Err(self.fault(self.next, offset, cause));
        }
        let in_memory = usize::try_from(stored).ok().filter(|stored| (1..=len).contains(stored));
        let Some(stored) = in_memory else {
            return Err(self.fault(self.next, offset, ChunkError::StoredLen { stored, len }));
        };
        let number = self.next;
        self.used += TABLE_ENTRY;
        self.next += 1;
        self.start = end;
        Ok(Chunk { number, offset, stored, len })
    }

    fn read_entries<R: ReadAt>(&mut self, file: &R) -> Result<(), ResourceError> {
        let left = self.resource.chunks() - self.next;
        let count = usize::try_from(left).map_or(TABLE_PIECE, |left| left.min(TABLE_PIECE));
        let offset = self.resource.offset + HEADER as u64 + self.next * TABLE_ENTRY as u64;
        self.used = 0;
        self.entries.resize(count * TABLE_ENTRY, 0);
        file.read_exact_at(&mut self.entries, offset).map_err(|source| {
            self.entries.clear();
            ResourceError::Read { file: self.file, offset, source }
        })
    }

    fn fault(&self, chunk: u64, offset: u64, cause: ChunkError) -> ResourceError {
        ResourceError::Corrupt { chunk, file: self.file, offset, cause }
    }
}

/// Chunks that follow each other, of one resource.
#[derive(Debug, Clone)]
pub(crate) struct ChunkRun {
    pub(crate) resource: SolidResource,
    pub(crate) chunks: Vec<Chunk>,
    /// What they decode to.
    pub(crate) range: Range<u64>,
}

/// A decoder and memory for what it reads: used again and again.
#[derive(Debug, Default)]
pub(crate) struct Decoding {
    input: Vec<u8>,
    decoder: Decoder,
}

impl Decoding {
    /// Reads a run of chunks at once and decodes them to the start of `output`, which is made longer if
    /// need be: gives how many bytes could be decoded, and what is wrong with the first that couldn't.
    pub(crate) fn decode<R: ReadAt>(
        &mut self,
        parts: &Parts<R>,
        run: &ChunkRun,
        output: &mut Vec<u8>,
    ) -> (usize, Option<ResourceError>) {
        let (file, name) = (parts.get(run.resource.part).0, parts.name(run.resource.part));
        let Some(&Chunk { offset, .. }) = run.chunks.first() else { return (0, None) };
        let stored = run.chunks.iter().map(|chunk| chunk.stored).sum();
        let len = run.chunks.iter().map(|chunk| chunk.len).sum();
        grow(&mut self.input, stored);
        if let Err(source) = file.read_exact_at(&mut self.input[..stored], offset) {
            return (0, Some(ResourceError::Read { file: name, offset, source }));
        }
        grow(output, len);
        let format = Format { compression: run.resource.compression, chunk_size: run.resource.chunk_size };
        let (mut input, mut done) = (&self.input[..stored], 0);
        for &Chunk { number, offset, stored, len } in &run.chunks {
            let (from, rest) = input.split_at(stored);
            input = rest;
            if let Err(cause) = self.decoder.decode(format, from, &mut output[done..done + len]) {
                let error = ResourceError::Corrupt { chunk: number, file: name, offset, cause: cause.into() };
                return (done, Some(error));
            }
            done += len;
        }
        (done, None)
    }
}

/// Keeps the chunk that was read last, for those who ask for one blob after the other.
#[derive(Debug, Default)]
pub(crate) struct LastChunk {
    decoding: Decoding,
    output: Vec<u8>,
    /// Number of the resource, of the chunk, and its length.
    holds: Option<(u32, u64, usize)>,
}

impl LastChunk {
    /// Hands the bytes of a blob to `each`, chunk by chunk.
    ///
    /// # Errors
    /// The file can't be read, or a chunk is damaged.
    pub(crate) fn read<R: ReadAt>(
        &mut self,
        parts: &Parts<R>,
        resource: &SolidResource,
        (place, len): (SolidPlace, u64),
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), ResourceError> {
        let (mut at, end) = (place.offset, place.offset + len);
        let mut chunks = Chunks::new(resource, parts.name(resource.part));
        while at < end {
            let range = chunks.next_range();
            let chunk = chunks.advance(parts)?;
            if range.end <= at {
                continue;
            }
            let bytes = self.chunk(parts, resource, place.resource, (chunk, range.clone()))?;
            let in_chunk = |offset: u64| usize::try_from(offset - range.start).unwrap_or(usize::MAX);
            let upto = end.min(range.end);
            each(&bytes[in_chunk(at)..in_chunk(upto)]);
            at = upto;
        }
        Ok(())
    }

    fn chunk<R: ReadAt>(
        &mut self,
        parts: &Parts<R>,
        resource: &SolidResource,
        number: u32,
        (chunk, range): (Chunk, Range<u64>),
    ) -> Result<&[u8], ResourceError> {
        let wanted = (number, chunk.number, chunk.len);
        if self.holds != Some(wanted) {
            self.holds = None;
            let run = ChunkRun { resource: *resource, chunks: vec![chunk], range };
            if let (_, Some(error)) = self.decoding.decode(parts, &run, &mut self.output) {
                return Err(error);
            }
            self.holds = Some(wanted);
        }
        Ok(&self.output[..chunk.len])
    }
}

/// Makes a buffer long enough. What it held is not needed any more, so it need not be copied, and
/// fresh memory is zero without anybody writing to it.
fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        *buffer = Vec::new();
        *buffer = vec![0; len];
    }
}
