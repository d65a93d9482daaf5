//! How LZX writes matches.
//!
//! A match header is a symbol of the main code: 256, plus eight times the *slot* of the offset,
//! plus the length less 2. The last of the eight lengths goes on in a symbol of the length code.
//! Slots 0 to 2 are the offsets of recent matches. The others are ranges of offsets, in which the
//! *extra bits* choose; in aligned blocks, the lowest three of these, where there are as many, are
//! a symbol of the aligned offset code.

use super::super::bits::Bits;
use super::super::cpu::{Cpu, Order};
use super::super::huffman::{Entry, MAX_SYMBOLS};
use super::super::lz::{self, Match, Matches, Row};
use super::super::{Code, DecodeError};
use super::{Aligned, Length};

pub(super) const LENGTH_SYMBOLS: usize = 249;
pub(super) const ALIGNED_SYMBOLS: usize = 8;

const MIN_MATCH: u32 = 2;

/// The length that means that a symbol of the length code has to be added.
const LONG: u32 = MIN_MATCH + 7;

/// Slots of recent offsets.
const RECENT: u32 = 3;

/// Slots of windows of 2 MiB.
const SLOTS_IN_USE: u32 = 50;

/// More than the offset of any match in a window of 2 MiB.
const MAX_OFFSET: u32 = (1 << 21) - 1;

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

/// Slots of offsets in verbatim and in aligned blocks, and the row of literals behind them.
static ROWS: [[Row; lz::ROWS]; 2] = [rows(false), rows(true)];

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

const fn rows(aligned_block: bool) -> [Row; lz::ROWS] {
    let mut rows = [Row::LITERAL; lz::ROWS];
    // The offset that the slot begins with; those of recent offsets have none.
    let (mut slot, mut base) = (0, 1);
    while slot < SLOTS_IN_USE {
        let row = &mut rows[slot as usize];
        if slot < RECENT {
            *row = Row::slot(0, 0);
        } else {
            *row = Row::slot(base, low_byte(plain_extra_bits(slot, aligned_block)));
            row.is_aligned = is_aligned(slot, aligned_block);
            base += 1 << extra_bits(slot);
        }
        row.order = Recent::order(slot);
        slot += 1;
    }
    rows
}

/// The row of a match is its slot. Extra bits are skipped along with the codeword unless a symbol
/// of the length code stands between: such entries are marked.
const fn main_entries(aligned_block: bool) -> [Entry; MAX_SYMBOLS] {
    let literal_row = low_byte(SLOTS_IN_USE);
    let mut entries = [Entry::new(0); MAX_SYMBOLS];
    let mut symbol = 0;
    while symbol < 256 {
        entries[symbol as usize] = Entry::literal(low_byte(symbol), literal_row);
        symbol += 1;
    }
    while symbol < 256 + 8 * SLOTS_IN_USE {
        let (slot, length) = ((symbol - 256) / 8, (symbol - 256) % 8 + MIN_MATCH);
        entries[symbol as usize] = if length == LONG {
            Entry::of_match(low_byte(length), low_byte(slot), 0).marked()
        } else {
            Entry::of_match(low_byte(length), low_byte(slot), low_byte(plain_extra_bits(slot, aligned_block)))
        };
        symbol += 1;
    }
    entries
}

const fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// The offsets of the three most recent matches, the latest first, which begin a chunk as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recent([u32; 3]);

impl Default for Recent {
    fn default() -> Self {
        Self([1; 3])
    }
}

impl Recent {
    /// The three little-endian integers that an uncompressed block begins with, or the number of
    /// one that is zero.
    pub(super) fn read(bytes: &[u8; 12]) -> Result<Self, usize> {
        let (words, _) = bytes.as_chunks();
        let offsets: [u32; 3] = std::array::from_fn(|i| u32::from_le_bytes(words[i]));
        match offsets.iter().position(|&offset| offset == 0) {
            // Offsets that are too large are made the largest: no match of two bytes can have it.
            None => Ok(Self(offsets.map(|offset| offset.min(MAX_OFFSET)))),
            Some(index) => Err(index),
        }
    }

    /// In which order the three are, with a new one as the fourth, after a match with this slot. A
    /// recent one changes places with the latest, which is no move to the front. Before a new one
    /// all step back.
    const fn order(slot: u32) -> Order {
        let numbers = match slot {
            0 => [0, 1, 2, 3],
            1 => [1, 0, 2, 3],
            2 => [2, 1, 0, 3],
            _ => [3, 0, 1, 2],
        };
        let mut bytes = [[0; 4]; 4];
        let mut i = 0;
        while i < 4 {
            let first = numbers[i] * 4;
            bytes[i] = [first, first + 1, first + 2, first + 3];
            i += 1;
        }
        Order(*bytes.as_flattened().first_chunk().expect("four times four are 16"))
    }
}

/// Reads the matches of a block.
pub(super) struct Forms<'a, C: Cpu, const ALIGNED: bool> {
    length: &'a Length,
    aligned: &'a Aligned,
    cpu: C,
    /// As in [`Recent`], and anything.
    recent: C::Four,
}

impl<'a, C: Cpu, const ALIGNED: bool> Forms<'a, C, ALIGNED> {
    #[inline(always)]
    pub(super) fn new(length: &'a Length, aligned: &'a Aligned, cpu: C, Recent([a, b, c]): Recent) -> Self {
        Self { length, aligned, cpu, recent: cpu.four([a, b, c, 0]) }
    }

    #[inline(always)]
    pub(super) fn recent(&self) -> Recent {
        let [a, b, c, _] = self.cpu.numbers(self.recent);
        Recent([a, b, c])
    }
}

impl<C: Cpu, const ALIGNED: bool> Matches for Forms<'_, C, ALIGNED> {
    const SHORT: usize = LONG as usize - 1;
    const ALIGNED: bool = ALIGNED;

    #[inline(always)]
    fn row(entry: &Entry) -> &'static Row {
        &ROWS[usize::from(ALIGNED)][usize::from(entry.row) % lz::ROWS]
    }

    #[inline(always)]
    fn lowest(&self, next: u64) -> &Entry {
        self.aligned.at(next)
    }

    #[inline(always)]
    fn long(&self, next: u64) -> Option<&Entry> {
        let entry = self.length.at(next);
        if entry.is_indirect() { None } else { Some(entry) }
    }

    #[inline(always)]
    fn offset(&mut self, row: &Row, plain: u32) -> usize {
        self.recent = self.cpu.ordered(self.recent, plain, &row.order);
        self.cpu.first(self.recent) as usize
    }

    #[inline(always)]
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError> {
        let row = Self::row(&entry);
        let mut length = u32::from(entry.length);
        let mut skip = entry.skip();
        if length == LONG {
            bits.skip(skip);
            bits.refill();
            let Some(entry) = self.length.find(bits.peek()) else {
                return Err(bits.fault(output, |at| DecodeError::CodeEmpty { code: Code::Length, at }));
            };
            bits.skip(entry.skip());
            length = entry.value();
            skip = row.extra.into();
        }
        let mut choice = bits.peek_low(skip) & row.ones;
        bits.skip(skip);
        if ALIGNED && row.is_aligned {
            let entry = self.aligned.lookup(bits.peek());
            bits.skip(entry.skip());
            choice = choice << ALIGNED_BITS | entry.value();
        }
        Ok(Match { offset: self.offset(row, row.base.wrapping_add(choice)), length: length as usize })
    }
}
