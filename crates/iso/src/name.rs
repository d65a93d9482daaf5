//! Names as discs store them, made safe.

use nanovhd_tree::Name;

const REPLACEMENT: u16 = 0xfffd;

/// A name of these units that passes [`Name::check`]: what it forbids is replaced by U+FFFD, so that one
/// strange name doesn't hide a directory's other files. The caller has seen to the length.
pub(crate) fn safe(mut units: Vec<u16>) -> Name {
    const FORBIDDEN: [u16; 4] = [0, b'/' as u16, b'\\' as u16, b':' as u16];
    const DOT: u16 = b'.' as u16;

    for unit in &mut units {
        if FORBIDDEN.contains(unit) {
            *unit = REPLACEMENT;
        }
    }
    match units.as_mut_slice() {
        [] => units.push(REPLACEMENT),
        dots @ ([DOT] | [DOT, DOT]) => dots.fill(REPLACEMENT),
        _ => {}
    }
    Name::from_units(units)
}

/// The units of bytes whose character set nobody states: UTF-8 where they are that, else Latin-1, which at
/// least keeps different names different.
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<u16> {
    match str::from_utf8(bytes) {
        Ok(text) => text.encode_utf16().collect(),
        Err(_) => bytes.iter().map(|&byte| u16::from(byte)).collect(),
    }
}

/// The units of big-endian UCS-2; `None` when half a unit is left.
pub(crate) fn from_ucs2(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
}

/// Leaves out the file version number and the dot of an empty extension. ECMA-119 7.5.1: a name is
/// `NAME.EXTENSION;VERSION`.
pub(crate) fn without_version(units: &mut Vec<u16>) {
    const SEMICOLON: u16 = b';' as u16;
    const DOT: u16 = b'.' as u16;

    if let Some(at) = units.iter().rposition(|&unit| unit == SEMICOLON) {
        let version = &units[at + 1..];
        let is_number = version.iter().all(|unit| (u16::from(b'0')..=u16::from(b'9')).contains(unit));
        if at > 0 && !version.is_empty() && version.len() <= 5 && is_number {
            units.truncate(at);
            if units.len() > 1 && units.last() == Some(&DOT) {
                units.pop();
            }
        }
    }
}

/// A text that fills its field up with spaces or zeros.
pub(crate) fn label(units: &[u16]) -> String {
    let text = String::from_utf16_lossy(units);
    text.trim_end_matches(['\0', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        for (stored, shown) in [
            ("..", "\u{fffd}\u{fffd}"),
            (".", "\u{fffd}"),
            ("", "\u{fffd}"),
            ("a/../b", "a\u{fffd}..\u{fffd}b"),
            ("c:\\x", "c\u{fffd}\u{fffd}x"),
            ("a\0", "a\u{fffd}"),
            ("...", "..."),
        ] {
            let name = safe(stored.encode_utf16().collect());
            assert_eq!(name, Name::from(shown));
            assert_eq!(name.check(), Ok(()));
        }
    }

    #[test]
    fn versions_go_and_semicolons_stay() {
        for (stored, shown) in [
            ("README.TXT;1", "README.TXT"),
            ("README.;1", "README"),
            ("README.", "README."),
            ("A;B;12", "A;B"),
            ("A;B", "A;B"),
            (";1", ";1"),
            (".;1", "."),
            ("A;", "A;"),
            ("A;123456", "A;123456"),
        ] {
            let mut units = stored.encode_utf16().collect();
            without_version(&mut units);
            assert_eq!(String::from_utf16(&units).unwrap(), shown);
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_stay_apart() {
        assert_eq!(from_bytes("é".as_bytes()), [0xe9]);
        assert_eq!(from_bytes(&[0xe9, b'a']), [0xe9, 0x61]);
        assert_eq!(from_ucs2(&[0x4e, 0x2d]), Some(vec![0x4e2d]));
        assert_eq!(from_ucs2(&[0x4e]), None);
    }
}
