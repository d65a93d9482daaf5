//! The boot code of a disk for a BIOS: the master boot record, and the boot record of the active partition.

use std::io;

use nanovhd_boot::{MBR_CODE, NTFS_BOOT_CODE, ntfs_boot_record};
use nanovhd_disk::FoundPartition;
use nanovhd_tree::ReadAt;

use super::{Boot, BootRule, Spot};
use crate::disk_image::{Part, window};

/// The sectors that a BIOS reads.
const SECTOR: u64 = 512;
/// Where a boot record of NTFS or FAT says how many sectors lie in front of its volume.
const HIDDEN_SECTORS: usize = 0x1c;
/// What the code of a boot record begins with that only halts: `cli`, `hlt`.
const HALT: [u8; 2] = [0xfa, 0xf4];

impl Boot<'_> {
    /// The code in front of all partitions.
    pub(super) fn master_boot_record(&mut self, disk: &dyn ReadAt) -> io::Result<()> {
        let mut code = [0; MBR_CODE.len()];
        disk.read_exact_at(&mut code, 0)?;
        if code.iter().all(|&byte| byte == 0) {
            let detail = format!("the first {} bytes of the disk are zero", code.len());
            self.fault(BootRule::MbrCode, Spot { offset: Some(0), ..Spot::default() }, detail);
        }
        self.own_code(Spot::default(), &code, MBR_CODE);
        Ok(())
    }

    /// The first sectors of the active partition. `is_ntfs`: they are those of NTFS.
    pub(super) fn boot_record(
        &mut self,
        disk: &dyn ReadAt,
        active: &FoundPartition,
        is_ntfs: bool,
    ) -> io::Result<()> {
        let part = Part { number: Some(active.number), first: active.first, size: active.size, found: Some(active) };
        let mut record = [0; NTFS_BOOT_CODE.len()];
        window(disk, &part).read_exact_at(&mut record, 0)?;
        let spot = |offset: usize| Spot { partition: part.number, offset: Some(offset as u64), path: None };
        if let Some(fault) = code_fault(&record) {
            self.fault(BootRule::RecordCode, spot(0), fault.to_owned());
        }
        let found =
            record[HIDDEN_SECTORS..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).unwrap_or_default();
        let expected = active.first / SECTOR;
        if u64::from(found) != expected {
            let detail = format!("it says sector {found}, and the partition table {expected}");
            self.fault(BootRule::RecordPlace, spot(HIDDEN_SECTORS), detail);
        }
        if is_ntfs && let Ok(ours) = ntfs_boot_record(&record) {
            self.own_code(spot(0), &record, &ours[..]);
        }
        Ok(())
    }

    /// Compares code with that of ours which it might be.
    fn own_code(&mut self, spot: Spot, found: &[u8], ours: &[u8]) {
        // Zeros fill up everybody's code.
        let code = || found.iter().zip(ours).filter(|(_, ours)| **ours != 0);
        let same = code().filter(|(found, ours)| found == ours).count();
        let different = found.iter().zip(ours).position(|(found, ours)| found != ours);
        if let Some(at) = different
            && same * 2 > code().count()
        {
            let detail = format!("the byte is {:#04x}, and {:#04x} in nanovhd's code", found[at], ours[at]);
            self.fault(BootRule::OwnCode, Spot { offset: Some(at as u64), ..spot }, detail);
        }
    }
}

/// Why a boot record does nothing.
fn code_fault(record: &[u8]) -> Option<&'static str> {
    let start = match *record {
        [0xeb, distance @ 0..0x80, ..] => 2 + usize::from(distance),
        [0xe9, low, high, ..] => 3 + usize::from(u16::from_le_bytes([low, high])),
        _ => return Some("it does not start with a jump over its parameters"),
    };
    match record.get(start..510) {
        Some(code) if code.starts_with(&HALT) => Some("its code only halts the machine"),
        Some(code) if code.iter().any(|&byte| byte != 0) => None,
        _ => Some("it has no code"),
    }
}
