//! Slots: symbols that stand for runs of values, and the bits after them that choose a value.

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

/// The first value of a slot, and how many bits tell which of its values is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) base: u32,
    pub(super) bits: u32,
}

const fn slots<const COUNT: usize>(runs: &[(u8, usize)]) -> [Slot; COUNT] {
    let mut slots = [Slot { base: 0, bits: 0 }; COUNT];
    let (mut slot, mut base, mut run) = (0, 1, 0);
    while run < runs.len() {
        let (bits, mut left) = runs[run];
        while left > 0 {
            slots[slot] = Slot { base, bits: bits as u32 };
            base += 1 << bits;
            slot += 1;
            left -= 1;
        }
        run += 1;
    }
    assert!(slot == COUNT);
    slots
}

pub(super) static OFFSET_SLOTS: [Slot; OFFSETS] = slots(&OFFSET_RUNS);
pub(super) static LENGTH_SLOTS: [Slot; LENGTHS] = slots(&LENGTH_RUNS);

/// How many symbols the codes of offsets have in a chunk of `len` bytes: as many as offsets in it
/// need.
pub(super) fn offset_slots(len: usize) -> usize {
    OFFSET_SLOTS.partition_point(|slot| (slot.base as usize) < len)
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
            let found = OFFSET_SLOTS.iter().position(|slot| slot.base == base);
            assert!(found.is_some(), "{slot} {base:#x}");
        }
        assert_eq!(OFFSET_SLOTS[728].base + (1 << 19), 0x403_e4a5);
        let last = LENGTH_SLOTS[LENGTHS - 1];
        assert_eq!((last.base, last.bits), (0x1_08ab, 30));
    }
}
