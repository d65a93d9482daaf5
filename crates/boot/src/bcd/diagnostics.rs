//! How a machine that does not start is reached: Emergency Management Services (EMS), the kernel's debugger, and
//! drivers with test signatures.
//!
//! ```text
//!  bcdedit                       object          elements
//!  /emssettings                  {emssettings}   emsport, emsbaudrate
//!  /bootems ID on                {bootmgr}, ID   bootems
//!  /ems ID on                    ID              ems
//!  /dbgsettings                  {dbgsettings}   debugtype, and what the way needs
//!  /set {dbgsettings} busparams  {dbgsettings}   busparams
//!  /bootdebug ID on              {bootmgr}, ID   bootdebug
//!  /debug ID on                  ID              debug
//!  /set ID testsigning on        ID              testsigning
//! ```
//!
//! ID is the loader: in a template those for both kinds of firmware, in the store of a disk the one that is started
//! when nobody chooses. Programs find the settings along their lists of objects to inherit from; where no list
//! leads to them, the program's own is made longer. Other elements of the two objects stay, as bcdedit leaves
//! them: the type of the debugger says which of them count.
//!
//! Sources: Microsoft, "BCDEdit /dbgsettings", "BCDEdit /emssettings", "BCDEdit /bootdebug", "BCDEdit /debug",
//! "BCDEdit /ems", "BCDEdit /bootems" and "Setting Up KDNET Network Kernel Debugging Manually" say what there is
//! and within which limits; "BcdLibraryElementTypes" and "BcdOSLoaderElementTypes" have the numbers. Windows'
//! own stores have the formats; that an IPv4 address is a number whose highest byte is the first of the four is
//! in no document.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::Ipv4Addr;

use nanovhd_tree::Filetime;
use thiserror::Error;
use uuid::Uuid;

use super::element::{self, ElementId};
use super::error::BcdError;
use super::id;
use super::kind::ObjectKind;
use super::store::Store;
use super::value::Value;

/// Speeds of serial ports, in bits per second, that Windows' boot programs know.
pub const BAUD_RATES: [u32; 5] = [9_600, 19_200, 38_400, 57_600, 115_200];
/// The last channel of a FireWire bus that a debugger can have.
pub const MAX_CHANNEL: u8 = 62;
/// The most characters that a USB debugger's name of the machine may have.
pub const MAX_TARGET_NAME: usize = 24;
/// The most digits of a group of a network debugger's key: a 64-bit number of base 36 has no more.
const MAX_KEY_GROUP: usize = 13;

/// What is set in a store. By default nothing is.
///
/// ```
/// use nanovhd_boot::bcd::{Debugger, Diagnostics, SerialPort, Store, element, id};
/// # use nanovhd_boot::{Firmware, bcd::{Device, NewStore}};
/// # use nanovhd_tree::Filetime;
/// # fn main() -> Result<(), nanovhd_boot::bcd::BcdError> {
/// # let now = Filetime::from_unix(1_476_316_800);
/// # let new = NewStore {
/// #     firmware: Firmware::Bios, template: None, system: Device::Boot, os: Device::Boot, time: now,
/// #     description: "Windows", loader: uuid::Uuid::from_u128(1), resume: uuid::Uuid::from_u128(2),
/// # };
/// # let mut store = new.make()?;
/// let serial = Debugger::Serial(SerialPort { port: 2, baud_rate: 115_200 });
/// Diagnostics { debugger: Some(serial), ..Diagnostics::default() }.apply(&mut store, now)?;
/// let settings = store.object(id::DEBUGGER_SETTINGS);
/// assert_eq!(settings.and_then(|settings| settings.integer(element::DEBUGGER_PORT)), Some(2));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Diagnostics<'a> {
    /// The serial port on which boot manager and Windows have Emergency Management Services.
    pub ems: Option<SerialPort>,
    /// How the kernel and the boot programs before it reach their debugger.
    pub debugger: Option<Debugger<'a>>,
    /// Whether drivers with test signatures load.
    pub test_signing: bool,
}

/// A serial port of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerialPort {
    /// Its number, from 1 on.
    pub port: u8,
    /// Bits per second, one of [`BAUD_RATES`].
    pub baud_rate: u32,
}

/// How a debugger is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debugger<'a> {
    /// Over a serial port.
    Serial(SerialPort),
    /// Over a FireWire bus.
    Ieee1394 {
        /// Its channel, at most [`MAX_CHANNEL`].
        channel: u8,
    },
    /// Over a USB cable.
    Usb {
        /// The machine's name for the debugger: letters, digits, `-` and `_`, at most [`MAX_TARGET_NAME`], and
        /// without "debug" in it.
        target: &'a str,
    },
    /// Over a network (KDNET).
    Net {
        /// The debugger's machine.
        host: Ipv4Addr,
        /// Its UDP port, not zero. Microsoft asks for 49152 and above.
        port: u16,
        /// What both encrypt with.
        key: DebugKey<'a>,
        /// The network card as `bus.device.function` in decimal numbers, if it is not to be searched for.
        bus_params: Option<&'a str>,
        /// Whether the machine asks a DHCP server for its address.
        dhcp: bool,
    },
    /// A debugger on the machine itself. Boot programs have none.
    Local,
}

/// The key of a network debugger: four numbers of base 36 with dots between them. It is shown to nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DebugKey<'a>(pub &'a str);

impl fmt::Debug for DebugKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DebugKey(…)")
    }
}

/// What can't be set. No message has a key in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiagnosticsError {
    /// EMS on a serial port without a number.
    #[error("serial ports are numbered from 1 on, so there is no port 0 for EMS")]
    EmsPort,
    /// EMS at a speed that is none of [`BAUD_RATES`].
    #[error("EMS can't have {0} bits per second: {RATES} were expected")]
    EmsRate(u32),
    /// A debugger on a serial port without a number.
    #[error("serial ports are numbered from 1 on, so there is no port 0 for the debugger")]
    DebugPort,
    /// A debugger at a speed that is none of [`BAUD_RATES`].
    #[error("the debugger can't have {0} bits per second: {RATES} were expected")]
    DebugRate(u32),
    /// EMS and debugger on one serial port.
    #[error("EMS and the debugger can't both have serial port {0}")]
    SamePort(u8),
    /// A channel above [`MAX_CHANNEL`].
    #[error("the debugger can't have channel {0}: 0 to {MAX_CHANNEL} were expected")]
    Channel(u8),
    /// A name that no USB debugger takes.
    #[error(
        "{0:?} is no name for a USB debugger: 1 to {MAX_TARGET_NAME} letters, digits, `-` and `_` were expected, without \
         \"debug\" among them"
    )]
    TargetName(String),
    /// No UDP port.
    #[error("the debugger can't have UDP port 0")]
    NetPort,
    /// No key.
    #[error(
        "the debugger's key is not of its form: four groups of 1 to {MAX_KEY_GROUP} digits and small letters were \
         expected, with dots between them and none above 3w5e11264sgsf"
    )]
    Key,
    /// No place of a PCI device.
    #[error(
        "{0:?} is no network card: bus, device and function were expected as decimal numbers with dots between them, at \
         most 255.31.7"
    )]
    BusParams(String),
}

/// [`BAUD_RATES`] in words.
const RATES: &str = "9600, 19200, 38400, 57600 or 115200";

impl Diagnostics<'_> {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses what can't be, in any store.
    ///
    /// # Errors
    /// The first [`DiagnosticsError`].
    pub fn check(&self) -> Result<(), DiagnosticsError> {
        use DiagnosticsError as Error;
        if let Some(ems) = self.ems {
            ems.check(Error::EmsPort, Error::EmsRate)?;
        }
        let Some(debugger) = &self.debugger else { return Ok(()) };
        debugger.check()?;
        match (self.ems, debugger) {
            (Some(ems), Debugger::Serial(serial)) if ems.port == serial.port => Err(Error::SamePort(ems.port)),
            _ => Ok(()),
        }
    }

    /// Sets it in a store or a template, in place of what is there. Time goes to the keys that change. Nothing
    /// changes on an error.
    ///
    /// # Errors
    /// [`BcdError::Diagnostics`] for what can't be; [`BcdError::NoObject`] for a store without a boot manager, or
    /// without a loader that it starts; [`BcdError::Edit`] for one that can't hold more.
    pub fn apply(&self, store: &mut Store, time: Filetime) -> Result<(), BcdError> {
        self.check()?;
        if self.is_empty() {
            return Ok(());
        }
        let loaders = loaders(store)?;
        let mut edited = store.clone();
        for settings in self.settings() {
            inherit(&mut edited, &loaders, settings, time)?;
        }
        for (object, id, value) in self.elements(&loaders) {
            edited.set(object, id, &value, time)?;
        }
        *store = edited;
        Ok(())
    }

    /// The objects with settings of several programs.
    fn settings(&self) -> impl Iterator<Item = Uuid> {
        let ems = self.ems.map(|_| id::EMS_SETTINGS);
        ems.into_iter().chain(self.debugger.map(|_| id::DEBUGGER_SETTINGS))
    }

    /// Every element that is set.
    fn elements(&self, loaders: &[Uuid]) -> Vec<(Uuid, ElementId, Value)> {
        let mut elements = Vec::new();
        if let Some(SerialPort { port, baud_rate }) = self.ems {
            elements.push((id::EMS_SETTINGS, element::EMS_PORT, Value::Integer(port.into())));
            elements.push((id::EMS_SETTINGS, element::EMS_BAUD_RATE, Value::Integer(baud_rate.into())));
        }
        let of_debugger = self.debugger.iter().flat_map(Debugger::elements);
        elements.extend(of_debugger.map(|(element, value)| (id::DEBUGGER_SETTINGS, element, value)));

        let debugs_boot = self.debugger.is_some_and(|debugger| debugger != Debugger::Local);
        for (wanted, element, of_manager) in [
            (self.ems.is_some(), element::BOOT_EMS, true),
            (self.ems.is_some(), element::KERNEL_EMS, false),
            (debugs_boot, element::BOOT_DEBUGGER, true),
            (self.debugger.is_some(), element::KERNEL_DEBUGGER, false),
            (self.test_signing, element::TEST_SIGNING, false),
        ] {
            let manager = of_manager.then_some(id::BOOTMGR);
            let objects = manager.into_iter().chain(loaders.iter().copied()).filter(|_| wanted);
            elements.extend(objects.map(|object| (object, element, Value::Boolean(true))));
        }
        elements
    }
}

impl SerialPort {
    fn check(self, port: DiagnosticsError, rate: fn(u32) -> DiagnosticsError) -> Result<(), DiagnosticsError> {
        match self {
            Self { port: 0, .. } => Err(port),
            Self { baud_rate, .. } if !BAUD_RATES.contains(&baud_rate) => Err(rate(baud_rate)),
            _ => Ok(()),
        }
    }
}

impl Debugger<'_> {
    fn check(&self) -> Result<(), DiagnosticsError> {
        use DiagnosticsError as Error;
        match *self {
            Self::Serial(serial) => serial.check(Error::DebugPort, Error::DebugRate),
            Self::Ieee1394 { channel } if channel > MAX_CHANNEL => Err(Error::Channel(channel)),
            Self::Usb { target } if !is_target_name(target) => Err(Error::TargetName(target.to_owned())),
            Self::Net { port: 0, .. } => Err(Error::NetPort),
            Self::Net { key, .. } if !key.is_key() => Err(Error::Key),
            Self::Net { bus_params: Some(card), .. } if !is_pci_place(card) => Err(Error::BusParams(card.to_owned())),
            _ => Ok(()),
        }
    }

    /// What {dbgsettings} has for it.
    fn elements(&self) -> Vec<(ElementId, Value)> {
        let kind = |number| (element::DEBUGGER_TYPE, Value::Integer(number));
        match *self {
            Self::Serial(SerialPort { port, baud_rate }) => vec![
                kind(0),
                (element::DEBUGGER_PORT, Value::Integer(port.into())),
                (element::DEBUGGER_BAUD_RATE, Value::Integer(baud_rate.into())),
            ],
            Self::Ieee1394 { channel } => vec![kind(1), (element::DEBUGGER_CHANNEL, Value::Integer(channel.into()))],
            Self::Usb { target } => vec![kind(2), (element::DEBUGGER_TARGET_NAME, Value::text(target))],
            Self::Net { host, port, key, bus_params, dhcp } => {
                let mut elements = vec![
                    kind(3),
                    (element::DEBUGGER_HOST_IP, Value::Integer(host.to_bits().into())),
                    (element::DEBUGGER_HOST_PORT, Value::Integer(port.into())),
                    (element::DEBUGGER_DHCP, Value::Boolean(dhcp)),
                    (element::DEBUGGER_KEY, Value::text(key.0)),
                ];
                elements.extend(bus_params.map(|card| (element::DEBUGGER_BUS_PARAMS, Value::text(card))));
                elements
            }
            Self::Local => vec![kind(4)],
        }
    }
}

impl DebugKey<'_> {
    /// Whether it is of its form.
    fn is_key(self) -> bool {
        let is_group = |group: &str| {
            (1..=MAX_KEY_GROUP).contains(&group.len())
                && group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
                && u64::from_str_radix(group, 36).is_ok()
        };
        self.0.split('.').count() == 4 && self.0.split('.').all(is_group)
    }
}

/// Microsoft, "Setting Up Kernel-Mode Debugging over a USB 3.0 Cable Manually".
fn is_target_name(name: &str) -> bool {
    (1..=MAX_TARGET_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !name.to_ascii_lowercase().contains("debug")
}

/// A PCI device: 256 buses of 32 devices of 8 functions.
fn is_pci_place(text: &str) -> bool {
    let is_number = |text: &str, most: u8| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        plain && text.parse::<u8>().is_ok_and(|number| number <= most)
    };
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().zip([255, 31, 7]).all(|(part, most)| is_number(part, most))
}

/// The loaders that settings are for. Only templates have the targets; what a template's boot manager starts when
/// nobody chooses is Windows Setup.
fn loaders(store: &Store) -> Result<Vec<Uuid>, BcdError> {
    let manager = store.object(id::BOOTMGR).ok_or(BcdError::NoObject(id::BOOTMGR))?;
    let targets = [id::BIOS_TARGET, id::UEFI_TARGET];
    let found: Vec<Uuid> = targets.into_iter().filter(|&target| store.object(target).is_some()).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let default = manager.object(element::DEFAULT_OBJECT).unwrap_or(id::BIOS_TARGET);
    if store.object(default).is_some() { Ok(vec![default]) } else { Err(BcdError::NoObject(default)) }
}

/// Has boot manager and loaders inherit from settings, which are made if there are none.
fn inherit(store: &mut Store, loaders: &[Uuid], settings: Uuid, time: Filetime) -> Result<(), BcdError> {
    if store.object(settings).is_none() {
        store.add_object(settings, ObjectKind::INHERITED, time)?;
    }
    for program in [&[id::BOOTMGR], loaders].concat() {
        if !inherits(store, program, settings) {
            let list = store.object(program).and_then(|object| object.objects(element::INHERIT));
            let list = [list.unwrap_or_default(), &[settings]].concat();
            store.set(program, element::INHERIT, &Value::Objects(list), time)?;
        }
    }
    Ok(())
}

/// Whether the lists of a program lead to an object. They may go round in circles.
fn inherits(store: &Store, program: Uuid, wanted: Uuid) -> bool {
    let lists: HashMap<Uuid, &[Uuid]> =
        store.objects().filter_map(|object| Some((object.id, object.objects(element::INHERIT)?))).collect();
    let (mut seen, mut next) = (HashSet::from([program]), vec![program]);
    while let Some(id) = next.pop() {
        let above = lists.get(&id).copied().unwrap_or_default();
        next.extend(above.iter().copied().filter(|&id| seen.insert(id)));
    }
    seen.contains(&wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIAL: SerialPort = SerialPort { port: 1, baud_rate: 115_200 };

    fn net<'a>(key: &'a str, bus_params: Option<&'a str>) -> Debugger<'a> {
        Debugger::Net {
            host: Ipv4Addr::new(192, 168, 1, 2),
            port: 50_000,
            key: DebugKey(key),
            bus_params,
            dhcp: true,
        }
    }

    fn refused(ems: Option<SerialPort>, debugger: Option<Debugger<'_>>) -> Option<String> {
        let wanted = Diagnostics { ems, debugger, test_signing: false };
        wanted.check().err().map(|error| error.to_string())
    }

    #[test]
    fn what_windows_takes_is_taken() {
        for debugger in [
            Debugger::Serial(SerialPort { port: 2, baud_rate: 9_600 }),
            Debugger::Serial(SerialPort { port: 255, baud_rate: 57_600 }),
            Debugger::Ieee1394 { channel: 0 },
            Debugger::Ieee1394 { channel: 62 },
            Debugger::Usb { target: "a" },
            Debugger::Usb { target: "Nano-1_Abcdefghijklmnopq" },
            net("1.2.3.4", None),
            net("2steg4fzbj2sz.23418vzkd4ko3.1g34ou07z4pev.1sp3yo9yz874p", Some("0.25.0")),
            net("3w5e11264sgsf.0.0.0", Some("255.31.7")),
            Debugger::Local,
        ] {
            assert_eq!(refused(Some(SERIAL), Some(debugger)), None, "{debugger:?}");
        }
    }

    #[test]
    fn what_it_does_not_take_is_refused_and_no_key_is_shown() {
        let port = |port, baud_rate| SerialPort { port, baud_rate };
        for (ems, debugger, expected) in [
            (Some(port(0, 9_600)), None, "no port 0 for EMS"),
            (Some(port(1, 9_601)), None, "EMS can't have 9601 bits"),
            (None, Some(Debugger::Serial(port(0, 9_600))), "no port 0 for the debugger"),
            (None, Some(Debugger::Serial(port(1, 0))), "the debugger can't have 0 bits"),
            (Some(SERIAL), Some(Debugger::Serial(port(1, 9_600))), "both have serial port 1"),
            (None, Some(Debugger::Ieee1394 { channel: 63 }), "channel 63: 0 to 62"),
            (None, Some(Debugger::Usb { target: "" }), "is no name"),
            (None, Some(Debugger::Usb { target: "myDEBUGger" }), "is no name"),
            (None, Some(Debugger::Usb { target: "a b" }), "is no name"),
            (None, Some(Debugger::Usb { target: "abcdefghijklmnopqrstuvwxy" }), "is no name"),
            (None, Some(net("1.2.3.4", Some("0.25"))), "\"0.25\" is no network card"),
            (None, Some(net("1.2.3.4", Some("0.32.0"))), "is no network card"),
            (None, Some(net("1.2.3.4", Some("0.1.8"))), "is no network card"),
            (None, Some(net("1.2.3.4", Some("0.1.+1"))), "is no network card"),
            (None, Some(net("1.2.3.4", Some("0.01.1"))), "is no network card"),
            (None, Some(net("1.2.3.4", Some("0..1"))), "is no network card"),
        ] {
            let said = refused(ems, debugger).unwrap_or_default();
            assert!(said.contains(expected), "{debugger:?}: {said}");
        }
        for key in
            ["", "se.cr.et", "se.cr.et.", "se.cr.et.k.ey", "se.cr.et.KEY", "se.cr.et.3w5e11264sgsg", "se.cr.et.é"]
        {
            let debugger = net(key, None);
            let said = refused(None, Some(debugger)).unwrap_or_default();
            assert!(said.contains("not of its form") && !said.contains("se.cr"), "{said}");
            assert!(!format!("{debugger:?}").contains("se.cr"));
        }
        let nowhere = Debugger::Net {
            host: Ipv4Addr::LOCALHOST,
            port: 0,
            key: DebugKey("1.2.3.4"),
            bus_params: None,
            dhcp: false,
        };
        assert_eq!(refused(None, Some(nowhere)), Some("the debugger can't have UDP port 0".to_owned()));
    }
}
