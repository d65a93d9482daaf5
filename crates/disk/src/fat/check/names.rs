//! Which characters names may have. FAT specification, `FAT Directory Structure` and `Name Limits
//! and Character Sets`.

use nanovhd_tree::Name;

use crate::fat::format::E5;

/// The first byte of a short name or a label that can't be in it.
pub(super) fn bad_short_byte(name: &[u8; 11]) -> Option<u8> {
    let is_bad = |byte: u8| byte < b' ' || byte.is_ascii_lowercase() || b"\"*+,./:;<=>?[\\]|".contains(&byte);
    let first = name[0];
    if first == b' ' || (is_bad(first) && first != E5) {
        return Some(first);
    }
    name[1..].iter().copied().find(|&byte| is_bad(byte))
}

/// The first unit of a long name that can't be in it, or not where it is.
pub(super) fn bad_long_unit(name: &Name) -> Option<u16> {
    let is_bad = |unit: u16| u8::try_from(unit).is_ok_and(|c| c < b' ' || b"\"*/:<>?\\|".contains(&c));
    let units = name.units();
    // Windows takes dots and blanks at the end away before it looks for a name.
    let last = units.last().copied().filter(|&unit| [u16::from(b'.'), u16::from(b' ')].contains(&unit));
    units.iter().copied().find(|&unit| is_bad(unit)).or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_have_what_dos_allows() {
        for good in [b"A~1     TXT", b"\x05BC        ", b"A B     C D", b"\x80\xff$%'-_@~`Z"] {
            assert_eq!(bad_short_byte(good), None, "{good:02x?}");
        }
        for (bad, byte) in
            [(b" A         ", b' '), (b"a          ", b'a'), (b"A\x05         ", 5), (b"A+B     C  ", b'+')]
        {
            assert_eq!(bad_short_byte(bad), Some(byte), "{bad:02x?}");
        }
    }

    #[test]
    fn long_names_have_what_windows_can_open() {
        for good in ["a+b,c;d=[e]", ".a", "größe", "漢", " a", "\u{7f}"] {
            assert_eq!(bad_long_unit(&good.into()), None, "{good}");
        }
        for (bad, unit) in [("a.", '.'), ("a ", ' '), ("a:b", ':'), ("a\u{1f}", '\u{1f}'), ("a|b.", '|')] {
            assert_eq!(bad_long_unit(&bad.into()), Some(unit as u16), "{bad}");
        }
    }
}
