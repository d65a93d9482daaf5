//! The on-disk structures of a hive and its logs, as bytes and nothing else.
//!
//! The layout is public knowledge, not Microsoft's documentation: it is cited as \[REGF\], which is
//! M. Suhanov's "Windows registry file format specification", with its section titles. All integers
//! are little-endian. "Offset" means bytes from the first hive bin, which lies 4096 bytes into the
//! file, if nothing else is said.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of the base block, and what the length of every hive bin is a multiple of.
pub(crate) const BLOCK: usize = 4096;
/// What logs count in, whatever the disk's sectors are.
pub(crate) const SECTOR: usize = 512;
/// The offset that points nowhere.
pub(crate) const NOWHERE: u32 = u32::MAX;
/// The size field before every cell's contents.
pub(crate) const CELL_HEADER: usize = 4;
/// The most bytes of a value that lie in one cell where [`BigDataDisk`] is known. \[REGF\] "Big data".
pub(crate) const SEGMENT: usize = 16_344;
/// The top bit of a value's length: the data are in the offset's place. \[REGF\] "Data size".
pub(crate) const RESIDENT: u32 = 0x8000_0000;

pub(crate) const BASE_SIGNATURE: [u8; 4] = *b"regf";
pub(crate) const BIN_SIGNATURE: [u8; 4] = *b"hbin";
pub(crate) const ENTRY_SIGNATURE: [u8; 4] = *b"HvLE";
pub(crate) const DIRTY_SIGNATURE: [u8; 4] = *b"DIRT";

/// What a base block is the head of. \[REGF\] "Base block", "Format of transaction log files".
pub(crate) mod file_type {
    pub(crate) const PRIMARY: u32 = 0;
    /// A log with a dirty vector, written by Windows XP to 8.
    pub(crate) const OLD_LOG: u32 = 1;
    /// The same, written by Windows 2000.
    pub(crate) const OLDEST_LOG: u32 = 2;
    /// A log of entries, written by Windows 8.1 and later.
    pub(crate) const NEW_LOG: u32 = 6;
}

/// The first block of a hive, and in part of a log. \[REGF\] "Base block".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BaseBlockDisk {
    /// +0x000 [`BASE_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x004 Goes up when a write begins.
    pub(crate) primary_sequence: U32,
    /// +0x008 Goes up when the write has ended.
    pub(crate) secondary_sequence: U32,
    /// +0x00c File time.
    pub(crate) last_written: U64,
    /// +0x014 1.
    pub(crate) major: U32,
    /// +0x018 3 to 6.
    pub(crate) minor: U32,
    /// +0x01c [`file_type`].
    pub(crate) file_type: U32,
    /// +0x020 1: as it lies in memory.
    pub(crate) format: U32,
    /// +0x024 Offset of the root's cell.
    pub(crate) root: U32,
    /// +0x028 Bytes of hive bins.
    pub(crate) bins_size: U32,
    /// +0x02c The disk's sector size divided by 512.
    pub(crate) clustering: U32,
    /// +0x030 The end of the path that the hive once had, UTF-16.
    pub(crate) file_name: [u8; 64],
    /// +0x070 Resource manager.
    pub(crate) rm_id: [u8; 16],
    /// +0x080 Log of transactions.
    pub(crate) log_id: [u8; 16],
    /// +0x090 Bit 0: transactions are pending. Bit 1: layered keys.
    pub(crate) flags: U32,
    /// +0x094 Transaction manager.
    pub(crate) tm_id: [u8; 16],
    /// +0x0a4 "rmtm".
    pub(crate) guid_signature: [u8; 4],
    /// +0x0a8 File time of the last reorganization.
    pub(crate) reorganized: U64,
    /// +0x0b0 Unknown; some libraries sign here.
    pub(crate) reserved_1: [u8; 332],
    /// +0x1fc XOR of the 127 words before it, never 0 or -1.
    pub(crate) checksum: U32,
    /// +0x200 Unknown.
    pub(crate) reserved_2: [u8; 3576],
    /// +0xff8 Means nothing on a disk.
    pub(crate) boot_type: U32,
    /// +0xffc Means nothing on a disk.
    pub(crate) boot_recover: U32,
}
const _: () = assert!(size_of::<BaseBlockDisk>() == BLOCK);

/// What a hive bin starts with; cells fill the rest. \[REGF\] "Hive bin".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BinDisk {
    /// +0x00 [`BIN_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x04 The bin's own offset.
    pub(crate) offset: U32,
    /// +0x08 Bytes in the bin, these included.
    pub(crate) size: U32,
    /// +0x0c Unknown.
    pub(crate) reserved: [u8; 8],
    /// +0x14 In the first bin a copy of the base block's last-written time.
    pub(crate) timestamp: U64,
    /// +0x1c Means nothing on a disk.
    pub(crate) spare: U32,
}
const _: () = assert!(size_of::<BinDisk>() == 32);

/// Bits of [`KeyDisk::flags`]. \[REGF\] "Key node", "Flags".
pub(crate) mod key_flags {
    /// The root of a hive.
    pub(crate) const ENTRY: u16 = 0x0004;
    pub(crate) const NO_DELETE: u16 = 0x0008;
    /// The name is Latin-1, not UTF-16.
    pub(crate) const NARROW_NAME: u16 = 0x0020;
    /// The count of values is a handle, and there are no values.
    pub(crate) const PREDEFINED: u16 = 0x0040;
}

/// A key; its name follows. \[REGF\] "Key node".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct KeyDisk {
    /// +0x00 "nk".
    pub(crate) signature: [u8; 2],
    /// +0x02 [`key_flags`] and others.
    pub(crate) flags: U16,
    /// +0x04 File time.
    pub(crate) last_written: U64,
    /// +0x0c Who read the key (one byte), how layers are merged (one byte), two unused bytes.
    pub(crate) access: U32,
    /// +0x10 Offset of the key above.
    pub(crate) parent: U32,
    /// +0x14 How many keys are directly below.
    pub(crate) subkeys: U32,
    /// +0x18 How many volatile keys there were below when it was written.
    pub(crate) volatile_subkeys: U32,
    /// +0x1c Offset of a list of subkeys.
    pub(crate) subkey_list: U32,
    /// +0x20 Means nothing on a disk.
    pub(crate) volatile_list: U32,
    /// +0x24 How many values there are, or a handle.
    pub(crate) values: U32,
    /// +0x28 Offset of the values' offsets.
    pub(crate) value_list: U32,
    /// +0x2c Offset of a [`SecurityDisk`].
    pub(crate) security: U32,
    /// +0x30 Offset of the class name.
    pub(crate) class: U32,
    /// +0x34 Bytes of the longest name of a subkey, as UTF-16.
    pub(crate) max_name: U16,
    /// +0x36 User (bits 0-3), virtualization (bits 4-7) and debug (bits 8-15) flags. \[REGF\] counts
    /// bits from the highest one of a byte.
    pub(crate) control: U16,
    /// +0x38 Bytes of the longest class name of a subkey.
    pub(crate) max_class: U32,
    /// +0x3c Bytes of the longest name of a value, as UTF-16.
    pub(crate) max_value_name: U32,
    /// +0x40 Bytes of the longest value.
    pub(crate) max_value_data: U32,
    /// +0x44 Once a cached index.
    pub(crate) work: U32,
    /// +0x48 Bytes of the name.
    pub(crate) name_len: U16,
    /// +0x4a Bytes of the class name.
    pub(crate) class_len: U16,
}
const _: () = assert!(size_of::<KeyDisk>() == 76);

/// Bits of [`ValueDisk::flags`]. \[REGF\] "Key value", "Flags".
pub(crate) mod value_flags {
    /// The name is Latin-1, not UTF-16.
    pub(crate) const NARROW_NAME: u16 = 0x0001;
    /// The value hides one of a lower layer.
    pub(crate) const TOMBSTONE: u16 = 0x0002;
}

/// A value; its name follows. \[REGF\] "Key value".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ValueDisk {
    /// +0x00 "vk".
    pub(crate) signature: [u8; 2],
    /// +0x02 Bytes of the name.
    pub(crate) name_len: U16,
    /// +0x04 Bytes of the data, and [`RESIDENT`].
    pub(crate) data_len: U32,
    /// +0x08 Offset of the data, or the data.
    pub(crate) data: [u8; 4],
    /// +0x0c What the data are.
    pub(crate) kind: U32,
    /// +0x10 [`value_flags`].
    pub(crate) flags: U16,
    /// +0x12 Not used, and rarely zero.
    pub(crate) spare: U16,
}
const _: () = assert!(size_of::<ValueDisk>() == 20);

/// A security descriptor that keys share; it follows. \[REGF\] "Key security".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SecurityDisk {
    /// +0x00 "sk".
    pub(crate) signature: [u8; 2],
    /// +0x02 Not used, and not always zero.
    pub(crate) reserved: U16,
    /// +0x04 Offset of the next one; they form a ring.
    pub(crate) next: U32,
    /// +0x08 Offset of the one before.
    pub(crate) previous: U32,
    /// +0x0c How many keys have it.
    pub(crate) references: U32,
    /// +0x10 Bytes of the descriptor.
    pub(crate) len: U32,
}
const _: () = assert!(size_of::<SecurityDisk>() == 20);

/// What every list of subkeys starts with. \[REGF\] "Index leaf", "Fast leaf", "Hash leaf", "Index root".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ListDisk {
    /// +0x00 "li", "lf", "lh" or "ri".
    pub(crate) signature: [u8; 2],
    /// +0x02 How many elements follow.
    pub(crate) count: U16,
}
const _: () = assert!(size_of::<ListDisk>() == 4);

/// An element of "lf" and "lh"; those of "li" and "ri" have the offset only.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HintedDisk {
    /// +0x00 Offset of the key.
    pub(crate) key: U32,
    /// +0x04 The name's first four characters, or its hash.
    pub(crate) hint: [u8; 4],
}
const _: () = assert!(size_of::<HintedDisk>() == 8);

/// Data that are too long for one cell. \[REGF\] "Big data".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BigDataDisk {
    /// +0x00 "db".
    pub(crate) signature: [u8; 2],
    /// +0x02 How many segments there are.
    pub(crate) count: U16,
    /// +0x04 Offset of the segments' offsets.
    pub(crate) list: U32,
}
const _: () = assert!(size_of::<BigDataDisk>() == 8);

/// What an entry of a new log starts with; references to pages follow, then the pages. \[REGF\] "Log
/// entries".
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct EntryDisk {
    /// +0x00 [`ENTRY_SIGNATURE`].
    pub(crate) signature: [u8; 4],
    /// +0x04 Bytes in the entry, these included; whole sectors.
    pub(crate) size: U32,
    /// +0x08 Bit 0 of the base block's flags.
    pub(crate) flags: U32,
    /// +0x0c The hive's sequence number once the entry is applied.
    pub(crate) sequence: U32,
    /// +0x10 Bytes of hive bins once the entry is applied.
    pub(crate) bins_size: U32,
    /// +0x14 How many pages there are.
    pub(crate) pages: U32,
    /// +0x18 Marvin32 of all that follows this structure.
    pub(crate) body_hash: U64,
    /// +0x20 Marvin32 of the 32 bytes before.
    pub(crate) head_hash: U64,
}
/// How many bytes of an entry its own hash leaves out.
pub(crate) const ENTRY_HEAD: usize = 40;
const _: () = assert!(size_of::<EntryDisk>() == ENTRY_HEAD);

/// Where a page of a log entry belongs.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PageDisk {
    /// +0x00 Offset of the page.
    pub(crate) offset: U32,
    /// +0x04 Bytes of the page.
    pub(crate) size: U32,
}
const _: () = assert!(size_of::<PageDisk>() == 8);

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn fields_lie_where_the_specification_says() {
        let base = [
            (offset_of!(BaseBlockDisk, root), 0x24),
            (offset_of!(BaseBlockDisk, flags), 0x90),
            (offset_of!(BaseBlockDisk, reorganized), 0xa8),
            (offset_of!(BaseBlockDisk, checksum), 0x1fc),
            (offset_of!(BaseBlockDisk, boot_type), 0xff8),
        ];
        let others = [
            (offset_of!(KeyDisk, security), 0x2c),
            (offset_of!(KeyDisk, name_len), 0x48),
            (offset_of!(ValueDisk, flags), 0x10),
            (offset_of!(SecurityDisk, len), 0x10),
            (offset_of!(EntryDisk, body_hash), 0x18),
        ];
        for (found, expected) in base.into_iter().chain(others) {
            assert_eq!(found, expected);
        }
    }
}
