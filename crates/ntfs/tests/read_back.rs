//! Volumes read back by this crate: ours equal the tree they came from, those of others what other
//! readers find in them.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{content_bytes, have, options, run, try_run, uncompress_for, varied, write_volume};
use nanovhd_ntfs::{Ntfs, Snapshot, VolumeOptions};
use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Rare, ReadAt, Source, SourceId, Tree};

/// The bytes of a content of a snapshot, read in pieces of an odd size.
fn bytes_of<R: ReadAt>(ntfs: &Ntfs<R>, snapshot: &Snapshot, content: &Content) -> Vec<u8> {
    match content.source() {
        Source::Bytes(bytes) => bytes.to_vec(),
        Source::Blob(id) => {
            let mut bytes = vec![0xd1; usize::try_from(content.len()).unwrap()];
            let mut at = 0;
            for piece in bytes.chunks_mut(37_123) {
                let read = ntfs.read_stream(&snapshot.streams, id.index, at, piece).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(read, piece.len());
                at += read as u64;
            }
            assert_eq!(ntfs.read_stream(&snapshot.streams, id.index, at, &mut [0; 1]).unwrap(), 0, "the end");
            bytes
        }
        Source::HostFile(path) => panic!("{path:?} in a volume"),
    }
}

/// Everything that is said of a file beside its data, comparable between trees.
fn facts(tree: &Tree, metadata: &Metadata) -> String {
    // Whether there is a reparse point is said by itself.
    let attributes = metadata.attributes.without(Attributes::REPARSE_POINT.with(Attributes::NORMAL));
    let security = metadata.security.map(|id| tree.descriptor(id));
    let Metadata { times, rare, .. } = metadata;
    let Rare { object_id, extended_attributes, .. } = &**rare;
    let reparse = metadata.reparse.as_ref().map(|r| (r.tag, r.reserved));
    format!("{attributes:?} {times:?} {security:x?} {object_id:?} {reparse:?} {extended_attributes:?}")
}

/// By path: facts, data, and the streams by their names.
type Listing = BTreeMap<String, (String, Option<String>, Vec<u8>, BTreeMap<String, Vec<u8>>)>;

/// Lists a tree; links to one file share what `same_file` gives.
fn listing(tree: &Tree, bytes: impl Fn(&Content) -> Vec<u8>) -> (Listing, Vec<Vec<String>>) {
    let mut list = Listing::new();
    let mut links: BTreeMap<FileId, Vec<String>> = BTreeMap::new();
    let mut add = |path: String, short: Option<String>, id: FileId| {
        let file = tree.file(id);
        let mut streams: BTreeMap<String, Vec<u8>> =
            file.metadata.streams.iter().map(|s| (format!("{:?}", s.name), bytes(&s.content))).collect();
        if let Some(reparse) = &file.metadata.reparse {
            streams.insert("the reparse point".into(), bytes(&reparse.data));
        }
        let data = file.content().map(&bytes).unwrap_or_default();
        list.insert(path, (facts(tree, &file.metadata), short, data, streams));
    };
    add("\\".into(), None, Tree::ROOT);
    for step in tree.walk() {
        // Lone surrogates are told apart by the escaped name.
        let path = format!("{}{:?}", step.path(), step.name);
        add(path.clone(), step.entry.short_name.as_ref().map(|n| format!("{n:?}")), step.entry.file);
        links.entry(step.entry.file).or_default().push(path);
    }
    let mut links: Vec<_> = links.into_values().filter(|paths| paths.len() > 1).collect();
    links.sort();
    (list, links)
}

#[test]
fn what_was_written_is_read() {
    for (sector_size, cluster_size) in [(512, 4096), (512, 512), (512, 65536), (4096, 4096)] {
        let mut tree = varied(2_000).tree;
        let options = VolumeOptions { cluster_size, sector_size, ..options(1 << 30) };
        uncompress_for(&mut tree, &options);
        let file = tempfile::tempfile().unwrap();
        write_volume(&tree, &options, &file);

        let ntfs = Ntfs::open(&file).unwrap_or_else(|e| panic!("{e}"));
        let info = ntfs.info();
        assert_eq!((&info.label, info.serial, info.version), (&options.label, options.serial, (3, 1)));
        assert_eq!((info.cluster_size, info.sector_size, info.dirty), (cluster_size, sector_size, false));
        let snapshot = ntfs.snapshot(SourceId(7)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(snapshot.notes, []);
        let expected = listing(&tree, content_bytes);
        let found = listing(&snapshot.tree, |content| bytes_of(&ntfs, &snapshot, content));
        assert_eq!(found.0.keys().collect::<Vec<_>>(), expected.0.keys().collect::<Vec<_>>());
        for ((path, found), expected) in found.0.iter().zip(expected.0.values()) {
            assert_eq!((&found.0, &found.1), (&expected.0, &expected.1), "{path}");
            assert!(found.2 == expected.2, "{path}: data differ");
            assert!(found.3 == expected.3, "{path}: streams differ");
        }
        assert_eq!(found.1, expected.1, "hard links");
    }
}

/// A sample beside the checkout, unpacked; says so if it isn't there.
fn sample(name: &str, folder: &tempfile::TempDir) -> Option<PathBuf> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/ntfs").join(name);
    if !packed.is_file() {
        eprintln!("skipped: sample {name} not found");
        return None;
    }
    if !have("bzip2") {
        return None;
    }
    let path = folder.path().join("volume");
    let out = std::fs::File::create(&path).unwrap();
    let status = Command::new("bzip2").arg("-dc").arg(&packed).stdout(Stdio::from(out)).status().unwrap();
    assert!(status.success());
    Some(path)
}

#[test]
fn a_volume_that_windows_made_is_read_as_the_sleuth_kit_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = sample("go-ntfs-charlie.dd.bz2", &folder) else { return };
    let file = std::fs::File::open(&path).unwrap();
    let ntfs = Ntfs::open(&file).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ntfs.info().version, (3, 1));
    let snapshot = ntfs.snapshot(SourceId(0)).unwrap_or_else(|e| panic!("{e}"));
    let (found, _) = listing(&snapshot.tree, |content| bytes_of(&ntfs, &snapshot, content));
    assert!(found.len() > 1, "{:?}", found.keys());
    assert!(times_are_plausible(&snapshot.tree));
    if !have("icat") {
        return;
    }
    for step in snapshot.tree.walk() {
        let Some(content) = step.file.content() else { continue };
        let record = snapshot.record(step.entry.file).to_string();
        let output = try_run("icat", &[path.to_str().unwrap(), &format!("{record}-128")]);
        assert!(output.status.success(), "{}", step.path());
        assert!(output.stdout == bytes_of(&ntfs, &snapshot, content), "{}: data differ", step.path());
    }
    let listed = run("fls", &["-r", "-u", "-F", path.to_str().unwrap()]);
    for line in listed.lines().filter(|line| !line.contains('$')) {
        let name = line.split('\t').nth(1).unwrap().split(':').next().unwrap().replace('/', "\\");
        assert!(snapshot.tree.lookup(&name).is_some(), "{name} is missing");
    }
}

/// What `ntfscat` reads of a file's unnamed stream.
fn cat(volume: &Path, record: u64) -> Vec<u8> {
    let output = try_run("ntfscat", &["-i", &record.to_string(), volume.to_str().unwrap()]);
    assert!(output.status.success(), "record {record}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn compressed_and_sparse_files_that_ntfs_3g_made_are_read() {
    let tools = ["mkntfs", "wimlib-imagex", "ntfscat"];
    if tools.map(have) != [true; 3] {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let volume = path.to_str().unwrap();
    run("mkntfs", &["-F", "-Q", "-L", "made by mkntfs", volume]);
    let wim = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/wims/attributes.wim");
    run("wimlib-imagex", &["apply", wim, "1", volume]);

    let ntfs = Ntfs::open(std::fs::File::open(&path).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ntfs.info().label, "made by mkntfs".into());
    let snapshot = ntfs.snapshot(SourceId(0)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(snapshot.notes, []);
    let mut compared = 0;
    for step in snapshot.tree.walk() {
        let Some(content) = step.file.content() else { continue };
        let expected = cat(&path, snapshot.record(step.entry.file));
        assert!(bytes_of(&ntfs, &snapshot, content) == expected, "{}: data differ", step.path());
        compared += 1;
    }
    assert!(compared > 8, "{compared} files");
    // This one takes one cluster for 70,003 bytes, so it can't be stored as it is.
    let file = snapshot.tree.lookup("compressed folder/inside.bin").unwrap();
    let content = snapshot.tree.file(file).content().unwrap();
    assert!(matches!(content.source(), Source::Blob(_)) && content.len() == 70_003);
}

/// Whether all times lie between 2000 and 2100.
fn times_are_plausible(tree: &Tree) -> bool {
    let plausible = |time: Filetime| (946_684_800..4_102_444_800).contains(&time.unix_seconds());
    tree.walk().all(|step| {
        let times = step.file.metadata.times;
        [times.created, times.written, times.changed, times.accessed].into_iter().all(plausible)
    })
}
