//! The blob table: every blob of the file under its SHA-1, and the metadata of the images.
//!
//! \[WIM\] "Offset table". What real files do beyond it, as wimlib and Microsoft's tools take it:
//!
//! - images have the order of their metadata's entries, wherever the metadata lie;
//! - entries of metadata that nothing refers to are left-overs and don't count as images;
//! - entries without a digest or without bytes mean nothing;
//! - of several entries with one digest, the first counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use thiserror::Error;
use zerocopy::FromBytes;

use crate::format::{BlobDisk, NO_DIGEST, Sha1Digest, VERSION_SOLID, resource_flags};
use crate::header::Header;
use crate::resource::{Region, RegionError, Regions, Resource};

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
    /// Where the stored bytes start in the file.
    pub offset: u64,
    /// How many bytes are stored, a chunk table included.
    pub stored_len: u64,
    /// How many bytes the content has.
    pub len: u64,
    /// Whether it is stored as a chunk table and compressed chunks.
    pub compressed: bool,
    /// How many streams have this content, as the file says.
    pub references: u32,
}

impl Blob {
    fn new(entry: &BlobDisk, resource: &Resource) -> Self {
        Self {
            sha1: entry.sha1,
            offset: resource.offset,
            stored_len: resource.stored_len,
            len: resource.len,
            compressed: resource.is_compressed(),
            references: entry.references.get(),
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
    /// Some blobs are packed together.
    #[error(
        "the WIM holds solid resources (blob table entry {entry}), which are not supported yet; export the image with \
         `wimlib-imagex export --compress=LZX` or DISM /Export-Image /Compress:max"
    )]
    Solid {
        /// The first such entry, from 0.
        entry: usize,
    },
    /// A blob is in another file.
    #[error("blob table entry {entry} lies in part {part}, but the file is not one of a split set")]
    Part {
        /// The entry, from 0.
        entry: usize,
        /// The part it names.
        part: u16,
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
    /// In the order of their offsets.
    pub(crate) blobs: Vec<Blob>,
    by_digest: HashMap<Sha1Digest, u32>,
    /// Of image 1, 2, …
    pub(crate) metadata: Vec<Blob>,
}

impl BlobTable {
    /// Reads the table and hands the places of all blobs in use to `regions`.
    pub(crate) fn parse(bytes: &[u8], header: &Header, regions: &mut Regions) -> Result<Self, BlobTableError> {
        if !bytes.len().is_multiple_of(ENTRY) {
            return Err(BlobTableError::Length { len: bytes.len() });
        }
        let mut seen: HashMap<Sha1Digest, u64> = HashMap::with_capacity(bytes.len() / ENTRY);
        let (mut blobs, mut metadata) = (Vec::with_capacity(bytes.len() / ENTRY), Vec::new());
        for (number, entry) in bytes.chunks_exact(ENTRY).enumerate() {
            let entry = BlobDisk::ref_from_bytes(entry).expect("chunks have the length of an entry");
            let Some(resource) = check_entry(number, entry, header, regions)? else { continue };
            let blob = Blob::new(entry, &resource);
            if resource.flags & resource_flags::METADATA != 0 {
                metadata.push(blob);
                continue;
            }
            match seen.entry(blob.sha1) {
                Entry::Vacant(place) => {
                    place.insert(blob.len);
                    blobs.push(blob);
                }
                Entry::Occupied(first) if *first.get() == blob.len => {}
                Entry::Occupied(first) => {
                    let (sha1, len, other_len) = (Sha1Hex(blob.sha1), blob.len, *first.get());
                    return Err(BlobTableError::SameDigest { entry: number, sha1, len, other_len });
                }
            }
        }
        drop(seen);
        if metadata.len() as u64 != u64::from(header.images) {
            return Err(BlobTableError::Images { found: metadata.len(), expected: header.images });
        }
        // Stable: blobs at one place (left-overs that are not checked for overlaps) stay in the
        // order of the table.
        blobs.sort_by_key(|blob| blob.offset);
        let by_digest = (0u32..).zip(&blobs).map(|(index, blob)| (blob.sha1, index)).collect();
        Ok(Self { blobs, by_digest, metadata })
    }

    /// The blob with this digest.
    pub(crate) fn find(&self, sha1: &Sha1Digest) -> Option<(u32, &Blob)> {
        let &index = self.by_digest.get(sha1)?;
        Some((index, self.blobs.get(index as usize)?))
    }
}

/// Checks one entry. `None` if it means nothing.
fn check_entry(
    number: usize,
    entry: &BlobDisk,
    header: &Header,
    regions: &mut Regions,
) -> Result<Option<Resource>, BlobTableError> {
    let resource = Resource::parse(&entry.resource);
    // In files of the older version the bit is without meaning, and may be set.
    if header.version == VERSION_SOLID && resource.flags & resource_flags::SOLID != 0 {
        return Err(BlobTableError::Solid { entry: number });
    }
    let is_metadata = resource.flags & resource_flags::METADATA != 0;
    let references = entry.references.get();
    if entry.sha1 == NO_DIGEST || resource.len == 0 || (is_metadata && references == 0) {
        return Ok(None);
    }
    if entry.part.get() != header.part {
        return Err(BlobTableError::Part { entry: number, part: entry.part.get() });
    }
    if resource.flags & resource_flags::SPANNED != 0 {
        return Err(BlobTableError::Spanned { entry: number });
    }
    let region = Region::BlobEntry(number);
    // The place of a blob that nothing uses may have been given to another one, or be gone. It is
    // kept where possible, because the count of references is not always right.
    if resource.flags & resource_flags::FREE != 0 || references == 0 {
        return Ok(regions.check(region, &resource).is_ok().then_some(resource));
    }
    regions.take(region, &resource)?;
    Ok(Some(resource))
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
        Ok((BlobTable::parse(&bytes, &header, &mut regions)?, regions))
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
        assert_eq!(parse(VERSION_SOLID, 0, &[solid]).unwrap_err(), E::Solid { entry: 0 });
        let part = BlobEntry { part: 2, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[part]).unwrap_err(), E::Part { entry: 0, part: 2 });
        let spanned = BlobEntry { flags: resource_flags::SPANNED, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[spanned]).unwrap_err(), E::Spanned { entry: 0 });
        assert_eq!(parse(V, 1, &[]).unwrap_err(), E::Images { found: 0, expected: 1 });
        let image = BlobEntry { flags: METADATA, ..blob_entry(1, 300, 10) };
        assert_eq!(parse(V, 0, &[image]).unwrap_err(), E::Images { found: 1, expected: 0 });
        assert!(matches!(parse(V, 0, &[blob_entry(1, 9_999, 2)]), Err(E::Region(RegionError::PastEnd { .. }))));
        let header = Header::parse(&header_of(V, 0)).unwrap();
        let error = BlobTable::parse(&[0; 51], &header, &mut Regions::new(1000, 0)).unwrap_err();
        assert_eq!(error, E::Length { len: 51 });
    }
}
