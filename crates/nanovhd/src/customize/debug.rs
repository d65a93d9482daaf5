//! How a machine that does not start is reached: Emergency Management Services and the kernel debugger.

use std::net::Ipv4Addr;

use nanovhd_boot::bcd::{DebugKey, Debugger, Diagnostics, DiagnosticsError, SerialPort};

use super::{Customization, CustomizeError, Secret};
use crate::Firmware;

/// UDP ports that Microsoft has for debuggers: "Setting Up KDNET Network Kernel Debugging Manually" asks for the
/// first and above, and recommends 50000 to the last.
const NET_PORTS: std::ops::RangeInclusive<u16> = 49_152..=50_039;
/// The serial ports that machines have.
const USUAL_PORTS: u8 = 4;

/// Emergency Management Services on a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ems {
    /// The number of the port, from 1 on.
    pub port: u8,
    /// Bits per second.
    pub baud_rate: u32,
}

impl Default for Ems {
    /// COM1 at 115200 bits per second.
    fn default() -> Self {
        Self { port: 1, baud_rate: 115_200 }
    }
}

/// The way of the kernel debugger to its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Debugging {
    /// Over a serial port.
    Serial {
        /// The number of the port, from 1 on.
        port: u8,
        /// Bits per second.
        baud_rate: u32,
    },
    /// Over the network (KDNET).
    Net {
        /// The machine that debugs.
        host: Ipv4Addr,
        /// Its UDP port.
        port: u16,
        /// What encrypts it: four groups of letters and digits, with dots between.
        key: Secret,
        /// The network card as `bus.device.function`, if there are several.
        bus_params: Option<String>,
        /// Whether the machine takes no address by DHCP.
        no_dhcp: bool,
    },
    /// Over FireWire.
    Ieee1394 {
        /// The channel: 0 to 62.
        channel: u8,
    },
    /// Over USB.
    Usb {
        /// The name by which the debugger finds the machine.
        target: String,
    },
    /// By a debugger on the machine itself.
    Local,
}

impl Customization {
    /// What of it goes into boot configurations.
    pub(crate) fn diagnostics(&self) -> Diagnostics<'_> {
        Diagnostics {
            ems: self.ems.map(|ems| SerialPort { port: ems.port, baud_rate: ems.baud_rate }),
            debugger: self.debug.as_ref().map(Debugging::debugger),
            test_signing: self.test_signing,
        }
    }

    /// Refuses what no boot configuration can have.
    ///
    /// # Errors
    /// [`CustomizeError::Setting`].
    pub(crate) fn check_diagnostics(&self) -> Result<(), CustomizeError> {
        self.diagnostics().check().map_err(|error| {
            let (setting, hint) = blame(&error);
            CustomizeError::setting(setting, error.to_string(), hint)
        })
    }

    /// The settings that go into boot configurations, and what they do.
    pub(crate) fn diagnostics_in_words(&self) -> Vec<(&'static str, String)> {
        let ems = self.ems.map(|Ems { port, baud_rate }| {
            let what =
                format!("boot manager and Windows have EMS on serial port {port}, {baud_rate} bits per second");
            ("enable-ems", what)
        });
        let debug = self.debug.as_ref().map(|debug| ("debug", debug.in_words()));
        let signing = self.test_signing.then(|| ("test-signing", "drivers with test signatures load".to_owned()));
        ems.into_iter().chain(debug).chain(signing).collect()
    }

    /// What identifiers are derived from; nothing if nothing is set. The key is not among it: identifiers are
    /// shown, and whoever knows the rest could try keys on them.
    pub(crate) fn diagnostics_input(&self) -> Option<String> {
        let ems = self.ems.map(|ems| format!("ems {} {}", ems.port, ems.baud_rate));
        let debug = self.debug.as_ref().map(|debug| match debug {
            Debugging::Serial { port, baud_rate } => format!("serial {port} {baud_rate}"),
            Debugging::Net { host, port, key: _, bus_params, no_dhcp } => {
                format!("net {host} {port} {no_dhcp} {}", bus_params.as_deref().unwrap_or_default())
            }
            Debugging::Ieee1394 { channel } => format!("1394 {channel}"),
            Debugging::Usb { target } => format!("usb {target}"),
            Debugging::Local => "local".to_owned(),
        });
        let signing = self.test_signing.then(|| "test signing".to_owned());
        let parts: Vec<String> = [ems, debug, signing].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("\n"))
    }

    /// What will not be as the user may expect.
    pub(crate) fn diagnostics_warnings(&self, firmware: Firmware) -> Vec<String> {
        let mut warnings = Vec::new();
        let debug_port = match &self.debug {
            Some(Debugging::Serial { port, .. }) => Some(*port),
            _ => None,
        };
        for (what, port) in [("EMS", self.ems.map(|ems| ems.port)), ("the debugger", debug_port)] {
            if let Some(port) = port.filter(|&port| port > USUAL_PORTS) {
                warnings.push(format!("{what} is on serial port {port}, but machines have COM1 to COM{USUAL_PORTS}"));
            }
        }
        if let Some(Debugging::Net { port, .. }) = &self.debug
            && !NET_PORTS.contains(port)
        {
            let (first, last) = (NET_PORTS.start(), NET_PORTS.end());
            warnings.push(format!(
                "the debugger has UDP port {port}, but Windows expects {first} or above, and 50000 to {last} are recommended"
            ));
        }
        let what = match (&self.debug, self.test_signing) {
            (Some(_), true) => "no kernel debugger, and loads no drivers with test signatures",
            (Some(_), false) => "no kernel debugger",
            (None, true) => "no drivers with test signatures",
            (None, false) => return warnings,
        };
        if firmware == Firmware::Uefi {
            warnings.push(format!("with Secure Boot Windows takes {what}: turn it off in the machine's settings"));
        }
        warnings
    }
}

impl Debugging {
    fn debugger(&self) -> Debugger<'_> {
        match self {
            Self::Serial { port, baud_rate } => Debugger::Serial(SerialPort { port: *port, baud_rate: *baud_rate }),
            Self::Net { host, port, key, bus_params, no_dhcp } => Debugger::Net {
                host: *host,
                port: *port,
                key: DebugKey(key.reveal()),
                bus_params: bus_params.as_deref(),
                dhcp: !no_dhcp,
            },
            Self::Ieee1394 { channel } => Debugger::Ieee1394 { channel: *channel },
            Self::Usb { target } => Debugger::Usb { target },
            Self::Local => Debugger::Local,
        }
    }

    /// What it is. The key is shown to nobody.
    fn in_words(&self) -> String {
        match self {
            Self::Serial { port, baud_rate } => {
                format!("the kernel's debugger is on serial port {port}, {baud_rate} bits per second")
            }
            Self::Net { host, port, bus_params, no_dhcp, .. } => {
                let card = bus_params.as_ref().map(|card| format!(", over network card {card}")).unwrap_or_default();
                let dhcp = if *no_dhcp { ", without DHCP" } else { "" };
                format!("the kernel's debugger is at {host}, UDP port {port}{card}{dhcp}; its key is not shown")
            }
            Self::Ieee1394 { channel } => format!("the kernel's debugger is on channel {channel} of FireWire"),
            Self::Usb { target } => {
                format!("the kernel's debugger is at the USB cable, and knows the machine as {target}")
            }
            Self::Local => "the kernel can be debugged on the machine itself".to_owned(),
        }
    }
}

/// The setting that is wrong, and what the user can do about it.
fn blame(error: &DiagnosticsError) -> (&'static str, &'static str) {
    match error {
        DiagnosticsError::EmsPort => ("ems-port", "give 1 for COM1"),
        DiagnosticsError::EmsRate(_) => ("ems-baud-rate", "leave it out for 115200"),
        DiagnosticsError::DebugPort => ("debug-port", "give 2 for COM2"),
        DiagnosticsError::DebugRate(_) => ("debug-baud-rate", "leave it out for 115200"),
        DiagnosticsError::SamePort(_) => {
            ("debug-port", "give EMS and the debugger a port each: ems-port 1, debug-port 2")
        }
        DiagnosticsError::Channel(_) => ("debug-channel", "give the channel that the debugger has, such as 1"),
        DiagnosticsError::TargetName(_) => ("debug-target", "give a name such as nano-1"),
        DiagnosticsError::NetPort => ("debug-port", "give one from 50000 to 50039"),
        DiagnosticsError::Key => ("debug-key", "give one such as `kdnet` makes, of the form w.x.y.z"),
        DiagnosticsError::BusParams(_) => ("debug-bus-params", "give a place such as 0.25.0, or leave it out"),
        _ => ("debug", "look at the limits in the documentation"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(port: u16, key: &str) -> Customization {
        let debug = Debugging::Net {
            host: Ipv4Addr::new(10, 0, 0, 1),
            port,
            key: Secret::new(key),
            bus_params: None,
            no_dhcp: true,
        };
        Customization { debug: Some(debug), ..Customization::default() }
    }

    #[test]
    fn each_limit_names_its_setting() {
        let serial = |port, baud_rate| Customization {
            debug: Some(Debugging::Serial { port, baud_rate }),
            ..Customization::default()
        };
        let ems = |port, baud_rate| Customization { ems: Some(Ems { port, baud_rate }), ..Customization::default() };
        let debug = |debug| Customization { debug: Some(debug), ..Customization::default() };
        for (custom, expected) in [
            (ems(0, 9600), "ems-port: "),
            (ems(1, 1), "ems-baud-rate: "),
            (serial(0, 9600), "debug-port: "),
            (serial(1, 1), "debug-baud-rate: "),
            (
                Customization { ems: Some(Ems::default()), ..serial(1, 9600) },
                "debug-port: EMS and the debugger can't both",
            ),
            (debug(Debugging::Ieee1394 { channel: 63 }), "debug-channel: "),
            (debug(Debugging::Usb { target: "my debugger".to_owned() }), "debug-target: "),
            (net(0, "1.2.3.4"), "debug-port: "),
            (net(50_000, "secret"), "debug-key: "),
        ] {
            let error = custom.check_diagnostics().unwrap_err();
            assert!(error.to_string().starts_with(expected) && error.hint().is_some(), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(net(50_000, "a.b.c.d").check_diagnostics().is_ok());
        assert!(Customization::default().check_diagnostics().is_ok());
    }

    #[test]
    fn words_say_all_but_the_key() {
        let custom = Customization { ems: Some(Ems::default()), test_signing: true, ..net(50_000, "se.cr.et.0") };
        let words = custom.diagnostics_in_words();
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["enable-ems", "debug", "test-signing"]);
        assert_eq!(
            words[1].1,
            "the kernel's debugger is at 10.0.0.1, UDP port 50000, without DHCP; its key is not shown"
        );
        let all = format!("{words:?} {:?} {custom:?} {:?}", custom.diagnostics_input(), custom.diagnostics());
        assert!(!all.contains("se.cr"), "{all}");
        assert_eq!(
            custom.diagnostics_input(),
            Customization { debug: net(50_000, "1.2.3.4").debug, ..custom.clone() }.diagnostics_input()
        );
        assert_eq!(Customization::default().diagnostics_input(), None);
    }

    #[test]
    fn warnings_are_for_what_works_seldom() {
        let warned = |custom: &Customization, firmware| custom.diagnostics_warnings(firmware).join("; ");
        for (port, expected) in [(49_151, true), (49_152, false), (50_039, false), (50_040, true)] {
            assert_eq!(warned(&net(port, "1.2.3.4"), Firmware::Bios).contains("UDP port"), expected, "{port}");
        }
        let far = Customization {
            ems: Some(Ems { port: 5, baud_rate: 9600 }),
            debug: Some(Debugging::Serial { port: 6, baud_rate: 9600 }),
            test_signing: true,
            ..Customization::default()
        };
        let said = warned(&far, Firmware::Uefi);
        assert!(
            ["EMS is on serial port 5", "debugger is on serial port 6", "Secure Boot"]
                .iter()
                .all(|w| said.contains(w))
        );
        assert!(!warned(&far, Firmware::Bios).contains("Secure Boot"));
        let ems = Customization { ems: Some(Ems::default()), ..Customization::default() };
        assert_eq!(warned(&ems, Firmware::Uefi), "");
    }
}
