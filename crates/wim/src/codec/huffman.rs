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
//! is legal as long as no symbol of it is needed. A single codeword of one bit isn't: encoders add
//! a second one, and wimlib refuses such codes too.

use super::bits::Bits;
use super::{Code, DecodeError};

/// The longest codeword in bits.
pub(super) const MAX_LEN: u32 = 16;

/// How many lengths there are, that of symbols without a codeword being 0.
const LENS: usize = MAX_LEN as usize + 1;

/// The most symbols of any code: the main code of LZX with 2 MiB windows.
pub(super) const MAX_SYMBOLS: usize = 656;

/// What a table says of a symbol, packed so that there are few cache lines to load, but as bytes:
/// the fast loop loads each of them where it is needed.
///
/// ```text
///   skip    bits 0..6  bits to skip: the codeword and what the user added
///           bit 6      indirect: value is a place in the second table, and bits 0..6 tell
///                      how many bits index it; 0 means that the code is empty
///           bit 7      marked: for the user
///   length, byte, row  value: whatever the code's user put there, as one number or as
///                      the bytes of a literal (whose length is 1) or match
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(4))]
pub(super) struct Entry {
    /// The number of bits to skip in the low six bits; those above are noise, which
    /// [`Bits::skip`] doesn't look at.
    pub(super) skip: u8,
    /// How many bytes a literal or a match has, if that is known.
    pub(super) length: u8,
    /// The byte of a literal.
    pub(super) byte: u8,
    /// What else there is to know is in this row of a table of the user.
    pub(super) row: u8,
}

impl Entry {
    const MARK: u8 = 1 << 7;
    const INDIRECT: u8 = 1 << 6;
    const EMPTY: Self = Self { skip: Self::INDIRECT, length: 0, byte: 0, row: 0 };

    /// An entry with a value below 2^24.
    pub(super) const fn new(value: u32) -> Self {
        let [length, byte, row, _] = value.to_le_bytes();
        Self { skip: 0, length, byte, row }
    }

    pub(super) const fn literal(byte: u8, row: u8) -> Self {
        Self { skip: 0, length: 1, byte, row }
    }

    /// A match of 2 bytes or more. `skip` bits come after the codeword.
    pub(super) const fn of_match(length: u8, row: u8, skip: u8) -> Self {
        Self { skip, length, byte: 0, row }
    }

    pub(super) const fn marked(self) -> Self {
        Self { skip: self.skip | Self::MARK, ..self }
    }

    /// Adds bits to be skipped: a codeword.
    #[inline(always)]
    const fn and_skip(self, bits: u32) -> Self {
        let [bits, ..] = bits.to_le_bytes();
        Self { skip: self.skip + bits, ..self }
    }

    const fn indirect(place: u32, bits: u32) -> Self {
        let [bits, ..] = bits.to_le_bytes();
        Self { skip: Self::INDIRECT | bits, ..Self::new(place) }
    }

    /// Whether a main entry is that of a literal.
    #[inline(always)]
    pub(super) fn is_literal(&self) -> bool {
        self.length == 1
    }

    #[inline(always)]
    pub(super) fn is_indirect(&self) -> bool {
        self.skip & Self::INDIRECT != 0
    }

    /// Whether it is marked or indirect.
    #[inline(always)]
    pub(super) fn is_special(&self) -> bool {
        self.skip & (Self::MARK | Self::INDIRECT) != 0
    }

    #[inline(always)]
    pub(super) fn value(&self) -> u32 {
        u32::from_le_bytes([self.length, self.byte, self.row, 0])
    }

    /// [`Self::skip`] as [`Bits`] want it.
    #[inline(always)]
    pub(super) fn skip(&self) -> u32 {
        self.skip.into()
    }
}

/// A table for codes of up to `MAX_SYMBOLS` symbols, of which `1 << BITS` must be `FIRST`.
#[derive(Debug)]
pub(super) struct Table<const BITS: u32, const FIRST: usize> {
    pub(super) first: Box<[Entry; FIRST]>,
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

    /// The same by reference: then what of it isn't looked at isn't loaded.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the index has BITS bits")]
    pub(super) fn at(&self, next: u64) -> &Entry {
        &self.first[(next >> (64 - BITS)) as usize]
    }

    /// Some of the first table's entries, evenly spread: `1 << BITS` by `step` of them.
    pub(super) fn sample(&self, step: usize) -> impl Iterator<Item = &Entry> {
        self.first.iter().step_by(step)
    }

    /// The entry of the second table that an indirect entry leads to, `None` if the code is empty.
    #[inline(never)]
    pub(super) fn follow(&self, entry: Entry, next: u64) -> Option<Entry> {
        self.second(entry, next)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the index has at most MAX_LEN bits")]
    fn second(&self, entry: Entry, next: u64) -> Option<Entry> {
        let bits = entry.skip() & 63;
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
            Err(Misfit::Under(used)) => Err(bits.fault(output, |at| DecodeError::CodeIncomplete { code, used, at })),
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
        let mut counts = [0u32; 32];
        for_each_used(lens, |_, len| counts[len] += 1);
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
        for_each_used(lens, |symbol, len| {
            symbols[next[len]] = symbol;
            next[len] += 1;
        });
        Self { symbols, starts, used }
    }

    fn of_len(&self, len: u32) -> &[u16] {
        let len = len as usize;
        &self.symbols[self.starts[len]..self.starts[len + 1]]
    }
}

/// Goes through symbols and their lengths, passing over long runs of symbols without codeword.
#[inline(always)]
fn for_each_used(lens: &[u8], mut each: impl FnMut(u16, usize)) {
    let mut first = 0;
    for lens in lens.chunks(8) {
        if lens != [0; 8] {
            for (symbol, &len) in (first..).zip(lens) {
                // Saves a check for each symbol: arrays have room for all that five bits can be.
                each(symbol, usize::from(len & 31));
            }
        }
        first += 8;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bits::Words;
    use super::super::encode::HuffmanCode;
    use super::*;

    type Small = Table<3, 8>;

    fn entries(count: u32) -> Vec<Entry> {
        (0..count).map(Entry::new).collect()
    }

    fn build(table: &mut Small, lens: &[u8]) -> Result<(), DecodeError> {
        let mut words = Words::with_capacity(0, 1);
        table.build(Code::Main, lens, &entries(656), words.load(&[0; 8]), 0)
    }

    /// Every codeword, followed by ones or zeros, must lead to its symbol.
    fn check(table: &Small, lens: &[u8]) {
        let code = HuffmanCode::new(lens.to_vec());
        for (symbol, &len) in lens.iter().enumerate().filter(|(_, len)| **len > 0) {
            let word = u64::from(code.word(symbol)) << (64 - u32::from(len));
            for next in [word, word | u64::MAX >> len] {
                let entry = table.find(next).unwrap();
                assert_eq!((entry.value() as usize, entry.skip() & 63), (symbol, len.into()));
            }
        }
    }

    #[test]
    fn codewords_are_found_in_either_table() {
        for lens in [
            &[1, 1][..],
            &[3, 3, 3, 3, 3, 3, 3, 3],
            &[1, 2, 3, 4, 4],
            &[0, 4, 0, 4, 3, 2, 1],
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16],
            &[16, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
            &[4; 16],
            &[2, 2, 2, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7],
        ] {
            let mut table = Small::new(lens.len(), 16);
            assert_eq!(build(&mut table, lens), Ok(()));
            check(&table, lens);
        }
    }

    #[test]
    fn the_second_table_has_room_for_the_worst_code() {
        // Long codewords in as many second tables as there can be: each has one codeword of every
        // length up to 16, and two of that, which is the fewest for its size.
        let mut lens = vec![3; 0];
        for _ in 0..8 {
            lens.extend(4..=16);
            lens.push(16);
        }
        let mut table = Small::new(lens.len(), 16);
        assert_eq!(build(&mut table, &lens), Ok(()));
        check(&table, &lens);
        assert!(table.second.len() >= 8 << 13);
    }

    #[test]
    fn an_empty_code_has_no_entries() {
        let mut table = Small::new(9, 16);
        assert_eq!(build(&mut table, &[1, 1]), Ok(()));
        assert_eq!(build(&mut table, &[0; 9]), Ok(()));
        for next in [0, 1 << 63, u64::MAX] {
            assert!(table.lookup(next).is_indirect());
            assert_eq!(table.find(next), None);
        }
    }

    #[test]
    fn a_misfit_leaves_the_table_as_it_was() {
        let mut table = Small::new(9, 16);
        assert_eq!(build(&mut table, &[1, 2, 2]), Ok(()));
        for lens in [&[1][..], &[1, 1, 1], &[1, 2], &[16], &[2, 2, 2, 2, 16]] {
            assert!(build(&mut table, lens).is_err());
            check(&table, &[1, 2, 2]);
        }
    }

    proptest! {
        #[test]
        fn any_complete_code_works(counts in prop::collection::vec(0_u32..5000, 2..656), max in 10_u8..=16) {
            let lens = HuffmanCode::fit(&counts, max).lens;
            let mut table = Small::new(lens.len(), 16);
            prop_assert_eq!(build(&mut table, &lens), Ok(()));
            check(&table, &lens);
        }

        #[test]
        fn any_lengths_do_no_harm(lens in prop::collection::vec(0_u8..=16, 0..656)) {
            let mut table = Small::new(lens.len(), 16);
            let used: u32 = lens.iter().filter(|&&len| len > 0).map(|&len| 1 << (16 - len)).sum();
            prop_assert_eq!(build(&mut table, &lens).is_ok(), [0, 1 << 16].contains(&used));
        }
    }
}
