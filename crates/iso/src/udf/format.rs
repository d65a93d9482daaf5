//! The on-disk structures of UDF, as bytes and nothing else.
//!
//! ECMA-167 3rd edition is cited by part and clause, OSTA UDF by the section of revision 2.60. All integers
//! are little-endian (1/7.1) and nothing is aligned. Fields that nobody reads are left out at the end of a
//! structure and named `_` something within.

use zerocopy::little_endian::{I16, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Identifiers of [`Tag`]. 3/7.2.1 and 4/7.2.1.
pub(crate) mod tag_id {
    pub(crate) const UNRECORDED: u16 = 0;
    pub(crate) const PRIMARY_VOLUME: u16 = 1;
    pub(crate) const ANCHOR: u16 = 2;
    pub(crate) const VOLUME_POINTER: u16 = 3;
    pub(crate) const PARTITION: u16 = 5;
    pub(crate) const LOGICAL_VOLUME: u16 = 6;
    pub(crate) const TERMINATING: u16 = 8;
    pub(crate) const FILE_SET: u16 = 256;
    pub(crate) const FILE_IDENTIFIER: u16 = 257;
    pub(crate) const ALLOCATION_EXTENT: u16 = 258;
    pub(crate) const INDIRECT_ENTRY: u16 = 259;
    pub(crate) const TERMINAL_ENTRY: u16 = 260;
    pub(crate) const FILE_ENTRY: u16 = 261;
    pub(crate) const EXTENDED_FILE_ENTRY: u16 = 266;
}

/// What every descriptor starts with. 3/7.2.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Tag {
    /// +0x00 One of [`tag_id`].
    pub(crate) identifier: U16,
    /// +0x02 2 or 3, for the edition of the standard; the structures are the same.
    pub(crate) _version: U16,
    /// +0x04 Sum of the other bytes of the tag.
    pub(crate) checksum: u8,
    /// +0x05
    pub(crate) _reserved: u8,
    /// +0x06
    pub(crate) _serial_number: U16,
    /// +0x08 CRC of the bytes behind the tag.
    pub(crate) crc: U16,
    /// +0x0a How many bytes it covers.
    pub(crate) crc_len: U16,
    /// +0x0c The block that the descriptor begins in.
    pub(crate) location: U32,
}
pub(crate) const TAG_LEN: usize = 16;
const _: () = assert!(size_of::<Tag>() == TAG_LEN);

/// An extent of the disc. 3/7.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ExtentAd {
    /// +0x00 Bytes.
    pub(crate) len: U32,
    /// +0x04 Sector of the image.
    pub(crate) location: U32,
}
const _: () = assert!(size_of::<ExtentAd>() == 8);

/// A block of a partition. 4/7.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LbAddr {
    /// +0x00 The block, from the start of the partition.
    pub(crate) block: U32,
    /// +0x04 Index of the partition map.
    pub(crate) partition: U16,
}
const _: () = assert!(size_of::<LbAddr>() == 6);

/// A short allocation descriptor: in the partition of what it stands in. 4/14.14.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ShortAd {
    /// +0x00 Bytes (30 bits), and the type of the extent in the two bits above.
    pub(crate) len: U32,
    /// +0x04 The first block.
    pub(crate) block: U32,
}
const _: () = assert!(size_of::<ShortAd>() == 8);

/// A long allocation descriptor. 4/14.14.2.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LongAd {
    /// +0x00 As in [`ShortAd`].
    pub(crate) len: U32,
    /// +0x04 The first block.
    pub(crate) location: LbAddr,
    /// +0x0a
    pub(crate) _implementation_use: [u8; 6],
}
const _: () = assert!(size_of::<LongAd>() == 16);

/// Names a person, program or convention. 1/7.4.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct EntityId {
    /// +0x00
    pub(crate) _flags: u8,
    /// +0x01 Filled up with zeros.
    pub(crate) identifier: [u8; 23],
    /// +0x18 With a domain, the UDF revision in the first two. UDF 2.1.5.3.
    pub(crate) suffix: [u8; 8],
}
const _: () = assert!(size_of::<EntityId>() == 32);

/// [`LogicalVolume::domain`]. UDF 2.1.5.2.
pub(crate) const DOMAIN: &[u8] = b"*OSTA UDF Compliant";
/// [`TypedPartitionMap::kind`]. UDF 2.2.8, 2.2.9 and 2.2.10.
pub(crate) const VIRTUAL_PARTITION: &[u8] = b"*UDF Virtual Partition";
pub(crate) const SPARABLE_PARTITION: &[u8] = b"*UDF Sparable Partition";
pub(crate) const METADATA_PARTITION: &[u8] = b"*UDF Metadata Partition";
/// [`SparingTable::identifier`]. UDF 2.2.12.
pub(crate) const SPARING_TABLE: &[u8] = b"*UDF Sparing Table";

impl EntityId {
    /// Whether this names `name`.
    pub(crate) fn is(&self, name: &[u8]) -> bool {
        self.name() == name
    }

    /// The identifier without the zeros behind it.
    pub(crate) fn name(&self) -> &[u8] {
        let end = self.identifier.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        &self.identifier[..end]
    }
}

/// A time. 1/7.3.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Timestamp {
    /// +0x00 Minutes ahead of UTC in the low 12 bits, signed; what clock it is in the high 4.
    pub(crate) zone: U16,
    /// +0x02
    pub(crate) year: I16,
    /// +0x04
    pub(crate) month: u8,
    /// +0x05
    pub(crate) day: u8,
    /// +0x06
    pub(crate) hour: u8,
    /// +0x07
    pub(crate) minute: u8,
    /// +0x08
    pub(crate) second: u8,
    /// +0x09
    pub(crate) centiseconds: u8,
    /// +0x0a
    pub(crate) hundred_microseconds: u8,
    /// +0x0b
    pub(crate) microseconds: u8,
}
const _: () = assert!(size_of::<Timestamp>() == 12);

/// The anchor volume descriptor pointer. 3/10.2.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Anchor {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10 The main volume descriptor sequence.
    pub(crate) main: ExtentAd,
    /// +0x18 Its copy.
    pub(crate) reserve: ExtentAd,
}
const _: () = assert!(size_of::<Anchor>() == 32);

/// The primary volume descriptor, up to what is needed. 3/10.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PrimaryVolume {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10 The highest of descriptors that contradict each other is right.
    pub(crate) sequence_number: U32,
    /// +0x14
    pub(crate) _number: U32,
    /// +0x18
    pub(crate) _identifier: [u8; 32],
    /// +0x38 Which disc of the set this is, from 1.
    pub(crate) disc: U16,
}
const _: () = assert!(size_of::<PrimaryVolume>() == 0x3a);

/// The volume descriptor pointer. 3/10.3.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct VolumePointer {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) sequence_number: U32,
    /// +0x14 Where the sequence goes on.
    pub(crate) next: ExtentAd,
}
const _: () = assert!(size_of::<VolumePointer>() == 0x1c);

/// The partition descriptor, up to what is needed. 3/10.5.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PartitionDisk {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) sequence_number: U32,
    /// +0x14
    pub(crate) _flags: U16,
    /// +0x16 What partition maps call it by.
    pub(crate) number: U16,
    /// +0x18
    pub(crate) _contents: EntityId,
    /// +0x38
    pub(crate) _contents_use: [u8; 128],
    /// +0xb8
    pub(crate) _access: U32,
    /// +0xbc First sector of the image.
    pub(crate) start: U32,
    /// +0xc0 Sectors.
    pub(crate) len: U32,
}
const _: () = assert!(size_of::<PartitionDisk>() == 0xc4);

/// The logical volume descriptor; the partition maps follow. 3/10.6.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LogicalVolume {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) sequence_number: U32,
    /// +0x14
    pub(crate) _charset: [u8; 64],
    /// +0x54 The label, a dstring.
    pub(crate) identifier: [u8; 128],
    /// +0xd4 Bytes in a block; UDF 2.2.4.2 wants as many as a sector has.
    pub(crate) block_size: U32,
    /// +0xd8 [`DOMAIN`].
    pub(crate) domain: EntityId,
    /// +0xf8 The file set descriptor. 4/3.1.
    pub(crate) file_set: LongAd,
    /// +0x108 Bytes of partition maps.
    pub(crate) maps_len: U32,
    /// +0x10c How many there are.
    pub(crate) maps: U32,
    /// +0x110
    pub(crate) _implementation: EntityId,
    /// +0x130
    pub(crate) _implementation_use: [u8; 128],
    /// +0x1b0
    pub(crate) _integrity: ExtentAd,
}
pub(crate) const LOGICAL_VOLUME_LEN: usize = 0x1b8;
const _: () = assert!(size_of::<LogicalVolume>() == LOGICAL_VOLUME_LEN);

/// A partition map that refers to a partition and no more. 3/10.7.2.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SimplePartitionMap {
    /// +0x00 1.
    pub(crate) map_type: u8,
    /// +0x01 6.
    pub(crate) len: u8,
    /// +0x02 Which disc of the set has the partition.
    pub(crate) disc: U16,
    /// +0x04 [`PartitionDisk::number`].
    pub(crate) number: U16,
}
const _: () = assert!(size_of::<SimplePartitionMap>() == 6);

/// A partition map of UDF's own. UDF 2.2.8 to 2.2.10.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TypedPartitionMap {
    /// +0x00 2.
    pub(crate) map_type: u8,
    /// +0x01 64.
    pub(crate) len: u8,
    /// +0x02
    pub(crate) _reserved: U16,
    /// +0x04 What the rest means.
    pub(crate) kind: EntityId,
    /// +0x24 Which disc of the set has the partition.
    pub(crate) disc: U16,
    /// +0x26 [`PartitionDisk::number`].
    pub(crate) number: U16,
    /// +0x28
    pub(crate) rest: [u8; 24],
}
const _: () = assert!(size_of::<TypedPartitionMap>() == 64);

/// [`TypedPartitionMap::rest`] of a sparable partition. UDF 2.2.9.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SparableMap {
    /// +0x00 Blocks that are spared together.
    pub(crate) packet: U16,
    /// +0x02 How many tables there are, up to 4.
    pub(crate) tables: u8,
    /// +0x03
    pub(crate) _reserved: u8,
    /// +0x04 Bytes of each.
    pub(crate) table_len: U32,
    /// +0x08 Sectors where they are.
    pub(crate) locations: [U32; 4],
}
const _: () = assert!(size_of::<SparableMap>() == 24);

/// [`TypedPartitionMap::rest`] of a metadata partition. UDF 2.2.10.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataMap {
    /// +0x00 Block of the file entry whose content is the partition.
    pub(crate) file: U32,
    /// +0x04 Block of the one whose content is a copy, or is the same.
    pub(crate) mirror: U32,
    /// +0x08
    pub(crate) _rest: [u8; 16],
}
const _: () = assert!(size_of::<MetadataMap>() == 24);

/// A sparing table; the entries follow. UDF 2.2.12.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SparingTable {
    /// +0x00 With identifier 0.
    pub(crate) tag: Tag,
    /// +0x10 [`SPARING_TABLE`].
    pub(crate) identifier: EntityId,
    /// +0x30 How many entries there are.
    pub(crate) entries: U16,
    /// +0x32
    pub(crate) _reserved: U16,
    /// +0x34 The table with the highest is right.
    pub(crate) sequence_number: U32,
}
const _: () = assert!(size_of::<SparingTable>() == 56);

/// An entry of a sparing table. UDF 2.2.12.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SparingEntry {
    /// +0x00 First block of a packet in the partition, or [`NOT_SPARED`] and above.
    pub(crate) original: U32,
    /// +0x04 First sector of the packet that has its place.
    pub(crate) mapped: U32,
}
const _: () = assert!(size_of::<SparingEntry>() == 8);
/// From here on, entries are for spare packets that are not in use (`0xffff_ffff`) or that are defective.
pub(crate) const NOT_SPARED: u32 = 0xffff_fff0;

/// The file set descriptor, up to what is needed. 4/14.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileSet {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10 Time, levels, character sets, identifiers of volume and set, copyright and abstract files.
    pub(crate) _unread: [u8; 384],
    /// +0x190 The root directory.
    pub(crate) root: LongAd,
    /// +0x1a0
    pub(crate) _domain: EntityId,
    /// +0x1c0
    pub(crate) _next: LongAd,
    /// +0x1d0
    pub(crate) _streams: LongAd,
    /// +0x1e0
    pub(crate) _reserved: [u8; 32],
}
const _: () = assert!(size_of::<FileSet>() == 512);

/// What entries of an ICB have behind their tag. 4/14.6.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct IcbTag {
    /// +0x00
    pub(crate) _direct_entries: U32,
    /// +0x04 How entries are added: 4, there is one; 4096, each is followed by a link to the next.
    pub(crate) strategy: U16,
    /// +0x06
    pub(crate) _parameter: U16,
    /// +0x08
    pub(crate) _max_entries: U16,
    /// +0x0a
    pub(crate) _reserved: u8,
    /// +0x0b One of [`file_type`].
    pub(crate) file_type: u8,
    /// +0x0c
    pub(crate) _parent: LbAddr,
    /// +0x12 The kind of allocation descriptors in the low 3 bits, see [`descriptor_kind`].
    pub(crate) flags: U16,
}
const _: () = assert!(size_of::<IcbTag>() == 20);

/// [`IcbTag::file_type`]. 4/14.6.6 and UDF 2.3.5.2.
pub(crate) mod file_type {
    pub(crate) const UNSPECIFIED: u8 = 0;
    pub(crate) const DIRECTORY: u8 = 4;
    pub(crate) const FILE: u8 = 5;
    pub(crate) const SYMBOLIC_LINK: u8 = 12;
    pub(crate) const REAL_TIME: u8 = 249;
    pub(crate) const METADATA: u8 = 250;
    pub(crate) const METADATA_MIRROR: u8 = 251;
}

/// Low bits of [`IcbTag::flags`]. 4/14.6.8.
pub(crate) mod descriptor_kind {
    pub(crate) const MASK: u16 = 7;
    pub(crate) const SHORT: u16 = 0;
    pub(crate) const LONG: u16 = 1;
    pub(crate) const EXTENDED: u16 = 2;
    /// The content itself is where descriptors would be.
    pub(crate) const EMBEDDED: u16 = 3;
}

/// A file entry; extended attributes and allocation descriptors follow. 4/14.9.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileEntry {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) icb: IcbTag,
    /// +0x24 Owner, permissions, links and record format.
    pub(crate) _owner: [u8; 20],
    /// +0x38 Bytes of content.
    pub(crate) len: U64,
    /// +0x40
    pub(crate) _blocks: U64,
    /// +0x48
    pub(crate) _accessed: Timestamp,
    /// +0x54
    pub(crate) modified: Timestamp,
    /// +0x60
    pub(crate) _changed: Timestamp,
    /// +0x6c
    pub(crate) _checkpoint: U32,
    /// +0x70
    pub(crate) _attributes: LongAd,
    /// +0x80
    pub(crate) _implementation: EntityId,
    /// +0xa0
    pub(crate) _unique_id: U64,
    /// +0xa8 Bytes of extended attributes.
    pub(crate) attributes_len: U32,
    /// +0xac Bytes of allocation descriptors.
    pub(crate) descriptors_len: U32,
}
const _: () = assert!(size_of::<FileEntry>() == 176);

/// An extended file entry; extended attributes and allocation descriptors follow. 4/14.17.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ExtendedFileEntry {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) icb: IcbTag,
    /// +0x24 Owner, permissions, links and record format.
    pub(crate) _owner: [u8; 20],
    /// +0x38 Bytes of content.
    pub(crate) len: U64,
    /// +0x40 With those of all streams.
    pub(crate) _object_len: U64,
    /// +0x48
    pub(crate) _blocks: U64,
    /// +0x50
    pub(crate) _accessed: Timestamp,
    /// +0x5c
    pub(crate) modified: Timestamp,
    /// +0x68
    pub(crate) _created: Timestamp,
    /// +0x74
    pub(crate) _changed: Timestamp,
    /// +0x80
    pub(crate) _checkpoint: U32,
    /// +0x84
    pub(crate) _reserved: U32,
    /// +0x88
    pub(crate) _attributes: LongAd,
    /// +0x98
    pub(crate) _streams: LongAd,
    /// +0xa8
    pub(crate) _implementation: EntityId,
    /// +0xc8
    pub(crate) _unique_id: U64,
    /// +0xd0 Bytes of extended attributes.
    pub(crate) attributes_len: U32,
    /// +0xd4 Bytes of allocation descriptors.
    pub(crate) descriptors_len: U32,
}
const _: () = assert!(size_of::<ExtendedFileEntry>() == 216);

/// An indirect entry: where the next entry of an ICB is. 4/14.7.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct IndirectEntry {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) _icb: IcbTag,
    /// +0x24
    pub(crate) next: LongAd,
}
const _: () = assert!(size_of::<IndirectEntry>() == 52);

/// An allocation extent descriptor; allocation descriptors follow. 4/14.5.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AllocationExtent {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) _previous: U32,
    /// +0x14 Bytes of allocation descriptors.
    pub(crate) descriptors_len: U32,
}
const _: () = assert!(size_of::<AllocationExtent>() == 24);

/// A file identifier descriptor; implementation use and the name follow, and zeros up to a multiple of 4.
/// 4/14.4.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileIdentifier {
    /// +0x00
    pub(crate) tag: Tag,
    /// +0x10
    pub(crate) _version: U16,
    /// +0x12 Bits of [`characteristics`].
    pub(crate) characteristics: u8,
    /// +0x13 Bytes of the name.
    pub(crate) name_len: u8,
    /// +0x14 The ICB of the file.
    pub(crate) icb: LongAd,
    /// +0x24 Bytes of implementation use.
    pub(crate) implementation_use_len: U16,
}
pub(crate) const FILE_IDENTIFIER_LEN: usize = 38;
const _: () = assert!(size_of::<FileIdentifier>() == FILE_IDENTIFIER_LEN);

/// [`FileIdentifier::characteristics`]. 4/14.4.3.
pub(crate) mod characteristics {
    pub(crate) const HIDDEN: u8 = 1;
    pub(crate) const DIRECTORY: u8 = 2;
    pub(crate) const DELETED: u8 = 4;
    pub(crate) const PARENT: u8 = 8;
}
