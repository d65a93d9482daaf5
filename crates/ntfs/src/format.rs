//! The on-disk structures of NTFS 3.1, declared once. All integers are little-endian.
//!
//! Microsoft has not published the format. The layouts here are the common knowledge of the public
//! readers and writers (the NTFS documentation of the Linux-NTFS project, ntfs-3g's `layout.h`,
//! The Sleuth Kit), checked against a volume that Windows 10 formatted; where [MS-FSCC] defines
//! the same structure for its own interface, it is named.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::units::ClusterSize;

/// Update sequences protect units of this many bytes, whatever the sector size is.
pub(crate) const STRIDE: usize = 512;
/// Size of a block of an index allocation in bytes; Windows uses no other.
pub(crate) const INDEX_BLOCK: usize = 4096;
/// `$Boot` covers this many bytes from the start of the volume.
pub(crate) const BOOT_BYTES: usize = 8192;

/// The boot sector, at the volume's first and last sector.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone)]
#[repr(C)]
pub(crate) struct BootSector {
    /// +0x000: jump over the parameters.
    pub(crate) jump: [u8; 3],
    /// +0x003: `NTFS` and four spaces.
    pub(crate) oem: [u8; 8],
    /// +0x00b: bytes in a sector.
    pub(crate) bytes_per_sector: U16,
    /// +0x00d: sectors in a cluster; above 0x80 the count is 2^(256 - value).
    pub(crate) sectors_per_cluster: u8,
    /// +0x00e: zero on NTFS.
    pub(crate) fat_fields: [u8; 7],
    /// +0x015: 0xf8, a fixed disk.
    pub(crate) media: u8,
    /// +0x016: zero on NTFS.
    pub(crate) fat_sectors: U16,
    /// +0x018: sectors in a track, for the BIOS.
    pub(crate) sectors_per_track: U16,
    /// +0x01a: heads, for the BIOS.
    pub(crate) heads: U16,
    /// +0x01c: sectors of the disk before the volume.
    pub(crate) hidden_sectors: U32,
    /// +0x020: zero on NTFS.
    pub(crate) fat_total: U32,
    /// +0x024: drive number 0x80, zero, extended signature 0x80, zero.
    pub(crate) drive: [u8; 4],
    /// +0x028: sectors of the volume without the last, which holds the copy of this one.
    pub(crate) total_sectors: U64,
    /// +0x030: first cluster of `$MFT`.
    pub(crate) mft_lcn: U64,
    /// +0x038: first cluster of `$MFTMirr`.
    pub(crate) mirror_lcn: U64,
    /// +0x040: size of a file record; see [`encoded_size`].
    pub(crate) record_size: u8,
    /// +0x041: unused.
    pub(crate) pad1: [u8; 3],
    /// +0x044: size of an index block; see [`encoded_size`].
    pub(crate) index_size: u8,
    /// +0x045: unused.
    pub(crate) pad2: [u8; 3],
    /// +0x048: serial number of the volume.
    pub(crate) serial: U64,
    /// +0x050: zero.
    pub(crate) checksum: U32,
    /// +0x054: boot code.
    pub(crate) code: [u8; 426],
    /// +0x1fe: 0x55 0xaa.
    pub(crate) signature: [u8; 2],
}
const _: () = assert!(size_of::<BootSector>() == 512);

/// A record or block size as the boot sector says it: a count of clusters, or as a negative number
/// the power of two when it is less than a cluster.
pub(crate) fn encoded_size(size: usize, cluster: ClusterSize) -> u8 {
    let clusters = size as u64 / cluster.bytes();
    if clusters > 0 {
        u8::try_from(clusters).expect("records are at most 8 clusters")
    } else {
        u8::try_from(256 - size.trailing_zeros()).expect("sizes are at least 512")
    }
}

/// Header of an MFT record ("file record segment"), `FILE`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct RecordHeader {
    /// +0x00: `FILE`.
    pub(crate) magic: [u8; 4],
    /// +0x04: offset of the update sequence array.
    pub(crate) usa_offset: U16,
    /// +0x06: its length in words: one and one for each 512 bytes.
    pub(crate) usa_count: U16,
    /// +0x08: `$LogFile` sequence number of the last change.
    pub(crate) lsn: U64,
    /// +0x10: how often the record was used; 0 is skipped.
    pub(crate) sequence: U16,
    /// +0x12: how many `$FILE_NAME` attributes name the file.
    pub(crate) links: U16,
    /// +0x14: offset of the first attribute.
    pub(crate) attributes: U16,
    /// +0x16: see [`record_flags`].
    pub(crate) flags: U16,
    /// +0x18: bytes in use.
    pub(crate) used: U32,
    /// +0x1c: bytes of the record.
    pub(crate) allocated: U32,
    /// +0x20: reference of the base record, zero in a base record.
    pub(crate) base: U64,
    /// +0x28: the next attribute instance number.
    pub(crate) next_instance: U16,
    /// +0x2a: unused.
    pub(crate) pad: U16,
    /// +0x2c: number of this record.
    pub(crate) number: U32,
}
const _: () = assert!(size_of::<RecordHeader>() == 0x30);

/// Bits of [`RecordHeader::flags`].
pub(crate) mod record_flags {
    /// The record belongs to a file.
    pub(crate) const IN_USE: u16 = 1;
    /// The file has an `$I30` index: it is a directory.
    pub(crate) const DIRECTORY: u16 = 2;
    /// The file belongs to `$Extend`.
    pub(crate) const EXTEND: u16 = 4;
    /// The file has an index that is not of names.
    pub(crate) const VIEW_INDEX: u16 = 8;
}

/// Attribute type codes. [MS-FSCC] 2.4.4 names some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum AttributeType {
    StandardInformation = 0x10,
    AttributeList = 0x20,
    FileName = 0x30,
    ObjectId = 0x40,
    VolumeName = 0x60,
    VolumeInformation = 0x70,
    Data = 0x80,
    IndexRoot = 0x90,
    IndexAllocation = 0xa0,
    Bitmap = 0xb0,
    ReparsePoint = 0xc0,
    EaInformation = 0xd0,
    Ea = 0xe0,
}

/// What follows the last attribute of a record.
pub(crate) const ATTRIBUTE_END: u32 = 0xffff_ffff;

/// Bits of an attribute's flags. [MS-FSCC] names the file attributes that they go with.
pub(crate) mod attribute_flags {
    /// How the stream is compressed; 1 is LZNT1, the only way there is.
    pub(crate) const COMPRESSED_MASK: u16 = 0x00ff;
    /// The stream is compressed by LZNT1.
    pub(crate) const COMPRESSED: u16 = 0x0001;
    /// The stream is encrypted by EFS.
    pub(crate) const ENCRYPTED: u16 = 0x4000;
    /// The stream may have holes.
    pub(crate) const SPARSE: u16 = 0x8000;
}

/// What every attribute begins with, and what a resident one adds.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ResidentHeader {
    /// +0x00: type code.
    pub(crate) kind: U32,
    /// +0x04: bytes of the attribute, a multiple of 8.
    pub(crate) length: U32,
    /// +0x08: 0.
    pub(crate) non_resident: u8,
    /// +0x09: units of the name.
    pub(crate) name_units: u8,
    /// +0x0a: offset of the name.
    pub(crate) name_offset: U16,
    /// +0x0c: compressed, encrypted, sparse.
    pub(crate) flags: U16,
    /// +0x0e: number of the attribute in its record.
    pub(crate) instance: U16,
    /// +0x10: bytes of the value.
    pub(crate) value_length: U32,
    /// +0x14: offset of the value.
    pub(crate) value_offset: U16,
    /// +0x16: 1 if an index refers to the value.
    pub(crate) indexed: u8,
    /// +0x17: zero.
    pub(crate) pad: u8,
}
const _: () = assert!(size_of::<ResidentHeader>() == 0x18);

/// What every attribute begins with, and what a non-resident one adds.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct NonResidentHeader {
    /// +0x00: type code.
    pub(crate) kind: U32,
    /// +0x04: bytes of the attribute, a multiple of 8.
    pub(crate) length: U32,
    /// +0x08: 1.
    pub(crate) non_resident: u8,
    /// +0x09: units of the name.
    pub(crate) name_units: u8,
    /// +0x0a: offset of the name.
    pub(crate) name_offset: U16,
    /// +0x0c: compressed, encrypted, sparse.
    pub(crate) flags: U16,
    /// +0x0e: number of the attribute in its record.
    pub(crate) instance: U16,
    /// +0x10: first virtual cluster.
    pub(crate) lowest_vcn: U64,
    /// +0x18: last virtual cluster.
    pub(crate) highest_vcn: U64,
    /// +0x20: offset of the run list.
    pub(crate) runs_offset: U16,
    /// +0x22: power of two of the clusters in a compression unit; zero if not compressed or sparse.
    pub(crate) compression_unit: U16,
    /// +0x24: zero.
    pub(crate) pad: U32,
    /// +0x28: bytes of the clusters.
    pub(crate) allocated: U64,
    /// +0x30: bytes of the value.
    pub(crate) size: U64,
    /// +0x38: bytes of the value that were written; the rest reads as zeros.
    pub(crate) initialized: U64,
}
const _: () = assert!(size_of::<NonResidentHeader>() == 0x40);

/// Value of `$STANDARD_INFORMATION`, the 3.x form.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct StandardInformation {
    /// +0x00: time of creation.
    pub(crate) created: U64,
    /// +0x08: time of the last write.
    pub(crate) written: U64,
    /// +0x10: time of the last change of the record.
    pub(crate) changed: U64,
    /// +0x18: time of the last access.
    pub(crate) accessed: U64,
    /// +0x20: file attributes.
    pub(crate) attributes: U32,
    /// +0x24: versions; unused.
    pub(crate) versions: [U32; 3],
    /// +0x30: owner for quotas.
    pub(crate) owner: U32,
    /// +0x34: key of the descriptor in `$Secure`.
    pub(crate) security: U32,
    /// +0x38: bytes charged to the owner.
    pub(crate) quota: U64,
    /// +0x40: update sequence number of the change journal.
    pub(crate) usn: U64,
}
const _: () = assert!(size_of::<StandardInformation>() == 0x48);

/// Value of `$VOLUME_INFORMATION`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct VolumeInformation {
    /// +0x00: zero.
    pub(crate) reserved: U64,
    /// +0x08: major version of the format.
    pub(crate) major: u8,
    /// +0x09: minor version.
    pub(crate) minor: u8,
    /// +0x0a: see [`VOLUME_DIRTY`].
    pub(crate) flags: U16,
}
const _: () = assert!(size_of::<VolumeInformation>() == 12);

/// Bit of [`VolumeInformation::flags`]: the volume is to be checked before it is used.
pub(crate) const VOLUME_DIRTY: u16 = 0x0001;

/// The fixed part of a `$FILE_NAME` value; the name's units follow.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileNameHeader {
    /// +0x00: reference of the directory.
    pub(crate) parent: U64,
    /// +0x08: created, written, changed, accessed.
    pub(crate) times: [U64; 4],
    /// +0x28: bytes allocated to the unnamed stream.
    pub(crate) allocated: U64,
    /// +0x30: bytes of the unnamed stream.
    pub(crate) size: U64,
    /// +0x38: file attributes, with the two index bits of [`name_flags`].
    pub(crate) attributes: U32,
    /// +0x3c: reparse tag, or the packed size of extended attributes.
    pub(crate) reparse_tag: U32,
    /// +0x40: units of the name.
    pub(crate) name_units: u8,
    /// +0x41: see [`Namespace`](crate::names::Namespace).
    pub(crate) namespace: u8,
}
const _: () = assert!(size_of::<FileNameHeader>() == 0x42);

/// Bits that `$FILE_NAME` adds to the file attributes.
pub(crate) mod name_flags {
    /// The file has an `$I30` index.
    pub(crate) const DIRECTORY: u32 = 0x1000_0000;
    /// The file has an index that is not of names.
    pub(crate) const VIEW_INDEX: u32 = 0x2000_0000;
}

/// An entry of `$ATTRIBUTE_LIST`; the name's units follow.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct ListEntry {
    /// +0x00: type code.
    pub(crate) kind: U32,
    /// +0x04: bytes of the entry, a multiple of 8.
    pub(crate) length: U16,
    /// +0x06: units of the name.
    pub(crate) name_units: u8,
    /// +0x07: offset of the name.
    pub(crate) name_offset: u8,
    /// +0x08: first virtual cluster of this piece.
    pub(crate) lowest_vcn: U64,
    /// +0x10: reference of the record that holds it.
    pub(crate) record: U64,
    /// +0x18: its instance number there.
    pub(crate) instance: U16,
}
const _: () = assert!(size_of::<ListEntry>() == 0x1a);

/// Header of an `$INDEX_ROOT` value.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct IndexRootHeader {
    /// +0x00: type of the indexed attribute, zero for a view index.
    pub(crate) kind: U32,
    /// +0x04: see [`Collation`].
    pub(crate) collation: U32,
    /// +0x08: bytes of an index block.
    pub(crate) block_size: U32,
    /// +0x0c: an index block in virtual clusters (in 512-byte units when it is less than one).
    pub(crate) block_clusters: u8,
    /// +0x0d: zero.
    pub(crate) pad: [u8; 3],
}
const _: () = assert!(size_of::<IndexRootHeader>() == 0x10);

/// Header of a node's entries, in a root or in a block. Offsets count from its own start.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct NodeHeader {
    /// +0x00: offset of the first entry.
    pub(crate) entries: U32,
    /// +0x04: offset of the end of the entries.
    pub(crate) used: U32,
    /// +0x08: offset of the end of the room.
    pub(crate) allocated: U32,
    /// +0x0c: bit 0: the node has children.
    pub(crate) flags: U32,
}
const _: () = assert!(size_of::<NodeHeader>() == 0x10);

/// Header of an index block, `INDX`; the node header follows.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BlockHeader {
    /// +0x00: `INDX`.
    pub(crate) magic: [u8; 4],
    /// +0x04: offset of the update sequence array.
    pub(crate) usa_offset: U16,
    /// +0x06: its length in words.
    pub(crate) usa_count: U16,
    /// +0x08: `$LogFile` sequence number.
    pub(crate) lsn: U64,
    /// +0x10: virtual cluster of the block.
    pub(crate) vcn: U64,
}
const _: () = assert!(size_of::<BlockHeader>() == 0x18);

/// Header of an index entry; the key follows, then data or a child's virtual cluster.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct EntryHeader {
    /// +0x00: file reference; in a view index the data's offset and length, two words.
    pub(crate) value: U64,
    /// +0x08: bytes of the entry, a multiple of 8.
    pub(crate) length: U16,
    /// +0x0a: bytes of the key.
    pub(crate) key_length: U16,
    /// +0x0c: see [`entry_flags`].
    pub(crate) flags: U16,
    /// +0x0e: zero.
    pub(crate) pad: U16,
}
const _: () = assert!(size_of::<EntryHeader>() == 0x10);

/// Bits of [`EntryHeader::flags`].
pub(crate) mod entry_flags {
    /// The last eight bytes of the entry are a child's virtual cluster.
    pub(crate) const CHILD: u16 = 1;
    /// The entry ends its node and has no key.
    pub(crate) const LAST: u16 = 2;
}

/// How an index is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Collation {
    FileName = 0x01,
    Ulong = 0x10,
    Sid = 0x11,
    SecurityHash = 0x12,
    Ulongs = 0x13,
}

/// Header of a descriptor in `$Secure:$SDS`, and the data of its `$SDH` and `$SII` entries.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct SecurityHeader {
    /// +0x00: hash of the descriptor.
    pub(crate) hash: U32,
    /// +0x04: the descriptor's id.
    pub(crate) id: U32,
    /// +0x08: offset of this header in `$SDS`.
    pub(crate) offset: U64,
    /// +0x10: bytes of header and descriptor.
    pub(crate) length: U32,
}
const _: () = assert!(size_of::<SecurityHeader>() == 0x14);

/// Header of a reparse point. [MS-FSCC] 2.1.2.2.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ReparseHeader {
    /// +0x00: the tag.
    pub(crate) tag: U32,
    /// +0x04: bytes of data after the header (and after the GUID of a tag that is not Microsoft's).
    pub(crate) length: U16,
    /// +0x06: reserved.
    pub(crate) reserved: U16,
}
const _: () = assert!(size_of::<ReparseHeader>() == 8);

/// Value of `$EA_INFORMATION`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct EaInformation {
    /// +0x00: bytes of the extended attributes without padding and offsets.
    pub(crate) packed: U16,
    /// +0x02: how many of them a program must know.
    pub(crate) needed: U16,
    /// +0x04: bytes of `$EA`.
    pub(crate) size: U32,
}
const _: () = assert!(size_of::<EaInformation>() == 8);

/// Header of an extended attribute in `$EA`. Its name, a null and its value follow. [MS-FSCC] 2.4.15.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct EaHeader {
    /// +0x00: offset of the next attribute from this one, a multiple of 4.
    pub(crate) next: U32,
    /// +0x04: 0x80 if a program must know the attribute.
    pub(crate) flags: u8,
    /// +0x05: bytes of the name.
    pub(crate) name_len: u8,
    /// +0x06: bytes of the value.
    pub(crate) value_len: U16,
}
const _: () = assert!(size_of::<EaHeader>() == 8);

/// Protects `block` with the update sequence number 1: the last word of each 512 bytes moves to
/// the array at `usa_offset` and the number takes its place.
pub(crate) fn protect(block: &mut [u8], usa_offset: usize) {
    const NUMBER: [u8; 2] = 1u16.to_le_bytes();
    block[usa_offset..usa_offset + 2].copy_from_slice(&NUMBER);
    for (i, end) in (STRIDE..=block.len()).step_by(STRIDE).enumerate() {
        let saved = usa_offset + 2 * (i + 1);
        block.copy_within(end - 2..end, saved);
        block[end - 2..end].copy_from_slice(&NUMBER);
    }
}

/// A size or offset within a record, block or entry, as they store it in two bytes.
pub(crate) fn word(n: usize) -> U16 {
    U16::new(u16::try_from(n).expect("records, blocks and entries are smaller than 64 KiB"))
}

/// A size or offset within a record, block or value, as they store it in four bytes.
pub(crate) fn long(n: usize) -> U32 {
    U32::new(u32::try_from(n).expect("what is built in memory is smaller than 4 GiB"))
}

/// `n` rounded up to a multiple of 8, as all structures in records and indexes are.
pub(crate) const fn align8(n: usize) -> usize {
    n.next_multiple_of(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_encoded_as_clusters_or_powers() {
        for (size, cluster, code) in [(1024, 4096, 0xf6), (1024, 512, 2), (4096, 4096, 1), (4096, 65536, 0xf4)] {
            assert_eq!(encoded_size(size, ClusterSize(cluster)), code, "{size} {cluster}");
        }
    }

    #[test]
    fn protection_moves_the_last_words() {
        let mut block = vec![0xd1; 1024];
        block[510..512].copy_from_slice(&[7, 8]);
        protect(&mut block, 0x30);
        assert_eq!(block[0x30..0x36], [1, 0, 7, 8, 0xd1, 0xd1]);
        assert_eq!((&block[510..512], &block[1022..]), (&[1, 0][..], &[1, 0][..]));
    }
}
