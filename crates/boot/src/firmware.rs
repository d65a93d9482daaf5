//! What starts the machine.

use std::fmt;

/// What starts the machine, and so which boot manager takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Firmware {
    /// A BIOS: by way of the boot records to `\bootmgr`.
    Bios,
    /// UEFI: from the EFI system partition, `bootmgfw.efi`.
    Uefi,
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
        })
    }
}
