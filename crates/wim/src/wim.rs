//! An open file: the parts put together.

use std::fmt;
use std::num::NonZeroUsize;

use nanovhd_tree::{ReadAt, SourceId, Tree};
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::blob_table::{Blob, BlobTable, BlobTableError, MAX_TABLE, Sha1Hex};
use crate::format::{HEADER_SIZE, Sha1Digest};
use crate::header::{Compression, Header, HeaderError};
use crate::integrity::{self, Integrity, IntegrityError};
use crate::metadata::{self, MAX_METADATA, MAX_METADATA_RATIO, MetadataError, Note};
use crate::reader::{Extent, Format, Reader, ResourceError};
use crate::resource::{Region, RegionError, Regions, Resource};
use crate::select::{self, ImageSelector, SelectError};
use crate::stream::{self, BlobError, BlobSink, StreamError, extent, read_verified};
use crate::xml::{self, ImageInfo, MAX_XML, XmlError};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WimInfo {
    /// The version of the format: `0x10d00`, or `0xe00` for files that may be solid.
    pub version: u32,
    /// The GUID of the file, as its bytes lie there.
    pub guid: [u8; 16],
    /// How compressed resources are compressed.
    pub compression: Compression,
    /// How many bytes of content a chunk has; 0 without compression.
    pub chunk_size: u32,
    /// The image to boot from, counted from 1.
    pub boot_index: Option<u32>,
    /// Which part of a split set this is, from 1.
    pub part: u16,
    /// How many parts there are.
    pub parts: u16,
    /// Whether there is an integrity table.
    pub has_integrity: bool,
    /// How many bytes the file has.
    pub file_len: u64,
    /// The XML data.
    pub xml: String,
}

/// Why a file can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The header is damaged or of a kind that can't be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Something lies where it can't.
    #[error(transparent)]
    Region(#[from] RegionError),
    /// The blob table is damaged or of a kind that can't be read.
    #[error(transparent)]
    BlobTable(BlobTableError),
    /// The XML data are damaged.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// A table is longer than can be.
    #[error("{region} has {len} bytes; the most is {limit}")]
    TooLong {
        /// Which table.
        region: Region,
        /// Its length.
        len: u64,
        /// The greatest length.
        limit: u64,
    },
    /// A table can't be read.
    #[error("can't read {region}")]
    Resource {
        /// Which table.
        region: Region,
        /// What went wrong.
        #[source]
        cause: ResourceError,
    },
    /// The file can't be read.
    #[error("can't read the header of the WIM")]
    Read(#[source] std::io::Error),
}

impl From<BlobTableError> for OpenError {
    fn from(error: BlobTableError) -> Self {
        match error {
            BlobTableError::Region(error) => Self::Region(error),
            error => Self::BlobTable(error),
        }
    }
}

/// A WIM file, open for reading. See the [crate].
pub struct Wim<R> {
    file: R,
    info: WimInfo,
    images: Vec<ImageInfo>,
    table: BlobTable,
    blob_table: Resource,
    integrity: Option<Resource>,
}

/// In short: the file may be in memory, and nobody wants to see its bytes.
impl<R> fmt::Debug for Wim<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (compression, blobs) = (&self.info.compression, self.table.blobs.len());
        let fields =
            [("file_len", self.info.file_len), ("images", self.images.len() as u64), ("blobs", blobs as u64)];
        let mut debug = f.debug_struct("Wim");
        debug.field("compression", compression);
        fields.iter().for_each(|(name, value)| {
            debug.field(name, value);
        });
        debug.finish_non_exhaustive()
    }
}

impl<R: ReadAt> Wim<R> {
    /// The longest blob that [`Wim::read_blob`] reads into memory.
    pub const MAX_READ_BLOB: u64 = 1 << 30;

    /// Reads header, blob table and XML data. Contents and trees are not read yet.
    ///
    /// # Errors
    /// [`OpenError`] says what is damaged, or why a file of this kind can't be read.
    pub fn open(file: R) -> Result<Self, OpenError> {
        let file_len = file.len().map_err(OpenError::Read)?;
        if file_len < HEADER_SIZE as u64 {
            return Err(HeaderError::TooShort { len: file_len }.into());
        }
        let mut bytes = [0; HEADER_SIZE];
        file.read_exact_at(&mut bytes, 0).map_err(OpenError::Read)?;
        let header = Header::parse(&bytes)?;
        let mut regions = Regions::new(file_len, header.chunk_size);
        if let Some(integrity) = &header.integrity {
            regions.take(Region::IntegrityTable, integrity)?;
        }
        let mut table = |region, resource, limit| {
            regions.take(region, resource)?;
            read_table(&file, &header, region, resource, limit)
        };
        let xml = xml::decode(&table(Region::Xml, &header.xml, MAX_XML)?)?;
        let images = xml::parse(&xml, header.images)?;
        let entries = table(Region::BlobTable, &header.blob_table, MAX_TABLE.min(file_len))?;
        let table = BlobTable::parse(&entries, &header, &mut regions)?;
        regions.finish()?;
        let info = WimInfo {
            version: header.version,
            guid: header.guid,
            compression: header.compression,
            chunk_size: header.chunk_size,
            boot_index: header.boot_index,
            part: header.part,
            parts: header.parts,
            has_integrity: header.integrity.is_some(),
            file_len,
            xml,
        };
        Ok(Self { file, info, images, table, blob_table: header.blob_table, integrity: header.integrity })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &WimInfo {
        &self.info
    }

    /// What the file says about its images, in the order of their numbers.
    pub fn images(&self) -> &[ImageInfo] {
        &self.images
    }

    /// The image that is meant: by number, or by a name that fits to the letter, or by the only
    /// name that fits when case is ignored.
    ///
    /// # Errors
    /// [`SelectError`] when none or several fit.
    pub fn select(&self, selector: &ImageSelector) -> Result<&ImageInfo, SelectError> {
        select::select(&self.images, selector)
    }

    /// All contents of files, in the order in which they lie in the file: the number of a blob is
    /// its place here, and [`nanovhd_tree::BlobId::index`] in trees.
    pub fn blobs(&self) -> &[Blob] {
        &self.table.blobs
    }

    /// SHA-1 of the metadata of an image, which names all that is in the image: every name,
    /// attribute, time and descriptor, and by its own SHA-1 every content.
    pub fn metadata_digest(&self, image: u32) -> Option<Sha1Digest> {
        self.metadata(image).map(|blob| blob.sha1)
    }

    /// The tree of an image; [`Wim::tree_with_notes`] without the notes.
    ///
    /// # Errors
    /// [`MetadataError`] says what is damaged and where.
    pub fn tree(&self, image: u32, source: SourceId) -> Result<Tree, MetadataError> {
        self.tree_with_notes(image, source).map(|(tree, _)| tree)
    }

    /// The tree of an image, counted from 1, and what the tree does not keep of it. Contents are
    /// references to the blobs of this file, which is called `source` in them.
    ///
    /// # Errors
    /// [`MetadataError`] says what is damaged and where.
    pub fn tree_with_notes(&self, image: u32, source: SourceId) -> Result<(Tree, Vec<Note>), MetadataError> {
        let images = self.table.metadata.len();
        let blob = self.metadata(image).ok_or(MetadataError::NoSuchImage { image, images })?;
        let limit = MAX_METADATA.min(self.info.file_len.saturating_mul(MAX_METADATA_RATIO));
        if blob.len > limit {
            return Err(MetadataError::TooLong { image, len: blob.len, limit });
        }
        let read = read_all(&mut Reader::new(&self.file, self.format()), &extent(blob));
        let bytes = read.map_err(|cause| MetadataError::Resource { image, cause })?;
        let found: Sha1Digest = Sha1::digest(&bytes).into();
        if found != blob.sha1 {
            let (expected, found) = (Sha1Hex(blob.sha1), Sha1Hex(found));
            return Err(MetadataError::Digest { image, offset: blob.offset, expected, found });
        }
        metadata::build(image, &bytes, &self.table, source)
    }

    /// The content of one blob, which must not be longer than [`Wim::MAX_READ_BLOB`]. Its SHA-1 is
    /// checked.
    ///
    /// # Errors
    /// [`BlobError`] says what is damaged and where.
    pub fn read_blob(&self, index: u32) -> Result<Vec<u8>, BlobError> {
        let count = self.table.blobs.len();
        let blob = self.table.blobs.get(index as usize).ok_or(BlobError::NoSuchBlob { blob: index, count })?;
        if blob.len > Self::MAX_READ_BLOB {
            return Err(BlobError::TooLong { blob: index, len: blob.len, limit: Self::MAX_READ_BLOB });
        }
        let mut content = Vec::new();
        let mut reader = Reader::new(&self.file, self.format());
        read_verified(&mut reader, (index, blob), 0, |_, bytes| {
            content.extend_from_slice(bytes);
            Ok::<(), BlobError>(())
        })?;
        Ok(content)
    }

    /// Hands the contents of blobs to `sink`, in the order of the file and on several threads. The
    /// numbers have to ascend; those that come twice are read once. Memory stays below about 6 MiB
    /// for each thread, whatever the blobs.
    ///
    /// # Errors
    /// [`StreamError`] says what is damaged and where. Of several damaged blobs it names the first,
    /// with any number of threads. Blobs that were finished before are right.
    pub fn stream(&self, blobs: &[u32], threads: NonZeroUsize, sink: &dyn BlobSink) -> Result<(), StreamError> {
        stream::stream((&self.file, self.format()), &self.table.blobs, blobs, threads, sink)
    }

    /// Checks the file against its integrity table, if it has one. `progress` is told from time to
    /// time how many bytes are done.
    ///
    /// # Errors
    /// [`IntegrityError`] says where the file is damaged.
    pub fn check_integrity(&self, progress: &mut dyn FnMut(u64)) -> Result<Integrity, IntegrityError> {
        match &self.integrity {
            Some(table) => integrity::check(&self.file, table, &self.blob_table, progress),
            None => Ok(Integrity::Absent),
        }
    }

    fn metadata(&self, image: u32) -> Option<&Blob> {
        self.table.metadata.get(usize::try_from(image).ok()?.checked_sub(1)?)
    }

    fn format(&self) -> Format {
        Format { compression: self.info.compression, chunk_size: self.info.chunk_size }
    }
}

/// Reads one of the tables that the header points to, after its place was checked.
fn read_table<R: ReadAt>(
    file: &R,
    header: &Header,
    region: Region,
    resource: &Resource,
    limit: u64,
) -> Result<Vec<u8>, OpenError> {
    let &Resource { offset, stored_len, len, .. } = resource;
    if len > limit {
        return Err(OpenError::TooLong { region, len, limit });
    }
    let format = Format { compression: header.compression, chunk_size: header.chunk_size };
    let extent = Extent { offset, stored_len, len, compressed: resource.is_compressed() };
    read_all(&mut Reader::new(file, format), &extent).map_err(|cause| OpenError::Resource { region, cause })
}

/// A whole resource. Memory is taken as bytes come, not as the resource says.
fn read_all<R: ReadAt>(reader: &mut Reader<'_, R>, extent: &Extent) -> Result<Vec<u8>, ResourceError> {
    let mut content = Vec::new();
    reader.read(extent, 0, |_, bytes| {
        content.extend_from_slice(bytes);
        Ok::<(), ResourceError>(())
    })?;
    Ok(content)
}
