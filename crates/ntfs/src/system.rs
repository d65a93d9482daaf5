//! The files that NTFS itself needs: which records they have, their names and fixed contents.

use std::mem::offset_of;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use nanovhd_tree::{Attributes, Name};

use crate::format::{AttributeType, BOOT_BYTES, BootSector, INDEX_BLOCK, encoded_size};
use crate::geometry::Geometry;
use crate::index::IndexEntry;
use crate::secure::SystemDescriptor;
use crate::units::{FileRef, Lcn};

/// The first record for files of the tree. Windows keeps 16 to 23 free for itself.
pub(crate) const FIRST_FREE_RECORD: u32 = 27;

/// A system file, numbered by its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum SystemFile {
    Mft = 0,
    MftMirr = 1,
    LogFile = 2,
    Volume = 3,
    AttrDef = 4,
    Bitmap = 6,
    Boot = 7,
    BadClus = 8,
    Secure = 9,
    UpCase = 10,
    Extend = 11,
    Reserved12 = 12,
    Reserved13 = 13,
    Reserved14 = 14,
    Reserved15 = 15,
    Quota = 24,
    ObjId = 25,
    Reparse = 26,
}

/// The root directory's reference.
pub(crate) const ROOT_REF: FileRef = FileRef { record: 5, sequence: 5 };

impl SystemFile {
    /// All of them, in the order of their records; the root directory comes after `AttrDef`.
    pub(crate) const ALL: [Self; 18] = {
        use SystemFile::{
            AttrDef, BadClus, Bitmap, Boot, Extend, LogFile, Mft, MftMirr, ObjId, Quota, Reparse, Reserved12,
            Reserved13, Reserved14, Reserved15, Secure, UpCase, Volume,
        };
        [
            Mft, MftMirr, LogFile, Volume, AttrDef, Bitmap, Boot, BadClus, Secure, UpCase, Extend, Reserved12,
            Reserved13, Reserved14, Reserved15, Quota, ObjId, Reparse,
        ]
    };

    /// Its reference. The first sixteen records carry their number as sequence number, but for the
    /// first, where zero would mean that it doesn't matter.
    pub(crate) fn reference(self) -> FileRef {
        let record = self as u32;
        let sequence = u16::try_from(record).ok().filter(|n| (1..16).contains(n)).unwrap_or(1);
        FileRef { record, sequence }
    }

    /// Its name and the directory it is in; reserved records have none.
    pub(crate) fn name(self) -> Option<(&'static str, FileRef)> {
        let in_root = |name| Some((name, ROOT_REF));
        let in_extend = |name| Some((name, Self::Extend.reference()));
        match self {
            Self::Mft => in_root("$MFT"),
            Self::MftMirr => in_root("$MFTMirr"),
            Self::LogFile => in_root("$LogFile"),
            Self::Volume => in_root("$Volume"),
            Self::AttrDef => in_root("$AttrDef"),
            Self::Bitmap => in_root("$Bitmap"),
            Self::Boot => in_root("$Boot"),
            Self::BadClus => in_root("$BadClus"),
            Self::Secure => in_root("$Secure"),
            Self::UpCase => in_root("$UpCase"),
            Self::Extend => in_root("$Extend"),
            Self::Reserved12 | Self::Reserved13 | Self::Reserved14 | Self::Reserved15 => None,
            Self::Quota => in_extend("$Quota"),
            Self::ObjId => in_extend("$ObjId"),
            Self::Reparse => in_extend("$Reparse"),
        }
    }

    /// Whether a name in the root directory is one of theirs; NTFS ignores case.
    pub(crate) fn owns_root_name(name: &Name) -> bool {
        if name.units().first() != Some(&u16::from(b'$')) {
            // What begins otherwise is ".", which no tree has.
            return false;
        }
        let names = Self::ALL.iter().filter_map(|file| file.name());
        names.filter(|(_, parent)| *parent == ROOT_REF).any(|(own, _)| Name::from(own).eq_ignore_case(name))
    }

    /// Which descriptor it gets.
    pub(crate) fn descriptor(self) -> SystemDescriptor {
        match self {
            Self::Volume | Self::Secure | Self::Extend | Self::Quota | Self::ObjId | Self::Reparse => {
                SystemDescriptor::ReadWrite
            }
            _ => SystemDescriptor::ReadOnly,
        }
    }

    /// Whether its indexes are not of names.
    pub(crate) fn has_view_index(self) -> bool {
        matches!(self, Self::Secure | Self::Quota | Self::ObjId | Self::Reparse)
    }

    /// Whether it is in `$Extend`.
    pub(crate) fn is_in_extend(self) -> bool {
        matches!(self, Self::Quota | Self::ObjId | Self::Reparse)
    }
}

/// All system files are hidden and belong to the system.
pub(crate) const SYSTEM_ATTRIBUTES: Attributes = Attributes(0x0006);

/// ASCII text as UTF-16 units.
pub(crate) const fn wide<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let mut units = [0; N];
    let mut i = 0;
    while i < N {
        units[i] = text[i] as u16;
        i += 1;
    }
    units
}

/// The `$Info` stream of `$UpCase`: its length, the CRC-64 of the table and the version of Windows
/// that the table is from, as found on a volume that Windows 10 formatted.
pub(crate) fn upcase_info() -> Vec<u8> {
    let mut info = Vec::new();
    info.extend(0x20u64.to_le_bytes());
    info.extend(0xdadc_7e77_6b1b_690c_u64.to_le_bytes());
    for number in [10u32, 0, 19_041, 0] {
        info.extend(number.to_le_bytes());
    }
    info
}

/// The checksum of a table of upper-case units that Windows stores beside it: CRC-64, reflected.
pub(crate) fn upcase_checksum(table: &[u16]) -> u64 {
    const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;
    const fn of_byte(byte: u64) -> u64 {
        let (mut crc, mut bit) = (byte, 0);
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        crc
    }
    const TABLE: [u64; 256] = {
        let (mut table, mut byte) = ([0; 256], 0);
        while byte < table.len() {
            table[byte] = of_byte(byte as u64);
            byte += 1;
        }
        table
    };
    let bytes = table.iter().flat_map(|unit| unit.to_le_bytes());
    !bytes.fold(u64::MAX, |crc, byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ crc >> 8)
}

/// The value of `$VOLUME_INFORMATION`: NTFS 3.1, no flags, so not dirty.
pub(crate) fn volume_information() -> Vec<u8> {
    vec![0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0]
}

/// The content of `$AttrDef`: for each attribute type its name, flags and least and most bytes.
pub(crate) fn attribute_definitions() -> Vec<u8> {
    /// May be in an index.
    const INDEXABLE: u32 = 0x02;
    /// Always resident.
    const RESIDENT: u32 = 0x40;
    /// May be non-resident.
    const FREE: u32 = 0x80;
    const UNLIMITED: u64 = u64::MAX;
    /// Bytes of the name in a definition.
    const NAME: usize = 128;
    /// Windows ends the table with an empty definition.
    const TABLE: usize = 16 * 160;
    let definitions: [(&str, u32, u32, u64, u64); 15] = [
        ("$STANDARD_INFORMATION", 0x10, RESIDENT, 0x30, 0x48),
        ("$ATTRIBUTE_LIST", 0x20, FREE, 0, UNLIMITED),
        ("$FILE_NAME", 0x30, RESIDENT | INDEXABLE, 0x44, 0x242),
        ("$OBJECT_ID", 0x40, RESIDENT, 0, 0x100),
        ("$SECURITY_DESCRIPTOR", 0x50, FREE, 0, UNLIMITED),
        ("$VOLUME_NAME", 0x60, RESIDENT, 2, 0x100),
        ("$VOLUME_INFORMATION", 0x70, RESIDENT, 0xc, 0xc),
        ("$DATA", 0x80, 0, 0, UNLIMITED),
        ("$INDEX_ROOT", 0x90, RESIDENT, 0, UNLIMITED),
        ("$INDEX_ALLOCATION", 0xa0, FREE, 0, UNLIMITED),
        ("$BITMAP", 0xb0, FREE, 0, UNLIMITED),
        ("$REPARSE_POINT", 0xc0, FREE, 0, 0x4000),
        ("$EA_INFORMATION", 0xd0, RESIDENT, 8, 8),
        ("$EA", 0xe0, 0, 0, 0x1_0000),
        ("$LOGGED_UTILITY_STREAM", 0x100, FREE, 0, 0x1_0000),
    ];
    let mut table = Vec::with_capacity(TABLE);
    for (name, kind, flags, least, most) in definitions {
        let start = table.len();
        table.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        table.resize(start + NAME, 0);
        for word in [kind, 0, 0, flags] {
            table.extend(word.to_le_bytes());
        }
        table.extend(least.to_le_bytes());
        table.extend(most.to_le_bytes());
    }
    table.resize(TABLE, 0);
    table
}

/// Quotas that nobody has set: version 2, flag "default limits", no bytes used, no limits.
fn quota_data(time: u64, sid: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend(2u32.to_le_bytes());
    data.extend(1u32.to_le_bytes());
    data.extend(0u64.to_le_bytes());
    data.extend(time.to_le_bytes());
    data.extend(u64::MAX.to_le_bytes());
    data.extend(u64::MAX.to_le_bytes());
    data.extend(0u64.to_le_bytes());
    data.extend(sid);
    data
}

/// `BUILTIN\Administrators`, the first owner that `$Quota` knows. [MS-DTYP] 2.4.2.4.
const ADMINISTRATORS: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
/// Administrators' owner id.
const ADMINISTRATORS_ID: u32 = 0x100;

/// The entries of `$Quota:$Q`: the defaults under id 1, then Administrators.
pub(crate) fn quota_by_id(time: u64) -> Vec<IndexEntry> {
    vec![
        IndexEntry::of_view(&1u32.to_le_bytes(), &quota_data(time, &[])),
        IndexEntry::of_view(&ADMINISTRATORS_ID.to_le_bytes(), &quota_data(time, &ADMINISTRATORS)),
    ]
}

/// The entries of `$Quota:$O`.
pub(crate) fn quota_by_owner() -> Vec<IndexEntry> {
    vec![IndexEntry::of_view(&ADMINISTRATORS, &ADMINISTRATORS_ID.to_le_bytes())]
}

/// The content of `$Boot`: the boot sector with the volume's parameters, and what of the boot code is
/// not in that; zeros if there is no such code.
pub(crate) fn boot(geometry: &Geometry, mft: Lcn, mirror: Lcn, code: Option<&[u8; BOOT_BYTES]>) -> Vec<u8> {
    /// Geometry for BIOS calls; every BIOS of today takes these for a disk of any size.
    const SECTORS_PER_TRACK: u16 = 63;
    const HEADS: u16 = 255;
    let per_cluster = geometry.cluster.0 / geometry.sector;
    let sector = BootSector {
        jump: [0xeb, 0x52, 0x90],
        oem: *b"NTFS    ",
        bytes_per_sector: U16::new(u16::try_from(geometry.sector).expect("a sector has at most 4096 bytes")),
        sectors_per_cluster: u8::try_from(per_cluster).expect("a cluster has at most 128 sectors"),
        fat_fields: [0; 7],
        media: 0xf8,
        fat_sectors: U16::new(0),
        sectors_per_track: U16::new(SECTORS_PER_TRACK),
        heads: U16::new(HEADS),
        hidden_sectors: U32::new(geometry.hidden_sectors),
        fat_total: U32::new(0),
        drive: [0x80, 0, 0x80, 0],
        total_sectors: U64::new(geometry.sectors() - 1),
        mft_lcn: U64::new(mft.0),
        mirror_lcn: U64::new(mirror.0),
        record_size: encoded_size(geometry.record, geometry.cluster),
        pad1: [0; 3],
        index_size: encoded_size(INDEX_BLOCK, geometry.cluster),
        pad2: [0; 3],
        serial: U64::new(geometry.serial),
        checksum: U32::new(0),
        code: halt_code(),
        signature: [0x55, 0xaa],
    };
    let mut boot = sector.as_bytes().to_vec();
    boot.resize(BOOT_BYTES, 0);
    if let Some(code) = code {
        let first = size_of::<BootSector>();
        boot[..offset_of!(BootSector, oem)].copy_from_slice(&code[..offset_of!(BootSector, oem)]);
        let code_in_sector = offset_of!(BootSector, code)..offset_of!(BootSector, signature);
        boot[code_in_sector.clone()].copy_from_slice(&code[code_in_sector]);
        boot[first..].copy_from_slice(&code[first..]);
    }
    boot
}

/// Machine code that stops a processor which jumps here: `cli`, then `hlt` for ever.
fn halt_code() -> [u8; 426] {
    let mut code = [0; 426];
    code[..4].copy_from_slice(&[0xfa, 0xf4, 0xeb, 0xfd]);
    code
}

/// The type code that a directory's index names as what it indexes.
pub(crate) const INDEXED_NAMES: u32 = AttributeType::FileName as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_definitions_have_the_shape_of_windows_own() {
        let table = attribute_definitions();
        assert_eq!(table.len(), 2560);
        assert_eq!(table[128..132], [0x10, 0, 0, 0]);
        assert_eq!(table[160 * 14 + 128..][..4], [0, 1, 0, 0]);
        assert!(table[160 * 15..].iter().all(|&b| b == 0));
    }

    /// The checksum that Windows stores beside its table is right for ours: so they are the same.
    #[test]
    fn the_upcase_table_is_windows_own() {
        assert_eq!(upcase_checksum(nanovhd_tree::upcase_table()).to_le_bytes(), upcase_info()[8..16]);
    }

    #[test]
    fn system_names_are_known_whatever_their_case() {
        assert!(SystemFile::owns_root_name(&"$mft".into()));
        assert!(!SystemFile::owns_root_name(&"$Quota".into()), "it is in $Extend");
        assert!(!SystemFile::owns_root_name(&"Windows".into()));
    }
}
