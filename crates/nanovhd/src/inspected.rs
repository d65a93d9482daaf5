//! A summary of whatever a file is.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;

use serde::Serialize;

use crate::media::{Found, recognise};
use crate::{DiskInspection, Input, InputError, Inspection, MediaError, StoreInspection};

/// What a media, a disk image or a store of boot configuration data holds, summed up.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Inspected {
    /// A WIM, a media folder or a disc image.
    Media(Inspection),
    /// A disk image.
    Disk(DiskInspection),
    /// A store of boot configuration data.
    Store(StoreInspection),
}

impl Inspected {
    /// Sums up a file, which says by its bytes what it is, or a media folder.
    ///
    /// # Errors
    /// [`InputError`] says what stands against it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, InputError> {
        let path = path.as_ref();
        let io = |source| MediaError::Io { path: path.to_owned(), source };
        if fs::metadata(path).is_ok_and(|found| !found.is_dir())
            && let Found::Hive = recognise(&File::open(path).map_err(io)?).map_err(io)?
        {
            let store = StoreInspection::open(path);
            return store
                .map(Self::Store)
                .map_err(|e| InputError::Store { path: path.to_owned(), source: Box::new(e) });
        }
        Ok(match Input::open(path)? {
            Input::Media(media) => Self::Media(Inspection::of(&media)),
            Input::Disk(disk) => Self::Disk(DiskInspection::of(&disk)),
        })
    }

    /// Whether something of it can't be read.
    pub fn is_damaged(&self) -> bool {
        match self {
            Self::Media(inspection) => inspection.is_damaged(),
            Self::Disk(inspection) => inspection.is_damaged(),
            Self::Store(inspection) => inspection.is_damaged(),
        }
    }
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(inspection) => inspection.fmt(f),
            Self::Disk(inspection) => inspection.fmt(f),
            Self::Store(inspection) => inspection.fmt(f),
        }
    }
}
