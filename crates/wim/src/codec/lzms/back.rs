//! The bits that are read from the end of the chunk towards its start.
//!
//! They are taken from 16-bit little-endian words, the last one first and each from its highest bit
//! down. That is the order of the bytes from the last to the first, so eight bytes as a
//! little-endian number are the next 64 bits from the highest down.

/// The bits of a chunk that were not taken yet, as [`Bits`](super::super::bits::Bits) are for the
/// other codecs: 56 can be taken after a refill, before the start of the input come zeros, and
/// [`Back::consumed`] tells afterwards whether any of them were taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back<'a> {
    /// Bytes before those that `left` counts.
    rest: &'a [u8],
    /// The next bits from the highest down. Those below the `left` highest are zero or already
    /// what the input has.
    buffer: u64,
    /// How many bits of the buffer count, in the low six bits; what is above them is noise.
    left: u32,
    /// Bytes taken from before the start.
    past: u32,
}

impl<'a> Back<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, buffer: 0, left: 0, past: 0 }
    }

    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let taken = (self.left ^ 63) >> 3 & 7;
        if let Some(&bytes) = self.rest.last_chunk() {
            self.buffer |= u64::from_le_bytes(bytes) >> (self.left & 63);
            self.rest = &self.rest[..self.rest.len() - taken as usize];
        } else {
            *self = self.refill_last(taken);
        }
        self.left |= 56;
    }

    /// The first bytes of the input, and what is before them. By value, so that everything else finds
    /// the fields in registers.
    #[cold]
    #[inline(never)]
    fn refill_last(mut self, taken: u32) -> Self {
        let mut bytes = [0; 8];
        bytes[8 - self.rest.len()..].copy_from_slice(self.rest);
        self.buffer |= u64::from_le_bytes(bytes) >> (self.left & 63);
        let there = self.rest.len().min(taken as usize);
        self.rest = &self.rest[..self.rest.len() - there];
        self.past = self.past.saturating_add(taken.saturating_sub(u32::try_from(there).unwrap_or(taken)));
        self
    }

    /// The next bits, from the highest down.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Drops `count` bits; only the low six bits of it count.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count & 63;
        self.left = self.left.wrapping_sub(count);
    }

    /// Whether surely more bits were taken than there are: sooner or later
    /// [`consumed`](Self::consumed) tells, too.
    pub(super) fn is_past(&self) -> bool {
        self.past > 8
    }

    /// Bits read so far, those that were not there included.
    pub(super) fn consumed(&self, input: usize) -> u64 {
        ((input - self.rest.len()) as u64 + u64::from(self.past)) * 8 - u64::from(self.left & 63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bits: &mut Back<'_>, count: u32) -> u32 {
        let value = u32::try_from(bits.peek() >> 1 >> (63 - count)).unwrap();
        bits.skip(count);
        value
    }

    #[test]
    fn bits_come_from_the_last_word_on() {
        let mut bits = Back::new(&[0x78, 0x56, 0x34, 0x12]);
        bits.refill();
        assert_eq!([4, 4, 8, 0, 16].map(|n| take(&mut bits, n)), [1, 2, 0x34, 0, 0x5678]);
        assert_eq!(bits.consumed(4), 32);
    }

    #[test]
    fn every_bit_comes_once_and_then_zeros() {
        let input: Vec<u8> = (0..40).map(|n: u8| n.wrapping_mul(73) ^ 0xa5).collect();
        let expected: Vec<u32> =
            input.iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1))).collect();
        for width in 1..=31 {
            let mut bits = Back::new(&input);
            let mut got = Vec::new();
            while got.len() < expected.len() + 100 {
                bits.refill();
                let value = take(&mut bits, width);
                got.extend((0..width).rev().map(|bit| value >> bit & 1));
                assert_eq!(bits.consumed(input.len()), got.len() as u64);
            }
            assert_eq!(got[..expected.len()], expected);
            assert!(got[expected.len()..].iter().all(|&bit| bit == 0), "{width}");
        }
    }
}
