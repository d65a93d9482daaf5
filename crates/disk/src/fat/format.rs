//! On-disk structures of a FAT volume: Microsoft's FAT specification (`fatgen103`, 2000); all
//! integers are little-endian. The sections have no numbers, so they are cited by their titles.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the boot sector and of FSInfo that have a meaning, however large sectors are.
pub(crate) const BOOT_BYTES: usize = 512;
/// How boot sectors end.
pub(crate) const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// The extended fields of a boot sector, serial number and on, are there.
pub(crate) const EXTENDED_SIGNATURE: u8 = 0x29;
/// What a boot sector says of a volume without a label.
pub(crate) const NO_NAME: &[u8; 11] = b"NO NAME    ";
/// Bit of [`Extended::state`]: the volume was not unmounted. Linux and Windows use it; the
/// specification has the byte reserved.
pub(crate) const STATE_DIRTY: u8 = 0x01;

/// The boot sector. `Boot Sector and BPB Structure`.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BootSector {
    /// +0x000 A jump to the boot code: `eb xx 90` or `e9 xx xx`.
    pub(crate) jump: [u8; 3],
    /// +0x003 Who formatted the volume.
    pub(crate) oem: [u8; 8],
    /// +0x00b Bytes of a sector.
    pub(crate) sector_size: U16,
    /// +0x00d Sectors of a cluster.
    pub(crate) cluster_sectors: u8,
    /// +0x00e Sectors in front of the first FAT.
    pub(crate) reserved_sectors: U16,
    /// +0x010 How many FATs.
    pub(crate) fats: u8,
    /// +0x011 Entries of the root directory; 0 on FAT32.
    pub(crate) root_entries: U16,
    /// +0x013 Sectors of the volume, if they fit and it is not FAT32.
    pub(crate) total_sectors_16: U16,
    /// +0x015 What kind of disk it is.
    pub(crate) media: u8,
    /// +0x016 Sectors of a FAT; 0 on FAT32.
    pub(crate) fat_sectors_16: U16,
    /// +0x018 Geometry for the BIOS.
    pub(crate) sectors_per_track: U16,
    /// +0x01a
    pub(crate) heads: U16,
    /// +0x01c Sectors of the disk in front of the volume.
    pub(crate) hidden_sectors: U32,
    /// +0x020 Sectors of the volume, if not said above.
    pub(crate) total_sectors_32: U32,
    /// +0x024 [`Extended`], on FAT32 with [`Fat32`] in front of it; then boot code.
    pub(crate) rest: [u8; 474],
    /// +0x1fe [`BOOT_SIGNATURE`].
    pub(crate) signature: [u8; 2],
}

const _: () = assert!(size_of::<BootSector>() == BOOT_BYTES);

/// What only FAT32 has in its boot sector, from +0x24 on.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Fat32 {
    /// +0x24 Sectors of a FAT.
    pub(crate) fat_sectors: U32,
    /// +0x28 [`NOT_MIRRORED`] and the number of the FAT that then counts.
    pub(crate) flags: U16,
    /// +0x2a Version of the format, 0.
    pub(crate) version: U16,
    /// +0x2c First cluster of the root directory.
    pub(crate) root_cluster: U32,
    /// +0x30 Sector of [`FsInfo`].
    pub(crate) fs_info: U16,
    /// +0x32 Sector of the boot sector's copy; 0 when there is none.
    pub(crate) backup: U16,
    /// +0x34 Zero.
    pub(crate) reserved: [u8; 12],
}

const _: () = assert!(size_of::<Fat32>() == 28);

/// Bit of [`Fat32::flags`]: only one FAT counts.
pub(crate) const NOT_MIRRORED: u16 = 0x80;
/// Bits of [`Fat32::flags`]: which one.
pub(crate) const ACTIVE_FAT: u16 = 0x0f;

/// What names the volume: at +0x24 of the boot sector, on FAT32 at +0x40.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Extended {
    /// +0x00 Number of the drive for the BIOS.
    pub(crate) drive: u8,
    /// +0x01 [`STATE_DIRTY`] or zero.
    pub(crate) state: u8,
    /// +0x02 [`EXTENDED_SIGNATURE`].
    pub(crate) signature: u8,
    /// +0x03 Serial number.
    pub(crate) serial: U32,
    /// +0x07 Label, which the root directory has as well.
    pub(crate) label: [u8; 11],
    /// +0x12 A text to be read by people; it decides nothing.
    pub(crate) kind: [u8; 8],
}

const _: () = assert!(size_of::<Extended>() == 26);

impl BootSector {
    /// Whether the fields are laid out as on FAT32: a size of the FAT in 16 bits is not said.
    pub(crate) fn is_fat32(&self) -> bool {
        self.fat_sectors_16.get() == 0
    }

    /// The fields of FAT32, whether it is one or not.
    pub(crate) fn fat32(&self) -> &Fat32 {
        Fat32::ref_from_prefix(&self.rest).expect("the rest is longer").0
    }

    /// Label and serial number.
    pub(crate) fn extended(&self) -> &Extended {
        let from = if self.is_fat32() { size_of::<Fat32>() } else { 0 };
        Extended::ref_from_prefix(&self.rest[from..]).expect("the rest is longer").0
    }
}

/// How much is free. `FAT32 FSInfo Sector Structure and Backup Boot Sector`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FsInfo {
    /// +0x000 [`FS_INFO_SIGNATURES`], the first.
    pub(crate) lead: [u8; 4],
    /// +0x004 Zero.
    pub(crate) reserved_1: [u8; 480],
    /// +0x1e4 The second.
    pub(crate) structure: [u8; 4],
    /// +0x1e8 Free clusters; [`UNKNOWN`] if not counted.
    pub(crate) free: U32,
    /// +0x1ec Cluster from which on to look for free ones; [`UNKNOWN`] if there is no hint.
    pub(crate) next: U32,
    /// +0x1f0 Zero.
    pub(crate) reserved_2: [u8; 12],
    /// +0x1fc The third.
    pub(crate) trail: [u8; 4],
}

const _: () = assert!(size_of::<FsInfo>() == BOOT_BYTES);

/// The three signatures of [`FsInfo`], from front to back.
pub(crate) const FS_INFO_SIGNATURES: [[u8; 4]; 3] = [*b"RRaA", *b"rrAa", [0, 0, 0x55, 0xaa]];
/// A number of [`FsInfo`] that is not known.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// Bytes of an entry of a directory.
pub(crate) const ENTRY: usize = 32;
/// The most entries of a directory, which so has at most 2 MiB. `FAT Directory Structure`.
pub(crate) const MAX_ENTRIES: u32 = 65_536;

/// An entry of a directory. `FAT Directory Structure`.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Entry {
    /// +0x00 Short name; its first byte may be [`END`], [`FREE`] or [`E5`].
    pub(crate) name: [u8; 11],
    /// +0x0b Attributes; [`LONG_NAME`] for a part of a long name.
    pub(crate) attributes: u8,
    /// +0x0c [`LOWER_BASE`] and [`LOWER_EXTENSION`]; zero in the specification.
    pub(crate) case: u8,
    /// +0x0d When it was made.
    pub(crate) created_hundredths: u8,
    /// +0x0e
    pub(crate) created_time: U16,
    /// +0x10
    pub(crate) created_date: U16,
    /// +0x12 When it was last read.
    pub(crate) accessed_date: U16,
    /// +0x14 First cluster, upper half; has another meaning on FAT12 and FAT16.
    pub(crate) cluster_high: U16,
    /// +0x16 When it was last written.
    pub(crate) written_time: U16,
    /// +0x18
    pub(crate) written_date: U16,
    /// +0x1a First cluster, lower half.
    pub(crate) cluster_low: U16,
    /// +0x1c Bytes; 0 for a directory.
    pub(crate) size: U32,
}

const _: () = assert!(size_of::<Entry>() == ENTRY);

/// Attribute: the label of the volume.
pub(crate) const LABEL: u8 = 0x08;
/// Attribute: a directory.
pub(crate) const DIRECTORY: u8 = 0x10;
/// Attributes that together mark a part of a long name.
pub(crate) const LONG_NAME: u8 = 0x0f;
/// All attributes that have a meaning.
pub(crate) const ATTRIBUTES: u8 = 0x3f;
/// First byte of a name: this entry and all after it are free.
pub(crate) const END: u8 = 0;
/// First byte of a name: the entry is free.
pub(crate) const FREE: u8 = 0xe5;
/// First byte of a name that begins with the character 0xe5.
pub(crate) const E5: u8 = 0x05;
/// Case bit of Windows NT: the base of the short name is in lower case.
pub(crate) const LOWER_BASE: u8 = 0x08;
/// Case bit of Windows NT: so is the extension.
pub(crate) const LOWER_EXTENSION: u8 = 0x10;
/// Short name of the entry by which a directory names itself.
pub(crate) const DOT: &[u8; 11] = b".          ";
/// Short name of the entry by which a directory names the one that it is in.
pub(crate) const DOT_DOT: &[u8; 11] = b"..         ";

impl Entry {
    /// Whether this is a part of a long name.
    pub(crate) fn is_long_name(&self) -> bool {
        self.attributes & ATTRIBUTES == LONG_NAME
    }

    /// The first cluster on FAT32.
    pub(crate) fn cluster(&self) -> u32 {
        u32::from(self.cluster_high.get()) << 16 | u32::from(self.cluster_low.get())
    }
}

/// UTF-16 units of a long name in one entry.
pub(crate) const UNITS_PER_ENTRY: usize = 13;
/// The most entries of one long name: 255 units.
pub(crate) const MAX_LONG_ENTRIES: u8 = 20;
/// Bit of [`LongEntry::order`]: the last part of the name, which comes first.
pub(crate) const LAST_PART: u8 = 0x40;

/// A part of a long name. `FAT Long Directory Entries`.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LongEntry {
    /// +0x00 Number of the part, from 1 on, and [`LAST_PART`].
    pub(crate) order: u8,
    /// +0x01 First five units.
    pub(crate) units_1: [U16; 5],
    /// +0x0b [`LONG_NAME`].
    pub(crate) attributes: u8,
    /// +0x0c Zero.
    pub(crate) kind: u8,
    /// +0x0d Checksum of the short name.
    pub(crate) checksum: u8,
    /// +0x0e Next six units.
    pub(crate) units_2: [U16; 6],
    /// +0x1a Zero.
    pub(crate) cluster: U16,
    /// +0x1c Last two units.
    pub(crate) units_3: [U16; 2],
}

const _: () = assert!(size_of::<LongEntry>() == ENTRY);

impl LongEntry {
    /// The units of the part, with what follows the name's end.
    pub(crate) fn units(&self) -> [u16; UNITS_PER_ENTRY] {
        let mut all = self.units_1.iter().chain(&self.units_2).chain(&self.units_3);
        std::array::from_fn(|_| all.next().map_or(0, |unit| unit.get()))
    }
}

/// The checksum of a short name that each part of its long name has. `ChkSum()` under
/// `FAT Long Directory Entries`.
pub(crate) fn short_name_checksum(name: &[u8; 11]) -> u8 {
    name.iter().fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_other_programs() {
        // As mtools wrote them.
        assert_eq!(short_name_checksum(b"ALONGN~1TXT"), 0x42);
        assert_eq!(short_name_checksum(&[0; 11]), 0);
    }
}
