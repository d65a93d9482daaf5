//! The on-disk structures of a WIM file, as bytes and nothing else.
//!
//! The specification is Microsoft's white paper "Windows Imaging File Format (WIM)" (2007), cited as
//! \[WIM\] with its section titles. It leaves out solid resources, chunk sizes other than 32 KiB,
//! tagged items and the oddities of real files; those facts are what wimlib and 7-Zip read and
//! write, compared with files that Microsoft's tools made. All integers are little-endian and
//! nothing is aligned.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The first eight bytes of a WIM.
pub(crate) const MAGIC: [u8; 8] = *b"MSWIM\0\0\0";
/// The first eight bytes of wimlib's streamable variant, which no Windows tool reads.
pub(crate) const MAGIC_PIPABLE: [u8; 8] = *b"WLPWM\0\0\0";
/// The version that all Windows tools since Vista write.
pub(crate) const VERSION: u32 = 0x1_0d00;
/// The version of files that may hold solid resources, as Windows 8 and later download.
pub(crate) const VERSION_SOLID: u32 = 0x0e00;

/// SHA-1 digests name blobs.
pub(crate) type Sha1Digest = [u8; 20];
/// The digest field of a stream that has no bytes, and so no blob.
pub(crate) const NO_DIGEST: Sha1Digest = [0; 20];

/// Bits of [`HeaderDisk::flags`].
pub(crate) mod header_flags {
    pub(crate) const COMPRESSED: u32 = 0x0000_0002;
    pub(crate) const WRITE_IN_PROGRESS: u32 = 0x0000_0040;
    pub(crate) const XPRESS: u32 = 0x0002_0000;
    pub(crate) const LZX: u32 = 0x0004_0000;
    pub(crate) const LZMS: u32 = 0x0008_0000;
    /// XPRESS too: what Windows 8.1 sets with 4 KiB chunks.
    pub(crate) const XPRESS_2: u32 = 0x0020_0000;
    /// The algorithms that this library knows by name.
    pub(crate) const CODECS: u32 = XPRESS | LZX | LZMS | XPRESS_2;
    /// Bits that change nothing for a reader: a reserved one, read-only, spanned (the part numbers
    /// say it better), resources only, metadata only and "absolute links were fixed".
    const HARMLESS: u32 = 0x0000_00bd;
    pub(crate) const KNOWN: u32 = HARMLESS | COMPRESSED | WRITE_IN_PROGRESS | CODECS;
}

/// Bits of [`ResourceDisk::flags`].
pub(crate) mod resource_flags {
    /// The table entry is not in use.
    pub(crate) const FREE: u8 = 0x01;
    /// The metadata of an image.
    pub(crate) const METADATA: u8 = 0x02;
    /// Stored as a chunk table and chunks.
    pub(crate) const COMPRESSED: u8 = 0x04;
    /// Goes on in another part of a split set.
    pub(crate) const SPANNED: u8 = 0x08;
    /// Part of a resource that holds many blobs. Means nothing in files of [`super::VERSION`].
    pub(crate) const SOLID: u8 = 0x10;
}

/// Where a resource lies. \[WIM\] "Resource header".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ResourceDisk {
    /// +0x00 Length in the file: 56 bits.
    pub(crate) stored_len: [u8; 7],
    /// +0x07 [`resource_flags`].
    pub(crate) flags: u8,
    /// +0x08 First byte in the file.
    pub(crate) offset: U64,
    /// +0x10 Length when read.
    pub(crate) len: U64,
}
const _: () = assert!(size_of::<ResourceDisk>() == 24);

/// The file header. \[WIM\] "Header".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HeaderDisk {
    /// +0x00 [`MAGIC`].
    pub(crate) magic: [u8; 8],
    /// +0x08 The size of this structure.
    pub(crate) size: U32,
    /// +0x0c [`VERSION`] or [`VERSION_SOLID`].
    pub(crate) version: U32,
    /// +0x10 [`header_flags`].
    pub(crate) flags: U32,
    /// +0x14 Bytes in a chunk of a compressed resource.
    pub(crate) chunk_size: U32,
    /// +0x18 Names the file, or all the parts of a split set.
    pub(crate) guid: [u8; 16],
    /// +0x28 Which part of a split set this is, from 1.
    pub(crate) part: U16,
    /// +0x2a How many parts there are.
    pub(crate) parts: U16,
    /// +0x2c How many images there are.
    pub(crate) images: U32,
    /// +0x30 The blob table, called offset table or lookup table elsewhere.
    pub(crate) blob_table: ResourceDisk,
    /// +0x48 The XML data.
    pub(crate) xml: ResourceDisk,
    /// +0x60 A copy of the bootable image's entry in the blob table.
    pub(crate) boot_metadata: ResourceDisk,
    /// +0x78 The bootable image, from 1; 0 for none.
    pub(crate) boot_index: U32,
    /// +0x7c The integrity table.
    pub(crate) integrity: ResourceDisk,
    /// +0x94
    pub(crate) unused: [u8; 60],
}
/// The size of the header, which is what its size field has to say.
pub(crate) const HEADER_SIZE: usize = 208;
const _: () = assert!(size_of::<HeaderDisk>() == HEADER_SIZE);

/// An entry of the blob table. \[WIM\] "Offset table".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BlobDisk {
    /// +0x00 Where the bytes lie.
    pub(crate) resource: ResourceDisk,
    /// +0x18 The part of a split set that has them.
    pub(crate) part: U16,
    /// +0x1a How many streams of all images refer to the blob.
    pub(crate) references: U32,
    /// +0x1e SHA-1 of the bytes as read.
    pub(crate) sha1: Sha1Digest,
}
const _: () = assert!(size_of::<BlobDisk>() == 50);

/// What a solid resource starts with; the stored lengths of all chunks follow, 4 bytes each, and
/// then the chunks. Not in \[WIM\].
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SolidDisk {
    /// +0x00 Bytes in the resource when decoded.
    pub(crate) len: U64,
    /// +0x08 Bytes in a chunk when decoded.
    pub(crate) chunk_size: U32,
    /// +0x0c How chunks are compressed: 1 XPRESS, 2 LZX, 3 LZMS.
    pub(crate) format: U32,
}
const _: () = assert!(size_of::<SolidDisk>() == 16);

/// What the integrity table starts with; the digests follow. \[WIM\] "Integrity table".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct IntegrityDisk {
    /// +0x00 Bytes in the table, these included.
    pub(crate) size: U32,
    /// +0x04 How many digests follow.
    pub(crate) entries: U32,
    /// +0x08 How many bytes of the file go into each digest.
    pub(crate) chunk_size: U32,
}
const _: () = assert!(size_of::<IntegrityDisk>() == 12);

/// What an image's metadata start with; descriptor lengths (8 bytes each), then the descriptors
/// follow. \[WIM\] "Security data".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SecurityDisk {
    /// +0x00 Bytes in the security data, these included. 0 means the same as 8.
    pub(crate) size: U32,
    /// +0x04 How many descriptors there are.
    pub(crate) entries: U32,
}
const _: () = assert!(size_of::<SecurityDisk>() == 8);

/// The fixed part of a directory entry; names, tagged items and stream entries follow.
/// \[WIM\] "Directory entry".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct DentryDisk {
    /// +0x00 Bytes in the entry without its stream entries; up to 8 ends a directory.
    pub(crate) length: U64,
    /// +0x08 `FILE_ATTRIBUTE_*`.
    pub(crate) attributes: U32,
    /// +0x0c Which security descriptor; -1 for none.
    pub(crate) security_id: U32,
    /// +0x10 Where a directory's entries start in the metadata; 0 for none.
    pub(crate) subdir_offset: U64,
    /// +0x18
    pub(crate) unused: [u8; 16],
    /// +0x28
    pub(crate) created: U64,
    /// +0x30
    pub(crate) accessed: U64,
    /// +0x38
    pub(crate) written: U64,
    /// +0x40 Usually the digest of the unnamed stream, or of the reparse data.
    pub(crate) sha1: Sha1Digest,
    /// +0x54
    pub(crate) unknown: [u8; 4],
    /// +0x58 Reparse tag, or the low half of the hard link group.
    pub(crate) tag_or_group: U32,
    /// +0x5c Reserved word of the reparse point, or the next bits of the hard link group.
    pub(crate) reserved_or_group: U16,
    /// +0x5e Whether the reparse point's target was made relative to the image, or the last bits
    /// of the hard link group.
    pub(crate) flags_or_group: U16,
    /// +0x60 How many stream entries follow.
    pub(crate) streams: U16,
    /// +0x62 Bytes in the short name, which follows the long one.
    pub(crate) short_name_len: U16,
    /// +0x64 Bytes in the long name. Each name is followed by a null unit, but an absent one is not.
    pub(crate) name_len: U16,
}
const _: () = assert!(size_of::<DentryDisk>() == 102);

/// The fixed part of a stream entry; the name follows. \[WIM\] "Stream entry".
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct StreamDisk {
    /// +0x00 Bytes in the entry.
    pub(crate) length: U64,
    /// +0x08
    pub(crate) unused: [u8; 8],
    /// +0x10 Digest of the stream.
    pub(crate) sha1: Sha1Digest,
    /// +0x24 Bytes in the name.
    pub(crate) name_len: U16,
}
const _: () = assert!(size_of::<StreamDisk>() == 38);

/// What precedes each tagged item at the end of a directory entry; not in \[WIM\].
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ItemDisk {
    /// +0x00 [`item_tags`].
    pub(crate) tag: U32,
    /// +0x04 Bytes in the item, without this header and without padding to 8 bytes.
    pub(crate) len: U32,
}
const _: () = assert!(size_of::<ItemDisk>() == 8);

/// Values of [`ItemDisk::tag`].
pub(crate) mod item_tags {
    /// Not an item: Windows leaves eight zero bytes behind some names.
    pub(crate) const PADDING: u32 = 0;
    /// The file's object id, 16 to 64 bytes.
    pub(crate) const OBJECT_ID: u32 = 1;
    /// Extended attributes: [`XattrDisk`](super::XattrDisk).
    pub(crate) const XATTRS: u32 = 2;
    /// wimlib: owner, group, mode and device of a Unix file.
    pub(crate) const UNIX_DATA: u32 = 0x337d_d873;
    /// wimlib before 1.14: extended attributes of a Linux file.
    pub(crate) const LINUX_XATTRS: u32 = 0x337d_d874;
}

/// What an extended attribute in an item begins with. Its name, a null and its value follow.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct XattrDisk {
    /// +0x00 Bytes of the value.
    pub(crate) value_len: U16,
    /// +0x02 Bytes of the name without the null.
    pub(crate) name_len: u8,
    /// +0x03 0x80 or 0.
    pub(crate) flags: u8,
}
const _: () = assert!(size_of::<XattrDisk>() == 4);
