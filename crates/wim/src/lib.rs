//! Reads Windows Imaging (WIM) files: the images they hold as [trees](nanovhd_tree::Tree), and the
//! contents of files as streams of blobs.
//!
//! ```text
//!   file ─► header ─┬─► XML data ──────► ImageInfo      what the file says about its images
//!                   ├─► blob table ────► Blob           content by SHA-1: stored once, used by many
//!                   └─► integrity table                 digests of the whole file
//!
//!           blob table ─► metadata ───► Tree            names, attributes, times, links …
//!                         of an image                   (contents are numbers of blobs)
//!
//!           blob numbers ─► stream ───► BlobSink        read, decompressed and hashed on all cores
//! ```
//!
//! [`Wim::open`] reads header, XML data and blob table; [`Wim::tree`] the metadata of one image;
//! [`Wim::stream`] the contents. The file itself is anything that implements
//! [`ReadAt`](nanovhd_tree::ReadAt).
//!
//! # Streaming
//!
//! ```text
//!                  ┌─ worker: small blobs ─► read 1 MiB at once ─► decode ────────► SHA-1 ─► sink
//!   blobs, ─ take ─┼─ worker: 1 MiB of a large blob ─► read ─► decode ─► its turn ─► SHA-1 ─► sink
//!   in order       └─ worker: chunks of a solid resource ─► read ─► decode ─► its turn ─► SHA-1 ─► sink
//! ```
//!
//! The file is read once from front to back by as many workers as are asked for. Chunks are decoded in
//! parallel; what belongs to one blob is then hashed and handed on in order, each worker going on with the
//! SHA-1 of the one before. So a sink gets every blob from front to back, and bytes and errors are the same
//! for any number of threads: of several faults the first in the file is told. A worker has about 2 MiB of
//! buffers; decoded pieces that wait for their turn share 6 MiB, those of solid resources three of the
//! longest chunks, whatever the number of threads.
//!
//! Files are read with every compression (none, XPRESS, LZX, LZMS) and chunk size that Windows has,
//! with solid resources, as `.esd` files have them, and as [split sets](Wim::open_parts) of `.swm` files.
//! Encrypted `.esd` files and wimlib's pipable files are refused by name.
//!
//! ```no_run
//! use std::num::NonZeroUsize;
//!
//! use nanovhd_tree::SourceId;
//! use nanovhd_wim::{BlobSink, Wim};
//!
//! /// Adds up what comes.
//! struct Total(std::sync::atomic::AtomicU64);
//!
//! impl BlobSink for Total {
//!     fn write(&self, _blob: u32, _offset: u64, bytes: &[u8]) -> std::io::Result<()> {
//!         self.0.fetch_add(bytes.len() as u64, std::sync::atomic::Ordering::Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wim = Wim::open(std::fs::File::open("install.wim")?)?;
//! let image = wim.select(&"Windows Server 2016 SERVERDATACENTERNANO".parse()?)?;
//! for step in wim.tree(image.index, SourceId(0))?.walk() {
//!     println!("{}", step.path());
//! }
//! let (all, total) = ((0..).take(wim.blobs().len()).collect::<Vec<u32>>(), Total(0.into()));
//! wim.stream(&all, NonZeroUsize::MIN, &total)?;
//! # Ok(())
//! # }
//! ```
//!
//! Files may be hostile: every length and offset is checked before it is used, nothing recurses,
//! and what is taken of memory is in proportion to bytes that the file really has (or bounded by the
//! few chunks of a solid resource that are decoded at a time). Every content
//! and all metadata are checked against their SHA-1.

pub mod codec;

mod blob_table;
mod digests;
mod format;
mod header;
#[cfg(test)]
mod hostile;
mod integrity;
mod metadata;
mod parts;
mod reader;
mod resource;
mod select;
mod solid;
mod solid_chunks;
mod stream;
#[cfg(test)]
mod testing;
mod wim;
mod window;
mod xml;

pub use blob_table::{Blob, BlobTableError, Sha1Hex};
pub use header::{Compression, HeaderError};
pub use integrity::{Integrity, IntegrityError};
pub use metadata::{EntryError, MetadataError, Note, NoteKind, SecurityError};
pub use parts::{InFile, SetError, part_name};
pub use reader::{ChunkError, ResourceError};
pub use resource::{Region, RegionError};
pub use select::{ImageSelector, SelectError};
pub use solid::{SolidError, SolidPlace, SolidResource};
pub use stream::{BlobError, BlobSink, StreamError};
pub use wim::{OpenError, Wim, WimInfo};
pub use xml::{ImageInfo, WindowsInfo, WindowsVersion, XmlError};
