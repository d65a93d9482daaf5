//! Optical disc images, as Windows media are handed out: UDF, and ISO 9660 with its name extensions
//! Joliet and Rock Ridge. Read-only, at random, and nothing is extracted: a file on the disc is an
//! [`IsoFile`], which reads from the image at the places where the file lies.
//!
//! ```text
//!                    ┌ UDF ─────────────────────────────────────────────┐
//!  image ──► Iso ────┤  anchor ► volume descriptors ► partitions ► root ├──► Entry ──► IsoFile
//!  (ReadAt)  kind()  └ ISO 9660 ────────────────────────────────────────┘  read_dir    (ReadAt)
//!                       Joliet or primary descriptor ► root                find, walk
//! ```
//!
//! Opening reads a few volume descriptors; finding a path reads the directories on the way, and no
//! more. Several threads can use an [`Iso`] and share an [`IsoFile`].
//!
//! # Which tree is read
//!
//! A disc may describe its files more than once, and the descriptions needn't agree: Microsoft's discs
//! have everything in UDF, and in ISO 9660 only a text file that says so. [`Iso::open`] takes the
//! richest: UDF, else Joliet, else Rock Ridge, else plain ISO 9660; [`Iso::open_as`] takes what it is
//! told. A UDF volume that is damaged is an error and not a reason to show that text file.
//!
//! # What can be read
//!
//! | | |
//! |---|---|
//! | UDF | 1.02 to 2.60 on physical, sparable and metadata partitions; sectors of 512 to 32,768 bytes; files as extents or within their entry, with unrecorded parts, ICB strategies 4 and 4096 |
//! | ISO 9660 | levels 1 to 3 (files of several extents), blocks of 512 to 2048 bytes; Rock Ridge names, kinds and relocated directories |
//! | refused, with a reason | virtual partitions (discs written in packets), volumes on several discs, interleaved and zisofs-compressed files, extended allocation descriptors |
//! | not looked at | later sessions of a multi-session disc, named streams, the targets of symbolic links |
//!
//! # Images that lie
//!
//! Nothing in an image is believed. Checksums are verified where the format has them; every offset and
//! length is checked against the image; no memory is taken for more than the image has; chains that
//! come back to themselves end. Names hold no separators: every name passes
//! [`Name::check`](nanovhd_tree::Name::check).
//!
//! ```no_run
//! use nanovhd_iso::Iso;
//! use nanovhd_tree::ReadAt;
//!
//! let iso = Iso::open(std::fs::File::open("WindowsServer2016.iso")?)?;
//! println!("{} ({})", iso.volume_label(), iso.kind());
//! if let Some(entry) = iso.find("NanoServer/NanoServer.wim")? {
//!     let wim = iso.file(&entry)?;
//!     let mut magic = [0; 8];
//!     wim.read_exact_at(&mut magic, 0)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod error;
mod file;
#[cfg(test)]
mod hostile;
mod input;
mod iso;
mod iso9660;
mod name;
mod recognize;
mod runs;
mod time;
mod udf;
mod walk;

pub use entry::{Entry, FileKind, Stat};
pub use error::{IsoError, Structure, TagFault, Unsupported};
pub use file::IsoFile;
pub use iso::{Iso, Kind};
pub use walk::Walk;
