//! The decisions: bits that tell what comes next, each worth a fraction of a bit of input.
//!
//! A range coder reads 16-bit little-endian words from the front of the chunk. For every decision
//! it splits its range in the ratio of a chance of 64ths, and the words tell in which part the
//! encoder went on. The chance is that of the last 64 decisions that were made in the same
//! [context](Decision), so it adapts by itself.

/// What chances are counted in.
const WHOLE: u32 = 64;

/// The last 64 decisions that a context starts with, from the newest in the lowest bit; 16 are
/// ones.
const START: u64 = 0x5555_5555;

/// How probable it is that the next decision of a context is 0.
#[derive(Debug, Clone, Copy)]
struct Chance {
    /// The last 64 decisions, the newest in the lowest bit.
    last: u64,
    /// How many of them are 0.
    zeros: u32,
    /// The same, but never impossible and never certain.
    chance: u32,
}

impl Chance {
    const NEW: Self = {
        let zeros = START.count_zeros();
        Self { last: START, zeros, chance: zeros }
    };

    #[inline(always)]
    fn came(&mut self, bit: u32) {
        let oldest = u32::from(self.last >> 63 != 0);
        self.last = self.last << 1 | u64::from(bit);
        self.zeros = self.zeros.wrapping_add(oldest).wrapping_sub(bit);
        self.chance = self.zeros.clamp(1, WHOLE - 1);
    }
}

/// One kind of decision. `CONTEXTS`, a power of two, are told apart by the decisions of this kind
/// that were made last.
#[derive(Debug)]
pub(super) struct Decision<const CONTEXTS: usize> {
    chances: [Chance; CONTEXTS],
    state: usize,
}

impl<const CONTEXTS: usize> Decision<CONTEXTS> {
    pub(super) const NEW: Self = Self { chances: [Chance::NEW; CONTEXTS], state: 0 };
}

/// Reads decisions. `Copy`, so that the loop can keep it in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range<'a> {
    range: u32,
    code: u32,
    rest: &'a [u8],
    /// Words that were asked for after the last one.
    past: u32,
}

impl<'a> Range<'a> {
    /// Words that the coder holds: encoders need not write those that decide nothing.
    const HELD: u32 = 2;

    pub(super) fn new(input: &'a [u8]) -> Self {
        let mut new = Self { range: u32::MAX, code: 0, rest: input, past: 0 };
        new.code = new.word() << 16;
        new.code |= new.word();
        new
    }

    #[inline(always)]
    fn word(&mut self) -> u32 {
        if let Some((&word, rest)) = self.rest.split_first_chunk() {
            self.rest = rest;
            return u16::from_le_bytes(word).into();
        }
        self.past = self.past.saturating_add(1);
        0
    }

    /// The next decision of a kind.
    #[inline(always)]
    pub(super) fn decide<const CONTEXTS: usize>(&mut self, kind: &mut Decision<CONTEXTS>) -> bool {
        const { assert!(CONTEXTS.is_power_of_two()) };
        let chance = &mut kind.chances[kind.state & (CONTEXTS - 1)];
        if self.range >> 16 == 0 {
            self.range <<= 16;
            self.code = self.code << 16 | self.word();
        }
        // No overflow: 63 times what has 26 bits.
        let bound = (self.range / WHOLE).wrapping_mul(chance.chance);
        let is_one = self.code >= bound;
        if is_one {
            self.range = self.range.wrapping_sub(bound);
            self.code = self.code.wrapping_sub(bound);
            chance.came(1);
            kind.state = kind.state << 1 | 1;
        } else {
            self.range = bound;
            chance.came(0);
            kind.state <<= 1;
        }
        is_one
    }

    /// Bytes of the chunk read so far, those that were not there included.
    pub(super) fn consumed(&self, input: usize) -> u64 {
        (input - self.rest.len()) as u64 + 2 * u64::from(self.past)
    }

    /// Whether words were missing that decided something.
    pub(super) fn is_past(&self) -> bool {
        self.past > Self::HELD
    }
}
