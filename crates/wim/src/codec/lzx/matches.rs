//! How LZX writes matches.
//!
//! A match header is a symbol of the main code: 256, plus eight times the *slot* of the offset,
//! plus the length less 2. The last of the eight lengths goes on in a symbol of the length code.
//! Slots 0 to 2 are the offsets of recent matches. The others are ranges of offsets, in which the
//! *extra bits* choose; in aligned blocks, the lowest three of these, where there are as many, are
//! a symbol of the aligned offset code.

use std::hint::select_unpredictable;

use super::super::bits::Bits;
use super::super::huffman::{Entry, MAX_SYMBOLS};
use super::super::lz::{Match, Matches};
use super::super::{Code, DecodeError};
use super::{Aligned, Length};

pub(super) const LENGTH_SYMBOLS: usize = 249;
pub(super) const ALIGNED_SYMBOLS: usize = 8;

const MIN_MATCH: u32 = 2;
const MAX_MATCH: u32 = 257;

/// The length that means that a symbol of the length code has to be added.
const LONG: u32 = MIN_MATCH + 7;

/// Slots of recent offsets.
const RECENT: u32 = 3;

/// Slots of windows of 2 MiB.
const SLOTS_IN_USE: u32 = 50;

/// What six bits can number: tables of this size need no check of the index.
const MAX_SLOTS: usize = 64;

/// Extra bits in the aligned offset code.
const ALIGNED_BITS: u32 = 3;

/// Entries of numbers from `first` on.
pub(super) const fn numbers<const N: usize>(first: u32) -> [Entry; N] {
    let mut entries = [Entry::new(0); N];
    let (mut symbol, mut number) = (0, first);
    while symbol < N {
        entries[symbol] = Entry::new(number);
        symbol += 1;
        number += 1;
    }
    entries
}

/// What the length code's table has: match lengths.
pub(super) static LENGTH_ENTRIES: [Entry; LENGTH_SYMBOLS] = numbers(LONG);

/// What the aligned offset code's table has: the lowest bits of offsets.
pub(super) static ALIGNED_ENTRIES: [Entry; ALIGNED_SYMBOLS] = numbers(0);

/// What the main code's table has in verbatim and in aligned blocks.
pub(super) static MAIN_ENTRIES: [[Entry; MAX_SYMBOLS]; 2] = [main_entries(false), main_entries(true)];

/// Ranges of offsets in verbatim and in aligned blocks.
static SLOTS: [[Slot; MAX_SLOTS]; 2] = [slots(false), slots(true)];

/// A range of match offsets.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The first offset.
    base: u32,
    /// A one for each of the extra bits in the stream itself.
    ones: u32,
}

/// How many ones [`Slot::ones`] has.
static EXTRA_BITS: [[u8; MAX_SLOTS]; 2] = [counts_of_ones(&SLOTS[0]), counts_of_ones(&SLOTS[1])];

/// All extra bits of a slot.
const fn extra_bits(slot: u32) -> u32 {
    match slot {
        0..4 => 0,
        4..36 => slot / 2 - 1,
        _ => 17,
    }
}

/// Whether the lowest extra bits of a slot are in the aligned offset code.
const fn is_aligned(slot: u32, aligned_block: bool) -> bool {
    aligned_block && extra_bits(slot) >= ALIGNED_BITS
}

/// Extra bits of a slot in the stream itself.
const fn plain_extra_bits(slot: u32, aligned_block: bool) -> u32 {
    if is_aligned(slot, aligned_block) { extra_bits(slot) - ALIGNED_BITS } else { extra_bits(slot) }
}

const fn slots(aligned_block: bool) -> [Slot; MAX_SLOTS] {
    let mut slots = [Slot { base: 0, ones: 0 }; MAX_SLOTS];
    // The range that slot 3 begins; the three before have none.
    let (mut slot, mut base) = (RECENT, 1);
    while slot < SLOTS_IN_USE {
        slots[slot as usize] = Slot { base, ones: (1 << plain_extra_bits(slot, aligned_block)) - 1 };
        base += 1 << extra_bits(slot);
        slot += 1;
    }
    slots
}

const fn counts_of_ones(slots: &[Slot; MAX_SLOTS]) -> [u8; MAX_SLOTS] {
    let mut counts = [0; MAX_SLOTS];
    let mut slot = 0;
    while slot < MAX_SLOTS {
        counts[slot] = slots[slot].ones.count_ones().to_le_bytes()[0];
        slot += 1;
    }
    counts
}

/// Value of a match header: the length in four bits, the slot in six, and in six more what
/// [`Recent::used`] wants. Extra bits are skipped along with the codeword unless a symbol of the
/// length code stands between. The mark is for slots with bits in the aligned offset code.
const fn main_entries(aligned_block: bool) -> [Entry; MAX_SYMBOLS] {
    let mut entries = [Entry::new(0); MAX_SYMBOLS];
    let mut symbol = 0;
    while symbol < 256 {
        entries[symbol as usize] = Entry::literal(symbol);
        symbol += 1;
    }
    while (symbol as usize) < MAX_SYMBOLS {
        let (slot, length) = ((symbol - 256) / 8, (symbol - 256) % 8 + MIN_MATCH);
        let shift = if slot < RECENT { slot * Recent::BITS } else { 0 };
        let mut entry = Entry::new(length | slot << 4 | shift << 10);
        if length != LONG {
            entry = entry.and_skip(plain_extra_bits(slot, aligned_block));
        }
        entries[symbol as usize] = if is_aligned(slot, aligned_block) { entry.marked() } else { entry };
        symbol += 1;
    }
    entries
}

/// The offsets of the three most recent matches, which begin a chunk as 1. The latest is in the
/// lowest 21 bits, enough for any offset in a window of 2 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recent(u64);

impl Default for Recent {
    fn default() -> Self {
        Self::new([1; 3])
    }
}

impl Recent {
    const BITS: u32 = 21;
    const ONES: u32 = (1 << Self::BITS) - 1;

    /// Offsets that are too large are made the largest: no match of two bytes can have it.
    fn new(offsets: [u32; 3]) -> Self {
        let [first, second, third] = offsets.map(|offset| u64::from(offset.min(Self::ONES)));
        Self(first | second << Self::BITS | third << (2 * Self::BITS))
    }

    /// The three little-endian integers that an uncompressed block begins with, or the number of
    /// one that is zero.
    pub(super) fn read(bytes: &[u8; 12]) -> Result<Self, usize> {
        let (words, _) = bytes.as_chunks();
        let offsets: [u32; 3] = std::array::from_fn(|i| u32::from_le_bytes(words[i]));
        match offsets.iter().position(|&offset| offset == 0) {
            None => Ok(Self::new(offsets)),
            Some(index) => Err(index),
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "21 bits are left")]
    fn latest(self) -> usize {
        (self.0 & u64::from(Self::ONES)) as usize
    }

    /// The offset `shift` bits up changes places with the latest: no move to the front.
    #[inline(always)]
    fn used(self, shift: u32) -> Self {
        let difference = (self.0 ^ self.0 >> (shift & 63)) & u64::from(Self::ONES);
        Self(self.0 ^ difference ^ difference << (shift & 63))
    }

    /// A new offset; the oldest is forgotten.
    #[inline(always)]
    fn pushed(self, offset: u32) -> Self {
        Self(self.0 << Self::BITS | u64::from(offset))
    }
}

/// Reads the matches of a block.
pub(super) struct Forms<'a, const ALIGNED: bool> {
    length: &'a Length,
    aligned: &'a Aligned,
    recent: Recent,
}

impl<'a, const ALIGNED: bool> Forms<'a, ALIGNED> {
    pub(super) fn new(length: &'a Length, aligned: &'a Aligned, recent: Recent) -> Self {
        Self { length, aligned, recent }
    }

    pub(super) fn recent(&self) -> Recent {
        self.recent
    }
}

impl<const ALIGNED: bool> Matches for Forms<'_, ALIGNED> {
    const SHORT: usize = MAX_MATCH as usize;
    const MAY_BE_LONG: bool = false;

    #[inline(always)]
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError> {
        let value = entry.value();
        let mut length = value & 15;
        let slot = value >> 4 & 63;
        let Slot { base, ones } = SLOTS[usize::from(ALIGNED)][slot as usize];
        let mut skip = entry.skip();
        if length == LONG {
            bits.skip(skip);
            bits.refill();
            let Some(entry) = self.length.find(bits.peek()) else {
                return Err(bits.fault(output, |at| DecodeError::CodeEmpty { code: Code::Length, at }));
            };
            bits.skip(entry.skip());
            length = entry.value();
            skip = EXTRA_BITS[usize::from(ALIGNED)][slot as usize].into();
        }
        let choice = bits.peek_low(skip) & ones;
        bits.skip(skip);
        if ALIGNED && entry.is_marked() {
            let entry = self.aligned.lookup(bits.peek());
            bits.skip(entry.skip());
            self.recent = self.recent.pushed(base.wrapping_add(choice << ALIGNED_BITS | entry.value()));
        } else {
            let used = self.recent.used(value >> 10);
            let pushed = self.recent.pushed(base.wrapping_add(choice));
            self.recent = select_unpredictable(slot < RECENT, used, pushed);
        }
        Ok(Match { offset: self.recent.latest(), length: length as usize })
    }
}
