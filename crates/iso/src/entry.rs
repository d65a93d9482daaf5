//! What a directory lists.

use nanovhd_tree::{Filetime, Name};

use crate::{iso9660, udf};

/// A file or a directory, as its directory lists it. Belongs to the [`Iso`](crate::Iso) that it came from.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) name: Name,
    pub(crate) is_dir: bool,
    pub(crate) is_hidden: bool,
    pub(crate) node: Node,
}

/// What leads to the file itself.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Udf(udf::IcbAddress),
    Iso9660(iso9660::Node),
}

impl Entry {
    /// The name, which passes [`Name::check`]; that of the root directory is empty. What could separate names
    /// or mean another directory is replaced by U+FFFD; a version number (`;1`) is left out.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }

    /// Whether a user needn't be shown it.
    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }
}

/// What a file or directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, whose target is not read.
    SymbolicLink,
    /// A device, a pipe or the like.
    Other,
}

/// What the disc says of a file or directory. In UDF it is not in the directory and costs a read of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Its length in bytes; of a directory, that of its list.
    pub len: u64,
    /// When the content was last written, if the disc says it.
    pub modified: Option<Filetime>,
}
