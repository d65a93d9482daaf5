//! The two standard layouts of a disk that Windows starts from.

use uuid::Uuid;

use super::gpt::usable;
use super::{MbrPartition, Partition, PartitionError, PartitionKind, gpt_table, mbr_table, sectors};

const MIB: u64 = 1 << 20;

/// The ESP. Microsoft's least for disks with 512-byte sectors.
const ESP: u64 = 100 * MIB;

/// The ESP of a disk with 4096-byte sectors: FAT32 has at least 65,525 clusters, and a cluster is
/// at least a sector.
const ESP_LARGE_SECTORS: u64 = 260 * MIB;

/// What Windows 10 and Server 2016 keep for themselves.
const RESERVED: u64 = 16 * MIB;

/// The MBR type of an NTFS partition.
const NTFS: u8 = 7;

/// The kind of partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// GUID partition table, for UEFI.
    Gpt,
    /// Master boot record, for BIOS.
    Mbr,
}

/// A disk and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLayout {
    /// The kind of table.
    pub scheme: Scheme,
    /// Bytes of a logical sector.
    pub sector_size: u32,
    /// Bytes of the disk.
    pub size: u64,
    /// What a GPT disk is known by.
    pub disk_id: Uuid,
    /// What an MBR disk is known by; 0 with a GPT.
    pub signature: u32,
    /// The partitions in the order of the table. In an MBR the data partition is the active one,
    /// and names and identifiers are not stored.
    pub partitions: Vec<Partition>,
}

impl DiskLayout {
    /// The usual size of an ESP: 100 MiB, or 260 MiB with 4096-byte sectors.
    pub fn usual_esp(sector_size: u32) -> u64 {
        if sector_size == 4096 { ESP_LARGE_SECTORS } else { ESP }
    }

    /// GPT: an ESP of the usual size at 1 MiB, 16 MiB reserved, and Windows up to the last whole MiB in
    /// front of the second table. All identifiers are derived from `id`.
    ///
    /// # Errors
    /// [`PartitionError::TooSmall`] when less than 1 MiB is left for Windows, else what is wrong with
    /// the size or the sectors.
    pub fn uefi(size: u64, sector_size: u32, id: Uuid) -> Result<Self, PartitionError> {
        Self::uefi_with_esp(size, sector_size, Self::usual_esp(sector_size), id)
    }

    /// As [`DiskLayout::uefi`] with an ESP of `esp` bytes, rounded up to a whole MiB.
    ///
    /// # Errors
    /// As there.
    pub fn uefi_with_esp(size: u64, sector_size: u32, esp: u64, id: Uuid) -> Result<Self, PartitionError> {
        sectors(size, sector_size)?;
        let impossible = || PartitionError::TooSmall { needed: u64::MAX, size };
        let esp = esp.checked_next_multiple_of(MIB).ok_or_else(impossible)?;
        let windows = esp.checked_add(MIB + RESERVED).filter(|w| *w < u64::MAX - 2 * MIB).ok_or_else(impossible)?;
        let too_small = PartitionError::TooSmall { needed: windows + 2 * MIB, size };
        let end = usable(size, sector_size).map_or(0, |usable| usable.end / MIB * MIB);
        if end <= windows {
            return Err(too_small);
        }
        let part = |kind, name: &str, first, size| {
            let id = Uuid::new_v5(&id, format!("gpt partition {name}").as_bytes());
            Partition { kind, name: name.to_owned(), first, size, id }
        };
        Ok(Self {
            scheme: Scheme::Gpt,
            sector_size,
            size,
            disk_id: Uuid::new_v5(&id, b"gpt disk"),
            signature: 0,
            partitions: vec![
                part(PartitionKind::Esp, "EFI system partition", MIB, esp),
                part(PartitionKind::MicrosoftReserved, "Microsoft reserved partition", MIB + esp, RESERVED),
                part(PartitionKind::BasicData, "Basic data partition", windows, end - windows),
            ],
        })
    }

    /// MBR: one active NTFS partition from 1 MiB to the last whole MiB of the disk, with 512-byte
    /// sectors. The signature is derived from `id`.
    ///
    /// # Errors
    /// [`PartitionError::TooSmall`] when less than 1 MiB is left for Windows, else what is wrong with
    /// the size.
    pub fn bios(size: u64, id: Uuid) -> Result<Self, PartitionError> {
        let sector_size = 512;
        sectors(size, sector_size)?;
        let end = size / MIB * MIB;
        if end <= MIB {
            return Err(PartitionError::TooSmall { needed: 2 * MIB, size });
        }
        let derived = Uuid::new_v5(&id, b"mbr disk signature").as_u128();
        let windows = Partition {
            kind: PartitionKind::BasicData,
            name: "Windows".to_owned(),
            first: MIB,
            size: end - MIB,
            id: Uuid::new_v5(&id, b"mbr partition"),
        };
        Ok(Self {
            scheme: Scheme::Mbr,
            sector_size,
            size,
            disk_id: Uuid::nil(),
            // Any value but zero, which Windows would replace.
            signature: ((derived >> 96) as u32).max(1),
            partitions: vec![windows],
        })
    }

    /// The EFI system partition, which a GPT layout has.
    pub fn esp(&self) -> Option<&Partition> {
        self.partitions.iter().find(|part| part.kind == PartitionKind::Esp)
    }

    /// The partition that Windows is in.
    pub fn windows(&self) -> Option<&Partition> {
        self.partitions.iter().find(|part| part.kind == PartitionKind::BasicData)
    }

    /// The partition table as ranges to be written: offset and bytes. Only an MBR has `boot_code`.
    ///
    /// # Errors
    /// [`PartitionError`], when a partition has been changed to what can't be or the boot code
    /// is too long.
    pub fn table(&self, boot_code: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, PartitionError> {
        if self.scheme == Scheme::Gpt {
            return gpt_table(self.size, self.sector_size, self.disk_id, &self.partitions);
        }
        let parts: Vec<_> = self.partitions.iter().map(mbr_partition).collect();
        mbr_table(self.size, self.sector_size, self.signature, &parts, boot_code)
    }
}

fn mbr_partition(part: &Partition) -> MbrPartition {
    let active = part.kind == PartitionKind::BasicData;
    MbrPartition { first: part.first, size: part.size, kind: NTFS, active }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn places(layout: &DiskLayout) -> Vec<(u64, u64)> {
        layout.partitions.iter().map(|part| (part.first / MIB, part.size / MIB)).collect()
    }

    #[test]
    fn uefi_has_an_esp_the_reserved_partition_and_windows() {
        let layout = DiskLayout::uefi(4096 * MIB, 512, ID).unwrap();
        assert_eq!(places(&layout), [(1, 100), (101, 16), (117, 4095 - 117)]);
        assert_eq!(layout.esp().map(|part| part.first), Some(MIB));
        assert_eq!(layout.windows().map(|part| part.first), Some(117 * MIB));
        let large = DiskLayout::uefi(4096 * MIB, 4096, ID).unwrap();
        assert_eq!(places(&large), [(1, 260), (261, 16), (277, 4095 - 277)]);
        assert!(large.table(&[]).is_ok());
    }

    #[test]
    fn the_esp_may_be_larger() {
        let layout = DiskLayout::uefi_with_esp(4096 * MIB, 512, 299 * MIB + 1, ID).unwrap();
        assert_eq!(places(&layout), [(1, 300), (301, 16), (317, 4095 - 317)]);
        for esp in [4096 * MIB, u64::MAX - 20 * MIB, u64::MAX] {
            let error = DiskLayout::uefi_with_esp(4096 * MIB, 512, esp, ID).unwrap_err();
            assert!(matches!(error, PartitionError::TooSmall { .. }), "{error}");
        }
    }

    #[test]
    fn bios_has_one_partition_to_the_last_whole_mib() {
        let layout = DiskLayout::bios(4096 * MIB + 512, ID).unwrap();
        assert_eq!(places(&layout), [(1, 4095)]);
        assert_eq!((layout.esp(), layout.sector_size), (None, 512));
        assert_ne!(layout.signature, 0);
        assert!(layout.table(&[0; 440]).is_ok());
    }

    #[test]
    fn the_size_that_is_needed_is_enough_and_a_byte_less_is_not() {
        let uefi = |sector| move |size| DiskLayout::uefi(size, sector, ID);
        let check = |make: &dyn Fn(u64) -> Result<DiskLayout, PartitionError>, sector: u64| {
            for size in [0, sector, MIB, 2 * MIB - sector] {
                let Err(PartitionError::TooSmall { needed, size: said }) = make(size) else { panic!("{size}") };
                assert_eq!(said, size);
                let least = make(needed).unwrap();
                assert!(least.windows().unwrap().size >= MIB && least.table(&[]).is_ok());
                assert!(matches!(make(needed - MIB), Err(PartitionError::TooSmall { .. })));
            }
        };
        check(&uefi(512), 512);
        check(&uefi(4096), 4096);
        check(&|size| DiskLayout::bios(size, ID), 512);
    }

    #[test]
    fn sizes_must_be_whole_sectors() {
        assert!(matches!(DiskLayout::uefi(4096 * MIB + 512, 4096, ID), Err(PartitionError::PartialSector { .. })));
        assert!(matches!(DiskLayout::bios(4096 * MIB + 1, ID), Err(PartitionError::PartialSector { .. })));
        assert!(matches!(DiskLayout::uefi(4096 * MIB, 520, ID), Err(PartitionError::SectorSize(520))));
    }

    #[test]
    fn identifiers_come_from_the_given_one() {
        let one = DiskLayout::uefi(4096 * MIB, 512, ID).unwrap();
        assert_eq!(one, DiskLayout::uefi(4096 * MIB, 512, ID).unwrap());
        let other = DiskLayout::uefi(4096 * MIB, 512, Uuid::from_u128(8)).unwrap();
        let ids = |layout: &DiskLayout| {
            let parts = layout.partitions.iter().map(|part| part.id);
            parts.chain([layout.disk_id]).collect::<std::collections::HashSet<_>>()
        };
        assert_eq!(ids(&one).union(&ids(&other)).count(), 8);
        let signatures = [ID, Uuid::from_u128(8)].map(|id| DiskLayout::bios(4096 * MIB, id).unwrap().signature);
        assert_ne!(signatures[0], signatures[1]);
    }
}
