//! Descriptor tags. ECMA-167 3/7.2 and 4/7.2; OSTA UDF 2.60, 2.2.1 and 2.3.1.

use zerocopy::FromBytes;

use super::format::{TAG_LEN, Tag};
use crate::error::TagFault;

/// Verifies the tag at the start of `bytes`, which end where the descriptor may end at the latest, and gives
/// its identifier.
pub(crate) fn verify(bytes: &[u8], location: u32) -> Result<u16, TagFault> {
    let Ok((tag, rest)) = Tag::ref_from_prefix(bytes) else {
        return Err(TagFault::CrcLength { found: 0, most: 0 });
    };
    let sum = |bytes: &[u8]| bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    let expected = sum(&bytes[..4]).wrapping_add(sum(&bytes[5..TAG_LEN]));
    if tag.checksum != expected {
        return Err(TagFault::Checksum { found: tag.checksum, expected });
    }
    if tag.location.get() != location {
        return Err(TagFault::Location { found: tag.location.get(), expected: location });
    }
    let found = tag.crc_len.get();
    let covered = rest.get(..usize::from(found)).ok_or(TagFault::CrcLength { found, most: rest.len() })?;
    let expected = crc(covered);
    if tag.crc.get() != expected {
        return Err(TagFault::Crc { found: tag.crc.get(), expected });
    }
    Ok(tag.identifier.get())
}

/// As [`verify`], of a descriptor whose identifier has to be `identifier`. That is looked at first, since
/// what is something else has no tag to speak of.
pub(crate) fn expect(bytes: &[u8], location: u32, identifier: u16) -> Result<(), TagFault> {
    let found = Tag::ref_from_prefix(bytes).map_or(0, |(tag, _)| tag.identifier.get());
    if found != identifier {
        return Err(TagFault::Identifier { found, expected: identifier });
    }
    verify(bytes, location).map(drop)
}

/// The CRC of 3/7.2.6: x^16 + x^12 + x^5 + 1, the highest bit first, from zero.
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) ^ u16::from(byte))])
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0u16;
    while index < 256 {
        let (mut value, mut bit) = (index << 8, 0);
        while bit < 8 {
            value = if value & 0x8000 == 0 { value << 1 } else { (value << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index as usize] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
pub(crate) mod tests {
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;

    /// Makes the tag of a descriptor right.
    pub(crate) fn seal(bytes: &mut [u8], identifier: u16, location: u32) {
        let mut tag = Tag::new_zeroed();
        tag.identifier = identifier.into();
        tag._version = 2.into();
        tag.crc = crc(&bytes[TAG_LEN..]).into();
        tag.crc_len = u16::try_from(bytes.len() - TAG_LEN).unwrap().into();
        tag.location = location.into();
        tag.checksum = tag.as_bytes().iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
        bytes[..TAG_LEN].copy_from_slice(tag.as_bytes());
    }

    /// The length of the structure at the start of `bytes` by its tag, if it fits.
    pub(crate) fn tag_len(bytes: &[u8]) -> Option<usize> {
        let (tag, _) = Tag::ref_from_prefix(bytes).ok()?;
        let len = TAG_LEN + usize::from(tag.crc_len.get());
        (len <= bytes.len()).then_some(len)
    }

    /// Whether the tag is right, wherever it should be.
    pub(crate) fn tag_verify(bytes: &[u8]) -> bool {
        let location = Tag::ref_from_prefix(bytes).map(|(tag, _)| tag.location.get());
        location.is_ok_and(|location| verify(bytes, location).is_ok())
    }

    /// Makes a tag right that was so before what is behind it was changed.
    pub(crate) fn tag_seal(bytes: &mut [u8]) {
        let (tag, _) = Tag::ref_from_prefix(bytes).unwrap();
        let (identifier, location) = (tag.identifier.get(), tag.location.get());
        seal(bytes, identifier, location);
    }

    #[test]
    fn the_crc_is_the_standards() {
        // The example of 3/7.2.6.
        assert_eq!(crc(&[0x70, 0x6a, 0x77]), 0x3299);
    }

    #[test]
    fn a_tag_that_is_wrong_in_any_way_is_refused() {
        let mut sound = vec![0x5a; 64];
        seal(&mut sound, 261, 77);
        assert_eq!(verify(&sound, 77), Ok(261));
        assert_eq!(expect(&sound, 77, 261), Ok(()));
        assert_eq!(expect(&sound, 77, 266), Err(TagFault::Identifier { found: 261, expected: 266 }));
        assert_eq!(verify(&sound, 78), Err(TagFault::Location { found: 77, expected: 78 }));
        assert_eq!(verify(&sound[..60], 77), Err(TagFault::CrcLength { found: 48, most: 44 }));
        for bit in 0..sound.len() * 8 {
            let mut wrong = sound.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&wrong, 77).is_err(), "bit {bit}");
        }
        assert!(verify(&[], 0).is_err() && verify(&[0; 15], 0).is_err());
    }
}
