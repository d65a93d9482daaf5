//! The partitions of a volume: what a block of them is in the image.

use std::collections::BTreeMap;

use nanovhd_tree::ReadAt;

use super::tag;
use crate::error::{IsoError, Structure};
use crate::input::Input;
use crate::runs::Runs;

/// Where an ICB is: the first of its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IcbAddress {
    /// Index of the partition map.
    pub(crate) partition: u16,
    pub(crate) block: u32,
    /// Bytes of the whole ICB.
    pub(crate) len: u32,
}

/// All partitions, in the order of their maps.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) block_size: u32,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug)]
pub(crate) enum Partition {
    Physical(Physical),
    /// The content of the metadata file. OSTA UDF 2.60, 2.2.10 and 2.2.13.
    Metadata(Runs),
}

/// A partition in one piece, but for packets of it that are defective.
#[derive(Debug)]
pub(crate) struct Physical {
    /// First sector.
    pub(crate) start: u32,
    pub(crate) blocks: u32,
    /// Blocks in a packet, not zero.
    pub(crate) packet: u32,
    /// First blocks of packets, and the sectors that have their place. OSTA UDF 2.60, 2.2.12.
    pub(crate) spared: BTreeMap<u32, u32>,
}

impl Physical {
    /// The sector of a block, and how many blocks from there on are in one piece.
    fn locate(&self, block: u32) -> Option<(u64, u64)> {
        if block >= self.blocks {
            return None;
        }
        let first = block - block % self.packet;
        let skip = block - first;
        Some(match self.spared.get(&first) {
            Some(&sector) => (u64::from(sector) + u64::from(skip), u64::from(self.packet - skip)),
            None => {
                let next = self.spared.range(first..).next().map_or(self.blocks, |(&next, _)| next.min(self.blocks));
                (u64::from(self.start) + u64::from(block), u64::from(next - block))
            }
        })
    }
}

impl Space {
    /// The place in the image of a block, and how many bytes from there on are in one piece.
    pub(crate) fn locate(&self, what: Structure, partition: u16, block: u32) -> Result<(u64, u64), IsoError> {
        let size = u64::from(self.block_size);
        let found = match self.partitions.get(usize::from(partition)) {
            Some(Partition::Physical(physical)) => {
                physical.locate(block).map(|(sector, blocks)| (sector * size, blocks * size))
            }
            Some(Partition::Metadata(runs)) => {
                let at = u64::from(block) * size;
                // The metadata file may have holes, which nothing refers to.
                runs.at(at).and_then(|run| Some((run.place? + (at - run.start), run.len - (at - run.start))))
            }
            None => None,
        };
        found.ok_or(IsoError::Reference { what, partition, block, blocks: 1 })
    }

    /// Adds the `len` bytes from a block on to the content of a file.
    pub(crate) fn map(
        &self,
        runs: &mut Runs,
        what: Structure,
        (partition, block): (u16, u32),
        len: u32,
    ) -> Result<(), IsoError> {
        let size = u64::from(self.block_size);
        let past_end = || IsoError::Reference { what, partition, block, blocks: u64::from(len).div_ceil(size) };
        let (mut at, mut rest) = (block, u64::from(len));
        while rest > 0 {
            let (place, in_one_piece) = self.locate(what, partition, at).map_err(|_| past_end())?;
            let piece = in_one_piece.min(rest);
            runs.push(Some(place), piece).ok_or_else(past_end)?;
            rest -= piece;
            // Pieces end at blocks, but for the last.
            let blocks = u32::try_from(piece.div_ceil(size)).map_err(|_| past_end())?;
            at = at.checked_add(blocks).filter(|_| piece > 0).ok_or_else(past_end)?;
        }
        Ok(())
    }

    /// Reads a block, and where it is.
    pub(crate) fn read_block<R: ReadAt>(
        &self,
        input: &Input<R>,
        what: Structure,
        (partition, block): (u16, u32),
    ) -> Result<(u64, Vec<u8>), IsoError> {
        let (offset, in_one_piece) = self.locate(what, partition, block)?;
        if in_one_piece < u64::from(self.block_size) {
            return Err(IsoError::Reference { what, partition, block, blocks: 1 });
        }
        Ok((offset, input.read_vec(what, offset, self.block_size as usize)?))
    }

    /// Reads a block that has to begin with a descriptor of this kind.
    pub(crate) fn read_descriptor<R: ReadAt>(
        &self,
        input: &Input<R>,
        what: Structure,
        address: (u16, u32),
        identifier: u16,
    ) -> Result<(u64, Vec<u8>), IsoError> {
        let (offset, bytes) = self.read_block(input, what, address)?;
        tag::expect(&bytes, address.1, identifier).map_err(|fault| IsoError::Tag { what, offset, fault })?;
        Ok((offset, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        let spared = BTreeMap::from([(32, 1000), (48, 1016), (96, 1100)]);
        let sparable = Physical { start: 300, blocks: 100, packet: 16, spared };
        let mut metadata = Runs::default();
        for (place, len) in [(Some(1 << 20), 4096), (None, 2048), (Some(3 << 20), 2048)] {
            metadata.push(place, len).unwrap();
        }
        let partitions = vec![Partition::Physical(sparable), Partition::Metadata(metadata)];
        Space { block_size: 2048, partitions }
    }

    #[test]
    fn blocks_are_found_in_their_partition_or_where_they_were_moved() {
        for (partition, block, expected) in [
            (0, 0, Some((300 * 2048, 32 * 2048))),
            (0, 31, Some((331 * 2048, 2048))),
            (0, 33, Some((1001 * 2048, 15 * 2048))),
            (0, 64, Some((364 * 2048, 32 * 2048))),
            (0, 99, Some((1103 * 2048, 13 * 2048))),
            (0, 100, None),
            (1, 1, Some(((1 << 20) + 2048, 2048))),
            (1, 2, None),
            (1, 3, Some((3 << 20, 2048))),
            (1, 4, None),
            (2, 0, None),
        ] {
            let found = space().locate(Structure::Content, partition, block).ok();
            assert_eq!(found, expected, "{partition} {block}");
        }
    }

    #[test]
    fn extents_are_split_where_packets_were_moved() {
        let mut runs = Runs::default();
        space().map(&mut runs, Structure::Content, (0, 30), 40 * 2048 - 5).unwrap();
        let places: Vec<_> = runs.iter().map(|run| (run.place.unwrap() / 2048, run.len)).collect();
        assert_eq!(places, [(330, 4096), (1000, 32 * 2048), (364, 6 * 2048 - 5)]);
        assert!(space().map(&mut runs, Structure::Content, (1, 0), 4097).is_err());
        assert!(space().map(&mut runs, Structure::Content, (0, u32::MAX), u32::MAX).is_err());
    }
}
