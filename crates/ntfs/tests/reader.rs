//! Every file of a volume read back by the `ntfs` crate and compared with the tree it came from.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use common::{content_bytes, options, varied, write_volume};
use nanovhd_ntfs::VolumeOptions;
use nanovhd_tree::{FileId, Name, Tree};
use ntfs::indexes::NtfsFileNameIndex;
use ntfs::structured_values::{NtfsFileAttributeFlags, NtfsFileName, NtfsFileNamespace};
use ntfs::{Ntfs, NtfsFile, NtfsReadSeek};

fn name_of(value: &NtfsFileName) -> Name {
    Name::from_units(value.name().u16_iter().collect::<Vec<_>>())
}

fn read_stream<T: Read + Seek>(file: &NtfsFile<'_>, fs: &mut T, name: &str) -> Option<Vec<u8>> {
    let item = file.data(fs, name)?.unwrap();
    let attribute = item.to_attribute().unwrap();
    let mut value = attribute.value(fs).unwrap();
    let mut bytes = vec![0; usize::try_from(value.len()).unwrap()];
    let mut read = 0;
    while read < bytes.len() {
        match value.read(fs, &mut bytes[read..]).unwrap() {
            0 => break,
            n => read += n,
        }
    }
    assert_eq!(read, bytes.len());
    Some(bytes)
}

/// Compares a file's own properties; names are compared by its directories.
fn compare_file<T: Read + Seek>(tree: &Tree, id: FileId, file: &NtfsFile<'_>, fs: &mut T, path: &str) {
    let expected = tree.file(id);
    let info = file.info().unwrap();
    let times =
        [info.creation_time(), info.modification_time(), info.mft_record_modification_time(), info.access_time()];
    let meta = &expected.metadata;
    let expected_times = [meta.times.created, meta.times.written, meta.times.changed, meta.times.accessed];
    assert_eq!(times.map(|t| t.nt_timestamp()), expected_times.map(|t| t.0), "{path}");
    let reparse = u32::from(meta.reparse.is_some()) << 10;
    // This reader does not know the younger attributes.
    let known = meta.attributes.0 & NtfsFileAttributeFlags::all().bits();
    assert_eq!(info.file_attributes().bits(), known | reparse, "{path}");
    assert_eq!(file.is_directory(), expected.is_directory(), "{path}");
    if let Some(content) = expected.content() {
        assert!(read_stream(file, fs, "").unwrap() == content_bytes(content), "{path}: data differ");
    }
    for stream in &meta.streams {
        let found = read_stream(file, fs, &stream.name.to_string());
        assert!(found.unwrap() == content_bytes(&stream.content), "{path}:{}: data differ", stream.name);
    }
}

/// The entries of a directory in the order of its index.
fn entries<T: Read + Seek>(directory: &NtfsFile<'_>, fs: &mut T) -> Vec<(Name, NtfsFileNamespace, u64, u64)> {
    let index = directory.directory_index(fs).unwrap();
    let mut iterator = index.entries();
    let mut found = Vec::new();
    while let Some(entry) = iterator.next(fs) {
        let entry = entry.unwrap();
        let key = entry.key().unwrap().unwrap();
        found.push((name_of(&key), key.namespace(), entry.file_reference().file_record_number(), key.data_size()));
    }
    found
}

fn compare_volume(options: &VolumeOptions) {
    let builder = varied(1_000);
    let tree = &builder.tree;
    let mut fs = tempfile::tempfile().unwrap();
    write_volume(tree, options, &fs);
    let mut ntfs = Ntfs::new(&mut fs).unwrap();
    ntfs.read_upcase_table(&mut fs).unwrap();
    let mut record_of: HashMap<FileId, u64> = HashMap::new();
    let mut waiting = vec![(Tree::ROOT, ntfs.root_directory(&mut fs).unwrap(), String::new())];
    while let Some((id, file, path)) = waiting.pop() {
        compare_file(tree, id, &file, &mut fs, &path);
        let Some(directory) = tree.file(id).directory() else { continue };
        let found = entries(&file, &mut fs);
        assert!(found.windows(2).all(|w| w[0].0.cmp_ignore_case(&w[1].0).is_le()), "{path}: collation");
        let mut expected: BTreeMap<&Name, FileId> = BTreeMap::new();
        for (name, entry) in directory {
            expected.insert(name, entry.file);
            expected.extend(entry.short_name.as_ref().map(|short| (short, entry.file)));
        }
        let of_users = found.iter().filter(|(_, _, record, _)| *record >= 24);
        let mut seen = 0;
        for (name, namespace, record, size) in of_users {
            let child = expected[name];
            let path = format!("{path}\\{name}");
            assert_eq!(*size, tree.file(child).content().map_or(0, nanovhd_tree::Content::len), "{path}");
            if record_of.insert(child, *record).is_none_or(|earlier| earlier != *record) {
                waiting.push((child, ntfs.file(&mut fs, *record).unwrap(), path));
            }
            let is_short = directory.values().any(|e| e.short_name.as_ref() == Some(name));
            assert_eq!(*namespace == NtfsFileNamespace::Dos, is_short, "{name}");
            seen += 1;
        }
        assert_eq!(seen, expected.len(), "{path}: entries");
    }
    assert_eq!(record_of.len() + 1, tree.files().count(), "one record for each file, however many names it has");
    // The index of names also finds a name by searching.
    let root = ntfs.root_directory(&mut fs).unwrap();
    let index = root.directory_index(&mut fs).unwrap();
    let mut finder = index.finder();
    let found = NtfsFileNameIndex::find(&mut finder, &ntfs, &mut fs, "wInDoWs").unwrap().unwrap();
    assert!(found.to_file(&ntfs, &mut fs).unwrap().is_directory());
}

#[test]
fn everything_reads_back_with_clusters_of_4096() {
    compare_volume(&options(96 << 20));
}

#[test]
fn everything_reads_back_with_the_smallest_clusters() {
    compare_volume(&VolumeOptions { cluster_size: 512, ..options(96 << 20) });
}

/// The largest clusters that this reader knows: beyond them an index block is less than a cluster,
/// and it doesn't know that blocks are then numbered in units of 512 bytes.
#[test]
fn everything_reads_back_with_clusters_of_2048() {
    compare_volume(&VolumeOptions { cluster_size: 2048, ..options(96 << 20) });
}

#[test]
fn everything_reads_back_with_sectors_of_4096() {
    compare_volume(&VolumeOptions { sector_size: 4096, ..options(96 << 20) });
}
