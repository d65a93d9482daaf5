//! The block table (BAT): where each block of the disk is in the file. [MS-VHDX] section 2.5.

use std::ops::Range;

use nanovhd_tree::ReadAt;

use super::format::*;
use super::metadata::Metadata;
use super::region::Regions;
use super::{bat_entries, chunk_ratio};
use crate::map::BlockMap;
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// Bytes of the table that are read at once.
const PIECE: usize = 1 << 20;

/// The bits of an entry that are the state.
const STATE: u64 = 7;

/// The bits of an entry that are the file offset.
const OFFSET: u64 = !(MIB - 1);

/// Reads the block table of a file of `len` bytes.
pub(super) fn parse<R: ReadAt>(
    file: &R,
    len: u64,
    regions: &Regions,
    metadata: &Metadata,
    faults: &mut Faults,
) -> Result<BlockMap, Stop> {
    let block_size = u64::from(metadata.block_size);
    let ratio = chunk_ratio(block_size, metadata.sector_size);
    // 64 TiB of 1 MiB blocks: 64 million, and an entry each.
    let blocks = metadata.size.div_ceil(block_size);
    let entries = bat_entries(blocks, ratio);
    let room = regions.bat.end - regions.bat.start;
    if entries * 8 > room {
        let detail = format_args!("{entries} entries need more than {room:#x} bytes");
        return Err(faults.stop(Rule::VhdxTableLength, regions.bat.start, detail));
    }
    let count = usize::try_from(blocks).map_err(|_| Stop::Fault)?;
    let mut reader = Reader { map: BlockMap::new(block_size.trailing_zeros(), count, MIB), len, regions, faults };
    let mut buf = vec![0; PIECE.min(usize::try_from(entries * 8).unwrap_or(PIECE))];
    let mut index = 0;
    while index < entries {
        let at = regions.bat.start + index * 8;
        let rest = usize::try_from((entries - index) * 8).unwrap_or(PIECE);
        let piece = &mut buf[..PIECE.min(rest)];
        file.read_exact_at(piece, at)?;
        for entry in piece.as_chunks::<8>().0 {
            reader.entry(u64::from_le_bytes(*entry), index, ratio);
            index += 1;
        }
    }
    Ok(reader.map)
}

struct Reader<'a> {
    map: BlockMap,
    len: u64,
    regions: &'a Regions,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    /// Takes in the entry number `index`. Behind those of `ratio` blocks is one for a sector bitmap.
    fn entry(&mut self, entry: u64, index: u64, ratio: u64) {
        // Nearly all entries of most disks.
        if entry == 0 {
            return;
        }
        let at = self.regions.bat.start + index * 8;
        let (chunk, within) = (index / (ratio + 1), index % (ratio + 1));
        if within == ratio {
            // Its offset is reserved, and nothing follows from a bitmap that nobody needs.
            if entry & !OFFSET != BITMAP_NOT_PRESENT {
                let detail = format_args!("the bitmap of chunk {chunk} has the entry {entry:#x}");
                self.faults.note(Rule::VhdxBitmapState, at, detail);
            }
            return;
        }
        self.block(entry, chunk * ratio + within, at);
    }

    fn block(&mut self, entry: u64, block: u64, at: u64) {
        let (state, offset) = (entry & STATE, entry & OFFSET);
        if entry & !(STATE | OFFSET) != 0 {
            let detail = format_args!("block {block} has reserved bits set: {entry:#x}");
            self.faults.refuse(Rule::VhdxBlockState, at, detail);
        }
        let placed = self.place(offset);
        match state {
            BLOCK_NOT_PRESENT => {}
            BLOCK_ZERO if offset != 0 => {
                let detail = format_args!("block {block} has state {state} and the place {offset:#x}");
                self.faults.note(Rule::VhdxBlockZero, at, detail);
            }
            BLOCK_ZERO => {}
            // What was there when the guest gave the block up may still be told. It is not read.
            BLOCK_UNDEFINED | BLOCK_UNMAPPED if offset == 0 || placed.is_some() => {}
            BLOCK_UNDEFINED | BLOCK_UNMAPPED => {
                self.faults.note(Rule::VhdxBlockPlace, at, format_args!("block {block} can't be at {offset:#x}"));
            }
            BLOCK_FULLY_PRESENT => match (placed, usize::try_from(block)) {
                (Some(place), Ok(block)) => self.map.set(block, place),
                _ => {
                    let detail = format_args!("block {block} can't be at {offset:#x}");
                    self.faults.refuse(Rule::VhdxBlockPlace, at, detail);
                }
            },
            _ => {
                let detail = format_args!("block {block} has state {state}");
                self.faults.refuse(Rule::VhdxBlockState, at, detail);
            }
        }
    }

    /// The offset in MiB, if a block can be there.
    fn place(&self, offset: u64) -> Option<u32> {
        let end = offset.checked_add(self.map.block_size()).filter(|&end| end <= self.len)?;
        let clear = |range: &Range<u64>| end <= range.start || range.end <= offset;
        let taken = &self.regions.taken;
        let next = taken.partition_point(|range| range.end <= offset);
        taken.get(next).is_none_or(clear).then(|| u32::try_from(offset / MIB).ok()).flatten()
    }
}
