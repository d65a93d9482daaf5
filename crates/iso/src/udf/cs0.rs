//! Text and times of UDF.

use super::format::Timestamp;
use crate::name;
use crate::time::Civil;
use nanovhd_tree::Filetime;

/// Compression identifiers: how many bits a character has. OSTA UDF 2.60, 2.1.1.
const BITS_8: u8 = 8;
const BITS_16: u8 = 16;

/// Decodes OSTA compressed Unicode: an identifier and characters of 8 or, big-endian, of 16 bits. The latter
/// are UTF-16 in practice and may be lone surrogates. `None`: it is neither, or half a character is left.
/// (Identifiers 254 and 255 are for names of deleted files.)
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<u16>> {
    match bytes.split_first()? {
        (&BITS_8, rest) => Some(rest.iter().map(|&byte| u16::from(byte)).collect()),
        (&BITS_16, rest) => name::from_ucs2(rest),
        _ => None,
    }
}

/// A dstring: compressed Unicode in a field whose last byte says how many bytes are in use. ECMA-167 1/7.2.12;
/// OSTA UDF 2.60, 2.1.3. What can't be decoded is taken for empty: it is only shown.
pub(crate) fn dstring(field: &[u8]) -> String {
    let text = field.split_last().and_then(|(&len, text)| decode(text.get(..usize::from(len))?));
    name::label(&text.unwrap_or_default())
}

impl Timestamp {
    /// The time, if there is one.
    pub(crate) fn filetime(&self) -> Option<Filetime> {
        // 1/7.3.1: 12 bits in two's complement; -2047 for an offset that is not given, which UDF's readers
        // take for UTC.
        let offset = i64::from(self.zone.get() & 0xfff);
        let offset = if offset >= 0x800 { offset - 0x1000 } else { offset };
        let civil = Civil {
            year: self.year.get().into(),
            month: self.month,
            day: self.day,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            offset: if offset == -2047 { 0 } else { offset },
        };
        let ticks = [(self.centiseconds, 100_000), (self.hundred_microseconds, 1000), (self.microseconds, 10)];
        let fraction: u64 = ticks.iter().map(|&(count, ticks)| u64::from(count.min(99)) * ticks).sum();
        Some(Filetime(civil.filetime()?.0.saturating_add(fraction)))
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;

    #[test]
    fn text_of_either_width_is_decoded() {
        assert_eq!(decode(b"\x08a\xe9"), Some(vec![0x61, 0xe9]));
        assert_eq!(decode(b"\x10\x4e\x2d\xd8\x3d"), Some(vec![0x4e2d, 0xd83d]));
        assert_eq!(decode(b"\x08"), Some(vec![]));
        for bad in [&b""[..], b"\x10a", b"\x09a", b"\xfe", b"\xff\0\0"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(dstring(b"\x08LABEL\0\0\0\x06"), "LABEL");
        assert_eq!(dstring(b"\x08LABEL\0\0\0\xff"), "");
        assert_eq!(dstring(b""), "");
    }

    #[test]
    fn times_have_an_offset_and_a_fraction() {
        let stamp = |bytes: [u8; 12]| Timestamp::read_from_bytes(&bytes).unwrap().filetime();
        // 2016-07-16 15:06:05.010203 at UTC+2.
        let expected = Filetime(Filetime::from_unix(1_468_674_365).0 + 102_030);
        assert_eq!(stamp([120, 0x10, 0xe0, 7, 7, 16, 15, 6, 5, 1, 2, 3]), Some(expected));
        // UTC-1.
        let expected = Filetime::from_unix(1_468_674_365);
        assert_eq!(stamp([0xc4, 0x1f, 0xe0, 7, 7, 16, 12, 6, 5, 0, 0, 0]), Some(expected));
        // No offset given.
        assert_eq!(stamp([0x01, 0x18, 0xe0, 7, 7, 16, 13, 6, 5, 0, 0, 0]), Some(expected));
        assert_eq!(stamp([0; 12]), None);
    }
}
