//! File attribute words. [MS-FSCC] 2.6.

use std::fmt;

/// The `FILE_ATTRIBUTE_*` bits of a file. Bits without a name here are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes(pub u32);

impl Attributes {
    /// The file may not be written.
    pub const READONLY: Self = Self(0x0001);
    /// The file is not shown in ordinary listings.
    pub const HIDDEN: Self = Self(0x0002);
    /// The file belongs to the operating system.
    pub const SYSTEM: Self = Self(0x0004);
    /// The file is a directory.
    pub const DIRECTORY: Self = Self(0x0010);
    /// The file has changed since the last backup.
    pub const ARCHIVE: Self = Self(0x0020);
    /// Reserved for the operating system.
    pub const DEVICE: Self = Self(0x0040);
    /// The file has no other attribute.
    pub const NORMAL: Self = Self(0x0080);
    /// The file is meant to be short-lived.
    pub const TEMPORARY: Self = Self(0x0100);
    /// The unnamed stream has holes.
    pub const SPARSE_FILE: Self = Self(0x0200);
    /// The file has a reparse point.
    pub const REPARSE_POINT: Self = Self(0x0400);
    /// The unnamed stream is compressed by the file system; on a directory, new files will be.
    pub const COMPRESSED: Self = Self(0x0800);
    /// The data are not at hand at once.
    pub const OFFLINE: Self = Self(0x1000);
    /// The file is left out of the content index.
    pub const NOT_CONTENT_INDEXED: Self = Self(0x2000);
    /// The file is encrypted by EFS; on a directory, new files will be.
    pub const ENCRYPTED: Self = Self(0x4000);
    /// ReFS guards the data with checksums.
    pub const INTEGRITY_STREAM: Self = Self(0x8000);
    /// Reserved for the operating system.
    pub const VIRTUAL: Self = Self(0x1_0000);
    /// The search for damaged data on mirrored storage leaves the file out.
    pub const NO_SCRUB_DATA: Self = Self(0x2_0000);
    /// The file is a cloud file that is fetched when it is opened. Some listings use the same bit for
    /// files with extended attributes.
    pub const RECALL_ON_OPEN: Self = Self(0x4_0000);
    /// The cloud file is to stay on this machine.
    pub const PINNED: Self = Self(0x8_0000);
    /// The cloud file need not stay on this machine.
    pub const UNPINNED: Self = Self(0x10_0000);
    /// The file is a cloud file that is fetched when it is read.
    pub const RECALL_ON_DATA_ACCESS: Self = Self(0x40_0000);

    const NAMES: [(Self, &'static str); 21] = [
        (Self::READONLY, "READONLY"),
        (Self::HIDDEN, "HIDDEN"),
        (Self::SYSTEM, "SYSTEM"),
        (Self::DIRECTORY, "DIRECTORY"),
        (Self::ARCHIVE, "ARCHIVE"),
        (Self::DEVICE, "DEVICE"),
        (Self::NORMAL, "NORMAL"),
        (Self::TEMPORARY, "TEMPORARY"),
        (Self::SPARSE_FILE, "SPARSE_FILE"),
        (Self::REPARSE_POINT, "REPARSE_POINT"),
        (Self::COMPRESSED, "COMPRESSED"),
        (Self::OFFLINE, "OFFLINE"),
        (Self::NOT_CONTENT_INDEXED, "NOT_CONTENT_INDEXED"),
        (Self::ENCRYPTED, "ENCRYPTED"),
        (Self::INTEGRITY_STREAM, "INTEGRITY_STREAM"),
        (Self::VIRTUAL, "VIRTUAL"),
        (Self::NO_SCRUB_DATA, "NO_SCRUB_DATA"),
        (Self::RECALL_ON_OPEN, "RECALL_ON_OPEN"),
        (Self::PINNED, "PINNED"),
        (Self::UNPINNED, "UNPINNED"),
        (Self::RECALL_ON_DATA_ACCESS, "RECALL_ON_DATA_ACCESS"),
    ];

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits less those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut list = Vec::new();
        for (bit, name) in Self::NAMES {
            if rest.contains(bit) {
                list.push(name.to_owned());
                rest = rest.without(bit);
            }
        }
        if rest.0 != 0 || list.is_empty() {
            list.push(format!("{:#x}", rest.0));
        }
        f.write_str(&list.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_known_bits_and_keeps_the_rest() {
        let word = Attributes::HIDDEN.with(Attributes(0x8000_0000));
        assert_eq!(format!("{word:?}"), "HIDDEN|0x80000000");
        assert_eq!(format!("{:?}", Attributes::default()), "0x0");
    }
}
