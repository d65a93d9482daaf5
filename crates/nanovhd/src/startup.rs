//! What starts from a disk: which partition the firmware turns to, and where Windows is.
//!
//! ```text
//!   GPT ──► UEFI ──► EFI system partition ──► \EFI\Microsoft\Boot\{bootmgfw.efi, BCD} ─┐
//!   MBR ──► BIOS ──► active partition ──────► \bootmgr, \Boot\BCD ─────────────────────┴─► Windows
//! ```
//!
//! Windows starts from a GPT under UEFI alone and from an MBR under a BIOS. The exception is media that is
//! started by UEFI from an EFI system partition in an MBR with nothing active.

use nanovhd_boot::{BootPaths, Firmware};
use nanovhd_disk::{FoundKind, FoundPartition, PartitionTable, Scheme};
use nanovhd_tree::FileId;

use crate::Volume;
use crate::disk_image::Part;

/// A partition whose files can be read.
pub(crate) struct Mounted<'v> {
    pub(crate) part: Part<'v>,
    pub(crate) volume: Volume<'v>,
}

impl Mounted<'_> {
    /// The file at a path, in any case.
    pub(crate) fn file(&self, path: &str) -> Option<FileId> {
        let file = self.volume.tree().lookup(path)?;
        (!self.volume.tree().file(file).is_directory()).then_some(file)
    }

    /// Whether there is a directory at a path.
    pub(crate) fn has_directory(&self, path: &str) -> bool {
        let tree = self.volume.tree();
        tree.lookup(path).is_some_and(|file| tree.file(file).is_directory())
    }

    /// Whether it is NTFS.
    pub(crate) fn is_ntfs(&self) -> bool {
        self.volume.ntfs_cluster_size().is_some()
    }
}

/// What of a disk takes part in starting Windows.
pub(crate) struct Startup<'v> {
    pub(crate) firmware: Firmware,
    pub(crate) table: &'v PartitionTable,
    pub(crate) volumes: &'v [Mounted<'v>],
    /// The partition that the firmware turns to, whether its files can be read or not.
    pub(crate) system: Option<&'v FoundPartition>,
    /// The largest NTFS volume, if Windows is on it.
    pub(crate) windows: Option<&'v Mounted<'v>>,
}

impl<'v> Startup<'v> {
    /// Looks for Windows and for what starts it. `None` when there is neither.
    pub(crate) fn find(table: &'v PartitionTable, volumes: &'v [Mounted<'v>]) -> Option<Self> {
        let firmware = firmware(table);
        let largest = volumes.iter().filter(|mounted| mounted.is_ntfs()).rev().max_by_key(|m| m.part.size);
        let both = [BootPaths::of(Firmware::Uefi), BootPaths::of(Firmware::Bios)];
        let windows = largest.filter(|m| both.iter().any(|paths| m.file(paths.loader).is_some()));
        let starts = |m: &Mounted<'_>| {
            both.iter().any(|paths| m.file(paths.manager).is_some() || m.file(paths.store).is_some())
        };
        if windows.is_none() && !volumes.iter().any(starts) {
            return None;
        }
        let paths = BootPaths::of(firmware);
        let of_kind = |part: &&FoundPartition| match firmware {
            Firmware::Uefi => part.is_esp(),
            Firmware::Bios => is_active(part),
        };
        let candidates = || table.partitions.iter().filter(of_kind);
        let has_manager = |part: &&FoundPartition| {
            volumes.iter().any(|m| m.part.number == Some(part.number) && m.file(paths.manager).is_some())
        };
        let system = candidates().find(has_manager).or_else(|| candidates().next());
        Some(Self { firmware, table, volumes, system, windows })
    }

    /// The paths that the firmware's boot manager has.
    pub(crate) fn paths(&self) -> BootPaths {
        BootPaths::of(self.firmware)
    }

    /// The files of the partition that the firmware turns to.
    pub(crate) fn system_volume(&self) -> Option<&'v Mounted<'v>> {
        let number = self.system?.number;
        self.volumes.iter().find(|mounted| mounted.part.number == Some(number))
    }
}

/// Whether the partition's boot record is run by the master boot record.
pub(crate) fn is_active(part: &FoundPartition) -> bool {
    matches!(part.kind, FoundKind::Mbr { active: true, .. })
}

fn firmware(table: &PartitionTable) -> Firmware {
    let any = |is: fn(&FoundPartition) -> bool| table.partitions.iter().any(is);
    match table.scheme {
        Scheme::Gpt => Firmware::Uefi,
        Scheme::Mbr if any(FoundPartition::is_esp) && !any(is_active) => Firmware::Uefi,
        Scheme::Mbr => Firmware::Bios,
    }
}
