//! On-disk structures of a VHDX. [MS-VHDX] section 2; all integers are little-endian and GUIDs
//! have the byte order that Windows gives them in memory.

use uuid::{Uuid, uuid};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// File offset of the [`FileIdentifier`]. Section 2.2.
pub(crate) const FILE_IDENTIFIER: u64 = 0;
/// File offsets of the two [`Header`]s.
pub(crate) const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
/// File offsets of the two region tables, which are equal.
pub(crate) const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];

/// Bytes at the start of the file that are for headers and region tables.
pub(crate) const HEADER_SECTION: u64 = 1 << 20;

/// What the file starts with.
pub(crate) const FILE_SIGNATURE: [u8; 8] = *b"vhdxfile";
/// What a header starts with.
pub(crate) const HEADER_SIGNATURE: [u8; 4] = *b"head";
/// What a region table starts with.
pub(crate) const REGION_SIGNATURE: [u8; 4] = *b"regi";
/// What the metadata table starts with.
pub(crate) const METADATA_SIGNATURE: [u8; 8] = *b"metadata";
/// What a log entry starts with.
pub(crate) const LOG_ENTRY_SIGNATURE: [u8; 4] = *b"loge";
/// What the descriptor of zeros starts with.
pub(crate) const LOG_ZERO_DESCRIPTOR: [u8; 4] = *b"zero";
/// What the descriptor of a page starts with.
pub(crate) const LOG_DATA_DESCRIPTOR: [u8; 4] = *b"desc";
/// What the sector with a page's bytes starts with.
pub(crate) const LOG_DATA_SECTOR: [u8; 4] = *b"data";

/// The version of the format.
pub(crate) const VERSION: u16 = 1;
/// The version of the log.
pub(crate) const LOG_VERSION: u16 = 0;

/// Regions, blocks and file lengths are multiples of this.
pub(crate) const MIB: u64 = 1 << 20;

/// Region: the block allocation table. Section 2.2.3.2.
pub(crate) const BAT_REGION: Uuid = uuid!("2DC27766-F623-4200-9D64-115E9BFD4A08");
/// Region: metadata.
pub(crate) const METADATA_REGION: Uuid = uuid!("8B7CA206-4790-4B9A-B8FE-575F050F886E");

/// Metadata item: block size and whether blocks may be taken away. Section 2.6.2.1.
pub(crate) const FILE_PARAMETERS: Uuid = uuid!("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
/// Metadata item: bytes of the virtual disk. Section 2.6.2.2.
pub(crate) const VIRTUAL_DISK_SIZE: Uuid = uuid!("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
/// Metadata item: what SCSI page 83 reports. Section 2.6.2.3.
pub(crate) const VIRTUAL_DISK_ID: Uuid = uuid!("BECA12AB-B2E6-4523-93EF-C309E000C746");
/// Metadata item: bytes of a logical sector. Section 2.6.2.4.
pub(crate) const LOGICAL_SECTOR_SIZE: Uuid = uuid!("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");
/// Metadata item: bytes of a physical sector. Section 2.6.2.5.
pub(crate) const PHYSICAL_SECTOR_SIZE: Uuid = uuid!("CDA348C7-445D-4471-9CC9-E9885251C556");

/// Metadata item: how to find the parent. Section 2.6.2.6.
pub(crate) const PARENT_LOCATOR: Uuid = uuid!("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

/// Metadata flag: the item is a user's.
pub(crate) const IS_USER: u32 = 1;
/// Metadata flag: the item belongs to the virtual disk, not to the file.
pub(crate) const IS_VIRTUAL_DISK: u32 = 2;
/// Metadata flag: who doesn't know the item must not open the file.
pub(crate) const IS_REQUIRED: u32 = 4;

/// File parameter: blocks stay in the file, which makes it a fixed one.
pub(crate) const LEAVE_BLOCKS_ALLOCATED: u32 = 1;

/// File parameter: the disk is a differencing one.
pub(crate) const HAS_PARENT: u32 = 2;

/// State of a block that nobody has written. Section 2.5.1.1. What it reads as is left open.
pub(crate) const BLOCK_NOT_PRESENT: u64 = 0;
/// State of a block that may read as anything.
pub(crate) const BLOCK_UNDEFINED: u64 = 1;
/// State of a block that the guest gave up: zeros or what it was before.
pub(crate) const BLOCK_UNMAPPED: u64 = 3;
/// State of a block that is not in the file and reads as zeros. Section 2.5.1.1. Its file offset
/// is reserved and must be zero for Hyper-V to open the file.
pub(crate) const BLOCK_ZERO: u64 = 2;
/// State of a block that is in the file. Its file offset is in the upper 44 bits, in MiB, so the
/// offset in bytes has the state in bits that are otherwise zero.
pub(crate) const BLOCK_FULLY_PRESENT: u64 = 6;
/// State of a sector bitmap in a file that has no parent. Section 2.5.1.2.
pub(crate) const BITMAP_NOT_PRESENT: u64 = 0;

/// How many sectors one sector bitmap block covers, present or not. Section 2.4.
pub(crate) const SECTORS_PER_CHUNK: u64 = 1 << 23;

/// What the file is and who made it. Section 2.2.1.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileIdentifier {
    /// +0x000 [`FILE_SIGNATURE`].
    pub(crate) signature: [u8; 8],
    /// +0x008 UTF-16, for diagnosis only.
    pub(crate) creator: [U16; 256],
}

const _: () = assert!(size_of::<FileIdentifier>() == 520);

/// The root of the structures; the one with the higher sequence number counts. Section 2.2.2.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    /// +0x000 [`HEADER_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x004 CRC-32C of the 4096 bytes with this field zero.
    pub(crate) checksum: U32,
    /// +0x008 Higher in the header that was written last.
    pub(crate) sequence_number: U64,
    /// +0x010 GUID that changes when the file is opened for writing.
    pub(crate) file_write_guid: [u8; 16],
    /// +0x020 GUID that changes when what a guest can see changes.
    pub(crate) data_write_guid: [u8; 16],
    /// +0x030 GUID of the log entries that count; zero when there are none.
    pub(crate) log_guid: [u8; 16],
    /// +0x040 [`LOG_VERSION`].
    pub(crate) log_version: U16,
    /// +0x042 [`VERSION`].
    pub(crate) version: U16,
    /// +0x044 Bytes of the log.
    pub(crate) log_length: U32,
    /// +0x048 File offset of the log.
    pub(crate) log_offset: U64,
    /// +0x050 Zero.
    pub(crate) reserved: [u8; 4016],
}

const _: () = assert!(size_of::<Header>() == 4096);

/// Where a region lies. Section 2.2.3.2.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RegionEntry {
    /// +0x00 Which region.
    pub(crate) guid: [u8; 16],
    /// +0x10 In the file, a multiple of 1 MiB.
    pub(crate) offset: U64,
    /// +0x18 In bytes, a multiple of 1 MiB.
    pub(crate) length: U32,
    /// +0x1c 1: who doesn't know the region must not open the file.
    pub(crate) required: U32,
}

/// The region table: 64 KiB with the two regions that every file has. Section 2.2.3.1.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RegionTable {
    /// +0x00 [`REGION_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x04 CRC-32C of the 64 KiB with this field zero.
    pub(crate) checksum: U32,
    /// +0x08 How many entries.
    pub(crate) count: U32,
    /// +0x0c Zero.
    pub(crate) reserved: U32,
    /// +0x10 The entries.
    pub(crate) entries: [RegionEntry; 2],
    /// +0x50 Zero.
    pub(crate) rest: [u8; (64 << 10) - 16 - 64],
}

const _: () = assert!(size_of::<RegionTable>() == 64 << 10);

/// Where a metadata item lies. Section 2.6.1.2.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataEntry {
    /// +0x00 Which item.
    pub(crate) guid: [u8; 16],
    /// +0x10 In the region, 64 KiB or more.
    pub(crate) offset: U32,
    /// +0x14 In bytes.
    pub(crate) length: U32,
    /// +0x18 [`IS_VIRTUAL_DISK`], [`IS_REQUIRED`].
    pub(crate) flags: U32,
    /// +0x1c Zero.
    pub(crate) reserved: U32,
}

/// The metadata table, cut behind the five items that every file has. Section 2.6.1.1.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataTable {
    /// +0x00 [`METADATA_SIGNATURE`].
    pub(crate) signature: [u8; 8],
    /// +0x08 Zero.
    pub(crate) reserved: U16,
    /// +0x0a How many entries.
    pub(crate) count: U16,
    /// +0x0c Zero.
    pub(crate) reserved2: [u8; 20],
    /// +0x20 The entries.
    pub(crate) entries: [MetadataEntry; 5],
}

const _: () = assert!(size_of::<MetadataTable>() == 192);

/// Offset of the metadata items in their region: behind the table's 64 KiB.
pub(crate) const METADATA_ITEMS: u32 = 64 << 10;

/// The values of the metadata items, one behind the other. Section 2.6.2.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataItems {
    /// +0x00 File parameters: bytes of a block …
    pub(crate) block_size: U32,
    /// +0x04 … and [`LEAVE_BLOCKS_ALLOCATED`].
    pub(crate) flags: U32,
    /// +0x08 Bytes of the virtual disk.
    pub(crate) virtual_disk_size: U64,
    /// +0x10 Bytes of a logical sector.
    pub(crate) logical_sector_size: U32,
    /// +0x14 Bytes of a physical sector.
    pub(crate) physical_sector_size: U32,
    /// +0x18 GUID of the disk.
    pub(crate) virtual_disk_id: [u8; 16],
}

const _: () = assert!(size_of::<MetadataItems>() == 40);

/// Where a parent locator starts. Section 2.6.2.6.1. The entries follow.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LocatorHeader {
    /// +0x00 GUID of the kind of parent.
    pub(crate) kind: [u8; 16],
    /// +0x10 Zero.
    pub(crate) reserved: U16,
    /// +0x12 How many entries.
    pub(crate) count: U16,
}

const _: () = assert!(size_of::<LocatorHeader>() == 20);

/// A key and its value: UTF-16 at offsets from the locator's start, lengths in bytes. Section 2.6.2.6.2.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LocatorEntry {
    /// +0x00 Where the key is.
    pub(crate) key_offset: U32,
    /// +0x04 Where the value is.
    pub(crate) value_offset: U32,
    /// +0x08 Bytes of the key.
    pub(crate) key_length: U16,
    /// +0x0a Bytes of the value.
    pub(crate) value_length: U16,
}

const _: () = assert!(size_of::<LocatorEntry>() == 12);

/// Where a log entry starts. Section 2.3.1.1. The descriptors follow.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LogEntryHeader {
    /// +0x00 [`LOG_ENTRY_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x04 CRC-32C of the entry with this field zero.
    pub(crate) checksum: U32,
    /// +0x08 Bytes of the entry.
    pub(crate) entry_length: U32,
    /// +0x0c Where in the log the sequence starts that ends with this entry.
    pub(crate) tail: U32,
    /// +0x10 One more than that of the entry in front, and not zero.
    pub(crate) sequence_number: U64,
    /// +0x18 How many descriptors.
    pub(crate) descriptor_count: U32,
    /// +0x1c Zero.
    pub(crate) reserved: U32,
    /// +0x20 That of the file's header.
    pub(crate) log_guid: [u8; 16],
    /// +0x30 The length that the file has for sure.
    pub(crate) flushed_file_offset: U64,
    /// +0x38 The length that the file must have after replay.
    pub(crate) last_file_offset: U64,
}

const _: () = assert!(size_of::<LogEntryHeader>() == 64);

/// What a log entry changes: a page of the file, or a range to zeros. Sections 2.3.1.2 and 2.3.1.3.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LogDescriptor {
    /// +0x00 [`LOG_DATA_DESCRIPTOR`] or [`LOG_ZERO_DESCRIPTOR`].
    pub(crate) signature: [u8; 4],
    /// +0x04 The last bytes of the page; of zeros nothing.
    pub(crate) trailing: [u8; 4],
    /// +0x08 The first bytes of the page; of zeros their length.
    pub(crate) leading_or_length: [u8; 8],
    /// +0x10 Where in the file.
    pub(crate) file_offset: U64,
    /// +0x18 That of the entry.
    pub(crate) sequence_number: U64,
}

const _: () = assert!(size_of::<LogDescriptor>() == 32);

impl LogDescriptor {
    /// Bytes of the file that change.
    pub(crate) fn length(&self) -> u64 {
        if self.signature == LOG_ZERO_DESCRIPTOR { u64::from_le_bytes(self.leading_or_length) } else { 4096 }
    }
}

/// The bytes of a page, but for those that the descriptor has. Section 2.3.1.4.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LogDataSector {
    /// +0x000 [`LOG_DATA_SECTOR`].
    pub(crate) signature: [u8; 4],
    /// +0x004 Upper half of the entry's sequence number.
    pub(crate) sequence_high: U32,
    /// +0x008 The page's bytes 8 to 4091.
    pub(crate) data: [u8; 4084],
    /// +0xffc Lower half of the entry's sequence number.
    pub(crate) sequence_low: U32,
}

const _: () = assert!(size_of::<LogDataSector>() == 4096);
