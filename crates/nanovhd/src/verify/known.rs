//! Differences from the image that are known and no faults, each with its reason.
//!
//! Each follows from a law of NTFS or from what a WIM doesn't say, and it is looked at for every
//! file whether that law explains the difference that there is.

use nanovhd_ntfs::LossKind;
use nanovhd_tree::visible;
use serde::Serialize;

use crate::text::grouped;

/// A kind of difference that is no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KnownKind {
    /// The mark "compressed", where the clusters are too large for it.
    Compressed,
    /// The mark "sparse" of a directory.
    SparseDirectory,
    /// The mark "encrypt what is made in it" of a directory.
    EncryptedDirectory,
    /// Attributes that only ReFS knows.
    RefsAttribute,
    /// Attributes that are no file's own.
    SystemAttribute,
    /// An 8.3 name.
    ShortName,
    /// There is a security descriptor where the image has none.
    NoDescriptor,
    /// The time of the last change, which a WIM doesn't say.
    ChangeTime,
    /// The boot configuration, which is no image's but a disk's own.
    BootStore,
    /// Something that the image says and a tree doesn't keep.
    Image,
}

/// Differences of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownDifference {
    /// Which.
    pub kind: KnownKind,
    /// How many files, or names, have it.
    pub count: u64,
    /// The path of the first.
    pub first: String,
    /// Why it is no fault.
    pub reason: String,
}

impl KnownKind {
    /// What the writer calls its loss.
    pub(super) fn of_loss(kind: LossKind) -> Option<Self> {
        Some(match kind {
            LossKind::Compressed => Self::Compressed,
            LossKind::Sparse => Self::SparseDirectory,
            LossKind::EncryptedDirectory => Self::EncryptedDirectory,
            LossKind::RefsAttribute => Self::RefsAttribute,
            LossKind::SystemAttribute => Self::SystemAttribute,
            LossKind::ShortName => Self::ShortName,
            LossKind::NoDescriptor => Self::NoDescriptor,
            _ => return None,
        })
    }

    /// The name, as it is serialised.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compressed => "compressed",
            Self::SparseDirectory => "sparse-directory",
            Self::EncryptedDirectory => "encrypted-directory",
            Self::RefsAttribute => "refs-attribute",
            Self::SystemAttribute => "system-attribute",
            Self::ShortName => "short-name",
            Self::NoDescriptor => "no-descriptor",
            Self::ChangeTime => "change-time",
            Self::BootStore => "boot-store",
            Self::Image => "image",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Compressed => "NTFS compresses only in clusters of at most 4 KiB",
            Self::SparseDirectory => "only a file can be sparse",
            Self::EncryptedDirectory => "without a key nothing can be encrypted",
            Self::RefsAttribute => "only ReFS knows the attribute",
            Self::SystemAttribute => "the attribute is reserved, or is a running system's and no file's own",
            Self::ShortName => "NTFS gives a file one 8.3 name, and no directory the same name twice",
            Self::NoDescriptor => "the image has no descriptor for the file, and NTFS wants one",
            Self::ChangeTime => "a WIM does not say when a file's record last changed",
            Self::BootStore => "every disk has its own boot configuration: its bytes are not compared",
            Self::Image => "the image says what no tree can hold",
        }
    }
}

/// Counts known differences.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<KnownDifference>);

impl Known {
    pub(super) fn add(&mut self, kind: KnownKind, path: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|known| known.kind == kind) {
            Some(known) => known.count += 1,
            None => self.0.push(KnownDifference { kind, count: 1, first: path(), reason: kind.reason().to_owned() }),
        }
    }

    pub(super) fn note(&mut self, note: &nanovhd_wim::Note) {
        let (count, first, reason) = (note.count, note.first.clone(), note.to_string());
        self.0.push(KnownDifference { kind: KnownKind::Image, count, first, reason });
    }

    pub(super) fn finish(mut self) -> Vec<KnownDifference> {
        self.0.sort_by_key(|known| known.kind);
        self.0
    }
}

/// `short-name: 3 times, first \Windows\a.txt (NTFS gives a file one 8.3 name …)`
impl std::fmt::Display for KnownDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.kind == KnownKind::Image {
            return f.write_str(&visible(&self.reason));
        }
        let times = if self.count == 1 { "once".to_owned() } else { format!("{} times", grouped(self.count)) };
        let first = if self.count == 1 { "" } else { "first " };
        write!(f, "{}: {times}, {first}{} ({})", self.kind.name(), visible(&self.first), self.reason)
    }
}
