//! Why an image can't be customized.

use std::io;
use std::path::PathBuf;

use nanovhd_hive::{EditError, WriteError};
use nanovhd_tree::{TreeError, visible};
use nanovhd_wim::BlobError;
use thiserror::Error;

/// Why an image can't be customized.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CustomizeError {
    /// A setting has a value that can't be.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting by its name in a recipe.
        setting: &'static str,
        /// What is wrong with it, without any secret.
        problem: String,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// A file of this machine can't be read.
    #[error("{setting}: can't read `{}`", path.display())]
    Host {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// A file of the image is longer than such a file can be.
    #[error("{} has {len} bytes, and at most {most} would be read", visible(path))]
    TooLong {
        /// The path in the image.
        path: String,
        /// Its length in bytes.
        len: u64,
        /// The most.
        most: u64,
    },
    /// A file of the image can't be read.
    #[error("can't read {}", visible(path))]
    Read {
        /// The path in the image.
        path: String,
        /// What is wrong, and where in the WIM.
        source: Box<BlobError>,
    },
    /// A file of the image is encrypted.
    #[error("{} is encrypted, and its bytes mean nothing without the key", visible(path))]
    Encrypted {
        /// The path in the image.
        path: String,
    },
    /// Something that can't be replaced is where a file goes.
    #[error("the image has {what} at {}, where a file of the customization goes", visible(path))]
    InTheWay {
        /// The path in the image.
        path: String,
        /// What is there.
        what: &'static str,
    },
    /// A file can't be added.
    #[error("can't add {} to the image", visible(path))]
    Tree {
        /// The path.
        path: String,
        /// Why.
        source: TreeError,
    },
    /// A registry hive can't be changed.
    #[error("can't change {key} in the hive {hive}")]
    HiveEdit {
        /// The path of the hive's file in the image.
        hive: &'static str,
        /// The path of the key.
        key: String,
        /// Why.
        source: EditError,
    },
    /// A changed registry hive can't be written.
    #[error("can't write the hive {hive}")]
    HiveWrite {
        /// The path of the hive's file in the image.
        hive: &'static str,
        /// Why.
        source: WriteError,
    },
}

impl CustomizeError {
    /// A setting with a value that can't be.
    pub(crate) fn setting(setting: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Setting { setting, problem: problem.into(), hint: Some(hint.into()) }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Setting { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}
