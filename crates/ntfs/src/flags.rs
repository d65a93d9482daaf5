//! What becomes of each attribute bit of a file. [MS-FSCC] 2.6.
//!
//! Three kinds of bits are stored as they are: those that programs set, those of cloud files, whose
//! reparse points are stored too, and the one that the search for damaged data heeds. Sparse and
//! compressed are properties of a stream and stand in its header as well. What the rest of the record
//! says anyway is not stored twice, and what only another file system or the system in memory can
//! know is lost; [MS-FSCC] forbids to store it.

use nanovhd_tree::{Attributes, File};

use crate::attribute::StreamForm;
use crate::losses::LossKind;
use crate::units::ClusterSize;

/// The largest clusters with which Windows compresses.
const MAX_COMPRESSED_CLUSTER: u32 = 0x1000;

/// What becomes of a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is stored in `$STANDARD_INFORMATION`.
    Kept,
    /// It says what the record says anyway, or what no other bit means too.
    Implied,
    /// It is stored, and the header of the unnamed stream says it too; that of a directory's index
    /// says it for new files. Lost where clusters are too large.
    Compressed,
    /// It is stored, and the header of the unnamed stream says it too.
    Sparse,
    /// A file that has it is refused.
    Refused,
    /// It is not stored.
    Lost(LossKind),
}

/// A row of the table of all bits.
struct Rule {
    bit: Attributes,
    file: Fate,
    directory: Fate,
}

const fn rule(bit: Attributes, file: Fate, directory: Fate) -> Rule {
    Rule { bit, file, directory }
}

/// The table. Bits that are not in it are the system's own or unknown, and lost.
const RULES: [Rule; 21] = {
    use Fate::{Compressed, Implied, Kept, Lost, Refused, Sparse};
    const SYSTEM: Fate = Lost(LossKind::SystemAttribute);
    const REFS: Fate = Lost(LossKind::RefsAttribute);
    [
        rule(Attributes::READONLY, Kept, Kept),
        rule(Attributes::HIDDEN, Kept, Kept),
        rule(Attributes::SYSTEM, Kept, Kept),
        rule(Attributes::DIRECTORY, Implied, Implied),
        rule(Attributes::ARCHIVE, Kept, Kept),
        rule(Attributes::DEVICE, SYSTEM, SYSTEM),
        rule(Attributes::NORMAL, Implied, Implied),
        rule(Attributes::TEMPORARY, Kept, Kept),
        rule(Attributes::SPARSE_FILE, Sparse, Lost(LossKind::Sparse)),
        rule(Attributes::REPARSE_POINT, Implied, Implied),
        rule(Attributes::COMPRESSED, Compressed, Compressed),
        rule(Attributes::OFFLINE, Kept, Kept),
        rule(Attributes::NOT_CONTENT_INDEXED, Kept, Kept),
        rule(Attributes::ENCRYPTED, Refused, Lost(LossKind::EncryptedDirectory)),
        rule(Attributes::INTEGRITY_STREAM, REFS, REFS),
        rule(Attributes::VIRTUAL, SYSTEM, SYSTEM),
        rule(Attributes::NO_SCRUB_DATA, Kept, Kept),
        rule(Attributes::RECALL_ON_OPEN, SYSTEM, SYSTEM),
        rule(Attributes::PINNED, Kept, Kept),
        rule(Attributes::UNPINNED, Kept, Kept),
        rule(Attributes::RECALL_ON_DATA_ACCESS, Kept, Kept),
    ]
};

/// Bits that are stored as they are.
const KEPT_OF_FILES: u32 = kept(false);
const KEPT_OF_DIRECTORIES: u32 = kept(true);

const fn kept(directory: bool) -> u32 {
    let (mut bits, mut i) = (0, 0);
    while i < RULES.len() {
        let fate = if directory { RULES[i].directory } else { RULES[i].file };
        if matches!(fate, Fate::Kept) {
            bits |= RULES[i].bit.0;
        }
        i += 1;
    }
    bits
}

fn fate(bit: u32, directory: bool) -> Fate {
    let rule = RULES.iter().find(|rule| rule.bit.0 == bit);
    rule.map_or(Fate::Lost(LossKind::SystemAttribute), |rule| if directory { rule.directory } else { rule.file })
}

/// How the unnamed stream of a file is marked, or the index of a directory for its new files.
pub(crate) fn form(file: &File, cluster: ClusterSize) -> StreamForm {
    let attributes = file.metadata.attributes;
    StreamForm {
        compressed: attributes.contains(Attributes::COMPRESSED) && cluster.0 <= MAX_COMPRESSED_CLUSTER,
        sparse: attributes.contains(Attributes::SPARSE_FILE) && !file.is_directory(),
    }
}

/// The bits that are stored of a file's attributes.
pub(crate) fn stored(file: &File, cluster: ClusterSize) -> u32 {
    let kept = if file.is_directory() { KEPT_OF_DIRECTORIES } else { KEPT_OF_FILES };
    let form = form(file, cluster);
    let marks = [
        (form.compressed, Attributes::COMPRESSED),
        (form.sparse, Attributes::SPARSE_FILE),
        (file.metadata.reparse.is_some(), Attributes::REPARSE_POINT),
    ];
    let marks = marks.into_iter().filter(|(set, _)| *set).fold(0, |bits, (_, bit)| bits | bit.0);
    file.metadata.attributes.0 & kept | marks
}

/// What a volume with clusters of so many bytes stores of a file's attributes, and what of them is
/// lost. This is the rule by which [`Volume`](crate::Volume) writes.
pub fn kept_attributes(file: &File, cluster_size: u32) -> (Attributes, Vec<LossKind>) {
    let cluster = ClusterSize(cluster_size);
    (Attributes(stored(file, cluster)), lost(file, cluster).collect())
}

/// What of a file's attributes is not stored.
pub(crate) fn lost(file: &File, cluster: ClusterSize) -> impl Iterator<Item = LossKind> {
    let attributes = file.metadata.attributes.0;
    let is_directory = file.is_directory();
    let is_compressed = form(file, cluster).compressed;
    let set = (0..u32::BITS).map(|n| 1 << n).filter(move |bit| attributes & bit != 0);
    let mut lost: Vec<LossKind> = set
        .filter_map(|bit| match fate(bit, is_directory) {
            Fate::Lost(kind) => Some(kind),
            Fate::Compressed if !is_compressed => Some(LossKind::Compressed),
            Fate::Kept | Fate::Implied | Fate::Compressed | Fate::Sparse | Fate::Refused => None,
        })
        .collect();
    // Two bits may be lost for one reason.
    lost.sort_unstable();
    lost.dedup();
    lost.into_iter()
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Content, Metadata, Rare, Reparse, Tree};

    use super::*;

    fn fates(bits: u32, directory: bool, cluster: u32) -> (u32, Vec<LossKind>) {
        let mut tree = Tree::new();
        let metadata = Metadata { attributes: Attributes(bits), ..Metadata::default() };
        let id = if directory {
            tree.add_directory(Tree::ROOT, "a".into(), metadata).unwrap()
        } else {
            tree.add_file(Tree::ROOT, "a".into(), metadata, Content::empty()).unwrap()
        };
        let file = tree.file(id);
        (stored(file, ClusterSize(cluster)), lost(file, ClusterSize(cluster)).collect())
    }

    /// The decision for every bit there is, spelled out a second time.
    #[test]
    fn every_bit_is_kept_or_implied_or_reported() {
        const KEPT: u32 = 0x5a_3127;
        const IMPLIED: u32 = 0x490;
        for bit in (0..32).map(|n| 1u32 << n) {
            for directory in [false, true] {
                let (stored, lost) = fates(bit, directory, 4096);
                let expected = match bit {
                    0x800 => (bit, vec![]),
                    0x200 if directory => (0, vec![LossKind::Sparse]),
                    0x200 => (bit, vec![]),
                    0x4000 if directory => (0, vec![LossKind::EncryptedDirectory]),
                    // Refused before it comes to that.
                    0x4000 => (0, vec![]),
                    0x8000 => (0, vec![LossKind::RefsAttribute]),
                    _ if bit & KEPT != 0 => (bit, vec![]),
                    _ if bit & IMPLIED != 0 => (0, vec![]),
                    _ => (0, vec![LossKind::SystemAttribute]),
                };
                assert_eq!((stored, lost), expected, "{bit:#x} directory: {directory}");
            }
        }
    }

    #[test]
    fn large_clusters_are_not_compressed() {
        assert_eq!(fates(0x820, false, 8192), (0x20, vec![LossKind::Compressed]));
        assert_eq!(fates(0x820, true, 512), (0x820, vec![]));
    }

    #[test]
    fn a_reason_counts_once_and_reparse_points_are_told_by_what_is_there() {
        assert_eq!(fates(0x2001_0048, false, 4096), (0, vec![LossKind::SystemAttribute]));
        let mut tree = Tree::new();
        let reparse = Some(Reparse { tag: 0xa000_000c, reserved: 0, data: Content::empty() });
        let metadata = Metadata { rare: Rare { reparse, ..Rare::default() }.into(), ..Metadata::default() };
        let id = tree.add_file(Tree::ROOT, "a".into(), metadata, Content::empty()).unwrap();
        assert_eq!(stored(tree.file(id), ClusterSize(4096)), 0x400);
    }
}
