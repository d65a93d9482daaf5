//! The files of a volume: which attributes each has, and what its indexes hold.

use std::ops::Range;

use nanovhd_tree::{File, FileId, Name, Reparse, Times, Tree, upcase};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::format::{
    AttributeType, BOOT_BYTES, Collation, ReparseHeader, StandardInformation, name_flags, record_flags,
};
use crate::index::{IndexEntry, IndexKind, IndexShape};
use crate::names::{Link, NamedFile, Namespace, file_name};
use crate::slots::{Payload, Slot};
use crate::system::{
    INDEXED_NAMES, ROOT_REF, SYSTEM_ATTRIBUTES, SystemFile, attribute_definitions, quota_by_id, quota_by_owner,
    upcase_info, volume_information, wide,
};
use crate::units::FileRef;
use crate::volume::Volume;
use crate::{ea, flags};

const I30: &[u16] = &wide(b"$I30");
const SDS: &[u16] = &wide(b"$SDS");
const BAD: &[u16] = &wide(b"$Bad");
const INFO: &[u16] = &wide(b"$Info");

/// Tags with this bit are Microsoft's; the data of all others begin with a GUID. [MS-FSCC] 2.1.2.
const MICROSOFT_TAG: u32 = 0x8000_0000;
/// Whose records these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A file of the tree; its root is record 5.
    User(FileId),
    System(SystemFile),
}

/// A file of the volume.
#[derive(Debug, Clone)]
pub(crate) struct FileEntry {
    pub(crate) reference: FileRef,
    pub(crate) owner: Owner,
    /// Its slots.
    pub(crate) slots: Range<usize>,
    /// Its indexes.
    pub(crate) indexes: Range<usize>,
    /// Records besides its base record that it needs for attributes.
    pub(crate) extensions: u32,
    /// The first of them: the record after the base record, but for the root directory.
    pub(crate) first_extension: u32,
}

/// An attribute of a file.
#[derive(Debug)]
pub(crate) struct Attribute<'t> {
    pub(crate) kind: AttributeType,
    pub(crate) name: &'t [u16],
    pub(crate) body: Body,
}

/// Where an attribute's bytes are.
#[derive(Debug)]
pub(crate) enum Body {
    /// In the record.
    Value(Vec<u8>),
    /// Where the slot says.
    Slot(usize),
    /// In the record: the root of the index with this number.
    IndexRoot(usize),
}

/// An index of a file.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) content: IndexContent,
    pub(crate) shape: IndexShape,
}

/// What an index lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexContent {
    Directory(FileId),
    Extend,
    SecurityHash,
    SecurityId,
    QuotaOwner,
    QuotaId,
    ObjectId,
    Reparse,
}

impl IndexContent {
    pub(crate) fn name(self) -> &'static [u16] {
        const SDH: &[u16] = &wide(b"$SDH");
        const SII: &[u16] = &wide(b"$SII");
        const O: &[u16] = &wide(b"$O");
        const Q: &[u16] = &wide(b"$Q");
        const R: &[u16] = &wide(b"$R");
        match self {
            Self::Directory(_) | Self::Extend => I30,
            Self::SecurityHash => SDH,
            Self::SecurityId => SII,
            Self::QuotaOwner | Self::ObjectId => O,
            Self::QuotaId => Q,
            Self::Reparse => R,
        }
    }

    pub(crate) fn kind(self) -> IndexKind {
        let (attribute, collation) = match self {
            Self::Directory(_) | Self::Extend => (INDEXED_NAMES, Collation::FileName),
            Self::SecurityHash => (0, Collation::SecurityHash),
            Self::SecurityId | Self::QuotaId => (0, Collation::Ulong),
            Self::QuotaOwner => (0, Collation::Sid),
            Self::ObjectId | Self::Reparse => (0, Collation::Ulongs),
        };
        IndexKind { attribute, collation }
    }
}

impl Owner {
    /// Its indexes, in the order of their names.
    pub(crate) fn indexes(self, tree: &Tree) -> Vec<IndexContent> {
        match self {
            Self::User(id) if tree.file(id).is_directory() => vec![IndexContent::Directory(id)],
            Self::System(SystemFile::Extend) => vec![IndexContent::Extend],
            Self::System(SystemFile::Secure) => vec![IndexContent::SecurityHash, IndexContent::SecurityId],
            Self::System(SystemFile::Quota) => vec![IndexContent::QuotaOwner, IndexContent::QuotaId],
            Self::System(SystemFile::ObjId) => vec![IndexContent::ObjectId],
            Self::System(SystemFile::Reparse) => vec![IndexContent::Reparse],
            Self::User(_) | Self::System(_) => Vec::new(),
        }
    }
}

/// The header of a reparse point.
pub(crate) fn reparse_header(reparse: &Reparse) -> Vec<u8> {
    const GUID: u64 = 16;
    let guid = if reparse.tag & MICROSOFT_TAG == 0 { GUID } else { 0 };
    let length = reparse.data.len().saturating_sub(guid);
    let header = ReparseHeader {
        tag: U32::new(reparse.tag),
        // Longer ones are refused by their total size.
        length: U16::new(u16::try_from(length).unwrap_or(u16::MAX)),
        reserved: U16::new(reparse.reserved),
    };
    header.as_bytes().to_vec()
}

/// What the names of a file tell of its reparse point or, if there is none, of its extended attributes:
/// the tag or the packed size.
fn reparse_tag(file: &File) -> u32 {
    let tag = file.metadata.reparse.as_ref().map(|reparse| reparse.tag);
    tag.unwrap_or_else(|| ea::packed_size(&file.metadata.extended_attributes).into())
}

fn times(times: &Times) -> [u64; 4] {
    [times.created.0, times.written.0, times.changed.0, times.accessed.0]
}

fn standard_information(times: [u64; 4], attributes: u32, security: u32) -> Vec<u8> {
    let [created, written, changed, accessed] = times.map(U64::new);
    let value = StandardInformation {
        created,
        written,
        changed,
        accessed,
        attributes: U32::new(attributes),
        versions: [U32::new(0); 3],
        owner: U32::new(0),
        security: U32::new(security),
        quota: U64::new(0),
        usn: U64::new(0),
    };
    value.as_bytes().to_vec()
}

impl<'t> Volume<'t> {
    /// The slots of a system file. Sizes that depend on other files are set later.
    pub(crate) fn add_system_slots(&mut self, file: SystemFile) {
        let geometry = self.geometry;
        let mut add = |kind, name, payload, size| self.slots.push(Slot::new(kind, name, payload, size));
        let mut data = |payload, size| add(AttributeType::Data, &[], payload, size);
        match file {
            SystemFile::Mft => {
                data(Payload::Mft, 0);
                add(AttributeType::Bitmap, &[], Payload::MftBitmap, 0);
            }
            SystemFile::MftMirr => data(Payload::MftMirror, geometry.mirror_bytes()),
            SystemFile::LogFile => data(Payload::LogFile, geometry.log_bytes()),
            SystemFile::AttrDef => {
                let table = attribute_definitions();
                let size = table.len() as u64;
                data(Payload::Bytes(table), size);
            }
            SystemFile::Bitmap => data(Payload::ClusterBitmap, geometry.bitmap_bytes()),
            SystemFile::Boot => data(Payload::Boot, BOOT_BYTES as u64),
            SystemFile::BadClus => {
                let all = geometry.clusters() * geometry.cluster.bytes();
                data(Payload::Bytes(Vec::new()), 0);
                add(AttributeType::Data, BAD, Payload::BadClusters, all);
            }
            SystemFile::Secure => {
                let size = self.secure.stream_size();
                add(AttributeType::Data, SDS, Payload::Descriptors, size);
            }
            SystemFile::UpCase => {
                data(Payload::UpCase, 2 * nanovhd_tree::UPCASE_UNITS as u64);
                let info = upcase_info();
                let size = info.len() as u64;
                add(AttributeType::Data, INFO, Payload::Bytes(info), size);
            }
            SystemFile::Volume
            | SystemFile::Reserved12
            | SystemFile::Reserved13
            | SystemFile::Reserved14
            | SystemFile::Reserved15 => data(Payload::Bytes(Vec::new()), 0),
            SystemFile::Extend | SystemFile::Quota | SystemFile::ObjId | SystemFile::Reparse => {}
        }
    }

    /// All attributes of a file in the order of a record: by type, then by name.
    pub(crate) fn attributes(&self, at: usize) -> Vec<Attribute<'t>> {
        let entry = &self.files[at];
        let mut attributes: Vec<Attribute<'t>> = Vec::new();
        let mut value = |kind, bytes| attributes.push(Attribute { kind, name: &[], body: Body::Value(bytes) });
        let named = self.named_file(at);
        value(AttributeType::StandardInformation, self.standard_information(at, &named));
        for name in self.file_names(at, &named) {
            value(AttributeType::FileName, name);
        }
        match entry.owner {
            Owner::User(id) => {
                let metadata = &self.tree.file(id).metadata;
                if let Some(object_id) = &metadata.object_id {
                    // Like Windows: where the file was born is told by the index alone.
                    value(AttributeType::ObjectId, object_id.object.to_vec());
                }
                if !metadata.extended_attributes.is_empty() {
                    value(AttributeType::EaInformation, ea::information(&metadata.extended_attributes));
                }
            }
            Owner::System(SystemFile::Volume) => {
                let label = self.label.units().iter().flat_map(|u| u.to_le_bytes()).collect();
                value(AttributeType::VolumeName, label);
                value(AttributeType::VolumeInformation, volume_information());
            }
            Owner::System(_) => {}
        }
        for i in entry.indexes.clone() {
            let name = self.indexes[i].content.name();
            attributes.push(Attribute { kind: AttributeType::IndexRoot, name, body: Body::IndexRoot(i) });
        }
        for i in entry.slots.clone() {
            attributes.push(Attribute { kind: self.slots[i].kind, name: self.slots[i].name, body: Body::Slot(i) });
        }
        // Stable: names of equal standing keep the order in which they were made.
        attributes.sort_by_cached_key(|a| (a.kind, folded(a.name)));
        #[cfg(test)]
        tests::count(attributes.len());
        attributes
    }

    fn standard_information(&self, at: usize, named: &NamedFile) -> Vec<u8> {
        match self.files[at].owner {
            Owner::User(id) => {
                let file = self.tree.file(id);
                let security = self.secure.id(file.metadata.security);
                standard_information(named.times, flags::stored(file, self.geometry.cluster), security)
            }
            Owner::System(file) => {
                let view = if file.has_view_index() { name_flags::VIEW_INDEX } else { 0 };
                let security = self.secure.system_id(file.descriptor());
                standard_information(named.times, SYSTEM_ATTRIBUTES.0 | view, security)
            }
        }
    }

    /// The values of a file's `$FILE_NAME` attributes.
    fn file_names(&self, at: usize, named: &NamedFile) -> Vec<Vec<u8>> {
        match self.files[at].owner {
            Owner::User(Tree::ROOT) => vec![file_name(ROOT_REF, &".".into(), Namespace::Win32AndDos, named)],
            Owner::User(id) => self.links.of_file(id).flat_map(|link| self.link_names(link, named)).collect(),
            Owner::System(file) => {
                let name = file.name();
                name.map(|(name, parent)| file_name(parent, &name.into(), system_namespace(parent), named))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The one or two names of a link.
    fn link_names(&self, link: &Link<'_>, named: &NamedFile) -> Vec<Vec<u8>> {
        let parent = self.reference(link.parent);
        let dos = link.dos.map(|dos| file_name(parent, dos, Namespace::Dos, named));
        let name = file_name(parent, link.name, link.namespace, named);
        std::iter::once(name).chain(dos).collect()
    }

    fn reference(&self, id: FileId) -> FileRef {
        self.entry(id).reference
    }

    fn entry(&self, id: FileId) -> &FileEntry {
        &self.files[self.entry_of[id.index()] as usize]
    }

    /// What the names of a file repeat of it.
    fn named_file(&self, at: usize) -> NamedFile {
        let entry = &self.files[at];
        let is_unnamed = |slot: &&Slot<'_>| slot.kind == AttributeType::Data && slot.name.is_empty();
        let data = self.slots[entry.slots.clone()].iter().find(is_unnamed);
        let (size, allocated) = data.map_or((0, 0), |slot| (slot.size, slot.allocated(self.geometry.cluster)));
        match entry.owner {
            Owner::User(id) => {
                let file = self.tree.file(id);
                let index = if file.is_directory() { name_flags::DIRECTORY } else { 0 };
                NamedFile {
                    times: times(&file.metadata.times),
                    allocated,
                    size,
                    attributes: flags::stored(file, self.geometry.cluster) | index,
                    reparse_tag: reparse_tag(file),
                }
            }
            Owner::System(file) => {
                let index = match file {
                    SystemFile::Extend => name_flags::DIRECTORY,
                    _ if file.has_view_index() => name_flags::VIEW_INDEX,
                    _ => 0,
                };
                NamedFile {
                    times: [self.time.0; 4],
                    allocated,
                    size,
                    attributes: SYSTEM_ATTRIBUTES.0 | index,
                    reparse_tag: 0,
                }
            }
        }
    }

    /// The record flags of a file.
    pub(crate) fn record_flags(&self, at: usize) -> u16 {
        let kind = match self.files[at].owner {
            Owner::User(id) if self.tree.file(id).is_directory() => record_flags::DIRECTORY,
            Owner::User(_) => 0,
            Owner::System(SystemFile::Extend) => record_flags::DIRECTORY,
            Owner::System(file) => {
                let view = if file.has_view_index() { record_flags::VIEW_INDEX } else { 0 };
                view | if file.is_in_extend() { record_flags::EXTEND } else { 0 }
            }
        };
        record_flags::IN_USE | kind
    }

    /// The entries of an index in the order of its collation.
    pub(crate) fn index_entries(&self, content: IndexContent) -> Vec<IndexEntry> {
        let entries = match content {
            IndexContent::Directory(id) => self.directory_entries(id),
            IndexContent::Extend => sorted_by_name(self.system_names(SystemFile::Extend.reference())),
            IndexContent::SecurityHash => self.secure.by_hash(),
            IndexContent::SecurityId => self.secure.by_id(),
            IndexContent::QuotaOwner => quota_by_owner(),
            IndexContent::QuotaId => quota_by_id(self.time.0),
            IndexContent::ObjectId => self.object_id_entries(),
            IndexContent::Reparse => self.reparse_entries(),
        };
        #[cfg(test)]
        tests::count(entries.len());
        entries
    }

    fn directory_entries(&self, id: FileId) -> Vec<IndexEntry> {
        let links = self.links.in_directory(id);
        let mut named = if id == Tree::ROOT { self.system_names(ROOT_REF) } else { Vec::with_capacity(links.len()) };
        for link in links {
            let at = self.entry_of[link.file.index()] as usize;
            let reference = self.files[at].reference.to_disk();
            let values = self.link_names(link, &self.named_file(at));
            let names = std::iter::once(link.name).chain(link.dos);
            named.extend(
                names.zip(values).map(|(name, value)| (name.clone(), IndexEntry::of_name(reference, &value))),
            );
        }
        sorted_by_name(named)
    }

    /// The system files that a directory holds, with their names; the root holds itself.
    fn system_names(&self, directory: FileRef) -> Vec<(Name, IndexEntry)> {
        let mut named = Vec::new();
        for (at, entry) in self.files.iter().enumerate() {
            let name = match entry.owner {
                Owner::System(file) => file.name().filter(|(_, parent)| *parent == directory).map(|(name, _)| name),
                Owner::User(Tree::ROOT) => (directory == ROOT_REF).then_some("."),
                // The system's files come first.
                Owner::User(_) => break,
            };
            if let Some(name) = name {
                let value = self.file_names(at, &self.named_file(at)).remove(0);
                named.push((name.into(), IndexEntry::of_name(entry.reference.to_disk(), &value)));
            }
        }
        named
    }

    fn object_id_entries(&self) -> Vec<IndexEntry> {
        let with_id = self.tree.files().filter_map(|(id, file)| Some((id, file.metadata.object_id.as_ref()?)));
        let mut keyed: Vec<_> = with_id
            .map(|(id, object_id)| {
                let mut data = self.reference(id).to_disk().as_bytes().to_vec();
                // A file that was never moved was born as what it is, on no volume that it knows of.
                let birth = object_id.birth.unwrap_or([[0; 16], object_id.object, [0; 16]]);
                data.extend(birth.iter().flatten());
                (object_id.object, IndexEntry::of_view(&object_id.object, &data))
            })
            .collect();
        keyed.sort_by_key(|(key, _)| ulongs(key));
        keyed.into_iter().map(|(_, entry)| entry).collect()
    }

    fn reparse_entries(&self) -> Vec<IndexEntry> {
        let with_tag = self.tree.files().filter_map(|(id, file)| Some((id, file.metadata.reparse.as_ref()?.tag)));
        let mut keys: Vec<Vec<u8>> = with_tag
            .map(|(id, tag)| {
                let mut key = tag.to_le_bytes().to_vec();
                key.extend_from_slice(self.reference(id).to_disk().as_bytes());
                key
            })
            .collect();
        keys.sort_by_key(|key| ulongs(key));
        keys.iter().map(|key| IndexEntry::of_view(key, &[])).collect()
    }
}

/// Sorts names as NTFS does: upper-cased first, names that differ only in case by their units.
fn sorted_by_name(mut named: Vec<(Name, IndexEntry)>) -> Vec<IndexEntry> {
    named.sort_by(|a, b| a.0.cmp_ignore_case(&b.0).then_with(|| a.0.cmp(&b.0)));
    named.into_iter().map(|(_, entry)| entry).collect()
}

/// System files of the root have plain 8.3 names; those of `$Extend` are POSIX names, as Windows
/// makes them.
fn system_namespace(parent: FileRef) -> Namespace {
    if parent == ROOT_REF { Namespace::Win32AndDos } else { Namespace::Posix }
}

/// A key as the collation of 32-bit numbers sees it.
fn ulongs(key: &[u8]) -> Vec<u32> {
    key.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}

fn folded(name: &[u16]) -> Vec<u16> {
    name.iter().map(|&unit| upcase(unit)).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::sync::Arc;

    use nanovhd_tree::{Content, Metadata, ObjectId, Rare, Stream, WriteAt};

    use super::*;
    use crate::VolumeOptions;

    thread_local! {
        /// Attributes and index entries that were made: all work is done for each of them.
        static MADE: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count(items: usize) {
        MADE.set(MADE.get() + items as u64);
    }

    /// Makes a tree with a number of something.
    type Grow = fn(&mut Tree, u32);

    struct Nowhere;

    impl WriteAt for Nowhere {
        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Ok(())
        }
    }

    fn file(tree: &mut Tree, parent: FileId, name: &str, metadata: Metadata) -> FileId {
        tree.add_file(parent, name.into(), metadata, Content::bytes(*b"resident")).unwrap()
    }

    fn entries(tree: &mut Tree, number: u32) {
        let directory = tree.add_directory(Tree::ROOT, "directory".into(), Metadata::default()).unwrap();
        for i in 0..number {
            file(tree, directory, &format!("entry {i}"), Metadata::default());
        }
    }

    fn links(tree: &mut Tree, number: u32) {
        let linked = file(tree, Tree::ROOT, "linked", Metadata::default());
        for i in 1..number {
            tree.link(Tree::ROOT, format!("link {i}").as_str().into(), linked).unwrap();
        }
    }

    fn streams(tree: &mut Tree, number: u32) {
        let stream =
            |i| Stream { name: format!("stream {i}").as_str().into(), content: Content::bytes(vec![1; 200]) };
        let rare = Rare { streams: (0..number).map(stream).collect(), ..Rare::default() };
        file(tree, Tree::ROOT, "a", Metadata { rare: rare.into(), ..Metadata::default() });
    }

    fn depth(tree: &mut Tree, number: u32) {
        let mut at = Tree::ROOT;
        for _ in 0..number {
            at = tree.add_directory(at, "d".into(), Metadata::default()).unwrap();
        }
    }

    fn indexed(tree: &mut Tree, number: u32) {
        for i in 0..number {
            let mut object = [0; 16];
            object[..4].copy_from_slice(&i.to_le_bytes());
            let security = Some(tree.add_descriptor(&object));
            let reparse = Some(Reparse { tag: 0x8000_0024, reserved: 0, data: Content::empty() });
            let object_id = Some(ObjectId { object, birth: None });
            let rare = Rare { reparse, object_id, ..Rare::default() };
            let metadata = Metadata { security, rare: rare.into(), ..Metadata::default() };
            file(tree, Tree::ROOT, &format!("{i}"), metadata);
        }
    }

    /// What is made for a volume of such a tree, its writing included, and the volume's records.
    fn work(grow: Grow, number: u32) -> (u64, u64) {
        let mut tree = Tree::new();
        grow(&mut tree, number);
        MADE.set(0);
        let volume = Volume::lay_out(&tree, &VolumeOptions { size: 4 << 30, ..VolumeOptions::default() }).unwrap();
        volume.write_metadata(&|_| None::<Arc<[u8]>>, &Nowhere).unwrap();
        (MADE.get(), volume.mft_records)
    }

    #[test]
    fn twice_the_tree_is_twice_the_work() {
        let all: [(&str, Grow, u32); 5] = [
            ("entries of a directory", entries, 50_000),
            ("names of a file", links, 4_000),
            ("streams of a file", streams, 2_000),
            ("levels", depth, 10_000),
            ("object ids, reparse points and descriptors", indexed, 20_000),
        ];
        for (what, grow, number) in all {
            let ((one, one_records), (two, two_records)) = (work(grow, number), work(grow, 2 * number));
            assert!(two * 10 <= one * 21, "{number} {what} make {one}, twice as many {two}");
            assert!(two_records <= 2 * one_records, "{what}: {one_records} and {two_records} records");
        }
    }
}
