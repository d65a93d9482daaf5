//! How large clusters are. FAT type is decided by the number of clusters and by nothing else.

/// Clusters of the smallest FAT32 volume that every system takes for one: the specification's
/// 65,525, and 16 more because it warns of readers that are off by some.
const MIN_CLUSTERS: u64 = 65_525 + 16;

/// Sectors in front of the FATs, as the `fatfs` crate has them.
const RESERVED: u64 = 8;

/// Bytes of a cluster: what Windows would take for the size, or as much less as makes it FAT32.
/// `None` when the volume is too small.
pub(super) fn cluster_size(size: u64, sector_size: u32) -> Option<u32> {
    // MiB below which a size has these clusters.
    const PREFERRED: [(u64, u32); 5] =
        [(64, 512), (128, 1 << 10), (256, 2 << 10), (8 << 10, 4 << 10), (16 << 10, 8 << 10)];
    let preferred = PREFERRED.iter().find(|(below, _)| size >> 20 < *below).map_or(16 << 10, |&(_, cluster)| cluster);
    let mut cluster = preferred.max(sector_size);
    while clusters(size, sector_size, cluster) < MIN_CLUSTERS {
        cluster /= 2;
        if cluster < sector_size {
            return None;
        }
    }
    Some(cluster)
}

/// The smallest FAT32 volume in bytes.
pub(super) fn minimum_size(sector_size: u32) -> u64 {
    let sector = u64::from(sector_size);
    let fat = ((MIN_CLUSTERS + 2) * 4).div_ceil(sector);
    let mut sectors = MIN_CLUSTERS + RESERVED + 2 * fat;
    // The FATs of a volume are computed from all of its sectors, so a few more may be needed.
    while clusters(sectors * sector, sector_size, sector_size) < MIN_CLUSTERS {
        sectors += 1;
    }
    sectors * sector
}

/// Clusters of a volume, at least: with FATs that also cover what they take themselves.
pub(super) fn clusters(size: u64, sector_size: u32, cluster: u32) -> u64 {
    let per_cluster = u64::from(cluster / sector_size);
    let sectors = size / u64::from(sector_size);
    let fat = ((sectors / per_cluster + 2) * 4).div_ceil(u64::from(sector_size));
    sectors.saturating_sub(RESERVED + 2 * fat) / per_cluster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_those_of_windows_where_that_is_fat32() {
        for (mib, sector, expected) in [
            (32, 512, None),
            (33, 512, Some(512)),
            (100, 512, Some(1024)),
            (200, 512, Some(2048)),
            (260, 512, Some(4096)),
            (32_768, 512, Some(16_384)),
            (100, 4096, None),
            (256, 4096, None),
            (257, 4096, Some(4096)),
            (260, 4096, Some(4096)),
        ] {
            assert_eq!(cluster_size(mib << 20, sector), expected, "{mib} MiB, {sector}");
        }
    }

    #[test]
    fn the_minimum_is_the_least() {
        for sector in [512, 4096] {
            let least = minimum_size(sector);
            assert_eq!(cluster_size(least, sector), Some(sector));
            assert_eq!(cluster_size(least - u64::from(sector), sector), None);
        }
    }
}
