//! The entries of a directory. FAT specification, `FAT Directory Structure`.

use std::io;

use nanovhd_tree::{Name, ReadAt};
use zerocopy::FromBytes;

use super::chain::Chain;
use super::format::{END, ENTRY, Entry, FREE, LABEL, LongEntry, MAX_ENTRIES};
use super::geometry::Geometry;
use super::names::LongNames;

/// How many directories may be in one another. Windows' paths, of 260 units, hold 130 names; twice
/// as many are no path that anyone made.
pub(crate) const MAX_DEPTH: u32 = 256;

/// The bytes of a directory: at most 2 MiB.
pub(crate) struct DirectoryBytes {
    bytes: Vec<u8>,
    /// Where on the volume pieces lie: offset in the bytes, offset on the volume.
    places: Vec<(usize, u64)>,
}

/// A step through the entries in use, with their offsets on the volume.
pub(crate) enum Slot<'d> {
    /// A part of a long name.
    Part(&'d LongEntry, u64),
    /// A file, a directory or a label.
    Entry(&'d Entry, u64),
    /// An entry that is free.
    Free,
}

/// How many clusters the entries that a directory may have take.
pub(crate) fn max_directory_clusters(geometry: &Geometry) -> u32 {
    // 2 MiB.
    MAX_ENTRIES * 32 / geometry.cluster_size
}

impl DirectoryBytes {
    /// The root directory of FAT12 and FAT16, which has at most 65,535 entries.
    pub(crate) fn fixed<R: ReadAt>(volume: &R, offset: u64, len: u64) -> io::Result<Self> {
        let mut bytes = vec![0; usize::try_from(len).expect("16 bits of entries have 2 MiB")];
        volume.read_exact_at(&mut bytes, offset)?;
        Ok(Self { bytes, places: vec![(0, offset)] })
    }

    /// A directory in a chain of at most [`max_directory_clusters`].
    pub(crate) fn chained<R: ReadAt>(volume: &R, geometry: &Geometry, chain: &Chain) -> io::Result<Self> {
        let cluster = geometry.cluster_size as usize;
        let (mut bytes, mut places) = (vec![0; chain.clusters as usize * cluster], Vec::new());
        for run in &chain.runs {
            let at = run.start as usize * cluster;
            let offset = geometry.cluster_offset(run.cluster);
            volume.read_exact_at(&mut bytes[at..][..run.count as usize * cluster], offset)?;
            places.push((at, offset));
        }
        Ok(Self { bytes, places })
    }

    /// Whether there is no place for an entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Every entry up to the mark that ends them.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        let entries = self.bytes.chunks_exact(ENTRY).take_while(|bytes| bytes[0] != END);
        entries.enumerate().map(|(number, bytes)| match Entry::ref_from_bytes(bytes) {
            Ok(entry) if entry.name[0] == FREE => Slot::Free,
            Ok(entry) if !entry.is_long_name() => Slot::Entry(entry, self.offset(number * ENTRY)),
            _ => {
                let part = LongEntry::ref_from_bytes(bytes).expect("all entries have the same size");
                Slot::Part(part, self.offset(number * ENTRY))
            }
        })
    }

    /// Tells `each` every entry that names something, with the long name that goes with it, and
    /// everything that is wrong with long names.
    pub(crate) fn walk<'d>(&'d self, names: &mut LongNames, mut each: impl FnMut(Named<'d>)) {
        for slot in self.slots() {
            match slot {
                Slot::Part(part, offset) => names.part(part, offset),
                Slot::Free => names.abandon(),
                Slot::Entry(entry, offset) if entry.attributes & LABEL != 0 => {
                    names.abandon();
                    each(Named { entry, offset, long: None });
                }
                Slot::Entry(entry, offset) => each(Named { entry, offset, long: names.finish(entry) }),
            }
        }
        names.abandon();
    }

    /// Where on the volume a byte is.
    fn offset(&self, at: usize) -> u64 {
        let after = self.places.partition_point(|(start, _)| *start <= at);
        let (start, offset) = self.places[after - 1];
        offset + (at - start) as u64
    }
}

/// An entry that is no part of a long name.
pub(crate) struct Named<'d> {
    pub(crate) entry: &'d Entry,
    /// Where on the volume it is.
    pub(crate) offset: u64,
    pub(crate) long: Option<Name>,
}
