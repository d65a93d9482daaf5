//! Trees that nobody thought of: written, checked, read back and compared.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::HashMap;
use std::fs::File;

use common::{Builder, content_bytes, descriptor, options, write_volume};
use nanovhd_ntfs::{Ntfs, Snapshot, VolumeOptions, check};
use nanovhd_tree::{
    Attributes, Content, ExtendedAttribute, FileId, Metadata, Name, ObjectId, Source, SourceId, Stream, Tree,
};
use proptest::prelude::*;

/// Bits that every volume keeps of files and of directories; compressed and sparse only some.
const KEPT: u32 = 0x5a_3127;
const MICROSOFT_TAG: u32 = 0x8000_0000;

/// One thing that is done to a tree. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Directory { parent: usize, name: Vec<u16> },
    File { parent: usize, name: Vec<u16>, len: u64, in_memory: bool },
    Link { parent: usize, name: Vec<u16>, file: usize, times: usize },
    ShortName { entry: usize },
    Stream { file: usize, name: Vec<u16>, len: u64 },
    Reparse { file: usize, tag: u32, len: usize },
    ObjectId { file: usize, birth: bool },
    Extended { file: usize, count: usize, len: usize },
    Attributes { file: usize, bits: u32 },
    Security { file: usize, number: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    let unit = prop_oneof![8 => 0x20..0x7fu16, 2 => any::<u16>(), 1 => 0xd7f0..0xe010u16];
    let name = (prop::collection::vec(unit, 1..20), prop::sample::select(vec![1usize, 1, 1, 12]))
        .prop_map(|(units, times)| units.repeat(times));
    let len = prop_oneof![Just(0u64), 1..1_000u64, 4_090..4_100u64, 65_530..65_540u64, 0..150_000u64];
    prop_oneof![
        3 => (at.clone(), name.clone()).prop_map(|(parent, name)| Step::Directory { parent, name }),
        6 => (at.clone(), name.clone(), len.clone(), any::<bool>())
            .prop_map(|(parent, name, len, in_memory)| Step::File { parent, name, len, in_memory }),
        3 => (at.clone(), name.clone(), at.clone(), prop::sample::select(vec![1usize, 2, 40]))
            .prop_map(|(parent, name, file, times)| Step::Link { parent, name, file, times }),
        2 => at.clone().prop_map(|entry| Step::ShortName { entry }),
        4 => (at.clone(), name, len).prop_map(|(file, name, len)| Step::Stream { file, name, len }),
        2 => (at.clone(), any::<u32>(), 16..3_000usize).prop_map(|(file, tag, len)| Step::Reparse { file, tag, len }),
        1 => (at.clone(), any::<bool>()).prop_map(|(file, birth)| Step::ObjectId { file, birth }),
        2 => (at.clone(), 1..12usize, 0..4_000usize)
            .prop_map(|(file, count, len)| Step::Extended { file, count, len }),
        3 => (at.clone(), any::<u32>()).prop_map(|(file, bits)| Step::Attributes { file, bits }),
        2 => (at, 0..500u32).prop_map(|(file, number)| Step::Security { file, number }),
    ]
}

/// A tree that steps are done to. What a tree or a volume can't have is left out.
struct Grown {
    builder: Builder,
    directories: Vec<FileId>,
    files: Vec<FileId>,
    entries: Vec<(FileId, Name, FileId)>,
    cluster_size: u32,
}

impl Grown {
    fn of(steps: Vec<Step>, cluster_size: u32) -> Tree {
        let (directories, files) = (vec![Tree::ROOT], vec![Tree::ROOT]);
        let mut this = Self { builder: Builder::new(), directories, files, entries: Vec::new(), cluster_size };
        for (number, step) in steps.into_iter().enumerate() {
            this.apply(number, step);
        }
        this.builder.tree
    }

    /// A file or directory.
    fn any(&self, number: usize) -> FileId {
        self.files[number % self.files.len()]
    }

    /// A directory that has no such name and the name, if it can be one. Names with a tilde are left to
    /// short names, those with a dollar sign to the file system.
    fn place(&self, parent: usize, name: &[u16]) -> Option<(FileId, Name)> {
        let parent = self.directories[parent % self.directories.len()];
        let name = Name::from_units(name);
        let reserved = [b'~', b'$'].iter().any(|&c| name.units().contains(&c.into()));
        let taken = self.builder.tree.file(parent).directory()?.contains_key(&name);
        (name.check().is_ok() && !reserved && !taken).then_some((parent, name))
    }

    fn enter(&mut self, parent: FileId, name: Name, file: FileId) {
        self.entries.push((parent, name, file));
        if !self.files.contains(&file) {
            self.files.push(file);
        }
    }

    fn apply(&mut self, number: usize, step: Step) {
        match step {
            Step::Directory { parent, name } => {
                let Some((parent, name)) = self.place(parent, &name) else { return };
                let id = self.builder.dir(parent, name.clone());
                self.directories.push(id);
                self.enter(parent, name, id);
            }
            Step::File { parent, name, len, in_memory } => {
                let Some((parent, name)) = self.place(parent, &name) else { return };
                let blob = self.builder.blob(len);
                let content = if in_memory { Content::bytes(content_bytes(&blob)) } else { blob };
                let id = self.builder.file_of(parent, name.clone(), content);
                self.enter(parent, name, id);
            }
            Step::Link { parent, name, file, times } => self.link(parent, &name, file, times),
            Step::ShortName { entry } => self.short_name(number, entry),
            _ => self.change(number, step),
        }
    }

    fn link(&mut self, parent: usize, name: &[u16], file: usize, times: usize) {
        let file = self.any(file);
        for i in 0..times {
            let name = [name, format!("{i}").encode_utf16().collect::<Vec<_>>().as_slice()].concat();
            let Some((parent, name)) = self.place(parent + i, &name) else { continue };
            if self.builder.tree.link(parent, name.clone(), file).is_ok() {
                self.enter(parent, name, file);
            }
        }
    }

    /// A file has one short name at most.
    fn short_name(&mut self, number: usize, entry: usize) {
        let Some((parent, name, file)) = self.entries.get(entry % self.entries.len().max(1)) else { return };
        let tree = &mut self.builder.tree;
        let has_one = |(parent, name, other): &(FileId, Name, FileId)| {
            other == file && tree.file(*parent).directory().unwrap()[name].short_name.is_some()
        };
        if !self.entries.iter().any(has_one) {
            tree.set_short_name(*parent, name, Some(format!("S~{number:X}.T").as_str().into())).unwrap();
        }
    }

    fn change(&mut self, number: usize, step: Step) {
        let seed = u32::try_from(number).unwrap();
        match step {
            Step::Stream { file, name, len } => {
                let (file, name, content) = (self.any(file), Name::from_units(name), self.builder.blob(len));
                let metadata = self.builder.tree.metadata_mut(file);
                if name.check().is_ok() && !metadata.streams.iter().any(|s| s.name.eq_ignore_case(&name)) {
                    metadata.streams.push(Stream { name, content });
                }
            }
            Step::Reparse { file, tag, len } => {
                let file = self.any(file);
                // The root can't have one, and a directory that has one has no entries that are seen.
                let tag = if len % 2 == 0 { tag | MICROSOFT_TAG } else { tag };
                if self.builder.tree.file(file).directory().is_none() {
                    self.builder.reparse(file, tag, common::blob_bytes(seed, len as u64));
                }
            }
            Step::ObjectId { file, birth } => {
                let file = self.any(file);
                let part = |n: u32| common::blob_bytes(seed * 4 + n, 16).try_into().unwrap();
                let birth = birth.then(|| [part(1), part(2), part(3)]);
                self.builder.tree.metadata_mut(file).object_id = Some(ObjectId { object: part(0), birth });
            }
            Step::Extended { file, count, len } => {
                let file = self.any(file);
                let attribute = |i: usize| ExtendedAttribute {
                    flags: if i % 3 == 1 { 0x80 } else { 0 },
                    name: format!("NAME.{}", "X".repeat(i * 7)).into_bytes(),
                    value: common::blob_bytes(seed, len as u64),
                };
                self.builder.tree.metadata_mut(file).extended_attributes = (0..count).map(attribute).collect();
            }
            Step::Attributes { file, bits } => {
                let file = self.any(file);
                let compressed = if self.cluster_size <= 4096 { Attributes::COMPRESSED.0 } else { 0 };
                let is_directory = self.builder.tree.file(file).is_directory();
                let sparse = if is_directory { 0 } else { Attributes::SPARSE_FILE.0 };
                let bits = bits & (KEPT | compressed | sparse);
                self.builder.tree.metadata_mut(file).attributes = Attributes(bits);
            }
            Step::Security { file, number } => {
                let file = self.any(file);
                let id = self.builder.tree.add_descriptor(&descriptor(number));
                self.builder.tree.metadata_mut(file).security = Some(id);
            }
            step => panic!("{step:?} is done elsewhere"),
        }
    }
}

fn read(ntfs: &Ntfs<&File>, snapshot: &Snapshot, content: &Content) -> Vec<u8> {
    let Source::Blob(id) = content.source() else { return content_bytes(content) };
    let mut bytes = vec![0xd1; usize::try_from(content.len()).unwrap()];
    assert_eq!(ntfs.read_stream(&snapshot.streams, id.index, 0, &mut bytes).unwrap(), bytes.len());
    bytes
}

/// What is known of a file, with the bytes of everything.
type Facts = (Metadata, Option<Vec<u8>>, Vec<(Name, Vec<u8>)>, Option<Vec<u8>>, Option<Vec<u8>>);

fn facts(tree: &Tree, id: FileId, bytes: &dyn Fn(&Content) -> Vec<u8>) -> Facts {
    let file = tree.file(id);
    let mut metadata = file.metadata.clone();
    let mut streams: Vec<_> = metadata.streams.drain(..).map(|s| (s.name, bytes(&s.content))).collect();
    streams.sort();
    let reparse = metadata.reparse.as_mut().map(|r| bytes(&std::mem::replace(&mut r.data, Content::empty())));
    let security = metadata.security.take().map(|id| tree.descriptor(id).to_vec());
    metadata.attributes = metadata.attributes.without(Attributes::REPARSE_POINT);
    if let Some(id) = &mut metadata.object_id {
        // A volume tells of every file where it was born.
        id.birth = id.birth.or(Some([[0; 16], id.object, [0; 16]]));
    }
    (metadata, file.content().map(bytes), streams, reparse, security)
}

fn check_volume(tree: &Tree, options: &VolumeOptions) {
    let file = tempfile::tempfile().unwrap();
    write_volume(tree, options, &file);
    assert_eq!(check(&file, &mut |_, _| {}).unwrap(), []);
    let ntfs = Ntfs::open(&file).unwrap_or_else(|e| panic!("{e}"));
    let snapshot = ntfs.snapshot(SourceId(0)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(snapshot.notes, []);
    let (found, mut same) = (&snapshot.tree, HashMap::from([(Tree::ROOT, Tree::ROOT)]));
    assert_eq!(found.walk().count(), tree.walk().count());
    for (one, other) in tree.walk().zip(found.walk()) {
        assert_eq!((one.name, &one.entry.short_name), (other.name, &other.entry.short_name), "{}", one.path());
        // Names of one file are names of one file again.
        assert_eq!(*same.entry(one.entry.file).or_insert(other.entry.file), other.entry.file, "{}", one.path());
        assert_eq!(same[&one.parent], other.parent, "{}", one.path());
    }
    for (&one, &other) in &same {
        assert_eq!(tree.file(one).names(), found.file(other).names());
        let expected = facts(tree, one, &content_bytes);
        assert!(facts(found, other, &|content| read(&ntfs, &snapshot, content)) == expected, "{:?}", tree.file(one));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_read_as_it_was_written(
        steps in prop::collection::vec(step(), 1..120),
        cluster_size in prop::sample::select(vec![512u32, 1024, 4096, 8192, 65536]),
    ) {
        let tree = Grown::of(steps, cluster_size);
        check_volume(&tree, &VolumeOptions { cluster_size, ..options(256 << 20) });
    }
}
