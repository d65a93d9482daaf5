//! Huffman codes that nobody writes down: both sides make them of how often each symbol came.
//!
//! A code starts with every symbol having come once. When a fixed number of symbols have come it is
//! made anew, and the counts are halved so that what came lately counts for more. Two sides get
//! the same code only if they make it in the same way, which is the classic one: the two lightest
//! trees are joined until one is left, and of trees that weigh the same, single symbols come first.
//! The codewords are canonical, as in [`Table`].

use super::super::huffman::{Entry, MAX_LEN, Table};
use super::back::Back;
use super::slots::OFFSETS;

/// The most symbols of any code: the offsets of the longest chunk.
const MAX_SYMBOLS: usize = OFFSETS;

/// The longest codeword, in bits.
///
/// For one of 16 bits, the counts must add up to 3570: a tree that is joined in each step with
/// the lightest symbol that was heavier than the tree before it weighs 2, 3, 6, 10, 17 … after 1, 2,
/// 3, 4, 5 … steps, and 3570 after 16. But no sum `s` is ever greater than `s / 2` and one for each
/// symbol, which halving leaves, and 1024 that come: 3506 for 729 symbols.
const MAX_CODEWORD: u32 = 15;
const _: () = assert!(2 * (MAX_SYMBOLS + 1024) < 3570 && MAX_CODEWORD < MAX_LEN);

/// What tables have for each symbol: its number.
static ENTRIES: [Entry; MAX_SYMBOLS] = {
    let mut entries = [Entry::new(0); MAX_SYMBOLS];
    let mut symbol = 0;
    while (symbol as usize) < MAX_SYMBOLS {
        entries[symbol as usize] = Entry::new(symbol);
        symbol += 1;
    }
    entries
};

/// A code of up to `SYMBOLS` symbols with its table, of which `1 << BITS` must be `FIRST`.
#[derive(Debug)]
pub(super) struct Adaptive<const BITS: u32, const FIRST: usize, const SYMBOLS: usize> {
    table: Table<BITS, FIRST>,
    counts: [u16; SYMBOLS],
    symbols: usize,
    /// Symbols until the code is made anew.
    left: u32,
    /// Symbols between two codes.
    interval: u32,
}

impl<const BITS: u32, const FIRST: usize, const SYMBOLS: usize> Adaptive<BITS, FIRST, SYMBOLS> {
    /// A code that is made anew every `interval` symbols.
    pub(super) fn new(interval: u32) -> Self {
        let table = Table::new(SYMBOLS, MAX_CODEWORD);
        Self { table, counts: [1; SYMBOLS], symbols: SYMBOLS, left: interval, interval }
    }

    /// The code that a chunk starts with, for so many of the symbols.
    pub(super) fn start(&mut self, symbols: usize, builder: &mut Builder) {
        // There is no code of fewer than two. In a chunk that short no match is right anyway.
        self.symbols = symbols.clamp(2, SYMBOLS);
        self.counts.fill(1);
        self.build(builder);
    }

    /// Takes a symbol, at most 15 bits of those that are available.
    #[inline(always)]
    pub(super) fn symbol(&mut self, bits: &mut Back<'_>, builder: &mut Builder) -> usize {
        let entry = self.table.entry(bits.peek());
        bits.skip(entry.skip());
        let symbol = entry.value() as usize;
        let count = &mut self.counts[symbol];
        *count = count.wrapping_add(1);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.rebuild(builder);
        }
        symbol
    }

    #[cold]
    #[inline(never)]
    fn rebuild(&mut self, builder: &mut Builder) {
        self.build(builder);
        self.counts.iter_mut().for_each(|count| *count = *count / 2 + 1);
    }

    fn build(&mut self, builder: &mut Builder) {
        let lens = builder.lens(&self.counts[..self.symbols]);
        self.table.set(lens, &ENTRIES);
        self.left = self.interval;
    }
}

/// Counts up to which symbols are sorted by counting.
const FEW: usize = 64;

/// Makes codeword lengths of counts. Its memory is kept for the next time.
#[derive(Debug)]
pub(super) struct Builder {
    /// Symbols by their counts: the count in the upper, the symbol in the lower half.
    sorted: [u32; MAX_SYMBOLS],
    /// Weights of the joined trees in the order in which they are made, which is that of the
    /// weights too.
    weights: [u32; MAX_SYMBOLS],
    /// Which tree each of them is joined into; later, how deep it lies.
    parents: [u16; MAX_SYMBOLS],
    lens: [u8; MAX_SYMBOLS],
}

impl Builder {
    pub(super) fn new() -> Self {
        let (sorted, weights) = ([0; MAX_SYMBOLS], [0; MAX_SYMBOLS]);
        Self { sorted, weights, parents: [0; MAX_SYMBOLS], lens: [0; MAX_SYMBOLS] }
    }

    /// The codeword length of every symbol. There are at least two, and no count is 0.
    pub(super) fn lens(&mut self, counts: &[u16]) -> &[u8] {
        self.sort(counts);
        self.join(counts.len());
        let deepest_first = self.leaves(counts.len());
        let mut symbols = self.sorted[..counts.len()].iter();
        for (len, count) in deepest_first {
            for symbol in symbols.by_ref().take(count) {
                self.lens[(symbol & 0xffff) as usize] = len;
            }
        }
        &self.lens[..counts.len()]
    }

    fn sort(&mut self, counts: &[u16]) {
        // Most symbols came a few times only.
        let mut places = [0u32; FEW + 1];
        for &count in counts {
            places[usize::from(count).min(FEW)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        let many = places[FEW] as usize;
        for (symbol, &count) in (0u32..).zip(counts) {
            let place = &mut places[usize::from(count).min(FEW)];
            self.sorted[*place as usize] = u32::from(count) << 16 | symbol;
            *place += 1;
        }
        self.sorted[many..counts.len()].sort_unstable();
    }

    /// Joins the two lightest trees until one is left. Trees are either single symbols or joined
    /// ones, and both lists are sorted, so they are at the fronts of these: mostly both at that of
    /// one of them.
    fn join(&mut self, symbols: usize) {
        let Self { sorted, weights, parents, .. } = self;
        let leaves = &sorted[..symbols];
        let weight = |leaf: usize| leaves.get(leaf).map_or(u32::MAX, |entry| entry >> 16);
        let (mut leaf, mut node) = (0, 0);
        // The sums are far below that of all counts, which has 16 bits.
        for (made, number) in (0..symbols - 1).zip(0u16..) {
            let joined = |node: usize| if node < made { weights[node] } else { u32::MAX };
            weights[made] = if weight(leaf + 1) <= joined(node) {
                leaf += 2;
                weight(leaf - 2).wrapping_add(weight(leaf - 1))
            } else if joined(node + 1) < weight(leaf) {
                parents[node] = number;
                parents[node + 1] = number;
                node += 2;
                weights[node - 2].wrapping_add(weights[node - 1])
            } else {
                parents[node] = number;
                (leaf, node) = (leaf + 1, node + 1);
                weight(leaf - 1).wrapping_add(weights[node - 1])
            };
        }
    }

    /// How many symbols have codewords of each length, the longest first.
    fn leaves(&mut self, symbols: usize) -> impl Iterator<Item = (u8, usize)> + use<> {
        // Joined trees at each depth, of which the last one made is the root.
        let mut nodes = [0usize; MAX_LEN as usize + 1];
        let root = symbols - 2;
        self.parents[root] = 0;
        nodes[0] = 1;
        for node in (0..root).rev() {
            let depth = self.parents[usize::from(self.parents[node])] + 1;
            self.parents[node] = depth;
            nodes[usize::from(depth)] += 1;
        }
        // Each has two trees below it, joined ones or symbols.
        (1..=MAX_CODEWORD.to_le_bytes()[0]).rev().map(move |len| {
            let len_index = usize::from(len);
            (len, 2 * nodes[len_index - 1] - nodes[len_index])
        })
    }
}
