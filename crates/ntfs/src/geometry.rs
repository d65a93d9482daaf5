//! The measures of a volume, checked.

use crate::VolumeOptions;
use crate::error::LayoutError;
use crate::format::STRIDE;
use crate::units::ClusterSize;

/// The most clusters that Windows counts in a volume.
const MAX_CLUSTERS: u64 = u32::MAX as u64;
/// The largest cluster that all versions of Windows since NT read.
const MAX_CLUSTER: u32 = 0x1_0000;
/// The only sectors that a BIOS starts from.
const BIOS_SECTOR: u32 = 512;
/// The least and the most bytes of the journal; 2 MiB is the least that `chkdsk /L` takes.
const LOG_BYTES: (u64, u64) = (2 << 20, 64 << 20);

/// The measures of a volume.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) sector: u32,
    pub(crate) cluster: ClusterSize,
    /// Bytes of an MFT record.
    pub(crate) record: usize,
    /// Bytes of the volume.
    pub(crate) size: u64,
    pub(crate) hidden_sectors: u32,
    pub(crate) serial: u64,
}

impl Geometry {
    pub(crate) fn new(options: &VolumeOptions) -> Result<Self, LayoutError> {
        let VolumeOptions { size, cluster_size, sector_size, hidden_sectors, serial, .. } = *options;
        if sector_size != 512 && sector_size != 4096 {
            return Err(LayoutError::SectorSize(sector_size));
        }
        if !cluster_size.is_power_of_two() || !(sector_size..=MAX_CLUSTER).contains(&cluster_size) {
            return Err(LayoutError::ClusterSize { found: cluster_size, least: sector_size });
        }
        if options.boot_code.is_some() && sector_size != BIOS_SECTOR {
            return Err(LayoutError::BootCode { sector_size });
        }
        if size / u64::from(cluster_size) > MAX_CLUSTERS {
            return Err(LayoutError::TooLarge { size, cluster_size, most: MAX_CLUSTERS });
        }
        Ok(Self {
            sector: sector_size,
            cluster: ClusterSize(cluster_size),
            // Windows makes records of a sector's size where a sector is larger.
            record: sector_size.max(1024) as usize,
            size,
            hidden_sectors: u32::try_from(hidden_sectors).map_err(|_| LayoutError::HiddenSectors(hidden_sectors))?,
            serial,
        })
    }

    /// Whole sectors of the volume, the last with the copy of the boot sector included.
    pub(crate) fn sectors(&self) -> u64 {
        self.size / u64::from(self.sector)
    }

    /// Whole clusters before the last sector.
    pub(crate) fn clusters(&self) -> u64 {
        self.sectors().saturating_sub(1) * u64::from(self.sector) / self.cluster.bytes()
    }

    /// The most bytes that a stream can have on any volume with these clusters.
    pub(crate) fn max_stream(&self) -> u64 {
        MAX_CLUSTERS * self.cluster.bytes()
    }

    /// Where the attributes of an MFT record begin: behind header and update sequence array.
    pub(crate) fn attributes_offset(&self) -> usize {
        crate::format::align8(0x30 + 2 * (self.record / STRIDE + 1))
    }

    /// Bytes for attributes in an MFT record; eight are for the mark of the end.
    pub(crate) fn attributes_room(&self) -> usize {
        self.record - self.attributes_offset() - 8
    }

    /// Bytes of `$MFTMirr`: four records, but at least a cluster.
    pub(crate) fn mirror_bytes(&self) -> u64 {
        (4 * self.record as u64).max(self.cluster.bytes())
    }

    /// Bytes of `$LogFile`: half a percent of the volume.
    pub(crate) fn log_bytes(&self) -> u64 {
        (self.size / 200).clamp(LOG_BYTES.0, LOG_BYTES.1).next_multiple_of(MAX_CLUSTER.into())
    }

    /// Bytes of `$Bitmap`: a bit for each cluster, in whole 64-bit words.
    pub(crate) fn bitmap_bytes(&self) -> u64 {
        self.clusters().div_ceil(64) * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(size: u64, cluster_size: u32, sector_size: u32) -> VolumeOptions {
        VolumeOptions { size, cluster_size, sector_size, ..VolumeOptions::default() }
    }

    #[test]
    fn impossible_measures_are_refused() {
        let error = |size, cluster, sector| Geometry::new(&options(size, cluster, sector)).unwrap_err();
        assert_eq!(error(1 << 30, 4096, 520), LayoutError::SectorSize(520));
        for cluster in [0, 256, 4097, 0x2_0000] {
            assert_eq!(error(1 << 30, cluster, 512), LayoutError::ClusterSize { found: cluster, least: 512 });
        }
        assert_eq!(error(1 << 30, 512, 4096), LayoutError::ClusterSize { found: 512, least: 4096 });
        assert!(matches!(error(1 << 41, 512, 512), LayoutError::TooLarge { .. }));
        let with_code = |sector_size| {
            let options = VolumeOptions { boot_code: Some(&[0; 8192]), ..options(1 << 30, 4096, sector_size) };
            Geometry::new(&options).map(|_| ())
        };
        assert_eq!(with_code(4096), Err(LayoutError::BootCode { sector_size: 4096 }));
        assert_eq!(with_code(512), Ok(()));
    }

    #[test]
    fn the_copy_of_the_boot_sector_is_behind_the_last_cluster() {
        let geometry = Geometry::new(&options(1 << 20, 4096, 512)).unwrap();
        assert_eq!((geometry.sectors(), geometry.clusters()), (2048, 255));
        assert_eq!(geometry.attributes_room(), 960);
    }
}
