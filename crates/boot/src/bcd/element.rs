//! Elements: what an object has, each with a number that says what it means and how it is stored.

use std::fmt;

/// The number of an element, which is the name of its key in eight hexadecimal digits. Microsoft, "BCD
/// elements":
///
/// ```text
///  31    28 27    24 23                                               0
/// ┌────────┬────────┬────────────────────────────────────────────────────┐
/// │ class  │ format │ what it means, together with class and format      │
/// └────────┴────────┴────────────────────────────────────────────────────┘
///  1 any object       1 device      5 integer
///  2 one program's    2 string      6 boolean
///  3 devices          3 object      7 list of integers
///  4 templates        4 list of objects
/// ```
///
/// A number of class 2 means one thing in a loader and another in a boot manager.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(pub u32);

/// How an element is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A device: REG_BINARY.
    Device,
    /// A text: REG_SZ.
    Text,
    /// The GUID of an object, in braces: REG_SZ.
    Object,
    /// Such GUIDs: REG_MULTI_SZ.
    Objects,
    /// An integer, little-endian: REG_BINARY of 8 bytes, in templates of less.
    Integer,
    /// REG_BINARY of one byte.
    Boolean,
    /// Integers of 8 bytes: REG_BINARY.
    Integers,
    /// One that nobody knows.
    Other(u8),
}

impl ElementId {
    /// Where its elements belong: 1 to 4, see above.
    pub fn class(self) -> u32 {
        self.0 >> 28
    }

    /// How it is stored.
    pub fn format(self) -> Format {
        match (self.0 >> 24).to_le_bytes()[0] & 0xf {
            1 => Format::Device,
            2 => Format::Text,
            3 => Format::Object,
            4 => Format::Objects,
            5 => Format::Integer,
            6 => Format::Boolean,
            7 => Format::Integers,
            other => Format::Other(other),
        }
    }

    /// The element whose key has this name: eight hexadecimal digits of any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let digits = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(name, 16).ok().map(Self))?
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Text => "string",
            Self::Object => "object",
            Self::Objects => "object list",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Integers => "integer list",
            Self::Other(_) => "unknown",
        })
    }
}

/// Eight hexadecimal digits.
impl fmt::Display for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The device that a program is on.
pub const APPLICATION_DEVICE: ElementId = ElementId(0x1100_0001);
/// The path of a program on its device.
pub const APPLICATION_PATH: ElementId = ElementId(0x1200_0002);
/// What people see.
pub const DESCRIPTION: ElementId = ElementId(0x1200_0004);
/// The language of messages, such as `en-US`.
pub const LOCALE: ElementId = ElementId(0x1200_0005);
/// The objects whose settings hold here too.
pub const INHERIT: ElementId = ElementId(0x1400_0006);
/// What to start when a start fails.
pub const RECOVERY_SEQUENCE: ElementId = ElementId(0x1400_0008);
/// Whether to start it.
pub const RECOVERY_ENABLED: ElementId = ElementId(0x1600_0009);
/// Whether to use memory that is known to be bad.
pub const BAD_MEMORY_ACCESS: ElementId = ElementId(0x1600_000b);
/// Whether a boot program has a debugger.
pub const BOOT_DEBUGGER: ElementId = ElementId(0x1600_0010);
/// How the debugger is reached: 0 over a serial port, 1 FireWire, 2 USB, 3 a network, 4 on the machine itself.
pub const DEBUGGER_TYPE: ElementId = ElementId(0x1500_0011);
/// The number of the debugger's serial port.
pub const DEBUGGER_PORT: ElementId = ElementId(0x1500_0013);
/// Bits per second of the debugger's serial port.
pub const DEBUGGER_BAUD_RATE: ElementId = ElementId(0x1500_0014);
/// The debugger's channel on its FireWire bus.
pub const DEBUGGER_CHANNEL: ElementId = ElementId(0x1500_0015);
/// The machine's name for a USB debugger.
pub const DEBUGGER_TARGET_NAME: ElementId = ElementId(0x1200_0016);
/// The debugger's card as `bus.device.function`.
pub const DEBUGGER_BUS_PARAMS: ElementId = ElementId(0x1200_0019);
/// The IPv4 address of a network debugger, its first byte the highest of the number.
pub const DEBUGGER_HOST_IP: ElementId = ElementId(0x1500_001a);
/// The UDP port of a network debugger.
pub const DEBUGGER_HOST_PORT: ElementId = ElementId(0x1500_001b);
/// Whether the card of a network debugger gets its address by DHCP.
pub const DEBUGGER_DHCP: ElementId = ElementId(0x1600_001c);
/// What a network debugger encrypts with.
pub const DEBUGGER_KEY: ElementId = ElementId(0x1200_001d);
/// Whether boot programs have emergency management services.
pub const BOOT_EMS: ElementId = ElementId(0x1600_0020);
/// The number of the serial port of emergency management services.
pub const EMS_PORT: ElementId = ElementId(0x1500_0022);
/// Bits per second of the serial port of emergency management services.
pub const EMS_BAUD_RATE: ElementId = ElementId(0x1500_0023);
/// Whether drivers may be signed by anybody.
pub const TEST_SIGNING: ElementId = ElementId(0x1600_0049);
/// Whether Windows is started in a context of its own.
pub const ISOLATED_CONTEXT: ElementId = ElementId(0x1600_0060);
/// Whether the machine stays on in front of an error that nobody answers.
pub const BOOT_SHUTDOWN_DISABLED: ElementId = ElementId(0x1600_0074);
/// Elements that may be changed in memory.
pub const ALLOWED_IN_MEMORY_SETTINGS: ElementId = ElementId(0x1700_0077);

/// In a boot manager: what the menu shows.
pub const DISPLAY_ORDER: ElementId = ElementId(0x2400_0001);
/// In a boot manager: what is started when nobody chooses.
pub const DEFAULT_OBJECT: ElementId = ElementId(0x2300_0003);
/// In a boot manager: seconds that the menu waits.
pub const TIMEOUT: ElementId = ElementId(0x2500_0004);
/// In a boot manager: what resumes from hibernation.
pub const RESUME_OBJECT: ElementId = ElementId(0x2300_0006);
/// In a boot manager: tools of the menu.
pub const TOOLS_DISPLAY_ORDER: ElementId = ElementId(0x2400_0010);

/// In a loader: the device that Windows is on.
pub const OS_DEVICE: ElementId = ElementId(0x2100_0001);
/// In a loader: the Windows directory. In what resumes from hibernation: the file to resume from.
pub const SYSTEM_ROOT: ElementId = ElementId(0x2200_0002);
/// In a loader: what resumes it from hibernation.
pub const ASSOCIATED_RESUME_OBJECT: ElementId = ElementId(0x2300_0003);
/// In a loader: who may run data as code; 0 opts in, 1 opts out.
pub const NX_POLICY: ElementId = ElementId(0x2500_0020);
/// In a loader: whether there is a boot menu to point at.
pub const BOOT_MENU_POLICY: ElementId = ElementId(0x2500_00c2);
/// In a loader: whether the kernel waits for a debugger.
pub const KERNEL_DEBUGGER: ElementId = ElementId(0x2600_00a0);
/// In a loader: whether Windows has emergency management services.
pub const KERNEL_EMS: ElementId = ElementId(0x2600_00b0);
/// In a loader: whether the hypervisor is started; 0 never, 1 when it is installed.
pub const HYPERVISOR_LAUNCH_TYPE: ElementId = ElementId(0x2500_00f0);
/// How the hypervisor's debugger is reached.
pub const HYPERVISOR_DEBUGGER_TYPE: ElementId = ElementId(0x2500_00f3);
/// The serial port of the hypervisor's debugger.
pub const HYPERVISOR_DEBUGGER_PORT: ElementId = ElementId(0x2500_00f4);
/// Bits per second of the hypervisor's debugger.
pub const HYPERVISOR_DEBUGGER_RATE: ElementId = ElementId(0x2500_00f5);

/// Options of a RAM disk: the device of its image's description.
pub const SDI_DEVICE: ElementId = ElementId(0x3100_0003);
/// Options of a RAM disk: the path of its image's description.
pub const SDI_PATH: ElementId = ElementId(0x3200_0004);

/// In a template: which partition a program is on; 1 the system partition, 2 that of Windows.
pub const TEMPLATE_DEVICE: ElementId = ElementId(0x4500_0001);
/// In a template: the path of a program below the Windows directory.
pub const TEMPLATE_PATH: ElementId = ElementId(0x4200_0002);
/// In a template: whether a program is no loader, and has no element for the device of Windows.
pub const TEMPLATE_IS_NO_LOADER: ElementId = ElementId(0x4600_0004);
/// In a template: pairs of an element and the number of the text that it gets.
pub const TEMPLATE_TEXTS: ElementId = ElementId(0x4700_0005);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_says_the_format() {
        let names = [1, 2, 3, 4, 5, 6, 7].map(|format| ElementId(0x1000_0001 | format << 24).format().to_string());
        let expected = ["device", "string", "object", "object list", "integer", "boolean", "integer list"];
        assert_eq!(names, expected);
        assert_eq!(ElementId(0xff00_0001).format(), Format::Other(15));
        assert_eq!(APPLICATION_DEVICE.class(), 1);
    }

    #[test]
    fn names_of_keys_are_eight_digits() {
        assert_eq!(ElementId::parse("250000F3"), Some(HYPERVISOR_DEBUGGER_TYPE));
        for name in ["", "250000f", "250000f33", "+50000f3", "250000g3", "２50000"] {
            assert_eq!(ElementId::parse(name), None, "{name}");
        }
        assert_eq!(BAD_MEMORY_ACCESS.to_string(), "1600000b");
    }
}
