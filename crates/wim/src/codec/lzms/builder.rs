//! Making codeword lengths of counts.
//!
//! Two sides get the same code only if they make it in the same way, which is the classic one: the
//! two lightest trees are joined until one is left, and of trees that weigh the same, single symbols
//! come first. The codewords are canonical: consecutive numbers for those of one length in the order
//! of their symbols, the shorter lengths first.
//!
//! ```text
//!   counts ─► symbols by count ─► joined trees ─► trees at each depth ─► lengths ─► symbols by length
//! ```
//!
//! Sorting by counting is a chain of loads and stores where neighbours have the same count, as most
//! have. So symbols are gone through from both ends at once, which makes two chains of it.

use super::slots::OFFSETS;

/// The most symbols of any code: the offsets of the longest chunk.
pub(super) const MAX_SYMBOLS: usize = OFFSETS;

/// As many and two that end the list, rounded up to a power of two.
const ROOM: usize = (MAX_SYMBOLS + 2).next_power_of_two();

/// The longest codeword, in bits.
///
/// For one of 16 bits, the counts must add up to 3570: a tree that is joined in each step with
/// the lightest symbol that was heavier than the tree before it weighs 2, 3, 6, 10, 17 … after 1, 2,
/// 3, 4, 5 … steps, and 3570 after 16. But no sum `s` is ever greater than `s / 2` and one for each
/// symbol, which halving leaves, and 1024 that come: 3506 for 729 symbols.
pub(super) const MAX_CODEWORD: usize = 15;
const _: () = assert!(2 * (MAX_SYMBOLS + 1024) < 3570);

/// Counts up to which symbols are sorted by counting.
const FEW: usize = 48;

/// Makes codeword lengths. Its memory is kept for the next time.
#[derive(Debug)]
pub(super) struct Builder {
    /// Symbols by their counts: the count in the upper, the symbol in the lower half.
    sorted: [u32; ROOM],
    /// Weights of the joined trees in the order in which they are made, which is that of the
    /// weights too.
    weights: [u32; ROOM],
    /// Which tree each of them is joined into.
    parents: [u16; ROOM],
    /// The codeword length of each symbol.
    lens: [u8; ROOM],
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { sorted: [0; ROOM], weights: [0; ROOM], parents: [0; ROOM], lens: [0; ROOM] }
    }

    /// How many symbols have codewords of each length, when all of them came once: as long as
    /// each other, or the first ones longer by a bit.
    pub(super) fn of_equals(&mut self, symbols: usize) -> [usize; MAX_CODEWORD + 1] {
        let short = symbols.ilog2();
        let longer = 2 * (symbols - (1 << short));
        let mut lens = [0; MAX_CODEWORD + 1];
        lens[short as usize] = symbols - longer;
        lens[short as usize + 1] = longer;
        let short = short.to_le_bytes()[0];
        self.lens[..longer].fill(short + 1);
        self.lens[longer..symbols].fill(short);
        lens
    }

    /// How many symbols have codewords of each length. There are at least two, and no count is 0.
    pub(super) fn of_counts(&mut self, counts: &[u16]) -> [usize; MAX_CODEWORD + 1] {
        self.sort(counts);
        self.join(counts.len());
        let lens = self.leaves(counts.len());
        // The heaviest symbols have the shortest ones.
        let mut symbols = self.sorted[..counts.len()].iter().rev();
        for (len, &count) in (0..).zip(&lens) {
            for symbol in symbols.by_ref().take(count) {
                self.lens[*symbol as usize & (ROOM - 1)] = len;
            }
        }
        lens
    }

    /// Puts all symbols in the order of their codewords, of which `lens` tells how many there are of
    /// each length.
    pub(super) fn order(&self, lens: &[usize; MAX_CODEWORD + 1], ordered: &mut [u16]) {
        let mut starts = [0; MAX_CODEWORD + 1];
        let mut ends = [0; MAX_CODEWORD + 1];
        let mut next = 0;
        for (len, &count) in lens.iter().enumerate() {
            starts[len] = next;
            next += count;
            ends[len] = next;
        }
        let lens = &self.lens[..ordered.len()];
        let half = lens.len() / 2;
        let mut back = lens.len();
        let mut put = |place: usize, symbol: usize| {
            if let Some(place) = ordered.get_mut(place) {
                *place = u16::from_le_bytes([symbol.to_le_bytes()[0], symbol.to_le_bytes()[1]]);
            }
        };
        for front in 0..half {
            back -= 1;
            let start = &mut starts[usize::from(lens[front]) & MAX_CODEWORD];
            put(*start, front);
            *start = start.wrapping_add(1);
            let end = &mut ends[usize::from(lens[back]) & MAX_CODEWORD];
            *end = end.wrapping_sub(1);
            put(*end, back);
        }
        if half < back {
            put(starts[usize::from(lens[half]) & MAX_CODEWORD], half);
        }
    }

    fn sort(&mut self, counts: &[u16]) {
        // Most symbols came a few times only.
        let bin = |count: u16| usize::from(count).min(FEW);
        let (lower, upper) = counts.split_at(counts.len() / 2);
        let mut bins = [[0u32; FEW + 1]; 2];
        for (&first, &second) in lower.iter().zip(upper) {
            bins[0][bin(first)] += 1;
            bins[1][bin(second)] += 1;
        }
        if let Some(&last) = upper.get(lower.len()) {
            bins[1][bin(last)] += 1;
        }
        let [mut starts, mut ends] = bins;
        let mut next = 0;
        for (start, end) in starts.iter_mut().zip(&mut ends) {
            let count = *start + *end;
            *start = next;
            next += count;
            *end = next;
        }
        let many = starts[FEW] as usize;
        let mut put = |place: u32, symbol: u32, count: u16| {
            self.sorted[place as usize & (ROOM - 1)] = u32::from(count) << 16 | symbol;
        };
        let mut back = 0..;
        let last = u32::try_from(counts.len()).unwrap_or(0).wrapping_sub(1);
        for ((symbol, &first), &second) in (0u32..).zip(lower).zip(upper.iter().rev()) {
            let start = &mut starts[bin(first)];
            put(*start, symbol, first);
            *start = start.wrapping_add(1);
            let end = &mut ends[bin(second)];
            *end = end.wrapping_sub(1);
            put(*end, last.wrapping_sub(back.next().unwrap_or(0)), second);
        }
        if lower.len() < upper.len() {
            put(starts[bin(upper[0])], u32::try_from(lower.len()).unwrap_or(0), upper[0]);
        }
        self.sorted[many..counts.len()].sort_unstable();
    }

    /// Joins the two lightest trees until one is left. Trees are either single symbols or joined
    /// ones, and both lists are sorted, so they are at the fronts of these: mostly both at that of
    /// one of them. Behind both lists is what is heavier than any tree.
    fn join(&mut self, symbols: usize) {
        let Self { sorted, weights, parents, .. } = self;
        sorted[symbols..symbols + 2].fill(u32::MAX);
        weights[..=symbols].fill(u32::MAX);
        let single = |leaf: usize| sorted[leaf & (ROOM - 1)] >> 16;
        let (mut leaf, mut node) = (0usize, 0usize);
        for (made, number) in (0..symbols - 1).zip(0u16..) {
            let joined = |node: usize| weights[node & (ROOM - 1)];
            let [first, second] = [single(leaf), single(leaf.wrapping_add(1))];
            // The sums are far below that of all counts, which has 16 bits.
            weights[made & (ROOM - 1)] = if second <= joined(node) {
                leaf = leaf.wrapping_add(2);
                first.wrapping_add(second)
            } else if joined(node.wrapping_add(1)) < first {
                parents[node & (ROOM - 1)] = number;
                parents[node.wrapping_add(1) & (ROOM - 1)] = number;
                let weight = joined(node).wrapping_add(joined(node.wrapping_add(1)));
                node = node.wrapping_add(2);
                weight
            } else {
                parents[node & (ROOM - 1)] = number;
                let weight = first.wrapping_add(joined(node));
                (leaf, node) = (leaf.wrapping_add(1), node.wrapping_add(1));
                weight
            };
        }
    }

    /// How many symbols have codewords of each length.
    fn leaves(&self, symbols: usize) -> [usize; MAX_CODEWORD + 1] {
        let mut lens = [0; MAX_CODEWORD + 1];
        // Trees that were joined later lie no deeper, so those of one depth are neighbours. The last
        // one is the root.
        let (mut from, mut to) = (symbols - 2, symbols - 1);
        for len in &mut lens[1..] {
            let below = self.parents[..from].partition_point(|&parent| usize::from(parent) < from);
            // Each has two trees below it, joined ones or symbols.
            *len = 2 * (to - from) - (from - below);
            (from, to) = (below, from);
        }
        lens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::encode_lzms::lengths;
    use super::*;

    /// How many codewords there are of each length, the lengths, and the symbols in order.
    type Code = ([usize; MAX_CODEWORD + 1], Vec<u8>, Vec<u16>);

    fn defined(counts: &[u16]) -> Code {
        let lens = lengths(counts);
        let mut per_len = [0; MAX_CODEWORD + 1];
        lens.iter().for_each(|&len| per_len[usize::from(len)] += 1);
        let mut ordered: Vec<u16> = (0..).take(counts.len()).collect();
        ordered.sort_by_key(|&symbol| lens[usize::from(symbol)]);
        (per_len, lens, ordered)
    }

    fn made(builder: &mut Builder, per_len: [usize; MAX_CODEWORD + 1], symbols: usize) -> Code {
        let mut ordered = vec![0xd1; symbols];
        builder.order(&per_len, &mut ordered);
        (per_len, builder.lens[..symbols].to_vec(), ordered)
    }

    #[test]
    fn symbols_that_came_as_often_get_the_defined_code() {
        let mut builder = Builder::new();
        for symbols in 2..=MAX_SYMBOLS {
            let per_len = builder.of_equals(symbols);
            assert_eq!(made(&mut builder, per_len, symbols), defined(&vec![1; symbols]), "{symbols}");
        }
    }

    proptest! {
        #[test]
        fn any_counts_make_the_defined_code(
            codes in prop::collection::vec((prop::collection::vec(1..200_u16, 2..=MAX_SYMBOLS), 1..8_u16), 1..4),
        ) {
            let mut builder = Builder::new();
            for (counts, shape) in codes {
                // Few symbols that come often, as they do.
                let counts: Vec<u16> = counts.iter().map(|&n| if n % 16 == 0 { n } else { (n >> shape).max(1) }).collect();
                // No count sums to what makes codewords too long, which interval and halving see to.
                let total: u32 = counts.iter().map(|&count| u32::from(count)).sum();
                let counts: Vec<u16> =
                    if total > 3500 { counts.iter().map(|&count| count % 4 + 1).collect() } else { counts };
                let per_len = builder.of_counts(&counts);
                prop_assert_eq!(made(&mut builder, per_len, counts.len()), defined(&counts));
            }
        }
    }
}
