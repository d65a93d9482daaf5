//! Canonical Huffman codes as tables to look codewords up in.
//!
//! A code is given by the lengths of its codewords. Codewords of one length are consecutive
//! numbers in the order of their symbols, and shorter ones come before longer ones, so a table
//! that is indexed by the next bits of the stream is filled from the front:
//!
//! ```text
//!   next BITS bits ─► first table ─┬─► entry of the symbol
//!                                  └─► (codeword longer than BITS) second table ─► entry
//! ```
//!
//! A code has to be complete: every sequence of bits begins with a codeword. The one exception is
//! a code without any codewords, such as the length code of an LZX block without long matches. It
//! is legal as long as no symbol of it is needed. A code with a single codeword isn't: such codes
//! are written with two codewords of one bit by all encoders, and both 7-Zip and wimlib refuse
//! them too.

use super::bits::Bits;
use super::{Code, DecodeError};

/// The longest codeword in bits.
pub(super) const MAX_LEN: u32 = 16;

/// How many lengths there are, that of symbols without a codeword being 0.
const LENS: usize = MAX_LEN as usize + 1;

/// The most symbols of any code: the main code of LZX with 2 MiB windows.
pub(super) const MAX_SYMBOLS: usize = 656;

/// What a table says of a symbol, packed so that the loops need one load for it.
///
/// ```text
///   bit 31       literal
///   bits 8..31   value: whatever the code's user put there; the byte of a literal
///   bit 7        mark: for the user too
///   bit 6        indirect: value is a place in the second table, and bits 0..6 tell
///                how many bits index it; 0 means that the code is empty
///   bits 0..6    bits to skip: the codeword and what the user added
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const VALUE: u32 = 8;
    const MARK: u32 = 1 << 7;
    const INDIRECT: u32 = 1 << 6;
    const EMPTY: Self = Self(Self::INDIRECT);

    /// An entry with a value below 2^23.
    pub(super) const fn new(value: u32) -> Self {
        Self(value << Self::VALUE)
    }

    pub(super) const fn literal(byte: u32) -> Self {
        Self(Self::LITERAL | byte << Self::VALUE)
    }

    pub(super) const fn marked(self) -> Self {
        Self(self.0 | Self::MARK)
    }

    /// Adds bits to be skipped along with the codeword.
    pub(super) const fn and_skip(self, bits: u32) -> Self {
        Self(self.0 + bits)
    }

    const fn indirect(place: u32, bits: u32) -> Self {
        Self(place << Self::VALUE | Self::INDIRECT | bits)
    }

    #[inline(always)]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline(always)]
    pub(super) fn is_indirect(self) -> bool {
        self.0 & Self::INDIRECT != 0
    }

    #[inline(always)]
    pub(super) fn is_marked(self) -> bool {
        self.0 & Self::MARK != 0
    }

    /// The byte of a literal.
    #[inline(always)]
    pub(super) fn byte(self) -> u8 {
        self.0.to_le_bytes()[1]
    }

    /// The value of an entry that is no literal.
    #[inline(always)]
    pub(super) fn value(self) -> u32 {
        self.0 >> Self::VALUE
    }

    /// The number of bits to skip in the low six bits; those above are noise, which
    /// [`Bits::skip`] doesn't look at.
    #[inline(always)]
    pub(super) fn skip(self) -> u32 {
        self.0
    }
}

/// A table for codes of up to `MAX_SYMBOLS` symbols, of which `1 << BITS` must be `FIRST`.
#[derive(Debug)]
pub(super) struct Table<const BITS: u32, const FIRST: usize> {
    first: Box<[Entry; FIRST]>,
    second: Vec<Entry>,
}

/// How far codeword lengths are from giving a usable code.
enum Misfit {
    Over(u32),
    Under(u32),
}

impl<const BITS: u32, const FIRST: usize> Table<BITS, FIRST> {
    /// A table for codes of at most `symbols` symbols with codewords of at most `max_len` bits.
    pub(super) fn new(symbols: usize, max_len: u32) -> Self {
        const { assert!(FIRST == 1 << BITS) };
        // A second table that is indexed by n bits holds codewords n bits longer than BITS, and
        // being complete it holds at least n + 1 of them. No symbol is in two tables, so this is
        // the most that they take together.
        let longest = max_len.saturating_sub(BITS);
        let second = (symbols << longest).div_ceil(longest as usize + 1);
        Self { first: Box::new([Entry::EMPTY; FIRST]), second: vec![Entry::EMPTY; second] }
    }

    /// The entry for the codeword at the highest bits of `next`: [indirect](Entry::is_indirect)
    /// if it is longer than `BITS` bits or the code is empty.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the index has BITS bits")]
    pub(super) fn lookup(&self, next: u64) -> Entry {
        self.first[(next >> (64 - BITS)) as usize]
    }

    /// The entry of the second table that an indirect entry leads to, `None` if the code is empty.
    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "the index has at most MAX_LEN bits")]
    pub(super) fn follow(&self, entry: Entry, next: u64) -> Option<Entry> {
        let bits = entry.skip() & 63 & !Entry::INDIRECT;
        if bits == 0 {
            return None;
        }
        let index = (next << BITS >> (64 - bits)) as usize;
        self.second.get(entry.value() as usize + index).copied()
    }

    /// The entry for the codeword at the highest bits of `next`, `None` if the code is empty.
    #[inline(always)]
    pub(super) fn find(&self, next: u64) -> Option<Entry> {
        let entry = self.lookup(next);
        if entry.is_indirect() { self.follow(entry, next) } else { Some(entry) }
    }

    /// Makes the table that of the code with codewords of these lengths, at most [`MAX_LEN`].
    /// `entries` has an entry for each symbol, to which the codeword's length is added.
    ///
    /// # Errors
    /// The code is neither complete nor empty. The table is as it was then.
    pub(super) fn build(
        &mut self,
        code: Code,
        lens: &[u8],
        entries: &[Entry],
        bits: Bits<'_>,
        output: usize,
    ) -> Result<(), DecodeError> {
        match self.fill(lens, entries) {
            Ok(()) => Ok(()),
            Err(Misfit::Over(used)) => {
                Err(bits.fault(output, |at| DecodeError::CodeOversubscribed { code, used, at }))
            }
            Err(Misfit::Under(used)) => {
                Err(bits.fault(output, |at| DecodeError::CodeIncomplete { code, used, at }))
            }
        }
    }

    fn fill(&mut self, lens: &[u8], entries: &[Entry]) -> Result<(), Misfit> {
        let sorted = Sorted::new(lens);
        match sorted.used {
            0 => {
                self.first.fill(Entry::EMPTY);
                return Ok(());
            }
            Sorted::ALL => {}
            used @ 1..Sorted::ALL => return Err(Misfit::Under(used)),
            used => return Err(Misfit::Over(used)),
        }
        self.fill_first(&sorted, entries);
        self.fill_second(&sorted, entries);
        Ok(())
    }

    /// Puts every codeword of up to `BITS` bits wherever an index begins with it.
    fn fill_first(&mut self, sorted: &Sorted, entries: &[Entry]) {
        let mut rest = &mut self.first[..];
        for len in 1..=BITS {
            let symbols = sorted.of_len(len);
            let free = BITS - len;
            let (now, later) = rest.split_at_mut(symbols.len() << free);
            rest = later;
            let entries = symbols.iter().map(|&symbol| entries[usize::from(symbol)].and_skip(len));
            match free {
                0 => fill_each::<1>(now, entries),
                1 => fill_each::<2>(now, entries),
                2 => fill_each::<4>(now, entries),
                3 => fill_each::<8>(now, entries),
                _ => now.chunks_exact_mut(1 << free).zip(entries).for_each(|(slots, entry)| slots.fill(entry)),
            }
        }
    }

    /// Puts the longer codewords into second tables, one for each of their beginnings. They are
    /// gone through from the last one, so the first of each table is the longest and tells by how
    /// many bits the table is indexed.
    fn fill_second(&mut self, sorted: &Sorted, entries: &[Entry]) {
        let mut end = 1u32 << MAX_LEN;
        let (mut start, mut prefix, mut bits) = (0, u32::MAX, 0);
        let mut free = 0;
        for len in (BITS + 1..=MAX_LEN).rev() {
            for &symbol in sorted.of_len(len).iter().rev() {
                if (end - 1) >> (MAX_LEN - BITS) != prefix {
                    prefix = (end - 1) >> (MAX_LEN - BITS);
                    bits = len - BITS;
                    start = free;
                    free += 1 << bits;
                    self.first[prefix as usize] = Entry::indirect(start, bits);
                }
                // Codewords seen as numbers of MAX_LEN bits, and those as indices of the table.
                let index = |codeword: u32| {
                    let below = codeword & ((1 << (MAX_LEN - BITS)) - 1);
                    (start + (below >> (MAX_LEN - BITS - bits))) as usize
                };
                let last = index(end - 1);
                end -= 1 << (MAX_LEN - len);
                self.second[index(end)..=last].fill(entries[usize::from(symbol)].and_skip(len));
            }
        }
    }
}

/// Puts each entry into the next `WIDTH` slots.
#[inline(always)]
fn fill_each<const WIDTH: usize>(slots: &mut [Entry], entries: impl Iterator<Item = Entry>) {
    for (slots, entry) in slots.as_chunks_mut().0.iter_mut().zip(entries) {
        *slots = [entry; WIDTH];
    }
}

/// Symbols in the order of their codewords.
struct Sorted {
    symbols: [u16; MAX_SYMBOLS],
    /// Where the symbols with each length begin.
    starts: [usize; LENS + 1],
    /// 65536ths of all sequences of bits that begin with a codeword.
    used: u32,
}

impl Sorted {
    /// All sequences of bits.
    const ALL: u32 = 1 << MAX_LEN;

    fn new(lens: &[u8]) -> Self {
        // Room for every value that five bits can have saves a check for each symbol.
        let mut counts = [0u32; 32];
        for &len in lens {
            counts[usize::from(len & 31)] += 1;
        }
        let mut starts = [0; LENS + 1];
        let mut next = [0; 32];
        let mut used = 0;
        for (len, &count) in (0..=MAX_LEN).zip(&counts) {
            let at = len as usize;
            next[at] = starts[at];
            starts[at + 1] = starts[at] + count as usize;
            if len > 0 {
                used += count << (MAX_LEN - len);
            }
        }
        let mut symbols = [0; MAX_SYMBOLS];
        for (symbol, &len) in (0..).zip(lens) {
            let slot = &mut next[usize::from(len & 31)];
            symbols[*slot] = symbol;
            *slot += 1;
        }
        Self { symbols, starts, used }
    }

    fn of_len(&self, len: u32) -> &[u16] {
        let len = len as usize;
        &self.symbols[self.starts[len]..self.starts[len + 1]]
    }
}
