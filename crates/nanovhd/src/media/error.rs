//! What stands against opening media.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use nanovhd_iso::IsoError;
use nanovhd_wim::OpenError;
use thiserror::Error;

use super::looked_for;
use crate::packages;

/// Why media can't be opened, or don't have what is asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The operating system can't read it.
    #[error("can't read the media `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The disc image, or something in it, is damaged or of a kind that can't be read.
    #[error("can't read the disc image `{}`", path.display())]
    Disc {
        /// The image; with the file or folder in it that can't be read, if it is not the image as a whole.
        path: PathBuf,
        /// What is wrong.
        source: Box<IsoError>,
    },
    /// There is no WIM where media have one.
    #[error("{kind} `{}` holds no Windows image; looked for {}", path.display(), looked_for())]
    NothingFound {
        /// The folder or disc image.
        path: PathBuf,
        /// Which of them it is.
        kind: MediaKind,
    },
    /// A file was named that the disc image has not.
    #[error("the disc image `{}` has no `{place}`", disc.display())]
    NotOnDisc {
        /// The image.
        disc: PathBuf,
        /// The path that was looked up in it.
        place: String,
    },
    /// The file is something else than a WIM.
    #[error("`{}` is {found}, not a Windows image (WIM)", path.display())]
    NotAWim {
        /// The file.
        path: PathBuf,
        /// What its first bytes say it is.
        found: &'static str,
    },
    /// The WIM can't be opened.
    #[error("can't open `{}`", path.display())]
    Wim {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: OpenError,
    },
    /// There is no folder of packages where media have one.
    #[error("{kind} `{}` holds no packages; looked for {}", path.display(), packages::looked_for())]
    NoPackages {
        /// The folder or disc image.
        path: PathBuf,
        /// Which of them it is.
        kind: MediaKind,
    },
    /// The folder for packages has none.
    #[error("there are no cabinets (.cab) in `{}`, nor in its folders for languages", folder.display())]
    NoCabinets {
        /// The folder.
        folder: PathBuf,
    },
}

/// Of what kind media are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// A folder of this machine.
    Folder,
    /// An optical disc image.
    Disc,
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "the folder",
            Self::Disc => "the disc image",
        })
    }
}

impl MediaError {
    /// The operating system's report about a file or folder.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// What is wrong with a file or folder of a disc image.
    pub(crate) fn disc(path: &Path) -> impl FnOnce(IsoError) -> Self {
        let path = path.to_owned();
        move |source| Self::Disc { path, source: Box::new(source) }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NothingFound { .. } => {
                "give a .wim file, or the ISO image or folder of the Windows Server 2016 media"
            }
            Self::NotAWim { .. } => "give a .wim file, an ISO image or a media folder",
            Self::NoPackages { .. } | Self::NoCabinets { .. } => {
                "packages are on the Windows Server 2016 media, in NanoServer/Packages: give its ISO image or folder"
            }
            Self::Disc { source, .. } if matches!(**source, IsoError::PastEnd { .. } | IsoError::NoAnchor) => {
                "compare the image's length and checksum with those where it comes from: the download may have broken off"
            }
            Self::NotOnDisc { disc, .. } => {
                return Some(format!("give the image alone, `{}`, to have its Windows image found", disc.display()));
            }
            Self::Io { .. } | Self::Disc { .. } | Self::Wim { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
