//! A volume in memory whose structures can be found and changed.

use std::sync::Arc;

use nanovhd_tree::{
    Attributes, BlobId, Content, ExtendedAttribute, FileId, Filetime, Metadata, ObjectId, Reparse, SourceId, Stream,
    Tree, WriteAt,
};

use crate::format::{AttributeType, protect};
use crate::read::block::{INDEX_BLOCK, RECORD, unprotect};
use crate::read::boot::Boot;
use crate::read::mft::{Mft, collect};
use crate::read::record::{Attribute, Form, Record, name_is};
use crate::read::stream::Stream as Clusters;
use crate::{Placement, Target, Volume, VolumeOptions};

/// Bytes of the volume; the last sector takes the last cluster, so the bitmap has a bit to spare.
const SIZE: u64 = 12 << 20;
const RECORD_USA: usize = 0x30;
const BLOCK_USA: usize = 0x28;

/// A good volume with some of everything.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    pub(super) mft: Mft,
}

fn metadata(tree: &mut Tree, number: u32, attributes: Attributes) -> Metadata {
    let mut descriptor = vec![1, 0, 4, 0x80];
    descriptor.resize(20, 0);
    descriptor[4] = 20;
    descriptor.extend([1, 1, 0, 0, 0, 0, 0, 5]);
    descriptor.extend((100 + number % 5).to_le_bytes());
    let security = Some(tree.add_descriptor(&descriptor));
    let times = nanovhd_tree::Times::all(Filetime(131_000_000_000_000_000 + u64::from(number)));
    Metadata { attributes, times, security, ..Metadata::default() }
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    let mut number = 0;
    let mut add = |tree: &mut Tree, parent: FileId, name: &str, len: Option<u64>, attributes: Attributes| {
        number += 1;
        let metadata = metadata(tree, number, attributes);
        let content = |len| Content::blob(BlobId { source: SourceId(0), index: number }, len);
        match len {
            None => tree.add_directory(parent, name.into(), metadata).unwrap(),
            Some(len) => tree.add_file(parent, name.into(), metadata, content(len)).unwrap(),
        }
    };
    let plain = Attributes::ARCHIVE;
    let outer = add(&mut tree, Tree::ROOT, "outer", None, plain);
    add(&mut tree, outer, "inner", None, plain);
    let full = add(&mut tree, Tree::ROOT, "full", None, plain);
    for i in 0..120 {
        add(&mut tree, full, &format!("entry number {i:04}"), Some(10), plain);
    }
    add(&mut tree, Tree::ROOT, "first", Some(20_000), plain);
    add(&mut tree, Tree::ROOT, "second", Some(20_000), plain);
    add(&mut tree, Tree::ROOT, "packed", Some(100_000), plain.with(Attributes::COMPRESSED));
    let streams = add(&mut tree, Tree::ROOT, "streams", Some(5), plain);
    for i in 0..30 {
        let content = Content::bytes(vec![0x55; 100]);
        tree.metadata_mut(streams).streams.push(Stream { name: format!("s{i:02}").as_str().into(), content });
    }
    let two = add(&mut tree, Tree::ROOT, "two", Some(5), plain);
    for name in ["a", "b"] {
        tree.metadata_mut(two).streams.push(Stream { name: name.into(), content: Content::bytes(*b"12345") });
    }
    let linked = add(&mut tree, Tree::ROOT, "linked", Some(5), plain);
    tree.link(outer, "linked too".into(), linked).unwrap();
    let folder = add(&mut tree, Tree::ROOT, "a long folder", None, plain);
    tree.set_short_name(Tree::ROOT, &"a long folder".into(), Some("ALONGF~1".into())).unwrap();
    tree.metadata_mut(folder).object_id = Some(ObjectId { object: [7; 16], birth: None });
    let link = add(&mut tree, Tree::ROOT, "link", Some(0), plain);
    tree.metadata_mut(link).reparse =
        Some(Reparse { tag: 0xa000_000c, reserved: 0, data: Content::bytes(vec![1; 20]) });
    let extended = add(&mut tree, Tree::ROOT, "extended", Some(0), plain);
    tree.metadata_mut(extended).extended_attributes =
        vec![ExtendedAttribute { flags: 0, name: b"NAME".to_vec(), value: vec![1; 10] }];
    tree
}

impl Image {
    pub(super) fn new() -> Self {
        let tree = tree();
        let options = VolumeOptions {
            size: SIZE,
            serial: 7,
            time: Filetime(131_000_000_000_000_000),
            ..VolumeOptions::default()
        };
        let volume = Volume::lay_out(&tree, &options).unwrap();
        let file = Memory(std::sync::Mutex::new(vec![0; usize::try_from(SIZE).unwrap()]));
        let bytes = |placement: &Placement<'_>| match placement.content.source() {
            nanovhd_tree::Source::Bytes(bytes) => bytes.to_vec(),
            _ => vec![0x5a; usize::try_from(placement.content.len()).unwrap()],
        };
        for placement in volume.placements() {
            if let Target::Extent { offset } = placement.target {
                file.write_all_at(&bytes(placement), offset).unwrap();
            }
        }
        let resident = |i: usize| Some(Arc::from(bytes(&volume.placements()[i])));
        volume.write_metadata(&resident, &file).unwrap();
        let bytes = file.0.into_inner().unwrap();
        let boot = Boot::read(&bytes, 0, SIZE).unwrap().unwrap();
        let mft = Mft::open(&bytes, boot).unwrap();
        Self { bytes, mft }
    }

    pub(super) fn offset(&self, record: u64) -> usize {
        usize::try_from(self.mft.offset(record)).unwrap()
    }

    /// The bytes of a record with its update sequence undone.
    pub(super) fn plain(&self, record: u64) -> Vec<u8> {
        let mut bytes = self.bytes[self.offset(record)..][..self.mft.boot.record].to_vec();
        unprotect(&mut bytes, &RECORD).unwrap();
        bytes
    }

    /// Changes a record under its update sequence, and its copy if there is one.
    pub(super) fn edit(&mut self, record: u64, change: impl FnOnce(&mut [u8])) {
        let mut bytes = self.plain(record);
        change(&mut bytes);
        protect(&mut bytes, RECORD_USA);
        let at = self.offset(record);
        self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
        if record < 4 {
            let mirror = usize::try_from(self.mft.boot.cluster.offset(self.mft.boot.mirror)).unwrap();
            let at = mirror + usize::try_from(record).unwrap() * bytes.len();
            self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
        }
    }

    /// Changes bytes of a record behind the back of its update sequence.
    pub(super) fn raw(&mut self, record: u64, at: usize, value: &[u8]) {
        let at = self.offset(record) + at;
        self.put(at, value);
    }

    pub(super) fn put(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }

    fn parsed<T>(&self, record: u64, look: impl FnOnce(&[Attribute<'_>]) -> T) -> T {
        let bytes = self.plain(record);
        let all = collect(Record::again(&bytes, record).attributes(), record).unwrap();
        look(&all.into_iter().map(|(_, attribute)| attribute).collect::<Vec<_>>())
    }

    /// Where an attribute begins in its record, and its length.
    pub(super) fn attribute(&self, record: u64, kind: AttributeType, name: &str) -> (usize, usize) {
        let units: Vec<u16> = name.encode_utf16().collect();
        self.parsed(record, |all| all.iter().find(|a| a.is(kind as u32, &units)).map(|a| (a.at, a.length)))
            .unwrap_or_else(|| panic!("{kind:?} {name} in record {record}"))
    }

    /// Where all attributes of a type begin.
    pub(super) fn attributes(&self, record: u64, kind: AttributeType) -> Vec<usize> {
        self.parsed(record, |all| all.iter().filter(|a| a.kind == kind as u32).map(|a| a.at).collect())
    }

    /// Where the value of a resident attribute begins in its record.
    pub(super) fn value(&self, record: u64, kind: AttributeType, name: &str) -> usize {
        let (wanted, _) = self.attribute(record, kind, name);
        self.parsed(record, |all| match all.iter().find(|a| a.at == wanted).unwrap().form {
            Form::Resident { at, .. } => at,
            Form::NonResident { .. } => panic!("{kind:?} {name} is in clusters"),
        })
    }

    /// Where the run list of an attribute in clusters begins in its record.
    pub(super) fn runs(&self, record: u64, kind: AttributeType, name: &str) -> usize {
        let (wanted, _) = self.attribute(record, kind, name);
        self.parsed(record, |all| match all.iter().find(|a| a.at == wanted).unwrap().form {
            Form::NonResident { runs_at, .. } => runs_at,
            Form::Resident { .. } => panic!("{kind:?} {name} is in the record"),
        })
    }

    /// Where a stream in one run begins in the volume.
    pub(super) fn stream(&self, record: u64, kind: AttributeType, name: &str) -> usize {
        let (wanted, _) = self.attribute(record, kind, name);
        self.parsed(record, |all| {
            let piece = *all.iter().find(|a| a.at == wanted).unwrap();
            let stream = Clusters::assemble(&mut [(record, piece)], self.mft.measures()).unwrap();
            usize::try_from(self.mft.boot.cluster.offset(stream.extents[0].lcn.unwrap())).unwrap()
        })
    }

    /// The base record of the file with this name, the first if there are several.
    pub(super) fn named(&self, name: &str) -> u64 {
        let units: Vec<u16> = name.encode_utf16().collect();
        let is = |record: &u64| {
            let bytes = self.plain(*record);
            let record = Record::again(&bytes, *record);
            record.in_use()
                && record.attributes().any(|attribute| {
                    let attribute = attribute.unwrap();
                    attribute.kind == AttributeType::FileName as u32
                        && attribute.value().is_some_and(|value| name_is(&value[0x42..], &units))
                })
        };
        (0..self.mft.records()).find(is).unwrap_or_else(|| panic!("no file {name}"))
    }

    /// Changes a block of the index of a directory under its update sequence.
    pub(super) fn edit_block(&mut self, directory: u64, block: usize, change: impl FnOnce(&mut [u8])) {
        let at = self.block(directory, block);
        let mut bytes = self.bytes[at..at + self.mft.boot.index_block].to_vec();
        unprotect(&mut bytes, &INDEX_BLOCK).unwrap();
        change(&mut bytes);
        protect(&mut bytes, BLOCK_USA);
        self.put(at, &bytes);
    }

    /// Where a block of the index of a directory begins in the volume.
    pub(super) fn block(&self, directory: u64, block: usize) -> usize {
        self.stream(directory, AttributeType::IndexAllocation, "$I30") + block * self.mft.boot.index_block
    }
}

/// Bytes that are written at any offset.
struct Memory(std::sync::Mutex<Vec<u8>>);

impl WriteAt for Memory {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> std::io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.0.lock().unwrap()[at..at + buf.len()].copy_from_slice(buf);
        Ok(())
    }
}

pub(super) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}
