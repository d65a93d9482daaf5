//! How a machine that does not start is reached: Emergency Management Services and the kernel debugger.

use std::net::Ipv4Addr;

use super::Secret;

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
