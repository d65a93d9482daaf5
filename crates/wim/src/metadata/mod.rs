//! The metadata of an image: from their bytes to a [`Tree`].
//!
//! \[WIM\] "Metadata resource". Security descriptors come first, then the entry of the root
//! directory, then lists of entries, one for each directory that has any:
//!
//! ```text
//!   ├ descriptors ┼ root entry ┼ … ┼ entry ┼ entry ┼ end ┼ entry ┼ end ┤
//!                    └─ subdir offset ─►│      └── subdir offset ─►│
//! ```
//!
//! Offsets can say anything, so the lists might form cycles or share entries. Every byte is
//! therefore taken by one entry only, which keeps time and memory in proportion to the length of
//! the metadata. (The end marks, which are eight bytes of zeros, may be shared.)

mod build;
mod entry;
mod notes;
mod security;
mod xattr;

use nanovhd_tree::TreeError;
use thiserror::Error;

pub(crate) use build::build;
pub use notes::{Note, NoteKind};
pub use security::SecurityError;

use crate::blob_table::Sha1Hex;
use crate::reader::ResourceError;

/// The most metadata that are read into memory: ten times those of the largest Windows image. The
/// tree that is made of them takes several times as much.
pub(crate) const MAX_METADATA: u64 = 512 << 20;
/// How many times longer than the whole file the metadata may be. Many empty files with similar
/// names compress very well, but not better than this.
pub(crate) const MAX_METADATA_RATIO: u64 = 512;
/// NTFS paths have at most 32,767 units, and each directory takes two of them.
pub(crate) const MAX_DEPTH: u32 = 16_384;
/// A reparse point has at most 16 KiB, eight bytes of which are not in the WIM. \[MS-FSCC\] 2.1.2.
pub(crate) const MAX_REPARSE: u64 = (16 << 10) - 8;

/// Why the tree of an image can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// There is no such image.
    #[error("there is no image {image}: the file has {images}")]
    NoSuchImage {
        /// The number that was asked for.
        image: u32,
        /// How many there are.
        images: usize,
    },
    /// The metadata are longer than can be.
    #[error("the metadata of image {image} have {len} bytes; the most for this file is {limit}")]
    TooLong {
        /// The image.
        image: u32,
        /// Bytes of metadata, as the blob table says.
        len: u64,
        /// What is possible.
        limit: u64,
    },
    /// The metadata can't be read or decompressed.
    #[error("can't read the metadata of image {image}")]
    Resource {
        /// The image.
        image: u32,
        /// What went wrong.
        #[source]
        cause: ResourceError,
    },
    /// The metadata are not what they should be.
    #[error("the metadata of image {image} at {offset:#x} are damaged: SHA-1 is {found}, expected {expected}")]
    Digest {
        /// The image.
        image: u32,
        /// Where they lie in the file.
        offset: u64,
        /// The SHA-1 in the blob table.
        expected: Sha1Hex,
        /// The SHA-1 of the metadata.
        found: Sha1Hex,
    },
    /// The security descriptors are damaged.
    #[error("image {image} can't be read")]
    Security {
        /// The image.
        image: u32,
        /// What is wrong.
        #[source]
        cause: SecurityError,
    },
    /// An entry of a directory is damaged.
    #[error("{path} of image {image} can't be read (entry at {offset:#x} of the metadata)")]
    Entry {
        /// The image.
        image: u32,
        /// The path of the file; of the directory that holds it where its name is not known.
        path: String,
        /// Where the entry lies in the metadata.
        offset: u64,
        /// What is wrong.
        #[source]
        cause: EntryError,
    },
}

/// What is wrong with an entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A list of entries has no end.
    #[error("the metadata end at {end:#x} before the directory does")]
    Unterminated {
        /// Bytes of metadata.
        end: usize,
    },
    /// The entry is longer than the metadata.
    #[error("it has {length:#x} bytes, but the metadata end at {end:#x}")]
    PastEnd {
        /// Bytes of the entry, as it says.
        length: u64,
        /// Bytes of metadata.
        end: usize,
    },
    /// The entry is shorter than its fixed part.
    #[error("it has {length} bytes, expected at least 102")]
    Short {
        /// Bytes of the entry, as it says.
        length: u64,
    },
    /// Half a unit.
    #[error("a name has {len} bytes, expected an even number")]
    NameLength {
        /// Bytes of the name.
        len: u16,
    },
    /// A name does not fit into the entry.
    #[error("a name of {len} bytes and a null do not fit into its {length} bytes")]
    NamePastEnd {
        /// Bytes of the name.
        len: u16,
        /// Bytes of the entry.
        length: u64,
    },
    /// A short name is no 8.3 name.
    #[error("its short name has {units} UTF-16 units; the most is {max}")]
    ShortName {
        /// Units of the short name.
        units: usize,
        /// The most it can have.
        max: usize,
    },
    /// There are fewer stream entries than the entry says.
    #[error("the metadata end at {end:#x} before stream {number}")]
    StreamsPastEnd {
        /// Which stream entry, from 0.
        number: u16,
        /// Bytes of metadata.
        end: usize,
    },
    /// A stream entry has a length that can't be.
    #[error("stream {number} at {at:#x} has an entry of {length:#x} bytes")]
    StreamLength {
        /// Which stream entry, from 0.
        number: u16,
        /// Where it lies in the metadata.
        at: usize,
        /// Its length, as it says.
        length: u64,
    },
    /// Bytes belong to two entries: a cycle, or directories that share entries.
    #[error("its bytes are those of another entry, so directories hold each other or share files")]
    Shared,
    /// A list of entries starts at a place where none can.
    #[error("its entries start at {offset:#x}, expected a multiple of 8 below {end:#x}")]
    SubdirOffset {
        /// Where, as the entry says.
        offset: u64,
        /// Bytes of metadata.
        end: usize,
    },
    /// Directories lie too deep in each other.
    #[error("it lies below {MAX_DEPTH} directories, too deep for any path")]
    TooDeep,
    /// There is no root entry, or it is not a directory.
    #[error("the root of the image is not a directory")]
    Root,
    /// The tree can't have it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No descriptor has this number.
    #[error("its security descriptor is number {id}, but the image has {count}")]
    SecurityId {
        /// The number, from 0.
        id: u32,
        /// How many there are.
        count: usize,
    },
    /// The content is not in the file.
    #[error(
        "its content (SHA-1 {sha1}) is not in the WIM; if this is a delta WIM, export the image together with the files \
         it was made from"
    )]
    MissingBlob {
        /// The digest of the content.
        sha1: Sha1Hex,
    },
    /// Two streams have one name.
    #[error("it has two streams with the name {name}")]
    StreamTwice {
        /// The name, in quotes.
        name: String,
    },
    /// There is more data without a name than a file can have.
    #[error("it has more than one stream without a name")]
    UnnamedTwice,
    /// A reparse point is too long.
    #[error("its reparse point has {len} bytes of data, expected at most {MAX_REPARSE}")]
    ReparseLong {
        /// Bytes of reparse data.
        len: u64,
    },
    /// A reparse point has no room for its GUID.
    #[error("its reparse point with tag {tag:#010x} has {len} bytes of data, expected a GUID of 16 first")]
    ReparseShort {
        /// The tag, which is not one of Microsoft's.
        tag: u32,
        /// Bytes of reparse data.
        len: u64,
    },
    /// The content is encrypted.
    #[error("it is encrypted (EFS), which is not supported")]
    Encrypted,
}
