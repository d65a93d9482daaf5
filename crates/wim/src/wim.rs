//! An open file: the parts put together.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use nanovhd_tree::{ReadAt, SourceId, Tree};
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::blob_table::{self, Blob, BlobTable, BlobTableError, MAX_TABLE, Sha1Hex, Table};
use crate::format::{HEADER_SIZE, Sha1Digest};
use crate::header::{Compression, Header, HeaderError};
use crate::integrity::{self, Integrity, IntegrityError};
use crate::metadata::{self, MAX_METADATA, MAX_METADATA_RATIO, MetadataError, Note};
use crate::parts::{self, InFile, Parts, SetError};
use crate::reader::{Extent, Format, Reader, ResourceError};
use crate::resource::{Region, RegionError, Regions, Resource};
use crate::select::{self, ImageSelector, SelectError};
use crate::solid::{self, SolidResource};
use crate::solid_chunks::LastChunk;
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
    /// How many bytes of content a chunk has; 0 without compression. [Solid
    /// resources](Wim::solid_resources) have both for themselves.
    pub chunk_size: u32,
    /// The image to boot from, counted from 1.
    pub boot_index: Option<u32>,
    /// Which part of a split set this is, from 1; always the first, since all are open.
    pub part: u16,
    /// How many parts there are.
    pub parts: u16,
    /// Whether there is an integrity table, in a split set at least one.
    pub has_integrity: bool,
    /// How many bytes the file has, in a split set all parts together.
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
    Read(#[source] io::Error),
    /// The files are not the parts of one split set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A part of a split set can't be opened.
    #[error("can't open part {part} of the split WIM")]
    Part {
        /// The part, from 1.
        part: u16,
        /// What is wrong with it.
        source: Box<OpenError>,
    },
}

impl From<BlobTableError> for OpenError {
    fn from(error: BlobTableError) -> Self {
        match error {
            BlobTableError::Region(error) => Self::Region(error),
            error => Self::BlobTable(error),
        }
    }
}

/// A WIM file or a split set of them, open for reading. See the [crate].
pub struct Wim<R> {
    parts: Parts<R>,
    info: WimInfo,
    images: Vec<ImageInfo>,
    table: BlobTable,
    checked: Vec<Checked>,
    /// Of a solid resource, for [`Wim::read_blob`].
    last_chunk: Mutex<LastChunk>,
}

/// What the integrity table of a part covers, and where it is.
#[derive(Debug, Clone, Copy)]
struct Checked {
    part: u16,
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
    /// [`OpenError`] says what is damaged, or why a file of this kind can't be read. A part of a
    /// split set can't be read alone; see [`Wim::open_parts`] and [`Wim::open_with_siblings`].
    pub fn open(file: R) -> Result<Self, OpenError> {
        let header = read_header(&file)?;
        let Header { part, parts, .. } = header;
        if parts != 1 {
            return Err(HeaderError::Split { part, parts }.into());
        }
        Self::assemble(vec![(file, header)])
    }

    /// Opens all the parts of a split set, given in any order, as one. A single file that is whole
    /// will do too.
    ///
    /// # Errors
    /// [`OpenError::Set`] when parts are missing, come twice or are of different sets;
    /// [`OpenError::Part`] when one of them is damaged.
    pub fn open_parts(files: Vec<R>) -> Result<Self, OpenError> {
        let with_header = |file| {
            let header = read_header(&file)?;
            Ok::<_, OpenError>((file, header))
        };
        let files = files.into_iter().map(with_header).collect::<Result<Vec<_>, _>>()?;
        Self::assemble(parts::sorted(files)?)
    }

    /// Opens a file, and if it is a part of a split set, the other parts as well: `open` is asked for
    /// files by their names, which follow from that of the first file as [`part_name`] says.
    ///
    /// ```no_run
    /// use std::fs::File;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let folder = std::path::Path::new("sources");
    /// let file = File::open(folder.join("install2.swm"))?;
    /// let wim = nanovhd_wim::Wim::open_with_siblings(file, "install2.swm", |name| File::open(folder.join(name)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Wim::open_parts`]; [`SetError::Missing`] with the name when `open` reports
    /// [`NotFound`](io::ErrorKind::NotFound).
    ///
    /// [`part_name`]: crate::part_name
    pub fn open_with_siblings(
        file: R,
        name: &str,
        mut open: impl FnMut(&str) -> io::Result<R>,
    ) -> Result<Self, OpenError> {
        let header = read_header(&file)?;
        let Header { part, parts, .. } = header;
        let mut files = vec![(file, header)];
        for other in (1..=parts).filter(|&other| other != part) {
            let Some(sibling) = parts::part_name(name, part, other) else {
                return Err(SetError::Name { name: name.to_owned(), part, parts }.into());
            };
            match open(&sibling) {
                Ok(file) => {
                    let header = read_header(&file).map_err(|error| error.of_part(other))?;
                    files.push((file, header));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(SetError::Missing { part: other, parts, name: Some(sibling) }.into());
                }
                Err(source) => return Err(SetError::Open { part: other, name: sibling, source }.into()),
            }
        }
        Self::assemble(parts::sorted(files)?)
    }

    /// Puts the parts together, which are all there and in order.
    fn assemble(files: Vec<(R, Header)>) -> Result<Self, OpenError> {
        let count = files.len();
        let wrap = |part: u16| move |error: OpenError| if count == 1 { error } else { error.of_part(part) };
        let mut blobs = blob_table::Builder::default();
        let (mut first, mut checked, mut file_len, mut parts) = (None, Vec::new(), 0u64, Vec::new());
        for (file, header) in files {
            let format = Format { compression: header.compression, chunk_size: header.chunk_size };
            let part = Parts::new(vec![(file, format)]);
            let opened = open_part(&part, &header, &mut blobs).map_err(wrap(header.part))?;
            let Header { part: number, blob_table, integrity, .. } = header;
            checked.push(Checked { part: number, blob_table, integrity });
            file_len = file_len.saturating_add(opened.file_len);
            first.get_or_insert((header, opened.xml, opened.images));
            parts.extend(part.into_files());
        }
        let (header, xml, images) = first.ok_or(SetError::Empty)?;
        let table = blobs.finish(header.images).map_err(OpenError::from).map_err(wrap(1))?;
        let info = WimInfo {
            version: header.version,
            guid: header.guid,
            compression: header.compression,
            chunk_size: header.chunk_size,
            boot_index: header.boot_index,
            part: header.part,
            parts: header.parts,
            has_integrity: checked.iter().any(|part| part.integrity.is_some()),
            file_len,
            xml,
        };
        Ok(Self { parts: Parts::new(parts), info, images, table, checked, last_chunk: Mutex::default() })
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

    /// The solid resources, in the order of the blob table: [`Blob::solid`] says which blobs are in
    /// them.
    pub fn solid_resources(&self) -> &[SolidResource] {
        &self.table.solid
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
        let bytes = self.content(blob).map_err(|cause| MetadataError::Resource { image, cause })?;
        let found: Sha1Digest = Sha1::digest(&bytes).into();
        if found != blob.sha1 {
            let (expected, found) = (Sha1Hex(blob.sha1), Sha1Hex(found));
            return Err(MetadataError::Digest { image, offset: blob.offset, expected, found });
        }
        metadata::build(image, &bytes, &self.table, source)
    }

    /// What streaming works on.
    #[cfg(test)]
    pub(crate) fn parts_and_table(&self) -> (&Parts<R>, &BlobTable) {
        (&self.parts, &self.table)
    }

    /// The content of one blob, which must not be longer than [`Wim::MAX_READ_BLOB`]. Its SHA-1 is
    /// checked.
    ///
    /// Of a solid resource only the chunks that it lies in are decoded, and the last one, of up to 64
    /// MiB, is kept for the next blob until [`Wim::stream`] is called.
    ///
    /// # Errors
    /// [`BlobError`] says what is damaged and where.
    pub fn read_blob(&self, index: u32) -> Result<Vec<u8>, BlobError> {
        let count = self.table.blobs.len();
        let blob = self.table.blobs.get(index as usize).ok_or(BlobError::NoSuchBlob { blob: index, count })?;
        if blob.len > Self::MAX_READ_BLOB {
            return Err(BlobError::TooLong { blob: index, len: blob.len, limit: Self::MAX_READ_BLOB });
        }
        if blob.solid.is_some() {
            let content = self.content(blob).map_err(|cause| BlobError::new(index, blob, cause))?;
            BlobError::check((index, blob), Sha1::new_with_prefix(&content), self.parts.name(blob.part))?;
            return Ok(content);
        }
        let mut content = Vec::new();
        read_verified(&mut Reader::new(&self.parts), (index, blob), 0, |_, bytes| {
            content.extend_from_slice(bytes);
            Ok::<(), BlobError>(())
        })?;
        Ok(content)
    }

    /// Hands the contents of blobs to `sink`, in the order of the file and on several threads. The
    /// numbers have to ascend; those that come twice are read once.
    ///
    /// Memory stays below about 6 MiB for each thread, whatever the blobs. Solid resources add their
    /// chunks that are being decoded, up to 192 MiB (three of the longest), and what these have in the
    /// file. Blobs that are not solid never have such chunks, except in files that nobody but wimlib
    /// makes; for those there are fewer threads, with the same bound.
    ///
    /// # Errors
    /// [`StreamError`] says what is damaged and where. Of several damaged blobs it names the first,
    /// with any number of threads. Blobs that were finished before are right.
    pub fn stream(&self, blobs: &[u32], threads: NonZeroUsize, sink: &dyn BlobSink) -> Result<(), StreamError> {
        *self.last_chunk.lock().unwrap_or_else(PoisonError::into_inner) = LastChunk::default();
        stream::stream(&self.parts, &self.table, blobs, threads, sink)
    }

    /// Checks the file against its integrity table, if it has one, and so each part of a split set.
    /// `progress` is told from time to time how many bytes are done.
    ///
    /// # Errors
    /// [`IntegrityError`] says where the file is damaged.
    pub fn check_integrity(&self, progress: &mut dyn FnMut(u64)) -> Result<Integrity, IntegrityError> {
        let mut total = Integrity::Absent;
        for Checked { part, blob_table, integrity } in &self.checked {
            let (Some(table), (file, _)) = (integrity, self.parts.get(*part)) else { continue };
            let (bytes, chunks) = total.counts();
            let found = integrity::check(file, table, blob_table, &mut |done| progress(bytes + done));
            let found = found.map_err(|error| match self.parts.name(*part) {
                InFile { part: None } => error,
                InFile { part: Some(part) } => IntegrityError::Part { part, source: Box::new(error) },
            })?;
            let (more_bytes, more_chunks) = found.counts();
            total = Integrity::Intact { bytes: bytes + more_bytes, chunks: chunks.saturating_add(more_chunks) };
        }
        Ok(total)
    }

    fn metadata(&self, image: u32) -> Option<&Blob> {
        self.table.metadata.get(usize::try_from(image).ok()?.checked_sub(1)?)
    }

    /// The content of a blob, unchecked. Memory is taken as bytes come, not as the table says.
    fn content(&self, blob: &Blob) -> Result<Vec<u8>, ResourceError> {
        let Some(place) = blob.solid else { return read_all(&mut Reader::new(&self.parts), &extent(blob)) };
        let resource = &self.table.solid[place.resource as usize];
        let mut content = Vec::new();
        let mut last_chunk = self.last_chunk.lock().unwrap_or_else(PoisonError::into_inner);
        last_chunk.read(&self.parts, resource, (place, blob.len), |bytes| content.extend_from_slice(bytes))?;
        Ok(content)
    }
}

impl OpenError {
    fn of_part(self, part: u16) -> Self {
        Self::Part { part, source: Box::new(self) }
    }
}

fn read_header<R: ReadAt>(file: &R) -> Result<Header, OpenError> {
    let len = file.len().map_err(OpenError::Read)?;
    if len < HEADER_SIZE as u64 {
        return Err(HeaderError::TooShort { len }.into());
    }
    let mut bytes = [0; HEADER_SIZE];
    file.read_exact_at(&mut bytes, 0).map_err(OpenError::Read)?;
    Ok(Header::parse(&bytes)?)
}

/// What a part has besides blobs.
struct Opened {
    xml: String,
    images: Vec<ImageInfo>,
    file_len: u64,
}

/// Reads the tables of a part, which is alone in `part`, and adds its blobs to `blobs`.
fn open_part<R: ReadAt>(
    part: &Parts<R>,
    header: &Header,
    blobs: &mut blob_table::Builder,
) -> Result<Opened, OpenError> {
    let (file, _) = part.get(1);
    let file_len = file.len().map_err(OpenError::Read)?;
    let mut regions = Regions::new(file_len, header.chunk_size);
    if let Some(integrity) = &header.integrity {
        regions.take(Region::IntegrityTable, integrity)?;
    }
    let mut table = |region, resource, limit| {
        regions.take(region, resource)?;
        read_table(part, region, resource, limit)
    };
    let xml = xml::decode(&table(Region::Xml, &header.xml, MAX_XML)?)?;
    // The other parts repeat what the first one says.
    let images = if header.part == 1 { xml::parse(&xml, header.images)? } else { Vec::new() };
    let entries = table(Region::BlobTable, &header.blob_table, MAX_TABLE.min(file_len))?;
    let table = Table::new(&entries, header)?;
    let solid = read_solid_headers(file, header.part, &table.solid_resources(&mut regions)?)?;
    blobs.add(table, &solid, &mut regions)?;
    regions.finish()?;
    Ok(Opened { xml, images, file_len })
}

/// Reads what solid resources say of themselves, after their places were checked.
fn read_solid_headers<R: ReadAt>(
    file: &R,
    part: u16,
    resources: &[(usize, Resource)],
) -> Result<Vec<SolidResource>, OpenError> {
    let read = |&(entry, ref resource): &(usize, Resource)| {
        let mut header = [0; solid::HEADER];
        let offset = resource.offset;
        file.read_exact_at(&mut header, offset).map_err(|source| {
            let cause = ResourceError::Read { file: InFile { part: None }, offset, source };
            OpenError::Resource { region: Region::BlobEntry(entry), cause }
        })?;
        let solid = SolidResource::new(part, resource, &header);
        solid.map_err(|cause| BlobTableError::Solid { entry, cause }.into())
    };
    resources.iter().map(read).collect()
}

/// Reads one of the tables that the header points to, after its place was checked.
fn read_table<R: ReadAt>(
    part: &Parts<R>,
    region: Region,
    resource: &Resource,
    limit: u64,
) -> Result<Vec<u8>, OpenError> {
    let &Resource { offset, stored_len, len, .. } = resource;
    if len > limit {
        return Err(OpenError::TooLong { region, len, limit });
    }
    let extent = Extent { part: 1, offset, stored_len, len, compressed: resource.is_compressed() };
    read_all(&mut Reader::new(part), &extent).map_err(|cause| OpenError::Resource { region, cause })
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
