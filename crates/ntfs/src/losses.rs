//! What a tree has that its volume has not.

use std::collections::BTreeMap;

use nanovhd_tree::FileId;

use crate::flags;
use crate::volume::Volume;

/// Something the tree has that the volume doesn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What it is.
    pub kind: LossKind,
    /// How many files have it.
    pub files: u64,
    /// The path of one of them.
    pub example: String,
}

/// Kinds of [`Loss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossKind {
    /// The file was compressed by NTFS, or a directory's new files were to be; the volume's clusters
    /// are too large for that.
    Compressed,
    /// The directory is marked as sparse, which only a file can be.
    Sparse,
    /// The directory's new files were to be encrypted; they won't be.
    EncryptedDirectory,
    /// The file has an attribute that only ReFS knows.
    RefsAttribute,
    /// The file has attributes that are no file's own: reserved or unknown bits, or what a system says
    /// of a file while it runs.
    SystemAttribute,
    /// The 8.3 name belongs to a hard link whose file has one already, or clashes with another name.
    ShortName,
    /// The image gives the file no security descriptor; it gets that of a new volume.
    NoDescriptor,
}

impl Volume<'_> {
    pub(crate) fn find_losses(&self) -> Vec<Loss> {
        let mut found: BTreeMap<LossKind, (u64, FileId)> = BTreeMap::new();
        let mut note = |kind, id| found.entry(kind).or_insert((0, id)).0 += 1;
        for (id, file) in self.tree.files() {
            for kind in flags::lost(file, self.geometry.cluster) {
                note(kind, id);
            }
            if file.metadata.security.is_none() {
                note(LossKind::NoDescriptor, id);
            }
        }
        let path_of = |id| self.path(id);
        let mut losses: Vec<Loss> =
            found.iter().map(|(&kind, &(files, id))| Loss { kind, files, example: path_of(id) }).collect();
        if let Some((parent, name)) = self.links.lost_short_names.first() {
            let example = format!("{}\\{name}", self.path(*parent).trim_end_matches('\\'));
            losses.push(Loss { kind: LossKind::ShortName, files: self.links.lost_short_names.len() as u64, example });
        }
        losses
    }
}
