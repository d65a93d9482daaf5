//! Update sequences of records and index blocks, undone.

use crate::format::STRIDE;
use crate::rule::{Fault, Rule};

/// The rules that a protected block can break; records and index blocks have their own names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockRules {
    pub(crate) magic: [u8; 4],
    pub(crate) bad_magic: Rule,
    pub(crate) bad_array: Rule,
    pub(crate) torn: Rule,
    /// Bytes of the block's header, behind which the array may lie.
    pub(crate) header: usize,
}

/// MFT records.
pub(crate) const RECORD: BlockRules = BlockRules {
    magic: *b"FILE",
    bad_magic: Rule::RecordMagic,
    bad_array: Rule::RecordUpdateSequence,
    torn: Rule::RecordTorn,
    // Before NTFS 3.1 the header ended before the record's own number.
    header: 0x2a,
};

/// Index blocks.
pub(crate) const INDEX_BLOCK: BlockRules = BlockRules {
    magic: *b"INDX",
    bad_magic: Rule::IndexBlockMagic,
    bad_array: Rule::IndexUpdateSequence,
    torn: Rule::IndexBlockTorn,
    header: 0x28,
};

/// Checks the mark and the update sequence of a block and puts the words back that it replaced.
pub(crate) fn unprotect(block: &mut [u8], rules: &BlockRules) -> Result<(), Fault> {
    if block[..4] != rules.magic {
        let found = block[..4].escape_ascii().to_string();
        return Err(Fault::new(
            rules.bad_magic,
            0,
            format!("expected \"{}\", found {found:?}", rules.magic.escape_ascii()),
        ));
    }
    let word = |block: &[u8], at: usize| usize::from(u16::from_le_bytes([block[at], block[at + 1]]));
    let (array, words) = (word(block, 4), word(block, 6));
    let strides = block.len() / STRIDE;
    // The array must not reach the first word that it protects.
    if words != strides + 1 || array < rules.header || array % 2 != 0 || array + 2 * words > STRIDE - 2 {
        let detail = format!("{words} words at {array:#x} for {strides} strides");
        return Err(Fault::new(rules.bad_array, 4, detail));
    }
    let number = [block[array], block[array + 1]];
    for (i, end) in (STRIDE..=block.len()).step_by(STRIDE).enumerate() {
        if block[end - 2..end] != number {
            let detail = format!("expected {number:02x?}, found {:02x?}", &block[end - 2..end]);
            return Err(Fault::new(rules.torn, end - 2, detail));
        }
        let saved = array + 2 * (i + 1);
        block.copy_within(saved..saved + 2, end - 2);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::protect;

    #[test]
    fn protection_is_undone_and_damage_is_seen() {
        let mut block: Vec<u8> = (0..1024u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
        block[..8].copy_from_slice(b"FILE\x30\0\x03\0");
        let plain = block.clone();
        protect(&mut block, 0x30);
        let mut whole = block.clone();
        unprotect(&mut whole, &RECORD).unwrap();
        assert_eq!((&whole[..0x30], &whole[0x36..]), (&plain[..0x30], &plain[0x36..]));
        for (at, rule) in [
            (0, Rule::RecordMagic),
            (4, Rule::RecordUpdateSequence),
            (6, Rule::RecordUpdateSequence),
            (1022, Rule::RecordTorn),
        ] {
            let mut bad = block.clone();
            bad[at] ^= 0x81;
            assert_eq!(unprotect(&mut bad, &RECORD).unwrap_err().rule, rule, "{at}");
        }
    }
}
