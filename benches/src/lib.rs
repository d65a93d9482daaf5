//! What the benchmarks share: the WIMs they run on, and the chunks of a WIM as the decoders see them.

#[cfg(feature = "wimlib")]
pub mod peer;

use std::fs::File;
use std::path::{Path, PathBuf};

use nanovhd_tree::ReadAt;
use nanovhd_wim::{Blob, Compression, SolidResource, Wim};

/// A WIM to measure on.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name in the report.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
}

/// The WIMs to measure on: those of `testdata`, and whatever `.wim` and `.esd` files lie in the folder
/// that the environment variable `NANOVHD_CORPUS` names.
pub fn subjects() -> Vec<Subject> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let mut paths = vec![
        testdata.join("media/NanoServer/NanoServer.wim"),
        testdata.join("wims/lzx-32k.wim"),
        testdata.join("wims/xpress-32k.wim"),
        testdata.join("wims/solid.esd"),
    ];
    if let Some(corpus) = std::env::var_os("NANOVHD_CORPUS") {
        let entries = std::fs::read_dir(&corpus).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|e| e == "wim" || e == "esd")).collect();
        found.sort();
        paths.extend(found);
    }
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.into_iter().map(|path| Subject { name: name(&path), path }).collect()
}

/// A compressed chunk and how many bytes it holds.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The compressed bytes.
    pub stored: Vec<u8>,
    /// Bytes that come out.
    pub len: usize,
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

/// Compressed chunks of a WIM's first solid resource, if it has any, or else of its blobs, up to about
/// `budget` unpacked bytes. Blobs of 4 GiB or more, whose tables have another form, are left out.
///
/// # Errors
/// What reading reports.
pub fn chunks(wim: &Wim<File>, file: &File, budget: usize) -> std::io::Result<Chunks> {
    if let Some(resource) = wim.solid_resources().first() {
        return solid_chunks(resource, file, budget);
    }
    let info = wim.header();
    let size = info.chunk_size.max(1) as usize;
    let (mut chunks, mut total) = (Vec::new(), 0);
    for blob in wim.blobs().iter().filter(|b| b.compressed && b.len < 1 << 32) {
        if total >= budget {
            break;
        }
        let before = chunks.len();
        blob_chunks(blob, file, size, &mut chunks)?;
        total += chunks[before..].iter().map(|chunk| chunk.len).sum::<usize>();
    }
    Ok(Chunks { compression: info.compression, chunk_size: info.chunk_size, chunks })
}

/// The chunks of a solid resource: a header of 16 bytes, the stored lengths of all chunks, the chunks.
fn solid_chunks(resource: &SolidResource, file: &File, budget: usize) -> std::io::Result<Chunks> {
    let &SolidResource { compression, chunk_size, .. } = resource;
    let count = usize::try_from(resource.len.div_ceil(chunk_size.into())).map_err(std::io::Error::other)?;
    let mut table = vec![0; count * 4];
    file.read_exact_at(&mut table, resource.offset + 16)?;
    let mut offset = resource.offset + 16 + table.len() as u64;
    let (mut chunks, mut left) = (Vec::new(), resource.len);
    for &entry in table.as_chunks::<4>().0 {
        let mut stored = vec![0; u32::from_le_bytes(entry) as usize];
        file.read_exact_at(&mut stored, offset)?;
        offset += stored.len() as u64;
        let len = usize::try_from(left.min(chunk_size.into())).map_err(std::io::Error::other)?;
        left -= len as u64;
        if stored.len() != len {
            chunks.push(Chunk { stored, len });
        }
        if chunks.iter().map(|chunk| chunk.len).sum::<usize>() >= budget {
            break;
        }
    }
    Ok(Chunks { compression, chunk_size, chunks })
}

/// Appends the compressed chunks of one blob: a table of where each chunk but the first begins,
/// then the chunks. A chunk that is as long as what it holds is not compressed.
fn blob_chunks(blob: &Blob, file: &File, size: usize, out: &mut Vec<Chunk>) -> std::io::Result<()> {
    let fits = |n: u64| usize::try_from(n).map_err(std::io::Error::other);
    let (len, stored_len) = (fits(blob.len)?, fits(blob.stored_len)?);
    let mut stored = vec![0; stored_len];
    file.read_exact_at(&mut stored, blob.offset)?;
    let count = len.div_ceil(size);
    let (table, data) = stored.split_at((count - 1) * 4);
    let mut starts = vec![0];
    starts.extend(table.as_chunks::<4>().0.iter().map(|&entry| u32::from_le_bytes(entry) as usize));
    starts.push(data.len());
    for (i, bounds) in starts.windows(2).enumerate() {
        let holds = size.min(len - i * size);
        if bounds[1] - bounds[0] != holds {
            out.push(Chunk { stored: data[bounds[0]..bounds[1]].to_vec(), len: holds });
        }
    }
    Ok(())
}
