//! The master boot record: boot code, disk signature and four primary partitions. What it looks
//! like is in the UEFI specification, section 5.2; the record itself comes from the `gpt` crate.

use ::gpt::mbr::{PartRecord, ProtectiveMBR};

use super::{PartitionError, check_places, sectors};

/// The most bytes of boot code that an MBR with a disk signature has room for.
pub const MBR_BOOT_CODE: usize = 440;

/// Primary partitions that an MBR holds.
const ENTRIES: usize = 4;

/// A primary partition of an MBR disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MbrPartition {
    /// Offset of its first byte on the disk.
    pub first: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its type, such as 7 for NTFS.
    pub kind: u8,
    /// Whether the boot code starts it.
    pub active: bool,
}

/// The MBR of a disk of `disk_size` bytes, as a range to be written: offset and bytes, one sector.
/// `signature` is what Windows knows the disk by. Without boot code the disk can't be started.
///
/// # Errors
/// [`PartitionError`] says which partition can't be, or that the boot code is too long.
pub fn mbr_table(
    disk_size: u64,
    sector_size: u32,
    signature: u32,
    parts: &[MbrPartition],
    boot_code: &[u8],
) -> Result<Vec<(u64, Vec<u8>)>, PartitionError> {
    sectors(disk_size, sector_size)?;
    check(disk_size, sector_size, parts)?;
    let mut code = [0; MBR_BOOT_CODE];
    let place = code.get_mut(..boot_code.len()).ok_or(PartitionError::BootCode { len: boot_code.len() })?;
    place.copy_from_slice(boot_code);

    let mut mbr = ProtectiveMBR::new();
    mbr.set_bootcode(code);
    mbr.set_disk_signature(signature.to_le_bytes());
    for index in 0..ENTRIES {
        let record = match parts.get(index) {
            Some(part) => record(part, u64::from(sector_size), index + 1)?,
            None => PartRecord::zero(),
        };
        mbr.set_partition(index, record);
    }
    let mut bytes = mbr.to_bytes().to_vec();
    bytes.resize(sector_size as usize, 0);
    Ok(vec![(0, bytes)])
}

fn check(disk_size: u64, sector_size: u32, parts: &[MbrPartition]) -> Result<(), PartitionError> {
    if parts.len() > ENTRIES {
        return Err(PartitionError::TooMany { count: parts.len(), limit: ENTRIES });
    }
    let sector = u64::from(sector_size);
    if disk_size < sector {
        return Err(PartitionError::TooSmall { needed: sector, size: disk_size });
    }
    if let Some(index) = parts.iter().position(|part| part.kind == 0) {
        return Err(PartitionError::Kind { number: index + 1 });
    }
    let mut active = (1..).zip(parts).filter(|(_, part)| part.active).map(|(number, _)| number);
    if let (Some(first), Some(second)) = (active.next(), active.next()) {
        return Err(PartitionError::Active { first, second });
    }
    let places: Vec<_> = parts.iter().map(|part| (part.first, part.size)).collect();
    check_places(&places, &(sector..disk_size), sector_size)
}

fn record(part: &MbrPartition, sector: u64, number: usize) -> Result<PartRecord, PartitionError> {
    let end = part.first + part.size;
    let narrow = |value| u32::try_from(value).map_err(|_| PartitionError::MbrReach { number, end });
    // The last sector must have a number too, though only the first and the count are stored.
    let last = narrow(end / sector - 1)?;
    let first = narrow(part.first / sector)?;
    let [start_head, start_sector, start_track] = chs(first);
    let [end_head, end_sector, end_track] = chs(last);
    Ok(PartRecord {
        boot_indicator: if part.active { 0x80 } else { 0 },
        start_head,
        start_sector,
        start_track,
        os_type: part.kind,
        end_head,
        end_sector,
        end_track,
        lb_start: first,
        lb_size: narrow(part.size / sector)?,
    })
}

/// Head, sector with the cylinder's upper bits, and cylinder of a sector, with 255 heads and 63
/// sectors per track. What lies beyond cylinder 1023 has the marker that Windows gives it.
#[expect(clippy::cast_possible_truncation, reason = "each value is less than 256 by the division before it")]
fn chs(sector: u32) -> [u8; 3] {
    let (track, sector) = (sector / 63, sector % 63 + 1);
    let (cylinder, head) = (track / 255, track % 255);
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    [head as u8, (sector | cylinder >> 8 << 6) as u8, (cylinder & 0xff) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn part(first: u64, size: u64) -> MbrPartition {
        MbrPartition { first, size, kind: 7, active: false }
    }

    fn refusal(parts: &[MbrPartition]) -> PartitionError {
        mbr_table(4 << 40, 512, 1, parts, &[]).unwrap_err()
    }

    #[test]
    fn one_active_partition_is_written_as_windows_writes_it() {
        let ntfs = MbrPartition { active: true, ..part(MIB, (4 << 30) - 2 * MIB) };
        let table = mbr_table(4 << 30, 512, 0x1234_5678, &[ntfs], &[0xfa, 0x33]).unwrap();
        let [(0, sector)] = &table[..] else { panic!("one range at the start") };
        assert_eq!(sector.len(), 512);
        assert_eq!(sector[..3], [0xfa, 0x33, 0]);
        assert_eq!(sector[440..446], [0x78, 0x56, 0x34, 0x12, 0, 0]);
        // The start, cylinder 0 head 32 sector 33, is in every MBR that Windows makes.
        let expected = [0x80, 0x20, 0x21, 0, 7, 0x09, 0xbf, 0x0a, 0, 8, 0, 0, 0, 0xf0, 0x7f, 0];
        assert_eq!(sector[446..462], expected);
        assert_eq!(sector[462..510], [0; 48]);
        assert_eq!(sector[510..], [0x55, 0xaa]);
    }

    #[test]
    fn chs_ends_with_cylinder_1023() {
        assert_eq!(chs(0), [0, 1, 0]);
        assert_eq!(chs(62), [0, 63, 0]);
        assert_eq!(chs(63), [1, 1, 0]);
        assert_eq!(chs(1024 * 255 * 63 - 1), [254, 0xff, 0xff]);
        assert_eq!(chs(1024 * 255 * 63), [254, 0xff, 0xff]);
        assert_eq!(chs(u32::MAX), [254, 0xff, 0xff]);
    }

    #[test]
    fn partitions_that_can_not_be_are_refused_by_number() {
        use PartitionError as E;
        let one = part(MIB, MIB);
        assert!(matches!(refusal(&[part(0, MIB)]), E::Outside { number: 1, .. }));
        assert!(matches!(refusal(&[one, part(4 << 40, MIB)]), E::Outside { number: 2, .. }));
        assert!(matches!(refusal(&[part(MIB + 1, MIB)]), E::Unaligned { number: 1, .. }));
        assert!(matches!(refusal(&[one, one]), E::Overlap { first: 1, second: 2 }));
        assert!(matches!(refusal(&[part(MIB, 2 << 40)]), E::MbrReach { number: 1, .. }));
        assert!(matches!(refusal(&[part(3 << 40, MIB)]), E::MbrReach { number: 1, .. }));
        assert!(matches!(refusal(&[MbrPartition { kind: 0, ..one }]), E::Kind { number: 1 }));
        assert!(matches!(refusal(&[one; 5]), E::TooMany { count: 5, limit: 4 }));
        let active = |first| MbrPartition { active: true, ..part(first, MIB) };
        assert!(matches!(refusal(&[active(MIB), one, active(3 * MIB)]), E::Active { first: 1, second: 3 }));
        let code = mbr_table(MIB, 512, 1, &[], &[0; 441]).unwrap_err();
        assert!(matches!(code, E::BootCode { len: 441 }));
        assert!(matches!(mbr_table(0, 512, 1, &[], &[]), Err(E::TooSmall { needed: 512, size: 0 })));
    }

    #[test]
    fn the_last_sector_an_mbr_can_name_is_in_reach() {
        let reach = (1 << 32) * 512;
        assert!(mbr_table(4 << 40, 512, 1, &[part(reach - MIB, MIB)], &[]).is_ok());
        let with_large_sectors = mbr_table(16 << 40, 4096, 1, &[part(MIB, (16 << 40) - MIB)], &[]).unwrap();
        assert_eq!(with_large_sectors[0].1.len(), 4096);
    }
}
