//! How large the disk is, and where its partitions lie.

use nanovhd_disk::{DiskLayout, Partition, PartitionError};
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
    /// Bytes of the EFI system partition, where there is one.
    pub(crate) esp: u64,
    pub(crate) disk: Uuid,
}

impl Layouts {
    /// The partitions of a disk of this size.
    pub(crate) fn of(self, size: u64) -> Result<DiskLayout, PartitionError> {
        match self.firmware {
            Firmware::Uefi => DiskLayout::uefi_with_esp(size, self.sector_size, self.esp, self.disk),
            Firmware::Bios => DiskLayout::bios(size, self.disk),
        }
    }

    /// The partitions of some disk: of any size, under any identifiers.
    pub(crate) fn of_any(self) -> Result<DiskLayout, PartitionError> {
        self.of(PROBE)
    }

    /// The least size of a disk whose Windows partition has `needed` bytes.
    fn least(self, needed: u64) -> Result<Size, PlanError> {
        let beside = PROBE - windows(&self.of_any()?).size;
        let disk = needed.checked_next_multiple_of(MIB).and_then(|n| n.checked_add(beside));
        disk.map(Size).ok_or(PlanError::TooSmall { size: Size(u64::MAX), least: Size(u64::MAX) })
    }

    /// Decides on the disk's size, for a volume that needs so many bytes.
    pub(crate) fn size(self, asked: Option<Size>, needed: u64) -> Result<Sized, PlanError> {
        let least = self.least(needed)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn size(asked: Option<u64>, needed: u64) -> Result<Sized, PlanError> {
        let layouts = Layouts { firmware: Firmware::Uefi, sector_size: 512, esp: 100 * MIB, disk: Uuid::nil() };
        layouts.size(asked.map(Size), needed)
    }

    #[test]
    fn the_size_is_the_usual_one_if_the_image_fits() {
        assert_eq!(size(None, 3 * GIB).unwrap().size, DEFAULT_SIZE);
        // Beside the volume there are 118 MiB.
        assert_eq!(size(None, 4 * GIB - 118 * MIB).unwrap().size, DEFAULT_SIZE);
        let sized = size(None, 4 * GIB).unwrap();
        assert_eq!(sized.size.0 % GIB, 0);
        assert!(sized.size.0 >= sized.least.0 + sized.least.0 / 4, "{sized:?}");
        assert!(sized.reason.contains("4 GiB"), "{sized:?}");
    }

    #[test]
    fn an_odd_size_is_rounded_up_and_that_is_said() {
        let sized = size(Some(10_000_000_000), 0).unwrap();
        assert_eq!(sized.size, Size(9537 * MIB));
        assert!(sized.reason.starts_with("10000000000 bytes were asked for"), "{sized:?}");
        assert_eq!(size(Some(GIB), 0).unwrap().reason, "as asked for");
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for (asked, needed) in [(0, MIB), (1, MIB), (GIB, GIB), (4 * GIB, u64::MAX - 1)] {
            assert!(size(Some(asked), needed).is_err(), "{asked} {needed}");
        }
        assert!(size(None, u64::MAX - 1).is_err());
    }
}
