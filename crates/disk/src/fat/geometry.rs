//! Where everything lies on the volume, as the boot sector says, checked. FAT specification, `Boot
//! Sector and BPB Structure`, `FAT Type Determination`.
//!
//! The specification tells FAT types apart by the number of clusters alone. Windows and Linux first
//! look whether the size of the FAT is said in the place of FAT32, and formatters make FAT32 volumes
//! of fewer clusters than the specification wants, so that is done here as well; the checker
//! reports the number.

use std::io;

use thiserror::Error;

use super::format::{ACTIVE_FAT, BOOT_SIGNATURE, BootSector, ENTRY, NOT_MIRRORED};
use super::rule::FatRule;

/// How wide the entries of the FAT are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FatKind {
    /// 12 bits.
    Fat12,
    /// 16 bits.
    Fat16,
    /// 32 bits, of which 28 count.
    Fat32,
}

impl FatKind {
    /// Bits of an entry of the FAT.
    pub fn bits(self) -> u32 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// The most clusters that the kind can number, because the highest numbers are marks.
    pub(crate) fn max_clusters(self) -> u64 {
        match self {
            Self::Fat12 => 4_084,
            Self::Fat16 => 65_524,
            Self::Fat32 => 0x0fff_fff5,
        }
    }
}

/// Why a volume can't be read as FAT.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatOpenError {
    /// The volume can't be read.
    #[error("the boot sector can't be read")]
    Io(#[from] io::Error),
    /// There is no boot sector.
    #[error("the boot sector ends with {found:02x?} at 0x1fe, expected [55, aa]")]
    Signature {
        /// The two bytes.
        found: [u8; 2],
    },
    /// FAT has no such sectors.
    #[error("the boot sector says sectors of {0} bytes, expected 512, 1024, 2048 or 4096")]
    SectorSize(u16),
    /// A cluster is a power of two of sectors.
    #[error("the boot sector says clusters of {0} sectors, expected a power of two")]
    ClusterSectors(u8),
    /// The boot sector itself is in front of the FATs.
    #[error("the boot sector says that the first FAT is in its own place")]
    NoReservedSectors,
    /// There is no FAT.
    #[error("the boot sector says that there is no FAT, or that it has no sectors")]
    NoFat,
    /// A FAT12 or FAT16 volume has a root directory of its own.
    #[error("the boot sector says that the root directory has no entries")]
    NoRoot,
    /// The volume has no sectors.
    #[error("the boot sector says that the volume has no sectors")]
    NoSectors,
    /// Bytes of the volume are missing.
    #[error("the boot sector says a volume of {expected} bytes, but there are {found}")]
    Truncated {
        /// What the boot sector says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// FATs and root directory leave no room for a cluster.
    #[error("the first cluster would be at {data:#x}, and the volume ends at {end:#x}")]
    NoClusters {
        /// Where data would start.
        data: u64,
        /// Where the volume ends.
        end: u64,
    },
    /// The FAT can't number so many clusters.
    #[error("the volume has {found} clusters, at most {most} can be")]
    TooManyClusters {
        /// How many there are.
        found: u64,
        /// How many can be.
        most: u64,
    },
    /// The FAT has too few entries.
    #[error("the FAT has {found} bytes, {needed} are needed for its {clusters} clusters")]
    FatTooShort {
        /// Bytes of the FAT.
        found: u64,
        /// Bytes needed.
        needed: u64,
        /// Clusters of the volume.
        clusters: u64,
    },
    /// The volume has a version of FAT32 that is not known.
    #[error("the volume has FAT32 version {0:#x}, expected 0")]
    Version(u16),
    /// The FAT that is said to count is none of those there are.
    #[error("the volume uses FAT {active} of {fats}")]
    ActiveFat {
        /// Number of the FAT, from 0 on.
        active: u8,
        /// How many there are.
        fats: u8,
    },
    /// The root directory is not on the volume.
    #[error("the root directory starts at cluster {found}, expected 2 to {last}")]
    RootCluster {
        /// What the boot sector says.
        found: u32,
        /// The last cluster.
        last: u32,
    },
}

impl FatOpenError {
    /// The rule that is broken, and where in the boot sector.
    pub(crate) fn rule(&self) -> (FatRule, u64) {
        match self {
            Self::Io(_) => (FatRule::BootSignature, 0),
            Self::Signature { .. } => (FatRule::BootSignature, 0x1fe),
            Self::SectorSize(_) => (FatRule::SectorSize, 0x0b),
            Self::ClusterSectors(_) => (FatRule::ClusterSize, 0x0d),
            Self::NoReservedSectors => (FatRule::ReservedSectors, 0x0e),
            Self::NoFat => (FatRule::FatSize, 0x10),
            Self::NoRoot => (FatRule::RootDirectory, 0x11),
            Self::NoSectors | Self::Truncated { .. } | Self::NoClusters { .. } => (FatRule::VolumeSize, 0x20),
            Self::TooManyClusters { .. } => (FatRule::ClusterCount, 0x20),
            Self::FatTooShort { .. } => (FatRule::FatSize, 0x24),
            Self::Version(_) => (FatRule::Version, 0x2a),
            Self::ActiveFat { .. } => (FatRule::ActiveFat, 0x28),
            Self::RootCluster { .. } => (FatRule::RootDirectory, 0x2c),
        }
    }
}

/// Where the root directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// In front of the clusters: offset and length in bytes.
    Fixed { offset: u64, len: u64 },
    /// In a chain like any other directory.
    Chain { cluster: u32 },
}

/// The volume's measures. All of them lie within the volume, and the FAT has an entry for each
/// cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) kind: FatKind,
    /// Bytes of a sector.
    pub(crate) sector_size: u32,
    /// Bytes of a cluster.
    pub(crate) cluster_size: u32,
    /// Bytes of the volume.
    pub(crate) size: u64,
    /// Where the first FAT starts.
    pub(crate) fat_offset: u64,
    /// Bytes of a FAT.
    pub(crate) fat_len: u64,
    /// How many FATs, one after the other.
    pub(crate) fats: u8,
    /// Which of them is read.
    pub(crate) active_fat: u8,
    /// Whether all of them are to be the same.
    pub(crate) mirrored: bool,
    pub(crate) root: Root,
    /// Where cluster 2 starts, the first.
    pub(crate) data: u64,
    /// How many clusters.
    pub(crate) clusters: u32,
}

impl Geometry {
    /// Reads the boot sector of a volume of `len` bytes.
    ///
    /// # Errors
    /// Everything that is wrong, never nothing.
    pub(crate) fn new(boot: &BootSector, len: u64) -> Result<Self, Vec<FatOpenError>> {
        let faults = Self::field_faults(boot);
        if !faults.is_empty() {
            return Err(faults);
        }
        let geometry = Self::unchecked(boot);
        let faults = geometry.0.faults(boot, geometry.1, len);
        if faults.is_empty() { Ok(geometry.0) } else { Err(faults) }
    }

    /// What is wrong with fields that can be judged by themselves. Without a fault, no sum or
    /// division made of them goes wrong.
    fn field_faults(boot: &BootSector) -> Vec<FatOpenError> {
        use FatOpenError::*;
        let mut faults = Vec::new();
        let mut demand = |is_good: bool, fault: FatOpenError| {
            if !is_good {
                faults.push(fault);
            }
        };
        demand(boot.signature == BOOT_SIGNATURE, Signature { found: boot.signature });
        let sector = boot.sector_size.get();
        demand([512, 1024, 2048, 4096].contains(&sector), SectorSize(sector));
        demand(boot.cluster_sectors.is_power_of_two(), ClusterSectors(boot.cluster_sectors));
        demand(boot.reserved_sectors.get() > 0, NoReservedSectors);
        demand(boot.fats > 0 && fat_sectors(boot) > 0, NoFat);
        demand(total_sectors(boot) > 0, NoSectors);
        if boot.is_fat32() {
            let fat32 = boot.fat32();
            demand(fat32.version.get() == 0, Version(fat32.version.get()));
            let active = active_fat(boot);
            demand(active < boot.fats.max(1), ActiveFat { active, fats: boot.fats });
        } else {
            demand(boot.root_entries.get() > 0, NoRoot);
        }
        faults
    }

    /// The measures, and the number of clusters, which may be any. The fields are at most 32 bits
    /// and are multiplied by at most 20 bits, so nothing overflows.
    fn unchecked(boot: &BootSector) -> (Self, u64) {
        let sector_size = u32::from(boot.sector_size.get());
        let sector = u64::from(sector_size);
        let cluster_size = sector_size * u32::from(boot.cluster_sectors);
        let size = total_sectors(boot) * sector;
        let fat_offset = u64::from(boot.reserved_sectors.get()) * sector;
        let fat_len = fat_sectors(boot) * sector;
        let root_offset = fat_offset + u64::from(boot.fats) * fat_len;
        let root_len = u64::from(boot.root_entries.get()) * ENTRY as u64;
        let (root, data) = if boot.is_fat32() {
            (Root::Chain { cluster: boot.fat32().root_cluster.get() }, root_offset)
        } else {
            (Root::Fixed { offset: root_offset, len: root_len }, root_offset + root_len.next_multiple_of(sector))
        };
        let clusters = size.saturating_sub(data) / u64::from(cluster_size);
        let kind = match clusters {
            _ if boot.is_fat32() => FatKind::Fat32,
            0..=4_084 => FatKind::Fat12,
            _ => FatKind::Fat16,
        };
        let geometry = Self {
            kind,
            sector_size,
            cluster_size,
            size,
            fat_offset,
            fat_len,
            fats: boot.fats,
            active_fat: active_fat(boot),
            mirrored: !boot.is_fat32() || boot.fat32().flags.get() & NOT_MIRRORED == 0,
            root,
            data,
            // What doesn't fit is more than can be, and is refused.
            clusters: u32::try_from(clusters).unwrap_or(u32::MAX),
        };
        (geometry, clusters)
    }

    /// What is wrong with the measures taken together.
    fn faults(&self, boot: &BootSector, clusters: u64, len: u64) -> Vec<FatOpenError> {
        use FatOpenError::*;
        let mut faults = Vec::new();
        if self.size > len {
            faults.push(Truncated { expected: self.size, found: len });
        }
        let most = self.kind.max_clusters();
        let needed = ((clusters + 2) * u64::from(self.kind.bits())).div_ceil(8);
        if clusters == 0 {
            faults.push(NoClusters { data: self.data, end: self.size });
        } else if clusters > most {
            faults.push(TooManyClusters { found: clusters, most });
        } else if needed > self.fat_len {
            faults.push(FatTooShort { found: self.fat_len, needed, clusters });
        }
        if boot.is_fat32() && clusters <= most {
            let found = boot.fat32().root_cluster.get();
            if !self.has_cluster(found) {
                faults.push(RootCluster { found, last: self.clusters + 1 });
            }
        }
        faults
    }

    /// Whether there is a cluster of this number.
    pub(crate) fn has_cluster(&self, cluster: u32) -> bool {
        cluster >= 2 && cluster - 2 < self.clusters
    }

    /// Where a cluster starts that there is.
    pub(crate) fn cluster_offset(&self, cluster: u32) -> u64 {
        self.data + u64::from(cluster - 2) * u64::from(self.cluster_size)
    }

    /// Where a FAT starts.
    pub(crate) fn fat(&self, number: u8) -> u64 {
        self.fat_offset + u64::from(number) * self.fat_len
    }

    /// Where the entry of a cluster starts in the FAT that is read. On FAT12 it may start within
    /// the byte.
    pub(crate) fn fat_entry(&self, cluster: u32) -> u64 {
        self.fat(self.active_fat) + u64::from(cluster) * u64::from(self.kind.bits()) / 8
    }
}

fn fat_sectors(boot: &BootSector) -> u64 {
    if boot.is_fat32() { boot.fat32().fat_sectors.get().into() } else { boot.fat_sectors_16.get().into() }
}

fn total_sectors(boot: &BootSector) -> u64 {
    match boot.total_sectors_16.get() {
        0 => boot.total_sectors_32.get().into(),
        sectors => sectors.into(),
    }
}

fn active_fat(boot: &BootSector) -> u8 {
    let flags = if boot.is_fat32() { boot.fat32().flags.get() } else { 0 };
    let active = if flags & NOT_MIRRORED == 0 { 0 } else { flags & ACTIVE_FAT };
    u8::try_from(active).expect("four bits")
}

#[cfg(test)]
mod tests {
    use zerocopy::{FromBytes, FromZeros, IntoBytes};

    use super::*;

    /// A boot sector of FAT12 or FAT16 with room for so many clusters of 512 bytes.
    fn boot(clusters: u32) -> BootSector {
        let mut boot = BootSector::new_zeroed();
        boot.sector_size = 512.into();
        boot.cluster_sectors = 1;
        boot.reserved_sectors = 1.into();
        boot.fats = 2;
        boot.root_entries = 16.into();
        boot.fat_sectors_16 = 256.into();
        boot.total_sectors_32 = (1 + 2 * 256 + 1 + clusters).into();
        boot.signature = BOOT_SIGNATURE;
        boot
    }

    /// Makes it one of FAT32, which has no root directory in front of the clusters.
    fn fat32(mut boot: BootSector) -> BootSector {
        let (fields, _) = super::super::format::Fat32::mut_from_prefix(&mut boot.rest).unwrap();
        fields.fat_sectors = 600.into();
        fields.root_cluster = 2.into();
        boot.total_sectors_32 = (boot.total_sectors_32.get() - 1 + 2 * (600 - 256)).into();
        (boot.fat_sectors_16, boot.root_entries) = (0.into(), 0.into());
        boot
    }

    #[test]
    fn the_number_of_clusters_tells_the_kind() {
        for (clusters, expected) in [
            (1, Ok(FatKind::Fat12)),
            (4_084, Ok(FatKind::Fat12)),
            (4_085, Ok(FatKind::Fat16)),
            (65_524, Ok(FatKind::Fat16)),
            (65_525, Err("the volume has 65525 clusters, at most 65524 can be")),
            (0, Err("the first cluster would be at 0x40400, and the volume ends at 0x40400")),
        ] {
            let found = Geometry::new(&boot(clusters), u64::MAX).map_err(|faults| faults[0].to_string());
            assert_eq!(found.map(|geometry| geometry.kind), expected.map_err(str::to_owned), "{clusters}");
        }
        for clusters in [1, 65_525, 76_798] {
            let geometry = Geometry::new(&fat32(boot(clusters)), u64::MAX).unwrap();
            assert_eq!((geometry.kind, geometry.clusters), (FatKind::Fat32, clusters));
        }
        // Entries 0 and 1 are no cluster's.
        let faults = Geometry::new(&fat32(boot(76_799)), u64::MAX).unwrap_err();
        assert!(
            matches!(faults[..], [FatOpenError::FatTooShort { found: 307_200, needed: 307_204, .. }]),
            "{faults:?}"
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = Geometry::new(&BootSector::new_zeroed(), 512).unwrap_err();
        assert_eq!(faults.len(), 6, "{faults:?}");
        let mut boot = boot(100);
        boot.total_sectors_32 = 5_000.into();
        let faults = Geometry::new(&boot, 5_000 * 512 - 1).unwrap_err();
        assert!(matches!(faults[..], [FatOpenError::Truncated { expected: 2_560_000, found: 2_559_999 }]));
    }

    #[test]
    fn no_boot_sector_makes_a_sum_overflow() {
        for byte in [0, 1, 2, 0x10, 0x80, 0xff] {
            let mut boot = BootSector::new_zeroed();
            boot.as_mut_bytes().fill(byte);
            for (cluster, sector) in [(1, 512_u16), (128, 4096)] {
                (boot.signature, boot.cluster_sectors, boot.sector_size) = (BOOT_SIGNATURE, cluster, sector.into());
                for _ in 0..2 {
                    let _ = Geometry::new(&boot, u64::MAX);
                    boot.fat_sectors_16 = 0.into();
                }
            }
        }
    }
}
