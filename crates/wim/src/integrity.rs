//! The integrity table: digests of the file from the end of its header to the end of its blob
//! table, in chunks of usually 10 MiB.
//!
//! \[WIM\] "Integrity table". The XML data and the header are not covered.

use std::io;

use nanovhd_tree::ReadAt;
use sha1::{Digest, Sha1};
use thiserror::Error;
use zerocopy::FromBytes;

use crate::blob_table::Sha1Hex;
use crate::format::{HEADER_SIZE, IntegrityDisk, Sha1Digest};
use crate::resource::Resource;
use crate::window::Window;

const TABLE_HEADER: u64 = size_of::<IntegrityDisk>() as u64;
const DIGEST: usize = size_of::<Sha1Digest>();
/// How much is read and hashed at once.
const PIECE: u64 = 256 << 10;

/// What the check of a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// The file has no integrity table, so there was nothing to check.
    Absent,
    /// All digests are right.
    Intact {
        /// How many bytes they cover.
        bytes: u64,
        /// How many digests there are.
        chunks: u32,
    },
}

impl Integrity {
    /// Bytes and digests.
    pub(crate) fn counts(self) -> (u64, u32) {
        match self {
            Self::Absent => (0, 0),
            Self::Intact { bytes, chunks } => (bytes, chunks),
        }
    }
}

/// Why a file is not intact, or could not be checked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IntegrityError {
    /// A part of a split set is not intact, or could not be checked.
    #[error("part {part} of the split WIM is not intact")]
    Part {
        /// The part, from 1.
        part: u16,
        /// What is wrong with it.
        source: Box<IntegrityError>,
    },
    /// The file can't be read.
    #[error("can't read the WIM at {offset:#x}")]
    Read {
        /// Where in the file.
        offset: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The table is compressed, which no tool writes.
    #[error("the integrity table at {offset:#x} is compressed")]
    Compressed {
        /// Where the table lies.
        offset: u64,
    },
    /// The table's own lengths disagree.
    #[error(
        "the integrity table at {offset:#x} gives its size as {size} with {entries} digests of {chunk_size} bytes each, \
         but it has {len} bytes and the file has {covered} to check"
    )]
    Table {
        /// Where the table lies.
        offset: u64,
        /// Its size as the file header has it.
        len: u64,
        /// Its size by itself.
        size: u32,
        /// How many digests it says it has.
        entries: u32,
        /// How many bytes it says go into each.
        chunk_size: u32,
        /// How many bytes it should cover.
        covered: u64,
    },
    /// The table has no room for its own header.
    #[error("the integrity table at {offset:#x} has {len} bytes, expected at least {TABLE_HEADER}")]
    Short {
        /// Where the table lies.
        offset: u64,
        /// Its size.
        len: u64,
    },
    /// Part of the file has changed.
    #[error(
        "the file is damaged between {offset:#x} and {end:#x}: SHA-1 is {found}, but the integrity table has {expected} \
         for chunk {chunk}"
    )]
    Mismatch {
        /// Which digest, from 0.
        chunk: u32,
        /// Where the part starts.
        offset: u64,
        /// Where it ends.
        end: u64,
        /// The digest in the table.
        expected: Sha1Hex,
        /// The digest of the bytes.
        found: Sha1Hex,
    },
}

/// Checks all digests, in order; `progress` is told how many bytes are done.
pub(crate) fn check<R: ReadAt>(
    file: &R,
    table: &Resource,
    blob_table: &Resource,
    progress: &mut dyn FnMut(u64),
) -> Result<Integrity, IntegrityError> {
    let first = HEADER_SIZE as u64;
    // Regions::check has shown that the blob table starts after the header and ends in the file.
    let covered = blob_table.offset + blob_table.stored_len - first;
    let (entries, chunk_size) = read_header(file, table, covered)?;
    let (mut window, mut digests) = (Window::default(), Window::default());
    for chunk in 0..entries {
        let at = table.offset + TABLE_HEADER + u64::from(chunk) * DIGEST as u64;
        let read = digests.bytes(file, at, DIGEST, at + PIECE.min(table.offset + table.stored_len - at));
        let expected: &[u8] = read.map_err(|source| IntegrityError::Read { offset: at, source })?;
        let expected = Sha1Hex(expected.try_into().expect("the length of a digest was asked for"));
        let offset = first + u64::from(chunk) * u64::from(chunk_size);
        let end = first + covered.min((u64::from(chunk) + 1) * u64::from(chunk_size));
        let found = Sha1Hex(hash(file, &mut window, offset..end, first + covered, &mut |at| progress(at - first))?);
        if found != expected {
            return Err(IntegrityError::Mismatch { chunk, offset, end, expected, found });
        }
    }
    Ok(Integrity::Intact { bytes: covered, chunks: entries })
}

/// The number of digests and the bytes that go into each, after checking that they fit.
fn read_header<R: ReadAt>(file: &R, table: &Resource, covered: u64) -> Result<(u32, u32), IntegrityError> {
    let &Resource { offset, len, .. } = table;
    if table.is_compressed() {
        return Err(IntegrityError::Compressed { offset });
    }
    if len < TABLE_HEADER {
        return Err(IntegrityError::Short { offset, len });
    }
    let mut bytes = [0; size_of::<IntegrityDisk>()];
    file.read_exact_at(&mut bytes, offset).map_err(|source| IntegrityError::Read { offset, source })?;
    let disk = IntegrityDisk::read_from_bytes(&bytes).expect("both are as long");
    let (size, entries, chunk_size) = (disk.size.get(), disk.entries.get(), disk.chunk_size.get());
    let fits = u64::from(size) == len
        && len == TABLE_HEADER + u64::from(entries) * DIGEST as u64
        && chunk_size != 0
        && covered.div_ceil(u64::from(chunk_size)) == u64::from(entries);
    if !fits {
        return Err(IntegrityError::Table { offset, len, size, entries, chunk_size, covered });
    }
    Ok((entries, chunk_size))
}

fn hash<R: ReadAt>(
    file: &R,
    window: &mut Window,
    range: std::ops::Range<u64>,
    limit: u64,
    reached: &mut dyn FnMut(u64),
) -> Result<Sha1Digest, IntegrityError> {
    let mut hasher = Sha1::new();
    let mut at = range.start;
    while at < range.end {
        let len = usize::try_from(PIECE.min(range.end - at)).expect("a piece is small");
        let read = window.bytes(file, at, len, limit);
        hasher.update(read.map_err(|source| IntegrityError::Read { offset: at, source })?);
        at += len as u64;
        reached(at);
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wim;
    use crate::testing::{Built, File, noise, put};

    fn built() -> Built {
        File { integrity: Some(4096), ..File::new(&[&noise(1, 9000), &noise(2, 700_000)]) }.build()
    }

    fn check(bytes: Vec<u8>) -> Result<(Integrity, Vec<u64>), IntegrityError> {
        let mut steps = Vec::new();
        let integrity = Wim::open(bytes).unwrap().check_integrity(&mut |bytes| steps.push(bytes))?;
        Ok((integrity, steps))
    }

    #[test]
    fn an_intact_file_is_found_intact_to_its_last_byte() {
        let built = built();
        let bytes = (built.blob_table.end - 208) as u64;
        let (integrity, steps) = check(built.bytes).unwrap();
        assert_eq!(integrity, Integrity::Intact { bytes, chunks: u32::try_from(bytes.div_ceil(4096)).unwrap() });
        assert!(steps.is_sorted() && steps.last() == Some(&bytes));
        let (integrity, _) = check(File::new(&[b"abc"]).build().bytes).unwrap();
        assert_eq!(integrity, Integrity::Absent);
    }

    #[test]
    fn every_covered_byte_counts() {
        let built = built();
        for at in [208, 208 + 4095, 208 + 4096, 100_000, built.blob_table.start - 1] {
            let error = check(built.with(at, &[built.bytes[at] ^ 1])).unwrap_err();
            let expected = u32::try_from((at - 208) / 4096).unwrap();
            let IntegrityError::Mismatch { chunk, offset, end, .. } = error else { panic!("{error}") };
            assert_eq!(chunk, expected);
            assert!((offset..end).contains(&(at as u64)));
        }
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        let built = built();
        let table = built.integrity.start;
        for (field, value) in [(0, 11u32), (4, 0), (4, u32::MAX), (8, 0), (8, 1), (8, 1 << 20), (8, u32::MAX)] {
            let error = check(built.with(table + field, &value.to_le_bytes())).unwrap_err();
            assert!(matches!(error, IntegrityError::Table { .. }), "{field} {value}: {error}");
        }
        let mut short = built.bytes.clone();
        put(&mut short, 0x7c, &[11, 0, 0, 0, 0, 0, 0, 0]);
        put(&mut short, 0x8c, &11u64.to_le_bytes());
        assert!(matches!(check(short), Err(IntegrityError::Short { len: 11, .. })));
    }

    #[test]
    fn every_digest_counts() {
        let built = built();
        for digest in [0, 17, (built.integrity.len() - 12) / 20 - 1] {
            let at = built.integrity.start + 12 + 20 * digest;
            let error = check(built.with(at, &[built.bytes[at] ^ 0x80])).unwrap_err();
            assert!(matches!(error, IntegrityError::Mismatch { chunk, .. } if chunk as usize == digest), "{error}");
        }
    }
}
