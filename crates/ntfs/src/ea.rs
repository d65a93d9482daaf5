//! Extended attributes: `$EA` holds them, `$EA_INFORMATION` tells their sizes.
//!
//! In `$EA` each attribute has the form of [MS-FSCC] 2.4.15 and begins at a multiple of four bytes.
//! On a volume the offset to the next one is never zero: that of the last leads to the end. A file may
//! have extended attributes and a reparse point (Windows 10 makes such files), which [MS-FSA]
//! 2.1.5.15.5 still denies; its names then tell the reparse tag and not the size of the attributes.

use nanovhd_tree::ExtendedAttribute;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::format::{EaHeader, EaInformation, long, word};

/// Longer ones are refused by Windows: 64 KiB less five bytes. [MS-FSA] 2.1.5.15.5.
pub(crate) const MAX_BYTES: usize = 0x1_0000 - 5;
/// The flag of an attribute that a program must know to handle the file.
const NEED_EA: u8 = 0x80;

/// Whether an attribute can be stored: its name has bytes, not too many, and ends at its null.
pub(crate) fn can_be(attribute: &ExtendedAttribute) -> bool {
    let name = &attribute.name;
    (1..=usize::from(u8::MAX)).contains(&name.len())
        && !name.contains(&0)
        && attribute.value.len() <= usize::from(u16::MAX)
}

/// Bytes of the value of `$EA`.
pub(crate) fn size(attributes: &[ExtendedAttribute]) -> usize {
    attributes.iter().map(|attribute| header_and_value(attribute).next_multiple_of(4)).sum()
}

/// Bytes of an attribute without padding: the null behind the name counts.
fn header_and_value(attribute: &ExtendedAttribute) -> usize {
    size_of::<EaHeader>() + attribute.name.len() + 1 + attribute.value.len()
}

/// The packed size, which file names repeat: without padding and without the offsets to the next.
pub(crate) fn packed_size(attributes: &[ExtendedAttribute]) -> u16 {
    let bytes: usize = attributes.iter().map(|attribute| header_and_value(attribute) - size_of::<U32>()).sum();
    // A directory's entries are measured before its files are checked.
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// The value of `$EA_INFORMATION`.
pub(crate) fn information(attributes: &[ExtendedAttribute]) -> Vec<u8> {
    let value = EaInformation {
        packed: U16::new(packed_size(attributes)),
        needed: word(attributes.iter().filter(|attribute| attribute.flags & NEED_EA != 0).count()),
        size: long(size(attributes)),
    };
    value.as_bytes().to_vec()
}

/// The value of `$EA`.
pub(crate) fn list(attributes: &[ExtendedAttribute]) -> Vec<u8> {
    let mut list = Vec::with_capacity(size(attributes));
    for attribute in attributes {
        let end = list.len() + header_and_value(attribute).next_multiple_of(4);
        let header = EaHeader {
            next: long(end - list.len()),
            flags: attribute.flags,
            name_len: u8::try_from(attribute.name.len()).expect("longer names are refused"),
            value_len: word(attribute.value.len()),
        };
        list.extend_from_slice(header.as_bytes());
        list.extend_from_slice(&attribute.name);
        list.push(0);
        list.extend_from_slice(&attribute.value);
        list.resize(end, 0);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(flags: u8, name: &str, value: &[u8]) -> ExtendedAttribute {
        ExtendedAttribute { flags, name: name.into(), value: value.to_vec() }
    }

    #[test]
    fn attributes_are_padded_and_the_last_leads_to_the_end() {
        let all = [attribute(0, "AB", &[1, 2]), attribute(0x80, "C", &[])];
        let expected =
            [&[16, 0, 0, 0, 0, 2, 2, 0][..], b"AB\0\x01\x02\0\0\0", &[12, 0, 0, 0, 0x80, 1, 0, 0], b"C\0\0\0"];
        assert_eq!(list(&all), expected.concat());
        assert_eq!(size(&all), 28);
        // 4 + 2 + 1 + 2 and 4 + 1 + 1, one of them needed, 28 bytes.
        assert_eq!(information(&all), [15, 0, 1, 0, 28, 0, 0, 0]);
    }

    #[test]
    fn names_have_bounds() {
        for (name, good) in [("", false), ("a", true), ("a\0b", false)] {
            assert_eq!(can_be(&attribute(0, name, b"")), good, "{name:?}");
        }
        assert!(can_be(&attribute(0, &"x".repeat(255), b"")));
        assert!(!can_be(&attribute(0, &"x".repeat(256), b"")));
        assert!(!can_be(&attribute(0, "x", &[0; 0x1_0000])));
    }
}
