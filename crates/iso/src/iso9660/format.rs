//! The on-disk structures of ISO 9660, as bytes and nothing else.
//!
//! Clauses are those of ECMA-119. Nothing is aligned.

use nanovhd_tree::Filetime;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::time::Civil;

/// Records and descriptors don't cross the borders of logical sectors. 6.1.2.
pub(crate) const SECTOR: u32 = 2048;

/// [`Descriptor::kind`]. 8.1.1.
pub(crate) const PRIMARY: u8 = 1;
pub(crate) const SUPPLEMENTARY: u8 = 2;
pub(crate) const DESCRIPTOR_TERMINATOR: u8 = 255;

/// A number of 32 bits in both byte orders. 7.3.3.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Both32 {
    /// +0x00
    pub(crate) le: U32,
    /// +0x04
    pub(crate) _be: [u8; 4],
}

impl Both32 {
    pub(crate) fn get(self) -> u32 {
        self.le.get()
    }
}

/// A number of 16 bits in both byte orders. 7.2.3.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Both16 {
    /// +0x00
    pub(crate) le: U16,
    /// +0x02
    pub(crate) _be: [u8; 2],
}

/// A time in a directory record. 9.1.5.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordTime {
    /// +0x00 From 1900.
    pub(crate) year: u8,
    /// +0x01
    pub(crate) month: u8,
    /// +0x02
    pub(crate) day: u8,
    /// +0x03
    pub(crate) hour: u8,
    /// +0x04
    pub(crate) minute: u8,
    /// +0x05
    pub(crate) second: u8,
    /// +0x06 Quarters of an hour ahead of UTC.
    pub(crate) offset: i8,
}

impl RecordTime {
    /// The time, if there is one.
    pub(crate) fn filetime(&self) -> Option<Filetime> {
        let Self { year, month, day, hour, minute, second, offset } = *self;
        let year = 1900 + i64::from(year);
        Civil { year, month, day, hour, minute, second, offset: i64::from(offset) * 15 }.filetime()
    }
}

/// A directory record; the name follows, a byte if that has an even length, and system use. 9.1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Record {
    /// +0x00 Bytes of the whole record.
    pub(crate) len: u8,
    /// +0x01 Blocks in front of the content.
    pub(crate) attribute_blocks: u8,
    /// +0x02 The first block.
    pub(crate) block: Both32,
    /// +0x0a Bytes of content.
    pub(crate) content_len: Both32,
    /// +0x12
    pub(crate) time: RecordTime,
    /// +0x19 Bits of [`record_flags`].
    pub(crate) flags: u8,
    /// +0x1a Blocks that lie together, if the file is interleaved.
    pub(crate) unit: u8,
    /// +0x1b Blocks between them.
    pub(crate) gap: u8,
    /// +0x1c Which disc of a set has the content.
    pub(crate) disc: Both16,
    /// +0x20 Bytes of the name.
    pub(crate) name_len: u8,
}
pub(crate) const RECORD_LEN: usize = 33;
const _: () = assert!(size_of::<Record>() == RECORD_LEN);

/// [`Record::flags`]. 9.1.6.
pub(crate) mod record_flags {
    pub(crate) const HIDDEN: u8 = 0x01;
    pub(crate) const DIRECTORY: u8 = 0x02;
    /// Belongs to the file of the same name, such as a resource fork.
    pub(crate) const ASSOCIATED: u8 = 0x04;
    /// The next record is for more of the file.
    pub(crate) const MORE: u8 = 0x80;
}

/// A primary or supplementary volume descriptor. 8.4 and 8.5.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Descriptor {
    /// +0x00
    pub(crate) kind: u8,
    /// +0x01 `CD001`.
    pub(crate) _identifier: [u8; 5],
    /// +0x06
    pub(crate) version: u8,
    /// +0x07
    pub(crate) _flags: u8,
    /// +0x08
    pub(crate) _system: [u8; 32],
    /// +0x28 The label.
    pub(crate) volume: [u8; 32],
    /// +0x48
    pub(crate) _unused: [u8; 8],
    /// +0x50 Blocks in the volume.
    pub(crate) blocks: Both32,
    /// +0x58 The character sets of a supplementary descriptor's names.
    pub(crate) escapes: [u8; 32],
    /// +0x78
    pub(crate) _discs: Both16,
    /// +0x7c Which disc of a set this is.
    pub(crate) disc: Both16,
    /// +0x80
    pub(crate) block_size: Both16,
    /// +0x84 Length and places of the path tables.
    pub(crate) _path_tables: [u8; 24],
    /// +0x9c The record of the root directory.
    pub(crate) root: Record,
    /// +0xbd Its name, one byte.
    pub(crate) _root_name: u8,
    /// +0xbe Names of publishers and programs, times.
    pub(crate) _rest: [u8; 1858],
}
const _: () = assert!(size_of::<Descriptor>() == SECTOR as usize);

impl Descriptor {
    /// Whether names are of UCS-2, level 1, 2 or 3. Joliet specification, "Identifying a Joliet-compliant
    /// volume". Version 2 would be the enhanced descriptor of ISO 9660:1999.
    pub(crate) fn is_joliet(&self) -> bool {
        const LEVELS: [[u8; 3]; 3] = [*b"%/@", *b"%/C", *b"%/E"];

        let [a, b, c, ..] = self.escapes;
        self.kind == SUPPLEMENTARY && self.version == 1 && LEVELS.contains(&[a, b, c])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1900_in_quarters_of_an_hour() {
        let time = |bytes: [u8; 7]| RecordTime::read_from_bytes(&bytes).unwrap().filetime();
        let expected = Some(Filetime::from_unix(1_468_674_365));
        assert_eq!(time([116, 7, 16, 13, 6, 5, 0]), expected);
        assert_eq!(time([116, 7, 16, 15, 6, 5, 8]), expected);
        assert_eq!(time([116, 7, 16, 5, 6, 5, 0xe0]), expected);
        assert_eq!(time([0; 7]), None);
    }
}
