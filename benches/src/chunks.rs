//! The chunks of a WIM as the decoders see them.

use std::fs::File;
use std::io;

use nanovhd_tree::ReadAt;
use nanovhd_wim::{Blob, Compression, SolidResource, Wim};

/// A chunk and how many bytes it holds.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The bytes in the file.
    pub stored: Vec<u8>,
    /// Bytes that come out.
    pub len: usize,
}

impl Chunk {
    /// Whether there is something to decode: a chunk that would not get shorter is stored as it is.
    pub fn is_packed(&self) -> bool {
        self.stored.len() != self.len
    }
}

/// Chunks that one decoder is for.
#[derive(Debug, Clone)]
pub struct Chunks {
    /// What they are compressed with.
    pub compression: Compression,
    /// The most that one of them holds.
    pub chunk_size: u32,
    /// The chunks.
    pub chunks: Vec<Chunk>,
}

impl Chunks {
    /// Bytes that come out of all of them.
    pub fn unpacked(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len as u64).sum()
    }
}

/// Pieces of the WIM, as long as this and side by side, are what [`sample`] takes or leaves.
const STRETCH: u64 = 16 << 20;

/// Compressed chunks of a WIM's first solid resource, if it has any, or else of its blobs, up to about
/// `budget` unpacked bytes from the start. Blobs of 4 GiB or more, whose tables have another form, are left out.
///
/// # Errors
/// What reading reports.
pub fn chunks(wim: &Wim<File>, file: &File, budget: u64) -> io::Result<Chunks> {
    let mut found = collect(wim, file, budget, 1)?;
    found.chunks.retain(Chunk::is_packed);
    Ok(found)
}

/// About `budget` unpacked bytes, taken evenly from all of the WIM: packed chunks, and what is stored as it is.
///
/// # Errors
/// What reading reports.
pub fn sample(wim: &Wim<File>, file: &File, budget: u64) -> io::Result<Chunks> {
    let total: u64 = wim.blobs().iter().map(|blob| blob.len).sum();
    collect(wim, file, budget, total.div_ceil(budget.max(1)).max(1))
}

/// Every `nth` stretch of the WIM.
fn collect(wim: &Wim<File>, file: &File, budget: u64, nth: u64) -> io::Result<Chunks> {
    if let Some(resource) = wim.solid_resources().first() {
        return solid_chunks(resource, file, budget);
    }
    let info = wim.header();
    let mut found = Chunks { compression: info.compression, chunk_size: info.chunk_size, chunks: Vec::new() };
    let size = usize::try_from(info.chunk_size.max(1)).map_err(io::Error::other)?;
    let (mut place, mut taken) = (0, 0);
    for blob in wim.blobs().iter().filter(|blob| blob.len < 1 << 32 && blob.len > 0) {
        let wanted = (place / STRETCH).is_multiple_of(nth);
        place += blob.len;
        if taken >= budget {
            break;
        }
        if wanted {
            taken += blob.len;
            blob_chunks(blob, file, size, &mut found.chunks)?;
        }
    }
    Ok(found)
}

/// The chunks of a solid resource: a header of 16 bytes, the stored lengths of all chunks, the chunks.
fn solid_chunks(resource: &SolidResource, file: &File, budget: u64) -> io::Result<Chunks> {
    let &SolidResource { compression, chunk_size, .. } = resource;
    let count = usize::try_from(resource.len.div_ceil(chunk_size.into())).map_err(io::Error::other)?;
    let mut table = vec![0; count * 4];
    file.read_exact_at(&mut table, resource.offset + 16)?;
    let mut offset = resource.offset + 16 + table.len() as u64;
    let (mut chunks, mut left, mut taken) = (Vec::new(), resource.len, 0);
    for &entry in table.as_chunks::<4>().0 {
        let mut stored = vec![0; u32::from_le_bytes(entry) as usize];
        file.read_exact_at(&mut stored, offset)?;
        offset += stored.len() as u64;
        let len = left.min(chunk_size.into());
        (left, taken) = (left - len, taken + len);
        chunks.push(Chunk { stored, len: usize::try_from(len).map_err(io::Error::other)? });
        if taken >= budget {
            break;
        }
    }
    Ok(Chunks { compression, chunk_size, chunks })
}

/// Appends the chunks of one blob: a table of where each chunk but the first begins, then the chunks.
fn blob_chunks(blob: &Blob, file: &File, size: usize, out: &mut Vec<Chunk>) -> io::Result<()> {
    let fits = |n: u64| usize::try_from(n).map_err(io::Error::other);
    let (len, stored_len) = (fits(blob.len)?, fits(blob.stored_len)?);
    let mut stored = vec![0; stored_len];
    file.read_exact_at(&mut stored, blob.offset)?;
    if !blob.compressed {
        out.extend(stored.chunks(size).map(|piece| Chunk { stored: piece.to_vec(), len: piece.len() }));
        return Ok(());
    }
    let count = len.div_ceil(size);
    let (table, data) = stored.split_at((count - 1) * 4);
    let mut starts = vec![0];
    starts.extend(table.as_chunks::<4>().0.iter().map(|&entry| u32::from_le_bytes(entry) as usize));
    starts.push(data.len());
    for (i, bounds) in starts.windows(2).enumerate() {
        out.push(Chunk { stored: data[bounds[0]..bounds[1]].to_vec(), len: size.min(len - i * size) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects;

    #[test]
    fn a_sample_of_a_small_wim_is_all_of_it() {
        for subject in subjects().into_iter().take(4) {
            let file = File::open(&subject.path).unwrap();
            let wim = Wim::open(file.try_clone().unwrap()).unwrap();
            let all: u64 = wim.blobs().iter().map(|blob| blob.len).sum();
            let found = sample(&wim, &file, 1 << 30).unwrap();
            assert_eq!(found.unpacked(), all, "{}", subject.name);
            assert!(chunks(&wim, &file, 1 << 30).unwrap().chunks.iter().all(Chunk::is_packed));
        }
    }
}
