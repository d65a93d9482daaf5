//! What can go wrong.

use nanovhd_tree::Name;
use thiserror::Error;

/// Why a tree can't become a volume with these options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The volume has less room than the tree needs.
    #[error("the volume has {size} bytes, but the tree needs {needed}")]
    TooSmall {
        /// Bytes that would do.
        needed: u64,
        /// Bytes there are.
        size: u64,
    },
    /// NTFS counts clusters in 32 bits on Windows.
    #[error(
        "the volume of {size} bytes has more clusters of {cluster_size} bytes than the {most} that Windows counts"
    )]
    TooLarge {
        /// Bytes there are.
        size: u64,
        /// Bytes of a cluster.
        cluster_size: u32,
        /// Clusters that Windows counts.
        most: u64,
    },
    /// The cluster size is not a power of two from the sector size to 64 KiB.
    #[error("clusters of {found} bytes are not possible: expected a power of two from {least} to 65536")]
    ClusterSize {
        /// Bytes of a cluster.
        found: u32,
        /// Bytes of a sector, but at least 512.
        least: u32,
    },
    /// The sector size is neither 512 nor 4096.
    #[error("sectors of {0} bytes are not possible: expected 512 or 4096")]
    SectorSize(u32),
    /// Boot code was given, but a BIOS can't start a volume with these sectors.
    #[error("a BIOS starts only from sectors of 512 bytes, so boot code does not go with sectors of {sector_size}")]
    BootCode {
        /// Bytes of a sector.
        sector_size: u32,
    },
    /// The volume begins at a sector that the boot sector can't name.
    #[error("the volume begins at sector {0}, which is more than 32 bits can number")]
    HiddenSectors(u64),
    /// The volume's label is longer than NTFS allows.
    #[error("the volume label {label:?} has {units} UTF-16 units; the most is 32")]
    LabelTooLong {
        /// The label.
        label: Name,
        /// Its length.
        units: usize,
    },
    /// The root directory has an entry with the name of a system file.
    #[error("the root directory has an entry {0:?}, the name of a file that NTFS itself needs")]
    ReservedName(Name),
    /// A security descriptor is longer than a volume can hold.
    #[error("a security descriptor has {length} bytes; the most is {most}")]
    DescriptorTooLong {
        /// Bytes found.
        length: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// A file has more attributes than its attribute list can name.
    #[error("{path} has so many names and streams that its attribute list has {length} bytes; the most is {most}")]
    AttributeListTooLong {
        /// One of the file's paths.
        path: String,
        /// Bytes that the list would have.
        length: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// A reparse point is longer than Windows reads.
    #[error("the reparse point of {path} has {length} bytes; the most is {most}")]
    ReparseTooLong {
        /// One of the file's paths.
        path: String,
        /// Bytes of the reparse point with its header.
        length: u64,
        /// Bytes allowed.
        most: u64,
    },
    /// A stream is longer than any volume with these clusters.
    #[error("{path} has a stream of {length} bytes; the most with these clusters is {most}")]
    StreamTooLong {
        /// One of the file's paths.
        path: String,
        /// Bytes of the stream.
        length: u64,
        /// Bytes that clusters can be counted for.
        most: u64,
    },
    /// A file is encrypted: its bytes in an image are EFS's own form, which only Windows can write.
    #[error("{path} is encrypted by EFS and can't be written without Windows")]
    Encrypted {
        /// One of the file's paths.
        path: String,
    },
    /// Two streams of a file have the same name.
    #[error("{path} has two streams with the name {stream:?}")]
    StreamExists {
        /// One of the file's paths.
        path: String,
        /// The name of the stream.
        stream: Name,
    },
    /// A stream's name can't be stored.
    #[error("{path} has a stream with the name {stream:?}, which has no or more than 255 UTF-16 units")]
    StreamName {
        /// One of the file's paths.
        path: String,
        /// The name of the stream.
        stream: Name,
    },
    /// An extended attribute can't be stored.
    #[error("{path} has an extended attribute {name:?} whose name or value NTFS can't hold")]
    ExtendedAttribute {
        /// One of the file's paths.
        path: String,
        /// The name of the attribute.
        name: String,
    },
    /// A file has more extended attributes than Windows takes.
    #[error("the extended attributes of {path} have {length} bytes; the most is {most}")]
    ExtendedAttributesTooLong {
        /// One of the file's paths.
        path: String,
        /// Bytes of all of them.
        length: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// Two files have the same object id, which must be unique in a volume.
    #[error("{first} and {second} have the same object id")]
    ObjectIdTwice {
        /// A path of one file.
        first: String,
        /// A path of the other.
        second: String,
    },
    /// A file or all files together are more than NTFS can number.
    #[error("the tree has more files, names or bytes than an NTFS volume can hold")]
    TooManyFiles,
}

/// Why a volume was not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The bytes of a placement that lies in an MFT record were not given.
    #[error("the content of placement {0} was not delivered")]
    Missing(usize),
    /// The bytes of a placement are not as many as its content promised.
    #[error("placement {placement} has {found} bytes, but its content promised {expected}")]
    Length {
        /// Its position in `Volume::placements`.
        placement: usize,
        /// Bytes promised.
        expected: u64,
        /// Bytes delivered.
        found: u64,
    },
    /// The output failed.
    #[error("can't write at offset {offset:#x} of the volume")]
    Io {
        /// Where in the volume, in bytes.
        offset: u64,
        /// What the output reported.
        source: std::io::Error,
    },
}
