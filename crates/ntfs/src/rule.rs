//! The rules of the format that a volume can break, each with a stable name.

use nanovhd_tree::{Finding, rules};

rules! {
    /// A rule of NTFS. What breaks one is told in a [`Finding`] under the rule's name.
    pub enum Rule {
        BootOem "boot-oem" "The boot sector names the file system `NTFS`.",
        BootSignature "boot-signature" "The boot sector ends with the bytes 55 aa.",
        BootSectorSize "boot-sector-size" "Sectors have 256 to 4096 bytes, a power of two.",
        BootClusterSize "boot-cluster-size" "Clusters have a power of two of sectors, at most 2 MiB.",
        BootRecordSize "boot-record-size" "MFT records have 512 to 65536 bytes, a power of two.",
        BootIndexSize "boot-index-size" "Index blocks have 512 to 65536 bytes, a power of two.",
        BootTotalSectors "boot-total-sectors" "The volume is not empty, not longer than what holds it, and has fewer than 2^32 clusters.",
        BootPlaces "boot-places" "The MFT and its mirror begin inside the volume, at different clusters.",
        BootBackup "boot-backup" "The last sector of the volume is a copy of the boot sector.",
        MftMirror "mft-mirror" "The mirror holds copies of the first records of the MFT.",
        MftBitmapSize "mft-bitmap-size" "The MFT's bitmap has a bit for every record.",
        MftPlace "mft-place" "The MFT begins where the boot sector says.",
        MirrorPlace "mirror-place" "The mirror of the MFT begins where the boot sector says.",
        RecordMagic "record-magic" "An MFT record begins with `FILE`.",
        RecordUpdateSequence "record-update-sequence" "A record's update sequence array covers all its 512-byte strides and lies between header and attributes.",
        RecordTorn "record-torn" "The last word of each stride of a record equals its update sequence number.",
        RecordBounds "record-bounds" "A record's sizes and offsets lie in the record.",
        RecordNumber "record-number" "A record states its own number.",
        RecordUnmarked "record-unmarked" "Every record in use is marked in the MFT's bitmap.",
        RecordMarked "record-marked" "Every record that the MFT's bitmap marks is in use.",
        RecordSequence "record-sequence" "A record in use has a sequence number other than 0.",
        RecordExtension "record-extension" "Every extension record is named by the attribute list of its base record.",
        RecordLinkCount "record-link-count" "The link count of a file is the number of its names.",
        RecordDirectory "record-directory" "A record is marked as a directory if it has the index `$I30`, and only then.",
        RecordView "record-view" "A record is marked as having a view index if it has one, and only then.",
        AttributeBounds "attribute-bounds" "An attribute's length is a multiple of 8 and ends inside the used part of its record.",
        AttributeEnd "attribute-end" "The attributes of a record are followed by the end mark, where the used bytes end.",
        AttributeForm "attribute-form" "An attribute is either resident or not.",
        AttributeName "attribute-name" "An attribute's name lies inside the attribute.",
        AttributeValue "attribute-value" "A resident value lies inside its attribute.",
        AttributeSizes "attribute-sizes" "Of a stream in clusters, initialized size ≤ size ≤ allocated size, and the allocated size is that of its clusters.",
        AttributeOrder "attribute-order" "The attributes of a record are sorted by type, name and first cluster.",
        AttributeInstance "attribute-instance" "The attributes of a record have different numbers below the next to be given.",
        AttributeType "attribute-type" "Attributes have types that NTFS knows.",
        AttributeResidency "attribute-residency" "Values lie in the record, or in clusters, where their type demands it.",
        AttributeNamed "attribute-named" "Attributes have a name where their type demands or forbids it.",
        AttributeFlags "attribute-flags" "Only streams and roots of indexes are marked as compressed, encrypted or sparse.",
        AttributeIndexed "attribute-indexed" "File names are marked as being in an index, and no other attribute is.",
        AttributeTwice "attribute-twice" "A file has one attribute of a type and name, names excepted.",
        RunEncoding "run-encoding" "A run list is well-formed and lies inside its attribute.",
        RunPlace "run-place" "Runs lie inside the volume.",
        RunCount "run-count" "The runs of an attribute cover exactly its virtual clusters.",
        StreamPieces "stream-pieces" "The pieces of a stream that several records hold follow each other without a gap.",
        StreamHole "stream-hole" "Only sparse and compressed streams have holes.",
        StreamTotal "stream-total" "A sparse or compressed stream states how many bytes its clusters have.",
        CompressionUnit "compression-unit" "A compression unit has at most 16 clusters, and what it holds can be expanded.",
        ListEntry "list-entry" "The entries of an attribute list are well-formed and fill it.",
        ListRecord "list-record" "An attribute list names records in use that name this file as their base.",
        ListOrder "list-order" "The entries of an attribute list are sorted by type, name and first cluster.",
        ListAttribute "list-attribute" "Every entry of an attribute list describes an attribute, each another.",
        ListMissing "list-missing" "An attribute list names every attribute of its file.",
        StandardInformation "standard-information" "Every file has one resident `$STANDARD_INFORMATION` of 48 or 72 bytes.",
        DataStream "data-stream" "A file without an index has one unnamed `$DATA`, a file with an index none.",
        ReparseForm "reparse-form" "A reparse point is as long as its header says, and no longer than 16 KiB.",
        ReparseFlag "reparse-flag" "A file is marked as a reparse point if it has one, and only then.",
        EaForm "ea-form" "Extended attributes are well-formed and fill `$EA`.",
        EaInformation "ea-information" "`$EA_INFORMATION` states size, packed size and count of what `$EA` holds.",
        ObjectIdForm "object-id-form" "An object id has 16 to 64 bytes, in whole GUIDs.",
        FileNameForm "file-name-form" "A `$FILE_NAME` value is as long as its name needs, and the name is not empty.",
        FileNameNamespace "file-name-namespace" "A name belongs to one of the four namespaces.",
        FileNameCharacters "file-name-characters" "A name has no null and no slash.",
        FileNamePair "file-name-pair" "A file has at most one DOS name, which is or goes with a Win32 name in the same directory.",
        FileNameless "file-nameless" "Every file but those kept for NTFS itself has a name.",
        FileSecurity "file-security" "The descriptor that a file names is in `$SDS`.",
        DirectoryNames "directory-names" "A directory has one name.",
        DirectoryWay "directory-way" "From every directory a way leads up to the root.",
        RootDirectory "root-directory" "MFT record 5 is the root directory.",
        IndexRoot "index-root" "An `$INDEX_ROOT` is resident and its header is the one that its index needs.",
        IndexBlockMagic "index-block-magic" "An index block in use begins with `INDX`.",
        IndexUpdateSequence "index-update-sequence" "An index block's update sequence array covers all its 512-byte strides and lies behind its header.",
        IndexBlockTorn "index-block-torn" "The last word of each stride of an index block equals its update sequence number.",
        IndexBlockNumber "index-block-number" "An index block states its own virtual cluster.",
        IndexNode "index-node" "The entries of an index node lie inside the node.",
        IndexEntry "index-entry" "An index entry's length is a multiple of 8 and holds its key and its child.",
        IndexParts "index-parts" "An index with blocks has a root, an allocation and a bitmap.",
        IndexChildren "index-children" "Either all entries of a node lead to children or none, as its header says.",
        IndexChild "index-child" "Entries lead to whole blocks inside the index, at most 32 levels down.",
        IndexShared "index-shared" "One entry leads to an index block.",
        IndexOrder "index-order" "The entries of an index are sorted, and no two have the same key.",
        IndexBlockLost "index-block-lost" "Every block that the bitmap of an index marks is reached.",
        IndexBlockUnmarked "index-block-unmarked" "The bitmap of an index marks every block that is reached.",
        IndexEntryData "index-entry-data" "The entries of a view index hold the data that it is for.",
        EntryParent "entry-parent" "The names in a directory's index say that they are in that directory.",
        EntryFile "entry-file" "A directory's entry names a file in use by its sequence number.",
        EntryName "entry-name" "A directory's entry is one of the names of the file.",
        EntryCopy "entry-copy" "A directory's entry repeats creation time, sizes and attributes of a file with one link.",
        NameParent "name-parent" "A name is in a directory in use, given with its sequence number.",
        NameEntry "name-entry" "The directory of a name has an entry for it.",
        SystemFile "system-file" "Records 0 to 11 are the system's files, each under its name in the root directory.",
        SystemReserved "system-reserved" "Records 12 to 23 have no names.",
        BootFile "boot-file" "`$Boot` covers the first 8 KiB of the volume.",
        AttributeDefinitions "attribute-definitions" "`$AttrDef` defines each type of attributes once, in ascending order.",
        VolumeInformation "volume-information" "`$Volume` has a `$VOLUME_INFORMATION` of 12 bytes.",
        VolumeVersion "volume-version" "The volume has version 3.0 or 3.1.",
        VolumeDirty "volume-dirty" "The volume is not marked to be checked.",
        LogForm "log-form" "`$LogFile` is empty, all bytes being ff, or begins with a restart page.",
        LogClean "log-clean" "`$LogFile` was closed: no change is left to be made or undone.",
        BadClusters "bad-clusters" "`$BadClus:$Bad` spans the volume.",
        UpcaseSize "upcase-size" "`$UpCase` has 128 KiB.",
        UpcaseTable "upcase-table" "`$UpCase` maps ASCII letters to upper case, and upper-case letters to themselves.",
        UpcaseInfo "upcase-info" "The checksum in `$UpCase:$Info` is that of the table.",
        SecurityStream "secure-stream" "The entries of `$SDS` are well-formed and say where they lie.",
        Descriptor "security-descriptor" "The parts of a security descriptor lie inside it.",
        SecurityHash "secure-hash" "The hash of a descriptor in `$SDS` is right.",
        SecurityId "secure-id" "Every descriptor in `$SDS` has its own id.",
        SecurityCopy "secure-copy" "Every block of `$SDS` is followed by a copy.",
        SecurityById "secure-by-id" "`$SII` lists every descriptor in `$SDS`, and no other.",
        SecurityByHash "secure-by-hash" "`$SDH` lists every descriptor in `$SDS`, and no other.",
        ObjectIdIndex "object-id-index" "`$ObjId` lists every object id with its file, and no other.",
        ReparseIndex "reparse-index" "`$Reparse` lists every reparse point with its tag and file, and no other.",
        QuotaIndex "quota-index" "Both indexes of `$Quota` list the same owners.",
        BitmapSize "bitmap-size" "`$Bitmap` has a bit for every cluster.",
        BitmapTail "bitmap-tail" "The bits behind the last cluster are set.",
        ClusterShared "cluster-shared" "No cluster belongs to two streams.",
        ClusterUnmarked "cluster-unmarked" "`$Bitmap` marks every cluster in use.",
        ClusterLost "cluster-lost" "Every cluster that `$Bitmap` marks is in use.",
    }
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
