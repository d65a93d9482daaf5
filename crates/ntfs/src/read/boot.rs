//! The boot sector, read.

use std::ops::RangeInclusive;

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use crate::format::BootSector;
use crate::rule::{Fault, Rule};
use crate::units::{ClusterSize, Lcn};

/// Sizes of sectors in bytes that NTFS knows.
const SECTORS: RangeInclusive<u32> = 256..=4096;
/// The largest cluster that Windows makes, since version 1709 of Windows 10.
const MAX_CLUSTER: u32 = 2 << 20;
/// The most clusters that Windows counts in a volume.
const MAX_CLUSTERS: u64 = u32::MAX as u64;
/// Sizes of MFT records and index blocks: a stride of the update sequence at least; Windows makes 1,
/// 2 and 4 KiB, and larger ones only where clusters are larger.
const BLOCKS: RangeInclusive<u64> = 512..=65536;

/// The measures of a volume, as its boot sector states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boot {
    pub(crate) sector: u32,
    pub(crate) cluster: ClusterSize,
    /// Bytes of an MFT record.
    pub(crate) record: usize,
    /// Bytes of an index block.
    pub(crate) index_block: usize,
    /// Sectors without the last, which holds the copy of the boot sector.
    pub(crate) sectors: u64,
    pub(crate) mft: Lcn,
    pub(crate) mirror: Lcn,
    pub(crate) serial: u64,
    pub(crate) hidden_sectors: u32,
}

impl Boot {
    /// Reads the boot sector in `bytes`; `room` is how many bytes the volume can have.
    pub(crate) fn parse(bytes: &[u8; 512], room: u64) -> Result<Self, Fault> {
        let boot = BootSector::ref_from_bytes(bytes).expect("a boot sector has 512 bytes");
        if boot.oem != *b"NTFS    " {
            return Err(Fault::new(
                Rule::BootOem,
                3,
                format!("expected \"NTFS    \", found {:?}", boot.oem.escape_ascii().to_string()),
            ));
        }
        if boot.signature != [0x55, 0xaa] {
            return Err(Fault::new(
                Rule::BootSignature,
                0x1fe,
                format!("expected 55 aa, found {:02x?}", boot.signature),
            ));
        }
        let sector = u32::from(boot.bytes_per_sector.get());
        if !sector.is_power_of_two() || !SECTORS.contains(&sector) {
            return Err(Fault::new(Rule::BootSectorSize, 0xb, format!("sectors of {sector} bytes")));
        }
        let cluster = cluster_size(sector, boot.sectors_per_cluster).ok_or_else(|| {
            Fault::new(
                Rule::BootClusterSize,
                0xd,
                format!("{:#04x} sectors of {sector} bytes in a cluster", boot.sectors_per_cluster),
            )
        })?;
        let size = |code, at, rule| {
            block_size(code, cluster).ok_or_else(|| {
                Fault::new(rule, at, format!("the size is {code:#04x} with clusters of {} bytes", cluster.0))
            })
        };
        let record = size(boot.record_size, 0x40, Rule::BootRecordSize)?;
        let index_block = size(boot.index_size, 0x44, Rule::BootIndexSize)?;
        let sectors = boot.total_sectors.get();
        if sectors == 0 || sectors.checked_mul(u64::from(sector)).is_none_or(|bytes| bytes > room) {
            return Err(Fault::new(
                Rule::BootTotalSectors,
                0x28,
                format!("{sectors} sectors of {sector} bytes where there is room for {room} bytes"),
            ));
        }
        let this = Self {
            sector,
            cluster,
            record,
            index_block,
            sectors,
            mft: Lcn(boot.mft_lcn.get()),
            mirror: Lcn(boot.mirror_lcn.get()),
            serial: boot.serial.get(),
            hidden_sectors: boot.hidden_sectors.get(),
        };
        let clusters = this.clusters();
        if clusters > MAX_CLUSTERS {
            let detail = format!("{clusters} clusters; the most is {MAX_CLUSTERS}");
            return Err(Fault::new(Rule::BootTotalSectors, 0x28, detail));
        }
        if this.mft.0 >= clusters || this.mirror.0 >= clusters || this.mft == this.mirror {
            let detail =
                format!("MFT at cluster {}, mirror at {}, of {clusters} clusters", this.mft.0, this.mirror.0);
            return Err(Fault::new(Rule::BootPlaces, 0x30, detail));
        }
        Ok(this)
    }

    /// Reads the boot sector at `offset` of a volume of `room` bytes.
    pub(crate) fn read(volume: &impl ReadAt, offset: u64, room: u64) -> std::io::Result<Result<Self, Fault>> {
        let mut bytes = [0; 512];
        volume.read_exact_at(&mut bytes, offset)?;
        Ok(Self::parse(&bytes, room))
    }

    /// Whole clusters of the volume.
    pub(crate) fn clusters(&self) -> u64 {
        self.sectors * u64::from(self.sector) / self.cluster.bytes()
    }

    /// Bytes of the volume, with the sector of the boot sector's copy.
    pub(crate) fn size(&self) -> u64 {
        (self.sectors + 1) * u64::from(self.sector)
    }
}

/// Bytes of a cluster from the code in the boot sector; see [`BootSector::sectors_per_cluster`].
fn cluster_size(sector: u32, code: u8) -> Option<ClusterSize> {
    let sectors = if code > 0x80 { 1u32.checked_shl(256 - u32::from(code))? } else { u32::from(code) };
    let bytes = sector.checked_mul(sectors)?;
    (bytes.is_power_of_two() && bytes <= MAX_CLUSTER).then_some(ClusterSize(bytes))
}

/// The size that [`encoded_size`](crate::format::encoded_size) encoded.
fn block_size(code: u8, cluster: ClusterSize) -> Option<usize> {
    let bytes = match code {
        0x80.. => 1u64.checked_shl(256 - u32::from(code))?,
        clusters => u64::from(clusters) * cluster.bytes(),
    };
    let sane = bytes.is_power_of_two() && BLOCKS.contains(&bytes);
    sane.then(|| usize::try_from(bytes).expect("at most 64 KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decoded_and_bounded() {
        let cluster = ClusterSize(4096);
        for (code, size) in [(0xf6, Some(1024)), (0xf4, Some(4096)), (1, Some(4096)), (2, Some(8192)), (3, None)] {
            assert_eq!(block_size(code, cluster), size, "{code:#x}");
        }
        for code in [0, 0x7f, 0x80, 0xc1, 0xff, 0xf8] {
            assert_eq!(block_size(code, cluster), None, "{code:#x}");
        }
        for (code, size) in [
            (8, Some(4096)),
            (0x80, Some(65536)),
            (0xf4, Some(2 << 20)),
            (0xf3, None),
            (0, None),
            (3, None),
            (0x81, None),
        ] {
            assert_eq!(cluster_size(512, code).map(|c| c.0), size, "{code:#x}");
        }
    }
}
