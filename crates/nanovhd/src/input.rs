//! What files are looked into: media with a WIM, or disk images. The bytes say which.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nanovhd_wim::ImageSelector;
use thiserror::Error;

use crate::media::{Found, recognise};
use crate::{DiskError, DiskImage, Media, MediaError, Selection, StoreError, Volume, VolumeError};

/// A file or folder that holds volumes.
#[derive(Debug)]
pub enum Input {
    /// A WIM, a media folder or a disc image: its volumes are images of the WIM.
    Media(Box<Media>),
    /// A disk image: its volumes are in partitions.
    Disk(Box<DiskImage>),
}

/// Why it can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// It can't be read, or is nothing that holds volumes.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It is a damaged disk image.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is a registry hive, but no store of boot configuration data that can be read.
    #[error("can't show `{}`", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<StoreError>,
    },
}

impl InputError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Media(MediaError::NotAWim { .. }) => {
                Some("give a .wim file, an ISO image, a media folder, or a disk image (VHDX, VHD or raw)".to_owned())
            }
            Self::Media(e) => e.hint(),
            Self::Disk(_) | Self::Store { .. } => None,
        }
    }
}

impl Input {
    /// Opens a WIM, a media folder, a disc image or a disk image.
    ///
    /// # Errors
    /// [`InputError`] says what stands against it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, InputError> {
        let path = path.as_ref();
        let io = |source| MediaError::Io { path: path.to_owned(), source };
        // What is no file of this machine may still be one of a disc image, and if not, `Media` says so.
        if fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
            let file = File::open(path).map_err(io)?;
            if let Found::Disk(_) = recognise(&file).map_err(io)? {
                return Ok(Self::Disk(Box::new(DiskImage::open(path, file)?)));
            }
        }
        Ok(Self::Media(Box::new(Media::open(path)?)))
    }

    /// One of the volumes; without a choice the only image, or the Windows partition.
    ///
    /// # Errors
    /// [`VolumeError`]: it is not there, or damaged.
    pub fn volume(&self, part: Option<&ImageSelector>) -> Result<Volume<'_>, VolumeError> {
        match self {
            Self::Media(media) => {
                let selection = part.cloned().map_or(Selection::Only, Selection::Image);
                media.volume(media.choose(&selection)?.image.index)
            }
            Self::Disk(disk) => disk.volume(part),
        }
    }
}
