//! What can be wrong with an image.

use std::{fmt, io};

use thiserror::Error;

use crate::Kind;

/// Why an image, or something in it, can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IsoError {
    /// The image can't be read.
    #[error("can't read {what} at {offset:#x}")]
    Read {
        /// What should have been read.
        what: Structure,
        /// Where in the image.
        offset: u64,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The image ends before something that it should have.
    #[error(
        "{what} has {len} bytes at {offset:#x}, but the image ends at {image_len:#x}: it is cut short or damaged"
    )]
    PastEnd {
        /// What should be there.
        what: Structure,
        /// Where.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The length of the image in bytes.
        image_len: u64,
    },
    /// There is no volume that this library knows.
    #[error("this is no disc image: it has neither an ISO 9660 nor a UDF volume descriptor at 0x8000")]
    NotAnImage,
    /// Sectors are stored with all that a CD has around them.
    #[error(
        "this is an image of raw CD sectors of 2352 bytes; convert it to one of 2048 bytes (bin2iso, ccd2iso) first"
    )]
    RawSectors,
    /// The image lacks the description that was asked for.
    #[error("the image has no {wanted} volume, only {}", list(.found))]
    NoSuchKind {
        /// What was asked for.
        wanted: Kind,
        /// What there is.
        found: Vec<Kind>,
    },
    /// UDF is announced but can't be found.
    #[error(
        "the image announces a UDF volume, but has no sound anchor volume descriptor pointer: it is damaged or cut short"
    )]
    NoAnchor,
    /// A UDF structure isn't what it should be.
    #[error("{what} at {offset:#x}: {fault}")]
    Tag {
        /// What should be there.
        what: Structure,
        /// Where.
        offset: u64,
        /// What is wrong.
        fault: TagFault,
    },
    /// A number can't be.
    #[error("{what} at {offset:#x}: {field} is {found}, expected {expected}")]
    Field {
        /// The structure that has the number.
        what: Structure,
        /// Where it is in the image.
        offset: u64,
        /// What the number says.
        field: &'static str,
        /// The number.
        found: u64,
        /// What would be right.
        expected: &'static str,
    },
    /// A sequence of descriptors lacks one.
    #[error("the volume descriptor sequence at {offset:#x} has no {what}")]
    Missing {
        /// What is not there.
        what: Structure,
        /// Where the sequence begins.
        offset: u64,
    },
    /// Something refers to blocks that aren't.
    #[error("{what} refers to {blocks} blocks from {block} on of partition {partition}, where they can't be")]
    Reference {
        /// What should be in the blocks.
        what: Structure,
        /// Index of the partition map.
        partition: u16,
        /// The first block.
        block: u32,
        /// How many blocks.
        blocks: u64,
    },
    /// A chain or a path comes back to where it was.
    #[error("{what} at {offset:#x} comes back to itself")]
    Loop {
        /// What is chained.
        what: Structure,
        /// Where the chain was when it came back.
        offset: u64,
    },
    /// More than can be.
    #[error("{what} at {offset:#x} has {len} bytes; the most is {most}")]
    TooLong {
        /// What is too long.
        what: Structure,
        /// Where it is, or where what describes it is.
        offset: u64,
        /// Its length.
        len: u64,
        /// The greatest length.
        most: u64,
    },
    /// Directories that are in one another without end, or nearly so.
    #[error("{path:?} is more than {most} directories deep")]
    TooDeep {
        /// The path.
        path: String,
        /// The greatest depth.
        most: u64,
    },
    /// Directories that share their bytes.
    #[error("up to {path:?}, directories have more bytes than the image: some of them are the same")]
    DirectoriesOverlap {
        /// The path of the last one.
        path: String,
    },
    /// Sound, but of a kind that can't be read.
    #[error("{what} at {offset:#x} can't be read: {reason}")]
    Unsupported {
        /// What it is.
        what: Structure,
        /// Where it is.
        offset: u64,
        /// Why not.
        reason: Unsupported,
    },
    /// The entry is not a directory.
    #[error("{0:?} is not a directory")]
    NotADirectory(nanovhd_tree::Name),
    /// The entry is not a file with content.
    #[error("{0:?} is not a file")]
    NotAFile(nanovhd_tree::Name),
    /// The entry is from an image that is described in another way.
    #[error("{0:?} is an entry of another image")]
    Foreign(nanovhd_tree::Name),
}

/// What is wrong with the tag that every UDF structure starts with. ECMA-167 3/7.2 and 4/7.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TagFault {
    /// The tag itself is damaged.
    #[error("the tag has checksum {found:#04x}, expected {expected:#04x}")]
    Checksum {
        /// What the tag says.
        found: u8,
        /// What its bytes add up to.
        expected: u8,
    },
    /// It is another structure.
    #[error("the tag has identifier {found}, expected {expected}")]
    Identifier {
        /// What the tag says.
        found: u16,
        /// What it should say.
        expected: u16,
    },
    /// It belongs elsewhere.
    #[error("the tag is for block {found}, but was read from {expected}")]
    Location {
        /// What the tag says.
        found: u32,
        /// Where it was found.
        expected: u32,
    },
    /// The CRC covers more than there is.
    #[error("the tag's CRC covers {found} bytes, but there are {most}")]
    CrcLength {
        /// What the tag says.
        found: u16,
        /// How many bytes there are behind the tag.
        most: usize,
    },
    /// What is behind the tag is damaged.
    #[error("the tag has CRC {found:#06x}, expected {expected:#06x}")]
    Crc {
        /// What the tag says.
        found: u16,
        /// What the bytes give.
        expected: u16,
    },
}

/// Why something is not supported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// OSTA UDF 2.60, 2.2.8.
    #[error(
        "it is a virtual partition, of a disc that was written in packets and whose allocation table only a drive finds"
    )]
    VirtualPartition,
    /// A partition map that the UDF revisions up to 2.60 don't have.
    #[error("it is a partition of the unknown type {0:?}")]
    PartitionMap(String),
    /// Part of the volume is on another disc.
    #[error("it is on disc {0} of a set of several")]
    OtherDisc(u16),
    /// ECMA-167 4/14.6.2.
    #[error("its entries follow strategy {0}; known are 4 and 4096")]
    Strategy(u16),
    /// ECMA-167 4/14.14.3, which UDF forbids.
    #[error("it has extended allocation descriptors, which UDF doesn't allow")]
    ExtendedDescriptors,
    /// ECMA-119 6.4.3.
    #[error("it is interleaved")]
    Interleaved,
    /// The `ZF` entry of zisofs.
    #[error("it is compressed with zisofs")]
    Zisofs,
}

/// The structures that errors speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Structure {
    /// What every image has at 0x8000.
    VolumeDescriptor,
    /// ECMA-167 3/10.2.
    Anchor,
    /// ECMA-167 3/8.4.2.
    Sequence,
    /// ECMA-167 3/10.1.
    PrimaryVolume,
    /// ECMA-167 3/10.3.
    VolumePointer,
    /// ECMA-167 3/10.5.
    Partition,
    /// ECMA-167 3/10.6.
    LogicalVolume,
    /// ECMA-167 3/10.7.
    PartitionMap,
    /// OSTA UDF 2.60, 2.2.12.
    SparingTable,
    /// OSTA UDF 2.60, 2.2.13.1.
    MetadataFile,
    /// ECMA-167 4/14.1.
    FileSet,
    /// ECMA-167 4/14.9 and 4/14.17.
    FileEntry,
    /// ECMA-167 4/14.7.
    IndirectEntry,
    /// ECMA-167 4/14.5.
    AllocationExtent,
    /// ECMA-167 4/14.4.
    FileIdentifier,
    /// The entries of a directory.
    Directory,
    /// ECMA-119 9.1.
    DirectoryRecord,
    /// SUSP 4 and 5.
    SystemUse,
    /// The content of a file.
    Content,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VolumeDescriptor => "volume descriptor",
            Self::Anchor => "anchor volume descriptor pointer",
            Self::Sequence => "volume descriptor sequence",
            Self::PrimaryVolume => "primary volume descriptor",
            Self::VolumePointer => "volume descriptor pointer",
            Self::Partition => "partition descriptor",
            Self::LogicalVolume => "logical volume descriptor",
            Self::PartitionMap => "partition map",
            Self::SparingTable => "sparing table",
            Self::MetadataFile => "metadata file",
            Self::FileSet => "file set descriptor",
            Self::FileEntry => "file entry",
            Self::IndirectEntry => "indirect entry",
            Self::AllocationExtent => "allocation extent descriptor",
            Self::FileIdentifier => "file identifier descriptor",
            Self::Directory => "directory",
            Self::DirectoryRecord => "directory record",
            Self::SystemUse => "system use field",
            Self::Content => "content of the file",
        })
    }
}

fn list(kinds: &[Kind]) -> String {
    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
