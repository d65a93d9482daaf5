//! Text as stores have it: UTF-16, little-endian, with a zero at the end.

/// The bytes of a text.
pub(super) fn terminated(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// The text up to the first zero, or to the end where there is none. Nothing for what is no UTF-16.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let units = units.iter().map(|&unit| u16::from_le_bytes(unit)).take_while(|&unit| unit != 0);
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// The text whose bytes these are, its zero included.
pub(super) fn exactly(bytes: &[u8]) -> Option<String> {
    text(bytes).filter(|text| terminated(text) == bytes)
}

/// The texts of a list, up to the first empty one.
pub(super) fn texts(bytes: &[u8]) -> Option<Vec<String>> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let units: Vec<u16> = units.iter().map(|&unit| u16::from_le_bytes(unit)).collect();
    let texts = units.split(|&unit| unit == 0).take_while(|text| !text.is_empty());
    texts.map(|text| String::from_utf16(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_at_a_zero() {
        assert_eq!(terminated("aé"), b"a\0\xe9\0\0\0");
        assert_eq!(text(b"a\0\0\0b\0").as_deref(), Some("a"));
        assert_eq!(text(b"a\0").as_deref(), Some("a"), "a missing zero is forgiven");
        assert_eq!(text(b"a\0b"), None);
        assert_eq!(text(b"\0\xd8\0\0"), None, "a lone surrogate");
        assert_eq!(exactly(b"a\0\0\0").as_deref(), Some("a"));
        assert_eq!(exactly(b"a\0\0\0\0\0"), None);
        assert_eq!(exactly(b"a\0"), None);
    }

    #[test]
    fn lists_end_at_an_empty_text() {
        assert_eq!(texts(b"a\0\0\0b\0\0\0\0\0c\0").unwrap(), ["a", "b"]);
        assert_eq!(texts(b"\0\0").unwrap(), [""; 0]);
        assert_eq!(texts(b"").unwrap(), [""; 0]);
        assert_eq!(texts(b"\0\xd8\0\0"), None);
    }
}
