//! Which blocks of the virtual disk the file holds, and where.
//!
//! Blocks are kept as runs, so the cost is that of the ranges that are written, not of the disk:
//! a disk of 64 TiB with a dozen files is a dozen runs. Allocated blocks lie in the file in the
//! order of the virtual disk, one every `stride` bytes. A raw image is the plain case: one block as
//! large as the disk.

use std::ops::Range;

/// Blocks that follow each other on the virtual disk, and so in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of the first block on the virtual disk.
    first: u64,
    /// How many blocks.
    count: u64,
    /// How many allocated blocks come before the first.
    slot: u64,
}

/// The block map of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Bytes in a block.
    size: u64,
    /// Blocks on the virtual disk, allocated or not.
    total: u64,
    /// File offset of the first allocated block's data.
    data: u64,
    /// File bytes from one allocated block's data to the next's: `size`, or more where something
    /// lies between them.
    stride: u64,
    runs: Vec<Run>,
}

impl Blocks {
    /// Every block of the disk is allocated.
    pub(crate) fn all(size: u64, total: u64, data: u64) -> Self {
        Self { size, total, data, stride: size, runs: vec![Run { first: 0, count: total, slot: 0 }] }
    }

    /// The blocks that `used` (byte ranges, sorted and disjoint) touches. `gap` file bytes lie
    /// between two blocks.
    pub(crate) fn touched(size: u64, total: u64, data: u64, gap: u64, used: &[Range<u64>]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut slots = 0;
        for range in used.iter().filter(|range| !range.is_empty()) {
            let end = (range.end - 1) / size + 1;
            let done = runs.last().map_or(0, |run| run.first + run.count);
            let first = (range.start / size).max(done);
            let count = end.saturating_sub(first);
            match runs.last_mut() {
                Some(last) if first == done => last.count += count,
                _ => runs.push(Run { first, count, slot: slots }),
            }
            slots += count;
        }
        Self { size, total, data, stride: size + gap, runs }
    }

    /// Bytes in a block.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Blocks on the virtual disk.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Blocks in the file.
    pub(crate) fn allocated(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.slot + run.count)
    }

    /// The file offset just behind the last allocated block and the gap that follows it.
    pub(crate) fn end(&self) -> u64 {
        self.data + self.allocated() * self.stride
    }

    /// The file offset of a virtual byte, and how many bytes lie there in one piece. `None` when
    /// its block is not in the file.
    pub(crate) fn locate(&self, offset: u64) -> Option<(u64, u64)> {
        let block = offset / self.size;
        let run = &self.runs[self.runs.partition_point(|run| run.first <= block).checked_sub(1)?];
        let index = block - run.first;
        if index >= run.count {
            return None;
        }
        let within = offset % self.size;
        // Without gaps a whole run is one piece; else the piece ends with its block.
        let blocks = if self.stride == self.size { run.count - index } else { 1 };
        Some((self.data + (run.slot + index) * self.stride + within, blocks * self.size - within))
    }

    /// For each block of the virtual disk the file offset of its data, if it has any.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = Option<u64>> {
        let mut at = 0;
        let runs = self.runs.iter().flat_map(move |run| {
            let hole = run.first - at;
            at = run.first + run.count;
            let data = (run.slot..run.slot + run.count).map(|slot| Some(self.data + slot * self.stride));
            (0..hole).map(|_| None).chain(data)
        });
        let tail = self.runs.last().map_or(0, |run| run.first + run.count);
        runs.chain((tail..self.total).map(|_| None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`Blocks::locate`] says for every byte, one at a time.
    fn by_byte(blocks: &Blocks, size: u64) -> Vec<Option<u64>> {
        (0..size).map(|offset| blocks.locate(offset).map(|(at, _)| at)).collect()
    }

    #[test]
    fn ranges_become_the_blocks_they_touch_in_virtual_order() {
        let used = [0..1, 3..3, 9..21, 22..23, 50..60, 60..61];
        let blocks = Blocks::touched(10, 8, 1000, 5, &used);
        assert_eq!(blocks.allocated(), 5);
        assert_eq!(blocks.end(), 1000 + 5 * 15);
        let starts: Vec<_> = blocks.offsets().collect();
        let expected = [Some(1000), Some(1015), Some(1030), None, None, Some(1045), Some(1060), None];
        assert_eq!(starts, expected);
        assert_eq!(blocks.locate(29), Some((1039, 1)));
        assert_eq!(blocks.locate(30), None);
        assert_eq!(blocks.locate(50), Some((1045, 10)), "a gap ends the piece with the block");
    }

    #[test]
    fn without_gaps_a_run_is_one_piece() {
        let blocks = Blocks::touched(10, 8, 0, 0, &[5..25, 70..71]);
        assert_eq!(blocks.locate(5), Some((5, 25)));
        assert_eq!(blocks.locate(70), Some((30, 10)));
        assert_eq!(Blocks::all(10, 8, 7).locate(11), Some((18, 69)));
    }

    #[test]
    fn locate_and_offsets_agree() {
        let blocks = Blocks::touched(4, 9, 100, 2, &[2..3, 5..6, 20..24, 28..33]);
        let starts: Vec<_> = blocks.offsets().collect();
        assert_eq!(starts.len(), 9);
        let expected: Vec<_> = (0..36).map(|at| starts[at / 4].map(|start| start + at as u64 % 4)).collect();
        assert_eq!(by_byte(&blocks, 36), expected);
    }

    #[test]
    fn nothing_used_is_nothing_allocated() {
        let blocks = Blocks::touched(4, 3, 100, 0, &[]);
        assert_eq!((blocks.allocated(), blocks.end(), blocks.locate(0)), (0, 100, None));
        assert_eq!(blocks.offsets().collect::<Vec<_>>(), [None; 3]);
    }
}
