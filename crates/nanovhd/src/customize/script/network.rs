//! Addresses by `netsh interface`, in the order and forms of the tool of Windows Server 2016: IPv6 before IPv4,
//! the address before the servers of names. Microsoft, "Netsh interface".
//!
//! Beyond that: the prefix and the gateway of IPv6, and `validate=no`, because a server of names that does not
//! answer at the first start would otherwise be reported as wrong, after a long wait.

use std::fmt::Display;

use crate::{Interface, Ipv4Address, Ipv6Address};

/// The commands that give a card its addresses.
pub(super) fn commands(interface: &Interface) -> Vec<String> {
    let name = quoted(&interface.name);
    let mut commands = Vec::new();
    if let Some(Ipv6Address { address, prefix, gateway }) = interface.ipv6 {
        commands.push(format!("netsh interface ipv6 set address {name} {address}/{prefix}"));
        // netsh sets no gateway with an IPv6 address; it is the route to everywhere.
        commands.extend(gateway.map(|gateway| format!("netsh interface ipv6 add route ::/0 {name} {gateway}")));
    }
    commands.extend(servers("ipv6", &name, &interface.ipv6_dns));
    if let Some(Ipv4Address { address, prefix, gateway }) = interface.ipv4 {
        let gateway = gateway.map(|gateway| format!(" {gateway}")).unwrap_or_default();
        let mask = mask(prefix);
        commands.push(format!("netsh interface ipv4 set address {name} static {address} {mask}{gateway}"));
    }
    commands.extend(servers("ipv4", &name, &interface.ipv4_dns));
    commands
}

/// The first server takes the place of all, further ones come behind it.
fn servers<A: Display>(family: &str, name: &str, servers: &[A]) -> Vec<String> {
    let command = |(number, server): (usize, &A)| match number {
        1 => format!("netsh interface {family} set dnsservers {name} static {server} validate=no"),
        _ => format!("netsh interface {family} add dnsservers {name} {server} index={number} validate=no"),
    };
    (1..).zip(servers).map(command).collect()
}

/// A name as an argument in a batch file. Names have no quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('%', "%%"))
}

fn mask(prefix: u8) -> std::net::Ipv4Addr {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0).into()
}
