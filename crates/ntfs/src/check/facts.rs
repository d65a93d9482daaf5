//! What a check keeps of each file until the whole volume was seen: a few dozen bytes each.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::read::record::Reference;
use crate::read::stream::Stream;
use crate::units::Lcn;

/// The number of a record in the 32 bits that it has on Windows; a reference with more leads to the
/// last, which no MFT has.
pub(crate) fn narrow(record: u64) -> u32 {
    u32::try_from(record).unwrap_or(u32::MAX)
}

/// A file, by its base record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileFact {
    pub(crate) record: u32,
    pub(crate) sequence: u16,
    pub(crate) directory: bool,
    /// Whether it has one name, or one with its 8.3 name.
    pub(crate) single: bool,
    /// The directory of its first name.
    pub(crate) parent: u32,
    /// The id of its descriptor, or zero.
    pub(crate) security: u32,
    pub(crate) copied: Copied,
}

/// What a directory's entries repeat of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Copied {
    /// When the file was made. Windows brings the other times up to date only now and then.
    pub(crate) created: u64,
    pub(crate) allocated: u64,
    pub(crate) size: u64,
    pub(crate) attributes: u32,
    /// Reparse tag, or packed size of extended attributes.
    pub(crate) tag: u32,
}

/// A `$FILE_NAME` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameFact {
    pub(crate) parent: u32,
    pub(crate) file: u32,
    /// See [`name_hash`].
    pub(crate) hash: u64,
    pub(crate) parent_sequence: u16,
}

/// An entry of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryFact {
    /// The directory.
    pub(crate) parent: u32,
    pub(crate) file: u32,
    pub(crate) hash: u64,
    pub(crate) sequence: u16,
    /// Where it lies in the volume.
    pub(crate) offset: u64,
    pub(crate) copied: Copied,
}

/// Stands for the part of a `$FILE_NAME` that entry and attribute must have in common.
pub(crate) fn name_hash(parent: Reference, namespace: u8, name: &[u8]) -> u64 {
    // Only compared within one check, so it need not be the same for ever.
    let mut hasher = DefaultHasher::new();
    (parent, namespace, name).hash(&mut hasher);
    hasher.finish()
}

/// Clusters that a stream of a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    pub(crate) lcn: u32,
    pub(crate) clusters: u32,
    pub(crate) record: u32,
}

impl Claim {
    /// The claim of a run that was found to lie inside the volume.
    pub(crate) fn new(lcn: Lcn, clusters: u64, record: u64) -> Self {
        Self { lcn: narrow(lcn.0), clusters: narrow(clusters), record: narrow(record) }
    }

    pub(crate) fn end(&self) -> u64 {
        u64::from(self.lcn) + u64::from(self.clusters)
    }
}

/// An extension record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtensionFact {
    pub(crate) record: u32,
    pub(crate) base: u32,
}

/// A descriptor as `$SDS`, or one of its indexes, has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DescriptorFact {
    pub(crate) id: u32,
    pub(crate) hash: u32,
    pub(crate) stream_offset: u64,
    pub(crate) length: u32,
}

/// An entry of `$Quota`: an owner's id with a digest of its SID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnerFact {
    pub(crate) id: u32,
    pub(crate) sid: u64,
}

/// An object id or a reparse tag with the file it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tagged<T> {
    pub(crate) value: T,
    pub(crate) file: Reference,
}

/// All that is kept.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// In the order of their records.
    pub(crate) files: Vec<FileFact>,
    pub(crate) extensions: Vec<ExtensionFact>,
    /// Extension records that the list of their base names.
    pub(crate) listed: Vec<u32>,
    pub(crate) names: Vec<NameFact>,
    pub(crate) entries: Vec<EntryFact>,
    pub(crate) claims: Vec<Claim>,
    /// Unnamed streams of the files of the first records, by record.
    pub(crate) system: [Option<Stream>; 12],
    pub(crate) sds: Option<Stream>,
    pub(crate) by_id: Vec<DescriptorFact>,
    pub(crate) by_hash: Vec<DescriptorFact>,
    pub(crate) object_ids: Vec<Tagged<[u8; 16]>>,
    pub(crate) object_id_entries: Vec<Tagged<[u8; 16]>>,
    pub(crate) reparses: Vec<Tagged<u32>>,
    pub(crate) reparse_entries: Vec<Tagged<u32>>,
    pub(crate) owners_by_id: Vec<OwnerFact>,
    pub(crate) owners_by_sid: Vec<OwnerFact>,
    /// Records of `$ObjId`, `$Reparse` and `$Quota`.
    pub(crate) object_id_index: Option<u64>,
    pub(crate) reparse_index: Option<u64>,
    pub(crate) quota: Option<u64>,
}

impl Facts {
    /// The file whose base record is `record`.
    pub(crate) fn file(&self, record: u32) -> Option<&FileFact> {
        self.position(record).map(|at| &self.files[at])
    }

    /// Where that file is among all.
    pub(crate) fn position(&self, record: u32) -> Option<usize> {
        self.files.binary_search_by_key(&record, |file| file.record).ok()
    }
}
