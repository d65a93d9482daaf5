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
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use nanovhd_tree::Tree;
use nanovhd_wim::{BlobSink, MetadataError, Note, StreamError, Wim};
use thiserror::Error;

use crate::Media;
use crate::media::WIM;

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
}

/// What the numbers of contents refer to.
enum Contents<'s> {
    Wim(&'s Wim<File>),
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
}

/// Why a content can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContentError {
    /// It is damaged in the WIM, or the WIM can't be read.
    #[error(transparent)]
    Wim(Box<StreamError>),
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
        Ok(Volume { origin, tree, notes, contents: Contents::Wim(self.wim()) })
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

    /// What the image says and the tree does not keep.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The length that a content may claim: on a disk there are none longer than their volume. A WIM's
    /// are checked when it is opened.
    pub(crate) fn longest_content(&self) -> u64 {
        match &self.contents {
            Contents::Wim(_) => u64::MAX,
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
        }
    }
}
