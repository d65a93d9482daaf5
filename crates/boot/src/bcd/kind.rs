//! What an object is: the value `Type` of its description.

use std::borrow::Cow;
use std::fmt;

use uuid::Uuid;

use super::id;

/// The kind of an object, as stored. Microsoft, "BCD objects":
///
/// ```text
///  31    28 27    24 23    20 19                                     0
/// ┌────────┬────────┬────────┬─────────────────────────────────────────┐
/// │ object │    0   │ image  │ application                             │
/// └────────┴────────┴────────┴─────────────────────────────────────────┘
///  1 program          1 firmware's     1 firmware's boot manager
///  2 inherited        2 Windows'       2 boot manager
///  3 device           3 before Vista   3 loader  4 resume  5 memory tester …
///                     4 real mode
/// ```
///
/// In inherited settings the place of the image says what may inherit them: 1 any object, 2 programs, 3
/// devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind(pub u32);

/// Which table has the names of an object's own elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    BootManager,
    Loader,
    Resume,
    MemoryTester,
    Legacy,
    Startup,
    Other,
}

impl ObjectKind {
    /// The firmware's boot manager.
    pub const FIRMWARE_BOOT_MANAGER: Self = Self(0x1010_0001);
    /// The Windows boot manager.
    pub const BOOT_MANAGER: Self = Self(0x1010_0002);
    /// A program that the firmware starts.
    pub const FIRMWARE_APPLICATION: Self = Self(0x101f_ffff);
    /// A Windows loader.
    pub const LOADER: Self = Self(0x1020_0003);
    /// What resumes Windows from hibernation.
    pub const RESUME: Self = Self(0x1020_0004);
    /// The memory tester.
    pub const MEMORY_TESTER: Self = Self(0x1020_0005);
    /// The loader of Windows before Vista.
    pub const NTLDR: Self = Self(0x1030_0006);
    /// Settings that any object may inherit.
    pub const INHERITED: Self = Self(0x2010_0000);
    /// Settings that Windows loaders may inherit.
    pub const INHERITED_BY_LOADERS: Self = Self(0x2020_0003);
    /// Settings that what resumes from hibernation may inherit.
    pub const INHERITED_BY_RESUME: Self = Self(0x2020_0004);
    /// Options of a device.
    pub const DEVICE: Self = Self(0x3000_0000);

    /// Whether the object is a program.
    pub fn is_application(self) -> bool {
        self.0 >> 28 == 1
    }

    fn image(self) -> u32 {
        self.0 >> 20 & 0xf
    }

    /// The program that the object is, or whose settings it has.
    pub(super) fn program(self) -> Program {
        match (self.0 >> 28, self.image(), self.0 & 0xf_ffff) {
            (1, ..) | (2, 2, _) => match self.0 & 0xf_ffff {
                1 | 2 => Program::BootManager,
                3 => Program::Loader,
                4 => Program::Resume,
                5 => Program::MemoryTester,
                6..=8 => Program::Legacy,
                9 => Program::Startup,
                _ => Program::Other,
            },
            _ => Program::Other,
        }
    }

    /// The heading that bcdedit gives an object of this kind.
    pub(super) fn heading(self, id: Uuid) -> Cow<'static, str> {
        let kind = match self {
            Self::FIRMWARE_BOOT_MANAGER => "Firmware Boot Manager",
            Self::BOOT_MANAGER => "Windows Boot Manager",
            Self::LOADER => "Windows Boot Loader",
            Self::RESUME => "Resume from Hibernate",
            Self::MEMORY_TESTER => "Windows Memory Tester",
            Self::NTLDR => "Windows Legacy OS Loader",
            Self(0x1040_0008) => "Real-mode Boot Sector",
            _ => return self.other_heading(id),
        };
        Cow::Borrowed(kind)
    }

    /// The heading of objects that have the kind with others in common, or one that nobody knows.
    fn other_heading(self, id: Uuid) -> Cow<'static, str> {
        if let (2 | 3, Some(heading)) = (self.0 >> 28, id::heading(id)) {
            return Cow::Borrowed(heading);
        }
        let general = match (self.0 >> 28, self.image()) {
            (1, 1) => "Firmware Application",
            (1, 2) => "Windows Boot Application",
            (1, 3) => "Legacy Loader Application",
            (1, 4) => "Real-mode Application",
            (2, _) => "Inherited Settings",
            (3, _) => return Cow::Borrowed("Device options"),
            _ => "Unknown Object",
        };
        Cow::Owned(format!("{general} ({self})"))
    }
}

/// Eight hexadecimal digits.
impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_bcdedits() {
        let other = Uuid::from_u128(7);
        for (kind, id, heading) in [
            (ObjectKind::BOOT_MANAGER, id::BOOTMGR, "Windows Boot Manager"),
            (ObjectKind::LOADER, other, "Windows Boot Loader"),
            (ObjectKind::INHERITED, id::BAD_MEMORY, "RAM Defects"),
            (ObjectKind::INHERITED_BY_LOADERS, id::HYPERVISOR_SETTINGS, "Hypervisor Settings"),
            (ObjectKind::INHERITED_BY_LOADERS, other, "Inherited Settings (20200003)"),
            (ObjectKind::FIRMWARE_APPLICATION, other, "Firmware Application (101fffff)"),
            (ObjectKind::DEVICE, other, "Device options"),
            (ObjectKind::DEVICE, id::RAMDISK_OPTIONS, "Setup Ramdisk Options"),
            (ObjectKind(0x1040_0008), other, "Real-mode Boot Sector"),
            (ObjectKind(0x1020_000a), other, "Windows Boot Application (1020000a)"),
            (ObjectKind(0), id::BOOTMGR, "Unknown Object (00000000)"),
        ] {
            assert_eq!(kind.heading(id), heading);
        }
    }
}
