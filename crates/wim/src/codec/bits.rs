//! The order of bits that both codecs share: 16-bit little-endian words, each read from its
//! highest bit down.

use super::{DecodeError, Position};

/// Zeros behind the input: enough for one refill.
const PAD: usize = 8;

/// A copy of the input with the two bytes of every word swapped, so that the bits lie in the
/// order in which they are read and a refill is one big-endian load.
///
/// For XPRESS there is a second copy behind the first, because it puts single bytes between the
/// words: after an odd number of them the words begin at odd offsets.
#[derive(Debug)]
pub(super) struct Words {
    swapped: Vec<u8>,
}

impl Words {
    /// Room for inputs of `len` bytes and as many copies as they need.
    pub(super) fn with_capacity(len: usize, copies: usize) -> Self {
        Self { swapped: Vec::with_capacity((len + PAD) * copies) }
    }

    /// Bits of an input whose words all begin at even offsets.
    pub(super) fn load<'a>(&'a mut self, input: &'a [u8]) -> Bits<'a> {
        self.swapped.resize(input.len() + PAD, 0);
        swap(&mut self.swapped, input, 0);
        Bits::new(&self.swapped, input)
    }

    /// Bits of an input whose words may begin at any offset.
    pub(super) fn load_both<'a>(&'a mut self, input: &'a [u8]) -> Bits<'a> {
        let len = input.len() + PAD;
        self.swapped.resize(2 * len, 0);
        let (even, odd) = self.swapped.split_at_mut(len);
        swap(even, input, 0);
        swap(odd, input, 1);
        Bits::new(&self.swapped, input)
    }
}

/// Swaps the words of `input` that begin `phase` bytes after its start. Offsets stay what they
/// are.
fn swap(to: &mut [u8], input: &[u8], phase: usize) {
    let (words, _) = input.get(phase..).unwrap_or_default().as_chunks();
    let (swapped, pad) = to[phase..].split_at_mut(words.len() * 2);
    for (to, &word) in swapped.as_chunks_mut().0.iter_mut().zip(words) {
        *to = u16::from_le_bytes(word).to_be_bytes();
    }
    pad.fill(0);
}

/// The bits of a chunk from some place on.
///
/// After [`refill`](Self::refill) at least 56 bits can be taken without another look at the input.
/// Past the end of the input come zeros, so that the loops need no check for each symbol;
/// [`check`](Self::check) tells afterwards whether any of them were taken.
///
/// The type is `Copy` and the rare functions take it by value: a reference to it would keep its
/// fields in memory instead of registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    swapped: &'a [u8],
    input: &'a [u8],
    /// Swapped bytes from the first one on that `left` doesn't count.
    rest: &'a [u8],
    /// The next bits from the highest down. Those below the `left` highest are zero or already
    /// what the input has, so a refill may set them again.
    buffer: u64,
    /// How many bits of the buffer count, in the low six bits; what is above them is noise.
    left: u32,
    /// Bytes taken from behind the padding.
    past: u32,
    /// Whether words begin at even (0) or odd (1) offsets.
    phase: u32,
}

impl<'a> Bits<'a> {
    fn new(swapped: &'a [u8], input: &'a [u8]) -> Self {
        let rest = &swapped[..input.len() + PAD];
        Self { swapped, input, rest, buffer: 0, left: 0, past: 0, phase: 0 }
    }

    /// The same input from an even byte offset on, or from the end of its words if that comes
    /// first.
    pub(super) fn seek(self, offset: usize) -> Self {
        let rest = &self.swapped[offset.min(self.input.len() & !1)..self.input.len() + PAD];
        Self { rest, buffer: 0, left: 0, past: 0, ..self }
    }

    /// The bytes of the chunk.
    pub(super) fn input(&self) -> &'a [u8] {
        self.input
    }

    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        // As many whole bytes as fit above the lowest bit; `left` has room for 63.
        let taken = (self.left ^ 63) >> 3 & 7;
        if let Some(&bytes) = self.rest.first_chunk() {
            self.buffer |= u64::from_be_bytes(bytes) >> (self.left & 63);
            self.rest = &self.rest[taken as usize..];
        } else {
            // Less than the padding is left, so these are zeros.
            self.past += taken;
        }
        self.left |= 56;
    }

    /// The next bits, from the highest down.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.buffer
    }

    /// The next bits, so turned that the last of `count` bits (only the low six bits of it count)
    /// is the lowest. The bits above those asked for are others.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "no field is longer than 17 bits")]
    pub(super) fn peek_low(&self, count: u32) -> u32 {
        self.buffer.rotate_left(count & 63) as u32
    }

    /// Drops `count` bits; only the low six bits of it count.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count & 63;
        self.left = self.left.wrapping_sub(count);
    }

    /// Takes up to 31 of the bits that are available.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let value = self.peek_low(count) & ((1 << (count & 31)) - 1);
        self.skip(count);
        value
    }

    /// Refills, then takes up to 31 bits.
    pub(super) fn read(&mut self, count: u32) -> u32 {
        self.refill();
        self.take(count)
    }

    /// What the fast loop works with: the buffer, how many bits of it count (in the low six bits),
    /// and the bytes that come next, each word swapped.
    #[inline(always)]
    pub(super) fn parts(&self) -> (u64, u32, &'a [u8]) {
        (self.buffer, self.left, self.rest)
    }

    /// Goes on where the fast loop, which took so many bytes, has left off.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "only six bits count")]
    pub(super) fn resume(&mut self, buffer: u64, left: u64, taken: usize) {
        self.buffer = buffer;
        self.left = left as u32;
        self.rest = &self.rest[taken..];
    }

    /// Offset of `rest` in the input.
    #[inline(always)]
    fn next(&self) -> u64 {
        (self.input.len() + PAD - self.rest.len()) as u64 + u64::from(self.past)
    }

    /// Bits read so far, bytes between words included.
    #[inline(always)]
    fn consumed(&self) -> u64 {
        self.next() * 8 - u64::from(self.left & 63)
    }

    /// Reads the length bytes that XPRESS puts between the words: one, or 255 and then two.
    ///
    /// A decoder as [MS-XCA] 2.2.4 describes it always holds the word it is in and the one after
    /// that, so the byte lies behind both, and the bits go on after it.
    ///
    /// Gives 15 more than the single byte, or the two bytes, which should not be less than 15
    /// either; `None` when the input ends before them.
    #[inline(always)]
    pub(super) fn length_bytes(&mut self) -> Option<u32> {
        let consumed = self.consumed();
        let phase = u64::from(self.phase);
        let from = (consumed - phase * 8 + 31) / 16 * 2 + phase;
        let at = usize::try_from(from).ok()?;
        let mut value = u32::from(*self.input.get(at)?) + 15;
        let mut next = at + 1;
        if value == 255 + 15 {
            value = u16::from_le_bytes(*self.input[next..].first_chunk()?).into();
            next += 2;
        }
        // What is left of the two words stays: 16 to 31 bits.
        let left = (from * 8 - consumed) & 31;
        self.buffer &= !(u64::MAX >> left);
        self.left = left as u32;
        self.past = 0;
        self.phase ^= 1;
        let copy = self.input.len() + PAD;
        let start = if self.phase == 0 { 0 } else { copy };
        self.rest = self.swapped.get(start + next..start + copy)?;
        Some(value)
    }

    /// Offset of the first word that no bit was taken of, but never of the one that the bits are
    /// at: where no word is begun, a whole one is passed over. This is how LZX aligns.
    pub(super) fn next_word(&self) -> usize {
        usize::try_from((self.consumed() / 16 + 1) * 2).unwrap_or(usize::MAX)
    }

    /// Where the decoder is, with `output` bytes written.
    #[cold]
    pub(super) fn position(self, output: usize) -> Position {
        Position { input_bit: self.consumed(), output }
    }

    /// Fails when bits past the end of the input were taken.
    pub(super) fn check(self, output: usize) -> Result<(), DecodeError> {
        // Half a word at the end is no word.
        let half = (self.input.len() as u64 ^ u64::from(self.phase)) & 1;
        let end = (self.input.len() as u64 - half) * 8;
        if self.consumed() > end { Err(self.truncated(output)) } else { Ok(()) }
    }

    /// The input ends before something that should come.
    #[cold]
    pub(super) fn truncated(self, output: usize) -> DecodeError {
        DecodeError::Truncated { len: self.input.len(), at: self.position(output) }
    }

    /// A fault found here, which is only the end of the input if that has been passed: what the
    /// zeros behind it mean is no news.
    #[cold]
    #[inline(never)]
    pub(super) fn fault(self, output: usize, fault: impl FnOnce(Position) -> DecodeError) -> DecodeError {
        self.check(output).err().unwrap_or_else(|| fault(self.position(output)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_the_high_end_of_little_endian_words() {
        let mut words = Words::with_capacity(0, 2);
        let mut bits = words.load(&[0x34, 0x12, 0x78, 0x56]);
        assert_eq!([4, 4, 8, 16].map(|n| bits.read(n)), [1, 2, 0x34, 0x5678]);
        assert_eq!(bits.check(0), Ok(()));
        assert_eq!(bits.position(7), Position { input_bit: 32, output: 7 });
    }

    #[test]
    fn all_bits_of_a_refill_can_be_taken() {
        let input: Vec<u8> = (0..64).collect();
        let mut words = Words::with_capacity(0, 2);
        let mut all = words.load(&input);
        let all: Vec<u32> = (0..512).map(|_| all.read(1)).collect();
        for first in 0..16 {
            let mut bits = words.load(&input);
            bits.read(first);
            bits.refill();
            let taken: Vec<u32> = (0..56).map(|_| bits.take(1)).collect();
            assert_eq!(taken, all[first as usize..][..56]);
        }
    }

    #[test]
    fn zeros_follow_the_input_and_are_noticed() {
        for len in 0..20 {
            let input = vec![0xff; len];
            let whole = len / 2 * 16;
            let mut words = Words::with_capacity(0, 2);
            let mut bits = words.load(&input);
            for bit in 0..whole {
                assert_eq!(bits.read(1), 1, "bit {bit} of {len} bytes");
                assert_eq!(bits.check(0), Ok(()));
            }
            for _ in 0..200 {
                assert_eq!(bits.read(1), 0);
            }
            let at = Position { input_bit: whole as u64 + 200, output: 3 };
            assert_eq!(bits.check(3), Err(DecodeError::Truncated { len, at }));
        }
    }

    #[test]
    fn length_bytes_lie_behind_the_word_after_the_current_one() {
        // Two words, a byte; a word at an odd offset, 255 and two bytes; a word at an even one.
        let input = [0x00, 0x80, 0x01, 0x00, 7, 0xcd, 0xab, 255, 0x34, 0x12, 0x78, 0x56];
        let mut words = Words::with_capacity(0, 2);
        let mut bits = words.load_both(&input);
        assert_eq!(bits.read(1), 1);
        assert_eq!(bits.length_bytes(), Some(15 + 7));
        assert_eq!([15, 16].map(|n| bits.read(n)), [0, 1]);
        assert_eq!(bits.read(8), 0xab, "the first word after the byte begins at an odd offset");
        // The bits are in the word at 5, and the next word is the one at 7: nothing is behind it
        // but what begins at 9.
        assert_eq!(bits.length_bytes(), Some(0x12 + 15));
        assert_eq!(bits.read(8), 0xcd);
        assert_eq!(bits.read(16), 0x34ff);
        assert_eq!(bits.read(16), 0x5678);
        assert_eq!(bits.check(0), Ok(()));
        assert_eq!(bits.length_bytes(), None);
    }

    #[test]
    fn long_lengths_take_two_more_bytes() {
        for (tail, value) in [(&[1, 2, 9, 9][..], Some(0x201)), (&[1, 2], Some(0x201)), (&[1], None), (&[], None)] {
            let input = [&[0x00, 0x80, 0x00, 0x00, 255], tail].concat();
            let mut words = Words::with_capacity(0, 2);
            let mut bits = words.load_both(&input);
            bits.read(1);
            assert_eq!(bits.length_bytes(), value);
        }
    }

    #[test]
    fn alignment_passes_over_a_whole_word_where_none_is_begun() {
        let mut words = Words::with_capacity(0, 2);
        let mut bits = words.load(&[0; 8]);
        assert_eq!(bits.next_word(), 2);
        bits.read(1);
        assert_eq!(bits.next_word(), 2);
        bits.read(15);
        assert_eq!(bits.next_word(), 4);
    }
}
