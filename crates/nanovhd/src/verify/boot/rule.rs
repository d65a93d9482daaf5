//! What starting Windows demands of a disk.

use nanovhd_tree::rules;

rules! {
    /// A rule of what starts Windows: of what firmware, boot code and boot manager rely on, in the order in
    /// which they do. A disk that breaks one does not start, not everywhere, or not what its menu offers.
    pub enum BootRule {
        SystemPartition "boot-system-partition" "There is a partition that the firmware starts from: an EFI system partition with FAT, or one that is active.",
        SectorSize "boot-sector-size" "A disk that a BIOS starts from has sectors of 512 bytes.",
        MbrCode "boot-mbr-code" "The master boot record of a disk for a BIOS has code.",
        RecordCode "boot-record-code" "The boot record of the active partition has code that does more than halt.",
        RecordPlace "boot-record-place" "The boot record of the active partition says at which sector it lies.",
        OwnCode "boot-own-code" "Boot code that is nanovhd's for the most part is so to the last byte.",
        Manager "boot-manager" "The boot manager is where firmware or boot record look for it.",
        ManagerForm "boot-manager-form" "A boot record can load `\\bootmgr`: it has 1 byte to 508 KiB, neither compressed, sparse nor encrypted, and no reparse point.",
        Program "boot-program" "The boot manager of UEFI, and what stands in for it, is a UEFI program with the checksum that it states.",
        Fallback "boot-fallback" "Firmware that knows nothing of the disk finds a program for the same machine in `\\EFI\\Boot`: the boot manager, or another's.",
        FileMissing "boot-file-missing" "Beside a boot manager of the length and time of Windows' own are all files that Windows has for it.",
        FileData "boot-file-data" "A boot file of the length and time of Windows' own has the same bytes.",
        Store "boot-store" "The boot manager's store is where it looks for it, and can be read.",
        Entry "boot-entry" "The store has {bootmgr}, which names something to start, and everything that {bootmgr} names.",
        Device "boot-device" "Partitions of this disk that the store names are there, and what is started first is on this disk.",
        Loader "boot-loader" "Loaders of Windows are those for the firmware: .efi under UEFI, .exe under a BIOS.",
        Path "boot-path" "Loaders and Windows directories are where the store says.",
    }
}
