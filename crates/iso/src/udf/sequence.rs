//! Volume descriptor sequences and the anchors that lead to them. ECMA-167 3/8.4; OSTA UDF 2.60, 2.2.

use std::collections::BTreeMap;

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use super::format::{
    Anchor, DOMAIN, ExtentAd, LOGICAL_VOLUME_LEN, LogicalVolume, PartitionDisk, PrimaryVolume, TAG_LEN, Tag,
    VolumePointer, tag_id,
};
use super::tag;
use crate::error::{IsoError, Structure};
use crate::input::Input;

/// Sizes of sectors that image files have, the most frequent first. 2/8.4 wants powers of two from 512 on.
const SECTOR_SIZES: [u32; 7] = [2048, 512, 4096, 1024, 8192, 16_384, 32_768];
/// The descriptors that are read of a sequence at most, wherever it goes on; real ones have about 8.
const MAX_DESCRIPTORS: u32 = 256;
/// All descriptors but logical volumes with many partition maps have this size. 3/7.2.
const DESCRIPTOR_LEN: usize = 512;

/// What a sequence says.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) sector_size: u32,
    pub(crate) volume: LogicalVolume,
    /// Where the logical volume descriptor is.
    pub(crate) volume_offset: u64,
    /// The partition maps behind it.
    pub(crate) maps: Vec<u8>,
    /// By number.
    pub(crate) partitions: BTreeMap<u16, PartitionDisk>,
    /// Which disc of the set this is.
    pub(crate) disc: Option<u16>,
}

impl Sequence {
    /// Finds the anchors and reads what they lead to, until one leads to a sequence that is sound.
    pub(crate) fn find<R: ReadAt>(input: &Input<R>) -> Result<Self, IsoError> {
        let mut first_fault = None;
        for sector_size in SECTOR_SIZES {
            for sector in anchors(input.len(), sector_size) {
                let Some(anchor) = read_anchor(input, sector, sector_size)? else {
                    continue;
                };
                for extent in [anchor.main, anchor.reserve] {
                    match Self::read(input, sector_size, extent) {
                        Ok(sequence) => return Ok(sequence),
                        // That of the main sequence of the first anchor says most.
                        Err(fault) => {
                            first_fault.get_or_insert(fault);
                        }
                    }
                }
            }
        }
        Err(first_fault.unwrap_or(IsoError::NoAnchor))
    }

    fn read<R: ReadAt>(input: &Input<R>, sector_size: u32, extent: ExtentAd) -> Result<Self, IsoError> {
        let mut found = Found::default();
        let mut next = Some(extent);
        let mut left = MAX_DESCRIPTORS;
        while let Some(extent) = next.take() {
            next = found.read_extent(input, sector_size, extent, &mut left)?;
        }
        let offset = u64::from(extent.location.get()) * u64::from(sector_size);
        let (volume_offset, bytes) =
            found.volume.ok_or(IsoError::Missing { what: Structure::LogicalVolume, offset })?;
        let volume = logical_volume(&bytes, volume_offset, sector_size)?;
        let maps = bytes.iter().skip(LOGICAL_VOLUME_LEN).copied();
        let maps = maps.take(usize::try_from(volume.maps_len.get()).unwrap_or_default()).collect();
        let (partitions, disc) = (found.partitions, found.primary.map(|primary| primary.disc.get()));
        Ok(Self { sector_size, volume, volume_offset, maps, partitions, disc })
    }
}

/// 3/8.4.2.1 and OSTA UDF 2.60, 2.2.3: at two of sector 256, the last and the 256th before it; unfinished
/// discs at 512.
fn anchors(len: u64, sector_size: u32) -> Vec<u32> {
    let last = len / u64::from(sector_size);
    let last = last.checked_sub(1).and_then(|last| u32::try_from(last).ok());
    let from_end = last.map(|last| [last.checked_sub(256), Some(last)]);
    let all = [Some(256)].into_iter().chain(from_end.into_iter().flatten()).chain([Some(512)]);
    all.flatten().collect()
}

/// The anchor in a sector, if there is a sound one.
fn read_anchor<R: ReadAt>(input: &Input<R>, sector: u32, sector_size: u32) -> Result<Option<Anchor>, IsoError> {
    let offset = u64::from(sector) * u64::from(sector_size);
    if input.check(Structure::Anchor, offset, DESCRIPTOR_LEN as u64).is_err() {
        return Ok(None);
    }
    let bytes: [u8; DESCRIPTOR_LEN] = input.read_one(Structure::Anchor, offset)?;
    let sound = tag::expect(&bytes, sector, tag_id::ANCHOR).is_ok();
    Ok(Anchor::read_from_prefix(&bytes).ok().map(|(anchor, _)| anchor).filter(|_| sound))
}

/// What was found in a sequence so far. Of descriptors for the same thing, the one with the highest sequence
/// number prevails. 3/8.4.3.
#[derive(Default)]
struct Found {
    primary: Option<PrimaryVolume>,
    /// Where it is, and its bytes.
    volume: Option<(u64, Vec<u8>)>,
    volume_number: u32,
    partitions: BTreeMap<u16, PartitionDisk>,
}

impl Found {
    /// Reads the descriptors of an extent, and says where they go on.
    fn read_extent<R: ReadAt>(
        &mut self,
        input: &Input<R>,
        sector_size: u32,
        extent: ExtentAd,
        left: &mut u32,
    ) -> Result<Option<ExtentAd>, IsoError> {
        let what = Structure::Sequence;
        let mut next = None;
        for index in 0..extent.len.get() / sector_size {
            let sector = u64::from(extent.location.get()) + u64::from(index);
            let offset = sector * u64::from(sector_size);
            *left = left.checked_sub(1).ok_or(IsoError::Loop { what, offset })?;
            let Some(bytes) = read_descriptor(input, offset, sector, sector_size)? else {
                return Ok(next);
            };
            match Tag::ref_from_prefix(&bytes).map_or(0, |(tag, _)| tag.identifier.get()) {
                tag_id::TERMINATING => return Ok(next),
                tag_id::VOLUME_POINTER => {
                    next = VolumePointer::read_from_prefix(&bytes).ok().map(|(pointer, _)| pointer.next);
                }
                _ => self.add(offset, bytes),
            }
        }
        Ok(next)
    }

    fn add(&mut self, offset: u64, bytes: Vec<u8>) {
        match Tag::ref_from_prefix(&bytes).map_or(0, |(tag, _)| tag.identifier.get()) {
            tag_id::PRIMARY_VOLUME => {
                let Ok((new, _)) = PrimaryVolume::read_from_prefix(&bytes) else {
                    return;
                };
                if self.primary.is_none_or(|old| old.sequence_number.get() <= new.sequence_number.get()) {
                    self.primary = Some(new);
                }
            }
            tag_id::LOGICAL_VOLUME => {
                let number = LogicalVolume::ref_from_prefix(&bytes).map_or(0, |(new, _)| new.sequence_number.get());
                if self.volume.is_none() || self.volume_number <= number {
                    self.volume_number = number;
                    self.volume = Some((offset, bytes));
                }
            }
            tag_id::PARTITION => {
                let Ok((new, _)) = PartitionDisk::read_from_prefix(&bytes) else {
                    return;
                };
                let old = self.partitions.get(&new.number.get());
                if old.is_none_or(|old| old.sequence_number.get() <= new.sequence_number.get()) {
                    self.partitions.insert(new.number.get(), new);
                }
            }
            // Unallocated space, implementation use: nothing for a reader.
            _ => {}
        }
    }
}

/// A descriptor of a sequence; `None` where nothing was recorded, which ends it like a terminator.
fn read_descriptor<R: ReadAt>(
    input: &Input<R>,
    offset: u64,
    sector: u64,
    sector_size: u32,
) -> Result<Option<Vec<u8>>, IsoError> {
    let what = Structure::Sequence;
    let mut bytes = input.read_vec(what, offset, DESCRIPTOR_LEN)?;
    let tag = Tag::ref_from_prefix(&bytes).map(|(tag, _)| *tag).map_err(|_| IsoError::Missing { what, offset })?;
    if bytes[..TAG_LEN].iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    // Only the rare one that is longer than the smallest sector is read in full.
    let len = TAG_LEN + usize::from(tag.crc_len.get());
    if len > DESCRIPTOR_LEN {
        let sector_len = usize::try_from(sector_size).unwrap_or(DESCRIPTOR_LEN);
        bytes = input.read_vec(what, offset, len.min(sector_len))?;
    }
    let location = u32::try_from(sector).unwrap_or(u32::MAX);
    tag::verify(&bytes, location).map_err(|fault| IsoError::Tag { what, offset, fault })?;
    Ok(Some(bytes))
}

/// Checks the logical volume descriptor, of which `bytes` are as many as its partition maps need.
fn logical_volume(bytes: &[u8], offset: u64, sector_size: u32) -> Result<LogicalVolume, IsoError> {
    let what = Structure::LogicalVolume;
    let field = |field, found, expected| Err(IsoError::Field { what, offset, field, found, expected });
    let Ok((volume, rest)) = LogicalVolume::read_from_prefix(bytes) else {
        return Err(IsoError::Missing { what, offset });
    };
    if !volume.domain.is(DOMAIN) {
        return field("domain", volume.domain.identifier[0].into(), "*OSTA UDF Compliant");
    }
    // OSTA UDF 2.60, 2.2.4.2.
    if volume.block_size.get() != sector_size {
        return field("block size", volume.block_size.get().into(), "the sector size");
    }
    if u64::from(volume.maps_len.get()) > rest.len() as u64 {
        return field("length of partition maps", volume.maps_len.get().into(), "no more than the sector has");
    }
    Ok(volume)
}
