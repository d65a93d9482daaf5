//! A volume: a tree of files whose contents can be read, wherever they lie.
//!
//! ```text
//!   image of a WIM ────────┐
//!   NTFS in a disk image ──┼─► Volume ─► list, cat, extract, verify
//!   FAT in a disk image ───┘    tree(), stream()
//! ```
//!
//! Contents are read by number, in the order in which they lie in their container: that is the one
//! way that suits compressed images and disks alike, and it keeps memory bounded.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use nanovhd_disk::{FatFiles, FatOpenError, FatReadError, FatVolume};
use nanovhd_ntfs::{Ntfs, Snapshot};
use nanovhd_tree::{FileId, Tree};
use nanovhd_wim::{BlobSink, MetadataError, Note, StreamError, Wim};
use thiserror::Error;

use crate::disk_image::{PartitionList, Window};
use crate::media::WIM;
use crate::pool;
use crate::{Media, MediaFile, SelectionError, VolumeFacts};

/// Where a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file that holds it.
    pub path: PathBuf,
    /// The number of the image, if the file is a WIM.
    pub image: Option<u32>,
    /// The number of the partition, if the file is a disk with partitions.
    pub partition: Option<u32>,
}

/// Which part of the file it is: `image 2`, `partition 3`, `the volume`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.image, self.partition) {
            (Some(image), _) => write!(f, "image {image}"),
            (None, Some(partition)) => write!(f, "partition {partition}"),
            (None, None) => f.write_str("the volume"),
        }
    }
}

/// A tree of files that can be read.
pub struct Volume<'s> {
    origin: Origin,
    tree: Tree,
    notes: Vec<Note>,
    contents: Contents<'s>,
    /// The MFT record of each file, if the volume is NTFS.
    records: Vec<u64>,
}

/// What the numbers of contents refer to.
pub(crate) enum Contents<'s> {
    Wim(&'s Wim<MediaFile>),
    Ntfs(Box<Ntfs<Window<'s>>>, nanovhd_ntfs::Streams),
    Fat(Box<FatVolume<Window<'s>>>, FatFiles),
}

impl fmt::Debug for Volume<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Volume({} of {})", self.origin, self.origin.path.display())
    }
}

/// Why there is no such volume.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The image's metadata can't be read.
    #[error("can't read the metadata of image {image} in `{}`", wim.display())]
    Metadata {
        /// The WIM.
        wim: PathBuf,
        /// The image's number.
        image: u32,
        /// What is wrong.
        source: Box<MetadataError>,
    },
    /// It is not clear which image is meant.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The disk has no such partition.
    #[error("`{}` has no partition {asked}{}", disk.display(), there_are(partitions))]
    NoPartition {
        /// The disk image.
        disk: PathBuf,
        /// What was asked for.
        asked: String,
        /// What there is.
        partitions: PartitionList,
    },
    /// The partition holds nothing that is known.
    #[error("{origin} of `{}` holds neither NTFS nor FAT", origin.path.display())]
    NoFileSystem {
        /// The partition.
        origin: Box<Origin>,
    },
    /// The NTFS volume can't be opened.
    #[error("can't open {origin} of `{}`", origin.path.display())]
    Ntfs {
        /// Where it is.
        origin: Box<Origin>,
        /// What is wrong.
        source: Box<nanovhd_ntfs::OpenError>,
    },
    /// The files of the NTFS volume can't be read.
    #[error("can't read the files of {origin} of `{}`", origin.path.display())]
    NtfsFiles {
        /// Where it is.
        origin: Box<Origin>,
        /// What is wrong.
        source: Box<nanovhd_ntfs::ReadError>,
    },
    /// The FAT volume can't be opened.
    #[error("can't open {origin} of `{}`", origin.path.display())]
    Fat {
        /// Where it is.
        origin: Box<Origin>,
        /// What is wrong.
        source: Box<FatOpenError>,
    },
    /// The files of the FAT volume can't be read.
    #[error("can't read the files of {origin} of `{}`", origin.path.display())]
    FatFiles {
        /// Where it is.
        origin: Box<Origin>,
        /// What is wrong.
        source: Box<FatReadError>,
    },
}

fn there_are(partitions: &PartitionList) -> String {
    if partitions.0.is_empty() { ": it is one volume".to_owned() } else { format!("; there are {partitions}") }
}

impl VolumeError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Selection(e) => e.hint(),
            Self::NoPartition { disk, partitions, .. } => {
                let number = partitions.0.first().map(|(number, _)| format!(":{number}")).unwrap_or_default();
                Some(format!("say which one is meant: {}{number}", disk.display()))
            }
            _ => None,
        }
    }
}

/// Why a content can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContentError {
    /// It is damaged in the WIM, or the WIM can't be read.
    #[error(transparent)]
    Wim(Box<StreamError>),
    /// It is damaged on the NTFS volume, or the disk image can't be read.
    #[error(transparent)]
    Ntfs(Box<nanovhd_ntfs::ReadError>),
    /// It is damaged on the FAT volume, or the disk image can't be read.
    #[error(transparent)]
    Fat(Box<FatReadError>),
}

/// Takes the bytes of contents.
pub(crate) trait Receiver: BlobSink {
    /// A content can't be had. An error ends the streaming.
    fn failed(&self, index: u32, error: ContentError) -> Result<(), ContentError> {
        let _ = index;
        Err(error)
    }
}

/// Why streaming ended early.
#[derive(Debug)]
pub(crate) enum StreamFailure {
    /// The receiver can't go on.
    Receiver(io::Error),
    /// A content, or all of them where there is no number, can't be had.
    Content { index: Option<u32>, error: ContentError },
}

impl Media {
    /// An image as a volume; its metadata are read.
    ///
    /// # Errors
    /// [`VolumeError::Metadata`] when they are damaged.
    pub fn volume(&self, image: u32) -> Result<Volume<'_>, VolumeError> {
        let wim = self.wim_path().to_owned();
        let (tree, notes) = self.wim().tree_with_notes(image, WIM).map_err(|e| VolumeError::Metadata {
            wim: wim.clone(),
            image,
            source: Box::new(e),
        })?;
        let origin = Origin { path: wim, image: Some(image), partition: None };
        Ok(Volume { notes, ..Volume::new(origin, tree, Contents::Wim(self.wim())) })
    }
}

impl<'s> Volume<'s> {
    pub(crate) fn new(origin: Origin, tree: Tree, contents: Contents<'s>) -> Self {
        Self { origin, tree, notes: Vec::new(), contents, records: Vec::new() }
    }

    pub(crate) fn from_ntfs(origin: Origin, ntfs: Ntfs<Window<'s>>, snapshot: Snapshot) -> Self {
        let mut records = vec![0; snapshot.tree.file_count()];
        for (id, _) in snapshot.tree.files() {
            records[id.index()] = snapshot.record(id);
        }
        let contents = Contents::Ntfs(Box::new(ntfs), snapshot.streams);
        Self { records, ..Self::new(origin, snapshot.tree, contents) }
    }
}

impl Volume<'_> {
    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The file that holds it.
    pub fn path(&self) -> &Path {
        &self.origin.path
    }

    /// Its files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The MFT record of a file, if the volume is NTFS.
    pub fn record(&self, file: FileId) -> Option<u64> {
        self.records.get(file.index()).copied()
    }

    /// Where an MFT record lies on the volume, if it is NTFS.
    pub(crate) fn record_offset(&self, record: u64) -> Option<u64> {
        match &self.contents {
            Contents::Ntfs(ntfs, _) => Some(ntfs.record_offset(record)),
            _ => None,
        }
    }

    /// What the volume says of itself; nothing for an image of a WIM.
    pub fn facts(&self) -> Option<VolumeFacts> {
        match &self.contents {
            Contents::Wim(_) => None,
            Contents::Ntfs(ntfs, _) => Some(VolumeFacts::of_ntfs(ntfs.info())),
            Contents::Fat(fat, _) => Some(VolumeFacts::of_fat(fat)),
        }
    }

    /// Bytes of a cluster, if the volume is NTFS.
    pub(crate) fn ntfs_cluster_size(&self) -> Option<u32> {
        match &self.contents {
            Contents::Ntfs(ntfs, _) => Some(ntfs.info().cluster_size),
            _ => None,
        }
    }

    /// What an image of a WIM says and the tree does not keep.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The length that a content may claim: on a disk there are none longer than their volume. A WIM's
    /// are checked when it is opened.
    pub(crate) fn longest_content(&self) -> u64 {
        match &self.contents {
            Contents::Wim(_) => u64::MAX,
            Contents::Ntfs(ntfs, _) => ntfs.info().size,
            Contents::Fat(fat, _) => fat.size(),
        }
    }

    /// Hands contents to `receiver`, those at the front of the container first, on several threads.
    /// The numbers have to ascend.
    pub(crate) fn stream(
        &self,
        contents: &[u32],
        threads: NonZeroUsize,
        receiver: &dyn Receiver,
    ) -> Result<(), StreamFailure> {
        match &self.contents {
            Contents::Wim(wim) => wim.stream(contents, threads, receiver).map_err(|e| match e {
                StreamError::Sink { source, .. } => StreamFailure::Receiver(source),
                e => StreamFailure::Content { index: e.blob(), error: ContentError::Wim(Box::new(e)) },
            }),
            Contents::Ntfs(ntfs, streams) => {
                let read = |index, offset, buf: &mut [u8]| {
                    ntfs.read_stream(streams, index, offset, buf).map_err(|e| ContentError::Ntfs(Box::new(e)))
                };
                pool::stream(&read, contents, threads, receiver)
            }
            Contents::Fat(fat, files) => {
                let read = |index, offset, buf: &mut [u8]| {
                    fat.read(files, index, offset, buf).map_err(|e| ContentError::Fat(Box::new(e)))
                };
                pool::stream(&read, contents, threads, receiver)
            }
        }
    }
}
