//! The rules of the format that a volume can break, each with a stable name.

use nanovhd_tree::Finding;

/// Declares [`Rule`] with the name and the meaning of each rule in one place.
macro_rules! rules {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// A rule of NTFS. What breaks one is told in a [`Finding`] under the rule's name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $meaning] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order in which a check comes to them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The rule's stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What the rule demands, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }
        }
    };
}

rules! {
    BootOem "boot-oem" "The boot sector names the file system `NTFS`.";
    BootSignature "boot-signature" "The boot sector ends with the bytes 55 aa.";
    BootSectorSize "boot-sector-size" "Sectors have 256 to 4096 bytes, a power of two.";
    BootClusterSize "boot-cluster-size" "Clusters have a power of two of sectors, at most 2 MiB.";
    BootRecordSize "boot-record-size" "MFT records have 512 to 65536 bytes, a power of two.";
    BootIndexSize "boot-index-size" "Index blocks have 512 to 65536 bytes, a power of two.";
    BootTotalSectors "boot-total-sectors" "The volume is not empty and not longer than what holds it.";
    BootPlaces "boot-places" "The MFT and its mirror begin inside the volume, at different clusters.";
    RecordMagic "record-magic" "An MFT record begins with `FILE`.";
    RecordUpdateSequence "record-update-sequence" "A record's update sequence array covers all its 512-byte strides and lies between header and attributes.";
    RecordTorn "record-torn" "The last word of each stride of a record equals its update sequence number.";
    RecordBounds "record-bounds" "A record's sizes and offsets lie in the record.";
    RecordNumber "record-number" "A record states its own number.";
    AttributeBounds "attribute-bounds" "An attribute's length is a multiple of 8 and ends inside the used part of its record.";
    AttributeEnd "attribute-end" "The attributes of a record are followed by the end mark, where the used bytes end.";
    AttributeForm "attribute-form" "An attribute is either resident or not.";
    AttributeName "attribute-name" "An attribute's name lies inside the attribute.";
    AttributeValue "attribute-value" "A resident value lies inside its attribute.";
    AttributeSizes "attribute-sizes" "Of a stream in clusters, initialized size ≤ size ≤ allocated size, and the allocated size is that of its clusters.";
    RunEncoding "run-encoding" "A run list is well-formed and lies inside its attribute.";
    RunPlace "run-place" "Runs lie inside the volume.";
    RunCount "run-count" "The runs of an attribute cover exactly its virtual clusters.";
    StreamPieces "stream-pieces" "The pieces of a stream that several records hold follow each other without a gap.";
    ListEntry "list-entry" "The entries of an attribute list are well-formed and fill it.";
    ListRecord "list-record" "An attribute list names records in use that name this file as their base.";
    StandardInformation "standard-information" "Every file has one resident `$STANDARD_INFORMATION` of 48 or 72 bytes.";
    FileNameForm "file-name-form" "A `$FILE_NAME` value is as long as its name needs, and the name is not empty.";
    IndexRoot "index-root" "An `$INDEX_ROOT` is resident and its header is the one that its index needs.";
    IndexBlockMagic "index-block-magic" "An index block in use begins with `INDX`.";
    IndexUpdateSequence "index-update-sequence" "An index block's update sequence array covers all its 512-byte strides and lies behind its header.";
    IndexBlockTorn "index-block-torn" "The last word of each stride of an index block equals its update sequence number.";
    IndexBlockNumber "index-block-number" "An index block states its own virtual cluster.";
    IndexNode "index-node" "The entries of an index node lie inside the node.";
    IndexEntry "index-entry" "An index entry's length is a multiple of 8 and holds its key and its child.";
    SecurityStream "secure-stream" "The entries of `$SDS` are well-formed and say where they lie.";
    ReparseForm "reparse-form" "A reparse point is as long as its header says, and no longer than 16 KiB.";
    ObjectIdForm "object-id-form" "An object id has 16 to 64 bytes, in whole GUIDs.";
    EaForm "ea-form" "Extended attributes are well-formed and fill `$EA`.";
    VolumeInformation "volume-information" "`$Volume` has a `$VOLUME_INFORMATION` of 12 bytes.";
    MftBitmapSize "mft-bitmap-size" "The MFT's bitmap has a bit for every record.";
    CompressionUnit "compression-unit" "A compressed unit can be expanded.";
    RootDirectory "root-directory" "MFT record 5 is the root directory.";
}

impl Rule {
    /// The finding that tells of this rule's being broken.
    pub(crate) fn finding(self, record: Option<u64>, offset: u64, detail: impl Into<String>) -> Finding {
        Finding { rule: self.name(), record, offset, detail: detail.into() }
    }
}

/// A broken rule in a block of bytes: what parsers of single structures report. Who knows where the
/// block lies makes a [`Finding`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    /// Bytes from the start of the block.
    pub(crate) at: usize,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(rule: Rule, at: usize, detail: impl Into<String>) -> Self {
        Self { rule, at, detail: detail.into() }
    }

    /// The same fault seen from a block in which this one begins at `base`.
    pub(crate) fn within(mut self, base: usize) -> Self {
        self.at += base;
        self
    }

    /// The finding when the block lies at `offset` of the volume.
    pub(crate) fn finding(self, record: Option<u64>, offset: u64) -> Finding {
        self.rule.finding(record, offset.saturating_add(self.at as u64), self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert!(
            names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
