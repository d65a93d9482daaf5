//! What a disk gets beside the files of the image: who it is, how it is reached, and what it does first.

mod apply;
mod base64;
mod check;
mod copy;
mod debug;
mod domain;
mod error;
mod files;
mod firewall;
mod hives;
mod identity;
mod interface;
mod rights;
mod script;
mod secret;
mod unattend;
mod unattend_file;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

pub(crate) use self::apply::Applied;
pub use self::apply::{SettingOutline, Way};
pub use self::copy::CopyError;
pub use self::debug::{Debugging, Ems};
pub use self::error::CustomizeError;
pub(crate) use self::files::Files;
pub use self::interface::InterfaceError;
pub use self::secret::Secret;

/// What is set in the image beside its files. By default nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Customization {
    /// The name of the computer, at most 15 characters; `*` lets Windows choose one.
    pub computer_name: Option<String>,
    /// The password of the built-in administrator.
    pub administrator_password: Option<Secret>,
    /// The time zone by the name that Windows has for it, such as `W. Europe Standard Time`.
    pub time_zone: Option<String>,
    /// Language and region of formats, texts and keyboard, such as `de-DE`.
    pub locale: Option<String>,
    /// Five groups of five letters and digits.
    pub product_key: Option<Secret>,
    /// Whom Windows is registered to.
    pub registered_owner: Option<String>,
    /// Which organization Windows is registered to.
    pub registered_organization: Option<String>,
    /// An answer file of this machine whose settings go before those made here.
    pub unattend: Option<PathBuf>,
    /// A file that `djoin /provision /savefile` made, with which the computer joins its domain.
    pub domain_join_blob: Option<PathBuf>,
    /// Commands of the first start, in their order.
    pub setup_complete_commands: Vec<String>,
    /// Scripts of this machine that are copied into the image and run at the first start.
    pub run_scripts: Vec<PathBuf>,
    /// Files and folders of this machine that are copied into the image.
    pub copies: Vec<HostCopy>,
    /// Addresses of network cards.
    pub interfaces: Vec<Interface>,
    /// Whether the firewall lets remote management (WinRM, TCP port 5985) in from anywhere.
    pub remote_management_port: bool,
    /// Whether Remote Desktop is on.
    pub remote_desktop: bool,
    /// Whether a disk that a machine starts natively grows to its full size on the host's disk when it is
    /// mounted, as Windows has it by default.
    pub no_expand_on_native_boot: bool,
    /// The Emergency Management Services of boot manager and Windows on a serial port.
    pub ems: Option<Ems>,
    /// The kernel debugger.
    pub debug: Option<Debugging>,
    /// Whether drivers with test signatures load.
    pub test_signing: bool,
}

/// A file or folder of this machine and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCopy {
    /// The file or folder.
    pub source: PathBuf,
    /// The path in the image, below its root, with `\` or `/` between names. A folder's contents go into
    /// it; if it ends with a separator, the source goes into it under its own name.
    pub target: String,
}

/// The addresses of a network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The name that Windows gives it, such as `Ethernet`, or its index.
    pub name: String,
    /// Its IPv4 address, if it has a fixed one.
    pub ipv4: Option<Ipv4Address>,
    /// Servers for names, asked over IPv4, in their order.
    pub ipv4_dns: Vec<Ipv4Addr>,
    /// Its IPv6 address, if it has a fixed one.
    pub ipv6: Option<Ipv6Address>,
    /// Servers for names, asked over IPv6, in their order.
    pub ipv6_dns: Vec<Ipv6Addr>,
}

/// A fixed IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Address {
    /// The address.
    pub address: Ipv4Addr,
    /// Leading bits that name the network: 1 to 32.
    pub prefix: u8,
    /// The way out of the network.
    pub gateway: Option<Ipv4Addr>,
}

/// A fixed IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Address {
    /// The address.
    pub address: Ipv6Addr,
    /// Leading bits that name the network: 1 to 128.
    pub prefix: u8,
    /// The way out of the network.
    pub gateway: Option<Ipv6Addr>,
}
