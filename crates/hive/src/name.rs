//! Names of keys and values, which Windows compares without regard to case.
//!
//! A name is UTF-16, but is stored with one byte for a unit where all units are below 256. \[REGF\]
//! calls that form "ASCII (extended)"; it is Latin-1.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use nanovhd_tree::upcase;

/// The name of a key or a value, as it is stored.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    bytes: &'a [u8],
    narrow: bool,
}

impl<'a> Name<'a> {
    pub(crate) fn new(bytes: &'a [u8], narrow: bool) -> Self {
        Self { bytes, narrow }
    }

    /// The UTF-16 units, which may be any, lone surrogates too.
    pub fn units(self) -> impl DoubleEndedIterator<Item = u16> + Clone + use<'a> {
        let step = if self.narrow { 1 } else { 2 };
        self.bytes.chunks_exact(step).map(|unit| match *unit {
            [low, high] => u16::from_le_bytes([low, high]),
            [byte] => u16::from(byte),
            _ => 0,
        })
    }

    /// How many units there are.
    pub fn len(self) -> usize {
        if self.narrow { self.bytes.len() } else { self.bytes.len() / 2 }
    }

    /// Whether there are none, as in the name of a key's default value.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether Windows takes the two for the same name.
    pub fn matches(self, other: &str) -> bool {
        self.compare_units(other.encode_utf16()) == Ordering::Equal
    }

    /// The order of subkeys in a list. \[REGF\] "Index leaf".
    pub(crate) fn compare_units(self, other: impl Iterator<Item = u16>) -> Ordering {
        self.units().map(upcase).cmp(other.map(upcase))
    }

    /// The hash of a name in an "lh" list. \[REGF\] "Hash leaf".
    pub(crate) fn hash(self) -> u32 {
        self.units().fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(u32::from(upcase(unit))))
    }

    /// The hint of a name in an "lf" list: four characters in their own case, or nothing when one of
    /// them does not fit into a byte. \[REGF\] "Fast leaf".
    pub(crate) fn hint(self) -> [u8; 4] {
        let mut hint = [0; 4];
        for (byte, unit) in hint.iter_mut().zip(self.units()) {
            match u8::try_from(unit) {
                Ok(narrow) => *byte = narrow,
                Err(_) => return [0; 4],
            }
        }
        hint
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::decode_utf16(self.units())
            .try_for_each(|unit| f.write_char(unit.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq<str> for Name<'_> {
    /// Equal to the letter; [`Name::matches`] compares as Windows does.
    fn eq(&self, other: &str) -> bool {
        self.units().eq(other.encode_utf16())
    }
}

/// The stored form of a name, and whether it is narrow.
pub(crate) fn encode(name: &str) -> (Box<[u8]>, bool) {
    let narrow: Option<Vec<u8>> = name.encode_utf16().map(|unit| u8::try_from(unit).ok()).collect();
    match narrow {
        Some(bytes) => (bytes.into(), true),
        None => (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_narrow_where_they_can_be() {
        for (text, bytes, narrow) in [
            ("Start", b"Start".as_slice(), true),
            ("", b"", true),
            ("Größe", b"Gr\xf6\xdfe", true),
            ("ω", b"\xc9\x03", false),
            ("😀", b"\x3d\xd8\x00\xde", false),
        ] {
            let (stored, is_narrow) = encode(text);
            assert_eq!((&*stored, is_narrow), (bytes, narrow), "{text}");
            let name = Name::new(&stored, narrow);
            assert_eq!(name.to_string(), text);
            assert!(name == *text);
            assert_eq!(name.len(), text.encode_utf16().count());
        }
        assert_eq!(Name::new(b"\x00\xd8", false).to_string(), "\u{fffd}");
    }

    #[test]
    fn names_compare_as_windows_does() {
        let name = |text: &'static str| Name::new(text.as_bytes(), true);
        assert!(name("CurrentControlSet").matches("currentcontrolset"));
        assert!(Name::new(b"\xe4\xff", true).matches("ÄŸ"));
        assert!(!Name::new(b"\xdf", true).matches("SS"));
        // Upper case decides: an underscore lies between the two cases.
        assert_eq!(name("a_").compare_units("AB".encode_utf16()), Ordering::Greater);
        assert_eq!(name("a").compare_units("AB".encode_utf16()), Ordering::Less);
    }

    #[test]
    fn hashes_and_hints_are_those_of_real_hives() {
        // Out of a hive that Windows wrote: the only subkey of its root.
        assert_eq!(Name::new(b"SYSTEM", true).hash(), 0x6141_d0f9);
        assert_eq!(Name::new(b"system", true).hash(), 0x6141_d0f9);
        for (text, hint) in [("Objects", *b"Obje"), ("a", *b"a\0\0\0"), ("äö", [0xe4, 0xf6, 0, 0]), ("abω", [0; 4])]
        {
            let (stored, narrow) = encode(text);
            assert_eq!(Name::new(&stored, narrow).hint(), hint, "{text}");
        }
    }
}
