//! Reading a resource: chunk table, chunks, and the bytes in their order.
//!
//! ```text
//!   stored as it is:   ├──────────────── len bytes ────────────────┤
//!   compressed:        ├ table ┼ chunk 0 ┼ chunk 1 ┼ … ┼ chunk n-1 ┤
//! ```
//!
//! \[WIM\] "Resource compression". The table has an entry for every chunk but the first: where it
//! starts, counted from the end of the table; 4 bytes each, or 8 if the resource has more than
//! 4 GiB when read. A chunk that would not get shorter is stored as it is, so its stored length
//! equals its length. Each chunk is decoded by itself; all but the last have the file's chunk size.
//!
//! A [`Reader`] holds a few MiB whatever the resource says of itself: the table is read in pieces,
//! and lengths are believed only as far as bytes of the file stand behind them.

use std::io;
use std::ops::Range;

use nanovhd_tree::ReadAt;
use thiserror::Error;

use crate::codec::{DecodeError, LzmsDecoder, LzxDecoder, XpressDecoder};
use crate::header::Compression;
use crate::parts::{InFile, Parts};
use crate::resource::ChunkTable;
use crate::window::Window;

/// How many bytes are handed on at once, when chunks are smaller: fits the second-level cache, so
/// that hashing and writing find what was decoded there.
const PIECE: usize = 128 << 10;
/// How much of a chunk table is read at once.
const TABLE_PIECE: usize = 64 << 10;

/// How resources of the file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) compression: Compression,
    pub(crate) chunk_size: u32,
}

/// Where a resource lies and what it holds, after the checks of [`crate::resource::Regions`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// The part of a split set, from 1.
    pub(crate) part: u16,
    pub(crate) offset: u64,
    pub(crate) stored_len: u64,
    pub(crate) len: u64,
    pub(crate) compressed: bool,
}

/// What is wrong with a chunk of a compressed resource.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// There is no room for the chunk table and one byte for each chunk.
    #[error("{stored_len:#x} bytes are stored, too few for {chunks} chunks and a table of {table_len:#x} bytes")]
    NoRoom {
        /// Bytes in the file.
        stored_len: u64,
        /// Chunks, counted by the length of the content.
        chunks: u64,
        /// Bytes of the chunk table.
        table_len: u64,
    },
    /// The table runs backwards or past the end.
    #[error("it starts at {start:#x} and ends at {end:#x} of {data_len:#x} bytes of chunks")]
    Table {
        /// Where the chunk starts, from the end of the table.
        start: u64,
        /// Where the next one starts.
        end: u64,
        /// Bytes of all chunks.
        data_len: u64,
    },
    /// A chunk without bytes, or longer than it would be without compression.
    #[error("it has {stored} stored bytes, expected 1 to {len}")]
    StoredLen {
        /// Bytes in the file.
        stored: u64,
        /// Bytes when decoded.
        len: usize,
    },
    /// The decoder found a fault.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Why a resource can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The file can't be read.
    #[error("can't read {file} at {offset:#x}")]
    Read {
        /// The file.
        file: InFile,
        /// Where in it.
        offset: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A chunk is damaged.
    #[error("chunk {chunk} at {offset:#x} of {file} is damaged")]
    Corrupt {
        /// The chunk, from 0.
        chunk: u64,
        /// The file.
        file: InFile,
        /// Where it lies in the file, as far as that is known.
        offset: u64,
        /// What is wrong with it.
        #[source]
        cause: ChunkError,
    },
}

/// Decodes chunks, of one kind at a time.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Made when the first chunk of its format comes.
    now: Option<(Format, Codec)>,
}

#[derive(Debug)]
enum Codec {
    Xpress(Box<XpressDecoder>),
    Lzx(Box<LzxDecoder>),
    Lzms(Box<LzmsDecoder>),
}

impl Codec {
    fn new(format: Format) -> Option<Self> {
        let chunk_size = format.chunk_size;
        Some(match format.compression {
            Compression::None => return None,
            Compression::Xpress => Self::Xpress(Box::new(XpressDecoder::new(chunk_size))),
            Compression::Lzx => Self::Lzx(Box::new(LzxDecoder::new(chunk_size))),
            Compression::Lzms => Self::Lzms(Box::new(LzmsDecoder::new(chunk_size))),
        })
    }
}

impl Decoder {
    /// Decodes a chunk into all of `output`. One that is as long as that is stored as it is.
    pub(crate) fn decode(&mut self, format: Format, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        if input.len() == output.len() {
            output.copy_from_slice(input);
            return Ok(());
        }
        let codec = match &mut self.now {
            Some((made, codec)) if *made == format => codec,
            now => {
                // Regions::check lets no compressed resource pass without a codec, so there is one.
                let codec = Codec::new(format).expect("the file has a codec");
                &mut now.insert((format, codec)).1
            }
        };
        match codec {
            Codec::Xpress(decoder) => decoder.decode(input, output),
            Codec::Lzx(decoder) => decoder.decode(input, output),
            Codec::Lzms(decoder) => decoder.decode(input, output),
        }
    }
}

/// Reads resources one after the other, with buffers that are kept.
#[derive(Debug)]
pub(crate) struct Reader<'f, R> {
    parts: &'f Parts<R>,
    window: Window,
    /// The part that the window is over.
    part: u16,
    decoder: Decoder,
    table: Vec<u8>,
    out: Vec<u8>,
}

impl<'f, R: ReadAt> Reader<'f, R> {
    pub(crate) fn new(parts: &'f Parts<R>) -> Self {
        let (window, table, out) = (Window::default(), Vec::new(), Vec::new());
        Self { parts, window, part: 0, decoder: Decoder::default(), table, out }
    }

    /// What messages call a part.
    pub(crate) fn name(&self, part: u16) -> InFile {
        self.parts.name(part)
    }

    /// Hands the content of a resource to `each`, piece by piece: offset in the content and bytes.
    /// The file is read ahead up to `limit`, where the last of several neighbouring resources ends.
    pub(crate) fn read<E: From<ResourceError>>(
        &mut self,
        extent: &Extent,
        limit: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let limit = limit.max(extent.offset + extent.stored_len);
        self.enter(extent.part);
        if extent.compressed {
            self.read_chunks(extent, limit, each)
        } else {
            self.read_plain(extent, limit, &mut each)
        }
    }

    /// Decodes `len` bytes of a compressed resource, from `from` on: whole chunks, or the last of them.
    /// They come into the front of `out`, which is made longer where that is needed.
    ///
    /// # Errors
    /// What is wrong with the first chunk that can't be had. If the table is wrong in front of it, that
    /// is told with the chunks before.
    pub(crate) fn read_run<'o>(
        &mut self,
        extent: &Extent,
        from: u64,
        len: usize,
        out: &'o mut Vec<u8>,
    ) -> Result<&'o [u8], ResourceError> {
        self.enter(extent.part);
        let (file, format) = self.parts.get(extent.part);
        let mut chunks = Chunks::new(extent, format, self.parts.name(extent.part))?;
        let chunk_size = format.chunk_size as usize;
        let (first, count) = (from / u64::from(format.chunk_size), len.div_ceil(chunk_size));
        let (offset, table) = chunks.entries_of(first, count);
        if self.table.len() < table {
            self.table.resize(table, 0);
        }
        let read = file.read_exact_at(&mut self.table[..table], offset);
        read.map_err(|source| chunks.unreadable(offset, source))?;
        let limit = chunks.go_to(&self.table[..table], first, count);
        if out.len() < len {
            out.resize(len, 0);
        }
        for to in out[..len].chunks_mut(chunk_size) {
            let (offset, stored) = chunks.next(&self.table, to.len())?;
            let read = self.window.bytes(file, offset, stored, limit);
            let input = read.map_err(|source| chunks.unreadable(offset, source))?;
            let decoded = self.decoder.decode(format, input, to);
            decoded.map_err(|cause| chunks.fault(offset, cause.into()))?;
        }
        Ok(&out[..len])
    }

    /// Makes the window one over this part.
    fn enter(&mut self, part: u16) {
        if std::mem::replace(&mut self.part, part) != part {
            self.window.clear();
        }
    }

    fn read_plain<E: From<ResourceError>>(
        &mut self,
        extent: &Extent,
        limit: u64,
        each: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut done = 0;
        while done < extent.len {
            let n = piece(extent.len - done, PIECE);
            let offset = extent.offset + done;
            let file = self.parts.name(extent.part);
            let read = self.window.bytes(self.parts.get(extent.part).0, offset, n, limit);
            each(done, read.map_err(|source| ResourceError::Read { file, offset, source })?)?;
            done += n as u64;
        }
        Ok(())
    }

    fn read_chunks<E: From<ResourceError>>(
        &mut self,
        extent: &Extent,
        limit: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (file, format) = self.parts.get(extent.part);
        let mut chunks = Chunks::new(extent, format, self.parts.name(extent.part))?;
        // As many chunks as fit the piece, but at least one.
        let chunk_size = format.chunk_size as usize;
        let batch = chunk_size * (PIECE / chunk_size).max(1);
        let out_len = piece(extent.len, batch);
        if self.out.len() < out_len {
            self.out.resize(out_len, 0);
        }
        let (mut done, mut filled) = (0, 0);
        while done + (filled as u64) < extent.len {
            let n = piece(extent.len - done - filled as u64, chunk_size);
            self.read_chunk(file, &mut chunks, limit, filled..filled + n)?;
            filled += n;
            if filled == batch || done + filled as u64 == extent.len {
                each(done, &self.out[..filled])?;
                done += filled as u64;
                filled = 0;
            }
        }
        Ok(())
    }

    /// Decodes the next chunk to this place of `out`.
    fn read_chunk(
        &mut self,
        file: &R,
        chunks: &mut Chunks,
        limit: u64,
        to: Range<usize>,
    ) -> Result<(), ResourceError> {
        if chunks.needs_entries() {
            self.read_entries(file, chunks, limit)?;
        }
        let (offset, stored) = chunks.next(&self.table, to.len())?;
        let read = self.window.bytes(file, offset, stored, limit);
        let input = read.map_err(|source| chunks.unreadable(offset, source))?;
        let decoded = self.decoder.decode(chunks.format, input, &mut self.out[to]);
        decoded.map_err(|cause| chunks.fault(offset, cause.into()))
    }

    /// Reads the next piece of the chunk table. The first goes through the window, because the
    /// chunks follow it; the others must not disturb the window.
    fn read_entries(&mut self, file: &R, chunks: &mut Chunks, limit: u64) -> Result<(), ResourceError> {
        let (offset, len) = chunks.next_entries();
        if self.table.len() < len {
            self.table.resize(len, 0);
        }
        let first = chunks.entries_read == 0;
        let read = if first {
            self.window.bytes(file, offset, len, limit).map(|bytes| self.table[..len].copy_from_slice(bytes))
        } else {
            file.read_exact_at(&mut self.table[..len], offset)
        };
        read.map_err(|source| chunks.unreadable(offset, source))?;
        chunks.entries_came(len);
        Ok(())
    }
}

/// The smaller of the two.
fn piece(rest: u64, most: usize) -> usize {
    usize::try_from(rest).map_or(most, |rest| rest.min(most))
}

/// Walks the chunk table of one resource.
#[derive(Debug)]
struct Chunks {
    file: InFile,
    format: Format,
    table_offset: u64,
    entry_len: usize,
    /// Entries in the whole table.
    entries: u64,
    /// Entries that were read into the buffer so far.
    entries_read: u64,
    /// Bytes of entries in the buffer, and how many of them are used.
    buffered: usize,
    used: usize,
    data_offset: u64,
    data_len: u64,
    /// The next chunk and where it starts, from `data_offset`.
    chunk: u64,
    start: u64,
}

impl Chunks {
    fn new(extent: &Extent, format: Format, file: InFile) -> Result<Self, ResourceError> {
        let table = ChunkTable::of(extent.len, format.chunk_size);
        let stored_len = extent.stored_len;
        if !table.fits(stored_len) {
            let cause = ChunkError::NoRoom { stored_len, chunks: table.chunks, table_len: table.len };
            return Err(ResourceError::Corrupt { chunk: 0, file, offset: extent.offset, cause });
        }
        Ok(Self {
            file,
            format,
            table_offset: extent.offset,
            entry_len: table.entry_len,
            entries: table.chunks.saturating_sub(1),
            entries_read: 0,
            buffered: 0,
            used: 0,
            data_offset: extent.offset + table.len,
            data_len: stored_len - table.len,
            chunk: 0,
            start: 0,
        })
    }

    fn needs_entries(&self) -> bool {
        self.used == self.buffered && self.entries_read < self.entries
    }

    /// Where the next piece of the table lies, and its length.
    fn next_entries(&self) -> (u64, usize) {
        let offset = self.table_offset + self.entries_read * self.entry_len as u64;
        (offset, piece(self.entries - self.entries_read, TABLE_PIECE / self.entry_len) * self.entry_len)
    }

    fn entries_came(&mut self, len: usize) {
        self.entries_read += (len / self.entry_len) as u64;
        (self.buffered, self.used) = (len, 0);
    }

    /// Where the next chunk, `len` bytes when decoded, lies in the file, and how many bytes it has
    /// there.
    fn next(&mut self, table: &[u8], len: usize) -> Result<(u64, usize), ResourceError> {
        let (start, offset) = (self.start, self.data_offset + self.start);
        let end = self.next_start(table);
        let stored = match end.checked_sub(start) {
            Some(stored) if end <= self.data_len => stored,
            _ => return Err(self.fault_here(offset, ChunkError::Table { start, end, data_len: self.data_len })),
        };
        let in_memory = usize::try_from(stored).ok().filter(|stored| (1..=len).contains(stored));
        let Some(in_memory) = in_memory else {
            return Err(self.fault_here(offset, ChunkError::StoredLen { stored, len }));
        };
        self.chunk += 1;
        self.start = end;
        Ok((offset, in_memory))
    }

    /// Where the chunk after the next one starts: the next entry, or the end of all.
    fn next_start(&mut self, table: &[u8]) -> u64 {
        let Some(start) = self.entry(&table[self.used..self.buffered]) else { return self.data_len };
        self.used += self.entry_len;
        start
    }

    /// The first of these entries.
    fn entry(&self, table: &[u8]) -> Option<u64> {
        match (self.entry_len, table) {
            (4, [a, b, c, d, ..]) => Some(u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
            (8, [a, b, c, d, e, f, g, h, ..]) => Some(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
            _ => None,
        }
    }

    /// Where those entries of the table lie that say where `count` chunks from `first` on start and the
    /// last of them ends, and how many bytes they have. The first chunk of a resource has none, and the
    /// end of the last is that of the resource.
    fn entries_of(&self, first: u64, count: usize) -> (u64, usize) {
        // The entry for chunk n is the one with number n - 1.
        let before = first.saturating_sub(1).min(self.entries);
        let behind = first.saturating_add(count as u64).min(self.entries);
        let offset = self.table_offset + before * self.entry_len as u64;
        (offset, piece(behind - before, count + 1) * self.entry_len)
    }

    /// Goes to chunk `first`, with the entries that [`Chunks::entries_of`] asked for. Says up to where
    /// in the file the `count` chunks reach.
    fn go_to(&mut self, entries: &[u8], first: u64, count: usize) -> u64 {
        (self.chunk, self.buffered, self.used) = (first, entries.len(), 0);
        if first > 0 {
            // One that lies outside is a fault of the chunk that ends there.
            self.start = self.next_start(entries).min(self.data_len);
        }
        let has_entry = first.saturating_add(count as u64) <= self.entries;
        let last = entries.len().checked_sub(self.entry_len).and_then(|at| self.entry(&entries[at..]));
        let end = last.filter(|_| has_entry).unwrap_or(self.data_len);
        self.data_offset + end.min(self.data_len)
    }

    /// A fault of the chunk that [`Chunks::next`] returned last.
    fn fault(&self, offset: u64, cause: ChunkError) -> ResourceError {
        ResourceError::Corrupt { chunk: self.chunk.saturating_sub(1), file: self.file, offset, cause }
    }

    fn fault_here(&self, offset: u64, cause: ChunkError) -> ResourceError {
        ResourceError::Corrupt { chunk: self.chunk, file: self.file, offset, cause }
    }

    fn unreadable(&self, offset: u64, source: io::Error) -> ResourceError {
        ResourceError::Read { file: self.file, offset, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{chunked, noise};

    const FORMAT: Format = Format { compression: Compression::Xpress, chunk_size: 4096 };

    fn extent(offset: u64, stored: &[u8], len: usize) -> Extent {
        Extent { part: 1, offset, stored_len: stored.len() as u64, len: len as u64, compressed: true }
    }

    /// The same, in runs of so many chunks that are read from the last to the first.
    fn read_in_runs(file: &Vec<u8>, extent: &Extent, chunks: usize) -> Vec<Result<Vec<u8>, ResourceError>> {
        let parts = Parts::new(vec![(file, FORMAT)]);
        let (mut reader, mut out) = (Reader::new(&parts), Vec::new());
        let step = chunks * FORMAT.chunk_size as usize;
        let len = usize::try_from(extent.len).unwrap();
        let run = |from: usize| {
            let run = reader.read_run(extent, from as u64, step.min(len - from), &mut out);
            run.map(<[u8]>::to_vec)
        };
        let mut runs: Vec<_> = (0..len).step_by(step).rev().map(run).collect();
        runs.reverse();
        runs
    }

    /// The content of a resource that lies at the start of `file`.
    fn read(file: &Vec<u8>, extent: &Extent) -> Result<Vec<u8>, ResourceError> {
        let mut content = Vec::new();
        Reader::new(&Parts::new(vec![(file, FORMAT)])).read(extent, 0, |offset, bytes| {
            assert_eq!(offset, content.len() as u64, "pieces come in order");
            content.extend_from_slice(bytes);
            Ok::<(), ResourceError>(())
        })?;
        Ok(content)
    }

    #[test]
    fn contents_of_all_lengths_are_read_whole() {
        for len in [0, 1, 4095, 4096, 4097, 12_293, PIECE - 1, PIECE, PIECE + 1, 3_000_000] {
            let content = noise(len as u64, len);
            let stored = chunked(&content, 4096);
            assert_eq!(read(&stored, &extent(0, &stored, len)).unwrap(), content, "{len} bytes in chunks");
            for chunks in [1, 3, 1000] {
                let runs = read_in_runs(&stored, &extent(0, &stored, len), chunks);
                let runs: Vec<_> = runs.into_iter().map(Result::unwrap).collect();
                assert!(runs.concat() == content, "{len} bytes in runs of {chunks} chunks");
            }
            let plain = Extent { compressed: false, stored_len: len as u64, ..extent(0, &stored, len) };
            assert_eq!(read(&content, &plain).unwrap(), content, "{len} bytes as they are");
        }
    }

    #[test]
    fn a_chunk_table_longer_than_its_buffer_is_read_in_pieces() {
        let len = TABLE_PIECE / 4 * 4096 * 2 + 5000;
        let content = noise(1, len);
        let stored = chunked(&content, 4096);
        assert!(read(&stored, &extent(0, &stored, len)).unwrap() == content);
    }

    #[test]
    fn one_reader_reads_neighbours_from_one_buffer() {
        let contents: Vec<_> = (0..50).map(|n| noise(7, 3000 * n % 17_000)).collect();
        let mut file = vec![0xd1; 77];
        let mut extents = Vec::new();
        for content in &contents {
            let stored = chunked(content, 4096);
            extents.push(extent(file.len() as u64, &stored, content.len()));
            file.extend(stored);
        }
        let parts = Parts::new(vec![(&file, FORMAT)]);
        let mut reader = Reader::new(&parts);
        for (extent, content) in extents.iter().zip(&contents) {
            let mut got = Vec::new();
            let taken = reader.read(extent, file.len() as u64, |_, bytes| {
                got.extend_from_slice(bytes);
                Ok::<(), ResourceError>(())
            });
            taken.unwrap();
            assert_eq!(&got, content);
        }
    }

    /// A file that has only a chunk table: two entries that can be chosen. The rest is zeros.
    struct Sparse {
        table: Vec<u8>,
    }

    impl ReadAt for Sparse {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            buf.fill(0);
            let n = self.table.as_slice().read_at(buf, offset)?;
            Ok(n.max(buf.len()))
        }

        fn len(&self) -> io::Result<u64> {
            Ok(u64::MAX)
        }
    }

    #[test]
    fn entries_have_eight_bytes_from_4_gib_on() {
        let chunk_size = 0x20_0000u32;
        let format = Format { compression: Compression::Lzx, chunk_size };
        for (len, entry_len) in [(u64::from(u32::MAX), 4), (1 << 32, 8), ((1 << 32) + 1, 8)] {
            let chunks = len.div_ceil(u64::from(chunk_size));
            let starts = (1..chunks).map(|chunk| chunk * u64::from(chunk_size));
            let table: Vec<u8> = starts.flat_map(|start| start.to_le_bytes()[..entry_len].to_vec()).collect();
            let extent = Extent { part: 1, offset: 0, stored_len: len + table.len() as u64, len, compressed: true };
            let parts = Parts::new(vec![(Sparse { table }, format)]);
            let mut reader = Reader::new(&parts);
            let mut pieces = 0;
            let result = reader.read(&extent, 0, |_, bytes| {
                pieces += 1;
                assert!(bytes.iter().all(|&byte| byte == 0));
                // Three chunks show that the entries are understood.
                if pieces == 3 { Err(Stop::Enough) } else { Ok(()) }
            });
            assert!(matches!(result, Err(Stop::Enough)), "{len:#x}: {result:?}");
            let (mut out, last) = (Vec::new(), (chunks - 2) * u64::from(chunk_size));
            let run = reader.read_run(&extent, last, usize::try_from(len - last).unwrap(), &mut out).unwrap();
            assert!(run.iter().all(|&byte| byte == 0));
        }
    }

    #[derive(Debug)]
    enum Stop {
        Enough,
        Error(#[expect(dead_code, reason = "for the message of a test that fails")] ResourceError),
    }

    impl From<ResourceError> for Stop {
        fn from(error: ResourceError) -> Self {
            Self::Error(error)
        }
    }

    fn fault(stored: &[u8], len: usize) -> (u64, u64, ChunkError) {
        let fault = |result| match result {
            Err(ResourceError::Corrupt { chunk, offset, cause, .. }) => (chunk, offset, cause),
            other => panic!("{other:?}"),
        };
        let found = fault(read(&stored.to_vec(), &extent(0, stored, len)));
        for chunks in [1, 2, 3] {
            let first =
                read_in_runs(&stored.to_vec(), &extent(0, stored, len), chunks).into_iter().find(Result::is_err);
            assert_eq!(fault(first.unwrap()), found, "in runs of {chunks} chunks");
        }
        found
    }

    #[test]
    fn chunk_tables_that_cannot_be_are_refused() {
        use ChunkError as E;
        let good = chunked(&noise(1, 10_000), 4096);
        let with_entry = |entry: usize, value: u32| {
            let mut stored = good.clone();
            stored[entry * 4..entry * 4 + 4].copy_from_slice(&value.to_le_bytes());
            stored
        };
        // Backwards, past the end, and without end.
        for (entry, value, start) in [(1, 4095, 4096), (1, 10_001, 4096), (0, u32::MAX, 0)] {
            let (chunk, offset, cause) = fault(&with_entry(entry, value), 10_000);
            assert_eq!((chunk, offset), (entry as u64, 8 + start));
            assert_eq!(cause, E::Table { start, end: u64::from(value), data_len: 10_000 });
        }
        assert_eq!(fault(&with_entry(0, 0), 10_000), (0, 8, E::StoredLen { stored: 0, len: 4096 }));
        assert_eq!(fault(&with_entry(0, 4097), 10_000), (0, 8, E::StoredLen { stored: 4097, len: 4096 }));
        let (_, _, last) = fault(&good, 9_999);
        assert_eq!(last, E::StoredLen { stored: 1808, len: 1807 }, "the last chunk is longer than its content");
        assert_eq!(fault(&good[..10], 10_000).2, E::NoRoom { stored_len: 10, chunks: 3, table_len: 8 });
        assert_eq!(fault(&[], 1).2, E::NoRoom { stored_len: 0, chunks: 1, table_len: 0 });
    }

    #[test]
    fn a_length_without_bytes_behind_it_takes_no_memory() {
        let stored = vec![0; 100];
        let lying = Extent { part: 1, offset: 0, stored_len: 100, len: u64::MAX, compressed: true };
        let error = read(&stored, &lying).unwrap_err();
        assert!(matches!(error, ResourceError::Corrupt { cause: ChunkError::NoRoom { .. }, .. }), "{error:?}");
    }

    #[test]
    fn a_file_that_ends_too_early_is_a_read_error_with_its_place() {
        let plain = Extent { part: 1, offset: 10, stored_len: 100, len: 100, compressed: false };
        let error = read(&vec![0; 50], &plain).unwrap_err();
        assert!(matches!(error, ResourceError::Read { offset: 10, .. }), "{error:?}");
    }
}
