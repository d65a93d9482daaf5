//! Slots: symbols that stand for runs of values, and the bits after them that choose a value.

use super::adaptive::Entry;

/// The longest chunk.
pub(super) const MAX_CHUNK: usize = 1 << 26;

/// Slots of offsets up to that of the longest chunk.
pub(super) const OFFSETS: usize = 729;
/// Slots of lengths.
pub(super) const LENGTHS: usize = 54;

/// How many slots in turn have how many extra bits. The format goes on with offsets that no chunk
/// is long enough for.
const OFFSET_RUNS: [(u8, usize); 19] = [
    (0, 8),
    (2, 9),
    (3, 7),
    (4, 10),
    (5, 15),
    (6, 15),
    (7, 20),
    (8, 20),
    (9, 30),
    (10, 33),
    (11, 40),
    (12, 42),
    (13, 45),
    (14, 60),
    (15, 73),
    (16, 80),
    (17, 85),
    (18, 95),
    (19, 42),
];
const LENGTH_RUNS: [(u8, usize); 13] =
    [(0, 26), (1, 4), (2, 6), (3, 4), (4, 5), (5, 2), (6, 1), (7, 1), (8, 1), (9, 1), (10, 1), (16, 1), (30, 1)];

/// The first value of each slot and the entry of its symbol, both filled up to a power of two. What is
/// behind the last slot is not used.
const fn slots<const ROOM: usize>(runs: &[(u8, usize)]) -> ([u32; ROOM], [Entry; ROOM]) {
    let (mut bases, mut entries) = ([0; ROOM], [Entry::new(0, 0); ROOM]);
    let (mut slot, mut base, mut run) = (0, 1, 0);
    while run < runs.len() {
        let (bits, mut left) = runs[run];
        while left > 0 {
            bases[slot as usize] = base;
            entries[slot as usize] = Entry::new(slot, bits as u32);
            base += 1 << bits;
            slot += 1;
            left -= 1;
        }
        run += 1;
    }
    (bases, entries)
}

/// The entries of symbols that stand for themselves.
const fn plain<const COUNT: usize>() -> [Entry; COUNT] {
    let mut entries = [Entry::new(0, 0); COUNT];
    let mut symbol = 0;
    while (symbol as usize) < COUNT {
        entries[symbol as usize] = Entry::new(symbol, 0);
        symbol += 1;
    }
    entries
}

const OFFSET_TABLES: ([u32; 1024], [Entry; 1024]) = slots(&OFFSET_RUNS);
const LENGTH_TABLES: ([u32; 64], [Entry; 64]) = slots(&LENGTH_RUNS);

pub(super) static OFFSET_BASES: [u32; 1024] = OFFSET_TABLES.0;
pub(super) static OFFSET_ENTRIES: [Entry; 1024] = OFFSET_TABLES.1;
pub(super) static LENGTH_BASES: [u32; 64] = LENGTH_TABLES.0;
pub(super) static LENGTH_ENTRIES: [Entry; 64] = LENGTH_TABLES.1;
pub(super) static LITERAL_ENTRIES: [Entry; 256] = plain();
pub(super) static POWER_ENTRIES: [Entry; 8] = plain();

/// How many symbols the codes of offsets have in a chunk of `len` bytes: as many as offsets in it
/// need.
pub(super) fn offset_slots(len: usize) -> usize {
    OFFSET_BASES[..OFFSETS].partition_point(|&base| (base as usize) < len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_the_slots_that_their_offsets_need() {
        for (len, slots) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (9, 8),
            (10, 9),
            (13, 9),
            (14, 10),
            (1 << 15, 142),
            (1 << 17, 203),
            (MAX_CHUNK, OFFSETS),
        ] {
            assert_eq!(offset_slots(len), slots, "{len}");
        }
    }

    #[test]
    fn slots_begin_where_others_found_them() {
        for (slot, base) in [(8, 9), (34, 0x105), (64, 0x6a5), (212, 0x1_f4a5), (500, 0x8f_e4a5)] {
            let found = OFFSET_BASES.iter().position(|&found| found == base);
            assert!(found.is_some(), "{slot} {base:#x}");
        }
        assert_eq!(OFFSET_BASES[OFFSETS - 1] + (1 << 19), 0x403_e4a5);
        assert_eq!(OFFSET_BASES[OFFSETS], 0);
        assert_eq!(LENGTH_BASES[LENGTHS - 1..][..2], [0x1_08ab, 0]);
    }
}
