//! Boot code for machines with a BIOS, assembled from the sources in `bios/`.

use thiserror::Error;

/// The code of a master boot record: the first 440 bytes of a disk. What follows them, the disk's
/// signature and its partitions, is the disk's own.
pub const MBR_CODE: &[u8; 440] = include_bytes!("bios/mbr.bin");

/// The boot record of an NTFS volume, all 16 sectors of `$Boot`, with zeros from 0x03 to 0x53 where the
/// volume's name and parameters go. [`ntfs_boot_record`] puts them there.
pub const NTFS_BOOT_CODE: &[u8; 8192] = include_bytes!("bios/ntfs.bin");

/// Where the volume's parameters are in its first sector, the name "NTFS" in front of them included.
const PARAMETERS: std::ops::Range<usize> = 0x03..0x54;

/// The largest file record that the boot record has room for.
const MAX_RECORD: u64 = 4096;

/// Why a volume can't have the boot record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BootRecordError {
    /// The sector is not the first of an NTFS volume.
    #[error("there is no NTFS volume: its first sector has neither its name nor its signature")]
    NotNtfs,
    /// The volume has other sectors than a BIOS starts from.
    #[error("the volume has sectors of {0} bytes, and a BIOS starts only from sectors of 512 bytes")]
    SectorSize(u16),
    /// The volume has larger file records than the boot record has room for.
    #[error("the volume has file records of {found} bytes, and the boot record reads at most {MAX_RECORD}")]
    RecordSize {
        /// Bytes of a record.
        found: u64,
    },
}

/// The boot record of the volume whose first sector is given: all bytes of `$Boot`, from the start of
/// the volume on. Parameters and serial number stay those of the volume; the code is ours. The first
/// 512 bytes are also those of the volume's last sector.
///
/// Where the volume lies on its disk need not be known: the record finds that out when it runs.
///
/// # Errors
/// [`BootRecordError`]: it is no NTFS volume, or none that a BIOS can start from.
pub fn ntfs_boot_record(first_sector: &[u8]) -> Result<Box<[u8; 8192]>, BootRecordError> {
    let sector: &[u8; 512] = first_sector.first_chunk().ok_or(BootRecordError::NotNtfs)?;
    if sector[3..11] != *b"NTFS    " || sector[510..] != [0x55, 0xaa] {
        return Err(BootRecordError::NotNtfs);
    }
    let sector_size = u16::from_le_bytes([sector[0x0b], sector[0x0c]]);
    if sector_size != 512 {
        return Err(BootRecordError::SectorSize(sector_size));
    }
    let found = record_bytes(sector[0x0d], sector[0x40]);
    if found > MAX_RECORD {
        return Err(BootRecordError::RecordSize { found });
    }
    let mut record = Box::new(*NTFS_BOOT_CODE);
    record[PARAMETERS].copy_from_slice(&sector[PARAMETERS]);
    Ok(record)
}

/// Bytes of a file record as the parameters say it: in clusters, or as a power of two if negative.
fn record_bytes(cluster_code: u8, record_code: u8) -> u64 {
    let power = |code: u8| 1u64.checked_shl(u32::from(code.wrapping_neg())).unwrap_or(u64::MAX);
    if record_code >= 0x80 {
        return power(record_code);
    }
    let sectors = if cluster_code > 0x80 { power(cluster_code) } else { cluster_code.into() };
    sectors.saturating_mul(512).saturating_mul(record_code.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of a volume with clusters of 4 KiB.
    fn first_sector() -> [u8; 512] {
        let mut sector = [0xd1; 512];
        sector[3..11].copy_from_slice(b"NTFS    ");
        sector[0x0b..0x0e].copy_from_slice(&[0, 2, 8]);
        sector[0x40] = 0xf6;
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    #[test]
    fn the_parameters_stay_and_the_code_is_ours() {
        let sector = first_sector();
        let record = ntfs_boot_record(&sector).unwrap();
        assert_eq!(record[..3], [0xeb, 0x52, 0x90], "Windows knows the record by this jump");
        assert_eq!(record[3..0x54], sector[3..0x54]);
        assert_eq!(record[0x54..], NTFS_BOOT_CODE[0x54..]);
        assert_eq!(record[510..512], [0x55, 0xaa]);
        assert_eq!(ntfs_boot_record(&record[..]).unwrap(), record, "twice is once");
    }

    #[test]
    fn volumes_that_a_bios_can_not_start_are_refused() {
        let refusal = |change: &dyn Fn(&mut [u8; 512])| {
            let mut sector = first_sector();
            change(&mut sector);
            ntfs_boot_record(&sector).unwrap_err()
        };
        assert_eq!(ntfs_boot_record(&[0; 100]).unwrap_err(), BootRecordError::NotNtfs);
        assert_eq!(refusal(&|s| s[3..11].copy_from_slice(b"MSDOS5.0")), BootRecordError::NotNtfs);
        assert_eq!(refusal(&|s| s[510] = 0), BootRecordError::NotNtfs);
        assert_eq!(refusal(&|s| s[0x0c] = 0x10), BootRecordError::SectorSize(4096));
        assert_eq!(refusal(&|s| s[0x40] = 0xf3), BootRecordError::RecordSize { found: 8192 });
        assert_eq!(refusal(&|s| s[0x40] = 2), BootRecordError::RecordSize { found: 8192 });
        assert_eq!(refusal(&|s| s[0x40] = 0x80), BootRecordError::RecordSize { found: u64::MAX });
    }

    #[test]
    fn record_sizes_are_clusters_or_powers() {
        for (cluster, record, bytes) in
            [(8, 0xf6, 1024), (1, 2, 1024), (8, 1, 4096), (0x80, 0xf4, 4096), (0xf4, 0xf6, 1024)]
        {
            assert_eq!(record_bytes(cluster, record), bytes, "{cluster:#x} {record:#x}");
        }
    }
}
