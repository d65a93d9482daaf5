//! On-disk structures of partition tables. UEFI specification, sections 5.2 and 5.3; all integers are
//! little-endian and GUIDs have the byte order that Windows gives them in memory.

use uuid::{Uuid, uuid};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a GPT header starts with.
pub(super) const GPT_SIGNATURE: [u8; 8] = *b"EFI PART";
/// The revision of the header, 1.0, which all later specifications kept.
pub(super) const GPT_REVISION: u32 = 0x0001_0000;
/// Bytes of a GPT header that mean something.
pub(super) const GPT_HEADER_LEN: u32 = 92;

/// Partition type: the EFI system partition.
pub(super) const ESP_TYPE: Uuid = uuid!("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
/// Partition type: a volume that Windows mounts.
pub(super) const BASIC_DATA_TYPE: Uuid = uuid!("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");

/// The last two bytes of an MBR's 512.
pub(super) const MBR_SIGNATURE: u16 = 0xaa55;
/// MBR partition type: this disk has a GPT.
pub(super) const PROTECTIVE: u8 = 0xee;
/// MBR partition type: an EFI system partition.
pub(super) const MBR_ESP: u8 = 0xef;
/// MBR partition types: partitions that hold further ones.
pub(super) const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// The GPT header. Section 5.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct GptHeader {
    /// +0x00 [`GPT_SIGNATURE`].
    pub(super) signature: [u8; 8],
    /// +0x08 [`GPT_REVISION`].
    pub(super) revision: U32,
    /// +0x0c Bytes of the header.
    pub(super) length: U32,
    /// +0x10 CRC-32 of the header with this field zero.
    pub(super) checksum: U32,
    /// +0x14 Zero.
    pub(super) reserved: U32,
    /// +0x18 The sector of this header.
    pub(super) own: U64,
    /// +0x20 The sector of the other header.
    pub(super) other: U64,
    /// +0x28 The first sector that partitions may have.
    pub(super) first_usable: U64,
    /// +0x30 The last sector that partitions may have.
    pub(super) last_usable: U64,
    /// +0x38 GUID of the disk.
    pub(super) disk_id: [u8; 16],
    /// +0x48 The first sector of the entries.
    pub(super) entries: U64,
    /// +0x50 How many entries.
    pub(super) count: U32,
    /// +0x54 Bytes of an entry.
    pub(super) entry_length: U32,
    /// +0x58 CRC-32 of all entries.
    pub(super) entries_checksum: U32,
}

const _: () = assert!(size_of::<GptHeader>() == GPT_HEADER_LEN as usize);

/// An entry of the GPT. Section 5.3.3.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct GptEntry {
    /// +0x00 GUID of the type; zero for an unused entry.
    pub(super) kind: [u8; 16],
    /// +0x10 GUID of the partition.
    pub(super) id: [u8; 16],
    /// +0x20 Its first sector.
    pub(super) first: U64,
    /// +0x28 Its last sector.
    pub(super) last: U64,
    /// +0x30 Attributes.
    pub(super) attributes: U64,
    /// +0x38 Name, UTF-16, zero behind it.
    pub(super) name: [U16; 36],
}

const _: () = assert!(size_of::<GptEntry>() == 128);

/// An entry of an MBR. Section 5.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct MbrEntry {
    /// +0x0 0x80: the boot code starts it; else 0.
    pub(super) status: u8,
    /// +0x1 Cylinder, head and sector where it starts.
    pub(super) first_chs: [u8; 3],
    /// +0x4 Type; 0 for an unused entry.
    pub(super) kind: u8,
    /// +0x5 Cylinder, head and sector where it ends.
    pub(super) last_chs: [u8; 3],
    /// +0x8 Its first sector.
    pub(super) first: U32,
    /// +0xc How many sectors it has.
    pub(super) count: U32,
}

const _: () = assert!(size_of::<MbrEntry>() == 16);

/// The master boot record: the first 512 bytes of the disk. Section 5.2.1. An extended partition starts
/// with one too, of which only the entries and the signature count.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Mbr {
    /// +0x000 Boot code.
    pub(super) code: [u8; 440],
    /// +0x1b8 What Windows knows the disk by.
    pub(super) disk_signature: U32,
    /// +0x1bc Zero.
    pub(super) unknown: U16,
    /// +0x1be The partitions.
    pub(super) entries: [MbrEntry; 4],
    /// +0x1fe [`MBR_SIGNATURE`].
    pub(super) signature: U16,
}

const _: () = assert!(size_of::<Mbr>() == 512);
