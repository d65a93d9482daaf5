//! Where the blocks of a disk lie in its file, and how bytes are read through that.

use std::io::Result;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_tree::ReadAt;

/// Bytes of the sectors that a bitmap has bits for.
const SECTOR: u64 = 512;

/// Bytes of a bitmap that are looked at together.
const BITMAP_PIECE: usize = 512;

/// Sectors that have their bits there: 2 MiB, the size of nearly all blocks.
const PIECE_SHIFT: u32 = 21;

/// A block table in memory: four bytes a block.
#[derive(Debug)]
pub(crate) struct BlockMap {
    /// A block has `1 << shift` bytes.
    shift: u32,
    /// For each block where it starts in the file, in units. 0 is a hole: every container has
    /// something else there.
    places: Vec<u32>,
    /// Bytes of a unit.
    unit: u64,
    bitmaps: Option<Bitmaps>,
}

/// What a VHD has in front of each block's data: a bit for each sector, without which the sector is zero.
#[derive(Debug)]
struct Bitmaps {
    /// Bytes from a block's start to its data.
    len: u64,
    /// Whether a piece of a bitmap (a block of less than 2 MiB has one) has been seen to be full, so that
    /// it isn't read again: a bit for each.
    full: Vec<AtomicU64>,
}

impl BlockMap {
    /// `count` holes of `1 << shift` bytes. The caller has bounded the count.
    pub(crate) fn new(shift: u32, count: usize, unit: u64) -> Self {
        // Zeroed memory takes no space until it is written, so holes cost nothing.
        Self { shift, places: vec![0; count], unit, bitmaps: None }
    }

    /// As [`BlockMap::new`], with bitmaps of `len` bytes in front of the data.
    pub(crate) fn with_bitmaps(shift: u32, count: usize, unit: u64, len: u64) -> Self {
        let pieces = count << shift.saturating_sub(PIECE_SHIFT);
        let full = (0..pieces.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { bitmaps: Some(Bitmaps { len, full }), ..Self::new(shift, count, unit) }
    }

    /// Says where a block starts. The caller has checked that it lies in the file.
    pub(crate) fn set(&mut self, block: usize, place: u32) {
        self.places[block] = place;
    }

    pub(crate) fn block_size(&self) -> u64 {
        1 << self.shift
    }

    /// Bytes that a block takes in the file.
    pub(crate) fn stride(&self) -> u64 {
        self.block_size() + self.bitmaps.as_ref().map_or(0, |bitmaps| bitmaps.len)
    }

    /// Blocks that are in the file.
    pub(crate) fn allocated(&self) -> u64 {
        self.places.iter().filter(|&&place| place != 0).count() as u64
    }

    /// Finds blocks that share bytes of the file with the one in front of them there, and tells for each
    /// such pair the file offset and the numbers of both blocks.
    pub(crate) fn overlaps(&self, mut found: impl FnMut(u64, u32, u32)) {
        let stride = self.stride();
        let shared = |one: u32, other: u32| u64::from(other) * self.unit < u64::from(one) * self.unit + stride;
        let placed = || (0..).zip(&self.places).filter(|(_, place)| **place != 0);
        // Most files have their blocks in order, and then there is nothing to sort.
        if placed().map(|(_, &place)| place).is_sorted_by(|&one, &other| !shared(one, other)) {
            return;
        }
        let mut order: Vec<(u32, u32)> = placed().map(|(block, &place)| (place, block)).collect();
        order.sort_unstable();
        for pair in order.windows(2).filter(|pair| shared(pair[0].0, pair[1].0)) {
            found(u64::from(pair[1].0) * self.unit, pair[0].1, pair[1].1);
        }
    }

    /// Ranges of the disk that are in the file, sorted, with neighbours joined. The last may reach past
    /// the end of the disk.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let first = at + self.places[at..].iter().position(|&place| place != 0)?;
            let count = self.places[first..].iter().take_while(|&&place| place != 0).count();
            at = first + count;
            Some((first as u64) << self.shift..(at as u64) << self.shift)
        })
    }

    /// Fills `buf` from the virtual byte `offset` on. The caller has checked that there are blocks
    /// for all of it.
    pub(crate) fn read<R: ReadAt>(&self, file: &R, mut buf: &mut [u8], mut offset: u64) -> Result<()> {
        while !buf.is_empty() {
            let (at, len) = self.piece(offset, buf.len() as u64);
            // Not more than is left of the buffer.
            let (piece, rest) = buf.split_at_mut(usize::try_from(len).unwrap_or(buf.len()));
            match (at, &self.bitmaps) {
                (None, _) => piece.fill(0),
                (Some(at), None) => file.read_exact_at(piece, at)?,
                (Some(at), Some(bitmaps)) => bitmaps.read(file, piece, at, offset, self.shift)?,
            }
            buf = rest;
            offset += len;
        }
        Ok(())
    }

    /// Where the block of the virtual byte `offset` starts in the file, or with no bitmaps the byte
    /// itself, unless it is in a hole; and for how many bytes, at most `len`, that goes on.
    fn piece(&self, offset: u64, len: u64) -> (Option<u64>, u64) {
        let (block, within) = (offset >> self.shift, offset % self.block_size());
        let first = usize::try_from(block).unwrap_or(usize::MAX);
        let place = self.places[first];
        let mut taken = self.block_size() - within;
        let next = |taken: u64| usize::try_from((offset + taken) >> self.shift).unwrap_or(usize::MAX);
        if place == 0 {
            while taken < len && self.places[next(taken)] == 0 {
                taken += self.block_size();
            }
            return (None, taken.min(len));
        }
        let start = u64::from(place) * self.unit;
        if self.bitmaps.is_some() {
            let rest = (1 << PIECE_SHIFT) - (within & ((1 << PIECE_SHIFT) - 1));
            return (Some(start), taken.min(rest).min(len));
        }
        // Blocks that follow each other in the file as well are read at once.
        while taken < len && u64::from(self.places[next(taken)]) * self.unit == start + within + taken {
            taken += self.block_size();
        }
        (Some(start + within), taken.min(len))
    }
}

impl Bitmaps {
    /// Fills `buf` from the virtual byte `offset` on, all in one block and one piece of its bitmap.
    /// `start` is where the block is in the file.
    fn read<R: ReadAt>(&self, file: &R, buf: &mut [u8], start: u64, offset: u64, shift: u32) -> Result<()> {
        let within = offset & ((1 << shift) - 1);
        let data = start + self.len + within;
        let shift = shift.min(PIECE_SHIFT);
        let piece = usize::try_from(offset >> shift).unwrap_or(usize::MAX);
        let (word, bit) = (&self.full[piece / 64], 1 << (piece % 64));
        // Nothing but speed depends on when another thread sees the bit.
        if word.load(Ordering::Relaxed) & bit != 0 {
            return file.read_exact_at(buf, data);
        }
        let mut bytes = [0; BITMAP_PIECE];
        let sectors = (1 << shift) / SECTOR;
        let bytes = &mut bytes[..usize::try_from(sectors.div_ceil(8)).unwrap_or(BITMAP_PIECE)];
        file.read_exact_at(bytes, start + (within >> PIECE_SHIFT) * BITMAP_PIECE as u64)?;
        // The first sector has the highest bit of the first byte.
        let present = |sector: u64| {
            let byte = usize::try_from(sector / 8).ok().and_then(|index| bytes.get(index));
            byte.is_some_and(|byte| byte << (sector % 8) & 0x80 != 0)
        };
        if (0..sectors).all(present) {
            word.fetch_or(bit, Ordering::Relaxed);
            return file.read_exact_at(buf, data);
        }
        read_marked(file, buf, data, offset & ((1 << shift) - 1), present)
    }
}

/// Fills `buf` with the sectors that are `present` and with zeros. Its first byte is the byte `within`
/// of sector 0 and at `data` in the file.
fn read_marked<R: ReadAt>(
    file: &R,
    buf: &mut [u8],
    data: u64,
    within: u64,
    present: impl Fn(u64) -> bool,
) -> Result<()> {
    let end = within + buf.len() as u64;
    let mut at = within;
    while at < end {
        let marked = present(at / SECTOR);
        let mut next = at / SECTOR + 1;
        while next * SECTOR < end && present(next) == marked {
            next += 1;
        }
        let part = |byte: u64| usize::try_from(byte - within).unwrap_or(usize::MAX);
        let stop = (next * SECTOR).min(end);
        let piece = &mut buf[part(at)..part(stop)];
        if marked {
            file.read_exact_at(piece, data + (at - within))?;
        } else {
            piece.fill(0);
        }
        at = stop;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_the_file_are_read_at_once_and_holes_skipped() {
        let mut map = BlockMap::new(4, 8, 16);
        for (block, place) in [(0, 3), (1, 4), (3, 6), (4, 5), (6, 1)] {
            map.set(block, place);
        }
        assert_eq!(map.piece(0, 100), (Some(48), 32));
        assert_eq!(map.piece(5, 100), (Some(53), 27));
        assert_eq!(map.piece(5, 3), (Some(53), 3));
        assert_eq!(map.piece(32, 100), (None, 16));
        assert_eq!(map.piece(48, 80), (Some(96), 16));
        assert_eq!(map.piece(112, 16), (None, 16));
        assert_eq!(map.ranges().collect::<Vec<_>>(), [0..32, 48..80, 96..112]);
        let file: Vec<u8> = (0..128).collect();
        let mut buf = [0xd1; 128];
        map.read(&file, &mut buf, 0).unwrap();
        let expected = [&file[48..80], &[0; 16], &file[96..112], &file[80..96], &[0; 16], &file[16..32], &[0; 16]];
        assert_eq!(buf[..], expected.concat());
    }

    #[test]
    fn overlaps_are_pairs_of_blocks() {
        let mut map = BlockMap::with_bitmaps(10, 5, 512, 512);
        let overlaps = |map: &BlockMap| {
            let mut pairs = vec![];
            map.overlaps(|at, one, other| pairs.push((at / 512, one, other)));
            pairs
        };
        assert_eq!((map.stride(), overlaps(&map)), (1536, vec![]));
        for (block, place) in [(0, 10), (1, 7), (3, 4)] {
            map.set(block, place);
        }
        assert_eq!((map.allocated(), overlaps(&map)), (3, vec![]));
        map.set(2, 9);
        map.set(4, 9);
        assert_eq!(overlaps(&map), [(9, 1, 2), (9, 2, 4), (10, 4, 0)]);
    }

    #[test]
    fn sectors_without_a_bit_are_zero_whatever_the_file_has() {
        // Two blocks of 4 MiB, so that each has two pieces of bitmap.
        let block = 4 << 20;
        let mut map = BlockMap::with_bitmaps(22, 2, 512, 1024);
        map.set(1, 1);
        let mut file = vec![0x77; 512 + 1024 + block];
        file[512..1536].fill(0xff);
        let mut buf = vec![0xd1; 3000];
        let at = block as u64 + (2 << 20) + 100;
        map.read(&file, &mut buf, at).unwrap();
        assert!(buf.iter().all(|&byte| byte == 0x77));
        // That piece is known to be full now; the one in front has not been looked at.
        file[512] = 0b1011_1111;
        file[1024] = 0;
        map.read(&file, &mut buf, at).unwrap();
        assert!(buf.iter().all(|&byte| byte == 0x77));
        map.read(&file, &mut buf, block as u64 + 500).unwrap();
        let zero = |index: &usize| (12..524).contains(index);
        assert!((0..3000).all(|index| (buf[index] == 0) == zero(&index)));
        // A hole in front and the start of the block in one read.
        map.read(&file, &mut buf, block as u64 - 10).unwrap();
        assert!((0..3000).all(|index| (buf[index] == 0) == (index < 10 || (522..1034).contains(&index))));
    }
}
