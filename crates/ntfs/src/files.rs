//! The files of a volume: which attributes each has, and what its indexes hold.

use std::borrow::Cow;
use std::ops::Range;

use nanovhd_tree::{File, FileId, Name, Reparse, Times, Tree, upcase};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::error::LayoutError;
use crate::format::{
    AttributeType, BOOT_BYTES, Collation, EaInformation, ReparseHeader, StandardInformation, name_flags, record_flags,
};
use crate::index::{IndexEntry, IndexKind, IndexShape};
use crate::names::{Link, LinkName, NamedFile, Namespace, collate, file_name, file_name_size};
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
    pub(crate) slots: Range<u32>,
    /// Its indexes.
    pub(crate) indexes: Range<u32>,
    /// Records besides its base record that it needs for attributes.
    pub(crate) extensions: u32,
    /// The first of them: the record after the base record, but for the root directory.
    pub(crate) first_extension: u32,
}

/// An attribute of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'t> {
    pub(crate) kind: AttributeType,
    pub(crate) name: &'t [u16],
    pub(crate) body: Body<'t>,
}

/// Where an attribute's bytes are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'t> {
    /// In the record.
    Value(Value<'t>),
    /// Where the slot says.
    Slot(u32),
    /// In the record: the root of the index with this number.
    IndexRoot(u32),
}

/// A value that is always in the record. What a layout needs of it is its size alone, so its bytes are
/// made when the record is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'t> {
    StandardInformation,
    /// A name of a file of the tree.
    FileName {
        parent: FileId,
        name: &'t Name,
        namespace: Namespace,
    },
    /// The name of a system file, or that of the root directory.
    SystemName,
    ObjectId(&'t [u8; 16]),
    EaInformation,
    VolumeName,
    VolumeInformation,
}

/// The entries of an index in the order of its collation.
#[derive(Debug)]
pub(crate) enum IndexEntries<'v, 't> {
    /// Made already.
    Made(Vec<IndexEntry>),
    /// Made one by one from the sorted names of a directory.
    Names(&'v Volume<'t>, &'v [LinkName]),
}

impl IndexEntries<'_, '_> {
    /// The entry at a position of the index.
    pub(crate) fn at(&self, position: u32) -> Cow<'_, IndexEntry> {
        match self {
            Self::Made(entries) => Cow::Borrowed(&entries[position as usize]),
            Self::Names(volume, names) => Cow::Owned(volume.name_entry(names[position as usize])),
        }
    }
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
    pub(crate) fn add_system_slots(&mut self, file: SystemFile) -> Result<(), LayoutError> {
        const DATA: AttributeType = AttributeType::Data;
        let geometry = self.geometry;
        let mut add = |kind, name, payload, size| self.slots.push(Slot::new(kind, name, payload, size));
        let mut data = |payload, size| add(DATA, &[], payload, size);
        match file {
            SystemFile::Mft => {
                data(Payload::Mft, 0);
                add(AttributeType::Bitmap, &[], Payload::MftBitmap, 0);
            }
            SystemFile::MftMirr => data(Payload::MftMirror, geometry.mirror_bytes()),
            SystemFile::LogFile => data(Payload::LogFile, geometry.log_bytes()),
            SystemFile::AttrDef => self.add_bytes(DATA, &[], attribute_definitions())?,
            SystemFile::Bitmap => data(Payload::ClusterBitmap, geometry.bitmap_bytes()),
            SystemFile::Boot => data(Payload::Boot, BOOT_BYTES as u64),
            SystemFile::BadClus => {
                let all = geometry.clusters() * geometry.cluster.bytes();
                self.add_bytes(DATA, &[], Vec::new())?;
                self.slots.push(Slot::new(DATA, BAD, Payload::BadClusters, all));
            }
            SystemFile::Secure => {
                let size = self.secure.stream_size();
                add(DATA, SDS, Payload::Descriptors, size);
            }
            SystemFile::UpCase => {
                data(Payload::UpCase, 2 * nanovhd_tree::UPCASE_UNITS as u64);
                self.add_bytes(DATA, INFO, upcase_info())?;
            }
            SystemFile::Volume
            | SystemFile::Reserved12
            | SystemFile::Reserved13
            | SystemFile::Reserved14
            | SystemFile::Reserved15 => self.add_bytes(DATA, &[], Vec::new())?,
            SystemFile::Extend | SystemFile::Quota | SystemFile::ObjId | SystemFile::Reparse => {}
        }
        Ok(())
    }

    /// Adds a slot of bytes that are known.
    pub(crate) fn add_bytes(
        &mut self,
        kind: AttributeType,
        name: &'t [u16],
        bytes: Vec<u8>,
    ) -> Result<(), LayoutError> {
        let number = u32::try_from(self.bytes.len()).map_err(|_| LayoutError::TooManyFiles)?;
        self.slots.push(Slot::new(kind, name, Payload::Bytes(number), bytes.len() as u64));
        self.bytes.push(bytes);
        Ok(())
    }

    /// All attributes of a file in the order of a record: by type, then by name.
    pub(crate) fn attributes(&self, at: usize) -> Vec<Attribute<'t>> {
        let entry = &self.files[at];
        let mut attributes: Vec<Attribute<'t>> = Vec::with_capacity(6);
        let mut value = |kind, value| attributes.push(Attribute { kind, name: &[], body: Body::Value(value) });
        value(AttributeType::StandardInformation, Value::StandardInformation);
        match entry.owner {
            Owner::User(Tree::ROOT) => value(AttributeType::FileName, Value::SystemName),
            Owner::User(id) => {
                for Link { parent, name, namespace, dos, .. } in self.links.of_file(id) {
                    let names = [(*name, *namespace)].into_iter().chain(dos.map(|dos| (dos, Namespace::Dos)));
                    for (name, namespace) in names {
                        value(AttributeType::FileName, Value::FileName { parent: *parent, name, namespace });
                    }
                }
            }
            Owner::System(file) if file.name().is_some() => value(AttributeType::FileName, Value::SystemName),
            Owner::System(_) => {}
        }
        match entry.owner {
            Owner::User(id) => {
                let metadata = &self.tree.file(id).metadata;
                if let Some(object_id) = &metadata.object_id {
                    // Like Windows: where the file was born is told by the index alone.
                    value(AttributeType::ObjectId, Value::ObjectId(&object_id.object));
                }
                if !metadata.extended_attributes.is_empty() {
                    value(AttributeType::EaInformation, Value::EaInformation);
                }
            }
            Owner::System(SystemFile::Volume) => {
                value(AttributeType::VolumeName, Value::VolumeName);
                value(AttributeType::VolumeInformation, Value::VolumeInformation);
            }
            Owner::System(_) => {}
        }
        for i in entry.indexes.clone() {
            let name = self.indexes[i as usize].content.name();
            attributes.push(Attribute { kind: AttributeType::IndexRoot, name, body: Body::IndexRoot(i) });
        }
        for i in entry.slots.clone() {
            let slot = &self.slots[i as usize];
            attributes.push(Attribute { kind: slot.kind, name: slot.name, body: Body::Slot(i) });
        }
        // Stable: names of equal standing keep the order in which they were made.
        attributes.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| folded(a.name).cmp(folded(b.name))));
        #[cfg(test)]
        tests::count(attributes.len());
        attributes
    }

    /// Bytes of a value of a file.
    pub(crate) fn value_size(&self, at: usize, value: Value<'t>) -> usize {
        match value {
            Value::StandardInformation => size_of::<StandardInformation>(),
            Value::FileName { name, .. } => file_name_size(name),
            Value::ObjectId(id) => id.len(),
            Value::EaInformation => size_of::<EaInformation>(),
            Value::VolumeName => 2 * self.label.units().len(),
            Value::SystemName | Value::VolumeInformation => self.value(at, value).len(),
        }
    }

    /// The bytes of a value of a file.
    pub(crate) fn value(&self, at: usize, value: Value<'t>) -> Vec<u8> {
        match value {
            Value::StandardInformation => self.standard_information(at),
            Value::FileName { parent, name, namespace } => {
                file_name(self.reference(parent), name, namespace, &self.named_file(at))
            }
            Value::SystemName => self.system_name(at),
            Value::ObjectId(id) => id.to_vec(),
            Value::EaInformation => match self.files[at].owner {
                Owner::User(id) => ea::information(&self.tree.file(id).metadata.extended_attributes),
                Owner::System(_) => Vec::new(),
            },
            Value::VolumeName => self.label.units().iter().flat_map(|u| u.to_le_bytes()).collect(),
            Value::VolumeInformation => volume_information(),
        }
    }

    fn standard_information(&self, at: usize) -> Vec<u8> {
        let named = self.named_file(at);
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

    /// The `$FILE_NAME` of a system file, or of the root directory; nothing for one without a name.
    fn system_name(&self, at: usize) -> Vec<u8> {
        let (name, parent) = match self.files[at].owner {
            Owner::System(file) => match file.name() {
                Some(name) => name,
                None => return Vec::new(),
            },
            Owner::User(_) => (".", ROOT_REF),
        };
        file_name(parent, &name.into(), system_namespace(parent), &self.named_file(at))
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
        let data = self.slots_of(at).iter().find(is_unnamed);
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
    pub(crate) fn index_entries(&self, content: IndexContent) -> IndexEntries<'_, 't> {
        let entries = match content {
            IndexContent::Directory(Tree::ROOT) => self.root_entries(),
            IndexContent::Directory(id) => return IndexEntries::Names(self, self.links.in_directory(id)),
            IndexContent::Extend => {
                self.system_names(SystemFile::Extend.reference()).into_iter().map(named).collect()
            }
            IndexContent::SecurityHash => self.secure.by_hash(),
            IndexContent::SecurityId => self.secure.by_id(),
            IndexContent::QuotaOwner => quota_by_owner(),
            IndexContent::QuotaId => quota_by_id(self.time.0),
            IndexContent::ObjectId => self.object_id_entries(),
            IndexContent::Reparse => self.reparse_entries(),
        };
        #[cfg(test)]
        tests::count(entries.len());
        IndexEntries::Made(entries)
    }

    /// The sizes of an index's entries.
    pub(crate) fn index_sizes(&self, content: IndexContent) -> Vec<usize> {
        let size = |name: &LinkName| IndexEntry::size_of_name(file_name_size(self.links.name(*name)));
        match self.index_entries(content) {
            IndexEntries::Made(entries) => entries.iter().map(IndexEntry::size).collect(),
            IndexEntries::Names(_, names) => names.iter().map(size).collect(),
        }
    }

    /// The entry of a name in its directory.
    fn name_entry(&self, name: LinkName) -> IndexEntry {
        #[cfg(test)]
        tests::count(1);
        let link = self.links.link(name);
        let at = self.entry_of[link.file.index()] as usize;
        let namespace = if name.is_dos() { Namespace::Dos } else { link.namespace };
        let value = file_name(self.reference(link.parent), self.links.name(name), namespace, &self.named_file(at));
        IndexEntry::of_name(self.files[at].reference.to_disk(), &value)
    }

    /// The entries of the root directory, where files of the tree and of the system are together.
    fn root_entries(&self) -> Vec<IndexEntry> {
        let names = self.links.in_directory(Tree::ROOT).iter();
        let mut entries = self.system_names(ROOT_REF);
        entries.extend(names.map(|&name| (self.links.name(name).clone(), self.name_entry(name))));
        // Two runs that are sorted already, which this sort takes for what they are.
        entries.sort_by(|(a, _), (b, _)| collate(a, b));
        entries.into_iter().map(named).collect()
    }

    /// The system files that a directory holds, by their names; the root holds itself.
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
                named.push((name.into(), IndexEntry::of_name(entry.reference.to_disk(), &self.system_name(at))));
            }
        }
        named.sort_by(|(a, _): &(Name, _), (b, _)| collate(a, b));
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

fn named((_, entry): (Name, IndexEntry)) -> IndexEntry {
    entry
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

fn folded(name: &[u16]) -> impl Iterator<Item = u16> {
    name.iter().map(|&unit| upcase(unit))
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
