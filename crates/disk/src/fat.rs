//! FAT12, FAT16 and FAT32 volumes with long names, read and checked. Microsoft's FAT specification
//! (`fatgen103`, 2000); `esp` writes such volumes.
//!
//! ```text
//!  boot sector ──► Geometry ──► FatTable ──► Chain ──► DirectoryBytes ──► LongNames ──► Tree
//!                  where all    which        in which  its entries        their names
//!                  lies         cluster      clusters
//!                               is next      it lies
//! ```
//!
//! Nothing that is read is trusted. Every cluster is taken at most once on a walk through the
//! volume, so a walk ends whatever the FAT says; directories have at most 2 MiB and are at most
//! 256 deep. Memory is that of the FAT and of what is named.

mod chain;
mod check;
mod directory;
pub(crate) mod format;
mod geometry;
mod names;
mod path;
mod rule;
mod table;
pub(crate) mod time;
mod tree;

use std::fmt;

use nanovhd_tree::{Name, ReadAt};
use zerocopy::FromZeros;
use zerocopy::IntoBytes;

pub use self::chain::ChainFault;
pub use self::check::check_fat;
use self::format::{BootSector, EXTENDED_SIGNATURE, NO_NAME};
use self::geometry::Geometry;
pub use self::geometry::{FatKind, FatOpenError};
pub use self::rule::FatRule;
pub use self::tree::{FatFiles, FatReadError, FatTree};

/// A FAT volume.
pub struct FatVolume<R> {
    volume: R,
    boot: BootSector,
    geometry: Geometry,
}

impl<R: ReadAt> FatVolume<R> {
    /// Reads the boot sector. The bytes of `volume` are those of the partition and nothing else.
    ///
    /// # Errors
    /// [`FatOpenError`]: the first thing that makes it no FAT volume.
    pub fn open(volume: R) -> Result<Self, FatOpenError> {
        let mut boot = BootSector::new_zeroed();
        volume.read_exact_at(boot.as_mut_bytes(), 0)?;
        let geometry = Geometry::new(&boot, volume.len()?).map_err(|mut faults| faults.swap_remove(0))?;
        Ok(Self { volume, boot, geometry })
    }

    /// Which FAT it is.
    pub fn kind(&self) -> FatKind {
        self.geometry.kind
    }

    /// Bytes of the volume, as the boot sector says. The partition may be longer.
    pub fn size(&self) -> u64 {
        self.geometry.size
    }

    /// Bytes of a sector.
    pub fn sector_size(&self) -> u32 {
        self.geometry.sector_size
    }

    /// Bytes of a cluster.
    pub fn cluster_size(&self) -> u32 {
        self.geometry.cluster_size
    }

    /// How many clusters there are.
    pub fn clusters(&self) -> u32 {
        self.geometry.clusters
    }

    /// Sectors of the disk in front of the volume, as the boot sector says.
    pub fn hidden_sectors(&self) -> u32 {
        self.boot.hidden_sectors.get()
    }

    /// The serial number, if the boot sector has one.
    pub fn serial(&self) -> Option<u32> {
        let extended = self.boot.extended();
        (extended.signature == EXTENDED_SIGNATURE).then(|| extended.serial.get())
    }

    /// The label in the boot sector, if it has one.
    fn boot_label(&self) -> Option<Name> {
        let extended = self.boot.extended();
        let is_one = extended.signature == EXTENDED_SIGNATURE && &extended.label != NO_NAME;
        is_one.then(|| names::label(&extended.label)).filter(|label| !label.is_empty())
    }
}

impl<R> fmt::Debug for FatVolume<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FatVolume").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}
