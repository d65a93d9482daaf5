//! How large the disk is, and where its partitions lie.

use nanovhd_disk::{DiskLayout, Partition, PartitionError};
use nanovhd_ntfs::{Volume, VolumeOptions};
use nanovhd_tree::Tree;
use uuid::Uuid;

use crate::size::{GIB, MIB};
use crate::{Firmware, PlanError, Size};

/// The size of a disk when none is asked for and the image fits: what the tool that came with
/// Windows Server 2016 took.
pub(crate) const DEFAULT_SIZE: Size = Size(4 * GIB);

/// A disk large enough for any volume that is looked at, to learn what a layout takes from it. Both
/// partition tables can hold it.
const PROBE: u64 = 1 << 40;

/// The size of the disk, and why it is that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sized {
    pub(crate) size: Size,
    pub(crate) least: Size,
    pub(crate) reason: String,
}

/// Makes layouts of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layouts {
    pub(crate) firmware: Firmware,
    pub(crate) sector_size: u32,
    pub(crate) disk: Uuid,
}

impl Layouts {
    /// The partitions of a disk of this size.
    pub(crate) fn of(self, size: u64) -> Result<DiskLayout, PartitionError> {
        match self.firmware {
            Firmware::Uefi => DiskLayout::uefi(size, self.sector_size, self.disk),
            Firmware::Bios => DiskLayout::bios(size, self.disk),
        }
    }

    /// The least size of a disk whose Windows partition can hold the tree.
    fn least(self, tree: &Tree, volume: &VolumeOptions) -> Result<Size, PlanError> {
        let probe = self.of(PROBE)?;
        let windows = windows(&probe);
        let beside = PROBE - windows.size;
        let options = VolumeOptions {
            size: windows.size,
            hidden_sectors: windows.first / u64::from(self.sector_size),
            ..volume.clone()
        };
        let needed = Volume::minimum_size(tree, &options)?;
        let disk = needed.checked_next_multiple_of(MIB).and_then(|n| n.checked_add(beside));
        disk.map(Size).ok_or(PlanError::TooSmall { size: Size(u64::MAX), least: Size(u64::MAX) })
    }

    /// Decides on the disk's size.
    pub(crate) fn size(self, asked: Option<Size>, tree: &Tree, volume: &VolumeOptions) -> Result<Sized, PlanError> {
        let least = self.least(tree, volume)?;
        let (size, reason) = match asked {
            Some(asked) => {
                let whole = asked.0.checked_next_multiple_of(MIB).map_or(asked, Size);
                let reason = if whole == asked {
                    "as asked for".to_owned()
                } else {
                    format!("{} bytes were asked for, rounded up to a whole MiB", asked.0)
                };
                (whole, reason)
            }
            None if least <= DEFAULT_SIZE => (DEFAULT_SIZE, "the usual size".to_owned()),
            None => {
                let roomy = with_room(least);
                (roomy, format!("the usual {DEFAULT_SIZE} are too few for this image; a quarter more than it needs"))
            }
        };
        if size < least {
            return Err(PlanError::TooSmall { size, least });
        }
        Ok(Sized { size, least, reason })
    }
}

/// A quarter more, in whole GiB: Windows needs room for its page file, logs and updates.
fn with_room(least: Size) -> Size {
    let roomy = least.0.saturating_add(least.0 / 4);
    Size(roomy.checked_next_multiple_of(GIB).unwrap_or(least.0))
}

/// The partition for Windows.
pub(crate) fn windows(layout: &DiskLayout) -> &Partition {
    layout.windows().expect("both layouts have a partition for Windows")
}
