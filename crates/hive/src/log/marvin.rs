//! Marvin32, the hash of log entries: 64 bits of state, mixed with one word after the other.
//!
//! The algorithm is public as the string hash of .NET (`System.Marvin`, MIT) and in US patent 8,555,078;
//! the seed is stated in \[REGF\] "Log entries", note 3, with the highest byte first: logs that Windows
//! wrote agree with no other order.

/// The seed of log entries.
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

struct State {
    low: u32,
    high: u32,
}

impl State {
    fn mix(&mut self, word: u32) {
        self.low = self.low.wrapping_add(word);
        for (low_turn, high_turn) in [(20, 9), (27, 19)] {
            self.high ^= self.low;
            self.low = self.low.rotate_left(low_turn).wrapping_add(self.high);
            self.high = self.high.rotate_left(high_turn);
        }
    }
}

/// The hash of some bytes in a log entry.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    seeded(bytes, SEED)
}

#[expect(clippy::cast_possible_truncation, reason = "takes the two halves")]
fn seeded(bytes: &[u8], seed: u64) -> u64 {
    let mut state = State { low: seed as u32, high: (seed >> 32) as u32 };
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        state.mix(word.try_into().map_or(0, u32::from_le_bytes));
    }
    // The last word has the bytes that are left, a mark above them and zeros.
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    state.mix(u32::from_le_bytes(last));
    state.mix(0);
    u64::from(state.high) << 32 | u64::from(state.low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_windows() {
        // Test vectors of .NET.
        let seed = 0x004f_b61a_001b_dbcc;
        for (bytes, expected) in [
            (&[][..], 0x30ed_35c1_00cd_3c7d),
            (&[0xaf], 0x48e7_3fc7_7d75_ddc1),
            (&[0xe7, 0x0f], 0xb5f6_e1fc_485d_bff8),
            (&[0x37, 0xf4, 0x95], 0xf0b0_7c78_9b8c_f7e8),
        ] {
            assert_eq!(seeded(bytes, seed), expected, "{bytes:x?}");
        }
        // The first 32 bytes of a log entry that Windows 10 wrote.
        let head = b"HvLE\x00\x3e\0\0\x01\0\0\0\x3b\x08\0\0\x00\x30\xbd\0\x03\0\0\0\xc4\x81\x2c\xbe\xa1\xb6\x70\x4b";
        assert_eq!(hash(head), 0xdd88_c5d7_df48_f30a);
    }
}
