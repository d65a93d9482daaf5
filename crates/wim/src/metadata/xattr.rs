//! Extended attributes, as Windows 10 1607 and later put them into an item of an entry.
//!
//! Not in the published format. From wimlib's description of what DISM writes: the attributes follow
//! each other without padding, each four bytes of lengths and flags, the name, a null and the value.

use nanovhd_tree::ExtendedAttribute;
use zerocopy::FromBytes;

use crate::format::XattrDisk;

/// Zeros behind the last attribute that are taken for padding.
const MAX_PADDING: usize = 7;

/// The attributes of an item, or nothing if it is not a list of attributes.
pub(super) fn parse(mut item: &[u8]) -> Option<Vec<ExtendedAttribute>> {
    let mut attributes = Vec::new();
    while item.len() > MAX_PADDING || item.iter().any(|&byte| byte != 0) {
        let (disk, rest) = XattrDisk::ref_from_prefix(item).ok()?;
        let (name, rest) = rest.split_at_checked(usize::from(disk.name_len))?;
        let (&null, rest) = rest.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(disk.value_len.get()))?;
        if null != 0 || name.is_empty() || name.contains(&0) {
            return None;
        }
        attributes.push(ExtendedAttribute { flags: disk.flags, name: name.to_vec(), value: value.to_vec() });
        item = rest;
    }
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(attributes: &[(u8, &str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (flags, name, value) in attributes {
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            bytes.extend([u8::try_from(name.len()).unwrap(), *flags]);
            bytes.extend(name.as_bytes());
            bytes.push(0);
            bytes.extend(*value);
        }
        bytes
    }

    #[test]
    fn attributes_follow_each_other_without_padding() {
        let long = vec![7; 65_535];
        let all = [(0, "A", &b""[..]), (0x80, "$KERNEL.PURGE.ESBCACHE", b"\0\x01\0"), (0, "LONG", &long)];
        let bytes = item(&all);
        let found = parse(&bytes).unwrap();
        let found: Vec<_> = found.iter().map(|a| (a.flags, &a.name[..], &a.value[..])).collect();
        assert_eq!(found, all.map(|(flags, name, value)| (flags, name.as_bytes(), value)));
        assert_eq!(parse(b""), Some(vec![]));
        let padded = [&bytes[..], &[0; MAX_PADDING]].concat();
        assert_eq!(parse(&padded), parse(&bytes));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let bytes = item(&[(0, "NAME", b"value"), (0, "B", b"\x01")]);
        let first = item(&[(0, "NAME", b"value")]).len();
        for cut in (1..bytes.len()).filter(|&cut| cut != first) {
            assert_eq!(parse(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(parse(&item(&[(0, "", b"value")])), None, "no name");
        assert_eq!(parse(&item(&[(0, "A\0B", b"value")])), None, "a null in the name");
        let mut bytes = item(&[(0, "NAME", b"value")]);
        bytes[8] = 1;
        assert_eq!(parse(&bytes), None, "no null behind the name");
        assert_eq!(parse(&[0; 64]), None, "zeros that are too many for padding");
    }
}
