//! What addresses can't be, and what they hardly are on purpose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanovhd_tree::Name;

use super::InterfaceError;
use crate::{Interface, Ipv4Address, Ipv6Address};

/// What Windows refuses in the name of a connection, beside control characters.
const NOT_IN_NAMES: [char; 9] = ['\\', '/', ':', '*', '?', '"', '<', '>', '|'];
/// `IF_MAX_STRING_SIZE` of ifdef.h, in UTF-16 units.
const MAX_NAME: usize = 256;

/// Checks that a connection can have this name, or that it is an index.
pub(super) fn name(name: &str) -> Result<(), InterfaceError> {
    let refuse = |reason| Err(InterfaceError::Name { name: name.to_owned(), reason });
    if name.is_empty() {
        return Err(InterfaceError::NoName(String::new()));
    }
    if name.chars().any(|c| c.is_control() || NOT_IN_NAMES.contains(&c)) {
        return refuse("none of \\ / : * ? \" < > | and no control characters can be in a name");
    }
    if name.encode_utf16().count() > MAX_NAME {
        return refuse("it has more than 256 characters");
    }
    Ok(())
}

impl Interface {
    /// Checks the addresses of one card, and gives what is odd about them.
    ///
    /// # Errors
    /// [`InterfaceError`] says which address can't be.
    pub fn check(&self) -> Result<Vec<String>, InterfaceError> {
        name(&self.name)?;
        let mut odd = Vec::new();
        if let Some(ipv4) = &self.ipv4 {
            odd.extend(self.check_ipv4(ipv4)?);
        }
        if let Some(ipv6) = &self.ipv6 {
            odd.extend(self.check_ipv6(ipv6)?);
        }
        let servers = self.ipv4_dns.iter().copied().map(IpAddr::V4);
        let servers: Vec<IpAddr> = servers.chain(self.ipv6_dns.iter().copied().map(IpAddr::V6)).collect();
        for (at, server) in servers.iter().enumerate() {
            self.refuse("DNS server", *server, no_server(*server))?;
            if servers[..at].contains(server) {
                let what = format!("the DNS server {server}");
                return Err(InterfaceError::Twice { name: self.name.clone(), what });
            }
        }
        if servers.is_empty() && self.ipv4.is_none() && self.ipv6.is_none() {
            return Err(InterfaceError::Nothing { name: self.name.clone() });
        }
        Ok(odd)
    }

    fn refuse(
        &self,
        what: &'static str,
        address: IpAddr,
        reason: Option<&'static str>,
    ) -> Result<(), InterfaceError> {
        reason
            .map_or(Ok(()), |reason| Err(InterfaceError::Address { name: self.name.clone(), what, address, reason }))
    }

    fn check_ipv4(&self, ipv4: &Ipv4Address) -> Result<Option<String>, InterfaceError> {
        let Ipv4Address { address, prefix, gateway } = *ipv4;
        let network = check_prefix(prefix, 32).map(|bits| u128::from(u32::MAX) >> bits);
        let hosts = network.and_then(|hosts| u32::try_from(hosts).ok());
        self.refuse("address", address.into(), hosts.is_none().then_some("its prefix length is not 1 to 32"))?;
        let hosts = hosts.unwrap_or_default();
        self.refuse("address", address.into(), no_ipv4_host(address).or(end_of_ipv4(address, hosts)))?;
        let Some(gateway) = gateway else { return Ok(None) };
        let near = u32::from(address) & !hosts == u32::from(gateway) & !hosts;
        let reason = no_ipv4_host(gateway)
            .or((gateway == address).then_some("that is the card's own address"))
            .or(near.then(|| end_of_ipv4(gateway, hosts)).flatten());
        self.refuse("gateway", gateway.into(), reason)?;
        Ok((!near).then(|| self.far(gateway.into(), Ipv4Addr::from(u32::from(address) & !hosts).into(), prefix)))
    }

    fn check_ipv6(&self, ipv6: &Ipv6Address) -> Result<Option<String>, InterfaceError> {
        let Ipv6Address { address, prefix, gateway } = *ipv6;
        let hosts = check_prefix(prefix, 128).map(|bits| u128::MAX.checked_shr(bits).unwrap_or(0));
        self.refuse("address", address.into(), hosts.is_none().then_some("its prefix length is not 1 to 128"))?;
        let hosts = hosts.unwrap_or_default();
        // RFC 4291 2.6.1. Links of two hosts have no such address: RFC 6164.
        let anycast = (hosts > 1 && u128::from(address) & hosts == 0)
            .then_some("that is the address of all routers of its network, and no host's");
        self.refuse("address", address.into(), no_ipv6_host(address).or(anycast))?;
        let Some(gateway) = gateway else { return Ok(None) };
        let own = (gateway == address).then_some("that is the card's own address");
        self.refuse("gateway", gateway.into(), no_ipv6_host(gateway).or(own))?;
        // Routers are named by their link-local addresses as a rule.
        let near = gateway.is_unicast_link_local() || u128::from(address) & !hosts == u128::from(gateway) & !hosts;
        Ok((!near).then(|| self.far(gateway.into(), Ipv6Addr::from(u128::from(address) & !hosts).into(), prefix)))
    }

    fn far(&self, gateway: IpAddr, network: IpAddr, prefix: u8) -> String {
        format!(
            "interface {}: the gateway {gateway} is not in the network {network}/{prefix}, so Windows may find no way to it",
            self.name
        )
    }
}

/// Checks cards one by one and against each other, and gives what is odd about them.
pub(crate) fn check_all(interfaces: &[Interface]) -> Result<Vec<String>, InterfaceError> {
    let mut odd = Vec::new();
    for (at, this) in interfaces.iter().enumerate() {
        odd.extend(this.check()?);
        for other in &interfaces[..at] {
            if Name::from(other.name.as_str()).eq_ignore_case(&Name::from(this.name.as_str())) {
                return Err(InterfaceError::SameInterface(this.name.clone()));
            }
            let ipv4 = |i: &Interface| i.ipv4.map(|ipv4| IpAddr::V4(ipv4.address));
            let ipv6 = |i: &Interface| i.ipv6.map(|ipv6| IpAddr::V6(ipv6.address));
            for (one, another) in [(ipv4(other), ipv4(this)), (ipv6(other), ipv6(this))] {
                if let Some(address) = one.filter(|one| Some(*one) == another) {
                    let (first, second) = (other.name.clone(), this.name.clone());
                    return Err(InterfaceError::SameAddress { first, second, address });
                }
            }
        }
    }
    let gateways = interfaces.iter().filter(|i| i.ipv4.is_some_and(|ipv4| ipv4.gateway.is_some())).count();
    if gateways > 1 {
        odd.push(format!(
            "{gateways} interfaces have an IPv4 gateway: Windows uses the one with the lowest metric, which may change"
        ));
    }
    Ok(odd)
}

fn check_prefix(prefix: u8, most: u8) -> Option<u32> {
    (1..=most).contains(&prefix).then_some(u32::from(prefix))
}

/// What keeps an address from being a host's. RFC 6890.
fn no_ipv4_host(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("addresses from 0.0.0.0 on are no host's"),
        [127, ..] => Some("that is a loopback address"),
        [224..=239, ..] => Some("that is a multicast address"),
        [240..=255, ..] => Some("that is a reserved or broadcast address"),
        _ => None,
    }
}

/// Whether an address stands for its network or for all of its hosts. Links of two hosts have neither: RFC 3021.
fn end_of_ipv4(address: Ipv4Addr, hosts: u32) -> Option<&'static str> {
    match u32::from(address) & hosts {
        _ if hosts <= 1 => None,
        0 => Some("that is the network itself"),
        host if host == hosts => Some("that is the broadcast address of its network"),
        _ => None,
    }
}

/// RFC 4291 2.4.
fn no_ipv6_host(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("it is the unspecified address");
    }
    if address.is_loopback() {
        return Some("that is the loopback address");
    }
    if address.is_multicast() {
        return Some("that is a multicast address");
    }
    address.to_ipv4_mapped().map(|_| "that is an IPv4 address in IPv6 form")
}

/// A server of names may well be on the machine itself.
fn no_server(server: IpAddr) -> Option<&'static str> {
    match server {
        _ if server.is_loopback() => None,
        IpAddr::V4(server) => no_ipv4_host(server),
        IpAddr::V6(server) => no_ipv6_host(server),
    }
}
