//! What an image says that a tree does not keep, or that had to be settled.

use std::fmt;

/// What was found, how often, and where first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// What was found.
    pub kind: NoteKind,
    /// How many entries it concerns.
    pub count: u64,
    /// The path of the first of them.
    pub first: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} in {} entries, first {}", self.kind.treatment(), self.kind.matter(), self.count, self.first)
    }
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoteKind {
    /// Names with one hard link group have different data. Images of Windows 7 have them; they are
    /// different files, as Windows takes them.
    LinksWithOtherData,
    /// Names with one hard link group have different attributes, times, descriptors or named
    /// streams. The first name counts, as Windows takes it.
    LinksWithOtherMetadata,
    /// Directories have a hard link group with other entries, which NTFS can't have.
    LinkedDirectory,
    /// Extended attributes that are no list of names and values.
    MalformedExtendedAttributes,
    /// Extended attributes of a Linux file, in a form that wimlib gave up.
    LinuxExtendedAttributes,
    /// Owner, group and mode of a Unix file.
    UnixData,
    /// Tagged items of an unknown kind.
    UnknownItem,
    /// The room behind the names is not what tagged items look like.
    MalformedItems,
    /// An object id of fewer than 16 bytes.
    ShortObjectId,
    /// Data without a name on a directory.
    DirectoryData,
    /// Entries below something that is not a directory.
    EntriesUnderFile,
    /// The root directory has a name.
    RootName,
}

impl NoteKind {
    fn treatment(self) -> &'static str {
        match self {
            Self::LinksWithOtherData => "taken as different files",
            Self::LinksWithOtherMetadata => "taken from the first name",
            Self::LinkedDirectory => "taken as different directories",
            _ => "left out",
        }
    }

    fn matter(self) -> &'static str {
        match self {
            Self::LinksWithOtherData => "hard links that have different data",
            Self::LinksWithOtherMetadata => "hard links that have different metadata",
            Self::LinkedDirectory => "hard links of directories",
            Self::MalformedExtendedAttributes => "damaged extended attributes",
            Self::LinuxExtendedAttributes => "extended attributes of Linux in an old form",
            Self::UnixData => "Unix owners and modes",
            Self::UnknownItem => "tagged items of an unknown kind",
            Self::MalformedItems => "bytes behind the names that are no tagged items",
            Self::ShortObjectId => "object ids of fewer than 16 bytes",
            Self::DirectoryData => "data of directories",
            Self::EntriesUnderFile => "entries below files",
            Self::RootName => "a name of the root directory",
        }
    }
}

/// Collects notes; one for each kind, however many entries there are.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, kind: NoteKind, path: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|note| note.kind == kind) {
            Some(note) => note.count += 1,
            None => self.0.push(Note { kind, count: 1, first: path() }),
        }
    }

    /// In the order of the kinds.
    pub(super) fn finish(mut self) -> Vec<Note> {
        self.0.sort_by_key(|note| note.kind);
        self.0
    }
}
