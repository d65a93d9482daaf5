//! What starts the machine.

/// What starts the machine, and so which boot manager takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Firmware {
    /// A BIOS: by way of the boot records to `\bootmgr`.
    Bios,
    /// UEFI: from the EFI system partition, `bootmgfw.efi`.
    Uefi,
}
