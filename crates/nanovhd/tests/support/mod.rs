//! What tests share: the test data, and a volume's files as a program that others wrote reads them.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test uses a part; a failure is a failed test"
)]

mod discs;

use std::collections::BTreeMap;
use std::io::{Read, Result, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use discs::discs;
use nanovhd::Media;
use nanovhd_tree::{Content, Name, Source, Tree, WalkEntry};
use ntfs::structured_values::NtfsFileNamespace;
use ntfs::{Ntfs, NtfsAttributeType, NtfsFile, NtfsReadSeek};

/// A file or folder of the test data, which lies two levels above a library's manifest.
pub fn testdata(name: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.ancestors().find(|dir| dir.join("testdata").is_dir()).unwrap();
    root.join("testdata").join(name)
}

/// The bytes of a disk from `start` on: a partition.
pub struct Part<T> {
    pub disk: T,
    pub start: u64,
}

impl<T: Read> Read for Part<T> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.disk.read(buf)
    }
}

impl<T: Seek> Seek for Part<T> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Start(offset) => SeekFrom::Start(self.start + offset),
            other => other,
        };
        Ok(self.disk.seek(to)? - self.start)
    }
}

/// Every file by its path, with its bytes; `path:stream` for named streams, and directories with none.
/// Names are escaped, so that lone surrogates stay what they are.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the `ntfs` crate finds on a volume, the system's own files left out.
pub fn on_volume<T: Read + Seek>(mut volume: T) -> Files {
    let fs = &mut volume;
    let mut ntfs = Ntfs::new(fs).unwrap();
    ntfs.read_upcase_table(fs).unwrap();
    let mut files = Files::new();
    let mut waiting = vec![(String::new(), ntfs.root_directory(fs).unwrap())];
    while let Some((folder, directory)) = waiting.pop() {
        let index = directory.directory_index(fs).unwrap();
        let mut entries = index.entries();
        while let Some(entry) = entries.next(fs) {
            let entry = entry.unwrap();
            let key = entry.key().unwrap().unwrap();
            let record = entry.file_reference().file_record_number();
            if record < 24 || key.namespace() == NtfsFileNamespace::Dos {
                continue;
            }
            let name = Name::from_units(key.name().u16_iter().collect::<Vec<_>>());
            let path = format!("{folder}\\{name:?}");
            let file = ntfs.file(fs, record).unwrap();
            add_streams(&mut files, &file, fs, &path);
            if file.is_directory() {
                files.insert(path.clone(), Vec::new());
                waiting.push((path, file));
            }
        }
    }
    files
}

fn add_streams<T: Read + Seek>(files: &mut Files, file: &NtfsFile<'_>, fs: &mut T, path: &str) {
    let mut attributes = file.attributes();
    while let Some(item) = attributes.next(fs) {
        let item = item.unwrap();
        let attribute = item.to_attribute().unwrap();
        if attribute.ty().unwrap() != NtfsAttributeType::Data {
            continue;
        }
        let name = Name::from_units(attribute.name().unwrap().u16_iter().collect::<Vec<_>>());
        let mut value = attribute.value(fs).unwrap();
        let mut bytes = vec![0; usize::try_from(value.len()).unwrap()];
        value.read_exact(fs, &mut bytes).unwrap();
        files.insert(stream_path(path, &name), bytes);
    }
}

fn stream_path(path: &str, stream: &Name) -> String {
    if stream.is_empty() { path.to_owned() } else { format!("{path}:{stream:?}") }
}

/// What an image holds, in the same form.
pub fn in_image(media: &Media, image: u32) -> Files {
    let tree = media.tree(image).unwrap();
    let mut files = Files::new();
    let mut paths = BTreeMap::from([(Tree::ROOT, String::new())]);
    for step in tree.walk() {
        let path = format!("{}\\{:?}", paths[&step.parent], step.name);
        add_contents(&mut files, media, &step, &path);
        if step.file.is_directory() {
            files.insert(path.clone(), Vec::new());
            paths.insert(step.entry.file, path);
        }
    }
    files
}

fn add_contents(files: &mut Files, media: &Media, step: &WalkEntry<'_>, path: &str) {
    let bytes = |content: &Content| match content.source() {
        Source::Blob(id) if !content.is_empty() => media.wim().read_blob(id.index).unwrap(),
        _ => Vec::new(),
    };
    if let Some(content) = step.file.content() {
        files.insert(path.to_owned(), bytes(content));
    }
    for stream in &step.file.metadata.streams {
        files.insert(stream_path(path, &stream.name), bytes(&stream.content));
    }
}

/// Adds what a disk for BIOS machines has on its volume beside the image's own files. The store is the one
/// that was found: what is in it is looked at elsewhere.
pub fn with_boot_files(mut files: Files, found: &Files) -> Files {
    let sources = [
        (r#"\"Windows"\"Boot"\"PCAT""#, r#"\"Boot""#),
        (r#"\"Windows"\"Boot"\"Fonts""#, r#"\"Boot"\"Fonts""#),
        (r#"\"Windows"\"Boot"\"Resources""#, r#"\"Boot"\"Resources""#),
    ];
    let moved = [(r#"\"Boot"\"bootmgr""#, r#"\"bootmgr""#), (r#"\"Boot"\"bootnxt""#, r#"\"BOOTNXT""#)];
    let mut added = Files::new();
    for (path, bytes) in &files {
        for (from, to) in sources {
            let Some(rest) = path.strip_prefix(from) else { continue };
            let copy = format!("{to}{rest}");
            let copy = moved.iter().find(|(inside, _)| *inside == copy).map_or(copy.as_str(), |(_, root)| root);
            added.insert(copy.to_owned(), bytes.clone());
        }
    }
    let store = r#"\"Boot"\"BCD""#;
    assert!(found[store].starts_with(b"regf"), "the store is a registry hive");
    added.insert(store.to_owned(), found[store].clone());
    let count = files.len() + added.len();
    files.extend(added);
    assert_eq!(files.len(), count, "nothing of the image is replaced");
    files
}

/// Compares without printing megabytes.
pub fn assert_same(found: &Files, expected: &Files) {
    let only = |in_this: &Files, other: &Files| -> Vec<String> {
        in_this.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    assert_eq!((only(found, expected), only(expected, found)), (vec![], vec![]), "too many, and missing");
    for (path, bytes) in found {
        assert!(*bytes == expected[path], "{path} has other bytes");
    }
}
