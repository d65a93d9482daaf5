//! On-disk structures of a VHD. Virtual Hard Disk Image Format Specification (Microsoft,
//! October 2006). All integers are big-endian; GUIDs have the byte order that Windows gives them
//! in memory, as in files that Windows writes (the specification doesn't say).

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Value of an offset that leads nowhere: the data offset of a fixed disk and of a dynamic header.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// Value of a block table entry whose block is not in the file.
pub(crate) const UNUSED_ENTRY: u32 = u32::MAX;

/// File format version 1.0, of the footer and of the dynamic header alike.
pub(crate) const VERSION: u32 = 0x0001_0000;

/// What a footer starts with.
pub(crate) const FOOTER_COOKIE: [u8; 8] = *b"conectix";

/// What a dynamic header starts with.
pub(crate) const HEADER_COOKIE: [u8; 8] = *b"cxsparse";

/// Disk type: all bytes of the disk are in the file, in order.
pub(crate) const FIXED: u32 = 2;
/// Disk type: blocks that hold something are in the file.
pub(crate) const DYNAMIC: u32 = 3;
/// Disk type: sectors that differ from another disk's are in the file.
pub(crate) const DIFFERENCING: u32 = 4;

/// Where the parent's name is among [`DynamicHeader::parent`]: UTF-16, big-endian.
pub(crate) const PARENT_NAME: std::ops::Range<usize> = 24..536;

/// `Hard Disk Footer Format`: the last sector of the file, and the first of a dynamic one.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Footer {
    /// +0x00 [`FOOTER_COOKIE`].
    pub(crate) cookie: [u8; 8],
    /// +0x08 Bit 1 is reserved and always set.
    pub(crate) features: U32,
    /// +0x0c [`VERSION`].
    pub(crate) version: U32,
    /// +0x10 File offset of the [`DynamicHeader`], or [`NOWHERE`].
    pub(crate) data_offset: U64,
    /// +0x18 Seconds since 2000-01-01T00:00:00Z.
    pub(crate) timestamp: U32,
    /// +0x1c Who made the file.
    pub(crate) creator_application: [u8; 4],
    /// +0x20 Its version, major and minor.
    pub(crate) creator_version: U32,
    /// +0x24 The system it ran on.
    pub(crate) creator_host: [u8; 4],
    /// +0x28 Bytes of the virtual disk when it was made.
    pub(crate) original_size: U64,
    /// +0x30 Bytes of the virtual disk now.
    pub(crate) current_size: U64,
    /// +0x38 Geometry: cylinders.
    pub(crate) cylinders: U16,
    /// +0x3a Geometry: heads.
    pub(crate) heads: u8,
    /// +0x3b Geometry: sectors per track.
    pub(crate) sectors: u8,
    /// +0x3c [`FIXED`], [`DYNAMIC`] or [`DIFFERENCING`].
    pub(crate) disk_type: U32,
    /// +0x40 [`checksum`] of the footer with this field zero.
    pub(crate) checksum: U32,
    /// +0x44 GUID of the disk.
    pub(crate) unique_id: [u8; 16],
    /// +0x54 1 for a virtual machine that was saved.
    pub(crate) saved_state: u8,
    /// +0x55 Zero.
    pub(crate) reserved: [u8; 427],
}

const _: () = assert!(size_of::<Footer>() == 512);

/// `Dynamic Disk Header Format`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct DynamicHeader {
    /// +0x000 [`HEADER_COOKIE`].
    pub(crate) cookie: [u8; 8],
    /// +0x008 [`NOWHERE`].
    pub(crate) data_offset: U64,
    /// +0x010 File offset of the block allocation table.
    pub(crate) table_offset: U64,
    /// +0x018 [`VERSION`].
    pub(crate) version: U32,
    /// +0x01c Blocks of the virtual disk.
    pub(crate) max_table_entries: U32,
    /// +0x020 Bytes of a block, without its bitmap.
    pub(crate) block_size: U32,
    /// +0x024 [`checksum`] of the header with this field zero.
    pub(crate) checksum: U32,
    /// +0x028 What a differencing disk needs, and zeros; all zero here.
    pub(crate) parent: [u8; 984],
}

const _: () = assert!(size_of::<DynamicHeader>() == 1024);

/// The one's complement of the sum of all bytes. The checksum field must be zero.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>()
}
