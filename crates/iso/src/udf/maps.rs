//! Partition maps: which partitions the logical volume has, and of what kind. ECMA-167 3/10.7;
//! OSTA UDF 2.60, 2.2.8 to 2.2.10 and 2.2.12.

use std::collections::BTreeMap;

use nanovhd_tree::ReadAt;
use zerocopy::{FromBytes, IntoBytes};

use super::format::{
    METADATA_PARTITION, MetadataMap, NOT_SPARED, SPARABLE_PARTITION, SPARING_TABLE, SimplePartitionMap, SparableMap,
    SparingEntry, SparingTable, TypedPartitionMap, VIRTUAL_PARTITION, tag_id,
};
use super::metadata;
use super::partition::{Partition, Physical, Space};
use super::sequence::Sequence;
use super::tag;
use crate::error::{IsoError, Structure, TagFault, Unsupported};
use crate::input::Input;
use crate::runs::Runs;

const WHAT: Structure = Structure::PartitionMap;

/// UDF has use for two. The work of opening a volume grows with the number.
const MAX_MAPS: u32 = 16;

/// One map.
enum Map {
    Physical { number: u16 },
    Sparable { number: u16, map: SparableMap },
    Metadata { number: u16, map: MetadataMap },
}

impl Map {
    /// The partition that the map refers to, or lies in.
    fn number(&self) -> u16 {
        match self {
            Self::Physical { number } | Self::Sparable { number, .. } | Self::Metadata { number, .. } => *number,
        }
    }
}

/// Opens all partitions of a volume.
pub(crate) fn open<R: ReadAt>(input: &Input<R>, sequence: &Sequence) -> Result<Space, IsoError> {
    let maps = parse(sequence)?;
    let mut space = Space { block_size: sequence.sector_size, partitions: Vec::new() };
    for map in &maps {
        let partition = match map {
            Map::Physical { number } => Partition::Physical(physical(sequence, *number)?),
            Map::Sparable { number, map } => Partition::Physical(sparable(input, sequence, *number, map)?),
            // In another partition, which may come later.
            Map::Metadata { .. } => Partition::Metadata(Runs::default()),
        };
        space.partitions.push(partition);
    }
    for (index, map) in maps.iter().enumerate() {
        if let Map::Metadata { number, map } = map {
            let holds = |other: &Map| !matches!(other, Map::Metadata { .. }) && other.number() == *number;
            let found = maps.iter().position(holds).and_then(|at| u16::try_from(at).ok());
            let found = found.ok_or_else(|| no_partition(sequence, *number))?;
            space.partitions[index] = metadata::open(input, &space, found, map)?;
        }
    }
    Ok(space)
}

fn parse(sequence: &Sequence) -> Result<Vec<Map>, IsoError> {
    let (mut rest, offset) = (sequence.maps.as_slice(), sequence.volume_offset);
    let mut maps = Vec::new();
    let count = sequence.volume.maps.get();
    if count > MAX_MAPS {
        let (field, expected) = ("number of partition maps", "at most 16");
        return Err(IsoError::Field { what: WHAT, offset, field, found: count.into(), expected });
    }
    for _ in 0..count {
        let len = rest.get(1).copied().map(usize::from).unwrap_or_default();
        let bytes = rest.get(..len).filter(|_| len > 0);
        let bytes = bytes.ok_or(IsoError::Field {
            what: WHAT,
            offset,
            field: "length",
            found: len as u64,
            expected: "6 or 64, and no more than there is",
        })?;
        rest = &rest[len..];
        maps.push(map(sequence, bytes)?);
    }
    Ok(maps)
}

fn map(sequence: &Sequence, bytes: &[u8]) -> Result<Map, IsoError> {
    let offset = sequence.volume_offset;
    let unsupported = |reason| IsoError::Unsupported { what: WHAT, offset, reason };
    let check_disc = |disc: u16| match sequence.disc {
        Some(this) if disc != this => Err(unsupported(Unsupported::OtherDisc(disc))),
        _ => Ok(()),
    };
    if let (Some(1), Ok(map)) = (bytes.first(), SimplePartitionMap::ref_from_bytes(bytes)) {
        check_disc(map.disc.get())?;
        return Ok(Map::Physical { number: map.number.get() });
    }
    let (Some(2), Ok(map)) = (bytes.first(), TypedPartitionMap::ref_from_bytes(bytes)) else {
        let (field, found) = ("type", bytes.first().copied().unwrap_or_default().into());
        return Err(IsoError::Field { what: WHAT, offset, field, found, expected: "1 (6 bytes) or 2 (64 bytes)" });
    };
    check_disc(map.disc.get())?;
    let number = map.number.get();
    match map.kind.name() {
        SPARABLE_PARTITION => Ok(Map::Sparable { number, map: zerocopy::transmute!(map.rest) }),
        METADATA_PARTITION => Ok(Map::Metadata { number, map: zerocopy::transmute!(map.rest) }),
        VIRTUAL_PARTITION => Err(unsupported(Unsupported::VirtualPartition)),
        other => Err(unsupported(Unsupported::PartitionMap(String::from_utf8_lossy(other).into_owned()))),
    }
}

fn no_partition(sequence: &Sequence, number: u16) -> IsoError {
    let (what, offset, field) = (WHAT, sequence.volume_offset, "partition number");
    IsoError::Field { what, offset, field, found: number.into(), expected: "that of a partition descriptor" }
}

fn physical(sequence: &Sequence, number: u16) -> Result<Physical, IsoError> {
    let partition = sequence.partitions.get(&number).ok_or_else(|| no_partition(sequence, number))?;
    let (start, blocks) = (partition.start.get(), partition.len.get());
    Ok(Physical { start, blocks, packet: 1, spared: BTreeMap::new() })
}

fn sparable<R: ReadAt>(
    input: &Input<R>,
    sequence: &Sequence,
    number: u16,
    map: &SparableMap,
) -> Result<Physical, IsoError> {
    let mut physical = physical(sequence, number)?;
    let offset = sequence.volume_offset;
    physical.packet = map.packet.get().into();
    if physical.packet == 0 || !(1..=4).contains(&map.tables) {
        let (field, found) = ("packet length or number of sparing tables", map.packet.get().into());
        return Err(IsoError::Field { what: WHAT, offset, field, found, expected: "not 0, and 1 to 4 tables" });
    }
    // The tables are copies of each other, of which some may be older or damaged.
    let (mut best, mut fault) = (None::<(u32, BTreeMap<u32, u32>)>, None);
    for location in &map.locations[..usize::from(map.tables)] {
        match sparing_table(input, sequence.sector_size, location.get(), map.table_len.get(), &physical) {
            Ok(table) if best.as_ref().is_none_or(|best| best.0 < table.0) => best = Some(table),
            Ok(_) => {}
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    let missing = IsoError::Missing { what: Structure::SparingTable, offset };
    physical.spared = best.ok_or(fault.unwrap_or(missing))?.1;
    Ok(physical)
}

/// A sparing table: its sequence number, and its entries that are in use.
fn sparing_table<R: ReadAt>(
    input: &Input<R>,
    sector_size: u32,
    sector: u32,
    len: u32,
    physical: &Physical,
) -> Result<(u32, BTreeMap<u32, u32>), IsoError> {
    let what = Structure::SparingTable;
    let offset = u64::from(sector) * u64::from(sector_size);
    let head: SparingTable = input.read_one(what, offset)?;
    let head_len = size_of::<SparingTable>();
    let len_of_entries = usize::from(head.entries.get()) * size_of::<SparingEntry>();
    let field = |field, found, expected| Err(IsoError::Field { what, offset, field, found, expected });
    if !head.identifier.is(SPARING_TABLE) {
        return field("identifier", head.identifier.identifier[0].into(), "*UDF Sparing Table");
    }
    // 65,535 entries have half a mebibyte.
    let whole = head_len + len_of_entries;
    if whole as u64 > u64::from(len) {
        return field("number of entries", head.entries.get().into(), "as many as fit into the table's length");
    }
    let mut bytes = head.as_bytes().to_vec();
    // The CRC may cover the whole of the last sector.
    let covered = usize::from(head.tag.crc_len.get()) + super::format::TAG_LEN;
    bytes.extend(input.read_vec(what, offset + head_len as u64, whole.max(covered).saturating_sub(head_len))?);
    match tag::verify(&bytes, sector) {
        Ok(tag_id::UNRECORDED) => {}
        Ok(found) => {
            let fault = TagFault::Identifier { found, expected: tag_id::UNRECORDED };
            return Err(IsoError::Tag { what, offset, fault });
        }
        Err(fault) => {
            return Err(IsoError::Tag { what, offset, fault });
        }
    }
    let mut spared = BTreeMap::new();
    for entry in bytes[head_len..whole].chunks_exact(size_of::<SparingEntry>()) {
        let Ok(entry) = SparingEntry::ref_from_bytes(entry) else {
            continue;
        };
        let original = entry.original.get();
        if original >= NOT_SPARED {
            continue;
        }
        if !original.is_multiple_of(physical.packet) {
            return field("original location", original.into(), "the first block of a packet");
        }
        spared.insert(original, entry.mapped.get());
    }
    Ok((head.sequence_number.get(), spared))
}
