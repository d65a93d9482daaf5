//! The blob table: every blob of the file under its SHA-1, and the metadata of the images.
//!
//! \[WIM\] "Offset table". What real files do beyond it, as wimlib and Microsoft's tools take it:
//!
//! - images have the order of their metadata's entries, wherever the metadata lie;
//! - entries of metadata that nothing refers to are left-overs and don't count as images;
//! - entries without a digest or without bytes mean nothing;
//! - of several entries with one digest, the first counts;
//! - entries with the solid flag are [solid resources](crate::solid) and the blobs in them.
//!
//! In a split set each part has a table of its own blobs, and that of the first part has the
//! metadata.

use std::fmt;

use thiserror::Error;
use zerocopy::FromBytes;

use crate::digests::Digests;
use crate::format::{BlobDisk, NO_DIGEST, Sha1Digest, VERSION_SOLID, resource_flags};
use crate::header::Header;
use crate::resource::{Region, RegionError, Regions, Resource};
use crate::solid::{self, Run, SolidError, SolidPlace, SolidResource};

const ENTRY: usize = size_of::<BlobDisk>();
/// A table of five million blobs; the largest Windows media have a tenth of that. Bounds what is
/// allocated for a sparse file that claims more.
pub(crate) const MAX_TABLE: u64 = 256 << 20;

/// A SHA-1 digest, shown in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha1Hex(pub Sha1Digest);

impl fmt::Display for Sha1Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha1Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The content of a stream: bytes that are stored once, however many files have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blob {
    /// SHA-1 of the content.
    pub sha1: Sha1Digest,
    /// The part of a split set that has it, from 1.
    pub part: u16,
    /// Where the stored bytes start in the file; those of the whole resource if it is solid.
    pub offset: u64,
    /// How many bytes are stored, a chunk table included. Of a solid resource this is the share that
    /// is in proportion to the blob's length.
    pub stored_len: u64,
    /// How many bytes the content has.
    pub len: u64,
    /// Whether it is stored as a chunk table and compressed chunks.
    pub compressed: bool,
    /// How many streams have this content, as the file says.
    pub references: u32,
    /// Where it lies in a solid resource, if it is in one.
    pub solid: Option<SolidPlace>,
}

impl Blob {
    fn new(entry: &BlobDisk, resource: &Resource) -> Self {
        Self {
            sha1: entry.sha1,
            part: entry.part.get(),
            offset: resource.offset,
            stored_len: resource.stored_len,
            len: resource.len,
            compressed: resource.is_compressed(),
            references: entry.references.get(),
            solid: None,
        }
    }

    /// A blob of `len` bytes in a solid resource.
    fn in_solid(entry: &BlobDisk, resource: &SolidResource, place: SolidPlace, len: u64) -> Self {
        Self {
            sha1: entry.sha1,
            part: resource.part,
            offset: resource.offset,
            stored_len: resource.share(place.offset + len) - resource.share(place.offset),
            len,
            compressed: true,
            references: entry.references.get(),
            solid: Some(place),
        }
    }
}

/// What is wrong with a blob table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlobTableError {
    /// The length does not fit the entries.
    #[error("the blob table has {len} bytes, expected a multiple of {ENTRY}")]
    Length {
        /// The table's length.
        len: usize,
    },
    /// A solid resource is damaged, or a blob in one.
    #[error("blob table entry {entry} can't be used: {cause}")]
    Solid {
        /// The entry, from 0.
        entry: usize,
        /// What is wrong with it.
        cause: SolidError,
    },
    /// Two blobs share bytes of a solid resource.
    #[error(
        "the blob with SHA-1 {sha1} lies at {offset:#x} of a solid resource, but that with SHA-1 {other} does not end \
         before {other_end:#x}"
    )]
    SolidOverlap {
        /// The blob that starts later.
        sha1: Sha1Hex,
        /// Where it starts.
        offset: u64,
        /// The one that starts first.
        other: Sha1Hex,
        /// Where that one ends.
        other_end: u64,
    },
    /// A blob is in another file.
    #[error("blob table entry {entry} lies in part {part}, but the file is part {expected}")]
    Part {
        /// The entry, from 0.
        entry: usize,
        /// The part it names.
        part: u16,
        /// The part that the table is in.
        expected: u16,
    },
    /// A blob goes on in another file.
    #[error("blob table entry {entry} continues in another part, but the file has only one")]
    Spanned {
        /// The entry, from 0.
        entry: usize,
    },
    /// One digest for contents of two lengths.
    #[error("blob table entry {entry} has {len} bytes with SHA-1 {sha1}, but an entry before has {other_len}")]
    SameDigest {
        /// The entry, from 0.
        entry: usize,
        /// The digest.
        sha1: Sha1Hex,
        /// The length of this entry's content.
        len: u64,
        /// The length of the other's.
        other_len: u64,
    },
    /// Not every image has metadata, or there are more metadata than images.
    #[error("the blob table has the metadata of {found} images, expected {expected}")]
    Images {
        /// How many entries of metadata are in use.
        found: usize,
        /// How many images the header says.
        expected: u32,
    },
    /// An entry's bytes lie where they can't.
    #[error(transparent)]
    Region(#[from] RegionError),
}

/// The blobs of a file and the metadata of its images.
#[derive(Debug)]
pub(crate) struct BlobTable {
    /// In the order of their places.
    pub(crate) blobs: Vec<Blob>,
    by_digest: Digests,
    /// Of image 1, 2, …
    pub(crate) metadata: Vec<Blob>,
    pub(crate) solid: Vec<SolidResource>,
}

impl BlobTable {
    /// The blob with this digest.
    pub(crate) fn find(&self, sha1: &Sha1Digest) -> Option<(u32, &Blob)> {
        let index = self.by_digest.find(sha1, |index| &self.blobs[index as usize].sha1)?;
        Some((index, self.blobs.get(index as usize)?))
    }
}

/// The bytes of a part's table, with what is needed to understand them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'t> {
    pub(crate) bytes: &'t [u8],
    pub(crate) header: &'t Header,
}

impl<'t> Table<'t> {
    pub(crate) fn new(bytes: &'t [u8], header: &'t Header) -> Result<Self, BlobTableError> {
        if !bytes.len().is_multiple_of(ENTRY) {
            return Err(BlobTableError::Length { len: bytes.len() });
        }
        Ok(Self { bytes, header })
    }

    /// All entries with their numbers.
    fn entries(self) -> impl Iterator<Item = (usize, &'t BlobDisk, Resource)> {
        // In files of the older version the bit is without meaning, and may be set.
        let mask = if self.header.version == VERSION_SOLID { 0xff } else { !resource_flags::SOLID };
        self.bytes.chunks_exact(ENTRY).enumerate().map(move |(number, entry)| {
            let entry = BlobDisk::ref_from_bytes(entry).expect("chunks have the length of an entry");
            let resource = Resource::parse(&entry.resource);
            (number, entry, Resource { flags: resource.flags & mask, ..resource })
        })
    }

    /// The entries that are solid resources, whose headers have to be read before the table can be
    /// understood. Their places are handed to `regions`.
    pub(crate) fn solid_resources(self, regions: &mut Regions) -> Result<Vec<(usize, Resource)>, BlobTableError> {
        let mut found = Vec::new();
        let resources = self.entries().filter(|(_, _, r)| solid::is_solid(r) && solid::is_resource(r));
        for (entry, disk, resource) in resources {
            self.check_part(entry, disk)?;
            regions.take_solid(Region::BlobEntry(entry), &resource)?;
            let stored_len = resource.stored_len;
            if stored_len < solid::HEADER as u64 {
                return Err(BlobTableError::Solid { entry, cause: SolidError::Short { stored_len } });
            }
            found.push((entry, resource));
        }
        Ok(found)
    }

    fn check_part(self, entry: usize, disk: &BlobDisk) -> Result<(), BlobTableError> {
        let (part, expected) = (disk.part.get(), self.header.part);
        if part == expected { Ok(()) } else { Err(BlobTableError::Part { entry, part, expected }) }
    }

    /// Checks one entry that is not of a solid resource. `None` if it means nothing.
    fn check(
        self,
        number: usize,
        entry: &BlobDisk,
        resource: &Resource,
        regions: &mut Regions,
    ) -> Result<Option<Blob>, BlobTableError> {
        if means_nothing(entry, resource, resource.len) {
            return Ok(None);
        }
        self.check_part(number, entry)?;
        if resource.flags & resource_flags::SPANNED != 0 {
            return Err(BlobTableError::Spanned { entry: number });
        }
        let region = Region::BlobEntry(number);
        let blob = Blob::new(entry, resource);
        // The place of a blob that nothing uses may have been given to another one, or be gone. It
        // is kept where possible, because the count of references is not always right.
        if resource.flags & resource_flags::FREE != 0 || blob.references == 0 {
            return Ok(regions.check(region, resource).is_ok().then_some(blob));
        }
        regions.take(region, resource)?;
        Ok(Some(blob))
    }
}

fn means_nothing(entry: &BlobDisk, resource: &Resource, len: u64) -> bool {
    entry.sha1 == NO_DIGEST || len == 0 || (is_metadata(resource) && entry.references.get() == 0)
}

fn is_metadata(resource: &Resource) -> bool {
    resource.flags & resource_flags::METADATA != 0
}

/// Puts the tables of all parts together.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    /// Positions in `blobs`.
    seen: Digests,
    blobs: Vec<Blob>,
    metadata: Vec<Blob>,
    solid: Vec<SolidResource>,
}

impl Builder {
    /// Adds the table of the next part and hands the places of all blobs in use to `regions`.
    /// `solid` are its solid resources in the order of their entries.
    pub(crate) fn add(
        &mut self,
        table: Table<'_>,
        solid: &[SolidResource],
        regions: &mut Regions,
    ) -> Result<(), BlobTableError> {
        let count = table.bytes.len() / ENTRY;
        self.blobs.reserve(count);
        let mut solid = solid.iter();
        // The entries of a solid run, of which there may be several.
        let mut run = None;
        for (number, entry, resource) in table.entries() {
            let fail = |cause| BlobTableError::Solid { entry: number, cause };
            let blob = if solid::is_solid(&resource) {
                if run.is_none() {
                    run = Some(self.run(table, number, &mut solid).map_err(fail)?);
                }
                let (false, Some(run)) = (solid::is_resource(&resource), &run) else { continue };
                // Its length is where resources have their stored length.
                let len = resource.stored_len;
                if means_nothing(entry, &resource, len) {
                    continue;
                }
                table.check_part(number, entry)?;
                let place = run.place(resource.offset, len).map_err(fail)?;
                Blob::in_solid(entry, &self.solid[place.resource as usize], place, len)
            } else {
                run = None;
                let Some(blob) = table.check(number, entry, &resource, regions)? else { continue };
                blob
            };
            if !is_metadata(&resource) {
                self.content(number, blob)?;
            } else if table.header.part == 1 {
                self.metadata.push(blob);
            }
        }
        Ok(())
    }

    /// Takes the resources of the run that starts with entry `from`.
    fn run<'s>(
        &mut self,
        table: Table<'_>,
        from: usize,
        solid: &mut impl Iterator<Item = &'s SolidResource>,
    ) -> Result<Run, SolidError> {
        let rest = Table { bytes: &table.bytes[from * ENTRY..], ..table };
        let run = rest.entries().take_while(|(_, _, resource)| solid::is_solid(resource));
        let count = run.filter(|(_, _, resource)| solid::is_resource(resource)).count();
        let first = self.solid.len();
        self.solid.extend(solid.take(count));
        // A table is shorter than 2^32 bytes, and the parts of a set are fewer than 2^16, so the
        // sum could only be reached by files that don't fit into memory.
        Run::new(u32::try_from(first).map_err(|_| SolidError::TooLong)?, &self.solid[first..])
    }

    fn content(&mut self, number: usize, blob: Blob) -> Result<(), BlobTableError> {
        let digest = |position: u32| &self.blobs[position as usize].sha1;
        let Some(first) = self.seen.find(&blob.sha1, digest) else {
            self.seen.push(&blob.sha1, digest);
            self.blobs.push(blob);
            return Ok(());
        };
        let (sha1, len, other_len) = (Sha1Hex(blob.sha1), blob.len, self.blobs[first as usize].len);
        if len == other_len {
            Ok(())
        } else {
            Err(BlobTableError::SameDigest { entry: number, sha1, len, other_len })
        }
    }

    /// The whole table, which has to have the metadata of so many images.
    pub(crate) fn finish(self, images: u32) -> Result<BlobTable, BlobTableError> {
        let Self { seen, mut blobs, metadata, solid } = self;
        drop(seen);
        if metadata.len() as u64 != u64::from(images) {
            return Err(BlobTableError::Images { found: metadata.len(), expected: images });
        }
        // Stable: blobs at one place (left-overs that are not checked for overlaps) stay in the
        // order of the table.
        blobs.sort_by_key(|blob| (blob.part, blob.offset, blob.solid));
        for pair in blobs.windows(2) {
            check_solid_neighbours(&pair[0], &pair[1])?;
        }
        let by_digest = Digests::of(blobs.iter().map(|blob| &blob.sha1));
        Ok(BlobTable { blobs, by_digest, metadata, solid })
    }
}

/// Two blobs of one solid resource must not share a byte.
fn check_solid_neighbours(first: &Blob, second: &Blob) -> Result<(), BlobTableError> {
    let (Some(a), Some(b)) = (first.solid, second.solid) else { return Ok(()) };
    let other_end = a.offset + first.len;
    if a.resource != b.resource || other_end <= b.offset {
        return Ok(());
    }
    let (other, sha1) = (Sha1Hex(first.sha1), Sha1Hex(second.sha1));
    Err(BlobTableError::SolidOverlap { sha1, offset: b.offset, other, other_end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BlobEntry, blob_entry, header_of};

    const METADATA: u8 = resource_flags::METADATA;

    fn parse(version: u32, images: u32, entries: &[BlobEntry]) -> Result<(BlobTable, Regions), BlobTableError> {
        let header = Header::parse(&header_of(version, images)).unwrap();
        let bytes: Vec<u8> = entries.iter().flat_map(BlobEntry::bytes).collect();
        let mut regions = Regions::new(10_000, 0);
        let table = Table::new(&bytes, &header)?;
        // All solid resources are of 1000 bytes and one chunk.
        let solid = table.solid_resources(&mut regions)?.into_iter().map(|(entry, resource)| {
            let mut disk = [0; solid::HEADER];
            disk[..2].copy_from_slice(&1000u16.to_le_bytes());
            disk[8..].copy_from_slice(&[0, 0x80, 0, 0, 3, 0, 0, 0]);
            let fail = |cause| BlobTableError::Solid { entry, cause };
            SolidResource::new(header.part, &resource, &disk).map_err(fail)
        });
        let solid = solid.collect::<Result<Vec<_>, _>>()?;
        let mut builder = Builder::default();
        builder.add(table, &solid, &mut regions)?;
        Ok((builder.finish(images)?, regions))
    }

    const V: u32 = crate::format::VERSION;

    #[test]
    fn blobs_are_numbered_by_offset_and_images_by_entry() {
        let entries = [
            blob_entry(3, 900, 10),
            BlobEntry { flags: METADATA, ..blob_entry(9, 2000, 50) },
            blob_entry(4, 300, 20),
            BlobEntry { flags: METADATA, ..blob_entry(8, 1000, 40) },
        ];
        let (table, regions) = parse(V, 2, &entries).unwrap();
        regions.finish().unwrap();
        assert_eq!(table.blobs.iter().map(|b| b.offset).collect::<Vec<_>>(), [300, 900]);
        assert_eq!(table.metadata.iter().map(|b| b.offset).collect::<Vec<_>>(), [2000, 1000]);
        assert_eq!(table.find(&[3; 20]).map(|(index, blob)| (index, blob.len)), Some((1, 10)));
        assert_eq!(table.find(&[9; 20]), None, "metadata are no content of files");
    }

    #[test]
    fn entries_that_mean_nothing_are_skipped_wherever_they_point() {
        let entries = [
            blob_entry(0, u64::MAX, 10),
            blob_entry(1, u64::MAX, 0),
            BlobEntry { flags: METADATA, references: 0, ..blob_entry(2, 0, 10) },
            BlobEntry { part: 7, ..blob_entry(0, 0, 10) },
        ];
        let (table, _) = parse(V, 0, &entries).unwrap();
        assert!(table.blobs.is_empty() && table.metadata.is_empty());
    }

    #[test]
    fn the_first_of_equal_digests_counts() {
        let (table, _) = parse(V, 0, &[blob_entry(5, 900, 10), blob_entry(5, 300, 10)]).unwrap();
        assert_eq!(table.blobs.len(), 1);
        assert_eq!(table.blobs[0].offset, 900);
        let error = parse(V, 0, &[blob_entry(5, 900, 10), blob_entry(5, 300, 11)]).unwrap_err();
        assert!(matches!(error, BlobTableError::SameDigest { entry: 1, len: 11, other_len: 10, .. }), "{error}");
    }

    #[test]
    fn unused_blobs_may_lie_where_others_do_and_count_for_nothing_outside_of_the_file() {
        let unused = BlobEntry { references: 0, ..blob_entry(1, 300, 100) };
        let free = BlobEntry { flags: resource_flags::FREE, ..blob_entry(2, 300, 100) };
        let gone = BlobEntry { references: 0, ..blob_entry(4, 20_000, 100) };
        let (table, regions) = parse(V, 0, &[unused, free, blob_entry(3, 350, 100), gone]).unwrap();
        regions.finish().unwrap();
        assert_eq!(table.blobs.iter().map(|blob| blob.sha1[0]).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        use BlobTableError as E;
        let solid = BlobEntry { flags: resource_flags::SOLID, ..blob_entry(1, 300, 10) };
        assert!(parse(V, 0, &[solid]).is_ok(), "the bit is without meaning in this version");
        let cause = SolidError::NoResource;
        assert_eq!(parse(VERSION_SOLID, 0, &[solid]).unwrap_err(), E::Solid { entry: 0, cause });
        let part = BlobEntry { part: 2, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[part]).unwrap_err(), E::Part { entry: 0, part: 2, expected: 1 });
        let spanned = BlobEntry { flags: resource_flags::SPANNED, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[spanned]).unwrap_err(), E::Spanned { entry: 0 });
        assert_eq!(parse(V, 1, &[]).unwrap_err(), E::Images { found: 0, expected: 1 });
        let image = BlobEntry { flags: METADATA, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[image]).unwrap_err(), E::Images { found: 1, expected: 0 });
        assert!(matches!(parse(V, 0, &[blob_entry(1, 9_999, 2)]), Err(E::Region(RegionError::PastEnd { .. }))));
        let header = Header::parse(&header_of(V, 0)).unwrap();
        assert_eq!(Table::new(&[0; 51], &header).unwrap_err(), E::Length { len: 51 });
    }

    const SOLID: u8 = resource_flags::SOLID;

    /// A solid resource of 100 bytes in the file.
    fn solid_resource(offset: u64) -> BlobEntry {
        let entry = BlobEntry { flags: SOLID, stored_len: 100, len: 1 << 32, ..blob_entry(0, offset, 0) };
        BlobEntry { sha1: NO_DIGEST, ..entry }
    }

    fn solid_blob(digest: u8, offset: u64, len: u64) -> BlobEntry {
        BlobEntry { flags: SOLID, len: 0, stored_len: len, ..blob_entry(digest, offset, 0) }
    }

    #[test]
    fn blobs_of_solid_resources_follow_each_other() {
        let entries = [
            // The blobs of a run may come before the resources.
            solid_blob(1, 1000, 10),
            solid_resource(500),
            solid_blob(2, 900, 100),
            solid_resource(300),
            solid_blob(3, 20, 30),
            blob_entry(4, 400, 50),
            // The next run counts from its start.
            solid_resource(600),
            solid_blob(5, 0, 1000),
        ];
        let (table, regions) = parse(VERSION_SOLID, 0, &entries).unwrap();
        regions.finish().unwrap();
        let place = |blob: &Blob| (blob.sha1[0], blob.offset, blob.solid.map(|s| (s.resource, s.offset)));
        assert_eq!(
            table.blobs.iter().map(place).collect::<Vec<_>>(),
            [
                (1, 300, Some((1, 0))),
                (4, 400, None),
                (3, 500, Some((0, 20))),
                (2, 500, Some((0, 900))),
                (5, 600, Some((2, 0))),
            ]
        );
        assert_eq!(table.solid.len(), 3);
        assert_eq!(table.blobs[4].stored_len, 100);
    }

    #[test]
    fn solid_blobs_that_overlap_or_lie_outside_are_refused() {
        let parse = |entries: &[BlobEntry]| parse(VERSION_SOLID, 0, entries).unwrap_err();
        let overlap = parse(&[solid_resource(300), solid_blob(1, 0, 100), solid_blob(2, 99, 100)]);
        let expected = BlobTableError::SolidOverlap {
            sha1: Sha1Hex([2; 20]),
            offset: 99,
            other: Sha1Hex([1; 20]),
            other_end: 100,
        };
        assert_eq!(overlap, expected);
        let inside = [solid_resource(300), solid_blob(1, 0, 100), solid_blob(2, 20, 10), solid_blob(3, 200, 10)];
        assert!(matches!(parse(&inside), BlobTableError::SolidOverlap { .. }));
        for (offset, len) in [(990, 11), (1000, 1), (u64::MAX, 1), (0, (1 << 56) - 1)] {
            let error = parse(&[solid_resource(300), solid_blob(1, offset, len)]);
            let cause = SolidError::Outside { offset, len, end: 1000 };
            assert_eq!(error, BlobTableError::Solid { entry: 1, cause });
        }
        let short = BlobEntry { stored_len: 15, ..solid_resource(300) };
        let cause = SolidError::Short { stored_len: 15 };
        assert_eq!(parse(&[short]), BlobTableError::Solid { entry: 0, cause });
        let elsewhere = BlobEntry { part: 9, ..solid_resource(300) };
        assert_eq!(parse(&[elsewhere]), BlobTableError::Part { entry: 0, part: 9, expected: 1 });
        assert!(matches!(parse(&[solid_resource(9_901)]), BlobTableError::Region(RegionError::PastEnd { .. })));
    }
}
