//! Huffman codes that nobody writes down: both sides make them of how often each symbol came.
//!
//! A code starts with every symbol having come once. When a fixed number of symbols have come it is
//! [made anew](super::builder), and the counts are halved so that what came lately counts for more.
//!
//! ```text
//!   next BITS bits ─► table ─┬─► entry of the symbol
//!                            └─► (codeword longer than BITS) search by length ─► entry
//! ```
//!
//! Codes are made anew so often that the making counts as much as the looking up. So tables are no
//! larger than that hardly any symbol is searched for.

use super::back::Back;
use super::builder::{Builder, MAX_CODEWORD, MAX_SYMBOLS};

/// What is taken from the input for a symbol, packed so that one load gives all that the next symbol
/// waits for.
///
/// ```text
///   bit 31       long: the codeword is not in the table
///   bits 16..26  symbol
///   bits 8..13   how many more bits belong to it
///   bits 0..6    bits to skip: those and the codeword
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    const LONG: Self = Self(1 << 31);

    /// An entry without its codeword.
    pub(super) const fn new(symbol: u32, more: u32) -> Self {
        Self(symbol << 16 | more << 8 | more)
    }

    #[inline(always)]
    fn is_long(self) -> bool {
        self.0 >= Self::LONG.0
    }

    #[inline(always)]
    fn with_codeword(self, len: u32) -> Self {
        // Less than 64 bits together.
        Self(self.0.wrapping_add(len))
    }

    #[inline(always)]
    fn symbol(self) -> usize {
        (self.0 >> 16) as usize
    }
}

/// A code of up to `SYMBOLS` symbols, a power of two, with its table of `FIRST` entries, which must be
/// `1 << BITS`.
#[derive(Debug)]
pub(super) struct Adaptive<const BITS: u32, const FIRST: usize, const SYMBOLS: usize> {
    table: [Entry; FIRST],
    counts: [u16; SYMBOLS],
    /// Symbols in the order of their codewords, for those that the table does not have.
    ordered: [u16; SYMBOLS],
    /// Where the codewords of each length end, as numbers of [`MAX_CODEWORD`] bits, and the
    /// symbols that have them.
    ends: [(u32, usize); MAX_CODEWORD + 1],
    entries: &'static [Entry; SYMBOLS],
    symbols: usize,
    /// Symbols until the code is made anew.
    left: u32,
    /// Symbols between two codes.
    interval: u32,
}

impl<const BITS: u32, const FIRST: usize, const SYMBOLS: usize> Adaptive<BITS, FIRST, SYMBOLS> {
    /// A code that is made anew every `interval` symbols, with the entry of each symbol.
    pub(super) fn new(interval: u32, entries: &'static [Entry; SYMBOLS]) -> Self {
        const { assert!(FIRST == 1 << BITS && SYMBOLS.is_power_of_two()) };
        Self {
            table: [Entry::LONG; FIRST],
            counts: [1; SYMBOLS],
            ordered: [0; SYMBOLS],
            ends: [(0, 0); MAX_CODEWORD + 1],
            entries,
            symbols: SYMBOLS.min(MAX_SYMBOLS),
            left: interval,
            interval,
        }
    }

    /// The code that a chunk starts with, for so many of the symbols.
    pub(super) fn start(&mut self, symbols: usize, builder: &mut Builder) {
        // There is no code of fewer than two. In a chunk that short no match is right anyway.
        self.symbols = symbols.clamp(2, SYMBOLS);
        self.counts.fill(1);
        let lens = builder.of_equals(self.symbols);
        self.set(lens, builder);
    }

    /// Takes a symbol with the bits that belong to it, as many as its [`Entry`] says and 15 more.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "there are at most 31 more bits")]
    pub(super) fn symbol(&mut self, bits: &mut Back<'_>, builder: &mut Builder) -> (usize, u32) {
        let next = bits.peek();
        let entry = self.entry(next);
        bits.skip(entry.0);
        let more = next.rotate_left(entry.0 & 63) as u32 & ((1 << (entry.0 >> 8 & 31)) - 1);
        let symbol = entry.symbol();
        let count = &mut self.counts[symbol & (SYMBOLS - 1)];
        *count = count.wrapping_add(1);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.rebuild(builder);
        }
        (symbol, more)
    }

    /// The entry of the codeword at the highest bits of `next`.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the index has BITS bits")]
    fn entry(&self, next: u64) -> Entry {
        let entry = self.table[(next >> (64 - BITS)) as usize];
        if entry.is_long() { self.long(next) } else { entry }
    }

    /// The entry of a codeword that is longer than `BITS` bits.
    #[cold]
    #[inline(never)]
    fn long(&self, next: u64) -> Entry {
        let codeword = u32::try_from(next >> (64 - MAX_CODEWORD)).unwrap_or(0);
        let lens = (BITS as usize + 1..).zip(&self.ends[BITS as usize + 1..]);
        for (len, &(end, symbols)) in lens {
            if codeword < end {
                let place = symbols.wrapping_sub(1 + ((end - 1 - codeword) >> (MAX_CODEWORD - len)) as usize);
                let symbol = usize::from(self.ordered[place & (SYMBOLS - 1)]);
                return self.entries[symbol & (SYMBOLS - 1)].with_codeword(u32::try_from(len).unwrap_or(0));
            }
        }
        // Codes are complete, so there is an end above every number of so many bits.
        Entry::LONG
    }

    #[cold]
    #[inline(never)]
    fn rebuild(&mut self, builder: &mut Builder) {
        let lens = builder.of_counts(&self.counts[..self.symbols]);
        self.set(lens, builder);
        self.counts.iter_mut().for_each(|count| *count = *count / 2 + 1);
    }

    /// Makes the code with so many codewords of each length.
    fn set(&mut self, lens: [usize; MAX_CODEWORD + 1], builder: &Builder) {
        builder.order(&lens, &mut self.ordered[..self.symbols]);
        let (mut end, mut symbols) = (0, 0);
        for (len, &count) in lens.iter().enumerate() {
            end += u32::try_from(count).unwrap_or(0) << (MAX_CODEWORD - len);
            symbols += count;
            self.ends[len] = (end, symbols);
        }
        self.left = self.interval;
        let (mut slots, mut ordered) = (&mut self.table[..], &self.ordered[..]);
        for len in 1..=BITS {
            let symbols;
            (symbols, ordered) = ordered.split_at(lens[len as usize]);
            let now;
            (now, slots) = slots.split_at_mut(symbols.len() << (BITS - len));
            let entries = symbols.iter().map(|&symbol| self.entries[usize::from(symbol) & (SYMBOLS - 1)]);
            let entries = entries.map(|entry| entry.with_codeword(len));
            match BITS - len {
                0 => fill_each::<1>(now, entries),
                1 => fill_each::<2>(now, entries),
                2 => fill_each::<4>(now, entries),
                3 => fill_each::<8>(now, entries),
                free => now.chunks_exact_mut(1 << free).zip(entries).for_each(|(slots, entry)| {
                    slots.as_chunks_mut().0.iter_mut().for_each(|slots| *slots = [entry; 16]);
                }),
            }
        }
        slots.fill(Entry::LONG);
    }
}

/// Puts each entry into the next `WIDTH` slots.
#[inline(always)]
fn fill_each<const WIDTH: usize>(slots: &mut [Entry], entries: impl Iterator<Item = Entry>) {
    for (slots, entry) in slots.as_chunks_mut().0.iter_mut().zip(entries) {
        *slots = [entry; WIDTH];
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::LENGTH_ENTRIES;
    use super::*;

    #[test]
    fn every_codeword_leads_to_its_symbol() {
        let mut builder = Builder::new();
        // The table is so small that most codewords are longer.
        let mut code = Adaptive::<3, { 1 << 3 }, 64>::new(512, &LENGTH_ENTRIES);
        for symbols in [2, 3, 7, 54] {
            code.start(symbols, &mut builder);
            for round in 0..50u16 {
                let mut codeword = 0u64;
                for (len, ends) in
                    code.ends.windows(2).enumerate().map(|(len, ends)| (len + 1, [ends[0].1, ends[1].1]))
                {
                    for &symbol in &code.ordered[ends[0]..ends[1]] {
                        let entry = code.entry(codeword);
                        assert_eq!(entry.symbol(), usize::from(symbol));
                        let more = LENGTH_ENTRIES[usize::from(symbol)].0 & 63;
                        assert_eq!(u64::from(entry.0 & 63), len as u64 + u64::from(more));
                        assert_eq!(code.entry(codeword | u64::MAX >> len).0, entry.0, "what follows says nothing");
                        codeword = codeword.wrapping_add(1 << (64 - len));
                    }
                }
                assert_eq!(codeword, 0, "the code is complete");
                let heaviest = usize::from(round) % symbols;
                code.counts[heaviest] += 400;
                code.counts[heaviest / 2] += 100;
                code.rebuild(&mut builder);
            }
        }
    }
}
