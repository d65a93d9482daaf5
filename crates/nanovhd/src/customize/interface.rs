//! The addresses of network cards, as people write them: `Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2`.
//!
//! What is read is also looked at: an address that no host can have, or that two cards would have, is found
//! before anything is built, and not by a machine that nobody can reach.

mod check;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use nanovhd_tree::visible;
use thiserror::Error;

use super::{Interface, Ipv4Address, Ipv6Address};
pub(crate) use check::check_all;

/// What netsh takes for an IPv6 address without a prefix length.
const USUAL_IPV6_PREFIX: u8 = 64;
/// What can be said of a card, in messages.
const KEYS: &str = "ipv4, mask, ipv6, gateway, dns";

/// Why a card can't have these addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InterfaceError {
    /// There is no name.
    #[error(
        "an interface starts with its name or index, as in \"Ethernet,ipv4=10.0.0.5/24\"; {:?} was found",
        visible(.0)
    )]
    NoName(String),
    /// Windows has no card of such a name.
    #[error("no interface can be called {:?}: {reason}", visible(name))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is neither name nor setting.
    #[error("interface {name}: {:?} is no setting; one of {KEYS} was expected, with = and a value", visible(found))]
    Setting {
        /// The card.
        name: String,
        /// What was found.
        found: String,
    },
    /// There is no such setting.
    #[error("interface {name}: there is no setting {:?}; there are {KEYS}", visible(key))]
    Key {
        /// The card.
        name: String,
        /// The key.
        key: String,
    },
    /// Something is said twice.
    #[error("interface {name}: {what} is given twice")]
    Twice {
        /// The card.
        name: String,
        /// What it is.
        what: String,
    },
    /// A value can't be read.
    #[error("interface {name}: {:?} is no {expected}", visible(found))]
    Value {
        /// The card.
        name: String,
        /// What was expected, with an example.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// An IPv4 address says nothing of its network.
    #[error("interface {name}: the address {address} needs a prefix length, as in {address}/24, or a mask")]
    NoPrefix {
        /// The card.
        name: String,
        /// The address.
        address: Ipv4Addr,
    },
    /// A mask without an address, or a gateway.
    #[error("interface {name}: {what} is given, but no {family} address")]
    Alone {
        /// The card.
        name: String,
        /// What is given.
        what: &'static str,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// A card of which nothing is said.
    #[error("interface {name}: no address and no DNS server is given, so there is nothing to set")]
    Nothing {
        /// The card.
        name: String,
    },
    /// An address that nothing can have, or not this.
    #[error("interface {name}: the {what} can't be {address}: {reason}")]
    Address {
        /// The card.
        name: String,
        /// What it is for.
        what: &'static str,
        /// The address.
        address: IpAddr,
        /// What it is instead.
        reason: &'static str,
    },
    /// Two sets of addresses for one card.
    #[error("interface {0} is given twice: its settings go together in one")]
    SameInterface(String),
    /// Two cards with one address.
    #[error("the interfaces {first} and {second} are both to have the address {address}")]
    SameAddress {
        /// One card.
        first: String,
        /// The other.
        second: String,
        /// The address.
        address: IpAddr,
    },
}

impl Interface {
    /// The card with this name or index, and what is said of it: pairs of `ipv4`, `mask`, `ipv6`, `gateway` or
    /// `dns` and a value. `gateway` and `dns` may be there for IPv4 and for IPv6, `dns` any number of times.
    ///
    /// # Errors
    /// [`InterfaceError`] says what was found and what was expected.
    pub fn from_settings<'s>(
        name: &str,
        settings: impl IntoIterator<Item = (&'s str, &'s str)>,
    ) -> Result<Self, InterfaceError> {
        let mut draft = Draft::new(name.trim())?;
        for (key, value) in settings {
            draft.set(key.trim(), value.trim())?;
        }
        let interface = draft.finish()?;
        interface.check()?;
        Ok(interface)
    }
}

/// As on the command line: name or index, then settings, with commas between.
impl FromStr for Interface {
    type Err = InterfaceError;

    fn from_str(text: &str) -> Result<Self, InterfaceError> {
        let (name, rest) = text.split_once(',').unwrap_or((text, ""));
        let name = name.trim();
        let forgotten =
            name.split_once('=').is_some_and(|(key, _)| KEYS.split(", ").any(|known| known == key.trim()));
        if name.is_empty() || forgotten {
            return Err(InterfaceError::NoName(text.to_owned()));
        }
        let pairs: Result<Vec<_>, _> = rest
            .split(',')
            .filter(|part| !(part.trim().is_empty() && rest.trim().is_empty()))
            .map(|part| {
                let setting = || InterfaceError::Setting { name: visible(name), found: part.trim().to_owned() };
                part.split_once('=').ok_or_else(setting)
            })
            .collect();
        Self::from_settings(name, pairs?)
    }
}

/// The form that [`Interface::from_str`] reads, unless there is a comma in the name.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(Ipv4Address { address, prefix, gateway }) = self.ipv4 {
            write!(f, ",ipv4={address}/{prefix}")?;
            gateway.map_or(Ok(()), |gateway| write!(f, ",gateway={gateway}"))?;
        }
        if let Some(Ipv6Address { address, prefix, gateway }) = self.ipv6 {
            write!(f, ",ipv6={address}/{prefix}")?;
            gateway.map_or(Ok(()), |gateway| write!(f, ",gateway={gateway}"))?;
        }
        self.ipv4_dns.iter().try_for_each(|server| write!(f, ",dns={server}"))?;
        self.ipv6_dns.iter().try_for_each(|server| write!(f, ",dns={server}"))
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Draft {
    name: String,
    ipv4: Option<(Ipv4Addr, Option<u8>)>,
    mask: Option<u8>,
    ipv4_gateway: Option<Ipv4Addr>,
    ipv4_dns: Vec<Ipv4Addr>,
    ipv6: Option<(Ipv6Addr, u8)>,
    ipv6_gateway: Option<Ipv6Addr>,
    ipv6_dns: Vec<Ipv6Addr>,
}

impl Draft {
    fn new(name: &str) -> Result<Self, InterfaceError> {
        check::name(name)?;
        Ok(Self { name: name.to_owned(), ..Self::default() })
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), InterfaceError> {
        match key.to_ascii_lowercase().as_str() {
            "ipv4" => {
                let read = self.ipv4(value)?;
                once(&mut self.ipv4, read)
            }
            "mask" => {
                let read = self.mask(value)?;
                once(&mut self.mask, read)
            }
            "ipv6" => {
                let read = self.ipv6(value)?;
                once(&mut self.ipv6, read)
            }
            "gateway" => match self.parse(value, "IP address of a gateway, such as 10.0.0.1 or fe80::1")? {
                IpAddr::V4(gateway) => once(&mut self.ipv4_gateway, gateway),
                IpAddr::V6(gateway) => once(&mut self.ipv6_gateway, gateway),
            },
            "dns" => {
                match self.parse(value, "IP address of a DNS server, such as 10.0.0.2 or fd00::2")? {
                    IpAddr::V4(server) => self.ipv4_dns.push(server),
                    IpAddr::V6(server) => self.ipv6_dns.push(server),
                }
                Ok(())
            }
            _ => return Err(InterfaceError::Key { name: self.name.clone(), key: key.to_owned() }),
        }
        .map_err(|()| InterfaceError::Twice { name: self.name.clone(), what: key.to_ascii_lowercase() })
    }

    fn ipv4(&self, value: &str) -> Result<(Ipv4Addr, Option<u8>), InterfaceError> {
        let expected = "IPv4 address with a prefix length, such as 10.0.0.5/24";
        let (address, prefix) = prefixed(value);
        let prefix = prefix.map(|prefix| self.prefix(prefix, 32, value, expected)).transpose()?;
        Ok((self.part(address, value, expected)?, prefix))
    }

    fn ipv6(&self, value: &str) -> Result<(Ipv6Addr, u8), InterfaceError> {
        let expected = "IPv6 address with a prefix length, such as fd00::5/64";
        let (address, prefix) = prefixed(value);
        let prefix = prefix.map(|prefix| self.prefix(prefix, 128, value, expected)).transpose()?;
        Ok((self.part(address, value, expected)?, prefix.unwrap_or(USUAL_IPV6_PREFIX)))
    }

    /// How many ones a mask begins with. There may be no others.
    fn mask(&self, value: &str) -> Result<u8, InterfaceError> {
        let expected = "mask of ones and then zeros, such as 255.255.255.0";
        let bits = u32::from(self.parse::<Ipv4Addr>(value, expected)?);
        let ones = bits.leading_ones();
        match u8::try_from(ones) {
            Ok(prefix) if ones > 0 && bits.count_ones() == ones => Ok(prefix),
            _ => Err(self.value(value, expected)),
        }
    }

    fn prefix(&self, text: &str, most: u8, value: &str, expected: &'static str) -> Result<u8, InterfaceError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let prefix = text.parse().ok().filter(|prefix| digits && (1..=most).contains(prefix));
        prefix.ok_or_else(|| self.value(value, expected))
    }

    fn parse<T: FromStr>(&self, value: &str, expected: &'static str) -> Result<T, InterfaceError> {
        self.part(value, value, expected)
    }

    /// Reads a part of a value; a message names the whole.
    fn part<T: FromStr>(&self, part: &str, value: &str, expected: &'static str) -> Result<T, InterfaceError> {
        part.parse().map_err(|_| self.value(value, expected))
    }

    fn value(&self, found: &str, expected: &'static str) -> InterfaceError {
        InterfaceError::Value { name: self.name.clone(), expected, found: found.to_owned() }
    }

    fn finish(self) -> Result<Interface, InterfaceError> {
        let name = || self.name.clone();
        let alone = |what, family| InterfaceError::Alone { name: name(), what, family };
        let ipv4 = match (self.ipv4, self.mask) {
            (None, Some(_)) => return Err(alone("a mask", "IPv4")),
            (None, None) if self.ipv4_gateway.is_some() => return Err(alone("a gateway", "IPv4")),
            (None, None) => None,
            (Some((address, prefix)), mask) => {
                let prefix = match (prefix, mask) {
                    (Some(_), Some(_)) => {
                        return Err(InterfaceError::Twice { name: name(), what: "the length of the prefix".into() });
                    }
                    (given, mask) => {
                        given.or(mask).ok_or_else(|| InterfaceError::NoPrefix { name: name(), address })?
                    }
                };
                Some(Ipv4Address { address, prefix, gateway: self.ipv4_gateway })
            }
        };
        if self.ipv6.is_none() && self.ipv6_gateway.is_some() {
            return Err(alone("a gateway", "IPv6"));
        }
        let ipv6 = self.ipv6.map(|(address, prefix)| Ipv6Address { address, prefix, gateway: self.ipv6_gateway });
        Ok(Interface { name: self.name, ipv4, ipv4_dns: self.ipv4_dns, ipv6, ipv6_dns: self.ipv6_dns })
    }
}

/// Fills a place that is empty.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ()> {
    match place {
        Some(_) => Err(()),
        None => {
            *place = Some(value);
            Ok(())
        }
    }
}

fn prefixed(value: &str) -> (&str, Option<&str>) {
    value.split_once('/').map_or((value, None), |(address, prefix)| (address, Some(prefix)))
}
