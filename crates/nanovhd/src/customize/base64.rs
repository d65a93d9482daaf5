//! Base64. RFC 4648, 4.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text for bytes, with padding and without line breaks.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sextet = bits >> (18 - 6 * at) & 63;
            text.push(if at <= group.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

/// Whether the text is what some bytes become: whole groups, padded at the end alone.
pub(super) fn is_valid(text: &str) -> bool {
    let digits = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    !text.is_empty() && text.len().is_multiple_of(4) && digits.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The bytes for a text, if it is what some bytes become. Bits that padding makes superfluous are not looked at.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if !is_valid(text) {
        return None;
    }
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let sextet = |at: usize| group.get(at).and_then(|digit| ALPHABET.iter().position(|other| other == digit));
        let bits = (0..4).fold(0_u32, |bits, at| bits << 6 | sextet(at).map_or(0, |s| u32::try_from(s).unwrap_or(0)));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, 10.
    #[test]
    fn text_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()).filter(|bytes| !bytes.is_empty()));
        }
        for bad in ["Zg=", "Z===", "Zg==Zg==", "Z g=", "Zm9vY", "Zm9\u{e4}"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
