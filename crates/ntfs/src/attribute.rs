//! Attributes of MFT records: their sizes, which of them fit where, and their bytes.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::format::{
    AttributeType, ListEntry, NonResidentHeader, ResidentHeader, align8, attribute_flags, long, word,
};
use crate::units::{ClusterSize, FileRef, Lcn};

/// Power of two of the clusters that Windows compresses at once.
const COMPRESSION_UNIT: u32 = 4;
/// Bytes that a unit of a sparse stream may have at most.
const SPARSE_UNIT_BYTES: u32 = 0x1_0000;
/// Room for the run list of one run in any volume: a header byte, five bytes each of length and
/// cluster at most, an end byte; rounded up to 8.
const RUNS_ROOM: usize = 16;
/// The longest attribute list that Windows reads.
pub(crate) const MAX_LIST: usize = 0x4_0000;
/// An attribute list that is longer moves to clusters, so that the base record has room for more.
const MAX_RESIDENT_LIST: usize = 256;

/// Where the name lies in an entry of the list.
const LIST_NAME_OFFSET: u8 = 0x1a;

/// Where the bytes of an attribute lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In the record.
    Resident,
    /// In one run of clusters.
    Run { lcn: Lcn, clusters: u64 },
    /// Nowhere: a hole of this many clusters.
    Hole { clusters: u64 },
}

/// How the header of an attribute marks its value.
///
/// Values are written as they are, whatever the mark: a compression unit of which all clusters are
/// there holds plain bytes, and a sparse stream need not have holes. So marked streams take whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StreamForm {
    pub(crate) compressed: bool,
    pub(crate) sparse: bool,
}

impl StreamForm {
    /// Neither compressed nor sparse.
    pub(crate) const PLAIN: Self = Self { compressed: false, sparse: false };

    fn is_plain(self) -> bool {
        self == Self::PLAIN
    }

    /// The flags of the attribute.
    pub(crate) fn flags(self) -> u16 {
        let compressed = if self.compressed { attribute_flags::COMPRESSED } else { 0 };
        compressed | if self.sparse { attribute_flags::SPARSE } else { 0 }
    }

    /// Power of two of the clusters in a unit. Windows makes units of sixteen clusters, of fewer where
    /// clusters are so large that a sparse unit would be more than 64 KiB.
    fn unit(self, cluster: ClusterSize) -> u32 {
        let sparse = SPARSE_UNIT_BYTES.ilog2().saturating_sub(cluster.0.ilog2());
        if self.is_plain() { 0 } else { COMPRESSION_UNIT.min(sparse) }
    }

    /// How many clusters a value of `bytes` takes.
    pub(crate) fn clusters_for(self, bytes: u64, cluster: ClusterSize) -> u64 {
        cluster.clusters_for(bytes).next_multiple_of(1 << self.unit(cluster))
    }
}

/// What stands at the beginning of every attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) kind: AttributeType,
    pub(crate) name: &'a [u16],
    pub(crate) form: StreamForm,
    /// Its number in its record.
    pub(crate) instance: u16,
}

/// An attribute without its bytes, as packing needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) kind: AttributeType,
    pub(crate) name_units: usize,
    pub(crate) bytes: usize,
}

/// Bytes of an attribute that holds its value.
pub(crate) fn resident_size(name_units: usize, value: u64) -> usize {
    // Values that don't fit into a record need no exact size.
    let value = usize::try_from(value).unwrap_or(usize::MAX / 2).min(usize::MAX / 2);
    align8(value_offset(name_units) + value)
}

/// Bytes of an attribute whose value lies in one run.
pub(crate) fn non_resident_size(name_units: usize, form: StreamForm) -> usize {
    runs_offset(name_units, form) + RUNS_ROOM
}

fn value_offset(name_units: usize) -> usize {
    align8(size_of::<ResidentHeader>() + 2 * name_units)
}

fn runs_offset(name_units: usize, form: StreamForm) -> usize {
    align8(name_offset(form) + 2 * name_units)
}

/// Where the name of an attribute with a run begins: marked ones have another size before it.
fn name_offset(form: StreamForm) -> usize {
    size_of::<NonResidentHeader>() + if form.is_plain() { 0 } else { size_of::<U64>() }
}

/// Bytes of the attribute list that names these attributes.
pub(crate) fn list_size(names: impl Iterator<Item = usize>) -> usize {
    names.map(list_entry_size).sum()
}

fn list_entry_size(name_units: usize) -> usize {
    align8(size_of::<ListEntry>() + 2 * name_units)
}

/// Whether an attribute list of this size lies in the base record.
pub(crate) fn list_is_resident(size: usize) -> bool {
    size <= MAX_RESIDENT_LIST
}

impl Shape {
    /// Whether the attribute lies in the base record: the first two must, and drivers and checkers
    /// look for the others there first. None of them is large in a file that has an attribute list.
    fn stays_in_base(&self) -> bool {
        matches!(
            self.kind,
            AttributeType::StandardInformation
                | AttributeType::AttributeList
                | AttributeType::ObjectId
                | AttributeType::IndexRoot
                | AttributeType::ReparsePoint
        )
    }
}

/// Spreads attributes over the base record and, in their order, as many extension records as they
/// need; gives the record of each, 0 for the base.
pub(crate) fn pack(shapes: &[Shape], room: usize) -> Vec<u32> {
    let mut record = 0;
    let mut used: usize = shapes.iter().filter(|shape| shape.stays_in_base()).map(|shape| shape.bytes).sum();
    debug_assert!(used <= room, "what stays in the base record must fit into it");
    shapes
        .iter()
        .map(|shape| {
            debug_assert!(shape.bytes <= room, "an attribute must fit into a record: {shape:?}");
            if shape.stays_in_base() {
                return 0;
            }
            if used + shape.bytes > room {
                record += 1;
                used = 0;
            }
            used += shape.bytes;
            record
        })
        .collect()
}

/// Appends an attribute that holds its value.
pub(crate) fn write_resident(head: &Head<'_>, value: &[u8], record: &mut Vec<u8>) {
    let Head { kind, name, form, instance } = *head;
    let length = resident_size(name.len(), value.len() as u64);
    let header = ResidentHeader {
        kind: U32::new(kind as u32),
        length: long(length),
        non_resident: 0,
        name_units: name_units(name),
        name_offset: word(size_of::<ResidentHeader>()),
        flags: U16::new(form.flags()),
        instance: U16::new(instance),
        value_length: long(value.len()),
        value_offset: word(value_offset(name.len())),
        indexed: u8::from(kind == AttributeType::FileName),
        pad: 0,
    };
    let start = record.len();
    record.extend_from_slice(header.as_bytes());
    write_name(name, record);
    record.resize(start + value_offset(name.len()), 0);
    record.extend_from_slice(value);
    record.resize(start + length, 0);
}

/// An attribute whose value lies in clusters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NonResident<'a> {
    pub(crate) head: Head<'a>,
    /// Bytes of the value.
    pub(crate) size: u64,
    /// The first cluster, or none for a hole.
    pub(crate) lcn: Option<Lcn>,
    pub(crate) clusters: u64,
}

impl NonResident<'_> {
    /// Appends the attribute.
    pub(crate) fn write(&self, cluster: ClusterSize, record: &mut Vec<u8>) {
        let Head { kind, name, form, instance } = self.head;
        let length = non_resident_size(name.len(), form);
        let allocated = U64::new(self.clusters * cluster.bytes());
        let header = NonResidentHeader {
            kind: U32::new(kind as u32),
            length: long(length),
            non_resident: 1,
            name_units: name_units(name),
            name_offset: word(name_offset(form)),
            flags: U16::new(form.flags()),
            instance: U16::new(instance),
            lowest_vcn: U64::new(0),
            // One less than nothing is how an attribute without clusters says it.
            highest_vcn: U64::new(self.clusters.wrapping_sub(1)),
            runs_offset: word(runs_offset(name.len(), form)),
            compression_unit: U16::new(u16::try_from(form.unit(cluster)).expect("at most 4")),
            pad: U32::new(0),
            allocated,
            size: U64::new(self.size),
            initialized: U64::new(if self.lcn.is_some() { self.size } else { 0 }),
        };
        let start = record.len();
        record.extend_from_slice(header.as_bytes());
        if !form.is_plain() {
            // What is allocated without holes; there are none.
            record.extend_from_slice(allocated.as_bytes());
        }
        write_name(name, record);
        record.resize(start + runs_offset(name.len(), form), 0);
        write_run(self.lcn, self.clusters, record);
        record.resize(start + length, 0);
    }
}

/// Appends the one run of a run list; the end byte is the zero that follows. Length and cluster
/// are signed numbers of as many bytes as they need, counted in the nibbles of the first byte.
fn write_run(lcn: Option<Lcn>, clusters: u64, out: &mut Vec<u8>) {
    if clusters == 0 {
        return;
    }
    let length_bytes = signed_bytes(clusters);
    let lcn_bytes = lcn.map_or(0, |lcn| signed_bytes(lcn.0));
    out.push(lcn_bytes << 4 | length_bytes);
    out.extend_from_slice(&clusters.to_le_bytes()[..usize::from(length_bytes)]);
    if let Some(lcn) = lcn {
        out.extend_from_slice(&lcn.0.to_le_bytes()[..usize::from(lcn_bytes)]);
    }
}

/// Bytes that hold `value` with a clear sign bit.
fn signed_bytes(value: u64) -> u8 {
    let bits = u64::BITS - value.leading_zeros() + 1;
    u8::try_from(bits.div_ceil(8)).expect("at most 9")
}

fn name_units(name: &[u16]) -> u8 {
    u8::try_from(name.len()).expect("a name has at most 255 units")
}

fn write_name(name: &[u16], out: &mut Vec<u8>) {
    out.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
}

/// Appends an entry of the attribute list.
pub(crate) fn write_list_entry(kind: AttributeType, name: &[u16], record: FileRef, instance: u16, out: &mut Vec<u8>) {
    let length = list_entry_size(name.len());
    let entry = ListEntry {
        kind: U32::new(kind as u32),
        length: word(length),
        name_units: name_units(name),
        name_offset: LIST_NAME_OFFSET,
        lowest_vcn: U64::new(0),
        record: record.to_disk(),
        instance: U16::new(instance),
    };
    let start = out.len();
    out.extend_from_slice(entry.as_bytes());
    write_name(name, out);
    out.resize(start + length, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_encoded_like_those_that_windows_writes() {
        // Taken from the records of a volume that Windows formatted.
        for (lcn, clusters, bytes) in [
            (Some(0xc55), 0x40, &[0x21, 0x40, 0x55, 0x0c][..]),
            (Some(0), 2, &[0x11, 2, 0]),
            (Some(0x36), 0x41, &[0x11, 0x41, 0x36]),
            (None, 0x24ff, &[0x02, 0xff, 0x24]),
            (Some(0x80), 0x80, &[0x22, 0x80, 0, 0x80, 0]),
        ] {
            let mut out = Vec::new();
            write_run(lcn.map(Lcn), clusters, &mut out);
            assert_eq!(out, bytes, "{lcn:?} {clusters:#x}");
        }
    }

    #[test]
    fn written_attributes_have_the_sizes_that_packing_counts_on() {
        let forms = [(false, false), (true, false), (false, true), (true, true)];
        let forms = forms.map(|(compressed, sparse)| StreamForm { compressed, sparse });
        for (name, form) in [&[][..], &[1], &[7; 255]].into_iter().flat_map(|name| forms.map(|form| (name, form))) {
            let head = Head { kind: AttributeType::Data, name, form, instance: 3 };
            for value in [0usize, 1, 7, 8, 300] {
                let mut out = Vec::new();
                write_resident(&head, &vec![0xd1; value], &mut out);
                assert_eq!(out.len(), resident_size(name.len(), value as u64));
            }
            let mut out = Vec::new();
            let (lcn, clusters) = (Some(Lcn(u64::from(u32::MAX))), u64::from(u32::MAX));
            let run = NonResident { head, size: 1, lcn, clusters };
            run.write(ClusterSize(512), &mut out);
            assert_eq!(out.len(), non_resident_size(name.len(), form));
            assert_eq!(out.last(), Some(&0), "the run list is ended");
            let mut out = Vec::new();
            write_list_entry(AttributeType::Data, name, FileRef { record: 1, sequence: 1 }, 0, &mut out);
            assert_eq!(out.len(), list_size([name.len()].into_iter()));
        }
    }

    #[test]
    fn marked_streams_take_whole_units() {
        let compressed = StreamForm { compressed: true, sparse: false };
        let sparse = StreamForm { compressed: false, sparse: true };
        for (form, cluster, bytes, unit, clusters) in [
            (StreamForm::PLAIN, 4096, 4097, 0, 2),
            (compressed, 4096, 4097, 4, 16),
            (compressed, 512, 8193, 4, 32),
            (sparse, 4096, 65_537, 4, 32),
            (sparse, 8192, 1, 3, 8),
            (sparse, 65_536, 1, 0, 1),
            (sparse, 65_536, 0, 0, 0),
        ] {
            let cluster = ClusterSize(cluster);
            assert_eq!((form.unit(cluster), form.clusters_for(bytes, cluster)), (unit, clusters), "{form:?}");
        }
        let head = Head { kind: AttributeType::Data, name: &[], form: compressed, instance: 0 };
        let mut out = Vec::new();
        NonResident { head, size: 5, lcn: Some(Lcn(9)), clusters: 16 }.write(ClusterSize(512), &mut out);
        assert_eq!((out[0x0c], out[0x22]), (1, 4), "flag and unit");
        assert_eq!(out[0x28..0x30], out[0x40..0x48], "all that is allocated is there");
    }

    #[test]
    fn packing_opens_a_new_record_when_one_is_full() {
        let shape = |bytes| Shape { kind: AttributeType::FileName, name_units: 0, bytes };
        let shapes: Vec<_> = [500, 400, 100, 900, 60, 8].map(shape).into();
        assert_eq!(pack(&shapes, 960), [0, 0, 1, 2, 2, 3]);
        let last = Shape { kind: AttributeType::ReparsePoint, ..shape(80) };
        assert_eq!(pack(&[shape(500), shape(400), last], 960), [0, 1, 0], "a reparse point stays in the base record");
    }
}
