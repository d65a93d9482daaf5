//! What comparing a volume with an image demands.

/// A rule of the comparison: one for each fact that an image states of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContentRule {
    /// A name of the image is missing.
    Missing,
    /// The volume has a name that the image hasn't.
    Extra,
    /// A file is a directory, or the other way round.
    Kind,
    /// Hard links tie other names together.
    Links,
    /// The 8.3 name.
    ShortName,
    /// The attribute bits.
    Attributes,
    /// The time of creation.
    Created,
    /// The time of the last write.
    Written,
    /// The time of the last change of the record.
    Changed,
    /// The time of the last access.
    Accessed,
    /// The security descriptor.
    Security,
    /// The reparse point.
    Reparse,
    /// The object id.
    ObjectId,
    /// The extended attributes.
    ExtendedAttributes,
    /// A named stream is missing.
    StreamMissing,
    /// The volume has a named stream that the image hasn't.
    StreamExtra,
    /// The length of a stream.
    Length,
    /// The bytes of a stream.
    Data,
    /// The bytes of a stream can't be read.
    Unreadable,
}

impl ContentRule {
    /// All rules.
    pub const ALL: &[Self] = &[
        Self::Missing,
        Self::Extra,
        Self::Kind,
        Self::Links,
        Self::ShortName,
        Self::Attributes,
        Self::Created,
        Self::Written,
        Self::Changed,
        Self::Accessed,
        Self::Security,
        Self::Reparse,
        Self::ObjectId,
        Self::ExtendedAttributes,
        Self::StreamMissing,
        Self::StreamExtra,
        Self::Length,
        Self::Data,
        Self::Unreadable,
    ];

    /// The rule's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "content-missing",
            Self::Extra => "content-extra",
            Self::Kind => "content-kind",
            Self::Links => "content-links",
            Self::ShortName => "content-short-name",
            Self::Attributes => "content-attributes",
            Self::Created => "content-created",
            Self::Written => "content-written",
            Self::Changed => "content-changed",
            Self::Accessed => "content-accessed",
            Self::Security => "content-security",
            Self::Reparse => "content-reparse",
            Self::ObjectId => "content-object-id",
            Self::ExtendedAttributes => "content-extended-attributes",
            Self::StreamMissing => "content-stream-missing",
            Self::StreamExtra => "content-stream-extra",
            Self::Length => "content-length",
            Self::Data => "content-data",
            Self::Unreadable => "content-unreadable",
        }
    }

    /// What the rule demands.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Missing => "Every name of the image is on the volume.",
            Self::Extra => "Every name of the volume is in the image.",
            Self::Kind => "Directories are directories, and files are files.",
            Self::Links => "Names that are one file in the image are one file, and others are not.",
            Self::ShortName => "Names have the 8.3 names of the image.",
            Self::Attributes => "Files have the attributes of the image.",
            Self::Created => "The time of creation is that of the image.",
            Self::Written => "The time of the last write is that of the image.",
            Self::Changed => "The time of the last change is that which the build gave.",
            Self::Accessed => "The time of the last access is that of the image.",
            Self::Security => "The security descriptor is that of the image, byte for byte.",
            Self::Reparse => "Reparse points are those of the image, byte for byte.",
            Self::ObjectId => "Object ids are those of the image.",
            Self::ExtendedAttributes => "Extended attributes are those of the image.",
            Self::StreamMissing => "Every named stream of the image is on the volume.",
            Self::StreamExtra => "Every named stream of the volume is in the image.",
            Self::Length => "Streams have the length that the image states.",
            Self::Data => "The SHA-1 of every stream is that of the image.",
            Self::Unreadable => "Every stream can be read.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ContentRule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), ContentRule::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("content-")));
    }
}
